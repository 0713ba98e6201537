//! Auth mounts: found by path and by accessor.

use super::{Access, Error};
use crate::id::{Accessor, NamespaceId};
use crate::model::mount::{Mount, TOKEN_MOUNT};
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    MOUNT_BY_ACCESSOR, MOUNT_BY_NAMESPACE, MOUNTS, mount_accessor_key, mount_key, mount_namespace_key,
};

/// The mount that `path` lies in, and what of the path is behind the mount's own. A mount's path may have several segments; no mount's is
/// the beginning of another's, so the shortest that fits is the only one.
pub fn resolve<'a>(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    path: &'a str,
) -> Result<Option<(Mount, &'a str)>, Error> {
    let Some(path) = path.strip_prefix("auth/") else { return Ok(None) };
    for (slash, _) in path.match_indices('/').take(DEEPEST) {
        let (mount, behind) = path.split_at(slash + 1);
        if let Some(mount) = MOUNTS.get(tx, access, mount_key(access, &scope.id, mount))? {
            return Ok(Some((mount, behind)));
        }
    }
    Ok(None)
}

/// The most segments a mount's path may have.
pub const DEEPEST: usize = 16;

/// The mount with this accessor, wherever it is.
pub fn by_accessor(tx: &mut dyn Tx, access: &Access, accessor: &Accessor) -> Result<Option<Mount>, Error> {
    Ok(MOUNTS.find_one(tx, access, MOUNT_BY_ACCESSOR, mount_accessor_key(access, accessor))?)
}

/// The mounts of a namespace, by path.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Mount>, Error> {
    let mut mounts = MOUNTS.find_all(tx, access, MOUNT_BY_NAMESPACE, mount_namespace_key(access, &scope.id))?;
    mounts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(mounts)
}

/// The accessor of a namespace's token mount: derived, since that mount is not stored.
pub fn token_accessor(access: &Access, scope: &Scope) -> Accessor {
    let mark = format!("{:?}", access.blind("mount", &[scope.id.as_str(), "token"]));
    Accessor::new(format!("auth_token_{}", mark.get(..8).unwrap_or_default()))
}

/// What a mount is to those who only have its accessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The namespace it belongs to.
    pub namespace: NamespaceId,
    /// What it is: `token`, or a kind of mount that can be made.
    pub kind: &'static str,
    /// Its path, with a slash at the end and without `auth/`.
    pub path: String,
}

/// Where the mount with this accessor is: the token mount of `scope`, or a stored one wherever it is.
pub fn place(tx: &mut dyn Tx, access: &Access, scope: &Scope, accessor: &Accessor) -> Result<Option<Place>, Error> {
    if *accessor == token_accessor(access, scope) {
        return Ok(Some(Place { namespace: scope.id.clone(), kind: "token", path: TOKEN_MOUNT.into() }));
    }
    let mount = by_accessor(tx, access, accessor)?;
    Ok(mount.map(|Mount { scope, kind, path, .. }| Place { namespace: scope.id, kind: kind.as_str(), path }))
}
