//! What is answered without a token, sealed or not: health, seal status, leader, initialisation, unsealing. No envelope.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::dispatch::LARGEST_BODY;
use super::error::{Error, frame};
use super::field::{Field, Kind};
use super::input::{Input, Wording, parameters};
use super::request::Head;
use crate::dialect::Bodies;
use crate::engine::{self, Engine};
use crate::model::namespace::Scope;
use crate::seal::key_file;

/// The version that clients see: a semantic version, which they parse, of the reference whose contract this is.
const VERSION: &str =
    concat!("2.7.2+countersign.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
/// What clients show as the cluster's name.
const CLUSTER_NAME: &str = "countersign";

/// A request that needs no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Health(Codes),
    BadCode,
    SealStatus,
    Leader,
    Initialised,
    Initialise,
    Unseal,
    InNamespace,
    OtherVerb,
}

/// The status codes that a health request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Codes {
    active: StatusCode,
    sealed: StatusCode,
}

/// A recognised request and where it came from.
pub(super) struct Answer {
    request: Request,
    head: Result<Head, Error>,
}

/// What is answered here: paths, the parameters they take, and the verbs.
pub(super) const PATHS: [(&str, &[Field], &[&str]); 5] = [
    ("sys/health", CODES, &["GET", "HEAD"]),
    ("sys/seal-status", &[], &["GET"]),
    ("sys/leader", &[], &["GET"]),
    ("sys/init", &[], &["GET", "POST", "PUT"]),
    ("sys/unseal", UNSEAL, &["POST", "PUT"]),
];

/// The request, if it is one that needs no token.
pub(super) fn without_token(http: &HttpRequest) -> Option<Answer> {
    let path = http.uri().path().strip_prefix("/v1/")?;
    let method = http.method().as_str();
    let (.., verbs) = PATHS.iter().find(|(known, ..)| *known == path)?;
    let request = match path {
        "sys/health" | "sys/init" | "sys/unseal" if names_namespace(http.headers()) => Request::InNamespace,
        _ if !verbs.contains(&method) => Request::OtherVerb,
        "sys/health" => health_codes(http).map_or(Request::BadCode, Request::Health),
        "sys/seal-status" => Request::SealStatus,
        "sys/leader" => Request::Leader,
        "sys/init" if method == "GET" => Request::Initialised,
        "sys/init" => Request::Initialise,
        "sys/unseal" => Request::Unseal,
        _ => return None,
    };
    Some(Answer { request, head: Head::read(http) })
}

fn names_namespace(headers: &HeaderMap) -> bool {
    let named = headers.get("X-Vault-Namespace").and_then(|value| value.to_str().ok()).unwrap_or_default();
    !matches!(named.trim_matches('/'), "" | "root")
}

/// Which codes a health request may ask for. The states behind most of them never come about here.
const CODES: &[Field] = &[
    Field { name: "activecode", kind: Kind::Int },
    Field { name: "sealedcode", kind: Kind::Int },
    Field { name: "standbycode", kind: Kind::Int },
    Field { name: "uninitcode", kind: Kind::Int },
    Field { name: "performancestandbycode", kind: Kind::Int },
    Field { name: "drsecondarycode", kind: Kind::Int },
    Field { name: "haunhealthycode", kind: Kind::Int },
    Field { name: "removedcode", kind: Kind::Int },
];

/// The codes asked for; `None` when one of them is no status code.
fn health_codes(http: &HttpRequest) -> Option<Codes> {
    let mut codes = Codes { active: StatusCode::OK, sealed: StatusCode::SERVICE_UNAVAILABLE };
    for (name, value) in form_urlencoded::parse(http.query_string().as_bytes()) {
        // An informational one would only announce an answer, and the client would wait for that.
        let code = || {
            value
                .parse()
                .ok()
                .and_then(|code: u16| StatusCode::from_u16(code).ok())
                .filter(|code| !code.is_informational())
        };
        match name.as_ref() {
            "activecode" => codes.active = code()?,
            "sealedcode" => codes.sealed = code()?,
            name if CODES.iter().any(|field| field.name == name) => drop(code()?),
            _ => {}
        }
    }
    Some(codes)
}

