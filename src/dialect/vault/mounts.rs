//! Mounts: where engines are. They are the same in every namespace, so what is shown of them is derived, not stored.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::error::Error;
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::Access;
use crate::engine::access::Capability;
use crate::engine::mounts::{list, token_accessor};
use crate::model::mount::{self, TokenType};
use crate::model::namespace::Scope;

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/mounts", &[], &[(Capability::Read, mounts)]),
    Route::new("sys/auth", &[], &[(Capability::Read, auth)]),
];

/// What clients see as the version of what is mounted.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"), "+builtin.countersign");

#[derive(Serialize)]
struct Mount {
    accessor: String,
    config: Config,
    description: &'static str,
    external_entropy_access: bool,
    local: bool,
    options: Option<()>,
    plugin_version: &'static str,
    running_plugin_version: &'static str,
    running_sha256: &'static str,
    seal_wrap: bool,
    #[serde(rename = "type")]
    kind: &'static str,
    uuid: String,
}

#[derive(Serialize)]
struct Config {
    default_lease_ttl: u64,
    force_no_cache: bool,
    max_lease_ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
}

impl Mount {
    fn new(call: &Call<'_>, kind: &'static str, description: &'static str, local: bool) -> Self {
        let is_auth = kind == "token";
        let mark = call.access.blind("mount", &[call.scope.id.as_str(), kind]);
        let hash: String = format!("{mark:?}").chars().take(8).collect();
        Self {
            accessor: if is_auth {
                token_accessor(call.access, &call.scope).to_string()
            } else {
                format!("{kind}_{hash}")
            },
            config: Config {
                default_lease_ttl: 0,
                force_no_cache: false,
                max_lease_ttl: 0,
                token_type: is_auth.then_some("default-service"),
            },
            description,
            external_entropy_access: false,
            local,
            options: None,
            plugin_version: "",
            running_plugin_version: VERSION,
            running_sha256: "",
            seal_wrap: false,
            kind,
            uuid: stable_uuid(call.access, &call.scope, kind),
        }
    }
}

/// A UUID that is the same whenever it is asked for: of something that is derived and not stored.
pub(super) fn stable_uuid(access: &Access, scope: &Scope, what: &str) -> String {
    let key = access.blind("uuid", &[scope.id.as_str(), what]);
    let bytes: [u8; 16] = key.as_ref().try_into().unwrap_or_default();
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn mounts(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::data_at_top_level(&secret_mounts(call)?)?))
}

fn auth(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::data_at_top_level(&auth_mounts(call)?)?))
}

/// The mounts of a namespace that are not for logging in, by path.
pub(super) fn secret_mounts(call: &Call<'_>) -> Result<BTreeMap<String, Value>, Error> {
    let mounts = [
        ("cubbyhole/", Mount::new(call, "cubbyhole", "per-token private secret storage", true)),
        ("identity/", Mount::new(call, "identity", "identity store", false)),
        ("sys/", Mount::new(call, "system", "system endpoints used for control, policy and debugging", false)),
    ];
    mounts.into_iter().map(|(path, mount)| Ok((path.to_owned(), to_value(&mount)?))).collect()
}

/// The mounts of a namespace that are for logging in, by their paths behind `auth/`.
pub(super) fn auth_mounts(call: &mut Call<'_>) -> Result<BTreeMap<String, Value>, Error> {
    let token = Mount::new(call, "token", "token based credentials", false);
    let mut mounts = BTreeMap::from([("token/".to_owned(), to_value(&token)?)]);
    for mount in list(call.tx, call.access, &call.scope)? {
        mounts.insert(mount.path.clone(), stored(&mount));
    }
    Ok(mounts)
}

/// A mount that an operator has made, as it is shown.
fn stored(mount: &mount::Mount) -> Value {
    let tuned = &mount.config;
    let mut config = serde_json::json!({
        "default_lease_ttl": tuned.default_lease_ttl.as_secs(),
        "force_no_cache": tuned.force_no_cache,
        "max_lease_ttl": tuned.max_lease_ttl.as_secs(),
        "token_type": token_type(tuned.token_type),
    });
    if let Value::Object(config) = &mut config {
        if !tuned.listing_visibility.is_empty() {
            config.insert("listing_visibility".into(), tuned.listing_visibility.clone().into());
        }
        config.extend(tuned.lists.iter().map(|(name, list)| (name.clone(), list.clone().into())));
    }
    serde_json::json!({
        "accessor": mount.accessor,
        "config": config,
        "deprecation_status": "supported",
        "description": mount.description,
        "external_entropy_access": mount.external_entropy_access,
        "local": mount.local,
        "options": mount.options,
        "plugin_version": "",
        "running_plugin_version": VERSION,
        "running_sha256": "",
        "seal_wrap": mount.seal_wrap,
        "type": mount.kind.as_str(),
        "uuid": mount.uuid,
    })
}

const fn token_type(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Default | TokenType::DefaultService => "default-service",
        TokenType::DefaultBatch => "default-batch",
        TokenType::Service => "service",
        TokenType::Batch => "batch",
    }
}
