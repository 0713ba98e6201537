//! The second factor of an identity: started, confirmed, proven, removed; and what that does to its sessions.
//!
//! It is what the entity has enrolled under its namespace's default TOTP method, and the list of recovery codes beside it. Whether a code is right,
//! and new, and not one guess too many, `verification` says.

use std::time::Duration;

use super::access::Caller;
use super::service_sessions::prune;
use super::{Doer, Error, Refusal, Rules, auth_policies, identities, plain, sessions};
use crate::engine::enrolments::{self, CodeTerms, fresh_codes};
use crate::engine::verification::{self, Evaluation, Purpose, Question, Terms};
use crate::engine::{Access, Error as EngineError, methods};
use crate::entropy::Entropy;
use crate::factor::recovery::{Alphabet, Form};
use crate::factor::totp;
use crate::id::{EntityId, MethodId};
use crate::model::challenge::Asker;
use crate::model::clock_guard::ClockGuard;
use crate::model::edge::posture::State;
use crate::model::edge::session::ApiSession;
use crate::model::enrolment::{Authenticator, Bound, Enrolment, RecoveryCode, RecoveryCodes, Standing};
use crate::model::entity::Entity;
use crate::model::guard::Limits;
use crate::model::method::{FAILURE_CEILING, Kind, Settings, Totp};
use crate::model::namespace::Scope;
use crate::model::recovery::Recovery;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::edge::API_SESSIONS;
use crate::storage::tables::{ENROLMENTS, enrolment_key};
use crate::time::Timestamp;

/// How codes may be late or early, in steps.
const SKEW: u8 = 2;
/// The size of new seeds, in bytes: 160 bits (RFC 4226, section 4).
const SEED_BYTES: usize = 20;
/// The size of the picture of a key, in pixels each way.
pub const PICTURE: u32 = 256;
/// How recovery codes are made: twenty, of thirty bits each, that their owner may look at again.
const CODES: CodeTerms =
    CodeTerms { count: 20, form: Form { length: 6, alphabet: Alphabet::Base32, group: 0 }, shown_again: true };

/// The second factor of an identity.
#[derive(Clone)]
pub struct Record {
    /// The method it is enrolled under.
    method: MethodId,
    /// Who codes are said to be for.
    issuer: String,
    /// The number of the authenticator that stands for it.
    number: u32,
    /// The authenticator.
    authenticator: totp::Authenticator,
    /// Whether it counts.
    pub is_verified: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was confirmed, or made.
    pub updated_at: Timestamp,
}

impl Record {
    /// The key that an authenticator app takes, for the account of this name.
    pub fn key_uri(&self, account: &str) -> Secret<String> {
        crate::factor::key_uri::short_key_uri(&self.issuer, account, &self.authenticator)
    }

    /// Whether `other` is the same one in the same state.
    fn is_same_as(&self, other: &Self) -> bool {
        (&self.method, self.number, self.created_at, self.is_verified)
            == (&other.method, other.number, other.created_at, other.is_verified)
    }
}

/// The second factor of an entity, confirmed or still waiting for its first code.
pub fn record(tx: &mut dyn Tx, access: &Access, entity: &Entity) -> Result<Option<Record>, EngineError> {
    let Some(method) = methods::default_of(tx, access, &entity.scope, Kind::Totp)? else { return Ok(None) };
    let Some(enrolment) = enrolments::get(tx, access, &entity.id, &method.id)? else { return Ok(None) };
    let Settings::Totp(Totp { issuer, .. }) = method.settings else { return Ok(None) };
    // One that counts stands for the record, whatever else waits.
    let bound = enrolment.authenticators.iter().find(|bound| bound.counts()).or(enrolment.authenticators.first());
    let Some(Bound { number, authenticator: Authenticator::Totp(authenticator), .. }) = bound else { return Ok(None) };
    Ok(bound.map(|bound| Record {
        method: method.id,
        issuer,
        number: *number,
        authenticator: authenticator.clone(),
        is_verified: bound.counts(),
        created_at: bound.created_at,
        updated_at: bound.confirmed_at.unwrap_or(bound.created_at),
    }))
}

/// Whether an entity has a second factor that counts.
pub fn is_verified(tx: &mut dyn Tx, access: &Access, entity: &Entity) -> Result<bool, EngineError> {
    match methods::default_of(tx, access, &entity.scope, Kind::Totp)? {
        Some(method) => enrolments::counts(tx, access, &entity.id, &method.id),
        None => Ok(false),
    }
}

