//! Uses of services: begun where a policy grants it and the posture passes, and ended when it passes no more.

use super::access::Caller;
use super::services::{Granted, granted};
use super::{Error, Refusal};
use crate::engine::Access;
use crate::id::{ServiceId, ServiceSessionId};
use crate::model::edge::Tags;
use crate::model::edge::service::{ServiceSession, Use};
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::edge::{
    SERVICE_SESSION_BY_API_SESSION, SERVICE_SESSIONS, service_session_api_key, service_session_key,
};
use crate::time::Timestamp;

/// A policy whose checks did not all pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Its id.
    pub policy: String,
    /// The checks that did not pass.
    pub checks: Vec<String>,
}

/// What a use of a service is to be.
#[derive(Debug, Clone)]
pub struct Create {
    /// The service.
    pub service: ServiceId,
    /// What is done with it.
    pub doing: Use,
    /// Notes.
    pub tags: Tags,
    /// Its id.
    pub fresh_id: ServiceSessionId,
}

/// Begin to use a service.
///
/// # Errors
/// [`Refusal::UnknownReference`] if no policy grants it, [`Refusal::Posture`] if none of those that do passes.
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    caller: &Caller,
    command: &Create,
) -> Result<(ServiceSession, Granted), Error> {
    let now = tx.now();
    let Create { service, doing, tags, fresh_id } = command;
    let doing = *doing;
    let found = granted(tx, access, scope, caller)?.into_iter().find(|granted| granted.service.id == *service);
    let unknown = || super::unknown_reference("serviceId", service.as_str());
    let found = found.filter(|granted| granted.granting(doing).next().is_some()).ok_or_else(unknown)?;
    let state = &caller.session.posture;
    if !found.passes(doing, state, now) {
        let failing = found.granting(doing).map(|granting| Failing {
            policy: granting.policy.id.to_string(),
            checks: granting
                .checks
                .iter()
                .filter(|check| !check.passes(state, now))
                .map(|check| check.id.to_string())
                .collect(),
        });
        return Err(Refusal::Posture(failing.collect()).into());
    }
    let session = ServiceSession {
        id: fresh_id.clone(),
        api_session: caller.session.id.clone(),
        entity: caller.entity.id.clone(),
        service: service.clone(),
        doing,
        tags: tags.clone(),
        created_at: now,
        expires_at: caller.session.expires_at(),
    };
    SERVICE_SESSIONS.put(tx, access, &session)?;
    Ok((session, found))
}

/// The uses of services by the caller's session that are granted and pass now, oldest first.
pub fn list(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    caller: &Caller,
) -> Result<Vec<(ServiceSession, Granted)>, Error> {
    let services = granted(tx, access, scope, caller)?;
    let mut all = of(tx, access, caller)?;
    all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let now = tx.now();
    let live = all.into_iter().filter_map(|session| {
        let granted = services.iter().find(|granted| is_good(&session, granted, caller, now))?.clone();
        Some((session, granted))
    });
    Ok(live.collect())
}

fn of(tx: &mut dyn Tx, access: &Access, caller: &Caller) -> Result<Vec<ServiceSession>, Error> {
    let bound = service_session_api_key(access, &caller.session.id);
    Ok(SERVICE_SESSIONS.find_all(tx, access, SERVICE_SESSION_BY_API_SESSION, bound)?)
}

fn is_good(session: &ServiceSession, granted: &Granted, caller: &Caller, now: Timestamp) -> bool {
    granted.service.id == session.service && granted.passes(session.doing, &caller.session.posture, now)
}

/// End the caller's use of a service.
///
/// # Errors
/// [`Refusal::Unknown`], also for others' and for those that pass no more.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, caller: &Caller, id: &str) -> Result<(), Error> {
    let found = list(tx, access, scope, caller)?.into_iter().find(|(session, _)| session.id.as_str() == id);
    let (session, _) = found.ok_or(Refusal::Unknown)?;
    Ok(SERVICE_SESSIONS.delete(tx, service_session_key(access, &session.id))?)
}

/// End the uses that `caller`'s session could not begin now.
pub fn prune(tx: &mut dyn Tx, access: &Access, scope: &Scope, caller: &Caller) -> Result<(), Error> {
    let good = list(tx, access, scope, caller)?;
    for session in of(tx, access, caller)? {
        if !good.iter().any(|(good, _)| good.id == session.id) {
            SERVICE_SESSIONS.delete(tx, service_session_key(access, &session.id))?;
        }
    }
    Ok(())
}
