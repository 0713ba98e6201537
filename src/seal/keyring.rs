//! The keyring: data keys for bodies, one index key for blind indexes.

use aes_gcm::aead::{AeadInOut, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Error, Opened};
use crate::entropy::Entropy;
use crate::id::{BLIND_KEY_BYTES, BlindKey};
use crate::secret::Secret;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const KEY_ID_BYTES: usize = 4;
const HEAD_BYTES: usize = KEY_ID_BYTES + NONCE_BYTES;

/// Data keys (AES-256-GCM; the newest seals, all open) and the index key (HMAC-SHA-256).
///
/// A sealed body is `key id (4, big-endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. Its associated data are the table, the version of its form
/// and the record's id, so a ciphertext moved to another row does not open. Nonces are random; one data key is good for 2³² bodies (NIST SP
/// 800-38D, section 8.3).
pub struct Keyring {
    data_keys: Vec<(u32, Aes256Gcm)>,
    index_key: Hmac<Sha256>,
    /// What was opened with it lately.
    pub opened: Opened,
}

impl Keyring {
    /// The keyring that `material` describes.
    pub(super) fn from_material(material: &Material) -> Self {
        let cipher = |key: &DataKey| (key.id, Aes256Gcm::new(key.key.expose().into()));
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
        let index_key = Hmac::new_from_slice(material.index_key.expose()).expect("any key length will do");
        Self { data_keys: material.data_keys.iter().map(cipher).collect(), index_key, opened: Opened::default() }
    }

    /// A keyring of one key and no index, to wrap other keys with.
    pub(super) fn single(key: &Secret<[u8; KEY_BYTES]>) -> Self {
        Self::from_material(&Material {
            data_keys: vec![DataKey { id: 0, key: key.clone() }],
            index_key: Secret::new([0; KEY_BYTES]),
        })
    }

    /// Seal `body` for the row `id` of `table`.
    pub fn seal(&self, table: &str, version: u32, id: &[u8], body: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "a keyring is made with one key and only ever gains more")]
        let (key_id, cipher) = self.data_keys.last().expect("a keyring has a key");
        let nonce: [u8; NONCE_BYTES] = entropy.bytes();
        let mut sealed = Vec::with_capacity(HEAD_BYTES + body.len() + TAG_BYTES);
        sealed.extend_from_slice(&key_id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(body);
        #[expect(clippy::indexing_slicing, reason = "the head was written three lines above")]
        #[expect(clippy::expect_used, reason = "bodies are far below GCM's limit of 64 GiB")]
        let tag = cipher
            .encrypt_inout_detached(
                &Nonce::from(nonce),
                &associated_data(table, version, id),
                (&mut sealed[HEAD_BYTES..]).into(),
            )
            .expect("the body is within GCM's limit");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Open what was sealed for the row `id` of `table`.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for anything that this keyring did not seal for this very row.
    pub fn open(&self, table: &str, version: u32, id: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (key_id, rest) = sealed.split_first_chunk::<KEY_ID_BYTES>().ok_or(Error::DoesNotOpen)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::DoesNotOpen)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Error::DoesNotOpen)?;
        let key_id = u32::from_be_bytes(*key_id);
        let (_, cipher) = self.data_keys.iter().rfind(|(id, _)| *id == key_id).ok_or(Error::DoesNotOpen)?;
        let mut body = Zeroizing::new(ciphertext.to_vec());
        cipher
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                &associated_data(table, version, id),
                body.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| Error::DoesNotOpen)?;
        Ok(body)
    }

    /// The blind key of `parts` in `domain`: equal for equal parts, and saying nothing about them to whoever lacks the index key.
    pub fn blind(&self, domain: &str, parts: &[&str]) -> BlindKey {
        let mut mac = self.index_key.clone();
        for part in std::iter::once(domain).chain(parts.iter().copied()) {
            // Each part carries its length, so that no two lists of parts run together into one.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let hash = mac.finalize().into_bytes();
        let mut key = [0; BLIND_KEY_BYTES];
        for (byte, hashed) in key.iter_mut().zip(hash) {
            *byte = hashed;
        }
        BlindKey::from(key)
    }
}

fn associated_data(table: &str, version: u32, id: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(table.len() + id.len() + 5);
    data.extend_from_slice(table.as_bytes());
    data.push(0);
    data.extend_from_slice(&version.to_be_bytes());
    data.extend_from_slice(id);
    data
}

/// Key material as it is kept, sealed under the root key.
pub(super) struct Material {
    data_keys: Vec<DataKey>,
    index_key: Secret<[u8; KEY_BYTES]>,
}

struct DataKey {
    id: u32,
    key: Secret<[u8; KEY_BYTES]>,
}

