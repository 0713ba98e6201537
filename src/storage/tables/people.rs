//! Users, their verification codes and their sessions.

use super::super::table::{Access, Stored, Table};
use super::super::{Expiry, Index, Schema};
use crate::id::{BlindKey, EntityId, NamespaceId};
use crate::model::code::{Code, Purpose};
use crate::model::person::Person;
use crate::model::session::Session;
use crate::time::Timestamp;

/// What is known of users, one record for each entity of which anything is.
pub const PEOPLE: Table<Person> = Table::new();
pub(super) static PERSON: Schema = Schema { name: "person", indexes: &[], expiry: Expiry::Never, marked: false };

/// What the record of `entity` is called.
pub fn person_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("person", &[entity.as_str()])
}

/// What the guard of the password of `entity` is called.
pub fn password_guard_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("guard.password", &[entity.as_str()])
}

/// What the guard of what `entity` registers under `method` is called, until it is confirmed.
pub fn registration_guard_key(access: &Access, entity: &EntityId, method: &str) -> BlindKey {
    access.blind("guard.registration", &[entity.as_str(), method])
}

impl Stored for Person {
    const SCHEMA: &'static Schema = &PERSON;

    fn key(&self, access: &Access) -> BlindKey {
        person_key(access, &self.entity)
    }
}

/// Verification codes.
pub const CODES: Table<Code> = Table::new();
pub(super) static CODE: Schema =
    Schema { name: "code", indexes: &[Index { name: "entity", unique: false }], expiry: Expiry::Never, marked: false };

/// The index of codes by whose they are.
pub const CODE_BY_ENTITY: usize = 0;

/// What the code of `entity` for `purpose` is called.
pub fn code_key(access: &Access, entity: &EntityId, purpose: &Purpose) -> BlindKey {
    let [kind, which] = purpose.words();
    access.blind("code", &[entity.as_str(), kind, which])
}

/// The key under which the codes of `entity` are.
pub fn code_entity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("code.entity", &[entity.as_str()])
}

impl Stored for Code {
    const SCHEMA: &'static Schema = &CODE;

    fn key(&self, access: &Access) -> BlindKey {
        code_key(access, &self.entity, &self.purpose)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![(CODE_BY_ENTITY, code_entity_key(access, &self.entity))]
    }
}

/// Sessions.
pub const SESSIONS: Table<Session> = Table::new();
pub(super) static SESSION: Schema = Schema {
    name: "login_session",
    indexes: &[
        Index { name: "token", unique: true },
        Index { name: "entity", unique: false },
        Index { name: "namespace", unique: false },
    ],
    expiry: Expiry::Column,
    marked: false,
};

/// The index of sessions by their current token.
pub const SESSION_BY_TOKEN: usize = 0;
/// The index of sessions by who they are about.
pub const SESSION_BY_ENTITY: usize = 1;
/// The index of sessions by whose organisation they were made in.
pub const SESSION_BY_NAMESPACE: usize = 2;

/// What the session `id` is called.
pub fn session_key(access: &Access, id: &str) -> BlindKey {
    access.blind("session", &[id])
}

/// The keyed hash of a session's token.
pub fn session_token_key(access: &Access, token: &str) -> BlindKey {
    access.blind("session.token", &[token])
}

/// The key under which the sessions about `entity` are.
pub fn session_entity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("session.entity", &[entity.as_str()])
}

/// The key under which the sessions of `namespace` are.
pub fn session_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("session.namespace", &[namespace.as_str()])
}

impl Stored for Session {
    const SCHEMA: &'static Schema = &SESSION;

    fn key(&self, access: &Access) -> BlindKey {
        session_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        if self.ended_at.is_some() {
            return Vec::new();
        }
        let mut entries =
            vec![(SESSION_BY_TOKEN, self.token), (SESSION_BY_NAMESPACE, session_namespace_key(access, &self.scope.id))];
        if let Some(user) = &self.factors.user {
            entries.push((SESSION_BY_ENTITY, session_entity_key(access, &user.who.entity)));
        }
        entries
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.forgotten_at()
    }
}
