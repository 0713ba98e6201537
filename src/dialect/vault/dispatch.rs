//! The way of a request: head, body, caller, route, handler, reply.
//!
//! Everything up to the handler's plan happens on one snapshot, on the thread that took the request. Nothing is allowed by default.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::error::Error;
use super::input::{Input, Parameters, bare_text, parameters};
use super::permission;
use super::request::{Head, NAMESPACE};
use super::route::{Call, Door, Found, Plan, Route, WriteJob, door, find};
use super::wire::Reply;
use super::{MOUNTS, ROOT_ONLY, ROUTES, lifecycle, routes_of, wrapping};
use crate::dialect::Bodies;
use crate::engine::access::{Capability, SELF_SERVICE};
use crate::engine::{Access, Engine, mounts, namespaces, tokens};
use crate::id::{Accessor, BlindKey};
use crate::model::cidr;
use crate::model::namespace::Scope;
use crate::model::token::Token;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::time::Timestamp;

/// The largest body, as the reference has it: 32 MiB.
pub(super) const LARGEST_BODY: usize = 32 << 20;

/// Serve one request.
pub(super) async fn serve(
    http: HttpRequest,
    payload: web::Payload,
    engine: web::Data<Engine>,
    bodies: web::Data<Bodies>,
) -> HttpResponse {
    let engine = engine.into_inner();
    let mut response = answer(&http, payload, &engine, &bodies).await.unwrap_or_else(|error| error.respond());
    if let Some(namespace) = http.headers().get(&NAMESPACE).filter(|value| !value.is_empty()) {
        response.headers_mut().insert(NAMESPACE.clone(), namespace.clone());
    }
    response
}

async fn answer(
    http: &HttpRequest,
    payload: web::Payload,
    engine: &Arc<Engine>,
    bodies: &Bodies,
) -> Result<HttpResponse, Error> {
    // What is awaited seldom has a box of its own, here and below, so that a request's own stays small.
    if let Some(answer) = lifecycle::without_token(http) {
        return Box::pin(answer.into_response(payload, bodies, engine)).await;
    }
    let (access, now, planned) = look_at(http, payload, engine, bodies).await?;
    let Planned { plan, warnings, recheck, open } = *planned;
    let request_id = engine.entropy.uuid().to_string();
    let done = carry_out(engine, &access, now, plan, recheck).await;
    let reply = done.map_err(|error| if open { error.plain() } else { error })?;
    Ok(reply.respond(&request_id, warnings))
}

/// Read a request, and see what is to be done for it, with what, and at which moment.
async fn look_at(
    http: &HttpRequest,
    payload: web::Payload,
    engine: &Arc<Engine>,
    bodies: &Bodies,
) -> Result<(Access, Timestamp, Box<Planned>), Error> {
    let head = Head::read(http)?;
    let access = engine.access()?;
    let body = match head.operation {
        Capability::Update | Capability::Patch => bodies.read(payload, LARGEST_BODY).await?,
        Capability::Read | Capability::Delete | Capability::List => web::Bytes::new(),
    };
    let sent = parameters(&head, &body)?;
    let now = engine.now();
    engine.time.observe(now);
    let looked = |spent: Option<&Token>| engine.store.read(now, |tx| look(tx, engine, &access, &head, &sent, spent));
    let planned = match looked(None)? {
        Seen::Planned(planned) => planned,
        Seen::LimitedUses(caller) => {
            let caller = Box::pin(spend_use(engine, &access, now, *caller)).await?;
            match looked(Some(&caller))? {
                Seen::Planned(planned) => {
                    Box::new(Planned { recheck: Recheck { token: None, ..planned.recheck }, ..*planned })
                }
                Seen::LimitedUses(_) => return Err(Error::no_token()),
            }
        }
    };
    Ok((access, now, planned))
}

/// What a look at a request comes to.
enum Seen {
    /// What is to be done for it.
    Planned(Box<Planned>),
    /// One use of this token must be taken first.
    LimitedUses(Box<Token>),
}

