//! `identity/mfa/method/{sms,email}/…`: where an entity is reached by codes, given and confirmed.

use std::time::Duration;

use serde_json::json;

use super::authenticators::{
    DESTROY, admin_destroy, admin_unlock, already_enrolled, entity_id, kind, method_id, own_entity, own_method,
    pair_error, self_enrolled,
};
use super::error::Error;
use super::field::{Field, Kind as Type};
use super::route::{Call, Plan, Route};
use super::second_phase::request_id;
use super::verification::{VERIFY, verify};
use super::wire::{Refusal, Reply};
use crate::engine::access::Capability;
use crate::engine::challenges::{Receipt, Refusal as Unposed};
use crate::engine::out_of_band::{self, Ask, Binding, Drafted, Word};
use crate::engine::{self, methods, self_enrolment};
use crate::id::{EntityId, MethodId};
use crate::model::address::Address;
use crate::model::contact::Channel;
use crate::model::method::Kind;

const METHOD: Field = Field { name: "method_id", kind: Type::Text };
const ENTITY: Field = Field { name: "entity_id", kind: Type::Text };
const NAME: Field = Field { name: "method_name", kind: Type::Text };
const LABEL: Field = Field { name: "label", kind: Type::Text };
const PHONE: Field = Field { name: "phone", kind: Type::Text };
const EMAIL: Field = Field { name: "email", kind: Type::Text };
const VERIFIED: Field = Field { name: "verified", kind: Type::Bool };
const REQUEST: Field = Field { name: "mfa_request_id", kind: Type::Text };
const LOGIN_METHOD: Field = Field { name: "mfa_method_id", kind: Type::Text };
const PAIR: &[Field] = &[METHOD, ENTITY];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/mfa/method/sms/generate", &[METHOD, NAME, PHONE, LABEL], &[(Capability::Update, generate)]),
    Route::new("identity/mfa/method/email/generate", &[METHOD, NAME, EMAIL, LABEL], &[(Capability::Update, generate)]),
    Route::new(
        "identity/mfa/method/sms/admin-generate",
        &[METHOD, ENTITY, PHONE, LABEL, VERIFIED],
        &[(Capability::Update, admin_generate)],
    ),
    Route::new(
        "identity/mfa/method/email/admin-generate",
        &[METHOD, ENTITY, EMAIL, LABEL, VERIFIED],
        &[(Capability::Update, admin_generate)],
    ),
    Route::new("identity/mfa/method/sms/admin-destroy", DESTROY, &[(Capability::Update, admin_destroy)]),
    Route::new("identity/mfa/method/email/admin-destroy", DESTROY, &[(Capability::Update, admin_destroy)]),
    Route::new("identity/mfa/method/sms/admin-unlock", PAIR, &[(Capability::Update, admin_unlock)]),
    Route::new("identity/mfa/method/email/admin-unlock", PAIR, &[(Capability::Update, admin_unlock)]),
    Route::new("identity/mfa/method/sms/verify", VERIFY, &[(Capability::Update, verify)]),
    Route::new("identity/mfa/method/email/verify", VERIFY, &[(Capability::Update, verify)]),
    Route::new(
        "identity/mfa/method/sms/self-enroll",
        &[REQUEST, LOGIN_METHOD, PHONE],
        &[(Capability::Update, self_enrol)],
    )
    .open(),
    Route::new(
        "identity/mfa/method/email/self-enroll",
        &[REQUEST, LOGIN_METHOD, EMAIL],
        &[(Capability::Update, self_enrol)],
    )
    .open(),
];

/// The address in the body, read strictly; `None` without one.
fn address(call: &Call<'_>) -> Result<Option<Address>, Error> {
    let (channel, name) = match kind(call)? {
        Kind::Sms => (Channel::Sms, "phone"),
        Kind::Email => (Channel::Email, "email"),
        Kind::Totp | Kind::Duo | Kind::Okta | Kind::PingId | Kind::WebAuthn | Kind::Recovery => {
            return Err(Error::unsupported_path());
        }
    };
    let text = call.input.secret(name);
    if text.expose().is_empty() {
        return Ok(None);
    }
    Address::parse(channel, &text).map(Some).map_err(|refusal| Error::bad_request(refusal.to_string()))
}

