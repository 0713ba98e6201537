//! `auth/token`.

use std::time::Duration;

use super::duration;
use super::error::Error;
use super::field::{Field, Kind};
use super::input::{Input, Wording};
use super::route::{Call, Plan, Route};
use super::wire::{Auth, Reply, TokenData};
use crate::engine::access::Capability;
use crate::engine::logins::Fresh;
use crate::engine::tokens::{self, Created, FreshToken, Narrowed, Renewed};
use crate::engine::{Access, identity, policies};
use crate::id::{Accessor, BlindKey};
use crate::model::namespace::Scope;
use crate::model::token::{self, Ask, Lifetime, Token};
use crate::secret::Secret;
use crate::storage::Tx;

const TOKEN: Field = Field { name: "token", kind: Kind::Text };
const ACCESSOR: Field = Field { name: "accessor", kind: Kind::Text };
const INCREMENT: Field = Field { name: "increment", kind: Kind::SignedSeconds };

const CREATE: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "policies", kind: Kind::List },
    Field { name: "meta", kind: Kind::Map },
    Field { name: "ttl", kind: Kind::SignedSeconds },
    Field { name: "lease", kind: Kind::SignedSeconds },
    Field { name: "explicit_max_ttl", kind: Kind::SignedSeconds },
    Field { name: "period", kind: Kind::SignedSeconds },
    Field { name: "no_parent", kind: Kind::Bool },
    Field { name: "no_default_policy", kind: Kind::Bool },
    Field { name: "display_name", kind: Kind::Text },
    Field { name: "num_uses", kind: Kind::Int },
    Field { name: "renewable", kind: Kind::Bool },
    Field { name: "type", kind: Kind::Text },
    Field { name: "entity_alias", kind: Kind::Text },
];

const fn route(
    pattern: &'static str,
    fields: &'static [Field],
    handlers: &'static [(Capability, super::route::Handler)],
) -> Route {
    Route::new(pattern, fields, handlers).wording(Wording::Bare)
}

pub(super) const ROUTES: &[Route] = &[
    route("auth/token/lookup-self", &[], &[(Capability::Read, lookup_self), (Capability::Update, lookup_self)]),
    route("auth/token/lookup", &[TOKEN], &[(Capability::Read, lookup), (Capability::Update, lookup)]),
    route("auth/token/lookup-accessor", &[ACCESSOR], &[(Capability::Update, lookup_accessor)]),
    route("auth/token/create", CREATE, &[(Capability::Update, create)]),
    route("auth/token/create-orphan", CREATE, &[(Capability::Update, create_orphan)]),
    route("auth/token/create/{role:word}", CREATE, &[(Capability::Update, create_by_role)]),
    route("auth/token/renew-self", &[TOKEN, INCREMENT], &[(Capability::Update, renew_self)]),
    route("auth/token/renew", &[TOKEN, INCREMENT], &[(Capability::Update, renew)]),
    route("auth/token/renew-accessor", &[ACCESSOR, INCREMENT], &[(Capability::Update, renew_accessor)]),
    route("auth/token/revoke-self", &[], &[(Capability::Update, revoke_self)]),
    route("auth/token/revoke", &[TOKEN], &[(Capability::Update, revoke)]),
    route("auth/token/revoke-orphan", &[TOKEN], &[(Capability::Update, revoke_orphan)]),
    route("auth/token/revoke-accessor", &[ACCESSOR], &[(Capability::Update, revoke_accessor)]),
    route("auth/token/accessors", &[], &[(Capability::List, accessors)]),
];

fn lookup_self(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (token, text) = (call.caller()?.clone(), call.shown()?.clone());
    shown(call, &token, Some(text.expose()))
}

fn shown(call: &mut Call<'_>, token: &Token, text: Option<&str>) -> Result<Plan, Error> {
    let beside = identity::policies_beside(call.tx, call.access, token)?;
    Ok(Plan::Reply(Reply::data(&TokenData::of(token, text, beside, call.tx.now()))?))
}

fn lookup(call: &mut Call<'_>) -> Result<Plan, Error> {
    let text = call.input.text("token").to_owned();
    if text.is_empty() {
        return lookup_self(call);
    }
    let found = tokens::by_text(call.tx, call.access, &call.scope, &text)?;
    let token = found.ok_or_else(|| Error::forbidden("bad token"))?;
    shown(call, &token, Some(&text))
}

/// The accessor in the body.
fn accessor(input: &Input) -> Result<Accessor, Error> {
    match input.text("accessor") {
        "" => Err(Error::bad_request_wrapped("missing accessor")),
        accessor => Ok(Accessor::new(accessor)),
    }
}

