//! `identity/mfa/validate`: an application checks a passcode; and `…/totp/verify`: its owner confirms an enrolment.

use std::time::Duration;

use serde::Serialize;

use super::authenticators::{method_id, own_entity};
use super::error::{Error, listed};
use super::field::{Field, Kind as Type};
use super::route::{Call, Plan, Route};
use super::wire::{Refusal, Reply};
use crate::engine::access::Capability;
use crate::engine::verification::{self, Evaluation, Outcome, Purpose, Question, Reason, Terms};
use crate::id::EntityId;
use crate::model::challenge::Asker;

pub(super) const VERIFY: &[Field] =
    &[Field { name: "method_id", kind: Type::Text }, Field { name: "passcode", kind: Type::Text }];

pub(super) const ROUTES: &[Route] = &[
    Route::new(
        "identity/mfa/validate",
        &[
            Field { name: "method_id", kind: Type::Text },
            Field { name: "method_name", kind: Type::Text },
            Field { name: "entity_id", kind: Type::Text },
            Field { name: "passcode", kind: Type::Text },
        ],
        &[(Capability::Update, validate)],
    ),
    Route::new("identity/mfa/method/totp/verify", VERIFY, &[(Capability::Update, verify)]),
    Route::new("identity/mfa/method/recovery/verify", VERIFY, &[(Capability::Update, verify)]),
];

#[derive(Serialize)]
struct Validity<'a> {
    entity_id: &'a str,
    method_id: &'a str,
    valid: bool,
}

/// The method that the body names, by id or by name.
pub(super) fn method(call: &Call<'_>) -> Result<String, Error> {
    match (call.input.text("method_id"), call.input.text("method_name")) {
        ("", "") => Err(Error::bad_request("missing method ID")),
        ("", name) => Ok(name.to_owned()),
        (id, _) => Ok(id.to_owned()),
    }
}

fn validate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method(call)?;
    let entity = match call.input.text("entity_id") {
        "" => return Err(Error::bad_request("missing entity ID")),
        id => EntityId::new(id),
    };
    check(call, method, entity, false)
}

pub(super) fn verify(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method_id(&call.input)?.to_string();
    let entity = own_entity(call)?;
    check(call, method, entity, true)
}

/// Evaluate here, settle in the writer, answer when that is committed.
fn check(call: &mut Call<'_>, method: String, entity: EntityId, confirms: bool) -> Result<Plan, Error> {
    let purpose = if confirms { Purpose::Confirm { spends: true } } else { Purpose::Prove };
    let question = Question {
        scope: call.scope.clone(),
        method,
        entity,
        passcode: call.input.secret("passcode"),
        asker: Asker::Application,
        terms: Terms { purpose, ..Terms::default() },
    };
    let evaluation = verification::evaluate(call.tx, call.access, &question)?;
    let asked = question.method;
    if let Some(outcome) = evaluation.answered() {
        return Ok(Plan::Reply(reply(&asked, &evaluation, &outcome)?));
    }
    let engine = std::sync::Arc::clone(call.engine);
    Ok(Plan::write(move |tx, access| {
        let clock = engine.time.observe(tx.now());
        let mut outcome = verification::settle(tx, access, &evaluation, clock)?;
        if let Outcome::Accepted { entity, method, number, .. } = &outcome
            && confirms
            && !verification::confirm(tx, access, entity, method, *number)?
        {
            outcome = Outcome::Refused(Reason::Wrong);
        }
        reply(&asked, &evaluation, &outcome)
    }))
}

/// The outcome in Vault's words. They are the same for everybody who is not enrolled and everybody who is wrong; `asked` is the method as the
/// caller named it.
fn reply(asked: &str, evaluation: &Evaluation, outcome: &Outcome) -> Result<Reply, Error> {
    let (detail, reason) = match outcome {
        Outcome::Accepted { entity, method, .. } => {
            return Reply::sorted_data(&Validity {
                entity_id: entity.as_str(),
                method_id: method.as_str(),
                valid: true,
            });
        }
        Outcome::Refused(reason) => ("MFA credentials not supplied or incorrect".to_owned(), reason.to_string()),
        Outcome::TooMany { attempts, allowed, retry_in } => {
            (too_many(*attempts, *allowed, *retry_in), format!("attempt {attempts} of {allowed}"))
        }
    };
    let failed = format!("login MFA validation failed for methodID: [{asked}]");
    let error = Error::forbidden(listed(&[&detail, &failed]));
    Ok(Reply::Refused(Refusal { error, reason, method: evaluation.method().cloned() }))
}

/// That there were too many attempts, in the words that clients look for: whole seconds, two digits at least.
pub(super) fn too_many(attempts: u32, allowed: u32, retry_in: Duration) -> String {
    let seconds = retry_in.as_millis().div_ceil(1000);
    format!(
        "maximum TOTP validation attempts {attempts} exceeded the allowed attempts {allowed}. Please try again in {seconds:02} seconds"
    )
}
