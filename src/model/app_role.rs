//! Roles that machines log in as, and the secret ids they prove them with.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mount::TokenSettings;
use super::token_settings::OldNames;
use crate::id::{Accessor, BlindKey};
use crate::time::Timestamp;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// What its secret ids belong to: drawn when it is made, so that those of an earlier role of its name are none of its own.
    pub id: String,
    /// The mount.
    pub mount: Accessor,
    /// The name, in lower case.
    pub name: String,
    /// What a machine calls it at a login.
    pub role_id: String,
    /// Whether a login needs a secret id.
    pub bind_secret_id: bool,
    /// How often a secret id is good for a login; 0 for any number.
    pub secret_id_num_uses: u32,
    /// How long a secret id lasts; zero for ever.
    pub secret_id_ttl: Duration,
    /// Blocks of addresses that may log in; `None` when nothing was ever said.
    pub secret_id_bound_cidrs: Option<Vec<String>>,
    /// What clients send and read back; decided when the role is made.
    pub local_secret_ids: bool,
    /// What is said about its tokens.
    pub token: TokenSettings,
    /// Which of that is shown by its old name too.
    pub old_names: OldNames<bool>,
}

/// A secret id. The text that a machine shows is not in it: the record is found by a keyed hash of that text and the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretId {
    /// The keyed hash: what the record is called.
    pub key: BlindKey,
    /// The [`Role::id`] it belongs to.
    pub role: String,
    /// The mount.
    pub mount: Accessor,
    /// The handle it is managed by.
    pub accessor: String,
    /// For how many more logins it is good; `None` for any number.
    pub uses_left: Option<u32>,
    /// For how long it was made; zero for ever.
    pub ttl: Duration,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// What its maker noted about it: it goes on the token.
    pub metadata: BTreeMap<String, String>,
    /// Blocks of addresses that may log in with it; none for all.
    pub cidr_list: Vec<String>,
    /// Blocks of addresses that its tokens are good from; none for the role's.
    pub token_bound_cidrs: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
