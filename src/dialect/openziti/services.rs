//! `services`: for those who run the network, all of them; for those who use it, those that a policy grants.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::input::Fields;
use super::listing::Page;
use super::posture_checks::seconds;
use super::request::Api;
use super::route::{Call, Door, Plan, Route, written};
use super::wire::{Base, Reply, links, merge, time};
use crate::engine::edge::access::Caller;
use crate::engine::edge::services::{self, Change, Granted, Granting};
use crate::engine::edge::{Refusal, named};
use crate::id::ServiceId;
use crate::model::edge::permission::{Action, Noun};
use crate::model::edge::posture::{Check, is_legacy};
use crate::model::edge::service::{Service, Use};
use crate::time::Timestamp;

const fn may(action: Action) -> Door {
    Door::May(Noun::Service, action)
}

pub(super) const ROUTES: &[Route] = &[
    Route { api: Some(Api::Client), pattern: &["services"], verbs: &[(Method::GET, Door::Full, list_granted)] },
    Route { api: Some(Api::Client), pattern: &["services", "*"], verbs: &[(Method::GET, Door::Full, read_granted)] },
    Route {
        api: Some(Api::Management),
        pattern: &["services"],
        verbs: &[(Method::GET, may(Action::Read), list), (Method::POST, may(Action::Create), create)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["services", "*"],
        verbs: &[
            (Method::GET, may(Action::Read), read),
            (Method::PUT, may(Action::Update), replace),
            (Method::PATCH, may(Action::Update), patch),
            (Method::DELETE, may(Action::Delete), delete),
        ],
    },
];

fn list_granted(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (page, caller, now) = (Page::read(call.head)?, call.caller()?.clone(), call.tx.now());
    let all = services::granted(call.tx, call.access, &call.scope, &caller)?;
    let reply = page.reply(
        all,
        |granted| (granted.service.id.as_str(), &granted.service.name),
        |granted| Ok(shown_to(&granted, &caller, now)),
    )?;
    Ok(Plan::Reply(reply))
}

fn read_granted(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (id, caller, now) = (call.id()?.to_owned(), call.caller()?.clone(), call.tx.now());
    let all = services::granted(call.tx, call.access, &call.scope, &caller)?;
    let found = all.into_iter().find(|granted| granted.service.id.as_str() == id).ok_or(Refusal::Unknown)?;
    Ok(Plan::Reply(Reply::data(shown_to(&found, &caller, now))))
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let page = Page::read(call.head)?;
    let all: Vec<Service> = named::list(call.tx, call.access, &call.scope.id)?;
    let show = |service: Service| Ok(shown(&service, &["Dial", "Bind"], &[]));
    Ok(Plan::Reply(page.reply(all, |service| (service.id.as_str(), &service.name), show)?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = call.id()?.to_owned();
    let service: Service = named::known(call.tx, call.access, &call.scope, &id)?;
    Ok(Plan::Reply(Reply::data(shown(&service, &["Dial", "Bind"], &[]))))
}

/// A service as it is read by one who may use it.
fn shown_to(granted: &Granted, caller: &Caller, now: Timestamp) -> Value {
    let mut uses: Vec<_> = granted.policies.iter().map(|granting| granting.policy.allows).collect();
    uses.sort_unstable();
    uses.dedup();
    let uses: Vec<&str> = uses.into_iter().map(Use::as_str).collect();
    let queries: Vec<Value> = granted.policies.iter().map(|granting| queries(granting, caller, now)).collect();
    shown(&granted.service, &uses, &queries)
}

fn shown(service: &Service, permissions: &[&str], queries: &[Value]) -> Value {
    let base = Base {
        id: service.id.as_str(),
        created_at: service.created_at,
        updated_at: service.updated_at,
        tags: &service.tags,
        links: links(&[("self", &format!("./services/{}", service.id))]),
    };
    base.with(json!({
        "name": service.name,
        "config": {},
        "configs": service.configs,
        "encryptionRequired": service.encryption_required,
        "maxIdleTimeMillis": service.max_idle_time_millis,
        "permissions": permissions,
        "roleAttributes": service.role_attributes,
        "terminatorStrategy": service.terminator_strategy,
        "postureQueries": queries,
    }))
}

/// What one policy asks for, and whether it gets it.
fn queries(granting: &Granting, caller: &Caller, now: Timestamp) -> Value {
    let checks: Vec<Value> = granting.checks.iter().map(|check| query(check, caller, now)).collect();
    json!({
        "policyId": granting.policy.id.as_str(),
        "policyType": granting.policy.allows.as_str(),
        "isPassing": granting.passes(&caller.session.posture, now),
        "postureQueries": checks,
    })
}

fn query(check: &Check, caller: &Caller, now: Timestamp) -> Value {
    let state = &caller.session.posture;
    let is_spared = check.ignore_legacy_endpoints && is_legacy(&caller.session.sdk_info);
    let left = check.remaining_secs(state, now).filter(|_| !is_spared);
    let end = state.passed_mfa_at.and_then(|passed_at| check.end_of(passed_at)).filter(|_| !is_spared);
    let base = Base {
        id: check.id.as_str(),
        created_at: check.created_at,
        updated_at: check.updated_at,
        tags: &check.tags,
        links: links(&[("self", &format!("./posture-checks/{}", check.id))]),
    };
    let mut shown = base.with(json!({
        "queryType": "MFA",
        "isPassing": check.passes(state, now),
        "timeout": seconds(check.timeout_secs),
        "timeoutRemaining": seconds(left.map(|secs| i64::try_from(secs).unwrap_or(i64::MAX))),
        "promptOnWake": check.prompt_on_wake,
        "promptOnUnlock": check.prompt_on_unlock,
    }));
    if let Some(end) = end {
        merge(&mut shown, json!({ "timeoutAt": time(end) }));
    }
    shown
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "encryptionRequired"])?;
    let change = change(&fields)?;
    let (scope, id) = (call.scope.clone(), ServiceId::fresh(call.engine.entropy.as_ref()));
    Ok(Plan::write(move |tx, access, _| {
        services::create(tx, access, &scope, &id, &change)?;
        Ok(Reply::created("services", id.as_str()))
    }))
}

/// Everything is said anew, but whether traffic is encrypted.
fn replace(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name"])?;
    let said = change(&fields)?;
    let whole = Change {
        role_attributes: Some(said.role_attributes.unwrap_or_default()),
        configs: Some(said.configs.unwrap_or_default()),
        terminator_strategy: Some(said.terminator_strategy.unwrap_or_default()),
        max_idle_time_millis: Some(said.max_idle_time_millis.unwrap_or_default()),
        tags: Some(said.tags.unwrap_or_default()),
        ..said
    };
    update(call, whole)
}

fn patch(call: &mut Call<'_>) -> Result<Plan, Error> {
    let change = change(&call.fields()?)?;
    update(call, change)
}

fn update(call: &Call<'_>, change: Change) -> Result<Plan, Error> {
    written(call, move |tx, access, scope, id| services::update(tx, access, scope, id, &change))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    written(call, services::delete)
}

fn change(fields: &Fields) -> Result<Change, Error> {
    let idle = fields.int("maxIdleTimeMillis")?.map(|millis| u64::try_from(millis).unwrap_or_default());
    Ok(Change {
        name: fields.text("name")?,
        encryption_required: fields.flag("encryptionRequired")?,
        role_attributes: fields.texts("roleAttributes")?,
        configs: fields.texts("configs")?,
        terminator_strategy: fields.text("terminatorStrategy")?,
        max_idle_time_millis: idle,
        tags: fields.tags("tags")?,
    })
}
