//! A request's head: which path in which namespace, what is to be done, and who asks.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};

use super::error::Error;
use super::field::go_bool;
use super::{credentials, duration};
use crate::dialect::path::decode;
use crate::engine::access::Capability;
use crate::engine::requirements::Offer;
use crate::secret::Secret;

/// The namespace that a request is about.
pub(super) static NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
static TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
static WRAP_TTL: HeaderName = HeaderName::from_static("x-vault-wrap-ttl");

/// The head of a request, checked.
pub(super) struct Head {
    /// What is to be done.
    pub(super) operation: Capability,
    /// The path behind `/v1/`, decoded, without doubled slashes.
    pub(super) path: String,
    /// The query, without what chose the operation.
    pub(super) query: Vec<(String, String)>,
    /// The namespace header, as it was sent.
    pub(super) namespace: String,
    /// What the caller shows.
    pub(super) token: Option<Secret<String>>,
    /// For how long the reply is to wait, wrapped, if it is.
    pub(super) wrap_ttl: Option<Duration>,
    /// The address that it comes from, as the connection tells; no header can say otherwise.
    pub(super) peer: Option<IpAddr>,
    /// Whether the body is a form unless it looks like JSON.
    pub(super) is_form: bool,
    /// What is offered as a second factor, for a login.
    pub(super) offer: Option<Offer>,
}

