//! What enforcements ask of a login, and whether what is offered satisfies them.
//!
//! *Evaluate* says what each answer is worth; *settle*, in the serial order of writes, says what it comes to. An answer is settled once,
//! counts once and is spent once, and all enforcements that name its method share the verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::contacts::By;
use super::uses::Used;
use super::verification::{self, Asked, Evaluation, Outcome as Verified, Purpose, Reason, SlowCheck, Terms};
use super::{Access, Error, enrolments, entities, methods, pushing, registrations, self_enrolment};
use crate::delivery::gateway::{Gateway, PushQuestion};
use crate::id::{EntityId, MethodId};
use crate::model::challenge::Asker;
use crate::model::clock_guard::ClockGuard;
use crate::model::enforcement::Enforcement;
use crate::model::enrolment::{Authenticator, Enrolment};
use crate::model::entity::Entity;
use crate::model::login::Login;
use crate::model::method::{Kind, Method, Settings};
use crate::model::pending::PendingLogin;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::web_authn::registration_login_key;
use crate::storage::tables::{ENROLMENTS, enrolment_key};

/// One thing that is asked: any of these methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// The enforcement's name; where one above has the same, the path of its namespace and its name.
    pub name: String,
    /// The methods, any of which will do.
    pub choices: Vec<Choice>,
}

/// A method that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub id: MethodId,
    /// Its name; empty when it has none.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it takes a passcode.
    pub uses_passcode: bool,
    /// Whether an authenticator may be made during this login.
    pub self_enrolment: bool,
}

/// What `enforcements`, all that apply, ask of `login`.
pub fn constraints(
    tx: &mut dyn Tx,
    access: &Access,
    login: &Login,
    enforcements: &[Enforcement],
) -> Result<Vec<Constraint>, Error> {
    let mut constraints: Vec<Constraint> = Vec::new();
    for enforcement in enforcements {
        let mut choices = Vec::new();
        for id in &enforcement.methods {
            let Some(method) = methods::get(tx, access, id)? else { continue };
            // With several enforcements an enrolment alone may not be enough, and clients are not told to begin one.
            let self_enrolment = enforcements.len() == 1
                && self_enrolment::is_open(tx, access, login, enforcements, &method)?
                && !enrolments::owns(tx, access, &login.entity, id)?;
            choices.push(Choice {
                kind: method.settings.kind(),
                uses_passcode: uses_passcode(&method.settings),
                id: method.id,
                name: method.name,
                self_enrolment,
            });
        }
        let taken = constraints.iter().any(|constraint| constraint.name == enforcement.name);
        let path = if taken { enforcement.scope.path.as_str() } else { "" };
        constraints.push(Constraint { name: format!("{path}{}", enforcement.name), choices });
    }
    Ok(constraints)
}

const fn uses_passcode(settings: &Settings) -> bool {
    match settings {
        Settings::Totp(_) | Settings::Sms(_) | Settings::Email(_) | Settings::Recovery(_) => true,
        Settings::Duo(duo) => duo.use_passcode,
        Settings::Okta(_) | Settings::PingId(_) | Settings::WebAuthn(_) => false,
    }
}

/// What somebody offers to satisfy enforcements.
#[derive(Clone, Default)]
pub struct Offer {
    /// By method: its id, or the path of its namespace and its name.
    answers: BTreeMap<String, Answer>,
    /// What providers have said about this entity for this offer: asked before any job, since asking takes time.
    verdicts: BTreeMap<MethodId, ProviderVerdict>,
}

/// An answer under one method.
#[derive(Clone)]
pub enum Answer {
    /// The method is named, and not used.
    Nothing,
    /// It is used, with this passcode if it takes one.
    Given(Option<Secret<String>>),
    /// What was written cannot be understood: why, in the words of who read it.
    Unreadable(String),
}

/// What a provider said of a push or a passcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderVerdict {
    /// It is them.
    Approved,
    /// It is not, or there is no answer.
    Refused,
}

impl Offer {
    /// These answers.
    pub const fn new(answers: BTreeMap<String, Answer>) -> Self {
        Self { answers, verdicts: BTreeMap::new() }
    }

