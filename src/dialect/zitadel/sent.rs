//! What was sent, before a message says what it means: a body, a query, the parameters of a path.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::error::Error;
use super::message::{Field, Message, camel, name_of};
use crate::dialect::path::decode;

/// A value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    /// The field is not set.
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// What a query or a path says: texts of which only the field knows what they are.
    Words(Vec<String>),
    List(Vec<Self>),
    Object(Members),
}

/// The members of an object, or all parameters of a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Members(BTreeMap<String, Sent>);

/// What was sent is not what the field takes. Says so without repeating it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch(pub(super) String);

impl Mismatch {
    /// The field `name` takes a `kind`.
    pub(super) fn of(kind: &str, name: &str) -> Self {
        Self(format!("invalid value for {kind} field {}", camel(name)))
    }
}

/// How deep the names in a query may nest.
const DEEPEST: usize = 16;

impl Members {
    /// The members of a body. An empty body has none; a comma after the last member of anything is passed over.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub(super) fn of_body(body: &[u8]) -> Result<Self, Error> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let broken = |error: &serde_json::Error| {
            Error::proto(&format!("syntax error (line {}:{})", error.line(), error.column()))
        };
        let value: Value = serde_json::from_slice(&without_last_commas(body)).map_err(|error| broken(&error))?;
        match value {
            Value::Object(members) => Ok(Self(members.into_iter().map(|(name, value)| (name, value.into())).collect())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Error::proto("syntax error (line 1:1): unexpected token"))
            }
        }
    }

    /// The members that a query names, nested ones with dots: `ctx.orgId=1`.
    pub(super) fn of_query(query: &str) -> Self {
        let mut members = Self::default();
        for (name, word) in form_urlencoded::parse(query.as_bytes()) {
            let mut path: Vec<&str> = name.split('.').collect();
            if let (Some(last), true) = (path.pop(), path.len() < DEEPEST) {
                members.say(&path, last, word.into_owned());
            }
        }
        members
    }

    fn say(&mut self, above: &[&str], last: &str, word: String) {
        match above.split_first() {
            None => match self.0.entry(last.to_owned()).or_insert_with(|| Sent::Words(Vec::new())) {
                Sent::Words(words) => words.push(word),
                // One name cannot be both a field and what has fields: the first use counts.
                Sent::Null | Sent::Bool(_) | Sent::Number(_) | Sent::Text(_) | Sent::List(_) | Sent::Object(_) => {}
            },
            Some((first, above)) => {
                let below = self.0.entry((*first).to_owned()).or_insert_with(|| Sent::Object(Self::default()));
                if let Sent::Object(below) = below {
                    below.say(above, last, word);
                }
            }
        }
    }

    /// Add what `others` say about fields that these say nothing about.
    pub(super) fn or(mut self, others: Self) -> Self {
        for (name, value) in others.0 {
            if !self.0.keys().any(|known| name_of(known, &name)) {
                self.0.insert(name, value);
            }
        }
        self
    }

    /// Let the path say that the field `name` is `text`, whatever else says so too.
    pub(super) fn set(&mut self, name: &str, text: String) {
        self.0.retain(|known, _| !name_of(known, name));
        self.0.insert(name.to_owned(), Sent::Words(vec![text]));
    }

    /// Take out the field `name`, in either spelling.
    ///
    /// # Errors
    /// When it is there in both, or is of another kind.
    pub(super) fn take<T: Field>(&mut self, name: &str) -> Result<T, Mismatch> {
        let name = name.trim_start_matches("r#");
        let (snake, camel) = (self.0.remove(name), (name.contains('_')).then(|| self.0.remove(&camel(name))).flatten());
        match (snake, camel) {
            (Some(_), Some(_)) => Err(Mismatch(format!("duplicate field {name:?}"))),
            (Some(Sent::Null) | None, None) | (None, Some(Sent::Null)) => Ok(T::unset()),
            (Some(sent), None) | (None, Some(sent)) => T::read(sent, name),
        }
    }

    /// The text of the field `name`, if it has one: for a look before the message is read.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.iter().find(|(known, _)| name_of(known, name))?.1 {
            Sent::Text(text) => Some(text),
            Sent::Words(words) => words.last().map(String::as_str),
            Sent::Null | Sent::Bool(_) | Sent::Number(_) | Sent::List(_) | Sent::Object(_) => None,
        }
    }

    /// All this as a message that keeps its rules.
    ///
    /// # Errors
    /// When a field is of another kind, or breaks a rule.
    pub(super) fn read<M: Message>(self) -> Result<M, Error> {
        let message = M::read(Sent::Object(self), M::NAME).map_err(|Mismatch(why)| Error::proto(&why))?;
        message.check().map_err(Error::validation)?;
        Ok(message)
    }

    /// Forget what is left.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The members by name, in whatever spelling.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Sent)> {
        self.0.into_iter()
    }
}

