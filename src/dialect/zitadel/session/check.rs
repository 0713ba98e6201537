//! Proofs in a session: each evaluated on a snapshot, and all settled in one job, in one order. The first that fails ends the request: nothing of
//! it stays but what is counted, and a lock where there have been too many.

use std::time::Duration;

use super::{CheckWebAuthn, Checks};
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::lockout::{Answered, COUNTED, lock_if_due};
use crate::dialect::zitadel::method::Reply;
use crate::dialect::zitadel::ready;
use crate::dialect::zitadel::scalar::Struct;
use crate::dialect::zitadel::user::{factor_not_ready, otp, recovery, totp};
use crate::engine::people::{State, User};
use crate::engine::verification::{self, Evaluated, Evaluation, Outcome, Purpose, Question, Reason, Terms};
use crate::engine::{Access, assertions, challenges, credentials, methods, unconfirmed};
use crate::factor::password::Hash;
use crate::id::BlindKey;
use crate::model::challenge::Asker;
use crate::model::clock_guard::ClockGuard;
use crate::model::contact::Channel;
use crate::model::guard::Limits;
use crate::model::method::Kind;
use crate::model::session::{self, Asked, Session};
use crate::secret::Secret;
use crate::storage::Tx;

/// What can be proven beside a password by a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    Totp,
    Otp(Channel),
    RecoveryCode,
}

/// A proof, as far as it can be looked at on a snapshot.
#[derive(Clone)]
pub(super) enum Check {
    /// It cannot be taken, whatever it is.
    Impossible(Error),
    /// A password.
    Password(Password),
    /// What a key has signed.
    Key(Box<Evaluated>),
    /// A code.
    Code {
        /// Of what.
        factor: Factor,
        /// What it came to.
        evaluation: Box<Evaluation>,
        /// Whether it was sent too long ago, so that it counts as wrong whatever it is.
        is_late: bool,
    },
}

/// A password that has been checked.
#[derive(Clone)]
pub(super) struct Password {
    /// The hash that it was checked against.
    pub(super) checked: Option<Hash>,
    /// Whether it is the one behind it.
    pub(super) is_right: bool,
    /// The same password's new hash, where the old one is of a kind that is not kept.
    pub(super) rehashed: Option<Hash>,
    /// Whether the user was locked before.
    pub(super) was_locked: bool,
    /// Whether nothing may tell what is wrong: not even whether there is such a user.
    pub(super) hides: bool,
}

impl Check {
    /// Whether it takes time to know.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self, Self::Key(evaluated) if matches!(**evaluated, Evaluated::Slow(_)))
    }

    /// The same, known. Blocks.
    pub(super) fn finished(self) -> Self {
        match self {
            Self::Key(evaluated) => Self::Key(Box::new(Evaluated::Ready(evaluated.finish()))),
            Self::Impossible(_) | Self::Password(_) | Self::Code { .. } => self,
        }
    }
}

impl Factor {
    /// What is said when there is no user to check it for.
    const fn no_user(self) -> &'static str {
        match self {
            Self::Totp => "COMMAND-8N9ds",
            Self::Otp(_) => "COMMAND-S453v",
            Self::RecoveryCode => "COMMAND-4m9s2",
        }
    }

    fn locked(self) -> Error {
        match self {
            Self::Totp => Error::precondition("COMMAND-SF3fg", "User is locked"),
            Self::Otp(_) => Error::precondition("COMMAND-S6h4R", "User is locked"),
            Self::RecoveryCode => Error::not_found("COMMAND-2w6oa", "Errors.User.MFA.RecoveryCodes.Locked"),
        }
    }

    fn wrong(self, reason: Reason) -> Error {
        match (self, reason) {
            (Self::Totp, Reason::Spent) => Error::invalid("TOTP-Auw0a", "Errors.User.MFA.OTP.Reused"),
            (
                Self::Totp,
                Reason::Malformed | Reason::Wrong | Reason::ClockBehind | Reason::Disabled | Reason::CountedBack,
            ) => totp::invalid_code(),
            // Another request was quicker.
            (Self::Otp(_), Reason::Spent) => not_found(),
            (
                Self::Otp(_),
                Reason::Malformed | Reason::Wrong | Reason::ClockBehind | Reason::Disabled | Reason::CountedBack,
            ) => Error::invalid("CODE-woT0xc", "Code is invalid"),
            (Self::RecoveryCode, _) => Error::invalid("DOMAIN-6uvh0", "Invalid recovery code provided"),
        }
    }
}

