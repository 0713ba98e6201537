//! Parameters: what a route declares, and how what was sent becomes that, as weakly typed as Vault takes it.
//!
//! No error repeats what was sent (CVE-2025-4166): a secret may have been sent in the wrong place.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::duration;

/// A parameter of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// The types that parameters are declared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A span of whole seconds, not negative.
    Seconds,
    /// A span of whole seconds.
    SignedSeconds,
    /// A switch.
    Bool,
    /// A list of texts; one text is split at its commas.
    List,
    /// A list of texts; one text is one of them.
    Texts,
    /// Texts by name.
    Map,
    /// Texts by name, or null to remove one.
    Patch,
    /// A JSON object, as it is.
    Object,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Bool(bool),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    Patch(BTreeMap<String, Option<String>>),
    /// As it was sent, in JSON.
    Object(String),
}

/// A parameter as it was sent: in JSON, or as text in a form or a query.
#[derive(Debug, Clone)]
pub(super) enum Sent {
    Json(Box<RawValue>),
    Text(String),
}

/// `sent` as one of JSON's kinds, with numbers kept as they were written.
enum Literal {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Box<RawValue>>),
    Object(BTreeMap<String, Box<RawValue>>),
}

impl Literal {
    fn of(sent: &Sent) -> Result<Self, String> {
        match sent {
            Sent::Text(text) => Ok(Self::Text(text.clone())),
            Sent::Json(json) => Self::of_json(json),
        }
    }

    fn of_json(json: &RawValue) -> Result<Self, String> {
        let text = json.get();
        let broken = |_| "the value cannot be read".to_owned();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map(Self::Text).map_err(broken),
            Some(b'[') => serde_json::from_str(text).map(Self::Array).map_err(broken),
            Some(b'{') => serde_json::from_str(text).map(Self::Object).map_err(broken),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            Some(b'n') => Ok(Self::Null),
            Some(_) | None => Ok(Self::Number(text.into())),
        }
    }

    const fn go_type(&self) -> &'static str {
        match self {
            Self::Null => "<nil>",
            Self::Bool(_) => "bool",
            Self::Number(_) => "json.Number",
            Self::Text(_) => "string",
            Self::Array(_) => "[]interface {}",
            Self::Object(_) => "map[string]interface {}",
        }
    }

    fn unconvertible(&self, wanted: &str) -> String {
        format!("'' expected type '{wanted}', got unconvertible type '{}'", self.go_type())
    }

    /// A single value as text: numbers as they were written, switches as `1` and `0`.
    fn into_text(self) -> Result<String, String> {
        match self {
            Self::Text(text) | Self::Number(text) => Ok(text),
            Self::Bool(switch) => Ok(if switch { "1" } else { "0" }.into()),
            Self::Null => Ok(String::new()),
            Self::Array(_) | Self::Object(_) => Err(self.unconvertible("string")),
        }
    }
}

/// `sent` as a value of `kind`; `None` where null means that nothing was sent.
///
/// # Errors
/// Why it cannot be, in Vault's words where they give nothing away.
pub(super) fn convert(kind: Kind, name: &str, sent: &Sent) -> Result<Option<Value>, String> {
    let literal = Literal::of(sent)?;
    match kind {
        Kind::Text if matches!(literal, Literal::Null) => Ok(None),
        Kind::Text => literal.into_text().map(Value::Text).map(Some),
        Kind::Int => int(literal).map(Value::Int).map(Some),
        Kind::Seconds | Kind::SignedSeconds => seconds(literal, kind),
        Kind::Bool => switch(literal).map(Value::Bool).map(Some),
        Kind::List => list(literal, |text| text.split(',').map(str::to_owned).collect()),
        Kind::Texts => list(literal, |text| vec![text]),
        Kind::Map => map(literal, name).map(|map| map.map(Value::Map)),
        Kind::Patch => patch(literal),
        Kind::Object => object(literal, sent),
    }
}

fn int(literal: Literal) -> Result<i64, String> {
    match literal {
        Literal::Null => Ok(0),
        Literal::Bool(switch) => Ok(i64::from(switch)),
        Literal::Text(text) if text.is_empty() => Ok(0),
        Literal::Text(text) | Literal::Number(text) => parse_int(&text)
            .ok_or_else(|| "'' cannot parse value as 'int': strconv.ParseInt: invalid syntax".to_owned()),
        Literal::Array(_) | Literal::Object(_) => Err(literal.unconvertible("int")),
    }
}

