//! Assertions: an entity's WebAuthn authenticator is asked to sign, and what it answers is checked.
//!
//! Whether an answer is one to what was asked is found on a snapshot; whether its signature is right takes milliseconds, and is found
//! elsewhere, by a `Check`.

use super::proofs::{Claim, Finding};
use super::verification::Asked;
use super::{Access, Error, enforcements, entities, logins, methods};
use crate::entropy::Entropy;
use crate::factor::web_authn::{self, Party, Use, UserVerification, assertion, options};
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::challenge::{Asker, Challenge, Posed};
use crate::model::enrolment::{Authenticator, Bound, Enrolment, Standing};
use crate::model::method::Settings;
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{CHALLENGES, ENROLMENTS, challenge_key, enrolment_key};

/// What a dialect varies of an assertion. Where it says nothing, the method does.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The relying party.
    pub party: Option<Party>,
    /// Whether the authenticator has to know its user.
    pub user_verification: Option<UserVerification>,
    /// What the credentials that may answer are for; whatever, without.
    pub purpose: Option<Use>,
}

/// What posing an assertion draws from chance.
#[derive(Clone)]
pub struct Fresh {
    id: String,
    challenge: Vec<u8>,
}

impl Fresh {
    /// A fresh draw.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        Self {
            id: data_encoding::HEXLOWER.encode(&entropy.bytes::<16>()),
            challenge: entropy.bytes::<{ web_authn::CHALLENGE_BYTES }>().to_vec(),
        }
    }
}

/// Who is to be asked, and how.
#[derive(Clone)]
pub struct Request {
    /// The namespace of the request.
    pub scope: Scope,
    /// Who asks.
    pub asker: Asker,
    /// The method.
    pub method: MethodId,
    /// Whoever is to answer.
    pub entity: EntityId,
    /// What the dialect varies.
    pub terms: Terms,
    /// What is drawn from chance.
    pub fresh: Fresh,
}

/// Ask an entity for an assertion, in place of what the same asker asked before: the options for its browser, as JSON.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Error::UnknownEntity`], [`Error::OutsideMethod`], [`Error::OtherKind`]; [`Error::NoAuthenticator`] when it has
/// none that may answer. Then nothing is changed.
pub fn pose(tx: &mut dyn Tx, access: &Access, request: &Request) -> Result<serde_json::Value, Error> {
    let Request { scope, asker, method, entity, terms, fresh } = request;
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    super::enrolments::check_reach(&method, &entity)?;
    let Settings::WebAuthn(settings) = &method.settings else { return Err(Error::OtherKind) };
    let asked = web_authn::Assertion {
        party: terms.party.clone().unwrap_or_else(|| settings.party()),
        challenge: fresh.challenge.clone(),
        user_verification: terms.user_verification.unwrap_or(settings.user_verification),
    };
    let enrolment = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    let enrolment = enrolment.filter(|enrolment| !enrolment.suspended).ok_or(Error::NoAuthenticator)?;
    let (mut allowed, mut credentials) = (Vec::new(), Vec::new());
    for bound in enrolment.authenticators.iter().filter(|bound| bound.counts()) {
        let Some(credential) = bound.authenticator.credential() else { continue };
        let is_meant = terms.purpose.is_none_or(|purpose| credential.purpose == purpose);
        if is_meant && credential.rp_id == asked.party.id {
            allowed.push(bound.number);
            credentials.push(credential);
        }
    }
    if credentials.is_empty() {
        return Err(Error::NoAuthenticator);
    }
    let options = options::of_assertion(&asked, &credentials);
    let now = tx.now();
    let challenge = Challenge {
        slot: challenge_key(access, *asker, &entity.id, &method.id),
        id: fresh.id.clone(),
        posed: Posed::Assertion { asked, allowed },
        posed_at: now,
        expires_at: now.plus(options::LONGEST_CEREMONY),
    };
    CHALLENGES.put(tx, access, &challenge)?;
    Ok(options)
}

/// Ask whoever logs in, in the login that waits under `request_id`, for an assertion under `method`.
///
/// # Errors
/// [`Error::UnknownLogin`], [`Error::Denied`]; [`Error::UnknownMethod`] when the login is not asked for that method; else as [`pose`].
pub fn pose_to_login(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
    method: &MethodId,
    fresh: &Fresh,
) -> Result<serde_json::Value, Error> {
    let (pending, entity) = logins::waiting(tx, access, scope, request_id)?;
    let asked = enforcements::applying(tx, access, &pending.login)?;
    if !asked.iter().any(|enforcement| enforcement.methods.contains(method)) {
        return Err(Error::UnknownMethod);
    }
    let request = Request {
        scope: pending.login.scope.clone(),
        asker: Asker::Login(pending.key),
        method: method.clone(),
        entity: entity.id,
        terms: Terms::default(),
        fresh: fresh.clone(),
    };
    pose(tx, access, &request)
}

/// Whether `entity` was asked by `asker` under `method`, and has not answered yet.
pub fn is_posed(
    tx: &mut dyn Tx,
    access: &Access,
    asker: Asker,
    method: &MethodId,
    entity: &EntityId,
) -> Result<bool, Error> {
    Ok(CHALLENGES.contains(tx, challenge_key(access, asker, entity, method))?)
}

