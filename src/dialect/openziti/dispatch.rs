//! The way of a request: body, head, route, caller, handler, reply.
//!
//! The body is read first, and never more of it than is allowed, whoever asks. Everything up to the handler's plan happens on one snapshot. Nothing
//! is let in by default.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, SERVER};
use actix_web::{HttpRequest, HttpResponse, web};

use super::error::Error;
use super::request::Head;
use super::route::{Call, Door, Found, Plan, WriteJob, find};
use super::version::VERSION;
use super::wire::{Reply, time};
use super::{Network, ROUTES};
use crate::dialect::Bodies;
use crate::engine::edge::access::{self, Caller};
use crate::engine::edge::sessions;
use crate::engine::{Access, Engine};
use crate::id::BlindKey;
use crate::model::edge::session::ApiSession;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::edge::api_session_key;
use crate::time::Timestamp;

/// The largest body: 1 MiB.
const LARGEST_BODY: usize = 1 << 20;

/// How long a client is kept waiting for an answer, once its request has arrived.
const LONGEST_WORK: Duration = Duration::from_secs(10);

/// Serve one request.
pub(super) async fn serve(
    http: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
    bodies: web::Data<Bodies>,
    network: web::Data<Network>,
) -> HttpResponse {
    let (engine, network) = (engine.into_inner(), network.into_inner());
    let request_id = engine.entropy.uuid().to_string();
    let mut session = None;
    let answer = answer(&http, payload, &engine, &bodies, &network, &mut session).await;
    let mut response = match answer {
        Ok(reply) => reply.respond(&request_id),
        Err(error) => error.respond(&request_id),
    };
    sign(response.headers_mut(), &engine, session);
    response
}

/// Say who answered, and until when the session lives.
fn sign(headers: &mut HeaderMap, engine: &Engine, session: Option<(u64, Timestamp)>) {
    let mut say = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    say(SERVER, &format!("ziti-controller/{VERSION}"));
    if let Ok(access) = engine.access() {
        // The same for one store, and nothing that could be told from another.
        say(HeaderName::from_static("ziti-instance-id"), &format!("{:?}", access.blind("edge.instance", &[])));
    }
    if let Some((secs, end)) = session {
        say(HeaderName::from_static("expiration-seconds"), &secs.to_string());
        say(HeaderName::from_static("expires-at"), &time(end));
    }
}

async fn answer(
    http: &HttpRequest,
    payload: web::Payload,
    engine: &Arc<Engine>,
    bodies: &Bodies,
    network: &Arc<Network>,
    session: &mut Option<(u64, Timestamp)>,
) -> Result<Reply, Error> {
    let body = bodies.read(payload, LARGEST_BODY).await?;
    let head = Head::read(http)?;
    let ((_, door, handler), captures) = match find(ROUTES.iter().copied().flatten(), &head) {
        Found::Verb(verb, captures) => (verb, captures),
        Found::OtherVerbs => return Err(Error::other_verb()),
        Found::Nothing => return Err(Error::not_found()),
    };
    let access = engine.access()?;
    let now = engine.now();
    engine.time.observe(now);
    let seen = engine.store.read(now, |tx| -> Result<Seen, Error> {
        let scope = network.rules.scope(tx, &access)?;
        let caller = match door {
            Door::Anybody => None,
            Door::Session | Door::Full | Door::May(..) => Some(recognise(tx, &access, &scope, &head)?),
        };
        let used = caller.as_ref().map(|caller| caller.session.clone());
        *session = used.as_ref().map(|used| (used.timeout.as_secs(), now.plus(used.timeout)));
        if let Some(caller) = &caller {
            door.admit(caller)?;
        }
        let mut call = Call {
            engine,
            network,
            access: &access,
            tx,
            scope: scope.clone(),
            head: &head,
            captures,
            body: &body,
            caller,
        };
        let plan = handler(&mut call)?;
        Ok(Seen { plan, scope, used })
    })?;
    let is_stale = seen.used.as_ref().is_some_and(|used| used.is_stale_at(now));
    let used = seen.used.map(|used| used.key);
    let work = Work { engine, access, now, scope: seen.scope, door: *door, used };
    let done = tokio::time::timeout(LONGEST_WORK, work.carry_out(seen.plan, is_stale));
    done.await.map_err(|_| Error::too_slow())?
}

/// What a look at a request comes to.
struct Seen {
    plan: Plan,
    scope: Scope,
    /// The session that it was made in.
    used: Option<ApiSession>,
}

/// Who asks.
fn recognise(tx: &mut dyn Tx, access: &Access, scope: &Scope, head: &Head) -> Result<Caller, Error> {
    let token = head.token.as_ref().ok_or_else(Error::no_session)?;
    let key = api_session_key(access, token.expose());
    access::authenticate(tx, access, scope, key)?.ok_or_else(Error::bad_session)
}

/// What carrying a plan out takes.
struct Work<'a> {
    engine: &'a Arc<Engine>,
    access: Access,
    now: Timestamp,
    scope: Scope,
    door: Door,
    /// The session that is used.
    used: Option<BlindKey>,
}

impl Work<'_> {
    async fn carry_out(&self, mut plan: Plan, is_stale: bool) -> Result<Reply, Error> {
        let engine = self.engine;
        loop {
            plan = match plan {
                Plan::Reply(reply) => {
                    if let Some(key) = self.used.filter(|_| is_stale) {
                        let access = self.access.clone();
                        let touched = engine.store.write(self.now, move |tx| sessions::touch(tx, &access, key));
                        touched.await?;
                    }
                    return Ok(reply);
                }
                Plan::Write(job) => return self.write(job).await,
                Plan::WriteOpen(mut job) => {
                    let access = self.access.clone();
                    return engine.store.write(self.now, move |tx| job(tx, &access)).await;
                }
                Plan::Slow(work) => {
                    let engine = Arc::clone(engine);
                    web::block(move || work(&engine)).await.map_err(|_| Error::busy())??
                }
                Plan::Hashing(work) => {
                    let permit = engine.passwords.admit().await.ok_or_else(Error::too_often)?;
                    let engine = Arc::clone(engine);
                    web::block(move || work(&engine, &permit)).await.map_err(|_| Error::busy())??
                }
            };
        }
    }

    /// Write, if the caller may still do it at that place in the order of writes: what comes after an end, a removal or a change of policy is
    /// refused.
    async fn write(&self, mut job: WriteJob) -> Result<Reply, Error> {
        let (access, scope, door) = (self.access.clone(), self.scope.clone(), self.door);
        let key = self.used.ok_or_else(Error::no_session)?;
        let job = move |tx: &mut dyn Tx| -> Result<Reply, Error> {
            sessions::touch(tx, &access, key)?;
            let caller = access::authenticate(tx, &access, &scope, key)?.ok_or_else(Error::bad_session)?;
            door.admit(&caller)?;
            job(tx, &access, &caller)
        };
        self.engine.store.write(self.now, job).await
    }
}
