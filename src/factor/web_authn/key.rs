//! Credential public keys: read from COSE (RFC 9052, section 7), and what was signed checked with them.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_cbor_2::Value;
use webauthn_rs_core::proto::{COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSERSAKey, ECDSACurve};

use super::{Algorithm, encoded};

/// A public key of one of the algorithms that are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicKey {
    /// A point on P-256.
    Es256 {
        /// Its first coordinate.
        #[serde(with = "encoded")]
        x: Vec<u8>,
        /// Its second coordinate.
        #[serde(with = "encoded")]
        y: Vec<u8>,
    },
    /// An RSA key of 2048 bits.
    Rs256 {
        /// The modulus.
        #[serde(with = "encoded")]
        n: Vec<u8>,
        /// The exponent.
        #[serde(with = "encoded")]
        e: Vec<u8>,
    },
    /// A point on Curve25519.
    EdDsa {
        /// The point, as RFC 8032 writes it.
        #[serde(with = "encoded")]
        x: Vec<u8>,
    },
}

impl PublicKey {
    /// The key that `cose` is; `None` if it is of no algorithm that is taken, or no good key.
    pub(super) fn read(cose: &Value) -> Option<Self> {
        if let Some(key) = read_ed25519(cose) {
            return Some(key);
        }
        let key = COSEKey::try_from(cose).ok()?;
        match (key.type_, key.key) {
            // The algorithm names its curve (Level 3, section 5.8.5).
            (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(key)) if key.curve == ECDSACurve::SECP256R1 => {
                Some(Self::Es256 { x: key.x, y: key.y })
            }
            (COSEAlgorithm::RS256, COSEKeyType::RSA(key)) => Some(Self::Rs256 { n: key.n, e: key.e.to_vec() }),
            (_, COSEKeyType::EC_OKP(_) | COSEKeyType::EC_EC2(_) | COSEKeyType::RSA(_)) => None,
        }
    }

    /// Its algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256 { .. } => Algorithm::Es256,
            Self::Rs256 { .. } => Algorithm::Rs256,
            Self::EdDsa { .. } => Algorithm::EdDsa,
        }
    }

    /// Whether `signature` over `message` was made with the private key.
    pub(super) fn verifies(&self, signature: &[u8], message: &[u8]) -> bool {
        let (type_, key) = match self {
            Self::EdDsa { x } => return verify_ed25519(x, signature, message).is_some(),
            Self::Es256 { x, y } => {
                let curve = ECDSACurve::SECP256R1;
                (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(COSEEC2Key { curve, x: x.clone(), y: y.clone() }))
            }
            Self::Rs256 { n, e } => {
                let Ok(e) = e.as_slice().try_into() else { return false };
                (COSEAlgorithm::RS256, COSEKeyType::RSA(COSERSAKey { n: n.clone(), e }))
            }
        };
        COSEKey { type_, key }.verify_signature(signature, message).unwrap_or(false)
    }
}

/// An Ed25519 key, which the library does not read: key type 1, algorithm -8, curve 6 (RFC 9053, section 7.2).
fn read_ed25519(cose: &Value) -> Option<PublicKey> {
    let Value::Map(members) = cose else { return None };
    let is = |label: i128, expected: i128| members.get(&Value::Integer(label)) == Some(&Value::Integer(expected));
    if !is(1, 1) || !is(3, Algorithm::EdDsa.cose().into()) || !is(-1, 6) {
        return None;
    }
    let Value::Bytes(x) = members.get(&Value::Integer(-2))? else { return None };
    verifying_key(x)?;
    Some(PublicKey::EdDsa { x: x.clone() })
}

/// The point, unless a signature by it would say nothing.
fn verifying_key(x: &[u8]) -> Option<VerifyingKey> {
    let key = VerifyingKey::from_bytes(x.try_into().ok()?).ok()?;
    (!key.is_weak()).then_some(key)
}

fn verify_ed25519(x: &[u8], signature: &[u8], message: &[u8]) -> Option<()> {
    let signature = Signature::from_slice(signature).ok()?;
    verifying_key(x)?.verify_strict(message, &signature).ok()
}
