//! Codes that a session asks for: by text message and by e-mail, sent by us or brought to their owner by whoever asks.

use std::sync::Arc;

use super::super::error::Error;
use super::super::message::{Field, enumeration, message};
use super::super::method::Call;
use super::super::organisation;
use super::super::rule::{NAME, Rule};
use super::super::scalar::Struct;
use super::super::sent::{Mismatch, Sent};
use super::super::user::{factor_not_ready, keys, otp, template, totp};
use super::super::{auth::Permission, ready};
use crate::engine::challenges::{self, Draft, Handing, Outcome, Terms, To, Whom};
use crate::engine::people::{State, User};
use crate::engine::{self, Access, Engine, assertions, methods, secret_generators};
use crate::factor::recovery::{Alphabet, Form};
use crate::factor::web_authn::{Use, UserVerification};
use crate::id::BlindKey;
use crate::model::challenge::Asker;
use crate::model::contact::Channel;
use crate::model::method::{Kind, Method};
use crate::model::secret_generator::{self, Purpose};
use crate::model::session::Session;
use crate::secret::Secret;
use crate::storage::Tx;

message! {
    /// What is asked of somebody.
    pub(super) struct Ask("RequestChallenges") {
        web_auth_n: Option<AskKey>,
        otp_sms: Option<AskSms>,
        otp_email: Option<AskEmail>,
    }

    struct AskKey("RequestChallenges_WebAuthN") {
        domain: String where NAME,
        user_verification_requirement: Requirement where Rule::Specified,
    }

    struct AskSms("RequestChallenges_OTPSMS") {
        return_code: Wanted,
    }

    struct AskEmail("RequestChallenges_OTPEmail") one_of(send_code, return_code) {
        send_code: Option<SendCode>,
        return_code: Wanted,
    }

    struct SendCode("RequestChallenges_OTPEmail_SendCode") {
        url_template: Option<String> where NAME,
    }

    /// What whoever asked has to know.
    #[derive(Clone)]
    pub(super) struct Posed("Challenges") {
        web_auth_n: Option<PosedKey>,
        otp_sms: Option<Secret<String>>,
        otp_email: Option<Secret<String>>,
    }
}

message! {
    #[derive(Clone)]
    struct PosedKey("Challenges_WebAuthN") {
        public_key_credential_request_options: Struct,
    }
}

enumeration! {
    /// Whether a key has to know its user.
    enum Requirement {
        Unspecified = 0 "USER_VERIFICATION_REQUIREMENT_UNSPECIFIED",
        Required = 1 "USER_VERIFICATION_REQUIREMENT_REQUIRED",
        Preferred = 2 "USER_VERIFICATION_REQUIREMENT_PREFERRED",
        Discouraged = 3 "USER_VERIFICATION_REQUIREMENT_DISCOURAGED",
    }
}

/// Whether something is wanted: said by `true`, or by an object with nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted(bool);

impl Field for Wanted {
    fn unset() -> Self {
        Self(false)
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        match sent {
            Sent::Object(members) => Struct::read(Sent::Object(members), name).map(|_| Self(true)),
            Sent::Bool(_) | Sent::Words(_) | Sent::Null | Sent::Number(_) | Sent::Text(_) | Sent::List(_) => {
                bool::read(sent, name).map(Self)
            }
        }
    }

    fn is_set(&self) -> bool {
        self.0
    }

    fn show(&self) -> serde_json::Value {
        self.0.into()
    }
}

/// Challenges that are ready to be posed, or what is wrong with them: they come after all checks.
#[derive(Clone)]
pub(super) struct Drafts {
    key: Option<Result<assertions::Request, Error>>,
    codes: Vec<(Channel, Result<Draft, Error>)>,
    /// Whose log says what the cost guard refused.
    engine: Arc<Engine>,
}

impl Ask {
    /// Those of the two channels, in their order: whether the code is returned, and the template of a link.
    fn codes(&self) -> impl Iterator<Item = (Channel, bool, Option<&str>)> {
        let sms = self.otp_sms.iter().map(|ask| (Channel::Sms, ask.return_code.0, None));
        let email = self.otp_email.iter().map(|ask| {
            let template = ask.send_code.as_ref().and_then(|send| send.url_template.as_deref());
            (Channel::Email, ask.return_code.0, template)
        });
        sms.chain(email)
    }
}

