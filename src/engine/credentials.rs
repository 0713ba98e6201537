//! Passwords of entities: set, and wrong ones counted. Hashing and checking is `passwords`' business.

use std::time::Duration;

use super::{Access, Error, verification};
use crate::factor::password::Hash;
use crate::id::{BlindKey, EntityId};
use crate::model::guard::{Guard, Limits};
use crate::model::password::Password;
use crate::storage::Tx;
use crate::storage::tables::people::password_guard_key;
use crate::storage::tables::{GUARDS, GuardRecord, PASSWORDS, password_key};

/// The password of `entity`, if it has one.
pub fn get(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Option<Password>, Error> {
    Ok(PASSWORDS.get(tx, access, password_key(access, entity))?)
}

/// Give `entity` a password in place of the one it has.
pub fn set(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    hash: &Hash,
    change_required: bool,
) -> Result<(), Error> {
    let changed_at = tx.now();
    let password = Password { entity: entity.clone(), hash: hash.clone(), changed_at, change_required };
    Ok(PASSWORDS.put(tx, access, &password)?)
}

/// Take `rehashed` for the password that was just shown to be behind `checked`.
pub fn rehash(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    checked: &Hash,
    rehashed: &Hash,
) -> Result<(), Error> {
    match get(tx, access, entity)?.filter(|password| password.hash == *checked) {
        Some(password) => Ok(PASSWORDS.put(tx, access, &Password { hash: rehashed.clone(), ..password })?),
        None => Ok(()),
    }
}

/// Wrong passwords are only counted here: whoever counts them decides when they are too many.
const COUNTED: Limits = Limits { attempts: u32::MAX, window: Duration::from_hours(1), ceiling: u32::MAX };

/// Count a wrong password of `entity`. Says how many there were in a row.
pub fn count_wrong(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<u32, Error> {
    count(tx, access, password_guard_key(access, entity), None)
}

/// Count a wrong password of somebody who is nobody, as if they were somebody, for some time.
pub fn count_for_nobody(tx: &mut dyn Tx, access: &Access, name: &str) -> Result<u32, Error> {
    // In buckets, so that no flood of invented names fills the store.
    let bucket: String = format!("{:?}", access.blind("guard.nobody.name", &[name])).chars().take(5).collect();
    count(tx, access, access.blind("guard.nobody", &[&bucket]), Some(Duration::from_hours(24)))
}

fn count(tx: &mut dyn Tx, access: &Access, key: BlindKey, kept_for: Option<Duration>) -> Result<u32, Error> {
    let now = tx.now();
    let mut guard = GUARDS.get(tx, access, key)?.map_or_else(|| Guard::unused(now), |stored| stored.guard);
    guard.judge(&COUNTED, false, now);
    let failures = guard.consecutive_failures;
    let expires_at = kept_for.map(|span| now.plus(span));
    GUARDS.put(tx, access, &GuardRecord { enrolment: key, guard, expires_at })?;
    Ok(failures)
}

/// How many wrong passwords of `entity` there were in a row.
pub fn failures(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<u32, Error> {
    verification::consecutive_failures(tx, access, password_guard_key(access, entity))
}

/// Forget the wrong passwords of `entity`: the right one was given.
pub fn forgive(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<(), Error> {
    Ok(GUARDS.delete(tx, password_guard_key(access, entity))?)
}
