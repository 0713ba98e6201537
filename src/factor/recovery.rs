//! Recovery codes as such: what they look like, and what may be tried as one (look-up secrets, NIST SP 800-63B, section 5.1.2).

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The form of a code: so many characters of an alphabet, shown in groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Characters, hyphens not counted.
    pub length: u8,
    /// What they are taken from.
    pub alphabet: Alphabet,
    /// A hyphen stands behind every so many characters; nowhere, if this is 0.
    pub group: u8,
}

/// What characters codes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// `0-9`: 3.3 bits a character.
    Digits,
    /// `A-Z2-7` (RFC 4648): 5 bits.
    Base32,
    /// `0-9a-z` without `ilou` (Crockford's base 32): 5 bits.
    Crockford,
    /// `0-9A-Z`: 5.2 bits.
    Alphanumeric,
}

impl Alphabet {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Digits, Self::Base32, Self::Crockford, Self::Alphanumeric];

    /// Its characters.
    pub const fn characters(self) -> &'static [u8] {
        match self {
            Self::Digits => b"0123456789",
            Self::Base32 => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            Self::Crockford => b"0123456789abcdefghjkmnpqrstvwxyz",
            Self::Alphanumeric => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        }
    }

    /// The name that settings use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Base32 => "base32",
            Self::Crockford => "crockford",
            Self::Alphanumeric => "alphanumeric",
        }
    }

    /// The alphabet of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alphabet| alphabet.as_str() == name)
    }

    /// Bits of chance in one character, rounded down to tenths: `log2` of the alphabet's size.
    pub const fn tenth_bits(self) -> u32 {
        match self {
            Self::Digits => 33,
            Self::Base32 | Self::Crockford => 50,
            Self::Alphanumeric => 51,
        }
    }

    /// `character` as this alphabet writes it, if it has it in either case.
    fn fold(self, character: char) -> Option<char> {
        let found = |character: char| self.characters().iter().any(|known| char::from(*known) == character);
        [character, character.to_ascii_lowercase(), character.to_ascii_uppercase()].into_iter().find(|c| found(*c))
    }
}

/// A text that may be a code: of the right form, without hyphens, in the alphabet's case.
#[derive(Clone)]
pub struct Candidate(Secret<String>);

impl Form {
    /// What `text` would be as a code of this form. Case and hyphens do not matter: people type what they read.
    pub fn parse(&self, text: &Secret<String>) -> Option<Candidate> {
        let most = usize::from(self.length).saturating_mul(2);
        if text.expose().len() > most {
            return None;
        }
        let folded: Option<String> =
            text.expose().chars().filter(|character| *character != '-').map(|c| self.alphabet.fold(c)).collect();
        folded.filter(|code| code.len() == usize::from(self.length)).map(|code| Candidate(Secret::new(code)))
    }

    /// `code`, a string of characters, as it is shown.
    pub fn shown(&self, code: &Secret<String>) -> Secret<String> {
        let mut shown = String::new();
        for (place, character) in code.expose().chars().enumerate() {
            let begins_group = usize::from(self.group) != 0
                && place != 0
                && place.checked_rem(usize::from(self.group)).is_some_and(|rest| rest == 0);
            if begins_group {
                shown.push('-');
            }
            shown.push(character);
        }
        Secret::new(shown)
    }
}

impl Candidate {
    /// The characters.
    pub const fn expose(&self) -> &Secret<String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(form: Form, text: &str) -> Option<String> {
        form.parse(&Secret::new(text.into())).map(|code| code.expose().expose().clone())
    }

    #[test]
    fn a_code_is_read_whatever_its_case_and_hyphens() {
        let form = Form { length: 10, alphabet: Alphabet::Crockford, group: 5 };
        assert_eq!(form.shown(&Secret::new("k3m9a7xq2p".into())).expose(), "k3m9a-7xq2p");
        for text in ["k3m9a-7xq2p", "K3M9A7XQ2P", "k-3m9a7xq2p-"] {
            assert_eq!(parsed(form, text).as_deref(), Some("k3m9a7xq2p"), "{text}");
        }
    }

    #[test]
    fn what_has_not_the_form_is_no_code() {
        let form = Form { length: 6, alphabet: Alphabet::Base32, group: 0 };
        let long = "A".repeat(10_000);
        for text in ["", "ABCDE", "ABCDEFG", "ABCDE1", "ABCDE ", " ABCDEF", "ÄBCDEF", "ABCDE\0", "------------A", &long]
        {
            assert_eq!(parsed(form, text), None, "{text}");
        }
        assert_eq!(parsed(form, "abcd27").as_deref(), Some("ABCD27"));
    }
}
