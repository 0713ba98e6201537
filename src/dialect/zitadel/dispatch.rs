//! The way of a request: method, body, caller, permission, organisation, handler, reply.
//!
//! Everything up to the handler's plan happens on one snapshot, on the thread that took the request. Nothing is allowed by default.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::{self, Caller, Proof};
use super::error::{Error, frame};
use super::method::{Call, Found, Method, Plan, Reply, Transport, Version, WriteJob, by_path, by_procedure};
use super::sent::Members;
use super::{METHODS, organisation, session_token};
use crate::dialect::Bodies;
use crate::engine::{Access, Engine, tokens};
use crate::id::BlindKey;
use crate::model::cidr;
use crate::model::namespace::Scope;
use crate::model::pause;
use crate::model::token::Token;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::time::Timestamp;

/// The largest body. A registered key's attestation is the largest thing that anybody has to say, and far below.
const LARGEST_BODY: usize = 1 << 20;

/// Serve a request over REST.
pub(super) async fn rest(
    http: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
    bodies: web::Data<Bodies>,
) -> HttpResponse {
    match answer(Transport::Rest, &http, payload, &engine.into_inner(), &bodies).await {
        Ok((status, message)) => frame(status).body(message.to_string()),
        Err(error) => error.rest(),
    }
}

/// Serve a procedure over Connect, which knows one status of success.
pub(super) async fn connect(
    http: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
    bodies: web::Data<Bodies>,
) -> HttpResponse {
    match answer(Transport::Connect, &http, payload, &engine.into_inner(), &bodies).await {
        Ok((_, message)) => frame(StatusCode::OK).body(message.to_string()),
        Err(error) => error.connect(),
    }
}

/// A request, as far as it can be read without looking at the store.
struct Request {
    method: &'static Method,
    version: Version,
    /// What the caller shows, or why that cannot be read.
    shown: Option<Secret<String>>,
    /// What the path says.
    captures: Vec<(&'static str, String)>,
    /// What the query says, where it counts.
    query: String,
    /// The body, which is parsed for whoever may ask.
    body: web::Bytes,
    /// The organisation that the head chooses.
    organisation: String,
    host: String,
    peer: Option<IpAddr>,
}

async fn answer(
    transport: Transport,
    http: &HttpRequest,
    payload: web::Payload,
    engine: &Arc<Engine>,
    bodies: &Bodies,
) -> Result<(StatusCode, serde_json::Value), Error> {
    let (method, version, captures) = find(transport, http)?;
    let body = match http.method().as_str() {
        "GET" => web::Bytes::new(),
        _ => bodies.read(payload, LARGEST_BODY).await?,
    };
    let access = engine.access()?;
    let reads_query = transport == Transport::Rest && method.reads_query(http.method().as_str());
    let request = Request {
        method,
        version,
        shown: auth::shown(http)?,
        captures,
        query: if reads_query { http.query_string().to_owned() } else { String::new() },
        body,
        organisation: header(http, "x-zitadel-orgid").trim().to_owned(),
        host: host(http),
        peer: http.peer_addr().map(|peer| peer.ip().to_canonical()),
    };
    let now = engine.now();
    engine.time.observe(now);
    let looked = |spent: Option<&Token>| engine.store.read(now, |tx| look(tx, engine, &access, &request, spent));
    let planned = match looked(None)? {
        Seen::Planned(planned) => planned,
        Seen::LimitedUses(caller) => {
            let caller = spend_use(engine, &access, now, *caller).await?;
            match looked(Some(&caller))? {
                Seen::Planned(planned) => Planned { proof: None, ..planned },
                Seen::LimitedUses(_) => return Err(Error::bad_token()),
            }
        }
    };
    match carry_out(engine, &access, now, planned).await? {
        Reply::Message(message) => {
            let status = if method.created.contains(&version) { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, message))
        }
        Reply::Refused(error, failures) => {
            tracing::info!(error = ?error, failures, "a proof was refused");
            tokio::time::sleep(pause::after(failures, engine.pause_step)).await;
            Err(error)
        }
    }
}

