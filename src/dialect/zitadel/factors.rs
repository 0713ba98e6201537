//! What second factors are called in policies and settings, in all versions of the services.

use super::message::enumeration;

enumeration! {
    /// What can be asked for beside a password.
    pub(super) enum SecondFactor {
        Unspecified = 0 "SECOND_FACTOR_TYPE_UNSPECIFIED",
        /// A TOTP authenticator.
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
