//! Lockouts: too many failed logins of a name shut it out of its mount for a while, the right password too.
//!
//! Names that nobody has are counted like the others, so that a lockout tells nothing. They are counted in buckets, so that no flood of
//! invented names fills the store.

use super::{Access, Error, mounts};
use crate::id::{Accessor, BlindKey};
use crate::model::entity::fold_name;
use crate::model::lockout::{Lockout, Subject};
use crate::model::mount::Mount;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{LOCKOUT_BY_NAMESPACE, LOCKOUTS, lockout_key, lockout_namespace_key};

/// The hexadecimal digits of a bucket: about a million.
const BUCKET_DIGITS: usize = 5;

/// Who tries to log in to `mount` as `name`, which somebody has or nobody.
pub fn subject(access: &Access, mount: &Mount, name: &str, is_known: bool) -> Subject {
    let name = fold_name(name);
    Subject {
        mount: mount.accessor.clone(),
        namespace: mount.scope.id.clone(),
        name: if is_known { name } else { bucket(access, &mount.accessor, &name) },
        is_known,
    }
}

fn bucket(access: &Access, mount: &Accessor, name: &str) -> String {
    let digits = format!("{:?}", access.blind("lockout.bucket", &[mount.as_str(), name]));
    digits.chars().take(BUCKET_DIGITS).collect()
}

/// Whether the subject is shut out of `mount`.
pub fn is_locked(tx: &mut dyn Tx, access: &Access, mount: &Mount, subject: &Subject) -> Result<bool, Error> {
    if mount.config.lockout.disabled {
        return Ok(false);
    }
    let lockout = LOCKOUTS.get(tx, access, key(access, subject))?;
    Ok(lockout.is_some_and(|lockout| lockout.is_locked(tx.now())))
}

/// Count a failed login.
pub fn count(tx: &mut dyn Tx, access: &Access, mount: &Mount, subject: &Subject) -> Result<(), Error> {
    let rules = &mount.config.lockout;
    if rules.disabled {
        return Ok(());
    }
    let there = LOCKOUTS.get(tx, access, key(access, subject))?;
    let mut lockout = there.unwrap_or_else(|| Lockout::none(subject.clone(), tx.now()));
    lockout.count(rules, tx.now());
    Ok(LOCKOUTS.put(tx, access, &lockout)?)
}

fn key(access: &Access, subject: &Subject) -> BlindKey {
    lockout_key(access, &subject.mount, &subject.name, subject.is_known)
}

/// Forget the failures of somebody who is called `name` in a mount and has got in: a token was issued.
pub fn clear(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<(), Error> {
    Ok(LOCKOUTS.delete(tx, lockout_key(access, mount, name, true))?)
}

/// Those that are locked out of mounts of `scope` now, and are somebody, by mount and name.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Subject>, Error> {
    let now = tx.now();
    let all = LOCKOUTS.find_all(tx, access, LOCKOUT_BY_NAMESPACE, lockout_namespace_key(access, &scope.id))?;
    let locked = all.into_iter().filter(|lockout| lockout.is_locked(now));
    let mut subjects: Vec<_> = locked.map(|lockout| lockout.subject).collect();
    subjects.sort_by(|a, b| (&a.mount, &a.name).cmp(&(&b.mount, &b.name)));
    Ok(subjects)
}

/// Let `name` try again in a mount of `scope`; nothing happens when the mount is another namespace's or there is nothing to forget.
pub fn unlock(tx: &mut dyn Tx, access: &Access, scope: &Scope, mount: &Accessor, name: &str) -> Result<(), Error> {
    let Some(mount) = mounts::by_accessor(tx, access, mount)?.filter(|mount| mount.scope == *scope) else {
        return Ok(());
    };
    let bucket = bucket(access, &mount.accessor, &fold_name(name));
    LOCKOUTS.delete(tx, lockout_key(access, &mount.accessor, &bucket, false))?;
    clear(tx, access, &mount.accessor, name)
}
