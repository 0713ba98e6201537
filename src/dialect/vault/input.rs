//! A request's parameters: from body, query and path into typed values.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::Error;
use super::field::{Field, Sent, Value, convert};
use super::request::Head;
use crate::engine::access::Capability;
use crate::secret::Secret;

/// The most strings in a body, keys included: parsing costs by their number (CVE-2025-6203).
const MOST_STRINGS: usize = 1_000;

/// Parameters as they were sent, by name.
pub(super) type Parameters = BTreeMap<String, Sent>;

/// The parameters of a request: of a write from its body, of anything else from its query.
pub(super) fn parameters(head: &Head, body: &[u8]) -> Result<Parameters, Error> {
    match head.operation {
        Capability::Read | Capability::Delete | Capability::List => Ok(joined(head.query.iter().cloned())),
        Capability::Update | Capability::Patch => {
            let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
            match first {
                None => Ok(Parameters::new()),
                Some(b'{' | b'[') => json(body),
                Some(_) if head.is_form => Ok(joined(form_urlencoded::parse(body).into_owned())),
                Some(_) => json(body),
            }
        }
    }
}

/// Pairs by name; what is given more than once is joined by commas.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Parameters {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        parameters.entry(name).and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    parameters.into_iter().map(|(name, value)| (name, Sent::Text(value))).collect()
}

fn json(body: &[u8]) -> Result<Parameters, Error> {
    if strings_in(body) > MOST_STRINGS {
        let why = "refused JSON input due to high complexity: exceeded maximum number of strings";
        return Err(Error::bad_request(why));
    }
    let members: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(body).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Eof => "unexpected EOF",
            serde_json::error::Category::Data => "json: cannot unmarshal into Go value of type map[string]interface {}",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "invalid character",
        };
        Error::bad_request(format!(
            "failed to decode JSON input: {kind} (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    Ok(members.unwrap_or_default().into_iter().map(|(name, value)| (name, Sent::Json(value))).collect())
}

/// How many strings a JSON text has, as far as counting quotes tells: at least as many as parsing would make.
fn strings_in(body: &[u8]) -> usize {
    let mut quotes = 0_usize;
    let mut escaped = false;
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quotes += 1,
            _ => {}
        }
    }
    quotes.div_ceil(2)
}

/// A parameter as a bare text; empty if it was not sent, or is no text.
pub(super) fn bare_text(sent: &Parameters, name: &str) -> String {
    match sent.get(name) {
        Some(Sent::Text(text)) => text.clone(),
        Some(Sent::Json(json)) => serde_json::from_str(json.get()).unwrap_or_default(),
        None => String::new(),
    }
}

/// The typed parameters of a request, and what is to be said about those that were sent.
#[derive(Default)]
pub(super) struct Input {
    values: BTreeMap<&'static str, Value>,
    /// What the caller should know of its parameters: said only where there is a body to say it in.
    pub(super) warnings: Vec<String>,
}

/// How a conversion's failure is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// As a failed validation of a named field.
    Field,
    /// As that of a named field, where the reference looks at parameters before it validates them: to see whether what they are for exists.
    Early,
    /// Just the reason.
    Bare,
}

