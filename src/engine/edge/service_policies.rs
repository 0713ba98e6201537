//! Service policies: made, changed, deleted.

use super::{Error, Refusal, named};
use crate::engine::Access;
use crate::id::ServicePolicyId;
use crate::model::edge::Tags;
use crate::model::edge::posture::Check;
use crate::model::edge::service::{Semantic, Service, ServicePolicy, Use};
use crate::model::namespace::Scope;
use crate::storage::Tx;

/// What a policy is to say; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// What it lets do.
    pub allows: Option<Use>,
    /// How attributes go together.
    pub semantic: Option<Semantic>,
    /// Which services.
    pub service_roles: Option<Vec<String>>,
    /// Which identities.
    pub identity_roles: Option<Vec<String>>,
    /// Which posture checks.
    pub posture_check_roles: Option<Vec<String>>,
    /// Notes.
    pub tags: Option<Tags>,
}

/// Make a policy.
///
/// # Errors
/// [`Refusal::Taken`], [`Refusal::Field`], [`Refusal::UnknownReference`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &ServicePolicyId,
    change: &Change,
) -> Result<(), Error> {
    let now = tx.now();
    let blank = ServicePolicy {
        id: id.clone(),
        namespace: scope.id.clone(),
        name: String::new(),
        allows: Use::Dial,
        semantic: Semantic::AllOf,
        service_roles: Vec::new(),
        identity_roles: Vec::new(),
        posture_check_roles: Vec::new(),
        tags: Tags::new(),
        created_at: now,
        updated_at: now,
    };
    write(tx, access, scope, blank, change)
}

/// Change the policy with this id.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Taken`], [`Refusal::Field`], [`Refusal::UnknownReference`].
pub fn update(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str, change: &Change) -> Result<(), Error> {
    let policy = named::known(tx, access, scope, id)?;
    write(tx, access, scope, policy, change)
}

fn write(tx: &mut dyn Tx, access: &Access, scope: &Scope, policy: ServicePolicy, change: &Change) -> Result<(), Error> {
    let lists = [
        ("serviceRoles", &change.service_roles),
        ("identityRoles", &change.identity_roles),
        ("postureCheckRoles", &change.posture_check_roles),
    ];
    for (field, roles) in lists {
        for role in roles.iter().flatten() {
            check_role(tx, access, scope, field, role)?;
        }
    }
    let policy = ServicePolicy {
        name: change.name.clone().unwrap_or(policy.name),
        allows: change.allows.unwrap_or(policy.allows),
        semantic: change.semantic.unwrap_or(policy.semantic),
        service_roles: change.service_roles.clone().unwrap_or(policy.service_roles),
        identity_roles: change.identity_roles.clone().unwrap_or(policy.identity_roles),
        posture_check_roles: change.posture_check_roles.clone().unwrap_or(policy.posture_check_roles),
        tags: change.tags.clone().unwrap_or(policy.tags),
        updated_at: tx.now(),
        ..policy
    };
    named::put(tx, access, scope, &policy)
}

/// A role is `#attribute`, or `@id` of something that is there: a check that is named by mistake must not let everybody in.
fn check_role(tx: &mut dyn Tx, access: &Access, scope: &Scope, field: &'static str, role: &str) -> Result<(), Error> {
    let is_there = match (role.strip_prefix('@'), field) {
        (None, _) if role.len() > 1 && role.starts_with('#') => true,
        (None, _) => {
            let reason = "role is neither #attribute nor @id".into();
            return Err(Refusal::Field { field, reason, value: role.to_owned() }.into());
        }
        (Some(id), "serviceRoles") => named::get::<Service>(tx, access, scope, id)?.is_some(),
        (Some(id), "postureCheckRoles") => named::get::<Check>(tx, access, scope, id)?.is_some(),
        (Some(id), _) => super::identities::get(tx, access, scope, &crate::id::EntityId::new(id))?.is_some(),
    };
    if is_there { Ok(()) } else { Err(super::unknown_reference(field, role)) }
}

/// Delete the policy with this id.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<(), Error> {
    named::known::<ServicePolicy>(tx, access, scope, id)?;
    named::delete::<ServicePolicy>(tx, access, scope, id)
}

/// Let no policy name what has this id and is deleted.
pub(super) fn forget_role(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<(), Error> {
    let names = |roles: &[String]| roles.iter().any(|role| role.strip_prefix('@') == Some(id));
    for mut policy in named::list::<ServicePolicy>(tx, access, &scope.id)? {
        if names(&policy.service_roles) || names(&policy.posture_check_roles) {
            policy.service_roles.retain(|role| role.strip_prefix('@') != Some(id));
            policy.posture_check_roles.retain(|role| role.strip_prefix('@') != Some(id));
            named::put(tx, access, scope, &policy)?;
        }
    }
    Ok(())
}
