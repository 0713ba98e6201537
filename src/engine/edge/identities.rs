//! Identities: made, changed, found, disabled, deleted. An identity is an entity, and what is said about it here.

use super::{Doer, Error, Refusal, auth_policies, named, sessions, taken, unknown_reference};
use crate::engine::{Access, entities};
use crate::id::{AuthPolicyId, EntityId};
use crate::model::edge::Tags;
use crate::model::edge::auth_policy::BUILT_IN;
use crate::model::edge::identity::{Disabling, Identity, Kind};
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::edge::{IDENTITIES, IDENTITY_BY_EXTERNAL_ID, identity_external_key, identity_key};
use crate::time::Timestamp;

/// What an identity is to be; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<Kind>,
    /// Whether it may do everything.
    pub is_admin: Option<bool>,
    /// Its policy; empty for the one that is always there.
    pub auth_policy: Option<String>,
    /// What policies may know it by.
    pub role_attributes: Option<Option<Vec<String>>>,
    /// What somebody else calls it; nothing, if empty.
    pub external_id: Option<Option<String>>,
    /// What it may do.
    pub permissions: Option<Option<Vec<String>>>,
    /// Notes.
    pub tags: Option<Tags>,
    /// Notes for applications.
    pub app_data: Option<Tags>,
}

impl Change {
    /// Whether it is for administrators only: it gives power, or changes what protects it.
    const fn gives_power(&self) -> bool {
        self.is_admin.is_some() || self.permissions.is_some() || self.auth_policy.is_some()
    }
}

/// The entity with this id, and what is said about it.
pub fn get(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &EntityId,
) -> Result<Option<(Entity, Identity)>, Error> {
    let Some(entity) = entities::get(tx, access, scope, id)? else { return Ok(None) };
    let identity = said(tx, access, &entity)?;
    Ok(Some((entity, identity)))
}

/// The same, which must be there.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn known(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId) -> Result<(Entity, Identity), Error> {
    Ok(get(tx, access, scope, id)?.ok_or(Refusal::Unknown)?)
}

/// What is said about an entity.
pub fn said(tx: &mut dyn Tx, access: &Access, entity: &Entity) -> Result<Identity, Error> {
    let stored = IDENTITIES.get(tx, access, identity_key(access, &entity.id))?;
    Ok(stored.unwrap_or_else(|| Identity::of(entity)))
}

/// Whether it may not authenticate at `now`.
pub fn is_disabled(entity: &Entity, identity: &Identity, now: Timestamp) -> bool {
    entity.disabled || identity.disabled_at(now).is_some()
}

/// Whether `doer` may do something to `identity`: whoever is no administrator, and may change identities, may not change administrators.
///
/// # Errors
/// [`Refusal::NotAdmin`].
pub fn check_reach(doer: Doer<'_>, identity: &Identity) -> Result<(), Error> {
    if doer.is_admin || !(identity.is_admin || identity.permissions.is_some()) {
        return Ok(());
    }
    Err(Refusal::NotAdmin.into())
}

/// Make an identity with this id.
///
/// # Errors
/// [`Refusal::Taken`], [`Refusal::Field`], [`Refusal::UnknownReference`], [`Refusal::NotAdmin`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &EntityId,
    change: &Change,
    doer: Doer<'_>,
) -> Result<(), Error> {
    let is_powerful = change.is_admin == Some(true) || change.permissions.iter().flatten().next().is_some();
    if is_powerful && !doer.is_admin {
        return Err(Refusal::NotAdmin.into());
    }
    let entity = make_entity(tx, access, scope, id, change.name.as_deref().unwrap_or_default())?;
    apply(tx, access, scope, Identity::of(&entity), change)
}

fn make_entity(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId, name: &str) -> Result<Entity, Error> {
    named::check_name(name)?;
    if entities::by_name(tx, access, &scope.id, name)?.is_some() {
        return Err(taken("name", name));
    }
    let written = entities::write(
        tx,
        access,
        &entities::Write {
            scope: scope.clone(),
            which: entities::Which::New,
            rename: None,
            metadata: None,
            policies: None,
            disabled: None,
            fresh_id: id.clone(),
            fresh_name: name.to_owned(),
        },
    )?;
    match written {
        entities::Written::Created(entity) | entities::Written::Updated(entity) => Ok(entity),
    }
}

/// Change the identity with this id.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::NotAdmin`], [`Refusal::Taken`], [`Refusal::Field`], [`Refusal::UnknownReference`].
pub fn update(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &EntityId,
    change: &Change,
    doer: Doer<'_>,
) -> Result<(), Error> {
    let (entity, identity) = known(tx, access, scope, id)?;
    check_reach(doer, &identity)?;
    if change.gives_power() && !doer.is_admin && would_differ(&identity, change) {
        return Err(Refusal::NotAdmin.into());
    }
    let rename = change.name.clone().filter(|name| *name != entity.name);
    if let Some(name) = &rename {
        named::check_name(name)?;
    }
    write_entity(tx, access, scope, id, rename, None)?;
    apply(tx, access, scope, identity, change)
}

