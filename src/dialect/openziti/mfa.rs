//! `current-identity/mfa` and what lies below it, and `authenticate/mfa`: the second factor.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::identities::entity_id;
use super::input::Fields;
use super::request::Api;
use super::route::{Call, Door, Plan, Route, doer};
use super::wire::{Base, Reply, links, merge};
use crate::engine::Access;
use crate::engine::edge::access::Caller;
use crate::engine::edge::mfa::{self, For, Offered, PICTURE, Record, Settled};
use crate::factor::qr;
use crate::model::clock_guard::ClockGuard;
use crate::model::edge::Tags;
use crate::model::edge::permission::{Action, Noun};
use crate::secret::Secret;
use crate::storage::Tx;

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: None,
        pattern: &["current-identity", "mfa"],
        verbs: &[
            (Method::GET, Door::Session, read),
            (Method::POST, Door::Session, start),
            // Of a session that waits for a second factor, only to give up an enrolment that nobody confirmed.
            (Method::DELETE, Door::Session, remove),
        ],
    },
    Route {
        api: None,
        pattern: &["current-identity", "mfa", "verify"],
        verbs: &[(Method::POST, Door::Session, verify)],
    },
    Route {
        api: None,
        pattern: &["current-identity", "mfa", "qr-code"],
        verbs: &[(Method::GET, Door::Session, picture)],
    },
    Route {
        api: None,
        pattern: &["current-identity", "mfa", "recovery-codes"],
        verbs: &[(Method::GET, Door::Full, show_codes), (Method::POST, Door::Full, replace_codes)],
    },
    Route { api: None, pattern: &["authenticate", "mfa"], verbs: &[(Method::POST, Door::Session, prove)] },
    Route {
        api: Some(Api::Management),
        pattern: &["identities", "*", "mfa"],
        verbs: &[(Method::DELETE, Door::May(Noun::Identity, Action::Update), remove_for)],
    },
];

const SELF: &str = "./current-identity/mfa";

/// The caller, and its second factor, whatever its state.
fn standing(call: &mut Call<'_>) -> Result<(Caller, Record), Error> {
    let caller = call.caller()?.clone();
    let record = mfa::record(call.tx, call.access, &caller.entity)?.ok_or_else(Error::not_found)?;
    Ok((caller, record))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (caller, record) = standing(call)?;
    Ok(Plan::Reply(Reply::data(shown(call.tx, call.access, &caller, &record)?)))
}

/// A record as it is read: its secrets only as long as it is not confirmed.
fn shown(tx: &mut dyn Tx, access: &Access, caller: &Caller, record: &Record) -> Result<Value, Error> {
    let own = [("self", SELF), ("current-identity", "./current-identity")];
    let more: &[(&str, &str)] = if record.is_verified {
        &[("recovery-codes", "./current-identity/mfa/recovery-codes")]
    } else {
        &[("verify", "./current-identity/mfa/verify"), ("qr", "./current-identity/mfa/qr-code")]
    };
    let mut data = base(access, caller, record, links(&[&own, more].concat()), json!({}));
    merge(&mut data, json!({ "isVerified": record.is_verified }));
    if !record.is_verified {
        let codes = mfa::recovery_codes(tx, access, &caller.entity, record)?;
        merge(
            &mut data,
            json!({ "recoveryCodes": plain(&codes), "provisioningUrl": key_uri(caller, record).expose() }),
        );
    }
    Ok(data)
}

fn plain(codes: &[Secret<String>]) -> Vec<&str> {
    codes.iter().map(|code| code.expose().as_str()).collect()
}

fn key_uri(caller: &Caller, record: &Record) -> Secret<String> {
    record.key_uri(&caller.entity.name)
}

fn base(access: &Access, caller: &Caller, record: &Record, links: Value, members: Value) -> Value {
    // A record has no id of its own: this is one for each time that somebody enrols.
    let made = record.created_at.as_millis().to_string();
    let id = access.blind("edge.mfa.id", &[caller.entity.id.as_str(), &made]);
    let base = Base {
        id: &format!("{id:?}"),
        created_at: record.created_at,
        updated_at: record.updated_at,
        tags: &Tags::new(),
        links,
    };
    base.with(members)
}

fn start(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fresh = mfa::fresh(call.access, call.engine.entropy.as_ref());
    let (network, peer) = (call.network.clone(), call.head.peer.clone());
    Ok(Plan::write(move |tx, access, caller| {
        let record = mfa::start(tx, access, caller, &network.rules, &fresh)?;
        let (entity, session) = (caller.entity.id.as_str(), caller.session.id.as_str());
        tracing::info!(entity, session, peer, "an enrolment of a second factor was started");
        Ok(Reply::made(shown(tx, access, caller, &record)?))
    }))
}

fn picture(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (caller, record) = standing(call)?;
    if record.is_verified {
        return Err(Error::not_found());
    }
    let uri = key_uri(&caller, &record);
    Ok(Plan::Slow(Box::new(move |_| {
        let picture = qr::png(uri.expose(), PICTURE).map_err(Error::undrawable)?;
        Ok(Plan::Reply(Reply::Png(picture)))
    })))
}

/// What is done about a right code, in the order of writes.
type Effect = Box<dyn FnMut(&mut dyn Tx, &Access, &Caller, &Offered, bool) -> Result<Reply, Error> + Send>;

