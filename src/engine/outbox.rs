//! The outbox: messages are stored in the job that makes them, and sent after its commit. A crash between the two loses none.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{Access, Error};
use crate::model::message::Message;
use crate::storage::Tx;
use crate::storage::tables::MESSAGES;

/// Put a message into the outbox. It is sent some time after the job is committed; ring the [`Bell`] then.
pub fn enqueue(tx: &mut dyn Tx, access: &Access, message: &Message) -> Result<(), Error> {
    Ok(MESSAGES.put(tx, access, message)?)
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
