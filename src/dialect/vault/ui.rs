//! `sys/internal/ui`: what a login page, or a client that looks before it leaps, may know of mounts and namespaces.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::error::Error;
use super::mounts::{auth_mounts, secret_mounts};
use super::route::{Call, Door, Plan, Route};
use super::wire::Reply;
use crate::engine::access::{self, Capability};
use crate::engine::{mounts, namespaces};
use crate::model::acl::Acl;
use crate::model::mount::Mount;
use crate::model::namespace::Scope;

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/internal/ui/mounts", &[], &[(Capability::Read, list)]).door(Door::NoBadToken),
    Route::new("sys/internal/ui/mounts/{path*}", &[], &[(Capability::Read, read)]).door(Door::NoBadToken),
    Route::new("sys/internal/ui/namespaces", &[], &[(Capability::Read, below)]).door(Door::NoBadToken),
];

#[derive(Serialize, Default)]
struct Mounts {
    auth: BTreeMap<String, Value>,
    secret: BTreeMap<String, Value>,
}

/// Those that anybody may see; with a token, those that it may touch.
fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let public = mounts::list(call.tx, call.access, &call.scope)?;
    let public: Vec<&Mount> = public.iter().filter(|mount| mount.config.listing_visibility == "unauth").collect();
    if call.caller.is_none() {
        let brief = |mount: &&Mount| {
            let shown = json!({
                "description": mount.description, "options": mount.options, "type": mount.kind.as_str()
            });
            (mount.path.clone(), shown)
        };
        let auth = public.iter().map(brief).collect();
        return Ok(Plan::Reply(Reply::data(&Mounts { auth, ..Mounts::default() })?));
    }
    let mut all = Mounts { auth: auth_mounts(call)?, secret: secret_mounts(call)? };
    let is_public = |path: &str| public.iter().any(|mount| mount.path == path);
    let acl = acl(call)?;
    all.auth.retain(|path, _| is_public(path) || may_touch(&acl, &call.scope, &format!("auth/{path}")));
    all.secret.retain(|path, _| may_touch(&acl, &call.scope, path));
    Ok(Plan::Reply(Reply::data(&all)?))
}

/// What the caller may do; nothing at all where its token is not from here or above.
fn acl(call: &mut Call<'_>) -> Result<Acl, Error> {
    let caller = call.caller()?.clone();
    if !caller.scope.contains(&call.scope) {
        return Ok(Acl::default());
    }
    Ok(access::acl(call.tx, call.access, call.engine, &caller)?)
}

/// Whether the caller may do anything below `path`.
fn may_touch(acl: &Acl, scope: &Scope, path: &str) -> bool {
    acl.reaches(&format!("{}{path}", scope.path))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    call.caller()?;
    let path = format!("{}/", call.input.text("path").trim_end_matches('/'));
    let denied = || {
        Error::forbidden(format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}\""
        ))
    };
    let all = match path.strip_prefix("auth/") {
        Some(behind) => (auth_mounts(call)?, behind, "auth/"),
        None => (secret_mounts(call)?, path.as_str(), ""),
    };
    let (all, wanted, place) = all;
    let found = all.into_iter().find(|(mount, _)| wanted.starts_with(mount.as_str()));
    let (mount, mut shown) = found.ok_or_else(denied)?;
    if !may_touch(&acl(call)?, &call.scope, &format!("{place}{mount}")) {
        return Err(denied());
    }
    if let Value::Object(members) = &mut shown {
        members.insert("path".into(), mount.into());
    }
    Ok(Plan::Reply(Reply::data(&shown)?))
}

#[derive(Serialize)]
struct Namespaces {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
}

/// The namespaces right below that the caller may enter.
fn below(call: &mut Call<'_>) -> Result<Plan, Error> {
    let acl = acl(call)?;
    let children = namespaces::list(call.tx, call.access, &call.scope)?;
    let open = children.iter().filter(|namespace| acl.reaches(&namespace.scope.path));
    let name = |path: &str| path.strip_prefix(&call.scope.path).unwrap_or(path).to_owned();
    let keys = open.map(|namespace| name(&namespace.scope.path)).collect();
    Ok(Plan::Reply(Reply::data(&Namespaces { keys })?))
}
