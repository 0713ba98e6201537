//! E-mail addresses and telephone numbers of users: set, proven, removed.

use super::super::auth::Permission;
use super::super::details::Details;
use super::super::error::Error;
use super::super::message::message;
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::rule::{Breach, NAME, Rule};
use super::notice::{self, Draws, Notice, TRIES};
use super::{Target, address, changed, details, other, otp, target, template};
use crate::engine::codes::{self, Outcome, Pose};
use crate::engine::people::{self, User};
use crate::engine::{Access, contacts};
use crate::model::code::Purpose;
use crate::model::contact::Channel;
use crate::model::secret_generator::Purpose as Generator;
use crate::secret::Secret;
use crate::storage::Tx;

use Permission::{Authenticated, UserWrite};

const fn method(
    name: &'static str,
    bindings: &'static [(&'static str, &'static str)],
    handler: super::super::method::Handler,
) -> Method {
    Method::new(Api::Users, name, bindings, Authenticated, handler)
}

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    method("SetEmail", &[("POST", "users/{user_id}/email")], |call, sent| set_email(call, sent.read()?)),
    method("VerifyEmail", &[("POST", "users/{user_id}/email/verify")], |call, sent| verify(call, &EMAIL, sent.read()?)),
    method("ResendEmailCode", &[("POST", "users/{user_id}/email/resend")], |call, sent| {
        resend(call, &EMAIL, sent.read()?, true)
    }),
    method("SendEmailCode", &[("POST", "users/{user_id}/email/send")], |call, sent| {
        resend(call, &EMAIL, sent.read()?, false)
    })
    .only_v2(),
    method("SetPhone", &[("POST", "users/{user_id}/phone")], |call, sent| set_phone(call, sent.read()?)),
    method("RemovePhone", &[("DELETE", "users/{user_id}/phone")], |call, sent| remove_phone(call, &sent.read()?)),
    method("VerifyPhone", &[("POST", "users/{user_id}/phone/verify")], |call, sent| verify(call, &PHONE, sent.read()?)),
    method("ResendPhoneCode", &[("POST", "users/{user_id}/phone/resend")], |call, sent| {
        resend(call, &PHONE, sent.read()?, true)
    }),
];

message! {
    /// A code is to be sent.
    #[derive(Clone)]
    pub(super) struct SendCode("SendVerificationCode") {
        pub(super) url_template: Option<String> where NAME,
    }

    /// A code is to be given back.
    pub(super) struct ReturnCode("ReturnVerificationCode") {}

    struct SetEmail("SetEmailRequest") one_of(send_code, return_code, is_verified) {
        user_id: String where NAME,
        email: Secret<String> where NAME,
        send_code: Option<SendCode>,
        return_code: Option<ReturnCode>,
        is_verified: Option<bool>,
    }

    struct SetPhone("SetPhoneRequest") one_of(send_code, return_code, is_verified) {
        user_id: String where NAME,
        phone: Secret<String> where NAME,
        send_code: Option<SendCode>,
        return_code: Option<ReturnCode>,
        is_verified: Option<bool>,
    }

    struct Verify("VerifyRequest") {
        user_id: String where NAME,
        verification_code: Secret<String> where Rule::Runes(1, 20),
    }

    struct Resend("ResendCodeRequest") one_of(send_code, return_code) {
        user_id: String where NAME,
        send_code: Option<SendCode>,
        return_code: Option<ReturnCode>,
    }

    struct Set("SetResponse") {
        details: Details,
        verification_code: Option<Secret<String>>,
    }
}

/// What the two kinds of address differ in.
struct Words {
    channel: Channel,
    purpose: Purpose,
    generator: Generator,
    unknown: &'static str,
    unchanged: &'static str,
    nothing_sent: &'static str,
}

const EMAIL: Words = Words {
    channel: Channel::Email,
    purpose: Purpose::Email,
    generator: Generator::VerifyEmail,
    unknown: "Email not found",
    unchanged: "Email not changed",
    nothing_sent: "EMAIL-5w5ilin4yt",
};

const PHONE: Words = Words {
    channel: Channel::Sms,
    purpose: Purpose::Phone,
    generator: Generator::VerifyPhone,
    unknown: "Phone not found",
    unchanged: "Phone not changed",
    nothing_sent: "PHONE-5xrra88eq8",
};

