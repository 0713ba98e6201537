//! The verbs: one file for each group of use cases, as synchronous functions over a transaction.
//!
//! A verb reads, decides and writes through [`Tx`](crate::storage::Tx), and returns what happened. It knows no HTTP and no wire format, reads
//! no clock and calls nobody. Fresh ids and seeds come in with the command, so that a job can run twice.

use crate::id::{EnforcementId, EntityId, MethodId};
use crate::model::entity::MetadataError;
use crate::model::namespace::NameError;
use crate::model::{mount, token_settings};
use crate::{seal, storage};

pub use crate::storage::table::Access;
pub use service::Engine;

pub mod access;
pub mod aliases;
pub mod approle;
pub mod asking;
pub mod assertions;
pub mod challenges;
pub mod clock;
pub mod codes;
pub mod contacts;
pub mod costs;
pub mod credentials;
pub mod edge;
pub mod enforcements;
pub mod enrolments;
pub mod entities;
pub mod group_aliases;
pub mod groups;
pub mod identity;
pub mod lockout;
pub mod lockout_policy;
pub mod login_policy;
pub mod logins;
pub mod merging;
pub mod message_providers;
pub mod methods;
pub mod mounts;
pub mod namespaces;
mod nesting;
pub mod out_of_band;
pub mod outbox;
pub mod overview;
pub mod passwords;
pub mod people;
pub mod policies;
mod proofs;
pub mod purging;
pub mod pushing;
pub mod registrations;
pub mod requirements;
pub mod sealing;
pub mod secret_generators;
pub mod self_enrolment;
pub mod sending;
mod service;
pub mod sessions;
pub mod token_roles;
pub mod tokens;
pub mod unconfirmed;
pub mod userpass;
pub mod uses;
pub mod verification;
pub mod wording;
pub mod wrapping;

/// Why a command was not carried out. Nothing was changed. A wrong passcode is not among these: that is an outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The seal is closed, or does not open.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// The caller may not do this.
    #[error("permission denied")]
    Denied,

    /// The text cannot be a namespace's name.
    #[error("no name for a namespace")]
    NamespaceName(#[source] NameError),
    /// No such namespace.
    #[error("namespace not found")]
    UnknownNamespace,
    /// The namespace still has others below it.
    #[error("the namespace has child namespaces")]
    NamespaceHasChildren,

    /// No such method.
    #[error("no such method")]
    UnknownMethod,
    /// The method is of another kind than asked for.
    #[error("the method is of another kind")]
    OtherKind,
    /// The method lives in a namespace from which, or in which, this cannot be done.
    #[error("the method lives in another namespace")]
    OtherNamespace,
    /// Another method of the namespace has the name.
    #[error("another method is called {0}")]
    MethodNameTaken(String),

    /// No such entity.
    #[error("no such entity")]
    UnknownEntity,
    /// The entity lives in another namespace than the request's.
    #[error("the entity lives in another namespace")]
    EntityElsewhere,
    /// The method's namespace is neither the entity's nor above it.
    #[error("the entity's namespace {entity:?} is outside of the method's {method:?}")]
    OutsideMethod {
        /// The path of the entity's namespace.
        entity: String,
        /// The path of the method's.
        method: String,
    },
    /// Another entity of the namespace has the name.
    #[error("entity name is already in use")]
    EntityNameTaken,
    /// The policy `root` cannot be given this way.
    #[error("policies cannot contain root")]
    RootPolicy,
    /// The metadata are not acceptable.
    #[error("metadata")]
    Metadata(#[source] MetadataError),
    /// The text is too long to be a name.
    #[error("name is too long (limit: 512 bytes)")]
    NameTooLong,
    /// Both entities of a merge are enrolled under this method.
    #[error("both entities are enrolled under the method {method}")]
    ConflictingEnrolments {
        /// The method.
        method: MethodId,
        /// The entity that was to be merged away.
        from: EntityId,
    },
    /// An entity of a merge is not there.
    #[error("an entity of the merge is not there")]
    MergeSource,

    /// The path is that of a mount, or above or below it.
    #[error("path is already in use at {0}")]
    MountPathTaken(String),
    /// No such mount.
    #[error("no such mount")]
    UnknownMount,
    /// The mount's lifetimes do not go together.
    #[error(transparent)]
    MountLifetimes(#[from] mount::DefaultOverMax),

    /// What is said about tokens does not go together.
    #[error(transparent)]
    TokenSettings(#[from] token_settings::Conflict),
    /// A new user has no password.
    #[error("a new user needs a password")]
    NoPassword,
    /// No such user.
    #[error("no such user")]
    UnknownUser,
    /// No such role.
    #[error("no such role")]
    UnknownAppRole,
    /// The role, or the secret id asked for, cannot be like that.
    #[error("the role cannot be like that")]
    AppRole(#[source] approle::Refusal),

    /// A token was asked for that must not be made.
    #[error("the token cannot be made")]
    Token(#[source] tokens::Refusal),

    /// An alias was asked for that must not be.
    #[error("the alias cannot be so")]
    Alias(#[source] aliases::Refusal),
    /// A group was asked for that must not be.
    #[error("the group cannot be so")]
    Group(#[source] groups::Refusal),
    /// A group's alias was asked for that must not be.
    #[error("the group's alias cannot be so")]
    GroupAlias(#[source] group_aliases::Refusal),
    /// Entities that would be merged have aliases in one mount.
    #[error("aliases of entities to be merged clash")]
    AliasClash(#[source] merging::Clash),
    /// A login enforcement that must not be set up so.
    #[error("the login enforcement cannot be set up")]
    Enforcement(#[source] enforcements::Refusal),
    /// A login enforcement names the method.
    #[error("the method is named by the login enforcement {0}")]
    MethodInUse(EnforcementId),
    /// No login waits under this request id, or none that this request may see.
    #[error("no such pending login")]
    UnknownLogin,
    /// Nothing is asked of a login that waits for a second factor.
    #[error("no enforcement applies to the pending login any more")]
    NothingEnforced,
    /// The entity has no authenticator under the method that could answer.
    #[error("no authenticator that could answer")]
    NoAuthenticator,
    /// The method is not one that may be enrolled under during this login.
    #[error("no self-enrolment under the method {0}")]
    NoSelfEnrolment(MethodId),
    /// No code can be sent as was asked.
    #[error("no code can be sent so")]
    Challenge(#[from] challenges::Refusal),
    /// A policy was to be written or deleted that must not be.
    #[error("the policy stays as it is")]
    Policy(#[source] policies::Refusal),
    /// Something was not done with a message provider.
    #[error("the message provider stays as it is")]
    MessageProvider(#[source] message_providers::Refusal),
    /// A login or lockout policy was to be changed in a way that it cannot be.
    #[error("the login policy stays as it is")]
    LoginPolicy(#[source] login_policy::Refusal),
    /// A secret generator was to be changed in a way that it cannot be.
    #[error("the secret generator stays as it is")]
    SecretGenerator(#[source] secret_generators::Refusal),
}
