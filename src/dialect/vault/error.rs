//! Errors as Vault words them: the only place of this dialect with status codes and the error envelope.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::dialect::body::{Fault, HungUp};
use crate::engine::approle;
use crate::engine::tokens::Refusal;
use crate::engine::{aliases, group_aliases, groups};
use crate::model::namespace::NameError;
use crate::{engine, seal, storage};

/// An error on its way to the caller. Its texts are for the caller: they hold nothing that was not sent by it or meant for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    status: StatusCode,
    texts: Vec<String>,
    /// What a few errors tell beside their text.
    data: Option<serde_json::Value>,
}

impl Error {
    /// An error without a text.
    pub(super) const fn silent(status: StatusCode) -> Self {
        Self { status, texts: Vec::new(), data: None }
    }

    fn of(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, texts: vec![text.into()], data: None }
    }

    /// The caller's mistake.
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, text)
    }

    /// The caller's mistake, in the form that errors of a route behind a token have.
    pub(super) fn bad_request_wrapped(text: &str) -> Self {
        Self::bad_request(listed(&[text]))
    }

    /// A refusal in these words.
    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self::of(StatusCode::FORBIDDEN, text)
    }

    /// There is no good token.
    pub(super) fn no_token() -> Self {
        Self::forbidden("permission denied")
    }

    /// The token is good, but not for this.
    pub(super) fn denied() -> Self {
        Self::forbidden(listed(&["permission denied"]))
    }

    /// There is no such thing.
    pub(super) const fn not_found() -> Self {
        Self::silent(StatusCode::NOT_FOUND)
    }

    /// There is no such thing, in these words.
    pub(super) fn not_found_because(text: impl Into<String>) -> Self {
        Self::of(StatusCode::NOT_FOUND, text)
    }

    /// There is no such namespace.
    pub(super) fn unknown_namespace() -> Self {
        Self::of(StatusCode::NOT_FOUND, "namespace not found")
    }

    /// No engine is mounted there.
    pub(super) fn no_mount(path: &str) -> Self {
        Self::of(StatusCode::NOT_FOUND, format!("no handler for route \"{path}\". route entry not found."))
    }

    /// The engine has no such path.
    pub(super) fn unsupported_path() -> Self {
        Self::of(StatusCode::NOT_FOUND, listed(&["unsupported path"]))
    }

    /// The path has no such operation.
    pub(super) fn unsupported_operation() -> Self {
        Self::of(StatusCode::METHOD_NOT_ALLOWED, listed(&["unsupported operation"]))
    }

    /// The body is larger than we take.
    pub(super) fn too_large() -> Self {
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large")
    }

    /// The body took too long to arrive: the connection is closed.
    pub(super) const fn too_slow() -> Self {
        Self::silent(StatusCode::REQUEST_TIMEOUT)
    }

    /// The client asks more often than it may.
    pub(super) fn too_often(path: &str) -> Self {
        Self::of(StatusCode::TOO_MANY_REQUESTS, format!("request path \"{path}\": rate limit quota exceeded"))
    }

    /// A code was sent so recently that there is no other yet.
    pub(super) fn too_soon(retry_in: Duration) -> Self {
        let seconds = retry_in.as_millis().div_ceil(1000);
        let text = format!("a code was sent a moment ago. Please try again in {seconds:02} seconds");
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        Self::of(StatusCode::TOO_MANY_REQUESTS, text).with_data(serde_json::json!({ "retry_after": seconds }))
    }

    /// The server is sealed.
    pub(super) fn sealed() -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "Vault is sealed")
    }

    /// The server has more to do than it can.
    pub(super) fn busy() -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "the server is overloaded; try again later")
    }

    /// `PATCH` was sent with another content type than it needs.
    pub(super) fn no_merge_patch(content_type: &str) -> Self {
        let needs = "PATCH requires Content-Type of application/merge-patch+json, provided";
        Self::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{needs} {content_type}"))
    }

    /// Something failed that the caller has no part in and learns nothing of. It has been logged.
    fn internal() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, listed(&["internal error"]))
    }

    /// This error without the list that errors behind a token are in: as open routes word it.
    pub(super) fn plain(mut self) -> Self {
        for text in &mut self.texts {
            let only = text.strip_prefix("1 error occurred:\n\t* ").and_then(|rest| rest.strip_suffix("\n\n"));
            if let Some(only) = only.map(str::to_owned) {
                *text = only;
            }
        }
        self
    }

    /// This error, telling this beside its text.
    pub(super) fn with_data(self, data: serde_json::Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// This error as a response.
    pub(super) fn respond(&self) -> HttpResponse {
        if self.status == StatusCode::REQUEST_TIMEOUT {
            return frame(self.status).body(BoxBody::new(HungUp));
        }
        frame(self.status).json(Body { data: self.data.as_ref(), errors: &self.texts })
    }
}

