//! Self-enrolment: an authenticator made during the login that asks for it.
//!
//! Whoever has the first factor may choose the second, so it must be open: the method must allow it, and the entity must have nothing yet that
//! would satisfy what is asked. What is made is a draft inside the pending login, and no authenticator until a code of it completes that login.

use super::enrolments::{self, Bound, Draft, Drafted, Terms};
use super::{Access, Error, enforcements, logins, methods, requirements};
use crate::id::MethodId;
use crate::model::enforcement::Enforcement;
use crate::model::login::Login;
use crate::model::method::{Kind, Method};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::PENDING_LOGINS;

/// Whether `login` may enrol under `method`, as far as other methods have a say: else a stolen password would choose its own second factor
/// where an enforcement takes either of two and the owner has the other.
pub(super) fn is_open(
    tx: &mut dyn Tx,
    access: &Access,
    login: &Login,
    enforcements: &[Enforcement],
    method: &Method,
) -> Result<bool, Error> {
    if !method.settings.self_enrolment() {
        return Ok(false);
    }
    let mut asked = false;
    for enforcement in enforcements.iter().filter(|enforcement| enforcement.methods.contains(&method.id)) {
        asked = true;
        if enforcement.allow_recovery && requirements::could_recover(tx, access, login)? {
            return Ok(false);
        }
        for other in enforcement.methods.iter().filter(|other| **other != method.id) {
            if enrolments::counts(tx, access, &login.entity, other)? {
                return Ok(false);
            }
        }
    }
    Ok(asked)
}

/// Draft an authenticator for the login that waits under `request_id`.
///
/// # Errors
/// [`Error::UnknownLogin`], [`Error::Denied`], [`Error::NoSelfEnrolment`].
pub fn draft(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
    kind: Kind,
    method: &MethodId,
) -> Result<Drafted, Error> {
    let (pending, _) = logins::waiting(tx, access, scope, request_id)?;
    check_open(tx, access, &pending.login, method)?;
    let terms = Terms::default();
    enrolments::draft(tx, access, scope, kind, method, &pending.login.entity, &terms)
}

/// Keep a draft in the login that waits under `request_id`, in place of an earlier one, unless an authenticator was bound meanwhile.
///
/// # Errors
/// As [`draft`].
pub fn keep(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
    draft: &Draft,
) -> Result<Bound, Error> {
    let (mut pending, _) = logins::waiting(tx, access, scope, request_id)?;
    let method = check_open(tx, access, &pending.login, &draft.enrolment.method)?;
    if enrolments::counts(tx, access, &pending.login.entity, &method.id)? {
        return Ok(Bound::AlreadyEnrolled { method_name: method.name });
    }
    pending.take_draft(draft.enrolment.clone());
    PENDING_LOGINS.put(tx, access, &pending)?;
    Ok(Bound::Fresh { number: 0 })
}

fn check_open(tx: &mut dyn Tx, access: &Access, login: &Login, id: &MethodId) -> Result<Method, Error> {
    let closed = || Error::NoSelfEnrolment(id.clone());
    let method = methods::get(tx, access, id)?.ok_or_else(closed)?;
    let enforcements = enforcements::applying(tx, access, login)?;
    if is_open(tx, access, login, &enforcements, &method)? { Ok(method) } else { Err(closed()) }
}
