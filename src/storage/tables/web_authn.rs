//! What WebAuthn adds to the catalogue: registrations that wait for their answer.

use crate::id::{BlindKey, EntityId, MethodId};
use crate::model::registration::Registration;
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Index, Schema};
use crate::time::Timestamp;

/// Registrations that wait for their answer.
pub const REGISTRATIONS: Table<Registration> = Table::new();
pub(super) static REGISTRATION: Schema = Schema {
    name: "registration",
    indexes: &[Index { name: "enrolment", unique: false }],
    expiry: Expiry::Column,
    marked: false,
};
/// The index of registrations by what they are to become part of.
pub const REGISTRATION_BY_ENROLMENT: usize = 0;

/// What the registration with this id is called.
pub fn registration_key(access: &Access, id: &str) -> BlindKey {
    access.blind("registration", &[id])
}

/// What the registration under `method` that belongs to the login in the record `login` is called.
pub fn registration_login_key(access: &Access, login: BlindKey, method: &MethodId) -> BlindKey {
    access.blind("registration.login", &[&data_encoding::HEXLOWER.encode(login.as_ref()), method.as_str()])
}

/// The key of an entity and a method in [`REGISTRATION_BY_ENROLMENT`].
pub fn registration_enrolment_key(access: &Access, entity: &EntityId, method: &MethodId) -> BlindKey {
    access.blind("registration.enrolment", &[entity.as_str(), method.as_str()])
}

/// The key of a credential among those of all entities: no two of one relying party have the same id.
pub fn credential_key(access: &Access, rp_id: &str, id: &[u8]) -> BlindKey {
    access.blind("enrolment.credential", &[rp_id, &data_encoding::HEXLOWER.encode(id)])
}

impl Stored for Registration {
    const SCHEMA: &'static Schema = &REGISTRATION;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![(REGISTRATION_BY_ENROLMENT, registration_enrolment_key(access, &self.entity, &self.method))]
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}
