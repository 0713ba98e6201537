//! The secret ids of `approle`'s roles.

use std::collections::BTreeMap;

use serde::Serialize;

use super::approle::{blocks, missing_role, named, role};
use super::error::Error;
use super::field::{Field, Kind};
use super::listing::{PAGED, Page};
use super::route::{Call, Plan, Route};
use super::token_settings::{count, span};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::{self, approle};
use crate::model::app_role::SecretId;
use crate::model::entity::check_metadata;
use crate::secret::Secret;

const SECRET_ID: Field = Field { name: "secret_id", kind: Kind::Text };
const ACCESSOR: Field = Field { name: "secret_id_accessor", kind: Kind::Text };
const METADATA: Field = Field { name: "metadata", kind: Kind::Text };
const CIDR_LIST: Field = Field { name: "cidr_list", kind: Kind::List };
const TOKEN_BOUND_CIDRS: Field = Field { name: "token_bound_cidrs", kind: Kind::List };
const TTL: Field = Field { name: "ttl", kind: Kind::Seconds };
const NUM_USES: Field = Field { name: "num_uses", kind: Kind::Int };

const GENERATE: &[Field] = &[METADATA, CIDR_LIST, TOKEN_BOUND_CIDRS, TTL, NUM_USES];
const CUSTOM: &[Field] = &[SECRET_ID, METADATA, CIDR_LIST, TOKEN_BOUND_CIDRS, TTL, NUM_USES];

pub(super) const ROUTES: &[Route] = &[
    Route::new("role/{role_name:word}/secret-id", GENERATE, &[(Capability::Update, generate)]),
    Route::new("role/{role_name:word}/secret-id", PAGED, &[(Capability::List, list)]),
    Route::new("role/{role_name:word}/custom-secret-id", CUSTOM, &[(Capability::Update, generate_custom)]),
    Route::new("role/{role_name:word}/secret-id/lookup", &[SECRET_ID], &[(Capability::Update, lookup)]),
    Route::new(
        "role/{role_name:word}/secret-id/destroy",
        &[SECRET_ID],
        &[(Capability::Update, destroy), (Capability::Delete, destroy)],
    ),
    Route::new(
        "role/{role_name:word}/secret-id-accessor/lookup",
        &[ACCESSOR],
        &[(Capability::Update, lookup_by_accessor)],
    ),
    Route::new(
        "role/{role_name:word}/secret-id-accessor/destroy",
        &[ACCESSOR],
        &[(Capability::Update, destroy_by_accessor), (Capability::Delete, destroy_by_accessor)],
    ),
];

/// A secret id just made: the only time its text is shown.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(rename = "secret_id")]
    text: &'a str,
    #[serde(rename = "secret_id_accessor")]
    accessor: String,
    #[serde(rename = "secret_id_num_uses")]
    num_uses: u32,
    #[serde(rename = "secret_id_ttl")]
    ttl: u64,
}

fn generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let text = Secret::new(call.engine.entropy.uuid().to_string());
    make(call, text)
}

fn generate_custom(call: &mut Call<'_>) -> Result<Plan, Error> {
    let text = call.input.secret("secret_id");
    if text.expose().is_empty() {
        return Err(Error::bad_request("missing secret_id"));
    }
    make(call, text)
}

fn make(call: &Call<'_>, text: Secret<String>) -> Result<Plan, Error> {
    let (mount, role) = named(call)?;
    let command = approle::Generate {
        mount,
        role,
        text,
        accessor: call.engine.entropy.uuid().to_string(),
        num_uses: count(&call.input, "num_uses", "num_uses")?,
        ttl: span(&call.input, "ttl"),
        metadata: metadata(call.input.text("metadata"))?,
        cidr_list: blocks(call, "cidr_list", "CIDR blocks")?.unwrap_or_default(),
        token_bound_cidrs: blocks(call, "token_bound_cidrs", "token CIDR blocks")?.unwrap_or_default(),
    };
    Ok(Plan::write(move |tx, access| match approle::generate(tx, access, &command) {
        Ok(made) => Reply::data(&Made {
            text: command.text.expose(),
            accessor: made.accessor,
            num_uses: made.uses_left.unwrap_or_default(),
            ttl: made.ttl.as_secs(),
        }),
        Err(engine::Error::UnknownAppRole) => Err(missing_role(&command.role)),
        Err(error) => Err(error.into()),
    }))
}

