//! Authentication policies: which first factors an identity may use, and whether it must have a second.

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::id::{AuthPolicyId, NamespaceId};
use crate::time::Timestamp;

/// The id of the policy that is always there.
pub const BUILT_IN: &str = "default";

/// The shortest password that a policy can ask for, in characters.
pub const SHORTEST_PASSWORD: u32 = 5;

/// A policy. Each identity has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthPolicy {
    /// Its id.
    pub id: AuthPolicyId,
    /// The namespace it lives in.
    pub namespace: NamespaceId,
    /// Its name, unique in the namespace.
    pub name: String,
    /// Passwords.
    pub updb: Updb,
    /// Certificates.
    pub cert: Cert,
    /// Tokens that somebody else signed.
    pub ext_jwt: ExtJwt,
    /// Whether a time-based code is asked for after the first factor.
    pub require_totp: bool,
    /// Notes.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What is said about names and passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updb {
    /// Whether they are a first factor.
    pub allowed: bool,
    /// The shortest password, in characters.
    pub min_password_length: u32,
    /// Whether a password needs a character that is neither letter nor digit.
    pub require_special_char: bool,
    /// Whether it needs a digit.
    pub require_number_char: bool,
    /// Whether it needs letters of both cases.
    pub require_mixed_case: bool,
    /// Wrong passwords in a row after which the identity is disabled; 0 for any number.
    pub max_attempts: u32,
    /// For how many minutes it is disabled then; 0 until an administrator enables it.
    pub lockout_duration_minutes: u32,
}

/// What is said about certificates, which are not a first factor here: it is kept for those who ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cert {
    /// Whether they are a first factor.
    pub allowed: bool,
    /// Whether they may have expired.
    pub allow_expired_certs: bool,
}

/// What is said about others' tokens, which are not a first factor here either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtJwt {
    /// Whether they are a first factor.
    pub allowed: bool,
}

/// What a password lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Characters.
    #[error("password does not meet minimum length")]
    TooShort,
    /// One that is neither letter nor digit.
    #[error("password does not contain a special character")]
    NoSpecial,
    /// A digit.
    #[error("password does not contain a number")]
    NoNumber,
    /// A letter of one case.
    #[error("password does not contain mixed case letters")]
    NoMixedCase,
}

impl AuthPolicy {
    /// The policy that is always there, as long as nobody has changed it.
    pub fn built_in(namespace: &NamespaceId) -> Self {
        Self {
            id: AuthPolicyId::new(BUILT_IN),
            namespace: namespace.clone(),
            name: "Default".into(),
            updb: Updb {
                allowed: true,
                min_password_length: SHORTEST_PASSWORD,
                require_special_char: false,
                require_number_char: false,
                require_mixed_case: false,
                max_attempts: 0,
                lockout_duration_minutes: 0,
            },
            cert: Cert { allowed: true, allow_expired_certs: true },
            ext_jwt: ExtJwt { allowed: true },
            require_totp: false,
            tags: Tags::new(),
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    /// Whether it is the one that is always there.
    pub fn is_built_in(&self) -> bool {
        self.id.as_str() == BUILT_IN
    }
}

impl Updb {
    /// Whether a new password has what is asked for.
    ///
    /// # Errors
    /// With the first thing that it lacks.
    pub fn check(&self, password: &str) -> Result<(), PasswordFault> {
        let has = |wanted: fn(char) -> bool| password.chars().any(wanted);
        if password.chars().count() < usize::try_from(self.min_password_length).unwrap_or(usize::MAX) {
            return Err(PasswordFault::TooShort);
        }
        if self.require_special_char && !has(|c| !c.is_alphanumeric()) {
            return Err(PasswordFault::NoSpecial);
        }
        if self.require_number_char && !has(char::is_numeric) {
            return Err(PasswordFault::NoNumber);
        }
        if self.require_mixed_case && !(has(char::is_uppercase) && has(char::is_lowercase)) {
            return Err(PasswordFault::NoMixedCase);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_has_what_the_policy_asks_for() {
        let updb = Updb {
            min_password_length: 8,
            require_special_char: true,
            require_number_char: true,
            require_mixed_case: true,
            ..AuthPolicy::built_in(&NamespaceId::root()).updb
        };
        assert_eq!(updb.check("Ab1!"), Err(PasswordFault::TooShort));
        assert_eq!(updb.check("Abcdefg1"), Err(PasswordFault::NoSpecial));
        assert_eq!(updb.check("Abcdefg!"), Err(PasswordFault::NoNumber));
        assert_eq!(updb.check("abcdef1!"), Err(PasswordFault::NoMixedCase));
        assert_eq!(updb.check("Abcdef1!"), Ok(()));
    }
}
