//! `identities`: made, shown, changed, disabled, deleted.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::input::Fields;
use super::listing::Page;
use super::request::Api;
use super::route::{Call, Door, Plan, Route, doer};
use super::wire::{Base, Reply, entity_ref, links, time};
use crate::engine::edge::identities::{self, Change};
use crate::engine::edge::{auth_policies, authenticators, mfa, sessions};
use crate::engine::{Access, entities};
use crate::id::EntityId;
use crate::model::edge::identity::{Identity, Kind};
use crate::model::edge::permission::{Action, Noun, is_known};
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::storage::Tx;

const fn may(action: Action) -> Door {
    Door::May(Noun::Identity, action)
}

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: Some(Api::Management),
        pattern: &["identities"],
        verbs: &[(Method::GET, may(Action::Read), list), (Method::POST, may(Action::Create), create)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["identities", "*"],
        verbs: &[
            (Method::GET, may(Action::Read), read),
            (Method::PUT, may(Action::Update), replace),
            (Method::PATCH, may(Action::Update), patch),
            (Method::DELETE, may(Action::Delete), delete),
        ],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["identities", "*", "disable"],
        verbs: &[(Method::POST, may(Action::Update), disable)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["identities", "*", "enable"],
        verbs: &[(Method::POST, may(Action::Update), enable)],
    },
];

/// The entity that the path names.
pub(super) fn entity_id(call: &Call<'_>) -> Result<EntityId, Error> {
    Ok(EntityId::new(call.id()?))
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let page = Page::read(call.head)?;
    let mut all = entities::list(call.tx, call.access, &call.scope)?;
    all.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
    let (tx, access, scope) = (&mut *call.tx, call.access, &call.scope);
    let reply = page.reply(
        all,
        |entity| (entity.id.as_str(), &entity.name),
        |entity| {
            let identity = identities::said(tx, access, &entity)?;
            detail(tx, access, scope, &entity, &identity, own_links(&entity))
        },
    )?;
    Ok(Plan::Reply(reply))
}

fn own_links(entity: &Entity) -> Value {
    links(&[("self", &format!("./identities/{}", entity.id))])
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = entity_id(call)?;
    let (entity, identity) = identities::known(call.tx, call.access, &call.scope, &id)?;
    let links = own_links(&entity);
    Ok(Plan::Reply(Reply::data(detail(call.tx, call.access, &call.scope, &entity, &identity, links)?)))
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "type", "isAdmin"])?;
    // What would be enrolled by is checked for its kind. There are no enrolments here: an administrator sets the password.
    fields.object("enrollment")?;
    let change = change(&fields)?;
    let (scope, id) = (call.scope.clone(), EntityId::fresh(call.engine.entropy.as_ref(), &call.scope.id));
    Ok(Plan::write(move |tx, access, caller| {
        identities::create(tx, access, &scope, &id, &change, doer(caller))?;
        Ok(Reply::created("identities", id.as_str()))
    }))
}

/// Everything is said anew: what is not said is as for a new identity.
fn replace(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["name", "type", "isAdmin"])?;
    let said = change(&fields)?;
    let whole = Change {
        auth_policy: Some(said.auth_policy.unwrap_or_default()),
        role_attributes: Some(said.role_attributes.unwrap_or_default()),
        external_id: Some(said.external_id.unwrap_or_default()),
        permissions: Some(said.permissions.unwrap_or_default()),
        tags: Some(said.tags.unwrap_or_default()),
        app_data: Some(said.app_data.unwrap_or_default()),
        ..said
    };
    update(call, whole)
}

fn patch(call: &mut Call<'_>) -> Result<Plan, Error> {
    let change = change(&call.fields()?)?;
    update(call, change)
}

fn update(call: &Call<'_>, change: Change) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), entity_id(call)?);
    Ok(Plan::write(move |tx, access, caller| {
        identities::update(tx, access, &scope, &id, &change, doer(caller))?;
        Ok(Reply::empty())
    }))
}

