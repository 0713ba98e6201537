//! What a user's or a role's record says about the tokens it gets, and how that is changed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mount::{TokenSettings, TokenType};

/// A change of [`TokenSettings`]: what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Addresses that may log in and use the token.
    pub bound_cidrs: Option<Vec<String>>,
    /// Beyond which age a token never lasts.
    pub explicit_max_ttl: Option<Duration>,
    /// The longest a token may last by renewals.
    pub max_ttl: Option<Duration>,
    /// How long a token lasts.
    pub ttl: Option<Duration>,
    /// Whether tokens do without the `default` policy.
    pub no_default_policy: Option<bool>,
    /// How many requests a token is good for.
    pub num_uses: Option<u32>,
    /// How long each renewal lasts.
    pub period: Option<Duration>,
    /// What a token may do.
    pub policies: Option<Vec<String>>,
    /// Whether a token is good only from the address that logged in.
    pub strictly_bind_ip: Option<bool>,
    /// The kind of token.
    pub token_type: Option<TokenType>,
    /// Which of these were given by their old names; `None` for those that were not given.
    pub by_old_name: OldNames<Option<bool>>,
}

/// The settings that have an old name too, under which they are shown to those who use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OldNames<T> {
    /// Of the blocks of addresses.
    pub bound_cidrs: T,
    /// Of the longest time to live.
    pub max_ttl: T,
    /// Of the time to live.
    pub ttl: T,
    /// Of the period.
    pub period: T,
    /// Of the policies.
    pub policies: T,
}

/// Why settings do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A token would last longer than it may.
    #[error("'token_ttl' cannot be greater than 'token_max_ttl'")]
    TtlOverMax,
    /// A batch token's uses are not counted.
    #[error("'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count")]
    BatchUses,
    /// A batch token is not renewed.
    #[error("'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens")]
    BatchPeriod,
}

impl Changes {
    /// Make the change.
    ///
    /// # Errors
    /// A [`Conflict`] in what it comes to.
    pub fn apply(&self, settings: &mut TokenSettings, shown: &mut OldNames<bool>) -> Result<(), Conflict> {
        set(&mut settings.bound_cidrs, self.bound_cidrs.as_ref());
        set(&mut settings.explicit_max_ttl, self.explicit_max_ttl.as_ref());
        set(&mut settings.max_ttl, self.max_ttl.as_ref());
        set(&mut settings.ttl, self.ttl.as_ref());
        set(&mut settings.no_default_policy, self.no_default_policy.as_ref());
        set(&mut settings.num_uses, self.num_uses.as_ref());
        set(&mut settings.period, self.period.as_ref());
        set(&mut settings.policies, self.policies.as_ref());
        set(&mut settings.strictly_bind_ip, self.strictly_bind_ip.as_ref());
        set(&mut settings.token_type, self.token_type.as_ref());
        set(&mut shown.bound_cidrs, self.by_old_name.bound_cidrs.as_ref());
        set(&mut shown.max_ttl, self.by_old_name.max_ttl.as_ref());
        set(&mut shown.ttl, self.by_old_name.ttl.as_ref());
        set(&mut shown.period, self.by_old_name.period.as_ref());
        set(&mut shown.policies, self.by_old_name.policies.as_ref());
        check(settings)
    }
}

fn set<T: Clone>(setting: &mut T, change: Option<&T>) {
    if let Some(change) = change {
        setting.clone_from(change);
    }
}

fn check(settings: &TokenSettings) -> Result<(), Conflict> {
    if !settings.max_ttl.is_zero() && settings.ttl > settings.max_ttl {
        return Err(Conflict::TtlOverMax);
    }
    match settings.token_type {
        TokenType::Batch | TokenType::DefaultBatch if settings.num_uses > 0 => Err(Conflict::BatchUses),
        TokenType::Batch | TokenType::DefaultBatch if !settings.period.is_zero() => Err(Conflict::BatchPeriod),
        TokenType::Batch
        | TokenType::DefaultBatch
        | TokenType::Default
        | TokenType::DefaultService
        | TokenType::Service => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(changes: &Changes) -> Result<(), Conflict> {
        let mut settings = TokenSettings { max_ttl: Duration::from_mins(1), ..TokenSettings::default() };
        changes.apply(&mut settings, &mut OldNames::default())
    }

    #[test]
    fn what_does_not_go_together_is_refused_whichever_part_came_first() {
        let secs = |secs| Some(Duration::from_secs(secs));
        assert_eq!(check(&Changes { ttl: secs(61), ..Changes::default() }), Err(Conflict::TtlOverMax));
        assert_eq!(check(&Changes { ttl: secs(60), ..Changes::default() }), Ok(()));
        assert_eq!(check(&Changes { ttl: secs(61), max_ttl: secs(0), ..Changes::default() }), Ok(()));
        let batch = Changes { token_type: Some(TokenType::Batch), ..Changes::default() };
        assert_eq!(check(&Changes { num_uses: Some(1), ..batch.clone() }), Err(Conflict::BatchUses));
        assert_eq!(check(&Changes { period: secs(1), ..batch.clone() }), Err(Conflict::BatchPeriod));
        assert_eq!(check(&batch), Ok(()));
    }
}