/// What is to become of the code that proves an address.
#[derive(Clone)]
pub(super) enum Wish {
    /// It is sent there.
    Send(Option<SendCode>),
    /// Whoever asks gets it.
    Return,
    /// There is none: whoever asks vouches for the address.
    Vouched,
}

impl Wish {
    /// What is wished.
    pub(super) fn of(send: Option<SendCode>, give_back: Option<ReturnCode>, is_vouched: bool) -> Self {
        match (give_back, is_vouched) {
            (Some(_), _) => Self::Return,
            (None, true) => Self::Vouched,
            (None, false) => Self::Send(send),
        }
    }

    /// Whether somebody may wish it for themselves: nobody vouches for themselves, nor gets the proof that they are asked for.
    const fn is_for_oneself(&self) -> bool {
        matches!(self, Self::Send(_))
    }

    /// The link that goes along, if one is wished.
    pub(super) fn link(
        &self,
        user_id: &str,
        organisation: &str,
        code: &Secret<String>,
    ) -> Result<Option<String>, Error> {
        let Self::Send(Some(SendCode { url_template: Some(template) })) = self else { return Ok(None) };
        let values = [("UserID", user_id), ("Code", code.expose()), ("OrgID", organisation)];
        template::render(template, &values).map(Some)
    }
}

/// That somebody who vouches does so.
pub(super) fn only_true(message: &str, is_verified: Option<bool>) -> Result<(), Error> {
    match is_verified {
        Some(false) => Err(Error::validation(Breach::of(message, "is_verified", "value must equal true"))),
        Some(true) | None => Ok(()),
    }
}

fn set_email(call: &mut Call<'_>, asked: SetEmail) -> Result<Plan, Error> {
    only_true("SetEmailRequest", asked.is_verified)?;
    let wish = Wish::of(asked.send_code, asked.return_code, asked.is_verified.is_some());
    set(call, &EMAIL, &asked.user_id, &asked.email, wish)
}

fn set_phone(call: &mut Call<'_>, asked: SetPhone) -> Result<Plan, Error> {
    only_true("SetPhoneRequest", asked.is_verified)?;
    // A text message has no room for a link.
    let send = asked.send_code.map(|_| SendCode { url_template: None });
    let wish = Wish::of(send, asked.return_code, asked.is_verified.is_some());
    set(call, &PHONE, &asked.user_id, &asked.phone, wish)
}

fn allowed(call: &Call<'_>, id: &str, wish: &Wish) -> Result<Target, Error> {
    if wish.is_for_oneself() { target(call.caller, id, UserWrite) } else { other(call.caller, id, UserWrite) }
}

/// The user and, where they are to be written to, the link that goes along.
fn addressee(
    call: &mut Call<'_>,
    words: &'static Words,
    target: &Target,
    wish: &Wish,
    draws: &Draws,
) -> Result<Option<String>, Error> {
    let user = find(call.tx, call.access, words, target)?;
    wish.link(user.entity.id.as_str(), &super::super::organisation::id_of(&user.entity.scope.id), &draws.code)
}

fn find(tx: &mut dyn Tx, access: &Access, words: &Words, target: &Target) -> Result<User, Error> {
    let user = target.find(tx, access)?.filter(|user| user.person.profile().is_some());
    user.ok_or_else(|| Error::not_found("COMMAND-ieJ2e", words.unknown))
}

fn set(
    call: &mut Call<'_>,
    words: &'static Words,
    id: &str,
    address: &Secret<String>,
    wish: Wish,
) -> Result<Plan, Error> {
    let target = allowed(call, id, &wish)?;
    let address = address::parse(words.channel, address.expose())?;
    let draws = Draws::of(call, words.generator)?;
    let link = addressee(call, words, &target, &wish, &draws)?;
    Ok(Plan::send(move |tx, access| {
        let mut user = find(tx, access, words, &target)?;
        let there = contacts::get(tx, access, user.id(), words.channel)?;
        if there.is_some_and(|there| there.address == address) {
            return Err(Error::precondition("COMMAND-Uch5e", words.unchanged));
        }
        let vouched = matches!(wish, Wish::Vouched);
        contacts::put(tx, access, user.id(), words.channel, &address, vouched)?;
        let verification_code = deliver(tx, access, &user, words.channel, &address, &wish, &draws, link.as_deref())?;
        people::touch(tx, access, &mut user)?;
        Ok(Reply::of(&Set { details: details(&user), verification_code }))
    }))
}

