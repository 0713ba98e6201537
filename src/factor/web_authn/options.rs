//! What browsers are asked: the options of both ceremonies, as JSON (Level 3, sections 5.4 and 5.5).

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Assertion, Attestation, Credential, Party, Registration, encoded};

/// How long a ceremony may take: what browsers are told, and how long a challenge stands.
pub const LONGEST_CEREMONY: Duration = Duration::from_mins(5);

/// What makes an authenticator register, unless it has one of `excluded`.
pub fn of_registration(registration: &Registration, excluded: &[&Credential]) -> Value {
    let Registration { party, user, .. } = registration;
    let algorithms: Vec<Value> = registration
        .algorithms
        .iter()
        .map(|algorithm| json!({ "type": "public-key", "alg": algorithm.cose() }))
        .collect();
    let mut selection = Map::new();
    selection.insert("userVerification".into(), registration.user_verification.as_str().into());
    if let Some(attachment) = registration.attachment {
        selection.insert("authenticatorAttachment".into(), attachment.as_str().into());
    }
    let mut options = Map::new();
    options.insert("rp".into(), json!({ "id": party.id, "name": party.name }));
    let id = encoded::encode(&user.handle);
    options.insert("user".into(), json!({ "id": id, "name": user.name, "displayName": user.display_name }));
    options.insert("challenge".into(), encoded::encode(&registration.challenge).into());
    options.insert("pubKeyCredParams".into(), algorithms.into());
    options.insert("timeout".into(), timeout());
    if !excluded.is_empty() {
        options.insert("excludeCredentials".into(), descriptors(excluded));
    }
    options.insert("authenticatorSelection".into(), selection.into());
    let attestation = match registration.attestation {
        Attestation::None => "none",
        Attestation::Direct { .. } => "direct",
    };
    options.insert("attestation".into(), attestation.into());
    if let Some(app_id) = &party.app_id {
        options.insert("extensions".into(), json!({ "appidExclude": app_id }));
    }
    json!({ "publicKey": options })
}

/// What makes an authenticator assert, if it has one of `allowed`.
pub fn of_assertion(assertion: &Assertion, allowed: &[&Credential]) -> Value {
    let Party { id, app_id, .. } = &assertion.party;
    let mut options = Map::new();
    options.insert("challenge".into(), encoded::encode(&assertion.challenge).into());
    options.insert("timeout".into(), timeout());
    options.insert("rpId".into(), id.as_str().into());
    options.insert("allowCredentials".into(), descriptors(allowed));
    options.insert("userVerification".into(), assertion.user_verification.as_str().into());
    if let Some(app_id) = app_id {
        options.insert("extensions".into(), json!({ "appid": app_id }));
    }
    json!({ "publicKey": options })
}

fn timeout() -> Value {
    u64::try_from(LONGEST_CEREMONY.as_millis()).unwrap_or(u64::MAX).into()
}

fn descriptors(credentials: &[&Credential]) -> Value {
    let descriptors = credentials.iter().map(|credential| {
        let id = encoded::encode(&credential.id);
        if credential.transports.is_empty() {
            return json!({ "type": "public-key", "id": id });
        }
        json!({ "type": "public-key", "id": id, "transports": credential.transports })
    });
    Value::Array(descriptors.collect())
}
