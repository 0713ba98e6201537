//! `posture-checks`: those of type MFA.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::input::Fields;
use super::listing::Page;
use super::request::Api;
use super::route::{Call, Door, Plan, Route, written};
use super::wire::{Base, Reply, links};
use crate::engine::edge::checks::{self, Change};
use crate::engine::edge::named;
use crate::id::PostureCheckId;
use crate::model::edge::permission::{Action, Noun};
use crate::model::edge::posture::Check;

const fn may(action: Action) -> Door {
    Door::May(Noun::PostureCheck, action)
}

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: Some(Api::Management),
        pattern: &["posture-checks"],
        verbs: &[(Method::GET, may(Action::Read), list), (Method::POST, may(Action::Create), create)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["posture-checks", "*"],
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
    let all: Vec<Check> = named::list(call.tx, call.access, &call.scope.id)?;
    Ok(Plan::Reply(page.reply(all, |check| (check.id.as_str(), &check.name), |check| Ok(shown(&check)))?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = call.id()?.to_owned();
    let check: Check = named::known(call.tx, call.access, &call.scope, &id)?;
    Ok(Plan::Reply(Reply::data(shown(&check))))
}

/// A span as the wire has it: -1 for one without end.
pub(super) fn seconds(secs: Option<impl Into<i64>>) -> i64 {
    secs.map_or(-1, Into::into)
}

fn shown(check: &Check) -> Value {
    let base = Base {
        id: check.id.as_str(),
        created_at: check.created_at,
        updated_at: check.updated_at,
        tags: &check.tags,
        links: links(&[("self", &format!("./posture-checks/{}", check.id))]),
    };
    base.with(json!({
        "name": check.name,
        "typeId": "MFA",
        "version": check.version,
        "roleAttributes": check.role_attributes,
        "timeoutSeconds": seconds(check.timeout_secs),
        "promptOnWake": check.prompt_on_wake,
        "promptOnUnlock": check.prompt_on_unlock,
        "ignoreLegacyEndpoints": check.ignore_legacy_endpoints,
    }))
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "typeId"])?;
    let change = change(&fields)?;
    let (scope, id) = (call.scope.clone(), PostureCheckId::fresh(call.engine.entropy.as_ref()));
    Ok(Plan::write(move |tx, access, _| {
        checks::create(tx, access, &scope, &id, &change)?;
        Ok(Reply::created("posture-checks", id.as_str()))
    }))
}

/// Everything is said anew.
fn replace(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "typeId"])?;
    let said = change(&fields)?;
    let whole = Change {
        role_attributes: Some(said.role_attributes.unwrap_or_default()),
        timeout_secs: Some(said.timeout_secs.unwrap_or_default()),
        prompt_on_wake: Some(said.prompt_on_wake.unwrap_or_default()),
        prompt_on_unlock: Some(said.prompt_on_unlock.unwrap_or_default()),
        ignore_legacy_endpoints: Some(said.ignore_legacy_endpoints.unwrap_or_default()),
        tags: Some(said.tags.unwrap_or_default()),
        ..said
    };
    update(call, whole)
}

fn patch(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["typeId"])?;
    let change = change(&fields)?;
    update(call, change)
}

fn update(call: &Call<'_>, change: Change) -> Result<Plan, Error> {
    written(call, move |tx, access, scope, id| checks::update(tx, access, scope, id, &change))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    written(call, checks::delete)
}

fn change(fields: &Fields) -> Result<Change, Error> {
    fields.one_of("typeId", |kind| (kind == "MFA").then_some(()))?;
    Ok(Change {
        name: fields.text("name")?,
        role_attributes: fields.texts("roleAttributes")?,
        timeout_secs: fields.int("timeoutSeconds")?,
        prompt_on_wake: fields.flag("promptOnWake")?,
        prompt_on_unlock: fields.flag("promptOnUnlock")?,
        ignore_legacy_endpoints: fields.flag("ignoreLegacyEndpoints")?,
        tags: fields.tags("tags")?,
    })
}
