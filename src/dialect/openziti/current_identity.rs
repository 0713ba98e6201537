//! `current-identity`: who the caller is.

use actix_web::http::Method;

use super::error::Error;
use super::identities::detail;
use super::route::{Call, Door, Plan, Route};
use super::wire::{Reply, links};

pub(super) const ROUTES: &[Route] =
    &[Route { api: None, pattern: &["current-identity"], verbs: &[(Method::GET, Door::Full, read)] }];

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let caller = call.caller()?.clone();
    let links = links(&[("self", "./current-identity"), ("mfa", "./current-identity/mfa")]);
    let shown = detail(call.tx, call.access, &call.scope, &caller.entity, &caller.identity, links)?;
    Ok(Plan::Reply(Reply::data(shown)))
}
