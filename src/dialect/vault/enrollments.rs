//! `identity/mfa/enrollments`: what somebody has enrolled; and `…/destroy`: an owner gives one of it up, with a proof that it is them.

use serde::Serialize;

use super::authenticators::{entity_id, kind, method_id, number, own_entity};
use super::error::Error;
use super::field::{Field, Kind as Type};
use super::route::{Call, Plan, Route};
use super::verification::{PROOF, PROOF_METHOD, proof, prove};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::overview::{self, Entry, State};
use crate::engine::{self, enrolments, entities};
use crate::id::EntityId;

const DESTROY: &[Field] =
    &[Field { name: "method_id", kind: Type::Text }, Field { name: "number", kind: Type::Int }, PROOF, PROOF_METHOD];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/mfa/enrollments", &[], &[(Capability::Read, own)]),
    Route::new(
        "identity/mfa/enrollments/{entity_id}",
        &[Field { name: "entity_id", kind: Type::Text }],
        &[(Capability::Read, anothers)],
    ),
    Route::new("identity/mfa/method/totp/destroy", DESTROY, &[(Capability::Update, destroy)]),
    Route::new("identity/mfa/method/recovery/destroy", DESTROY, &[(Capability::Update, destroy)]),
    Route::new("identity/mfa/method/sms/destroy", DESTROY, &[(Capability::Update, destroy)]),
    Route::new("identity/mfa/method/email/destroy", DESTROY, &[(Capability::Update, destroy)]),
];

#[derive(Serialize)]
struct Enrollments {
    entity_id: String,
    enrollments: Vec<Enrollment>,
}

#[derive(Serialize)]
struct Enrollment {
    #[serde(rename = "type")]
    kind: &'static str,
    method_id: String,
    method_name: String,
    number: u32,
    label: String,
    state: &'static str,
    created_time: String,
    confirmed_time: Option<String>,
    last_used_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
}

impl From<Entry> for Enrollment {
    fn from(entry: Entry) -> Self {
        Self {
            kind: entry.kind.as_str(),
            method_id: entry.method.to_string(),
            method_name: entry.method_name,
            number: entry.number,
            label: entry.label,
            state: match entry.state {
                State::Active => "active",
                State::Pending => "pending",
                State::Locked => "locked",
                State::Disabled => "disabled",
            },
            created_time: entry.created_at.to_string(),
            confirmed_time: entry.confirmed_at.map(|at| at.to_string()),
            last_used_time: entry.last_used_at.map(|at| at.to_string()),
            remaining: entry.left,
            recipient: entry.recipient,
        }
    }
}

/// What the caller has.
fn own(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entity = own_entity(call)?;
    shown(call, &entity)
}

/// What another entity of the namespace has.
fn anothers(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entity = entity_id(&call.input, "missing entity ID")?;
    let scope = call.scope.clone();
    let entity = entities::get(call.tx, call.access, &scope, &entity)?.ok_or_else(Error::not_found)?;
    shown(call, &entity.id)
}

fn shown(call: &mut Call<'_>, entity: &EntityId) -> Result<Plan, Error> {
    let entries = overview::of_entity(call.tx, call.access, entity, &call.engine.uses)?;
    let enrollments = entries.into_iter().map(Enrollment::from).collect();
    Ok(Plan::Reply(Reply::data(&Enrollments { entity_id: entity.to_string(), enrollments })?))
}

/// Give up one authenticator, or all under the method: proven by a code of any that the caller has.
fn destroy(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let entity = own_entity(call)?;
    let number = number(&call.input)?;
    let (scope, kind) = (call.scope.clone(), kind(call)?);
    enrolments::bound_pair(call.tx, call.access, &scope, kind, &method, &entity)?;
    let question = proof(call, &method, &entity).ok_or_else(|| Error::bad_request("missing passcode"))?;
    prove(call, question, move |tx, access, _| {
        let gone = match number {
            None => enrolments::destroy(tx, access, &scope, kind, &method, &entity).map(|()| true),
            Some(number) => enrolments::remove_one(tx, access, &entity, &method, number),
        };
        match gone {
            Ok(true) => Ok(Some(Reply::NoContent)),
            Ok(false) => Err(no_such()),
            Err(error) => Err(engine::Error::into(error)),
        }
    })
}

/// There is nothing of this number.
pub(super) fn no_such() -> Error {
    Error::bad_request("the entity has no enrollment of this number")
}