fn generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = own_method(call)?;
    let entity = own_entity(call)?;
    draft(call, &method, &entity, Word::Owner)
}

fn admin_generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let entity = entity_id(&call.input, "missing entityID")?;
    let vouches = call.input.switch("verified").unwrap_or(false);
    draft(call, &method, &entity, Word::Administrator { vouches })
}

fn draft(call: &mut Call<'_>, method: &MethodId, entity: &EntityId, word: Word) -> Result<Plan, Error> {
    let kind = kind(call)?;
    let address = address(call)?;
    let label = super::authenticators::label(&call.input)?;
    let ask = Ask { scope: &call.scope, kind, method, entity, address, label, word, costs: &call.engine.costs };
    match out_of_band::draft(call.tx, call.access, ask) {
        Ok(Drafted::Fresh(draft)) => {
            Ok(Plan::sending(draft.codes(), move |tx, access| told(out_of_band::bind(tx, access, &draft)?, tx.now())))
        }
        Ok(Drafted::AlreadyEnrolled { method_name }) => Ok(Plan::Reply(already_enrolled(&method_name))),
        Err(engine::Error::OtherKind) => {
            let found = methods::get(call.tx, call.access, method)?;
            let kind = found.map_or("", |method| method.settings.kind().as_str());
            Err(Error::bad_request(format!("generate not available for MFA type \"{kind}\"")))
        }
        Err(error) => Err(pair_error(error, method)),
    }
}

/// An address for the login that waits: kept there, and bound by the code that is sent to it.
fn self_enrol(call: &mut Call<'_>) -> Result<Plan, Error> {
    let request_id = request_id(call)?;
    let method = self_enrolled(&call.input)?;
    let address = address(call)?;
    let scope = call.scope.clone();
    let costs = &call.engine.costs;
    let drafted =
        self_enrolment::draft_reached(call.tx, call.access, costs, (&scope, &request_id), &method, address.as_ref())?;
    Ok(Plan::sending(drafted.codes(), move |tx, access| {
        told(self_enrolment::keep_reached(tx, access, &scope, &request_id, &drafted)?, tx.now())
    }))
}

/// What came of it.
fn told(binding: Binding, now: crate::time::Timestamp) -> Result<Reply, Error> {
    match binding {
        Binding::Counting(channel, recipient) => {
            Reply::data(&json!({ "type": channel.as_str(), "recipient": recipient, "state": "active" }))
        }
        Binding::Pending(receipt) => {
            let mut data = sent(&receipt, now);
            if let Some(members) = data.as_object_mut() {
                members.insert("state".into(), "pending".into());
            }
            Reply::data(&data)
        }
        Binding::TooSoon(retry_in) => Err(Error::too_soon(retry_in)),
        Binding::Unsendable => Ok(Reply::Refused(unsendable(None))),
        Binding::Unreachable => Err(Error::bad_request(Unposed::NoAddress.to_string())),
        Binding::AlreadyEnrolled { method_name } => Ok(already_enrolled(&method_name)),
    }
}

/// What is told of a code that was sent, to whoever may know where to.
pub(super) fn sent(receipt: &Receipt, now: crate::time::Timestamp) -> serde_json::Value {
    let left: Duration = receipt.expires_at.since(now);
    json!({
        "type": receipt.channel.as_str(),
        "recipient": receipt.recipient,
        "expires_at": receipt.expires_at.to_string(),
        "lifetime": left.as_secs(),
    })
}

/// No message may be sent: a refusal rather than a mistake, which the log has the reason of.
pub(super) fn unsendable(method: Option<MethodId>) -> Refusal {
    let error = Error::forbidden("no message can be sent to this address now");
    Refusal { error, reason: "no message may be sent".into(), method }
}
