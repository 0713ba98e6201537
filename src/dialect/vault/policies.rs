//! `sys/policies/acl`, the older `sys/policy`, and what a token may do: `sys/capabilities` and its kin.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::error::{Error, listed};
use super::field::{Field, Kind};
use super::route::{Call, Plan, Route};
use super::wire::{Reply, to_value};
use crate::engine::access::{self, Capability};
use crate::engine::policies::{self, Write};
use crate::engine::tokens;
use crate::id::Accessor;
use crate::model::acl::{Acl, Fault, Grant, RuleFault};
use crate::model::policy::{Policy, fold_name};
use crate::model::token::Token;

const POLICY: Field = Field { name: "policy", kind: Kind::Text };
const VERSION: Field = Field { name: "cas", kind: Kind::Int };
const WRITE: &[Field] = &[POLICY, VERSION];
const WRITE_OLD: &[Field] = &[POLICY, Field { name: "rules", kind: Kind::Text }, VERSION];

const PATHS: Field = Field { name: "paths", kind: Kind::List };
const PATH: Field = Field { name: "path", kind: Kind::List };
const OWN: &[Field] = &[PATHS, PATH];
const BY_TOKEN: &[Field] = &[PATHS, PATH, Field { name: "token", kind: Kind::Text }];
const BY_ACCESSOR: &[Field] = &[PATHS, PATH, Field { name: "accessor", kind: Kind::Text }];

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/policies/acl", &[], &[(Capability::List, list)]),
    Route::new(
        "sys/policies/acl/{name*}",
        WRITE,
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    ),
    Route::new("sys/policy", &[], &[(Capability::Read, list_old), (Capability::List, list_old)]),
    Route::new(
        "sys/policy/{name*}",
        WRITE_OLD,
        &[(Capability::Read, read_old), (Capability::Update, write_old), (Capability::Delete, delete)],
    ),
    Route::new("sys/capabilities-self", OWN, &[(Capability::Update, own_capabilities)]),
    Route::new("sys/capabilities", BY_TOKEN, &[(Capability::Update, capabilities)]),
    Route::new("sys/capabilities-accessor", BY_ACCESSOR, &[(Capability::Update, capabilities_by_accessor)]),
    Route::new("sys/internal/ui/resultant-acl", &[], &[(Capability::Read, resultant)]),
];

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::keys(policies::names(call.tx, call.access, &call.scope)?, None)?))
}

#[derive(Serialize)]
struct Names {
    keys: Vec<String>,
    policies: Vec<String>,
}

fn list_old(call: &mut Call<'_>) -> Result<Plan, Error> {
    let keys = policies::names(call.tx, call.access, &call.scope)?;
    Ok(Plan::Reply(Reply::data_at_top_level(&Names { policies: keys.clone(), keys })?))
}

#[derive(Serialize)]
struct PolicyData {
    allow_slashes_in_identity_templates: bool,
    allow_wildcards_in_identity_templates: bool,
    cas_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<String>,
    version: u64,
}

impl PolicyData {
    fn new(policy: Policy, is_old: bool) -> Self {
        let text = Some(policy.text);
        let (policy_text, rules) = if is_old { (None, text) } else { (text, None) };
        Self {
            allow_slashes_in_identity_templates: false,
            allow_wildcards_in_identity_templates: false,
            cas_required: false,
            modified: policy.modified_at.map(|moment| moment.to_string()),
            name: policy.name,
            policy: policy_text,
            rules,
            version: policy.version,
        }
    }
}

fn named(call: &mut Call<'_>) -> Result<Policy, Error> {
    let name = fold_name(call.input.text("name"));
    policies::get(call.tx, call.access, &call.scope, &name)?.ok_or_else(Error::not_found)
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::data(&PolicyData::new(named(call)?, false))?))
}

fn read_old(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::data_at_top_level(&PolicyData::new(named(call)?, true))?))
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let text = call.input.text("policy").to_owned();
    put(call, text, None)
}

fn write_old(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (text, old) = (call.input.text("policy").to_owned(), call.input.text("rules").to_owned());
    if text.is_empty() && !old.is_empty() {
        return put(call, old, Some("'rules' is deprecated, please use 'policy' instead"));
    }
    put(call, text, None)
}

