//! Groups: made, changed, found, deleted; and who is in them.
//!
//! Everything in a group lives in the group's namespace. Groups never contain themselves, at any depth, and chains of them are bounded, so that
//! walking them ends soon.

use std::collections::{BTreeMap, BTreeSet};

use super::{Access, Error, entities, identity, nesting};
use crate::entropy::Entropy;
use crate::id::{Accessor, EntityId, GroupId, NamespaceId};
use crate::model::entity::{MetadataError, check_metadata};
use crate::model::group::{Group, Kind, LONGEST_CHAIN, MOST_MEMBERS};
use crate::model::method::LONGEST_TEXT;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    GROUP_BY_ALIAS_NAME, GROUP_BY_ENTITY, GROUP_BY_MEMBER, GROUP_BY_NAME, GROUP_BY_NAMESPACE, GROUPS,
    group_alias_name_key, group_entity_key, group_key, group_member_key, group_name_key, group_namespace_key,
};

/// Why a group is not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such group in the namespace.
    #[error("invalid group ID")]
    Unknown,
    /// Another group of the namespace has the name.
    #[error("group name is already in use")]
    NameTaken,
    /// There is no such kind.
    #[error("invalid group type \"{0}\"")]
    UnknownKind(String),
    /// A group stays of its kind.
    #[error("group type cannot be changed")]
    OtherKind,
    /// Who is in an external group is its mount's to say.
    #[error("member entities can't be set manually for external groups")]
    EntitiesInExternal,
    /// An external group has no groups in it.
    #[error("member groups can't be set for external groups")]
    GroupsInExternal,
    /// No such entity in the namespace.
    #[error("invalid entity ID \"{0}\"")]
    UnknownEntity(EntityId),
    /// No such group in the namespace that could be a member.
    #[error("invalid member group ID \"{0}\"")]
    UnknownMember(GroupId),
    /// The group would be in itself.
    #[error("member group ID \"{0}\" is same as the ID of the group")]
    InItself(GroupId),
    /// The group would be in itself by way of this one.
    #[error("cyclic relationship detected for member group ID \"{0}\"")]
    Cycle(GroupId),
    /// Groups would be in groups too many times over.
    #[error("groups are nested too deeply (limit: {LONGEST_CHAIN})")]
    TooDeep,
    /// Too many members at once.
    #[error("too many members (limit: {MOST_MEMBERS})")]
    TooMany,
    /// The metadata are not acceptable.
    #[error("invalid group metadata: failed to load metadata pair: {0}")]
    Metadata(#[source] MetadataError),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Group(refusal)
    }
}

/// Which group is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one with this id, which must be there.
    Id(GroupId),
    /// The one with this name, which is then written like this; a new one, if there is none.
    Name(String),
    /// A new one without a name of its own.
    New,
}

/// What a group is to be. What is `None` stays as it is, or empty.
#[derive(Debug, Clone)]
pub struct Write {
    /// The namespace of the request.
    pub scope: Scope,
    /// Which group.
    pub which: Which,
    /// Another name, where it is found by its id.
    pub rename: Option<String>,
    /// The name of its kind; a new one without is internal.
    pub kind: Option<String>,
    /// Its metadata, all of them.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Its policies, all of them.
    pub policies: Option<Vec<String>>,
    /// The entities in it, all of them.
    pub entities: Option<Vec<EntityId>>,
    /// The groups in it, all of them.
    pub groups: Option<Vec<GroupId>>,
    /// Its id, if it is new.
    pub fresh_id: GroupId,
    /// Its name, if it is new and has none of its own.
    pub fresh_name: String,
}

/// A name for a new group of `scope` that has none of its own.
pub fn fresh_name(entropy: &dyn Entropy, scope: &Scope) -> String {
    format!("group_{}.{}", data_encoding::HEXLOWER.encode(&entropy.bytes::<4>()), scope.id)
}

/// What became of a [`Write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A new group.
    Created(Group),
    /// One that was there.
    Updated(Group),
}

