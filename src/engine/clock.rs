//! What is remembered of time past, so that a clock set back revives no code.
//!
//! The newest moment lives in memory and is written down by a slow [`TICK`], not by each job. Spent steps are forgotten by what is
//! *written*, so a crash between two ticks loses nothing that a replay could use.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Access, Error};
use crate::model::clock_guard::ClockGuard;
use crate::storage::Tx;
use crate::storage::tables::{CLOCKS, clock_key};
use crate::time::Timestamp;

/// How often what is known of time is written down, at most.
pub const TICK: Duration = Duration::from_secs(5);

/// The [`ClockGuard`] as it stands now, shared by all requests.
#[derive(Debug, Default)]
pub struct SharedClock(Mutex<Known>);

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    now: ClockGuard,
    written: ClockGuard,
}

impl SharedClock {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note that the server works at `now`; gives back what is known of time with it.
    pub fn observe(&self, now: Timestamp) -> ClockGuard {
        let mut known = self.lock();
        known.now = known.now.after(now);
        known.now
    }

    /// What is known and not yet written down, if anything.
    pub fn unwritten(&self) -> Option<ClockGuard> {
        let known = self.lock();
        (known.now != known.written).then_some(known.now)
    }

    /// Note that `written` is written down. It is also what is known, where nothing newer is.
    pub fn was_written(&self, written: ClockGuard) {
        let mut known = self.lock();
        known.written = written;
        known.now.floor = known.now.floor.max(written.floor);
        known.now = known.now.after(written.newest);
    }

    /// Take the present for `accepted`, whatever was seen before; it must have been written down.
    pub fn accept(&self, accepted: ClockGuard) {
        *self.lock() = Known { now: accepted, written: accepted };
    }

    /// Steps whose codes stopped being good before this moment may be forgotten.
    pub fn forgettable_before(&self) -> Timestamp {
        self.lock().written.forgettable_before()
    }
}

/// What this store remembers of time past.
pub fn recall(tx: &mut dyn Tx, access: &Access) -> Result<ClockGuard, Error> {
    Ok(CLOCKS.get(tx, access, clock_key(access))?.unwrap_or_default())
}

/// Write down what is known.
pub fn remember(tx: &mut dyn Tx, access: &Access, known: ClockGuard) -> Result<(), Error> {
    Ok(CLOCKS.put(tx, access, &known)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spent_steps_are_forgotten_by_what_is_written_not_by_what_is_known() {
        let clock = SharedClock::default();
        clock.observe(Timestamp::from_secs(10_000));
        assert_eq!(clock.forgettable_before(), Timestamp::EPOCH);
        clock.was_written(clock.unwritten().unwrap());
        assert_eq!(clock.forgettable_before(), Timestamp::from_secs(9_700));
        assert!(clock.unwritten().is_none());
    }

    #[test]
    fn the_newest_moment_never_goes_back() {
        let clock = SharedClock::default();
        clock.observe(Timestamp::from_secs(10_000));
        assert_eq!(clock.observe(Timestamp::from_secs(400)).newest, Timestamp::from_secs(10_000));
    }
}
