//! Methods: how a factor is to be proven, as an operator set it up.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::guard::Limits;
use super::provider::{Duo, Okta, PingId};
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::totp;
use crate::id::MethodId;
use crate::model::namespace::Scope;

/// The longest name or issuer, in bytes.
pub const LONGEST_TEXT: usize = 512;
/// The largest picture of a key URI, in pixels each way.
pub const LARGEST_QR: u32 = 2048;
/// The largest seed, in bytes.
pub const LARGEST_KEY: u32 = 512;
/// The longest period: a day.
pub const LONGEST_PERIOD: Duration = Duration::from_secs(LONGEST_PERIOD_SECS as u64);
const LONGEST_PERIOD_SECS: u32 = 86_400;
/// Consecutive failures after which an authenticator is disabled (NIST SP 800-63B, section 5.2.2).
pub const FAILURE_CEILING: u32 = 100;

/// A configured method.
#[derive(Clone, Serialize, Deserialize)]
pub struct Method {
    /// Its id.
    pub id: MethodId,
    /// The namespace it was made in; it is visible there and below.
    pub scope: Scope,
    /// Its name, unique in its namespace; empty when it has none.
    pub name: String,
    /// What it is, and how it is set.
    pub settings: Settings,
}

/// The settings of a method, by its kind. A method's kind never changes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Settings {
    /// Time-based one-time passcodes.
    Totp(Totp),
    /// Duo Security.
    Duo(Duo),
    /// Okta Verify.
    Okta(Okta),
    /// PingID.
    PingId(PingId),
}

/// The kinds of method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Time-based one-time passcodes.
    Totp,
    /// Duo Security.
    Duo,
    /// Okta Verify.
    Okta,
    /// PingID.
    PingId,
}

impl Settings {
    /// The kind these are settings of.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Totp(_) => Kind::Totp,
            Self::Duo(_) => Kind::Duo,
            Self::Okta(_) => Kind::Okta,
            Self::PingId(_) => Kind::PingId,
        }
    }
}

/// How a TOTP method makes and checks authenticators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    /// Who the code is for, shown by authenticator apps.
    pub issuer: String,
    /// How codes are computed; copied into each authenticator made from now on.
    pub parameters: totp::Parameters,
    /// The size of new seeds, in bytes.
    pub key_size: u32,
    /// The size of the picture of the key URI in pixels each way; 0 for none.
    pub qr_size: u32,
    /// Attempts in one period; read when a code is checked, so it takes effect at once.
    pub max_validation_attempts: u32,
    /// Whether somebody without an authenticator may make one during a login. Whoever has the first factor then chooses the second, until one
    /// is bound.
    #[serde(default)]
    pub self_enrolment: bool,
}

impl Totp {
    /// How much guessing this method allows.
    pub fn limits(&self) -> Limits {
        Limits {
            attempts: self.max_validation_attempts,
            window: Duration::from_secs(self.parameters.period_secs.get().into()),
            ceiling: FAILURE_CEILING,
        }
    }
}

/// TOTP settings as an operator asks for them, before they are checked.
#[derive(Debug, Clone)]
pub struct TotpRequest {
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// 6 or 8.
    pub digits: i64,
    /// 1 to 86 400 seconds.
    pub period_secs: i64,
    /// 0 or 1 steps.
    pub skew: i64,
    /// 1 to 512 bytes.
    pub key_size: i64,
    /// Not empty, at most 512 bytes.
    pub issuer: String,
    /// At least 0, which means the default.
    pub max_validation_attempts: i64,
    /// 0 to 2048 pixels.
    pub qr_size: i64,
    /// Whether entities may enrol themselves during a login.
    pub self_enrolment: bool,
}

/// The setting that is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not one of the three algorithms.
    #[error("unrecognized algorithm")]
    Algorithm,
    /// Neither 6 nor 8.
    #[error("digits can only be 6 or 8")]
    Digits,
    /// Zero, or less.
    #[error("period must be greater than zero")]
    PeriodZero,
    /// Over a day.
    #[error("period must not be greater than 86400 seconds")]
    PeriodTooLong,
    /// Neither 0 nor 1.
    #[error("skew must be 0 or 1")]
    Skew,
    /// Zero, or less.
    #[error("key_size must be greater than zero")]
    KeySizeZero,
    /// Over 512.
    #[error("key_size must not be greater than 512")]
    KeySizeTooLarge,
    /// Empty.
    #[error("issuer must be set")]
    IssuerMissing,
    /// Over 512 bytes.
    #[error("issuer must not be longer than 512 bytes")]
    IssuerTooLong,
    /// Negative, or beyond counting.
    #[error("max_validation_attempts must be greater than zero")]
    Attempts,
    /// Negative.
    #[error("qr_size must be greater than or equal to zero")]
    QrNegative,
    /// Over 2048.
    #[error("qr_size must not be greater than 2048")]
    QrTooLarge,
}

impl TryFrom<TotpRequest> for Totp {
    type Error = SettingsError;

