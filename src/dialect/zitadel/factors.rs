//! What second factors are called in policies and settings, in all versions of the services.

use super::message::enumeration;
use crate::model::login_policy;

enumeration! {
    /// What can be asked for beside a password.
    pub(super) enum SecondFactor {
        Unspecified = 0 "SECOND_FACTOR_TYPE_UNSPECIFIED",
        /// A TOTP authenticator. The newest clients have another name for it, which the older ones would not understand.
        Otp = 1 "SECOND_FACTOR_TYPE_OTP" | "SECOND_FACTOR_TYPE_TOTP",
        U2f = 2 "SECOND_FACTOR_TYPE_U2F",
        OtpEmail = 3 "SECOND_FACTOR_TYPE_OTP_EMAIL",
        OtpSms = 4 "SECOND_FACTOR_TYPE_OTP_SMS",
        RecoveryCodes = 5 "SECOND_FACTOR_TYPE_RECOVERY_CODES",
    }
}

enumeration! {
    /// What is two factors in one.
    pub(super) enum MultiFactor {
        Unspecified = 0 "MULTI_FACTOR_TYPE_UNSPECIFIED",
        U2fWithVerification = 1 "MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION",
    }
}

impl SecondFactor {
    /// What it is, if it says.
    pub(super) const fn meant(self) -> Option<login_policy::SecondFactor> {
        match self {
            Self::Unspecified => None,
            Self::Otp => Some(login_policy::SecondFactor::Totp),
            Self::U2f => Some(login_policy::SecondFactor::U2f),
            Self::OtpEmail => Some(login_policy::SecondFactor::OtpEmail),
            Self::OtpSms => Some(login_policy::SecondFactor::OtpSms),
            Self::RecoveryCodes => Some(login_policy::SecondFactor::RecoveryCode),
        }
    }
}

impl MultiFactor {
    /// What it is, if it says.
    pub(super) const fn meant(self) -> Option<login_policy::MultiFactor> {
        match self {
            Self::Unspecified => None,
            Self::U2fWithVerification => Some(login_policy::MultiFactor::U2fWithVerification),
        }
    }
}

impl From<login_policy::SecondFactor> for SecondFactor {
    fn from(factor: login_policy::SecondFactor) -> Self {
        match factor {
            login_policy::SecondFactor::Totp => Self::Otp,
            login_policy::SecondFactor::U2f => Self::U2f,
            login_policy::SecondFactor::OtpEmail => Self::OtpEmail,
            login_policy::SecondFactor::OtpSms => Self::OtpSms,
            login_policy::SecondFactor::RecoveryCode => Self::RecoveryCodes,
        }
    }
}

impl From<login_policy::MultiFactor> for MultiFactor {
    fn from(factor: login_policy::MultiFactor) -> Self {
        match factor {
            login_policy::MultiFactor::U2fWithVerification => Self::U2fWithVerification,
        }
    }
}