/// An error on the wire.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a serde_json::Value>,
    errors: &'a [String],
}

/// The start of every response.
pub(super) fn frame(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_TYPE, "application/json"));
    response
}

/// Several errors as Vault lists them in one text.
pub(super) fn listed(texts: &[&str]) -> String {
    let mut list = match texts.len() {
        1 => "1 error occurred:".to_owned(),
        n => format!("{n} errors occurred:"),
    };
    for text in texts {
        list.push_str("\n\t* ");
        list.push_str(text);
    }
    list.push_str("\n\n");
    list
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooSlow => Self::too_slow(),
            Fault::TooLarge => Self::too_large(),
            Fault::Busy => Self::busy(),
            Fault::Broken => Self::bad_request(fault.to_string()),
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

/// The words that most routes use. Where a route has its own, it says so before an error gets here.
impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        match error {
            E::Storage(error) => error.into(),
            E::Seal(seal::Error::Sealed) => Self::sealed(),
            E::Seal(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the seal failed");
                Self::internal()
            }
            E::Denied => Self::denied(),
            E::NamespaceName(reason) => Self::bad_request(namespace_name(&reason)),
            E::UnknownNamespace => Self::bad_request("namespace not found"),
            E::NamespaceHasChildren => Self::bad_request("unable to delete namespace containing child namespaces"),
            E::UnknownMethod | E::OtherKind | E::UnknownAppRole => Self::not_found(),
            E::OtherNamespace => Self::bad_request("request namespace does not match method namespace"),
            E::MethodNameTaken(name) => Self::bad_request(format!(
                "a login MFA method configuration with the method name {name} already exists"
            )),
            E::UnknownEntity => Self::bad_request("invalid entity ID"),
            E::EntityElsewhere => Self::bad_request("entity namespace ID does not match the current namespace ID"),
            E::OutsideMethod { entity, method } => {
                Self::bad_request(format!("entity namespace {entity} outside of the config namespace {method}"))
            }
            E::EntityNameTaken => Self::bad_request("entity name is already in use"),
            E::RootPolicy => Self::bad_request("policies cannot contain root"),
            E::Metadata(reason) => {
                Self::bad_request_wrapped(&format!("invalid entity metadata: failed to load metadata pair: {reason}"))
            }
            E::NameTooLong => Self::bad_request("name is too long (limit: 512 bytes)"),
            E::ConflictingEnrolments { method, from } => {
                Self::bad_request(format!("conflicting MFA config ID \"{method}\" in entity ID \"{from}\""))
            }
            E::MergeSource => Self::bad_request("entity id to merge from is invalid"),
            E::Token(refusal) => token(&refusal),
            E::Alias(refusal) => alias(&refusal),
            E::Group(refusal) => group(&refusal),
            E::GroupAlias(refusal) => group_alias(&refusal),
            E::AliasClash(clash) => Self::bad_request(clash.to_string()),
            E::MountPathTaken(path) => Self::bad_request(format!("path is already in use at {path}")),
            E::UnknownMount => Self::unsupported_path(),
            E::MountLifetimes(conflict) => Self::bad_request(conflict.to_string()),
            E::TokenSettings(conflict) => Self::bad_request(conflict.to_string()),
            E::NoPassword => Self::bad_request("must provide either password or password_hash"),
            E::UnknownUser => Self::bad_request_wrapped("username does not exist"),
            E::AppRole(refusal) => app_role(refusal),
            E::Enforcement(refusal) => Self::bad_request(refusal.to_string()),
            E::MethodInUse(enforcement) => Self::bad_request_wrapped(&format!(
                "methodID is still used by an enforcement configuration with ID: {enforcement}"
            )),
            E::UnknownLogin => Self::bad_request("invalid request ID"),
            E::NoAuthenticator => {
                Self::bad_request("entity has no WebAuthn authenticator under this method that could answer")
            }
            E::NothingEnforced => Self::bad_request("found nil or empty MFAEnforcement configuration"),
            E::NoSelfEnrolment(method) => {
                Self::bad_request(format!("self-enrollment is not enabled for method ID \"{method}\""))
            }
            E::Challenge(refusal) => Self::bad_request(refusal.to_string()),
            E::Policy(refusal) => Self::bad_request(refusal.to_string()),
            E::MessageProvider(refusal) => Self::bad_request(refusal.to_string()),
            E::LoginPolicy(refusal) => Self::bad_request(refusal.to_string()),
            E::SecretGenerator(refusal) => Self::bad_request(refusal.to_string()),
        }
    }
}

