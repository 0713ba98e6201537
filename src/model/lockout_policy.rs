//! Lockout policies: after how many wrong answers in a row a user is locked.

use serde::{Deserialize, Serialize};

use super::login_policy::Owner;
use super::revision::Revision;
use crate::time::Timestamp;

/// A lockout policy. The instance's counts for every organisation that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockoutPolicy {
    /// Whose it is.
    pub owner: Owner,
    /// What it says.
    pub limits: Limits,
    /// How often it was changed, and when.
    pub revision: Revision,
}

/// After how many wrong answers in a row a user is locked; zero for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wrong passwords.
    pub max_password_attempts: u64,
    /// Wrong codes of one second factor.
    pub max_otp_attempts: u64,
}

impl LockoutPolicy {
    /// The instance's as long as nobody has changed it: nobody is ever locked.
    pub const fn standard() -> Self {
        Self {
            owner: Owner::Instance,
            limits: Limits { max_password_attempts: 0, max_otp_attempts: 0 },
            revision: Revision::first(Timestamp::EPOCH),
        }
    }

    /// Whether it is the instance's.
    pub fn is_of_instance(&self) -> bool {
        self.owner == Owner::Instance
    }
}

impl Limits {
    /// Whether so many `failures` in a row are enough, where at most `most` are allowed.
    pub const fn is_reached(most: u64, failures: u64) -> bool {
        most > 0 && failures >= most
    }
}
