//! What is served here, for clients that ask before they do anything else.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::route::{Call, Door, Plan, Route};
use super::wire::Reply;

pub(super) const ROUTES: &[Route] = &[
    Route { api: None, pattern: &[], verbs: &[(Method::GET, Door::Anybody, read)] },
    Route { api: None, pattern: &["version"], verbs: &[(Method::GET, Door::Anybody, read)] },
];

/// The version that clients see and compare: of the controller whose contract this is.
pub(super) const VERSION: &str =
    concat!("v2.1.0+countersign.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

const CLIENT: &str = "/edge/client/v1";
const MANAGEMENT: &str = "/edge/management/v1";

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let base = call.network.url.clone().unwrap_or_else(|| format!("https://{}", call.head.host));
    let base = base.trim_end_matches('/');
    let api = |path: &str| -> Value { json!({ "v1": { "path": path, "apiBaseUrls": [format!("{base}{path}")] } }) };
    Ok(Plan::Reply(Reply::data(json!({
        "version": VERSION,
        "revision": concat!("countersign-", env!("CARGO_PKG_VERSION")),
        "buildDate": "not recorded",
        "runtimeVersion": concat!("rust", env!("CARGO_PKG_RUST_VERSION")),
        "apiVersions": { "edge": api(CLIENT), "edge-client": api(CLIENT), "edge-management": api(MANAGEMENT) },
        // Clients that see OIDC_AUTH or HA_CONTROLLER here would log in another way, which is not served.
        "capabilities": [],
    }))))
}