/// Draft what is asked. `record` is what the session's record is called.
///
/// # Errors
/// When the caller would get a code that they may not have.
pub(super) fn draft(
    call: &mut Call<'_>,
    session_id: &str,
    record: BlindKey,
    user: Option<&User>,
    ask: &Ask,
) -> Result<Drafts, Error> {
    let mut drafts = Vec::new();
    for (channel, returns, template) in ask.codes() {
        if returns && !call.caller.may(Permission::SessionWrite) {
            return Err(Error::not_on_this());
        }
        let asker = Asker::Session(record);
        drafts.push((channel, draft_one(call, session_id, asker, user, channel, returns, template)));
    }
    let asker = Asker::Session(record);
    let key = ask.web_auth_n.as_ref().map(|ask| draft_key(call, asker, user, ask));
    Ok(Drafts { key, codes: drafts, engine: Arc::clone(call.engine) })
}

/// No key of the user's can answer.
fn no_key() -> Error {
    Error::precondition("WEBAU-4G8sw", "WebAuthN begin login failed")
}

/// What is asked of a key: where it must know its user, of a passkey, and else of one that is a second factor.
fn draft_key(
    call: &mut Call<'_>,
    asker: Asker,
    user: Option<&User>,
    ask: &AskKey,
) -> Result<assertions::Request, Error> {
    let user = user.ok_or_else(|| Error::precondition("COMMAND-eeR2e", "User ID missing"))?;
    let scope = user.entity.scope.clone();
    let method = methods::default_of(call.tx, call.access, &scope, Kind::WebAuthn)?.ok_or_else(no_key)?;
    let (user_verification, purpose) = match ask.user_verification_requirement {
        Requirement::Required => (UserVerification::Required, Use::Passkey),
        Requirement::Preferred => (UserVerification::Preferred, Use::SecondFactor),
        Requirement::Discouraged | Requirement::Unspecified => (UserVerification::Discouraged, Use::SecondFactor),
    };
    Ok(assertions::Request {
        scope,
        asker,
        method: method.id,
        entity: user.entity.id.clone(),
        terms: assertions::Terms {
            party: Some(keys::party(&ask.domain)),
            user_verification: Some(user_verification),
            purpose: Some(purpose),
        },
        fresh: assertions::Fresh::draw(call.engine.entropy.as_ref()),
    })
}

fn draft_one(
    call: &mut Call<'_>,
    session_id: &str,
    asker: Asker,
    user: Option<&User>,
    channel: Channel,
    returns: bool,
    template: Option<&str>,
) -> Result<Draft, Error> {
    let (no_user, not_ready) = ids(channel);
    let user = user.ok_or_else(|| Error::precondition(no_user, "User ID missing"))?;
    let enrolled = totp::enrolled(call.tx, call.access, user, otp::kind(channel))?;
    let is_ready = ready::is_sent_to(call.tx, call.access, user, channel)?;
    let (method, _) = enrolled.filter(|_| is_ready).ok_or_else(|| factor_not_ready(not_ready))?;
    let terms = terms(call, user, session_id, &method, channel, template)?;
    let handing = if returns { Handing::Returned } else { Handing::Sent };
    let whom =
        Whom { asker, entity: &user.entity, method: &method, channel, to: To::Contact, costs: &call.engine.costs };
    Ok(challenges::draft(call.access, whom, Terms { handing, ..terms }))
}

/// What is said when there is nobody to send a code to, or no way to reach them.
const fn ids(channel: Channel) -> (&'static str, &'static str) {
    match channel {
        Channel::Sms => ("COMMAND-JKL3g", "COMMAND-BJ2g3"),
        Channel::Email => ("COMMAND-JK3gp", "COMMAND-JKLJ3"),
    }
}

