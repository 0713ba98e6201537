//! When authenticators of time-based codes were last used: noted in memory, and written down a few at a time.
//!
//! A validation must not rewrite the enrolment that it reads. So what is told of the last use is approximate: it may be some minutes old, and what
//! was noted and not yet written is lost with the process. Nothing is decided by it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Duration;

use super::{Access, Error};
use crate::id::BlindKey;
use crate::storage::Tx;
use crate::storage::tables::ENROLMENTS;
use crate::time::Timestamp;

/// The most authenticators that are noted at once; those beyond are not.
const MOST: usize = 4_096;
/// How many are written down in one round.
pub const BATCH: usize = 64;
/// What was written down this recently is not written down again.
const GRAIN: Duration = Duration::from_mins(10);

/// An authenticator that was used: what its enrolment is called, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Used {
    /// What the enrolment is called.
    pub enrolment: BlindKey,
    /// The authenticator's number in it.
    pub number: u32,
}

/// What was used since it was last written down.
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<Used, Timestamp>>);

impl Uses {
    /// Note a use. Whoever validates does not wait for it.
    pub fn note(&self, used: Used, now: Timestamp) {
        let mut noted = match self.0.try_lock() {
            Ok(noted) => noted,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if noted.len() < MOST || noted.contains_key(&used) {
            noted.insert(used, now);
        }
    }

    /// Note several uses.
    pub fn note_all(&self, used: &[Used], now: Timestamp) {
        for used in used {
            self.note(*used, now);
        }
    }

    /// When it was last noted, if that is not written down yet.
    pub fn noted(&self, used: Used) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&used).copied()
    }

    /// Take a few to be written down.
    pub fn take(&self) -> Vec<(Used, Timestamp)> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: Vec<(Used, Timestamp)> = noted.iter().take(BATCH).map(|(used, at)| (*used, *at)).collect();
        for (used, _) in &taken {
            noted.remove(used);
        }
        taken
    }
}

/// Write down when authenticators were last used, where that was not written down a moment ago.
pub fn write_down(tx: &mut dyn Tx, access: &Access, uses: &[(Used, Timestamp)]) -> Result<(), Error> {
    for (used, at) in uses {
        let Some(mut enrolment) = ENROLMENTS.get(tx, access, used.enrolment)? else { continue };
        let Some(bound) = enrolment.authenticator_mut(used.number) else { continue };
        let is_fresh = bound.last_used_at.is_some_and(|written| *at < written.plus(GRAIN));
        if !is_fresh {
            bound.last_used_at = Some(*at);
            ENROLMENTS.put(tx, access, &enrolment)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(n: u32) -> Used {
        Used { enrolment: BlindKey::from([0; 16]), number: n }
    }

    #[test]
    fn no_more_is_noted_than_there_is_room_for() {
        let uses = Uses::default();
        for n in 0..10_000 {
            uses.note(used(n), Timestamp::EPOCH);
        }
        uses.note(used(1), Timestamp::from_secs(5));
        assert_eq!(uses.noted(used(1)), Some(Timestamp::from_secs(5)));
        assert_eq!(uses.noted(used(9_999)), None);
        let mut taken = 0;
        while !uses.take().is_empty() {
            taken += 1;
        }
        assert_eq!(taken, MOST / BATCH);
    }
}
