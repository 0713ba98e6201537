//! `authenticate`: the first factor.

use std::collections::BTreeMap;

use actix_web::http::Method;

use super::api_session;
use super::error::Error;
use super::input::{Fields, check_length};
use super::route::{Call, Door, Plan, Route};
use super::wire::Reply;
use crate::engine::edge::access;
use crate::engine::edge::logins::{self, Begun, Fresh, Outcome};
use crate::id::ApiSessionId;
use crate::model::edge::authenticator::{PASSWORD_LENGTH, USERNAME_LENGTH};
use crate::secret::Secret;

pub(super) const ROUTES: &[Route] =
    &[Route { api: None, pattern: &["authenticate"], verbs: &[(Method::POST, Door::Anybody, authenticate)] }];

/// What a client may say about its SDK and its machine.
const SDK_INFO: [&str; 6] = ["type", "branch", "version", "revision", "appId", "appVersion"];
const ENV_INFO: [&str; 6] = ["os", "arch", "osRelease", "osVersion", "domain", "hostname"];

/// The longest thing that a client may say about itself, in characters.
const LONGEST_INFO: usize = 256;
/// The most configurations that it may name.
const MOST_CONFIG_TYPES: usize = 100;

fn authenticate(call: &mut Call<'_>) -> Result<Plan, Error> {
    match call.head.parameter("method") {
        Some("password") => {}
        // Known, but not served: nobody can prove anything this way.
        Some("cert" | "ext-jwt") => return Err(Error::invalid_auth()),
        other => {
            let method = other.unwrap_or_default();
            return Err(Error::field("method", "method in query must be one of [password cert ext-jwt]", method));
        }
    }
    let fields = call.fields()?;
    let username = fields.required_text("username")?;
    let password = fields.secret("password")?.ok_or_else(|| Error::missing("password"))?;
    check_length("username", &username, USERNAME_LENGTH)?;
    check_length("password", password.expose(), PASSWORD_LENGTH)?;
    let fresh = fresh(call, &fields)?;
    let attempt = match logins::begin(call.tx, call.access, &call.scope, &username)? {
        Begun::Check(attempt) => attempt,
        Begun::TooMany(retry_in) => return Err(Error::rate_limited(retry_in)),
    };
    let scope = call.scope.clone();
    Ok(Plan::hashing(move |engine, permit| {
        let is_right = engine.passwords.is_right(permit, &password, attempt.hash.as_ref(), None);
        Ok(Plan::WriteOpen(Box::new(move |tx, access| match logins::finish(tx, access, &attempt, is_right, &fresh)? {
            Outcome::Accepted(session) => {
                let caller = access::authenticate(tx, access, &scope, session.key)?;
                let caller = caller.ok_or_else(Error::invalid_auth)?;
                let data = api_session::shown(tx, access, &caller, &fresh.token)?;
                Ok(Reply::Session { data, token: fresh.token.clone() })
            }
            Outcome::Refused(reason) => {
                tracing::info!(%reason, "a login was refused");
                Ok(Reply::Refused(Error::invalid_auth()))
            }
            Outcome::TooMany(retry_in) => Ok(Reply::Refused(Error::rate_limited(retry_in))),
        })))
    }))
}

fn fresh(call: &Call<'_>, fields: &Fields) -> Result<Fresh, Error> {
    let config_types = fields.texts("configTypes")?.unwrap_or_default();
    if config_types.len() > MOST_CONFIG_TYPES {
        return Err(Error::field("configTypes", "configTypes in body should have at most 100 items", ""));
    }
    for kind in &config_types {
        check_length("configTypes", kind, (0, LONGEST_INFO))?;
    }
    Ok(Fresh {
        token: logins::fresh_token(call.engine.entropy.as_ref()),
        id: ApiSessionId::fresh(call.engine.entropy.as_ref()),
        timeout: call.network.rules.session_timeout,
        sdk_info: info(fields, "sdkInfo", &SDK_INFO)?,
        env_info: info(fields, "envInfo", &ENV_INFO)?,
        config_types,
        ip_address: call.head.peer.clone(),
    })
}

/// What a client says about itself: what is known of it is kept.
fn info(fields: &Fields, name: &str, known: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let mut kept = BTreeMap::new();
    let Some(said) = fields.object(name)? else { return Ok(kept) };
    for member in known {
        if let Some(text) = said.text(member)? {
            check_length(&format!("{name}.{member}"), &text, (0, LONGEST_INFO))?;
            kept.insert((*member).to_owned(), text);
        }
    }
    Ok(kept)
}

/// The token that the caller shows, to be shown to it again.
pub(super) fn own_token(call: &Call<'_>) -> Result<Secret<String>, Error> {
    call.head.token.clone().ok_or_else(Error::no_session)
}
