//! The outbox: messages are stored in the job that makes them, and sent after its commit. A crash between the two loses none.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::costs::{self, Judgement};
use super::{Access, Engine, Error, sending};
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
    let message = match message.channel {
        Channel::Email => message.clone(),
        Channel::Sms => match costs::count(tx, access, costs, message)? {
            Judgement::Counted(number) => Message { to: Secret::new(number.dialled), ..message.clone() },
            Judgement::OverBudget(budget) => return Ok(Enqueued::OverBudget(budget)),
            Judgement::Forbidden(why) => return Ok(Enqueued::Forbidden(why)),
        },
    };
    MESSAGES.put(tx, access, &message)?;
    sending::schedule(tx, access, &message)?;
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
        target: "audit",
        event = "message.refused",
        refusal,
        why,
        channel = message.channel.as_str(),
        message_id = message.id,
        entity = message.entity.as_str(),
        namespace = message.scope.id.as_str(),
        "a text message was refused by the cost guard"
    );
}

/// Wakes whoever sends, when there is something to send.
#[derive(Debug, Default)]
pub struct Bell {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_rung: bool,
    is_closed: bool,
}

impl Bell {
    /// There may be something to send: wake one of those who wait.
    pub fn ring(&self) {
        self.state().is_rung = true;
        self.woken.notify_one();
    }

    /// Nobody sends any more: wake all, now and whenever they wait.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.woken.notify_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Wait until it is rung or closed, but no longer than this. Says whether it was rung.
    pub fn wait(&self, longest: Duration) -> bool {
        let idle = |state: &mut State| !state.is_rung && !state.is_closed;
        let waited = self.woken.wait_timeout_while(self.state(), longest, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.is_rung)
    }

    /// Wait so long whether it is rung or not, unless it is closed.
    pub fn pause(&self, span: Duration) {
        drop(self.woken.wait_timeout_while(self.state(), span, |state| !state.is_closed));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