/// What a code is like: what the instance's generator says, in the words of the organisation's method.
fn terms(
    call: &mut Call<'_>,
    user: &User,
    session_id: &str,
    method: &Method,
    channel: Channel,
    template: Option<&str>,
) -> Result<Terms, Error> {
    let purpose = match channel {
        Channel::Sms => Purpose::OtpSms,
        Channel::Email => Purpose::OtpEmail,
    };
    let generator = secret_generators::of(call.tx, call.access, purpose)?.form;
    let (_, settings) = challenges::settings(method).ok_or_else(|| factor_not_ready(ids(channel).1))?;
    let mut terms = Terms {
        form: form(generator),
        lifetime: generator.expiry,
        resend_pause: std::time::Duration::ZERO,
        tries: 10,
        ..Terms::of(settings)
    };
    if channel == Channel::Email {
        let name = user.person.display_name();
        let greeting = template::literal(&format!("Hello {name},"));
        let text = terms.words.text.unwrap_or_else(|| {
            format!(
                "{greeting}\n\nyour one-time password is {{{{ code }}}}. It is good for {{{{ minutes }}}} minutes.\n"
            )
        });
        let organisation = organisation::id_of(&user.entity.scope.id);
        let link = template.map(|template| {
            let values = [
                ("UserID", user.entity.id.as_str()),
                ("LoginName", user.entity.name.as_str()),
                ("DisplayName", name),
                ("PreferredLanguage", user.person.profile().map_or("", |profile| profile.language.as_str())),
                ("SessionID", session_id),
                ("OrgID", organisation.as_str()),
            ];
            template::for_code(template, &values)
        });
        let link = link.transpose()?.map(|link| format!("\nOr open {link}\n")).unwrap_or_default();
        terms.words.text = Some(text + &link);
        terms.words.subject.get_or_insert_with(|| "Verify One-Time Password".to_owned());
    }
    Ok(terms)
}

/// How a code looks that is typed: digits, or digits and letters whose case does not matter.
fn form(generator: secret_generator::Form) -> Form {
    let only_digits = generator.digits && !generator.lower && !generator.upper && !generator.symbols;
    let alphabet = if only_digits { Alphabet::Digits } else { Alphabet::Alphanumeric };
    Form { length: u8::try_from(generator.length).unwrap_or(u8::MAX), alphabet, group: 0 }
}

impl Drafts {
    /// Whether there are any.
    pub(super) const fn is_empty(&self) -> bool {
        self.key.is_none() && self.codes.is_empty()
    }

    /// Pose them all. Gives back what whoever asked has to know.
    ///
    /// # Errors
    /// The first one's that cannot be posed: then none is.
    pub(super) fn pose(
        &self,
        tx: &mut dyn Tx,
        access: &Access,
        user: Option<&User>,
        session: &mut Session,
    ) -> Result<Posed, Error> {
        let mut posed = Posed::default();
        if let Some(request) = &self.key {
            let request = request.as_ref().map_err(Error::clone)?;
            if user.is_some_and(|user| user.state() != State::Active) {
                return Err(Error::precondition("COMMAND-Df4b3", "User could not be found"));
            }
            let options = match assertions::pose(tx, access, request) {
                Ok(options) => Struct(options),
                Err(engine::Error::NoAuthenticator | engine::Error::UnknownMethod) => return Err(no_key()),
                Err(error) => return Err(error.into()),
            };
            posed.web_auth_n = Some(PosedKey { public_key_credential_request_options: options });
        }
        for (channel, draft) in &self.codes {
            let draft = draft.as_ref().map_err(Error::clone)?;
            match challenges::pose(tx, access, draft)? {
                Outcome::Posed(receipt) => {
                    *session.asked.over(*channel) = Some(receipt.expires_at);
                    match channel {
                        Channel::Sms => posed.otp_sms = receipt.code,
                        Channel::Email => posed.otp_email = receipt.code,
                    }
                }
                Outcome::Unreachable => return Err(factor_not_ready(ids(*channel).1)),
                Outcome::TooSoon { .. } => return Err(Error::too_often()),
                Outcome::Unsendable => {
                    draft.announce(&self.engine);
                    return Err(Error::too_often());
                }
            }
        }
        Ok(posed)
    }
}
