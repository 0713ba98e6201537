//! Response wrapping: `X-Vault-Wrap-TTL` on any request, and `sys/wrapping`.
//!
//! A reply is wrapped inside the job that earns it, so that no crash keeps the effect and loses the reply.

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::route::{Call, Door, Plan, Route, WriteJob};
use super::wire::{Reply, WrapInfo, content_of};
use crate::engine::access::Capability;
use crate::engine::tokens::FreshToken;
use crate::engine::wrapping::{self, Ask, Content, Wrapped};
use crate::secret::Secret;

const TOKEN: &[Field] = &[Field { name: "token", kind: Kind::Text }];

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/wrapping/wrap", &[], &[(Capability::Update, wrap)]).anything(),
    Route::new("sys/wrapping/unwrap", TOKEN, &[(Capability::Update, unwrap)]).door(Door::OwnToken("token")),
    Route::new("sys/wrapping/lookup", TOKEN, &[(Capability::Read, look), (Capability::Update, look)]).open(),
    Route::new("sys/wrapping/rewrap", TOKEN, &[(Capability::Update, rewrap)]),
];

/// How the reply to a request is to be wrapped, if it is.
pub(super) fn ask(call: &Call<'_>) -> Option<Ask> {
    let slash = if call.head.operation == Capability::List { "/" } else { "" };
    call.head.wrap_ttl.map(|ttl| Ask {
        scope: call.scope.clone(),
        creation_path: format!("{}{slash}", call.path),
        ttl,
        fresh: FreshToken::draw(call.engine.entropy.as_ref(), &call.scope),
    })
}

/// `plan`, with its reply wrapped, and `warnings` about the request's parameters in it.
///
/// # Errors
/// When the reply cannot be written.
pub(super) fn wrapped(plan: Plan, ask: Ask, warnings: Vec<String>) -> Result<Plan, Error> {
    Ok(match plan {
        Plan::Reply(reply) => match parcel(reply, &warnings)? {
            Parcel::Closed(content) => {
                Plan::write(move |tx, access| Ok(told(wrapping::wrap(tx, access, &ask, &content)?)))
            }
            Parcel::Open(reply) => Plan::Reply(reply),
        },
        Plan::Write(job) => Plan::Write(parcelled(job, ask, warnings)),
        Plan::Sending(job, codes) => Plan::Sending(parcelled(job, ask, warnings), codes),
        Plan::Slow(work) => Plan::slow(move |engine| wrapped(work(engine)?, ask, warnings)),
        Plan::Hashing(work) => Plan::hashing(move |engine, permit| wrapped(work(engine, permit)?, ask, warnings)),
    })
}

/// `job`, with its reply wrapped.
fn parcelled(mut job: WriteJob, ask: Ask, warnings: Vec<String>) -> WriteJob {
    Box::new(move |tx, access| match parcel(job(tx, access)?, &warnings)? {
        Parcel::Closed(content) => Ok(told(wrapping::wrap(tx, access, &ask, &content)?)),
        Parcel::Open(reply) => Ok(reply),
    })
}

/// A reply, ready to be wrapped.
enum Parcel {
    /// This is wrapped.
    Closed(Content),
    /// This never is: it says nothing, is wrapped already, or asks for what nobody could answer.
    Open(Reply),
}

fn parcel(reply: Reply, warnings: &[String]) -> Result<Parcel, Error> {
    Ok(match reply {
        Reply::Body(body) if body.asks_for_more() => Parcel::Open(Reply::Body(body)),
        Reply::Body(body) => Parcel::Closed(body.into_content(warnings.to_vec())?),
        Reply::Unwrapped(content) => Parcel::Closed(content),
        Reply::NoContent | Reply::Document(_) | Reply::Wrapped(_) | Reply::Refused(_) => Parcel::Open(reply),
    })
}

fn told(wrapped: Wrapped) -> Reply {
    Reply::Wrapped(Box::new(WrapInfo::from(wrapped)))
}

/// Whatever is sent is the reply, which is wrapped as any other.
fn wrap(call: &mut Call<'_>) -> Result<Plan, Error> {
    if call.head.wrap_ttl.is_none() {
        return Err(Error::bad_request("endpoint requires response wrapping to be used"));
    }
    Ok(Plan::Reply(Reply::Unwrapped(content_of(call.sent)?)))
}

fn invalid() -> Error {
    Error::bad_request("wrapping token is not valid or does not exist")
}

/// The wrapping token that is meant: the one in the body, or else the caller's own. It is good on the snapshot.
fn meant(call: &mut Call<'_>) -> Result<(Secret<String>, wrapping::Waiting), Error> {
    let named = call.input.secret("token");
    let text = if named.expose().is_empty() { call.shown().map_err(|_| invalid())?.clone() } else { named };
    let waiting = wrapping::look(call.tx, call.access, text.expose())?.ok_or_else(invalid)?;
    Ok((text, waiting))
}

fn unwrap(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (text, _) = meant(call)?;
    Ok(Plan::write(move |tx, access| {
        let content = wrapping::unwrap(tx, access, text.expose())?;
        content.map(Reply::Unwrapped).ok_or_else(invalid)
    }))
}

#[derive(Serialize)]
struct Shown {
    #[serde(rename = "creation_path")]
    path: String,
    #[serde(rename = "creation_time")]
    time: String,
    #[serde(rename = "creation_ttl")]
    ttl: u64,
}

fn look(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (_, waiting) = meant(call)?;
    let shown = Shown {
        path: waiting.wrapping.creation_path,
        time: waiting.wrapping.created_at.to_string(),
        ttl: waiting.wrapping.ttl.as_secs(),
    };
    Ok(Plan::Reply(Reply::data(&shown)?))
}

fn rewrap(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (text, waiting) = meant(call)?;
    let fresh = FreshToken::draw(call.engine.entropy.as_ref(), &waiting.token.scope);
    Ok(Plan::write(move |tx, access| {
        let again = wrapping::rewrap(tx, access, text.expose(), &fresh)?;
        again.map(told).ok_or_else(invalid)
    }))
}
