//! Verification: did this entity prove this factor, now, once?
//!
//! *Evaluate* on a snapshot: who, which method, which authenticator, is the answer right? Nothing is changed and nothing told. *Settle* in the
//! serial order of writes: may it count? An accepted step is stored, a wrong answer counted, and only after the commit is anything told. So
//! parallel guesses are counted one by one, and one code offered a hundred times at once is accepted once.

use std::time::Duration;

use super::enrolments::bound_pair;
use super::{Access, Error, methods};
use crate::factor::Verdict;
use crate::factor::otp::Passcode;
use crate::factor::totp::{self, Step};
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::clock_guard::{ClockGuard, GRACE};
use crate::model::enrolment::{Authenticator, Enrolment};
use crate::model::guard::{Guard, Judgement, Limits};
use crate::model::method::{FAILURE_CEILING, LONGEST_PERIOD, Method, Settings};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::tables::{ENROLMENTS, GUARDS, GuardRecord, SPENT, enrolment_key, spent_id};
use crate::storage::{Record, Tx};
use crate::time::Timestamp;

/// A question: does this passcode prove this entity's possession?
pub struct Question {
    /// The namespace of the request.
    pub scope: Scope,
    /// The method, by id, by name, or by the path of its namespace and its name.
    pub method: String,
    /// Who is said to have answered.
    pub entity: EntityId,
    /// What was answered.
    pub passcode: Secret<String>,
}

/// What evaluating came to: a value to be settled, not yet an answer.
#[derive(Clone)]
pub struct Evaluation {
    /// The enrolment's key: what guard and spent steps go by. It exists whether or not there is an enrolment.
    key: BlindKey,
    entity: EntityId,
    method: Option<MethodId>,
    limits: Limits,
    enrolled: bool,
    finding: Finding,
}

#[derive(Clone)]
enum Finding {
    /// It can be no passcode of this authenticator: refused, and not counted, since it can never be right.
    Malformed,
    /// It is not the passcode, or there is no authenticator.
    Wrong,
    /// It is the passcode of this step.
    Right(Step, totp::Parameters),
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Proven, once.
    Accepted {
        /// Who proved it.
        entity: EntityId,
        /// By which method.
        method: MethodId,
    },
    /// Not proven. The caller is not told more.
    Refused(Reason),
    /// Too many attempts.
    TooMany {
        /// How many there were, this one included.
        attempts: u32,
        /// How many are allowed.
        allowed: u32,
        /// How long until there may be more.
        retry_in: Duration,
    },
}

/// Why an answer was refused: for the log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It has not the form of a passcode.
    #[error("malformed")]
    Malformed,
    /// It is wrong, or nobody is enrolled: the two look the same to everybody.
    #[error("wrong, or nobody is enrolled")]
    Wrong,
    /// It was right once, and has been used.
    #[error("used before")]
    Spent,
    /// The clock is behind what the server has seen.
    #[error("the clock is behind")]
    ClockBehind,
    /// There were too many failures in a row.
    #[error("the authenticator is disabled")]
    Disabled,
}

/// Limits for a pair that is not enrolled under any method we know: those of a method nobody has changed.
const UNKNOWN_LIMITS: Limits = Limits { attempts: 5, window: Duration::from_secs(30), ceiling: FAILURE_CEILING };

/// Evaluate a question on a snapshot.
///
/// An unknown method, entity or enrolment does the same work and gives an evaluation like any other, so that asking tells nothing of who is enrolled.
pub fn evaluate(tx: &mut dyn Tx, access: &Access, question: &Question) -> Result<Evaluation, Error> {
    let Question { scope, entity, .. } = question;
    let method = find_method(tx, access, scope, &question.method)?;
    // Where a pair cannot prove anything, its guesses are counted apart: else they would count against an authenticator that cannot be seen
    // from here, and their short-lived guard would replace its own.
    let named = method.as_ref().map_or(question.method.as_str(), |method| method.id.as_str());
    let apart = access.blind("guess", &[scope.id.as_str(), entity.as_str(), named]);
    let bound = method.as_ref().map_or(apart, |method| enrolment_key(access, entity, &method.id));
    let enrolment = match ENROLMENTS.get(tx, access, bound)? {
        Some(enrolment) if scope.contains(&enrolment.scope) && !enrolment.suspended => Some(enrolment),
        Some(_) | None => None,
    };
    let key = if enrolment.is_some() { bound } else { apart };
    let limits = method.as_ref().and_then(limits_of).unwrap_or(UNKNOWN_LIMITS);
    let finding = match &enrolment {
        Some(enrolment) => find(enrolment, &question.passcode, tx.now()),
        // The same work as for somebody who is enrolled, with the answer thrown away.
        None => match find_totp(&decoy(), &question.passcode, tx.now()) {
            Finding::Malformed => Finding::Malformed,
            Finding::Wrong | Finding::Right(..) => Finding::Wrong,
        },
    };
    let enrolled = enrolment.is_some();
    Ok(Evaluation {
        key,
        entity: question.entity.clone(),
        method: method.map(|method| method.id),
        limits,
        enrolled,
        finding,
    })
}

