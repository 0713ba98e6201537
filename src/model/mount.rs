//! Auth mounts: the ways of logging in that an operator has set up in a namespace.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Accessor;
use crate::model::namespace::Scope;
use crate::model::token::LONGEST_TTL;
use crate::time::Timestamp;

/// The token mount's path behind `auth/`. That mount is there in every namespace and is not stored.
pub const TOKEN_MOUNT: &str = "token/";

/// A way of logging in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The handle that enforcements, aliases and policies name it by: `auth_<kind>_<8 hex digits>`.
    pub accessor: Accessor,
    /// A UUID, for clients that want one.
    pub uuid: String,
    /// The namespace it belongs to.
    pub scope: Scope,
    /// Its path behind `auth/`, with a slash at the end.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// What its operator says of it.
    pub description: String,
    /// Options that clients send and read back; none has a meaning here. `None` where none were ever said.
    pub options: Option<BTreeMap<String, String>>,
    /// What clients send and read back: whether it is kept out of replication.
    pub local: bool,
    /// What clients send and read back: whether its records are sealed twice.
    pub seal_wrap: bool,
    /// What clients send and read back.
    pub external_entropy_access: bool,
    /// What may be tuned.
    pub config: Config,
    /// The highest cost of a bcrypt hash that was ever brought along for one of its users: what checking any password here takes.
    pub bcrypt_cost: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The kinds of mounts that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Names and passwords.
    Userpass,
    /// Role ids and secret ids, for machines.
    Approle,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Userpass, Self::Approle];

    /// What it is called in requests, replies and accessors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Userpass => "userpass",
            Self::Approle => "approle",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What may be tuned of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Config {
    /// How long its tokens last where nothing else is said; zero for the server's own.
    pub default_lease_ttl: Duration,
    /// The longest its tokens may last; zero for the server's own.
    pub max_lease_ttl: Duration,
    /// What clients send and read back.
    pub force_no_cache: bool,
    /// Who may see it in the list of mounts: `unauth`, `hidden` or nothing said.
    pub listing_visibility: String,
    /// The kind of token it makes.
    pub token_type: TokenType,
    /// How failed logins lock a user out.
    pub lockout: Lockout,
    /// Other members that clients send and read back, as lists: header names and audit keys.
    pub lists: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// How long its tokens last where nothing else is said.
    pub fn default_ttl(&self) -> Duration {
        if self.default_lease_ttl.is_zero() { self.max_ttl() } else { self.default_lease_ttl }
    }

    /// The longest its tokens may last.
    pub fn max_ttl(&self) -> Duration {
        if self.max_lease_ttl.is_zero() { LONGEST_TTL } else { self.max_lease_ttl }
    }
}

/// A change of [`Config`]: what is `None` stays, and so do lists that are not named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// How long its tokens last where nothing else is said.
    pub default_lease_ttl: Option<Duration>,
    /// The longest its tokens may last.
    pub max_lease_ttl: Option<Duration>,
    /// Who may see it in the list of mounts.
    pub listing_visibility: Option<String>,
    /// The kind of token it makes.
    pub token_type: Option<TokenType>,
    /// Whether failed logins lock nobody out.
    pub lockout_disabled: Option<bool>,
    /// Failures until the lock.
    pub lockout_threshold: Option<u32>,
    /// How long the lock lasts.
    pub lockout_duration: Option<Duration>,
    /// After how long without a failure the count starts anew.
    pub lockout_counter_reset: Option<Duration>,
    /// Other members.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// Tokens would last longer by default than they may at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("backend max lease TTL of {} would be less than backend default lease TTL of {}", .max.as_secs(), .default.as_secs())]
pub struct DefaultOverMax {
    /// How long they would last.
    pub default: Duration,
    /// How long they may.
    pub max: Duration,
}

