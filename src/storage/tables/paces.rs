//! Paces: when another code may be sent to somebody.

use serde::{Deserialize, Serialize};

use crate::id::BlindKey;
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Schema};
use crate::time::Timestamp;

/// Paces.
pub const PACES: Table<Pace> = Table::new();
/// The paces' records.
pub static PACE: Schema = Schema { name: "pace", indexes: &[], expiry: Expiry::Column, marked: false };

/// A pause between two codes. It is over when the record is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pace {
    /// Who asks for codes, for whom and under which method.
    pub key: BlindKey,
    /// When another may be sent.
    pub ends_at: Timestamp,
}

impl Stored for Pace {
    const SCHEMA: &'static Schema = &PACE;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.ends_at)
    }
}
