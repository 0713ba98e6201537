//! What goes when an entity goes, or a whole namespace.

use super::{plain, sessions};
use crate::engine::{Access, Error};
use crate::id::{EntityId, NamespaceId};
use crate::model::edge::auth_policy::AuthPolicy;
use crate::model::edge::posture::Check;
use crate::model::edge::service::{Service, ServicePolicy};
use crate::storage::Tx;
use crate::storage::table::{Stored, Table};
use crate::storage::tables::edge::{
    API_SESSION_BY_NAMESPACE, API_SESSIONS, AUTHENTICATOR_BY_ENTITY, AUTHENTICATOR_BY_NAMESPACE, AUTHENTICATORS,
    BY_NAMESPACE, IDENTITIES, IDENTITY_BY_NAMESPACE, Named, entity_key, identity_key, namespace_key,
};

/// Forget what is known of an entity that goes: what is said about it, the name it logs in by, its sessions.
pub fn entity(tx: &mut dyn Tx, access: &Access, id: &EntityId) -> Result<(), Error> {
    sessions::end_all(tx, access, id).map_err(plain)?;
    let bound = entity_key(access, id);
    if let Some(authenticator) = AUTHENTICATORS.find_one(tx, access, AUTHENTICATOR_BY_ENTITY, bound)? {
        AUTHENTICATORS.delete(tx, authenticator.key(access))?;
    }
    Ok(IDENTITIES.delete(tx, identity_key(access, id))?)
}

/// Forget about `limit` records of each kind that a namespace leaves. Says how many went.
pub fn namespace(tx: &mut dyn Tx, access: &Access, id: &NamespaceId, limit: usize) -> Result<usize, Error> {
    let mut gone = some(tx, access, &API_SESSIONS, API_SESSION_BY_NAMESPACE, id, limit)?;
    gone += some(tx, access, &AUTHENTICATORS, AUTHENTICATOR_BY_NAMESPACE, id, limit)?;
    gone += some(tx, access, &IDENTITIES, IDENTITY_BY_NAMESPACE, id, limit)?;
    gone += named::<AuthPolicy>(tx, access, id, limit)?;
    gone += named::<Check>(tx, access, id, limit)?;
    gone += named::<Service>(tx, access, id, limit)?;
    gone += named::<ServicePolicy>(tx, access, id, limit)?;
    Ok(gone)
}

fn named<T: Named>(tx: &mut dyn Tx, access: &Access, id: &NamespaceId, limit: usize) -> Result<usize, Error> {
    some(tx, access, &Table::<T>::new(), BY_NAMESPACE, id, limit)
}

fn some<T: Stored>(
    tx: &mut dyn Tx,
    access: &Access,
    table: &Table<T>,
    index: usize,
    id: &NamespaceId,
    limit: usize,
) -> Result<usize, Error> {
    let found = table.find_some(tx, access, index, namespace_key(access, id), limit)?;
    for noun in &found {
        table.delete(tx, noun.key(access))?;
    }
    Ok(found.len())
}
