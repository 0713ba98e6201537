//! Enrolments: an authenticator bound to an entity under a method.

use serde::{Deserialize, Serialize};

use super::stored::secret_bytes;
use crate::factor::totp;
use crate::id::{EntityId, MethodId};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A binding. It carries the parameters it was made with: a later change of the method does not touch it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Enrolment {
    /// Whose authenticator it is.
    pub entity: EntityId,
    /// The namespace that entity lives in.
    pub scope: Scope,
    /// Whether that entity is disabled: kept here too, so that a validation need not read the entity.
    pub suspended: bool,
    /// The method it was made under.
    pub method: MethodId,
    /// The authenticator itself.
    pub authenticator: Authenticator,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner first proved possession, if that has happened.
    pub confirmed_at: Option<Timestamp>,
}

/// What a verifier needs to know of an authenticator.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Authenticator {
    /// A generator of time-based codes.
    Totp(#[serde(with = "TotpForm")] totp::Authenticator),
}

/// The stored form of a TOTP authenticator.
#[derive(Serialize, Deserialize)]
#[serde(remote = "totp::Authenticator")]
struct TotpForm {
    parameters: totp::Parameters,
    #[serde(with = "secret_bytes")]
    seed: Secret<Vec<u8>>,
}