/// A method, in which version, and what the path says.
type Asked = (&'static Method, Version, Vec<(&'static str, String)>);

fn find(transport: Transport, http: &HttpRequest) -> Result<Asked, Error> {
    let (verb, path) = (http.method().as_str(), http.uri().path());
    let found = match transport {
        Transport::Rest => by_path(METHODS, verb, path),
        Transport::Connect => by_procedure(METHODS, path),
    };
    let unknown = match transport {
        Transport::Rest => Error::unknown_path(),
        Transport::Connect => Error::unknown_procedure(),
    };
    match found {
        Found::Method(..) if transport == Transport::Connect && verb != "POST" => Err(Error::other_verb()),
        Found::Method(..) if transport == Transport::Connect && !speaks_json(http) => Err(Error::other_media_type()),
        Found::Method(method, version, captures) => Ok((method, version, captures)),
        Found::OtherVerbs => Err(Error::other_verb()),
        Found::Nothing => Err(unknown),
    }
}

/// Whether the body is plain JSON: Connect's clients say so.
fn speaks_json(http: &HttpRequest) -> bool {
    let media_type = header(http, CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim();
    let encoding = header(http, CONTENT_ENCODING.as_str());
    media_type.eq_ignore_ascii_case("application/json") && matches!(encoding, "" | "identity")
}

impl Request {
    /// What was sent: the path's word counts more than the body's, and that more than the query's.
    fn sent(&self) -> Result<Members, Error> {
        let mut sent = Members::of_body(&self.body)?.or(Members::of_query(&self.query));
        for (name, text) in &self.captures {
            sent.set(name, text.clone());
        }
        Ok(sent)
    }
}

fn header<'a>(http: &'a HttpRequest, name: &str) -> &'a str {
    http.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The host that the request was sent to, without the port. No header that a proxy might set is asked.
fn host(http: &HttpRequest) -> String {
    let host = http.uri().host().unwrap_or_else(|| header(http, HOST.as_str()));
    let end = host.rfind(':').filter(|colon| !host.get(*colon..).is_some_and(|port| port.contains(']')));
    host.get(..end.unwrap_or(host.len())).unwrap_or_default().to_ascii_lowercase()
}

/// What a look at a request comes to.
enum Seen {
    /// What is to be done for it.
    Planned(Planned),
    /// One use of this token must be taken first.
    LimitedUses(Box<Token>),
}

struct Planned {
    plan: Plan,
    /// What must still be good when something is written.
    proof: Option<Proof>,
    /// The organisation that must still be there.
    scope: Scope,
}

/// Look at a request on a snapshot: who asks, may they, in which organisation, and what is to be done. `spent` is the token whose use has been
/// taken already.
fn look(
    tx: &mut dyn Tx,
    engine: &Arc<Engine>,
    access: &Access,
    request: &Request,
    spent: Option<&Token>,
) -> Result<Seen, Error> {
    let caller = match (&request.shown, spent) {
        (_, Some(token)) => Caller::of_token(token)?,
        (Some(shown), None) => match authenticate(tx, access, shown.expose(), request.peer)? {
            Shown::Caller(caller) => caller,
            Shown::LimitedUses(token) => return Ok(Seen::LimitedUses(token)),
        },
        (None, None) => holder(tx, access, request)?.ok_or_else(Error::no_token)?,
    };
    if !caller.may(request.method.needs) {
        return Err(Error::no_permission());
    }
    let scope = match request.organisation.as_str() {
        "" => caller.scope.clone(),
        id => organisation::find(tx, access, &caller.scope, id)?,
    };
    let sent = request.sent()?;
    let mut call = Call {
        engine,
        access,
        tx,
        caller: &caller,
        scope: scope.clone(),
        version: request.version,
        host: &request.host,
    };
    let plan = (request.method.handler)(&mut call, sent)?;
    Ok(Seen::Planned(Planned { plan, proof: Some(caller.proof), scope }))
}

/// What a bearer token comes to.
enum Shown {
    Caller(Caller),
    LimitedUses(Box<Token>),
}

