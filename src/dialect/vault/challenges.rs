//! `identity/mfa/challenge` and `sys/mfa/challenge`: a code is sent, or a WebAuthn authenticator asked, for an application or for a login that waits.

use serde_json::json;

use super::authenticators::entity_id;
use super::error::Error;
use super::field::{Field, Kind as Type};
use super::out_of_band::{sent, unsendable};
use super::route::{Call, Plan, Route};
use super::second_phase::request_id;
use super::web_authn;
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::challenges::{Outcome, Refusal};
use crate::engine::{self, asking, methods, verification};
use crate::id::MethodId;
use crate::model::method::Kind;

pub(super) const ROUTES: &[Route] = &[
    Route::new(
        "identity/mfa/challenge",
        &[
            Field { name: "method_id", kind: Type::Text },
            Field { name: "method_name", kind: Type::Text },
            Field { name: "entity_id", kind: Type::Text },
        ],
        &[(Capability::Update, of_application)],
    ),
    Route::new(
        "sys/mfa/challenge",
        &[Field { name: "mfa_request_id", kind: Type::Text }, Field { name: "method_id", kind: Type::Text }],
        &[(Capability::Update, of_login)],
    )
    .open(),
];

/// An application asks. It is told the same whether or not there is anybody to send a code to.
fn of_application(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = super::verification::method(call)?;
    let entity = entity_id(&call.input, "missing entity ID")?;
    let scope = call.scope.clone();
    if let Some(found) = verification::find_method(call.tx, call.access, &scope, &method)?
        && found.settings.kind() == Kind::WebAuthn
    {
        return Ok(web_authn::ask_for_application(call, found.id, entity));
    }
    let asked = asking::of_application(call.tx, call.access, &call.engine.costs, &scope, (&method, &entity)).map_err(
        |error| {
            if matches!(error, engine::Error::UnknownMethod) {
                return Error::bad_request(format!("configuration for method ID \"{method}\" does not exist"));
            }
            error.into()
        },
    )?;
    Ok(Plan::sending(asked.drafts(), move |tx, access| match asking::settle(tx, access, &asked)? {
        Some(retry_in) => Err(Error::too_soon(retry_in)),
        None => Reply::data(&json!({
            "type": asked.method.settings.kind().as_str(),
            "method_id": asked.method.id.as_str(),
            "entity_id": entity.as_str(),
            "expires_at": tx.now().plus(asked.lifetime).to_string(),
            "lifetime": asked.lifetime.as_secs(),
            "resend_pause": asked.pause.as_secs(),
        })),
    }))
}

/// A login that waits asks: whoever has its request id has passed the first factor.
fn of_login(call: &mut Call<'_>) -> Result<Plan, Error> {
    let request_id = request_id(call)?;
    let method = match call.input.text("method_id") {
        "" => return Err(Error::bad_request("missing method ID")),
        id => MethodId::new(id),
    };
    if methods::get(call.tx, call.access, &method)?.is_some_and(|found| found.settings.kind() == Kind::WebAuthn) {
        return web_authn::ask_for_login(call, method);
    }
    let scope = call.scope.clone();
    let draft = asking::of_login(call.tx, call.access, &call.engine.costs, &scope, &request_id, &method)?;
    Ok(Plan::sending(vec![draft.clone()], move |tx, access| {
        match asking::pose_to_login(tx, access, &scope, &request_id, &draft)? {
            Outcome::Posed(receipt) => {
                let mut data = sent(&receipt, tx.now());
                if let Some(members) = data.as_object_mut() {
                    members.insert("method_id".into(), method.as_str().into());
                }
                Reply::data(&data)
            }
            Outcome::TooSoon { retry_in } => Err(Error::too_soon(retry_in)),
            Outcome::Unsendable => Ok(Reply::Refused(unsendable(Some(method.clone())))),
            Outcome::Unreachable => Err(Error::bad_request(Refusal::NoAddress.to_string())),
        }
    }))
}
