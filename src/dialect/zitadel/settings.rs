//! The settings service, version 2: what login UIs ask before they show anything.

use super::auth::Permission;
use super::error::Error;
use super::message::message;
use super::method::{Api, Call, Method, Plan};
use super::organisation;
use crate::id::NamespaceId;

/// The methods.
pub(super) const METHODS: &[Method] = &[Method::new(
    Api::Settings,
    "GetGeneralSettings",
    &[("GET", "settings")],
    Permission::PolicyRead,
    |call, sent| general(call, &sent.read()?),
)];

message! {
    /// A request that asks for nothing in particular.
    pub(super) struct Empty {}

    struct General("GetGeneralSettingsResponse") {
        default_org_id: String,
        default_language: String,
        supported_languages: Vec<String>,
    }
}

fn general(_call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    Plan::reply(&General {
        default_org_id: organisation::id_of(&NamespaceId::root()),
        default_language: "en".into(),
        supported_languages: vec!["en".into()],
    })
}