/// Make or change a group of the request's namespace.
///
/// # Errors
/// A [`Refusal`], [`Error::RootPolicy`], [`Error::NameTooLong`].
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<Written, Error> {
    let there = match &command.which {
        Which::Id(id) => Some(get(tx, access, &command.scope, id)?.ok_or(Refusal::Unknown)?),
        Which::Name(name) => by_name(tx, access, &command.scope.id, name)?,
        Which::New => None,
    };
    let is_new = there.is_none();
    let mut group = match there {
        Some(group) => group,
        None => Group::new(command.fresh_id.clone(), command.scope.clone(), command.fresh_name.clone(), tx.now()),
    };
    set_kind(&mut group, is_new, command.kind.as_deref())?;
    set_name(&mut group, command)?;
    if let Some(metadata) = &command.metadata {
        check_metadata(metadata).map_err(Refusal::Metadata)?;
        group.metadata = Some(metadata.clone()).filter(|metadata| !metadata.is_empty());
    }
    if let Some(policies) = &command.policies {
        group.policies = identity::given(policies)?;
    }
    if let Some(entities) = &command.entities {
        set_entities(tx, access, &mut group, entities)?;
    }
    if let Some(groups) = &command.groups {
        set_groups(tx, access, &mut group, groups)?;
    }
    let namesake = by_name(tx, access, &group.scope.id, &group.name)?;
    if namesake.is_some_and(|namesake| namesake.id != group.id) {
        return Err(Refusal::NameTaken.into());
    }
    let group = store(tx, access, group)?;
    Ok(if is_new { Written::Created(group) } else { Written::Updated(group) })
}

/// Store a group that was changed.
pub(super) fn store(tx: &mut dyn Tx, access: &Access, mut group: Group) -> Result<Group, Error> {
    group.revision = group.revision.saturating_add(1);
    group.updated_at = tx.now();
    GROUPS.put(tx, access, &group)?;
    Ok(group)
}

fn set_kind(group: &mut Group, is_new: bool, kind: Option<&str>) -> Result<(), Refusal> {
    match kind {
        None => Ok(()),
        Some(kind) if is_new => {
            group.kind = Kind::parse(kind).ok_or_else(|| Refusal::UnknownKind(kind.into()))?;
            Ok(())
        }
        Some(kind) if kind == group.kind.as_str() => Ok(()),
        Some(_) => Err(Refusal::OtherKind),
    }
}

fn set_name(group: &mut Group, command: &Write) -> Result<(), Error> {
    let name = match &command.which {
        Which::Name(name) => Some(name),
        Which::Id(_) | Which::New => command.rename.as_ref().filter(|name| !name.is_empty()),
    };
    if let Some(name) = name {
        group.name.clone_from(name);
    }
    if group.name.len() > LONGEST_TEXT { Err(Error::NameTooLong) } else { Ok(()) }
}

fn set_entities(tx: &mut dyn Tx, access: &Access, group: &mut Group, wanted: &[EntityId]) -> Result<(), Error> {
    if group.kind == Kind::External {
        return Err(Refusal::EntitiesInExternal.into());
    }
    let wanted = once_each(wanted)?;
    for id in &wanted {
        if entities::get(tx, access, &group.scope, id)?.is_none() {
            return Err(Refusal::UnknownEntity(id.clone()).into());
        }
    }
    group.entities = wanted;
    Ok(())
}

fn set_groups(tx: &mut dyn Tx, access: &Access, group: &mut Group, wanted: &[GroupId]) -> Result<(), Error> {
    if group.kind == Kind::External {
        return Err(Refusal::GroupsInExternal.into());
    }
    let wanted = once_each(wanted)?;
    if wanted.contains(&group.id) {
        return Err(Refusal::InItself(group.id.clone()).into());
    }
    let mut members = Vec::new();
    for id in &wanted {
        members.push(get(tx, access, &group.scope, id)?.ok_or_else(|| Refusal::UnknownMember(id.clone()))?);
    }
    nesting::check(tx, access, &group.id, &members)?;
    group.groups = wanted;
    Ok(())
}

/// `ids`, sorted and each once, if they are not too many.
fn once_each<T: Ord + Clone>(ids: &[T]) -> Result<Vec<T>, Refusal> {
    let ids: BTreeSet<&T> = ids.iter().collect();
    if ids.len() > MOST_MEMBERS { Err(Refusal::TooMany) } else { Ok(ids.into_iter().cloned().collect()) }
}

/// The group with this id, if it lives in `scope` itself.
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &GroupId) -> Result<Option<Group>, Error> {
    Ok(GROUPS.get(tx, access, group_key(access, id))?.filter(|group| group.scope.id == scope.id))
}

/// The group of this name in a namespace, whatever the case.
pub fn by_name(tx: &mut dyn Tx, access: &Access, namespace: &NamespaceId, name: &str) -> Result<Option<Group>, Error> {
    Ok(GROUPS.find_one(tx, access, GROUP_BY_NAME, group_name_key(access, namespace, name))?)
}

