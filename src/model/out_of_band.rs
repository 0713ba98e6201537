//! How a method sends codes by text message or e-mail (out-of-band authenticators, NIST SP 800-63B, section 5.1.3).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::is_host;
use super::method::within;
use crate::factor::recovery::{Alphabet, Form};

/// The longest that a code is good for (NIST SP 800-63B, section 5.1.3.2).
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(LONGEST_LIFETIME_SECS as u64);
const LONGEST_LIFETIME_SECS: u32 = 600;
/// The least chance in a code, in bits: six digits.
const LEAST_TENTH_BITS: u32 = 198;
/// The longest code.
const LONGEST_CODE: u32 = 32;
/// The longest text of a template, in bytes.
const LONGEST_TEMPLATE: usize = 4096;

/// How a method sends codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfBand {
    /// What a code looks like.
    pub form: Form,
    /// How long it is good for.
    pub lifetime_secs: u32,
    /// How long until another may be sent to the same person.
    pub resend_pause_secs: u32,
    /// Wrong answers after which a code is void.
    pub tries: u32,
    /// The subject of a message that has one, as a template; without one, the standing words.
    pub subject: Option<String>,
    /// The text of the message, as a template; without one, the standing words.
    pub template: Option<String>,
    /// The host whose pages the code is for: a text message ends with a line by which a browser that shows one of them finds the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Wrong answers in one window, over all codes; read when a code is checked.
    pub max_validation_attempts: u32,
    /// Whether somebody without a proven address may give one during a login.
    pub self_enrolment: bool,
}

/// Six digits, good for five minutes, another after thirty seconds, five tries.
impl Default for OutOfBand {
    fn default() -> Self {
        Self {
            form: Form { length: 6, alphabet: Alphabet::Digits, group: 0 },
            lifetime_secs: 300,
            resend_pause_secs: 30,
            tries: 5,
            subject: None,
            template: None,
            domain: None,
            max_validation_attempts: 5,
            self_enrolment: false,
        }
    }
}

/// Settings as an operator asks for them, before they are checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// 6 digits' chance at least, 32 characters at most.
    pub length: i64,
    /// The name of an alphabet.
    pub alphabet: String,
    /// 1 to 600 seconds.
    pub lifetime_secs: i64,
    /// 0 to 600 seconds.
    pub resend_pause_secs: i64,
    /// 1 to 10.
    pub tries: i64,
    /// At most 4096 bytes; empty for the standing words.
    pub subject: String,
    /// At most 4096 bytes; empty for the standing words.
    pub template: String,
    /// A host's name; empty for none.
    pub domain: String,
    /// At least 0, which means the default.
    pub max_validation_attempts: i64,
    /// Whether entities may enrol themselves during a login.
    pub self_enrolment: bool,
}

/// The setting that is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such alphabet.
    #[error("alphabet must be one of digits, base32, crockford, alphanumeric")]
    Alphabet,
    /// Not a length, or one that could be guessed.
    #[error("length must give as much chance as 6 digits, and be at most {LONGEST_CODE}")]
    Length,
    /// No time, or more than is safe.
    #[error("lifetime must be between 1 and {LONGEST_LIFETIME_SECS} seconds")]
    Lifetime,
    /// Negative, or longer than any code lives.
    #[error("resend_pause must be between 0 and {LONGEST_LIFETIME_SECS} seconds")]
    ResendPause,
    /// None, or too many.
    #[error("tries must be between 1 and 10")]
    Tries,
    /// Too long.
    #[error("template and subject must not be longer than {LONGEST_TEMPLATE} bytes")]
    Template,
    /// Not the name of a host.
    #[error("domain must be the name of a host")]
    Domain,
    /// Negative, or beyond counting.
    #[error("max_validation_attempts must be greater than zero")]
    Attempts,
}

impl TryFrom<Request> for OutOfBand {
    type Error = Refusal;

    /// The first setting that is wrong, in this order, is the one reported. Whether a template can be rendered is for whoever renders it.
    fn try_from(asked: Request) -> Result<Self, Refusal> {
        let alphabet = Alphabet::parse(&asked.alphabet).ok_or(Refusal::Alphabet)?;
        let length = within(asked.length, LONGEST_CODE)
            .filter(|length| length.saturating_mul(alphabet.tenth_bits()) >= LEAST_TENTH_BITS)
            .and_then(|length| u8::try_from(length).ok())
            .ok_or(Refusal::Length)?;
        let lifetime_secs =
            within(asked.lifetime_secs, LONGEST_LIFETIME_SECS).filter(|secs| *secs > 0).ok_or(Refusal::Lifetime)?;
        let resend_pause_secs = within(asked.resend_pause_secs, LONGEST_LIFETIME_SECS).ok_or(Refusal::ResendPause)?;
        let tries = within(asked.tries, 10).filter(|tries| *tries > 0).ok_or(Refusal::Tries)?;
        if asked.template.len() > LONGEST_TEMPLATE || asked.subject.len() > LONGEST_TEMPLATE {
            return Err(Refusal::Template);
        }
        if !asked.domain.is_empty() && !is_host(&asked.domain) {
            return Err(Refusal::Domain);
        }
        let max_validation_attempts = match within(asked.max_validation_attempts, u32::MAX) {
            Some(0) => Self::default().max_validation_attempts,
            Some(attempts) => attempts,
            None => return Err(Refusal::Attempts),
        };
        Ok(Self {
            form: Form { length, alphabet, group: 0 },
            lifetime_secs,
            resend_pause_secs,
            tries,
            subject: Some(asked.subject).filter(|text| !text.is_empty()),
            template: Some(asked.template).filter(|text| !text.is_empty()),
            domain: Some(asked.domain).filter(|text| !text.is_empty()),
            max_validation_attempts,
            self_enrolment: asked.self_enrolment,
        })
    }
}

impl OutOfBand {
    /// How long a code is good for.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_secs.into())
    }

    /// How long until another code may be sent.
    pub fn resend_pause(&self) -> Duration {
        Duration::from_secs(self.resend_pause_secs.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Request {
        Request {
            length: 6,
            alphabet: "digits".into(),
            lifetime_secs: 300,
            resend_pause_secs: 30,
            tries: 5,
            subject: String::new(),
            template: String::new(),
            domain: String::new(),
            max_validation_attempts: 0,
            self_enrolment: false,
        }
    }

    #[test]
    fn the_defaults_are_what_is_asked_for_by_their_numbers() {
        assert_eq!(OutOfBand::try_from(asked()), Ok(OutOfBand::default()));
    }

    #[test]
    fn every_setting_is_bounded() {
        let refused = |asked: Request| OutOfBand::try_from(asked).unwrap_err();
        assert_eq!(refused(Request { length: 5, ..asked() }), Refusal::Length);
        assert_eq!(refused(Request { length: 33, ..asked() }), Refusal::Length);
        assert_eq!(OutOfBand::try_from(Request { length: 4, alphabet: "base32".into(), ..asked() }).unwrap().tries, 5);
        assert_eq!(refused(Request { lifetime_secs: 601, ..asked() }), Refusal::Lifetime);
        assert_eq!(refused(Request { lifetime_secs: 0, ..asked() }), Refusal::Lifetime);
        assert_eq!(refused(Request { resend_pause_secs: -1, ..asked() }), Refusal::ResendPause);
        assert_eq!(refused(Request { tries: 11, ..asked() }), Refusal::Tries);
        assert_eq!(refused(Request { template: "x".repeat(4097), ..asked() }), Refusal::Template);
        assert_eq!(refused(Request { domain: "example.com\n".into(), ..asked() }), Refusal::Domain);
    }
}
