//! Login policies: which second factors a login may take, whether it must, and what login UIs are told beside.
//!
//! The instance has one, which counts for every organisation that has none of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::revision::Revision;
use crate::id::NamespaceId;
use crate::time::Timestamp;

/// Whose a policy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The whole server's.
    Instance,
    /// One organisation's, which is a namespace.
    Organisation(NamespaceId),
}

/// What a login may take beside a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// A code of an authenticator app.
    Totp,
    /// A key, without asking who holds it.
    U2f,
    /// A code by mail.
    OtpEmail,
    /// A code by text message.
    OtpSms,
    /// A recovery code.
    RecoveryCode,
}

/// What a login may take that is two factors in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MultiFactor {
    /// A key that has asked who holds it.
    U2fWithVerification,
}

/// A login policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginPolicy {
    /// Whose it is.
    pub owner: Owner,
    /// What it says but for the factors.
    pub rules: Rules,
    /// The second factors it allows, in the order they were allowed in, each once.
    pub second_factors: Vec<SecondFactor>,
    /// The same of what is two factors in one.
    pub multi_factors: Vec<MultiFactor>,
    /// How often it was changed, and when.
    pub revision: Revision,
}

/// What a login policy says but for the factors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether passwords are asked for.
    pub allow_username_password: bool,
    /// Whether people may register.
    pub allow_register: bool,
    /// Whether others may vouch for people.
    pub allow_external_idp: bool,
    /// Whether every login takes a second factor.
    pub force_mfa: bool,
    /// Whether every login that nobody else vouches for does.
    pub force_mfa_local_only: bool,
    /// Whether passkeys are asked for.
    pub allow_passkeys: bool,
    /// Whether resetting a password is not offered.
    pub hide_password_reset: bool,
    /// Whether it is not told that a user is not there.
    pub ignore_unknown_usernames: bool,
    /// Where to go after a login that came from nowhere.
    pub default_redirect_uri: String,
    /// Whether a login name's domain tells the organisation.
    pub allow_domain_discovery: bool,
    /// Whether mail addresses are no login names.
    pub disable_login_with_email: bool,
    /// Whether telephone numbers are none.
    pub disable_login_with_phone: bool,
    /// How long things last.
    pub lifetimes: Lifetimes,
}

/// For how long what was proven counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// A password.
    pub password_check: Duration,
    /// Somebody else's word.
    pub external_login_check: Duration,
    /// A wish not to be asked to set up a second factor; zero for never being asked.
    pub mfa_init_skip: Duration,
    /// A second factor.
    pub second_factor_check: Duration,
    /// What is two factors in one.
    pub multi_factor_check: Duration,
}

impl LoginPolicy {
    /// The instance's as long as nobody has changed it.
    pub fn standard() -> Self {
        Self {
            owner: Owner::Instance,
            rules: Rules::standard(),
            second_factors: vec![SecondFactor::Totp, SecondFactor::U2f],
            multi_factors: vec![MultiFactor::U2fWithVerification],
            revision: Revision::first(Timestamp::EPOCH),
        }
    }

    /// Whether it is the instance's.
    pub fn is_of_instance(&self) -> bool {
        self.owner == Owner::Instance
    }
}

impl Rules {
    /// The instance's as long as nobody has changed them.
    pub const fn standard() -> Self {
        Self {
            allow_username_password: true,
            allow_register: true,
            allow_external_idp: true,
            force_mfa: false,
            force_mfa_local_only: false,
            allow_passkeys: true,
            hide_password_reset: false,
            ignore_unknown_usernames: false,
            default_redirect_uri: String::new(),
            allow_domain_discovery: true,
            disable_login_with_email: false,
            disable_login_with_phone: false,
            lifetimes: Lifetimes {
                password_check: Duration::from_hours(240),
                external_login_check: Duration::from_hours(240),
                mfa_init_skip: Duration::from_hours(720),
                second_factor_check: Duration::from_hours(18),
                multi_factor_check: Duration::from_hours(12),
            },
        }
    }

    /// Whether a login that nobody else vouches for takes a second factor, whatever the user has set up.
    pub const fn forces_mfa(&self) -> bool {
        self.force_mfa || self.force_mfa_local_only
    }
}
