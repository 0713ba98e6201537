//! ZITADEL's HTTP API for second factors: the table of methods.
//!
//! Each method is one row, served over REST (`/v2`, `/v2beta`, `/admin/v1`, `/management/v1`) and as a Connect procedure with JSON
//! (`/zitadel.settings.v2.SettingsService/GetLoginSettings`). Each message is described once (`message`), and read and written by that. What
//! a request goes through is `dispatch`'s business; how errors look, `error`'s; who may use what, `auth`'s.
//!
//! To add a method: declare its messages with `message!`, write a handler `fn(&mut Call, Request) -> Result<Plan, Error>`, and add a row.

use actix_web::web::{self, Data, ServiceConfig};

mod auth;
mod details;
mod dispatch;
mod error;
mod factors;
mod lockout;
mod message;
mod method;
mod organisation;
mod organisations;
mod policies;
mod providers;
mod ready;
mod rule;
mod scalar;
mod search;
mod secret_generators;
mod sent;
mod session;
mod session_token;
mod settings;
mod user;

use super::Bodies;
use crate::engine::Engine;

/// Where REST's paths begin.
const SCOPES: [&str; 4] = ["/v2", "/v2beta", "/admin/v1", "/management/v1"];

/// Serve this dialect's paths.
pub fn configure(engine: Data<Engine>, bodies: Data<Bodies>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(engine).app_data(bodies);
        for scope in SCOPES {
            config.service(web::scope(scope).default_service(web::to(dispatch::rest)));
        }
        config.service(web::resource("/{procedure:zitadel\\..*}").to(dispatch::connect));
    }
}

/// Whether `path` is one of this dialect.
pub fn serves(path: &str) -> bool {
    let below = |scope: &str| path.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    path.starts_with("/zitadel.") || SCOPES.iter().any(|scope| below(scope))
}

/// An error in this dialect's shape for a client that asks more often than it may.
pub fn too_often(path: &str) -> actix_web::HttpResponse {
    let error = error::Error::too_often();
    if path.starts_with("/zitadel.") { error.connect() } else { error.rest() }
}

/// Every method.
const METHODS: &[&[method::Method]] = &[
    settings::METHODS,
    policies::login::METHODS,
    policies::lockout::METHODS,
    providers::sms::METHODS,
    providers::email::METHODS,
    secret_generators::METHODS,
    organisations::METHODS,
    session::METHODS,
    session::search::METHODS,
    user::create::METHODS,
    user::lifecycle::METHODS,
    user::search::METHODS,
    user::contact::METHODS,
    user::password::METHODS,
    user::totp::METHODS,
    user::keys::METHODS,
    user::otp::METHODS,
    user::recovery::METHODS,
    user::listing::METHODS,
];
