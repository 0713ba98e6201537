//! An edge network's verbs: identities, how they authenticate, what their sessions are worth, and which services they may use.
//!
//! What proves a second factor is the engine's business, as for everybody else: nothing of verification is here.

use std::time::Duration;

use super::{Access, namespaces};
use crate::id::EntityId;
use crate::model::edge::auth_policy::PasswordFault;
use crate::model::namespace::Scope;
use crate::storage::{self, Tx};

pub mod access;
pub mod auth_policies;
pub mod authenticators;
pub mod checks;
pub mod forgetting;
pub mod identities;
pub mod logins;
pub mod mfa;
pub mod named;
pub mod service_policies;
pub mod service_sessions;
pub mod services;
pub mod sessions;

/// How the network is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The path of the namespace whose entities are its identities.
    pub namespace: String,
    /// How long an API session lives unused.
    pub session_timeout: Duration,
    /// Who codes are said to be for: a host name.
    pub issuer: String,
    /// How long an enrolment may wait for its first code.
    pub enrolment_timeout: Duration,
    /// Wrong codes in one window, whatever they were for.
    pub code_attempts: u32,
    /// How long that window lasts.
    pub code_window: Duration,
    /// Whether the code that confirms an enrolment is spent by that, and cannot log in any more.
    pub confirming_spends: bool,
    /// Whether recovery codes are shown for a time-based code only, not for one of themselves.
    pub totp_shows_recovery_codes: bool,
}

impl Rules {
    /// The namespace.
    ///
    /// # Errors
    /// [`engine::Error::UnknownNamespace`](super::Error::UnknownNamespace).
    pub fn scope(&self, tx: &mut dyn Tx, access: &Access) -> Result<Scope, Error> {
        let path = self.namespace.trim_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(namespaces::at(tx, access, &path)?.ok_or(super::Error::UnknownNamespace)?)
    }
}

/// Why a command was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that everybody knows.
    #[error(transparent)]
    Engine(#[from] super::Error),
    /// Something of this place.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// What an [`Error`] is to whoever asked for nothing that can be refused here.
fn plain(error: Error) -> super::Error {
    match error {
        Error::Engine(error) => error,
        Error::Refused(_) => super::Error::Denied,
    }
}

/// What is wrong with a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such thing.
    #[error("no such thing")]
    Unknown,
    /// What a field refers to is not there.
    #[error("what {field} refers to is not there")]
    UnknownReference {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// Another has the value of a field that must be unique.
    #[error("another has this {field}")]
    Taken {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A field says what it cannot.
    #[error("{field} {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What it says.
        value: String,
    },
    /// The password is not one that the identity's policy takes.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// It is named by others.
    #[error("it is referred to by {}", .by.join(", "))]
    Referenced {
        /// What they are.
        nouns: &'static str,
        /// Some of their ids.
        by: Vec<String>,
    },
    /// It is always there.
    #[error("it cannot be deleted")]
    Permanent,
    /// The identity has a name to log in by already.
    #[error("the identity has an authenticator already")]
    SecondAuthenticator,
    /// There is a second factor already, confirmed or not.
    #[error("a second factor is enrolled already")]
    Enrolled,
    /// There is no second factor that counts.
    #[error("no second factor is enrolled")]
    NotEnrolled,
    /// Only an administrator may do this.
    #[error("only an administrator may do this")]
    NotAdmin,
    /// The posture is not what any policy asks for.
    #[error("failed to pass posture checks")]
    Posture(Vec<service_sessions::Failing>),
}

/// Whether something is called like what has a `field`: the refusal if it is.
fn taken(field: &'static str, value: &str) -> Error {
    Refusal::Taken { field, value: value.to_owned() }.into()
}

/// What refers to nothing.
fn unknown_reference(field: &'static str, value: &str) -> Error {
    Refusal::UnknownReference { field, value: value.to_owned() }.into()
}

/// Who does something to whom, for the rule that nobody gets or touches more than they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doer<'a> {
    /// Who.
    pub entity: &'a EntityId,
    /// Whether they are an administrator.
    pub is_admin: bool,
}
