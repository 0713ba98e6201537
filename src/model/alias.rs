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

/// Why custom metadata were refused, in Vault's words where they repeat no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomMetadataError {
    /// There are too many pairs.
    #[error("payload must contain at most 64 keys, provided {0}")]
    TooMany(usize),
    /// A key is empty or too long.
    #[error("length of key is {0} but must be 0 < len(key) <= 128")]
    KeyLength(usize),
    /// A value is empty or too long.
    #[error("length of value is {0} but must be 0 < len(value) <= 512")]
    ValueLength(usize),
    /// A key or a value has a character that cannot be seen.
    #[error("unprintable characters")]
    Unprintable,
}

/// Check custom metadata: at most 64 pairs, keys of 1 to 128 bytes, values of 1 to 512, no control characters.
pub fn check_custom_metadata(metadata: &BTreeMap<String, String>) -> Result<(), CustomMetadataError> {
    if metadata.len() > 64 {
        return Err(CustomMetadataError::TooMany(metadata.len()));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.len() > 128 {
            return Err(CustomMetadataError::KeyLength(key.len()));
        }
        if value.is_empty() || value.len() > 512 {
            return Err(CustomMetadataError::ValueLength(value.len()));
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return Err(CustomMetadataError::Unprintable);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_metadata_are_bounded() {
        let with =
            |key: &str, value: &str| check_custom_metadata(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
        with(&"k".repeat(128), &"v".repeat(512)).unwrap();
        assert_eq!(with(&"k".repeat(129), "v").unwrap_err(), CustomMetadataError::KeyLength(129));
        assert_eq!(with("k", "").unwrap_err(), CustomMetadataError::ValueLength(0));
        assert_eq!(with("k", "v\n").unwrap_err(), CustomMetadataError::Unprintable);
        let many = (0..65).map(|n| (n.to_string(), "v".into())).collect();
        assert_eq!(check_custom_metadata(&many).unwrap_err(), CustomMetadataError::TooMany(65));
    }
}
