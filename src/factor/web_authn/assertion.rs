//! Assertions: an authenticator shows that it has the key of a credential (Level 3, section 7.2).

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::answer::{self, AuthenticatorData};
use super::{Assertion, Credential, Refusal, encoded};

/// What answers an assertion, read but not yet checked.
#[derive(Debug, Clone)]
pub struct Answer(answer::Answer<Response>);

#[derive(Debug, Clone, Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON", with = "encoded")]
    client_data: Vec<u8>,
    #[serde(rename = "authenticatorData", with = "encoded")]
    authenticator_data: Vec<u8>,
    #[serde(with = "encoded")]
    signature: Vec<u8>,
    #[serde(rename = "userHandle", default)]
    user_handle: Option<String>,
}

/// What a right answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// How many signatures the authenticator has counted. Whether that is more than before is not looked at here.
    pub counter: u32,
    /// Whether it knew its user.
    pub user_verified: bool,
    /// Whether its key has been copied.
    pub backed_up: bool,
}

impl Answer {
    /// The answer that `text`, JSON, is.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Id`].
    pub fn read(text: &str) -> Result<Self, Refusal> {
        answer::Answer::read(text).map(Self)
    }

    /// The id of the credential that answers.
    pub fn credential_id(&self) -> &[u8] {
        &self.0.raw_id
    }
}

/// Whether `answer` is right by `credential`: all but its counter. Computes a signature: never where others wait.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(assertion: &Assertion, credential: &Credential, answer: &Answer) -> Result<Asserted, Refusal> {
    let Answer(answer) = answer;
    let party = &assertion.party;
    if credential.id != answer.raw_id || credential.rp_id != party.id {
        return Err(Refusal::Id);
    }
    let Response { client_data, authenticator_data, signature, user_handle } = &answer.response;
    if let Some(handle) = user_handle.as_deref().filter(|handle| !handle.is_empty())
        && encoded::decode(handle).is_none_or(|handle| handle != credential.user_handle)
    {
        return Err(Refusal::UserHandle);
    }
    answer::check_client_data(client_data, "webauthn.get", &assertion.challenge, party)?;
    let said = AuthenticatorData::read(authenticator_data).ok_or(Refusal::AuthenticatorData)?;
    if said.attested.is_some() {
        return Err(Refusal::AuthenticatorData);
    }
    let app_id = party.app_id.as_deref().filter(|_| answer.used_app_id());
    said.check(party, app_id, assertion.user_verification)?;
    if said.backup_eligible() != credential.backup_eligible {
        return Err(Refusal::Backup);
    }
    let mut message = authenticator_data.clone();
    message.extend_from_slice(&Sha256::digest(client_data));
    if !credential.key.verifies(signature, &message) {
        return Err(Refusal::Signature);
    }
    Ok(Asserted { counter: said.counter, user_verified: said.user_verified(), backed_up: said.backed_up() })
}