struct Planned {
    plan: Plan,
    warnings: Vec<String>,
    /// What must still be there when something is written.
    recheck: Recheck,
    /// Whether the route is an open one.
    open: bool,
}

/// What a request leans on.
#[derive(Clone)]
struct Recheck {
    /// A token, which must be good.
    token: Option<BlindKey>,
    /// An auth mount.
    mount: Option<Accessor>,
    /// The mark that both were found good under.
    mark: Option<u64>,
}

impl Recheck {
    /// Whether what was leaned on is still there.
    fn holds(&self, tx: &mut dyn Tx, access: &Access) -> Result<bool, Error> {
        if self.mark.is_some() && self.mark == tx.mark() {
            return Ok(true);
        }
        let token = self.token.map_or(Ok(true), |key| tokens::still_good(tx, access, key))?;
        let mount = self.mount.as_ref().map_or(Ok(true), |mount| mounts::exists(tx, access, mount))?;
        Ok(token && mount)
    }
}

/// Look at a request on a snapshot: which namespace, who asks, may they, and what is to be done. `spent` is the caller whose use has been
/// taken already.
fn look(
    tx: &mut dyn Tx,
    engine: &Arc<Engine>,
    access: &Access,
    head: &Head,
    sent: &Parameters,
    spent: Option<&Token>,
) -> Result<Seen, Error> {
    let (scope, path) =
        namespaces::resolve(tx, access, &head.namespace, &head.path)?.ok_or_else(Error::unknown_namespace)?;
    let (mount, below) =
        mounts::resolve(tx, access, &scope, path)?.map_or((None, path), |(mount, below)| (Some(mount), below));
    let routes = || mount.as_ref().map_or(ROUTES, |mount| routes_of(mount.kind)).iter().copied().flatten();
    // What is listed lies below a path: it is not the open path itself.
    let door = if head.operation == Capability::List { Door::Token } else { door(routes(), below) };
    if lets_anybody_in(door, head, sent) {
        let (mount, caller, input) = (mount.clone(), None, Input::default());
        let mut call = Call { engine, access, tx, scope, path, mount, caller, sudo: false, head, input, sent };
        return plan(&mut call, routes(), below).map_err(Error::plain);
    }
    let shown = head.token.as_ref().ok_or_else(Error::no_token)?;
    let caller = match spent {
        Some(caller) => caller.clone(),
        None => tokens::authenticate(tx, access, shown.expose())?.ok_or_else(Error::no_token)?,
    };
    if !cidr::admits(&caller.bound_cidrs, head.peer) {
        return Err(Error::no_token());
    }
    if spent.is_none() && caller.uses_left.is_some() {
        return Ok(Seen::LimitedUses(Box::new(caller)));
    }
    // A wrapping token is good for its own reply and nothing else, whatever its policy is made to say.
    if caller.is_wrapping() {
        return Err(Error::denied());
    }
    let scope = if SELF_SERVICE.contains(&path) { caller.scope.clone() } else { scope };
    let cut;
    let (mount, caller, input) = (mount.clone(), Some(caller), Input::default());
    let mut call = Call { engine, access, tx, scope, path, mount, caller, sudo: false, head, input, sent };
    if door != Door::NoBadToken
        && let Some(limit) = permission::check(&mut call, routes(), below)?
    {
        cut = permission::within(limit, sent);
        call.sent = &cut;
    }
    if call.mount.is_none() {
        refuse_unmounted(&call.scope, head.operation, path)?;
    }
    plan(&mut call, routes(), below)
}

/// Whether the request is let in without a look at who asks.
fn lets_anybody_in(door: Door, head: &Head, sent: &Parameters) -> bool {
    match door {
        Door::Token => false,
        Door::Open => true,
        Door::NoBadToken => head.token.is_none(),
        Door::OwnToken(parameter) => {
            let named = Secret::new(bare_text(sent, parameter));
            named.expose().is_empty() || head.token.as_ref() == Some(&named)
        }
    }
}

