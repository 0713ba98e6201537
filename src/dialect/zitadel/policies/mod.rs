//! Policies of the admin service (the instance's) and of the management service (one organisation's).

pub(super) mod lockout;
pub(super) mod login;
mod words;

use super::method::{Api, Call};
use crate::model::login_policy::Owner;

/// Whose policies a service is about: the instance's, or the organisation's that the request's head chooses.
fn owner(api: Api, call: &Call<'_>) -> Owner {
    match api {
        Api::Admin => Owner::Instance,
        Api::Management | Api::Users | Api::Sessions | Api::Settings | Api::Organisations => {
            Owner::Organisation(call.scope.id.clone())
        }
    }
}
