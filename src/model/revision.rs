//! Revisions: how often a noun has been changed, and when.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How often something has been changed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// How often, its making counted: 1 upwards.
    pub sequence: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

impl Revision {
    /// Of something made at `now`.
    pub const fn first(now: Timestamp) -> Self {
        Self { sequence: 1, created_at: now, changed_at: now }
    }

    /// Of the same, changed once more at `now`.
    #[must_use]
    pub const fn next(self, now: Timestamp) -> Self {
        Self { sequence: self.sequence.saturating_add(1), changed_at: now, ..self }
    }
}
