//! `identity/group` and `identity/lookup/group`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::aliases::{AliasSummary, Places};
use super::error::Error;
use super::field::{Field, Kind};
use super::group_aliases::GroupAliasData;
use super::lookup::{self, Asked};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::access::Capability;
use crate::engine::groups::{self, Which, Write, Written};
use crate::engine::{Access, group_aliases, mounts};
use crate::id::{AliasId, EntityId, GroupId};
use crate::model::group::Group;
use crate::storage::Tx;

const WRITE: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "type", kind: Kind::Text },
    Field { name: "metadata", kind: Kind::Map },
    Field { name: "policies", kind: Kind::List },
    Field { name: "member_group_ids", kind: Kind::List },
    Field { name: "member_entity_ids", kind: Kind::List },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/group", WRITE, &[(Capability::Update, write)]),
    Route::new("identity/group/id", &[], &[(Capability::List, list_by_id)]),
    Route::new("identity/group/name", &[], &[(Capability::List, list_by_name)]),
    Route::new(
        "identity/group/id/{id}",
        WRITE,
        &[(Capability::Read, read), (Capability::Update, write_by_id), (Capability::Delete, delete)],
    ),
    Route::new(
        "identity/group/name/{name*}",
        WRITE,
        &[(Capability::Read, read_by_name), (Capability::Update, write_by_name), (Capability::Delete, delete_by_name)],
    ),
    Route::new("identity/lookup/group", lookup::FIELDS, &[(Capability::Update, look_up)]),
];

#[derive(Serialize)]
struct GroupData {
    alias: Value,
    creation_time: String,
    id: String,
    last_update_time: String,
    member_entity_ids: Option<Vec<String>>,
    member_group_ids: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    modify_index: u64,
    name: String,
    namespace_id: String,
    parent_group_ids: Option<Vec<String>>,
    policies: Option<Vec<String>>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A list as it is shown: null when it is empty.
fn some<T: ToString>(items: impl IntoIterator<Item = T>) -> Option<Vec<String>> {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    Some(texts).filter(|texts| !texts.is_empty())
}

impl GroupData {
    fn of(tx: &mut dyn Tx, access: &Access, group: Group) -> Result<Self, Error> {
        let alias = match &group.alias {
            None => Value::Object(serde_json::Map::new()),
            Some(alias) => {
                let place = mounts::place(tx, access, &group.scope, &alias.mount)?;
                to_value(&GroupAliasData::of(alias, &group.id, place.as_ref()))?
            }
        };
        let parents = groups::parents(tx, access, &group.id)?;
        Ok(Self {
            alias,
            creation_time: group.created_at.to_string(),
            id: group.id.to_string(),
            last_update_time: group.updated_at.to_string(),
            member_entity_ids: some(group.entities),
            member_group_ids: some(group.groups),
            metadata: group.metadata,
            modify_index: group.revision,
            name: group.name,
            namespace_id: group.scope.id.to_string(),
            parent_group_ids: some(parents.into_iter().map(|parent| parent.id)),
            policies: some(group.policies),
            kind: group.kind.as_str(),
        })
    }
}

fn shown(call: &mut Call<'_>, group: Option<Group>) -> Result<Plan, Error> {
    let group = group.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&GroupData::of(call.tx, call.access, group)?)?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = GroupId::new(call.input.text("id"));
    let group = groups::get(call.tx, call.access, &call.scope, &id)?;
    shown(call, group)
}

fn read_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let group = groups::by_name(call.tx, call.access, &call.scope.id, call.input.text("name"))?;
    shown(call, group)
}