/// No code waits to be said.
fn not_found() -> Error {
    Error::precondition("COMMAND-S34gh", "Code not found")
}

/// The proofs in `checks` but for the password, in their order. `session` is what the session's record is called.
pub(super) fn evaluate(
    tx: &mut dyn Tx,
    access: &Access,
    user: Option<&User>,
    session: BlindKey,
    asked: Asked,
    checks: &Checks,
) -> Result<Vec<Check>, Error> {
    let codes = [
        (Factor::Totp, checks.totp.as_ref().map(|check| &check.code)),
        (Factor::Otp(Channel::Sms), checks.otp_sms.as_ref().map(|check| &check.code)),
        (Factor::Otp(Channel::Email), checks.otp_email.as_ref().map(|check| &check.code)),
        (Factor::RecoveryCode, checks.recovery_code.as_ref().map(|check| &check.code)),
    ];
    let mut found = Vec::new();
    if let Some(CheckWebAuthn { credential_assertion_data: Some(Struct(answer)) }) = &checks.web_auth_n {
        found.push(evaluate_key(tx, access, user, session, answer)?);
    }
    for (factor, code) in codes {
        if let Some(code) = code {
            found.push(evaluate_code(tx, access, user, (session, asked), factor, code)?);
        }
    }
    Ok(found)
}

/// How much signing is let through: all of it, since nobody guesses a signature.
const UNGUESSED: Limits = Limits { attempts: u32::MAX, window: Duration::from_secs(30), ceiling: u32::MAX };

/// Nothing was asked of a key in this session, or it has been answered.
fn no_challenge() -> Error {
    Error::precondition("COMMAND-Ioqu5", "Session without WebAuthN challenge")
}

fn evaluate_key(
    tx: &mut dyn Tx,
    access: &Access,
    user: Option<&User>,
    session: BlindKey,
    answer: &serde_json::Value,
) -> Result<Check, Error> {
    let asker = Asker::Session(session);
    let Some(user) = user else { return Ok(Check::Impossible(no_challenge())) };
    let method = methods::default_of(tx, access, &user.entity.scope, Kind::WebAuthn)?;
    let Some(method) = method else { return Ok(Check::Impossible(no_challenge())) };
    if !assertions::is_posed(tx, access, asker, &method.id, user.id())? {
        return Ok(Check::Impossible(no_challenge()));
    }
    let question = Question {
        scope: user.entity.scope.clone(),
        method: method.id.to_string(),
        entity: user.id().clone(),
        passcode: Secret::new(answer.to_string()),
        asker,
        terms: Terms {
            limits: Some(UNGUESSED),
            skew: None,
            guard: Some(unconfirmed::guard(access, user.id(), &method)),
            presenter: None,
            purpose: Purpose::Prove,
        },
    };
    Ok(Check::Key(Box::new(verification::evaluate(tx, access, &question)?)))
}