/// A whole number as Go writes it in source: decimal, `0x`, `0o`, `0b`, or octal behind a bare zero.
fn parse_int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.split_at_checked(2) {
        Some(("0x", rest)) => (16, rest),
        Some(("0o", rest)) => (8, rest),
        Some(("0b", rest)) => (2, rest),
        _ => match lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
            Some(rest) => (8, rest),
            None => (10, lower.as_str()),
        },
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    i128::from_str_radix(digits, radix).ok().and_then(|number| i64::try_from(number * sign).ok())
}

fn seconds(literal: Literal, kind: Kind) -> Result<Option<Value>, String> {
    let text = match literal {
        Literal::Null => return Ok(None),
        Literal::Text(text) | Literal::Number(text) => text,
        Literal::Bool(_) | Literal::Array(_) | Literal::Object(_) => {
            return Err("could not parse duration from input".into());
        }
    };
    let seconds = duration::parse(&text).map_err(|error| error.to_string())?;
    if seconds < 0 && kind == Kind::Seconds {
        return Err(format!("cannot provide negative value '{seconds}'"));
    }
    Ok(Some(Value::Int(seconds)))
}

fn switch(literal: Literal) -> Result<bool, String> {
    match literal {
        Literal::Null => Ok(false),
        Literal::Bool(switch) => Ok(switch),
        Literal::Number(number) => Ok(!number.trim_start_matches('-').trim_start_matches(['0', '.']).is_empty()),
        Literal::Text(text) if text.is_empty() => Ok(false),
        Literal::Text(text) => go_bool(&text)
            .ok_or_else(|| "'' cannot parse value as 'bool': strconv.ParseBool: invalid syntax".to_owned()),
        Literal::Array(_) | Literal::Object(_) => Err(literal.unconvertible("bool")),
    }
}

/// A switch as Go's `ParseBool` reads it.
pub(super) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A list of texts; `several` says what one text comes to.
fn list(literal: Literal, several: fn(String) -> Vec<String>) -> Result<Option<Value>, String> {
    let texts = match literal {
        Literal::Null => return Ok(None),
        Literal::Array(items) => {
            let texts = items.iter().map(|item| Literal::of_json(item)?.into_text());
            texts.collect::<Result<Vec<_>, _>>()?
        }
        Literal::Bool(_) | Literal::Number(_) | Literal::Text(_) | Literal::Object(_) => several(literal.into_text()?),
    };
    let trimmed = texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(Some(Value::List(trimmed.collect())))
}

fn map(literal: Literal, name: &str) -> Result<Option<BTreeMap<String, String>>, String> {
    match literal {
        Literal::Null => Ok(None),
        Literal::Object(members) => {
            let texts = members.into_iter().map(|(key, value)| Ok((key, Literal::of_json(&value)?.into_text()?)));
            texts.collect::<Result<_, _>>().map(Some)
        }
        Literal::Array(items) => {
            let texts = items.iter().map(|item| Literal::of_json(item)?.into_text());
            pairs(&texts.collect::<Result<Vec<_>, _>>()?, name).map(Some)
        }
        Literal::Bool(_) | Literal::Number(_) | Literal::Text(_) => pairs(&[literal.into_text()?], name).map(Some),
    }
}

fn pairs(texts: &[String], name: &str) -> Result<BTreeMap<String, String>, String> {
    let pair = |(at, text): (usize, &String)| match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err(format!("invalid key pair at index {at} in field \"{name}\"")),
    };
    texts.iter().enumerate().map(pair).collect()
}

fn patch(literal: Literal) -> Result<Option<Value>, String> {
    let Literal::Object(members) = literal else { return Err(literal.unconvertible("map[string]string")) };
    let changes = members.into_iter().map(|(key, value)| match Literal::of_json(&value)? {
        Literal::Null => Ok((key, None)),
        literal @ (Literal::Bool(_)
        | Literal::Number(_)
        | Literal::Text(_)
        | Literal::Array(_)
        | Literal::Object(_)) => literal.into_text().map(|text| (key, Some(text))),
    });
    changes.collect::<Result<_, String>>().map(|changes| Some(Value::Patch(changes)))
}