/// What a new second factor is made of, drawn beforehand.
#[derive(Clone)]
pub struct Fresh {
    seed: Secret<Vec<u8>>,
    codes: RecoveryCodes,
    /// The number of the generator: what its spent steps go by, so that those of one that was removed are none of its own.
    number: u32,
    /// Ids of the default methods, should they be made for it.
    methods: [MethodId; 2],
}

/// Draw what a new second factor is made of.
pub fn fresh(access: &Access, entropy: &dyn Entropy) -> Fresh {
    Fresh {
        seed: Secret::new(entropy.bytes::<SEED_BYTES>().to_vec()),
        codes: fresh_codes(CODES, access).0,
        number: u32::from_be_bytes(entropy.bytes()) / 2 + 1,
        methods: [MethodId::fresh(entropy), MethodId::fresh(entropy)],
    }
}

/// Start an enrolment. It counts for nothing until it is confirmed, and goes by itself if it is not in time.
///
/// # Errors
/// [`Refusal::Enrolled`].
pub fn start(tx: &mut dyn Tx, access: &Access, caller: &Caller, rules: &Rules, fresh: &Fresh) -> Result<Record, Error> {
    let entity = &caller.entity;
    if record(tx, access, entity)?.is_some() {
        return Err(Refusal::Enrolled.into());
    }
    let now = tx.now();
    let [totp_id, recovery_id] = &fresh.methods;
    let settings = Totp {
        issuer: rules.issuer.clone(),
        parameters: totp::Parameters::default(),
        key_size: 20,
        qr_size: PICTURE,
        max_validation_attempts: 5,
        self_enrolment: false,
        max_enrolments: 1,
    };
    let method = methods::ensure_default(tx, access, &entity.scope, &Settings::Totp(settings), totp_id)?;
    // However an operator sets the method up: what apps take for granted is not in the key that they get here.
    let (parameters, seed) = (totp::Parameters::default(), fresh.seed.clone());
    let standing = Standing::PendingUntil(now.plus(rules.enrolment_timeout));
    let generator = bound(Authenticator::Totp(totp::Authenticator { parameters, seed }), standing, now);
    number_from(tx, access, entity, &method.id, fresh.number)?;
    enrolments::add(tx, access, entity, &method.id, &[generator])?;
    let recovery = Settings::Recovery(Recovery::default());
    let codes = methods::ensure_default(tx, access, &entity.scope, &recovery, recovery_id)?;
    let list = bound(Authenticator::Recovery(fresh.codes.clone()), standing, now);
    forget_pending(tx, access, &entity.id, &codes.id)?;
    enrolments::add(tx, access, entity, &codes.id, &[list])?;
    Ok(record(tx, access, entity)?.ok_or(Refusal::NotEnrolled)?)
}

fn bound(authenticator: Authenticator, standing: Standing, now: Timestamp) -> Bound {
    let (number, label, created_at) = (0, String::new(), now);
    Bound { number, label, authenticator, standing, created_at, confirmed_at: None, last_used_at: None }
}

