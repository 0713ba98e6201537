//! Tokens: what a caller shows, what it may do with it, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{Accessor, BlindKey, EntityId};
use crate::model::namespace::Scope;
use crate::time::Timestamp;

/// How long a token lasts when nothing else is said, and the longest that one without a period may last: 768 hours.
pub const LONGEST_TTL: Duration = Duration::from_hours(768);

/// The policy that may do everything.
pub const ROOT_POLICY: &str = "root";
/// The policy that every token has unless it was made without.
pub const DEFAULT_POLICY: &str = "default";
/// The policy of a token that is good for unwrapping one reply, and for nothing else.
pub const WRAPPING_POLICY: &str = "response-wrapping";

/// A token. The text that a caller shows is not in it: the record is found by a keyed hash of that text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The keyed hash of the token's text: what the record is called.
    pub key: BlindKey,
    /// The handle it is managed by; a batch token has none.
    pub accessor: Option<Accessor>,
    /// The namespace it belongs to.
    pub scope: Scope,
    /// Who it speaks for, if anybody.
    pub entity: Option<EntityId>,
    /// What it may do: lower case, sorted, each once.
    pub policies: Vec<String>,
    /// The request path that made it.
    pub path: String,
    /// What it is called in listings.
    pub display_name: String,
    /// What its maker noted about it.
    pub meta: Option<BTreeMap<String, String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// For how long it was made; zero for ever.
    pub creation_ttl: Duration,
    /// For how long it was last made or renewed; zero for ever.
    pub ttl: Duration,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// Beyond which age it cannot be renewed, whatever else is allowed; zero for no such limit.
    pub explicit_max_ttl: Duration,
    /// Each renewal lasts this long, without end; zero for a token without a period.
    pub period: Duration,
    /// How many requests it is still good for; `None` for any number.
    pub uses_left: Option<u32>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether it is stored in full or made in bulk.
    pub kind: Kind,
    /// The token that made it and takes it along when revoked.
    pub parent: Option<BlindKey>,
    /// When it was last renewed.
    pub renewed_at: Option<Timestamp>,
    /// The longest it may last by renewals without a period.
    pub max_ttl: Duration,
    /// Addresses, as CIDR blocks, that it is good from; none for all.
    pub bound_cidrs: Vec<String>,
    /// The auth mount whose login made it, if one did: it ends with that mount.
    pub mount: Option<Accessor>,
    /// The token role it was made by, if it was.
    pub role: Option<String>,
}

/// The kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Has an accessor, children, renewals and revocation.
    Service,
    /// Has none of them: it ends when its time, or its parent, does.
    Batch,
}

impl Token {
    /// Whether it may do everything in its namespace and below.
    pub fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == ROOT_POLICY)
    }

    /// Whether it is good for unwrapping one reply, and for nothing else.
    pub fn is_wrapping(&self) -> bool {
        self.policies.iter().any(|policy| policy == WRAPPING_POLICY)
    }

    /// Whether its last use has been taken: it is good for nothing new.
    pub fn is_used_up(&self) -> bool {
        self.uses_left == Some(0)
    }

    /// How long it still lasts; `None` for ever.
    pub fn time_left(&self, now: Timestamp) -> Option<Duration> {
        self.expires_at.map(|end| end.since(now))
    }

    /// Whether renewing it can ever work.
    pub const fn can_be_renewed(&self) -> bool {
        self.renewable && self.expires_at.is_some()
    }

    /// What a renewal for `increment`, or for as long as last time, asks for.
    pub fn renewal(&self, increment: Option<Duration>) -> Ask {
        Ask {
            ttl: increment.filter(|increment| !increment.is_zero()).unwrap_or(self.ttl),
            explicit_max_ttl: self.explicit_max_ttl,
            period: self.period,
            max_ttl: self.max_ttl,
        }
    }

    /// Renew it at `now` as asked; what it gets is bounded like a new token's.
    pub fn renew(&mut self, asked: &Ask, now: Timestamp) -> Lifetime {
        let granted = Lifetime::grant(asked, now.since(self.created_at));
        self.ttl = granted.ttl;
        self.expires_at = Some(now.plus(granted.ttl));
        self.renewed_at = Some(now);
        granted
    }
}

