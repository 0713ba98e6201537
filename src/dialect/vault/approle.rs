//! `approle`: roles and secret ids, for machines. Paths are relative to the mount's; a role's name is the same in any case.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::input::Wording;
use super::listing::{PAGED, Page};
use super::login::{Attempt, LONGEST_NAME, Proven, finish};
use super::route::{Call, Plan, Route};
use super::token_settings::{Shown, changes, count, span, with_token_fields};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::{self, approle};
use crate::id::Accessor;
use crate::model::app_role::Role;
use crate::model::cidr;
use crate::model::login::display_name;

const ROLE_ID: Field = Field { name: "role_id", kind: Kind::Text };
const SECRET_ID: Field = Field { name: "secret_id", kind: Kind::Text };

const ROLE: &[Field] = with_token_fields![
    ROLE_ID,
    Field { name: "bind_secret_id", kind: Kind::Bool },
    Field { name: "local_secret_ids", kind: Kind::Bool },
    Field { name: "secret_id_bound_cidrs", kind: Kind::List },
    Field { name: "secret_id_num_uses", kind: Kind::Int },
    Field { name: "secret_id_ttl", kind: Kind::Seconds },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("role", PAGED, &[(Capability::List, list)]),
    Route::new(
        "role/{role_name:word}",
        ROLE,
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    )
    .wording(Wording::Early)
    .exists(role_exists),
    Route::new(
        "role/{role_name:word}/role-id",
        &[ROLE_ID],
        &[(Capability::Read, read_role_id), (Capability::Update, write_role_id)],
    ),
    Route::new("login", &[ROLE_ID, SECRET_ID], &[(Capability::Update, login)]).open(),
];

/// The one answer to a wrong role id and to a wrong secret id.
const REFUSAL: &str = "invalid role or secret ID";

/// The mount, and the role's name in the path.
pub(super) fn named(call: &Call<'_>) -> Result<(Accessor, String), Error> {
    let name = call.input.text("role_name").to_lowercase();
    if name.len() > LONGEST_NAME {
        return Err(Error::bad_request(format!("role_name is too long (limit: {LONGEST_NAME} bytes)")));
    }
    Ok((call.mount()?.accessor.clone(), name))
}

/// The role that the path names.
pub(super) fn role(call: &mut Call<'_>) -> Result<Role, Error> {
    let (mount, name) = named(call)?;
    approle::get(call.tx, call.access, &mount, &name)?.ok_or_else(|| missing_role(&name))
}

/// Whether there is the role that the path names.
fn role_exists(call: &mut Call<'_>) -> Result<bool, Error> {
    let (mount, name) = named(call)?;
    Ok(approle::get(call.tx, call.access, &mount, &name)?.is_some())
}

/// There is no such role, in these words.
pub(super) fn missing_role(name: &str) -> Error {
    Error::not_found_because(format!("role \"{name}\" does not exist"))
}

/// Blocks of addresses, if they were given; each must be a block, not an address.
pub(super) fn blocks(call: &Call<'_>, field: &str, shown: &str) -> Result<Option<Vec<String>>, Error> {
    let Some(blocks) = call.input.list(field) else { return Ok(None) };
    match blocks.iter().find(|block| !block.contains('/') || cidr::parse(block).is_none()) {
        Some(broken) => {
            Err(Error::bad_request_wrapped(&format!("failed to validate {shown}: invalid CIDR address: {broken}")))
        }
        None => Ok(Some(blocks)),
    }
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, page) = (call.mount()?.accessor.clone(), Page::asked(&call.input));
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        page.of(engine.store.read(engine.now(), |tx| approle::names(tx, &access, &mount))?)
    }))
}