impl Input {
    /// The parameters that `fields` declare, out of those `sent` and those `captured` from the path, which win.
    pub(super) fn typed(
        fields: &'static [Field],
        wording: Wording,
        sent: &Parameters,
        captured: &[(&'static str, String)],
    ) -> Result<Self, Error> {
        let mut values = BTreeMap::new();
        for (name, given) in sent {
            let Some(field) = fields.iter().find(|field| field.name == name) else { continue };
            let value = convert(field.kind, field.name, given).map_err(|why| match wording {
                Wording::Bare => Error::bad_request(why),
                Wording::Early => Error::bad_request(format!("error converting input for field \"{name}\": {why}")),
                Wording::Field => Error::bad_request(format!(
                    "Field validation failed: error converting input for field \"{name}\": {why}"
                )),
            })?;
            if let Some(value) = value {
                values.insert(field.name, value);
            }
        }
        let is_captured = |name: &str| captured.iter().any(|(capture, _)| *capture == name);
        let is_known = |name: &str| fields.iter().any(|field| field.name == name);
        let unknown: Vec<&str> =
            sent.keys().map(String::as_str).filter(|name| !is_known(name) && !is_captured(name)).collect();
        let replaced: Vec<&str> = sent.keys().map(String::as_str).filter(|name| is_captured(name)).collect();
        let mut warnings = Vec::new();
        if !unknown.is_empty() {
            warnings.push(format!("Endpoint ignored these unrecognized parameters: [{}]", unknown.join(" ")));
        }
        if !replaced.is_empty() {
            warnings.push(format!(
                "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [{}]",
                replaced.join(" ")
            ));
        }
        for (name, value) in captured {
            values.insert(name, Value::Text(value.clone()));
        }
        Ok(Self { values, warnings })
    }

    /// A text, empty if it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.given_text(name).unwrap_or_default()
    }

    /// A text, if it was given.
    pub(super) fn given_text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Value::Text(text)) => Some(text),
            Some(
                Value::Int(_) | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Patch(_) | Value::Object(_),
            )
            | None => None,
        }
    }

    /// A secret text, empty if it was not given.
    pub(super) fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.text(name).to_owned())
    }

    /// A number, or a span in seconds, if it was given.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        match self.values.get(name) {
            Some(Value::Int(number)) => Some(*number),
            Some(
                Value::Text(_) | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Patch(_) | Value::Object(_),
            )
            | None => None,
        }
    }

    /// A switch, if it was given.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        match self.values.get(name) {
            Some(Value::Bool(switch)) => Some(*switch),
            Some(
                Value::Text(_) | Value::Int(_) | Value::List(_) | Value::Map(_) | Value::Patch(_) | Value::Object(_),
            )
            | None => None,
        }
    }

    /// A list, if it was given.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.values.get(name) {
            Some(Value::List(list)) => Some(list.clone()),
            Some(
                Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::Map(_) | Value::Patch(_) | Value::Object(_),
            )
            | None => None,
        }
    }

    /// Texts by name, if they were given.
    pub(super) fn map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        match self.values.get(name) {
            Some(Value::Map(map)) => Some(map.clone()),
            Some(
                Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::List(_) | Value::Patch(_) | Value::Object(_),
            )
            | None => None,
        }
    }

    /// The parameters inside one that declares `fields` of its own, if it was given.
    ///
    /// # Errors
    /// When one of them is of a wrong type.
    pub(super) fn inside(&self, name: &str, fields: &'static [Field]) -> Result<Option<Self>, Error> {
        let Some(Value::Object(sent)) = self.values.get(name) else { return Ok(None) };
        Self::typed(fields, Wording::Bare, &json(sent.as_bytes())?, &[]).map(Some)
    }

    /// Changes by name, if they were given.
    pub(super) fn patch(&self, name: &str) -> Option<BTreeMap<String, Option<String>>> {
        match self.values.get(name) {
            Some(Value::Patch(patch)) => Some(patch.clone()),
            Some(
                Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Object(_),
            )
            | None => None,
        }
    }

    /// A JSON object as it was sent, if it was given.
    pub(super) fn object(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Value::Object(json)) => Some(json),
            Some(
                Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Patch(_),
            )
            | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_counted_before_they_are_parsed() {
        assert_eq!(strings_in(br#"{"a":"b\"c","d":1}"#), 3);
        assert_eq!(strings_in(br#"{"a\\":1}"#), 1);
        let keys: Vec<String> = (0..1_001).map(|n| format!("\"k{n}\":1")).collect();
        assert!(json(format!("{{{}}}", keys.join(",")).as_bytes()).is_err());
        assert!(json(format!("{{{}}}", keys[1..].join(",")).as_bytes()).is_ok());
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_null_is_nothing() {
        let last = json(br#"{"a":1,"a":2}"#).unwrap();
        assert!(matches!(last.get("a"), Some(Sent::Json(value)) if value.get() == "2"));
        assert!(json(b"null").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["[]", "\"x\"", "1", "{", "{}x", "{}{}", "{\"a\"}", "{a:1}", "\u{feff}{}", "nul"] {
            let error = json(body.as_bytes()).err().unwrap();
            assert!(format!("{error:?}").contains("failed to decode JSON input: "), "{body}");
        }
        assert!(json(b"{\"a\":\"\xff\"}").is_err());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        drop(json(deep.as_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn no_body_upsets_the_parser(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            drop(json(&body));
        }
    }
}
