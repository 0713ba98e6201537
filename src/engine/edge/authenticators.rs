//! Names to log in by: given, changed, taken away. The password that goes with one is the entity's, whichever dialect set it.

use super::{Error, Refusal, auth_policies, identities, taken, unknown_reference};
use crate::engine::Access;
use crate::factor::password::Hash;
use crate::id::{AuthenticatorId, EntityId};
use crate::model::edge::Tags;
use crate::model::edge::authenticator::Authenticator;
use crate::model::edge::identity::Identity;
use crate::model::namespace::Scope;
use crate::model::password::Password;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::edge::{
    AUTHENTICATOR_BY_ENTITY, AUTHENTICATOR_BY_NAMESPACE, AUTHENTICATOR_BY_USERNAME, AUTHENTICATORS, IDENTITIES,
    authenticator_key, authenticator_username_key, entity_key, identity_key, namespace_key,
};
use crate::storage::tables::{PASSWORDS, password_key};

/// The authenticator with this id.
pub fn get(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &AuthenticatorId,
) -> Result<Option<Authenticator>, Error> {
    Ok(AUTHENTICATORS.get(tx, access, authenticator_key(access, &scope.id, id))?)
}

/// The authenticator of this user name, whatever the case.
pub fn by_username(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    username: &str,
) -> Result<Option<Authenticator>, Error> {
    let key = authenticator_username_key(access, &scope.id, username);
    Ok(AUTHENTICATORS.find_one(tx, access, AUTHENTICATOR_BY_USERNAME, key)?)
}

/// The authenticator of an identity.
pub fn of(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Option<Authenticator>, Error> {
    Ok(AUTHENTICATORS.find_one(tx, access, AUTHENTICATOR_BY_ENTITY, entity_key(access, entity))?)
}

/// All authenticators of a namespace, by user name.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Authenticator>, Error> {
    let key = namespace_key(access, &scope.id);
    let mut all = AUTHENTICATORS.find_all(tx, access, AUTHENTICATOR_BY_NAMESPACE, key)?;
    all.sort_by(|a, b| a.username.cmp(&b.username));
    Ok(all)
}

/// Whether an identity's policy takes `password` as a new one. Asked before it is hashed.
///
/// # Errors
/// [`Refusal::UnknownReference`], [`Refusal::Password`].
pub fn check_password(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    entity: &EntityId,
    password: &Secret<String>,
) -> Result<(), Error> {
    let found = identities::get(tx, access, scope, entity)?;
    let (_, identity) = found.ok_or_else(|| unknown_reference("identityId", entity.as_str()))?;
    let policy = auth_policies::of(tx, access, scope, &identity)?;
    Ok(policy.updb.check(password.expose()).map_err(Refusal::Password)?)
}

/// Give an identity a name and a password.
///
/// # Errors
/// [`Refusal::UnknownReference`], [`Refusal::SecondAuthenticator`], [`Refusal::Taken`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    authenticator: &Authenticator,
    password: &Hash,
) -> Result<(), Error> {
    let entity = &authenticator.entity;
    if identities::get(tx, access, scope, entity)?.is_none() {
        return Err(unknown_reference("identityId", entity.as_str()));
    }
    if of(tx, access, entity)?.is_some() {
        return Err(Refusal::SecondAuthenticator.into());
    }
    put(tx, access, scope, authenticator)?;
    set_password(tx, access, entity, password)
}

fn put(tx: &mut dyn Tx, access: &Access, scope: &Scope, authenticator: &Authenticator) -> Result<(), Error> {
    let namesake = by_username(tx, access, scope, &authenticator.username)?;
    if namesake.is_some_and(|namesake| namesake.id != authenticator.id) {
        return Err(taken("username", &authenticator.username));
    }
    Ok(AUTHENTICATORS.put(tx, access, authenticator)?)
}

fn set_password(tx: &mut dyn Tx, access: &Access, entity: &EntityId, hash: &Hash) -> Result<(), Error> {
    let (entity, hash) = (entity.clone(), hash.clone());
    let password = Password { entity, hash, changed_at: tx.now(), change_required: false };
    Ok(PASSWORDS.put(tx, access, &password)?)
}

