//! `identity/mfa/validate`: an application checks a passcode; and `…/totp/verify`: its owner confirms an enrolment.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::authenticators::own_entity;
use super::error::{Error, listed};
use super::field::{Field, Kind as Type};
use super::route::{Call, Plan, Route};
use super::wire::{Refusal, Reply};
use crate::engine::access::Capability;
use crate::engine::verification::{self, Evaluated, Evaluation, Outcome, Purpose, Question, Reason, Terms};
use crate::engine::{Access, Engine};
use crate::id::{EntityId, MethodId};
use crate::model::challenge::Asker;
use crate::storage::Tx;

pub(super) const VERIFY: &[Field] = &[
    Field { name: "method_id", kind: Type::Text },
    Field { name: "method_name", kind: Type::Text },
    Field { name: "passcode", kind: Type::Text },
];

/// A passcode by which a caller shows that it is really them, and the method that it is of.
pub(super) const PROOF: Field = Field { name: "passcode", kind: Type::Text };
pub(super) const PROOF_METHOD: Field = Field { name: "passcode_method_id", kind: Type::Text };

const GENERIC: &str = "MFA credentials not supplied or incorrect";

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
    let method = method(call)?;
    let entity = own_entity(call)?;
    check(call, method, entity, true)
}

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
    prove(call, question, move |tx, access, proven| {
        if confirms && !verification::confirm(tx, access, &proven.entity, &proven.method, proven.number)? {
            return Ok(None);
        }
        let (entity_id, method_id) = (proven.entity.as_str(), proven.method.as_str());
        Reply::sorted_data(&Validity { entity_id, method_id, valid: true }).map(Some)
    })
}

/// Who has proven what.
pub(super) struct Proven {
    pub(super) entity: EntityId,
    pub(super) method: MethodId,
    pub(super) number: u32,
}

/// What is asked of a caller who must show that it is really them, by a passcode of `method` or of another one that they name; `None` if they show
/// nothing.
pub(super) fn proof(call: &Call<'_>, method: &MethodId, entity: &EntityId) -> Option<Question> {
    let passcode = call.input.secret(PROOF.name);
    let named = call.input.given_text(PROOF_METHOD.name).filter(|named| !named.is_empty());
    (!passcode.expose().is_empty()).then(|| Question {
        scope: call.scope.clone(),
        method: named.unwrap_or(method.as_str()).to_owned(),
        entity: entity.clone(),
        passcode,
        asker: Asker::Application,
        terms: Terms::default(),
    })
}

/// Evaluate a question here, settle it in the writer, and if it is proven let `then` say what comes of it, in the same job; `None` if it does not count
/// after all. It is answered when that is committed.
pub(super) fn prove(
    call: &mut Call<'_>,
    question: Question,
    then: impl FnMut(&mut dyn Tx, &Access, &Proven) -> Result<Option<Reply>, Error> + Send + 'static,
) -> Result<Plan, Error> {
    let evaluated = verification::evaluate(call.tx, call.access, &question)?;
    let asked = question.method;
    match evaluated {
        Evaluated::Ready(evaluation) => settle(call.engine, asked, evaluation, then),
        Evaluated::Slow(check) => {
            let engine = Arc::clone(call.engine);
            Ok(Plan::slow(move |_| settle(&engine, asked, check.finish(), then)))
        }
    }
}

fn settle(
    engine: &Arc<Engine>,
    asked: String,
    evaluation: Evaluation,
    mut then: impl FnMut(&mut dyn Tx, &Access, &Proven) -> Result<Option<Reply>, Error> + Send + 'static,
) -> Result<Plan, Error> {
    if let Some(outcome) = evaluation.answered() {
        return Ok(Plan::Reply(refused(&asked, &evaluation, &outcome)));
    }
    let engine = Arc::clone(engine);
    Ok(Plan::write(move |tx, access| {
        let clock = engine.time.observe(tx.now());
        let outcome = verification::settle(tx, access, &evaluation, clock)?;
        let Outcome::Accepted { entity, method, number, .. } = outcome else {
            return Ok(refused(&asked, &evaluation, &outcome));
        };
        if let Some(used) = evaluation.to_note() {
            engine.uses.note(used, tx.now());
        }
        let done = then(tx, access, &Proven { entity, method, number })?;
        Ok(done.unwrap_or_else(|| refused(&asked, &evaluation, &Outcome::Refused(Reason::Wrong))))
    }))
}

/// A refusal in Vault's words. They are the same for everybody who is not enrolled and everybody who is wrong; `asked` is the method as the
/// caller named it.
fn refused(asked: &str, evaluation: &Evaluation, outcome: &Outcome) -> Reply {
    let (detail, reason) = match outcome {
        Outcome::TooMany { attempts, allowed, retry_in } => {
            (too_many(*attempts, *allowed, *retry_in), format!("attempt {attempts} of {allowed}"))
        }
        Outcome::Refused(reason) => (GENERIC.to_owned(), reason.to_string()),
        Outcome::Accepted { .. } => (GENERIC.to_owned(), "accepted, and then not counted".to_owned()),
    };
    let failed = format!("login MFA validation failed for methodID: [{asked}]");
    let error = Error::forbidden(listed(&[&detail, &failed]));
    Reply::Refused(Refusal { error, reason, method: evaluation.method().cloned() })
}

/// That there were too many attempts, in the words that clients look for: whole seconds, two digits at least.
pub(super) fn too_many(attempts: u32, allowed: u32, retry_in: Duration) -> String {
    let seconds = retry_in.as_millis().div_ceil(1000);
    format!(
        "maximum TOTP validation attempts {attempts} exceeded the allowed attempts {allowed}. Please try again in {seconds:02} seconds"
    )
}