/// What is left to be found of an answer: whether it is right. Takes milliseconds of a processor: never in a job, nor where others wait.
#[derive(Clone)]
pub(super) struct Check {
    number: u32,
    slot: BlindKey,
    id: String,
    asked: web_authn::Assertion,
    credential: web_authn::Credential,
    answer: assertion::Answer,
}

/// What looking at an answer comes to.
pub(super) enum Sought {
    /// It is this.
    Found(Finding),
    /// It takes a check to know.
    Slow(Box<Check>),
}

/// Find what an answer is to the authenticator `bound` of `enrolment`, as far as that takes no time.
pub(super) fn find(
    tx: &mut dyn Tx,
    access: &Access,
    enrolment: &Enrolment,
    bound: &Bound,
    credential: &web_authn::Credential,
    asked: &Asked<'_>,
) -> Result<Sought, Error> {
    let Ok(answer) = assertion::Answer::read(asked.passcode.expose()) else {
        return Ok(Sought::Found(Finding::Malformed));
    };
    let wrong = Ok(Sought::Found(Finding::Wrong(None)));
    if answer.credential_id() != credential.id {
        return wrong;
    }
    let slot = challenge_key(access, asked.asker, &enrolment.entity, &enrolment.method);
    let Some(challenge) = CHALLENGES.get(tx, access, slot)? else { return wrong };
    match challenge.posed {
        Posed::Assertion { asked, allowed } if allowed.contains(&bound.number) => Ok(Sought::Slow(Box::new(Check {
            number: bound.number,
            slot,
            id: challenge.id,
            asked,
            credential: credential.clone(),
            answer,
        }))),
        Posed::Assertion { .. } | Posed::Code { .. } => wrong,
    }
}

/// What an answer would be found to be if nobody were enrolled.
pub(super) fn decoy(text: &str) -> Finding {
    if assertion::Answer::read(text).is_ok() { Finding::Wrong(None) } else { Finding::Malformed }
}

impl Check {
    /// Find whether the answer is right. Blocks.
    pub(super) fn run(self) -> Finding {
        let Self { number, slot, id, asked, credential, answer } = self;
        match assertion::verify(&asked, &credential, &answer) {
            Ok(asserted) => Finding::Right(Claim::Assertion { number, slot, id, credential: credential.id, asserted }),
            Err(refusal) => {
                tracing::info!(why = %refusal, "an assertion does not hold");
                Finding::Wrong(None)
            }
        }
    }
}

/// What spending an assertion comes to.
pub(super) enum Spent {
    /// It was not spent before, and is now.
    Now,
    /// It was, or its challenge is no longer the one.
    Before,
    /// The authenticator counted backwards: there may be two of it. It is suspended.
    Suspended,
}

/// Whether an authenticator, by its number and its credential's id, of the enrolment `key` counts, and has counted on since it was last heard
/// of.
pub(super) fn counts_on(
    tx: &mut dyn Tx,
    access: &Access,
    key: BlindKey,
    (number, credential_id): (u32, &[u8]),
    asserted: assertion::Asserted,
) -> Result<bool, Error> {
    let enrolment = ENROLMENTS.get(tx, access, key)?;
    let bound = enrolment.as_ref().and_then(|enrolment| enrolment.authenticator(number)).filter(|bound| bound.counts());
    Ok(bound
        .and_then(|bound| bound.authenticator.credential())
        .is_some_and(|there| there.id == credential_id && counts_up(there, asserted)))
}

/// An authenticator that does not count says zero each time (Level 3, section 6.1.1).
const fn counts_up(credential: &web_authn::Credential, asserted: assertion::Asserted) -> bool {
    asserted.counter > credential.counter || (asserted.counter == 0 && credential.counter == 0)
}

/// Spend the assertion of an authenticator, by its number and its credential's id, in the enrolment `key`: an answer to the challenge `id` in
/// `slot`.
pub(super) fn spend(
    tx: &mut dyn Tx,
    access: &Access,
    key: BlindKey,
    (number, credential_id): (u32, &[u8]),
    (slot, id): (BlindKey, &str),
    asserted: assertion::Asserted,
) -> Result<Spent, Error> {
    if CHALLENGES.get(tx, access, slot)?.is_none_or(|challenge| challenge.id != id) {
        return Ok(Spent::Before);
    }
    let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)? else { return Ok(Spent::Before) };
    let now = tx.now();
    let Some(bound) = enrolment.authenticator_mut(number).filter(|bound| bound.counts()) else {
        return Ok(Spent::Before);
    };
    let Authenticator::WebAuthn { credential, .. } = &mut bound.authenticator else { return Ok(Spent::Before) };
    // Another may have been made under the number, where the one that answered was destroyed.
    if credential.id != credential_id {
        return Ok(Spent::Before);
    }
    if !counts_up(credential, asserted) {
        bound.standing = Standing::SuspendedSince(now);
        ENROLMENTS.put(tx, access, &enrolment)?;
        return Ok(Spent::Suspended);
    }
    credential.counter = asserted.counter;
    credential.backed_up = asserted.backed_up;
    bound.last_used_at = Some(now);
    CHALLENGES.delete(tx, slot)?;
    ENROLMENTS.put(tx, access, &enrolment)?;
    Ok(Spent::Now)
}
