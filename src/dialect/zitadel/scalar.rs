//! Plain fields: how each kind is read, leniently, and written, in one way only.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::message::Field;
use super::rule::Rule;
use super::sent::{Members, Mismatch, Sent};
use crate::secret::Secret;
use crate::time::Timestamp;

/// The one text that `sent` is.
fn text(sent: &Sent) -> Option<&str> {
    match sent {
        Sent::Text(text) => Some(text),
        Sent::Words(words) => words.last().map(String::as_str),
        Sent::Null | Sent::Bool(_) | Sent::Number(_) | Sent::List(_) | Sent::Object(_) => None,
    }
}

impl Field for bool {
    fn unset() -> Self {
        false
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        match sent {
            Sent::Bool(value) => Ok(value),
            Sent::Words(words) => match words.last().map(String::as_str) {
                Some("true" | "True" | "TRUE" | "t" | "T" | "1") => Ok(true),
                Some("false" | "False" | "FALSE" | "f" | "F" | "0") => Ok(false),
                Some(_) | None => Err(Mismatch::of("bool", name)),
            },
            Sent::Null | Sent::Number(_) | Sent::Text(_) | Sent::List(_) | Sent::Object(_) => {
                Err(Mismatch::of("bool", name))
            }
        }
    }

    fn is_set(&self) -> bool {
        *self
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

impl Field for String {
    fn unset() -> Self {
        Self::new()
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        text(&sent).map(Self::from).ok_or_else(|| Mismatch::of("string", name))
    }

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn show(&self) -> Value {
        self.as_str().into()
    }

    fn obey(&self, rule: Rule) -> Result<(), String> {
        obey(self, rule)
    }
}

fn obey(text: &str, rule: Rule) -> Result<(), String> {
    let length = text.chars().count();
    match rule {
        Rule::Runes(least, most) if (least..=most).contains(&length) => Ok(()),
        Rule::Runes(least, most) if least == most => Err(format!("value length must be {least} runes")),
        Rule::Runes(0, most) => Err(format!("value length must be at most {most} runes")),
        Rule::Runes(least, usize::MAX) => Err(format!("value length must be at least {least} runes")),
        Rule::Runes(least, most) => Err(format!("value length must be between {least} and {most} runes, inclusive")),
        Rule::Required | Rule::AtMost(_) | Rule::Specified | Rule::Positive => Ok(()),
    }
}

impl Field for Secret<String> {
    fn unset() -> Self {
        Self::new(String::new())
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        String::read(sent, name).map(Self::new)
    }

    fn is_set(&self) -> bool {
        !self.expose().is_empty()
    }

    fn show(&self) -> Value {
        self.expose().as_str().into()
    }

    fn obey(&self, rule: Rule) -> Result<(), String> {
        obey(self.expose(), rule)
    }
}

/// A whole number: a JSON number, which may be written as `1.0` or `1e3`, or a text of one.
macro_rules! integer {
    ($kind:ident, $word:literal, $show:expr) => {
        impl Field for $kind {
            fn unset() -> Self {
                0
            }

            fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
                let number = match &sent {
                    Sent::Number(number) => whole(number),
                    Sent::Text(_) | Sent::Words(_) => text(&sent).and_then(|text| text.parse().ok()),
                    Sent::Null | Sent::Bool(_) | Sent::List(_) | Sent::Object(_) => None,
                };
                number.and_then(|number: i128| number.try_into().ok()).ok_or_else(|| Mismatch::of($word, name))
            }

            fn is_set(&self) -> bool {
                *self != 0
            }

            fn show(&self) -> Value {
                let show: fn(&Self) -> Value = $show;
                show(self)
            }

            fn obey(&self, rule: Rule) -> Result<(), String> {
                let fails = rule == Rule::Positive && *self < 1;
                if fails { Err("value must be greater than 0".into()) } else { Ok(()) }
            }
        }
    };
}

integer!(u32, "uint32", |number| (*number).into());
integer!(i32, "int32", |number| (*number).into());
integer!(u64, "uint64", |number| number.to_string().into());
integer!(i64, "int64", |number| number.to_string().into());

#[expect(clippy::cast_possible_truncation, reason = "a whole float within the limits is a whole number")]
fn whole(number: &serde_json::Number) -> Option<i128> {
    let exact = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from));
    let float =
        || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15).map(|float| float as i128);
    exact.or_else(float)
}

/// Bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

impl Field for Bytes {
    fn unset() -> Self {
        Self::default()
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        let plain = text(&sent).map(|text| text.replace('-', "+").replace('_', "/"));
        let bytes = plain.and_then(|text| ANY_STANDARD.decode(text).ok());
        bytes.map(Self).ok_or_else(|| Mismatch::of("bytes", name))
    }

    fn is_set(&self) -> bool {
        !self.0.is_empty()
    }

    fn show(&self) -> Value {
        STANDARD.encode(&self.0).into()
    }
}

/// Seconds with `s` behind them, up to nine decimals. None of ours is negative.
impl Field for Duration {
    fn unset() -> Self {
        Self::ZERO
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        text(&sent).and_then(seconds).ok_or_else(|| Mismatch::of("google.protobuf.Duration", name))
    }

    fn is_set(&self) -> bool {
        true
    }

    fn show(&self) -> Value {
        let (secs, nanos) = (self.as_secs(), self.subsec_nanos());
        let text = match nanos {
            0 => format!("{secs}s"),
            nanos if nanos % 1_000_000 == 0 => format!("{secs}.{:03}s", nanos / 1_000_000),
            nanos if nanos % 1_000 == 0 => format!("{secs}.{:06}s", nanos / 1_000),
            nanos => format!("{secs}.{nanos:09}s"),
        };
        text.into()
    }

