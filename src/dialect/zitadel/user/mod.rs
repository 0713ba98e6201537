//! The user service: users as far as second factors need them, and everything by which they prove themselves.

use super::auth::{Caller, Level, Permission};
use super::details::{Details, Done};
use super::error::Error;
use super::method::Reply;
use crate::engine::Access;
use crate::engine::people::{self, User};
use crate::id::EntityId;
use crate::model::namespace::Scope;
use crate::storage::Tx;

pub(super) mod address;
pub(super) mod contact;
pub(super) mod create;
pub(super) mod keys;
pub(super) mod lifecycle;
pub(super) mod listing;
pub(super) mod notice;
pub(super) mod otp;
pub(super) mod password;
pub(super) mod recovery;
pub(super) mod search;
pub(super) mod template;
pub(super) mod totp;
mod view;

/// Whom a request is about, as far as its caller may see.
#[derive(Clone)]
struct Target {
    bounds: Scope,
    id: EntityId,
    /// Whether it is the caller.
    is_self: bool,
}

impl Target {
    /// The user, if there is one.
    fn find(&self, tx: &mut dyn Tx, access: &Access) -> Result<Option<User>, Error> {
        Ok(people::find(tx, access, &self.bounds, &self.id)?)
    }

    /// The user.
    ///
    /// # Errors
    /// When there is none.
    fn get(&self, tx: &mut dyn Tx, access: &Access) -> Result<User, Error> {
        self.find(tx, access)?.ok_or_else(unknown)
    }
}

/// The user `id`, who is the caller or somebody over whom the caller has `permission`.
///
/// # Errors
/// When it is neither.
fn target(caller: &Caller, id: &str, permission: Permission) -> Result<Target, Error> {
    match &caller.level {
        Level::Myself { entity, .. } if entity.as_str() == id => {
            Ok(Target { bounds: caller.scope.clone(), id: entity.clone(), is_self: true })
        }
        Level::Myself { .. } | Level::Holder { .. } => Err(Error::not_on_this()),
        Level::Owner | Level::LoginClient => other(caller, id, permission),
    }
}

/// The user `id`, over whom the caller has `permission`: nobody has it over themselves.
///
/// # Errors
/// When the caller has not.
fn other(caller: &Caller, id: &str, permission: Permission) -> Result<Target, Error> {
    caller.must(permission, &caller.scope)?;
    Ok(Target { bounds: caller.scope.clone(), id: EntityId::new(id), is_self: false })
}

/// There is no such user, or none that the caller sees.
pub(super) fn unknown() -> Error {
    Error::not_found("QUERY-Dfbg2", "User could not be found")
}

/// What is said of a user that has changed.
fn details(user: &User) -> Details {
    Details::of(user.person.revision, &user.entity.scope.id)
}

/// Note that a user has changed, and say so.
fn changed(tx: &mut dyn Tx, access: &Access, user: &mut User) -> Result<Reply, Error> {
    people::touch(tx, access, user)?;
    Ok(Reply::of(&Done { details: details(user) }))
}

/// The second factor is not there.
fn no_factor(id: &'static str) -> Error {
    Error::not_found(id, "Multifactor OTP (OneTimePassword) doesn't exist")
}

/// The second factor is there already.
fn factor_there(id: &'static str) -> Error {
    Error::exists(id, "Multifactor OTP (OneTimePassword) is already set up")
}

/// The second factor cannot be used.
pub(super) fn factor_not_ready(id: &'static str) -> Error {
    Error::precondition(id, "Multifactor OTP (OneTimePassword) isn't ready")
}
