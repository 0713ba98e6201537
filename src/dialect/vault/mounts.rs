//! Mounts: where engines are. They are the same in every namespace, so what is shown of them is derived, not stored.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::route::{Call, Plan, Route};
use super::wire::Reply;
use crate::engine::Access;
use crate::engine::access::Capability;
use crate::engine::mounts::token_accessor;
use crate::model::namespace::Scope;

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/mounts", &[], &[(Capability::Read, mounts)]),
    Route::new("sys/auth", &[], &[(Capability::Read, auth)]),
];

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
            running_plugin_version: concat!("v", env!("CARGO_PKG_VERSION"), "+builtin.countersign"),
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
    let mounts = [
        ("cubbyhole/", Mount::new(call, "cubbyhole", "per-token private secret storage", true)),
        ("identity/", Mount::new(call, "identity", "identity store", false)),
        ("sys/", Mount::new(call, "system", "system endpoints used for control, policy and debugging", false)),
    ];
    Ok(Plan::Reply(Reply::data_at_top_level(&BTreeMap::from(mounts))?))
}

fn auth(call: &mut Call<'_>) -> Result<Plan, Error> {
    let mounts = [("token/", Mount::new(call, "token", "token based credentials", false))];
    Ok(Plan::Reply(Reply::data_at_top_level(&BTreeMap::from(mounts))?))
}
