//! The two wrappings between the database and the key outside it: keyring under root key, root key under unseal key.
//!
//! Two levels, so that changing the unseal key rewrites 32 bytes and rotating data keys does not need the unseal key.

use zeroize::Zeroizing;

use super::keyring::Material;
use super::{Error, Keyring};
use crate::entropy::Entropy;
use crate::secret::Secret;

/// The length of an unseal key.
pub const UNSEAL_KEY_BYTES: usize = 32;

/// The key that opens the seal: kept in a key file, never in the database.
pub type UnsealKey = Secret<[u8; UNSEAL_KEY_BYTES]>;

/// A keyring as it lies in the database: nothing in it can be read without the unseal key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The root key, sealed under the unseal key.
    pub root_key: Vec<u8>,
    /// The keyring, sealed under the root key.
    pub keyring: Vec<u8>,
}

impl Wrapped {
    /// A fresh keyring under a fresh root key, for a store that has none.
    pub fn fresh(unseal_key: &UnsealKey, entropy: &dyn Entropy) -> Self {
        let root_key: Secret<[u8; UNSEAL_KEY_BYTES]> = Secret::new(entropy.bytes());
        let material = Material::fresh(entropy);
        Self {
            root_key: wrap(unseal_key, "root key", root_key.expose(), entropy),
            keyring: wrap(&root_key, "keyring", &material.to_bytes(), entropy),
        }
    }

    /// The keyring inside.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] when `unseal_key` is not the right one, or the wrapping is damaged.
    pub fn open(&self, unseal_key: &UnsealKey) -> Result<Keyring, Error> {
        let root_key = unwrap(unseal_key, "root key", &self.root_key)?;
        let root_key = Secret::new(root_key.as_slice().try_into().map_err(|_| Error::DoesNotOpen)?);
        Ok(Keyring::from_material(&Material::from_bytes(&unwrap(&root_key, "keyring", &self.keyring)?)?))
    }
}

fn wrap(key: &UnsealKey, what: &str, body: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
    Keyring::single(key).seal("seal", 1, what.as_bytes(), body, entropy)
}

fn unwrap(key: &UnsealKey, what: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    Keyring::single(key).open("seal", 1, what.as_bytes(), wrapped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn only_the_unseal_key_opens_the_keyring() {
        let entropy = SeededEntropy::new(1);
        let (right, wrong) = (Secret::new([7; 32]), Secret::new([8; 32]));
        let wrapped = Wrapped::fresh(&right, &entropy);
        assert!(wrapped.open(&wrong).is_err());
        let sealed = wrapped.open(&right).unwrap().seal("t", 1, b"r", b"body", &entropy);
        assert_eq!(wrapped.open(&right).unwrap().open("t", 1, b"r", &sealed).unwrap().as_slice(), b"body");
    }
}
