//! What an answer proves by each kind of authenticator, and what makes it count once.
//!
//! *Finding* is done on a snapshot, and says what an answer would prove: its claim. *Spending* is done in the serial order of writes, and says
//! whether the claim is new. `verification` is what both are parts of.

use super::assertions::{self, Sought, Spent};
use super::registrations;
use super::verification::{Asked, Purpose, Reason, Terms};
use super::{Access, Error};
use crate::factor::Verdict;
use crate::factor::otp::Passcode;
use crate::factor::recovery::{Candidate, Form};
use crate::factor::totp::{self, Step};
use crate::factor::web_authn::Credential;
use crate::factor::web_authn::assertion::Asserted;
use crate::id::{BlindKey, EntityId};
use crate::model::challenge::Posed;
use crate::model::clock_guard::{ClockGuard, GRACE};
use crate::model::contact::Channel;
use crate::model::enrolment::{Authenticator, Bound, Enrolment, RecoveryCode, RecoveryCodes, Unproven};
use crate::model::method::{Method, Settings};
use crate::model::registration::Registration;
use crate::secret::Secret;
use crate::storage::tables::paces::PACES;
use crate::storage::tables::web_authn::REGISTRATIONS;
use crate::storage::tables::{
    CHALLENGES, CONTACTS, ENROLMENTS, SPENT, challenge_key, contact_key, enrolment_key, spent_id, spent_key,
};
use crate::storage::{Record, Tx};
use crate::time::Timestamp;

/// What an answer was found to be.
#[derive(Clone)]
pub(super) enum Finding {
    /// It can be no answer of this authenticator: refused, and not counted, since it can never be right.
    Malformed,
    /// It is not the answer, or there is no authenticator. The challenge that it was an answer to, if there is one.
    Wrong(Option<BlindKey>),
    /// It is the answer.
    Right(Claim),
}

/// What must be new for an answer to count.
#[derive(Clone)]
pub(super) enum Claim {
    /// The code of this step.
    Step {
        /// The authenticator's number.
        number: u32,
        /// What its spent steps go by.
        key: BlindKey,
        /// The step.
        step: Step,
        /// The step that the present lies in.
        present: Step,
        /// How codes are computed.
        parameters: totp::Parameters,
    },
    /// This recovery code.
    Recovery {
        /// The list's number.
        number: u32,
        /// The code's keyed hash.
        hash: BlindKey,
    },
    /// The code that this challenge sent.
    Code {
        /// The authenticator's number.
        number: u32,
        /// The challenge.
        slot: BlindKey,
        /// What tells it from those it took the place of.
        id: String,
    },
    /// An assertion that answers this challenge.
    Assertion {
        /// The authenticator's number.
        number: u32,
        /// The challenge.
        slot: BlindKey,
        /// What tells it from those it took the place of.
        id: String,
        /// The id of the authenticator's credential.
        credential: Vec<u8>,
        /// What the authenticator says.
        asserted: Asserted,
    },
    /// A credential that answers this registration, and is to be bound.
    Registration {
        /// The registration.
        registration: Box<Registration>,
        /// What it brings.
        credential: Box<Credential>,
    },
}

impl Claim {
    /// The number of the authenticator that it is a claim of.
    pub(super) const fn number(&self) -> u32 {
        match self {
            Self::Step { number, .. }
            | Self::Recovery { number, .. }
            | Self::Code { number, .. }
            | Self::Assertion { number, .. } => *number,
            Self::Registration { .. } => 0,
        }
    }

    /// Whether the authenticator knew its user.
    pub(super) const fn user_verified(&self) -> bool {
        match self {
            Self::Assertion { asserted, .. } => asserted.user_verified,
            Self::Registration { credential, .. } => credential.user_verified,
            Self::Step { .. } | Self::Recovery { .. } | Self::Code { .. } => false,
        }
    }
}

impl Finding {
    /// The better of two, of which the second was found later.
    pub(super) fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Right(_), _) | (_, Self::Malformed) => self,
            (Self::Malformed | Self::Wrong(_), Self::Right(_)) | (_, Self::Wrong(_)) => other,
        }
    }

    /// The same, as one that is not right: what it was evaluated against no longer counts.
    pub(super) fn refuted(self) -> Self {
        match self {
            Self::Malformed => Self::Malformed,
            Self::Wrong(challenge) => Self::Wrong(challenge),
            Self::Right(_) => Self::Wrong(None),
        }
    }
}

