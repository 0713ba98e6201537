//! Telephone numbers as somebody pays for them: one spelling for each, where it is, and what kind it is (ITU-T E.164).
//!
//! What is known of the world's numbers is the metadata of libphonenumber, through the crate `phonenumber`. It judges a number; it never
//! changes the digits that a message is sent to.

use phonenumber::metadata::DATABASE;
use phonenumber::{PhoneNumber, Type};

/// The most digits of a number (E.164, section 6.2.1).
const MOST_DIGITS: usize = 15;
/// The least that anybody can be reached under.
const LEAST_DIGITS: usize = 7;
/// Digits at the end of a number that tell subscribers of one range apart: ranges of ten thousand are what is leased to somebody.
const RANGE_DIGITS: usize = 4;
/// The longest text that is looked at.
const LONGEST: usize = 64;

/// A telephone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telephone {
    /// `+` and digits, as they were given: what is dialled.
    pub dialled: String,
    /// The same with whatever a network ignores left out: one spelling for each subscriber.
    pub subscriber: String,
    /// The country calling code.
    pub calling_code: u16,
    /// The country, as two capital letters (ISO 3166-1), where the number tells.
    pub country: Option<String>,
    /// What it costs to reach.
    pub tariff: Tariff,
}

/// What it costs to reach a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tariff {
    /// What reaching a person costs.
    Ordinary,
    /// More than that, or nobody that can read: premium rate, shared cost, personal numbers, company numbers, pagers, voice mail.
    Special,
    /// In no range that is known to be assigned to anybody.
    Unassigned,
    /// In no country: satellites and international networks.
    Nowhere,
}

impl Telephone {
    /// The number written as `text`: international, with `+` or `00` before it; what people put between digits is left out.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = digits(text)?;
        let dialled = format!("+{digits}");
        let number = phonenumber::parse(None, &dialled).ok()?;
        let calling_code = number.code().value();
        Some(Self {
            dialled,
            subscriber: format!("+{calling_code}{}", number.national()),
            calling_code,
            country: number.country().id().map(|id| id.as_ref().to_owned()),
            tariff: tariff(&number),
        })
    }

    /// The range that the number lies in.
    pub fn range(&self) -> &str {
        let end = self.subscriber.len().saturating_sub(RANGE_DIGITS);
        self.subscriber.get(..end).unwrap_or(&self.subscriber)
    }
}

/// Where the number written as `text` may be, without a closer look: its calling code, and the countries that share it.
pub fn whereabouts(text: &str) -> Option<(u16, Vec<&'static str>)> {
    let digits = digits(text)?;
    // No calling code is the beginning of another.
    (1..=3).find_map(|length| {
        let code = digits.get(..length)?.parse().ok()?;
        DATABASE.region(&code).map(|countries| (code, countries))
    })
}

/// Read what is known of the world's numbers, so that the first one asked about does not wait for it.
pub fn load() {
    drop(whereabouts("+12025550123"));
}

/// The digits of an international number, if `text` is one.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let text = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    let between = |character: char| matches!(character, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' | '\u{2011}');
    let digits: String = text.chars().filter(|character| !between(*character)).collect();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    (is_number && (LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len())).then_some(digits)
}

fn tariff(number: &PhoneNumber) -> Tariff {
    let is_nowhere =
        DATABASE.region(&number.code().value()).is_none_or(|regions| regions.iter().all(|id| *id == "001"));
    match number.number_type(&DATABASE) {
        Type::PremiumRate
        | Type::SharedCost
        | Type::PersonalNumber
        | Type::Uan
        | Type::Pager
        | Type::Voicemail
        | Type::Emergency
        | Type::ShortCode
        | Type::StandardRate
        | Type::Carrier
        | Type::NoInternational => Tariff::Special,
        Type::FixedLine | Type::Mobile | Type::FixedLineOrMobile | Type::TollFree | Type::Voip | Type::Unknown
            if is_nowhere =>
        {
            Tariff::Nowhere
        }
        Type::FixedLine | Type::Mobile | Type::FixedLineOrMobile | Type::TollFree | Type::Voip => Tariff::Ordinary,
        Type::Unknown => Tariff::Unassigned,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Telephone {
        Telephone::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn every_spelling_of_a_number_is_one_subscriber() {
        for spelling in
            ["+41791234567", "0041 79 123 45 67", " +41 (0)79 123-45-67", "+41.79.123.45.67", "+41 (79) 1234567"]
        {
            assert_eq!(number(spelling).subscriber, "+41791234567", "{spelling}");
        }
        for spelling in ["+12025550123", "+1 (202) 555-0123", "001-202-555-0123"] {
            assert_eq!(number(spelling).subscriber, "+12025550123", "{spelling}");
        }
    }

    #[test]
    fn what_is_no_international_number_is_none() {
        for text in [
            "",
            "+",
            "112",
            "0791234567",
            "+41",
            "+41 79 12x 45 67",
            "+4179\r\n1234567",
            "+٤١٧٩١٢٣٤٥٦٧",
            "+0041791234567",
            "+1234567890123456",
            "+41791234567;ext=1",
            "tel:+41791234567",
            "+999123456789012345",
            "++41791234567",
        ] {
            assert_eq!(Telephone::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_a_number_costs_is_known() {
        for (text, country, tariff) in [
            ("+41791234567", Some("CH"), Tariff::Ordinary),
            ("+14155552671", Some("US"), Tariff::Ordinary),
            ("+447912345678", Some("GB"), Tariff::Ordinary),
            ("+393471234567", Some("IT"), Tariff::Ordinary),
            ("+19002345678", Some("US"), Tariff::Special),
            ("+41900123456", Some("CH"), Tariff::Special),
            ("+611900123456", Some("AU"), Tariff::Special),
            ("+447012345678", Some("GB"), Tariff::Special),
            ("+979123456789", None, Tariff::Special),
            ("+15551234567", None, Tariff::Unassigned),
            ("+881612345678", None, Tariff::Nowhere),
        ] {
            let number = number(text);
            assert_eq!((number.country.as_deref(), number.tariff), (country, tariff), "{text}");
            assert_eq!(number.dialled, text);
        }
    }

    #[test]
    fn a_glance_tells_which_countries_a_number_may_be_in() {
        let glance = |text: &str| whereabouts(text).map(|(code, countries)| (code, countries.len()));
        assert_eq!(glance("+41 79 123 45 67"), Some((41, 1)));
        assert!(whereabouts("+16137827274").unwrap().1.contains(&"CA"));
        assert_eq!(whereabouts("+979123456789").unwrap().1, ["001"]);
        assert_eq!(glance("+999123456789"), None);
        assert_eq!(glance("alice"), None);
    }

    #[test]
    fn a_range_is_ten_thousand_numbers() {
        assert_eq!(number("+41 79 123 45 67").range(), "+4179123");
        assert_eq!(number("+41 79 123 99 99").range(), "+4179123");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"[+0]{0,3}[0-9 ()./x;=\-]{0,24}|\PC{0,40}") {
            if let Some(number) = Telephone::parse(&text) {
                prop_assert_eq!(whereabouts(&text).map(|(code, _)| code), Some(number.calling_code));
                prop_assert!(number.dialled.bytes().skip(1).all(|byte| byte.is_ascii_digit()));
                let again = Telephone::parse(&number.dialled);
                prop_assert_eq!(again.map(|again| again.subscriber), Some(number.subscriber));
            }
        }
    }
}
