//! `sys/mounts`, and how a mount is shown. The engines are the same in every namespace, so what is shown of them is derived, not stored.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::error::Error;
use super::route::{Call, Plan, Route};
use super::token_settings::token_type_name;
use super::wire::{Reply, to_value};
use crate::engine::Access;
use crate::engine::access::Capability;
use crate::engine::mounts::{list, token_accessor};
use crate::model::mount::{self, Lockout};
use crate::model::namespace::Scope;

pub(super) const ROUTES: &[Route] = &[Route::new("sys/mounts", &[], &[(Capability::Read, mounts)])];

/// A mount as it is shown.
#[derive(Serialize)]
pub(super) struct Mount {
    accessor: String,
    config: Config,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecation_status: Option<&'static str>,
    description: String,
    external_entropy_access: bool,
    local: bool,
    options: Option<BTreeMap<String, String>>,
    plugin_version: &'static str,
    running_plugin_version: &'static str,
    running_sha256: &'static str,
    seal_wrap: bool,
    #[serde(rename = "type")]
    kind: String,
    uuid: String,
}

#[derive(Serialize)]
struct Config {
    default_lease_ttl: u64,
    force_no_cache: bool,
    max_lease_ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    listing_visibility: String,
    #[serde(rename = "user_lockout_config", skip_serializing_if = "Option::is_none")]
    lockout: Option<LockoutData>,
    #[serde(flatten)]
    lists: BTreeMap<String, Vec<String>>,
}

/// What was tuned of lockouts.
#[derive(Serialize)]
pub(super) struct LockoutData {
    #[serde(rename = "user_lockout_counter_reset_duration")]
    counter_reset_duration: u64,
    #[serde(rename = "user_lockout_disable")]
    disable: bool,
    #[serde(rename = "user_lockout_duration")]
    duration: u64,
    #[serde(rename = "user_lockout_threshold")]
    threshold: u32,
}

impl LockoutData {
    /// `lockout`, if anything of it was tuned.
    pub(super) fn of(lockout: &Lockout) -> Option<Self> {
        (*lockout != Lockout::default()).then_some(Self {
            counter_reset_duration: lockout.counter_reset.as_secs(),
            disable: lockout.disabled,
            duration: lockout.duration.as_secs(),
            threshold: lockout.threshold,
        })
    }
}

impl Mount {
    /// A mount that is there in every namespace; outside root it is of a kind of its own.
    fn built_in(call: &Call<'_>, kind: &'static str, description: &str) -> Self {
        let is_auth = kind == "token";
        let is_root = call.scope.id.is_root();
        let mark = call.access.blind("mount", &[call.scope.id.as_str(), kind]);
        let hash: String = format!("{mark:?}").chars().take(8).collect();
        let passed_through = match kind {
            "identity" => Some("Authorization"),
            "system" => Some("Accept"),
            _ => None,
        };
        let passed_through = passed_through.map(|header| (PASSED_THROUGH.to_owned(), vec![header.to_owned()]));
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
                token_type: is_auth.then_some(if is_root { "default-service" } else { "default" }),
                listing_visibility: String::new(),
                lockout: None,
                lists: passed_through.into_iter().collect(),
            },
            deprecation_status: None,
            description: description.into(),
            external_entropy_access: false,
            local: kind == "cubbyhole",
            options: None,
            plugin_version: "",
            running_plugin_version: RUNNING,
            running_sha256: "",
            seal_wrap: kind == "system",
            kind: if is_root { kind.into() } else { format!("ns_{kind}") },
            uuid: stable_uuid(call.access, &call.scope, kind),
        }
    }

    /// The token mount.
    pub(super) fn token(call: &Call<'_>) -> Self {
        Self::built_in(call, "token", "token based credentials")
    }

    /// A mount that an operator has made.
    pub(super) fn of(mount: &mount::Mount) -> Self {
        Self {
            accessor: mount.accessor.to_string(),
            config: Config::of(&mount.config),
            deprecation_status: Some("supported"),
            description: mount.description.clone(),
            external_entropy_access: mount.external_entropy_access,
            local: mount.local,
            options: mount.options.clone(),
            plugin_version: "",
            running_plugin_version: RUNNING,
            running_sha256: "",
            seal_wrap: mount.seal_wrap,
            kind: mount.kind.as_str().into(),
            uuid: mount.uuid.clone(),
        }
    }
}

