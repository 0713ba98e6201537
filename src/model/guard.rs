//! The guard: how often somebody may guess at one authenticator (NIST SP 800-63B, section 5.2.2).
//!
//! Two limits. A *window* of so many attempts, which then stays shut until it ends; and a *ceiling* of consecutive failures over all windows,
//! after which the authenticator is disabled: five guesses every 30 seconds for ever would be a 4 % chance a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How much guessing is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts in one window.
    pub attempts: u32,
    /// How long a window lasts from its first attempt.
    pub window: Duration,
    /// Consecutive failures after which the authenticator is disabled.
    pub ceiling: u32,
}

impl Limits {
    /// For what is not typed from a clock: so many wrong answers in five minutes.
    pub const fn of_rare(attempts: u32) -> Self {
        Self { attempts, window: Duration::from_mins(5), ceiling: super::method::FAILURE_CEILING }
    }
}

/// The failures of one authenticator. There is no guard where there were none since the last success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Attempts in the present window, refused ones included.
    pub attempts: u32,
    /// When the present window began.
    pub window_started_at: Timestamp,
    /// Wrong answers since the last success, over all windows.
    pub consecutive_failures: u32,
    /// Until when it is shut: a dialect with a longer window than another's shuts it for that one too.
    pub shut_until: Option<Timestamp>,
}

/// What the guard makes of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It may count: the answer is right.
    Passed,
    /// The answer is wrong, and counted.
    Failed,
    /// The window is shut: refused whatever the answer.
    Shut {
        /// Attempts in this window, this one included.
        attempts: u32,
        /// How long until it opens.
        opens_in: Duration,
    },
    /// Too many failures in a row: refused until an administrator unlocks it or the authenticator is bound anew.
    Disabled,
}

impl Guard {
    /// A guard that has seen nothing, for a window that begins now.
    pub const fn unused(now: Timestamp) -> Self {
        Self { attempts: 0, window_started_at: now, consecutive_failures: 0, shut_until: None }
    }

    /// Count one attempt and judge it. After [`Judgement::Passed`] the guard is to be forgotten, otherwise kept.
    pub fn judge(&mut self, limits: &Limits, right: bool, now: Timestamp) -> Judgement {
        if self.consecutive_failures >= limits.ceiling {
            return Judgement::Disabled;
        }
        // A clock that was set back would leave a window open, or shut, until it caught up.
        if now < self.window_started_at {
            self.window_started_at = now;
            self.shut_until = None;
        }
        let shut_until = self.shut_until.filter(|end| now < *end);
        if shut_until.is_none() && now.since(self.window_started_at) >= limits.window {
            self.window_started_at = now;
            self.attempts = 0;
        }
        self.attempts = self.attempts.saturating_add(1);
        if shut_until.is_some() || self.attempts > limits.attempts {
            let end = shut_until.unwrap_or_else(|| self.window_started_at.plus(limits.window));
            self.shut_until = Some(end);
            return Judgement::Shut { attempts: self.attempts, opens_in: end.since(now) };
        }
        self.shut_until = None;
        if right {
            return Judgement::Passed;
        }
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        Judgement::Failed
    }

    /// Whether the ceiling has been reached.
    pub const fn is_disabled(&self, limits: &Limits) -> bool {
        self.consecutive_failures >= limits.ceiling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { attempts: 3, window: Duration::from_secs(30), ceiling: 10 };
    const START: Timestamp = Timestamp::from_secs(1_000_000);

    fn at(secs: u64) -> Timestamp {
        START.plus(Duration::from_secs(secs))
    }

    #[test]
    fn a_window_shuts_after_its_attempts_and_opens_when_it_ends() {
        let mut guard = Guard::unused(START);
        for second in 0..3 {
            assert_eq!(guard.judge(&LIMITS, false, at(second)), Judgement::Failed);
        }
        let shut = |attempts, secs| Judgement::Shut { attempts, opens_in: Duration::from_secs(secs) };
        assert_eq!(guard.judge(&LIMITS, true, at(10)), shut(4, 20));
        assert_eq!(guard.judge(&LIMITS, true, at(29)), shut(5, 1));
        assert_eq!(guard.judge(&LIMITS, true, at(30)), Judgement::Passed);
    }

    #[test]
    fn attempts_at_a_shut_window_neither_prolong_it_nor_count_as_failures() {
        let mut guard = Guard::unused(START);
        for second in 0..20 {
            guard.judge(&LIMITS, false, at(second));
        }
        assert_eq!(guard.consecutive_failures, 3);
        assert_eq!(guard.judge(&LIMITS, false, at(30)), Judgement::Failed);
    }

    #[test]
    fn the_ceiling_disables_for_good_whatever_the_answer() {
        let mut guard = Guard::unused(START);
        let failures = (0..10_000).filter(|n| guard.judge(&LIMITS, false, at(n * 31)) == Judgement::Failed).count();
        assert_eq!(failures, 10);
        assert!(guard.is_disabled(&LIMITS));
        assert_eq!(guard.judge(&LIMITS, true, at(1_000_000)), Judgement::Disabled);
    }

    #[test]
    fn a_clock_set_back_neither_opens_a_shut_window_nor_shuts_it_for_years() {
        let mut guard = Guard::unused(at(1_000_000));
        for _ in 0..3 {
            guard.judge(&LIMITS, false, at(1_000_000));
        }
        assert!(matches!(guard.judge(&LIMITS, true, at(0)), Judgement::Shut { .. }));
        assert_eq!(guard.judge(&LIMITS, true, at(30)), Judgement::Passed);
    }

    #[test]
    fn a_window_that_one_dialect_shut_is_shut_for_one_with_shorter_windows() {
        let long = Limits { window: Duration::from_mins(5), ..LIMITS };
        let mut guard = Guard::unused(START);
        for _ in 0..4 {
            guard.judge(&long, false, START);
        }
        assert!(
            matches!(guard.judge(&LIMITS, true, at(299)), Judgement::Shut { opens_in, .. } if opens_in.as_secs() == 1)
        );
        assert_eq!(guard.judge(&LIMITS, true, at(300)), Judgement::Passed);
    }

    proptest::proptest! {
        #[test]
        fn no_window_ever_evaluates_more_than_its_attempts(gaps in proptest::collection::vec(0_u64..40, 1..200)) {
            let limits = Limits { ceiling: u32::MAX, ..LIMITS };
            let mut guard = Guard::unused(START);
            let (mut now, mut evaluated) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if guard.judge(&limits, false, at(now)) == Judgement::Failed {
                    evaluated.push(now);
                }
            }
            // Fixed windows: at most two windows' worth in any span of one window.
            for (n, first) in evaluated.iter().enumerate() {
                let within = evaluated.iter().skip(n).take_while(|t| **t < first + 30).count();
                proptest::prop_assert!(within <= 6);
            }
        }
    }
}
