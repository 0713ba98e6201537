//! Registrations: an entity's WebAuthn authenticator makes a credential, and it is bound.
//!
//! *Begin* in a job: what was asked is stored. *Consider* the answer on a snapshot, *check* it where blocking is allowed, and *register* what it
//! brings in a job: there the registration ends, whatever else answers it at the same time.

use super::proofs::{Claim, Finding};
use super::{Access, Error, enrolments, entities, methods};
use crate::entropy::Entropy;
use crate::factor::web_authn::{
    self, Algorithm, Attachment, Attestation, Credential, Party, Refusal, Use, User, UserVerification, options,
    registration,
};
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::enrolment::{self, Authenticator, Standing};
use crate::model::entity::Entity;
use crate::model::method::{Kind, Method, Settings};
use crate::model::namespace::Scope;
use crate::model::registration::Registration;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::web_authn::{
    REGISTRATION_BY_ENROLMENT, REGISTRATIONS, credential_key, registration_enrolment_key, registration_key,
};
use crate::storage::tables::{ENROLMENT_BY_CREDENTIAL, ENROLMENTS, enrolment_key};
use crate::time::Timestamp;

/// The most registrations of one entity under one method that wait at once: a new one takes the place of the oldest.
const MOST_WAITING: usize = 16;

/// What a dialect varies of a registration. Where it says nothing, the method does.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What the authenticator is to be called by its owner.
    pub label: String,
    /// The relying party.
    pub party: Option<Party>,
    /// Whether the authenticator has to know its user.
    pub user_verification: Option<UserVerification>,
    /// What must be known of its make.
    pub attestation: Option<Attestation>,
    /// The signatures that are taken.
    pub algorithms: Option<Vec<Algorithm>>,
    /// How it should be attached.
    pub attachment: Option<Attachment>,
    /// Whom it is for; else the entity, by its id and its name.
    pub user: Option<User>,
    /// What it is for; else to be a second factor.
    pub purpose: Option<Use>,
}

/// What beginning a registration draws from chance.
#[derive(Clone)]
pub struct Fresh {
    /// What it is called.
    pub id: String,
    challenge: Vec<u8>,
}

impl Fresh {
    /// A fresh draw, for a registration with this id, which nobody has had before.
    pub fn draw(entropy: &dyn Entropy, id: String) -> Self {
        Self { id, challenge: entropy.bytes::<{ web_authn::CHALLENGE_BYTES }>().to_vec() }
    }
}