impl Changes {
    /// Make the change.
    ///
    /// # Errors
    /// [`DefaultOverMax`].
    pub fn apply(&self, config: &mut Config) -> Result<(), DefaultOverMax> {
        config.default_lease_ttl = self.default_lease_ttl.unwrap_or(config.default_lease_ttl);
        config.max_lease_ttl = self.max_lease_ttl.unwrap_or(config.max_lease_ttl);
        if let Some(visibility) = &self.listing_visibility {
            config.listing_visibility.clone_from(visibility);
        }
        config.token_type = self.token_type.unwrap_or(config.token_type);
        let lockout = &mut config.lockout;
        lockout.disabled = self.lockout_disabled.unwrap_or(lockout.disabled);
        lockout.threshold = self.lockout_threshold.unwrap_or(lockout.threshold);
        lockout.duration = self.lockout_duration.unwrap_or(lockout.duration);
        lockout.counter_reset = self.lockout_counter_reset.unwrap_or(lockout.counter_reset);
        config.lists.extend(self.lists.clone());
        let (default, max) = (config.default_lease_ttl, config.max_ttl());
        if default > max { Err(DefaultOverMax { default, max }) } else { Ok(()) }
    }
}

/// The kinds of token that a mount, or a role in it, may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// Whatever the other says: a role's leaves it to its mount, a mount's means service.
    #[default]
    Default,
    /// Service tokens where a role does not say otherwise.
    DefaultService,
    /// Batch tokens where a role does not say otherwise.
    DefaultBatch,
    /// Service tokens.
    Service,
    /// Batch tokens.
    Batch,
}

/// How failed logins lock a user out of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Lockout {
    /// Whether they do not.
    pub disabled: bool,
    /// Failures until the lock; 0 for the default, [`LOCKOUT_THRESHOLD`].
    pub threshold: u32,
    /// How long the lock lasts; zero for the default, [`LOCKOUT_DURATION`].
    pub duration: Duration,
    /// After how long without a failure the count starts anew; zero for the default, [`LOCKOUT_DURATION`].
    pub counter_reset: Duration,
}

impl Lockout {
    /// Failures until the lock.
    pub const fn threshold(&self) -> u32 {
        if self.threshold == 0 { LOCKOUT_THRESHOLD } else { self.threshold }
    }

    /// How long the lock lasts.
    pub const fn duration(&self) -> Duration {
        if self.duration.is_zero() { LOCKOUT_DURATION } else { self.duration }
    }

    /// After how long without a failure the count starts anew.
    pub const fn counter_reset(&self) -> Duration {
        if self.counter_reset.is_zero() { LOCKOUT_DURATION } else { self.counter_reset }
    }
}

/// Failed logins until a user is locked out, where nothing else is tuned.
pub const LOCKOUT_THRESHOLD: u32 = 5;
/// How long a lock lasts, and how long failures are remembered, where nothing else is tuned.
pub const LOCKOUT_DURATION: Duration = Duration::from_mins(15);

/// What a role or a user of a mount says about the tokens it gets: Vault's `token_…` parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct TokenSettings {
    /// Addresses, as CIDR blocks, that may log in and use the token; none for all.
    pub bound_cidrs: Vec<String>,
    /// Beyond which age a token never lasts; zero for no such limit.
    pub explicit_max_ttl: Duration,
    /// The longest a token may last by renewals; zero for the mount's.
    pub max_ttl: Duration,
    /// How long a token lasts; zero for the mount's default.
    pub ttl: Duration,
    /// Whether tokens do without the `default` policy.
    pub no_default_policy: bool,
    /// How many requests a token is good for; 0 for any number.
    pub num_uses: u32,
    /// Each renewal lasts this long, without end; zero for a token without a period.
    pub period: Duration,
    /// What a token may do: lower case, sorted, each once.
    pub policies: Vec<String>,
    /// Whether a token is good only from the address that logged in.
    pub strictly_bind_ip: bool,
    /// The kind of token.
    pub token_type: TokenType,
}