fn change(fields: &Fields) -> Result<Change, Error> {
    let nullable = |name| -> Result<Option<Option<Vec<String>>>, Error> {
        let texts = fields.texts(name)?;
        Ok(fields.has(name).then_some(texts))
    };
    let permissions = nullable("permissions")?;
    if let Some(unknown) = permissions.iter().flatten().flatten().find(|permission| !is_known(permission)) {
        return Err(Error::field("permissions", "permissions in body has a permission that there is not", unknown));
    }
    let external_id = fields.text("externalId")?;
    Ok(Change {
        name: fields.text("name")?,
        kind: fields.one_of("type", Kind::parse)?,
        is_admin: fields.flag("isAdmin")?,
        auth_policy: fields.text("authPolicyId")?,
        role_attributes: nullable("roleAttributes")?,
        external_id: fields.has("externalId").then_some(external_id),
        permissions,
        tags: fields.tags("tags")?,
        app_data: fields.tags("appData")?,
    })
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), entity_id(call)?);
    Ok(Plan::write(move |tx, access, caller| {
        identities::delete(tx, access, &scope, &id, doer(caller))?;
        Ok(Reply::empty())
    }))
}

fn disable(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    let minutes = fields.int("durationMinutes")?.ok_or_else(|| Error::missing("durationMinutes"))?;
    let minutes = u32::try_from(minutes).map_err(|_| {
        Error::field("durationMinutes", "durationMinutes in body is out of range", &minutes.to_string())
    })?;
    let (scope, id) = (call.scope.clone(), entity_id(call)?);
    Ok(Plan::write(move |tx, access, caller| {
        identities::disable(tx, access, &scope, &id, minutes, doer(caller))?;
        Ok(Reply::empty())
    }))
}

fn enable(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), entity_id(call)?);
    Ok(Plan::write(move |tx, access, caller| {
        identities::enable(tx, access, &scope, &id, doer(caller))?;
        Ok(Reply::empty())
    }))
}

/// An identity as it is read.
pub(super) fn detail(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    entity: &Entity,
    identity: &Identity,
    links: Value,
) -> Result<Value, Error> {
    let policy = auth_policies::of(tx, access, scope, identity)?;
    let updb = authenticators::of(tx, access, &entity.id)?;
    let updb = updb.map(|found| json!({ "updb": { "id": found.id.as_str(), "username": found.username } }));
    let disabling = identity.disabled_at(tx.now());
    let kind = identity.kind.as_str();
    let base = Base {
        id: entity.id.as_str(),
        created_at: entity.created_at,
        updated_at: entity.updated_at,
        tags: &identity.tags,
        links,
    };
    Ok(base.with(json!({
        "name": entity.name,
        "type": entity_ref("identity-types", kind, kind),
        "typeId": kind,
        "isAdmin": identity.is_admin,
        "isDefaultAdmin": identity.is_default_admin,
        "isMfaEnabled": mfa::is_verified(tx, access, entity)?,
        "authPolicyId": policy.id.as_str(),
        "authPolicy": entity_ref("auth-policies", policy.id.as_str(), &policy.name),
        "authenticators": updb.unwrap_or_else(|| json!({})),
        "enrollment": {},
        "envInfo": {},
        "sdkInfo": {},
        "roleAttributes": identity.role_attributes,
        "hasEdgeRouterConnection": false,
        "edgeRouterConnectionStatus": "offline",
        "hasApiSession": sessions::has_any(tx, access, &entity.id)?,
        "serviceHostingPrecedences": {},
        "serviceHostingCosts": {},
        "defaultHostingCost": 0,
        "defaultHostingPrecedence": "default",
        "externalId": identity.external_id,
        "disabled": entity.disabled || disabling.is_some(),
        "disabledAt": disabling.map(|disabling| time(disabling.at)),
        "disabledUntil": disabling.and_then(|disabling| disabling.until).map(time),
        "appData": identity.app_data,
        "permissions": identity.permissions,
        "interfaces": [],
    })))
}