fn look_up(call: &mut Call<'_>) -> Result<Plan, Error> {
    let Call { tx, access, scope, .. } = call;
    let found = match Asked::of(&call.input)? {
        Asked::Id(id) => groups::get(*tx, access, scope, &GroupId::new(id))?,
        Asked::Name(name) => groups::by_name(*tx, access, &scope.id, &name)?,
        Asked::AliasId(id) => group_aliases::by_id(*tx, access, scope, &AliasId::new(id))?.map(|(group, _)| group),
        Asked::Alias { mount, name } => group_aliases::by_name(*tx, access, scope, &mount, &name)?,
    };
    match found {
        Some(group) => shown(call, Some(group)),
        None => Ok(Plan::Reply(Reply::NoContent)),
    }
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (id, name) = (call.input.text("id").to_owned(), call.input.text("name").to_owned());
    match (id.is_empty(), name.is_empty()) {
        (false, _) => put(call, Which::Id(GroupId::new(id)), Some(name)),
        (true, false) => put(call, Which::Name(name), None),
        (true, true) => put(call, Which::New, None),
    }
}

fn write_by_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = GroupId::new(call.input.text("id"));
    let name = call.input.given_text("name").map(str::to_owned);
    put(call, Which::Id(id), name)
}

fn write_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let name = call.input.text("name").to_owned();
    put(call, Which::Name(name), None)
}

#[derive(Serialize)]
struct CreatedData {
    id: String,
    name: String,
}

fn put(call: &mut Call<'_>, which: Which, rename: Option<String>) -> Result<Plan, Error> {
    let (input, entropy) = (&call.input, call.engine.entropy.as_ref());
    let command = Write {
        scope: call.scope.clone(),
        which,
        rename,
        kind: input.given_text("type").filter(|kind| !kind.is_empty()).map(str::to_owned),
        metadata: input.map("metadata"),
        policies: input.list("policies"),
        entities: input.list("member_entity_ids").map(|ids| ids.into_iter().map(EntityId::new).collect()),
        groups: input.list("member_group_ids").map(|ids| ids.into_iter().map(GroupId::new).collect()),
        fresh_id: GroupId::fresh(entropy, &call.scope.id),
        fresh_name: groups::fresh_name(entropy, &call.scope),
    };
    Ok(Plan::write(move |tx, access| match groups::write(tx, access, &command)? {
        Written::Created(group) => Reply::data(&CreatedData { id: group.id.to_string(), name: group.name }),
        Written::Updated(_) => Ok(Reply::NoContent),
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), GroupId::new(call.input.text("id")));
    Ok(Plan::write(move |tx, access| {
        groups::delete(tx, access, &scope, &id)?;
        Ok(Reply::NoContent)
    }))
}

fn delete_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, name) = (call.scope.clone(), call.input.text("name").to_owned());
    Ok(Plan::write(move |tx, access| {
        groups::delete_by_name(tx, access, &scope, &name)?;
        Ok(Reply::NoContent)
    }))
}

#[derive(Serialize)]
struct Listed {
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<AliasSummary>,
    name: String,
    num_member_entities: usize,
    num_parent_groups: usize,
}

fn list_by_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        engine.store.read(engine.now(), |tx| {
            let all = groups::list(tx, &access, &scope)?;
            let mut parents: BTreeMap<GroupId, usize> = BTreeMap::new();
            for member in all.iter().flat_map(|group| &group.groups) {
                *parents.entry(member.clone()).or_default() += 1;
            }
            let (mut keys, mut shown, mut places) = (Vec::new(), BTreeMap::new(), Places::new(&scope));
            for group in all {
                let alias = match group.alias {
                    None => None,
                    Some(alias) => {
                        let place = places.of(tx, &access, &alias.mount)?;
                        Some(AliasSummary::of(&alias.id, alias.name, &alias.mount, place))
                    }
                };
                let listed = Listed {
                    alias,
                    name: group.name,
                    num_member_entities: group.entities.len(),
                    num_parent_groups: parents.get(&group.id).copied().unwrap_or_default(),
                };
                keys.push(group.id.to_string());
                shown.insert(group.id.to_string(), to_value(&listed)?);
            }
            Ok(Plan::Reply(Reply::keys(keys, Some(shown))?))
        })
    }))
}

fn list_by_name(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        let groups = engine.store.read(engine.now(), |tx| groups::list(tx, &access, &scope))?;
        let mut names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
        names.sort();
        Ok(Plan::Reply(Reply::keys(names, None)?))
    }))
}
