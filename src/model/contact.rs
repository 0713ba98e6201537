//! Contact points: where an entity can be reached. One counts only once its owner has proven that it is theirs.

use serde::{Deserialize, Serialize};

use super::stored::secret_text;
use crate::id::EntityId;
use crate::secret::Secret;
use crate::time::Timestamp;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Text messages.
    Sms,
    /// E-mail.
    Email,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// What it is called in messages and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// Where an entity can be reached over one channel.
#[derive(Clone, Serialize, Deserialize)]
pub struct Contact {
    /// Whose it is.
    pub entity: EntityId,
    /// Over which channel.
    pub channel: Channel,
    /// The telephone number (E.164) or address (RFC 5321).
    #[serde(with = "secret_text")]
    pub address: Secret<String>,
    /// When its owner proved that it is theirs, or somebody who may vouched for it.
    pub verified_at: Option<Timestamp>,
}
