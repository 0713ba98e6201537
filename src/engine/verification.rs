//! Verification: did this entity prove this factor, now, once?
//!
//! *Evaluate* on a snapshot: who, which method, which authenticator, is the answer right? Nothing is changed and nothing told. *Settle* in the
//! serial order of writes: may it count? An accepted step is stored, a wrong answer counted, and only after the commit is anything told. So
//! parallel guesses are counted one by one, and one code offered a hundred times at once is accepted once.

use std::time::Duration;

use super::assertions::{self, Sought, Spent};
use super::contacts::By;
use super::enrolments::bound_pair;
use super::proofs::{self, Claim, Finding};
use super::registrations;
use super::uses::Used;
use super::{Access, Error, enrolments, methods};
use crate::factor::recovery::Form;
use crate::factor::web_authn::Credential;
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::challenge::Asker;
use crate::model::clock_guard::ClockGuard;
use crate::model::enrolment::{Bound, Enrolment, Standing};
use crate::model::guard::{Guard, Judgement, Limits};
use crate::model::method::{FAILURE_CEILING, Kind, LONGEST_PERIOD, Method};
use crate::model::namespace::Scope;
use crate::model::registration::Registration;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{ENROLMENTS, GUARDS, GuardRecord, enrolment_key};
use crate::time::Timestamp;

/// A question: does this answer prove this entity's possession?
pub struct Question {
    /// The namespace of the request.
    pub scope: Scope,
    /// The method, by id, by name, or by the path of its namespace and its name.
    pub method: String,
    /// Who is said to have answered.
    pub entity: EntityId,
    /// What was answered: a passcode, a recovery code, a code that was sent.
    pub passcode: Secret<String>,
    /// Who posed the challenge, where there is one.
    pub asker: Asker,
    /// What the dialect varies.
    pub terms: Terms,
}

/// What dialects vary of a verification. The default is what the method says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// How much guessing is allowed.
    pub limits: Option<Limits>,
    /// The window of time-based codes, in steps either way.
    pub skew: Option<u8>,
    /// The guard that counts, where several enrolments share one.
    pub guard: Option<BlindKey>,
    /// Who presents the code: the same one may present a step again.
    pub presenter: Option<BlindKey>,
    /// What it is for.
    pub purpose: Purpose,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To prove an entity by what it has enrolled.
    #[default]
    Prove,
    /// To confirm an authenticator, which may still be pending, by its first code.
    Confirm {
        /// Whether that code is spent by it, or may serve once more to log in.
        spends: bool,
    },
}

impl Purpose {
    /// Whether `bound` can answer at `now`.
    fn takes(self, bound: &Bound, now: Timestamp) -> bool {
        match (self, bound.standing) {
            (_, Standing::Counting) => true,
            (Self::Prove, Standing::PendingUntil(_)) | (_, Standing::SuspendedSince(_)) => false,
            (Self::Confirm { .. }, Standing::PendingUntil(_)) => bound.stands_at(now),
        }
    }
}

/// What evaluating came to: a value to be settled, not yet an answer.
#[derive(Clone)]
pub struct Evaluation {
    /// The enrolment's key: what guard and spent steps go by. It exists whether or not there is an enrolment.
    key: BlindKey,
    /// The key of the guard that counts.
    guard: BlindKey,
    entity: EntityId,
    method: Option<MethodId>,
    limits: Limits,
    terms: Terms,
    enrolled: bool,
    finding: Finding,
}

/// What evaluating comes to.
#[derive(Clone)]
pub enum Evaluated {
    /// It is ready to be settled.
    Ready(Evaluation),
    /// It has to be finished first, where blocking is allowed.
    Slow(SlowCheck),
}

/// An evaluation that takes a signature to be checked: milliseconds of a processor.
#[derive(Clone)]
pub struct SlowCheck {
    /// The evaluation, but for what it is found.
    evaluation: Evaluation,
    work: Work,
}

#[derive(Clone)]
enum Work {
    Assertion(Box<assertions::Check>),
    Registration(Box<registrations::Check>),
}