/// A role as it is shown.
#[derive(Serialize)]
struct RoleData {
    bind_secret_id: bool,
    local_secret_ids: bool,
    secret_id_bound_cidrs: Option<Vec<String>>,
    secret_id_num_uses: u32,
    secret_id_ttl: u64,
    #[serde(flatten)]
    token: Shown,
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let role = approle::get(call.tx, call.access, &mount, &name)?.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&RoleData {
        bind_secret_id: role.bind_secret_id,
        local_secret_ids: role.local_secret_ids,
        secret_id_bound_cidrs: role.secret_id_bound_cidrs,
        secret_id_num_uses: role.secret_id_num_uses,
        secret_id_ttl: role.secret_id_ttl.as_secs(),
        token: Shown::of(&role.token, role.old_names),
    })?))
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let role_id = call.input.given_text("role_id").map(str::to_owned);
    if role_id.as_ref().is_some_and(|role_id| role_id.is_empty() || role_id.len() > LONGEST_NAME) {
        return Err(Error::bad_request("invalid role_id supplied, or failed to generate a role_id"));
    }
    let entropy = call.engine.entropy.as_ref();
    let command = approle::Write {
        mount,
        name,
        role_id,
        bind_secret_id: call.input.switch("bind_secret_id"),
        secret_id_num_uses: count(&call.input, "secret_id_num_uses", "secret_id_num_uses")?,
        secret_id_ttl: span(&call.input, "secret_id_ttl"),
        secret_id_bound_cidrs: blocks(call, "secret_id_bound_cidrs", "CIDR blocks")?,
        local_secret_ids: call.input.switch("local_secret_ids"),
        token: changes(&call.input)?,
        fresh_id: entropy.uuid().to_string(),
        fresh_role_id: entropy.uuid().to_string(),
    };
    Ok(Plan::write(move |tx, access| {
        approle::write(tx, access, &command)?;
        Ok(Reply::NoContent)
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    Ok(Plan::write(move |tx, access| {
        approle::delete(tx, access, &mount, &name)?;
        Ok(Reply::NoContent)
    }))
}

fn read_role_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let role = approle::get(call.tx, call.access, &mount, &name)?.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&BTreeMap::from([("role_id", role.role_id)]))?))
}

fn write_role_id(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let role_id = call.input.text("role_id").to_owned();
    match role_id.len() {
        0 => return Err(Error::bad_request("missing role_id")),
        1..=LONGEST_NAME => {}
        _ => return Err(Error::bad_request(format!("role_id is too long (limit: {LONGEST_NAME} bytes)"))),
    }
    Ok(Plan::write(move |tx, access| match approle::set_role_id(tx, access, &mount, &name, &role_id) {
        Ok(()) => Ok(Reply::NoContent),
        Err(engine::Error::UnknownAppRole) => Err(missing_role(&name)),
        Err(error) => Err(error.into()),
    }))
}

fn login(call: &mut Call<'_>) -> Result<Plan, Error> {
    let mount = call.mount()?.accessor.clone();
    let role_id = call.input.text("role_id").to_owned();
    let secret_id = call.input.secret("secret_id");
    if role_id.is_empty() {
        return Err(Error::bad_request("missing role_id"));
    }
    if role_id.len() > LONGEST_NAME {
        return Err(Error::bad_request(REFUSAL));
    }
    let role = approle::by_role_id(call.tx, call.access, &mount, &role_id)?;
    // Said of an unknown role too, lest leaving the secret id out tells which roles there are.
    if secret_id.expose().is_empty() && role.as_ref().is_none_or(|role| role.bind_secret_id) {
        return Err(Error::bad_request("missing secret_id"));
    }
    let attempt = Attempt::begin(call, &role_id, role.is_some(), REFUSAL)?;
    let (display_name, peer) = (display_name(call.mount()?, None), call.head.peer);
    Ok(Plan::write(move |tx, access| {
        let proven = approle::prove(tx, access, &mount, &role_id, &secret_id, peer)?.map(|proven| Proven {
            name: role_id.clone(),
            display_name: display_name.clone(),
            metadata: proven.metadata,
            token: proven.token,
        });
        finish(tx, access, &attempt, proven)
    }))
}