fn authenticate(tx: &mut dyn Tx, access: &Access, shown: &str, peer: Option<IpAddr>) -> Result<Shown, Error> {
    let Some(token) = tokens::authenticate(tx, access, shown)? else {
        let caller = session_token::caller(tx, access, shown)?;
        return caller.map(Shown::Caller).ok_or_else(Error::bad_token);
    };
    // A wrapping token is good for its own reply and nothing else, whatever its policy is made to say.
    if token.is_wrapping() || !cidr::admits(&token.bound_cidrs, peer) {
        return Err(Error::bad_token());
    }
    let caller = Caller::of_token(&token)?;
    Ok(if token.uses_left.is_some() { Shown::LimitedUses(Box::new(token)) } else { Shown::Caller(caller) })
}

/// Who asks without a header: whoever has the current token of the session that the request is about, where that is enough.
fn holder(tx: &mut dyn Tx, access: &Access, request: &Request) -> Result<Option<Caller>, Error> {
    if !request.method.takes_session_token {
        return Ok(None);
    }
    let Ok(sent) = request.sent() else { return Ok(None) };
    match (sent.text("session_id"), sent.text("session_token")) {
        (Some(id), Some(token)) => session_token::holder(tx, access, id, token),
        (None, _) | (_, None) => Ok(None),
    }
}

/// Take one use from a token of limited uses, before anything is done with it.
async fn spend_use(engine: &Arc<Engine>, access: &Access, now: Timestamp, token: Token) -> Result<Token, Error> {
    let (key, access): (BlindKey, Access) = (token.key, access.clone());
    let taken = engine.store.write(now, move |tx| tokens::spend_use(tx, &access, key)).await?;
    if taken { Ok(token) } else { Err(Error::bad_token()) }
}

/// Do what is still to be done.
async fn carry_out(engine: &Arc<Engine>, access: &Access, now: Timestamp, planned: Planned) -> Result<Reply, Error> {
    let Planned { mut plan, proof, scope } = planned;
    loop {
        plan = match plan {
            Plan::Reply(reply) => return Ok(reply),
            Plan::Write(job) => return write(engine, access, now, job, proof, scope).await,
            Plan::Send(job) => {
                let reply = write(engine, access, now, job, proof, scope).await?;
                engine.bell.ring();
                return Ok(reply);
            }
            Plan::Slow(work) => {
                let engine = Arc::clone(engine);
                web::block(move || work(&engine)).await.map_err(|_| Error::busy())??
            }
            Plan::Hashing(work) => {
                let permit = engine.passwords.admit().await.ok_or_else(Error::busy)?;
                let engine = Arc::clone(engine);
                web::block(move || work(&engine, &permit)).await.map_err(|_| Error::busy())??
            }
        };
    }
}

/// Write, if what the caller showed is still good at that place in the order of writes: what comes after a revocation is refused.
async fn write(
    engine: &Arc<Engine>,
    access: &Access,
    now: Timestamp,
    mut job: WriteJob,
    proof: Option<Proof>,
    scope: Scope,
) -> Result<Reply, Error> {
    let access = access.clone();
    let job = move |tx: &mut dyn Tx| {
        if let Some(proof) = proof
            && !auth::still_good(tx, &access, proof, &scope)?
        {
            return Err(Error::bad_token());
        }
        job(tx, &access)
    };
    engine.store.write(now, job).await
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn cve_2023_49097_no_header_but_its_own_tells_the_host() {
        let host = |headers: &[(&'static str, &'static str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::get().uri("/v2/users"), |request, header| request.append_header(*header));
            host(&request.to_http_request())
        };
        let forged =
            [("Forwarded", "host=evil.com"), ("X-Forwarded-Host", "evil.com"), ("X-Original-Host", "evil.com")];
        assert_eq!(host(&[&[("Host", "Acme.com:8443")][..], &forged].concat()), "acme.com");
        assert_eq!(host(&forged), "");
        assert_eq!(host(&[("Host", "[::1]:80")]), "[::1]");
        assert_eq!(host(&[("Host", "[::1]")]), "[::1]");
        assert_eq!(host(&[("Host", "acme.com")]), "acme.com");
    }
}