/// Let what `entity` will have under `method` be numbered from `first` on, if it has nothing there.
fn number_from(tx: &mut dyn Tx, access: &Access, entity: &Entity, method: &MethodId, first: u32) -> Result<(), Error> {
    if !ENROLMENTS.contains(tx, enrolment_key(access, &entity.id, method))? {
        let mut enrolment = Enrolment::new(entity.id.clone(), entity.scope.clone(), entity.disabled, method.clone());
        enrolment.next_number = first;
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(())
}

/// Forget what waits for its first code under `method`.
fn forget_pending(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<(), Error> {
    let waiting = enrolments::get(tx, access, entity, method)?.map(|enrolment| enrolment.authenticators);
    for bound in waiting.into_iter().flatten().filter(|bound| !bound.counts()) {
        enrolments::remove_one(tx, access, entity, method, bound.number)?;
    }
    Ok(())
}

/// The recovery codes that an entity may look at: those that wait with an enrolment that does, or else those that count.
pub fn recovery_codes(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &Entity,
    of: &Record,
) -> Result<Vec<Secret<String>>, EngineError> {
    let Some(method) = methods::default_of(tx, access, &entity.scope, Kind::Recovery)? else { return Ok(Vec::new()) };
    let lists = enrolments::get(tx, access, &entity.id, &method.id)?.map(|enrolment| enrolment.authenticators);
    let lists = lists.into_iter().flatten().filter(|bound| bound.counts() == of.is_verified);
    let codes = lists.flat_map(|bound| match bound.authenticator {
        Authenticator::Recovery(codes) => codes.left,
        Authenticator::Totp(_) | Authenticator::OutOfBand { .. } | Authenticator::WebAuthn { .. } => Vec::new(),
    });
    let readable = codes.filter_map(|code| match code {
        RecoveryCode::Shown(text) => Some(text),
        RecoveryCode::Hashed(_) => None,
    });
    Ok(readable.collect())
}

/// What a code is offered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// To confirm an enrolment: a time-based code only.
    Confirming,
    /// For whatever the second factor guards.
    Proving,
    /// For what a recovery code is not good enough for.
    ProvingByTotp,
}

/// A code that was looked at, and is still to be settled.
#[derive(Clone)]
pub struct Offered {
    /// What it was looked at against.
    record: Record,
    evaluation: Evaluation,
}

/// Look at a code on a snapshot. `None` if it cannot be any: no guess is counted for that.
pub fn offer(
    tx: &mut dyn Tx,
    access: &Access,
    caller: &Caller,
    rules: &Rules,
    record: &Record,
    purpose: For,
    code: &Secret<String>,
) -> Result<Option<Offered>, Error> {
    let is_passcode = code.expose().bytes().all(|byte| byte.is_ascii_digit());
    let method = match (is_passcode, purpose) {
        (true, _) => Some(record.method.clone()),
        (false, For::Proving) => {
            methods::default_of(tx, access, &caller.entity.scope, Kind::Recovery)?.map(|method| method.id)
        }
        (false, For::Confirming | For::ProvingByTotp) => None,
    };
    let Some(method) = method.filter(|_| !code.expose().is_empty()) else { return Ok(None) };
    let question = Question {
        scope: caller.entity.scope.clone(),
        method: method.to_string(),
        entity: caller.entity.id.clone(),
        passcode: code.clone(),
        asker: Asker::Session(caller.session.key),
        terms: Terms {
            limits: Some(Limits { attempts: rules.code_attempts, window: rules.code_window, ceiling: FAILURE_CEILING }),
            skew: Some(SKEW),
            // One guard for the identity, whatever kind of code is guessed, and whatever for.
            guard: Some(enrolment_key(access, &caller.entity.id, &record.method)),
            presenter: Some(caller.session.key),
            purpose: match purpose {
                For::Confirming => Purpose::Confirm { spends: rules.confirming_spends },
                For::Proving | For::ProvingByTotp => Purpose::Prove,
            },
        },
    };
    // Its methods are those of codes: none of them has a signature to check.
    let evaluation = verification::evaluate(tx, access, &question)?.quick();
    Ok(Some(Offered { record: record.clone(), evaluation }))
}

/// What a code comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is right, and counts.
    Right {
        /// Whether this session has shown it before: it is no new proof.
        again: bool,
    },
    /// It is not, for a reason that the log alone is told.
    Wrong(verification::Reason),
    /// There were too many guesses; there may be more after this time.
    TooMany(Duration),
}

/// Settle a code in the order of writes. What it was looked at against must still be there.
pub fn settle(
    tx: &mut dyn Tx,
    access: &Access,
    caller: &Caller,
    offered: &Offered,
    clock: ClockGuard,
) -> Result<Settled, Error> {
    if record(tx, access, &caller.entity)?.is_none_or(|now| !now.is_same_as(&offered.record)) {
        return Ok(Settled::Wrong(verification::Reason::Wrong));
    }
    Ok(match verification::settle(tx, access, &offered.evaluation, clock)? {
        verification::Outcome::Accepted { again, .. } => Settled::Right { again },
        verification::Outcome::Refused(reason) => Settled::Wrong(reason),
        verification::Outcome::TooMany { retry_in, .. } => Settled::TooMany(retry_in),
    })
}

/// Confirm the enrolment that a right code was offered for: it counts from now on, and its recovery codes with it, in the place of any others.
///
/// # Errors
/// [`Refusal::Unknown`] if it has gone.
pub fn confirm(tx: &mut dyn Tx, access: &Access, caller: &Caller, offered: &Offered) -> Result<(), Error> {
    let (entity, record) = (&caller.entity, &offered.record);
    if !verification::confirm(tx, access, &entity.id, &record.method, record.number)? {
        return Err(Refusal::Unknown.into());
    }
    if let Some(method) = methods::default_of(tx, access, &entity.scope, Kind::Recovery)? {
        let lists = enrolments::get(tx, access, &entity.id, &method.id)?.map(|enrolment| enrolment.authenticators);
        let (waiting, old): (Vec<_>, Vec<_>) = lists.into_iter().flatten().partition(|bound| !bound.counts());
        for list in &waiting {
            verification::confirm(tx, access, &entity.id, &method.id, list.number)?;
        }
        for list in old.iter().filter(|_| !waiting.is_empty()) {
            enrolments::remove_one(tx, access, &entity.id, &method.id, list.number)?;
        }
    }
    let session = ApiSession { is_mfa_required: true, is_mfa_complete: true, ..caller.session.clone() };
    pass(tx, access, session)
}

