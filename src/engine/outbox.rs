//! The outbox: messages are stored in the job that makes them, and sent after its commit. A crash between the two loses none.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::costs::{self, Judgement};
use super::{Access, Engine, Error};
use crate::model::contact::Channel;
use crate::model::costs::{Budget, Costs, Forbidden};
use crate::model::message::Message;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::MESSAGES;

/// What became of a message that was to be put into the outbox. Tell it to [`announce`] once the job is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Enqueued {
    /// It will be sent.
    Queued,
    /// It would cost more than may be spent. Nothing was stored or counted.
    OverBudget(Budget),
    /// Nothing may be sent to this number. Nothing was stored or counted.
    Forbidden(Forbidden),
}

/// Put a message into the outbox, unless it is a text message that the cost guard refuses. It is sent some time after the job is committed.
pub fn enqueue(tx: &mut dyn Tx, access: &Access, costs: &Costs, message: &Message) -> Result<Enqueued, Error> {
    match message.channel {
        Channel::Email => MESSAGES.put(tx, access, message)?,
        Channel::Sms => match costs::count(tx, access, costs, message)? {
            Judgement::Counted(number) => {
                MESSAGES.put(tx, access, &Message { to: Secret::new(number.dialled), ..message.clone() })?;
            }
            Judgement::OverBudget(budget) => return Ok(Enqueued::OverBudget(budget)),
            Judgement::Forbidden(why) => return Ok(Enqueued::Forbidden(why)),
        },
    }
    Ok(Enqueued::Queued)
}

/// After the commit of the job that enqueued `message`: wake whoever sends, or say in the log what was refused, and for whom. The log never has
/// the number.
pub fn announce(engine: &Engine, enqueued: Enqueued, message: &Message) {
    let (refusal, why) = match enqueued {
        Enqueued::Queued => return engine.bell.ring(),
        Enqueued::OverBudget(budget) => ("over budget", budget.as_str()),
        Enqueued::Forbidden(forbidden) => ("forbidden", forbidden.as_str()),
    };
    tracing::warn!(
        target: "countersign::audit",
        event = "message.refused",
        refusal,
        why,
        channel = message.channel.as_str(),
        message = message.id,
        entity = message.entity.as_str(),
        namespace = message.scope.id.as_str(),
        "a text message was refused by the cost guard"
    );
}

/// Wakes whoever sends, when there is something to send.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    woken: Condvar,
}

impl Bell {
    /// There may be something to send.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_all();
    }

    /// Wait until it is rung, but no longer than this. Says whether it was.
    pub fn wait(&self, longest: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.woken.wait_timeout_while(rung, longest, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut rung)
    }
}
