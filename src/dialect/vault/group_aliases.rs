//! `identity/group-alias`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::aliases::{Listed, Places, mount_path, mount_type};
use super::error::Error;
use super::field::{Field, Kind};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::access::Capability;
use crate::engine::group_aliases::{self, Write};
use crate::engine::groups;
use crate::engine::mounts::{self, Place};
use crate::id::{Accessor, AliasId, GroupId};
use crate::model::group::{Group, GroupAlias};

const WRITE: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "mount_accessor", kind: Kind::Text },
    Field { name: "canonical_id", kind: Kind::Text },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/group-alias", WRITE, &[(Capability::Update, write)]),
    Route::new("identity/group-alias/id", &[], &[(Capability::List, list)]),
    Route::new(
        "identity/group-alias/id/{id}",
        WRITE,
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    ),
];

/// A group's alias as part of the group.
#[derive(Serialize)]
pub(super) struct GroupAliasData {
    canonical_id: String,
    creation_time: String,
    id: String,
    last_update_time: String,
    merged_from_canonical_ids: Option<()>,
    metadata: Option<()>,
    mount_accessor: String,
    mount_path: String,
    mount_type: &'static str,
    name: String,
}

impl GroupAliasData {
    /// The alias of a group, whose mount is there, if it still is.
    pub(super) fn of(alias: &GroupAlias, group: &GroupId, place: Option<&Place>) -> Self {
        Self {
            canonical_id: group.to_string(),
            creation_time: alias.created_at.to_string(),
            id: alias.id.to_string(),
            last_update_time: alias.updated_at.to_string(),
            merged_from_canonical_ids: None,
            metadata: None,
            mount_accessor: alias.mount.to_string(),
            mount_path: mount_path(place),
            mount_type: mount_type(place),
            name: alias.name.clone(),
        }
    }
}

/// A group's alias as it is read by itself.
#[derive(Serialize)]
struct Alone {
    #[serde(flatten)]
    alias: GroupAliasData,
    custom_metadata: Option<()>,
    local: bool,
    namespace_id: String,
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = AliasId::new(call.input.text("id"));
    let found = group_aliases::by_id(call.tx, call.access, &call.scope, &id)?;
    let (group, alias) = found.ok_or_else(Error::not_found)?;
    let place = mounts::place(call.tx, call.access, &call.scope, &alias.mount)?;
    Ok(Plan::Reply(Reply::data(&Alone {
        alias: GroupAliasData::of(&alias, &group.id, place.as_ref()),
        custom_metadata: None,
        local: false,
        namespace_id: group.scope.id.to_string(),
    })?))
}

#[derive(Serialize)]
struct WrittenData {
    canonical_id: String,
    id: String,
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let given = |name| Some(call.input.text(name)).filter(|text| !text.is_empty());
    let entropy = call.engine.entropy.as_ref();
    let command = Write {
        scope: call.scope.clone(),
        id: given("id").map(AliasId::new),
        name: call.input.text("name").to_owned(),
        mount: Accessor::new(call.input.text("mount_accessor")),
        group: given("canonical_id").map(GroupId::new),
        fresh_id: AliasId::fresh(entropy, &call.scope.id),
        fresh_group: GroupId::fresh(entropy, &call.scope.id),
        fresh_name: groups::fresh_name(entropy, &call.scope),
    };
    Ok(Plan::write(move |tx, access| {
        let (Group { id: group, .. }, alias) = group_aliases::write(tx, access, &command)?;
        Reply::data(&WrittenData { canonical_id: group.to_string(), id: alias.id.to_string() })
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), AliasId::new(call.input.text("id")));
    Ok(Plan::write(move |tx, access| {
        group_aliases::delete(tx, access, &scope, &id)?;
        Ok(Reply::NoContent)
    }))
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        engine.store.read(engine.now(), |tx| {
            let (mut keys, mut shown, mut places) = (Vec::new(), BTreeMap::new(), Places::new(&scope));
            for (group, alias) in group_aliases::list(tx, &access, &scope)? {
                let place = places.of(tx, &access, &alias.mount)?;
                let listed = Listed {
                    canonical_id: group.id.to_string(),
                    custom_metadata: None,
                    local: false,
                    metadata: None,
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
