//! Recovery codes: made, shown once, removed.

use super::super::auth::Permission;
use super::super::details::Details;
use super::super::error::Error;
use super::super::message::message;
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::rule::NAME;
use super::lifecycle::About;
use super::{changed, details, target, totp, unknown};
use crate::engine::enrolments::{self, CodeTerms};
use crate::engine::people::{self, State};
use crate::engine::{methods, unconfirmed};
use crate::factor::recovery::{Alphabet, Form};
use crate::id::MethodId;
use crate::model::enrolment::{Authenticator, Enrolment, RecoveryCodes};
use crate::model::method::{Kind, Settings};
use crate::model::recovery::Recovery;
use crate::secret::Secret;

use Permission::{Authenticated, UserCredentialWrite};

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(
        Api::Users,
        "GenerateRecoveryCodes",
        &[("POST", "users/{user_id}/recovery_codes")],
        Authenticated,
        |call, sent| generate(call, &sent.read()?),
    )
    .only_v2(),
    Method::new(
        Api::Users,
        "RemoveRecoveryCodes",
        &[("DELETE", "users/{user_id}/recovery_codes")],
        Authenticated,
        |call, sent| remove(call, &sent.read()?),
    )
    .only_v2(),
];

message! {
    struct Generate("GenerateRecoveryCodesRequest") {
        user_id: String where NAME,
        count: u32,
    }

    struct Generated("GenerateRecoveryCodesResponse") {
        details: Details,
        recovery_codes: Vec<Secret<String>>,
    }
}

/// The most codes that somebody has.
const MOST: u32 = 10;
/// What they look like.
pub(in crate::dialect::zitadel) const FORM: Form = Form { length: 10, alphabet: Alphabet::Crockford, group: 5 };

fn generate(call: &mut Call<'_>, asked: &Generate) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    if !(1..=MOST).contains(&asked.count) {
        return Err(Error::invalid("COMMAND-7c0nx", "Errors.User.RecoveryCodes.CountInvalid"));
    }
    let terms = CodeTerms { count: asked.count, form: FORM, shown_again: false };
    let (codes, shown) = enrolments::fresh_codes(terms, call.access);
    let (method_id, number) = (MethodId::fresh(call.engine.entropy.as_ref()), totp::draw_number(call.engine));
    Ok(Plan::write(move |tx, access| {
        let user = target.find(tx, access)?.filter(|user| user.person.profile().is_some());
        let mut user = user.ok_or_else(unknown)?;
        let settings = Settings::Recovery(Recovery::default());
        let method = methods::ensure_default(tx, access, &user.entity.scope, &settings, &method_id)?;
        let there = enrolments::get(tx, access, user.id(), &method.id)?;
        if left(there.as_ref()) + codes.left.len() > MOST as usize {
            return Err(Error::exists("COMMAND-8f2k9", "Maximum number of recovery codes exceeded"));
        }
        // Lists that are used up have nothing to keep.
        for bound in there.iter().flat_map(|enrolment| &enrolment.authenticators) {
            if codes_of(&bound.authenticator).is_some_and(|codes| codes.left.is_empty()) {
                enrolments::remove_one(tx, access, user.id(), &method.id, bound.number)?;
            }
        }
        let list = Authenticator::Recovery(codes.clone());
        unconfirmed::begin(tx, access, &method, &user.entity, &list, None, number)?;
        people::touch(tx, access, &mut user)?;
        Ok(Reply::of(&Generated { details: details(&user), recovery_codes: shown.clone() }))
    }))
}

fn codes_of(authenticator: &Authenticator) -> Option<&RecoveryCodes> {
    match authenticator {
        Authenticator::Recovery(codes) => Some(codes),
        Authenticator::Totp(_) | Authenticator::OutOfBand { .. } | Authenticator::WebAuthn { .. } => None,
    }
}

/// How many codes are left.
pub(in crate::dialect::zitadel) fn left(enrolment: Option<&Enrolment>) -> usize {
    let bound = enrolment.into_iter().flat_map(|enrolment| &enrolment.authenticators);
    bound.filter_map(|bound| codes_of(&bound.authenticator)).map(|codes| codes.left.len()).sum()
}

/// There are no codes.
pub(in crate::dialect::zitadel) fn none_there(text: &str) -> Error {
    Error::invalid("COMMAND-84rgg", text)
}

fn remove(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    Ok(Plan::write(move |tx, access| {
        let mut user = target.get(tx, access)?;
        if user.state() == State::Locked {
            return Err(Error::not_found("COMMAND-d9u8q", "Errors.User.RecoveryCodes.Locked"));
        }
        let there = totp::enrolled(tx, access, &user, Kind::Recovery)?;
        let Some((method, _)) = there.filter(|(_, enrolment)| left(Some(enrolment)) > 0) else {
            return Err(none_there("Errors.User.RecoveryCodes.NotAdded"));
        };
        enrolments::remove(tx, access, user.id(), &method.id)?;
        changed(tx, access, &mut user)
    }))
}
