//! Login policies: the one that counts, and what changes it.

use super::{Access, Error};
use crate::id::NamespaceId;
use crate::model::login_policy::{LoginPolicy, MultiFactor, Owner, Rules, SecondFactor};
use crate::model::namespace::Scope;
use crate::model::revision::Revision;
use crate::storage::Tx;
use crate::storage::tables::login_policies::{LOGIN_POLICIES, login_policy_key};

/// Why a login or lockout policy stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The factor is allowed already.
    #[error("the factor is in the policy already")]
    FactorThere,
    /// The factor is not allowed.
    #[error("the factor is not in the policy")]
    FactorNotThere,
    /// It says so already.
    #[error("the policy says so already")]
    Unchanged,
    /// The organisation has a policy of its own already.
    #[error("the organisation has a policy of its own already")]
    OwnThere,
    /// The organisation has no policy of its own.
    #[error("the organisation has no policy of its own")]
    NoOwn,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::LoginPolicy(refusal)
    }
}

/// The policy that counts in the organisation `scope`: its own, or else the instance's.
pub fn of(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<LoginPolicy, Error> {
    match own(tx, access, &scope.id)? {
        Some(policy) => Ok(policy),
        None => of_instance(tx, access),
    }
}

/// The instance's policy.
pub fn of_instance(tx: &mut dyn Tx, access: &Access) -> Result<LoginPolicy, Error> {
    let kept = LOGIN_POLICIES.get(tx, access, login_policy_key(access, &Owner::Instance))?;
    Ok(kept.unwrap_or_else(LoginPolicy::standard))
}

/// The organisation's own policy, if it has one.
pub fn own(tx: &mut dyn Tx, access: &Access, organisation: &NamespaceId) -> Result<Option<LoginPolicy>, Error> {
    let owner = Owner::Organisation(organisation.clone());
    Ok(LOGIN_POLICIES.get(tx, access, login_policy_key(access, &owner))?)
}

/// The policy that is `owner`'s own.
///
/// # Errors
/// [`Refusal::NoOwn`] for an organisation that has none.
pub fn owned(tx: &mut dyn Tx, access: &Access, owner: &Owner) -> Result<LoginPolicy, Error> {
    match owner {
        Owner::Instance => of_instance(tx, access),
        Owner::Organisation(organisation) => Ok(own(tx, access, organisation)?.ok_or(Refusal::NoOwn)?),
    }
}

/// Give an organisation a policy of its own.
///
/// # Errors
/// [`Refusal::OwnThere`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    organisation: &NamespaceId,
    rules: &Rules,
    second_factors: &[SecondFactor],
    multi_factors: &[MultiFactor],
) -> Result<LoginPolicy, Error> {
    if own(tx, access, organisation)?.is_some() {
        return Err(Refusal::OwnThere.into());
    }
    let policy = LoginPolicy {
        owner: Owner::Organisation(organisation.clone()),
        rules: rules.clone(),
        second_factors: each_once(second_factors),
        multi_factors: each_once(multi_factors),
        revision: Revision::first(tx.now()),
    };
    LOGIN_POLICIES.put(tx, access, &policy)?;
    Ok(policy)
}

fn each_once<T: Copy + PartialEq>(factors: &[T]) -> Vec<T> {
    let mut once = Vec::new();
    for factor in factors {
        if !once.contains(factor) {
            once.push(*factor);
        }
    }
    once
}

/// Let the instance's policy count in an organisation again. Gives back what its own was.
///
/// # Errors
/// [`Refusal::NoOwn`].
pub fn remove(tx: &mut dyn Tx, access: &Access, organisation: &NamespaceId) -> Result<LoginPolicy, Error> {
    let policy = own(tx, access, organisation)?.ok_or(Refusal::NoOwn)?;
    LOGIN_POLICIES.delete(tx, login_policy_key(access, &policy.owner))?;
    Ok(LoginPolicy { revision: policy.revision.next(tx.now()), ..policy })
}

/// Let the policy say this, but for the factors.
///
/// # Errors
/// [`Refusal::Unchanged`], [`Refusal::NoOwn`].
pub fn set_rules(tx: &mut dyn Tx, access: &Access, owner: &Owner, rules: &Rules) -> Result<LoginPolicy, Error> {
    let policy = owned(tx, access, owner)?;
    if policy.rules == *rules {
        return Err(Refusal::Unchanged.into());
    }
    put(tx, access, LoginPolicy { rules: rules.clone(), ..policy })
}

/// A factor that a policy can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// A second factor.
    Second(SecondFactor),
    /// Two factors in one.
    Multi(MultiFactor),
}

/// Let the policy allow `factor`.
///
/// # Errors
/// [`Refusal::FactorThere`], [`Refusal::NoOwn`].
pub fn allow(tx: &mut dyn Tx, access: &Access, owner: &Owner, factor: Factor) -> Result<LoginPolicy, Error> {
    let mut policy = owned(tx, access, owner)?;
    let is_new = match factor {
        Factor::Second(factor) => add(&mut policy.second_factors, factor),
        Factor::Multi(factor) => add(&mut policy.multi_factors, factor),
    };
    if !is_new {
        return Err(Refusal::FactorThere.into());
    }
    put(tx, access, policy)
}

/// Let the policy allow `factor` no more.
///
/// # Errors
/// [`Refusal::FactorNotThere`], [`Refusal::NoOwn`].
pub fn disallow(tx: &mut dyn Tx, access: &Access, owner: &Owner, factor: Factor) -> Result<LoginPolicy, Error> {
    let mut policy = owned(tx, access, owner)?;
    let before = (policy.second_factors.len(), policy.multi_factors.len());
    match factor {
        Factor::Second(factor) => policy.second_factors.retain(|known| *known != factor),
        Factor::Multi(factor) => policy.multi_factors.retain(|known| *known != factor),
    }
    if before == (policy.second_factors.len(), policy.multi_factors.len()) {
        return Err(Refusal::FactorNotThere.into());
    }
    put(tx, access, policy)
}

fn add<T: PartialEq>(factors: &mut Vec<T>, factor: T) -> bool {
    let is_new = !factors.contains(&factor);
    if is_new {
        factors.push(factor);
    }
    is_new
}

fn put(tx: &mut dyn Tx, access: &Access, policy: LoginPolicy) -> Result<LoginPolicy, Error> {
    let policy = LoginPolicy { revision: policy.revision.next(tx.now()), ..policy };
    LOGIN_POLICIES.put(tx, access, &policy)?;
    Ok(policy)
}
