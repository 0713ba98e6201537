//! Login enforcements: set up, shown, deleted; and which of them apply to a login.

use std::collections::BTreeSet;

use super::{Access, Error, groups, methods, mounts, namespaces};
use crate::id::{Accessor, EnforcementId, EntityId, GroupId, MethodId};
use crate::model::enforcement::{Enforcement, Subject};
use crate::model::login::Login;
use crate::model::method::LONGEST_TEXT;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    ENFORCEMENT_BY_METHOD, ENFORCEMENT_BY_NAMESPACE, ENFORCEMENTS, ENTITIES, GROUPS, enforcement_key,
    enforcement_method_key, enforcement_namespace_key, entity_key, group_key,
};

/// What an enforcement is to be. Selectors that are `None` stay as they are, or empty.
#[derive(Debug, Clone)]
pub struct Write {
    /// The namespace of the request.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// All its methods.
    pub methods: Vec<MethodId>,
    /// All mounts it selects.
    pub accessors: Option<Vec<Accessor>>,
    /// All kinds of mounts it selects.
    pub kinds: Option<Vec<String>>,
    /// All groups it selects.
    pub groups: Option<Vec<GroupId>>,
    /// All entities it selects.
    pub entities: Option<Vec<EntityId>>,
    /// Whether a recovery code will do too.
    pub allow_recovery: Option<bool>,
    /// Its id, if it is new.
    pub fresh_id: EnforcementId,
}

/// Why an enforcement is not set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It names no methods: nobody could satisfy it.
    #[error("missing method ids")]
    NoMethods,
    /// There is no such method.
    #[error("one of the provided method ids doesn't exist")]
    UnknownMethod,
    /// The method lives neither here nor in a namespace above.
    #[error("one of the provided method ids is in an incompatible namespace and can't be used")]
    MethodElsewhere,
    /// The namespace has no such mount.
    #[error("one of the auth method accessors provided is invalid")]
    UnknownAccessor,
    /// The namespace has no mount of the kind.
    #[error("one of the auth method types provided is invalid")]
    UnknownKind,
    /// The namespace has no such group.
    #[error("one of the provided group ids doesn't exist")]
    UnknownGroup,
    /// The namespace has no such entity.
    #[error("one of the provided entity ids doesn't exist")]
    UnknownEntity,
    /// Nothing was said of which logins it selects.
    #[error(
        "One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified"
    )]
    NoSelector,
}

/// Set up an enforcement, or change the one of that name.
///
/// # Errors
/// [`Error::NameTooLong`], and [`Error::Enforcement`] with the first [`Refusal`], in their order, that holds.
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<(), Error> {
    if command.name.len() > LONGEST_TEXT {
        return Err(Error::NameTooLong);
    }
    check(tx, access, command)?.map_err(Error::Enforcement)?;
    let there = get(tx, access, &command.scope, &command.name)?;
    let mut enforcement = there.unwrap_or_else(|| Enforcement {
        id: command.fresh_id.clone(),
        scope: command.scope.clone(),
        name: command.name.clone(),
        methods: Vec::new(),
        accessors: Vec::new(),
        kinds: Vec::new(),
        groups: Vec::new(),
        entities: Vec::new(),
        allow_recovery: true,
    });
    enforcement.methods = once_each(&command.methods);
    replace(&mut enforcement.accessors, command.accessors.as_deref());
    replace(&mut enforcement.kinds, command.kinds.as_deref());
    replace(&mut enforcement.groups, command.groups.as_deref());
    replace(&mut enforcement.entities, command.entities.as_deref());
    if let Some(allow) = command.allow_recovery {
        enforcement.allow_recovery = allow;
    }
    Ok(ENFORCEMENTS.put(tx, access, &enforcement)?)
}

fn replace<T: Ord + Clone>(list: &mut Vec<T>, by: Option<&[T]>) {
    if let Some(by) = by {
        *list = once_each(by);
    }
}

/// The same items in the same order, without those that were there before.
fn once_each<T: Ord + Clone>(items: &[T]) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.iter().filter(|item| seen.insert(*item)).cloned().collect()
}

