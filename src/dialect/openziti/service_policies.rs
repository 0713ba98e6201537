//! `service-policies`: who may use which services, and in what posture.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::input::Fields;
use super::listing::Page;
use super::request::Api;
use super::route::{Call, Door, Plan, Route, written};
use super::wire::{Base, Reply, links};
use crate::engine::edge::named;
use crate::engine::edge::service_policies::{self, Change};
use crate::id::ServicePolicyId;
use crate::model::edge::permission::{Action, Noun};
use crate::model::edge::service::{Semantic, ServicePolicy, Use};

const fn may(action: Action) -> Door {
    Door::May(Noun::ServicePolicy, action)
}

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: Some(Api::Management),
        pattern: &["service-policies"],
        verbs: &[(Method::GET, may(Action::Read), list), (Method::POST, may(Action::Create), create)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["service-policies", "*"],
        verbs: &[
            (Method::GET, may(Action::Read), read),
            (Method::PUT, may(Action::Update), replace),
            (Method::PATCH, may(Action::Update), patch),
            (Method::DELETE, may(Action::Delete), delete),
        ],
    },
];

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let page = Page::read(call.head)?;
    let all: Vec<ServicePolicy> = named::list(call.tx, call.access, &call.scope.id)?;
    Ok(Plan::Reply(page.reply(all, |policy| (policy.id.as_str(), &policy.name), |policy| Ok(shown(&policy)))?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = call.id()?.to_owned();
    let policy: ServicePolicy = named::known(call.tx, call.access, &call.scope, &id)?;
    Ok(Plan::Reply(Reply::data(shown(&policy))))
}

fn shown(policy: &ServicePolicy) -> Value {
    let base = Base {
        id: policy.id.as_str(),
        created_at: policy.created_at,
        updated_at: policy.updated_at,
        tags: &policy.tags,
        links: links(&[("self", &format!("./service-policies/{}", policy.id))]),
    };
    let display =
        |roles: &[String]| -> Vec<Value> { roles.iter().map(|role| json!({ "role": role, "name": role })).collect() };
    base.with(json!({
        "name": policy.name,
        "type": policy.allows.as_str(),
        "semantic": policy.semantic.as_str(),
        "serviceRoles": policy.service_roles,
        "serviceRolesDisplay": display(&policy.service_roles),
        "identityRoles": policy.identity_roles,
        "identityRolesDisplay": display(&policy.identity_roles),
        "postureCheckRoles": policy.posture_check_roles,
        "postureCheckRolesDisplay": display(&policy.posture_check_roles),
    }))
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "type", "semantic"])?;
    let change = change(&fields)?;
    let (scope, id) = (call.scope.clone(), ServicePolicyId::fresh(call.engine.entropy.as_ref()));
    Ok(Plan::write(move |tx, access, _| {
        service_policies::create(tx, access, &scope, &id, &change)?;
        Ok(Reply::created("service-policies", id.as_str()))
    }))
}

/// Everything is said anew.
fn replace(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "type", "semantic"])?;
    let said = change(&fields)?;
    let whole = Change {
        service_roles: Some(said.service_roles.unwrap_or_default()),
        identity_roles: Some(said.identity_roles.unwrap_or_default()),
        posture_check_roles: Some(said.posture_check_roles.unwrap_or_default()),
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
    written(call, move |tx, access, scope, id| service_policies::update(tx, access, scope, id, &change))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    written(call, service_policies::delete)
}

fn change(fields: &Fields) -> Result<Change, Error> {
    Ok(Change {
        name: fields.text("name")?,
        allows: fields.one_of("type", Use::parse)?,
        semantic: fields.one_of("semantic", Semantic::parse)?,
        service_roles: fields.texts("serviceRoles")?,
        identity_roles: fields.texts("identityRoles")?,
        posture_check_roles: fields.texts("postureCheckRoles")?,
        tags: fields.tags("tags")?,
    })
}
