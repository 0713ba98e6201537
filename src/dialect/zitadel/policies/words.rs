//! How refusals about policies are worded: the two services have ids of their own.

use crate::dialect::zitadel::error::Error;
use crate::engine;
use crate::engine::login_policy::{Factor, Refusal};
use crate::model::login_policy::Owner;

/// The id for `owner`: the instance's first.
const fn of(owner: &Owner, instance: &'static str, organisation: &'static str) -> &'static str {
    match owner {
        Owner::Instance => instance,
        Owner::Organisation(_) => organisation,
    }
}

/// The key of a text of which there is no English.
fn key(owner: &Owner, rest: &str) -> String {
    format!("Errors.{}.{rest}", of(owner, "IAM", "Org"))
}

/// Why a login policy stays as it is; `factor` is what was to be allowed or not, if anything was.
pub(super) fn login(error: engine::Error, owner: &Owner, factor: Option<Factor>) -> Error {
    let engine::Error::LoginPolicy(refusal) = error else { return error.into() };
    match (refusal, factor) {
        (Refusal::FactorThere, Some(Factor::Multi(_))) => {
            Error::exists(of(owner, "INSTANCE-3M9od", "Org-3M9od"), already(owner))
        }
        (Refusal::FactorThere, _) => Error::exists(of(owner, "INSTANCE-2B0ps", "Org-2B0ps"), already(owner)),
        (Refusal::FactorNotThere, Some(Factor::Multi(_))) => {
            Error::not_found(of(owner, "INSTANCE-3M9df", "Org-3M9df"), key(owner, "LoginPolicy.MFA.NotExisting"))
        }
        (Refusal::FactorNotThere, _) => {
            Error::not_found(of(owner, "INSTANCE-3M9od", "Org-3M9od"), key(owner, "LoginPolicy.MFA.NotExisting"))
        }
        (Refusal::Unchanged, _) => {
            Error::precondition(of(owner, "INSTANCE-5M9vdd", "Org-5M9vdd"), key(owner, "LoginPolicy.NotChanged"))
        }
        (Refusal::OwnThere, _) => Error::exists("Org-Dgfb2", "Login Policy already exists"),
        (Refusal::NoOwn, _) => Error::not_found("Org-M0sif", "Login Policy not found"),
    }
}

fn already(owner: &Owner) -> String {
    format!("Errors.{}.MFA.AlreadyExists", of(owner, "Instance", "Org"))
}

/// Why a lockout policy stays as it is.
pub(super) fn lockout(error: engine::Error, owner: &Owner) -> Error {
    let engine::Error::LoginPolicy(refusal) = error else { return error.into() };
    match refusal {
        Refusal::Unchanged => {
            Error::precondition(of(owner, "INSTANCE-0psjF", "ORG-0JFSr"), key(owner, "LockoutPolicy.NotChanged"))
        }
        Refusal::OwnThere => Error::exists("ORG-0olDf", "Lockout Policy already exists"),
        Refusal::NoOwn | Refusal::FactorThere | Refusal::FactorNotThere => {
            Error::not_found("ORG-ADfs1", "Lockout Policy not found")
        }
    }
}

/// A factor that says nothing, or that nobody knows.
pub(super) fn no_factor(owner: &Owner) -> Error {
    Error::invalid(of(owner, "INSTANCE-5m9fs", "Org-5m9fs"), "Multifactor invalid")
}
