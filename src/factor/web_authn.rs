//! WebAuthn authenticators (W3C Web Authentication, Level 3): what is asked of them, and whether what they answer is right.
//!
//! Two ceremonies. At a *registration* an authenticator makes a key pair for a relying party; at an *assertion* it signs with it. What both
//! have in common is checked in `answer`, and each has a file for the rest. Attestation statements and the signatures that most keys make are
//! read by `webauthn-rs-core`; nothing here keeps, draws or reads a clock.

use serde::{Deserialize, Serialize};

mod answer;
pub mod assertion;
mod attestation;
pub mod encoded;
mod key;
pub mod options;
pub mod registration;

pub use answer::LONGEST_ANSWER;
pub use key::PublicKey;

/// Bytes of chance in a challenge.
pub const CHALLENGE_BYTES: usize = 32;

/// Whether the authenticator has to know its user (Level 3, section 5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserVerification {
    /// It must, and say so.
    Required,
    /// It should if it can.
    Preferred,
    /// It need not.
    Discouraged,
}

impl UserVerification {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Required, Self::Preferred, Self::Discouraged];

    /// The name that the standard uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }
}

/// What must be known of an authenticator's make (Level 3, section 5.4.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Nothing.
    None,
    /// It must be one of these models, shown by a chain of certificates up to one of these roots.
    Direct {
        /// AAGUIDs; any, if empty.
        aaguids: Vec<String>,
        /// Roots, as PEM.
        roots: String,
    },
}

impl Attestation {
    /// Whether attestations can be checked by it: its roots are certificates.
    pub fn is_usable(&self) -> bool {
        match self {
            Self::None => true,
            Self::Direct { roots, .. } => attestation::roots_in(roots).is_some(),
        }
    }
}

/// A signature algorithm (RFC 9053).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: COSE -7.
    Es256,
    /// RSA with SHA-256, 2048 bits: COSE -257.
    Rs256,
    /// Ed25519: COSE -8.
    EdDsa,
}

impl Algorithm {
    /// All of them, the one that every authenticator has first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    /// The name that settings use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Its number among COSE's.
    pub const fn cose(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Rs256 => -257,
            Self::EdDsa => -8,
        }
    }
}

/// Where ceremonies may take place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origins {
    /// At one of these: scheme, host and port.
    Exact(Vec<String>),
    /// At this domain and those below it, on any port, over HTTPS; over HTTP on the machine itself.
    Within(String),
}

impl Origins {
    /// Whether they may take place at `origin`. Clients that are no browsers write it as a URL, with the path of its root.
    pub fn admit(&self, origin: &str) -> bool {
        let origin = origin.strip_suffix('/').unwrap_or(origin);
        match self {
            Self::Exact(origins) => origins.iter().any(|admitted| admitted == origin),
            Self::Within(domain) => is_origin(origin, domain),
        }
    }
}

/// Whom a credential is made for (Level 3, section 5.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// What authenticators know the account by: 1 to 64 bytes that say nothing of the person.
    #[serde(with = "encoded")]
    pub handle: Vec<u8>,
    /// What tells the account from others, to its owner.
    pub name: String,
    /// What the owner is called.
    pub display_name: String,
}

/// What a relying party is and takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its id: a domain.
    pub id: String,
    /// What browsers show it as.
    pub name: String,
    /// Where its ceremonies take place.
    pub origins: Origins,
    /// The `AppID` under which keys were registered with the older U2F, if there was one.
    pub app_id: Option<String>,
}

/// How an authenticator is attached to the machine that asks it (Level 3, section 5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// Part of it.
    Platform,
    /// Something that can be carried to another.
    CrossPlatform,
}

impl Attachment {
    /// The name that the standard uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::CrossPlatform => "cross-platform",
        }
    }
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// To be one factor beside another.
    SecondFactor,
    /// To be all factors in one: it knows its user.
    Passkey,
}

