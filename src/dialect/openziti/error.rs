//! Errors as an OpenZiti controller words them: the only place of this dialect with status codes and the error envelope.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use crate::dialect::body::{Fault, HungUp};
use crate::engine::edge::{self, Refusal};
use crate::factor::qr;
use crate::{engine, seal, storage};

/// An error on its way to the caller. It holds nothing that was not sent by it or meant for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    cause: Option<Value>,
    challenge: Option<&'static str>,
    retry_in: Option<Duration>,
    hangs_up: bool,
}

/// What is said to who shows no credentials.
const MISSING: &str = "zt-session realm=\"zt-session\" error=\"missing\" error_description=\"no matching token was \
     provided\",Bearer realm=\"openziti-oidc\" error=\"missing\" error_description=\"no matching token was provided\"";
/// What is said to who shows a token of no live session.
const INVALID: &str = "zt-session realm=\"zt-session\" error=\"invalid\" error_description=\"token is invalid\"";

impl Error {
    const fn of(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, cause: None, challenge: None, retry_in: None, hangs_up: false }
    }

    /// What was sent is not what the description of the API says.
    fn invalid(cause: Value) -> Self {
        let message =
            "The supplied request contains an invalid document or no valid accept content were available, see cause";
        Self { cause: Some(cause), ..Self::of(StatusCode::BAD_REQUEST, "COULD_NOT_VALIDATE", message) }
    }

    /// A field is wrong. `value` is what it says, where that may be repeated.
    pub(super) fn field(field: &str, reason: &str, value: &str) -> Self {
        Self::invalid(json!({ "field": field, "reason": reason, "value": value }))
    }

    /// A field is missing.
    pub(super) fn missing(field: &str) -> Self {
        Self::field(field, &format!("{field} in body is required"), "")
    }

    /// The body is not JSON.
    pub(super) const fn unparsable() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "COULD_NOT_PARSE_BODY", "The body of the request could not be parsed")
    }

    /// The filter is not understood.
    pub(super) const fn filter() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "INVALID_FILTER", "The filter query supplied is invalid")
    }

    /// The page asked for is none.
    pub(super) const fn pagination() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "INVALID_PAGINATION", "The pagination properties provided are invalid")
    }

    /// There are no credentials.
    pub(super) fn no_session() -> Self {
        Self { challenge: Some(MISSING), ..Self::unauthorized() }
    }

    /// The token is of no live session.
    pub(super) fn bad_session() -> Self {
        Self { challenge: Some(INVALID), ..Self::unauthorized() }
    }

    /// The session is not one that may do this.
    pub(super) const fn unauthorized() -> Self {
        let message =
            "The request could not be completed. The session is not authorized or the credentials are invalid";
        Self::of(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    /// The first factor was not proven, whatever the reason.
    pub(super) const fn invalid_auth() -> Self {
        Self::of(StatusCode::UNAUTHORIZED, "INVALID_AUTH", "The authentication request failed")
    }

    /// The code is wrong, malformed, used, or not there: the caller is not told which.
    pub(super) const fn wrong_code() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "MFA_INVALID_TOKEN", "An invalid token/code was provided")
    }

    /// There is no second factor that a code could be of.
    pub(super) const fn not_enrolled() -> Self {
        let message = "The current identity is not enrolled in MFA";
        Self::of(StatusCode::CONFLICT, "MFA_NOT_ENROLLED", message)
    }

    /// A picture cannot be drawn.
    pub(super) fn undrawable(why: qr::Undrawable) -> Self {
        tracing::error!(error = &why as &dyn std::error::Error, "a key cannot be drawn");
        Self::unhandled()
    }

    /// There is no such thing.
    pub(super) const fn not_found() -> Self {
        let message = "The resource requested was not found or is no longer available";
        Self::of(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// The path has no such verb.
    pub(super) const fn other_verb() -> Self {
        let message = "The resource requested does not support this HTTP verb";
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    /// There were too many guesses.
    pub(super) fn rate_limited(retry_in: Duration) -> Self {
        Self { retry_in: Some(retry_in), ..Self::too_often() }
    }

    /// The client asks more often than it may.
    pub(super) const fn too_often() -> Self {
        let message =
            "The requested operation is rate limited and the rate limit has been exceeded. Please try again later";
        Self::of(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
    }

    /// There is more to write than can be.
    pub(super) const fn busy() -> Self {
        let message =
            "Too many requests to alter state have been issued. Please slow your request rate or try again later.";
        Self::of(StatusCode::TOO_MANY_REQUESTS, "SERVER_TOO_MANY_REQUESTS", message)
    }

    const fn sealed() -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "SEALED", "The controller is sealed")
    }

    /// What was asked took too long.
    pub(super) const fn too_slow() -> Self {
        let message = "The requested operation took too much time to reply";
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    }

    const fn too_large() -> Self {
        let message = "The request body exceeds the maximum accepted size";
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_ENTITY_TOO_LARGE", message)
    }

    /// Something failed that the caller has no part in and learns nothing of. It has been logged.
    const fn unhandled() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "UNHANDLED", "An unhandled error occurred")
    }

    /// This error as a response.
    pub(super) fn respond(&self, request_id: &str) -> HttpResponse {
        let mut error = json!({ "code": self.code, "message": self.message, "requestId": request_id });
        if let (Some(cause), Value::Object(members)) = (&self.cause, &mut error) {
            members.insert("cause".into(), cause.clone());
        }
        let meta = json!({ "apiVersion": "0.0.1", "apiEnrollmentVersion": "0.0.1" });
        let mut response = frame(self.status);
        if let Some(challenge) = self.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Some(retry_in) = self.retry_in {
            response.insert_header((RETRY_AFTER, retry_in.as_secs().max(1)));
        }
        if self.hangs_up {
            return response.body(BoxBody::new(HungUp));
        }
        response.json(json!({ "error": error, "meta": meta }))
    }
}

