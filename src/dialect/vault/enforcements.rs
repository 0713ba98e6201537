//! `identity/mfa/login-enforcement`: which logins must prove a second factor.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind as Type};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine;
use crate::engine::access::Capability;
use crate::engine::enforcements::{self, Refusal};
use crate::id::{Accessor, EnforcementId, EntityId, GroupId, MethodId};
use crate::model::enforcement::Enforcement;

const FIELDS: &[Field] = &[
    Field { name: "mfa_method_ids", kind: Type::Texts },
    Field { name: "auth_method_accessors", kind: Type::Texts },
    Field { name: "auth_method_types", kind: Type::Texts },
    Field { name: "identity_group_ids", kind: Type::Texts },
    Field { name: "identity_entity_ids", kind: Type::Texts },
    Field { name: "allow_recovery", kind: Type::Bool },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/mfa/login-enforcement", &[], &[(Capability::List, list)]),
    Route::new(
        "identity/mfa/login-enforcement/{name:word}",
        FIELDS,
        &[(Capability::Update, write), (Capability::Read, read), (Capability::Delete, delete)],
    ),
];

#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    namespace_id: String,
    namespace_path: String,
    mfa_method_ids: Vec<MethodId>,
    auth_method_accessors: Vec<Accessor>,
    auth_method_types: Vec<String>,
    identity_group_ids: Vec<GroupId>,
    identity_entity_ids: Vec<EntityId>,
    /// Older servers do not know the member, and some clients count them.
    #[serde(skip_serializing_if = "is_true")]
    allow_recovery: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
const fn is_true(switch: &bool) -> bool {
    *switch
}

impl From<Enforcement> for Shown {
    fn from(enforcement: Enforcement) -> Self {
        Self {
            id: enforcement.id.to_string(),
            name: enforcement.name,
            namespace_id: enforcement.scope.id.to_string(),
            namespace_path: enforcement.scope.path,
            mfa_method_ids: enforcement.methods,
            auth_method_accessors: enforcement.accessors,
            auth_method_types: enforcement.kinds,
            identity_group_ids: enforcement.groups,
            identity_entity_ids: enforcement.entities,
            allow_recovery: enforcement.allow_recovery,
        }
    }
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let list = |name: &str| call.input.list(name);
    let methods = list("mfa_method_ids").ok_or(engine::Error::Enforcement(Refusal::NoMethods))?;
    let command = enforcements::Write {
        scope: call.scope.clone(),
        name: call.input.text("name").to_owned(),
        methods: methods.into_iter().map(MethodId::new).collect(),
        accessors: list("auth_method_accessors").map(|list| list.into_iter().map(Accessor::new).collect()),
        kinds: list("auth_method_types"),
        groups: list("identity_group_ids").map(|list| list.into_iter().map(GroupId::new).collect()),
        entities: list("identity_entity_ids").map(|list| list.into_iter().map(EntityId::new).collect()),
        allow_recovery: call.input.switch("allow_recovery"),
        fresh_id: EnforcementId::fresh(call.engine.entropy.as_ref()),
    };
    Ok(Plan::write(move |tx, access| {
        enforcements::write(tx, access, &command)?;
        Ok(Reply::NoContent)
    }))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let found = enforcements::get(call.tx, call.access, &call.scope, call.input.text("name"))?;
    Ok(Plan::Reply(Reply::data(&Shown::from(found.ok_or_else(Error::not_found)?))?))
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let found = enforcements::list(call.tx, call.access, &call.scope)?;
    let keys = found.iter().map(|enforcement| enforcement.name.clone()).collect();
    let shown =
        found.into_iter().map(|enforcement| Ok((enforcement.name.clone(), to_value(&Shown::from(enforcement))?)));
    let key_info = shown.collect::<Result<BTreeMap<_, _>, Error>>()?;
    Ok(Plan::Reply(Reply::keys(keys, Some(key_info))?))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, name) = (call.scope.clone(), call.input.text("name").to_owned());
    Ok(Plan::write(move |tx, access| {
        enforcements::delete(tx, access, &scope, &name)?;
        Ok(Reply::NoContent)
    }))
}