    /// The first setting that is wrong, in this order, is the one reported.
    fn try_from(asked: TotpRequest) -> Result<Self, SettingsError> {
        let algorithm = Algorithm::parse(&asked.algorithm).ok_or(SettingsError::Algorithm)?;
        let digits = match asked.digits {
            6 => Digits::Six,
            8 => Digits::Eight,
            _ => return Err(SettingsError::Digits),
        };
        if asked.period_secs <= 0 {
            return Err(SettingsError::PeriodZero);
        }
        let period_secs = within(asked.period_secs, LONGEST_PERIOD_SECS)
            .and_then(NonZeroU32::new)
            .ok_or(SettingsError::PeriodTooLong)?;
        let skew = within(asked.skew, 1).and_then(|skew| u8::try_from(skew).ok()).ok_or(SettingsError::Skew)?;
        if asked.key_size <= 0 {
            return Err(SettingsError::KeySizeZero);
        }
        let key_size = within(asked.key_size, LARGEST_KEY).ok_or(SettingsError::KeySizeTooLarge)?;
        if asked.issuer.is_empty() {
            return Err(SettingsError::IssuerMissing);
        }
        if asked.issuer.len() > LONGEST_TEXT {
            return Err(SettingsError::IssuerTooLong);
        }
        let max_validation_attempts = match within(asked.max_validation_attempts, u32::MAX) {
            Some(0) => 5,
            Some(attempts) => attempts,
            None => return Err(SettingsError::Attempts),
        };
        if asked.qr_size < 0 {
            return Err(SettingsError::QrNegative);
        }
        let qr_size = within(asked.qr_size, LARGEST_QR).ok_or(SettingsError::QrTooLarge)?;
        let parameters = totp::Parameters { algorithm, digits, period_secs, skew };
        let self_enrolment = asked.self_enrolment;
        Ok(Self { issuer: asked.issuer, parameters, key_size, qr_size, max_validation_attempts, self_enrolment })
    }
}

/// `value`, if it is between zero and `most`.
fn within(value: i64, most: u32) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> TotpRequest {
        TotpRequest {
            algorithm: "SHA1".into(),
            digits: 6,
            period_secs: 30,
            skew: 1,
            key_size: 20,
            issuer: "vault".into(),
            max_validation_attempts: 5,
            qr_size: 200,
            self_enrolment: false,
        }
    }

    #[test]
    fn zero_attempts_mean_the_default() {
        let settings = Totp::try_from(TotpRequest { max_validation_attempts: 0, ..asked() }).unwrap();
        assert_eq!(settings.max_validation_attempts, 5);
    }

    #[test]
    fn the_first_wrong_setting_is_the_one_reported() {
        let wrong = TotpRequest {
            algorithm: "MD5".into(),
            digits: 7,
            period_secs: 0,
            skew: 2,
            key_size: 0,
            issuer: String::new(),
            max_validation_attempts: -1,
            qr_size: -1,
            self_enrolment: false,
        };
        let refused = |asked: TotpRequest| Totp::try_from(asked).unwrap_err();
        assert_eq!(refused(wrong.clone()), SettingsError::Algorithm);
        let wrong = TotpRequest { algorithm: "SHA1".into(), ..wrong };
        assert_eq!(refused(wrong.clone()), SettingsError::Digits);
        let wrong = TotpRequest { digits: 6, ..wrong };
        assert_eq!(refused(wrong.clone()), SettingsError::PeriodZero);
        let wrong = TotpRequest { period_secs: 30, ..wrong };
        assert_eq!(refused(wrong.clone()), SettingsError::Skew);
        let wrong = TotpRequest { skew: 1, ..wrong };
        assert_eq!(refused(wrong.clone()), SettingsError::KeySizeZero);
        let wrong = TotpRequest { key_size: 20, ..wrong };
        assert_eq!(refused(wrong.clone()), SettingsError::IssuerMissing);
        let wrong = TotpRequest { issuer: "x".into(), ..wrong };
        assert_eq!(refused(wrong.clone()), SettingsError::Attempts);
        let wrong = TotpRequest { max_validation_attempts: 5, ..wrong };
        assert_eq!(refused(wrong), SettingsError::QrNegative);
    }

    #[test]
    fn every_setting_is_bounded() {
        let refused = |asked: TotpRequest| Totp::try_from(asked).unwrap_err();
        assert_eq!(refused(TotpRequest { period_secs: 86_401, ..asked() }), SettingsError::PeriodTooLong);
        assert_eq!(refused(TotpRequest { key_size: 513, ..asked() }), SettingsError::KeySizeTooLarge);
        assert_eq!(refused(TotpRequest { qr_size: 2_049, ..asked() }), SettingsError::QrTooLarge);
        assert_eq!(refused(TotpRequest { issuer: "x".repeat(513), ..asked() }), SettingsError::IssuerTooLong);
        assert_eq!(refused(TotpRequest { period_secs: i64::MAX, ..asked() }), SettingsError::PeriodTooLong);
        let largest = TotpRequest { period_secs: 86_400, key_size: 512, qr_size: 2_048, ..asked() };
        assert!(Totp::try_from(TotpRequest { issuer: "x".repeat(512), ..largest }).is_ok());
    }
}
