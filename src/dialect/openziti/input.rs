//! Bodies as fields: read by name and kind, with faults worded as the controller words them.

use actix_web::web::Bytes;
use serde_json::{Map, Value};

use super::error::Error;
use crate::model::edge::Tags;
use crate::secret::Secret;

/// An object of a body.
pub(super) struct Fields {
    /// What it is called in the body: empty, or a dotted path that ends in a dot.
    at: String,
    members: Map<String, Value>,
}

impl Fields {
    /// Read a body that must be an object.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(body: &Bytes, is_other_than_json: bool) -> Result<Self, Error> {
        if body.is_empty() {
            return Err(Error::field("body", "body is required", ""));
        }
        if is_other_than_json {
            return Err(Error::unparsable());
        }
        Self::of(serde_json::from_slice(body).map_err(|_| Error::unparsable())?)
    }

    /// A value of a body that must be an object.
    fn of(value: Value) -> Result<Self, Error> {
        let Value::Object(members) = value else { return Err(wrong_kind("body", "object", &value)) };
        Ok(Self { at: String::new(), members })
    }

    /// Read a body that must be an array of objects.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read_all(body: &Bytes, is_other_than_json: bool) -> Result<Vec<Self>, Error> {
        if body.is_empty() {
            return Err(Error::field("body", "body is required", ""));
        }
        if is_other_than_json {
            return Err(Error::unparsable());
        }
        let items: Value = serde_json::from_slice(body).map_err(|_| Error::unparsable())?;
        let Value::Array(items) = items else { return Err(wrong_kind("body", "array", &items)) };
        items.into_iter().map(Self::of).collect()
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.at)
    }

    /// What a field says, unless it is absent or null.
    fn said(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there, be it null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.said(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(wrong_kind(&self.name(name), "string", other)),
        }
    }

    /// A text that must be there; it may be empty.
    pub(super) fn required_text(&self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| Error::missing(&self.name(name)))
    }

    /// A secret, which is never repeated to anybody.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret<String>>, Error> {
        match self.said(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::new(text.clone()))),
            Some(_) => Err(Error::field(&self.name(name), &format!("{name} in body must be of type string"), "")),
        }
    }

    /// The code of a second factor, which must be there; it may be empty.
    pub(super) fn code(&self) -> Result<Secret<String>, Error> {
        match self.said("code") {
            Some(Value::String(text)) => Ok(Secret::new(text.clone())),
            Some(_) | None => Err(Error::missing("code")),
        }
    }

    /// A switch.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.said(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_kind(&self.name(name), "boolean", other)),
        }
    }

    /// A whole number.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.said(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong_kind(&self.name(name), "integer", value)),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.said(name) else { return Ok(None) };
        let Value::Array(items) = value else { return Err(wrong_kind(&self.name(name), "array", value)) };
        let text =
            |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| wrong_kind(&self.name(name), "string", item));
        items.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Notes.
    pub(super) fn tags(&self, name: &str) -> Result<Option<Tags>, Error> {
        match self.said(name) {
            None => Ok(None),
            Some(Value::Object(tags)) => Ok(Some(tags.clone())),
            Some(other) => Err(wrong_kind(&self.name(name), "object", other)),
        }
    }

    /// An object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Error> {
        let at = format!("{}.", self.name(name));
        Ok(self.tags(name)?.map(|members| Self { at, members }))
    }

    /// Refuse the lack of any of these.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), Error> {
        match names.iter().find(|name| self.said(name).is_none()) {
            Some(name) => Err(Error::missing(&self.name(name))),
            None => Ok(()),
        }
    }

    /// A text of one of a few spellings.
    pub(super) fn one_of<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = || {
            let field = self.name(name);
            Error::field(&field, &format!("{field} in body is not one of the values that it can have"), &text)
        };
        parse(&text).map(Some).ok_or_else(wrong)
    }
}

/// Whether a text is at least and at most so many characters long.
///
/// # Errors
/// When it is not. What it says is not repeated.
pub(super) fn check_length(field: &str, text: &str, (least, most): (usize, usize)) -> Result<(), Error> {
    let length = text.chars().count();
    if length < least {
        return Err(Error::field(field, &format!("{field} in body should be at least {least} chars long"), ""));
    }
    if length > most {
        return Err(Error::field(field, &format!("{field} in body should be at most {most} chars long"), ""));
    }
    Ok(())
}

fn wrong_kind(field: &str, wanted: &str, value: &Value) -> Error {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let at = if field == "body" { String::new() } else { " in body".into() };
    Error::field(field, &format!("{field}{at} must be of type {wanted}: \"{kind}\""), "")
}
