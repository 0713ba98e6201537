//! Lockout policies: the one that counts, and what changes it.

use super::login_policy::Refusal;
use super::{Access, Error};
use crate::id::NamespaceId;
use crate::model::lockout_policy::{Limits, LockoutPolicy};
use crate::model::login_policy::Owner;
use crate::model::namespace::Scope;
use crate::model::revision::Revision;
use crate::storage::Tx;
use crate::storage::tables::login_policies::{LOCKOUT_POLICIES, lockout_policy_key};

/// The policy that counts in the organisation `scope`: its own, or else the instance's.
pub fn of(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<LockoutPolicy, Error> {
    match own(tx, access, &scope.id)? {
        Some(policy) => Ok(policy),
        None => of_instance(tx, access),
    }
}

/// The instance's policy.
pub fn of_instance(tx: &mut dyn Tx, access: &Access) -> Result<LockoutPolicy, Error> {
    let kept = LOCKOUT_POLICIES.get(tx, access, lockout_policy_key(access, &Owner::Instance))?;
    Ok(kept.unwrap_or_else(LockoutPolicy::standard))
}

/// The organisation's own policy, if it has one.
pub fn own(tx: &mut dyn Tx, access: &Access, organisation: &NamespaceId) -> Result<Option<LockoutPolicy>, Error> {
    let owner = Owner::Organisation(organisation.clone());
    Ok(LOCKOUT_POLICIES.get(tx, access, lockout_policy_key(access, &owner))?)
}

/// Give an organisation a policy of its own.
///
/// # Errors
/// [`Refusal::OwnThere`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    organisation: &NamespaceId,
    limits: Limits,
) -> Result<LockoutPolicy, Error> {
    if own(tx, access, organisation)?.is_some() {
        return Err(Refusal::OwnThere.into());
    }
    let owner = Owner::Organisation(organisation.clone());
    let policy = LockoutPolicy { owner, limits, revision: Revision::first(tx.now()) };
    LOCKOUT_POLICIES.put(tx, access, &policy)?;
    Ok(policy)
}

/// Let the policy that is `owner`'s own say this.
///
/// # Errors
/// [`Refusal::Unchanged`], [`Refusal::NoOwn`].
pub fn set(tx: &mut dyn Tx, access: &Access, owner: &Owner, limits: Limits) -> Result<LockoutPolicy, Error> {
    let policy = match owner {
        Owner::Instance => of_instance(tx, access)?,
        Owner::Organisation(organisation) => own(tx, access, organisation)?.ok_or(Refusal::NoOwn)?,
    };
    if policy.limits == limits {
        return Err(Refusal::Unchanged.into());
    }
    let policy = LockoutPolicy { limits, revision: policy.revision.next(tx.now()), ..policy };
    LOCKOUT_POLICIES.put(tx, access, &policy)?;
    Ok(policy)
}

/// Let the instance's policy count in an organisation again. Gives back what its own was.
///
/// # Errors
/// [`Refusal::NoOwn`].
pub fn remove(tx: &mut dyn Tx, access: &Access, organisation: &NamespaceId) -> Result<LockoutPolicy, Error> {
    let policy = own(tx, access, organisation)?.ok_or(Refusal::NoOwn)?;
    LOCKOUT_POLICIES.delete(tx, lockout_policy_key(access, &policy.owner))?;
    Ok(LockoutPolicy { revision: policy.revision.next(tx.now()), ..policy })
}
