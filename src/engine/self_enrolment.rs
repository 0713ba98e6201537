//! Self-enrolment: an authenticator made during the login that asks for it.
//!
//! Whoever has the first factor may choose the second, so it must be open: the method must allow it, and the entity must have nothing yet that
//! would satisfy what is asked. What is made is a draft inside the pending login, and no authenticator until a code of it completes that login.

use std::sync::Arc;

use super::challenges::{self, Outcome, Refusal};
use super::contacts::By;
use super::enrolments::{self, Bound, Draft, Drafted, Terms};
use super::out_of_band::{Binding, First, first};
use super::registrations::{self, Begun};
use super::{Access, Error, contacts, enforcements, logins, methods, requirements};
use crate::id::MethodId;
use crate::model::address::Address;
use crate::model::challenge::Asker;
use crate::model::contact::Channel;
use crate::model::costs::Costs;
use crate::model::enforcement::Enforcement;
use crate::model::enrolment::{Authenticator, Enrolment};
use crate::model::login::Login;
use crate::model::method::{Kind, Method};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::PENDING_LOGINS;
use crate::storage::tables::web_authn::registration_login_key;

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
            if enrolments::owns(tx, access, &login.entity, other)? {
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
    if enrolments::owns(tx, access, &pending.login.entity, &method.id)? {
        return Ok(Bound::AlreadyEnrolled { method_name: method.name });
    }
    pending.take_draft(draft.enrolment.clone());
    PENDING_LOGINS.put(tx, access, &pending)?;
    Ok(Bound::Fresh { number: 0 })
}

/// Draft an authenticator that is reached by codes, for the login that waits under `request_id`: by codes to the address that is given, or to where
/// the entity is proven to be reached, which whoever has only a first factor cannot change.
///
/// # Errors
/// As [`draft`]; [`Error::OtherKind`], [`Refusal::NoAddress`], [`Refusal::OtherAddress`].
pub fn draft_reached(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Arc<Costs>,
    (scope, request_id): (&Scope, &Secret<String>),
    method: &MethodId,
    address: Option<&Address>,
) -> Result<ReachedDraft, Error> {
    let (pending, entity) = logins::waiting(tx, access, scope, request_id)?;
    let method = check_open(tx, access, &pending.login, method)?;
    let (channel, _) = challenges::settings(&method).ok_or(Error::OtherKind)?;
    if address.is_some_and(|address| address.channel() != channel) {
        return Err(Error::OtherKind);
    }
    let given = address.map(|address| address.text().clone());
    let first = first(tx, access, costs, (&method, &entity), given, (Asker::Login(pending.key), By::FirstFactor))?;
    Ok(ReachedDraft { channel, first })
}

/// An authenticator that is reached by codes, ready to be kept in a login.
#[derive(Clone)]
pub struct ReachedDraft {
    channel: Channel,
    first: First,
}

impl ReachedDraft {
    /// The first code.
    pub fn codes(&self) -> Vec<challenges::Draft> {
        vec![self.first.code.clone()]
    }
}

/// Keep it in the login that waits under `request_id`, in place of an earlier one, and send its first code, unless an authenticator was bound
/// meanwhile.
///
/// # Errors
/// As [`draft_reached`].
pub fn keep_reached(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
    draft: &ReachedDraft,
) -> Result<Binding, Error> {
    let (mut pending, entity) = logins::waiting(tx, access, scope, request_id)?;
    let ReachedDraft { channel, first } = draft;
    let method = check_open(tx, access, &pending.login, first.code.method())?;
    if enrolments::counts(tx, access, &entity.id, &method.id)? {
        return Ok(Binding::AlreadyEnrolled { method_name: method.name });
    }
    let now = tx.now();
    let mut enrolment = Enrolment::new(entity.id, entity.scope, entity.disabled, method.id);
    enrolment.take(first.bound(*channel, String::new(), now), now);
    if !may_be_reached(tx, access, &enrolment)? {
        return Err(Refusal::OtherAddress.into());
    }
    match challenges::pose(tx, access, &first.code)? {
        Outcome::Posed(receipt) => {
            pending.take_draft(enrolment);
            PENDING_LOGINS.put(tx, access, &pending)?;
            Ok(Binding::Pending(receipt))
        }
        Outcome::TooSoon { retry_in } => Ok(Binding::TooSoon(retry_in)),
        Outcome::Unreachable => Ok(Binding::Unreachable),
        Outcome::Unsendable => Ok(Binding::Unsendable),
    }
}

/// Whether the addresses that a draft brings may become the entity's.
pub(super) fn may_be_reached(tx: &mut dyn Tx, access: &Access, draft: &Enrolment) -> Result<bool, Error> {
    for bound in &draft.authenticators {
        if let Authenticator::OutOfBand { channel, unproven: Some(given) } = &bound.authenticator
            && !contacts::may_become(tx, access, &draft.entity, *channel, &given.address, By::FirstFactor)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Begin the registration of a WebAuthn authenticator for the login that waits under `request_id`: the options for its browser. What answers
/// them completes the login, and is bound by that.
///
/// # Errors
/// As [`draft`].
pub fn register(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
    method: &MethodId,
    fresh: &registrations::Fresh,
) -> Result<Begun, Error> {
    let (pending, entity) = logins::waiting(tx, access, scope, request_id)?;
    let method = check_open(tx, access, &pending.login, method)?;
    if enrolments::owns(tx, access, &entity.id, &method.id)? {
        return Ok(Begun::AlreadyEnrolled { method_name: method.name });
    }
    let key = registration_login_key(access, pending.key, &method.id);
    registrations::begin_as(tx, access, key, &method, &entity, &registrations::Terms::default(), fresh)
}

fn check_open(tx: &mut dyn Tx, access: &Access, login: &Login, id: &MethodId) -> Result<Method, Error> {
    let closed = || Error::NoSelfEnrolment(id.clone());
    let method = methods::get(tx, access, id)?.ok_or_else(closed)?;
    let enforcements = enforcements::applying(tx, access, login)?;
    if is_open(tx, access, login, &enforcements, &method)? { Ok(method) } else { Err(closed()) }
}
