//! `identity/entity` and `identity/lookup/entity`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::access::Capability;
use crate::engine::entities::{self, Which, Write, Written};
use crate::engine::{self, merging};
use crate::id::EntityId;
use crate::model::entity::Entity;

const WRITE: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "metadata", kind: Kind::Map },
    Field { name: "policies", kind: Kind::List },
    Field { name: "disabled", kind: Kind::Bool },
];

const LOOKUP: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "alias_id", kind: Kind::Text },
    Field { name: "alias_name", kind: Kind::Text },
    Field { name: "alias_mount_accessor", kind: Kind::Text },
];

const BATCH: &[Field] = &[Field { name: "entity_ids", kind: Kind::List }];

const MERGE: &[Field] = &[
    Field { name: "to_entity_id", kind: Kind::Text },
    Field { name: "from_entity_ids", kind: Kind::List },
    Field { name: "force", kind: Kind::Bool },
    Field { name: "conflicting_alias_ids_to_keep", kind: Kind::List },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/entity", WRITE, &[(Capability::Update, write)]),
    Route::new("identity/entity/id", &[], &[(Capability::List, list_by_id)]),
    Route::new("identity/entity/name", &[], &[(Capability::List, list_by_name)]),
    Route::new(
        "identity/entity/id/{id}",
        WRITE,
        &[(Capability::Read, read), (Capability::Update, write_by_id), (Capability::Delete, delete)],
    ),
    Route::new(
        "identity/entity/name/{name*}",
        WRITE,
        &[(Capability::Read, read_by_name), (Capability::Update, write_by_name), (Capability::Delete, delete_by_name)],
    ),
    Route::new("identity/entity/batch-delete", BATCH, &[(Capability::Update, batch_delete)]),
    Route::new("identity/entity/merge", MERGE, &[(Capability::Update, merge)]),
    Route::new("identity/lookup/entity", LOOKUP, &[(Capability::Update, lookup)]),
];

#[derive(Serialize)]
struct EntityData {
    aliases: Vec<String>,
    creation_time: String,
    direct_group_ids: Vec<String>,
    disabled: bool,
    group_ids: Vec<String>,
    id: String,
    inherited_group_ids: Vec<String>,
    last_update_time: String,
    merged_entity_ids: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    name: String,
    namespace_id: String,
    policies: Vec<String>,
}

impl From<Entity> for EntityData {
    fn from(entity: Entity) -> Self {
        let merged: Vec<String> = entity.merged.iter().map(ToString::to_string).collect();
        Self {
            aliases: Vec::new(),
            creation_time: entity.created_at.to_string(),
            direct_group_ids: Vec::new(),
            disabled: entity.disabled,
            group_ids: Vec::new(),
            id: entity.id.to_string(),
            inherited_group_ids: Vec::new(),
            last_update_time: entity.updated_at.to_string(),
            merged_entity_ids: Some(merged).filter(|merged| !merged.is_empty()),
            metadata: entity.metadata,
            name: entity.name,
            namespace_id: entity.scope.id.to_string(),
            policies: entity.policies,
        }
    }
}

#[derive(Serialize)]
struct CreatedData {
    aliases: Option<()>,
    id: String,
    name: String,
}

fn shown(entity: Option<Entity>) -> Result<Plan, Error> {
    let entity = entity.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&EntityData::from(entity))?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = EntityId::new(call.input.text("id"));
    shown(entities::get(call.tx, call.access, &call.scope, &id)?)
}

fn read_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let name = call.input.text("name").to_owned();
    shown(entities::by_name(call.tx, call.access, &call.scope.id, &name)?)
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (id, name) = (call.input.text("id").to_owned(), call.input.text("name").to_owned());
    match (id.is_empty(), name.is_empty()) {
        (false, _) => put(call, Which::Id(EntityId::new(id)), Some(name)),
        (true, false) => put(call, Which::Name(name), None),
        (true, true) => put(call, Which::New, None),
    }
}

fn write_by_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = EntityId::new(call.input.text("id"));
    let name = call.input.given_text("name").map(str::to_owned);
    put(call, Which::Id(id), name)
}

fn write_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let name = call.input.text("name").to_owned();
    put(call, Which::Name(name), None)
}