/// A registration that was begun: what must be true of what answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The relying party.
    pub party: Party,
    /// What the answer has to contain.
    #[serde(with = "encoded")]
    pub challenge: Vec<u8>,
    /// Whether the authenticator has to know its user.
    pub user_verification: UserVerification,
    /// What must be known of its make.
    pub attestation: Attestation,
    /// The signatures that are taken, the preferred one first.
    pub algorithms: Vec<Algorithm>,
    /// How it should be attached: a wish.
    pub attachment: Option<Attachment>,
    /// Whom the credential is for.
    pub user: User,
    /// What the credential is for.
    pub purpose: Use,
}

/// An assertion that was asked for: what must be true of what answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// The relying party.
    pub party: Party,
    /// What the answer has to contain.
    #[serde(with = "encoded")]
    pub challenge: Vec<u8>,
    /// Whether the authenticator has to know its user.
    pub user_verification: UserVerification,
}

/// What is kept of an authenticator: a credential record (Level 3, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The relying party that it was made for.
    pub rp_id: String,
    /// Its id: no other credential of that relying party has it.
    #[serde(with = "encoded")]
    pub id: Vec<u8>,
    /// What its signatures are checked with.
    pub key: PublicKey,
    /// The highest count of signatures that was seen; 0 where it does not count.
    pub counter: u32,
    /// What it is for.
    pub purpose: Use,
    /// Whether it knew its user when it was made.
    pub user_verified: bool,
    /// Whether it can be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it has been.
    pub backed_up: bool,
    /// What it knows its account by.
    #[serde(with = "encoded")]
    pub user_handle: Vec<u8>,
    /// How it can be reached, as far as its browser said: a hint.
    pub transports: Vec<String>,
    /// Its model.
    pub aaguid: String,
}

/// Why an answer is refused: for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not the JSON of a public key credential.
    #[error("not a public key credential")]
    Malformed,
    /// Its id is not its raw id, or not the one that was attested.
    #[error("the credential's ids differ")]
    Id,
    /// It is the answer of the other ceremony, or what the browser says cannot be read.
    #[error("the client data are not this ceremony's")]
    ClientData,
    /// It answers another challenge.
    #[error("another challenge")]
    Challenge,
    /// It was made somewhere else.
    #[error("another origin")]
    Origin,
    /// It was made inside another page.
    #[error("made inside a page of another origin")]
    CrossOrigin,
    /// What the authenticator says cannot be read.
    #[error("the authenticator data cannot be read")]
    AuthenticatorData,
    /// It is for another relying party.
    #[error("another relying party")]
    RelyingParty,
    /// Nobody was there.
    #[error("no user was present")]
    UserPresence,
    /// The authenticator did not know its user.
    #[error("the user was not verified")]
    UserVerification,
    /// What it says of copies contradicts itself, or what it said before.
    #[error("contradictory backup state")]
    Backup,
    /// The key, or its algorithm, is not one that was offered.
    #[error("no key of an offered algorithm")]
    Key,
    /// The attestation statement is malformed, wrong, or of a format that is not known.
    #[error("the attestation statement does not hold")]
    Statement,
    /// The statement does not show one of the models that are let in.
    #[error("the authenticator's make is not trusted")]
    Untrusted,
    /// It is for another account.
    #[error("another account")]
    UserHandle,
    /// The signature is wrong.
    #[error("wrong signature")]
    Signature,
}

/// Whether `text` can be a relying party's id: a domain in lower case, without a port.
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        inner && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Whether `origin` is one, written as browsers write it, whose host is `rp_id` or lies in it. Plain HTTP is for the machine itself.
pub fn is_origin(origin: &str, rp_id: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
    let within = host == rp_id || host.strip_suffix(rp_id).is_some_and(|rest| rest.ends_with('.'));
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_domain(host) && is_port && within && (scheme == "https" || (scheme == "http" && is_local))
}

#[cfg(test)]
mod tests;