/// What beginning a registration came to.
pub enum Begun {
    /// The options for the owner's browser, as JSON.
    Asked(serde_json::Value),
    /// The entity has as many authenticators under this method, called so, as it may.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// Begin a registration of `entity` under `method`.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Error::UnknownEntity`], [`Error::OutsideMethod`], [`Error::OtherKind`], in this order.
pub fn begin(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
    terms: &Terms,
    fresh: &Fresh,
) -> Result<Begun, Error> {
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    enrolments::check_reach(&method, &entity)?;
    begin_as(tx, access, registration_key(access, &fresh.id), &method, &entity, terms, fresh)
}

/// The same, for a registration that is called `key`, in place of one that was called the same.
pub(super) fn begin_as(
    tx: &mut dyn Tx,
    access: &Access,
    key: BlindKey,
    method: &Method,
    entity: &Entity,
    terms: &Terms,
    fresh: &Fresh,
) -> Result<Begun, Error> {
    let Settings::WebAuthn(settings) = &method.settings else { return Err(Error::OtherKind) };
    if enrolments::is_full(tx, access, method, &entity.id)? {
        return Ok(Begun::AlreadyEnrolled { method_name: method.name.clone() });
    }
    let terms = terms.clone();
    let asked = web_authn::Registration {
        party: terms.party.unwrap_or_else(|| settings.party()),
        challenge: fresh.challenge.clone(),
        user_verification: terms.user_verification.unwrap_or(settings.user_verification),
        attestation: terms.attestation.unwrap_or_else(|| settings.attestation.clone()),
        algorithms: terms.algorithms.unwrap_or_else(|| settings.algorithms.clone()),
        attachment: terms.attachment,
        user: terms.user.unwrap_or_else(|| user_of(entity)),
        purpose: terms.purpose.unwrap_or(Use::SecondFactor),
    };
    let there = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    let there = there.as_ref().map_or(&[][..], |enrolment| &enrolment.authenticators);
    let excluded: Vec<&Credential> = there
        .iter()
        .filter_map(|bound| bound.authenticator.credential())
        .filter(|credential| credential.rp_id == asked.party.id && credential.purpose == asked.purpose)
        .collect();
    let options = options::of_registration(&asked, &excluded);
    make_room(tx, access, &entity.id, &method.id)?;
    let now = tx.now();
    let registration = Registration {
        key,
        id: fresh.id.clone(),
        entity: entity.id.clone(),
        method: method.id.clone(),
        label: terms.label,
        asked,
        begun_at: now,
        expires_at: now.plus(options::LONGEST_CEREMONY),
    };
    REGISTRATIONS.put(tx, access, &registration)?;
    Ok(Begun::Asked(options))
}

/// Whom a credential is for, if nobody says: authenticators know them by their id, which says nothing of the person.
fn user_of(entity: &Entity) -> User {
    let handle: Vec<u8> = entity.id.as_str().bytes().take(64).collect();
    User { handle, name: entity.name.clone(), display_name: entity.name.clone() }
}

/// Let the oldest registrations go where too many wait.
fn make_room(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<(), Error> {
    let key = registration_enrolment_key(access, entity, method);
    let mut waiting = REGISTRATIONS.find_all(tx, access, REGISTRATION_BY_ENROLMENT, key)?;
    waiting.sort_by_key(|registration| registration.begun_at);
    let too_many = (waiting.len() + 1).saturating_sub(MOST_WAITING);
    for oldest in waiting.iter().take(too_many) {
        REGISTRATIONS.delete(tx, oldest.key)?;
    }
    Ok(())
}

/// What is left to be found of an answer: whether it is right. Takes milliseconds of a processor: never in a job, nor where others wait.
#[derive(Clone)]
pub struct Check {
    registration: Registration,
    scope: Scope,
    answer: registration::Answer,
    now: Timestamp,
}

/// An answer that was checked: to be registered, not yet told.
#[derive(Clone)]
pub struct Checked {
    registration: Registration,
    scope: Scope,
    credential: Result<Credential, Refusal>,
}

/// What considering an answer comes to.
pub enum Considered {
    /// It is to be checked.
    Check(Box<Check>),
    /// There is nothing to check.
    Refused(NotRegistered),
}

/// Why nothing was registered. Nothing was changed, and the registration still waits, if it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRegistered {
    /// No registration of that entity under that method waits under this id.
    #[error("no such registration")]
    Unknown,
    /// The answer is not right.
    #[error("the answer does not hold")]
    Wrong(#[source] Refusal),
    /// Another credential has its id.
    #[error("the credential is registered already")]
    Taken,
    /// Others were bound first, as many as there may be under the method, called so.
    #[error("there are authenticators enough")]
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// Consider, on a snapshot, what answers the registration `id` of `entity` under `method`.
pub fn consider(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    id: &str,
    method: &MethodId,
    entity: &EntityId,
    answer: &Secret<String>,
) -> Result<Considered, Error> {
    let waiting = REGISTRATIONS.get(tx, access, registration_key(access, id))?;
    let Some(registration) = waiting.filter(|there| there.entity == *entity && there.method == *method) else {
        return Ok(Considered::Refused(NotRegistered::Unknown));
    };
    match registration::Answer::read(answer.expose()) {
        Ok(answer) => {
            let check = Check { registration, scope: scope.clone(), answer, now: tx.now() };
            Ok(Considered::Check(Box::new(check)))
        }
        Err(refusal) => Ok(Considered::Refused(NotRegistered::Wrong(refusal))),
    }
}

/// The same, for the registration called `key`, to be settled with the login it belongs to; `None` if there is none, or it can be no answer.
pub(super) fn consider_as(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    key: BlindKey,
    answer: &Secret<String>,
) -> Result<Option<Check>, Error> {
    let Some(registration) = REGISTRATIONS.get(tx, access, key)? else { return Ok(None) };
    let answer = registration::Answer::read(answer.expose()).ok();
    Ok(answer.map(|answer| Check { registration, scope: scope.clone(), answer, now: tx.now() }))
}

impl Check {
    /// What the authenticator is to be for.
    pub const fn purpose(&self) -> Use {
        self.registration.asked.purpose
    }

    /// Find whether the answer is right. Blocks.
    pub fn run(self) -> Checked {
        let credential = registration::verify(&self.registration.asked, &self.answer, self.now);
        if let Err(refusal) = &credential {
            tracing::info!(why = %refusal, "what answers a registration does not hold");
        }
        Checked { registration: self.registration, scope: self.scope, credential }
    }
}

impl Checked {
    /// What it is, as an answer that completes a login.
    pub(super) fn finding(self) -> Finding {
        match self.credential {
            Ok(credential) => {
                let registration = Box::new(self.registration);
                Finding::Right(Claim::Registration { registration, credential: Box::new(credential) })
            }
            Err(_) => Finding::Wrong(None),
        }
    }
}

/// Bind what a registration brought, called `label` if that is said only now. The authenticator, if nothing stands against it.
///
/// # Errors
/// As [`begin`], if what it was begun for has gone meanwhile.
pub fn register(
    tx: &mut dyn Tx,
    access: &Access,
    checked: &Checked,
    label: Option<&str>,
) -> Result<Result<enrolment::Bound, NotRegistered>, Error> {
    let Checked { registration, scope, credential } = checked;
    let credential = match credential {
        Ok(credential) => credential,
        Err(refusal) => return Ok(Err(NotRegistered::Wrong(*refusal))),
    };
    let method = methods::get(tx, access, &registration.method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, scope, &registration.entity)?.ok_or(Error::UnknownEntity)?;
    enrolments::check_reach(&method, &entity)?;
    if enrolments::is_full(tx, access, &method, &entity.id)? {
        return Ok(Err(NotRegistered::AlreadyEnrolled { method_name: method.name }));
    }
    if !spend(tx, access, registration, credential)? {
        let waits = REGISTRATIONS.contains(tx, registration.key)?;
        return Ok(Err(if waits { NotRegistered::Taken } else { NotRegistered::Unknown }));
    }
    let mut bound = bound_by(registration, credential, tx.now());
    if let Some(label) = label {
        label.clone_into(&mut bound.label);
    }
    bound.number = enrolments::add(tx, access, &entity, &method.id, std::slice::from_ref(&bound))?;
    Ok(Ok(bound))
}

/// Destroy the authenticator of `entity` under `method` that the registration `id` brought; nothing happens when there is none.
///
/// # Errors
/// As [`enrolments::destroy`].
pub fn destroy(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
    id: &str,
) -> Result<(), Error> {
    let (method, entity) = enrolments::bound_pair(tx, access, scope, Kind::WebAuthn, method, entity)?;
    let there = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    let brought = there.as_ref().and_then(|there| {
        there.authenticators.iter().find(|bound| bound.authenticator.registered().is_some_and(|(by, _)| by == id))
    });
    if let Some(bound) = brought {
        let _: bool = enrolments::remove_one(tx, access, &entity.id, &method.id, bound.number)?;
    }
    Ok(())
}

/// End a registration for the credential that it brought. Says whether it still waited, and nobody has the credential.
pub(super) fn spend(
    tx: &mut dyn Tx,
    access: &Access,
    registration: &Registration,
    credential: &Credential,
) -> Result<bool, Error> {
    let waiting = REGISTRATIONS.get(tx, access, registration.key)?;
    if waiting.is_none_or(|waiting| waiting.asked.challenge != registration.asked.challenge) {
        return Ok(false);
    }
    let key = credential_key(access, &credential.rp_id, &credential.id);
    if ENROLMENTS.find_one(tx, access, ENROLMENT_BY_CREDENTIAL, key)?.is_some() {
        return Ok(false);
    }
    REGISTRATIONS.delete(tx, registration.key)?;
    Ok(true)
}

/// The authenticator that a registration brought.
pub(super) fn bound_by(registration: &Registration, credential: &Credential, now: Timestamp) -> enrolment::Bound {
    enrolment::Bound {
        number: 0,
        label: registration.label.clone(),
        authenticator: Authenticator::WebAuthn {
            registration: registration.id.clone(),
            credential: credential.clone(),
        },
        standing: Standing::Counting,
        created_at: now,
        confirmed_at: Some(now),
        last_used_at: None,
    }
}
