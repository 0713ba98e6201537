//! Verification codes on their way to somebody: what they look like, and what is written around them.

use std::sync::Arc;
use std::time::Duration;

use super::super::error::Error;
use super::super::method::Call;
use crate::engine::outbox::{self, Enqueued};
use crate::engine::people::User;
use crate::engine::{Access, Engine, secret_generators};
use crate::model::contact::Channel;
use crate::model::message::Message;
use crate::model::secret_generator::Purpose;
use crate::secret::Secret;
use crate::storage::Tx;

/// Wrong answers after which a code is void.
pub(super) const TRIES: u32 = 10;

/// What a notice needs of chance.
#[derive(Clone)]
pub(super) struct Draws {
    /// The code.
    pub(super) code: Secret<String>,
    /// How long it is good for.
    pub(super) lifetime: Duration,
    /// What tells the message from all others.
    message_id: String,
    /// Whose outbox it is put into.
    engine: Arc<Engine>,
}

impl Draws {
    /// A code for `purpose`, such as the instance makes them.
    pub(super) fn of(call: &mut Call<'_>, purpose: Purpose) -> Result<Self, Error> {
        let form = secret_generators::of(call.tx, call.access, purpose)?.form;
        let entropy = call.engine.entropy.as_ref();
        let message_id = data_encoding::HEXLOWER.encode(&entropy.bytes::<16>());
        let engine = Arc::clone(call.engine);
        Ok(Self { code: form.draw(entropy), lifetime: form.expiry, message_id, engine })
    }
}

/// A code, and what is written around it.
pub(super) struct Notice<'a> {
    /// Whom it is for.
    pub(super) user: &'a User,
    /// How it travels.
    pub(super) channel: Channel,
    /// Where to.
    pub(super) to: &'a Secret<String>,
    /// The subject, where the channel has one.
    pub(super) subject: &'a str,
    /// What the code is good for: what stands behind "Use it to".
    pub(super) purpose: &'a str,
    /// The code, and the message's id.
    pub(super) draws: &'a Draws,
    /// A page that takes the code. It comes from the caller, and from nothing that was in a request's head.
    pub(super) link: Option<&'a str>,
}

/// Put a notice into the outbox.
///
/// # Errors
/// Where the cost guard refuses it: nothing of the job stays.
pub(super) fn send(tx: &mut dyn Tx, access: &Access, notice: &Notice<'_>) -> Result<(), Error> {
    let now = tx.now();
    let message = Message {
        id: notice.draws.message_id.clone(),
        channel: notice.channel,
        to: notice.to.clone(),
        subject: match notice.channel {
            Channel::Email => notice.subject.to_owned(),
            Channel::Sms => String::new(),
        },
        text: text(notice),
        code: notice.draws.code.clone(),
        entity: notice.user.entity.id.clone(),
        scope: notice.user.entity.scope.clone(),
        created_at: now,
        expires_at: now.plus(notice.draws.lifetime),
        attempts: 0,
        next_at: now,
    };
    let engine = &notice.draws.engine;
    match outbox::enqueue(tx, access, &engine.costs, &message)? {
        Enqueued::Queued => Ok(()),
        refused @ (Enqueued::OverBudget(_) | Enqueued::Forbidden(_)) => {
            outbox::announce(engine, refused, &message);
            Err(Error::too_often())
        }
    }
}

fn text(notice: &Notice<'_>) -> Secret<String> {
    let code = notice.draws.code.expose();
    let minutes = notice.draws.lifetime.as_secs().div_ceil(60);
    let good_for = match minutes {
        60 => "one hour".to_owned(),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    };
    let greeting = match notice.channel {
        Channel::Email => format!("Hello {},\n\n", notice.user.person.display_name()),
        Channel::Sms => String::new(),
    };
    let link = notice.link.map(|link| format!("\n\nOr open {link}")).unwrap_or_default();
    let text = format!("{greeting}Your code is {code}. Use it to {} within {good_for}.{link}", notice.purpose);
    Secret::new(text)
}
