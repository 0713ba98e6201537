//! Registrations: an authenticator makes a credential (Level 3, section 7.1).

use serde::Deserialize;

use super::answer::{self, AuthenticatorData};
use super::{Credential, PublicKey, Refusal, Registration, attestation, encoded};
use crate::time::Timestamp;

/// What answers a registration, read but not yet checked.
#[derive(Debug, Clone)]
pub struct Answer(answer::Answer<Response>);

#[derive(Debug, Clone, Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON", with = "encoded")]
    client_data: Vec<u8>,
    #[serde(rename = "attestationObject", with = "encoded")]
    attestation_object: Vec<u8>,
    #[serde(default)]
    transports: Option<Vec<String>>,
}

/// The transports that there are (Level 3, section 5.8.4): others are not kept.
const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

impl Answer {
    /// The answer that `text`, JSON, is.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Id`].
    pub fn read(text: &str) -> Result<Self, Refusal> {
        answer::Answer::read(text).map(Self)
    }
}

/// The credential that `answer` brings, if it is right at `now`. Whether another has its id is not looked at here. Computes signatures: never
/// where others wait.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(registration: &Registration, answer: &Answer, now: Timestamp) -> Result<Credential, Refusal> {
    let Answer(answer) = answer;
    let Response { client_data, attestation_object, transports } = &answer.response;
    answer::check_client_data(client_data, "webauthn.create", &registration.challenge, &registration.party)?;
    let object = attestation::Object::read(attestation_object).ok_or(Refusal::AuthenticatorData)?;
    let said = AuthenticatorData::read(&object.authenticator_data).ok_or(Refusal::AuthenticatorData)?;
    said.check(&registration.party, None, registration.user_verification)?;
    let made = said.attested.as_ref().ok_or(Refusal::AuthenticatorData)?;
    if made.id != answer.raw_id {
        return Err(Refusal::Id);
    }
    let key = PublicKey::read(&made.key).filter(|key| registration.algorithms.contains(&key.algorithm()));
    let key = key.ok_or(Refusal::Key)?;
    let aaguid = uuid::Uuid::from_bytes(made.aaguid).to_string();
    let shown = object.verify(registration, &key, client_data, attestation_object)?;
    shown.is_trusted(&registration.attestation, &aaguid, now)?;
    let known = TRANSPORTS.iter().filter(|known| transports.iter().flatten().any(|said| said == *known));
    Ok(Credential {
        rp_id: registration.party.id.clone(),
        id: made.id.to_vec(),
        key,
        counter: said.counter,
        purpose: registration.purpose,
        user_verified: said.user_verified(),
        backup_eligible: said.backup_eligible(),
        backed_up: said.backed_up(),
        user_handle: registration.user.handle.clone(),
        transports: known.map(|known| (*known).to_owned()).collect(),
        aaguid,
    })
}
