//! Posture checks: made, changed, deleted; and what endpoints report.

use super::{Error, named, service_policies, services};
use crate::engine::Access;
use crate::engine::edge::access::Caller;
use crate::id::PostureCheckId;
use crate::model::edge::Tags;
use crate::model::edge::posture::{Check, State};
use crate::model::edge::session::ApiSession;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::edge::API_SESSIONS;

/// What a check is to be; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub name: Option<String>,
    /// What policies may know it by.
    pub role_attributes: Option<Vec<String>>,
    /// For how many seconds a proof is good; for ever, if not positive.
    pub timeout_secs: Option<i64>,
    /// Whether waking asks for another.
    pub prompt_on_wake: Option<bool>,
    /// Whether unlocking does.
    pub prompt_on_unlock: Option<bool>,
    /// Whether old endpoints are told of no timeout.
    pub ignore_legacy_endpoints: Option<bool>,
    /// Notes.
    pub tags: Option<Tags>,
}

impl Change {
    fn apply(&self, check: Check) -> Check {
        let timeout = |secs: i64| u32::try_from(secs.min(i64::from(u32::MAX))).ok().filter(|secs| *secs > 0);
        Check {
            name: self.name.clone().unwrap_or(check.name),
            role_attributes: self.role_attributes.clone().unwrap_or(check.role_attributes),
            timeout_secs: self.timeout_secs.map_or(check.timeout_secs, timeout),
            prompt_on_wake: self.prompt_on_wake.unwrap_or(check.prompt_on_wake),
            prompt_on_unlock: self.prompt_on_unlock.unwrap_or(check.prompt_on_unlock),
            ignore_legacy_endpoints: self.ignore_legacy_endpoints.unwrap_or(check.ignore_legacy_endpoints),
            tags: self.tags.clone().unwrap_or(check.tags),
            ..check
        }
    }
}

/// Make a check.
///
/// # Errors
/// [`super::Refusal::Taken`], [`super::Refusal::Field`].
pub fn create(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &PostureCheckId,
    change: &Change,
) -> Result<(), Error> {
    let now = tx.now();
    let blank = Check {
        id: id.clone(),
        namespace: scope.id.clone(),
        name: String::new(),
        role_attributes: Vec::new(),
        timeout_secs: None,
        prompt_on_wake: false,
        prompt_on_unlock: false,
        ignore_legacy_endpoints: false,
        tags: Tags::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    named::put(tx, access, scope, &change.apply(blank))
}

/// Change the check with this id.
///
/// # Errors
/// [`super::Refusal::Unknown`], [`super::Refusal::Taken`], [`super::Refusal::Field`].
pub fn update(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str, change: &Change) -> Result<(), Error> {
    let check: Check = named::known(tx, access, scope, id)?;
    let (version, updated_at) = (check.version.saturating_add(1), tx.now());
    named::put(tx, access, scope, &Check { version, updated_at, ..change.apply(check) })
}

/// Delete the check with this id. Policies that name it ask for it no more.
///
/// # Errors
/// [`super::Refusal::Unknown`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &str) -> Result<(), Error> {
    named::known::<Check>(tx, access, scope, id)?;
    service_policies::forget_role(tx, access, scope, id)?;
    named::delete::<Check>(tx, access, scope, id)
}

/// What an endpoint reports: that it woke, that it was unlocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// It woke.
    pub woken: bool,
    /// It was unlocked.
    pub unlocked: bool,
}

/// A service whose use runs out sooner than it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortened {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For how many seconds a proof is good, if not for ever.
    pub timeout_secs: Option<u32>,
    /// How many are left.
    pub remaining_secs: u64,
}

/// Take down what an endpoint reports, at the moment it is received. Says which services run out sooner for it.
///
/// # Errors
/// [`super::Refusal::Unknown`] if a check is named that is not there.
pub fn report(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    caller: &Caller,
    checks: &[PostureCheckId],
    report: Report,
) -> Result<Vec<Shortened>, Error> {
    for check in checks {
        named::known::<Check>(tx, access, scope, check.as_str())?;
    }
    let now = tx.now();
    let before = caller.session.posture;
    let after = State {
        woken_at: if report.woken { Some(now) } else { before.woken_at },
        unlocked_at: if report.unlocked { Some(now) } else { before.unlocked_at },
        ..before
    };
    API_SESSIONS.put(tx, access, &ApiSession { posture: after, updated_at: now, ..caller.session.clone() })?;
    let mut shortened = Vec::new();
    for granted in services::granted(tx, access, scope, caller)? {
        let checks = granted.policies.iter().flat_map(|policy| &policy.checks);
        let sooner = checks.filter_map(|check| {
            let left = check.remaining_secs(&after, now)?;
            let is_sooner = check.remaining_secs(&before, now).is_none_or(|before| left < before);
            is_sooner.then_some((left, check.timeout_secs))
        });
        if let Some((remaining_secs, timeout_secs)) = sooner.min() {
            let (id, name) = (granted.service.id.to_string(), granted.service.name);
            shortened.push(Shortened { id, name, timeout_secs, remaining_secs });
        }
    }
    Ok(shortened)
}