/// Look the path up among `routes`, read the parameters, and let the handler say what is to be done.
fn plan(call: &mut Call<'_>, routes: impl Iterator<Item = &'static Route>, path: &str) -> Result<Seen, Error> {
    let (route, handler, captures) = match find(routes, call.head.operation, path) {
        Found::Handler(route, handler, captures) => (route, handler, captures),
        Found::OtherOperations => return Err(Error::unsupported_operation()),
        Found::Nothing => return Err(Error::unsupported_path()),
    };
    call.input = Input::typed(route.fields, route.wording, call.sent, &captures)?;
    let warnings = if route.anything { Vec::new() } else { std::mem::take(&mut call.input.warnings) };
    let recheck = Recheck {
        token: call.caller.as_ref().map(|caller| caller.key),
        mount: call.mount.as_ref().map(|mount| mount.accessor.clone()),
        mark: call.tx.mark(),
    };
    let wrap = wrapping::ask(call);
    let plan = handler(call)?;
    let plan = match wrap {
        Some(ask) => wrapping::wrapped(plan, ask, warnings.clone())?,
        None => plan,
    };
    Ok(Seen::Planned(Box::new(Planned { plan, warnings, recheck, open: call.caller.is_none() })))
}

fn refuse_unmounted(scope: &Scope, operation: Capability, path: &str) -> Result<(), Error> {
    if !MOUNTS.iter().any(|mount| path.starts_with(mount)) {
        let slash = if operation == Capability::List { "/" } else { "" };
        return Err(Error::no_mount(&format!("{path}{slash}")));
    }
    if !scope.id.is_root() && ROOT_ONLY.iter().any(|only| path == *only || path.starts_with(&format!("{only}/"))) {
        return Err(Error::bad_request("operation only available in root namespace"));
    }
    Ok(())
}

/// Take one use from a token of limited uses, before anything is done with it.
async fn spend_use(engine: &Arc<Engine>, access: &Access, now: Timestamp, caller: Token) -> Result<Token, Error> {
    let (key, access) = (caller.key, access.clone());
    let taken = engine.store.write(now, move |tx| tokens::spend_use(tx, &access, key)).await?;
    if !taken {
        return Err(Error::no_token());
    }
    Ok(Token { uses_left: caller.uses_left.map(|uses| uses.saturating_sub(1)), ..caller })
}

/// Do what is still to be done.
async fn carry_out(
    engine: &Arc<Engine>,
    access: &Access,
    now: Timestamp,
    mut plan: Plan,
    recheck: Recheck,
) -> Result<Reply, Error> {
    loop {
        plan = match plan {
            Plan::Reply(reply) => return Ok(reply),
            Plan::Write(job) => return write(engine, access, now, job, recheck).await,
            Plan::Sending(job, codes) => {
                let reply = write(engine, access, now, job, recheck).await?;
                for code in &codes {
                    code.announce(engine);
                }
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

/// Write, if the caller's token is still good at that place in the order of writes, and the mount still there: what comes after a revocation
/// is refused. While the mark is the one of the look, both are known to be as they were.
async fn write(
    engine: &Arc<Engine>,
    access: &Access,
    now: Timestamp,
    mut job: WriteJob,
    recheck: Recheck,
) -> Result<Reply, Error> {
    let access = access.clone();
    let job = move |tx: &mut dyn Tx| {
        if !recheck.holds(tx, &access)? {
            return Err(Error::no_token());
        }
        job(tx, &access)
    };
    engine.store.write(now, job).await
}

/// A path of no API.
pub(super) async fn unknown() -> HttpResponse {
    Error::silent(StatusCode::NOT_FOUND).respond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, D, F: Future>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_each_request_has_allocated_stays_small() {
        // With what surrounds it, less than the 1 032 bytes that allocators hand out of a thread's own store.
        assert!(size_of_future(serve) < 900);
    }
}
