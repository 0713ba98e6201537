//! Who is sent a code, and why: an application asks, a login asks, or a login begins that could be completed in no other way.

use std::sync::Arc;
use std::time::Duration;

use super::challenges::{self, Draft, Outcome, Refusal, Terms, To, Whom};
use super::{Access, Error, enforcements, logins, methods, verification};
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::challenge::Asker;
use crate::model::costs::Costs;
use crate::model::enforcement::Enforcement;
use crate::model::entity::Entity;
use crate::model::login::Login;
use crate::model::method::Method;
use crate::model::mount::Mount;
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{ENROLMENTS, ENTITIES, enrolment_key, entity_key, pending_login_key};

/// What an application's request for a code comes to, to be settled.
#[derive(Clone)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// How long a code is good for.
    pub lifetime: Duration,
    /// How long until another may be asked for.
    pub pause: Duration,
    /// The code, if there is anybody to send it to.
    draft: Option<Box<Draft>>,
    /// What the pause goes by where there is nobody.
    apart: BlindKey,
}

/// Draft a code that an application in `scope` asks for. Whether there is anybody to send it to makes no difference to whoever asks: the same
/// pause is kept, and the same is said.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Refusal::NoChallenge`].
pub fn of_application(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Arc<Costs>,
    scope: &Scope,
    (method, entity): (&str, &EntityId),
) -> Result<Asked, Error> {
    let method = verification::find_method(tx, access, scope, method)?.ok_or(Error::UnknownMethod)?;
    let (channel, settings) = challenges::settings(&method).ok_or(Refusal::NoChallenge)?;
    let terms = Terms::of(settings);
    let (lifetime, pause) = (terms.lifetime, terms.resend_pause);
    let apart = access.blind("pace.apart", &[scope.id.as_str(), entity.as_str(), method.id.as_str()]);
    let found = ENTITIES.get(tx, access, entity_key(access, entity))?;
    let found = found.filter(|entity| scope.contains(&entity.scope) && !entity.disabled);
    let draft = match found {
        Some(entity) => to_contact(tx, access, costs, &method, &entity, Asker::Application)?.map(Box::new),
        None => None,
    };
    if draft.is_none() {
        // The same work, thrown away.
        let nobody = Entity::new(entity.clone(), scope.clone(), String::new(), tx.now());
        let whom = Whom { asker: Asker::Nobody, entity: &nobody, method: &method, channel, to: To::Contact, costs };
        drop(challenges::draft(access, whom, terms));
    }
    Ok(Asked { method, lifetime, pause, draft, apart })
}

impl Asked {
    /// The code, if there is anybody to send it to.
    pub fn drafts(&self) -> Vec<Draft> {
        self.draft.iter().map(|draft| (**draft).clone()).collect()
    }
}

/// Settle it in the serial order of writes. Says how long the application has to wait, if it asks too often.
pub fn settle(tx: &mut dyn Tx, access: &Access, asked: &Asked) -> Result<Option<Duration>, Error> {
    if let Some(draft) = &asked.draft {
        match challenges::pose(tx, access, draft)? {
            Outcome::Posed(_) => return Ok(None),
            Outcome::TooSoon { retry_in } => return Ok(Some(retry_in)),
            Outcome::Unreachable | Outcome::Unsendable => {}
        }
    }
    let left = challenges::pause_left(tx, access, asked.apart)?;
    if left.is_none() {
        challenges::rest(tx, access, asked.apart, asked.pause)?;
    }
    Ok(left)
}

/// Draft a code to the proven contact point of `entity`, if it is reached by codes under `method`.
fn to_contact(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Arc<Costs>,
    method: &Method,
    entity: &Entity,
    asker: Asker,
) -> Result<Option<Draft>, Error> {
    let Some((channel, settings)) = challenges::settings(method) else { return Ok(None) };
    let enrolment = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    if !enrolment.as_ref().is_some_and(challenges::is_reached) {
        return Ok(None);
    }
    let whom = Whom { asker, entity, method, channel, to: To::Contact, costs };
    Ok(Some(challenges::draft(access, whom, Terms::of(settings))))
}

/// Draft a code for the login that waits under `request_id` in `scope`, which must be asked for `method`.
///
/// # Errors
/// [`Error::UnknownLogin`], [`Error::Denied`], [`Refusal::NotAsked`], [`Refusal::NoChallenge`], [`Refusal::NotReached`].
pub fn of_login(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Arc<Costs>,
    scope: &Scope,
    request_id: &Secret<String>,
    method: &MethodId,
) -> Result<Draft, Error> {
    let (pending, entity) = logins::waiting(tx, access, scope, request_id)?;
    let method = asked_method(tx, access, &pending.login, method)?;
    challenges::settings(&method).ok_or(Refusal::NoChallenge)?;
    let draft = to_contact(tx, access, costs, &method, &entity, Asker::Login(pending.key))?;
    draft.ok_or_else(|| Refusal::NotReached { method_name: method.name, entity: entity.id }.into())
}

/// Pose it, if the login still waits and is still asked for the method.
///
/// # Errors
/// As [`of_login`].
pub fn pose_to_login(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
    draft: &Draft,
) -> Result<Outcome, Error> {
    let (pending, _) = logins::waiting(tx, access, scope, request_id)?;
    asked_method(tx, access, &pending.login, draft.method())?;
    challenges::pose(tx, access, draft)
}

/// The method `id`, if `login` is asked for it.
fn asked_method(tx: &mut dyn Tx, access: &Access, login: &Login, id: &MethodId) -> Result<Method, Error> {
    let asked = enforcements::applying(tx, access, login)?;
    let is_asked = asked.iter().any(|enforcement| enforcement.methods.contains(id));
    let method = if is_asked { methods::get(tx, access, id)? } else { None };
    method.ok_or_else(|| Refusal::NotAsked(id.clone()).into())
}

/// Draft the codes that a login as `name` in `mount`, whose first factor is right, will wait for, if it has to wait under `request_id`: one for each
/// enforcement that leaves no choice but a code that is sent. So clients that know of passcodes only need not know that one is asked for.
pub fn beside_first_factor(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Arc<Costs>,
    mount: &Mount,
    name: &str,
    request_id: &Secret<String>,
) -> Result<Vec<Draft>, Error> {
    let Some(entity) = logins::known(tx, access, &mount.accessor, name)? else { return Ok(Vec::new()) };
    let login = Login::new(mount, entity.id.clone(), name.into());
    let asker = Asker::Login(pending_login_key(access, request_id.expose()));
    let mut drafts: Vec<Draft> = Vec::new();
    for enforcement in enforcements::applying(tx, access, &login)? {
        let Some(method) = only_choice(tx, access, &enforcement)? else { continue };
        if !drafts.iter().any(|draft| *draft.method() == method.id) {
            drafts.extend(to_contact(tx, access, costs, &method, &entity, asker)?);
        }
    }
    Ok(drafts)
}

/// The one method that `enforcement` leaves, if it is one only.
fn only_choice(tx: &mut dyn Tx, access: &Access, enforcement: &Enforcement) -> Result<Option<Method>, Error> {
    match enforcement.methods.as_slice() {
        [only] => methods::get(tx, access, only),
        _ => Ok(None),
    }
}