fn object(literal: Literal, sent: &Sent) -> Result<Option<Value>, String> {
    match (literal, sent) {
        (Literal::Null, _) => Ok(None),
        (Literal::Object(_), Sent::Json(json)) => Ok(Some(Value::Object(json.get().to_owned()))),
        (literal, Sent::Json(_) | Sent::Text(_)) => Err(literal.unconvertible("map[string]interface {}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Sent {
        Sent::Json(serde_json::from_str(text).unwrap())
    }

    fn read(kind: Kind, text: &str) -> Result<Option<Value>, String> {
        convert(kind, "f", &json(text))
    }

    #[test]
    fn texts_are_taken_from_anything_single() {
        let text = |text: &str| Ok(Some(Value::Text(text.into())));
        assert_eq!(read(Kind::Text, "\"a\""), text("a"));
        assert_eq!(read(Kind::Text, "910201"), text("910201"));
        assert_eq!(read(Kind::Text, "1.50"), text("1.50"));
        assert_eq!(read(Kind::Text, "true"), text("1"));
        assert_eq!(read(Kind::Text, "null"), Ok(None));
        assert!(read(Kind::Text, "[1]").is_err());
    }

    #[test]
    fn numbers_are_taken_from_texts_but_fractions_are_not() {
        for (sent, number) in [
            ("6", 6),
            ("\"6\"", 6),
            ("\"0x8\"", 8),
            ("\"010\"", 8),
            ("\"-0b11\"", -3),
            ("\"\"", 0),
            ("null", 0),
            ("true", 1),
        ] {
            assert_eq!(read(Kind::Int, sent), Ok(Some(Value::Int(number))), "{sent}");
        }
        for sent in ["8.0", "\"six\"", "{}", "99999999999999999999", "\"0x\"", "\"--1\"", "\"1_\""] {
            assert!(read(Kind::Int, sent).is_err(), "{sent}");
        }
    }

    #[test]
    fn lists_and_maps_come_in_several_shapes() {
        let list = |texts: &[&str]| Ok(Some(Value::List(texts.iter().map(|text| (*text).into()).collect())));
        assert_eq!(read(Kind::List, "\"a, b\""), list(&["a", "b"]));
        assert_eq!(read(Kind::List, "\"\""), list(&[]));
        assert_eq!(read(Kind::List, "[\"a\", 1]"), list(&["a", "1"]));
        assert_eq!(read(Kind::Texts, "\" a,b \""), list(&["a,b"]));
        assert_eq!(read(Kind::Texts, "\"\""), list(&[]));
        assert_eq!(read(Kind::Texts, "[\"a\", \"b,c\"]"), list(&["a", "b,c"]));
        let map = Ok(Some(Value::Map(BTreeMap::from([("a".into(), "1".into()), ("b".into(), "1".into())]))));
        assert_eq!(read(Kind::Map, "{\"a\":1,\"b\":true}"), map);
        assert_eq!(read(Kind::Map, "[\"a=1\",\"b=1\"]"), map);
        assert_eq!(read(Kind::Map, "\"text\""), Err("invalid key pair at index 0 in field \"f\"".into()));
    }

    #[test]
    fn an_object_is_kept_as_it_is() {
        assert_eq!(read(Kind::Object, "null"), Ok(None));
        assert_eq!(read(Kind::Object, "{\"a\": 1e1}"), Ok(Some(Value::Object("{\"a\": 1e1}".into()))));
        for sent in ["\"{}\"", "[]", "1", "true"] {
            assert!(read(Kind::Object, sent).is_err(), "{sent}");
        }
        assert!(convert(Kind::Object, "f", &Sent::Text("{}".into())).is_err());
    }

    #[test]
    fn no_error_repeats_what_was_sent() {
        let secret = "s3cr3t";
        let kinds =
            [Kind::Text, Kind::Int, Kind::Seconds, Kind::Bool, Kind::List, Kind::Map, Kind::Patch, Kind::Object];
        for kind in kinds {
            for sent in ["\"s3cr3t\"", "{\"s3cr3t\":{\"s3cr3t\":1}}", "[{\"s3cr3t\":1}]", "[[\"s3cr3t\"]]"] {
                if let Err(error) = read(kind, sent) {
                    assert!(!error.contains(secret), "{kind:?} {sent}: {error}");
                }
            }
        }
    }
}
