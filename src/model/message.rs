//! Messages: what is to be sent to somebody, kept until it has been.

use serde::{Deserialize, Serialize};

use super::contact::Channel;
use super::stored::secret_text;
use crate::id::EntityId;
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A message on its way.
#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    /// Tells it from all others, to whoever delivers it too: 128 bits of chance, hexadecimal.
    pub id: String,
    /// How it travels.
    pub channel: Channel,
    /// Where to: a telephone number (E.164) or an address (RFC 5321).
    #[serde(with = "secret_text")]
    pub to: Secret<String>,
    /// Its subject, where the channel has one.
    pub subject: String,
    /// Its text.
    #[serde(with = "secret_text")]
    pub text: Secret<String>,
    /// The code in it; empty where there is none.
    #[serde(with = "secret_text")]
    pub code: Secret<String>,
    /// Whom it is for.
    pub entity: EntityId,
    /// The namespace that entity lives in.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is no longer worth sending.
    pub expires_at: Timestamp,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is to be tried next.
    pub next_at: Timestamp,
}