impl Evaluated {
    /// The evaluation, where slow answers have no place: they count as wrong.
    pub fn quick(self) -> Evaluation {
        match self {
            Self::Ready(evaluation) => evaluation,
            Self::Slow(check) => Evaluation { finding: Finding::Wrong(None), ..check.evaluation },
        }
    }
}

impl Evaluated {
    /// The same, counted as wrong where it has not even the form of an answer.
    #[must_use]
    pub fn strict(self) -> Self {
        match self {
            Self::Ready(evaluation) => Self::Ready(evaluation.strict()),
            Self::Slow(check) => Self::Slow(check),
        }
    }

    /// The evaluation, finished. Blocks, where it was not: never inside a job.
    pub fn finish(self) -> Evaluation {
        match self {
            Self::Ready(evaluation) => evaluation,
            Self::Slow(check) => check.finish(),
        }
    }
}

impl SlowCheck {
    /// Check it. Blocks: never inside a job.
    pub fn finish(self) -> Evaluation {
        let finding = match self.work {
            Work::Assertion(check) => check.run(),
            Work::Registration(check) => check.run().finding(),
        };
        Evaluation { finding, ..self.evaluation }
    }
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
        /// By which of the authenticators under it.
        number: u32,
        /// Whether the same one has presented this before: it is no new proof.
        again: bool,
        /// Whether the authenticator knew its user, beside being held by somebody.
        user_verified: bool,
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
    /// The authenticator counted backwards: there may be two of it, and it is suspended.
    #[error("the authenticator counted backwards, and is suspended")]
    CountedBack,
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
pub fn evaluate(tx: &mut dyn Tx, access: &Access, question: &Question) -> Result<Evaluated, Error> {
    let Question { scope, entity, .. } = question;
    let method = find_method(tx, access, scope, &question.method)?;
    // Where a pair cannot prove anything, its guesses are counted apart: else they would count against an authenticator that cannot be seen
    // from here, and their short-lived guard would replace its own.
    let named = method.as_ref().map_or(question.method.as_str(), |method| method.id.as_str());
    let apart = access.blind("guess", &[scope.id.as_str(), entity.as_str(), named]);
    let bound = method.as_ref().map_or(apart, |method| enrolment_key(access, entity, &method.id));
    let enrolment = match ENROLMENTS.get(tx, access, bound)? {
        Some(enrolment) if scope.contains(&enrolment.scope) && !enrolment.suspended => {
            let purpose = question.terms.purpose;
            let answers = enrolment.authenticators.iter().any(|bound| purpose.takes(bound, tx.now()));
            answers.then_some(enrolment)
        }
        Some(_) | None => None,
    };
    let key = if enrolment.is_some() { bound } else { apart };
    let limits = question.terms.limits.or_else(|| method.as_ref()?.settings.limits()).unwrap_or(UNKNOWN_LIMITS);
    let form = method.as_ref().and_then(|method| method.settings.code_form());
    let asked = Asked { passcode: &question.passcode, asker: question.asker, terms: question.terms, form };
    let sought = match &enrolment {
        Some(enrolment) => find(tx, access, key, enrolment, &asked)?,
        None => Sought::Found(proofs::decoy(access, method.as_ref(), &question.passcode, tx.now())),
    };
    let enrolled = enrolment.is_some();
    Ok(sought.evaluated(|finding| Evaluation {
        key,
        guard: question.terms.guard.unwrap_or(key),
        entity: question.entity.clone(),
        method: method.map(|method| method.id),
        limits,
        terms: question.terms,
        enrolled,
        finding,
    }))
}

impl Sought {
    /// What `evaluation` makes of it.
    fn evaluated(self, evaluation: impl FnOnce(Finding) -> Evaluation) -> Evaluated {
        match self {
            Self::Found(finding) => Evaluated::Ready(evaluation(finding)),
            Self::Slow(check) => {
                let evaluation = evaluation(Finding::Wrong(None));
                Evaluated::Slow(SlowCheck { evaluation, work: Work::Assertion(check) })
            }
        }
    }
}

/// What is asked of an enrolment.
pub(super) struct Asked<'a> {
    /// What was answered.
    pub(super) passcode: &'a Secret<String>,
    /// Who posed the challenge, where there is one.
    pub(super) asker: Asker,
    /// What the dialect varies.
    pub(super) terms: Terms,
    /// What a code looks like that is sent under the method, where one is.
    pub(super) form: Option<Form>,
}

