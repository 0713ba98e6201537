//! What goes over the wire on success: the envelope, and the shapes inside it.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::{Error, frame};
use super::field::Sent;
use super::input::Parameters;
use super::requirement::Requirement;
use crate::engine::wrapping::{Content, Wrapped};
use crate::id::{Accessor, MethodId};
use crate::model::token::{Kind, Token, normalise_policies};
use crate::secret::Secret;
use crate::time::Timestamp;

/// What a handler answers.
pub(super) enum Reply {
    /// Done, and nothing to say.
    NoContent,
    /// Done, and this to say.
    Body(Box<Body>),
    /// Done; what there is to say is wrapped.
    Wrapped(Box<WrapInfo>),
    /// What was wrapped, as it was.
    Unwrapped(Content),
    /// Done, and this is the whole body: no envelope.
    Document(&'static str),
    /// Refused, where refusing has changed something that must stay.
    Refused(Refusal),
}

/// A refusal that is not a fault: what the caller is told, and what only the log is.
pub(super) struct Refusal {
    /// For the caller.
    pub(super) error: Error,
    /// For the log: why.
    pub(super) reason: String,
    /// For the log: the method, if there is one.
    pub(super) method: Option<MethodId>,
}

/// What there is to say.
#[derive(Default)]
pub(super) struct Body {
    data: Option<Data>,
    auth: Option<Auth>,
    warnings: Vec<String>,
    /// Whether the members of `data` are shown beside the envelope's own too, where old clients look for them.
    at_top_level: bool,
}

/// Data on their way.
enum Data {
    /// As values, whose members are put in the order of their names.
    Values(Value),
    /// As the text that goes out.
    Text(String),
}

impl Reply {
    /// Data of this shape.
    pub(super) fn data(data: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::Body(Box::new(Body { data: Some(Data::Values(to_value(data)?)), ..Body::default() })))
    }

    /// Data of this shape, written out at once: its members are declared in the order of their names.
    pub(super) fn sorted_data(data: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::Body(Box::new(Body { data: Some(Data::Text(written(data)?)), ..Body::default() })))
    }

    /// Data of this shape, whose members are copied to the top level.
    pub(super) fn data_at_top_level(data: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::Body(Box::new(Body {
            data: Some(Data::Values(to_value(data)?)),
            at_top_level: true,
            ..Body::default()
        })))
    }

    /// A token, and what is to be said about it.
    pub(super) fn auth(auth: Auth, warnings: Vec<String>) -> Self {
        Self::Body(Box::new(Body { auth: Some(auth), warnings, ..Body::default() }))
    }

    /// Nothing but a warning.
    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self::warnings(vec![text.into()])
    }

    /// Nothing but these warnings.
    pub(super) fn warnings(warnings: Vec<String>) -> Self {
        Self::Body(Box::new(Body { warnings, ..Body::default() }))
    }

    /// The keys of a list and, where there is more to say of each, that; 404 when there are none.
    pub(super) fn keys(keys: Vec<String>, key_info: Option<BTreeMap<String, Value>>) -> Result<Self, Error> {
        if keys.is_empty() {
            return Err(Error::not_found());
        }
        Self::data(&List { keys, key_info })
    }

    /// This reply as a response, with `warnings` about the request's parameters where there is a body to put them in.
    pub(super) fn respond(self, request_id: &str, warnings: Vec<String>) -> HttpResponse {
        let text = match self {
            Self::NoContent => return frame(StatusCode::NO_CONTENT).finish(),
            Self::Document(text) => return frame(StatusCode::OK).body(text),
            Self::Refused(Refusal { error, reason, method }) => {
                let method = method.as_ref().map(MethodId::as_str);
                tracing::info!(request_id, method, reason, "a factor was refused");
                return error.respond();
            }
            Self::Body(body) => body.into_text(request_id, warnings).map(|text| text + "\n"),
            Self::Wrapped(info) => {
                Envelope { wrap_info: Some(*info), ..Envelope::default() }.to_text().ok().map(|text| text + "\n")
            }
            Self::Unwrapped(content) => Some(identified(content.reply.expose(), request_id)),
        };
        match text {
            Some(text) => frame(StatusCode::OK).body(text),
            None => Error::not_found().respond(),
        }
    }
}

impl Body {
    /// The envelope with this in it, `None` if it cannot be written.
    fn into_text(mut self, request_id: &str, warnings: Vec<String>) -> Option<String> {
        self.warnings.extend(warnings);
        let beside = match &self.data {
            Some(Data::Values(Value::Object(members))) if self.at_top_level => members.clone(),
            Some(_) | None => serde_json::Map::new(),
        };
        let data = match self.data {
            Some(Data::Values(values)) => Some(written(&values).ok()?),
            Some(Data::Text(text)) => Some(text),
            None => None,
        };
        let warnings = Some(self.warnings).filter(|warnings| !warnings.is_empty());
        let (auth, wrap_info) = (self.auth, None);
        Envelope { request_id, data, wrap_info, warnings, auth, beside }.to_text().ok()
    }

