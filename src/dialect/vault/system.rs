//! `sys/`: sealing, and an operator's word on the time.

use super::error::Error;
use super::route::{Call, Plan, Route};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::model::clock_guard::ClockGuard;

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/seal", &[], &[(Capability::Update, seal)]),
    Route::new("sys/clock", &[], &[(Capability::Read, clock)]),
    Route::new("sys/clock/accept", &[], &[(Capability::Update, accept_time)]),
];

fn seal(call: &mut Call<'_>) -> Result<Plan, Error> {
    call.engine.seal.seal();
    tracing::warn!(accessor = call.caller()?.accessor.as_ref().map(ToString::to_string), "sealed");
    Ok(Plan::Reply(Reply::NoContent))
}

#[derive(serde::Serialize)]
struct Clock {
    now: String,
    newest: String,
    behind_secs: u64,
}

fn clock(call: &mut Call<'_>) -> Result<Plan, Error> {
    let known: ClockGuard = call.engine.time.observe(call.tx.now());
    let now = call.tx.now();
    let behind_secs = known.newest.since(now).as_secs();
    let clock = Clock { now: now.to_string(), newest: known.newest.to_string(), behind_secs };
    Ok(Plan::Reply(Reply::data(&clock)?))
}

fn accept_time(_call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::slow(|engine| {
        let accepted = engine.accept_time()?;
        tracing::warn!(now = %accepted.newest, "the present time was accepted by an operator");
        Ok(Plan::Reply(Reply::NoContent))
    }))
}
