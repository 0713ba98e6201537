//! What goes over the wire on success: the envelope, and the shapes inside it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::error::{Error, frame};
use crate::model::edge::Tags;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A reply.
pub(super) enum Reply {
    /// Data in the envelope.
    Data {
        /// The status.
        status: StatusCode,
        /// The data.
        data: Value,
        /// What is said about them.
        meta: Value,
    },
    /// The session that a login began, with its token.
    Session {
        /// It.
        data: Value,
        /// Its token.
        token: Secret<String>,
    },
    /// A picture.
    Png(Vec<u8>),
    /// A refusal that had to be committed.
    Refused(Error),
}

impl Reply {
    /// Data.
    pub(super) fn data(data: impl Into<Value>) -> Self {
        Self::Data { status: StatusCode::OK, data: data.into(), meta: json!({}) }
    }

    /// Data of something that was made.
    pub(super) fn made(data: impl Into<Value>) -> Self {
        Self::Data { status: StatusCode::CREATED, data: data.into(), meta: json!({}) }
    }

    /// Something of `collection` was made, and has this id.
    pub(super) fn created(collection: &str, id: &str) -> Self {
        Self::made(json!({ "id": id, "_links": links(&[("self", &format!("./{collection}/{id}"))]) }))
    }

    /// It was done.
    pub(super) fn empty() -> Self {
        Self::data(json!({}))
    }

    /// This reply as a response.
    pub(super) fn respond(self, request_id: &str) -> HttpResponse {
        match self {
            Self::Data { status, data, meta } => frame(status).json(json!({ "data": data, "meta": meta })),
            Self::Session { data, token } => frame(StatusCode::OK)
                .insert_header(("zt-session", token.expose().as_str()))
                .json(json!({ "data": data, "meta": {} })),
            Self::Png(picture) => frame(StatusCode::OK).insert_header((CONTENT_TYPE, "image/png")).body(picture),
            Self::Refused(error) => error.respond(request_id),
        }
    }
}

/// A moment as the wire has it: RFC 3339 in UTC, with milliseconds.
pub(super) fn time(moment: Timestamp) -> String {
    moment.written("%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// Links by name.
pub(super) fn links(links: &[(&str, &str)]) -> Value {
    links.iter().map(|(name, href)| ((*name).to_owned(), json!({ "href": href }))).collect::<Map<_, _>>().into()
}

/// What everything has that has an id.
pub(super) struct Base<'a> {
    pub(super) id: &'a str,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) tags: &'a Tags,
    pub(super) links: Value,
}

impl Base<'_> {
    /// It, with these members beside.
    pub(super) fn with(self, members: Value) -> Value {
        let mut shown = json!({
            "id": self.id,
            "createdAt": time(self.created_at),
            "updatedAt": time(self.updated_at),
            "tags": self.tags,
            "_links": self.links,
        });
        merge(&mut shown, members);
        shown
    }
}

/// Put the members of `more` into `into`.
pub(super) fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// A reference to something of `collection`.
pub(super) fn entity_ref(collection: &str, id: &str, name: &str) -> Value {
    let link = format!("./{collection}/{id}");
    json!({ "entity": collection, "id": id, "name": name, "_links": links(&[("self", &link)]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_always_have_three_decimals() {
        assert_eq!(time(Timestamp::from_millis(1_648_662_895_785)), "2022-03-30T17:54:55.785Z");
        assert_eq!(time(Timestamp::from_secs(1_648_662_895)), "2022-03-30T17:54:55.000Z");
    }
}
