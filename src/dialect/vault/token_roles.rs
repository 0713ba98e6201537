//! `auth/token/roles`.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::input::{Input, Wording};
use super::route::{Call, Plan, Route, is_word};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::token_roles;
use crate::model::mount::TokenType;
use crate::model::token::{LONGEST_TTL, ROOT_POLICY, normalise_policies};
use crate::model::token_role::TokenRole;

const ROLE: &[Field] = &[
    Field { name: "allowed_policies", kind: Kind::List },
    Field { name: "disallowed_policies", kind: Kind::List },
    Field { name: "allowed_policies_glob", kind: Kind::List },
    Field { name: "disallowed_policies_glob", kind: Kind::List },
    Field { name: "orphan", kind: Kind::Bool },
    Field { name: "renewable", kind: Kind::Bool },
    Field { name: "path_suffix", kind: Kind::Text },
    Field { name: "allowed_entity_aliases", kind: Kind::List },
    Field { name: "period", kind: Kind::Seconds },
    Field { name: "token_period", kind: Kind::Seconds },
    Field { name: "explicit_max_ttl", kind: Kind::Seconds },
    Field { name: "token_explicit_max_ttl", kind: Kind::Seconds },
    Field { name: "bound_cidrs", kind: Kind::List },
    Field { name: "token_bound_cidrs", kind: Kind::List },
    Field { name: "token_num_uses", kind: Kind::Int },
    Field { name: "token_no_default_policy", kind: Kind::Bool },
    Field { name: "token_strictly_bind_ip", kind: Kind::Bool },
    Field { name: "token_type", kind: Kind::Text },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("auth/token/roles", &[], &[(Capability::List, list)]).wording(Wording::Bare),
    Route::new(
        "auth/token/roles/{role_name:word}",
        ROLE,
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    )
    .wording(Wording::Bare)
    .exists(exists),
];

/// A role as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    allowed_entity_aliases: &'a Option<Vec<String>>,
    allowed_policies: &'a [String],
    allowed_policies_glob: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    bound_cidrs: Option<&'a [String]>,
    disallowed_policies: &'a [String],
    disallowed_policies_glob: &'a [String],
    explicit_max_ttl: u64,
    name: &'a str,
    orphan: bool,
    path_suffix: &'a str,
    period: u64,
    renewable: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    token_bound_cidrs: &'a [String],
    token_explicit_max_ttl: u64,
    token_no_default_policy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_num_uses: Option<u32>,
    token_period: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    token_strictly_bind_ip: bool,
    token_type: &'static str,
}

impl<'a> Shown<'a> {
    fn of(role: &'a TokenRole) -> Self {
        let old = role.old_names;
        let (limit, period) = (role.token.explicit_max_ttl.as_secs(), role.token.period.as_secs());
        Self {
            allowed_entity_aliases: &role.allowed_entity_aliases,
            allowed_policies: &role.allowed_policies,
            allowed_policies_glob: &role.allowed_globs,
            bound_cidrs: old.bound_cidrs.then_some(role.token.bound_cidrs.as_slice()),
            disallowed_policies: &role.disallowed_policies,
            disallowed_policies_glob: &role.disallowed_globs,
            explicit_max_ttl: if old.explicit_max_ttl { limit } else { 0 },
            name: &role.name,
            orphan: role.orphan,
            path_suffix: &role.path_suffix,
            period: if old.period { period } else { 0 },
            renewable: role.renewable,
            token_bound_cidrs: &role.token.bound_cidrs,
            token_explicit_max_ttl: limit,
            token_no_default_policy: role.token.no_default_policy,
            token_num_uses: Some(role.token.num_uses).filter(|uses| *uses > 0),
            token_period: period,
            token_strictly_bind_ip: role.token.strictly_bind_ip,
            token_type: type_name(role.token.token_type),
        }
    }
}

const fn type_name(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Default | TokenType::DefaultService => "default-service",
        TokenType::DefaultBatch => "default-batch",
        TokenType::Service => "service",
        TokenType::Batch => "batch",
    }
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        let names = engine.store.read(engine.now(), |tx| token_roles::names(tx, &access, &scope))?;
        Ok(Plan::Reply(Reply::keys(names, None)?))
    }))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let role = token_roles::get(call.tx, call.access, &call.scope, call.input.text("role_name"))?;
    Ok(Plan::Reply(Reply::data(&Shown::of(&role.ok_or_else(Error::not_found)?))?))
}

fn exists(call: &mut Call<'_>) -> Result<bool, Error> {
    Ok(token_roles::get(call.tx, call.access, &call.scope, call.input.text("role_name"))?.is_some())
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, name) = (call.scope.clone(), call.input.text("role_name").to_owned());
    Ok(Plan::write(move |tx, access| {
        token_roles::delete(tx, access, &scope, &name)?;
        Ok(Reply::NoContent)
    }))
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, input) = (call.scope.clone(), std::mem::take(&mut call.input));
    Ok(Plan::write(move |tx, access| {
        let name = input.text("role_name");
        let there = token_roles::get(tx, access, &scope, name)?;
        let mut role = there.unwrap_or_else(|| TokenRole::new(scope.clone(), name));
        let warnings = change(&mut role, &input)?;
        check(&role)?;
        token_roles::put(tx, access, &role)?;
        Ok(if warnings.is_empty() { Reply::NoContent } else { Reply::warnings(warnings) })
    }))
}

