//! An authenticator app registered, confirmed, removed.

use std::sync::Arc;
use std::time::Duration;

use super::super::auth::Permission;
use super::super::details::Details;
use super::super::error::Error;
use super::super::lockout::COUNTED;
use super::super::message::message;
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::rule::NAME;
use super::lifecycle::About;
use super::{changed, details, factor_there, no_factor, target};
use crate::engine::people::{self, User};
use crate::engine::verification::{self, Outcome, Purpose, Question, Terms};
use crate::engine::{Access, Engine, enrolments, methods, unconfirmed};
use crate::factor::key_uri::key_uri;
use crate::factor::totp::{Authenticator, Parameters};
use crate::id::MethodId;
use crate::model::challenge::Asker;
use crate::model::enrolment::{self, Enrolment};
use crate::model::method::{self, Kind, Settings};
use crate::secret::Secret;
use crate::storage::Tx;

use Permission::{Authenticated, UserCredentialWrite};

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(Api::Users, "RegisterTOTP", &[("POST", "users/{user_id}/totp")], Authenticated, |call, sent| {
        register(call, &sent.read()?)
    }),
    Method::new(
        Api::Users,
        "VerifyTOTPRegistration",
        &[("POST", "users/{user_id}/totp/verify")],
        Authenticated,
        |call, sent| verify(call, &sent.read()?),
    ),
    Method::new(Api::Users, "RemoveTOTP", &[("DELETE", "users/{user_id}/totp")], Authenticated, |call, sent| {
        remove(call, &sent.read()?)
    }),
];

message! {
    struct Verify("VerifyTOTPRegistrationRequest") {
        user_id: String where NAME,
        code: Secret<String> where NAME,
    }

    struct Registered("RegisterTOTPResponse") {
        details: Details,
        uri: Secret<String>,
        secret: Secret<String>,
    }
}

/// What authenticator apps show codes as being for, as long as no operator says otherwise.
const ISSUER: &str = "ZITADEL";
/// The seed, in bytes.
const SEED: usize = 20;
/// How long a registration waits for its first code.
const PATIENCE: Duration = Duration::from_hours(24);
/// Wrong codes that discard a registration.
const TRIES: u32 = 10;
/// The window in which codes are taken, in steps either way.
pub(in crate::dialect::zitadel) const SKEW: u8 = 1;

/// A fresh authenticator, drawn but not yet kept.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) authenticator: Authenticator,
    pub(super) method_id: MethodId,
    pub(super) number: u32,
}

impl Fresh {
    fn draw(engine: &Engine) -> Self {
        let mut seed = vec![0; SEED];
        engine.entropy.fill(&mut seed);
        let authenticator = Authenticator { parameters: Parameters::default(), seed: Secret::new(seed) };
        Self { authenticator, method_id: MethodId::fresh(engine.entropy.as_ref()), number: draw_number(engine) }
    }
}

/// The number of the first authenticator under a method.
pub(super) fn draw_number(engine: &Engine) -> u32 {
    // Half of all numbers are left for those after it.
    u32::from_be_bytes(engine.entropy.bytes()) >> 1
}

/// The method of the user's organisation under which authenticator apps are, made if need be.
fn default_method(tx: &mut dyn Tx, access: &Access, user: &User, id: &MethodId) -> Result<method::Method, Error> {
    let settings = Settings::Totp(method::Totp {
        issuer: ISSUER.into(),
        parameters: Parameters::default(),
        key_size: 20,
        qr_size: 200,
        max_validation_attempts: 5,
        self_enrolment: false,
        max_enrolments: 1,
    });
    Ok(methods::ensure_default(tx, access, &user.entity.scope, &settings, id)?)
}

/// What the user has under the organisation's method of this kind, and that method.
pub(in crate::dialect::zitadel) fn enrolled(
    tx: &mut dyn Tx,
    access: &Access,
    user: &User,
    kind: Kind,
) -> Result<Option<(method::Method, Enrolment)>, Error> {
    let Some(method) = methods::default_of(tx, access, &user.entity.scope, kind)? else { return Ok(None) };
    let enrolment = enrolments::get(tx, access, user.id(), &method.id)?;
    Ok(enrolment.map(|enrolment| (method, enrolment)))
}

