//! Addresses as people write them, and as they are kept.

use super::super::error::Error;
use crate::model::contact::Channel;
use crate::secret::Secret;

/// `text` as an address of this channel.
///
/// # Errors
/// When it is none.
pub(in crate::dialect::zitadel) fn parse(channel: Channel, text: &str) -> Result<Secret<String>, Error> {
    let (found, error) = match channel {
        Channel::Email if text.trim().is_empty() => (None, ("EMAIL-spblu", "Email is empty")),
        Channel::Email => (email(text.trim()), ("EMAIL-599BI", "Email is invalid")),
        Channel::Sms if text.trim().is_empty() => (None, ("PHONE-Zt0NV", "Phone is empty")),
        Channel::Sms => (phone(text), ("PHONE-so0wa", "Phone is invalid")),
    };
    found.map(Secret::new).ok_or_else(|| Error::invalid(error.0, error.1))
}

/// Something, `@`, and the name of a host: whether it is somebody's is found out by writing to it.
fn email(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let plain = |text: &str| {
        !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"@".contains(c))
    };
    let labels = domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    (plain(local) && labels && local.len() <= 64 && domain.len() <= 255).then(|| text.to_owned())
}

/// The country that a number without one is in: Switzerland.
const HOME: &str = "41";

/// A telephone number in the form of E.164: `+`, the country, and the number, 8 to 15 digits in all.
fn phone(text: &str) -> Option<String> {
    let is_filler = |c: char| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}');
    let plain: String = text.trim().chars().filter(|c| !is_filler(*c)).collect();
    let digits = match (plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")), plain.strip_prefix('0')) {
        // A nought in brackets, `+41 (0)79`, is for those who are at home.
        (Some(_), _) if text.contains("(0)") => return phone(&text.replacen("(0)", "", 1)),
        (Some(abroad), _) => abroad.to_owned(),
        (None, Some(at_home)) => format!("{HOME}{at_home}"),
        (None, None) => format!("{HOME}{plain}"),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    (is_number && (8..=15).contains(&digits.len())).then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_in_one_form() {
        for text in
            ["+41791234567", "+41 79 123 45 67", "0041791234567", "079 123 45 67", "791234567", "+41 (0)79-123.45.67"]
        {
            assert_eq!(phone(text).as_deref(), Some("+41791234567"), "{text}");
        }
        assert_eq!(phone("+1 (650) 555-0100").as_deref(), Some("+16505550100"));
        for text in [
            "",
            "+",
            "abc",
            "+41",
            "+0123456789",
            "+4179123456789012",
            "+41 79 123 45 6x",
            "++41791234567",
            "1;2345678",
        ] {
            assert_eq!(phone(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_has_one_host_and_nothing_to_break_a_header_with() {
        for text in ["minnie@mouse.com", "a+b@x-y.example", "ö@exämple.ch", "root@localhost"] {
            assert_eq!(email(text).as_deref(), Some(text));
        }
        for text in [
            "",
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a\r\nBcc: x@y",
            "a@b..c",
            "a@-b.c",
            "<a@b.c>",
            "a@b.c,d@e.f",
        ] {
            assert_eq!(email(text), None, "{text}");
        }
    }
}