/// The start of every response: none may be kept by anybody on its way.
pub(super) fn frame(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_TYPE, "application/json"));
    response
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooSlow => Self { hangs_up: true, ..Self::too_slow() },
            Fault::TooLarge => Self::too_large(),
            Fault::Busy => Self::busy(),
            Fault::Broken => Self::unparsable(),
        }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        if matches!(error, storage::Error::Busy) {
            return Self::busy();
        }
        tracing::error!(error = &error as &dyn std::error::Error, "storage failed");
        Self::unhandled()
    }
}

/// What the engine says to everybody. Where this dialect has words for it, [`Refusal`] has said it already.
impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        if let engine::Error::Storage(error) = error {
            return error.into();
        }
        if matches!(error, engine::Error::Seal(seal::Error::Sealed)) {
            return Self::sealed();
        }
        if matches!(error, engine::Error::Denied) {
            return Self::unauthorized();
        }
        if matches!(error, engine::Error::UnknownEntity | engine::Error::EntityElsewhere) {
            return Self::not_found();
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a request of the edge network failed");
        Self::unhandled()
    }
}

impl From<edge::Error> for Error {
    fn from(error: edge::Error) -> Self {
        match error {
            edge::Error::Engine(error) => error.into(),
            edge::Error::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::not_found(),
            Refusal::UnknownReference { field, value } => Self {
                cause: Some(json!({ "field": field, "reason": "no such entity", "value": value })),
                ..Self::not_found()
            },
            Refusal::Taken { field, value } => {
                Self::field(field, &format!("duplicate value '{value}' in unique index on {field}"), &value)
            }
            Refusal::Field { field, reason, value } => Self::field(field, &reason, &value),
            Refusal::Password(fault) => Self::field("password", &fault.to_string(), ""),
            Refusal::Referenced { nouns, by } => referenced(&format!("referenced by {nouns}: {}", by.join(", "))),
            Refusal::Permanent => referenced("it is always there"),
            Refusal::SecondAuthenticator => {
                let message = "The identity already has the maximum authenticators for the specified method";
                Self::of(StatusCode::CONFLICT, "AUTHENTICATOR_METHOD_MAX", message)
            }
            Refusal::Enrolled => {
                Self::of(StatusCode::CONFLICT, "MFA_EXISTS", "An MFA record already exists, try removing it")
            }
            Refusal::NotEnrolled => Self::not_enrolled(),
            Refusal::NotAdmin => Self::unauthorized(),
            Refusal::Posture(failing) => posture(&failing),
        }
    }
}

fn referenced(why: &str) -> Error {
    let message = "the entity cannot be deleted because it is referenced by another entity, see cause";
    Error {
        cause: Some(json!({ "message": why })),
        ..Error::of(StatusCode::CONFLICT, "CAN_NOT_DELETE_REFERENCED_ENTITY", message)
    }
}

fn posture(failing: &[edge::service_sessions::Failing]) -> Error {
    let ids: Vec<&str> = failing.iter().map(|failing| failing.policy.as_str()).collect();
    let checks = |failing: &edge::service_sessions::Failing| -> Value {
        failing.checks.iter().map(|id| json!({ "id": id, "typeId": "MFA", "isPassing": false })).collect()
    };
    let data: serde_json::Map<String, Value> =
        failing.iter().map(|failing| (failing.policy.clone(), checks(failing))).collect();
    let why = format!("Failed to pass posture checks for service policies: [{}]", ids.join(", "));
    Error {
        cause: Some(json!({ "message": why, "data": data })),
        ..Error::of(StatusCode::CONFLICT, "INVALID_POSTURE", "Posture response data is missing or wrong")
    }
}
