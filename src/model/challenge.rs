//! Challenges: what was sent or shown to somebody, waiting for its answer. Each is good once, and for whom it was posed.

use serde::{Deserialize, Serialize};

use crate::factor::recovery::Form;
use crate::factor::web_authn;
use crate::id::BlindKey;
use crate::time::Timestamp;

/// Who poses a challenge: an answer counts only where it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// An application, for an entity.
    Application,
    /// A login that waits, by what its record is called.
    Login(BlindKey),
    /// A session, by what its record is called.
    Session(BlindKey),
    /// Nobody: the answer came without having been asked for, so that there is no challenge that it could be an answer to.
    Nobody,
}

/// A challenge that waits for its answer. A new one takes the place of an older one of the same asker.
#[derive(Clone, Serialize, Deserialize)]
pub struct Challenge {
    /// What its record is called: the asker, the entity and the method.
    pub slot: BlindKey,
    /// Tells it from those it took the place of: 128 bits of chance, hexadecimal.
    pub id: String,
    /// What was asked.
    pub posed: Posed,
    /// When it was.
    pub posed_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// What was asked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Posed {
    /// A code that was sent.
    Code {
        /// What it looks like.
        form: Form,
        /// Its keyed hash.
        hash: BlindKey,
        /// A keyed hash of the address it was sent to: it is void when that is no longer the entity's.
        sent_to: BlindKey,
        /// Wrong answers that are still allowed.
        tries_left: u32,
        /// What the pause until another may be sent goes by: the right answer ends it.
        pace: BlindKey,
    },
    /// An assertion of one of the entity's WebAuthn authenticators. Wrong answers leave it as it is.
    Assertion {
        /// What must be true of the answer.
        asked: web_authn::Assertion,
        /// The numbers of the authenticators that may answer.
        allowed: Vec<u32>,
    },
}
