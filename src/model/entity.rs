//! Entities: who authenticators are bound to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::EntityId;
use crate::model::namespace::Scope;
use crate::time::Timestamp;

/// A person, a device or a service: somebody who can prove a factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Its id, the same in every dialect.
    pub id: EntityId,
    /// The namespace it lives in.
    pub scope: Scope,
    /// Its name, unique in its namespace without regard to case; kept as it was written.
    pub name: String,
    /// What its administrator noted about it; `None` when nothing ever was.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Policies that all its tokens have: lower case, sorted, each once.
    pub policies: Vec<String>,
    /// A disabled entity can neither use a token nor prove a factor.
    pub disabled: bool,
    /// The entities that were merged into it.
    pub merged: Vec<EntityId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Entity {
    /// A new entity that has nothing yet.
    pub const fn new(id: EntityId, scope: Scope, name: String, now: Timestamp) -> Self {
        Self {
            id,
            scope,
            name,
            metadata: None,
            policies: Vec::new(),
            disabled: false,
            merged: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// Names are compared by this form: case does not tell two names apart, in any script.
pub fn fold_name(name: &str) -> String {
    name.to_lowercase()
}

/// Why metadata were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A key is over 128 characters.
    #[error("key is too long (limit: 128 characters)")]
    KeyTooLong,
    /// A key has characters other than printable ASCII, or is empty.
    #[error("key contains invalid characters")]
    KeyCharacters,
    /// A value is over 512 characters.
    #[error("value is too long (limit: 512 characters)")]
    ValueTooLong,
    /// There are over 64 pairs.
    #[error("metadata has too many pairs (limit: 64)")]
    TooMany,
}

/// Check metadata: at most 64 pairs, keys of at most 128 printable ASCII characters, values of at most 512.
pub fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), MetadataError> {
    if metadata.len() > 64 {
        return Err(MetadataError::TooMany);
    }
    for (key, value) in metadata {
        if key.len() > 128 {
            return Err(MetadataError::KeyTooLong);
        }
        if key.is_empty() || !key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(MetadataError::KeyCharacters);
        }
        if value.chars().count() > 512 {
            return Err(MetadataError::ValueTooLong);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_more_than_case() {
        assert_eq!(fold_name("ALICE"), fold_name("alice"));
        assert_eq!(fold_name("ÉMILE"), fold_name("émile"));
        assert_ne!(fold_name("alice "), fold_name("alice"));
    }

    #[test]
    fn metadata_are_bounded() {
        let with = |key: &str, value: &str| check_metadata(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
        with(&"k".repeat(128), &"é".repeat(512)).unwrap();
        assert_eq!(with(&"k".repeat(129), "").unwrap_err(), MetadataError::KeyTooLong);
        assert_eq!(with("k\n", "").unwrap_err(), MetadataError::KeyCharacters);
        assert_eq!(with("k", &"v".repeat(513)).unwrap_err(), MetadataError::ValueTooLong);
        let many = (0..65).map(|n| (n.to_string(), String::new())).collect();
        assert_eq!(check_metadata(&many).unwrap_err(), MetadataError::TooMany);
    }
}
