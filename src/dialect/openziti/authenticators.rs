//! `authenticators`: the names and passwords that identities log in by.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::input::check_length;
use super::listing::Page;
use super::request::Api;
use super::route::{Call, Door, Plan, Route};
use super::wire::{Base, Reply, entity_ref, links};
use crate::engine::Access;
use crate::engine::edge::authenticators::{self, Change};
use crate::engine::edge::{Refusal, identities};
use crate::id::{AuthenticatorId, EntityId};
use crate::model::edge::authenticator::{Authenticator, PASSWORD_LENGTH, USERNAME_LENGTH};
use crate::model::edge::permission::{Action, Noun};
use crate::model::namespace::Scope;
use crate::storage::Tx;

const fn may(action: Action) -> Door {
    Door::May(Noun::Authenticator, action)
}

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: Some(Api::Management),
        pattern: &["authenticators"],
        verbs: &[(Method::GET, may(Action::Read), list), (Method::POST, may(Action::Create), create)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["authenticators", "*"],
        verbs: &[
            (Method::GET, may(Action::Read), read),
            (Method::PUT, may(Action::Update), replace),
            (Method::PATCH, may(Action::Update), patch),
            (Method::DELETE, may(Action::Delete), delete),
        ],
    },
];

fn authenticator_id(call: &Call<'_>) -> Result<AuthenticatorId, Error> {
    Ok(AuthenticatorId::new(call.id()?))
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let page = Page::read(call.head)?;
    let all = authenticators::list(call.tx, call.access, &call.scope)?;
    let (tx, access, scope) = (&mut *call.tx, call.access, &call.scope);
    let reply =
        page.reply(all, |found| (found.id.as_str(), &found.username), |found| shown(tx, access, scope, &found))?;
    Ok(Plan::Reply(reply))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = authenticator_id(call)?;
    let found = authenticators::get(call.tx, call.access, &call.scope, &id)?.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(shown(call.tx, call.access, &call.scope, &found)?)))
}

fn shown(tx: &mut dyn Tx, access: &Access, scope: &Scope, found: &Authenticator) -> Result<Value, Error> {
    let (entity, _) = identities::known(tx, access, scope, &found.entity)?;
    let base = Base {
        id: found.id.as_str(),
        created_at: found.created_at,
        updated_at: found.updated_at,
        tags: &found.tags,
        links: links(&[("self", &format!("./authenticators/{}", found.id))]),
    };
    Ok(base.with(json!({
        "method": "updb",
        "username": found.username,
        "identityId": entity.id.as_str(),
        "identity": entity_ref("identities", entity.id.as_str(), &entity.name),
    })))
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["method", "identityId"])?;
    let method = fields.required_text("method")?;
    if method != "updb" {
        return Err(Error::field("method", "method in body must be updb", &method));
    }
    let entity = EntityId::new(fields.required_text("identityId")?);
    let username = fields.required_text("username")?;
    let password = fields.secret("password")?.ok_or_else(|| Error::missing("password"))?;
    check_length("username", &username, USERNAME_LENGTH)?;
    check_length("password", password.expose(), PASSWORD_LENGTH)?;
    authenticators::check_password(call.tx, call.access, &call.scope, &entity, &password)?;
    let (scope, now) = (call.scope.clone(), call.tx.now());
    let authenticator = Authenticator {
        id: AuthenticatorId::fresh(call.engine.entropy.as_ref()),
        entity,
        namespace: scope.id.clone(),
        username,
        failures: 0,
        tags: fields.tags("tags")?.unwrap_or_default(),
        created_at: now,
        updated_at: now,
    };
    Ok(Plan::hashing(move |engine, permit| {
        let hash = engine.passwords.hash(permit, &password, &engine.entropy.bytes());
        Ok(Plan::write(move |tx, access, _| {
            authenticators::create(tx, access, &scope, &authenticator, &hash)?;
            Ok(Reply::created("authenticators", authenticator.id.as_str()))
        }))
    }))
}

fn replace(call: &mut Call<'_>) -> Result<Plan, Error> {
    call.fields()?.require(&["username", "password"])?;
    patch(call)
}

fn patch(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    let (scope, id) = (call.scope.clone(), authenticator_id(call)?);
    let there = authenticators::get(call.tx, call.access, &scope, &id)?.ok_or(Refusal::Unknown)?;
    let change = Change { username: fields.text("username")?, password: None, tags: fields.tags("tags")? };
    if let Some(username) = &change.username {
        check_length("username", username, USERNAME_LENGTH)?;
    }
    let Some(password) = fields.secret("password")? else { return Ok(write(scope, id, change)) };
    check_length("password", password.expose(), PASSWORD_LENGTH)?;
    authenticators::check_password(call.tx, call.access, &scope, &there.entity, &password)?;
    Ok(Plan::hashing(move |engine, permit| {
        let hash = engine.passwords.hash(permit, &password, &engine.entropy.bytes());
        Ok(write(scope, id, Change { password: Some(hash), ..change }))
    }))
}

fn write(scope: Scope, id: AuthenticatorId, change: Change) -> Plan {
    Plan::write(move |tx, access, _| {
        authenticators::update(tx, access, &scope, &id, &change)?;
        Ok(Reply::empty())
    })
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), authenticator_id(call)?);
    Ok(Plan::write(move |tx, access, _| {
        authenticators::delete(tx, access, &scope, &id)?;
        Ok(Reply::empty())
    }))
}