/// Do with the code that proves `address` as is wished. Gives it back, if whoever asks gets it.
#[expect(clippy::too_many_arguments, reason = "what is written, to whom and why")]
pub(super) fn deliver(
    tx: &mut dyn Tx,
    access: &Access,
    user: &User,
    channel: Channel,
    address: &Secret<String>,
    wish: &Wish,
    draws: &Draws,
    link: Option<&str>,
) -> Result<Option<Secret<String>>, Error> {
    let (purpose, aim) = match channel {
        Channel::Email => (Purpose::Email, "confirm your e-mail address"),
        Channel::Sms => (Purpose::Phone, "confirm your telephone number"),
    };
    if matches!(wish, Wish::Vouched) {
        codes::withdraw(tx, access, user.id(), &purpose)?;
        return Ok(None);
    }
    let pose = Pose {
        entity: user.id().clone(),
        purpose,
        text: draws.code.clone(),
        proves: Some(address.clone()),
        lifetime: draws.lifetime,
        tries: TRIES,
    };
    codes::pose(tx, access, &pose)?;
    if matches!(wish, Wish::Return) {
        return Ok(Some(draws.code.clone()));
    }
    let subject = "Verify email";
    notice::send(tx, access, &Notice { user, channel, to: address, subject, purpose: aim, draws, link })?;
    Ok(None)
}

fn verify(call: &mut Call<'_>, words: &'static Words, asked: Verify) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserWrite)?;
    let code = asked.verification_code;
    Ok(Plan::write(move |tx, access| {
        let mut user = find(tx, access, words, &target)?;
        let id = user.id().clone();
        let address = contacts::get(tx, access, &id, words.channel)?.map(|contact| contact.address);
        let refused = |tries| Ok(Reply::Refused(Error::invalid("COMMAND-eis9R", "Code is invalid"), tries));
        let Some(address) = address else { return refused(0) };
        match codes::answer(tx, access, &id, &words.purpose, &code, Some(&address), TRIES)? {
            Outcome::Right => {
                contacts::prove(tx, access, &id, words.channel, &address)?;
                changed(tx, access, &mut user)
            }
            Outcome::Wrong { tries } => refused(tries),
        }
    }))
}

fn resend(call: &mut Call<'_>, words: &'static Words, asked: Resend, needs_one: bool) -> Result<Plan, Error> {
    let send = asked.send_code.filter(|_| words.channel == Channel::Email);
    let wish = Wish::of(send, asked.return_code, false);
    let target = allowed(call, &asked.user_id, &wish)?;
    let draws = Draws::of(call, words.generator)?;
    let link = addressee(call, words, &target, &wish, &draws)?;
    Ok(Plan::send(move |tx, access| {
        let mut user = find(tx, access, words, &target)?;
        let contact = contacts::get(tx, access, user.id(), words.channel)?;
        let is_posed = codes::is_posed(tx, access, user.id(), &words.purpose)?;
        let Some(contact) = contact.filter(|_| is_posed || !needs_one) else {
            return Err(if needs_one {
                Error::precondition(words.nothing_sent, "Code is empty")
            } else {
                Error::not_found("COMMAND-ieJ2e", words.unknown)
            });
        };
        let address = contact.address;
        let verification_code = deliver(tx, access, &user, words.channel, &address, &wish, &draws, link.as_deref())?;
        people::touch(tx, access, &mut user)?;
        Ok(Reply::of(&Set { details: details(&user), verification_code }))
    }))
}

fn remove_phone(call: &mut Call<'_>, asked: &super::lifecycle::About) -> Result<Plan, Error> {
    let target = other(call.caller, &asked.user_id, UserWrite)?;
    Ok(Plan::write(move |tx, access| {
        let mut user = find(tx, access, &PHONE, &target)?;
        contacts::remove(tx, access, user.id(), Channel::Sms)?;
        codes::withdraw(tx, access, user.id(), &Purpose::Phone)?;
        // Without a telephone nothing can be sent to it.
        otp::forget(tx, access, &user, Channel::Sms)?;
        changed(tx, access, &mut user)
    }))
}
