//! Group aliases: what an external group is called in an auth mount. A group has at most one.
//!
//! Who is in an external group is known from its alias. When that becomes another, or none, nobody is in the group until the mount says so.

use super::{Access, Error, groups, mounts};
use crate::id::{Accessor, AliasId, GroupId};
use crate::model::entity::fold_name;
use crate::model::group::{Group, GroupAlias, Kind};
use crate::model::method::LONGEST_TEXT;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{GROUP_BY_ALIAS, GROUP_BY_ALIAS_NAME, GROUPS, group_alias_key, group_alias_name_key};

/// Why a group's alias is not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such alias in the namespace.
    #[error("invalid group alias ID")]
    Unknown,
    /// It needs a name.
    #[error("missing alias name")]
    NoName,
    /// It needs a mount.
    #[error("missing mount_accessor")]
    NoMount,
    /// No such mount.
    #[error("invalid mount accessor \"{0}\"")]
    UnknownMount(Accessor),
    /// The mount is in another namespace.
    #[error("mount referenced via 'mount_accessor' not in the same namespace as alias")]
    MountElsewhere,
    /// No such group in the namespace.
    #[error("invalid group ID given in 'canonical_id'")]
    UnknownGroup,
    /// An internal group has no alias.
    #[error("alias can't be set on an internal group")]
    Internal,
    /// Another group has the name in the mount.
    #[error("combination of mount and group alias name is already in use")]
    NameTaken,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::GroupAlias(refusal)
    }
}

/// A group's alias as it is wanted.
#[derive(Debug, Clone)]
pub struct Write {
    /// The namespace of the request.
    pub scope: Scope,
    /// The alias, if it is there.
    pub id: Option<AliasId>,
    /// The name.
    pub name: String,
    /// The mount.
    pub mount: Accessor,
    /// The group; without one an alias that is there stays whose it is, and a new one gets a new group.
    pub group: Option<GroupId>,
    /// Its id, if it is new.
    pub fresh_id: AliasId,
    /// The id of its group, if that is new too.
    pub fresh_group: GroupId,
    /// The name of its group, if that is new too.
    pub fresh_name: String,
}

/// Make or change a group's alias. Gives back the group that has it.
///
/// # Errors
/// A [`Refusal`], [`Error::NameTooLong`].
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<(Group, GroupAlias), Error> {
    let holder = match &command.id {
        Some(id) => Some(by_id(tx, access, &command.scope, id)?.ok_or(Refusal::Unknown)?),
        None => None,
    };
    check_name_and_mount(tx, access, command)?;
    let now = tx.now();
    let key = group_alias_name_key(access, &command.mount, &command.name);
    let namesake = GROUPS.find_one(tx, access, GROUP_BY_ALIAS_NAME, key)?;
    let held = holder.as_ref().map(|(group, _)| &group.id);
    if namesake.is_some_and(|namesake| Some(&namesake.id) != held) {
        return Err(Refusal::NameTaken.into());
    }
    let group = match (&command.group, &holder) {
        (Some(id), _) => groups::get(tx, access, &command.scope, id)?.ok_or(Refusal::UnknownGroup)?,
        (None, Some((group, _))) => group.clone(),
        (None, None) => {
            let (id, name) = (command.fresh_group.clone(), command.fresh_name.clone());
            Group { kind: Kind::External, ..Group::new(id, command.scope.clone(), name, now) }
        }
    };
    if group.kind == Kind::Internal {
        return Err(Refusal::Internal.into());
    }
    let alias = GroupAlias {
        id: command.id.clone().unwrap_or_else(|| command.fresh_id.clone()),
        name: command.name.clone(),
        mount: command.mount.clone(),
        created_at: holder.as_ref().map_or(now, |(_, alias)| alias.created_at),
        updated_at: now,
    };
    if let Some((left, _)) = holder.filter(|(left, _)| left.id != group.id) {
        set(tx, access, left, None)?;
    }
    let group = set(tx, access, group, Some(alias.clone()))?;
    Ok((group, alias))
}

fn check_name_and_mount(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<(), Error> {
    if command.name.is_empty() {
        return Err(Refusal::NoName.into());
    }
    if command.name.len() > LONGEST_TEXT {
        return Err(Error::NameTooLong);
    }
    if command.mount.as_str().is_empty() {
        return Err(Refusal::NoMount.into());
    }
    let place = mounts::place(tx, access, &command.scope, &command.mount)?;
    let place = place.ok_or_else(|| Refusal::UnknownMount(command.mount.clone()))?;
    if place.namespace == command.scope.id { Ok(()) } else { Err(Refusal::MountElsewhere.into()) }
}

/// Give a group this alias in place of any it has. Its members stay only if the mount's name for it does.
fn set(tx: &mut dyn Tx, access: &Access, mut group: Group, alias: Option<GroupAlias>) -> Result<Group, Error> {
    let origin = |alias: &GroupAlias| (alias.mount.clone(), fold_name(&alias.name));
    if group.alias.as_ref().map(origin) != alias.as_ref().map(origin) {
        group.entities.clear();
    }
    group.alias = alias;
    groups::store(tx, access, group)
}

/// The alias with this id, and the group that has it, if that lives in `scope` itself.
pub fn by_id(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &AliasId,
) -> Result<Option<(Group, GroupAlias)>, Error> {
    let found = GROUPS.find_one(tx, access, GROUP_BY_ALIAS, group_alias_key(access, id))?;
    Ok(found.and_then(with_alias).filter(|(group, _)| group.scope.id == scope.id))
}

/// The group with an alias of this name in a mount, whatever the case, if it lives in `scope` itself.
pub fn by_name(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    mount: &Accessor,
    name: &str,
) -> Result<Option<Group>, Error> {
    let key = group_alias_name_key(access, mount, name);
    let found = GROUPS.find_one(tx, access, GROUP_BY_ALIAS_NAME, key)?;
    Ok(found.filter(|group| group.scope.id == scope.id))
}

/// All groups of a namespace that have an alias, with it, by the alias's id.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<(Group, GroupAlias)>, Error> {
    let mut aliased: Vec<_> = groups::list(tx, access, scope)?.into_iter().filter_map(with_alias).collect();
    aliased.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
    Ok(aliased)
}

fn with_alias(group: Group) -> Option<(Group, GroupAlias)> {
    let alias = group.alias.clone()?;
    Some((group, alias))
}

/// Delete the alias with this id, if its group lives in `scope`.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &AliasId) -> Result<(), Error> {
    if let Some((group, _)) = by_id(tx, access, scope, id)? {
        set(tx, access, group, None)?;
    }
    Ok(())
}