/// Bind a fresh authenticator to the user, in place of one that was never confirmed.
pub(super) fn bind(
    tx: &mut dyn Tx,
    access: &Access,
    user: &User,
    fresh: &Fresh,
    waits_for: Option<Duration>,
) -> Result<method::Method, Error> {
    let method = default_method(tx, access, user, &fresh.method_id)?;
    if enrolments::counts(tx, access, user.id(), &method.id)? {
        return Err(factor_there("COMMAND-do9se"));
    }
    let authenticator = enrolment::Authenticator::Totp(fresh.authenticator.clone());
    unconfirmed::begin(tx, access, &method, &user.entity, &authenticator, waits_for, fresh.number)?;
    Ok(method)
}

fn register(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    let fresh = Fresh::draw(call.engine);
    let host = call.host.to_owned();
    Ok(Plan::write(move |tx, access| {
        let user = target.find(tx, access)?.filter(|user| user.person.profile().is_some());
        let mut user = user.ok_or_else(|| Error::precondition("COMMAND-SqyJz", "User could not be found"))?;
        let method = bind(tx, access, &user, &fresh, Some(PATIENCE))?;
        people::touch(tx, access, &mut user)?;
        let issuer = match &method.settings {
            Settings::Totp(settings) if !settings.issuer.is_empty() => settings.issuer.as_str(),
            Settings::Totp(_)
            | Settings::Duo(_)
            | Settings::Okta(_)
            | Settings::PingId(_)
            | Settings::Sms(_)
            | Settings::Email(_)
            | Settings::WebAuthn(_)
            | Settings::Recovery(_) => host.as_str(),
        };
        let seed = fresh.authenticator.seed.expose();
        Ok(Reply::of(&Registered {
            details: details(&user),
            uri: key_uri(issuer, &user.entity.name, &fresh.authenticator),
            secret: Secret::new(data_encoding::BASE32_NOPAD.encode(seed)),
        }))
    }))
}

fn verify(call: &mut Call<'_>, asked: &Verify) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    let nothing = || no_factor("COMMAND-3Mif9s");
    let user = target.find(call.tx, call.access)?.ok_or_else(nothing)?;
    let (method, enrolment) = enrolled(call.tx, call.access, &user, Kind::Totp)?.ok_or_else(nothing)?;
    check_waits(&enrolment)?;
    let guard = unconfirmed::guard(call.access, user.id(), &method);
    let question = Question {
        scope: user.entity.scope.clone(),
        method: method.id.to_string(),
        entity: user.id().clone(),
        passcode: Secret::new(asked.code.expose().trim().to_owned()),
        asker: Asker::Application,
        terms: Terms {
            limits: Some(COUNTED),
            skew: Some(SKEW),
            guard: Some(guard),
            presenter: None,
            // Who has just registered goes on to log in: the code that confirms may do so once.
            purpose: Purpose::Confirm { spends: false },
        },
    };
    let evaluation = verification::evaluate(call.tx, call.access, &question)?.quick().strict();
    let engine = Arc::clone(call.engine);
    Ok(Plan::write(move |tx, access| {
        let mut user = target.find(tx, access)?.ok_or_else(nothing)?;
        let (_, enrolment) = enrolled(tx, access, &user, Kind::Totp)?.ok_or_else(nothing)?;
        check_waits(&enrolment)?;
        let clock = engine.time.observe(tx.now());
        if let Outcome::Accepted { number, .. } = verification::settle(tx, access, &evaluation, clock)?
            && verification::confirm(tx, access, user.id(), &method.id, number)?
        {
            return changed(tx, access, &mut user);
        }
        let failures = verification::consecutive_failures(tx, access, guard)?;
        if failures >= TRIES {
            unconfirmed::discard(tx, access, &method, user.id())?;
        }
        Ok(Reply::Refused(invalid_code(), failures))
    }))
}

/// That an authenticator waits for its first code.
fn check_waits(enrolment: &Enrolment) -> Result<(), Error> {
    if enrolment.counts() {
        return Err(Error::precondition("COMMAND-qx4ls", "Errors.Users.MFA.OTP.AlreadyReady"));
    }
    Ok(())
}

/// The code is wrong.
pub(in crate::dialect::zitadel) fn invalid_code() -> Error {
    Error::invalid("EVENT-8isk2", "Invalid code")
}

fn remove(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    Ok(Plan::write(move |tx, access| {
        let nothing = || no_factor("COMMAND-Hd9sd");
        let mut user = target.find(tx, access)?.ok_or_else(nothing)?;
        let (method, _) = enrolled(tx, access, &user, Kind::Totp)?.ok_or_else(nothing)?;
        unconfirmed::discard(tx, access, &method, user.id())?;
        enrolments::remove(tx, access, user.id(), &method.id)?;
        changed(tx, access, &mut user)
    }))
}
