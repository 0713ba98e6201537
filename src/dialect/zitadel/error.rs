//! Errors as ZITADEL words them: the only place of this dialect with status codes, and with the two envelopes.
//!
//! Applications branch on an error's id, so ids are part of the contract, and stand where the error arises. Texts are for people.

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::rule::Breach;
use crate::dialect::body::{Fault, HungUp};
use crate::{engine, seal, storage};

/// What went wrong, as gRPC has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Unimplemented,
    Internal,
    Unavailable,
    Unauthenticated,
}

impl Code {
    /// Its number, the HTTP status that goes with it, and its name over Connect.
    const fn forms(self) -> (u8, StatusCode, &'static str) {
        match self {
            Self::InvalidArgument => (3, StatusCode::BAD_REQUEST, "invalid_argument"),
            Self::DeadlineExceeded => (4, StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded"),
            Self::NotFound => (5, StatusCode::NOT_FOUND, "not_found"),
            Self::AlreadyExists => (6, StatusCode::CONFLICT, "already_exists"),
            Self::PermissionDenied => (7, StatusCode::FORBIDDEN, "permission_denied"),
            Self::ResourceExhausted => (8, StatusCode::TOO_MANY_REQUESTS, "resource_exhausted"),
            Self::FailedPrecondition => (9, StatusCode::BAD_REQUEST, "failed_precondition"),
            Self::Unimplemented => (12, StatusCode::NOT_IMPLEMENTED, "unimplemented"),
            Self::Internal => (13, StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Unavailable => (14, StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Unauthenticated => (16, StatusCode::UNAUTHORIZED, "unauthenticated"),
        }
    }
}

/// An error on its way to the caller. Its texts are for the caller: they hold nothing that was not sent by it or meant for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    code: Code,
    /// The status, where it is not the code's.
    status: Option<StatusCode>,
    text: String,
    detail: Detail,
    /// Whether the connection must be closed, because what was sent on it has not been read.
    hangs_up: bool,
}

/// What is told beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Nothing: the error arose before anybody looked at what was asked.
    None,
    /// The error's id.
    Id(&'static str),
    /// The error's id, and how often in a row the password was wrong.
    Credentials(&'static str, u32),
}

impl Error {
    /// An error with an id.
    pub(super) fn new(code: Code, id: &'static str, text: impl Into<String>) -> Self {
        Self { detail: Detail::Id(id), ..Self::bare(code, text) }
    }

    fn bare(code: Code, text: impl Into<String>) -> Self {
        Self { code, status: None, text: text.into(), detail: Detail::None, hangs_up: false }
    }

    /// The caller's mistake (400/3).
    pub(super) fn invalid(id: &'static str, text: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, id, text)
    }

    /// Not as things are (400/9).
    pub(super) fn precondition(id: &'static str, text: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, id, text)
    }

    /// There is no such thing (404/5).
    pub(super) fn not_found(id: &'static str, text: impl Into<String>) -> Self {
        Self::new(Code::NotFound, id, text)
    }

    /// There is one already (409/6).
    pub(super) fn exists(id: &'static str, text: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, id, text)
    }

    /// A refusal (403/7).
    pub(super) fn denied(id: &'static str, text: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, id, text)
    }

    /// A wrong password, for the `failures`th time in a row.
    pub(super) fn wrong_password(failures: u32) -> Self {
        let text = "Password is invalid";
        Self { detail: Detail::Credentials("COMMAND-3M0fs", failures), ..Self::bare(Code::InvalidArgument, text) }
    }

    /// What was sent cannot be read.
    pub(super) fn proto(why: &str) -> Self {
        Self::bare(Code::InvalidArgument, format!("proto: {why}"))
    }

    /// What was sent breaks a rule.
    pub(super) fn validation(breach: Breach) -> Self {
        Self::bare(Code::InvalidArgument, breach.into_text())
    }

    /// The caller shows nothing.
    pub(super) fn no_token() -> Self {
        Self::bare(Code::Unauthenticated, "auth header missing")
    }

    /// The caller shows something else than a bearer token.
    pub(super) fn no_bearer() -> Self {
        Self::new(Code::Unauthenticated, "AUTH-7fs1e", "invalid auth header")
    }

    /// The caller's token is good for nothing.
    pub(super) fn bad_token() -> Self {
        Self::new(Code::Unauthenticated, "AUTH-7fs1e", "Token is invalid")
    }

    /// The caller may not use the method.
    pub(super) fn no_permission() -> Self {
        Self::denied("AUTH-5mWD2", "No matching permissions found")
    }

    /// The caller may use the method, but not on this.
    pub(super) fn not_on_this() -> Self {
        Self::denied("AUTHZ-HKJD33", "Errors.PermissionDenied")
    }

    /// The organisation is not there, or not one that the caller can see.
    pub(super) fn unknown_organisation() -> Self {
        Self::denied("AUTH-Bs7Ds", "Organisation doesn't exist")
    }

    /// There is no such path.
    pub(super) fn unknown_path() -> Self {
        Self::bare(Code::NotFound, "Not Found")
    }

    /// The path is there, but not for this verb.
    pub(super) fn other_verb() -> Self {
        let status = Some(StatusCode::METHOD_NOT_ALLOWED);
        Self { status, ..Self::bare(Code::Unimplemented, "Method Not Allowed") }
    }

    /// There is no such procedure.
    pub(super) fn unknown_procedure() -> Self {
        let status = Some(StatusCode::NOT_FOUND);
        Self { status, ..Self::bare(Code::Unimplemented, "no such procedure") }
    }

    /// The body is in a form that is not spoken here.
    pub(super) fn other_media_type() -> Self {
        let status = Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        Self {
            status,
            ..Self::bare(Code::Unimplemented, "the content type must be application/json, the body not encoded")
        }
    }

    /// What is asked for does not exist here.
    pub(super) fn unsupported(text: impl Into<String>) -> Self {
        Self::bare(Code::Unimplemented, text)
    }

    /// The client asks more often than it may.
    pub(super) fn too_often() -> Self {
        Self::bare(Code::ResourceExhausted, "too many requests; try again later")
    }

    /// The server has more to do than it can.
    pub(super) fn busy() -> Self {
        Self::bare(Code::Unavailable, "the server is overloaded; try again later")
    }

    fn sealed() -> Self {
        Self::bare(Code::Unavailable, "the server is sealed")
    }

    /// Something failed that the caller has no part in and learns nothing of. It has been logged.
    fn internal() -> Self {
        Self::bare(Code::Internal, "Errors.Internal")
    }

    /// The error's text, without its id.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text as it is sent: with the id, where there is one.
    fn message(&self) -> String {
        match self.detail {
            Detail::None => self.text.clone(),
            Detail::Id(id) | Detail::Credentials(id, _) => format!("{} ({id})", self.text),
        }
    }

    /// This error as a response over REST.
    pub(super) fn rest(&self) -> HttpResponse {
        let (number, ..) = self.code.forms();
        let details = match self.detail {
            Detail::None => json!([]),
            Detail::Id(id) => {
                json!([{ "@type": "type.googleapis.com/zitadel.v1.ErrorDetail", "id": id, "message": self.text }])
            }
            Detail::Credentials(id, failures) => json!([{
                "@type": "type.googleapis.com/zitadel.v1.CredentialsCheckError",
                "id": id, "message": self.text, "failedAttempts": failures,
            }]),
        };
        self.respond(&json!({ "code": number, "message": self.message(), "details": details }))
    }

    /// This error as a response over Connect.
    pub(super) fn connect(&self) -> HttpResponse {
        let (.., name) = self.code.forms();
        self.respond(&match self.detail.encoded(&self.text) {
            None => json!({ "code": name, "message": self.message() }),
            Some((kind, bytes)) => json!({
                "code": name, "message": self.message(),
                "details": [{ "type": kind, "value": STANDARD_NO_PAD.encode(bytes) }],
            }),
        })
    }

    fn respond(&self, body: &Value) -> HttpResponse {
        let (_, status, _) = self.code.forms();
        let mut response = frame(self.status.unwrap_or(status));
        if self.hangs_up { response.body(BoxBody::new(HungUp)) } else { response.body(body.to_string()) }
    }
}

impl Detail {
    /// The protobuf message that a detail is, by its type's name: field 1 the id, 2 the text, 3 the number of failures.
    fn encoded(self, text: &str) -> Option<(&'static str, Vec<u8>)> {
        let (kind, id, failures) = match self {
            Self::None => return None,
            Self::Id(id) => ("zitadel.v1.ErrorDetail", id, 0),
            Self::Credentials(id, failures) => ("zitadel.v1.CredentialsCheckError", id, failures),
        };
        let mut bytes = Vec::new();
        for (tag, text) in [(0x0A, id), (0x12, text)] {
            if !text.is_empty() {
                bytes.push(tag);
                varint(&mut bytes, text.len() as u64);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        if failures > 0 {
            bytes.push(0x18);
            varint(&mut bytes, failures.into());
        }
        Some((kind, bytes))
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7F).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// The start of every response.
pub(super) fn frame(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_TYPE, "application/json"));
    response
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooSlow => Self {
                status: Some(StatusCode::REQUEST_TIMEOUT),
                hangs_up: true,
                ..Self::bare(Code::DeadlineExceeded, fault.to_string())
            },
            Fault::TooLarge => Self {
                status: Some(StatusCode::PAYLOAD_TOO_LARGE),
                ..Self::bare(Code::ResourceExhausted, fault.to_string())
            },
            Fault::Busy => Self::busy(),
            Fault::Broken => Self::bare(Code::InvalidArgument, fault.to_string()),
        }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Busy => Self::busy(),
            storage::Error::Duplicate(_)
            | storage::Error::Stopped
            | storage::Error::Panicked
            | storage::Error::ReadOnly
            | storage::Error::Damaged { .. }
            | storage::Error::Backend(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "storage failed");
                Self::internal()
            }
        }
    }
}