/// Find what an answer is to the authenticator `bound` of `enrolment`.
pub(super) fn find(
    tx: &mut dyn Tx,
    access: &Access,
    (key, enrolment): (BlindKey, &Enrolment),
    bound: &Bound,
    asked: &Asked<'_>,
) -> Result<Sought, Error> {
    Ok(Sought::Found(match &bound.authenticator {
        Authenticator::Totp(authenticator) => {
            match find_step(authenticator, asked.terms.skew, asked.passcode, tx.now()) {
                Found::Malformed => Finding::Malformed,
                Found::Wrong => Finding::Wrong(None),
                Found::Right { step, present } => Finding::Right(Claim::Step {
                    number: bound.number,
                    key: spent_key(access, key, &enrolment.entity, &enrolment.method, bound.number),
                    step,
                    present,
                    parameters: authenticator.parameters.clone(),
                }),
            }
        }
        Authenticator::Recovery(codes) => find_recovery(access, bound.number, codes, asked.passcode),
        Authenticator::OutOfBand { channel, unproven } => {
            find_code(tx, access, enrolment, bound.number, (*channel, unproven.as_ref()), asked)?
        }
        Authenticator::WebAuthn { credential, .. } => {
            return assertions::find(tx, access, enrolment, bound, credential, asked);
        }
    }))
}

/// What a passcode is to a generator of time-based ones.
enum Found {
    Malformed,
    Wrong,
    Right { step: Step, present: Step },
}

fn find_step(
    authenticator: &totp::Authenticator,
    skew: Option<u8>,
    passcode: &Secret<String>,
    now: Timestamp,
) -> Found {
    let parameters = &authenticator.parameters;
    let Some(passcode) = Passcode::parse(passcode.expose(), parameters.digits) else {
        return Found::Malformed;
    };
    match totp::verify_within(authenticator, &passcode, skew.unwrap_or(parameters.skew), now) {
        Verdict::Right(step) => Found::Right { step, present: totp::step_at(now, parameters.period_secs) },
        Verdict::Wrong => Found::Wrong,
    }
}

fn find_recovery(access: &Access, number: u32, codes: &RecoveryCodes, passcode: &Secret<String>) -> Finding {
    let Some(candidate) = codes.form.parse(passcode) else { return Finding::Malformed };
    let hash = recovery_hash(access, &codes.salt, &candidate);
    let mut found = false;
    for code in &codes.left {
        // No early end: which code of the list it is takes no less time than that it is none.
        found |= hash_of(access, codes, code) == Some(hash);
    }
    if found { Finding::Right(Claim::Recovery { number, hash }) } else { Finding::Wrong(None) }
}

/// The keyed hash of a recovery code in the list with this salt.
pub(super) fn recovery_hash(access: &Access, salt: &str, code: &Candidate) -> BlindKey {
    access.blind("recovery.code", &[salt, code.expose().expose()])
}

/// The keyed hash of a code that is kept.
fn hash_of(access: &Access, codes: &RecoveryCodes, code: &RecoveryCode) -> Option<BlindKey> {
    match code {
        RecoveryCode::Hashed(hash) => Some(*hash),
        RecoveryCode::Shown(text) => codes.form.parse(text).map(|code| recovery_hash(access, &codes.salt, &code)),
    }
}