fn by_accessor(tx: &mut dyn Tx, access: &Access, scope: &Scope, accessor: &Accessor) -> Result<Token, Error> {
    let found = tokens::by_accessor(tx, access, scope, accessor)?;
    found.ok_or_else(|| Error::bad_request_wrapped("invalid accessor"))
}

fn lookup_accessor(call: &mut Call<'_>) -> Result<Plan, Error> {
    let token = by_accessor(call.tx, call.access, &call.scope, &accessor(&call.input)?)?;
    shown(call, &token, None)
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    make(call, false, None)
}

fn create_orphan(call: &mut Call<'_>) -> Result<Plan, Error> {
    make(call, true, None)
}

fn create_by_role(call: &mut Call<'_>) -> Result<Plan, Error> {
    make(call, false, Some(call.input.text("role").to_owned()))
}

fn make(call: &mut Call<'_>, at_orphans: bool, role: Option<String>) -> Result<Plan, Error> {
    let command = create_command(call, at_orphans, role)?;
    Ok(Plan::write(move |tx, access| {
        let Created { token, text, lifetime, narrowed, .. } = tokens::create(tx, access, &command)?;
        let mut warnings = lesser(&narrowed);
        warnings.extend(capped(&lifetime));
        for policy in &token.policies {
            if !policies::exists(tx, access, &token.scope, policy)? {
                warnings.push(format!("Policy \"{policy}\" does not exist"));
            }
        }
        let beside = identity::policies_beside(tx, access, &token)?;
        Ok(Reply::auth(Auth::of(&token, Some(text.expose()), beside), warnings))
    }))
}

/// Which of two limits holds, in words.
fn lesser(narrowed: &Narrowed) -> Vec<String> {
    let limits = [("Explicit max TTL", narrowed.explicit_max_ttl), ("Period", narrowed.period)];
    let told = limits.into_iter().filter_map(|(what, held)| Some((what, held?.as_secs())));
    let words = "specified both during creation call and in role; using the lesser value of";
    told.map(|(what, seconds)| format!("{what} {words} {seconds} seconds")).collect()
}

/// What was cut from a lifetime, in words.
pub(super) fn capped(lifetime: &Lifetime) -> Option<String> {
    let cut = lifetime.capped?;
    let (asked, most) = (duration::short(cut.asked), duration::short(cut.most));
    Some(if cut.period {
        format!(
            "period of \"{asked}\" exceeded the effective max_ttl of \"{most}\"; period value is capped accordingly"
        )
    } else {
        format!("TTL of \"{asked}\" exceeded the effective max_ttl of \"{most}\"; TTL value is capped accordingly")
    })
}

fn create_command(call: &Call<'_>, at_orphans: bool, role: Option<String>) -> Result<tokens::Create, Error> {
    let input = &call.input;
    let kind = match input.text("type") {
        "" => None,
        "service" => Some(token::Kind::Service),
        "batch" => Some(token::Kind::Batch),
        _ => return Err(Error::bad_request("invalid 'token_type' value")),
    };
    let alias = input.given_text("entity_alias").filter(|name| !name.is_empty());
    let entropy = call.engine.entropy.as_ref();
    let num_uses = input.int("num_uses").unwrap_or(0);
    let num_uses = u32::try_from(num_uses).map_err(|_| Error::bad_request("number of uses cannot be negative"))?;
    let no_parent = input.switch("no_parent").unwrap_or(false);
    let ttl = if input.int("ttl").is_some() { "ttl" } else { "lease" };
    Ok(tokens::Create {
        maker: call.caller()?.clone(),
        sudo: call.sudo,
        at_orphans: at_orphans && !no_parent,
        scope: call.scope.clone(),
        path: call.path.to_owned(),
        role,
        alias: alias.map(|name| (name.to_owned(), Fresh::draw(entropy, &call.scope))),
        id: input.given_text("id").filter(|id| !id.is_empty()).map(|id| Secret::new(id.to_owned())),
        policies: input.list("policies").unwrap_or_default(),
        meta: input.map("meta"),
        orphan: at_orphans || no_parent,
        no_default_policy: input.switch("no_default_policy").unwrap_or(false),
        display_name: input.text("display_name").to_owned(),
        num_uses,
        renewable: input.switch("renewable").unwrap_or(true),
        kind,
        lifetime: Ask {
            ttl: span(input, ttl, "ttl must be positive")?,
            explicit_max_ttl: span(input, "explicit_max_ttl", "explicit_max_ttl must be positive")?,
            period: span(input, "period", "period must be positive")?,
            max_ttl: Duration::ZERO,
        },
        fresh: FreshToken::draw(entropy, &call.scope),
    })
}