/// Evaluate a passcode against an enrolment under `method` that is at hand, whether or not it is bound already.
pub(super) fn evaluate_at_hand(
    access: &Access,
    method: &Method,
    enrolment: &Enrolment,
    passcode: &Secret<String>,
    now: Timestamp,
) -> Evaluation {
    Evaluation {
        key: enrolment_key(access, &enrolment.entity, &enrolment.method),
        entity: enrolment.entity.clone(),
        method: Some(method.id.clone()),
        limits: limits_of(method).unwrap_or(UNKNOWN_LIMITS),
        enrolled: true,
        finding: find(enrolment, passcode, now),
    }
}

fn find(enrolment: &Enrolment, passcode: &Secret<String>, now: Timestamp) -> Finding {
    match &enrolment.authenticator {
        Authenticator::Totp(authenticator) => find_totp(authenticator, passcode, now),
    }
}

fn find_totp(authenticator: &totp::Authenticator, passcode: &Secret<String>, now: Timestamp) -> Finding {
    let Some(passcode) = Passcode::parse(passcode.expose(), authenticator.parameters.digits) else {
        return Finding::Malformed;
    };
    match totp::verify(authenticator, &passcode, now) {
        Verdict::Right(step) => Finding::Right(step, authenticator.parameters.clone()),
        Verdict::Wrong => Finding::Wrong,
    }
}

/// An authenticator that nobody has.
fn decoy() -> totp::Authenticator {
    totp::Authenticator { parameters: totp::Parameters::default(), seed: Secret::new(vec![0; 20]) }
}

/// The TOTP method meant by `text` from inside `scope`: an id, a name in `scope`, or the path of an ancestor and a name there.
fn find_method(tx: &mut dyn Tx, access: &Access, scope: &Scope, text: &str) -> Result<Option<Method>, Error> {
    let by_id = methods::get(tx, access, &MethodId::new(text))?.filter(|method| method.scope.contains(scope));
    if by_id.is_some() {
        return Ok(by_id);
    }
    if let Some(method) = methods::by_name(tx, access, scope, text)? {
        return Ok(Some(method));
    }
    for path in scope.lineage() {
        let Some(name) = text.strip_prefix(path) else { continue };
        let Some(ancestor) = super::namespaces::at(tx, access, path)? else { continue };
        if let Some(method) = methods::by_name(tx, access, &ancestor, name)? {
            return Ok(Some(method));
        }
    }
    Ok(None)
}

fn limits_of(method: &Method) -> Option<Limits> {
    match &method.settings {
        Settings::Totp(settings) => Some(settings.limits()),
        Settings::Duo(_) | Settings::Okta(_) | Settings::PingId(_) => None,
    }
}

impl Evaluation {
    /// What the enrolment is called, and its guard.
    pub(super) const fn key(&self) -> BlindKey {
        self.key
    }

    /// The method, if there is one.
    pub const fn method(&self) -> Option<&MethodId> {
        self.method.as_ref()
    }

    /// The same, as one to be counted as wrong: what it was evaluated against no longer counts.
    pub(super) fn refuted(mut self) -> Self {
        self.finding = match self.finding {
            Finding::Malformed => Finding::Malformed,
            Finding::Wrong | Finding::Right(..) => Finding::Wrong,
        };
        self
    }

    /// The answer, where there is nothing to settle.
    pub const fn answered(&self) -> Option<Outcome> {
        match self.finding {
            Finding::Malformed => Some(Outcome::Refused(Reason::Malformed)),
            Finding::Wrong | Finding::Right(..) => None,
        }
    }
}

/// Settle an evaluation in the serial order of writes: count it, and say what it comes to.
///
/// A shut window refuses even a right answer. A used code is refused without being counted: it is known, not guessed.
pub fn settle(tx: &mut dyn Tx, access: &Access, evaluation: &Evaluation, clock: ClockGuard) -> Result<Outcome, Error> {
    let stored = GUARDS.get(tx, access, evaluation.key)?;
    let claim = match &evaluation.finding {
        Finding::Malformed => return Ok(Outcome::Refused(Reason::Malformed)),
        Finding::Wrong => None,
        Finding::Right(step, parameters) => {
            if !clock.admits(step.start(parameters), step.window_end(parameters)) {
                return Ok(Outcome::Refused(Reason::ClockBehind));
            }
            // Spending a step tells whether it was spent before. It is asked beforehand only where a shut window would be told instead.
            let first = if stored.is_some() { *step } else { step.forward(1) };
            if is_spent_from(tx, evaluation.key, first, parameters, clock)? {
                return Ok(Outcome::Refused(Reason::Spent));
            }
            Some((*step, parameters))
        }
    };
    let now = tx.now();
    let had_failures = stored.is_some();
    let mut guard = stored.map_or_else(|| Guard::unused(now), |stored| stored.guard);
    let limits = &evaluation.limits;
    match (guard.judge(limits, claim.is_some(), now), claim, &evaluation.method) {
        (Judgement::Passed, Some((step, parameters)), Some(method)) => {
            if !spend(tx, evaluation.key, step, parameters)? {
                return Ok(Outcome::Refused(Reason::Spent));
            }
            if had_failures {
                GUARDS.delete(tx, evaluation.key)?;
            }
            Ok(Outcome::Accepted { entity: evaluation.entity.clone(), method: method.clone() })
        }
        (Judgement::Disabled, ..) => Ok(Outcome::Refused(Reason::Disabled)),
        (Judgement::Shut { attempts, opens_in }, ..) => {
            keep_guard(tx, access, evaluation, guard)?;
            Ok(Outcome::TooMany { attempts, allowed: limits.attempts, retry_in: opens_in })
        }
        (Judgement::Failed | Judgement::Passed, ..) => {
            keep_guard(tx, access, evaluation, guard)?;
            Ok(Outcome::Refused(Reason::Wrong))
        }
    }
}

