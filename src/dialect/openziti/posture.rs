//! `posture-response`, by which endpoints report, and `identities/{id}/posture-data`, by which administrators look.

use actix_web::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::error::Error;
use super::identities::entity_id;
use super::input::Fields;
use super::posture_checks::seconds;
use super::request::Api;
use super::route::{Call, Door, Plan, Route};
use super::wire::{Reply, time};
use crate::engine::edge::checks::{self, Report};
use crate::engine::edge::{identities, sessions};
use crate::id::PostureCheckId;
use crate::model::edge::permission::{Action, Noun};
use crate::model::edge::session::ApiSession;

pub(super) const ROUTES: &[Route] = &[
    Route { api: Some(Api::Client), pattern: &["posture-response"], verbs: &[(Method::POST, Door::Full, respond)] },
    Route {
        api: Some(Api::Client),
        pattern: &["posture-response-bulk"],
        verbs: &[(Method::POST, Door::Full, respond_all)],
    },
    Route {
        api: Some(Api::Management),
        pattern: &["identities", "*", "posture-data"],
        verbs: &[(Method::GET, Door::May(Noun::Identity, Action::Read), data)],
    },
];

/// The most responses in one request.
const MOST: usize = 100;

fn respond(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    report(call, StatusCode::CREATED, &[fields])
}

fn respond_all(call: &mut Call<'_>) -> Result<Plan, Error> {
    let all = Fields::read_all(call.body, call.head.is_other_than_json)?;
    if all.len() > MOST {
        return Err(Error::field("body", "body should have at most 100 items", ""));
    }
    report(call, StatusCode::OK, &all)
}

fn report(call: &Call<'_>, status: StatusCode, all: &[Fields]) -> Result<Plan, Error> {
    let (mut named, mut report) = (Vec::new(), Report::default());
    for fields in all {
        fields.require(&["id", "typeId"])?;
        fields.one_of("typeId", |kind| (kind == "ENDPOINT_STATE").then_some(()))?;
        named.push(PostureCheckId::new(fields.required_text("id")?));
        report.woken |= fields.flag("woken")?.unwrap_or_default();
        report.unlocked |= fields.flag("unlocked")?.unwrap_or_default();
    }
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access, caller| {
        let shortened = checks::report(tx, access, &scope, caller, &named, report)?;
        let services: Vec<Value> = shortened
            .into_iter()
            .map(|service| {
                json!({
                    "id": service.id,
                    "name": service.name,
                    "postureQueryType": "MFA",
                    "timeout": seconds(service.timeout_secs),
                    "timeoutRemaining": service.remaining_secs,
                })
            })
            .collect();
        Ok(Reply::Data { status, data: json!({ "services": services }), meta: json!({}) })
    }))
}

fn data(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = entity_id(call)?;
    identities::known(call.tx, call.access, &call.scope, &id)?;
    let all = sessions::of(call.tx, call.access, &id)?;
    let by_session: Map<String, Value> =
        all.iter().map(|session| (session.id.to_string(), session_data(session))).collect();
    Ok(Plan::Reply(Reply::data(json!({
        "mac": { "addresses": [] },
        "domain": { "domain": "" },
        "os": { "type": "", "version": "", "build": "" },
        "processes": [],
        "apiSessionPostureData": by_session,
    }))))
}

/// What is known of one session's endpoint.
fn session_data(session: &ApiSession) -> Value {
    let state = session.posture;
    // What the endpoint did before the proof was answered by it.
    let answered = |at: Option<_>| state.passed_mfa_at.is_some() && at.is_none_or(|at| Some(at) < state.passed_mfa_at);
    json!({
        "mfa": {
            "apiSessionId": session.id.as_str(),
            "passedMfa": state.passed_mfa_at.is_some(),
            "passedAt": state.passed_mfa_at.map(time),
            "passedOnWake": answered(state.woken_at),
            "passedOnUnlock": answered(state.unlocked_at),
        },
        "endpointState": { "wokenAt": state.woken_at.map(time), "unlockedAt": state.unlocked_at.map(time) },
        "sdkInfo": session.sdk_info,
    })
}
