//! `sys/namespaces`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::access::Capability;
use crate::engine::{self, namespaces};
use crate::id::NamespaceId;
use crate::model::namespace::{NameError, Namespace};

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/namespaces", &[], &[(Capability::List, list)]),
    Route::new(
        "sys/namespaces/{path*}",
        &[Field { name: "custom_metadata", kind: Kind::Map }],
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    ),
    Route::new(
        "sys/namespaces/{path*}",
        &[Field { name: "custom_metadata", kind: Kind::Patch }],
        &[(Capability::Patch, patch)],
    ),
];

#[derive(Serialize)]
struct NamespaceData {
    uuid: String,
    id: String,
    path: String,
    tainted: bool,
    locked: bool,
    custom_metadata: BTreeMap<String, String>,
}

impl From<Namespace> for NamespaceData {
    fn from(namespace: Namespace) -> Self {
        Self {
            uuid: namespace.uuid,
            id: namespace.scope.id.to_string(),
            path: namespace.scope.path,
            tainted: false,
            locked: false,
            custom_metadata: namespace.custom_metadata,
        }
    }
}

/// The name in the path: one segment.
fn name(call: &Call<'_>) -> Result<String, Error> {
    let name = call.input.text("path").trim_end_matches('/').to_owned();
    if name.contains('/') {
        return Err(engine::Error::NamespaceName(NameError::Slash).into());
    }
    Ok(name)
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let namespaces = namespaces::list(call.tx, call.access, &call.scope)?;
    let shown = namespaces.into_iter().map(|namespace| {
        let key = format!("{}/", namespace.name());
        Ok((key, to_value(&NamespaceData::from(namespace))?))
    });
    let key_info: BTreeMap<_, _> = shown.collect::<Result<_, Error>>()?;
    Ok(Plan::Reply(Reply::keys(key_info.keys().cloned().collect(), Some(key_info))?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let name = name(call)?;
    let namespace = namespaces::get(call.tx, call.access, &call.scope, &name)?.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&NamespaceData::from(namespace))?))
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let command = namespaces::Create {
        parent: call.scope.clone(),
        name: name(call)?,
        custom_metadata: call.input.map("custom_metadata"),
        fresh_id: NamespaceId::fresh(call.engine.entropy.as_ref()),
        fresh_uuid: call.engine.entropy.uuid().to_string(),
    };
    Ok(Plan::write(move |tx, access| Reply::data(&NamespaceData::from(namespaces::create(tx, access, &command)?))))
}

fn patch(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (parent, name) = (call.scope.clone(), name(call)?);
    let changes = call.input.patch("custom_metadata").unwrap_or_default();
    Ok(Plan::write(move |tx, access| {
        Reply::data(&NamespaceData::from(namespaces::patch(tx, access, &parent, &name, &changes)?))
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (parent, name) = (call.scope.clone(), name(call)?);
    Ok(Plan::write(move |tx, access| {
        if namespaces::delete(tx, access, &parent, &name)? {
            return Reply::data(&BTreeMap::from([("status", "in-progress")]));
        }
        Ok(Reply::warning("requested namespace does not exist"))
    }))
}
