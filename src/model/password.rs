//! Passwords of entities: the first factor of the dialects whose people have one wherever they log in.

use serde::{Deserialize, Serialize};

use super::stored::password_hash;
use crate::factor::password::Hash;
use crate::id::EntityId;
use crate::time::Timestamp;

/// What is kept of an entity's password, whichever dialect set it. There is one for each entity at most.
#[derive(Clone, Serialize, Deserialize)]
pub struct Password {
    /// Whose it is.
    pub entity: EntityId,
    /// What is kept of it.
    #[serde(with = "password_hash")]
    pub hash: Hash,
    /// When it was last set.
    pub changed_at: Timestamp,
    /// Whether its owner has to choose another at the next login.
    pub change_required: bool,
}
