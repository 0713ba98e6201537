//! Entities: made, changed, found, deleted with everything bound to them.

use std::collections::BTreeMap;

use super::{Access, Error, aliases, contacts, edge, enrolments, groups, identity, people};
use crate::entropy::Entropy;
use crate::id::{EntityId, NamespaceId};
use crate::model::contact::Channel;
use crate::model::enrolment::Enrolment;
use crate::model::entity::{Entity, check_metadata};
use crate::model::method::LONGEST_TEXT;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    ENROLMENT_BY_ENTITY, ENROLMENTS, ENTITIES, ENTITY_BY_MERGED, ENTITY_BY_NAME, ENTITY_BY_NAMESPACE, PASSWORDS,
    enrolment_entity_key, entity_key, entity_merged_key, entity_name_key, entity_namespace_key, password_key,
};

/// Which entity is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one with this id, which must be there.
    Id(EntityId),
    /// The one with this name; a new one, if there is none.
    Name(String),
    /// A new one without a name of its own.
    New,
}

/// What an entity is to be. What is `None` stays as it is, or empty.
#[derive(Debug, Clone)]
pub struct Write {
    /// The namespace of the request.
    pub scope: Scope,
    /// Which entity.
    pub which: Which,
    /// Another name, where it is found by its id.
    pub rename: Option<String>,
    /// Its metadata, all of them.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Its policies, all of them.
    pub policies: Option<Vec<String>>,
    /// Whether it is disabled.
    pub disabled: Option<bool>,
    /// Its id, if it is new.
    pub fresh_id: EntityId,
    /// Its name, if it is new and has none of its own.
    pub fresh_name: String,
}

/// A name for a new entity of `scope` that has none of its own.
pub fn fresh_name(entropy: &dyn Entropy, scope: &Scope) -> String {
    format!("entity_{}.{}", data_encoding::HEXLOWER.encode(&entropy.bytes::<4>()), scope.id)
}

/// What became of a [`Write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A new entity.
    Created(Entity),
    /// One that was there.
    Updated(Entity),
}

/// Make or change an entity of the request's namespace.
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<Written, Error> {
    let there = match &command.which {
        Which::Id(id) => Some(get(tx, access, &command.scope, id)?.ok_or(Error::UnknownEntity)?),
        Which::Name(name) => by_name(tx, access, &command.scope.id, name)?,
        Which::New => None,
    };
    let is_new = there.is_none();
    let now = tx.now();
    let mut entity = there.unwrap_or_else(|| {
        let name = match &command.which {
            Which::Name(name) => name,
            Which::Id(_) | Which::New => &command.fresh_name,
        };
        Entity::new(command.fresh_id.clone(), command.scope.clone(), name.clone(), now)
    });
    if let Some(name) = command.rename.as_ref().filter(|name| !name.is_empty()) {
        entity.name.clone_from(name);
    }
    if entity.name.len() > LONGEST_TEXT {
        return Err(Error::NameTooLong);
    }
    if let Some(metadata) = &command.metadata {
        check_metadata(metadata).map_err(Error::Metadata)?;
        entity.metadata = Some(metadata.clone());
    }
    if let Some(policies) = &command.policies {
        entity.policies = identity::given(policies)?;
    }
    entity.disabled = command.disabled.unwrap_or(entity.disabled);
    entity.updated_at = now;
    let namesake = by_name(tx, access, &entity.scope.id, &entity.name)?;
    if namesake.is_some_and(|namesake| namesake.id != entity.id) {
        return Err(Error::EntityNameTaken);
    }
    suspend(tx, access, &entity)?;
    ENTITIES.put(tx, access, &entity)?;
    Ok(if is_new { Written::Created(entity) } else { Written::Updated(entity) })
}

/// Let the enrolments of an entity know whether it is disabled.
fn suspend(tx: &mut dyn Tx, access: &Access, entity: &Entity) -> Result<(), Error> {
    let bound = enrolment_entity_key(access, &entity.id);
    for enrolment in ENROLMENTS.find_all(tx, access, ENROLMENT_BY_ENTITY, bound)? {
        if enrolment.suspended != entity.disabled {
            ENROLMENTS.put(tx, access, &Enrolment { suspended: entity.disabled, ..enrolment })?;
        }
    }
    Ok(())
}

/// The entity with this id, if it lives in `scope` itself: another namespace's cannot be told from none (CVE-2024-9180).
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId) -> Result<Option<Entity>, Error> {
    Ok(ENTITIES.get(tx, access, entity_key(access, id))?.filter(|entity| entity.scope.id == scope.id))
}

/// The entity that a token speaks for that was made for `id`: the one that `id` was merged into, if it was.
pub fn spoken_for(tx: &mut dyn Tx, access: &Access, id: &EntityId) -> Result<Option<Entity>, Error> {
    match ENTITIES.get(tx, access, entity_key(access, id))? {
        Some(entity) => Ok(Some(entity)),
        None => Ok(ENTITIES.find_one(tx, access, ENTITY_BY_MERGED, entity_merged_key(access, id))?),
    }
}

/// The entity of this name in a namespace, whatever the case.
pub fn by_name(tx: &mut dyn Tx, access: &Access, namespace: &NamespaceId, name: &str) -> Result<Option<Entity>, Error> {
    Ok(ENTITIES.find_one(tx, access, ENTITY_BY_NAME, entity_name_key(access, namespace, name))?)
}

/// All entities of a namespace, by id.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Entity>, Error> {
    let mut entities = ENTITIES.find_all(tx, access, ENTITY_BY_NAMESPACE, entity_namespace_key(access, &scope.id))?;
    entities.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(entities)
}

/// Delete the entity with this id, if it lives in `scope`, and everything bound to it.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId) -> Result<(), Error> {
    match get(tx, access, scope, id)? {
        Some(entity) => destroy(tx, access, &entity),
        None => Ok(()),
    }
}

/// Delete the entity of this name and everything bound to it.
pub fn delete_by_name(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<(), Error> {
    match by_name(tx, access, &scope.id, name)? {
        Some(entity) => destroy(tx, access, &entity),
        None => Ok(()),
    }
}

/// Remove an entity's record, its aliases, its memberships, its password, its contact points and what else is known of it, and destroy the
/// secrets of its authenticators.
pub(super) fn destroy(tx: &mut dyn Tx, access: &Access, entity: &Entity) -> Result<(), Error> {
    let bound = enrolment_entity_key(access, &entity.id);
    for enrolment in ENROLMENTS.find_all(tx, access, ENROLMENT_BY_ENTITY, bound)? {
        enrolments::remove(tx, access, &enrolment.entity, &enrolment.method)?;
    }
    aliases::delete_of(tx, access, &entity.id)?;
    groups::remove_everywhere(tx, access, &entity.id)?;
    edge::forgetting::entity(tx, access, &entity.id)?;
    PASSWORDS.delete(tx, password_key(access, &entity.id))?;
    for channel in Channel::ALL {
        contacts::remove(tx, access, &entity.id, channel)?;
    }
    people::forget(tx, access, &entity.id)?;
    Ok(ENTITIES.delete(tx, entity_key(access, &entity.id))?)
}
