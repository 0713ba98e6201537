//! OpenZiti's edge APIs, client and management, as far as a second factor reaches: the route table.
//!
//! What a request goes through is `dispatch`'s business; how errors look, `error`'s; what replies look like, `wire`'s. Each resource has a
//! file with its handlers.

use actix_web::web::{self, Data, ServiceConfig};

mod api_session;
mod auth_policies;
mod authenticate;
mod authenticators;
mod current_identity;
mod dispatch;
mod error;
mod identities;
mod input;
mod listing;
mod mfa;
mod posture;
mod posture_checks;
mod request;
mod route;
mod service_policies;
mod service_sessions;
mod services;
mod version;
mod wire;

use super::Bodies;
use crate::engine::Engine;
use crate::engine::edge::Rules;

/// The network that is served.
#[derive(Debug, Clone)]
pub struct Network {
    /// How it is set up.
    pub rules: Rules,
    /// Where clients reach it; what they call the server, if not set.
    pub url: Option<String>,
}

/// The first segments of this dialect's own paths without a prefix, for clients from before there were any.
const UNPREFIXED: [&str; 8] = [
    "authenticate",
    "current-api-session",
    "current-identity",
    "posture-response",
    "posture-response-bulk",
    "services",
    "sessions",
    "version",
];

/// Serve this dialect's paths: below `/edge`, and the client API's own without a prefix.
pub fn configure(
    engine: Data<Engine>,
    bodies: Data<Bodies>,
    network: Data<Network>,
) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(engine).app_data(bodies).app_data(network);
        config.route("/", web::to(dispatch::serve));
        for first in UNPREFIXED.iter().chain(&["edge"]) {
            config.service(web::scope(&format!("/{first}")).default_service(web::to(dispatch::serve)));
        }
    }
}

/// Whether `path` is this dialect's.
pub fn owns(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(first, "" | "edge") || UNPREFIXED.contains(&first)
}

/// An error in this dialect's shape for a client that asks more often than it may.
pub fn too_often() -> actix_web::HttpResponse {
    error::Error::too_often().respond("shed")
}

/// Every route. The first that fits counts.
const ROUTES: &[&[route::Route]] = &[
    api_session::ROUTES,
    authenticate::ROUTES,
    version::ROUTES,
    mfa::ROUTES,
    current_identity::ROUTES,
    services::ROUTES,
    service_sessions::ROUTES,
    posture::ROUTES,
    identities::ROUTES,
    authenticators::ROUTES,
    auth_policies::ROUTES,
    posture_checks::ROUTES,
    service_policies::ROUTES,
];
