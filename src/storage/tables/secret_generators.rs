//! The table of secret generators: one record for each purpose that somebody has changed.

use crate::id::BlindKey;
use crate::model::secret_generator::{Purpose, SecretGenerator};
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Schema};

/// Secret generators.
pub const SECRET_GENERATORS: Table<SecretGenerator> = Table::new();
pub(super) static SECRET_GENERATOR: Schema =
    Schema { name: "secret_generator", indexes: &[], expiry: Expiry::Never, marked: true };

/// What the generator for `purpose` is called.
pub fn secret_generator_key(access: &Access, purpose: Purpose) -> BlindKey {
    access.blind("secret_generator", &[purpose.name()])
}

impl Stored for SecretGenerator {
    const SCHEMA: &'static Schema = &SECRET_GENERATOR;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        secret_generator_key(access, self.purpose)
    }
}
