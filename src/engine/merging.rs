//! Merging entities that turned out to be one.

use super::{Access, Error, entities, verification};
use crate::id::EntityId;
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{ENROLMENT_BY_ENTITY, ENROLMENTS, ENTITIES, enrolment_entity_key, enrolment_key};

/// Which entities become one.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The namespace of the request.
    pub scope: Scope,
    /// The entity that stays.
    pub to: EntityId,
    /// Those that go; what is bound to them becomes the other's.
    pub from: Vec<EntityId>,
    /// Where both are enrolled under one method: keep the staying entity's authenticator instead of refusing.
    pub force: bool,
}

/// Merge entities. Authenticators move with their secrets, their guards and their spent steps; names, metadata and policies of those that go
/// are dropped.
///
/// # Errors
/// [`Error::UnknownEntity`] for the one that stays, [`Error::MergeSource`] for one that goes, [`Error::ConflictingEnrolments`] without `force`.
pub fn merge(tx: &mut dyn Tx, access: &Access, command: &Merge) -> Result<(), Error> {
    let mut target = entities::get(tx, access, &command.scope, &command.to)?.ok_or(Error::UnknownEntity)?;
    for from in &command.from {
        let source = entities::get(tx, access, &command.scope, from)?.ok_or(Error::MergeSource)?;
        move_enrolments(tx, access, &source, &target, command.force)?;
        entities::destroy(tx, access, &source)?;
        target.merged.push(source.id);
        target.merged.extend(source.merged);
    }
    target.updated_at = tx.now();
    Ok(ENTITIES.put(tx, access, &target)?)
}

fn move_enrolments(
    tx: &mut dyn Tx,
    access: &Access,
    source: &Entity,
    target: &Entity,
    force: bool,
) -> Result<(), Error> {
    let bound = enrolment_entity_key(access, &source.id);
    for mut enrolment in ENROLMENTS.find_all(tx, access, ENROLMENT_BY_ENTITY, bound)? {
        let old = enrolment_key(access, &source.id, &enrolment.method);
        let new = enrolment_key(access, &target.id, &enrolment.method);
        if ENROLMENTS.contains(tx, new)? {
            if force {
                continue;
            }
            return Err(Error::ConflictingEnrolments { method: enrolment.method, from: source.id.clone() });
        }
        verification::carry_over(tx, access, &enrolment, old, new)?;
        ENROLMENTS.delete(tx, old)?;
        enrolment.entity = target.id.clone();
        enrolment.suspended = target.disabled;
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(())
}
