//! Roles of a mount and their secret ids: made, changed, found, proven, deleted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{Access, Error};
use crate::id::{Accessor, BlindKey};
use crate::model::app_role::{Role, SecretId};
use crate::model::cidr;
use crate::model::mount::TokenSettings;
use crate::model::token_settings::{Changes, OldNames};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{
    APP_ROLE_BY_MOUNT, APP_ROLE_BY_ROLE_ID, APP_ROLES, PURGES, Purge, SECRET_ID_BY_ACCESSOR, SECRET_ID_BY_ROLE,
    SECRET_IDS, app_role_id_key, app_role_key, app_role_mount_key, secret_id_accessor_key, secret_id_key,
    secret_id_role_key,
};

/// Why a role, or a secret id of it, cannot be like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Everybody could log in.
    #[error("at least one constraint should be enabled on the role")]
    NoConstraint,
    /// Another role is called so at logins.
    #[error("role_id already in use")]
    RoleIdTaken,
    /// This was decided when the role was made.
    #[error("local_secret_ids can only be modified during role creation")]
    LocalIsFixed,
    /// The role has no use for secret ids.
    #[error("bind_secret_id is not set on the role")]
    NotBound,
    /// A secret id would be good more often than the role's are.
    #[error("num_uses cannot be higher than the role's secret_id_num_uses")]
    MoreUses,
    /// A secret id would last longer than the role's do.
    #[error("ttl cannot be longer than the role's secret_id_ttl")]
    LongerTtl,
    /// A secret id would be good from where the role's are not.
    #[error("failed to verify subset relationship between CIDR blocks on the role and CIDR blocks on the secret ID")]
    WiderCidrs,
    /// The role has this secret id.
    #[error("failed to store secret_id: SecretID is already registered")]
    SecretIdTaken,
}

/// What a role is to be; what is `None` stays.
#[derive(Debug, Clone)]
pub struct Write {
    /// The mount.
    pub mount: Accessor,
    /// The name, whatever the case.
    pub name: String,
    /// What a machine calls it at a login.
    pub role_id: Option<String>,
    /// Whether a login needs a secret id.
    pub bind_secret_id: Option<bool>,
    /// How often a secret id is good for a login.
    pub secret_id_num_uses: Option<u32>,
    /// How long a secret id lasts.
    pub secret_id_ttl: Option<Duration>,
    /// Blocks of addresses that may log in.
    pub secret_id_bound_cidrs: Option<Vec<String>>,
    /// What clients send and read back.
    pub local_secret_ids: Option<bool>,
    /// What is said about its tokens.
    pub token: Changes,
    /// Its [`Role::id`], if it is new.
    pub fresh_id: String,
    /// What a machine calls it, if it is new and that is not given.
    pub fresh_role_id: String,
}

/// Make or change a role.
///
/// # Errors
/// [`Error::AppRole`], [`Error::TokenSettings`].
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<(), Error> {
    let there = get(tx, access, &command.mount, &command.name)?;
    if there.is_some() && command.local_secret_ids.is_some() {
        return Err(Error::AppRole(Refusal::LocalIsFixed));
    }
    let mut role = there.unwrap_or_else(|| Role {
        id: command.fresh_id.clone(),
        mount: command.mount.clone(),
        name: command.name.to_lowercase(),
        role_id: command.fresh_role_id.clone(),
        bind_secret_id: true,
        secret_id_num_uses: 0,
        secret_id_ttl: Duration::ZERO,
        secret_id_bound_cidrs: None,
        local_secret_ids: command.local_secret_ids.unwrap_or_default(),
        token: TokenSettings::default(),
        old_names: OldNames::default(),
    });
    if let Some(role_id) = &command.role_id {
        role.role_id.clone_from(role_id);
    }
    role.bind_secret_id = command.bind_secret_id.unwrap_or(role.bind_secret_id);
    role.secret_id_num_uses = command.secret_id_num_uses.unwrap_or(role.secret_id_num_uses);
    role.secret_id_ttl = command.secret_id_ttl.unwrap_or(role.secret_id_ttl);
    if let Some(cidrs) = &command.secret_id_bound_cidrs {
        role.secret_id_bound_cidrs = Some(cidrs.clone());
    }
    command.token.apply(&mut role.token, &mut role.old_names)?;
    let bound_to_addresses = !role.token.bound_cidrs.is_empty() || !bound(&role).is_empty();
    if !role.bind_secret_id && !bound_to_addresses {
        return Err(Error::AppRole(Refusal::NoConstraint));
    }
    put(tx, access, &role)
}

