//! Attestation: what an authenticator shows of its make (Level 3, sections 6.5 and 8).
//!
//! The formats `packed`, `fido-u2f`, `tpm`, `android-key` and `apple` are read by the library. It knows no Ed25519 keys; of these the two
//! statements that say nothing of the make are read here: none, and one signed by the key itself.

use std::time::{Duration, SystemTime};

use serde_cbor_2::Value;
use serde_json::json;
use sha2::{Digest, Sha256};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::attestation::verify_attestation_ca_chain;
use webauthn_rs_core::proto::{
    AttestationCaList, AuthenticatorAttestationResponseRaw, CollectedClientData, ParsedAttestationData,
    RegisterPublicKeyCredential, RegistrationState,
};

use super::{Algorithm, Attestation, PublicKey, Refusal, Registration, encoded};
use crate::time::Timestamp;

/// An attestation object (Level 3, section 6.5.4).
pub(super) struct Object {
    format: String,
    statement: Value,
    pub(super) authenticator_data: Vec<u8>,
}

/// What a statement that holds shows.
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// Certificates, which lead somewhere.
    Chain(ParsedAttestationData),
}

impl Object {
    /// The object that `bytes`, CBOR, are: all of them.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let Value::Map(mut members) = serde_cbor_2::from_slice(bytes).ok()? else { return None };
        let mut member = |name: &str| members.remove(&Value::Text(name.into()));
        let (format, statement, data) = (member("fmt")?, member("attStmt")?, member("authData")?);
        match (format, statement, data) {
            (Value::Text(format), statement @ Value::Map(_), Value::Bytes(authenticator_data)) => {
                Some(Self { format, statement, authenticator_data })
            }
            (..) => None,
        }
    }

    /// Check the statement: that it is one, about the credential with this `key`.
    pub(super) fn verify(
        &self,
        registration: &Registration,
        key: &PublicKey,
        client_data: &[u8],
        object: &[u8],
    ) -> Result<Shown, Refusal> {
        match (self.format.as_str(), key.algorithm()) {
            ("none", _) if self.statement == Value::Map(std::collections::BTreeMap::new()) => Ok(Shown::Nothing),
            ("packed", Algorithm::EdDsa) => self.verify_self(key, client_data),
            ("packed" | "fido-u2f" | "tpm" | "android-key" | "apple", Algorithm::Es256 | Algorithm::Rs256) => {
                verify_by_library(registration, client_data, object)
            }
            (..) => Err(Refusal::Statement),
        }
    }

    /// A statement signed by the credential's own key (Level 3, section 8.2).
    fn verify_self(&self, key: &PublicKey, client_data: &[u8]) -> Result<Shown, Refusal> {
        let Value::Map(members) = &self.statement else { return Err(Refusal::Statement) };
        let member = |name: &str| members.get(&Value::Text(name.into()));
        let algorithm = Value::Integer(key.algorithm().cose().into());
        let (Some(given), Some(Value::Bytes(signature)), None, None) =
            (member("alg"), member("sig"), member("x5c"), member("ecdaaKeyId"))
        else {
            return Err(Refusal::Statement);
        };
        let mut message = self.authenticator_data.clone();
        message.extend_from_slice(&Sha256::digest(client_data));
        let holds = *given == algorithm && key.verifies(signature, &message);
        if holds { Ok(Shown::Nothing) } else { Err(Refusal::Statement) }
    }
}

/// Have the library read the statement. What is not about the statement has been checked before; it checks it again.
fn verify_by_library(registration: &Registration, client_data: &[u8], object: &[u8]) -> Result<Shown, Refusal> {
    let said: CollectedClientData = serde_json::from_slice(client_data).map_err(|_| Refusal::ClientData)?;
    let (party, lifetime) = (&registration.party, super::options::LONGEST_CEREMONY);
    let library =
        WebauthnCore::new_unsafe_experts_only(&party.name, &party.id, vec![said.origin], lifetime, None, None);
    let algorithms = registration.algorithms.iter().filter_map(|algorithm| match algorithm {
        Algorithm::Es256 => Some("ES256"),
        Algorithm::Rs256 => Some("RS256"),
        Algorithm::EdDsa => None,
    });
    let state: RegistrationState = serde_json::from_value(json!({
        "policy": registration.user_verification.as_str(),
        "exclude_credentials": [],
        "challenge": encoded::encode(&registration.challenge),
        "credential_algorithms": algorithms.collect::<Vec<_>>(),
        "require_resident_key": false,
        "authenticator_attachment": null,
        "extensions": {},
        "allow_synchronised_authenticators": true,
    }))
    .map_err(|_| Refusal::Statement)?;
    let answer = RegisterPublicKeyCredential {
        id: String::new(),
        raw_id: Vec::new(),
        response: AuthenticatorAttestationResponseRaw {
            attestation_object: object.to_vec(),
            client_data_json: client_data.to_vec(),
            transports: None,
        },
        type_: "public-key".into(),
        extensions: webauthn_rs_core::proto::RegistrationExtensionsClientOutputs::default(),
    };
    let made = library.register_credential(&answer, &state, None).map_err(|_| Refusal::Statement)?;
    Ok(Shown::Chain(made.attestation.data))
}

impl Shown {
    /// Whether what is shown suffices, for an authenticator of the model `aaguid`, at `now`.
    pub(super) fn is_trusted(&self, attestation: &Attestation, aaguid: &str, now: Timestamp) -> Result<(), Refusal> {
        let Attestation::Direct { aaguids, roots } = attestation else { return Ok(()) };
        let listed = aaguids.is_empty() || aaguids.iter().any(|listed| listed.eq_ignore_ascii_case(aaguid));
        let (Self::Chain(chain), true) = (self, listed) else { return Err(Refusal::Untrusted) };
        let roots = roots_in(roots).ok_or(Refusal::Untrusted)?;
        let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(now.as_millis()));
        match verify_attestation_ca_chain(chain, &roots, now.ok_or(Refusal::Untrusted)?) {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(Refusal::Untrusted),
        }
    }
}

/// The certificates in `pem`; `None` if there is none, or one that is broken.
pub(super) fn roots_in(pem: &str) -> Option<AttestationCaList> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let mut roots = AttestationCaList::default();
    let (before, blocks) = pem.split_once(BEGIN)?;
    if !before.trim().is_empty() {
        return None;
    }
    for block in blocks.split(BEGIN) {
        let root = AttestationCaList::try_from(format!("{BEGIN}{}\n", block.trim_end()).as_bytes()).ok()?;
        roots.union(&root);
    }
    Some(roots)
}
