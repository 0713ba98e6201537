//! `sys/internal/specs/openapi`: what is served, as an OpenAPI 3.0 document.
//!
//! It is made of the very tables that requests are looked up in, so it cannot differ from what is served. It is the same for everybody: it tells
//! neither which mounts there are nor which namespaces, and so is told without a token. The routes inside auth mounts are described once for
//! each kind of mount, with the mount's path as a parameter: as the reference does where it is asked for `generic_mount_paths`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

mod components;
mod item;
mod template;

use self::item::Item;
use self::template::Template;
use super::error::Error;
use super::route::{Call, Plan, Route};
use super::wire::Reply;
use super::{lifecycle, routes_of};
use crate::engine::access::Capability;
use crate::model::mount;

pub(super) const ROUTES: &[Route] =
    &[Route::new("sys/internal/specs/openapi", &[], &[(Capability::Read, document), (Capability::Update, document)])
        .open()];

/// The document never changes while the program runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| described().to_string());

fn document(_call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::Document(&DOCUMENT)))
}

/// Everything that is served.
fn described() -> Value {
    let mut schemas = components::schemas();
    let paths: Map<String, Value> =
        items().into_iter().map(|(template, item)| (template, item.describe(&mut schemas))).collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Countersign",
            "description": env!("CARGO_PKG_DESCRIPTION"),
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "servers": [{ "url": "/v1" }],
        "security": components::security(),
        "paths": paths,
        "components": components::components(&schemas),
    })
}

/// What can be done, path by path. Of rows that can do the same with the same path the first counts, as it does for requests.
fn items() -> BTreeMap<String, Item> {
    let mut items = BTreeMap::new();
    for (path, fields, verbs) in lifecycle::PATHS {
        let template = Template::of(path);
        let item = items.entry(template.text()).or_insert_with(|| Item::new(template));
        item.answered_bare(fields, verbs);
    }
    for (prefix, route) in routes() {
        let template = Template::of(&format!("{prefix}{}", route.pattern));
        if !route.handlers.is_empty() {
            let item = items.entry(template.text()).or_insert_with(|| Item::new(template));
            item.routed(route);
        }
    }
    items
}

/// Every row of every table, and what its pattern begins behind.
fn routes() -> impl Iterator<Item = (String, &'static Route)> {
    let everywhere = super::ROUTES.iter().copied().flatten().map(|route| (String::new(), route));
    let in_mounts = mount::Kind::ALL.into_iter().flat_map(|kind| {
        let prefix = format!("auth/{{{}{}}}/", kind.as_str(), template::MOUNT_PATH);
        routes_of(kind).iter().copied().flatten().map(move |route| (prefix.clone(), route))
    });
    everywhere.chain(in_mounts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each operation's path, verb and description.
    fn operations(document: &Value) -> Vec<(String, String, Value)> {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (verb, operation) in item.as_object().unwrap() {
                if !matches!(verb.as_str(), "parameters" | "x-vault-unauthenticated") {
                    operations.push((path.clone(), verb.clone(), operation.clone()));
                }
            }
        }
        operations
    }

    #[test]
    fn every_row_of_every_table_is_described() {
        let document = described();
        for (prefix, route) in routes() {
            let path = Template::of(&format!("{prefix}{}", route.pattern)).text();
            let item = &document["paths"][&path];
            for (can, _) in route.handlers {
                let verbs: &[&str] = match can {
                    Capability::Read | Capability::List => &["get"],
                    Capability::Update => &["post", "put"],
                    Capability::Patch => &["patch"],
                    Capability::Delete => &["delete"],
                };
                for verb in verbs {
                    assert!(item[verb]["responses"]["200"].is_object(), "{verb} {path}");
                }
                let parameters = item["get"]["parameters"].as_array();
                let list = parameters.and_then(|parameters| parameters.iter().find(|known| known["name"] == "list"));
                assert!(*can != Capability::List || list.is_some(), "{path}");
            }
        }
        for (path, _, verbs) in lifecycle::PATHS {
            for verb in verbs {
                assert!(document["paths"][format!("/{path}")][verb.to_lowercase()].is_object(), "{verb} {path}");
            }
        }
    }

    #[test]
    fn names_are_given_once() {
        let document = described();
        let ids: Vec<String> =
            operations(&document).iter().map(|(.., known)| known["operationId"].to_string()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let shapes: Vec<String> = document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .map(|path| path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect())
            .collect();
        assert_eq!(shapes.iter().collect::<BTreeSet<_>>().len(), shapes.len(), "paths that differ in names only");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn follow(document: &Value, value: &Value) {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
            }
            let members = value.as_object().into_iter().flat_map(Map::values);
            members.chain(value.as_array().into_iter().flatten()).for_each(|member| follow(document, member));
        }
        let document = described();
        follow(&document, &document);
    }

    #[test]
    fn what_the_path_settles_is_not_asked_for_again() {
        let document = described();
        let schema = &document["components"]["schemas"]["IdentityMfaMethodTotpMethodIdRequest"]["properties"];
        assert_eq!(schema["period"], json!({ "type": "integer", "format": "seconds", "minimum": 0 }));
        assert_eq!(schema["method_id"], Value::Null);
    }

    #[test]
    fn only_open_routes_are_said_to_be_open() {
        for (path, verb, operation) in operations(&described()) {
            let bare = lifecycle::PATHS.iter().any(|(known, ..)| path == format!("/{known}"));
            let mut rows = routes().filter(|(prefix, route)| {
                Template::of(&format!("{prefix}{}", route.pattern)).text() == path && !route.handlers.is_empty()
            });
            let open = bare || rows.all(|(_, route)| route.door != crate::dialect::vault::route::Door::Token);
            assert_eq!(operation["security"] == json!([]), open, "{verb} {path}");
        }
    }
}
