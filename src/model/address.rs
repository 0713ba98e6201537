//! Addresses: telephone numbers and e-mail addresses, read strictly, so that nothing in one can be taken for more than an address.

use super::contact::Channel;
use crate::secret::Secret;

/// The longest local part and the longest address of e-mail (RFC 5321, section 4.5.3.1).
const LONGEST_LOCAL_PART: usize = 64;
const LONGEST_EMAIL: usize = 254;
/// The fewest and the most digits of a number (ITU-T E.164, section 6.2.1; no country has shorter ones than seven with its code).
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// An address that a message can be sent to.
#[derive(Clone)]
pub struct Address {
    channel: Channel,
    text: Secret<String>,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no telephone number.
    #[error(
        "phone must be a number in international form: +, the country's code and the number, 7 to 15 digits and nothing else"
    )]
    Phone,
    /// It is no e-mail address.
    #[error("email must be an address like name@example.com, in ASCII and without quotes")]
    Email,
}

impl Address {
    /// Read `text` as an address of `channel`: a number in international form (E.164), or a mailbox without quotes, comments and address literals
    /// (a part of RFC 5321, section 4.1.2). A domain's case does not matter and is folded; all else is taken as it stands.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(channel: Channel, text: &Secret<String>) -> Result<Self, Refusal> {
        let text = match channel {
            Channel::Sms => is_number(text.expose()).then(|| text.clone()).ok_or(Refusal::Phone)?,
            Channel::Email => mailbox(text.expose()).map(Secret::new).ok_or(Refusal::Email)?,
        };
        Ok(Self { channel, text })
    }

    /// Over which channel it is reached.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The address itself.
    pub const fn text(&self) -> &Secret<String> {
        &self.text
    }
}

/// As much of an address as reminds its owner which one it is, and no stranger.
pub fn masked(channel: Channel, address: &Secret<String>) -> String {
    let text = address.expose();
    match channel {
        Channel::Sms => {
            let end: String = text.chars().skip(text.chars().count().saturating_sub(2)).collect();
            format!("+*****{end}")
        }
        Channel::Email => {
            let (local, domain) = text.rsplit_once('@').unwrap_or((text, ""));
            let first: String = local.chars().take(1).collect();
            format!("{first}*****@{domain}")
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    DIGITS.contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `text` as a mailbox, with its domain in lower case.
fn mailbox(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_atom_text);
    let is_mailbox = text.len() <= LONGEST_EMAIL
        && local.len() <= LONGEST_LOCAL_PART
        && local.split('.').all(atom)
        && domain.contains('.')
        && is_host(domain);
    is_mailbox.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

/// What an atom is made of (RFC 5322, section 3.2.3).
const fn is_atom_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~')
}

/// Whether `text` is the name of a host: labels of letters, digits and hyphens (RFC 1123, section 2.1).
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(channel: Channel, text: &str) -> Option<String> {
        Address::parse(channel, &Secret::new(text.into())).ok().map(|address| address.text().expose().clone())
    }

    #[test]
    fn a_number_is_in_international_form_and_nothing_else() {
        for good in ["+15005550006", "+441632960961", "+4915112345678", "+123456789012345", "+2901234"] {
            assert_eq!(parsed(Channel::Sms, good).as_deref(), Some(good));
        }
        for bad in [
            "",
            "+",
            "15005550006",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+1 500 555 0006",
            "+1-500-555-0006",
            "+15005550006 ",
            "+15005550006\n",
            "+15005550006\r\nBcc: x",
            "+15005550006\0",
            "+1500555000x",
            "++15005550006",
            "+१५००५५५०००६",
            "tel:+15005550006",
            "+15005550006,+15005550007",
            "+15005550006;ext=1",
        ] {
            assert_eq!(parsed(Channel::Sms, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_mailbox_is_one_address_and_nothing_else() {
        for good in ["a@b.example", "first.last+tag@mail.example.com", "o'neil@example.org", "x@xn--bcher-kva.example"]
        {
            assert_eq!(parsed(Channel::Email, good).as_deref(), Some(good));
        }
        assert_eq!(parsed(Channel::Email, "Me@EXAMPLE.com").as_deref(), Some("Me@example.com"));
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}.com", vec!["b".repeat(60); 5].join("."));
        for bad in [
            "",
            "@",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b.example\r\nBcc: x@y.example",
            "a@b.example\n",
            "a\r@b.example",
            "a\0@b.example",
            "\"a\"@b.example",
            "a@[127.0.0.1]",
            "a@b..example",
            ".a@b.example",
            "a..b@c.example",
            "a@-b.example",
            "a@b-.example",
            "A <a@b.example>",
            "a@b.example,c@d.example",
            "ä@b.example",
            "a@bücher.example",
            "a@b.example ",
            "a(c)@b.example",
            "a\t@b.example",
            &long,
            &longer,
        ] {
            assert_eq!(parsed(Channel::Email, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_shown_to_who_knows_it() {
        let shown = |channel, text: &str| masked(channel, &Secret::new(text.into()));
        assert_eq!(shown(Channel::Sms, "+441632960961"), "+*****61");
        assert_eq!(shown(Channel::Email, "bartholomew@example.com"), "b*****@example.com");
    }

    proptest::proptest! {
        #[test]
        fn no_address_has_a_character_that_could_begin_a_header(text in "\\PC*|[\\x00-\\x7f]*") {
            for channel in Channel::ALL {
                if let Some(text) = parsed(channel, &text) {
                    proptest::prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
                }
            }
        }
    }
}