/// Whether anything that gives power would be otherwise than it is.
fn would_differ(identity: &Identity, change: &Change) -> bool {
    change.is_admin.is_some_and(|is_admin| is_admin != identity.is_admin)
        || change.permissions.as_ref().is_some_and(|permissions| *permissions != identity.permissions)
        || change.auth_policy.as_ref().is_some_and(|policy| policy_id(policy) != identity.auth_policy)
}

fn policy_id(text: &str) -> AuthPolicyId {
    AuthPolicyId::new(if text.is_empty() { BUILT_IN } else { text })
}

/// Let the entity be called `rename`, or be disabled.
fn write_entity(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &EntityId,
    rename: Option<String>,
    disabled: Option<bool>,
) -> Result<(), Error> {
    let name = rename.clone().unwrap_or_default();
    let command = entities::Write {
        scope: scope.clone(),
        which: entities::Which::Id(id.clone()),
        rename,
        metadata: None,
        policies: None,
        disabled,
        fresh_id: id.clone(),
        fresh_name: String::new(),
    };
    match entities::write(tx, access, &command) {
        Ok(_) => Ok(()),
        Err(crate::engine::Error::EntityNameTaken) => Err(taken("name", &name)),
        Err(error) => Err(error.into()),
    }
}

fn apply(tx: &mut dyn Tx, access: &Access, scope: &Scope, identity: Identity, change: &Change) -> Result<(), Error> {
    let auth_policy = match &change.auth_policy {
        None => identity.auth_policy,
        Some(asked) => {
            let id = policy_id(asked);
            if auth_policies::get(tx, access, scope, &id)?.is_none() {
                return Err(unknown_reference("authPolicyId", asked));
            }
            id
        }
    };
    let external_id = match &change.external_id {
        None => identity.external_id,
        Some(asked) => asked.clone().filter(|id| !id.is_empty()),
    };
    if let Some(external_id) = &external_id {
        let key = identity_external_key(access, &scope.id, external_id);
        let other = IDENTITIES.find_one(tx, access, IDENTITY_BY_EXTERNAL_ID, key)?;
        if other.is_some_and(|other| other.entity != identity.entity) {
            return Err(taken("externalId", external_id));
        }
    }
    let identity = Identity {
        kind: change.kind.unwrap_or(identity.kind),
        is_admin: change.is_admin.unwrap_or(identity.is_admin),
        auth_policy,
        external_id,
        role_attributes: change.role_attributes.clone().unwrap_or(identity.role_attributes),
        permissions: change.permissions.clone().unwrap_or(identity.permissions),
        tags: change.tags.clone().unwrap_or(identity.tags),
        app_data: change.app_data.clone().unwrap_or(identity.app_data),
        ..identity
    };
    if identity.is_default_admin && !identity.is_admin {
        return Err(Refusal::Field {
            field: "isAdmin",
            reason: "the default administrator stays one".into(),
            value: "false".into(),
        }
        .into());
    }
    Ok(IDENTITIES.put(tx, access, &identity)?)
}

/// Delete the identity with this id: the entity, with everything bound to it.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::NotAdmin`], [`Refusal::Permanent`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId, doer: Doer<'_>) -> Result<(), Error> {
    let (_, identity) = known(tx, access, scope, id)?;
    check_reach(doer, &identity)?;
    if identity.is_default_admin {
        return Err(Refusal::Permanent.into());
    }
    Ok(entities::delete(tx, access, scope, id)?)
}

/// Disable an identity for so many minutes, or, for 0, until it is enabled: then the entity is disabled for everybody who asks. Its sessions end.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::NotAdmin`].
pub fn disable(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &EntityId,
    minutes: u32,
    doer: Doer<'_>,
) -> Result<(), Error> {
    let (_, identity) = known(tx, access, scope, id)?;
    check_reach(doer, &identity)?;
    if minutes == 0 {
        write_entity(tx, access, scope, id, None, Some(true))?;
    }
    shut_out(tx, access, identity, minutes)
}

/// Keep an identity from authenticating for so many minutes, or, for 0, until it is enabled. Its sessions end.
pub(super) fn shut_out(tx: &mut dyn Tx, access: &Access, identity: Identity, minutes: u32) -> Result<(), Error> {
    sessions::end_all(tx, access, &identity.entity)?;
    let disabling = Some(Disabling::of(tx.now(), minutes));
    Ok(IDENTITIES.put(tx, access, &Identity { disabling, ..identity })?)
}

/// Enable an identity.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::NotAdmin`].
pub fn enable(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId, doer: Doer<'_>) -> Result<(), Error> {
    let (entity, identity) = known(tx, access, scope, id)?;
    check_reach(doer, &identity)?;
    if entity.disabled {
        write_entity(tx, access, scope, id, None, Some(false))?;
    }
    Ok(IDENTITIES.put(tx, access, &Identity { disabling: None, ..identity })?)
}
