//! What answers a ceremony: its JSON, what the browser says in it and what the authenticator says, and what both ceremonies demand of that
//! (Level 3, steps that sections 7.1 and 7.2 have in common).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_cbor_2::Value;
use sha2::{Digest, Sha256};

use super::{Party, Refusal, UserVerification, encoded};

/// The longest answer that is read, in bytes: some certificates and room to spare.
pub const LONGEST_ANSWER: usize = 65_536;
/// The longest credential id (Level 3, section 4).
const LONGEST_ID: usize = 1023;

/// A public key credential as JSON (Level 3, section 5.1): `R` is what its ceremony answers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer<R> {
    id: String,
    #[serde(rename = "rawId", with = "encoded")]
    pub(super) raw_id: Vec<u8>,
    #[serde(rename = "type")]
    kind: String,
    pub(super) response: R,
    #[serde(rename = "clientExtensionResults", default)]
    extensions: Option<Extensions>,
}

/// What the browser says of the extensions that were asked for.
#[derive(Debug, Clone, Deserialize)]
struct Extensions {
    #[serde(default)]
    appid: Option<bool>,
}

impl<R> Answer<R> {
    /// Whether the browser says that it used the `AppID`.
    pub(super) fn used_app_id(&self) -> bool {
        self.extensions.as_ref().is_some_and(|extensions| extensions.appid == Some(true))
    }
}

impl<R: DeserializeOwned> Answer<R> {
    /// The answer that `text` is.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        if text.len() > LONGEST_ANSWER {
            return Err(Refusal::Malformed);
        }
        let answer: Self = serde_json::from_str(text).map_err(|_| Refusal::Malformed)?;
        if answer.kind != "public-key" {
            return Err(Refusal::Malformed);
        }
        if answer.id.trim_end_matches('=') != encoded::encode(&answer.raw_id) {
            return Err(Refusal::Id);
        }
        Ok(answer)
    }
}

/// What the browser says (Level 3, section 5.8.1).
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    #[serde(with = "encoded")]
    challenge: Vec<u8>,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: Option<bool>,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<String>,
}

/// Check what the browser says: that it answers this challenge, in this ceremony, at a place where it may.
pub(super) fn check_client_data(json: &[u8], kind: &str, challenge: &[u8], party: &Party) -> Result<(), Refusal> {
    let said: ClientData = serde_json::from_slice(json).map_err(|_| Refusal::ClientData)?;
    if said.kind != kind {
        return Err(Refusal::ClientData);
    }
    if challenge.is_empty() || said.challenge != challenge {
        return Err(Refusal::Challenge);
    }
    if !party.origins.admit(&said.origin) {
        return Err(Refusal::Origin);
    }
    if said.cross_origin == Some(true) || said.top_origin.is_some() {
        return Err(Refusal::CrossOrigin);
    }
    Ok(())
}

/// What the authenticator says (Level 3, section 6.1).
pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    flags: u8,
    pub(super) counter: u32,
    pub(super) attested: Option<Attested<'a>>,
}

/// A credential that was made just now (Level 3, section 6.5.1).
pub(super) struct Attested<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    pub(super) key: Value,
}

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

impl<'a> AuthenticatorData<'a> {
    /// The data that `bytes` are: all of them.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
        let (flags, rest) = rest.split_first()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let attested = if flags & ATTESTED == 0 { None } else { Some(Attested::read(&mut rest)?) };
        if flags & EXTENSIONS != 0 {
            let Value::Map(_) = cbor(&mut rest)? else { return None };
        }
        let counter = u32::from_be_bytes(*counter);
        rest.is_empty().then_some(Self { rp_id_hash, flags: *flags, counter, attested })
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the authenticator knew its user.
    pub(super) const fn user_verified(&self) -> bool {
        self.has(USER_VERIFIED)
    }

    /// Whether the credential can be copied to other devices.
    pub(super) const fn backup_eligible(&self) -> bool {
        self.has(BACKUP_ELIGIBLE)
    }

    /// Whether it has been.
    pub(super) const fn backed_up(&self) -> bool {
        self.has(BACKED_UP)
    }

    /// Check that it is for this relying party, and of its user. `app_id` is the other name that the relying party had, if it may be meant.
    pub(super) fn check(
        &self,
        party: &Party,
        app_id: Option<&str>,
        user_verification: UserVerification,
    ) -> Result<(), Refusal> {
        let is_for = |name: &str| Sha256::digest(name).as_slice() == self.rp_id_hash;
        if !is_for(&party.id) && !app_id.is_some_and(is_for) {
            return Err(Refusal::RelyingParty);
        }
        if !self.has(USER_PRESENT) {
            return Err(Refusal::UserPresence);
        }
        if user_verification == UserVerification::Required && !self.user_verified() {
            return Err(Refusal::UserVerification);
        }
        if self.backed_up() && !self.backup_eligible() {
            return Err(Refusal::Backup);
        }
        Ok(())
    }
}

impl<'a> Attested<'a> {
    /// Take one from the front of `rest`.
    fn read(rest: &mut &'a [u8]) -> Option<Self> {
        let (aaguid, behind) = rest.split_first_chunk::<16>()?;
        let (length, behind) = behind.split_first_chunk::<2>()?;
        let (id, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
        *rest = behind;
        let key = cbor(rest)?;
        (!id.is_empty() && id.len() <= LONGEST_ID).then_some(Self { aaguid: *aaguid, id, key })
    }
}

/// Take one CBOR value from the front of `rest`.
fn cbor(rest: &mut &[u8]) -> Option<Value> {
    let mut reader = serde_cbor_2::Deserializer::from_slice(rest);
    let value = Value::deserialize(&mut reader).ok()?;
    *rest = rest.get(reader.byte_offset()..)?;
    Some(value)
}
