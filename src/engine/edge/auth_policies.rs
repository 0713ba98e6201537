//! Authentication policies: made, changed, found, deleted. One is always there.

use super::{Error, Refusal, named};
use crate::engine::Access;
use crate::id::AuthPolicyId;
use crate::model::edge::Tags;
use crate::model::edge::auth_policy::{AuthPolicy, BUILT_IN, Cert, ExtJwt, SHORTEST_PASSWORD, Updb};
use crate::model::edge::identity::Identity;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::edge::{IDENTITIES, IDENTITY_BY_AUTH_POLICY, identity_policy_key};

/// What a policy is to say; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// Passwords.
    pub updb: UpdbChange,
    /// Whether certificates are a first factor.
    pub cert_allowed: Option<bool>,
    /// Whether they may have expired.
    pub allow_expired_certs: Option<bool>,
    /// Whether others' tokens are a first factor.
    pub ext_jwt_allowed: Option<bool>,
    /// Whether a second factor is required.
    pub require_totp: Option<bool>,
    /// Notes.
    pub tags: Option<Tags>,
}

/// What a policy is to say about passwords; what is `None` stays. Numbers out of range are taken for the nearest in it.
#[derive(Debug, Clone, Default)]
pub struct UpdbChange {
    /// Whether they are a first factor.
    pub allowed: Option<bool>,
    /// The shortest.
    pub min_password_length: Option<i64>,
    /// Whether special characters are needed.
    pub require_special_char: Option<bool>,
    /// Whether digits are.
    pub require_number_char: Option<bool>,
    /// Whether letters of both cases are.
    pub require_mixed_case: Option<bool>,
    /// Wrong ones in a row before the identity is disabled.
    pub max_attempts: Option<i64>,
    /// For how many minutes it is, then.
    pub lockout_duration_minutes: Option<i64>,
}

impl Change {
    fn apply(&self, policy: AuthPolicy) -> AuthPolicy {
        let number = |asked: Option<i64>, least: u32, there: u32| {
            asked.map_or(there, |asked| u32::try_from(asked.max(0)).unwrap_or(u32::MAX).max(least))
        };
        let (there, asked) = (policy.updb, &self.updb);
        AuthPolicy {
            name: self.name.clone().unwrap_or(policy.name),
            updb: Updb {
                allowed: asked.allowed.unwrap_or(there.allowed),
                min_password_length: number(asked.min_password_length, SHORTEST_PASSWORD, there.min_password_length),
                require_special_char: asked.require_special_char.unwrap_or(there.require_special_char),
                require_number_char: asked.require_number_char.unwrap_or(there.require_number_char),
                require_mixed_case: asked.require_mixed_case.unwrap_or(there.require_mixed_case),
                max_attempts: number(asked.max_attempts, 0, there.max_attempts),
                lockout_duration_minutes: number(asked.lockout_duration_minutes, 0, there.lockout_duration_minutes),
            },
            cert: Cert {
                allowed: self.cert_allowed.unwrap_or(policy.cert.allowed),
                allow_expired_certs: self.allow_expired_certs.unwrap_or(policy.cert.allow_expired_certs),
            },
            ext_jwt: ExtJwt { allowed: self.ext_jwt_allowed.unwrap_or(policy.ext_jwt.allowed) },
            require_totp: self.require_totp.unwrap_or(policy.require_totp),
            tags: self.tags.clone().unwrap_or(policy.tags),
            ..policy
        }
    }
}

/// The policy with this id.
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &AuthPolicyId) -> Result<Option<AuthPolicy>, Error> {
    let stored = named::get(tx, access, scope, id.as_str())?;
    Ok(stored.or_else(|| (id.as_str() == BUILT_IN).then(|| AuthPolicy::built_in(&scope.id))))
}

/// The policy of an identity: the one that is always there, should its own be gone.
pub fn of(tx: &mut dyn Tx, access: &Access, scope: &Scope, identity: &Identity) -> Result<AuthPolicy, Error> {
    Ok(get(tx, access, scope, &identity.auth_policy)?.unwrap_or_else(|| AuthPolicy::built_in(&scope.id)))
}

/// All policies, by name.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<AuthPolicy>, Error> {
    let mut all: Vec<AuthPolicy> = named::list(tx, access, &scope.id)?;
    if !all.iter().any(AuthPolicy::is_built_in) {
        all.insert(0, AuthPolicy::built_in(&scope.id));
    }
    Ok(all)
}

/// Make a policy.
///
/// # Errors
/// [`Refusal::Taken`], [`Refusal::Field`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &AuthPolicyId,
    change: &Change,
) -> Result<(), Error> {
    let now = tx.now();
    let blank = AuthPolicy { id: id.clone(), created_at: now, ..AuthPolicy::built_in(&scope.id) };
    put(tx, access, scope, &AuthPolicy { updated_at: now, ..change.apply(blank) })
}

/// Change the policy with this id.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Taken`], [`Refusal::Field`].
pub fn update(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &AuthPolicyId,
    change: &Change,
) -> Result<(), Error> {
    let policy = get(tx, access, scope, id)?.ok_or(Refusal::Unknown)?;
    let now = tx.now();
    put(tx, access, scope, &AuthPolicy { updated_at: now, ..change.apply(policy) })
}

fn put(tx: &mut dyn Tx, access: &Access, scope: &Scope, policy: &AuthPolicy) -> Result<(), Error> {
    let built_in = get(tx, access, scope, &AuthPolicyId::new(BUILT_IN))?;
    if !policy.is_built_in() && built_in.is_some_and(|built_in| built_in.name == policy.name) {
        return Err(super::taken("name", &policy.name));
    }
    named::put(tx, access, scope, policy)
}

/// Delete the policy with this id, if no identity has it.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Permanent`], [`Refusal::Referenced`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &AuthPolicyId) -> Result<(), Error> {
    let policy = get(tx, access, scope, id)?.ok_or(Refusal::Unknown)?;
    if policy.is_built_in() {
        return Err(Refusal::Permanent.into());
    }
    let key = identity_policy_key(access, &scope.id, id);
    let holders = IDENTITIES.find_some(tx, access, IDENTITY_BY_AUTH_POLICY, key, SHOWN)?;
    if !holders.is_empty() {
        let by = holders.into_iter().map(|identity| identity.entity.to_string()).collect();
        return Err(Refusal::Referenced { nouns: "identities", by }.into());
    }
    named::delete::<AuthPolicy>(tx, access, scope, id.as_str())
}

/// How many of those that refer to something are named.
const SHOWN: usize = 10;
