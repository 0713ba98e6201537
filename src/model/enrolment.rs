//! Enrolments: what an entity has under a method, one authenticator or several.

use serde::{Deserialize, Serialize};

use super::contact::Channel;
use super::stored::{secret_bytes, secret_text};
use crate::factor::web_authn::Credential;
use crate::factor::{recovery, totp};
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::time::Timestamp;

/// An entity's authenticators under one method. They share one guard, which counts wrong answers whichever of them was meant.
///
/// It is stored by the order of its members, so they only ever change with the version of its form.
#[derive(Clone, Serialize, Deserialize)]
pub struct Enrolment {
    /// Whose authenticators they are.
    pub entity: EntityId,
    /// The namespace that entity lives in.
    pub scope: Scope,
    /// Whether that entity is disabled: kept here too, so that a validation need not read the entity.
    pub suspended: bool,
    /// The method they were made under.
    pub method: MethodId,
    /// The authenticators, in the order they were made.
    pub authenticators: Vec<Bound>,
    /// The number of the next one: none is used twice while the enrolment lasts.
    pub next_number: u32,
}

/// One authenticator. It carries the parameters it was made with: a later change of the method does not touch it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bound {
    /// Tells it from the others of its enrolment.
    pub number: u32,
    /// What its owner calls it; may be empty.
    pub label: String,
    /// What a verifier knows of it.
    pub authenticator: Authenticator,
    /// Whether it counts.
    pub standing: Standing,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner first proved possession, if that has happened.
    pub confirmed_at: Option<Timestamp>,
    /// When it last proved its owner, where that is noted.
    pub last_used_at: Option<Timestamp>,
}

/// Whether an authenticator counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It does.
    Counting,
    /// Only once its owner has proven possession, and not after this moment.
    PendingUntil(Timestamp),
    /// It did until this moment, when it looked as if there were two of it. An administrator may let it count again.
    SuspendedSince(Timestamp),
}

/// What a verifier needs to know of an authenticator.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authenticator {
    /// A generator of time-based codes.
    Totp(#[serde(with = "TotpForm")] totp::Authenticator),
    /// A list of look-up secrets.
    Recovery(RecoveryCodes),
    /// Codes that are sent to the entity's verified contact point of this channel.
    OutOfBand {
        /// The channel.
        channel: Channel,
        /// Where its first code is sent, which proves that it is its owner's: then it becomes their contact point.
        unproven: Option<Unproven>,
    },
    /// A WebAuthn authenticator.
    WebAuthn {
        /// What the registration that brought it was called.
        registration: String,
        /// What is kept of it.
        credential: Credential,
    },
}

impl Authenticator {
    /// What is kept of it, if it is a WebAuthn authenticator.
    pub fn credential(&self) -> Option<&Credential> {
        self.registered().map(|(_, credential)| credential)
    }

    /// What its registration was called and what is kept of it, if it is a WebAuthn authenticator.
    pub fn registered(&self) -> Option<(&str, &Credential)> {
        match self {
            Self::WebAuthn { registration, credential } => Some((registration, credential)),
            Self::Totp(_) | Self::Recovery(_) | Self::OutOfBand { .. } => None,
        }
    }
}

/// An address that its owner has given, and not proven.
#[derive(Clone, Serialize, Deserialize)]
pub struct Unproven {
    /// The telephone number (E.164) or address (RFC 5321).
    #[serde(with = "secret_text")]
    pub address: Secret<String>,
}

/// Recovery codes: look-up secrets (NIST SP 800-63B, section 5.1.2), each good once.
#[derive(Clone, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// The form they all have.
    pub form: recovery::Form,
    /// Makes the hashes of this list unlike those of any other: hexadecimal.
    pub salt: String,
    /// Those that are left.
    pub left: Vec<RecoveryCode>,
}

/// What is kept of one recovery code.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryCode {
    /// A keyed hash: it was shown once and never again.
    Hashed(BlindKey),
    /// The code itself, where its owner may look at it again.
    Shown(#[serde(with = "secret_text")] Secret<String>),
}

/// The stored form of a TOTP authenticator.
#[derive(Serialize, Deserialize)]
#[serde(remote = "totp::Authenticator")]
struct TotpForm {
    parameters: totp::Parameters,
    #[serde(with = "secret_bytes")]
    seed: Secret<Vec<u8>>,
}

impl Bound {
    /// Whether it proves its owner at `now`.
    pub const fn counts(&self) -> bool {
        matches!(self.standing, Standing::Counting)
    }

    /// Whether it is there at all at `now`: it counts, or may still be confirmed.
    pub fn stands_at(&self, now: Timestamp) -> bool {
        match self.standing {
            Standing::Counting | Standing::SuspendedSince(_) => true,
            Standing::PendingUntil(end) => now < end,
        }
    }

    /// Whether its owner has shown that it is theirs: it counts, or did until it was suspended.
    const fn is_owned(&self) -> bool {
        match self.standing {
            Standing::Counting | Standing::SuspendedSince(_) => true,
            Standing::PendingUntil(_) => false,
        }
    }
}

impl Enrolment {
    /// An enrolment without authenticators yet.
    pub const fn new(entity: EntityId, scope: Scope, suspended: bool, method: MethodId) -> Self {
        Self { entity, scope, suspended, method, authenticators: Vec::new(), next_number: 0 }
    }

    /// Whether any of its authenticators counts.
    pub fn counts(&self) -> bool {
        self.authenticators.iter().any(Bound::counts)
    }

    /// Whether its owner has an authenticator in it, even if it is suspended: then nobody who has only another factor may add one.
    pub fn is_owned(&self) -> bool {
        self.authenticators.iter().any(Bound::is_owned)
    }

    /// Let those that are suspended count again. Says whether there was one.
    pub fn resume(&mut self) -> bool {
        let mut resumed = false;
        for bound in &mut self.authenticators {
            if matches!(bound.standing, Standing::SuspendedSince(_)) {
                bound.standing = Standing::Counting;
                resumed = true;
            }
        }
        resumed
    }

    /// The authenticator of this number.
    pub fn authenticator(&self, number: u32) -> Option<&Bound> {
        self.authenticators.iter().find(|bound| bound.number == number)
    }

    /// The authenticator of this number, to be changed.
    pub fn authenticator_mut(&mut self, number: u32) -> Option<&mut Bound> {
        self.authenticators.iter_mut().find(|bound| bound.number == number)
    }

    /// Take another authenticator, under a number of its own; those that were never confirmed in time go.
    pub fn take(&mut self, bound: Bound, now: Timestamp) -> u32 {
        self.authenticators.retain(|bound| bound.stands_at(now));
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        self.authenticators.push(Bound { number, ..bound });
        number
    }
}
