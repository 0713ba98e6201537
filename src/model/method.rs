//! Methods: how a factor is to be proven, as an operator set it up.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::guard::Limits;
use super::out_of_band::OutOfBand;
use super::provider::{Duo, Okta, PingId};
use super::recovery::Recovery;
use super::web_authn::WebAuthn;
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::recovery::Form;
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
/// The most authenticators that an entity can have under one method.
pub const MOST_ENROLMENTS: u32 = 10;

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
    /// Whether it is the one of its kind that its namespace uses where nobody names any.
    pub is_default: bool,
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
    /// Codes by text message.
    Sms(OutOfBand),
    /// Codes by e-mail.
    Email(OutOfBand),
    /// Security keys and platform authenticators.
    WebAuthn(WebAuthn),
    /// Recovery codes.
    Recovery(Recovery),
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
    /// Codes by text message.
    Sms,
    /// Codes by e-mail.
    Email,
    /// Security keys and platform authenticators.
    WebAuthn,
    /// Recovery codes.
    Recovery,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Totp, Self::Duo, Self::Okta, Self::PingId, Self::Sms, Self::Email, Self::WebAuthn, Self::Recovery];

    /// Whether a provider checks it, and nothing of it is enrolled here.
    pub const fn is_provided(self) -> bool {
        match self {
            Self::Duo | Self::Okta | Self::PingId => true,
            Self::Totp | Self::Sms | Self::Email | Self::WebAuthn | Self::Recovery => false,
        }
    }

    /// What it is called in settings and listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Duo => "duo",
            Self::Okta => "okta",
            Self::PingId => "pingid",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::WebAuthn => "webauthn",
            Self::Recovery => "recovery",
        }
    }
}

impl Settings {
    /// The kind these are settings of.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Totp(_) => Kind::Totp,
            Self::Duo(_) => Kind::Duo,
            Self::Okta(_) => Kind::Okta,
            Self::PingId(_) => Kind::PingId,
            Self::Sms(_) => Kind::Sms,
            Self::Email(_) => Kind::Email,
            Self::WebAuthn(_) => Kind::WebAuthn,
            Self::Recovery(_) => Kind::Recovery,
        }
    }

    /// How much guessing is allowed, where it is checked here.
    pub fn limits(&self) -> Option<Limits> {
        match self {
            Self::Totp(totp) => Some(totp.limits()),
            Self::Sms(settings) | Self::Email(settings) => Some(Limits::of_rare(settings.max_validation_attempts)),
            Self::WebAuthn(settings) => Some(Limits::of_rare(settings.max_validation_attempts)),
            Self::Recovery(settings) => Some(Limits::of_rare(settings.max_validation_attempts)),
            Self::Duo(_) | Self::Okta(_) | Self::PingId(_) => None,
        }
    }

    /// What the codes look like that are sent under it, where any are.
    pub const fn code_form(&self) -> Option<Form> {
        match self {
            Self::Sms(settings) | Self::Email(settings) => Some(settings.form),
            Self::Totp(_) | Self::WebAuthn(_) | Self::Recovery(_) | Self::Duo(_) | Self::Okta(_) | Self::PingId(_) => {
                None
            }
        }
    }

    /// How many authenticators an entity may have under it.
    pub const fn max_enrolments(&self) -> u32 {
        match self {
            Self::Totp(totp) => totp.max_enrolments,
            Self::WebAuthn(settings) => settings.max_enrolments,
            Self::Sms(_) | Self::Email(_) | Self::Recovery(_) | Self::Duo(_) | Self::Okta(_) | Self::PingId(_) => 1,
        }
    }

    /// Whether somebody without an authenticator may make one during a login. Whoever has the first factor then chooses the second, until one
    /// is bound.
    pub const fn self_enrolment(&self) -> bool {
        match self {
            Self::Totp(totp) => totp.self_enrolment,
            Self::Sms(settings) | Self::Email(settings) => settings.self_enrolment,
            Self::WebAuthn(settings) => settings.self_enrolment,
            Self::Recovery(_) | Self::Duo(_) | Self::Okta(_) | Self::PingId(_) => false,
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
    pub self_enrolment: bool,
    /// How many authenticators an entity may have under it.
    pub max_enrolments: u32,
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
    /// 1 to 10.
    pub max_enrolments: i64,
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
    /// None, or more than anybody has devices.
    #[error("max_enrollments must be between 1 and {MOST_ENROLMENTS}")]
    Enrolments,
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
        let max_enrolments = enrolments(asked.max_enrolments).ok_or(SettingsError::Enrolments)?;
        let self_enrolment = asked.self_enrolment;
        let issuer = asked.issuer;
        Ok(Self { issuer, parameters, key_size, qr_size, max_validation_attempts, self_enrolment, max_enrolments })
    }
}

/// How many authenticators an entity may have, as an operator asks for it.
pub(super) fn enrolments(asked: i64) -> Option<u32> {
    within(asked, MOST_ENROLMENTS).filter(|most| *most > 0)
}

/// `value`, if it is between zero and `most`.
pub(super) fn within(value: i64, most: u32) -> Option<u32> {
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
            max_enrolments: 1,
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
            max_enrolments: 0,
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
        assert_eq!(refused(wrong.clone()), SettingsError::QrNegative);
        assert_eq!(refused(TotpRequest { qr_size: 0, ..wrong }), SettingsError::Enrolments);
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
