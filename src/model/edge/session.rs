//! API sessions: what a client shows after its first factor, and how much that is worth.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::posture::State;
use crate::id::{ApiSessionId, AuthenticatorId, BlindKey, EntityId, NamespaceId};
use crate::time::Timestamp;

/// The shortest time after which an unused session ends.
pub const SHORTEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A session. Its token is not in it: the record is found by a keyed hash of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSession {
    /// The keyed hash of the token.
    pub key: BlindKey,
    /// Its id.
    pub id: ApiSessionId,
    /// The namespace of its identity.
    pub namespace: NamespaceId,
    /// Whose it is.
    pub entity: EntityId,
    /// What the first factor was proven with.
    pub authenticator: AuthenticatorId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its use was last written down: not each use is.
    pub last_activity_at: Timestamp,
    /// For how long it lives unused.
    pub timeout: Duration,
    /// Whether its identity had a second factor when the session began, or got it in this session.
    pub is_mfa_required: bool,
    /// Whether this session has proven the second factor.
    pub is_mfa_complete: bool,
    /// What is known of its endpoint.
    pub posture: State,
    /// What the client said about its SDK.
    pub sdk_info: BTreeMap<String, String>,
    /// What the client said about its machine.
    pub env_info: BTreeMap<String, String>,
    /// Which configurations the client understands.
    pub config_types: Vec<String>,
    /// Where it began.
    pub ip_address: String,
}

/// How much of a session's life may pass before its use is written down again: one in so many parts.
const PARTS: u32 = 20;

impl ApiSession {
    /// When it ends unless it is used. That is never before its timeout after its last use, and a little later where that use was not written
    /// down.
    pub fn expires_at(&self) -> Timestamp {
        self.last_activity_at.plus(self.timeout).plus(self.slack())
    }

    fn slack(&self) -> Duration {
        self.timeout.checked_div(PARTS).unwrap_or_default()
    }

    /// Whether a use at `now` is to be written down.
    pub fn is_stale_at(&self, now: Timestamp) -> bool {
        now.since(self.last_activity_at) >= self.slack()
    }

    /// Whether it waits for a second factor, under a policy that requires one or does not.
    pub const fn needs_totp(&self, policy_requires: bool) -> bool {
        (self.is_mfa_required || policy_requires) && !self.is_mfa_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> ApiSession {
        ApiSession {
            key: BlindKey::from([0; 16]),
            id: ApiSessionId::new("s"),
            namespace: NamespaceId::root(),
            entity: EntityId::new("e"),
            authenticator: AuthenticatorId::new("a"),
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            last_activity_at: Timestamp::EPOCH,
            timeout: Duration::from_mins(30),
            is_mfa_required: false,
            is_mfa_complete: false,
            posture: State::default(),
            sdk_info: BTreeMap::new(),
            env_info: BTreeMap::new(),
            config_types: Vec::new(),
            ip_address: String::new(),
        }
    }

    #[test]
    fn a_use_that_was_not_written_down_still_gives_the_whole_timeout() {
        let session = session();
        let unwritten = Timestamp::from_millis(89_999);
        assert!(!session.is_stale_at(unwritten) && session.is_stale_at(Timestamp::from_secs(90)));
        assert!(session.expires_at() >= unwritten.plus(session.timeout));
    }

    #[test]
    fn a_session_waits_while_a_second_factor_is_required_and_not_proven() {
        let with = |is_mfa_required, is_mfa_complete| ApiSession { is_mfa_required, is_mfa_complete, ..session() };
        assert!(with(true, false).needs_totp(false) && with(false, false).needs_totp(true));
        assert!(!with(true, true).needs_totp(true) && !with(false, false).needs_totp(false));
    }
}