impl Config {
    fn of(config: &mount::Config) -> Self {
        Self {
            default_lease_ttl: config.default_lease_ttl.as_secs(),
            force_no_cache: config.force_no_cache,
            max_lease_ttl: config.max_lease_ttl.as_secs(),
            token_type: Some(token_type(config)),
            listing_visibility: config.listing_visibility.clone(),
            lockout: LockoutData::of(&config.lockout),
            lists: config.lists.clone(),
        }
    }
}

/// What an auth mount's kind of token is called: where nothing is said, a service token unless a role says otherwise.
const fn token_type(config: &mount::Config) -> &'static str {
    match config.token_type {
        mount::TokenType::Default => token_type_name(mount::TokenType::DefaultService),
        kind @ (mount::TokenType::DefaultService
        | mount::TokenType::DefaultBatch
        | mount::TokenType::Service
        | mount::TokenType::Batch) => token_type_name(kind),
    }
}

/// Request headers that an engine gets to see.
const PASSED_THROUGH: &str = "passthrough_request_headers";

const RUNNING: &str = concat!("v", env!("CARGO_PKG_VERSION"), "+builtin.countersign");

/// What may be tuned of a mount, as it is shown: with lifetimes as they come out.
#[derive(Serialize)]
pub(super) struct Tuning {
    description: String,
    default_lease_ttl: u64,
    max_lease_ttl: u64,
    force_no_cache: bool,
    token_type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    listing_visibility: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
    #[serde(flatten)]
    lockout: Option<LockoutData>,
    #[serde(flatten)]
    lists: BTreeMap<String, Vec<String>>,
}

impl Tuning {
    /// What may be tuned of `mount`.
    pub(super) fn of(mount: &mount::Mount) -> Self {
        let config = &mount.config;
        Self {
            description: mount.description.clone(),
            default_lease_ttl: config.default_ttl().as_secs(),
            max_lease_ttl: config.max_ttl().as_secs(),
            force_no_cache: config.force_no_cache,
            token_type: token_type(config),
            listing_visibility: config.listing_visibility.clone(),
            options: mount.options.clone().unwrap_or_default(),
            lockout: LockoutData::of(&config.lockout),
            lists: config.lists.clone(),
        }
    }

    /// What could be tuned of the token mount, if it could.
    pub(super) fn token() -> Self {
        let longest: Duration = mount::Config::default().max_ttl();
        Self {
            description: "token based credentials".into(),
            default_lease_ttl: longest.as_secs(),
            max_lease_ttl: longest.as_secs(),
            force_no_cache: false,
            token_type: "default-service",
            listing_visibility: String::new(),
            options: BTreeMap::new(),
            lockout: None,
            lists: BTreeMap::new(),
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

/// The mounts of a namespace that are not for logging in, by path.
pub(super) fn secret_mounts(call: &Call<'_>) -> Result<BTreeMap<String, Value>, Error> {
    let system = "system endpoints used for control, policy and debugging";
    let mounts = [
        ("cubbyhole/", Mount::built_in(call, "cubbyhole", "per-token private secret storage")),
        ("identity/", Mount::built_in(call, "identity", "identity store")),
        ("sys/", Mount::built_in(call, "system", system)),
    ];
    mounts.into_iter().map(|(path, mount)| Ok((path.to_owned(), to_value(&mount)?))).collect()
}

/// The mounts of a namespace that are for logging in, by their paths behind `auth/`.
pub(super) fn auth_mounts(call: &mut Call<'_>) -> Result<BTreeMap<String, Value>, Error> {
    let mut mounts = BTreeMap::from([("token/".to_owned(), to_value(&Mount::token(call))?)]);
    for mount in list(call.tx, call.access, &call.scope)? {
        mounts.insert(mount.path.clone(), to_value(&Mount::of(&mount))?);
    }
    Ok(mounts)
}
