//! Auth mounts: found by path and by accessor, made, tuned, deleted with all that came of them.

use std::collections::BTreeMap;

use super::{Access, Error};
use crate::id::{Accessor, NamespaceId};
use crate::model::mount::{Changes, Mount, TOKEN_MOUNT};
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    MOUNT_BY_ACCESSOR, MOUNT_BY_NAMESPACE, MOUNTS, PURGES, Purge, mount_accessor_key, mount_key, mount_namespace_key,
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

/// The mount at exactly this path of a namespace.
pub fn at(tx: &mut dyn Tx, access: &Access, scope: &Scope, path: &str) -> Result<Option<Mount>, Error> {
    Ok(MOUNTS.get(tx, access, mount_key(access, &scope.id, path))?)
}

/// Whether the mount with this accessor is (still) there.
pub fn exists(tx: &mut dyn Tx, access: &Access, accessor: &Accessor) -> Result<bool, Error> {
    Ok(by_accessor(tx, access, accessor)?.is_some())
}

/// Make a mount.
///
/// # Errors
/// [`Error::MountPathTaken`].
pub fn create(tx: &mut dyn Tx, access: &Access, mount: &Mount) -> Result<(), Error> {
    let overlaps = |there: &str| there.starts_with(&mount.path) || mount.path.starts_with(there);
    let mut taken = list(tx, access, &mount.scope)?.into_iter().map(|there| there.path);
    if let Some(path) = std::iter::once(TOKEN_MOUNT.to_owned()).chain(&mut taken).find(|there| overlaps(there)) {
        return Err(Error::MountPathTaken(path));
    }
    let mount = Mount { created_at: tx.now(), ..mount.clone() };
    Ok(MOUNTS.put(tx, access, &mount)?)
}

/// What is to change about a mount; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Tune {
    /// What its operator says of it.
    pub description: Option<String>,
    /// Options that clients send and read back.
    pub options: Option<BTreeMap<String, String>>,
    /// Its configuration.
    pub config: Changes,
}

/// Change the mount at this path. Tokens that it made keep what they were made with.
///
/// # Errors
/// [`Error::UnknownMount`], [`Error::MountLifetimes`].
pub fn tune(tx: &mut dyn Tx, access: &Access, scope: &Scope, path: &str, tune: &Tune) -> Result<(), Error> {
    let mut mount = at(tx, access, scope, path)?.ok_or(Error::UnknownMount)?;
    tune.config.apply(&mut mount.config)?;
    if let Some(description) = &tune.description {
        mount.description.clone_from(description);
    }
    if let Some(options) = &tune.options {
        mount.options = Some(options.clone());
    }
    Ok(MOUNTS.put(tx, access, &mount)?)
}

/// Note that a bcrypt hash of this cost was brought along for a user of a mount.
pub(super) fn note_bcrypt(tx: &mut dyn Tx, access: &Access, accessor: &Accessor, cost: u32) -> Result<(), Error> {
    let mut mount = by_accessor(tx, access, accessor)?.ok_or(Error::UnknownMount)?;
    if mount.bcrypt_cost < Some(cost) {
        mount.bcrypt_cost = Some(cost);
        MOUNTS.put(tx, access, &mount)?;
    }
    Ok(())
}

/// Delete the mount at this path, if there is one. Its tokens are no good from now on, because it is gone; their records, and its users and
/// roles, follow in batches.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, path: &str) -> Result<(), Error> {
    let Some(mount) = at(tx, access, scope, path)? else { return Ok(()) };
    destroy(tx, access, &mount)
}

/// Remove a mount's record, and leave what it held to be destroyed.
pub(super) fn destroy(tx: &mut dyn Tx, access: &Access, mount: &Mount) -> Result<(), Error> {
    MOUNTS.delete(tx, mount_key(access, &mount.scope.id, &mount.path))?;
    Ok(PURGES.put(tx, access, &Purge::Mount(mount.accessor.clone()))?)
}