/// Evaluate an answer against an enrolment under `method` that is at hand, whether or not it is bound already.
pub(super) fn evaluate_at_hand(
    tx: &mut dyn Tx,
    access: &Access,
    method: &Method,
    enrolment: &Enrolment,
    asked: &Asked<'_>,
) -> Result<Evaluated, Error> {
    let key = enrolment_key(access, &enrolment.entity, &method.id);
    let sought = find(tx, access, key, enrolment, asked)?;
    Ok(sought.evaluated(|finding| at_hand(key, method, &enrolment.entity, asked.terms, finding)))
}

/// An answer to a registration of `entity` under `method`, to be finished and settled as one that proves it.
pub(super) fn registration_at_hand(
    access: &Access,
    method: &Method,
    entity: &EntityId,
    check: registrations::Check,
) -> SlowCheck {
    let key = enrolment_key(access, entity, &method.id);
    let evaluation = at_hand(key, method, entity, Terms::default(), Finding::Wrong(None));
    SlowCheck { evaluation, work: Work::Registration(Box::new(check)) }
}

fn at_hand(key: BlindKey, method: &Method, entity: &EntityId, terms: Terms, finding: Finding) -> Evaluation {
    Evaluation {
        key,
        guard: terms.guard.unwrap_or(key),
        entity: entity.clone(),
        method: Some(method.id.clone()),
        limits: terms.limits.or_else(|| method.settings.limits()).unwrap_or(UNKNOWN_LIMITS),
        terms,
        enrolled: true,
        finding,
    }
}

/// Try an answer on every authenticator of the enrolment called `key` that may answer, whether or not an earlier one took it.
fn find(
    tx: &mut dyn Tx,
    access: &Access,
    key: BlindKey,
    enrolment: &Enrolment,
    asked: &Asked<'_>,
) -> Result<Sought, Error> {
    let now = tx.now();
    let mut finding = Finding::Malformed;
    for bound in enrolment.authenticators.iter().filter(|bound| asked.terms.purpose.takes(bound, now)) {
        match proofs::find(tx, access, (key, enrolment), bound, asked)? {
            Sought::Found(found) => finding = finding.or(found),
            // It names the one authenticator that it is an answer of.
            slow @ Sought::Slow(_) => return Ok(slow),
        }
    }
    Ok(Sought::Found(finding))
}

