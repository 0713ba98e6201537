//! Challenges by code: drawn before the job, kept as a keyed hash, sent through the outbox or handed to who asked.
//!
//! *Drafting* draws the code and words the message; *posing*, in the serial order of writes, looks whether it may be sent now and where to. Each
//! code is good once, for whoever posed it, and only as long as it was sent to where its owner is reached.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::outbox::{Enqueued, announce, enqueue};
use super::proofs::{address_hash, code_hash};
use super::wording::{self, Rendered, Values, Words};
use super::{Access, Engine, Error};
use crate::factor::recovery::Form;
use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::address::masked;
use crate::model::challenge::{Asker, Challenge, Posed};
use crate::model::contact::Channel;
use crate::model::costs::Costs;
use crate::model::enrolment::{Authenticator, Enrolment};
use crate::model::entity::Entity;
use crate::model::message::Message;
use crate::model::method::{Method, Settings};
use crate::model::namespace::Scope;
use crate::model::out_of_band::OutOfBand;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::paces::{PACES, Pace};
use crate::storage::tables::{CHALLENGES, CONTACTS, challenge_key, contact_key};
use crate::time::Timestamp;

/// What a code is like and what becomes of it. A method says it; a dialect may say otherwise.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What it looks like.
    pub form: Form,
    /// How long it is good for.
    pub lifetime: Duration,
    /// How long until another may be sent, unless this one is answered before; zero for no pause.
    pub resend_pause: Duration,
    /// Wrong answers after which it is void.
    pub tries: u32,
    /// What the message says.
    pub words: Words,
    /// Who brings it to its owner.
    pub handing: Handing,
}

/// Who brings a code to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handing {
    /// We send it.
    Sent,
    /// Whoever asked gets it, and sends it.
    Returned,
}

/// Why no code can be sent as was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A message's template cannot be used.
    #[error(transparent)]
    Wording(#[from] wording::Refusal),
    /// No codes are sent under the method.
    #[error("no challenge is sent for this MFA method")]
    NoChallenge,
    /// The method is not one that is asked of the login.
    #[error("MFA method ID \"{0}\" is not one that the login is asked for")]
    NotAsked(MethodId),
    /// The entity has nothing under the method that a code could be sent to.
    #[error("MFA secret for method name \"{method_name}\" not present in entity \"{entity}\"")]
    NotReached {
        /// The method's name.
        method_name: String,
        /// The entity.
        entity: EntityId,
    },
    /// No address was given, and the entity has no proven one.
    #[error("missing address: the entity has none that is verified")]
    NoAddress,
    /// The entity is reached at another address, which this one must not take the place of.
    #[error("another address of the entity is verified; whoever may use admin-generate can replace it")]
    OtherAddress,
}

impl Terms {
    /// What a method's settings say.
    pub fn of(settings: &OutOfBand) -> Self {
        Self {
            form: settings.form,
            lifetime: settings.lifetime(),
            resend_pause: settings.resend_pause(),
            tries: settings.tries,
            words: Words::of(settings),
            handing: Handing::Sent,
        }
    }
}

/// Whom a code is for, and who asks for it.
pub struct Whom<'a> {
    /// Who poses the challenge.
    pub asker: Asker,
    /// Whom to.
    pub entity: &'a Entity,
    /// Under which method.
    pub method: &'a Method,
    /// Over which channel.
    pub channel: Channel,
    /// Where to.
    pub to: To,
    /// What text messages may cost.
    pub costs: &'a Arc<Costs>,
}

/// Where a code goes to.
#[derive(Clone)]
pub enum To {
    /// The entity's contact point, if it is proven when the code is sent.
    Contact,
    /// An address that the code is to prove.
    Unproven(Secret<String>),
}

/// A challenge that is ready to be posed: drawn and worded, but not yet stored.
#[derive(Clone)]
pub struct Draft {
    slot: BlindKey,
    pace: BlindKey,
    entity: EntityId,
    scope: Scope,
    method: MethodId,
    channel: Channel,
    to: To,
    id: String,
    message_id: String,
    code: Secret<String>,
    subject: String,
    text: Secret<String>,
    terms: Terms,
    costs: Arc<Costs>,
    /// What became of the message, for [`Draft::announce`]; all copies of a draft share it.
    enqueued: Arc<Mutex<Option<(Enqueued, Message)>>>,
}

