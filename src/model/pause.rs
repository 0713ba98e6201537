//! How long a wrong answer makes the next one wait: guessing is slow even where nothing is ever locked.

use std::time::Duration;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// Failures for each further step.
const STEP: u32 = 5;
/// The most steps.
const MOST: u32 = 10;

/// How long the answer to the `failures`th wrong answer in a row is held back, where a step is so long: one step after five failures, another
/// for each five more, ten at most.
pub fn after(failures: u32, step: Duration) -> Duration {
    let steps = match failures.checked_sub(FREE) {
        None => 0,
        Some(more) => more.checked_div(STEP).unwrap_or_default().saturating_add(1).min(MOST),
    };
    step.saturating_mul(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_after_five_failures_another_for_each_five_more_and_ten_at_most() {
        let secs = |failures| after(failures, Duration::from_secs(1)).as_secs();
        let cases = [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (14, 2), (15, 3), (49, 9), (50, 10), (99, 10)];
        for (failures, expected) in cases {
            assert_eq!(secs(failures), expected, "{failures}");
        }
        assert_eq!(secs(u32::MAX), 10);
    }
}