fn put(tx: &mut dyn Tx, access: &Access, role: &Role) -> Result<(), Error> {
    let key = app_role_id_key(access, &role.mount, &role.role_id);
    let namesake = APP_ROLES.find_one(tx, access, APP_ROLE_BY_ROLE_ID, key)?;
    if namesake.is_some_and(|namesake| namesake.id != role.id) {
        return Err(Error::AppRole(Refusal::RoleIdTaken));
    }
    Ok(APP_ROLES.put(tx, access, role)?)
}

fn bound(role: &Role) -> &[String] {
    role.secret_id_bound_cidrs.as_deref().unwrap_or_default()
}

/// Let machines call a role otherwise at logins. Its secret ids stay good.
///
/// # Errors
/// [`Error::UnknownAppRole`], [`Refusal::RoleIdTaken`].
pub fn set_role_id(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str, role_id: &str) -> Result<(), Error> {
    let role = get(tx, access, mount, name)?.ok_or(Error::UnknownAppRole)?;
    put(tx, access, &Role { role_id: role_id.to_owned(), ..role })
}

/// The role of this name, whatever the case.
pub fn get(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<Option<Role>, Error> {
    Ok(APP_ROLES.get(tx, access, app_role_key(access, mount, name))?)
}

/// The role that machines call so, to the letter.
pub fn by_role_id(tx: &mut dyn Tx, access: &Access, mount: &Accessor, role_id: &str) -> Result<Option<Role>, Error> {
    let found = APP_ROLES.find_one(tx, access, APP_ROLE_BY_ROLE_ID, app_role_id_key(access, mount, role_id))?;
    Ok(found.filter(|role| role.role_id == role_id))
}

/// The names of a mount's roles, sorted.
pub fn names(tx: &mut dyn Tx, access: &Access, mount: &Accessor) -> Result<Vec<String>, Error> {
    let roles = APP_ROLES.find_all(tx, access, APP_ROLE_BY_MOUNT, app_role_mount_key(access, mount))?;
    let mut names: Vec<_> = roles.into_iter().map(|role| role.name).collect();
    names.sort();
    Ok(names)
}

/// Delete the role of this name, if there is one. Its secret ids are no good from now on; their records follow in batches.
pub fn delete(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<(), Error> {
    let Some(role) = get(tx, access, mount, name)? else { return Ok(()) };
    APP_ROLES.delete(tx, app_role_key(access, mount, name))?;
    Ok(PURGES.put(tx, access, &Purge::AppRole(role.id))?)
}

/// What a new secret id is to be; what is `None` is as the role says.
#[derive(Clone)]
pub struct Generate {
    /// The mount.
    pub mount: Accessor,
    /// The role's name, whatever the case.
    pub role: String,
    /// The text.
    pub text: Secret<String>,
    /// The handle.
    pub accessor: String,
    /// For how many logins it is good; 0 for any number.
    pub num_uses: Option<u32>,
    /// How long it lasts; zero for ever.
    pub ttl: Option<Duration>,
    /// What is noted about it.
    pub metadata: BTreeMap<String, String>,
    /// Blocks of addresses that may log in with it.
    pub cidr_list: Vec<String>,
    /// Blocks of addresses that its tokens are good from.
    pub token_bound_cidrs: Vec<String>,
}

/// Make a secret id.
///
/// # Errors
/// [`Error::UnknownAppRole`], [`Error::AppRole`].
pub fn generate(tx: &mut dyn Tx, access: &Access, command: &Generate) -> Result<SecretId, Error> {
    let refuse = |refusal| Err(Error::AppRole(refusal));
    let role = get(tx, access, &command.mount, &command.role)?.ok_or(Error::UnknownAppRole)?;
    if !role.bind_secret_id {
        return refuse(Refusal::NotBound);
    }
    let num_uses = command.num_uses.unwrap_or(role.secret_id_num_uses);
    if role.secret_id_num_uses > 0 && (num_uses == 0 || num_uses > role.secret_id_num_uses) {
        return refuse(Refusal::MoreUses);
    }
    let ttl = command.ttl.unwrap_or(role.secret_id_ttl);
    if !role.secret_id_ttl.is_zero() && (ttl.is_zero() || ttl > role.secret_id_ttl) {
        return refuse(Refusal::LongerTtl);
    }
    let within = cidr::covers(bound(&role), &command.cidr_list)
        && cidr::covers(&role.token.bound_cidrs, &command.token_bound_cidrs);
    if !within {
        return refuse(Refusal::WiderCidrs);
    }
    let key = secret_id_key(access, &role.id, command.text.expose());
    if SECRET_IDS.contains(tx, key)? {
        return refuse(Refusal::SecretIdTaken);
    }
    let now = tx.now();
    let secret_id = SecretId {
        key,
        role: role.id,
        mount: role.mount,
        accessor: command.accessor.clone(),
        uses_left: (num_uses > 0).then_some(num_uses),
        ttl,
        expires_at: (!ttl.is_zero()).then(|| now.plus(ttl)),
        metadata: command.metadata.clone(),
        cidr_list: command.cidr_list.clone(),
        token_bound_cidrs: command.token_bound_cidrs.clone(),
        created_at: now,
        updated_at: now,
    };
    SECRET_IDS.put(tx, access, &secret_id)?;
    Ok(secret_id)
}

/// The secret id of `role` with this text.
pub fn by_text(tx: &mut dyn Tx, access: &Access, role: &Role, text: &str) -> Result<Option<SecretId>, Error> {
    Ok(SECRET_IDS.get(tx, access, secret_id_key(access, &role.id, text))?)
}

/// The secret id of `role` with this accessor.
pub fn by_accessor(tx: &mut dyn Tx, access: &Access, role: &Role, accessor: &str) -> Result<Option<SecretId>, Error> {
    let key = secret_id_accessor_key(access, &role.id, accessor);
    Ok(SECRET_IDS.find_one(tx, access, SECRET_ID_BY_ACCESSOR, key)?)
}

/// The accessors of a role's secret ids, sorted.
pub fn accessors(tx: &mut dyn Tx, access: &Access, role: &Role) -> Result<Vec<String>, Error> {
    let all = SECRET_IDS.find_all(tx, access, SECRET_ID_BY_ROLE, secret_id_role_key(access, &role.id))?;
    let mut accessors: Vec<_> = all.into_iter().map(|secret_id| secret_id.accessor).collect();
    accessors.sort();
    Ok(accessors)
}

/// End the secret id called `key`.
pub fn destroy(tx: &mut dyn Tx, key: BlindKey) -> Result<(), Error> {
    Ok(SECRET_IDS.delete(tx, key)?)
}

/// A machine that has proven a role.
pub struct Proven {
    /// The role.
    pub role: Role,
    /// What is said about its token.
    pub token: TokenSettings,
    /// What is noted on it.
    pub metadata: BTreeMap<String, String>,
}

/// Prove a role with a secret id, if it needs one, and take a use of that. `None` when there is no such role or that is no secret id of it.
///
/// # Errors
/// [`Error::Denied`] when all is right but the address that it comes from.
pub fn prove(
    tx: &mut dyn Tx,
    access: &Access,
    mount: &Accessor,
    role_id: &str,
    secret_id: &Secret<String>,
    peer: Option<IpAddr>,
) -> Result<Option<Proven>, Error> {
    let Some(role) = by_role_id(tx, access, mount, role_id)? else { return Ok(None) };
    let mut token = role.token.clone();
    let mut metadata = BTreeMap::new();
    let mut admitted = cidr::admits(bound(&role), peer);
    if role.bind_secret_id {
        let Some(shown) = by_text(tx, access, &role, secret_id.expose())? else { return Ok(None) };
        admitted = admitted && cidr::admits(&shown.cidr_list, peer);
        if !shown.token_bound_cidrs.is_empty() {
            token.bound_cidrs.clone_from(&shown.token_bound_cidrs);
        }
        metadata.clone_from(&shown.metadata);
        take_use(tx, access, shown)?;
    }
    if !admitted {
        return Err(Error::Denied);
    }
    metadata.insert("role_name".into(), role.name.clone());
    Ok(Some(Proven { role, token, metadata }))
}

fn take_use(tx: &mut dyn Tx, access: &Access, mut secret_id: SecretId) -> Result<(), Error> {
    match secret_id.uses_left {
        None => Ok(()),
        Some(0 | 1) => destroy(tx, secret_id.key),
        Some(uses) => {
            secret_id.uses_left = Some(uses - 1);
            secret_id.updated_at = tx.now();
            Ok(SECRET_IDS.put(tx, access, &secret_id)?)
        }
    }
}
