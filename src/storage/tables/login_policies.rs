//! The tables of login and lockout policies: one record for each owner.

use crate::id::BlindKey;
use crate::model::lockout_policy::LockoutPolicy;
use crate::model::login_policy::{LoginPolicy, Owner};
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Schema};

/// Login policies.
pub const LOGIN_POLICIES: Table<LoginPolicy> = Table::new();
pub(super) static LOGIN_POLICY: Schema =
    Schema { name: "login_policy", indexes: &[], expiry: Expiry::Never, marked: true };

/// What the login policy of `owner` is called.
pub fn login_policy_key(access: &Access, owner: &Owner) -> BlindKey {
    key(access, "login_policy", owner)
}

impl Stored for LoginPolicy {
    const SCHEMA: &'static Schema = &LOGIN_POLICY;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        login_policy_key(access, &self.owner)
    }
}

/// Lockout policies.
pub const LOCKOUT_POLICIES: Table<LockoutPolicy> = Table::new();
pub(super) static LOCKOUT_POLICY: Schema =
    Schema { name: "lockout_policy", indexes: &[], expiry: Expiry::Never, marked: true };

/// What the lockout policy of `owner` is called.
pub fn lockout_policy_key(access: &Access, owner: &Owner) -> BlindKey {
    key(access, "lockout_policy", owner)
}

impl Stored for LockoutPolicy {
    const SCHEMA: &'static Schema = &LOCKOUT_POLICY;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        lockout_policy_key(access, &self.owner)
    }
}

fn key(access: &Access, domain: &str, owner: &Owner) -> BlindKey {
    match owner {
        Owner::Instance => access.blind(domain, &["instance"]),
        Owner::Organisation(namespace) => access.blind(domain, &["organisation", namespace.as_str()]),
    }
}
