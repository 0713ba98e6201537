//! `identity/entity` and `identity/lookup/entity`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::aliases::{AliasData, AliasSummary, Places, mount_path, mount_type};
use super::error::{Error, listed};
use super::field::{Field, Kind};
use super::lookup::{self, Asked};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::access::Capability;
use crate::engine::entities::{self, Which, Write, Written};
use crate::engine::groups::{self, Member};
use crate::engine::merging::{self, Clash};
use crate::engine::{self, Access, mounts};
use crate::id::{AliasId, EntityId};
use crate::model::alias::Alias;
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::storage::Tx;

const WRITE: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "metadata", kind: Kind::Map },
    Field { name: "policies", kind: Kind::List },
    Field { name: "disabled", kind: Kind::Bool },
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
    Route::new("identity/lookup/entity", lookup::FIELDS, &[(Capability::Update, look_up)]),
];

#[derive(Serialize)]
struct EntityData {
    aliases: Vec<Value>,
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

impl EntityData {
    fn of(tx: &mut dyn Tx, access: &Access, entity: Entity) -> Result<Self, Error> {
        let mut aliases = Vec::new();
        for alias in engine::aliases::of_entity(tx, access, &entity.id)? {
            let place = mounts::place(tx, access, &entity.scope, &alias.mount)?;
            aliases.push(to_value(&AliasData::of(alias, place.as_ref()).in_entity())?);
        }
        let groups = groups::of_entity(tx, access, &entity.id)?;
        let ids = |kept: fn(&Member) -> bool| {
            groups.iter().filter(|member| kept(member)).map(|member| member.group.id.to_string()).collect()
        };
        let merged: Vec<String> = entity.merged.iter().map(ToString::to_string).collect();
        Ok(Self {
            aliases,
            creation_time: entity.created_at.to_string(),
            direct_group_ids: ids(|member| !member.inherited),
            disabled: entity.disabled,
            group_ids: ids(|_| true),
            id: entity.id.to_string(),
            inherited_group_ids: ids(|member| member.inherited),
            last_update_time: entity.updated_at.to_string(),
            merged_entity_ids: Some(merged).filter(|merged| !merged.is_empty()),
            metadata: entity.metadata,
            name: entity.name,
            namespace_id: entity.scope.id.to_string(),
            policies: entity.policies,
        })
    }
}

#[derive(Serialize)]
struct CreatedData {
    aliases: Option<()>,
    id: String,
    name: String,
}

fn shown(call: &mut Call<'_>, entity: Option<Entity>) -> Result<Plan, Error> {
    let entity = entity.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&EntityData::of(call.tx, call.access, entity)?)?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = EntityId::new(call.input.text("id"));
    let entity = entities::get(call.tx, call.access, &call.scope, &id)?;
    shown(call, entity)
}

fn read_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let name = call.input.text("name").to_owned();
    let entity = entities::by_name(call.tx, call.access, &call.scope.id, &name)?;
    shown(call, entity)
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Value>,
    name: String,
}

fn list_by_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        engine.store.read(engine.now(), |tx| {
            let entities = entities::list(tx, &access, &scope)?;
            let mut listed: BTreeMap<EntityId, Vec<Value>> = BTreeMap::new();
            let mut places = Places::new(&scope);
            let mut aliases = engine::aliases::list(tx, &access, &scope)?;
            aliases.sort_by_key(|alias| alias.created_at);
            for alias in aliases {
                let place = places.of(tx, &access, &alias.mount)?;
                let summary = AliasSummary::of(&alias.id, alias.name, &alias.mount, place);
                listed.entry(alias.entity).or_default().push(to_value(&summary)?);
            }
            let keys = entities.iter().map(|entity| entity.id.to_string()).collect();
            let shown = entities.into_iter().map(|Entity { id, name, .. }| {
                let aliases = listed.remove(&id).unwrap_or_default();
                Ok((id.to_string(), to_value(&Listed { aliases, name })?))
            });
            Ok(Plan::Reply(Reply::keys(keys, Some(shown.collect::<Result<_, Error>>()?))?))
        })
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

fn look_up(call: &mut Call<'_>) -> Result<Plan, Error> {
    let Call { tx, access, scope, .. } = call;
    let found = match Asked::of(&call.input)? {
        Asked::Id(id) => entities::get(*tx, access, scope, &EntityId::new(id))?,
        Asked::Name(name) => entities::by_name(*tx, access, &scope.id, &name)?,
        Asked::AliasId(id) => {
            let alias = engine::aliases::get(*tx, access, scope, &AliasId::new(id))?;
            owner(*tx, access, scope, alias)?
        }
        Asked::Alias { mount, name } => {
            let alias = engine::aliases::by_name(*tx, access, &mount, &name)?;
            owner(*tx, access, scope, alias)?
        }
    };
    match found {
        Some(entity) => shown(call, Some(entity)),
        None => Ok(Plan::Reply(Reply::NoContent)),
    }
}

/// The entity of an alias, if it lives in `scope` itself.
fn owner(tx: &mut dyn Tx, access: &Access, scope: &Scope, alias: Option<Alias>) -> Result<Option<Entity>, Error> {
    match alias {
        Some(alias) => Ok(entities::get(tx, access, scope, &alias.entity)?),
        None => Ok(None),
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
        keep: call
            .input
            .list("conflicting_alias_ids_to_keep")
            .unwrap_or_default()
            .into_iter()
            .map(AliasId::new)
            .collect(),
    };
    Ok(Plan::write(move |tx, access| match merging::merge(tx, access, &command) {
        Ok(()) => Ok(Reply::NoContent),
        Err(engine::Error::UnknownEntity) => Err(Error::bad_request("entity id to merge to is invalid")),
        Err(engine::Error::AliasClash(Clash::Undecided(pairs))) => Err(clash(tx, access, &command.scope, &pairs)?),
        Err(error) => Err(error.into()),
    }))
}

/// A side of a clash, for whoever has to decide.
#[derive(Serialize)]
struct ClashData {
    alias: String,
    entity: String,
    entity_id: String,
    mount: &'static str,
    mount_path: String,
}

/// Clashes in words, and as data.
fn clash(tx: &mut dyn Tx, access: &Access, scope: &Scope, pairs: &[[(Alias, Entity); 2]]) -> Result<Error, Error> {
    let intro = "toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge request \
                 specifying exactly one fromEntity, clashes: ";
    let mut texts = vec![intro.to_owned()];
    let mut data = Vec::new();
    for [(mine, target), (other, source)] in pairs {
        texts.push(format!(
            "mountAccessor: {}, toEntity ID: {}, fromEntity ID: {}, conflicting toEntity alias ID: {}, conflicting \
             fromEntity alias ID: {}",
            mine.mount, target.id, source.id, mine.id, other.id
        ));
        for (alias, entity) in [(mine, target), (other, source)] {
            let place = mounts::place(tx, access, scope, &alias.mount)?;
            data.push(to_value(&ClashData {
                alias: alias.name.clone(),
                entity: entity.name.clone(),
                entity_id: entity.id.to_string(),
                mount: mount_type(place.as_ref()),
                mount_path: mount_path(place.as_ref()),
            })?);
        }
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Ok(Error::bad_request(listed(&texts)).with_data(Value::Array(data)))
}