/// Change what was given of a role. Says what the caller should know.
fn change(role: &mut TokenRole, input: &Input) -> Result<Vec<String>, Error> {
    let lists = [
        ("allowed_policies", &mut role.allowed_policies),
        ("disallowed_policies", &mut role.disallowed_policies),
        ("allowed_policies_glob", &mut role.allowed_globs),
        ("disallowed_policies_glob", &mut role.disallowed_globs),
    ];
    for (name, list) in lists {
        if let Some(given) = input.list(name) {
            *list = normalise_policies(given);
        }
    }
    if let Some(aliases) = input.list("allowed_entity_aliases") {
        let aliases: Vec<String> = aliases.iter().map(|alias| alias.to_lowercase()).collect();
        role.allowed_entity_aliases = Some(aliases).filter(|aliases| !aliases.is_empty());
    }
    role.orphan = input.switch("orphan").unwrap_or(role.orphan);
    role.renewable = input.switch("renewable").unwrap_or(role.renewable);
    if let Some(suffix) = input.given_text("path_suffix") {
        role.path_suffix = suffix.into();
    }
    change_token(role, input)?;
    let mut warnings = change_renamed(role, input);
    let (limit, most) = (role.token.explicit_max_ttl, LONGEST_TTL.as_secs());
    if limit > LONGEST_TTL {
        warnings.push(format!(
            "Given explicit max TTL of {} is greater than system/mount allowed value of {most} seconds; until this is fixed attempting to \
             create tokens against this role will result in an error",
            limit.as_secs()
        ));
    }
    Ok(warnings)
}

fn change_token(role: &mut TokenRole, input: &Input) -> Result<(), Error> {
    let token = &mut role.token;
    if let Some(uses) = input.int("token_num_uses") {
        let negative = |_| Error::bad_request("error parsing role fields: 'token_num_uses' cannot be negative");
        token.num_uses = uses.try_into().map_err(negative)?;
    }
    token.no_default_policy = input.switch("token_no_default_policy").unwrap_or(token.no_default_policy);
    token.strictly_bind_ip = input.switch("token_strictly_bind_ip").unwrap_or(token.strictly_bind_ip);
    if let Some(kind) = input.given_text("token_type") {
        token.token_type = match kind {
            "service" => TokenType::Service,
            "batch" => TokenType::Batch,
            "default-service" => TokenType::DefaultService,
            "default-batch" => TokenType::DefaultBatch,
            _ => return Err(Error::bad_request("invalid 'token_type' value")),
        };
    }
    Ok(())
}

/// Change what has an old name and a new one. The new one counts if both are given.
fn change_renamed(role: &mut TokenRole, input: &Input) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut told = |new: &str, old: &str| {
        warnings.push(format!("Both '{new}' and deprecated '{old}' value supplied, ignoring the deprecated value"));
    };
    let span = |name: &str| input.int(name).and_then(|seconds| seconds.try_into().ok()).map(Duration::from_secs);
    if let Some((period, is_old)) = newer(span("token_period"), span("period"), || told("token_period", "period")) {
        (role.token.period, role.old_names.period) = (period, is_old);
    }
    let both = || told("token_explicit_max_ttl", "explicit_max_ttl");
    if let Some((limit, is_old)) = newer(span("token_explicit_max_ttl"), span("explicit_max_ttl"), both) {
        (role.token.explicit_max_ttl, role.old_names.explicit_max_ttl) = (limit, is_old);
    }
    let both = || told("token_bound_cidrs", "bound_cidrs");
    if let Some((blocks, is_old)) = newer(input.list("token_bound_cidrs"), input.list("bound_cidrs"), both) {
        (role.token.bound_cidrs, role.old_names.bound_cidrs) = (blocks, is_old);
    }
    warnings
}

/// What was given by its new name or else its old one, and whether it was the old one.
fn newer<T>(new: Option<T>, old: Option<T>, both: impl FnOnce()) -> Option<(T, bool)> {
    if new.is_some() && old.is_some() {
        both();
    }
    new.map(|value| (value, false)).or_else(|| old.map(|value| (value, true)))
}

/// Whether a role makes sense.
fn check(role: &TokenRole) -> Result<(), Error> {
    if !role.path_suffix.is_empty() && !is_word(&role.path_suffix) {
        let needs = "must match \\w[\\w-.]+\\w";
        return Err(Error::bad_request(format!("given role path suffix contains invalid characters; {needs}")));
    }
    if role.allowed_policies.iter().any(|policy| policy == ROOT_POLICY) {
        return Err(Error::bad_request("policies cannot contain root"));
    }
    if !role.token.bound_cidrs.iter().all(|block| is_address_block(block)) {
        return Err(Error::bad_request(
            "error parsing role fields: error parsing address: not an IPv4 or IPv6 address",
        ));
    }
    if role.token.token_type == TokenType::Batch {
        let faults = [
            (!role.orphan, "non-orphan tokens"),
            (!role.token.period.is_zero(), "periodic tokens"),
            (role.renewable, "renewable tokens"),
            (!role.token.explicit_max_ttl.is_zero(), "tokens with an explicit max TTL"),
        ];
        if let Some((_, what)) = faults.iter().find(|(wrong, _)| *wrong) {
            let text = format!("'token_type' cannot be 'batch' when role is set to generate {what}");
            return Err(Error::bad_request(text));
        }
    }
    Ok(())
}

/// Whether `text` is an address, or one with the length of a prefix.
fn is_address_block(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|length| length <= longest))
}
