//! Namespaces: found by path, made, described, deleted.

use std::collections::BTreeMap;

use super::{Access, Error};
use crate::id::NamespaceId;
use crate::model::namespace::{NameError, Namespace, RESERVED_NAMES, Scope, check_name};
use crate::storage::Tx;
use crate::storage::tables::{
    NAMESPACE_BY_ID, NAMESPACE_BY_PARENT, NAMESPACES, PURGES, Purge, namespace_id_key, namespace_key,
    namespace_parent_key,
};

/// The longest path of a namespace, in bytes.
const LONGEST_PATH: usize = 2048;

/// The namespace that `header` and `path` address together, and what is left of `path` inside it.
///
/// The longest chain of existing namespaces wins; `None` if `header` is not wholly part of it.
pub fn resolve<'p>(
    tx: &mut dyn Tx,
    access: &Access,
    header: &str,
    path: &'p str,
) -> Result<Option<(Scope, &'p str)>, Error> {
    let mut scope = Scope::root();
    for segment in header.split('/').filter(|segment| !segment.is_empty()) {
        match child(tx, access, &scope, segment)? {
            Some(below) => scope = below,
            None => return Ok(None),
        }
    }
    let mut rest = path;
    while let Some((segment, behind)) = rest.split_once('/') {
        match child(tx, access, &scope, segment)? {
            Some(below) => (scope, rest) = (below, behind),
            None => break,
        }
    }
    Ok(Some((scope, rest)))
}

/// The namespace called `name` right below `parent`.
fn child(tx: &mut dyn Tx, access: &Access, parent: &Scope, name: &str) -> Result<Option<Scope>, Error> {
    if RESERVED_NAMES.contains(&name) || name.is_empty() {
        return Ok(None);
    }
    Ok(get(tx, access, parent, name)?.map(|namespace| namespace.scope))
}

/// The namespace called `name` right below `parent`.
pub fn get(tx: &mut dyn Tx, access: &Access, parent: &Scope, name: &str) -> Result<Option<Namespace>, Error> {
    Ok(NAMESPACES.get(tx, access, namespace_key(access, &format!("{}{name}/", parent.path)))?)
}

/// The namespace at this whole path.
pub fn at(tx: &mut dyn Tx, access: &Access, path: &str) -> Result<Option<Scope>, Error> {
    if path.is_empty() {
        return Ok(Some(Scope::root()));
    }
    Ok(NAMESPACES.get(tx, access, namespace_key(access, path))?.map(|namespace| namespace.scope))
}

/// The namespace with this id.
pub fn by_id(tx: &mut dyn Tx, access: &Access, id: &NamespaceId) -> Result<Option<Scope>, Error> {
    if id.is_root() {
        return Ok(Some(Scope::root()));
    }
    let found = NAMESPACES.find_one(tx, access, NAMESPACE_BY_ID, namespace_id_key(access, id))?;
    Ok(found.map(|namespace| namespace.scope))
}

/// Whether the namespace with this id is (still) there.
pub fn exists(tx: &mut dyn Tx, access: &Access, id: &NamespaceId) -> Result<bool, Error> {
    Ok(id.is_root() || NAMESPACES.find_one(tx, access, NAMESPACE_BY_ID, namespace_id_key(access, id))?.is_some())
}

/// What a new namespace is to be.
#[derive(Debug, Clone)]
pub struct Create {
    /// The namespace above it.
    pub parent: Scope,
    /// Its name: one path segment.
    pub name: String,
    /// What its operator notes about it; `None` leaves an existing one's alone.
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// Its id, if it is new.
    pub fresh_id: NamespaceId,
    /// Its UUID, if it is new.
    pub fresh_uuid: String,
}

/// Make a namespace, or note something else about one that is there.
pub fn create(tx: &mut dyn Tx, access: &Access, command: &Create) -> Result<Namespace, Error> {
    check_name(&command.name).map_err(Error::NamespaceName)?;
    let path = format!("{}{}/", command.parent.path, command.name);
    if path.len() > LONGEST_PATH {
        return Err(Error::NamespaceName(NameError::TooLong));
    }
    let mut namespace = NAMESPACES.get(tx, access, namespace_key(access, &path))?.unwrap_or_else(|| Namespace {
        scope: Scope { id: command.fresh_id.clone(), path },
        uuid: command.fresh_uuid.clone(),
        custom_metadata: BTreeMap::new(),
    });
    if let Some(metadata) = &command.custom_metadata {
        namespace.custom_metadata.clone_from(metadata);
    }
    NAMESPACES.put(tx, access, &namespace)?;
    Ok(namespace)
}

/// Merge `changes` into what is noted about the namespace `name` below `parent`: a value sets, `None` removes.
///
/// # Errors
/// [`Error::UnknownNamespace`].
pub fn patch(
    tx: &mut dyn Tx,
    access: &Access,
    parent: &Scope,
    name: &str,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<Namespace, Error> {
    let mut namespace = get(tx, access, parent, name)?.ok_or(Error::UnknownNamespace)?;
    for (key, change) in changes {
        match change {
            Some(value) => namespace.custom_metadata.insert(key.clone(), value.clone()),
            None => namespace.custom_metadata.remove(key),
        };
    }
    NAMESPACES.put(tx, access, &namespace)?;
    Ok(namespace)
}

/// The namespaces right below `parent`, by name.
pub fn list(tx: &mut dyn Tx, access: &Access, parent: &Scope) -> Result<Vec<Namespace>, Error> {
    let mut children =
        NAMESPACES.find_all(tx, access, NAMESPACE_BY_PARENT, namespace_parent_key(access, &parent.path))?;
    children.sort_by(|a, b| a.scope.path.cmp(&b.scope.path));
    Ok(children)
}

/// Delete the namespace `name` below `parent`. It is gone at once; what it held is unreachable and destroyed in batches. Says whether there was one.
///
/// # Errors
/// [`Error::NamespaceHasChildren`].
pub fn delete(tx: &mut dyn Tx, access: &Access, parent: &Scope, name: &str) -> Result<bool, Error> {
    let Some(namespace) = get(tx, access, parent, name)? else { return Ok(false) };
    let below = namespace_parent_key(access, &namespace.scope.path);
    if NAMESPACES.find_one(tx, access, NAMESPACE_BY_PARENT, below)?.is_some() {
        return Err(Error::NamespaceHasChildren);
    }
    NAMESPACES.delete(tx, namespace_key(access, &namespace.scope.path))?;
    PURGES.put(tx, access, &Purge::Namespace(namespace.scope.id))?;
    Ok(true)
}