fn put(call: &mut Call<'_>, which: Which, rename: Option<String>) -> Result<Plan, Error> {
    let entropy = call.engine.entropy.as_ref();
    let fresh_name = entities::fresh_name(entropy, &call.scope);
    let command = Write {
        scope: call.scope.clone(),
        which,
        rename,
        metadata: call.input.map("metadata"),
        policies: call.input.list("policies"),
        disabled: call.input.switch("disabled"),
        fresh_id: EntityId::fresh(entropy, &call.scope.id),
        fresh_name,
    };
    Ok(Plan::write(move |tx, access| match entities::write(tx, access, &command) {
        Ok(Written::Created(entity)) => {
            Reply::data(&CreatedData { aliases: None, id: entity.id.to_string(), name: entity.name })
        }
        Ok(Written::Updated(_)) => Ok(Reply::NoContent),
        Err(engine::Error::UnknownEntity) => Err(Error::bad_request("entity not found from id")),
        Err(error) => Err(error.into()),
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), EntityId::new(call.input.text("id")));
    Ok(Plan::write(move |tx, access| {
        entities::delete(tx, access, &scope, &id)?;
        Ok(Reply::NoContent)
    }))
}

fn delete_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, name) = (call.scope.clone(), call.input.text("name").to_owned());
    Ok(Plan::write(move |tx, access| {
        entities::delete_by_name(tx, access, &scope, &name)?;
        Ok(Reply::NoContent)
    }))
}

fn batch_delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let ids = call.input.list("entity_ids").unwrap_or_default();
    if ids.is_empty() {
        return Err(Error::bad_request("missing entity ids to delete"));
    }
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| {
        for id in &ids {
            entities::delete(tx, access, &scope, &EntityId::new(id.as_str()))?;
        }
        Ok(Reply::NoContent)
    }))
}

#[derive(Serialize)]
struct Listed {
    name: String,
}

fn list_by_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        let entities = engine.store.read(engine.now(), |tx| entities::list(tx, &access, &scope))?;
        let keys = entities.iter().map(|entity| entity.id.to_string()).collect();
        let shown =
            entities.into_iter().map(|Entity { id, name, .. }| Ok((id.to_string(), to_value(&Listed { name })?)));
        Ok(Plan::Reply(Reply::keys(keys, Some(shown.collect::<Result<_, Error>>()?))?))
    }))
}

fn list_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        let entities = engine.store.read(engine.now(), |tx| entities::list(tx, &access, &scope))?;
        let mut names: Vec<String> = entities.into_iter().map(|entity| entity.name).collect();
        names.sort();
        Ok(Plan::Reply(Reply::keys(names, None)?))
    }))
}

/// Nothing but an entity's id and its name lead to it: there are no aliases yet.
fn lookup(call: &mut Call<'_>) -> Result<Plan, Error> {
    let given = |name| call.input.text(name).to_owned();
    let (id, name, alias_id) = (given("id"), given("name"), given("alias_id"));
    let (alias_name, accessor) = (given("alias_name"), given("alias_mount_accessor"));
    let by_alias = !alias_name.is_empty() || !accessor.is_empty();
    let ways = [!id.is_empty(), !name.is_empty(), !alias_id.is_empty(), by_alias];
    match ways.iter().filter(|way| **way).count() {
        0 => return Err(Error::bad_request("query parameter not supplied")),
        1 => {}
        _ => {
            let text = "query parameter conflict; please supply distinct set of query parameters";
            return Err(Error::bad_request(text));
        }
    }
    if by_alias && (alias_name.is_empty() || accessor.is_empty()) {
        return Err(Error::bad_request("both 'alias_name' and 'alias_mount_accessor' needs to be set"));
    }
    let found = match (id.is_empty(), name.is_empty()) {
        (false, _) => entities::get(call.tx, call.access, &call.scope, &EntityId::new(id))?,
        (true, false) => entities::by_name(call.tx, call.access, &call.scope.id, &name)?,
        (true, true) => None,
    };
    match found {
        Some(entity) => shown(Some(entity)),
        None => Ok(Plan::Reply(Reply::NoContent)),
    }
}

fn merge(call: &mut Call<'_>) -> Result<Plan, Error> {
    let to = call.input.text("to_entity_id").to_owned();
    let from = call.input.list("from_entity_ids").unwrap_or_default();
    if to.is_empty() {
        return Err(Error::bad_request("missing entity id to merge to"));
    }
    if from.is_empty() {
        return Err(Error::bad_request("missing entity ids to merge from"));
    }
    if from.contains(&to) && entities::get(call.tx, call.access, &call.scope, &EntityId::new(to.as_str()))?.is_some() {
        return Err(Error::bad_request("to_entity_id should not be present in from_entity_ids"));
    }
    let command = merging::Merge {
        scope: call.scope.clone(),
        to: EntityId::new(to),
        from: from.into_iter().map(EntityId::new).collect(),
        force: call.input.switch("force").unwrap_or(false),
    };
    Ok(Plan::write(move |tx, access| match merging::merge(tx, access, &command) {
        Ok(()) => Ok(Reply::NoContent),
        Err(engine::Error::UnknownEntity) => Err(Error::bad_request("entity id to merge to is invalid")),
        Err(error) => Err(error.into()),
    }))
}
