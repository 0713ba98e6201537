//! `current-api-session`: what a session is worth, and its end.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::authenticate::own_token;
use super::error::Error;
use super::route::{Call, Door, Plan, Route};
use super::wire::{Base, Reply, entity_ref, links, time};
use crate::engine::Access;
use crate::engine::edge::access::Caller;
use crate::engine::edge::{mfa, sessions};
use crate::model::edge::Tags;
use crate::secret::Secret;
use crate::storage::Tx;

pub(super) const ROUTES: &[Route] = &[Route {
    api: None,
    pattern: &["current-api-session"],
    verbs: &[(Method::GET, Door::Session, read), (Method::DELETE, Door::Session, end)],
}];

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let token = own_token(call)?;
    let caller = call.caller()?.clone();
    Ok(Plan::Reply(Reply::data(shown(call.tx, call.access, &caller, &token)?)))
}

fn end(_: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::write(|tx, access, caller| {
        sessions::end(tx, access, &caller.session)?;
        Ok(Reply::empty())
    }))
}

/// A session as it is read by whoever shows its token.
pub(super) fn shown(tx: &mut dyn Tx, access: &Access, caller: &Caller, token: &Secret<String>) -> Result<Value, Error> {
    let (session, now) = (&caller.session, tx.now());
    let queries = if caller.is_partial() { vec![query(tx, access, caller)?] } else { Vec::new() };
    let base = Base {
        id: session.id.as_str(),
        created_at: session.created_at,
        updated_at: session.updated_at,
        tags: &Tags::new(),
        links: links(&[("self", "./current-api-session"), ("current-identity", "./current-identity")]),
    };
    Ok(base.with(json!({
        "token": token.expose(),
        "identityId": caller.entity.id.as_str(),
        "identity": entity_ref("identities", caller.entity.id.as_str(), &caller.entity.name),
        "ipAddress": session.ip_address,
        "configTypes": session.config_types,
        "authenticatorId": session.authenticator.as_str(),
        "authQueries": queries,
        "isMfaRequired": session.is_mfa_required,
        "isMfaComplete": session.is_mfa_complete,
        "isCertExtendable": false,
        "lastActivityAt": time(session.last_activity_at),
        "cachedLastActivityAt": time(now),
        "cachedUpdatedAt": time(now),
        "expiresAt": time(now.plus(session.timeout)),
        "expirationSeconds": session.timeout.as_secs(),
    })))
}

/// What is still to be proven.
fn query(tx: &mut dyn Tx, access: &Access, caller: &Caller) -> Result<Value, Error> {
    Ok(json!({
        "typeId": "MFA",
        "provider": "ziti",
        "httpMethod": "POST",
        "httpUrl": "./authenticate/mfa",
        "minLength": 4,
        "maxLength": 6,
        "format": "alphaNumeric",
        "isTotpEnrolled": mfa::is_verified(tx, access, &caller.entity)?,
    }))
}