impl Material {
    /// One fresh data key and a fresh index key.
    pub(super) fn fresh(entropy: &dyn Entropy) -> Self {
        Self {
            data_keys: vec![DataKey { id: 1, key: Secret::new(entropy.bytes()) }],
            index_key: Secret::new(entropy.bytes()),
        }
    }

    /// As bytes, to be sealed at once.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let encode = |key: &Secret<[u8; KEY_BYTES]>| data_encoding::HEXLOWER.encode(key.expose());
        let stored = Stored {
            data_keys: self.data_keys.iter().map(|key| StoredKey { id: key.id, key: encode(&key.key) }).collect(),
            index_key: encode(&self.index_key),
        };
        Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_default())
    }

    /// From those bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| Error::DoesNotOpen)?;
        let decode = |text: &str| {
            let mut key = [0; KEY_BYTES];
            match data_encoding::HEXLOWER.decode_mut(text.as_bytes(), &mut key) {
                Ok(KEY_BYTES) if text.len() == 2 * KEY_BYTES => Ok(Secret::new(key)),
                Ok(_) | Err(_) => Err(Error::DoesNotOpen),
            }
        };
        let data_keys: Result<Vec<_>, Error> =
            stored.data_keys.iter().map(|key| Ok(DataKey { id: key.id, key: decode(&key.key)? })).collect();
        let data_keys = data_keys?;
        if data_keys.is_empty() {
            return Err(Error::DoesNotOpen);
        }
        Ok(Self { data_keys, index_key: decode(&stored.index_key)? })
    }
}

/// The stored form. The strings are wiped with it.
#[derive(Serialize, Deserialize, zeroize::ZeroizeOnDrop)]
struct Stored {
    data_keys: Vec<StoredKey>,
    index_key: String,
}

#[derive(Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
struct StoredKey {
    id: u32,
    key: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn keyring(seed: u64) -> Keyring {
        Keyring::from_material(&Material::fresh(&SeededEntropy::new(seed)))
    }

    #[test]
    fn a_sealed_body_opens_only_in_its_own_row() {
        let (keys, entropy) = (keyring(1), SeededEntropy::new(9));
        let sealed = keys.seal("token", 1, b"row", b"body", &entropy);
        assert_eq!(keys.open("token", 1, b"row", &sealed).unwrap().as_slice(), b"body");
        assert!(keys.open("token", 1, b"other", &sealed).is_err());
        assert!(keys.open("method", 1, b"row", &sealed).is_err());
        assert!(keys.open("token", 2, b"row", &sealed).is_err());
        assert!(keyring(2).open("token", 1, b"row", &sealed).is_err());
    }

    #[test]
    fn a_changed_bit_or_a_cut_end_is_refused() {
        let (keys, entropy) = (keyring(1), SeededEntropy::new(9));
        let sealed = keys.seal("t", 1, b"row", b"some body", &entropy);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(keys.open("t", 1, b"row", &damaged).is_err(), "bit of byte {at}");
            assert!(keys.open("t", 1, b"row", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn equal_bodies_look_different_and_show_nothing() {
        let (keys, entropy) = (keyring(1), SeededEntropy::new(9));
        let (a, b) = (keys.seal("t", 1, b"r", b"visible", &entropy), keys.seal("t", 1, b"r", b"visible", &entropy));
        assert_ne!(a, b);
        assert!(!a.windows(7).any(|window| window == b"visible"));
    }

    #[test]
    fn blind_keys_depend_on_every_part_and_on_their_bounds() {
        let keys = keyring(1);
        assert_eq!(keys.blind("d", &["a", "b"]), keys.blind("d", &["a", "b"]));
        for (domain, parts) in [("d", vec!["ab", ""]), ("d", vec!["ab"]), ("da", vec!["b"]), ("d", vec!["b", "a"])] {
            assert_ne!(keys.blind("d", &["a", "b"]), keys.blind(domain, &parts));
        }
        assert_ne!(keys.blind("d", &["a"]), keyring(2).blind("d", &["a"]));
    }

    #[test]
    fn key_material_survives_being_stored() {
        let material = Material::fresh(&SeededEntropy::new(3));
        let again = Material::from_bytes(&material.to_bytes()).unwrap();
        let (keys, reread) = (Keyring::from_material(&material), Keyring::from_material(&again));
        let sealed = keys.seal("t", 1, b"r", b"body", &SeededEntropy::new(9));
        assert_eq!(reread.open("t", 1, b"r", &sealed).unwrap().as_slice(), b"body");
        assert_eq!(keys.blind("d", &["x"]), reread.blind("d", &["x"]));
    }
}