fn token(refusal: &Refusal) -> Error {
    Error::bad_request(refusal.to_string())
}

fn alias(refusal: &aliases::Refusal) -> Error {
    use aliases::Refusal as R;
    match refusal {
        R::MountElsewhere | R::NewMountElsewhere => Error::forbidden(refusal.to_string()),
        R::CustomMetadata(_) => Error::bad_request_wrapped(&refusal.to_string()),
        R::Unknown
        | R::UnknownMount(_)
        | R::UnknownEntity
        | R::UnknownNewEntity
        | R::SecondInMount
        | R::NewEntityHasOne
        | R::NewMountHasOne
        | R::NameTaken => Error::bad_request(refusal.to_string()),
    }
}

fn group(refusal: &groups::Refusal) -> Error {
    use groups::Refusal as R;
    match refusal {
        R::UnknownEntity(_) | R::UnknownMember(_) | R::InItself(_) | R::TooDeep | R::TooMany | R::Metadata(_) => {
            Error::bad_request_wrapped(&refusal.to_string())
        }
        R::Unknown
        | R::NameTaken
        | R::UnknownKind(_)
        | R::OtherKind
        | R::EntitiesInExternal
        | R::GroupsInExternal
        | R::Cycle(_) => Error::bad_request(refusal.to_string()),
    }
}

fn group_alias(refusal: &group_aliases::Refusal) -> Error {
    use group_aliases::Refusal as R;
    match refusal {
        R::MountElsewhere => Error::forbidden(refusal.to_string()),
        R::Unknown | R::NoName | R::NoMount | R::UnknownMount(_) | R::UnknownGroup | R::Internal | R::NameTaken => {
            Error::bad_request(refusal.to_string())
        }
    }
}

/// Where the reference takes the caller's mistake for a fault of its own, its words are kept.
fn app_role(refusal: approle::Refusal) -> Error {
    use approle::Refusal as R;
    let text = refusal.to_string();
    match refusal {
        R::NoConstraint | R::RoleIdTaken | R::WiderCidrs | R::SecretIdTaken => Error::bad_request_wrapped(&text),
        R::LocalIsFixed | R::NotBound | R::MoreUses | R::LongerTtl => Error::bad_request(text),
    }
}

/// A name's fault in Vault's words. The texts show reserved names as paths.
fn namespace_name(reason: &NameError) -> String {
    match reason {
        NameError::Empty => "namespace name cannot be empty".into(),
        NameError::Slash => "namespace name cannot contain /".into(),
        NameError::Reserved(name) => {
            format!("\"{name}/\" is a reserved path and cannot be used as a namespace name")
        }
        NameError::Blank(name) => {
            format!("\"{name}\" contains space characters that cannot be used in a namespace name")
        }
        NameError::Wildcard(name, wildcard) => {
            format!("\"{name}\" contains wildcard characters that cannot be used in a namespace name: '{wildcard}'")
        }
        NameError::Control => "namespace name contains control characters".into(),
        NameError::TooLong => "namespace name is too long".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_listed_as_vault_does() {
        assert_eq!(listed(&["a"]), "1 error occurred:\n\t* a\n\n");
        assert_eq!(listed(&["a", "b"]), "2 errors occurred:\n\t* a\n\t* b\n\n");
    }
}
