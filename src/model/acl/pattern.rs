//! Patterns of paths: which they fit, and which of those that fit counts.
//!
//! `*` at the end stands for anything, a segment `+` for any one segment.

use std::cmp::Reverse;

/// Whether a pattern has wildcards.
pub(super) fn is_wild(pattern: &str) -> bool {
    pattern.ends_with('*') || first_plus(pattern).is_some()
}

/// Where the first segment `+` is.
fn first_plus(pattern: &str) -> Option<usize> {
    let mut at: usize = 0;
    for segment in pattern.split('/') {
        if segment == "+" {
            return Some(at);
        }
        at = at.saturating_add(segment.len()).saturating_add(1);
    }
    None
}

/// Whether a pattern with wildcards fits `path`.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let (stem, is_prefix) = pattern.strip_suffix('*').map_or((pattern, false), |stem| (stem, true));
    let mut segments = path.split('/');
    let mut expected = stem.split('/').peekable();
    while let Some(next) = expected.next() {
        let Some(segment) = segments.next() else { return false };
        let begins = is_prefix && expected.peek().is_none() && segment.starts_with(next);
        if next != "+" && next != segment && !begins {
            return false;
        }
    }
    is_prefix || segments.next().is_none()
}

/// Whether a pattern, with wildcards or without, fits any path that begins with `place`, which ends in a slash.
pub(super) fn reaches(pattern: &str, place: &str) -> bool {
    let (stem, is_prefix) = pattern.strip_suffix('*').map_or((pattern, false), |stem| (stem, true));
    let mut expected = stem.split('/').peekable();
    for segment in place.trim_end_matches('/').split('/') {
        match expected.next() {
            Some(next) if is_prefix && expected.peek().is_none() => return segment.starts_with(next),
            Some(next) if next == "+" || next == segment => {}
            Some(_) | None => return false,
        }
    }
    expected.peek().is_some()
}

/// Of several patterns with wildcards that fit, the one with the greatest rank counts: the one whose first wildcard is the latest, then one
/// that is no prefix, then the one with the fewest `+`, then the longest, then the last in the alphabet.
pub(super) fn rank(pattern: &str) -> impl Ord + use<'_> {
    let is_prefix = pattern.ends_with('*');
    let first = first_plus(pattern).unwrap_or_else(|| pattern.len().saturating_sub(1));
    let plus = pattern.split('/').filter(|segment| *segment == "+").count();
    (first, !is_prefix, Reverse(plus), pattern.len(), pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_end_and_a_plus_any_one_segment() {
        for (pattern, path, fitting) in [
            ("foo*", "foobar/baz", true),
            ("foo/*", "foo/", true),
            ("foo/*", "foo", false),
            ("*", "anything/at/all", true),
            ("*", "", true),
            ("a/+", "a/b", true),
            ("a/+", "a/b/c", false),
            ("a/+", "a", false),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b/d", false),
            ("a/+/c*", "a/b/cd/e", true),
            ("a/+/*", "a/b/", true),
            ("a/+/*", "a/b", false),
            ("+/b", "a/b", true),
            ("+", "a", true),
            ("+", "a/b", false),
            ("a+/b", "ax/b", false),
        ] {
            assert_eq!(is_wild(pattern) && fits(pattern, path), fitting, "{pattern} {path}");
        }
    }

    #[test]
    fn precedence() {
        for (winner, loser) in [
            ("foo/bar*", "foo/+"),
            ("foo/bar*", "foo/*"),
            ("foo/+/bar", "foo/+/ba*"),
            ("foo/+", "foo/*"),
            ("foo/+/bar/b*", "foo/+/+/b*"),
            ("foo/+/bar/ba*", "foo/+/bar/b*"),
            ("foo/+/b/c", "foo/+/a/c"),
            ("a/b/*", "a/*"),
            ("identity/mfa/method/totp/*", "identity/mfa/method/+/admin-destroy"),
        ] {
            assert!(rank(winner) > rank(loser), "{winner} {loser}");
            assert!(rank(loser) < rank(winner), "{winner} {loser}");
        }
    }
}
