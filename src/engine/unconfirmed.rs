//! Registrations: an authenticator that its owner has yet to confirm takes the place of the one that was begun before it.

use std::time::Duration;

use super::{Access, Error, enrolments};
use crate::id::{BlindKey, EntityId};
use crate::model::enrolment::{Authenticator, Bound, Enrolment, Standing};
use crate::model::entity::Entity;
use crate::model::method::Method;
use crate::storage::Tx;
use crate::storage::tables::people::registration_guard_key;
use crate::storage::tables::{ENROLMENTS, GUARDS, enrolment_key};

/// What the guard that counts wrong answers to a registration is called.
pub fn guard(access: &Access, entity: &EntityId, method: &Method) -> BlindKey {
    registration_guard_key(access, entity, method.id.as_str())
}

/// Begin to register `authenticator` for `entity` under `method`, in place of what was begun before; `None` for how long it may wait if it
/// counts at once. Says its number: where there is nothing else under the method `first_number`, drawn beforehand, so that what an earlier
/// authenticator has spent is not taken for spent by this one.
pub fn begin(
    tx: &mut dyn Tx,
    access: &Access,
    method: &Method,
    entity: &Entity,
    authenticator: &Authenticator,
    waits_for: Option<Duration>,
    first_number: u32,
) -> Result<u32, Error> {
    discard(tx, access, method, &entity.id)?;
    let there = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    let fresh = || {
        let (id, scope) = (entity.id.clone(), entity.scope.clone());
        let nothing = Enrolment::new(id, scope, entity.disabled, method.id.clone());
        Enrolment { next_number: first_number, ..nothing }
    };
    let mut enrolment = there.unwrap_or_else(fresh);
    let now = tx.now();
    let bound = Bound {
        number: 0,
        label: String::new(),
        authenticator: authenticator.clone(),
        standing: waits_for.map_or(Standing::Counting, |wait| Standing::PendingUntil(now.plus(wait))),
        created_at: now,
        confirmed_at: waits_for.is_none().then_some(now),
        last_used_at: None,
    };
    let number = enrolment.take(bound, now);
    ENROLMENTS.put(tx, access, &enrolment)?;
    Ok(number)
}

/// Discard what `entity` has begun to register under `method`. Says whether there was anything.
pub fn discard(tx: &mut dyn Tx, access: &Access, method: &Method, entity: &EntityId) -> Result<bool, Error> {
    GUARDS.delete(tx, guard(access, entity, method))?;
    let key = enrolment_key(access, entity, &method.id);
    let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)? else { return Ok(false) };
    let (now, before) = (tx.now(), enrolment.authenticators.len());
    let was_waiting = enrolment.authenticators.iter().any(|bound| !bound.counts() && bound.stands_at(now));
    enrolment.authenticators.retain(Bound::counts);
    if enrolment.authenticators.is_empty() {
        enrolments::remove(tx, access, entity, &method.id)?;
    } else if enrolment.authenticators.len() != before {
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(was_waiting)
}