/// Let `code` be settled, and if it is right and new, let `effect` happen in the same job.
fn settle(
    call: &mut Call<'_>,
    caller: &Caller,
    record: &Record,
    purpose: For,
    code: &Secret<String>,
    mut effect: Effect,
) -> Result<Plan, Error> {
    let rules = &call.network.rules;
    let offered = mfa::offer(call.tx, call.access, caller, rules, record, purpose, code)?;
    let offered = offered.ok_or_else(Error::wrong_code)?;
    let clock: ClockGuard = call.engine.time.observe(call.tx.now());
    Ok(Plan::write(move |tx, access, caller| match mfa::settle(tx, access, caller, &offered, clock)? {
        Settled::Right { again } => effect(tx, access, caller, &offered, again),
        Settled::Wrong(reason) => {
            tracing::info!(entity = caller.entity.id.as_str(), %reason, "a code was refused");
            Ok(Reply::Refused(Error::wrong_code()))
        }
        Settled::TooMany(retry_in) => {
            tracing::info!(entity = caller.entity.id.as_str(), "there were too many wrong codes");
            Ok(Reply::Refused(Error::rate_limited(retry_in)))
        }
    }))
}

fn verify(call: &mut Call<'_>) -> Result<Plan, Error> {
    let code = call.fields()?.code()?;
    let (caller, record) = standing(call)?;
    if record.is_verified {
        return Err(Error::not_found());
    }
    let effect: Effect = Box::new(|tx, access, caller, offered, _| {
        mfa::confirm(tx, access, caller, offered)?;
        Ok(Reply::empty())
    });
    settle(call, &caller, &record, For::Confirming, &code, effect)
}

fn prove(call: &mut Call<'_>) -> Result<Plan, Error> {
    let code = call.fields()?.code()?;
    let caller = call.caller()?.clone();
    let record = mfa::record(call.tx, call.access, &caller.entity)?.filter(|record| record.is_verified);
    let record = record.ok_or_else(Error::not_enrolled)?;
    let scope = call.scope.clone();
    let effect: Effect = Box::new(move |tx, access, caller, _, again| {
        mfa::prove(tx, access, &scope, caller, again)?;
        Ok(Reply::empty())
    });
    settle(call, &caller, &record, For::Proving, &code, effect)
}

/// The code in a body that need not be there, nor be anything.
fn code_in_body(call: &Call<'_>) -> Option<Secret<String>> {
    Fields::read(call.body, false).ok()?.code().ok()
}

fn remove(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (caller, record) = standing(call)?;
    if !record.is_verified {
        return Ok(Plan::write(|tx, access, caller| {
            // It may have been confirmed since: then giving it up takes a code.
            let record = mfa::record(tx, access, &caller.entity)?.ok_or_else(Error::not_found)?;
            if record.is_verified {
                return Err(Error::wrong_code());
            }
            mfa::remove(tx, access, &caller.entity)?;
            Ok(Reply::empty())
        }));
    }
    if caller.is_partial() {
        return Err(Error::unauthorized());
    }
    let code = call.head.code.clone().or_else(|| code_in_body(call)).ok_or_else(Error::wrong_code)?;
    let effect: Effect = Box::new(|tx, access, caller, _, _| {
        Door::Full.admit(caller)?;
        mfa::remove(tx, access, &caller.entity)?;
        tracing::info!(entity = caller.entity.id.as_str(), "a second factor was removed by its owner");
        Ok(Reply::empty())
    });
    settle(call, &caller, &record, For::Proving, &code, effect)
}

fn remove_for(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), entity_id(call)?);
    Ok(Plan::write(move |tx, access, caller| {
        mfa::remove_for(tx, access, &scope, &id, doer(caller))?;
        let by = caller.entity.id.as_str();
        tracing::info!(entity = id.as_str(), by, "a second factor was removed by an administrator");
        Ok(Reply::empty())
    }))
}

/// The caller's second factor, which must count.
fn verified(call: &mut Call<'_>) -> Result<(Caller, Record), Error> {
    let (caller, record) = standing(call)?;
    if record.is_verified { Ok((caller, record)) } else { Err(Error::not_found()) }
}

fn show_codes(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (caller, record) = verified(call)?;
    let code = code_in_body(call).or_else(|| call.head.code.clone()).ok_or_else(Error::wrong_code)?;
    let strict = call.network.rules.totp_shows_recovery_codes;
    let seen = record.clone();
    let effect: Effect = Box::new(move |tx, access, caller, _, _| {
        let codes = mfa::recovery_codes(tx, access, &caller.entity, &seen)?;
        let links = links(&[("self", "./current-identity/mfa/recovery-codes"), ("mfa", SELF)]);
        let members = json!({ "recoveryCodes": plain(&codes) });
        Ok(Reply::data(base(access, caller, &seen, links, members)))
    });
    let purpose = if strict { For::ProvingByTotp } else { For::Proving };
    settle(call, &caller, &record, purpose, &code, effect)
}

fn replace_codes(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (caller, record) = verified(call)?;
    let code = call.fields()?.code()?;
    let fresh = mfa::fresh(call.access, call.engine.entropy.as_ref());
    let effect: Effect = Box::new(move |tx, access, caller, _, _| {
        mfa::replace_codes(tx, access, &caller.entity, &fresh)?;
        Ok(Reply::empty())
    });
    settle(call, &caller, &record, For::Proving, &code, effect)
}