/// Whether everything that is named is there.
fn check(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<Result<(), Refusal>, Error> {
    let scope = &command.scope;
    if command.methods.is_empty() {
        return Ok(Err(Refusal::NoMethods));
    }
    for id in &command.methods {
        match methods::get(tx, access, id)? {
            None => return Ok(Err(Refusal::UnknownMethod)),
            Some(method) if !method.scope.contains(scope) => return Ok(Err(Refusal::MethodElsewhere)),
            Some(_) => {}
        }
    }
    let here = mounts::list(tx, access, scope)?;
    let token_mount = mounts::token_accessor(access, scope);
    let token_kind = if scope.id.is_root() { "token" } else { "ns_token" };
    for accessor in command.accessors.iter().flatten() {
        if *accessor != token_mount && !here.iter().any(|mount| mount.accessor == *accessor) {
            return Ok(Err(Refusal::UnknownAccessor));
        }
    }
    for kind in command.kinds.iter().flatten() {
        if kind != token_kind && !here.iter().any(|mount| mount.kind.as_str() == kind) {
            return Ok(Err(Refusal::UnknownKind));
        }
    }
    for id in command.groups.iter().flatten() {
        let group = GROUPS.get(tx, access, group_key(access, id))?;
        if group.is_none_or(|group| group.scope.id != scope.id) {
            return Ok(Err(Refusal::UnknownGroup));
        }
    }
    for id in command.entities.iter().flatten() {
        let entity = ENTITIES.get(tx, access, entity_key(access, id))?;
        if entity.is_none_or(|entity| entity.scope.id != scope.id) {
            return Ok(Err(Refusal::UnknownEntity));
        }
    }
    let selectors =
        [command.accessors.is_some(), command.kinds.is_some(), command.groups.is_some(), command.entities.is_some()];
    Ok(if selectors.contains(&true) { Ok(()) } else { Err(Refusal::NoSelector) })
}

/// The enforcement of this name in `scope` itself.
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<Option<Enforcement>, Error> {
    Ok(ENFORCEMENTS.get(tx, access, enforcement_key(access, &scope.id, name))?)
}

/// The enforcements of `scope` itself, by name.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Enforcement>, Error> {
    let key = enforcement_namespace_key(access, &scope.id);
    let mut enforcements = ENFORCEMENTS.find_all(tx, access, ENFORCEMENT_BY_NAMESPACE, key)?;
    enforcements.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(enforcements)
}

/// Delete the enforcement of this name in `scope`; nothing happens when there is none.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<(), Error> {
    Ok(ENFORCEMENTS.delete(tx, enforcement_key(access, &scope.id, name))?)
}

/// An enforcement, anywhere, that names `method`.
pub(super) fn naming(tx: &mut dyn Tx, access: &Access, method: &MethodId) -> Result<Option<Enforcement>, Error> {
    let key = enforcement_method_key(access, method);
    for enforcement in ENFORCEMENTS.find_all(tx, access, ENFORCEMENT_BY_METHOD, key)? {
        // Those of a deleted namespace are on their way out.
        if namespaces::exists(tx, access, &enforcement.scope.id)? {
            return Ok(Some(enforcement));
        }
    }
    Ok(None)
}

/// The enforcements that apply to `login`, of its namespace and of all above: from root down, in each by name.
pub fn applying(tx: &mut dyn Tx, access: &Access, login: &Login) -> Result<Vec<Enforcement>, Error> {
    let mut applying = Vec::new();
    for path in login.scope.lineage() {
        if let Some(scope) = namespaces::at(tx, access, path)? {
            applying.extend(list(tx, access, &scope)?);
        }
    }
    if applying.is_empty() {
        return Ok(applying);
    }
    let groups: Vec<GroupId> =
        groups::of_entity(tx, access, &login.entity)?.into_iter().map(|member| member.group.id).collect();
    let subject =
        Subject { entity: &login.entity, groups: &groups, accessor: &login.mount, kind: login.mount_kind.as_str() };
    applying.retain(|enforcement| enforcement.applies_to(&subject));
    Ok(applying)
}
