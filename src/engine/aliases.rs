//! Entity aliases: made, changed, found, deleted.
//!
//! A name in a mount leads to at most one entity, whatever its case, and an entity has at most one name in a mount.

use std::collections::BTreeMap;

use super::mounts::{self, Place};
use super::{Access, Error, entities};
use crate::entropy::Entropy;
use crate::id::{Accessor, AliasId, EntityId};
use crate::model::alias::{Alias, CustomMetadataError, check_custom_metadata};
use crate::model::entity::Entity;
use crate::model::method::LONGEST_TEXT;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    ALIAS_BY_ENTITY, ALIAS_BY_NAME, ALIAS_BY_NAMESPACE, ALIASES, ENTITIES, alias_entity_key, alias_key, alias_name_key,
    alias_namespace_key,
};

/// Why an alias is not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such alias in the namespace.
    #[error("invalid alias ID provided")]
    Unknown,
    /// No such mount.
    #[error("invalid mount accessor \"{0}\"")]
    UnknownMount(Accessor),
    /// The mount is in another namespace than a new alias would be.
    #[error("matching mount is in a different namespace than request")]
    MountElsewhere,
    /// The mount is in another namespace than the alias.
    #[error("given mount accessor is not in the same namespace as the existing alias")]
    NewMountElsewhere,
    /// A new alias's entity is not there.
    #[error("invalid canonical ID")]
    UnknownEntity,
    /// The entity that an alias was to be given to is not there.
    #[error("given 'canonical_id' is not associated with an entity")]
    UnknownNewEntity,
    /// A new alias's entity has one in the mount.
    #[error("Alias already exists for requested entity and mount accessor")]
    SecondInMount,
    /// The entity that an alias was to be given to has one in the mount.
    #[error("Alias cannot be updated as the given entity already has an alias for this mount ")]
    NewEntityHasOne,
    /// The alias's entity has one in the mount that the alias was to be moved to.
    #[error("Alias cannot be updated as the entity already has an alias for the given 'mount_accessor' ")]
    NewMountHasOne,
    /// Another alias has the name in the mount.
    #[error("alias with combination of mount accessor and name already exists")]
    NameTaken,
    /// The custom metadata are not acceptable.
    #[error("custom_metadata validation failed: {0}")]
    CustomMetadata(#[source] CustomMetadataError),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Alias(refusal)
    }
}

/// An alias as it is wanted: made, if there is none of this name in the mount.
#[derive(Debug, Clone)]
pub struct Put {
    /// The namespace of the request.
    pub scope: Scope,
    /// The mount.
    pub mount: Accessor,
    /// The name.
    pub name: String,
    /// The entity; without one an alias that is there stays whose it is, and a new one gets a new entity.
    pub entity: Option<EntityId>,
    /// What its administrator notes about it.
    pub custom_metadata: BTreeMap<String, String>,
    /// What it draws from chance if it is new.
    pub fresh: Fresh,
}

/// What a new alias draws from chance.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Its id.
    pub alias: AliasId,
    /// The id of its entity, if that is new too.
    pub entity: EntityId,
    /// The name of its entity, if that is new too.
    pub entity_name: String,
}

impl Fresh {
    /// A fresh draw for an alias in `scope`.
    pub fn draw(entropy: &dyn Entropy, scope: &Scope) -> Self {
        Self {
            alias: AliasId::fresh(entropy, &scope.id),
            entity: EntityId::fresh(entropy, &scope.id),
            entity_name: entities::fresh_name(entropy, scope),
        }
    }
}

/// What is to be changed of an alias. What is `None` stays as it is.
#[derive(Debug, Clone)]
pub struct Change {
    /// The namespace of the request.
    pub scope: Scope,
    /// The alias.
    pub id: AliasId,
    /// Another mount.
    pub mount: Option<Accessor>,
    /// Another name.
    pub name: Option<String>,
    /// Another entity.
    pub entity: Option<EntityId>,
    /// What its administrator notes about it.
    pub custom_metadata: Option<BTreeMap<String, String>>,
}

/// Make the alias of this name in this mount, or change the one that is there. `None` when that is so already.
///
/// # Errors
/// A [`Refusal`], [`Error::NameTooLong`].
pub fn put(tx: &mut dyn Tx, access: &Access, command: &Put) -> Result<Option<Alias>, Error> {
    let place = known(tx, access, &command.scope, &command.mount)?;
    if place.namespace != command.scope.id {
        return Err(Refusal::MountElsewhere.into());
    }
    check_custom_metadata(&command.custom_metadata).map_err(Refusal::CustomMetadata)?;
    if command.name.len() > LONGEST_TEXT {
        return Err(Error::NameTooLong);
    }
    let Some(there) = by_name(tx, access, &command.mount, &command.name)? else {
        return make(tx, access, command).map(Some);
    };
    let wanted = Alias {
        name: command.name.clone(),
        entity: command.entity.clone().unwrap_or_else(|| there.entity.clone()),
        custom_metadata: Some(command.custom_metadata.clone()),
        ..there.clone()
    };
    replace(tx, access, &there, wanted)
}

/// The mount with this accessor.
fn known(tx: &mut dyn Tx, access: &Access, scope: &Scope, accessor: &Accessor) -> Result<Place, Error> {
    let place = mounts::place(tx, access, scope, accessor)?;
    Ok(place.ok_or_else(|| Refusal::UnknownMount(accessor.clone()))?)
}

