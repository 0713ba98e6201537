//! A user read, locked, deactivated, deleted.

use super::super::auth::Permission;
use super::super::details::{Details, Done};
use super::super::error::Error;
use super::super::message::message;
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::rule::NAME;
use super::view::{self, Shown};
use super::{changed, details, other, target, unknown};
use crate::engine::people::{self, State, User};
use crate::engine::{Access, entities};
use crate::model::revision::Revision;
use crate::storage::Tx;

use Permission::{Authenticated, UserDelete, UserRead, UserWrite};

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(Api::Users, "GetUserByID", &[("GET", "users/{user_id}")], Authenticated, |call, sent| {
        get(call, &sent.read()?)
    }),
    Method::new(Api::Users, "DeleteUser", &[("DELETE", "users/{user_id}")], UserDelete, |call, sent| {
        delete(call, &sent.read()?)
    }),
    Method::new(Api::Users, "LockUser", &[("POST", "users/{user_id}/lock")], UserWrite, |call, sent| {
        change(call, &sent.read()?, Change::Lock)
    }),
    Method::new(Api::Users, "UnlockUser", &[("POST", "users/{user_id}/unlock")], UserWrite, |call, sent| {
        change(call, &sent.read()?, Change::Unlock)
    }),
    Method::new(Api::Users, "DeactivateUser", &[("POST", "users/{user_id}/deactivate")], UserWrite, |call, sent| {
        change(call, &sent.read()?, Change::Deactivate)
    }),
    Method::new(Api::Users, "ReactivateUser", &[("POST", "users/{user_id}/reactivate")], UserWrite, |call, sent| {
        change(call, &sent.read()?, Change::Reactivate)
    }),
    Method::new(
        Api::Users,
        "HumanMFAInitSkipped",
        &[("POST", "users/{user_id}/mfa_init_skipped")],
        Authenticated,
        |call, sent| skip(call, &sent.read()?),
    )
    .only_v2(),
];

message! {
    /// A request about a user, and nothing else.
    pub(super) struct About("UserRequest") {
        pub(super) user_id: String where NAME,
    }

    struct Found("GetUserByIDResponse") {
        details: Details,
        user: Shown,
    }
}

fn get(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let user = target(call.caller, &asked.user_id, UserRead)?.get(call.tx, call.access)?;
    Plan::reply(&Found { details: details(&user), user: view::show(call.tx, call.access, &user)? })
}

fn delete(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let target = other(call.caller, &asked.user_id, UserDelete)?;
    Ok(Plan::write(move |tx, access| {
        let user = target.get(tx, access)?;
        entities::delete(tx, access, &user.entity.scope, &user.entity.id)?;
        let revision: Revision = user.person.revision.next(tx.now());
        Ok(Reply::of(&Done { details: Details::of(revision, &user.entity.scope.id) }))
    }))
}

/// What becomes of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Lock,
    Unlock,
    Deactivate,
    Reactivate,
}

fn change(call: &mut Call<'_>, asked: &About, change: Change) -> Result<Plan, Error> {
    let target = other(call.caller, &asked.user_id, UserWrite)?;
    Ok(Plan::write(move |tx, access| {
        let mut user = target.get(tx, access)?;
        apply(tx, access, &mut user, change)?;
        Ok(Reply::of(&Done { details: details(&user) }))
    }))
}

fn apply(tx: &mut dyn Tx, access: &Access, user: &mut User, change: Change) -> Result<(), Error> {
    let is_locked = user.person.locked_at.is_some();
    match change {
        Change::Lock if is_locked => Err(Error::precondition("COMMAND-lgws8wtsqf", "User should be active or initial")),
        Change::Lock => Ok(people::lock(tx, access, user)?),
        Change::Unlock if !is_locked => Err(Error::precondition("COMMAND-olb9vb0oca", "User is not locked")),
        Change::Unlock => Ok(people::unlock(tx, access, user)?),
        Change::Deactivate if user.state() == State::Inactive => {
            Err(Error::precondition("COMMAND-5gp2p62iin", "User already inactive"))
        }
        Change::Deactivate => Ok(people::set_active(tx, access, user, false)?),
        Change::Reactivate if user.state() != State::Inactive => {
            Err(Error::precondition("COMMAND-s5qqcz97hf", "User is not inactive"))
        }
        Change::Reactivate => Ok(people::set_active(tx, access, user, true)?),
    }
}

fn skip(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserWrite)?;
    Ok(Plan::write(move |tx, access| {
        let mut user = target.find(tx, access)?.filter(|user| user.person.profile().is_some()).ok_or_else(unknown)?;
        user.person.skipped_at = Some(tx.now());
        changed(tx, access, &mut user)
    }))
}
