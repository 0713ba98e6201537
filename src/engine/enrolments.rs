//! Enrolments: binding a fresh authenticator to an entity, and destroying it.

use super::{Access, Error, entities, methods, verification};
use crate::factor::key_uri::key_uri;
use crate::factor::totp;
use crate::id::{EntityId, MethodId};
use crate::model::enrolment::{Authenticator, Enrolment};
use crate::model::entity::Entity;
use crate::model::method::{Method, Settings, Totp};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{ENROLMENTS, GUARDS, enrolment_key};

/// An authenticator that is ready to be bound: drawn, but not yet stored.
#[derive(Clone)]
pub struct Draft {
    /// What it would be.
    pub(super) enrolment: Enrolment,
    scope: Scope,
    /// The key URI that carries the secret to an authenticator app: shown once.
    pub key_uri: Secret<String>,
    /// The size of its picture in pixels each way; 0 for none.
    pub qr_size: u32,
}

/// What drafting came to.
pub enum Drafted {
    /// A fresh authenticator.
    Fresh(Box<Draft>),
    /// The entity has one under this method already, called so; it is neither shown nor changed.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// Draft a TOTP authenticator for the entity `entity` under `method`.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Error::UnknownEntity`], [`Error::OutsideMethod`], [`Error::OtherKind`], in this order.
pub fn draft(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
) -> Result<Drafted, Error> {
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    check_reach(&method, &entity)?;
    let Settings::Totp(settings) = &method.settings else { return Err(Error::OtherKind) };
    if ENROLMENTS.contains(tx, enrolment_key(access, &entity.id, &method.id))? {
        return Ok(Drafted::AlreadyEnrolled { method_name: method.name });
    }
    let authenticator = fresh_authenticator(settings, access);
    let draft = Draft {
        key_uri: key_uri(&settings.issuer, entity.id.as_str(), &authenticator),
        qr_size: settings.qr_size,
        scope: scope.clone(),
        enrolment: Enrolment {
            entity: entity.id,
            scope: entity.scope,
            suspended: entity.disabled,
            method: method.id,
            authenticator: Authenticator::Totp(authenticator),
            created_at: tx.now(),
            confirmed_at: None,
        },
    };
    Ok(Drafted::Fresh(Box::new(draft)))
}

fn fresh_authenticator(settings: &Totp, access: &Access) -> totp::Authenticator {
    let mut seed = vec![0; usize::try_from(settings.key_size).unwrap_or_default()];
    access.entropy.fill(&mut seed);
    totp::Authenticator { parameters: settings.parameters.clone(), seed: Secret::new(seed) }
}

/// Bind a drafted authenticator, unless another was bound meanwhile. Says whether it was. Failures of an earlier one keep counting within
/// their window; only the count that disables starts anew.
///
/// # Errors
/// As [`draft`], if what it was drafted for has gone meanwhile.
pub fn bind(tx: &mut dyn Tx, access: &Access, draft: &Draft) -> Result<Bound, Error> {
    let enrolment = &draft.enrolment;
    let method = methods::get(tx, access, &enrolment.method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, &draft.scope, &enrolment.entity)?.ok_or(Error::UnknownEntity)?;
    let key = enrolment_key(access, &entity.id, &method.id);
    if ENROLMENTS.contains(tx, key)? {
        return Ok(Bound::AlreadyEnrolled { method_name: method.name });
    }
    if let Some(mut guarded) = GUARDS.get(tx, access, key)? {
        guarded.guard.consecutive_failures = 0;
        guarded.expires_at = None;
        GUARDS.put(tx, access, &guarded)?;
    }
    ENROLMENTS.put(tx, access, &Enrolment { suspended: entity.disabled, ..enrolment.clone() })?;
    Ok(Bound::Fresh)
}

/// What binding came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// The authenticator is bound, and counts at once.
    Fresh,
    /// Another was bound first.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// Destroy the secret that `entity` has under `method`, if any. Its guard and its spent steps stay until they end by themselves, so that
/// destroying and generating is no way round them.
///
/// # Errors
/// [`Error::UnknownEntity`], [`Error::UnknownMethod`], [`Error::OtherKind`], [`Error::OutsideMethod`], in this order.
pub fn destroy(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
) -> Result<(), Error> {
    let (method, entity) = bound_pair(tx, access, scope, method, entity)?;
    remove(tx, access, &entity.id, &method.id)
}

/// Remove an enrolment and let its guard go by itself.
pub(super) fn remove(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<(), Error> {
    let key = enrolment_key(access, entity, method);
    verification::release_guard(tx, access, key)?;
    Ok(ENROLMENTS.delete(tx, key)?)
}

/// The TOTP method and the entity of the request's namespace that an administrator names, checked against each other.
///
/// # Errors
/// As [`destroy`].
pub fn bound_pair(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
) -> Result<(Method, Entity), Error> {
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    match method.settings {
        Settings::Totp(_) => {}
        Settings::Duo(_) | Settings::Okta(_) | Settings::PingId(_) => return Err(Error::OtherKind),
    }
    check_reach(&method, &entity)?;
    Ok((method, entity))
}

/// A method reaches the entities of its own namespace and of those below.
fn check_reach(method: &Method, entity: &Entity) -> Result<(), Error> {
    if method.scope.contains(&entity.scope) {
        return Ok(());
    }
    Err(Error::OutsideMethod { entity: entity.scope.path.clone(), method: method.scope.path.clone() })
}
