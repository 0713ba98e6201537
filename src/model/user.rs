//! Users: names and passwords in an auth mount.

use serde::{Deserialize, Serialize};

use super::mount::TokenSettings;
use super::stored::password_hash;
use super::token_settings::OldNames;
use crate::factor::password::Hash;
use crate::id::Accessor;

/// A user of a mount. It may be there long before its entity is: the password is kept here, and what logs in by it is an alias.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    /// The mount.
    pub mount: Accessor,
    /// The name, in lower case.
    pub name: String,
    /// What is kept of the password.
    #[serde(with = "password_hash")]
    pub password: Hash,
    /// What is said about its tokens.
    pub token: TokenSettings,
    /// Which of that is shown by its old name too.
    pub old_names: OldNames<bool>,
}
