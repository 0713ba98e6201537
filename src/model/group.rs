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

impl Group {
    /// A new internal group that has nothing yet.
    pub const fn new(id: GroupId, scope: Scope, name: String, now: Timestamp) -> Self {
        Self {
            id,
            scope,
            name,
            kind: Kind::Internal,
            metadata: None,
            policies: Vec::new(),
            entities: Vec::new(),
            groups: Vec::new(),
            alias: None,
            revision: 0,
            created_at: now,
            updated_at: now,
        }
    }
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

impl Kind {
    /// What it is called in requests and replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Internal, Self::External].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The most entities, and the most groups, that a request may put in a group: as many as its body may have strings.
pub const MOST_MEMBERS: usize = 1_000;

/// The longest chain of groups, each in the next: how far up a member's rights may come from.
pub const LONGEST_CHAIN: usize = 32;

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