/// What a code is to the challenge that was sent to where its owner is reached: the address that it is to prove, or else the entity's proven
/// contact point. Without a challenge no code is right.
fn find_code(
    tx: &mut dyn Tx,
    access: &Access,
    enrolment: &Enrolment,
    number: u32,
    at: (Channel, Option<&Unproven>),
    asked: &Asked<'_>,
) -> Result<Finding, Error> {
    let slot = challenge_key(access, asked.asker, &enrolment.entity, &enrolment.method);
    let (channel, unproven) = at;
    let contact = CONTACTS.get(tx, access, contact_key(access, &enrolment.entity, channel))?;
    let proven = contact.filter(|contact| contact.verified_at.is_some()).map(|contact| contact.address);
    let address = unproven.map(|unproven| unproven.address.clone()).or(proven);
    let reached = address.map(|address| address_hash(access, channel, address.expose()));
    let Some(challenge) = CHALLENGES.get(tx, access, slot)? else {
        let is_code = asked.form.is_none_or(|form| form.parse(asked.passcode).is_some());
        return Ok(if is_code { Finding::Wrong(None) } else { Finding::Malformed });
    };
    match &challenge.posed {
        Posed::Code { form, hash, sent_to, .. } => {
            let Some(code) = form.parse(asked.passcode) else { return Ok(Finding::Malformed) };
            if code_hash(access, slot, &challenge.id, &code) == *hash && reached == Some(*sent_to) {
                return Ok(Finding::Right(Claim::Code { number, slot, id: challenge.id }));
            }
            Ok(Finding::Wrong(Some(slot)))
        }
        Posed::Assertion { .. } => Ok(Finding::Wrong(None)),
    }
}

/// The keyed hash of a code that was sent for the challenge `id` in `slot`.
pub(super) fn code_hash(access: &Access, slot: BlindKey, id: &str, code: &Candidate) -> BlindKey {
    let slot = data_encoding::HEXLOWER.encode(slot.as_ref());
    access.blind("challenge.code", &[&slot, id, code.expose().expose()])
}

/// The keyed hash of where a code was sent to.
pub(super) fn address_hash(access: &Access, channel: Channel, address: &str) -> BlindKey {
    access.blind("contact.address", &[channel.as_str(), address])
}

/// What an answer would be found to be if somebody were enrolled: the same work, with the answer thrown away.
pub(super) fn decoy(access: &Access, method: Option<&Method>, passcode: &Secret<String>, now: Timestamp) -> Finding {
    let recovery = |form: Form, count: u32| {
        let nobodys = RecoveryCode::Hashed(BlindKey::from([0; 16]));
        let left = (0..count).map(|_| nobodys.clone()).collect();
        find_recovery(access, 0, &RecoveryCodes { form, salt: String::new(), left }, passcode).refuted()
    };
    match method.map(|method| &method.settings) {
        Some(Settings::Recovery(settings)) => recovery(settings.form, settings.count),
        Some(Settings::Sms(settings) | Settings::Email(settings)) => match settings.form.parse(passcode) {
            Some(code) => {
                let _ = code_hash(access, BlindKey::from([0; 16]), "", &code);
                Finding::Wrong(None)
            }
            None => Finding::Malformed,
        },
        Some(Settings::WebAuthn(_)) => assertions::decoy(passcode.expose()),
        Some(Settings::Totp(_) | Settings::Duo(_) | Settings::Okta(_) | Settings::PingId(_)) | None => {
            let seed = Secret::new(vec![0; 20]);
            let nobodys = totp::Authenticator { parameters: totp::Parameters::default(), seed };
            match find_step(&nobodys, None, passcode, now) {
                Found::Malformed => Finding::Malformed,
                Found::Wrong | Found::Right { .. } => Finding::Wrong(None),
            }
        }
    }
}

/// What looking at a claim comes to, before it is judged.
pub(super) enum Look {
    /// It may be new: spending it will tell.
    Open,
    /// It is not, but whoever presents it has presented it before, and may do so again.
    Presented,
    /// It is refused, and not counted.
    Refused(Reason),
}

/// Look whether `claim` can be new. Where spending it tells that anyway, it is asked beforehand only if a shut window would be told instead.
pub(super) fn look(
    tx: &mut dyn Tx,
    claim: &Claim,
    terms: &Terms,
    may_be_shut: bool,
    clock: ClockGuard,
) -> Result<Look, Error> {
    let Claim::Step { key, step, parameters, .. } = claim else { return Ok(Look::Open) };
    if !clock.admits(step.start(parameters), step.latest_end(parameters)) {
        return Ok(Look::Refused(Reason::ClockBehind));
    }
    let presented = match terms.presenter {
        None => false,
        Some(presenter) => {
            let spent = tx.get(&SPENT, &spent_id(step.latest_end(parameters), *key))?;
            spent.is_some_and(|spent| spent.body == presenter.as_ref())
        }
    };
    let first = if may_be_shut && !presented { *step } else { step.forward(1) };
    if is_spent_from(tx, *key, first, parameters, clock)? {
        return Ok(Look::Refused(Reason::Spent));
    }
    Ok(if presented { Look::Presented } else { Look::Open })
}

