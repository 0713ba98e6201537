//! What a login answers: a token, or what else is asked.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::tokens::capped;
use super::wire::{Auth, Refusal, Reply};
use crate::engine::challenges::Outcome;
use crate::engine::logins::{self, Admission};
use crate::engine::tokens::Created;
use crate::engine::{Access, identity};
use crate::storage::Tx;

const ASKED: &str = "A login request was issued that is subject to MFA validation. Please make sure to validate the login by sending another request to mfa/validate endpoint.";
const UNASKED: &str = "Found MFA header but failed to find MFA Enforcement Config";

/// `mfa_requirement`.
#[derive(Serialize)]
pub(super) struct Requirement {
    mfa_request_id: String,
    mfa_constraints: BTreeMap<String, Any>,
}

#[derive(Serialize)]
struct Any {
    any: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    #[serde(skip_serializing_if = "is_false")]
    uses_passcode: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(rename = "self_enrollment_enabled", skip_serializing_if = "is_false")]
    self_enrolment: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
const fn is_false(switch: &bool) -> bool {
    !*switch
}

/// The reply to a login.
pub(super) fn login_reply(tx: &mut dyn Tx, access: &Access, admission: &Admission) -> Result<Reply, Error> {
    match admission {
        Admission::Token(created) => token_reply(tx, access, created, &[]),
        Admission::Unasked(created) => token_reply(tx, access, created, &[UNASKED]),
        Admission::Requirement(requirement) => Ok(requirement_reply(requirement)),
        Admission::Refused(unsatisfied) => {
            let reason = unsatisfied.to_string();
            Ok(Reply::Refused(Refusal { error: Error::no_token(), reason, method: None }))
        }
    }
}

/// The reply to a login that is complete, in whichever phase.
pub(super) fn token_reply(
    tx: &mut dyn Tx,
    access: &Access,
    created: &Created,
    warnings: &[&str],
) -> Result<Reply, Error> {
    let warnings = warnings.iter().copied().map(str::to_owned).chain(capped(&created.lifetime));
    let beside = identity::policies_beside(tx, access, &created.token)?;
    Ok(Reply::auth(Auth::of(&created.token, Some(created.text.expose()), beside), warnings.collect()))
}

/// The reply to a login of which more is asked.
pub(super) fn requirement_reply(asked: &logins::Requirement) -> Reply {
    let constraints = asked.constraints.iter().map(|constraint| {
        let choices = constraint.choices.iter().map(|choice| Choice {
            kind: choice.kind.as_str(),
            id: choice.id.to_string(),
            uses_passcode: choice.uses_passcode,
            name: choice.name.clone(),
            self_enrolment: choice.self_enrolment,
        });
        (constraint.name.clone(), Any { any: choices.collect() })
    });
    let requirement =
        Requirement { mfa_request_id: asked.request_id.expose().clone(), mfa_constraints: constraints.collect() };
    let warnings = [ASKED.to_owned()].into_iter().chain(asked.codes.iter().filter_map(code_told));
    Reply::auth(Auth::required(requirement), warnings.collect())
}

/// What is said of a code that was to be sent without having been asked for, to people rather than programs.
fn code_told(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Posed(receipt) => {
            Some(format!("A code was sent by {} to {}.", receipt.channel.as_str(), receipt.recipient))
        }
        Outcome::TooSoon { retry_in } => Some(format!(
            "No code was sent: another was a moment ago. One can be asked for from sys/mfa/challenge in {} seconds.",
            retry_in.as_millis().div_ceil(1000)
        )),
        Outcome::Unreachable | Outcome::Unsendable => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::requirements::{Choice, Constraint};
    use crate::id::MethodId;
    use crate::model::method::Kind;
    use crate::secret::Secret;

    fn choice(id: &str, name: &str, kind: Kind) -> Choice {
        let totp = kind == Kind::Totp;
        Choice { id: MethodId::new(id), name: name.into(), kind, uses_passcode: totp, self_enrolment: false }
    }

    #[test]
    fn a_requirement_has_the_members_that_clients_know_and_no_others() {
        let open = Choice { self_enrolment: true, ..choice("m2", "", Kind::Totp) };
        let constraints = vec![
            Constraint { name: "main".into(), choices: vec![choice("m1", "corp", Kind::Totp), open] },
            Constraint { name: "ns/main".into(), choices: vec![choice("m3", "", Kind::PingId)] },
        ];
        let asked = logins::Requirement { request_id: Secret::new("r".into()), constraints, codes: Vec::new() };
        let response = requirement_reply(&asked).respond("q", Vec::new());
        let body = response.into_body().try_into_bytes().unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let requirement = json!({
            "mfa_request_id": "r",
            "mfa_constraints": {
                "main": { "any": [
                    { "type": "totp", "id": "m1", "uses_passcode": true, "name": "corp" },
                    { "type": "totp", "id": "m2", "uses_passcode": true, "self_enrollment_enabled": true },
                ] },
                "ns/main": { "any": [{ "type": "pingid", "id": "m3" }] },
            },
        });
        let auth = json!({
            "client_token": "", "accessor": "", "policies": null, "metadata": null, "lease_duration": 0, "renewable": false,
            "entity_id": "", "token_type": "default", "orphan": false, "mfa_requirement": requirement, "num_uses": 0,
        });
        assert_eq!(answer["auth"], auth);
        assert_eq!(answer["warnings"], json!([ASKED]));
        assert_eq!((&answer["data"], &answer["wrap_info"]), (&Value::Null, &Value::Null));
    }
}
