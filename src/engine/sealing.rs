//! The store's own keyring: made once, unwrapped at each start.

use super::Error;
use crate::seal::{Keyring, UnsealKey, Wrapped};
use crate::storage::tables::SEAL;
use crate::storage::{Record, Tx};

const ROOT_KEY: &[u8] = b"root key";
const KEYRING: &[u8] = b"keyring";

/// The wrapped keyring; `None` in a store that was never initialised.
pub fn load(tx: &mut dyn Tx) -> Result<Option<Wrapped>, Error> {
    let root_key = tx.get(&SEAL, ROOT_KEY)?;
    let keyring = tx.get(&SEAL, KEYRING)?;
    Ok(root_key.zip(keyring).map(|(root_key, keyring)| Wrapped { root_key: root_key.body, keyring: keyring.body }))
}

/// Keep `wrapped`, for a store that was never initialised.
pub fn store(tx: &mut dyn Tx, wrapped: &Wrapped) -> Result<(), Error> {
    for (id, body) in [(ROOT_KEY, &wrapped.root_key), (KEYRING, &wrapped.keyring)] {
        let (id, body) = (id.to_vec(), body.clone());
        tx.put(&SEAL, &Record { id, version: 1, expires_at: None, body, entries: Vec::new() })?;
    }
    Ok(())
}

/// The keyring of this store.
///
/// # Errors
/// [`crate::seal::Error::DoesNotOpen`] when `unseal_key` is not this store's, or the store was never initialised.
pub fn open(tx: &mut dyn Tx, unseal_key: &UnsealKey) -> Result<Keyring, Error> {
    let wrapped = load(tx)?.ok_or(crate::seal::Error::DoesNotOpen)?;
    Ok(wrapped.open(unseal_key)?)
}
