//! Verification codes on their way to somebody: what they look like, and what is written around them.

use std::time::Duration;

use super::super::error::Error;
use crate::engine::people::User;
use crate::engine::{Access, Engine, outbox};
use crate::model::contact::Channel;
use crate::model::message::Message;
use crate::secret::Secret;
use crate::storage::Tx;

/// How long a verification code is good for.
pub(super) const LIFETIME: Duration = Duration::from_hours(1);
/// Wrong answers after which it is void.
pub(super) const TRIES: u32 = 10;

/// What a notice needs of chance.
#[derive(Clone)]
pub(in crate::dialect::zitadel) struct Draws {
    /// The code.
    pub(in crate::dialect::zitadel) code: Secret<String>,
    /// What tells the message from all others.
    pub(in crate::dialect::zitadel) message_id: String,
}

impl Draws {
    /// Six letters and digits.
    pub(in crate::dialect::zitadel) fn short(engine: &Engine) -> Self {
        Self::of(engine, 6, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    }

    /// So many characters of `alphabet`.
    pub(in crate::dialect::zitadel) fn of(engine: &Engine, length: usize, alphabet: &[u8]) -> Self {
        let code = Secret::new(engine.entropy.text(length, alphabet));
        Self { code, message_id: data_encoding::HEXLOWER.encode(&engine.entropy.bytes::<16>()) }
    }
}

/// A code, and what is written around it.
pub(in crate::dialect::zitadel) struct Notice<'a> {
    /// Whom it is for.
    pub(in crate::dialect::zitadel) user: &'a User,
    /// How it travels.
    pub(in crate::dialect::zitadel) channel: Channel,
    /// Where to.
    pub(in crate::dialect::zitadel) to: &'a Secret<String>,
    /// The subject, where the channel has one.
    pub(in crate::dialect::zitadel) subject: &'a str,
    /// What the code is good for: what stands behind "Use it to".
    pub(in crate::dialect::zitadel) purpose: &'a str,
    /// The code, and the message's id.
    pub(in crate::dialect::zitadel) draws: &'a Draws,
    /// How long it is good for.
    pub(in crate::dialect::zitadel) lifetime: Duration,
    /// A page that takes the code. It comes from the caller, and from nothing that was in a request's head.
    pub(in crate::dialect::zitadel) link: Option<&'a str>,
}

/// Put a notice into the outbox.
pub(in crate::dialect::zitadel) fn send(tx: &mut dyn Tx, access: &Access, notice: &Notice<'_>) -> Result<(), Error> {
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
        expires_at: now.plus(notice.lifetime),
        attempts: 0,
        next_at: now,
    };
    Ok(outbox::enqueue(tx, access, &message)?)
}

fn text(notice: &Notice<'_>) -> Secret<String> {
    let code = notice.draws.code.expose();
    let minutes = notice.lifetime.as_secs() / 60;
    let good_for = if minutes == 60 { "one hour".to_owned() } else { format!("{minutes} minutes") };
    let mut text = match notice.channel {
        Channel::Email => format!("Hello {},\n\n", notice.user.person.display_name()),
        Channel::Sms => String::new(),
    };
    text += &format!("Your code is {code}. Use it to {} within {good_for}.", notice.purpose);
    if let Some(link) = notice.link {
        text += &format!("\n\nOr open {link}");
    }
    Secret::new(text)
}
