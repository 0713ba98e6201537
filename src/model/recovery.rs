//! How a method makes recovery codes.

use serde::{Deserialize, Serialize};

use super::method::within;
use crate::factor::recovery::{Alphabet, Form};

/// The least chance in a code, in bits, after the number of codes is taken off (NIST SP 800-63B, section 5.1.2.2).
const LEAST_BITS: u32 = 20;
/// The most codes in a list.
const MOST_CODES: u32 = 100;
/// The longest code.
const LONGEST_CODE: u32 = 64;

/// How a method makes lists of recovery codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// How many codes are in a new list.
    pub count: u32,
    /// What they look like.
    pub form: Form,
    /// Wrong answers in one window; read when a code is checked.
    pub max_validation_attempts: u32,
}

/// Ten codes of ten characters, in two groups: 50 bits each.
impl Default for Recovery {
    fn default() -> Self {
        let form = Form { length: 10, alphabet: Alphabet::Crockford, group: 5 };
        Self { count: 10, form, max_validation_attempts: 5 }
    }
}

/// Recovery settings as an operator asks for them, before they are checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// 1 to 100.
    pub count: i64,
    /// 1 to 64, as long as there is enough chance in a code.
    pub length: i64,
    /// The name of an alphabet.
    pub alphabet: String,
    /// Characters between hyphens, 0 for none.
    pub group: i64,
    /// At least 0, which means the default.
    pub max_validation_attempts: i64,
}

/// The setting that is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// None, or more than anybody keeps.
    #[error("count must be between 1 and {MOST_CODES}")]
    Count,
    /// There is no such alphabet.
    #[error("alphabet must be one of digits, base32, crockford, alphanumeric")]
    Alphabet,
    /// Not a length.
    #[error("length must be between 1 and {LONGEST_CODE}")]
    Length,
    /// So short that a code of the list could be guessed.
    #[error("length is too short: a code needs {LEAST_BITS} bits of chance beyond the number of codes")]
    TooShort,
    /// Not a length of groups.
    #[error("group must be between 0 and {LONGEST_CODE}")]
    Group,
    /// Negative, or beyond counting.
    #[error("max_validation_attempts must be greater than zero")]
    Attempts,
}

impl TryFrom<Request> for Recovery {
    type Error = Refusal;

    /// The first setting that is wrong, in this order, is the one reported.
    fn try_from(asked: Request) -> Result<Self, Refusal> {
        let count = within(asked.count, MOST_CODES).filter(|count| *count > 0).ok_or(Refusal::Count)?;
        let alphabet = Alphabet::parse(&asked.alphabet).ok_or(Refusal::Alphabet)?;
        let length = within(asked.length, LONGEST_CODE).filter(|length| *length > 0).ok_or(Refusal::Length)?;
        let bits = length.saturating_mul(alphabet.tenth_bits()).checked_div(10).unwrap_or_default();
        let lost = count.checked_ilog2().unwrap_or_default().saturating_add(1);
        if bits < LEAST_BITS.saturating_add(lost) {
            return Err(Refusal::TooShort);
        }
        let group = within(asked.group, LONGEST_CODE).ok_or(Refusal::Group)?;
        let max_validation_attempts = match within(asked.max_validation_attempts, u32::MAX) {
            Some(0) => Self::default().max_validation_attempts,
            Some(attempts) => attempts,
            None => return Err(Refusal::Attempts),
        };
        let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        Ok(Self { count, form: Form { length: byte(length), alphabet, group: byte(group) }, max_validation_attempts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(count: i64, length: i64, alphabet: &str) -> Result<Recovery, Refusal> {
        Recovery::try_from(Request { count, length, alphabet: alphabet.into(), group: 5, max_validation_attempts: 0 })
    }

    #[test]
    fn the_defaults_are_what_is_asked_for_by_their_numbers() {
        assert_eq!(asked(10, 10, "crockford"), Ok(Recovery::default()));
    }

    #[test]
    fn a_list_that_can_be_guessed_is_refused() {
        assert_eq!(asked(10, 4, "base32"), Err(Refusal::TooShort));
        assert_eq!(asked(20, 6, "base32").map(|made| made.count), Ok(20));
        assert_eq!(asked(100, 8, "digits"), Err(Refusal::TooShort));
        assert_eq!(asked(0, 10, "digits"), Err(Refusal::Count));
        assert_eq!(asked(10, 65, "digits"), Err(Refusal::Length));
        assert_eq!(asked(10, 10, "runes"), Err(Refusal::Alphabet));
    }
}
