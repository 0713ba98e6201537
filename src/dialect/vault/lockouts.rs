//! `sys/locked-users`: who is locked out of auth mounts after too many failed logins.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::field::{Field, Kind};
use super::route::{Call, Plan, Route};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::lockout;
use crate::id::Accessor;
use crate::model::lockout::Subject;
use crate::model::namespace::Scope;

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/locked-users", &[Field { name: "mount_accessor", kind: Kind::Text }], &[(Capability::Read, read)]),
    Route::new("sys/locked-users/{mount_accessor}/unlock/{alias_identifier*}", &[], &[(Capability::Update, unlock)]),
];

#[derive(Serialize)]
struct Locked {
    by_namespace: [OfNamespace; 1],
    total: usize,
}

#[derive(Serialize)]
struct OfNamespace {
    namespace_id: String,
    namespace_path: String,
    counts: usize,
    mount_accessors: Vec<OfMount>,
}

#[derive(Serialize)]
struct OfMount {
    mount_accessor: String,
    counts: usize,
    alias_identifiers: Vec<String>,
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, asked) = (call.scope.clone(), call.input.text("mount_accessor").to_owned());
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        let locked = engine.store.read(engine.now(), |tx| lockout::list(tx, &access, &scope))?;
        Ok(Plan::Reply(Reply::data(&Locked::of(&scope, locked, &asked))?))
    }))
}

impl Locked {
    /// Those `locked` out of mounts of `scope`, or of the one `asked` for.
    fn of(scope: &Scope, locked: Vec<Subject>, asked: &str) -> Self {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for subject in locked.into_iter().filter(|subject| asked.is_empty() || subject.mount.as_str() == asked) {
            names.entry(subject.mount.to_string()).or_default().push(subject.name);
        }
        let total = names.values().map(Vec::len).sum();
        let of_mount = |(mount_accessor, names): (String, Vec<String>)| OfMount {
            mount_accessor,
            counts: names.len(),
            alias_identifiers: names,
        };
        let of_namespace = OfNamespace {
            namespace_id: scope.id.to_string(),
            namespace_path: scope.path.clone(),
            counts: total,
            mount_accessors: names.into_iter().map(of_mount).collect(),
        };
        Self { by_namespace: [of_namespace], total }
    }
}

fn unlock(call: &mut Call<'_>) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    let mount = Accessor::new(call.input.text("mount_accessor"));
    let name = call.input.text("alias_identifier").to_owned();
    Ok(Plan::write(move |tx, access| {
        lockout::unlock(tx, access, &scope, &mount, &name)?;
        Ok(Reply::NoContent)
    }))
}
