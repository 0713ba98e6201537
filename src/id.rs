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
    /// A group: a lower-case UUID, qualified by its namespace.
    GroupId
}
text_id! {
    /// A method: a lower-case UUID.
    MethodId
}
text_id! {
    /// A login enforcement: a lower-case UUID.
    EnforcementId
}
text_id! {
    /// The public handle of a token, good for managing it but not for using it.
    Accessor
}
text_id! {
    /// A policy of how identities of an edge network authenticate: a UUID, or `default`.
    AuthPolicyId
}
text_id! {
    /// A name and password of an edge identity: a UUID.
    AuthenticatorId
}
text_id! {
    /// An API session of an edge identity: a UUID, which is no secret.
    ApiSessionId
}
text_id! {
    /// A posture check: a UUID.
    PostureCheckId
}
text_id! {
    /// A service of an edge network: a UUID.
    ServiceId
}
text_id! {
    /// A policy of who may use which services: a UUID.
    ServicePolicyId
}
text_id! {
    /// One use of a service: a UUID.
    ServiceSessionId
}

/// The length of a [`BlindKey`]: 128 bits of a keyed hash, which nobody without the index key can compute or invert.
pub const BLIND_KEY_BYTES: usize = 16;

/// What a record is called, or found by, instead of its name: a keyed hash. Written in hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlindKey([u8; BLIND_KEY_BYTES]);

impl AsRef<[u8]> for BlindKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; BLIND_KEY_BYTES]> for BlindKey {
    fn from(bytes: [u8; BLIND_KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for BlindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl Serialize for BlindKey {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for BlindKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::custom("a blind key has 16 bytes"))
    }
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

impl EnforcementId {
    /// A new id.
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(entropy.uuid().to_string())
    }
}

/// A new id of 18 decimal digits, the first of which is no zero: 59.6 bits of chance.
pub fn decimal(entropy: &dyn Entropy) -> String {
    entropy.text(1, b"123456789") + &entropy.text(17, b"0123456789")
}

macro_rules! uuid_id {
    ($($name:ident)*) => {$(
        impl $name {
            /// A new id.
            pub fn fresh(entropy: &dyn Entropy) -> Self {
                Self(entropy.uuid().to_string())
            }
        }
    )*};
}

uuid_id!(AuthPolicyId AuthenticatorId ApiSessionId PostureCheckId ServiceId ServicePolicyId ServiceSessionId);

macro_rules! qualified_id {
    ($name:ident) => {
        impl $name {
            /// A new id for one of `namespace`.
            pub fn fresh(entropy: &dyn Entropy, namespace: &NamespaceId) -> Self {
                Self(namespace.qualify(&entropy.uuid().to_string()))
            }
        }
    };
}

qualified_id!(EntityId);
qualified_id!(AliasId);
qualified_id!(GroupId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_decimal_id_has_18_digits_and_begins_with_no_zero() {
        let entropy = SeededEntropy::new(1);
        for _ in 0..100 {
            let id = decimal(&entropy);
            assert!(id.len() == 18 && id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0'), "{id}");
        }
    }

    #[test]
    fn an_id_made_outside_root_names_its_namespace() {
        let entropy = SeededEntropy::new(1);
        let here = NamespaceId::fresh(&entropy);
        assert_eq!(here.as_str().len(), 6);
        assert!(EntityId::fresh(&entropy, &here).as_str().ends_with(&format!(".{here}")));
        assert_eq!(EntityId::fresh(&entropy, &NamespaceId::root()).as_str().len(), 36);
    }
}
