//! The writer: one thread that takes waiting jobs together, so that one commit serves them all.
//!
//! It knows nothing of databases: how a batch is carried out is its owner's business.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{Error, Job};
use crate::time::Timestamp;

/// The most jobs that share one commit. Beyond it the first in line would wait too long for the last.
const BATCH: usize = 512;

/// A job and the moment it runs at.
pub(super) struct Waiting {
    pub(super) now: Timestamp,
    pub(super) job: Box<dyn Job>,
}

/// A bounded queue of jobs and the thread that works it off. Dropped, it finishes what waits and then ends.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Waiting>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// A writer that lets at most `capacity` jobs wait and hands them to `carry_out` in batches, oldest first.
    ///
    /// # Errors
    /// [`Error::Backend`] when the system gives no thread.
    pub(super) fn start(
        capacity: usize,
        mut carry_out: impl FnMut(Vec<Waiting>) + Send + 'static,
    ) -> Result<Self, Error> {
        let (queue, jobs) = sync_channel(capacity);
        let work = move || {
            while let Some(batch) = next_batch(&jobs) {
                carry_out(batch);
            }
        };
        let thread = std::thread::Builder::new().name("writer".into()).spawn(work);
        let thread = thread.map_err(|error| Error::Backend(error.into()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Some(thread) })
    }

    /// Let `waiting` wait its turn, or tell it at once that it cannot.
    pub(super) fn submit(&self, waiting: Waiting) {
        let refused = match self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(queue) => queue.try_send(waiting).err(),
            None => Some(TrySendError::Disconnected(waiting)),
        };
        match refused {
            None => {}
            Some(TrySendError::Full(waiting)) => waiting.job.finish(Err(Error::Busy)),
            Some(TrySendError::Disconnected(waiting)) => waiting.job.finish(Err(Error::Stopped)),
        }
    }

    /// Take no more jobs, finish those that wait, and return when all is done.
    pub(super) fn stop(&mut self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; had it panicked, those that waited have been told by their dropped jobs.
            drop(thread.join());
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The job that waited longest and those right behind it; `None` when there will be no more.
fn next_batch(jobs: &Receiver<Waiting>) -> Option<Vec<Waiting>> {
    let first = jobs.recv().ok()?;
    let mut batch = vec![first];
    batch.extend(jobs.try_iter().take(BATCH - 1));
    Some(batch)
}
