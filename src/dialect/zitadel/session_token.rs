//! Session tokens as proof of who asks.

use super::auth::{Caller, Level, Proof};
use super::error::Error;
use super::ready::Ready;
use crate::engine::people::{State, User};
use crate::engine::{Access, login_policy, sessions};
use crate::id::BlindKey;
use crate::model::session::{Session, Standing};
use crate::storage::Tx;
use crate::storage::tables::people::session_token_key;

/// Who has the session token `text`: somebody who acts for themselves, if it is current and enough has been proven in its session. `None` for a
/// text that is no session's current token.
///
/// # Errors
/// When too little has been proven.
pub(super) fn caller(tx: &mut dyn Tx, access: &Access, text: &str) -> Result<Option<Caller>, Error> {
    let Some(session) = sessions::by_token(tx, access, text)? else { return Ok(None) };
    if !sessions::is_usable(tx, access, &session)? {
        return Ok(None);
    }
    let Some(user) = sessions::user_of(tx, access, &session)?.filter(|user| user.state() == State::Active) else {
        return Err(too_little("authentication required"));
    };
    check_enough(tx, access, &session, &user)?;
    let level = Level::Myself { entity: user.entity.id.clone(), session: session.id };
    Ok(Some(Caller { level, scope: user.entity.scope, proof: Proof::Session(session.token) }))
}

/// That enough has been proven in a session to act as its user: a first factor, and a second one wherever the user has one or the policy wants one
/// (CVE-2025-64103).
fn check_enough(tx: &mut dyn Tx, access: &Access, session: &Session, user: &User) -> Result<(), Error> {
    let factors = &session.factors;
    if !factors.has_first() {
        return Err(too_little("authentication required"));
    }
    if factors.has_second() {
        return Ok(());
    }
    let rules = login_policy::of(tx, access, &user.entity.scope)?.rules;
    // Nobody else vouches for anybody here: every login is a local one.
    if rules.force_mfa || rules.force_mfa_local_only || Ready::of(tx, access, user)?.has_second() {
        return Err(too_little("mfa required"));
    }
    Ok(())
}

fn too_little(text: &str) -> Error {
    Error::denied("AUTHZ-Kl3p0", text)
}

/// Whoever has the current token of the session `id`, whatever has been proven in it, if `text` is that token.
pub(super) fn holder(tx: &mut dyn Tx, access: &Access, id: &str, text: &str) -> Result<Option<Caller>, Error> {
    let Some(session) = sessions::by_token(tx, access, text)?.filter(|session| session.id == id) else {
        return Ok(None);
    };
    if !sessions::is_usable(tx, access, &session)? {
        return Ok(None);
    }
    let level = Level::Holder { session: session.id };
    Ok(Some(Caller { level, scope: session.scope, proof: Proof::Session(session.token) }))
}

/// Whether the session token called `key` is still current.
pub(super) fn still_current(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<bool, Error> {
    match sessions::by_key(tx, access, key)? {
        Some(session) => Ok(sessions::is_usable(tx, access, &session)?),
        None => Ok(false),
    }
}

/// Whether `text` is the current token of `session`.
pub(super) fn is_current(access: &Access, session: &Session, text: &str) -> bool {
    session.token == session_token_key(access, text) && session.ended_at.is_none()
}

/// The token that was sent is not the session's.
pub(super) fn wrong() -> Error {
    Error::denied("COMMAND-sGr42", "Session Token is invalid")
}

/// What is wrong with a session that cannot be changed any more.
pub(super) fn check_live(session: &Session, now: crate::time::Timestamp) -> Result<(), Error> {
    match session.standing(now) {
        Standing::Live => Ok(()),
        Standing::Ended => Err(Error::precondition("COMMAND-Hewfq", "Session already terminated")),
        Standing::Expired => Err(Error::precondition("COMMAND-Hkl3d", "Session has expired")),
    }
}