    /// Ask `questions`, each once, and note what the providers say. Blocks: never inside a job.
    pub fn ask(&mut self, gateway: &dyn Gateway, questions: &[PushQuestion]) {
        for question in questions {
            let verdict = match pushing::ask(gateway, question) {
                pushing::Outcome::Approved => ProviderVerdict::Approved,
                pushing::Outcome::Denied | pushing::Outcome::Failed => ProviderVerdict::Refused,
            };
            self.verdicts.insert(question.method.clone(), verdict);
        }
    }

    /// The answer under `method`, by its id or else by its full name.
    pub fn answer(&self, method: &Method) -> Option<&Answer> {
        let by_id = self.answers.get(method.id.as_str());
        by_id.or_else(|| {
            let named = (!method.name.is_empty()).then(|| format!("{}{}", method.scope.path, method.name))?;
            self.answers.get(&named)
        })
    }
}

/// What providers have yet to be asked before an offer can be evaluated: one question for each of their methods that it answers.
pub fn questions(
    tx: &mut dyn Tx,
    access: &Access,
    enforcements: &[Enforcement],
    entity: &Entity,
    offer: &Offer,
    nonce: &str,
) -> Result<Vec<PushQuestion>, Error> {
    let mut questions: Vec<PushQuestion> = Vec::new();
    for id in enforcements.iter().flat_map(|enforcement| &enforcement.methods) {
        let Some(method) = methods::get(tx, access, id)? else { continue };
        let Some(Answer::Given(passcode)) = offer.answer(&method) else { continue };
        let is_ours = !method.settings.kind().is_provided();
        let is_asked = offer.verdicts.contains_key(id) || questions.iter().any(|question| question.method == *id);
        if is_ours || is_asked {
            continue;
        }
        if let Ok(question) = pushing::question(tx, access, &method, entity, passcode.as_ref(), nonce.into())? {
            questions.push(question);
        }
    }
    Ok(questions)
}

/// What the answers of an offer are worth: to be settled, not yet told.
#[derive(Clone)]
pub struct Attempts {
    by_method: BTreeMap<MethodId, Attempt>,
    /// A recovery code, in place of whatever is asked where that is allowed: its method, and what it is worth.
    recovery: Option<(MethodId, Attempt)>,
}

#[derive(Clone)]
enum Attempt {
    Nothing,
    Unreadable(String),
    /// There is nothing to check a passcode against.
    NotEnrolled(Failure),
    /// A passcode, or what else answers, evaluated against this.
    Passcode(Box<Evaluation>, Against),
    Provider(ProviderVerdict),
}

/// What an answer is evaluated against.
#[derive(Debug, Clone, Copy)]
enum Against {
    /// What the entity has.
    Bound,
    /// The draft of this number.
    Draft(u32),
    /// What this login has asked a browser to register.
    Registration,
}

/// What trying an answer comes to.
enum Tried {
    /// It is worth this.
    Known(Attempt),
    /// It takes a check to know.
    Slow(Box<SlowCheck>, Against),
}

/// What evaluating an offer comes to.
pub enum Evaluated {
    /// It can be settled.
    Ready(Attempts),
    /// It has to be finished first, where blocking is allowed.
    Slow(SlowAttempts),
}

/// Answers of which some take signatures to be checked: milliseconds of a processor.
#[derive(Clone)]
pub struct SlowAttempts {
    attempts: Attempts,
    checks: Vec<(MethodId, SlowCheck, Against)>,
}

impl Evaluated {
    /// What the answers are worth, where slow ones have no place: it is as if they had not been given.
    pub fn quick(self) -> Attempts {
        match self {
            Self::Ready(attempts) => attempts,
            Self::Slow(slow) => slow.attempts,
        }
    }
}

impl SlowAttempts {
    /// Check what is left to be checked. Blocks: never inside a job.
    pub fn finish(self) -> Attempts {
        let mut attempts = self.attempts;
        for (method, check, against) in self.checks {
            attempts.by_method.insert(method, Attempt::Passcode(Box::new(check.finish()), against));
        }
        attempts
    }
}

