//! What text messages have cost of late.

use crate::id::BlindKey;
use crate::model::costs::{Budget, Tally};
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Schema};
use crate::time::Timestamp;

/// How many messages went on each budget.
pub const TALLIES: Table<Tally> = Table::new();
pub(super) static TALLY: Schema = Schema { name: "cost_tally", indexes: &[], expiry: Expiry::Column, marked: false };

/// What the tally of `whom` on this budget is called.
pub fn tally_key(access: &Access, budget: Budget, whom: &str) -> BlindKey {
    access.blind("cost_tally", &[budget.as_str(), whom])
}

impl Stored for Tally {
    const SCHEMA: &'static Schema = &TALLY;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at())
    }
}
