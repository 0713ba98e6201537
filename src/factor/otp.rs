//! One-time passcodes as such: their digits, their hash, and what may be tried as one (RFC 4226).

use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Totp};

use crate::secret::Secret;

/// How many digits a passcode has (RFC 4226, section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Digits {
    /// Six.
    Six,
    /// Eight.
    Eight,
}

impl Digits {
    /// The number.
    pub const fn count(self) -> u8 {
        match self {
            Self::Six => 6,
            Self::Eight => 8,
        }
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> Self {
        digits.count()
    }
}

impl TryFrom<u8> for Digits {
    type Error = &'static str;

    fn try_from(count: u8) -> Result<Self, Self::Error> {
        match count {
            6 => Ok(Self::Six),
            8 => Ok(Self::Eight),
            _ => Err("a passcode has 6 or 8 digits"),
        }
    }
}

/// The hash under the HMAC (RFC 6238, section 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC-SHA-1: what authenticator apps know.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name that key URIs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm of this name, spelt exactly so.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    const fn of_library(self) -> totp_rs::Algorithm {
        match self {
            Self::Sha1 => totp_rs::Algorithm::SHA1,
            Self::Sha256 => totp_rs::Algorithm::SHA256,
            Self::Sha512 => totp_rs::Algorithm::SHA512,
        }
    }
}

/// A text that may be tried as a passcode: exactly as many ASCII digits as it must have. Nothing is trimmed, nothing converted.
pub struct Passcode(Secret<String>);

impl Passcode {
    /// `text` as a passcode of so many digits; `None` for anything else, which can never be right.
    pub fn parse(text: &str, digits: Digits) -> Option<Self> {
        let right_length = text.len() == usize::from(digits.count());
        (right_length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(Secret::new(text.into())))
    }
}

/// The function from a counter to its passcode (RFC 4226, section 5.3).
///
/// Built on totp-rs with a step of one second, which makes its "time" the counter.
pub struct Generator(Totp);

impl Generator {
    /// The generator of this seed, of any length.
    pub fn new(algorithm: Algorithm, digits: Digits, seed: &[u8]) -> Self {
        let secret = totp_rs::Secret::new(seed.into());
        let builder = Builder::new().with_algorithm(algorithm.of_library()).with_digits(digits.count());
        Self(builder.with_secret(secret).with_skew(0).with_step_duration(1).build_noncompliant())
    }

    /// The passcode of `counter`.
    pub fn passcode(&self, counter: u64) -> Secret<String> {
        Secret::new(self.0.generate(counter).to_string())
    }

    /// Whether `passcode` is the one of `counter`, in constant time.
    pub fn matches(&self, passcode: &Passcode, counter: u64) -> bool {
        self.0.check(passcode.0.expose(), counter).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4226_appendix_d() {
        let generator = Generator::new(Algorithm::Sha1, Digits::Six, b"12345678901234567890");
        let expected =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, expected) in (0..).zip(expected) {
            assert_eq!(generator.passcode(counter).expose(), expected);
            assert!(generator.matches(&Passcode::parse(expected, Digits::Six).unwrap(), counter));
        }
    }

    #[test]
    fn only_exactly_so_many_ascii_digits_are_a_passcode() {
        let refused = [
            "",
            "12345",
            "1234567",
            " 123456",
            "123456 ",
            "123456\n",
            "12 456",
            "+12345",
            "-12345",
            "１２３４５６",
            "12345a",
            "0x1234",
            "١٢٣٤٥٦",
            "1234\u{0}6",
        ];
        for text in refused {
            assert!(Passcode::parse(text, Digits::Six).is_none(), "{text:?}");
        }
        assert!(Passcode::parse("000000", Digits::Six).is_some());
        assert!(Passcode::parse("000000", Digits::Eight).is_none());
        assert!(Passcode::parse("00000000", Digits::Eight).is_some());
    }

    #[test]
    fn algorithms_are_named_exactly() {
        assert_eq!(Algorithm::parse("SHA512"), Some(Algorithm::Sha512));
        for name in ["sha1", "SHA-1", "MD5", "", " SHA1"] {
            assert_eq!(Algorithm::parse(name), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_but_digits_is_ever_a_passcode(text in "\\PC{6}") {
            let is_digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
            proptest::prop_assert_eq!(Passcode::parse(&text, Digits::Six).is_some(), is_digits);
        }
    }
}