/// What an authenticator is to be; what is `None` stays.
#[derive(Clone, Default)]
pub struct Change {
    /// The user name.
    pub username: Option<String>,
    /// What is kept of the password.
    pub password: Option<Hash>,
    /// Notes.
    pub tags: Option<Tags>,
}

/// Change the authenticator with this id.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Taken`].
pub fn update(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &AuthenticatorId,
    change: &Change,
) -> Result<(), Error> {
    let there = get(tx, access, scope, id)?.ok_or(Refusal::Unknown)?;
    let authenticator = Authenticator {
        username: change.username.clone().unwrap_or(there.username),
        tags: change.tags.clone().unwrap_or(there.tags),
        failures: if change.password.is_some() { 0 } else { there.failures },
        updated_at: tx.now(),
        ..there
    };
    put(tx, access, scope, &authenticator)?;
    match &change.password {
        Some(hash) => set_password(tx, access, &authenticator.entity, hash),
        None => Ok(()),
    }
}

/// Take the authenticator with this id away, and the password.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &AuthenticatorId) -> Result<(), Error> {
    let there = get(tx, access, scope, id)?.ok_or(Refusal::Unknown)?;
    PASSWORDS.delete(tx, password_key(access, &there.entity))?;
    Ok(AUTHENTICATORS.delete(tx, authenticator_key(access, &scope.id, id))?)
}

/// A first administrator: everything that is needed to make one.
#[derive(Clone)]
pub struct FirstAdmin {
    /// Its name as an entity.
    pub name: String,
    /// The id of its entity, if that is new.
    pub fresh_entity: EntityId,
    /// The name and password that it logs in by, if it is new.
    pub fresh_authenticator: AuthenticatorId,
    /// Its user name.
    pub username: String,
    /// What is kept of its password.
    pub password: Hash,
    /// Whether the password counts even if there is such a user name already.
    pub reset: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made.
    Made,
    /// It was there, and has this password now.
    Reset,
    /// It was there, and was left alone.
    Kept,
}

/// See to it that there is an administrator who can log in.
///
/// # Errors
/// [`Refusal::Taken`] if somebody else has the name.
pub fn ensure_admin(tx: &mut dyn Tx, access: &Access, scope: &Scope, first: &FirstAdmin) -> Result<Ensured, Error> {
    if let Some(there) = by_username(tx, access, scope, &first.username)? {
        if !first.reset {
            return Ok(Ensured::Kept);
        }
        let admin = IDENTITIES.get(tx, access, identity_key(access, &there.entity))?;
        if let Some(admin) = admin.filter(|identity| identity.is_admin) {
            identities::enable(
                tx,
                access,
                scope,
                &admin.entity,
                super::Doer { entity: &admin.entity, is_admin: true },
            )?;
            let change = Change { password: Some(first.password.clone()), ..Change::default() };
            update(tx, access, scope, &there.id, &change)?;
            return Ok(Ensured::Reset);
        }
        return Err(taken("username", &first.username));
    }
    let doer = super::Doer { entity: &first.fresh_entity, is_admin: true };
    let change = identities::Change {
        name: Some(first.name.clone()),
        kind: Some(crate::model::edge::identity::Kind::User),
        is_admin: Some(true),
        ..identities::Change::default()
    };
    identities::create(tx, access, scope, &first.fresh_entity, &change, doer)?;
    if let Some(made) = IDENTITIES.get(tx, access, identity_key(access, &first.fresh_entity))? {
        IDENTITIES.put(tx, access, &Identity { is_default_admin: true, ..made })?;
    }
    let now = tx.now();
    let authenticator = Authenticator {
        id: first.fresh_authenticator.clone(),
        entity: first.fresh_entity.clone(),
        namespace: scope.id.clone(),
        username: first.username.clone(),
        failures: 0,
        tags: Tags::new(),
        created_at: now,
        updated_at: now,
    };
    create(tx, access, scope, &authenticator, &first.password)?;
    Ok(Ensured::Made)
}
