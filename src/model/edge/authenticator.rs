//! Authenticators of the first factor: the name that an identity logs in by. Its password is the entity's.

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::id::{AuthenticatorId, EntityId, NamespaceId};
use crate::time::Timestamp;

/// The shortest and the longest user name, in characters.
pub const USERNAME_LENGTH: (usize, usize) = (4, 100);
/// The shortest and the longest password, in characters.
pub const PASSWORD_LENGTH: (usize, usize) = (5, 100);

/// A user name, of which an identity has one at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticator {
    /// Its id.
    pub id: AuthenticatorId,
    /// Whose it is.
    pub entity: EntityId,
    /// The namespace, in which the name is unique without regard to case.
    pub namespace: NamespaceId,
    /// The name, as it was written.
    pub username: String,
    /// Wrong passwords since the last right one.
    pub failures: u32,
    /// Notes.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