/// Whether the step `first`, or one after it, was ever accepted for this authenticator: steps only go up.
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
        if tx.get(&SPENT, &spent_id(step.latest_end(parameters), key))?.is_some() {
            return Ok(true);
        }
        step = step.forward(1);
    }
    Ok(false)
}

/// Spend a claim: note that it was accepted, unless it was before. `key` is the enrolment's.
pub(super) fn spend(
    tx: &mut dyn Tx,
    access: &Access,
    key: BlindKey,
    claim: &Claim,
    terms: &Terms,
) -> Result<Spent, Error> {
    let is_new = match claim {
        Claim::Step { key, step, present, parameters, .. } => match terms.purpose {
            Purpose::Confirm { spends: false } => !is_spent(tx, *key, *step, parameters)?,
            Purpose::Prove | Purpose::Confirm { spends: true } => {
                spend_step(tx, *key, *step, *present, parameters, terms.presenter)?
            }
        },
        Claim::Recovery { number, hash } => spend_recovery(tx, access, key, *number, *hash)?,
        Claim::Code { number, slot, id } => {
            let Some(challenge) = CHALLENGES.get(tx, access, *slot)?.filter(|challenge| challenge.id == *id) else {
                return Ok(Spent::Before);
            };
            CHALLENGES.delete(tx, *slot)?;
            match challenge.posed {
                // Its owner is there: another may be sent to them at once.
                Posed::Code { pace, .. } => PACES.delete(tx, pace)?,
                Posed::Assertion { .. } => {}
            }
            note_use(tx, access, key, *number)?;
            true
        }
        Claim::Assertion { number, slot, id, credential, asserted } => {
            return assertions::spend(tx, access, key, (*number, credential), (*slot, id), *asserted);
        }
        Claim::Registration { registration, credential } => registrations::spend(tx, access, registration, credential)?,
    };
    Ok(if is_new { Spent::Now } else { Spent::Before })
}

/// Whether a claim could still be spent. `key` is the enrolment's.
pub(super) fn is_open(tx: &mut dyn Tx, access: &Access, key: BlindKey, claim: &Claim) -> Result<bool, Error> {
    Ok(match claim {
        Claim::Step { key, step, parameters, .. } => !is_spent(tx, *key, *step, parameters)?,
        Claim::Recovery { number, hash } => {
            let enrolment = ENROLMENTS.get(tx, access, key)?;
            let bound = enrolment.as_ref().and_then(|enrolment| enrolment.authenticator(*number));
            match bound.map(|bound| &bound.authenticator) {
                Some(Authenticator::Recovery(codes)) => {
                    codes.left.iter().any(|code| hash_of(access, codes, code) == Some(*hash))
                }
                Some(Authenticator::Totp(_) | Authenticator::OutOfBand { .. } | Authenticator::WebAuthn { .. })
                | None => false,
            }
        }
        Claim::Code { slot, id, .. } => CHALLENGES.get(tx, access, *slot)?.is_some_and(|challenge| challenge.id == *id),
        Claim::Assertion { number, slot, id, credential, asserted } => {
            let is_posed = CHALLENGES.get(tx, access, *slot)?.is_some_and(|challenge| challenge.id == *id);
            is_posed && assertions::counts_on(tx, access, key, (*number, credential), *asserted)?
        }
        Claim::Registration { registration, .. } => REGISTRATIONS.contains(tx, registration.key)?,
    })
}

fn is_spent(tx: &mut dyn Tx, key: BlindKey, step: Step, parameters: &totp::Parameters) -> Result<bool, Error> {
    Ok(tx.get(&SPENT, &spent_id(step.latest_end(parameters), key))?.is_some())
}

