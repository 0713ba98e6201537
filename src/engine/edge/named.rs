//! What has an id and a unique name in a namespace: found, listed, named.

use super::{Error, Refusal, taken};
use crate::engine::Access;
use crate::id::NamespaceId;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::table::Table;
use crate::storage::tables::edge::{BY_NAME, BY_NAMESPACE, Named, named_key, named_name_key, namespace_key};

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 512;

/// The `T` with this id.
pub fn get<T: Named>(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<Option<T>, Error> {
    Ok(Table::<T>::new().get(tx, access, named_key::<T>(access, &scope.id, id))?)
}

/// The `T` with this id, which must be there.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn known<T: Named>(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<T, Error> {
    Ok(get(tx, access, scope, id)?.ok_or(Refusal::Unknown)?)
}

/// The `T` of this name.
pub fn by_name<T: Named>(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<Option<T>, Error> {
    Ok(Table::<T>::new().find_one(tx, access, BY_NAME, named_name_key::<T>(access, &scope.id, name))?)
}

/// All of a namespace, by name.
pub fn list<T: Named>(tx: &mut dyn Tx, access: &Access, namespace: &NamespaceId) -> Result<Vec<T>, Error> {
    let mut all = Table::<T>::new().find_all(tx, access, BY_NAMESPACE, namespace_key(access, namespace))?;
    all.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(all)
}

/// Store `noun`, if no other has its name.
///
/// # Errors
/// [`Refusal::Taken`], [`Refusal::Field`].
pub fn put<T: Named>(tx: &mut dyn Tx, access: &Access, scope: &Scope, noun: &T) -> Result<(), Error> {
    check_name(noun.name())?;
    let namesake: Option<T> = by_name(tx, access, scope, noun.name())?;
    if namesake.is_some_and(|namesake| namesake.id() != noun.id()) {
        return Err(taken("name", noun.name()));
    }
    Ok(Table::<T>::new().put(tx, access, noun)?)
}

/// Whether `name` can be the name of something.
///
/// # Errors
/// [`Refusal::Field`].
pub fn check_name(name: &str) -> Result<(), Error> {
    let reason = if name.trim().is_empty() {
        "name in body is required"
    } else if name.len() > LONGEST_NAME {
        "name in body should be at most 512 bytes long"
    } else {
        return Ok(());
    };
    Err(Refusal::Field { field: "name", reason: reason.into(), value: name.chars().take(LONGEST_NAME).collect() }
        .into())
}

/// Remove the `T` with this id.
pub fn delete<T: Named>(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<(), Error> {
    Ok(Table::<T>::new().delete(tx, named_key::<T>(access, &scope.id, id))?)
}
