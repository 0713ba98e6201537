//! Vault's HTTP API for identity MFA: the route table.
//!
//! What a request goes through is `dispatch`'s business; how errors look, `error`'s; what replies look like, `wire`'s. Each resource has a
//! file with its handlers.

use actix_web::web::{self, Data, ServiceConfig};

mod aliases;
mod approle;
mod auth_mounts;
mod authenticators;
mod challenges;
mod credentials;
mod dispatch;
mod duration;
mod enforcements;
mod enrollments;
mod entities;
mod error;
mod field;
mod group_aliases;
mod groups;
mod input;
mod lifecycle;
mod listing;
mod lockouts;
mod login;
mod lookup;
mod methods;
mod mounts;
mod namespaces;
mod openapi;
mod out_of_band;
mod permission;
mod policies;
mod request;
mod requirement;
mod route;
mod second_phase;
mod secret_ids;
mod system;
mod token_roles;
mod token_settings;
mod tokens;
mod ui;
mod userpass;
mod verification;
mod web_authn;
mod wire;
mod wrapping;

use super::Bodies;
use crate::engine::Engine;
use crate::model::mount;

/// Serve this dialect's paths, and answer in its shape wherever nobody else does.
pub fn configure(engine: Data<Engine>, bodies: Data<Bodies>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(engine).app_data(bodies);
        config.service(web::scope("/v1").default_service(web::to(dispatch::serve)));
        config.default_service(web::to(dispatch::unknown));
    }
}

/// An error in this dialect's shape for a client that asks more often than it may.
pub fn too_often(path: &str) -> actix_web::HttpResponse {
    error::Error::too_often(path.trim_start_matches("/v1/")).respond()
}

/// Where engines are mounted. A path under none of them has no handler.
const MOUNTS: [&str; 4] = ["auth/token/", "cubbyhole/", "identity/", "sys/"];

/// Paths that only the root namespace has.
const ROOT_ONLY: [&str; 22] = [
    "sys/audit",
    "sys/audit-hash",
    "sys/clock",
    "sys/config",
    "sys/generate-root",
    "sys/health",
    "sys/host-info",
    "sys/in-flight-req",
    "sys/init",
    "sys/loggers",
    "sys/metrics",
    "sys/mfa/method",
    "sys/monitor",
    "sys/pprof",
    "sys/quotas",
    "sys/raw",
    "sys/rekey",
    "sys/replication",
    "sys/seal",
    "sys/step-down",
    "sys/storage",
    "sys/unseal",
];

/// Every route but those inside auth mounts.
const ROUTES: &[&[route::Route]] = &[
    verification::ROUTES,
    authenticators::ROUTES,
    methods::ROUTES,
    entities::ROUTES,
    aliases::ROUTES,
    groups::ROUTES,
    group_aliases::ROUTES,
    tokens::ROUTES,
    token_roles::ROUTES,
    namespaces::ROUTES,
    policies::ROUTES,
    mounts::ROUTES,
    system::ROUTES,
    wrapping::ROUTES,
    ui::ROUTES,
    auth_mounts::ROUTES,
    lockouts::ROUTES,
    enforcements::ROUTES,
    second_phase::ROUTES,
    openapi::ROUTES,
    out_of_band::ROUTES,
    challenges::ROUTES,
    enrollments::ROUTES,
    web_authn::ROUTES,
];

/// The routes inside a mount of this kind.
const fn routes_of(kind: mount::Kind) -> &'static [&'static [route::Route]] {
    match kind {
        mount::Kind::Userpass => &[userpass::ROUTES],
        mount::Kind::Approle => &[approle::ROUTES, secret_ids::ROUTES],
    }
}
