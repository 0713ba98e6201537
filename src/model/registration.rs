//! Registrations: WebAuthn authenticators that somebody was asked to register, waiting for the answer. Each is good once.

use serde::{Deserialize, Serialize};

use crate::factor::web_authn;
use crate::id::{BlindKey, EntityId, MethodId};
use crate::time::Timestamp;

/// A registration that waits for its answer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Registration {
    /// What its record is called.
    pub key: BlindKey,
    /// What it is called by whoever began it, and so is what it brings.
    pub id: String,
    /// Who registers.
    pub entity: EntityId,
    /// The method it is under.
    pub method: MethodId,
    /// What the authenticator is to be called.
    pub label: String,
    /// What must be true of the answer.
    pub asked: web_authn::Registration,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
}
