//! Groups: entities, and groups of them, that share policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Accessor, AliasId, EntityId, GroupId};
use crate::model::namespace::Scope;
use crate::time::Timestamp;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id: a UUID, qualified by the namespace.
    pub id: GroupId,
    /// The namespace it lives in.
    pub scope: Scope,
    /// Its name, unique in the namespace without regard to case; kept as it was written.
    pub name: String,
    /// Who says who is in it.
    pub kind: Kind,
    /// What its administrator notes about it; `None` when nothing ever was.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Policies that all its members have: lower case, sorted, each once.
    pub policies: Vec<String>,
    /// The entities in it, sorted.
    pub entities: Vec<EntityId>,
    /// The groups in it, sorted; their members are its members.
    pub groups: Vec<GroupId>,
    /// What an external group is called where its members come from.
    pub alias: Option<GroupAlias>,
    /// How often it was changed.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Who says who is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its administrator.
    Internal,
    /// An auth mount, at each login.
    External,
}

/// What an external group is called in an auth mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAlias {
    /// Its id.
    pub id: AliasId,
    /// The name.
    pub name: String,
    /// The mount.
    pub mount: Accessor,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