fn evaluate_code(
    tx: &mut dyn Tx,
    access: &Access,
    user: Option<&User>,
    (session, mut asked): (BlindKey, Asked),
    factor: Factor,
    code: &Secret<String>,
) -> Result<Check, Error> {
    let Some(user) = user else {
        return Ok(Check::Impossible(Error::invalid(factor.no_user(), "User ID missing")));
    };
    let kind = match factor {
        Factor::Totp => Kind::Totp,
        Factor::Otp(channel) => otp::kind(channel),
        Factor::RecoveryCode => Kind::Recovery,
    };
    let enrolled = totp::enrolled(tx, access, user, kind)?;
    let not_ready = match factor {
        Factor::Totp => factor_not_ready("COMMAND-3Mif9s"),
        Factor::Otp(_) => factor_not_ready("COMMAND-d2r52"),
        Factor::RecoveryCode => recovery::none_there("Errors.User.RecoveryCodes.NotReady"),
    };
    let is_ready = match (factor, &enrolled) {
        (Factor::Totp, Some((_, enrolment))) => enrolment.counts(),
        (Factor::Otp(channel), _) => ready::is_sent_to(tx, access, user, channel)?,
        (Factor::RecoveryCode, Some((_, enrolment))) => recovery::left(Some(enrolment)) > 0,
        (Factor::Totp | Factor::RecoveryCode, None) => false,
    };
    let Some((method, _)) = enrolled.filter(|_| is_ready) else { return Ok(Check::Impossible(not_ready)) };
    let asker = Asker::Session(session);
    let mut is_late = false;
    if let Factor::Otp(channel) = factor
        && !challenges::waits(tx, access, asker, user.id(), &method.id)?
    {
        // What has been answered, or answered wrongly too often, is gone before its time.
        is_late = asked.over(channel).is_some_and(|end| end <= tx.now());
        if !is_late {
            return Ok(Check::Impossible(not_found()));
        }
    }
    let passcode = match factor {
        // Other than elsewhere, a code is only what was shown, to the letter.
        Factor::RecoveryCode if !is_shown_form(code) => Secret::new(String::new()),
        Factor::Totp | Factor::Otp(_) | Factor::RecoveryCode => code.clone(),
    };
    let question = Question {
        scope: user.entity.scope.clone(),
        method: method.id.to_string(),
        entity: user.id().clone(),
        passcode,
        asker,
        terms: Terms {
            limits: Some(COUNTED),
            skew: Some(totp::SKEW),
            guard: None,
            presenter: None,
            purpose: Purpose::Prove,
        },
    };
    let evaluation = Box::new(verification::evaluate(tx, access, &question)?.quick().strict());
    Ok(Check::Code { factor, evaluation, is_late })
}

/// The code was sent too long ago.
fn expired() -> Error {
    Error::precondition("CODE-QvUQ4P", "Code is expired")
}

fn is_shown_form(code: &Secret<String>) -> bool {
    let form = recovery::FORM;
    form.parse(code).is_some_and(|candidate| form.shown(candidate.expose()) == *code)
}

/// What settling proofs came to.
pub(super) enum Settled {
    /// All count.
    All,
    /// One does not, and this is what is said.
    Refused(Reply),
}

/// Settle all of `checks`, or none.
pub(super) fn settle(
    tx: &mut dyn Tx,
    access: &Access,
    user: Option<&mut User>,
    checks: &[Check],
    clock: ClockGuard,
    session: &mut Session,
) -> Result<Settled, Error> {
    let Some(user) = user else {
        // Without a user nothing can be proven, and nothing is counted.
        let first = checks.first().map(|check| match check {
            Check::Impossible(error) => error.clone(),
            Check::Password(_) => no_user_for_password(),
            Check::Key(_) => no_challenge(),
            Check::Code { factor, .. } => Error::invalid(factor.no_user(), "User ID missing"),
        });
        return first.map_or(Ok(Settled::All), Err);
    };
    for check in checks {
        if let Some(refusal) = refuse(tx, access, user, check, clock)? {
            return Ok(Settled::Refused(refusal));
        }
    }
    let now = Some(tx.now());
    for check in checks {
        match check {
            Check::Impossible(error) => return Err(error.clone()),
            Check::Password(password) => {
                credentials::forgive(tx, access, user.id())?;
                if let (Some(checked), Some(rehashed)) = (&password.checked, &password.rehashed) {
                    credentials::rehash(tx, access, user.id(), checked, rehashed)?;
                }
                session.factors.password = now;
            }
            Check::Key(evaluated) => {
                let Evaluated::Ready(evaluation) = &**evaluated else { return Err(Error::busy()) };
                let Outcome::Accepted { user_verified, .. } = verification::settle(tx, access, evaluation, clock)?
                else {
                    return Err(Error::busy());
                };
                let verified_at = tx.now();
                session.factors.web_authn = Some(session::WebAuthn { verified_at, user_verified });
            }
            Check::Code { factor, evaluation, .. } => {
                let outcome = verification::settle(tx, access, evaluation, clock)?;
                if !matches!(outcome, Outcome::Accepted { .. }) {
                    // It would have been accepted a moment ago, in this very job.
                    return Err(Error::busy());
                }
                match factor {
                    Factor::Totp => session.factors.totp = now,
                    Factor::Otp(Channel::Sms) => session.factors.otp_sms = now,
                    Factor::Otp(Channel::Email) => session.factors.otp_email = now,
                    Factor::RecoveryCode => session.factors.recovery_code = now,
                }
                if let Factor::Otp(channel) = factor {
                    *session.asked.over(*channel) = None;
                }
            }
        }
    }
    Ok(Settled::All)
}

