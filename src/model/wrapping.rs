//! Replies that wait, wrapped, for whoever shows their token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{Accessor, BlindKey};
use crate::time::Timestamp;

/// A wrapped reply. It is told once, to the bearer of its token, and has no `Debug`: there may be secrets in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapping {
    /// What the token's record is called, and this one.
    pub token: BlindKey,
    /// The path of the request that was answered.
    pub creation_path: String,
    /// When that was.
    pub created_at: Timestamp,
    /// For how long the reply waits.
    pub ttl: Duration,
    /// The reply's text.
    pub reply: String,
    /// The handle of the token in the reply, if there is one.
    pub accessor: Option<Accessor>,
}

impl Wrapping {
    /// When it has waited for long enough.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(self.ttl)
    }
}
