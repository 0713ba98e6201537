//! How secrets and keys are written inside a record's body, which is sealed before it leaves memory.

/// `Secret<Vec<u8>>` as base64: the one place where secret bytes meet serde.
pub(super) mod secret_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    use crate::secret::Secret;

    pub(in crate::model) fn serialize<S: Serializer>(secret: &Secret<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(STANDARD_NO_PAD.encode(secret.expose())))
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        STANDARD_NO_PAD.decode(text.as_bytes()).map(Secret::new).map_err(serde::de::Error::custom)
    }
}

/// `Secret<String>` as itself.
pub(super) mod secret_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::secret::Secret;

    pub(in crate::model) fn serialize<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// A password's hash as its text.
pub(super) mod password_hash {
    use serde::{Deserializer, Serializer};

    use super::secret_text;
    use crate::factor::password::Hash;

    pub(in crate::model) fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        secret_text::serialize(hash.text(), to)
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        secret_text::deserialize(from).map(Hash::kept)
    }
}