/// A lifetime as it is asked for; zero where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ask {
    /// How long it should last.
    pub ttl: Duration,
    /// Beyond which age it shall never last.
    pub explicit_max_ttl: Duration,
    /// How long each renewal shall last, without end.
    pub period: Duration,
    /// The longest a token may last here without a period; zero for [`LONGEST_TTL`].
    pub max_ttl: Duration,
}

/// A lifetime as it is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// How long from now.
    pub ttl: Duration,
    /// The explicit limit, itself capped.
    pub explicit_max_ttl: Duration,
    /// What was cut, to be told to whoever asked.
    pub capped: Option<Capped>,
}

/// A cut that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capped {
    /// Whether a period was cut, rather than a time to live.
    pub period: bool,
    /// What was asked for.
    pub asked: Duration,
    /// What is the most.
    pub most: Duration,
}

impl Lifetime {
    /// What a token of this `age` gets: its period or what it asks for, within what is left of its explicit limit and, without a period, of
    /// the longest that is allowed here.
    pub fn grant(ask: &Ask, age: Duration) -> Self {
        let longest = if ask.max_ttl.is_zero() { LONGEST_TTL } else { ask.max_ttl.min(LONGEST_TTL) };
        let explicit_max_ttl = ask.explicit_max_ttl.min(longest);
        let periodic = !ask.period.is_zero();
        let wanted = match (periodic, ask.ttl.is_zero()) {
            (true, _) => ask.period,
            (false, true) => longest,
            (false, false) => ask.ttl,
        };
        let limit = if explicit_max_ttl.is_zero() { longest } else { explicit_max_ttl };
        let left = if periodic && explicit_max_ttl.is_zero() { limit } else { limit.saturating_sub(age) };
        let asked_something = periodic || !ask.ttl.is_zero();
        let capped =
            (wanted > left && asked_something).then_some(Capped { period: periodic, asked: wanted, most: left });
        Self { ttl: wanted.min(left), explicit_max_ttl, capped }
    }
}

/// Policies as they are kept: trimmed, lower case, sorted, each once, none empty.
pub fn normalise_policies<S: AsRef<str>>(policies: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut kept: Vec<String> = policies.into_iter().map(|policy| policy.as_ref().trim().to_lowercase()).collect();
    kept.retain(|policy| !policy.is_empty());
    kept.sort();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn grant(ttl: u64, max: u64, period: u64, age: u64) -> Lifetime {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        Lifetime::grant(
            &Ask { ttl: hours(ttl), explicit_max_ttl: hours(max), period: hours(period), ..Ask::default() },
            hours(age),
        )
    }

    #[test]
    fn a_lifetime_is_cut_to_what_is_left_of_its_limit() {
        assert_eq!(grant(2, 0, 0, 0).ttl, 2 * HOUR);
        assert_eq!(grant(0, 0, 0, 0).ttl, 768 * HOUR);
        assert_eq!(grant(0, 3, 0, 0).ttl, 3 * HOUR);
        assert_eq!(grant(2, 3, 0, 2).ttl, HOUR);
        assert_eq!(grant(2, 3, 0, 9).ttl, Duration::ZERO);
        assert_eq!(grant(2, 0, 0, 767).ttl, HOUR);
    }

    #[test]
    fn a_period_has_no_end_unless_a_limit_is_explicit() {
        assert_eq!(grant(0, 0, 4, 5_000).ttl, 4 * HOUR);
        assert_eq!(grant(9, 0, 4, 0).ttl, 4 * HOUR);
        assert_eq!(grant(0, 10, 4, 8).ttl, 2 * HOUR);
    }

    #[test]
    fn only_a_cut_of_what_was_asked_is_told() {
        assert_eq!(grant(0, 3, 0, 0).capped, None);
        assert_eq!(grant(5, 3, 0, 0).capped, Some(Capped { period: false, asked: 5 * HOUR, most: 3 * HOUR }));
        assert_eq!(grant(0, 3, 5, 0).capped, Some(Capped { period: true, asked: 5 * HOUR, most: 3 * HOUR }));
    }

    #[test]
    fn policies_are_kept_in_one_spelling() {
        assert_eq!(normalise_policies(["Ops", " dev ", "ops", ""]), ["dev", "ops"]);
        assert_eq!(normalise_policies(["Root "]), ["root"]);
    }
}