/// Note that the caller's session has proven the second factor; by a new proof, unless it is shown `again`.
pub fn prove(tx: &mut dyn Tx, access: &Access, scope: &Scope, caller: &Caller, again: bool) -> Result<(), Error> {
    // What was begun and passes no more does not come back by it.
    prune(tx, access, scope, caller)?;
    let session = ApiSession { is_mfa_complete: true, updated_at: tx.now(), ..caller.session.clone() };
    if again {
        return Ok(API_SESSIONS.put(tx, access, &session)?);
    }
    pass(tx, access, session)
}

fn pass(tx: &mut dyn Tx, access: &Access, session: ApiSession) -> Result<(), Error> {
    let now = tx.now();
    let posture = State { passed_mfa_at: Some(now), ..session.posture };
    Ok(API_SESSIONS.put(tx, access, &ApiSession { posture, updated_at: now, ..session })?)
}

/// Put fresh recovery codes in the place of all that there are.
pub fn replace_codes(tx: &mut dyn Tx, access: &Access, entity: &Entity, fresh: &Fresh) -> Result<(), Error> {
    let [_, recovery_id] = &fresh.methods;
    let recovery = Settings::Recovery(Recovery::default());
    let method = methods::ensure_default(tx, access, &entity.scope, &recovery, recovery_id)?;
    let key = enrolment_key(access, &entity.id, &method.id);
    let there = ENROLMENTS.get(tx, access, key)?;
    if let Some(mut there) = there {
        there.authenticators.clear();
        ENROLMENTS.put(tx, access, &there)?;
    }
    let now = tx.now();
    let list = bound(Authenticator::Recovery(fresh.codes.clone()), Standing::Counting, now);
    enrolments::add(tx, access, entity, &method.id, &[list])?;
    Ok(())
}

/// Remove the second factor of an entity: its recovery codes go with it. Of one that waits for its first code, only what waits goes.
pub fn remove(tx: &mut dyn Tx, access: &Access, entity: &Entity) -> Result<(), Error> {
    let Some(record) = record(tx, access, entity)? else { return Ok(()) };
    for kind in [Kind::Totp, Kind::Recovery] {
        let Some(method) = methods::default_of(tx, access, &entity.scope, kind)? else { continue };
        if record.is_verified {
            enrolments::remove(tx, access, &entity.id, &method.id)?;
        } else {
            forget_pending(tx, access, &entity.id, &method.id)?;
        }
    }
    Ok(())
}

/// Remove the second factor of the identity with this id for it.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::NotAdmin`].
pub fn remove_for(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &EntityId, doer: Doer<'_>) -> Result<(), Error> {
    let (entity, identity) = identities::known(tx, access, scope, id)?;
    identities::check_reach(doer, &identity)?;
    remove(tx, access, &entity)
}

/// See to the sessions of an entity whose `before` has lost authenticators, whoever removed them and in whatever dialect. If it has no second factor
/// any more, none of its sessions has proven any; those that wait for a code end, and all of them do where a policy requires one.
pub(in crate::engine) fn removed(tx: &mut dyn Tx, access: &Access, before: &Enrolment) -> Result<(), EngineError> {
    let is_totp = |bound: &Bound| bound.counts() && matches!(bound.authenticator, Authenticator::Totp(_));
    if !before.authenticators.iter().any(is_totp) {
        return Ok(());
    }
    let found = identities::get(tx, access, &before.scope, &before.entity).map_err(plain)?;
    let Some((entity, identity)) = found else { return Ok(()) };
    if is_verified(tx, access, &entity)? {
        return Ok(());
    }
    let policy = auth_policies::of(tx, access, &entity.scope, &identity).map_err(plain)?;
    for session in sessions::of(tx, access, &entity.id).map_err(plain)? {
        if policy.require_totp || session.needs_totp(false) {
            sessions::end(tx, access, &session).map_err(plain)?;
            continue;
        }
        let posture = State { passed_mfa_at: None, ..session.posture };
        let (is_mfa_required, is_mfa_complete, updated_at) = (false, false, tx.now());
        let session = ApiSession { updated_at, is_mfa_required, is_mfa_complete, posture, ..session };
        API_SESSIONS.put(tx, access, &session)?;
        let caller = Caller { session, entity: entity.clone(), identity: identity.clone(), policy: policy.clone() };
        prune(tx, access, &entity.scope, &caller).map_err(plain)?;
    }
    Ok(())
}
