//! The gateway: asks a provider whether somebody is who they say, by a push to their telephone or by a passcode that only the provider can
//! check.
//!
//! A question is asked once: nothing is tried again, since a second push would ask the person twice. Whatever is not a plain yes is no.

use crate::id::{EntityId, MethodId};
use crate::model::provider::{Duo, Okta, PingId};
use crate::secret::Secret;
use crate::time::Timestamp;

mod duo;
pub(super) mod https;
mod jws;
mod okta;
mod online;
mod pingid;

pub use https::tls;
pub use online::{Online, Options};

/// Whether this person approves, now.
#[derive(Clone)]
pub struct PushQuestion {
    /// The method that is to be proven.
    pub method: MethodId,
    /// Who is to prove it.
    pub entity: EntityId,
    /// Whom to ask, and what for.
    pub provider: Provider,
    /// What the provider calls them.
    pub username: String,
    /// When it is asked.
    pub asked_at: Timestamp,
    /// Fresh text that nobody can guess, which ties an answer to its question.
    pub nonce: String,
}

/// Whom to ask, and what for.
#[derive(Clone)]
pub enum Provider {
    /// Duo Security.
    Duo(Duo, Proof),
    /// Okta Verify, by a push.
    Okta(Okta),
    /// PingID, by a push.
    PingId(PingId),
}

/// How somebody proves who they are.
#[derive(Clone)]
pub enum Proof {
    /// They approve a push.
    Push,
    /// They have said this passcode.
    Passcode(Secret<String>),
}

impl PushQuestion {
    /// Whether somebody's telephone will ring.
    pub const fn is_push(&self) -> bool {
        match &self.provider {
            Provider::Duo(_, Proof::Passcode(_)) => false,
            Provider::Duo(_, Proof::Push) | Provider::Okta(_) | Provider::PingId(_) => true,
        }
    }
}

/// What the provider said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// They are who they say.
    Approved,
    /// They are not, or have not shown it; why, for the log.
    Denied(String),
}

/// Why there is no answer. None of these says anything about the person.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This server asks no providers.
    #[error("no gateway is connected")]
    Unconnected,
    /// A push to this person waits for its answer: another would only confuse them.
    #[error("a push to this entity is outstanding")]
    Outstanding,
    /// As many questions wait as may.
    #[error("too many questions to providers are outstanding")]
    Busy,
    /// A setting of the method cannot be used.
    #[error("the method's {0} cannot be used")]
    Setting(&'static str),
    /// The name cannot be asked about at this provider.
    #[error("the username has characters that the provider cannot be asked about")]
    Username,
    /// This machine cannot ask.
    #[error("asking takes what this machine has not")]
    Machine(#[source] std::io::Error),
    /// The provider cannot be reached, or is not who it says.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The provider, or the person, took longer than is waited for.
    #[error("there was no answer in time")]
    TooSlow,
    /// The provider's answer is larger than any it gives.
    #[error("the provider's answer is too large")]
    TooLarge,
    /// The provider refused to be asked.
    #[error("the provider refused the request with status {status}: {why}")]
    Status {
        /// Its HTTP status.
        status: u16,
        /// What it said, if it said anything.
        why: String,
    },
    /// The provider's answer is not one that it gives.
    #[error("the provider's answer makes no sense: {0}")]
    Malformed(&'static str),
    /// The provider's answer is not signed with the method's key, or answers another question.
    #[error("the provider's answer is not to this question")]
    Forged,
}

/// Somebody who asks providers. Blocks until there is an answer, or for as long as is waited for one.
pub trait Gateway: Send + Sync {
    /// Ask once.
    fn ask(&self, question: &PushQuestion) -> Result<Answer, Error>;
}

/// Asks nobody: every question fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unconnected;

impl Gateway for Unconnected {
    fn ask(&self, _question: &PushQuestion) -> Result<Answer, Error> {
        Err(Error::Unconnected)
    }
}

/// A provider's words, fit for one line of the log.
fn words(said: &str) -> String {
    said.chars().take(200).map(|character| if character.is_control() { ' ' } else { character }).collect()
}