/// Evaluate an offer under the methods of `enforcements`. `pending` is where the login waits, if it does.
pub fn evaluate(
    tx: &mut dyn Tx,
    access: &Access,
    enforcements: &[Enforcement],
    login: &Login,
    pending: Option<&PendingLogin>,
    offer: &Offer,
) -> Result<Evaluated, Error> {
    let mut attempts: BTreeMap<MethodId, Attempt> = BTreeMap::new();
    let mut mistaken = Vec::new();
    let mut checks: Vec<(MethodId, SlowCheck, Against)> = Vec::new();
    for id in enforcements.iter().flat_map(|enforcement| &enforcement.methods) {
        if attempts.contains_key(id) || checks.iter().any(|(method, ..)| method == id) {
            continue;
        }
        let Some(method) = methods::get(tx, access, id)? else { continue };
        let attempt = match offer.answer(&method) {
            None => continue,
            Some(Answer::Nothing) => Attempt::Nothing,
            Some(Answer::Unreadable(why)) => Attempt::Unreadable(why.clone()),
            Some(Answer::Given(_)) if method.settings.kind().is_provided() => {
                Attempt::Provider(offer.verdicts.get(id).copied().unwrap_or(ProviderVerdict::Refused))
            }
            Some(Answer::Given(passcode)) => {
                match attempt(tx, access, &method, &login.entity, pending, passcode.as_ref())? {
                    Tried::Known(attempt) => {
                        mistaken.extend(passcode.clone().filter(|_| attempt.is_no_answer()));
                        attempt
                    }
                    Tried::Slow(check, against) => {
                        checks.push((id.clone(), *check, against));
                        continue;
                    }
                }
            }
        };
        attempts.insert(id.clone(), attempt);
    }
    let allowed = enforcements.iter().any(|enforcement| enforcement.allow_recovery);
    let recovery =
        if allowed { recovery_attempt(tx, access, login, pending, offer, &attempts, &mistaken)? } else { None };
    let attempts = Attempts { by_method: attempts, recovery };
    Ok(if checks.is_empty() { Evaluated::Ready(attempts) } else { Evaluated::Slow(SlowAttempts { attempts, checks }) })
}

/// Evaluate a recovery code, if one is offered: under the method of the entity's codes, or, by clients that know of one passcode only, as the
/// answer under another method that it cannot be: those are `mistaken`.
fn recovery_attempt(
    tx: &mut dyn Tx,
    access: &Access,
    login: &Login,
    pending: Option<&PendingLogin>,
    offer: &Offer,
    attempts: &BTreeMap<MethodId, Attempt>,
    mistaken: &[Secret<String>],
) -> Result<Option<(MethodId, Attempt)>, Error> {
    for method in recovery_methods(tx, access, &login.entity)? {
        if !method.scope.contains(&login.scope) || attempts.contains_key(&method.id) {
            continue;
        }
        let named = match offer.answer(&method) {
            Some(Answer::Given(passcode)) => passcode.as_ref(),
            Some(Answer::Nothing | Answer::Unreadable(_)) | None => None,
        };
        for passcode in named.into_iter().chain(mistaken) {
            let tried = attempt(tx, access, &method, &login.entity, pending, Some(passcode))?;
            if let Tried::Known(attempt) = tried
                && !attempt.is_no_answer()
            {
                return Ok(Some((method.id, attempt)));
            }
        }
    }
    Ok(None)
}

