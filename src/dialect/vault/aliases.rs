//! `identity/entity-alias`, and how aliases look wherever they are shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::Access;
use crate::engine::access::Capability;
use crate::engine::aliases::{self, Change, Fresh, Put};
use crate::engine::mounts::{self, Place};
use crate::id::{Accessor, AliasId, EntityId};
use crate::model::alias::Alias;
use crate::model::namespace::Scope;
use crate::storage::Tx;

const WRITE: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "mount_accessor", kind: Kind::Text },
    Field { name: "canonical_id", kind: Kind::Text },
    Field { name: "entity_id", kind: Kind::Text },
    Field { name: "custom_metadata", kind: Kind::Map },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/entity-alias", WRITE, &[(Capability::Update, write)]),
    Route::new("identity/entity-alias/id", &[], &[(Capability::List, list)]),
    Route::new(
        "identity/entity-alias/id/{id}",
        WRITE,
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    ),
];

/// An alias as it is read.
#[derive(Serialize)]
pub(super) struct AliasData {
    canonical_id: String,
    creation_time: String,
    custom_metadata: Option<BTreeMap<String, String>>,
    id: String,
    last_update_time: String,
    local: bool,
    merged_from_canonical_ids: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    mount_accessor: String,
    mount_path: String,
    mount_type: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_id: Option<String>,
}

impl AliasData {
    /// `alias`, whose mount is there, if it still is.
    pub(super) fn of(alias: Alias, place: Option<&Place>) -> Self {
        let merged: Vec<String> = alias.merged_from.iter().map(ToString::to_string).collect();
        Self {
            canonical_id: alias.entity.to_string(),
            creation_time: alias.created_at.to_string(),
            custom_metadata: alias.custom_metadata,
            id: alias.id.to_string(),
            last_update_time: alias.updated_at.to_string(),
            local: false,
            merged_from_canonical_ids: Some(merged).filter(|merged| !merged.is_empty()),
            metadata: alias.metadata,
            mount_accessor: alias.mount.to_string(),
            mount_path: mount_path(place),
            mount_type: mount_type(place),
            name: alias.name,
            namespace_id: Some(alias.scope.id.to_string()),
        }
    }

    /// The same as part of its entity, which says the namespace.
    pub(super) fn in_entity(self) -> Self {
        Self { namespace_id: None, ..self }
    }
}

/// The path of a mount as replies show it: empty when it is gone.
pub(super) fn mount_path(place: Option<&Place>) -> String {
    place.map(|place| format!("auth/{}", place.path)).unwrap_or_default()
}

/// What a mount is, as replies show it: empty when it is gone.
pub(super) fn mount_type(place: Option<&Place>) -> &'static str {
    place.map(|place| place.kind).unwrap_or_default()
}

/// An alias in the list of those that have one.
#[derive(Serialize)]
pub(super) struct AliasSummary {
    id: String,
    mount_accessor: String,
    mount_path: String,
    mount_type: &'static str,
    name: String,
}

impl AliasSummary {
    /// The alias `name` in a mount, which is there, if it still is.
    pub(super) fn of(id: &AliasId, name: String, mount: &Accessor, place: Option<&Place>) -> Self {
        Self {
            id: id.to_string(),
            mount_accessor: mount.to_string(),
            mount_path: mount_path(place),
            mount_type: mount_type(place),
            name,
        }
    }
}

/// Where mounts are, each looked up once.
pub(super) struct Places<'a> {
    scope: &'a Scope,
    known: BTreeMap<Accessor, Option<Place>>,
}

impl<'a> Places<'a> {
    /// Nothing looked up yet.
    pub(super) const fn new(scope: &'a Scope) -> Self {
        Self { scope, known: BTreeMap::new() }
    }

    /// Where the mount with this accessor is.
    pub(super) fn of(
        &mut self,
        tx: &mut dyn Tx,
        access: &Access,
        accessor: &Accessor,
    ) -> Result<Option<&Place>, Error> {
        if !self.known.contains_key(accessor) {
            let place = mounts::place(tx, access, self.scope, accessor)?;
            self.known.insert(accessor.clone(), place);
        }
        Ok(self.known.get(accessor).and_then(Option::as_ref))
    }
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = AliasId::new(call.input.text("id"));
    let alias = aliases::get(call.tx, call.access, &call.scope, &id)?.ok_or_else(Error::not_found)?;
    let place = mounts::place(call.tx, call.access, &call.scope, &alias.mount)?;
    Ok(Plan::Reply(Reply::data(&AliasData::of(alias, place.as_ref()))?))
}

#[derive(Serialize)]
struct WrittenData {
    canonical_id: String,
    id: String,
}

fn written(changed: Option<Alias>) -> Result<Reply, Error> {
    match changed {
        Some(alias) => Reply::data(&WrittenData { canonical_id: alias.entity.to_string(), id: alias.id.to_string() }),
        None => Ok(Reply::NoContent),
    }
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let input = &call.input;
    let given = |name| Some(input.text(name)).filter(|text| !text.is_empty());
    let scope = call.scope.clone();
    let (name, mount) = (given("name").map(str::to_owned), given("mount_accessor").map(Accessor::new));
    let entity = given("canonical_id").or_else(|| given("entity_id")).map(EntityId::new);
    let custom_metadata = input.map("custom_metadata");
    if let Some(id) = given("id").map(AliasId::new) {
        let command = Change { scope, id, mount, name, entity, custom_metadata };
        return Ok(Plan::write(move |tx, access| written(aliases::change(tx, access, &command)?)));
    }
    let (Some(name), Some(mount)) = (name, mount) else {
        return Err(Error::bad_request("'id' or 'mount_accessor' and 'name' must be provided"));
    };
    let fresh = Fresh::draw(call.engine.entropy.as_ref(), &scope);
    let command = Put { scope, mount, name, entity, custom_metadata: custom_metadata.unwrap_or_default(), fresh };
    Ok(Plan::write(move |tx, access| written(aliases::put(tx, access, &command)?)))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), AliasId::new(call.input.text("id")));
    Ok(Plan::write(move |tx, access| {
        aliases::delete(tx, access, &scope, &id)?;
        Ok(Reply::NoContent)
    }))
}

/// An alias in the list of aliases.
#[derive(Serialize)]
pub(super) struct Listed {
    pub(super) canonical_id: String,
    pub(super) custom_metadata: Option<BTreeMap<String, String>>,
    pub(super) local: bool,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) mount_accessor: String,
    pub(super) mount_path: String,
    pub(super) mount_type: &'static str,
    pub(super) name: String,
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        engine.store.read(engine.now(), |tx| {
            let (mut keys, mut shown, mut places) = (Vec::new(), BTreeMap::new(), Places::new(&scope));
            for alias in aliases::list(tx, &access, &scope)? {
                let place = places.of(tx, &access, &alias.mount)?;
                let listed = Listed {
                    canonical_id: alias.entity.to_string(),
                    custom_metadata: alias.custom_metadata,
                    local: false,
                    metadata: alias.metadata,
                    mount_accessor: alias.mount.to_string(),
                    mount_path: mount_path(place),
                    mount_type: mount_type(place),
                    name: alias.name,
                };
                keys.push(alias.id.to_string());
                shown.insert(alias.id.to_string(), to_value(&listed)?);
            }
            Ok(Plan::Reply(Reply::keys(keys, Some(shown))?))
        })
    }))
}
