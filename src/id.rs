//! Identifiers as types, so that one kind cannot be passed for another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entropy::Entropy;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id written as `text`.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A namespace: six characters of `0-9A-Za-z`, or `root`. Never reused.
    NamespaceId
}
text_id! {
    /// An entity: opaque text, the same in every dialect.
    EntityId
}
text_id! {
    /// A binding of an identity in some mount to an entity.
    AliasId
}
text_id! {
    /// A method: a lower-case UUID.
    MethodId
}
text_id! {
    /// The public handle of a token, good for managing it but not for using it.
    Accessor
}

impl NamespaceId {
    /// The root namespace's id.
    pub fn root() -> Self {
        Self("root".into())
    }

    /// Whether this is the root namespace.
    pub fn is_root(&self) -> bool {
        self.0 == "root"
    }

    /// A new id.
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(entropy.base62(6))
    }

    /// `name` inside this namespace: bare in root, elsewhere with `.<namespace id>` behind it.
    pub fn qualify(&self, name: &str) -> String {
        if self.is_root() { name.into() } else { format!("{name}.{}", self.0) }
    }
}

impl MethodId {
    /// A new id.
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(entropy.uuid().to_string())
    }
}

impl EntityId {
    /// A new id for an entity of `namespace`.
    pub fn fresh(entropy: &dyn Entropy, namespace: &NamespaceId) -> Self {
        Self(namespace.qualify(&entropy.uuid().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn an_id_made_outside_root_names_its_namespace() {
        let entropy = SeededEntropy::new(1);
        let here = NamespaceId::fresh(&entropy);
        assert_eq!(here.as_str().len(), 6);
        assert!(EntityId::fresh(&entropy, &here).as_str().ends_with(&format!(".{here}")));
        assert_eq!(EntityId::fresh(&entropy, &NamespaceId::root()).as_str().len(), 36);
    }
}
