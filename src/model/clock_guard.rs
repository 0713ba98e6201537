//! What the clock may not do: revive a code by going back.
//!
//! The server remembers the newest moment it ever worked at. A time step whose codes stopped being good more than [`GRACE`] before that moment is
//! refused, because the record that it was spent may be gone. So a clock stepped back revives nothing, and one stepped forward and
//! back heals by itself within minutes; after a wild jump an operator may accept the present time, from which on only younger steps are good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How far back the clock may be while codes are still accepted. Spent codes are remembered for at least as long.
pub const GRACE: Duration = Duration::from_mins(5);

/// What is known of time past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ClockGuard {
    /// The newest moment the server ever worked at.
    pub newest: Timestamp,
    /// No step that began before this moment is good: set when an operator accepts the present time.
    pub floor: Timestamp,
}

impl ClockGuard {
    /// Whether codes that are good from `start` until `end` may still be judged. If not, the clock is behind.
    pub fn admits(&self, start: Timestamp, end: Timestamp) -> bool {
        end.plus(GRACE) >= self.newest && start >= self.floor
    }

    /// What is known after having worked at `now`.
    #[must_use]
    pub fn after(self, now: Timestamp) -> Self {
        Self { newest: self.newest.max(now), ..self }
    }

    /// What is known after an operator has declared `now` to be the present, whatever was seen before.
    pub const fn accepting(now: Timestamp) -> Self {
        Self { newest: now, floor: now }
    }

    /// Records of steps whose codes stopped being good before this moment may go.
    pub fn forgettable_before(&self) -> Timestamp {
        self.newest.minus(GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(10_000 + secs)
    }

    #[test]
    fn what_may_be_forgotten_is_never_admitted() {
        let guard = ClockGuard { newest: at(1_000), floor: Timestamp::EPOCH };
        for end in 0..2_000 {
            let forgettable = at(end) < guard.forgettable_before();
            assert_eq!(guard.admits(at(0), at(end)), !forgettable, "{end}");
        }
    }

    #[test]
    fn a_clock_an_hour_behind_is_refused_and_heals_when_it_catches_up() {
        let guard = ClockGuard::default().after(at(3_600)).after(at(0));
        assert!(!guard.admits(at(0), at(60)));
        assert!(guard.admits(at(3_300), at(3_360)));
    }

    #[test]
    fn after_accepting_the_present_only_younger_steps_are_good() {
        let guard = ClockGuard::accepting(at(100));
        assert!(!guard.admits(at(90), at(150)));
        assert!(guard.admits(at(120), at(180)));
    }
}
