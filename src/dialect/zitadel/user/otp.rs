//! Codes by text message and by e-mail as second factors: switched on and off.

use super::super::auth::Permission;
use super::super::error::Error;
use super::super::method::{Api, Call, Method, Plan};
use super::lifecycle::About;
use super::{changed, factor_not_ready, factor_there, no_factor, target, totp, unknown};
use crate::engine::people::User;
use crate::engine::{Access, contacts, enrolments, methods, unconfirmed};
use crate::factor::recovery::{Alphabet, Form};
use crate::id::MethodId;
use crate::model::contact::Channel;
use crate::model::enrolment::Authenticator;
use crate::model::method::{Kind, Settings};
use crate::model::out_of_band::OutOfBand;
use crate::storage::Tx;

use Permission::{Authenticated, UserCredentialWrite};

const fn method(
    name: &'static str,
    bindings: &'static [(&'static str, &'static str)],
    handler: super::super::method::Handler,
) -> Method {
    Method::new(Api::Users, name, bindings, Authenticated, handler)
}

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    method("AddOTPSMS", &[("POST", "users/{user_id}/otp_sms")], |call, sent| add(call, &SMS, &sent.read()?)),
    method("RemoveOTPSMS", &[("DELETE", "users/{user_id}/otp_sms")], |call, sent| remove(call, &SMS, &sent.read()?)),
    method("AddOTPEmail", &[("POST", "users/{user_id}/otp_email")], |call, sent| add(call, &EMAIL, &sent.read()?)),
    method("RemoveOTPEmail", &[("DELETE", "users/{user_id}/otp_email")], |call, sent| {
        remove(call, &EMAIL, &sent.read()?)
    }),
];

/// What the two differ in.
struct Words {
    channel: Channel,
    there: &'static str,
    not_ready: &'static str,
    not_there: &'static str,
}

const SMS: Words =
    Words { channel: Channel::Sms, there: "COMMAND-Ad3g2", not_ready: "COMMAND-Q54j2", not_there: "COMMAND-Sr3h3" };

const EMAIL: Words =
    Words { channel: Channel::Email, there: "COMMAND-MKL2s", not_ready: "COMMAND-KLJ2d", not_there: "COMMAND-b312D" };

/// The kind of method that sends over this channel.
pub(in crate::dialect::zitadel) const fn kind(channel: Channel) -> Kind {
    match channel {
        Channel::Sms => Kind::Sms,
        Channel::Email => Kind::Email,
    }
}

/// How codes are sent, as long as no operator says otherwise: eight digits, good for five minutes.
fn settings(channel: Channel) -> Settings {
    let usual = OutOfBand {
        form: Form { length: 8, alphabet: Alphabet::Digits, group: 0 },
        resend_pause_secs: 0,
        tries: 10,
        ..OutOfBand::default()
    };
    match channel {
        Channel::Sms => Settings::Sms(usual),
        Channel::Email => Settings::Email(usual),
    }
}

fn add(call: &mut Call<'_>, words: &'static Words, asked: &About) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    let (method_id, number) = (MethodId::fresh(call.engine.entropy.as_ref()), totp::draw_number(call.engine));
    Ok(Plan::write(move |tx, access| {
        let user = target.find(tx, access)?.filter(|user| user.person.profile().is_some());
        let mut user = user.ok_or_else(unknown)?;
        let settings = settings(words.channel);
        let method = methods::ensure_default(tx, access, &user.entity.scope, &settings, &method_id)?;
        if enrolments::counts(tx, access, user.id(), &method.id)? {
            return Err(factor_there(words.there));
        }
        let contact = contacts::get(tx, access, user.id(), words.channel)?;
        if contact.is_none_or(|contact| contact.verified_at.is_none()) {
            return Err(factor_not_ready(words.not_ready));
        }
        let authenticator = Authenticator::OutOfBand { channel: words.channel, unproven: None };
        unconfirmed::begin(tx, access, &method, &user.entity, &authenticator, None, number)?;
        changed(tx, access, &mut user)
    }))
}

fn remove(call: &mut Call<'_>, words: &'static Words, asked: &About) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    Ok(Plan::write(move |tx, access| {
        let mut user = target.get(tx, access)?;
        if !forget(tx, access, &user, words.channel)? {
            return Err(no_factor(words.not_there));
        }
        changed(tx, access, &mut user)
    }))
}

/// Switch it off. Says whether it was on.
pub(super) fn forget(tx: &mut dyn Tx, access: &Access, user: &User, channel: Channel) -> Result<bool, Error> {
    let Some((method, _)) = totp::enrolled(tx, access, user, kind(channel))? else { return Ok(false) };
    enrolments::remove(tx, access, user.id(), &method.id)?;
    Ok(true)
}
