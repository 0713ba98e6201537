//! Aliases: what an entity is called in an auth mount.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Accessor, AliasId, EntityId};
use crate::model::namespace::Scope;
use crate::time::Timestamp;

/// A name in a mount, and the entity that it belongs to. An entity has at most one in each mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Its id: a UUID, qualified by the namespace.
    pub id: AliasId,
    /// The namespace it lives in.
    pub scope: Scope,
    /// The entity.
    pub entity: EntityId,
    /// The mount.
    pub mount: Accessor,
    /// The name, unique in the mount without regard to case; kept as it was written.
    pub name: String,
    /// What the mount notes about it at a login.
    pub metadata: Option<BTreeMap<String, String>>,
    /// What its administrator notes about it; `None` on one that a login made.
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// The entities it belonged to before they were merged.
    pub merged_from: Vec<EntityId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