/// The groups that a group is right in, by id.
pub fn parents(tx: &mut dyn Tx, access: &Access, id: &GroupId) -> Result<Vec<Group>, Error> {
    let mut parents = GROUPS.find_all(tx, access, GROUP_BY_MEMBER, group_member_key(access, id))?;
    parents.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(parents)
}

/// All groups of a namespace, by id.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Group>, Error> {
    let mut groups = GROUPS.find_all(tx, access, GROUP_BY_NAMESPACE, group_namespace_key(access, &scope.id))?;
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(groups)
}

/// A group that an entity is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The group.
    pub group: Group,
    /// Whether the entity is in it only by way of another group.
    pub inherited: bool,
}

/// The groups that an entity is in: those it is right in, by id, and then those that these are in, at any depth, each once.
pub fn of_entity(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<Member>, Error> {
    let mut level = GROUPS.find_all(tx, access, GROUP_BY_ENTITY, group_entity_key(access, entity))?;
    level.sort_by(|a, b| a.id.cmp(&b.id));
    let mut seen: BTreeSet<GroupId> = level.iter().map(|group| group.id.clone()).collect();
    let (mut members, mut inherited) = (Vec::new(), false);
    while !level.is_empty() {
        let mut above = Vec::new();
        for group in &level {
            let parents = parents(tx, access, &group.id)?;
            above.extend(parents.into_iter().filter(|parent| seen.insert(parent.id.clone())));
        }
        members.extend(level.into_iter().map(|group| Member { group, inherited }));
        (level, inherited) = (above, true);
    }
    Ok(members)
}

/// Delete the group with this id, if it lives in `scope`, and take it out of those that it is in.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &GroupId) -> Result<(), Error> {
    match get(tx, access, scope, id)? {
        Some(group) => destroy(tx, access, &group),
        None => Ok(()),
    }
}

/// Delete the group of this name, and take it out of those that it is in.
pub fn delete_by_name(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<(), Error> {
    match by_name(tx, access, &scope.id, name)? {
        Some(group) => destroy(tx, access, &group),
        None => Ok(()),
    }
}

fn destroy(tx: &mut dyn Tx, access: &Access, group: &Group) -> Result<(), Error> {
    for mut parent in parents(tx, access, &group.id)? {
        parent.groups.retain(|member| *member != group.id);
        store(tx, access, parent)?;
    }
    Ok(GROUPS.delete(tx, group_key(access, &group.id))?)
}

/// Take an entity out of all groups.
pub(super) fn remove_everywhere(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<(), Error> {
    for mut group in GROUPS.find_all(tx, access, GROUP_BY_ENTITY, group_entity_key(access, entity))? {
        group.entities.retain(|member| member != entity);
        store(tx, access, group)?;
    }
    Ok(())
}

/// Put `to` in the place of `from` in all groups.
pub(super) fn move_memberships(tx: &mut dyn Tx, access: &Access, from: &EntityId, to: &EntityId) -> Result<(), Error> {
    for mut group in GROUPS.find_all(tx, access, GROUP_BY_ENTITY, group_entity_key(access, from))? {
        group.entities.retain(|member| member != from);
        insert(&mut group.entities, to);
        store(tx, access, group)?;
    }
    Ok(())
}

/// Put an entity into a sorted list of them, once.
fn insert(entities: &mut Vec<EntityId>, entity: &EntityId) {
    if let Err(at) = entities.binary_search(entity) {
        entities.insert(at, entity.clone());
    }
}

/// What a login through `mount` says about its external groups: the entity is in those that have an alias of one of these `names` there,
/// and in no others of that mount. To be asked before anything is decided by the entity's groups.
pub fn refresh_external(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    mount: &Accessor,
    names: &[String],
) -> Result<(), Error> {
    let mut named = BTreeMap::new();
    for name in names {
        let key = group_alias_name_key(access, mount, name);
        if let Some(group) = GROUPS.find_one(tx, access, GROUP_BY_ALIAS_NAME, key)? {
            named.insert(group.id.clone(), group);
        }
    }
    for mut group in GROUPS.find_all(tx, access, GROUP_BY_ENTITY, group_entity_key(access, entity))? {
        let from_here = group.alias.as_ref().is_some_and(|alias| alias.mount == *mount);
        if named.remove(&group.id).is_none() && from_here {
            group.entities.retain(|member| member != entity);
            store(tx, access, group)?;
        }
    }
    for mut group in named.into_values() {
        insert(&mut group.entities, entity);
        store(tx, access, group)?;
    }
    Ok(())
}