/// Whether the step `first`, or one after it, was ever accepted for this enrolment: steps only go up.
fn is_spent_from(
    tx: &mut dyn Tx,
    key: BlindKey,
    first: Step,
    parameters: &totp::Parameters,
    clock: ClockGuard,
) -> Result<bool, Error> {
    let newest = clock.newest.plus(super::clock::TICK);
    let last = totp::step_at(newest, parameters.period_secs).forward(parameters.skew.into());
    let mut step = first;
    while step <= last {
        if tx.get(&SPENT, &spent_id(step.window_end(parameters), key))?.is_some() {
            return Ok(true);
        }
        step = step.forward(1);
    }
    Ok(false)
}

/// Note that a step was accepted for this enrolment. Says whether it had not been before.
fn spend(tx: &mut dyn Tx, key: BlindKey, step: Step, parameters: &totp::Parameters) -> Result<bool, Error> {
    let id = spent_id(step.window_end(parameters), key);
    Ok(tx.insert(&SPENT, &Record { id, version: 1, expires_at: None, body: Vec::new(), entries: Vec::new() })?)
}

fn keep_guard(tx: &mut dyn Tx, access: &Access, evaluation: &Evaluation, guard: Guard) -> Result<(), Error> {
    // Where nobody is enrolled there is no run of failures to remember beyond the window.
    let window_end = guard.window_started_at.plus(evaluation.limits.window);
    let expires_at = (!evaluation.enrolled).then_some(window_end);
    Ok(GUARDS.put(tx, access, &GuardRecord { enrolment: evaluation.key, guard, expires_at })?)
}

/// Note that the owner of an enrolment has proven possession for the first time.
pub fn confirm(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<(), Error> {
    if let Some(mut enrolment) = ENROLMENTS.get(tx, access, enrolment_key(access, entity, method))?
        && enrolment.confirmed_at.is_none()
    {
        enrolment.confirmed_at = Some(tx.now());
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(())
}

/// Forget the failures of an entity's authenticator: an administrator lets its owner try again at once.
///
/// # Errors
/// [`Error::UnknownEntity`], [`Error::UnknownMethod`], [`Error::OtherKind`], [`Error::OutsideMethod`], in this order.
pub fn unlock(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
) -> Result<(), Error> {
    let (method, entity) = bound_pair(tx, access, scope, method, entity)?;
    Ok(GUARDS.delete(tx, enrolment_key(access, &entity.id, &method.id))?)
}

/// Let the guard of an enrolment that ends go by itself, once no window it could shut is left.
pub(super) fn release_guard(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<(), Error> {
    if let Some(mut guarded) = GUARDS.get(tx, access, key)? {
        guarded.expires_at = Some(tx.now().plus(LONGEST_PERIOD));
        GUARDS.put(tx, access, &guarded)?;
    }
    Ok(())
}

/// Take the guard and the spent steps of `enrolment` from its `old` key to its `new` one: moving an authenticator revives no code and
/// forgives no failure.
pub(super) fn carry_over(
    tx: &mut dyn Tx,
    access: &Access,
    enrolment: &Enrolment,
    old: BlindKey,
    new: BlindKey,
) -> Result<(), Error> {
    let Authenticator::Totp(totp::Authenticator { parameters, .. }) = &enrolment.authenticator;
    let now = tx.now();
    let last = totp::step_at(now.plus(GRACE), parameters.period_secs).forward(parameters.skew.into());
    let mut step = totp::step_at(now.minus(GRACE), parameters.period_secs);
    while step <= last {
        if tx.get(&SPENT, &spent_id(step.window_end(parameters), old))?.is_some() {
            // The target may have accepted it too.
            let _: bool = spend(tx, new, step, parameters)?;
        }
        step = step.forward(1);
    }
    if let Some(guarded) = GUARDS.get(tx, access, old)? {
        GUARDS.put(tx, access, &GuardRecord { enrolment: new, ..guarded })?;
        GUARDS.delete(tx, old)?;
    }
    Ok(())
}