/// The methods under which `entity` has recovery codes left.
fn recovery_methods(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<Method>, Error> {
    let mut found = Vec::new();
    for enrolment in enrolments::of_entity(tx, access, entity)? {
        let has_codes = enrolment.authenticators.iter().any(|bound| match &bound.authenticator {
            Authenticator::Recovery(codes) => bound.counts() && !codes.left.is_empty(),
            Authenticator::Totp(_) | Authenticator::OutOfBand { .. } | Authenticator::WebAuthn { .. } => false,
        });
        if has_codes {
            found.extend(methods::get(tx, access, &enrolment.method)?);
        }
    }
    Ok(found)
}

/// Whether `login` could be completed by a recovery code.
pub(super) fn could_recover(tx: &mut dyn Tx, access: &Access, login: &Login) -> Result<bool, Error> {
    let methods = recovery_methods(tx, access, &login.entity)?;
    Ok(methods.iter().any(|method| method.scope.contains(&login.scope)))
}

impl Attempt {
    /// Whether what was answered can be no answer under its method, or there is nothing to check it against.
    fn is_no_answer(&self) -> bool {
        match self {
            Self::NotEnrolled(_) => true,
            Self::Passcode(evaluation, _) => evaluation.answered().is_some(),
            Self::Nothing | Self::Unreadable(_) | Self::Provider(_) => false,
        }
    }
}

/// Evaluate an answer against what `entity` has under `method`, or else against what this login has drafted or asked to be registered.
fn attempt(
    tx: &mut dyn Tx,
    access: &Access,
    method: &Method,
    entity: &EntityId,
    pending: Option<&PendingLogin>,
    passcode: Option<&Secret<String>>,
) -> Result<Tried, Error> {
    let none = Secret::new(String::new());
    let passcode = passcode.unwrap_or(&none);
    let draft = pending.and_then(|pending| pending.draft(&method.id));
    let bound = ENROLMENTS.get(tx, access, enrolment_key(access, entity, &method.id))?.filter(Enrolment::counts);
    // What an application has asked for is no answer to a login.
    let asker = pending.map_or(Asker::Nobody, |pending| Asker::Login(pending.key));
    let (against, purpose) = match (&bound, draft) {
        (Some(enrolment), _) => (Some((enrolment, Against::Bound)), Purpose::Prove),
        (None, Some(draft)) => {
            (Some((&draft.enrolment, Against::Draft(draft.number))), Purpose::Confirm { spends: true })
        }
        (None, None) => (None, Purpose::Prove),
    };
    let terms = Terms { purpose, ..Terms::default() };
    let asked = Asked { passcode, asker, terms, form: method.settings.code_form() };
    if let Some((enrolment, against)) = against {
        return Ok(match verification::evaluate_at_hand(tx, access, method, enrolment, &asked)? {
            verification::Evaluated::Ready(evaluation) => {
                Tried::Known(Attempt::Passcode(Box::new(evaluation), against))
            }
            verification::Evaluated::Slow(check) => Tried::Slow(Box::new(check), against),
        });
    }
    if let (Settings::WebAuthn(_), Some(pending)) = (&method.settings, pending) {
        let key = registration_login_key(access, pending.key, &method.id);
        if let Some(check) = registrations::consider_as(tx, access, &pending.login.scope, key, passcode)? {
            let check = verification::registration_at_hand(access, method, entity, check);
            return Ok(Tried::Slow(Box::new(check), Against::Registration));
        }
    }
    let failure = Failure::NotEnrolled { method_name: method.name.clone(), entity: entity.clone() };
    Ok(Tried::Known(Attempt::NotEnrolled(failure)))
}

/// What settling came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every enforcement is satisfied: what is to be noted as used.
    Satisfied(Vec<Used>),
    /// One is not. The rest was not looked at.
    Unsatisfied(Unsatisfied),
}

/// An enforcement that is not satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsatisfied {
    /// The enforcement's name.
    pub enforcement: String,
    /// Its methods.
    pub methods: Vec<MethodId>,
    /// What it lacks.
    pub lack: Lack,
}

/// For the log: which enforcement, and why.
impl fmt::Display for Unsatisfied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enforcement {}", self.enforcement)?;
        match &self.lack {
            Lack::Offer(_) => write!(f, ": nothing offered"),
            Lack::Proof(failures) => failures.iter().try_for_each(|failure| write!(f, ": {failure}")),
        }
    }
}

/// What an enforcement lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// Nothing was offered under any of its methods: their ids, and their names behind the paths of their namespaces.
    Offer(Vec<(MethodId, String)>),
    /// What was offered failed, in the order of its methods.
    Proof(Vec<Failure>),
}

/// Why an answer does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It cannot be understood: why, in the words of who read it.
    #[error("unreadable")]
    Unreadable(String),
    /// The entity has nothing under the method.
    #[error("not enrolled")]
    NotEnrolled {
        /// The method's name.
        method_name: String,
        /// The entity.
        entity: EntityId,
    },
    /// It is wrong, malformed or spent.
    #[error(transparent)]
    Refused(Reason),
    /// There were too many attempts.
    #[error("attempt {attempts} of {allowed}")]
    TooMany {
        /// How many, this one included.
        attempts: u32,
        /// How many are allowed.
        allowed: u32,
        /// How long until there may be more.
        retry_in: Duration,
    },
    /// The provider did not say yes.
    #[error("the provider did not approve")]
    NotApproved,
}

