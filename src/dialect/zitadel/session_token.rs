//! Session tokens as proof of who asks.

use super::auth::Caller;
use super::error::Error;
use crate::engine::Access;
use crate::id::BlindKey;
use crate::storage::Tx;

/// Who has the session token `text`: somebody who acts for themselves, if it is current and enough has been proven in its session. `None` for a
/// text that is no session's current token.
///
/// # Errors
/// When too little has been proven.
pub(super) fn caller(_tx: &mut dyn Tx, _access: &Access, _text: &str) -> Result<Option<Caller>, Error> {
    Ok(None)
}

/// Whoever has the current token of the session `id`, whatever has been proven in it, if `text` is that token.
pub(super) fn holder(_tx: &mut dyn Tx, _access: &Access, _id: &str, _text: &str) -> Result<Option<Caller>, Error> {
    Ok(None)
}

/// Whether the session token called `key` is still current.
pub(super) fn still_current(_tx: &mut dyn Tx, _access: &Access, _key: BlindKey) -> Result<bool, Error> {
    Ok(false)
}