impl Answer {
    /// Answer it.
    pub(super) async fn into_response(
        self,
        payload: web::Payload,
        bodies: &Bodies,
        engine: &Arc<Engine>,
    ) -> Result<HttpResponse, Error> {
        let ok = |body: serde_json::Value| Ok(frame(StatusCode::OK).json(body));
        match self.request {
            Request::Health(codes) => {
                let status = if engine.seal.is_sealed() { codes.sealed } else { codes.active };
                Ok(frame(status).json(Health::of(engine)))
            }
            Request::BadCode => Err(Error::silent(StatusCode::BAD_REQUEST)),
            Request::SealStatus => Ok(frame(StatusCode::OK).json(SealStatus::of(engine))),
            Request::Leader => ok(
                serde_json::json!({ "ha_enabled": false, "is_self": true, "leader_address": "", "leader_cluster_address": "" }),
            ),
            Request::Initialised => ok(serde_json::json!({ "initialized": true })),
            Request::Initialise => Err(Error::bad_request("Vault is already initialized")),
            Request::InNamespace => Err(Error::bad_request("operation unavailable in namespaces")),
            Request::OtherVerb => Err(Error::silent(StatusCode::METHOD_NOT_ALLOWED)),
            Request::Unseal => {
                let head = self.head?;
                let sent = parameters(&head, &bodies.read(payload, LARGEST_BODY).await?)?;
                unseal(engine, &Input::typed(UNSEAL, Wording::Field, &sent, &[])?)?;
                Ok(frame(StatusCode::OK).json(SealStatus::of(engine)))
            }
        }
    }
}

const UNSEAL: &[Field] = &[Field { name: "key", kind: Kind::Text }, Field { name: "reset", kind: Kind::Bool }];

/// The unseal key is one whole share: threshold 1 of 1.
fn unseal(engine: &Engine, input: &Input) -> Result<(), Error> {
    if input.switch("reset") == Some(true) {
        return if engine.seal.is_sealed() { Ok(()) } else { Err(Error::bad_request("vault is unsealed")) };
    }
    let key = input.secret("key");
    if key.expose().is_empty() {
        return Err(Error::bad_request("'key' must be specified in request body as JSON, or 'reset' set to true"));
    }
    if key_file::decode(key.expose()).is_none() {
        return Err(Error::bad_request("'key' must be a valid hex or base64 string"));
    }
    // What is open already needs no key, and says nothing about one.
    if !engine.seal.is_sealed() {
        return Ok(());
    }
    let key = key_file::parse(key.expose())
        .ok_or_else(|| Error::bad_request("unable to retrieve stored keys: invalid key"))?;
    engine.unseal(&key).map_err(|error| {
        if matches!(error, engine::Error::Seal(_)) {
            return Error::bad_request("unable to retrieve stored keys: invalid key");
        }
        error.into()
    })
}

#[derive(Serialize)]
struct Health {
    initialized: bool,
    sealed: bool,
    standby: bool,
    performance_standby: bool,
    replication_performance_mode: &'static str,
    replication_dr_mode: &'static str,
    server_time_utc: u64,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
}

impl Health {
    fn of(engine: &Engine) -> Self {
        let sealed = engine.seal.is_sealed();
        let mode = if sealed { "unknown" } else { "disabled" };
        Self {
            initialized: true,
            sealed,
            standby: sealed,
            performance_standby: false,
            replication_performance_mode: mode,
            replication_dr_mode: mode,
            server_time_utc: engine.now().as_secs(),
            version: VERSION,
            cluster_name: (!sealed).then_some(CLUSTER_NAME),
            cluster_id: cluster_id(engine),
        }
    }
}

#[derive(Serialize)]
struct SealStatus {
    #[serde(rename = "type")]
    kind: &'static str,
    initialized: bool,
    sealed: bool,
    t: u32,
    n: u32,
    progress: u32,
    nonce: &'static str,
    version: &'static str,
    commit_date: &'static str,
    migration: bool,
    recovery_seal: bool,
    storage_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
}

impl SealStatus {
    fn of(engine: &Engine) -> Self {
        let sealed = engine.seal.is_sealed();
        Self {
            kind: "shamir",
            initialized: true,
            sealed,
            t: 1,
            n: 1,
            progress: 0,
            nonce: "",
            version: VERSION,
            commit_date: "2026-11-24T00:00:00Z",
            migration: false,
            recovery_seal: false,
            storage_type: "sqlite",
            cluster_name: (!sealed).then_some(CLUSTER_NAME),
            cluster_id: cluster_id(engine),
        }
    }
}

/// A UUID of this store, the same at every start; unknown while it is sealed.
fn cluster_id(engine: &Engine) -> Option<String> {
    let access = engine.access().ok()?;
    Some(super::mounts::stable_uuid(&access, &Scope::root(), "cluster"))
}