/// What posing came to.
#[derive(Clone)]
pub enum Outcome {
    /// It waits for its answer.
    Posed(Receipt),
    /// Another was sent a moment ago.
    TooSoon {
        /// How long until there may be another.
        retry_in: Duration,
    },
    /// The entity has no proven contact point to send it to.
    Unreachable,
    /// No message may be sent to it, at all or today: why is for the log.
    Unsendable,
}

/// What is to be said of a challenge that was posed.
#[derive(Clone)]
pub struct Receipt {
    /// Over which channel.
    pub channel: Channel,
    /// Where the code goes to, masked.
    pub recipient: String,
    /// When it stops being good.
    pub expires_at: Timestamp,
    /// The code, where whoever asked brings it to its owner.
    pub code: Option<Secret<String>>,
}

/// Draw a code and word its message.
pub fn draft(access: &Access, whom: Whom<'_>, terms: Terms) -> Draft {
    let Whom { asker, entity, method, channel, to, costs } = whom;
    let entropy = access.entropy.as_ref();
    let code = Secret::new(entropy.text(terms.form.length.into(), terms.form.alphabet.characters()));
    let shown = terms.form.shown(&code);
    let lifetime = terms.lifetime;
    let values =
        Values { code: &shown, name: &entity.name, entity: entity.id.as_str(), method: &method.name, lifetime };
    let Rendered { subject, text } = wording::say(channel, &terms.words, &values);
    Draft {
        slot: challenge_key(access, asker, &entity.id, &method.id),
        pace: pace_key(access, asker, &to, &entity.id, &method.id),
        entity: entity.id.clone(),
        scope: entity.scope.clone(),
        method: method.id.clone(),
        channel,
        to,
        id: data_encoding::HEXLOWER.encode(&entropy.bytes::<16>()),
        message_id: data_encoding::HEXLOWER.encode(&entropy.bytes::<16>()),
        code: shown,
        subject,
        text,
        terms,
        costs: Arc::clone(costs),
        enqueued: Arc::default(),
    }
}

/// What the pause between two codes goes by. Applications, logins and enrolments have each their own, so that none learns of another's; all
/// logins of an entity share one, or else each would send a message.
fn pace_key(access: &Access, asker: Asker, to: &To, entity: &EntityId, method: &MethodId) -> BlindKey {
    let context = match (to, asker) {
        (To::Unproven(_), _) => "enrolment",
        (To::Contact, Asker::Application) => "application",
        (To::Contact, Asker::Login(_)) => "login",
        (To::Contact, Asker::Session(_)) => "session",
        (To::Contact, Asker::Nobody) => "nobody",
    };
    access.blind("pace", &[context, entity.as_str(), method.as_str()])
}

/// Pose a challenge in the serial order of writes, in place of an earlier one of the same asker. Once that is committed, the draft is
/// to [`announce`](Draft::announce) it.
pub fn pose(tx: &mut dyn Tx, access: &Access, draft: &Draft) -> Result<Outcome, Error> {
    let now = tx.now();
    let Some(address) = address_of(tx, access, draft)? else { return Ok(Outcome::Unreachable) };
    if let Some(retry_in) = pause_left(tx, access, draft.pace)? {
        return Ok(Outcome::TooSoon { retry_in });
    }
    let form = draft.terms.form;
    let Some(candidate) = form.parse(&draft.code) else { return Ok(Outcome::Unreachable) };
    let expires_at = now.plus(draft.terms.lifetime);
    let posed = Posed::Code {
        form,
        hash: code_hash(access, draft.slot, &draft.id, &candidate),
        sent_to: address_hash(access, draft.channel, address.expose()),
        tries_left: draft.terms.tries,
        pace: draft.pace,
    };
    let challenge = Challenge { slot: draft.slot, id: draft.id.clone(), posed, posed_at: now, expires_at };
    let recipient = masked(draft.channel, &address);
    let code = match draft.terms.handing {
        Handing::Returned => Some(draft.code.clone()),
        Handing::Sent => match send(tx, access, draft, address, expires_at)? {
            Enqueued::Queued => None,
            Enqueued::OverBudget(_) | Enqueued::Forbidden(_) => return Ok(Outcome::Unsendable),
        },
    };
    CHALLENGES.put(tx, access, &challenge)?;
    rest(tx, access, draft.pace, draft.terms.resend_pause)?;
    Ok(Outcome::Posed(Receipt { channel: draft.channel, recipient, expires_at, code }))
}

