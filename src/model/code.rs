//! Verification codes: sent to somebody, or handed to whoever asked for them, to be said again by the one they are meant for.

use serde::{Deserialize, Serialize};

use crate::id::{BlindKey, EntityId};
use crate::time::Timestamp;

/// What a code is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To prove that an e-mail address is theirs.
    Email,
    /// To prove that a telephone number is theirs.
    Phone,
    /// To set a new password.
    PasswordReset,
    /// To register a passkey, by this one of several codes.
    Passkey(String),
}

impl Purpose {
    /// What it is called in keys: its kind, and which of several.
    pub const fn words(&self) -> [&str; 2] {
        match self {
            Self::Email => ["email", ""],
            Self::Phone => ["phone", ""],
            Self::PasswordReset => ["password_reset", ""],
            Self::Passkey(id) => ["passkey", id.as_str()],
        }
    }
}

/// A code that waits to be said. A new one takes the place of an older one for the same.
#[derive(Clone, Serialize, Deserialize)]
pub struct Code {
    /// Whose it is.
    pub entity: EntityId,
    /// What it is for.
    pub purpose: Purpose,
    /// Its keyed hash.
    pub hash: BlindKey,
    /// A keyed hash of the address it proves, where it proves one: it is void when that is no longer the entity's.
    pub proves: Option<BlindKey>,
    /// Wrong answers that are still allowed. It stays when there are none left, so that it can be asked for again.
    pub tries_left: u32,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

impl Code {
    /// Whether it can still be right at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.tries_left > 0 && now < self.expires_at
    }
}