/// Settle what was evaluated, under the enforcements that apply now. Right codes are spent and wrong ones counted, whatever the outcome; a
/// drafted authenticator is bound only by a login that it completes.
///
/// What is not among the attempts, because an enforcement came meanwhile, is not proven.
pub fn settle(
    tx: &mut dyn Tx,
    access: &Access,
    enforcements: &[Enforcement],
    pending: Option<&PendingLogin>,
    attempts: &Attempts,
    clock: ClockGuard,
) -> Result<Outcome, Error> {
    let mut settled = Settled {
        enforcements,
        pending,
        attempts,
        clock,
        verdicts: BTreeMap::new(),
        to_bind: Vec::new(),
        used: Vec::new(),
    };
    for enforcement in enforcements {
        if let Some(lack) = settled.lack_of(tx, access, enforcement)? {
            let Enforcement { name, methods, .. } = enforcement.clone();
            return Ok(Outcome::Unsatisfied(Unsatisfied { enforcement: name, methods, lack }));
        }
    }
    let used = settled.used;
    for mut enrolment in settled.to_bind {
        let mut counts = true;
        for bound in &mut enrolment.authenticators {
            counts &= enrolments::confirm(tx, access, &enrolment.entity, bound, By::FirstFactor)?;
        }
        if counts {
            // What waited for a first code elsewhere goes: it never counted.
            ENROLMENTS.put(tx, access, &enrolment)?;
        }
    }
    Ok(Outcome::Satisfied(used))
}

/// What is being settled, and what has been so far.
struct Settled<'a> {
    enforcements: &'a [Enforcement],
    pending: Option<&'a PendingLogin>,
    attempts: &'a Attempts,
    clock: ClockGuard,
    verdicts: BTreeMap<MethodId, Result<(), Failure>>,
    /// Drafts whose code was right.
    to_bind: Vec<Enrolment>,
    /// What is to be noted as used.
    used: Vec<Used>,
}

