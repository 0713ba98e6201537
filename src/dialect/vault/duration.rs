//! Spans of time as Vault writes them on the wire: Go's durations, bare seconds, and days.

use std::time::Duration;

/// Why a text is no span of time. It does not say which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// It is a number that needs a unit.
    #[error("time: missing unit in duration")]
    MissingUnit,
    /// It is nothing like a span.
    #[error("time: invalid duration")]
    Invalid,
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The whole seconds of `text`: `""` is none, bare digits are seconds, else a Go duration such as `1h30m` or `1500ms`, or whole days such as `2d`.
pub(super) fn parse(text: &str) -> Result<i64, Error> {
    if text.is_empty() {
        return Ok(0);
    }
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let nanos = match unsigned.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        Some(days) => i128::from(days) * 86_400 * NANOS_PER_SECOND,
        None => parse_go(unsigned)?,
    };
    i64::try_from(sign * nanos / NANOS_PER_SECOND).map_err(|_| Error::Invalid)
}

/// Go's `ParseDuration` without its sign, in nanoseconds: one or more of a decimal number and a unit.
fn parse_go(text: &str) -> Result<i128, Error> {
    let mut total: i128 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(Error::Invalid);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 24 {
            return Err(Error::Invalid);
        }
        let nanos_per_unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS_PER_SECOND,
            "m" => 60 * NANOS_PER_SECOND,
            "h" => 3_600 * NANOS_PER_SECOND,
            "" => return Err(Error::MissingUnit),
            _ => return Err(Error::Invalid),
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Error::Invalid)? };
        let decimals: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        let decimals: i128 = decimals.parse().map_err(|_| Error::Invalid)?;
        let part = whole.checked_mul(nanos_per_unit).ok_or(Error::Invalid)?;
        total = total.checked_add(part + decimals * nanos_per_unit / NANOS_PER_SECOND).ok_or(Error::Invalid)?;
        rest = behind;
    }
    Ok(total)
}

/// A span in Vault's short form: `1h`, `30m`, `1h30m`, `2s`.
pub(super) fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    let parts = [(seconds / 3_600, 'h'), (seconds % 3_600 / 60, 'm'), (seconds % 60, 's')];
    let shown: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let text = shown.concat();
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_go_and_vault_do() {
        let cases = [
            ("", 0),
            ("30", 30),
            ("-5", -5),
            ("30s", 30),
            ("1m30s", 90),
            ("1h", 3600),
            ("1h30m", 5400),
            ("1500ms", 1),
            ("500ms", 0),
            ("1.5h", 5400),
            (".5m", 30),
            ("1d", 86_400),
            ("-1h", -3600),
            ("1µs", 0),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        assert_eq!(parse("30.5"), Err(Error::MissingUnit));
        for text in
            ["abc", "1w", "1M", " 1s", "1 s", "1d2h", "s", ".", "1.2.3s", "-", "9999999999999999999999h", "1e3s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_written_in_short() {
        for (seconds, text) in [(3600, "1h"), (1800, "30m"), (5400, "1h30m"), (2, "2s"), (0, "0s"), (3601, "1h1s")] {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_has_a_digit_in_it_or_is_empty(text in "\\PC{0,40}") {
            let has_digit = text.is_empty() || text.contains(|c: char| c.is_ascii_digit());
            proptest::prop_assert!(parse(&text).is_err() || has_digit);
        }

        #[test]
        fn what_is_written_is_read(seconds in 0_u64..10_000_000) {
            proptest::prop_assert_eq!(parse(&short(Duration::from_secs(seconds))), Ok(i64::try_from(seconds).unwrap()));
        }
    }
}