/// Note that a step was accepted for this authenticator, by whom if that matters. Says whether it had not been before.
///
/// A step further ahead than the authenticator's own window goes, which a dialect with a wider one let in, spends those between too: steps
/// only go up, whatever window the next one is looked at in.
fn spend_step(
    tx: &mut dyn Tx,
    key: BlindKey,
    step: Step,
    present: Step,
    parameters: &totp::Parameters,
    presenter: Option<BlindKey>,
) -> Result<bool, Error> {
    let body = presenter.map(|presenter| presenter.as_ref().to_vec()).unwrap_or_default();
    let is_new = insert_step(tx, key, step, parameters, body)?;
    let mut between = present;
    while step > present.forward(parameters.skew.into()) && between < step {
        // Those that were accepted themselves are there already.
        let _: bool = insert_step(tx, key, between, parameters, Vec::new())?;
        between = between.forward(1);
    }
    Ok(is_new)
}

fn insert_step(
    tx: &mut dyn Tx,
    key: BlindKey,
    step: Step,
    parameters: &totp::Parameters,
    body: Vec<u8>,
) -> Result<bool, Error> {
    let id = spent_id(step.latest_end(parameters), key);
    Ok(tx.insert(&SPENT, &Record { id, version: 1, expires_at: None, body, entries: Vec::new() })?)
}

/// Strike a recovery code off its list. Says whether it was on it.
fn spend_recovery(tx: &mut dyn Tx, access: &Access, key: BlindKey, number: u32, hash: BlindKey) -> Result<bool, Error> {
    let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)? else { return Ok(false) };
    let now = tx.now();
    let Some(bound) = enrolment.authenticator_mut(number) else { return Ok(false) };
    let Authenticator::Recovery(codes) = &mut bound.authenticator else { return Ok(false) };
    let spent = codes.left.iter().position(|code| hash_of(access, codes, code) == Some(hash));
    let Some(spent) = spent else { return Ok(false) };
    codes.left.remove(spent);
    bound.last_used_at = Some(now);
    ENROLMENTS.put(tx, access, &enrolment)?;
    Ok(true)
}

/// Note that an authenticator has proven its owner just now.
fn note_use(tx: &mut dyn Tx, access: &Access, key: BlindKey, number: u32) -> Result<(), Error> {
    let now = tx.now();
    if let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)?
        && let Some(bound) = enrolment.authenticator_mut(number)
    {
        bound.last_used_at = Some(now);
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(())
}

/// Count a wrong answer against the challenge in `slot`: after the last one that is allowed it is void.
pub(super) fn count_try(tx: &mut dyn Tx, access: &Access, slot: BlindKey) -> Result<(), Error> {
    let Some(mut challenge) = CHALLENGES.get(tx, access, slot)? else { return Ok(()) };
    let tries_left = match &mut challenge.posed {
        Posed::Code { tries_left, .. } => tries_left,
        Posed::Assertion { .. } => return Ok(()),
    };
    *tries_left = tries_left.saturating_sub(1);
    if *tries_left == 0 {
        return Ok(CHALLENGES.delete(tx, slot)?);
    }
    Ok(CHALLENGES.put(tx, access, &challenge)?)
}

/// Take the spent steps of `enrolment` to the keys they go by once `to` has it.
pub(super) fn carry_over(tx: &mut dyn Tx, access: &Access, enrolment: &Enrolment, to: &EntityId) -> Result<(), Error> {
    let now = tx.now();
    let keys = [&enrolment.entity, to].map(|entity| (entity, enrolment_key(access, entity, &enrolment.method)));
    for bound in &enrolment.authenticators {
        let Authenticator::Totp(totp::Authenticator { parameters, .. }) = &bound.authenticator else { continue };
        let [old, new] = keys.map(|(entity, key)| spent_key(access, key, entity, &enrolment.method, bound.number));
        let last = totp::step_at(now.plus(GRACE), parameters.period_secs).forward(parameters.skew.into());
        let mut step = totp::step_at(now.minus(GRACE), parameters.period_secs);
        while step <= last {
            if is_spent(tx, old, step, parameters)? {
                // The target may have accepted it too.
                let _: bool = insert_step(tx, new, step, parameters, Vec::new())?;
            }
            step = step.forward(1);
        }
    }
    Ok(())
}
