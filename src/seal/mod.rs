//! The seal: nothing readable is ever stored.
//!
//! A [`Keyring`] seals record bodies and blinds the keys they are found by. It is itself kept sealed under the root key, and the root key
//! under the unseal key ([`Wrapped`]). Only the unseal key lies outside the database: [`key_file`].
//!
//! This module stores nothing and knows no noun.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

pub mod key_file;
mod keyring;
mod opened;
mod wrap;

pub use keyring::Keyring;
pub use opened::Opened;
pub use wrap::{UNSEAL_KEY_BYTES, UnsealKey, Wrapped};

/// Whether the keyring is at hand. Sealed, nothing stored can be read or found.
#[derive(Default)]
pub struct Seal(ArcSwapOption<Keyring>);

impl Seal {
    /// A seal that is closed.
    pub fn sealed() -> Self {
        Self::default()
    }

    /// Open the seal with `keyring`.
    pub fn unseal(&self, keyring: Keyring) {
        self.0.store(Some(Arc::new(keyring)));
    }

    /// Close the seal. The key material is wiped when the last request that uses it ends.
    pub fn seal(&self) {
        self.0.store(None);
    }

    /// The keyring, if the seal is open.
    ///
    /// # Errors
    /// [`Error::Sealed`].
    pub fn keyring(&self) -> Result<Arc<Keyring>, Error> {
        self.0.load_full().ok_or(Error::Sealed)
    }

    /// Whether the seal is closed.
    pub fn is_sealed(&self) -> bool {
        self.0.load().is_none()
    }
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keyring is not at hand.
    #[error("the server is sealed")]
    Sealed,
    /// The ciphertext is damaged, was sealed for another row, or with a key that is not here.
    #[error("a sealed value does not open")]
    DoesNotOpen,
    /// The key file cannot be used.
    #[error("the key file {path}: {why}")]
    KeyFile {
        /// Where it is, or should be.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