impl Head {
    /// Read and check the head of `http`.
    pub(super) fn read(http: &HttpRequest) -> Result<Self, Error> {
        let mut query: Vec<(String, String)> =
            form_urlencoded::parse(http.query_string().as_bytes()).into_owned().collect();
        let operation = operation(http, &mut query)?;
        let namespace = header(http, &NAMESPACE).unwrap_or_default().to_owned();
        let content_type = header(http, &CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if operation == Capability::Patch && media_type != "application/merge-patch+json" {
            return Err(match media_type {
                "" => Error::bad_request("mime: no media type"),
                _ => Error::no_merge_patch(content_type),
            });
        }
        Ok(Self {
            operation,
            path: path(http, operation)?,
            query,
            namespace: if namespace.trim_matches('/') == "root" { String::new() } else { namespace },
            token: token(http),
            wrap_ttl: wrap_ttl(http)?,
            peer: http.peer_addr().map(|peer| peer.ip().to_canonical()),
            is_form: media_type == "application/x-www-form-urlencoded",
            offer: credentials::from_headers(http)?,
        })
    }
}

fn header<'a>(http: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    http.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The longest that a reply can wait: what the wire's numbers and dates can tell of.
const LONGEST_WRAP_SECS: i64 = i32::MAX as i64;

/// For how long the reply is to wait, wrapped. A part of a second is a whole one: who asks for wrapping never gets the reply in the open.
fn wrap_ttl(http: &HttpRequest) -> Result<Option<Duration>, Error> {
    let fault = |why: &str| Error::bad_request(format!("error parsing X-Vault-Wrap-TTL header: {why}"));
    let Some(value) = http.headers().get(&WRAP_TTL) else { return Ok(None) };
    let asked = value.to_str().map_err(|_| fault("time: invalid duration"))?;
    let seconds = duration::parse(asked).map_err(|why| fault(&why.to_string()))?;
    if seconds < 0 || asked.starts_with('-') {
        return Err(fault("requested wrap ttl cannot be negative"));
    }
    if seconds > LONGEST_WRAP_SECS {
        return Err(fault("requested wrap ttl is too long"));
    }
    let is_part = seconds == 0 && asked.chars().any(|c| matches!(c, '1'..='9'));
    let seconds = if is_part { 1 } else { seconds.unsigned_abs() };
    Ok((seconds > 0).then_some(Duration::from_secs(seconds)))
}

fn operation(http: &HttpRequest, query: &mut Vec<(String, String)>) -> Result<Capability, Error> {
    match http.method().as_str() {
        "GET" => {
            let asked = query.iter().find(|(name, _)| name == "list").map(|(_, value)| value.clone());
            query.retain(|(name, _)| name != "list");
            match asked.map(|value| go_bool(&value)) {
                None | Some(Some(false)) => Ok(Capability::Read),
                Some(Some(true)) => Ok(Capability::List),
                Some(None) => Err(Error::silent(StatusCode::BAD_REQUEST)),
            }
        }
        "LIST" => Ok(Capability::List),
        "POST" | "PUT" => Ok(Capability::Update),
        "PATCH" => Ok(Capability::Patch),
        "DELETE" => Ok(Capability::Delete),
        _ => Err(Error::silent(StatusCode::METHOD_NOT_ALLOWED)),
    }
}

/// The path behind `/v1/`. A list's ends in no slash, whether or not one was sent; nothing in it is relative or invisible.
fn path(http: &HttpRequest, operation: Capability) -> Result<String, Error> {
    let raw = http.uri().path().strip_prefix("/v1/").ok_or_else(Error::not_found)?;
    let mut path = String::with_capacity(raw.len());
    let decoded = decode(raw).ok_or_else(|| Error::silent(StatusCode::BAD_REQUEST))?;
    if decoded.chars().any(char::is_control) {
        return Err(Error::silent(StatusCode::BAD_REQUEST));
    }
    for segment in decoded.split('/') {
        if segment == "." || segment == ".." {
            return Err(Error::bad_request("relative paths not supported"));
        }
        if !segment.is_empty() {
            path.push_str(segment);
            path.push('/');
        }
    }
    match operation {
        Capability::Update | Capability::Patch if decoded.ends_with('/') => {
            return Err(Error::bad_request("cannot write to a path ending in '/'"));
        }
        Capability::Read | Capability::Delete if decoded.ends_with('/') => {}
        Capability::Read | Capability::Delete | Capability::Update | Capability::Patch | Capability::List => {
            path.pop();
        }
    }
    Ok(path)
}

fn token(http: &HttpRequest) -> Option<Secret<String>> {
    let own = header(http, &TOKEN).filter(|token| !token.is_empty());
    let bearer = || {
        let value = header(http, &AUTHORIZATION)?;
        value.strip_prefix("Bearer ").map(str::trim).filter(|token| !token.is_empty())
    };
    own.or_else(bearer).map(|token| Secret::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn head(method: &str, uri: &str) -> Result<Head, Error> {
        let method = actix_web::http::Method::from_bytes(method.as_bytes()).unwrap();
        Head::read(&TestRequest::default().method(method).uri(uri).to_http_request())
    }

    #[test]
    fn doubled_slashes_are_one_and_relative_segments_are_refused() {
        assert_eq!(head("GET", "/v1/a//b").ok().unwrap().path, "a/b");
        assert_eq!(head("GET", "/v1//a/b").ok().unwrap().path, "a/b");
        for uri in ["/v1/a/../b", "/v1/a/%2e%2e/b", "/v1/a/%2E./b", "/v1/./b", "/v1/a/.."] {
            assert_eq!(head("GET", uri).err().unwrap(), Error::bad_request("relative paths not supported"), "{uri}");
        }
    }

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(head("GET", "/v1/a%2520b").ok().unwrap().path, "a%20b");
        for uri in ["/v1/a%", "/v1/a%2", "/v1/a%zz", "/v1/a%ff", "/v1/a%00b", "/v1/a%0Ab", "/v1/a%+1b"] {
            assert_eq!(head("GET", uri).err().unwrap(), Error::silent(StatusCode::BAD_REQUEST), "{uri}");
        }
    }

    #[test]
    fn only_a_list_may_end_in_a_slash() {
        assert_eq!(head("LIST", "/v1/a/").ok().unwrap().path, "a");
        assert_eq!(head("GET", "/v1/a/?list=true").ok().unwrap().path, "a");
        assert_eq!(head("GET", "/v1/a/").ok().unwrap().path, "a/");
        assert!(head("POST", "/v1/a/").is_err());
    }

    #[test]
    fn a_token_comes_from_its_own_header_first() {
        let with = |own: Option<&str>, bearer: Option<&str>| {
            let mut request = TestRequest::get().uri("/v1/a");
            for (name, value) in [("X-Vault-Token", own), ("Authorization", bearer)] {
                request = value.map_or(request, |value| TestRequest::get().uri("/v1/a").insert_header((name, value)));
            }
            token(&request.to_http_request()).map(|token| token.expose().clone())
        };
        assert_eq!(with(Some("a"), None).as_deref(), Some("a"));
        assert_eq!(with(None, Some("Bearer  b ")).as_deref(), Some("b"));
        assert_eq!(with(None, Some("Basic b")), None);
        assert_eq!(with(None, Some("bearer b")), None);
    }
}
