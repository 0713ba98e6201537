//! Lockouts: failed logins of one name in one mount, and how long they shut it out.

use serde::{Deserialize, Serialize};

use super::mount;
use crate::id::{Accessor, NamespaceId};
use crate::time::Timestamp;

/// Whose failures are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The mount.
    pub mount: Accessor,
    /// The mount's namespace.
    pub namespace: NamespaceId,
    /// The name, by which case does not tell two apart; of a name that nobody has, the bucket it falls in.
    pub name: String,
    /// Whether somebody has the name.
    pub is_known: bool,
}

/// The failures of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// Whose.
    pub subject: Subject,
    /// How many, one soon after the other.
    pub failures: u32,
    /// When the last one was.
    pub last_failed_at: Timestamp,
    /// Until when the subject is locked out, if it ever was.
    pub locked_until: Option<Timestamp>,
    /// When all this may be forgotten.
    pub expires_at: Timestamp,
}

impl Lockout {
    /// No failures.
    pub const fn none(subject: Subject, now: Timestamp) -> Self {
        Self { subject, failures: 0, last_failed_at: now, locked_until: None, expires_at: now }
    }

    /// Whether the subject is locked out.
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|end| now < end)
    }

    /// Count a failure at `now`.
    pub fn count(&mut self, rules: &mount::Lockout, now: Timestamp) {
        let was_locked = self.locked_until.take().is_some();
        if was_locked || now.since(self.last_failed_at) >= rules.counter_reset() {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last_failed_at = now;
        self.expires_at = now.plus(rules.counter_reset());
        if self.failures >= rules.threshold() {
            let end = now.plus(rules.duration());
            self.locked_until = Some(end);
            self.expires_at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn lockout() -> Lockout {
        let subject =
            Subject { mount: Accessor::new("a"), namespace: NamespaceId::root(), name: "n".into(), is_known: true };
        Lockout::none(subject, START)
    }

    fn at(secs: u64) -> Timestamp {
        START.plus(Duration::from_secs(secs))
    }

    #[test]
    fn the_threshold_locks_for_a_while_and_then_everything_starts_anew() {
        let rules = mount::Lockout::default();
        let mut lockout = lockout();
        for second in 0..4 {
            lockout.count(&rules, at(second));
            assert!(!lockout.is_locked(at(second)));
        }
        lockout.count(&rules, at(4));
        assert!(lockout.is_locked(at(4)) && lockout.is_locked(at(903)));
        assert!(!lockout.is_locked(at(904)));
        lockout.count(&rules, at(904));
        assert!(!lockout.is_locked(at(904)));
        assert_eq!(lockout.failures, 1);
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        let rules = mount::Lockout { threshold: 2, counter_reset: Duration::from_mins(1), ..mount::Lockout::default() };
        let mut lockout = lockout();
        for minute in 0..10 {
            lockout.count(&rules, at(60 * minute));
        }
        assert!(!lockout.is_locked(at(540)));
        lockout.count(&rules, at(599));
        assert!(lockout.is_locked(at(599)));
    }
}
