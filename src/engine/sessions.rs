//! Sessions: found by id or by their current token, kept, ended.

use super::people::{self, State, User};
use super::{Access, Error, namespaces};
use crate::id::{BlindKey, EntityId};
use crate::model::namespace::Scope;
use crate::model::session::{Session, Standing};
use crate::storage::Tx;
use crate::storage::tables::people::{
    SESSION_BY_ENTITY, SESSION_BY_NAMESPACE, SESSION_BY_TOKEN, SESSIONS, session_entity_key, session_key,
    session_namespace_key, session_token_key,
};

/// The session `id`, whatever has become of it, if it was made within `bounds`.
pub fn get(tx: &mut dyn Tx, access: &Access, bounds: &Scope, id: &str) -> Result<Option<Session>, Error> {
    let Some(session) = SESSIONS.get(tx, access, session_key(access, id))? else { return Ok(None) };
    let is_there = bounds.contains(&session.scope) && namespaces::exists(tx, access, &session.scope.id)?;
    Ok(is_there.then_some(session))
}

/// The live session whose current token has this text.
pub fn by_token(tx: &mut dyn Tx, access: &Access, text: &str) -> Result<Option<Session>, Error> {
    by_key(tx, access, session_token_key(access, text))
}

/// The live session whose current token is called `key`.
pub fn by_key(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<Option<Session>, Error> {
    let found = SESSIONS.find_one(tx, access, SESSION_BY_TOKEN, key)?;
    Ok(found.filter(|session| session.standing(tx.now()) == Standing::Live))
}

/// The user that a session is about, if it is about somebody who is still there.
pub fn user_of(tx: &mut dyn Tx, access: &Access, session: &Session) -> Result<Option<User>, Error> {
    match &session.factors.user {
        Some(user) => people::again(tx, access, &user.who),
        None => Ok(None),
    }
}

/// Whether whoever has the current token of `session` may still use it: its user, if it has one, is there and active.
pub fn is_usable(tx: &mut dyn Tx, access: &Access, session: &Session) -> Result<bool, Error> {
    if session.standing(tx.now()) != Standing::Live || !namespaces::exists(tx, access, &session.scope.id)? {
        return Ok(false);
    }
    if session.factors.user.is_none() {
        return Ok(true);
    }
    Ok(user_of(tx, access, session)?.is_some_and(|user| user.state() == State::Active))
}

/// Keep a session.
pub fn put(tx: &mut dyn Tx, access: &Access, session: &Session) -> Result<(), Error> {
    Ok(SESSIONS.put(tx, access, session)?)
}

/// All sessions made in `scope` itself.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Session>, Error> {
    Ok(SESSIONS.find_all(tx, access, SESSION_BY_NAMESPACE, session_namespace_key(access, &scope.id))?)
}

/// All sessions made in `scope` and in every namespace below it.
pub fn list_within(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Session>, Error> {
    let (mut found, mut scopes) = (Vec::new(), vec![scope.clone()]);
    while let Some(scope) = scopes.pop() {
        found.extend(list(tx, access, &scope)?);
        scopes.extend(namespaces::list(tx, access, &scope)?.into_iter().map(|namespace| namespace.scope));
    }
    Ok(found)
}

/// All sessions about `entity`.
pub fn of_entity(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<Session>, Error> {
    Ok(SESSIONS.find_all(tx, access, SESSION_BY_ENTITY, session_entity_key(access, entity))?)
}
