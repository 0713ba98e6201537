//! The session service: what an application keeps of somebody's login. This file is what can be asked; `change` is how a session comes to be what
//! it is, and `check` how proofs are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use super::auth::{Level, Permission};
use super::details::{Details, Done};
use super::error::Error;
use super::message::message;
use super::method::{Api, Call, Method, Plan, Reply, Version};
use super::rule::{NAME, NAME_OR_NONE, Rule};
use super::scalar::{Bytes, Struct};
use super::session_token::{is_current, wrong};
use crate::engine::{Access, sessions};
use crate::model::namespace::Scope;
use crate::model::revision::Revision;
use crate::model::session::{Session, Standing};
use crate::secret::Secret;
use crate::storage::Tx;

mod challenge;
mod change;
mod check;
pub(super) mod search;
mod view;

use Permission::{Authenticated, SessionDelete, SessionRead, SessionWrite};
use challenge::{Ask, Posed};
use view::{Shown, UserAgent};

/// The methods, but for the search.
pub(super) const METHODS: &[Method] = &[
    Method::new(Api::Sessions, "CreateSession", &[("POST", "sessions")], SessionWrite, |call, sent| {
        change::create(call, sent.read()?)
    })
    .created(&[Version::V2, Version::V2beta]),
    Method::new(Api::Sessions, "SetSession", &[("PATCH", "sessions/{session_id}")], Authenticated, |call, sent| {
        change::update(call, sent.read()?)
    })
    .or_session_token(),
    Method::new(Api::Sessions, "GetSession", &[("GET", "sessions/{session_id}")], Authenticated, |call, sent| {
        get(call, &sent.read()?)
    }),
    Method::new(Api::Sessions, "DeleteSession", &[("DELETE", "sessions/{session_id}")], Authenticated, |call, sent| {
        delete(call, sent.read()?)
    }),
];

message! {
    /// A new session.
    struct Create("CreateSessionRequest") {
        checks: Option<Checks>,
        challenges: Option<Ask>,
        metadata: BTreeMap<String, Bytes>,
        user_agent: Option<UserAgent>,
        lifetime: Option<Duration> where Rule::Positive,
    }

    /// A session that is there, and what is to change about it.
    struct Set("SetSessionRequest") {
        session_id: String where NAME,
        session_token: Secret<String> where NAME_OR_NONE,
        metadata: BTreeMap<String, Bytes>,
        checks: Option<Checks>,
        challenges: Option<Ask>,
        lifetime: Option<Duration> where Rule::Positive,
    }

    /// What somebody says of themselves.
    struct Checks {
        user: Option<CheckUser>,
        password: Option<CheckPassword>,
        web_auth_n: Option<CheckWebAuthn>,
        idp_intent: Option<Struct>,
        totp: Option<CheckTotp>,
        otp_sms: Option<CheckOtp>,
        otp_email: Option<CheckOtp>,
        recovery_code: Option<CheckRecoveryCode>,
    }

    struct CheckUser one_of(user_id, login_name) {
        user_id: Option<String> where NAME,
        login_name: Option<String> where NAME,
    }

    struct CheckPassword {
        password: Secret<String> where NAME,
    }

    struct CheckWebAuthn("CheckWebAuthN") {
        credential_assertion_data: Option<Struct> where Rule::Required,
    }

    struct CheckTotp("CheckTOTP") {
        code: Secret<String> where Rule::Runes(6, 6),
    }

    struct CheckOtp("CheckOTP") {
        code: Secret<String> where Rule::Runes(1, usize::MAX),
    }

    struct CheckRecoveryCode {
        code: Secret<String> where NAME,
    }

    struct Created("CreateSessionResponse") {
        details: Details,
        session_id: String,
        session_token: Secret<String>,
        challenges: Option<Posed>,
    }

    struct Changed("SetSessionResponse") {
        details: Details,
        session_token: Secret<String>,
        challenges: Option<Posed>,
    }

    struct About("SessionRequest") {
        session_id: String where NAME,
        session_token: Secret<String> where NAME_OR_NONE,
    }

    struct Found("GetSessionResponse") {
        session: Shown,
    }
}

/// The session that a caller asks about, if they may: by its current token, for being its user, or by permission.
fn asked_for(call: &mut Call<'_>, asked: &About, permission: Permission) -> Result<Option<Session>, Error> {
    let token = asked.session_token.expose();
    let is_mine = |session: &Session| match (&call.caller.level, &session.factors.user) {
        (Level::Myself { entity, .. }, Some(user)) => user.who.entity == *entity,
        (Level::Owner | Level::LoginClient | Level::Myself { .. } | Level::Holder { .. }, Some(_) | None) => false,
    };
    let may = call.caller.may(permission);
    let bounds = if may { call.caller.scope.clone() } else { Scope::root() };
    let session = sessions::get(call.tx, call.access, &bounds, &asked.session_id)?;
    let session = session.filter(|session| session.standing(call.tx.now()) != Standing::Ended);
    match session {
        Some(session) if !token.is_empty() => {
            if is_current(call.access, &session, token) {
                Ok(Some(session))
            } else {
                Err(wrong())
            }
        }
        Some(session) if may || is_mine(&session) => Ok(Some(session)),
        None if may || !token.is_empty() => Ok(None),
        Some(_) | None => Err(Error::not_on_this()),
    }
}

fn get(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let session = asked_for(call, asked, SessionRead)?;
    let session = session.ok_or_else(|| Error::not_found("QUERY-SFeaa", "Session does not exist"))?;
    Plan::reply(&Found { session: view::show(call.tx, call.access, &session)? })
}

fn delete(call: &mut Call<'_>, asked: About) -> Result<Plan, Error> {
    if asked_for(call, &asked, SessionDelete)?.is_none() {
        // It is gone, which is what was asked for.
        return Plan::reply(&Done { details: Details::of_instance(Revision::first(call.tx.now())) });
    }
    Ok(Plan::write(move |tx, access| end(tx, access, &asked)))
}

fn end(tx: &mut dyn Tx, access: &Access, asked: &About) -> Result<Reply, Error> {
    let now = tx.now();
    let gone = || Reply::of(&Done { details: Details::of_instance(Revision::first(now)) });
    let Some(session) = sessions::get(tx, access, &Scope::root(), &asked.session_id)? else { return Ok(gone()) };
    if session.standing(now) == Standing::Ended {
        return Ok(gone());
    }
    let token = asked.session_token.expose();
    if !token.is_empty() && !is_current(access, &session, token) {
        return Err(wrong());
    }
    let session = session.ended(now);
    sessions::put(tx, access, &session)?;
    Ok(Reply::of(&Done { details: Details::of_instance(session.revision) }))
}