    /// Whether it only says what is still to be proven: that is never wrapped, because nobody could prove it.
    pub(super) fn asks_for_more(&self) -> bool {
        self.auth.as_ref().is_some_and(|auth| auth.mfa_requirement.is_some())
    }

    /// This as what is wrapped, with `warnings` about the request's parameters.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn into_content(self, warnings: Vec<String>) -> Result<Content, Error> {
        let accessor = self.auth.as_ref().map(|auth| auth.accessor.as_str()).filter(|accessor| !accessor.is_empty());
        let accessor = accessor.map(Accessor::new);
        let reply = self.into_text("", warnings).ok_or_else(Error::not_found)?;
        Ok(Content { reply: Secret::new(reply), accessor })
    }
}

/// A reply with whatever was sent as its data, exactly as it was sent.
///
/// # Errors
/// When it cannot be written.
pub(super) fn content_of(sent: &Parameters) -> Result<Content, Error> {
    let raw = |sent: &Sent| match sent {
        Sent::Json(json) => Ok(json.clone()),
        Sent::Text(text) => serde_json::value::to_raw_value(text),
    };
    let members = sent.iter().map(|(name, sent)| Ok((name.as_str(), raw(sent)?)));
    let data: BTreeMap<&str, Box<RawValue>> = members.collect::<Result<_, serde_json::Error>>().map_err(unwritable)?;
    let text = Envelope { data: Some(written(&data)?), ..Envelope::default() }.to_text()?;
    Ok(Content { reply: Secret::new(text), accessor: None })
}

/// A wrapped reply's text, as the answer to this request.
fn identified(reply: &str, request_id: &str) -> String {
    match reply.strip_prefix(NOT_IDENTIFIED) {
        Some(rest) => format!("{{\"request_id\":\"{request_id}\"{rest}"),
        None => reply.into(),
    }
}

/// What the text of a wrapped reply begins with.
const NOT_IDENTIFIED: &str = r#"{"request_id":"""#;

/// What is told of a reply that is wrapped.
#[derive(Serialize)]
pub(super) struct WrapInfo {
    token: String,
    accessor: String,
    ttl: u64,
    creation_time: String,
    creation_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped_accessor: Option<String>,
}

impl From<Wrapped> for WrapInfo {
    fn from(wrapped: Wrapped) -> Self {
        let Wrapped { text, token, wrapping } = wrapped;
        Self {
            token: text.expose().clone(),
            accessor: token.to_string(),
            ttl: wrapping.ttl.as_secs(),
            creation_time: wrapping.created_at.to_string(),
            creation_path: wrapping.creation_path,
            wrapped_accessor: wrapping.accessor.map(|accessor| accessor.to_string()),
        }
    }
}

/// A value of this shape.
pub(super) fn to_value(data: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(data).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    crate::storage::Error::Backend(error.into()).into()
}

/// The members of [`Envelope`].
const ENVELOPE: [&str; 8] =
    ["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"];

/// What every reply with a body is put in. There are no leases here.
#[derive(Default)]
struct Envelope<'a> {
    /// A UUID or nothing: needs no escapes.
    request_id: &'a str,
    /// JSON, written out.
    data: Option<String>,
    wrap_info: Option<WrapInfo>,
    warnings: Option<Vec<String>>,
    auth: Option<Auth>,
    /// What is shown beside the members above.
    beside: serde_json::Map<String, Value>,
}

impl Envelope<'_> {
    fn to_text(&self) -> Result<String, Error> {
        let data = self.data.as_deref().unwrap_or("null");
        let mut text = String::with_capacity(256 + data.len());
        text.push_str(r#"{"request_id":""#);
        text.push_str(self.request_id);
        text.push_str(r#"","lease_id":"","renewable":false,"lease_duration":0,"data":"#);
        text.push_str(data);
        text.push_str(r#","wrap_info":"#);
        push(&mut text, self.wrap_info.as_ref())?;
        text.push_str(r#","warnings":"#);
        push(&mut text, self.warnings.as_ref())?;
        text.push_str(r#","auth":"#);
        push(&mut text, self.auth.as_ref())?;
        // What a caller names may be called like a member of the envelope's own, which must not be there twice.
        for (name, value) in self.beside.iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str())) {
            text.push(',');
            text.push_str(&written(name)?);
            text.push(':');
            text.push_str(&written(value)?);
        }
        text.push('}');
        Ok(text)
    }
}

/// Add a member's value, which may be nothing.
fn push(text: &mut String, value: Option<&impl Serialize>) -> Result<(), Error> {
    match value {
        Some(value) => text.push_str(&written(value)?),
        None => text.push_str("null"),
    }
    Ok(())
}

/// JSON as Go writes it.
fn written(value: &impl Serialize) -> Result<String, Error> {
    let mut text = Vec::with_capacity(256);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, GoStrings)).map_err(unwritable)?;
    String::from_utf8(text).map_err(|error| crate::storage::Error::Backend(error.into()).into())
}

#[derive(Serialize)]
struct List {
    keys: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_info: Option<BTreeMap<String, Value>>,
}

/// Writes strings as Go's encoder does, which escapes what HTML would read.
struct GoStrings;