/// The method meant by `text` from inside `scope`: an id, a name in `scope`, or the path of an ancestor and a name there.
pub fn find_method(tx: &mut dyn Tx, access: &Access, scope: &Scope, text: &str) -> Result<Option<Method>, Error> {
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

impl Evaluation {
    /// What the enrolment is called, and its guard.
    pub(super) const fn key(&self) -> BlindKey {
        self.key
    }

    /// The method, if there is one.
    pub const fn method(&self) -> Option<&MethodId> {
        self.method.as_ref()
    }

    /// The key of the guard that counts.
    pub const fn guard(&self) -> BlindKey {
        self.guard
    }

    /// The same, counted as wrong where it has not even the form of an answer.
    #[must_use]
    pub fn strict(mut self) -> Self {
        if matches!(self.finding, Finding::Malformed) {
            self.finding = Finding::Wrong(None);
        }
        self
    }

    /// The same, as one to be counted as wrong: what it was evaluated against no longer counts.
    pub(super) fn refuted(mut self) -> Self {
        self.finding = self.finding.refuted();
        self
    }

    /// What is to be noted as used if this is accepted, where accepting does not note it.
    pub const fn to_note(&self) -> Option<Used> {
        match &self.finding {
            Finding::Right(Claim::Step { number, .. }) => Some(Used { enrolment: self.key, number: *number }),
            Finding::Right(
                Claim::Recovery { .. } | Claim::Code { .. } | Claim::Assertion { .. } | Claim::Registration { .. },
            )
            | Finding::Wrong(_)
            | Finding::Malformed => None,
        }
    }

    /// What a registration brought, if this is a right answer to one.
    pub(super) fn registered(&self) -> Option<(&Registration, &Credential)> {
        match &self.finding {
            Finding::Right(Claim::Registration { registration, credential }) => Some((registration, credential)),
            Finding::Right(_) | Finding::Wrong(_) | Finding::Malformed => None,
        }
    }

    /// The answer, where there is nothing to settle.
    pub const fn answered(&self) -> Option<Outcome> {
        match self.finding {
            Finding::Malformed => Some(Outcome::Refused(Reason::Malformed)),
            Finding::Wrong(_) | Finding::Right(_) => None,
        }
    }
}

/// Settle an evaluation in the serial order of writes: count it, and say what it comes to.
///
/// A shut window refuses even a right answer. A used code is refused without being counted: it is known, not guessed.
pub fn settle(tx: &mut dyn Tx, access: &Access, evaluation: &Evaluation, clock: ClockGuard) -> Result<Outcome, Error> {
    let stored = GUARDS.get(tx, access, evaluation.guard)?;
    let mut again = false;
    let claim = match &evaluation.finding {
        Finding::Malformed => return Ok(Outcome::Refused(Reason::Malformed)),
        Finding::Wrong(_) => None,
        Finding::Right(claim) => {
            match proofs::look(tx, claim, &evaluation.terms, stored.is_some(), clock)? {
                proofs::Look::Open => {}
                proofs::Look::Presented => again = true,
                proofs::Look::Refused(reason) => return Ok(Outcome::Refused(reason)),
            }
            Some(claim)
        }
    };
    let now = tx.now();
    let had_failures = stored.is_some();
    let before = stored.map_or_else(|| Guard::unused(now), |stored| stored.guard);
    let mut guard = before.clone();
    let limits = &evaluation.limits;
    match (guard.judge(limits, claim.is_some(), now), claim, &evaluation.method) {
        (Judgement::Passed, Some(claim), Some(method)) => {
            let spent =
                if again { Spent::Now } else { proofs::spend(tx, access, evaluation.key, claim, &evaluation.terms)? };
            match spent {
                Spent::Now => {}
                Spent::Before => return Ok(Outcome::Refused(Reason::Spent)),
                Spent::Suspended => {
                    let mut guard = before;
                    // It has passed, so the window is open: the answer is counted as the wrong one that it is.
                    let _: Judgement = guard.judge(limits, false, now);
                    keep_guard(tx, access, evaluation, guard)?;
                    return Ok(Outcome::Refused(Reason::CountedBack));
                }
            }
            if had_failures {
                GUARDS.delete(tx, evaluation.guard)?;
            }
            let (entity, method) = (evaluation.entity.clone(), method.clone());
            let (number, user_verified) = (claim.number(), claim.user_verified());
            Ok(Outcome::Accepted { entity, method, number, again, user_verified })
        }
        (Judgement::Disabled, ..) => Ok(Outcome::Refused(Reason::Disabled)),
        (Judgement::Shut { attempts, opens_in }, ..) => {
            keep_guard(tx, access, evaluation, guard)?;
            Ok(Outcome::TooMany { attempts, allowed: limits.attempts, retry_in: opens_in })
        }
        (Judgement::Failed | Judgement::Passed, ..) => {
            keep_guard(tx, access, evaluation, guard)?;
            if let Finding::Wrong(Some(challenge)) = &evaluation.finding {
                proofs::count_try(tx, access, *challenge)?;
            }
            Ok(Outcome::Refused(Reason::Wrong))
        }
    }
}

/// Whether [`settle`] would accept an evaluation now. Nothing is counted and nothing spent: where several answers count together or not at all,
/// each is looked at before any is settled.
pub fn would_accept(
    tx: &mut dyn Tx,
    access: &Access,
    evaluation: &Evaluation,
    clock: ClockGuard,
) -> Result<bool, Error> {
    let Finding::Right(claim) = &evaluation.finding else { return Ok(false) };
    if let proofs::Look::Refused(_) = proofs::look(tx, claim, &evaluation.terms, true, clock)? {
        return Ok(false);
    }
    let now = tx.now();
    let stored = GUARDS.get(tx, access, evaluation.guard)?;
    let mut guard = stored.map_or_else(|| Guard::unused(now), |stored| stored.guard);
    let passes = guard.judge(&evaluation.limits, true, now) == Judgement::Passed && evaluation.method.is_some();
    Ok(passes && proofs::is_open(tx, access, evaluation.key, claim)?)
}

fn keep_guard(tx: &mut dyn Tx, access: &Access, evaluation: &Evaluation, guard: Guard) -> Result<(), Error> {
    // Where nobody is enrolled there is no run of failures to remember beyond the window.
    let window_end = guard.window_started_at.plus(evaluation.limits.window);
    let expires_at = (!evaluation.enrolled).then_some(window_end);
    Ok(GUARDS.put(tx, access, &GuardRecord { enrolment: evaluation.guard, guard, expires_at })?)
}

/// Note that the owner of an authenticator has proven possession for the first time: from now on it counts. Says whether it still stands.
pub fn confirm(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    method: &MethodId,
    number: u32,
) -> Result<bool, Error> {
    let Some(mut enrolment) = ENROLMENTS.get(tx, access, enrolment_key(access, entity, method))? else {
        return Ok(false);
    };
    let now = tx.now();
    let stands = |bound: &&mut Bound| match bound.standing {
        Standing::Counting | Standing::PendingUntil(_) => bound.stands_at(now),
        Standing::SuspendedSince(_) => false,
    };
    let Some(bound) = enrolment.authenticator_mut(number).filter(stands) else {
        return Ok(false);
    };
    if bound.confirmed_at.is_none() || !bound.counts() {
        if !enrolments::confirm(tx, access, entity, bound, By::Owner)? {
            return Ok(false);
        }
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(true)
}

/// How many wrong answers in a row the guard called `guard` has counted.
pub fn consecutive_failures(tx: &mut dyn Tx, access: &Access, guard: BlindKey) -> Result<u32, Error> {
    Ok(GUARDS.get(tx, access, guard)?.map_or(0, |stored| stored.guard.consecutive_failures))
}

/// Forget the failures of an entity's authenticators, and let those that are suspended count again: an administrator lets their owner try again
/// at once.
///
/// # Errors
/// [`Error::UnknownEntity`], [`Error::UnknownMethod`], [`Error::OtherKind`], [`Error::OutsideMethod`], in this order.
pub fn unlock(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    kind: Kind,
    method: &MethodId,
    entity: &EntityId,
) -> Result<(), Error> {
    let (method, entity) = bound_pair(tx, access, scope, kind, method, entity)?;
    let key = enrolment_key(access, &entity.id, &method.id);
    if let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)?
        && enrolment.resume()
    {
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(GUARDS.delete(tx, key)?)
}

/// Let the guard of an enrolment that ends go by itself, once no window it could shut is left.
pub(super) fn release_guard(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<(), Error> {
    if let Some(mut guarded) = GUARDS.get(tx, access, key)? {
        guarded.expires_at = Some(tx.now().plus(LONGEST_PERIOD));
        GUARDS.put(tx, access, &guarded)?;
    }
    Ok(())
}

/// Take the guard and the spent steps of `enrolment` from its `old` key to its `new` one, where `to` has it from now on: moving an
/// authenticator revives no code and forgives no failure.
pub(super) fn carry_over(
    tx: &mut dyn Tx,
    access: &Access,
    enrolment: &Enrolment,
    to: &EntityId,
    old: BlindKey,
    new: BlindKey,
) -> Result<(), Error> {
    proofs::carry_over(tx, access, enrolment, to)?;
    if let Some(guarded) = GUARDS.get(tx, access, old)? {
        GUARDS.put(tx, access, &GuardRecord { enrolment: new, ..guarded })?;
        GUARDS.delete(tx, old)?;
    }
    Ok(())
}