/// A span that must not be negative, zero if it was not given.
fn span(input: &Input, name: &str, refusal: &str) -> Result<Duration, Error> {
    let seconds = input.int(name).unwrap_or(0);
    seconds.try_into().map(Duration::from_secs).map_err(|_| Error::bad_request(refusal))
}

/// How much longer a renewal should last, if that was said.
fn increment(input: &Input) -> Option<Duration> {
    input.int("increment").and_then(|seconds| seconds.try_into().ok()).map(Duration::from_secs)
}

fn renew_self(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (key, text) = (call.caller()?.key, call.shown()?.clone());
    Ok(renewal(key, Some(text), increment(&call.input)))
}

/// The token that the body names, if a request in this namespace may know of it.
fn named(call: &mut Call<'_>) -> Result<(Option<Token>, Secret<String>), Error> {
    let text = call.input.secret("token");
    if text.expose().is_empty() {
        return Err(Error::bad_request("missing token ID"));
    }
    Ok((tokens::by_text(call.tx, call.access, &call.scope, text.expose())?, text))
}

fn renew(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (token, text) = named(call)?;
    let token = token.ok_or_else(|| Error::bad_request("token not found"))?;
    Ok(renewal(token.key, Some(text), increment(&call.input)))
}

fn renew_accessor(call: &mut Call<'_>) -> Result<Plan, Error> {
    let token = by_accessor(call.tx, call.access, &call.scope, &accessor(&call.input)?)?;
    Ok(renewal(token.key, None, increment(&call.input)))
}

fn renewal(key: BlindKey, text: Option<Secret<String>>, increment: Option<Duration>) -> Plan {
    Plan::write(move |tx, access| match tokens::renew(tx, access, key, increment)? {
        None => Err(Error::bad_request("token not found")),
        Some(Renewed::Refused(token::Kind::Batch)) => Err(Error::bad_request("batch tokens cannot be renewed")),
        Some(Renewed::Refused(token::Kind::Service)) => Err(Error::bad_request("lease is not renewable")),
        Some(Renewed::Granted(token, lifetime)) => {
            let text = text.as_ref().map(|text| text.expose().as_str());
            let beside = identity::policies_beside(tx, access, &token)?;
            Ok(Reply::auth(Auth::of(&token, text, beside), capped(&lifetime).into_iter().collect()))
        }
    })
}

fn revocation(key: BlindKey) -> Plan {
    Plan::write(move |tx, access| {
        tokens::revoke(tx, access, key)?;
        Ok(Reply::NoContent)
    })
}

fn revoke_self(call: &mut Call<'_>) -> Result<Plan, Error> {
    let caller = call.caller()?;
    revocable(caller)?;
    Ok(revocation(caller.key))
}

fn revocable(token: &Token) -> Result<(), Error> {
    match token.kind {
        token::Kind::Service => Ok(()),
        token::Kind::Batch => Err(Error::bad_request("batch tokens cannot be revoked")),
    }
}

fn revoke(call: &mut Call<'_>) -> Result<Plan, Error> {
    let Some(token) = named(call)?.0 else { return Ok(Plan::Reply(Reply::NoContent)) };
    revocable(&token)?;
    Ok(revocation(token.key))
}

fn revoke_orphan(call: &mut Call<'_>) -> Result<Plan, Error> {
    let token = named(call)?.0.ok_or_else(|| Error::bad_request("token to revoke not found"))?;
    if !tokens::may_orphan(call.caller()?, call.sudo) {
        return Err(Error::bad_request("root or sudo privileges required to revoke and orphan"));
    }
    revocable(&token)?;
    let key = token.key;
    Ok(Plan::write(move |tx, access| {
        tokens::revoke_orphaning(tx, access, key)?;
        Ok(Reply::NoContent)
    }))
}

fn revoke_accessor(call: &mut Call<'_>) -> Result<Plan, Error> {
    let accessor = accessor(&call.input)?;
    match tokens::by_accessor(call.tx, call.access, &call.scope, &accessor)? {
        Some(token) => Ok(revocation(token.key)),
        None => Ok(Plan::Reply(Reply::warning("No token found with this accessor"))),
    }
}

fn accessors(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        let accessors = engine.store.read(engine.now(), |tx| tokens::accessors(tx, &access, &scope))?;
        Ok(Plan::Reply(Reply::keys(accessors.iter().map(ToString::to_string).collect(), None)?))
    }))
}