impl Settled<'_> {
    /// What `enforcement` lacks, if anything. Its methods are tried in their order, and none after one that does.
    fn lack_of(&mut self, tx: &mut dyn Tx, access: &Access, enforcement: &Enforcement) -> Result<Option<Lack>, Error> {
        let mut failures = Vec::new();
        let mut offered = false;
        for method in &enforcement.methods {
            let Some(attempt) = self.attempts.by_method.get(method) else { continue };
            offered = true;
            match self.verdict(tx, access, attempt, method)? {
                None => {}
                Some(Ok(())) => return Ok(None),
                Some(Err(failure)) => failures.push(failure),
            }
        }
        if enforcement.allow_recovery
            && let Some((method, attempt)) = &self.attempts.recovery
        {
            match self.verdict(tx, access, attempt, method)? {
                None => {}
                Some(Ok(())) => return Ok(None),
                Some(Err(failure)) => {
                    offered = true;
                    // Beside another answer it was one text that was tried as two things.
                    if failures.is_empty() {
                        failures.push(failure);
                    }
                }
            }
        }
        if offered {
            return Ok(Some(Lack::Proof(failures)));
        }
        let mut wanted = Vec::new();
        for id in &enforcement.methods {
            let method = methods::get(tx, access, id)?;
            let name = method.map(|method| format!("{}{}", method.scope.path, method.name)).unwrap_or_default();
            wanted.push((id.clone(), name));
        }
        Ok(Some(Lack::Offer(wanted)))
    }

    /// What an attempt comes to, settled once however often it is asked; `None` where nothing was attempted.
    fn verdict(
        &mut self,
        tx: &mut dyn Tx,
        access: &Access,
        attempt: &Attempt,
        method: &MethodId,
    ) -> Result<Option<Result<(), Failure>>, Error> {
        if let Some(verdict) = self.verdicts.get(method) {
            return Ok(Some(verdict.clone()));
        }
        let verdict = self.settle_one(tx, access, attempt, method)?;
        if let Some(verdict) = &verdict {
            self.verdicts.insert(method.clone(), verdict.clone());
        }
        Ok(verdict)
    }

    /// Settle one attempt, if it is one.
    fn settle_one(
        &mut self,
        tx: &mut dyn Tx,
        access: &Access,
        attempt: &Attempt,
        method: &MethodId,
    ) -> Result<Option<Result<(), Failure>>, Error> {
        let (evaluation, against) = match attempt {
            Attempt::Nothing => return Ok(None),
            Attempt::Unreadable(why) => return Ok(Some(Err(Failure::Unreadable(why.clone())))),
            Attempt::NotEnrolled(failure) => return Ok(Some(Err(failure.clone()))),
            Attempt::Provider(ProviderVerdict::Approved) => return Ok(Some(Ok(()))),
            Attempt::Provider(ProviderVerdict::Refused) => return Ok(Some(Err(Failure::NotApproved))),
            Attempt::Passcode(evaluation, against) => (evaluation, *against),
        };
        let there = ENROLMENTS.get(tx, access, evaluation.key())?;
        let is_free = !there.as_ref().is_some_and(Enrolment::is_owned);
        let draft = match against {
            Against::Draft(number) if is_free => self.standing_draft(tx, access, method, number)?,
            Against::Registration if is_free => self.registered(tx, access, method, evaluation)?,
            Against::Bound | Against::Draft(_) | Against::Registration => None,
        };
        // What the code was checked against may have gone meanwhile, or another have been bound first.
        let stands = match against {
            Against::Bound => there.as_ref().is_some_and(Enrolment::counts),
            Against::Draft(_) | Against::Registration => draft.is_some(),
        };
        let evaluation = if stands { Evaluation::clone(evaluation) } else { Evaluation::clone(evaluation).refuted() };
        Ok(Some(match verification::settle(tx, access, &evaluation, self.clock)? {
            Verified::Accepted { .. } => {
                self.to_bind.extend(draft);
                self.used.extend(evaluation.to_note());
                Ok(())
            }
            Verified::Refused(reason) => Err(Failure::Refused(reason)),
            Verified::TooMany { attempts, allowed, retry_in } => Err(Failure::TooMany { attempts, allowed, retry_in }),
        }))
    }

    /// What this login's registration under `method` brought, if it is right and its owner may still enrol.
    fn registered(
        &self,
        tx: &mut dyn Tx,
        access: &Access,
        method: &MethodId,
        evaluation: &Evaluation,
    ) -> Result<Option<Enrolment>, Error> {
        let (Some(pending), Some((registration, credential))) = (self.pending, evaluation.registered()) else {
            return Ok(None);
        };
        let (Some(method), login) = (methods::get(tx, access, method)?, &pending.login) else { return Ok(None) };
        let Some(entity) = entities::get(tx, access, &login.scope, &login.entity)? else { return Ok(None) };
        if !self_enrolment::is_open(tx, access, login, self.enforcements, &method)? {
            return Ok(None);
        }
        let now = tx.now();
        let mut enrolment = Enrolment::new(entity.id, entity.scope, entity.disabled, method.id);
        enrolment.take(registrations::bound_by(registration, credential, now), now);
        Ok(Some(enrolment))
    }

    /// The draft of this number under `method`, if it was not replaced and its owner may still enrol.
    fn standing_draft(
        &self,
        tx: &mut dyn Tx,
        access: &Access,
        method: &MethodId,
        number: u32,
    ) -> Result<Option<Enrolment>, Error> {
        let Some(pending) = self.pending else { return Ok(None) };
        let draft = pending.draft(method).filter(|draft| draft.number == number);
        let (Some(draft), Some(method)) = (draft, methods::get(tx, access, method)?) else { return Ok(None) };
        let open = self_enrolment::is_open(tx, access, &pending.login, self.enforcements, &method)?;
        Ok(if open && self_enrolment::may_be_reached(tx, access, &draft.enrolment)? {
            Some(draft.enrolment.clone())
        } else {
            None
        })
    }
}
