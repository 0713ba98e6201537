//! API sessions: begun, used, ended.

use super::Error;
use crate::engine::Access;
use crate::id::{BlindKey, EntityId};
use crate::model::edge::session::ApiSession;
use crate::storage::Tx;
use crate::storage::tables::edge::{
    API_SESSION_BY_ENTITY, API_SESSIONS, SERVICE_SESSION_BY_API_SESSION, SERVICE_SESSIONS, entity_key,
    service_session_api_key, service_session_key,
};

/// Write down that a session was used now, if that is worth it. Its uses of services live on with it.
pub fn touch(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<(), Error> {
    let now = tx.now();
    let Some(session) = API_SESSIONS.get(tx, access, key)?.filter(|session| session.is_stale_at(now)) else {
        return Ok(());
    };
    let session = ApiSession { last_activity_at: now, ..session };
    API_SESSIONS.put(tx, access, &session)?;
    let bound = service_session_api_key(access, &session.id);
    for mut used in SERVICE_SESSIONS.find_all(tx, access, SERVICE_SESSION_BY_API_SESSION, bound)? {
        used.expires_at = session.expires_at();
        SERVICE_SESSIONS.put(tx, access, &used)?;
    }
    Ok(())
}

/// The sessions of an identity, oldest first.
pub fn of(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<ApiSession>, Error> {
    let mut all = API_SESSIONS.find_all(tx, access, API_SESSION_BY_ENTITY, entity_key(access, entity))?;
    all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(all)
}

/// Whether an identity has a session.
pub fn has_any(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<bool, Error> {
    let key = entity_key(access, entity);
    Ok(API_SESSIONS.find_one(tx, access, API_SESSION_BY_ENTITY, key)?.is_some())
}

/// End a session, and its uses of services.
pub fn end(tx: &mut dyn Tx, access: &Access, session: &ApiSession) -> Result<(), Error> {
    let bound = service_session_api_key(access, &session.id);
    for used in SERVICE_SESSIONS.find_all(tx, access, SERVICE_SESSION_BY_API_SESSION, bound)? {
        SERVICE_SESSIONS.delete(tx, service_session_key(access, &used.id))?;
    }
    Ok(API_SESSIONS.delete(tx, session.key)?)
}

/// End all sessions of an identity.
pub fn end_all(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<(), Error> {
    for session in of(tx, access, entity)? {
        end(tx, access, &session)?;
    }
    Ok(())
}