/// Metadata as a text: a JSON object of texts, or pairs such as `a=1,b=2`.
fn metadata(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let broken =
        || Error::bad_request("failed to parse metadata: failed to parse the input: invalid <key,value> format");
    let pair = |pair: &str| pair.split_once('=').map(|(key, value)| (trimmed(key), trimmed(value)));
    let pairs = || text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect::<Option<_>>();
    let object = serde_json::from_str::<BTreeMap<String, String>>(text).ok();
    let parsed = object.or_else(pairs).ok_or_else(broken)?;
    check_metadata(&parsed).map_err(|why| Error::bad_request(format!("failed to parse metadata: {why}")))?;
    Ok(parsed)
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (role, page) = (role(call)?, Page::asked(&call.input));
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        page.of(engine.store.read(engine.now(), |tx| approle::accessors(tx, &access, &role))?)
    }))
}

/// A secret id as a lookup shows it.
#[derive(Serialize)]
struct SecretIdData {
    cidr_list: Vec<String>,
    creation_time: String,
    expiration_time: String,
    last_updated_time: String,
    metadata: BTreeMap<String, String>,
    secret_id_accessor: String,
    secret_id_num_uses: u32,
    secret_id_ttl: u64,
    token_bound_cidrs: Vec<String>,
}

/// What Go writes for no time at all.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn shown(secret_id: SecretId) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::data(&SecretIdData {
        cidr_list: secret_id.cidr_list,
        creation_time: secret_id.created_at.to_string(),
        expiration_time: secret_id.expires_at.map_or_else(|| NEVER.into(), |end| end.to_string()),
        last_updated_time: secret_id.updated_at.to_string(),
        metadata: secret_id.metadata,
        secret_id_accessor: secret_id.accessor,
        secret_id_num_uses: secret_id.uses_left.unwrap_or_default(),
        secret_id_ttl: secret_id.ttl.as_secs(),
        token_bound_cidrs: secret_id.token_bound_cidrs,
    })?))
}

/// The secret id in the body, if it is one of the role's.
fn by_text(call: &mut Call<'_>) -> Result<Option<SecretId>, Error> {
    let text = call.input.secret("secret_id");
    if text.expose().is_empty() {
        return Err(Error::bad_request("missing secret_id"));
    }
    let role = role(call)?;
    Ok(approle::by_text(call.tx, call.access, &role, text.expose())?)
}

/// The secret id whose accessor is in the body.
fn by_accessor(call: &mut Call<'_>) -> Result<SecretId, Error> {
    let accessor = call.input.text("secret_id_accessor").to_owned();
    if accessor.is_empty() {
        return Err(Error::bad_request("missing secret_id_accessor"));
    }
    let role = role(call)?;
    let found = approle::by_accessor(call.tx, call.access, &role, &accessor)?;
    found.ok_or_else(|| {
        Error::not_found_because(format!("failed to find accessor entry for secret_id_accessor: \"{accessor}\""))
    })
}

fn lookup(call: &mut Call<'_>) -> Result<Plan, Error> {
    by_text(call)?.map_or(Ok(Plan::Reply(Reply::NoContent)), shown)
}

fn lookup_by_accessor(call: &mut Call<'_>) -> Result<Plan, Error> {
    shown(by_accessor(call)?)
}

fn destroy(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(by_text(call)?.map_or(Plan::Reply(Reply::NoContent), |secret_id| destruction(&secret_id)))
}

fn destroy_by_accessor(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(destruction(&by_accessor(call)?))
}

fn destruction(secret_id: &SecretId) -> Plan {
    let key = secret_id.key;
    Plan::write(move |tx, _| {
        approle::destroy(tx, key)?;
        Ok(Reply::NoContent)
    })
}
