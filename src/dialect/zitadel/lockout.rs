//! When wrong answers are too many: the policy says, and locks the user in the very job that counts the last one.

use super::error::Error;
use crate::engine::people::{self, State, User};
use crate::engine::{Access, lockout_policy};
use crate::model::guard::Limits as Guarding;
use crate::model::lockout_policy::Limits;
use crate::model::method::FAILURE_CEILING;
use crate::storage::Tx;

/// What was answered wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// A password.
    Password,
    /// A code of some second factor.
    Code,
}

/// How much guessing is let through to be counted: all of it, up to the engine's own ceiling. What shuts somebody out is the lock.
pub(super) const COUNTED: Guarding =
    Guarding { attempts: u32::MAX, window: std::time::Duration::from_secs(30), ceiling: FAILURE_CEILING };

/// Lock `user` if so many `failures` in a row are too many.
///
/// DEVIATION: where the policy never locks, the engine's ceiling of 100 does (NIST SP 800-63B, section 5.2.2); `lockout::a_hundred_failures_lock`
/// shows it.
pub(super) fn lock_if_due(
    tx: &mut dyn Tx,
    access: &Access,
    user: &mut User,
    answered: Answered,
    failures: u32,
) -> Result<(), Error> {
    let limits = lockout_policy::of(tx, access, &user.entity.scope)?.limits;
    let most = match answered {
        Answered::Password => limits.max_password_attempts,
        Answered::Code => limits.max_otp_attempts,
    };
    let is_due = Limits::is_reached(most, failures.into()) || failures >= FAILURE_CEILING;
    if is_due && user.state() != State::Locked {
        people::lock(tx, access, user)?;
    }
    Ok(())
}
