//! `auth-policies`: how identities authenticate.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::input::Fields;
use super::listing::Page;
use super::request::Api;
use super::route::{Call, Door, Plan, Route};
use super::wire::{Base, Reply, links};
use crate::engine::edge::Refusal;
use crate::engine::edge::auth_policies::{self, Change, UpdbChange};
use crate::id::AuthPolicyId;
use crate::model::edge::auth_policy::AuthPolicy;
use crate::model::edge::permission::{Action, Noun};

const fn may(action: Action) -> Door {
    Door::May(Noun::AuthPolicy, action)
}

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: Some(Api::Management),
        pattern: &["auth-policies"],
        verbs: &[(Method::GET, may(Action::Read), list), (Method::POST, may(Action::Create), create)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["auth-policies", "*"],
        verbs: &[
            (Method::GET, may(Action::Read), read),
            (Method::PUT, may(Action::Update), replace),
            (Method::PATCH, may(Action::Update), patch),
            (Method::DELETE, may(Action::Delete), delete),
        ],
    },
];

fn policy_id(call: &Call<'_>) -> Result<AuthPolicyId, Error> {
    Ok(AuthPolicyId::new(call.id()?))
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let page = Page::read(call.head)?;
    let all = auth_policies::list(call.tx, call.access, &call.scope)?;
    let reply = page.reply(all, |policy| (policy.id.as_str(), &policy.name), |policy| Ok(shown(&policy)))?;
    Ok(Plan::Reply(reply))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = policy_id(call)?;
    let policy = auth_policies::get(call.tx, call.access, &call.scope, &id)?.ok_or(Refusal::Unknown)?;
    Ok(Plan::Reply(Reply::data(shown(&policy))))
}

fn shown(policy: &AuthPolicy) -> Value {
    let base = Base {
        id: policy.id.as_str(),
        created_at: policy.created_at,
        updated_at: policy.updated_at,
        tags: &policy.tags,
        links: links(&[("self", &format!("./auth-policies/{}", policy.id))]),
    };
    let updb = &policy.updb;
    base.with(json!({
        "name": policy.name,
        "primary": {
            "updb": {
                "allowed": updb.allowed,
                "minPasswordLength": updb.min_password_length,
                "requireSpecialChar": updb.require_special_char,
                "requireNumberChar": updb.require_number_char,
                "requireMixedCase": updb.require_mixed_case,
                "maxAttempts": updb.max_attempts,
                "lockoutDurationMinutes": updb.lockout_duration_minutes,
            },
            "cert": { "allowed": policy.cert.allowed, "allowExpiredCerts": policy.cert.allow_expired_certs },
            "extJwt": { "allowed": policy.ext_jwt.allowed, "allowedSigners": [] },
        },
        "secondary": { "requireTotp": policy.require_totp, "requireExtJwtSigner": null },
    }))
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    require_all(&fields)?;
    let change = change(&fields)?;
    let (scope, id) = (call.scope.clone(), AuthPolicyId::fresh(call.engine.entropy.as_ref()));
    Ok(Plan::write(move |tx, access, _| {
        auth_policies::create(tx, access, &scope, &id, &change)?;
        Ok(Reply::created("auth-policies", id.as_str()))
    }))
}

fn replace(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    require_all(&fields)?;
    let change = change(&fields)?;
    let tags = Some(change.tags.clone().unwrap_or_default());
    update(call, Change { tags, ..change })
}

fn patch(call: &mut Call<'_>) -> Result<Plan, Error> {
    let change = change(&call.fields()?)?;
    update(call, change)
}

fn update(call: &Call<'_>, change: Change) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), policy_id(call)?);
    Ok(Plan::write(move |tx, access, _| {
        auth_policies::update(tx, access, &scope, &id, &change)?;
        Ok(Reply::empty())
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), policy_id(call)?);
    Ok(Plan::write(move |tx, access, _| {
        auth_policies::delete(tx, access, &scope, &id)?;
        Ok(Reply::empty())
    }))
}

const UPDB: [&str; 7] = [
    "allowed",
    "minPasswordLength",
    "requireSpecialChar",
    "requireNumberChar",
    "requireMixedCase",
    "maxAttempts",
    "lockoutDurationMinutes",
];

/// A policy is written whole.
fn require_all(fields: &Fields) -> Result<(), Error> {
    fields.require(&["name", "primary", "secondary"])?;
    let part = |of: &Fields, name: &str| of.object(name)?.ok_or_else(|| Error::missing(name));
    let primary = part(fields, "primary")?;
    primary.require(&["updb", "cert", "extJwt"])?;
    part(&primary, "updb")?.require(&UPDB)?;
    part(&primary, "cert")?.require(&["allowed", "allowExpiredCerts"])?;
    part(&primary, "extJwt")?.require(&["allowed", "allowedSigners"])?;
    part(fields, "secondary")?.require(&["requireTotp"])
}

fn change(fields: &Fields) -> Result<Change, Error> {
    let mut change = Change { name: fields.text("name")?, tags: fields.tags("tags")?, ..Change::default() };
    if let Some(primary) = fields.object("primary")? {
        if let Some(updb) = primary.object("updb")? {
            change.updb = UpdbChange {
                allowed: updb.flag("allowed")?,
                min_password_length: updb.int("minPasswordLength")?,
                require_special_char: updb.flag("requireSpecialChar")?,
                require_number_char: updb.flag("requireNumberChar")?,
                require_mixed_case: updb.flag("requireMixedCase")?,
                max_attempts: updb.int("maxAttempts")?,
                lockout_duration_minutes: updb.int("lockoutDurationMinutes")?,
            };
        }
        if let Some(cert) = primary.object("cert")? {
            change.cert_allowed = cert.flag("allowed")?;
            change.allow_expired_certs = cert.flag("allowExpiredCerts")?;
        }
        if let Some(ext_jwt) = primary.object("extJwt")? {
            change.ext_jwt_allowed = ext_jwt.flag("allowed")?;
            // There are no signers that could be named.
            if let Some(signer) = ext_jwt.texts("allowedSigners")?.into_iter().flatten().next() {
                return Err(Refusal::UnknownReference { field: "primary.extJwt.allowedSigners", value: signer }.into());
            }
        }
    }
    if let Some(secondary) = fields.object("secondary")? {
        change.require_totp = secondary.flag("requireTotp")?;
        if let Some(signer) = secondary.text("requireExtJwtSigner")? {
            return Err(Refusal::UnknownReference { field: "secondary.requireExtJwtSigner", value: signer }.into());
        }
    }
    Ok(change)
}