impl serde_json::ser::Formatter for GoStrings {
    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, to: &mut W, fragment: &str) -> std::io::Result<()> {
        // Hardly any text has one of them, and bytes are looked through faster than characters.
        if !fragment.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | 0xE2)) {
            return to.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(['&', '<', '>', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            to.write_all(plain.as_bytes())?;
            let mut characters = special.chars();
            if let Some(character) = characters.next() {
                write!(to, "\\u{:04x}", u32::from(character))?;
            }
            rest = characters.as_str();
        }
        to.write_all(rest.as_bytes())
    }
}

/// A token as the envelope shows it.
#[derive(Serialize)]
pub(super) struct Auth {
    client_token: String,
    accessor: String,
    policies: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token_policies: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identity_policies: Vec<String>,
    metadata: Option<BTreeMap<String, String>>,
    lease_duration: u64,
    renewable: bool,
    entity_id: String,
    token_type: &'static str,
    orphan: bool,
    mfa_requirement: Option<Requirement>,
    num_uses: u32,
}

impl Auth {
    /// `token`, with its text if that may be shown, and the policies that its entity brings.
    pub(super) fn of(token: &Token, text: Option<&str>, identity_policies: Vec<String>) -> Self {
        Self {
            client_token: text.unwrap_or_default().into(),
            accessor: accessor(token),
            policies: Some(normalise_policies(token.policies.iter().chain(&identity_policies))),
            token_policies: token.policies.clone(),
            identity_policies,
            metadata: token.meta.clone(),
            lease_duration: token.ttl.as_secs(),
            renewable: token.can_be_renewed(),
            entity_id: entity_id(token),
            token_type: token_type(token.kind),
            orphan: token.parent.is_none(),
            mfa_requirement: None,
            num_uses: token.uses_left.unwrap_or_default(),
        }
    }

    /// No token yet, but what is asked first.
    pub(super) const fn required(requirement: Requirement) -> Self {
        Self {
            client_token: String::new(),
            accessor: String::new(),
            policies: None,
            token_policies: Vec::new(),
            identity_policies: Vec::new(),
            metadata: None,
            lease_duration: 0,
            renewable: false,
            entity_id: String::new(),
            token_type: "default",
            orphan: false,
            mfa_requirement: Some(requirement),
            num_uses: 0,
        }
    }
}

/// A token as a lookup shows it.
#[derive(Serialize)]
pub(super) struct TokenData {
    accessor: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bound_cidrs: Vec<String>,
    creation_time: u64,
    creation_ttl: u64,
    display_name: String,
    entity_id: String,
    expire_time: Option<String>,
    explicit_max_ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_namespace_policies: Option<BTreeMap<String, Vec<String>>>,
    id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identity_policies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_renewal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_renewal_time: Option<u64>,
    meta: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_path: Option<String>,
    num_uses: u32,
    orphan: bool,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    policies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    ttl: u64,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl TokenData {
    /// `token` at this moment, with its text if that may be shown, and the policies that its entity brings. A token that never ends has no time
    /// of issue and no say in renewal.
    pub(super) fn of(token: &Token, text: Option<&str>, identity_policies: Vec<String>, now: Timestamp) -> Self {
        let ends = token.expires_at.is_some();
        Self {
            accessor: accessor(token),
            bound_cidrs: token.bound_cidrs.clone(),
            creation_time: token.created_at.as_secs(),
            creation_ttl: token.creation_ttl.as_secs(),
            display_name: token.display_name.clone(),
            entity_id: entity_id(token),
            expire_time: token.expires_at.map(|end| end.to_string()),
            explicit_max_ttl: token.explicit_max_ttl.as_secs(),
            // An entity brings policies of its own namespace only.
            external_namespace_policies: (!identity_policies.is_empty()).then(BTreeMap::new),
            id: text.unwrap_or_default().into(),
            identity_policies,
            issue_time: ends.then(|| token.created_at.to_string()),
            last_renewal: token.renewed_at.map(|moment| moment.to_string()),
            last_renewal_time: token.renewed_at.map(Timestamp::as_secs),
            meta: token.meta.clone(),
            namespace_path: (!token.scope.id.is_root()).then(|| token.scope.path.clone()),
            num_uses: token.uses_left.unwrap_or_default(),
            orphan: token.parent.is_none(),
            path: token.path.clone(),
            period: Some(token.period.as_secs()).filter(|period| *period > 0),
            policies: token.policies.clone(),
            renewable: ends.then(|| token.can_be_renewed()),
            role: token.role.clone(),
            ttl: token.time_left(now).map_or(0, |left| left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)),
            kind: token_type(token.kind),
        }
    }
}

fn accessor(token: &Token) -> String {
    token.accessor.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn entity_id(token: &Token) -> String {
    token.entity.as_ref().map(ToString::to_string).unwrap_or_default()
}

const fn token_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Service => "service",
        Kind::Batch => "batch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_does() {
        assert_eq!(written(&"a&<b>\u{2028}\"\n").unwrap(), r#""a\u0026\u003cb\u003e\u2028\"\n""#);
    }
}
