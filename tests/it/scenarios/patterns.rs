//! What differs between any two servers, found in texts: ids, moments, names made up, secrets, waiting times.
//!
//! A pattern is asked at each place of a text. It is told the character before and what follows, and gives what is left behind its match.

type Pattern = fn(Option<char>, &str) -> Option<&str>;

/// `text` with every match of `pattern` replaced.
pub(super) fn rewrite(text: &str, pattern: Pattern, mut replacement: impl FnMut(&str) -> String) -> String {
    let (mut out, mut before, mut rest) = (String::new(), None, text);
    while let Some(first) = rest.chars().next() {
        let behind = pattern(before, rest).filter(|behind| behind.len() < rest.len());
        let (here, after) = rest.split_at(behind.map_or(first.len_utf8(), |behind| rest.len() - behind.len()));
        match behind {
            Some(_) => out += &replacement(here),
            None => out += here,
        }
        (before, rest) = (here.chars().next_back(), after);
    }
    out
}

/// A UUID; outside the root namespace with a dot and its namespace's id.
pub(super) fn id(_: Option<char>, text: &str) -> Option<&str> {
    shaped(text, "########-####-####-####-############").map(maybe_namespace)
}

/// A name that was made up for an entity or a group, with its namespace's id like an id.
pub(super) fn made_up_name(before: Option<char>, text: &str) -> Option<&str> {
    let digits = text.strip_prefix("entity_").or_else(|| text.strip_prefix("group_"));
    shaped(digits?, "########").map(maybe_namespace).filter(|_| !before.is_some_and(is_word))
}

/// A moment of RFC 3339.
pub(super) fn moment(_: Option<char>, text: &str) -> Option<&str> {
    let rest = shaped(text, "9999-99-99T99:99:99")?;
    let decimals = rest.strip_prefix('.').map(|decimals| decimals.trim_start_matches(|c: char| c.is_ascii_digit()));
    let rest = decimals.unwrap_or(rest);
    rest.strip_prefix('Z').or_else(|| shaped(rest.strip_prefix(['+', '-'])?, "99:99"))
}

/// The accessor of a mount: lower-case words and eight hexadecimal digits, with `_` between them.
pub(super) fn mount(before: Option<char>, text: &str) -> Option<&str> {
    let behind = text.trim_start_matches(is_word);
    let (words, digits) = text[..text.len() - behind.len()].rsplit_once('_')?;
    let is_lower = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let fits = shaped(digits, "########") == Some("") && words.split('_').all(is_lower);
    (fits && !before.is_some_and(is_word)).then_some(behind)
}

/// The seed in a key URI.
pub(super) fn seed(_: Option<char>, text: &str) -> Option<&str> {
    let seed = text.strip_prefix("secret=")?;
    let behind = seed.trim_start_matches(|c: char| matches!(c, 'A'..='Z' | '2'..='7'));
    (behind.len() < seed.len()).then_some(behind)
}

/// How long to wait, in any of the ways that servers say it: `again in 07 seconds`, `again in 7s seconds`, `again in 7s`, `7s seconds`.
pub(super) fn wait(_: Option<char>, text: &str) -> Option<&str> {
    if let Some(behind) = text.strip_prefix("again in ").and_then(number)
        && let Some(behind) = ["s s", "ss", " s", "s"].iter().find_map(|unit| behind.strip_prefix(unit))
    {
        let behind = behind.strip_prefix("econds").unwrap_or(behind);
        return Some(behind.strip_prefix(" seconds").unwrap_or(behind));
    }
    number(text)?.strip_prefix("s seconds")
}

fn number(text: &str) -> Option<&str> {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    (behind.len() < text.len()).then_some(behind)
}

/// A text of this shape: `#` is a lower-case hexadecimal digit, `9` a decimal one, anything else itself.
fn shaped<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let (here, behind) = text.split_at_checked(shape.len())?;
    let fits = here.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
        b'#' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        b'9' => byte.is_ascii_digit(),
        itself => byte == itself,
    });
    fits.then_some(behind)
}

/// What is behind a dot and the id of a namespace, or `text` where they are not.
fn maybe_namespace(text: &str) -> &str {
    let behind = text.strip_prefix('.').and_then(|text| text.split_at_checked(6)).filter(|(id, behind)| {
        id.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !behind.chars().next().is_some_and(is_word)
    });
    behind.map_or(text, |(_, behind)| behind)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn a_pattern_is_found_wherever_it_stands_and_nowhere_else() {
    let marked: [(Pattern, &str); 14] = [
        (id, "x<c1372abf-bf64-1f26-c2a4-cbcfa135b775.Ab12Cd>, <c1372abf-bf64-1f26-c2a4-cbcfa135b775>.Ab12Cde"),
        (id, "C1372ABF-BF64-1F26-C2A4-CBCFA135B775 c1372abf-bf64-1f26-c2a4-cbcfa135b77"),
        (made_up_name, "<entity_0123abcd.a1b2c3> <group_0123abcd>ef xentity_0123abcd entity_0123ABCD"),
        (mount, "in <auth_user_pass_0123abcd>: Auth_0123abcd _0123abcd"),
        (mount, "auth_0123abcde xauth__0123abcd é_0123abcd 0123abcd"),
        (moment, "<2026-11-24T09:30:00.125Z>/<2026-11-24T09:30:00+01:00>"),
        (moment, "2026-11-24T09:30:00 2026-11-24 09:30:00Z"),
        (seed, "?<secret=ABC234>&x secret=1"),
        (wait, "try <again in 07 seconds>."),
        (wait, "try <again in 7.5s seconds>."),
        (wait, "try <again in 7s>."),
        (wait, "try <again in 07 seconds seconds>."),
        (wait, "try <7s seconds>."),
        (wait, "try again in a while, or 7 seconds"),
    ];
    for (pattern, marked) in marked {
        let text = marked.replace(['<', '>'], "");
        assert_eq!(rewrite(&text, pattern, |found| format!("<{found}>")), marked);
    }
}