fn put(call: &mut Call<'_>, text: String, warning: Option<&'static str>) -> Result<Plan, Error> {
    if text.is_empty() {
        return Err(Error::bad_request("'policy' parameter not supplied or empty"));
    }
    let decoded = STANDARD.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.unwrap_or(text);
    call.engine.rules.rules(&text).map_err(|fault| unreadable(&fault, &call.scope.path))?;
    let name = fold_name(call.input.text("name"));
    let command = Write { scope: call.scope.clone(), name, text, version: call.input.int("cas") };
    Ok(Plan::write(move |tx, access| {
        policies::write(tx, access, &command)?;
        Ok(warning.map_or(Reply::NoContent, Reply::warning))
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, name) = (call.scope.clone(), fold_name(call.input.text("name")));
    Ok(Plan::write(move |tx, access| {
        policies::delete(tx, access, &scope, &name)?;
        Ok(Reply::NoContent)
    }))
}

/// Why a text is no policy, in Vault's words.
fn unreadable(fault: &Fault, namespace: &str) -> Error {
    let why = match fault {
        Fault::TooLong | Fault::TooManyRules => fault.to_string(),
        Fault::Syntax(error) => format!("At {}:{}: {}", error.line, error.column, error.what),
        Fault::Keys(keys) => invalid_keys(keys),
        Fault::Rule(path, fault) => format!("path {path:?}: {}", not_a_rule(path, fault, namespace)),
    };
    Error::bad_request(format!("failed to parse policy: {why}"))
}

fn not_a_rule(path: &str, fault: &RuleFault, namespace: &str) -> String {
    match fault {
        RuleFault::Keys(keys) => invalid_keys(keys),
        RuleFault::Wildcards => {
            format!("path \"{namespace}{}\": invalid use of wildcards ({fault})", path.trim_start_matches('/'))
        }
        RuleFault::Template => format!("failed to validate policy templating: {fault}"),
        RuleFault::Duration(name) => format!("error parsing {name}: time: invalid duration"),
        RuleFault::WrappingOrder => "max_wrapping_ttl cannot be less than min_wrapping_ttl".into(),
        RuleFault::Type(_) | RuleFault::Capability(_) | RuleFault::Word(_) | RuleFault::Expiration => {
            format!("path {path:?}: {fault}")
        }
    }
}

fn invalid_keys(keys: &[(String, usize)]) -> String {
    let texts: Vec<String> = keys.iter().map(|(key, line)| format!("invalid key {key:?} on line {line}")).collect();
    listed(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn own_capabilities(call: &mut Call<'_>) -> Result<Plan, Error> {
    let token = call.caller()?.clone();
    capabilities_of(call, &token)
}

fn capabilities(call: &mut Call<'_>) -> Result<Plan, Error> {
    let text = call.input.secret("token");
    if text.expose().is_empty() {
        return Err(Error::bad_request_wrapped("no token found"));
    }
    let found = tokens::by_text(call.tx, call.access, &call.scope, text.expose())?;
    let token = found.ok_or_else(|| Error::bad_request_wrapped("invalid token"))?;
    capabilities_of(call, &token)
}

fn capabilities_by_accessor(call: &mut Call<'_>) -> Result<Plan, Error> {
    let accessor = call.input.text("accessor").to_owned();
    if accessor.is_empty() {
        return Err(Error::bad_request("missing accessor"));
    }
    let found = tokens::by_accessor(call.tx, call.access, &call.scope, &Accessor::new(accessor))?;
    let token = found.ok_or_else(|| Error::bad_request_wrapped("invalid accessor"))?;
    capabilities_of(call, &token)
}

/// What `token` can do with the paths asked about, which are relative to the request's namespace.
fn capabilities_of(call: &mut Call<'_>, token: &Token) -> Result<Plan, Error> {
    let given = |name| call.input.list(name).filter(|paths| !paths.is_empty());
    let paths = given("paths").or_else(|| given("path")).ok_or_else(|| Error::bad_request("paths must be supplied"))?;
    let acl = if token.scope.contains(&call.scope) {
        access::acl(call.tx, call.access, call.engine, token)?
    } else {
        Acl::default()
    };
    let can = |path: &String| {
        let whole = format!("{}{}", call.scope.path, path.trim_start_matches('/'));
        Ok((path.clone(), to_value(&names(&acl, &acl.grant(&whole, true)))?))
    };
    let mut shown = paths.iter().map(can).collect::<Result<BTreeMap<String, Value>, Error>>()?;
    if let [path] = paths.as_slice() {
        shown.extend(shown.get(path).cloned().map(|only| ("capabilities".into(), only)));
    }
    Ok(Plan::Reply(Reply::data_at_top_level(&shown)?))
}

fn names(acl: &Acl, grant: &Grant<'_>) -> Vec<&'static str> {
    let names = if acl.is_root() { vec!["root"] } else { grant.names() };
    if names.is_empty() { vec!["deny"] } else { names }
}

#[derive(Serialize)]
struct Resultant {
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_paths: Option<BTreeMap<String, Granted>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    glob_paths: Option<BTreeMap<String, Granted>>,
    root: bool,
}

#[derive(Serialize)]
struct Granted {
    capabilities: Vec<&'static str>,
}

fn resultant(call: &mut Call<'_>) -> Result<Plan, Error> {
    let token = call.caller()?.clone();
    let acl = access::acl(call.tx, call.access, call.engine, &token)?;
    let shown = |grants: BTreeMap<String, Grant<'_>>| {
        let inside = |path: &str| path.strip_prefix(&token.scope.path).unwrap_or(path).to_owned();
        grants.iter().map(|(path, grant)| (inside(path), Granted { capabilities: names(&acl, grant) })).collect()
    };
    let (exact, globs) = acl.overview();
    let exists = |map| (!acl.is_root()).then_some(map);
    let resultant =
        Resultant { exact_paths: exists(shown(exact)), glob_paths: exists(shown(globs)), root: acl.is_root() };
    Ok(Plan::Reply(Reply::data(&resultant)?))
}