/// The words for faults. What a caller can do wrong is worded where it is asked for: an engine's refusal that gets here was not expected there.
impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        match error {
            E::Storage(error) => error.into(),
            E::Seal(seal::Error::Sealed) => Self::sealed(),
            E::Denied => Self::not_on_this(),
            E::UnknownEntity | E::EntityElsewhere => Self::not_found("QUERY-Dfbg2", "User could not be found"),
            E::UnknownNamespace => Self::unknown_organisation(),
            E::Seal(_)
            | E::NamespaceName(_)
            | E::NamespaceHasChildren
            | E::UnknownMethod
            | E::OtherKind
            | E::OtherNamespace
            | E::MethodNameTaken(_)
            | E::OutsideMethod { .. }
            | E::EntityNameTaken
            | E::RootPolicy
            | E::Metadata(_)
            | E::NameTooLong
            | E::ConflictingEnrolments { .. }
            | E::MergeSource
            | E::MountPathTaken(_)
            | E::UnknownMount
            | E::MountLifetimes(_)
            | E::TokenSettings(_)
            | E::NoPassword
            | E::UnknownUser
            | E::UnknownAppRole
            | E::AppRole(_)
            | E::Token(_)
            | E::Alias(_)
            | E::Group(_)
            | E::GroupAlias(_)
            | E::AliasClash(_)
            | E::Enforcement(_)
            | E::MethodInUse(_)
            | E::UnknownLogin
            | E::NothingEnforced
            | E::NoSelfEnrolment(_)
            | E::NoAuthenticator
            | E::Challenge(_)
            | E::Policy(_)
            | E::MessageProvider(_)
            | E::LoginPolicy(_)
            | E::SecretGenerator(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the engine failed");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_encoded_as_protobuf() {
        let (kind, bytes) = Detail::Id("EVENT-8isk2").encoded("Invalid code").unwrap();
        assert_eq!(kind, "zitadel.v1.ErrorDetail");
        assert_eq!(STANDARD_NO_PAD.encode(bytes), "CgtFVkVOVC04aXNrMhIMSW52YWxpZCBjb2Rl");
        let (kind, bytes) = Detail::Credentials("A", 300).encoded("B").unwrap();
        assert_eq!(
            (kind, bytes.as_slice()),
            ("zitadel.v1.CredentialsCheckError", &[10, 1, b'A', 18, 1, b'B', 24, 0xAC, 2][..])
        );
        assert_eq!(Detail::None.encoded("x"), None);
    }

    #[test]
    fn an_id_stands_in_brackets_even_where_there_is_none() {
        assert_eq!(Error::invalid("", "user change not possible").message(), "user change not possible ()");
        assert_eq!(Error::no_token().message(), "auth header missing");
    }
}
