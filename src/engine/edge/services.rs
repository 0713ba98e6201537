//! Services: made, changed, deleted; and which of them an identity may use.

use super::access::Caller;
use super::{Error, named, service_policies};
use crate::engine::Access;
use crate::id::ServiceId;
use crate::model::edge::Tags;
use crate::model::edge::posture::{Check, State};
use crate::model::edge::service::{Service, ServicePolicy, Use, is_meant};
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::time::Timestamp;

/// What a service is to be; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// Whether its traffic is encrypted.
    pub encryption_required: Option<bool>,
    /// What policies may know it by.
    pub role_attributes: Option<Vec<String>>,
    /// What it is set up with.
    pub configs: Option<Vec<String>>,
    /// How one of several is chosen; the usual way, if empty.
    pub terminator_strategy: Option<String>,
    /// When silence ends a connection.
    pub max_idle_time_millis: Option<u64>,
    /// Notes.
    pub tags: Option<Tags>,
}

/// How one of several is chosen unless somebody says otherwise.
const USUAL_STRATEGY: &str = "smartrouting";

impl Change {
    fn apply(&self, service: Service) -> Service {
        let strategy = self.terminator_strategy.clone().unwrap_or(service.terminator_strategy);
        Service {
            name: self.name.clone().unwrap_or(service.name),
            encryption_required: self.encryption_required.unwrap_or(service.encryption_required),
            role_attributes: self.role_attributes.clone().unwrap_or(service.role_attributes),
            configs: self.configs.clone().unwrap_or(service.configs),
            terminator_strategy: if strategy.is_empty() { USUAL_STRATEGY.into() } else { strategy },
            max_idle_time_millis: self.max_idle_time_millis.unwrap_or(service.max_idle_time_millis),
            tags: self.tags.clone().unwrap_or(service.tags),
            ..service
        }
    }
}

/// Make a service.
///
/// # Errors
/// [`super::Refusal::Taken`], [`super::Refusal::Field`].
pub fn create(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &ServiceId, change: &Change) -> Result<(), Error> {
    let now = tx.now();
    let blank = Service {
        id: id.clone(),
        namespace: scope.id.clone(),
        name: String::new(),
        encryption_required: true,
        role_attributes: Vec::new(),
        configs: Vec::new(),
        terminator_strategy: String::new(),
        max_idle_time_millis: 0,
        tags: Tags::new(),
        created_at: now,
        updated_at: now,
    };
    named::put(tx, access, scope, &change.apply(blank))
}

/// Change the service with this id.
///
/// # Errors
/// [`super::Refusal::Unknown`], [`super::Refusal::Taken`], [`super::Refusal::Field`].
pub fn update(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str, change: &Change) -> Result<(), Error> {
    let service: Service = named::known(tx, access, scope, id)?;
    let updated_at = tx.now();
    named::put(tx, access, scope, &Service { updated_at, ..change.apply(service) })
}

/// Delete the service with this id. Nobody uses it any more, and no policy names it.
///
/// # Errors
/// [`super::Refusal::Unknown`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<(), Error> {
    named::known::<Service>(tx, access, scope, id)?;
    service_policies::forget_role(tx, access, scope, id)?;
    named::delete::<Service>(tx, access, scope, id)
}

/// A service that an identity may use, as far as its posture allows.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The service.
    pub service: Service,
    /// The policies that grant it.
    pub policies: Vec<Granting>,
}

/// A policy that grants a service.
#[derive(Debug, Clone)]
pub struct Granting {
    /// The policy.
    pub policy: ServicePolicy,
    /// The checks that it asks for, all of which must pass.
    pub checks: Vec<Check>,
}

impl Granting {
    /// Whether all checks pass.
    pub fn passes(&self, state: &State, now: Timestamp) -> bool {
        self.checks.iter().all(|check| check.passes(state, now))
    }
}

impl Granted {
    /// Whether one of the policies for `doing` passes.
    pub fn passes(&self, doing: Use, state: &State, now: Timestamp) -> bool {
        self.granting(doing).any(|granting| granting.passes(state, now))
    }

    /// The policies for `doing`.
    pub fn granting(&self, doing: Use) -> impl Iterator<Item = &Granting> {
        self.policies.iter().filter(move |granting| granting.policy.allows == doing)
    }
}

/// The services that the caller may use, by name.
pub fn granted(tx: &mut dyn Tx, access: &Access, scope: &Scope, caller: &Caller) -> Result<Vec<Granted>, Error> {
    let own = caller.identity.role_attributes.as_deref().unwrap_or_default();
    let mut policies: Vec<ServicePolicy> = named::list(tx, access, &scope.id)?;
    policies.retain(|policy| is_meant(&policy.identity_roles, policy.semantic, caller.entity.id.as_str(), own));
    if policies.is_empty() {
        return Ok(Vec::new());
    }
    let checks: Vec<Check> = named::list(tx, access, &scope.id)?;
    let services: Vec<Service> = named::list(tx, access, &scope.id)?;
    let granting = |policy: &ServicePolicy| Granting {
        policy: policy.clone(),
        checks: checks
            .iter()
            .filter(|check| {
                let roles = &policy.posture_check_roles;
                is_meant(roles, policy.semantic, check.id.as_str(), &check.role_attributes)
            })
            .cloned()
            .collect(),
    };
    let granted = services.into_iter().map(|service| {
        let meant = |policy: &&ServicePolicy| {
            is_meant(&policy.service_roles, policy.semantic, service.id.as_str(), &service.role_attributes)
        };
        let policies = policies.iter().filter(meant).map(granting).collect();
        Granted { service, policies }
    });
    Ok(granted.filter(|granted| !granted.policies.is_empty()).collect())
}