fn make(tx: &mut dyn Tx, access: &Access, command: &Put) -> Result<Alias, Error> {
    let (scope, now) = (&command.scope, tx.now());
    let entity = if let Some(id) = &command.entity {
        let entity = entities::get(tx, access, scope, id)?.ok_or(Refusal::UnknownEntity)?;
        if in_mount(tx, access, &entity.id, &command.mount)?.is_some() {
            return Err(Refusal::SecondInMount.into());
        }
        entity
    } else {
        let Fresh { entity, entity_name, .. } = command.fresh.clone();
        let entity = Entity::new(entity, scope.clone(), entity_name, now);
        ENTITIES.put(tx, access, &entity)?;
        entity
    };
    let alias = Alias {
        id: command.fresh.alias.clone(),
        scope: scope.clone(),
        entity: entity.id,
        mount: command.mount.clone(),
        name: command.name.clone(),
        metadata: None,
        custom_metadata: Some(command.custom_metadata.clone()),
        merged_from: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    ALIASES.put(tx, access, &alias)?;
    Ok(alias)
}

/// Change the alias with this id. `None` when it is so already.
///
/// # Errors
/// A [`Refusal`], [`Error::NameTooLong`].
pub fn change(tx: &mut dyn Tx, access: &Access, command: &Change) -> Result<Option<Alias>, Error> {
    let there = get(tx, access, &command.scope, &command.id)?.ok_or(Refusal::Unknown)?;
    let command = command.clone();
    let mut wanted = there.clone();
    wanted.mount = command.mount.unwrap_or(wanted.mount);
    wanted.name = command.name.unwrap_or(wanted.name);
    wanted.entity = command.entity.unwrap_or(wanted.entity);
    if let Some(metadata) = command.custom_metadata {
        check_custom_metadata(&metadata).map_err(Refusal::CustomMetadata)?;
        wanted.custom_metadata = Some(metadata);
    }
    if wanted.name.len() > LONGEST_TEXT {
        return Err(Error::NameTooLong);
    }
    replace(tx, access, &there, wanted)
}

/// Store `wanted` in place of `there`, if it is another and may be.
fn replace(tx: &mut dyn Tx, access: &Access, there: &Alias, wanted: Alias) -> Result<Option<Alias>, Error> {
    if *there == wanted {
        return Ok(None);
    }
    let other_mount = there.mount != wanted.mount;
    if other_mount && known(tx, access, &there.scope, &wanted.mount)?.namespace != there.scope.id {
        return Err(Refusal::NewMountElsewhere.into());
    }
    if by_name(tx, access, &wanted.mount, &wanted.name)?.is_some_and(|namesake| namesake.id != there.id) {
        return Err(Refusal::NameTaken.into());
    }
    let other_entity = there.entity != wanted.entity;
    if other_entity && entities::get(tx, access, &there.scope, &wanted.entity)?.is_none() {
        return Err(Refusal::UnknownNewEntity.into());
    }
    if in_mount(tx, access, &wanted.entity, &wanted.mount)?.is_some_and(|other| other.id != there.id) {
        return Err(if other_entity { Refusal::NewEntityHasOne } else { Refusal::NewMountHasOne }.into());
    }
    let alias = Alias { updated_at: tx.now(), ..wanted };
    ALIASES.put(tx, access, &alias)?;
    Ok(Some(alias))
}

/// The alias with this id, if it lives in `scope` itself.
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &AliasId) -> Result<Option<Alias>, Error> {
    Ok(ALIASES.get(tx, access, alias_key(access, id))?.filter(|alias| alias.scope.id == scope.id))
}

/// The alias of this name in a mount, whatever the case.
pub fn by_name(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<Option<Alias>, Error> {
    Ok(ALIASES.find_one(tx, access, ALIAS_BY_NAME, alias_name_key(access, mount, name))?)
}

/// The aliases of an entity, oldest first.
pub fn of_entity(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<Alias>, Error> {
    let mut aliases = ALIASES.find_all(tx, access, ALIAS_BY_ENTITY, alias_entity_key(access, entity))?;
    aliases.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(aliases)
}

/// The alias of an entity in a mount.
pub fn in_mount(tx: &mut dyn Tx, access: &Access, entity: &EntityId, mount: &Accessor) -> Result<Option<Alias>, Error> {
    Ok(of_entity(tx, access, entity)?.into_iter().find(|alias| alias.mount == *mount))
}

/// All aliases of a namespace, by id.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Alias>, Error> {
    let mut aliases = ALIASES.find_all(tx, access, ALIAS_BY_NAMESPACE, alias_namespace_key(access, &scope.id))?;
    aliases.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(aliases)
}

/// Delete the alias with this id, if it lives in `scope`. The entity's others then have no custom metadata where theirs were empty, as in Vault.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &AliasId) -> Result<(), Error> {
    let Some(gone) = get(tx, access, scope, id)? else { return Ok(()) };
    ALIASES.delete(tx, alias_key(access, &gone.id))?;
    for mut alias in of_entity(tx, access, &gone.entity)? {
        if alias.custom_metadata.as_ref().is_some_and(BTreeMap::is_empty) {
            alias.custom_metadata = None;
            ALIASES.put(tx, access, &alias)?;
        }
    }
    Ok(())
}

/// Delete all aliases of an entity.
pub(super) fn delete_of(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<(), Error> {
    for alias in of_entity(tx, access, entity)? {
        ALIASES.delete(tx, alias_key(access, &alias.id))?;
    }
    Ok(())
}