/// There is no user to check the password of.
pub(super) fn no_user_for_password() -> Error {
    Error::invalid("COMMAND-4Mfsf", "User ID missing")
}

/// What is said if a proof does not count; by then it has been counted as wrong, if it is.
fn refuse(
    tx: &mut dyn Tx,
    access: &Access,
    user: &mut User,
    check: &Check,
    clock: ClockGuard,
) -> Result<Option<Reply>, Error> {
    match check {
        Check::Impossible(error) => Err(error.clone()),
        Check::Password(password) => refuse_password(tx, access, user, password),
        Check::Key(evaluated) => refuse_key(tx, access, user, evaluated, clock),
        Check::Code { factor, evaluation, is_late } => {
            match user.state() {
                State::Active => {}
                State::Locked => return Err(factor.locked()),
                State::Inactive => return Err(not_active()),
            }
            if verification::would_accept(tx, access, evaluation, clock)? {
                return Ok(None);
            }
            let reason = match verification::settle(tx, access, evaluation, clock)? {
                Outcome::Accepted { .. } => return Err(Error::busy()),
                Outcome::Refused(reason) => reason,
                Outcome::TooMany { .. } => Reason::Wrong,
            };
            let failures = verification::consecutive_failures(tx, access, evaluation.guard())?;
            lock_if_due(tx, access, user, Answered::Code, failures)?;
            let error = if *is_late { expired() } else { factor.wrong(reason) };
            Ok(Some(Reply::Refused(error, failures)))
        }
    }
}

fn refuse_key(
    tx: &mut dyn Tx,
    access: &Access,
    user: &User,
    evaluated: &Evaluated,
    clock: ClockGuard,
) -> Result<Option<Reply>, Error> {
    let Evaluated::Ready(evaluation) = evaluated else { return Err(Error::busy()) };
    if user.state() != State::Active {
        return Err(not_active());
    }
    if verification::would_accept(tx, access, evaluation, clock)? {
        return Ok(None);
    }
    let error = match verification::settle(tx, access, evaluation, clock)? {
        Outcome::Accepted { .. } => return Err(Error::busy()),
        Outcome::Refused(Reason::Malformed) => Error::invalid("WEBAU-ADgv4", "Error on validate login credentials"),
        // Another request was quicker.
        Outcome::Refused(Reason::Spent) => no_challenge(),
        Outcome::Refused(Reason::CountedBack) => Error::precondition("WEBAU-4M90s", "Credentials may be cloned"),
        Outcome::Refused(Reason::Wrong | Reason::ClockBehind | Reason::Disabled) | Outcome::TooMany { .. } => {
            Error::invalid("WEBAU-3M9si", "Error on validate login credentials")
        }
    };
    Ok(Some(Reply::Refused(error, 0)))
}

fn refuse_password(
    tx: &mut dyn Tx,
    access: &Access,
    user: &mut User,
    password: &Password,
) -> Result<Option<Reply>, Error> {
    let there = credentials::get(tx, access, user.id())?.map(|password| password.hash);
    // One that was changed meanwhile has not been checked.
    let is_right = password.is_right && there.is_some() && there == password.checked;
    if password.hides {
        if is_right && user.state() == State::Active {
            return Ok(None);
        }
        let failures = credentials::count_wrong(tx, access, user.id())?;
        if user.state() == State::Active && there.is_some() {
            lock_if_due(tx, access, user, Answered::Password, failures)?;
        }
        return Ok(Some(Reply::Refused(Error::wrong_password(0), failures)));
    }
    match user.state() {
        State::Active => {}
        State::Locked if password.was_locked => {
            return Err(Error::precondition("COMMAND-JLK35", "User is locked"));
        }
        State::Locked => return Err(Error::precondition("COMMAND-SFA3t", "User is locked")),
        State::Inactive => return Err(not_active()),
    }
    if there.is_none() {
        return Err(Error::precondition("COMMAND-3nJ4t", "User has not set a password"));
    }
    if is_right {
        return Ok(None);
    }
    let failures = credentials::count_wrong(tx, access, user.id())?;
    lock_if_due(tx, access, user, Answered::Password, failures)?;
    Ok(Some(Reply::Refused(Error::wrong_password(failures), failures)))
}

/// The user is locked or deactivated.
pub(super) fn not_active() -> Error {
    Error::precondition("SESSION-Gj4ko", "Errors.User.NotActive")
}