/// Whether a challenge of this asker's waits for its answer.
pub fn waits(
    tx: &mut dyn Tx,
    access: &Access,
    asker: Asker,
    entity: &EntityId,
    method: &MethodId,
) -> Result<bool, Error> {
    Ok(CHALLENGES.contains(tx, challenge_key(access, asker, entity, method))?)
}

/// Where the code is to go to, if that is still so.
fn address_of(tx: &mut dyn Tx, access: &Access, draft: &Draft) -> Result<Option<Secret<String>>, Error> {
    match &draft.to {
        To::Unproven(address) => Ok(Some(address.clone())),
        To::Contact => {
            let contact = CONTACTS.get(tx, access, contact_key(access, &draft.entity, draft.channel))?;
            Ok(contact.filter(|contact| contact.verified_at.is_some()).map(|contact| contact.address))
        }
    }
}

/// Put the message into the outbox.
fn send(
    tx: &mut dyn Tx,
    access: &Access,
    draft: &Draft,
    to: Secret<String>,
    expires_at: Timestamp,
) -> Result<Enqueued, Error> {
    let now = tx.now();
    let message = Message {
        id: draft.message_id.clone(),
        channel: draft.channel,
        to,
        subject: draft.subject.clone(),
        text: draft.text.clone(),
        code: draft.code.clone(),
        entity: draft.entity.clone(),
        scope: draft.scope.clone(),
        created_at: now,
        expires_at,
        attempts: 0,
        next_at: now,
    };
    let enqueued = enqueue(tx, access, &draft.costs, &message)?;
    *draft.enqueued.lock().unwrap_or_else(PoisonError::into_inner) = Some((enqueued, message));
    Ok(enqueued)
}

/// How long the pause of this key still lasts, if it does.
pub(super) fn pause_left(tx: &mut dyn Tx, access: &Access, pace: BlindKey) -> Result<Option<Duration>, Error> {
    let now = tx.now();
    let left = PACES.get(tx, access, pace)?.map(|pace| pace.ends_at.since(now));
    Ok(left.filter(|left| !left.is_zero()))
}

/// Begin a pause.
pub(super) fn rest(tx: &mut dyn Tx, access: &Access, pace: BlindKey, pause: Duration) -> Result<(), Error> {
    if pause.is_zero() {
        return Ok(());
    }
    let ends_at = tx.now().plus(pause);
    Ok(PACES.put(tx, access, &Pace { key: pace, ends_at })?)
}

impl Draft {
    /// After the commit of the job that posed it: wake whoever sends, or say in the log why nothing is.
    pub fn announce(&self, engine: &Engine) {
        let enqueued = self.enqueued.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((enqueued, message)) = enqueued {
            announce(engine, enqueued, &message);
        }
    }

    /// Under which method it is posed.
    pub const fn method(&self) -> &MethodId {
        &self.method
    }

    /// Whom it is posed to.
    pub const fn entity(&self) -> &EntityId {
        &self.entity
    }
}

/// How codes are sent under `method`, where it sends any.
pub const fn settings(method: &Method) -> Option<(Channel, &OutOfBand)> {
    match &method.settings {
        Settings::Sms(settings) => Some((Channel::Sms, settings)),
        Settings::Email(settings) => Some((Channel::Email, settings)),
        Settings::Totp(_)
        | Settings::Duo(_)
        | Settings::Okta(_)
        | Settings::PingId(_)
        | Settings::WebAuthn(_)
        | Settings::Recovery(_) => None,
    }
}

/// Whether `enrolment` has an authenticator that counts and answers by codes that are sent.
pub(super) fn is_reached(enrolment: &Enrolment) -> bool {
    enrolment
        .authenticators
        .iter()
        .any(|bound| bound.counts() && matches!(bound.authenticator, Authenticator::OutOfBand { .. }))
}
