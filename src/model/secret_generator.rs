//! Secret generators: how the codes that this server sends are made, and for how long they are good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::revision::Revision;
use crate::entropy::Entropy;
use crate::secret::Secret;
use crate::time::Timestamp;

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A user's first login.
    Init,
    /// Proof that mail reaches a user.
    VerifyEmail,
    /// Proof that text messages reach a user.
    VerifyPhone,
    /// Choosing a new password.
    PasswordReset,
    /// Registering a passkey.
    PasskeyRegistration,
    /// The secret of an application.
    AppSecret,
    /// A second factor by text message.
    OtpSms,
    /// A second factor by mail.
    OtpEmail,
}

impl Purpose {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::Init,
        Self::VerifyEmail,
        Self::VerifyPhone,
        Self::PasswordReset,
        Self::PasskeyRegistration,
        Self::AppSecret,
        Self::OtpSms,
        Self::OtpEmail,
    ];

    /// Its name, which its record is called by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::VerifyEmail => "verify_email",
            Self::VerifyPhone => "verify_phone",
            Self::PasswordReset => "password_reset",
            Self::PasskeyRegistration => "passkey_registration",
            Self::AppSecret => "app_secret",
            Self::OtpSms => "otp_sms",
            Self::OtpEmail => "otp_email",
        }
    }
}

/// How the codes of one purpose are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGenerator {
    /// What they are for.
    pub purpose: Purpose,
    /// How they look and how long they last.
    pub form: Form,
    /// How often that was changed, and when.
    pub revision: Revision,
}

/// How codes look and how long they last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// How many characters they have.
    pub length: u32,
    /// How long they are good for; zero for ever.
    pub expiry: Duration,
    /// Whether `a` to `z` are among them.
    pub lower: bool,
    /// Whether `A` to `Z` are.
    pub upper: bool,
    /// Whether `0` to `9` are.
    pub digits: bool,
    /// Whether [`SYMBOLS`] are.
    pub symbols: bool,
}

/// The symbols that codes can have: none that means something in HTML, in a URL's query or in a shell's quotes.
pub const SYMBOLS: &str = "!*-_.~@:^";

/// The fewest characters of a code, and the most.
pub const LENGTHS: std::ops::RangeInclusive<u32> = 6..=200;

/// How many different codes there must be at the least: with ten guesses for each, and locks beside, one in 100 000 is guessed.
const FEWEST: u64 = 1_000_000;

/// Why codes cannot look so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// They are too short, or too long.
    #[error("the length is out of bounds")]
    Length,
    /// There are too few of them.
    #[error("there are too few different codes")]
    TooFew,
    /// They would last for ever.
    #[error("the codes would be good for ever")]
    Endless,
}

impl SecretGenerator {
    /// The generator for `purpose` as long as nobody has changed it.
    pub const fn standard(purpose: Purpose) -> Self {
        let (hour, minutes) = (Duration::from_hours(1), Duration::from_mins(5));
        let verification = Form { length: 6, expiry: hour, lower: false, upper: true, digits: true, symbols: false };
        let otp = Form { length: 8, expiry: minutes, lower: false, upper: false, digits: true, symbols: false };
        let long = Form { lower: true, ..verification };
        let form = match purpose {
            Purpose::Init => Form { expiry: Duration::from_hours(72), ..verification },
            Purpose::VerifyEmail | Purpose::VerifyPhone | Purpose::PasswordReset => verification,
            Purpose::PasskeyRegistration => Form { length: 12, ..long },
            Purpose::AppSecret => Form { length: 64, expiry: Duration::ZERO, ..long },
            Purpose::OtpSms | Purpose::OtpEmail => otp,
        };
        Self { purpose, form, revision: Revision::first(Timestamp::EPOCH) }
    }
}

impl Form {
    /// Whether codes for `purpose` may look so.
    ///
    /// # Errors
    /// When they would be guessed.
    pub fn check(&self, purpose: Purpose) -> Result<(), Unsafe> {
        if !LENGTHS.contains(&self.length) {
            return Err(Unsafe::Length);
        }
        let size = u64::try_from(self.alphabet().len()).unwrap_or_default();
        if size < 2 || size.saturating_pow(self.length) < FEWEST {
            return Err(Unsafe::TooFew);
        }
        if self.expiry.is_zero() && purpose != Purpose::AppSecret {
            return Err(Unsafe::Endless);
        }
        Ok(())
    }

    /// A code, each of whose characters is uniform over all that may be in it.
    pub fn draw(&self, entropy: &dyn Entropy) -> Secret<String> {
        let length = usize::try_from(self.length).unwrap_or_default();
        Secret::new(entropy.text(length, self.alphabet().as_bytes()))
    }

    /// When a code made at `now` ends.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        Some(now.plus(self.expiry)).filter(|_| !self.expiry.is_zero())
    }

    fn alphabet(&self) -> String {
        let sets = [
            (self.lower, "abcdefghijklmnopqrstuvwxyz"),
            (self.upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            (self.digits, "0123456789"),
            (self.symbols, SYMBOLS),
        ];
        sets.iter().filter(|(is_in, _)| *is_in).map(|(_, set)| *set).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn every_standard_code_is_safe_and_looks_as_it_should() {
        let entropy = SeededEntropy::new(1);
        for purpose in Purpose::ALL {
            let form = SecretGenerator::standard(purpose).form;
            assert_eq!(form.check(purpose), Ok(()), "{purpose:?}");
            let code = form.draw(&entropy);
            assert_eq!(code.expose().len(), form.length as usize);
            assert!(code.expose().chars().all(|c| form.alphabet().contains(c)), "{purpose:?}");
        }
    }

    #[test]
    fn every_character_is_drawn_the_last_one_too() {
        let form = SecretGenerator::standard(Purpose::VerifyEmail).form;
        let drawn = Form { length: 5_000, ..form }.draw(&SeededEntropy::new(2));
        for character in form.alphabet().chars() {
            assert!(drawn.expose().matches(character).count() > 90, "{character}");
        }
    }

    #[test]
    fn codes_that_would_be_guessed_are_refused() {
        let form = SecretGenerator::standard(Purpose::OtpSms).form;
        let check = |form: Form| form.check(Purpose::OtpSms);
        assert_eq!(check(Form { length: 5, ..form }), Err(Unsafe::Length));
        assert_eq!(check(Form { length: 201, ..form }), Err(Unsafe::Length));
        assert_eq!(check(Form { length: 6, ..form }), Ok(()));
        assert_eq!(check(Form { length: 6, digits: false, symbols: true, ..form }), Err(Unsafe::TooFew));
        assert_eq!(check(Form { digits: false, ..form }), Err(Unsafe::TooFew));
        assert_eq!(check(Form { expiry: Duration::ZERO, ..form }), Err(Unsafe::Endless));
    }

    #[test]
    fn a_code_ends_when_its_time_is_over() {
        let form = SecretGenerator::standard(Purpose::OtpSms).form;
        assert_eq!(form.end(Timestamp::EPOCH), Some(Timestamp::from_secs(300)));
        assert_eq!(SecretGenerator::standard(Purpose::AppSecret).form.end(Timestamp::EPOCH), None);
    }
}