    fn obey(&self, rule: Rule) -> Result<(), String> {
        let fails = rule == Rule::Positive && self.is_zero();
        if fails { Err("value must be greater than 0s".into()) } else { Ok(()) }
    }
}

/// The longest duration there is: about 10 000 years.
const LONGEST: u64 = 315_576_000_000;

fn seconds(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let secs = whole.parse().ok().filter(|secs| *secs <= LONGEST)?;
    Some(Duration::new(secs, format!("{fraction:0<9}").parse().ok()?))
}

/// RFC 3339; written in UTC with 0 or 3 decimals.
impl Field for Timestamp {
    fn unset() -> Self {
        Self::EPOCH
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        text(&sent).and_then(Self::parse).ok_or_else(|| Mismatch::of("google.protobuf.Timestamp", name))
    }

    fn is_set(&self) -> bool {
        true
    }

    fn show(&self) -> Value {
        let pattern =
            if self.as_millis().is_multiple_of(1000) { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.3fZ" };
        self.written(pattern).into()
    }
}

/// Any JSON object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Struct(pub(super) Value);

impl Field for Struct {
    fn unset() -> Self {
        Self(Value::Object(serde_json::Map::new()))
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        let members: Members = sent.into_members(name)?;
        Ok(Self(Sent::Object(members).into()))
    }

    fn is_set(&self) -> bool {
        true
    }

    fn show(&self) -> Value {
        self.0.clone()
    }
}

/// What is said of an enumeration.
pub(super) enum Choice<'a> {
    /// A number.
    Number(i128),
    /// A name.
    Name(&'a str),
}

/// What `sent` says of the enumeration `name`.
///
/// # Errors
/// When it is neither a name nor a number.
pub(super) fn choice<'a>(sent: &'a Sent, name: &str) -> Result<Choice<'a>, Mismatch> {
    let choice = match sent {
        Sent::Number(number) => whole(number).map(Choice::Number),
        Sent::Text(text) => Some(Choice::Name(text)),
        Sent::Words(words) => words.last().map(|word| match word.parse() {
            Ok(number) => Choice::Number(number),
            Err(_) => Choice::Name(word),
        }),
        Sent::Null | Sent::Bool(_) | Sent::List(_) | Sent::Object(_) => None,
    };
    choice.ok_or_else(|| Mismatch::of("enum", name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T: Field>(value: Value) -> Option<T> {
        T::read(value.into(), "x").ok()
    }

    fn word<T: Field>(word: &str) -> Option<T> {
        T::read(Sent::Words(vec![word.into()]), "x").ok()
    }

    #[test]
    fn numbers_of_64_bits_are_texts_on_the_way_out_and_either_on_the_way_in() {
        assert_eq!(read::<u64>(json!("580")), Some(580));
        assert_eq!(read::<u64>(json!(18_446_744_073_709_551_615_u64)), Some(u64::MAX));
        assert_eq!(read::<u64>(json!(1e3)), Some(1000));
        assert_eq!(u64::MAX.show(), json!("18446744073709551615"));
        assert_eq!(7_u32.show(), json!(7));
        assert_eq!(word::<i64>("-3"), Some(-3));
        for wrong in [json!(-1), json!(1.5), json!("1.5"), json!(""), json!(" 1"), json!(true), json!(1e300), json!([])]
        {
            assert_eq!(read::<u64>(wrong.clone()), None, "{wrong}");
        }
        assert_eq!(read::<u32>(json!(4_294_967_296_u64)), None);
    }

    #[test]
    fn only_a_query_may_say_a_boolean_in_words() {
        assert_eq!(word::<bool>("true"), Some(true));
        assert_eq!(word::<bool>("yes"), None);
        assert_eq!(read::<bool>(json!("true")), None);
        assert_eq!(read::<bool>(json!(1)), None);
        assert_eq!(read::<String>(json!(1)), None);
    }

    #[test]
    fn bytes_are_taken_in_every_alphabet_and_with_any_padding() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(read::<Bytes>(json!(text)), Some(Bytes(vec![0xfb, 0xff])), "{text}");
        }
        assert_eq!(read::<Bytes>(json!("?")), None);
        assert_eq!(Bytes(vec![0xfb, 0xff]).show(), json!("+/8="));
    }

    #[test]
    fn durations_and_moments_are_written_as_the_protocol_wants_them() {
        for (text, millis) in [("3600s", 3_600_000), ("1.5s", 1_500), ("0.000s", 0), ("0s", 0)] {
            assert_eq!(read::<Duration>(json!(text)), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["3600", "-1s", "s", ".5s", "1.s", "1.0000000001s", "1e3s", "+1s", "99999999999999s", " 1s"] {
            assert_eq!(read::<Duration>(json!(text)), None, "{text}");
        }
        assert_eq!(Duration::from_hours(240).show(), json!("864000s"));
        assert_eq!(Duration::from_millis(1500).show(), json!("1.500s"));
        assert_eq!(Timestamp::from_secs(1_111_111_109).show(), json!("2005-03-18T01:58:29Z"));
        assert_eq!(Timestamp::from_millis(1_111_111_109_250).show(), json!("2005-03-18T01:58:29.250Z"));
        assert_eq!(
            read::<Timestamp>(json!("2005-03-18T02:58:29.25+01:00")),
            Some(Timestamp::from_millis(1_111_111_109_250))
        );
        assert_eq!(read::<Timestamp>(json!("2005-03-18")), None);
    }
}