impl Sent {
    /// The members of an object, said of the field `name`.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn into_members(self, name: &str) -> Result<Members, Mismatch> {
        match self {
            Self::Object(members) => Ok(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Words(_) | Self::List(_) => {
                Err(Mismatch::of("message", name))
            }
        }
    }
}

impl From<Value> for Sent {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(Members(members.into_iter().map(|(name, value)| (name, value.into())).collect()))
            }
        }
    }
}

impl From<Sent> for Value {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Null => Self::Null,
            Sent::Bool(value) => Self::Bool(value),
            Sent::Number(number) => Self::Number(number),
            Sent::Text(text) => Self::String(text),
            Sent::Words(words) => Self::Array(words.into_iter().map(Self::String).collect()),
            Sent::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Sent::Object(members) => {
                Self::Object(members.0.into_iter().map(|(name, sent)| (name, sent.into())).collect())
            }
        }
    }
}

/// A segment of a path, its percent signs decoded.
pub(super) fn segment(raw: &str) -> Option<String> {
    decode(raw).filter(|text| !text.chars().any(char::is_control))
}

/// `json` with a blank for each comma that has something before and nothing but a closing bracket behind it.
fn without_last_commas(json: &[u8]) -> Vec<u8> {
    let mut out = json.to_vec();
    let (mut in_text, mut escaped, mut before, mut comma) = (false, false, b'{', None);
    for (at, byte) in json.iter().copied().enumerate() {
        if in_text {
            (in_text, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'"' => in_text = true,
            b'}' | b']' => {
                if let Some(place) = comma.and_then(|at: usize| out.get_mut(at)) {
                    *place = b' ';
                }
            }
            _ => {}
        }
        comma = (byte == b',' && !matches!(before, b',' | b'{' | b'[' | b':')).then_some(at);
        before = byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(json: &str) -> String {
        String::from_utf8(without_last_commas(json.as_bytes())).unwrap()
    }

    #[test]
    fn a_comma_is_passed_over_only_behind_a_last_member() {
        assert_eq!(plain(r#"{"a":[1,2, ],}"#), r#"{"a":[1,2  ] }"#);
        assert_eq!(plain("{\"a\":{},\n}"), "{\"a\":{} \n}");
        for kept in [r#"{"a":"b,}"}"#, r#"{"a":"\",}"}"#, r#"{"a":"\\"}"#, "{,}", "[,]", r#"{"a":1,,}"#, r#"{"a":,}"#] {
            assert_eq!(plain(kept), kept);
        }
    }

    #[test]
    fn a_body_is_an_object_or_nothing() {
        assert_eq!(Members::of_body(b" \n").ok().unwrap(), Members::default());
        for body in ["null", "[]", "1", "\"a\"", "{", "{\"a\":}", "{,}", "\u{0}"] {
            assert!(Members::of_body(body.as_bytes()).is_err(), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert!(Members::of_body(deep.as_bytes()).is_err());
    }

    #[test]
    fn the_path_counts_more_than_the_body_and_that_more_than_the_query() {
        let mut members = Members::of_body(br#"{"userId":"body","user_id":"body","name":"body"}"#).ok().unwrap();
        members = members.or(Members::of_query("name=query&userId=query&other=query"));
        members.set("user_id", "path".into());
        let said = |name: &str| members.text(name).map(str::to_owned);
        assert_eq!(said("user_id").as_deref(), Some("path"));
        assert_eq!((said("name").as_deref(), said("other").as_deref()), (Some("body"), Some("query")));
        assert_eq!(members.clone().take::<String>("user_id"), Ok("path".into()));
    }

    #[test]
    fn a_query_nests_by_dots_but_not_without_end() {
        let members = Members::of_query("ctx.orgId=1&a=2&a=3&a.b=4&ctx.instance=true");
        let Some(Sent::Object(ctx)) = members.0.get("ctx") else { panic!("no ctx") };
        assert_eq!(ctx.0.len(), 2);
        assert_eq!(members.0.get("a"), Some(&Sent::Words(vec!["2".into(), "3".into()])));
        let deep = ".a".repeat(30_000);
        assert_eq!(Members::of_query(&format!("a{deep}=1")), Members::default());
    }
}
