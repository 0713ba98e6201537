//! Users of applications: entities, and what else is known of them. Whatever dialect made an entity, it is a user too.

use super::{Access, Error, entities, namespaces};
use crate::id::EntityId;
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::model::person::{Incarnation, Nature, Person};
use crate::model::revision::Revision;
use crate::storage::Tx;
use crate::storage::tables::people::{
    CODE_BY_ENTITY, CODES, PEOPLE, SESSION_BY_ENTITY, SESSIONS, code_entity_key, code_key, password_guard_key,
    person_key, session_entity_key,
};
use crate::storage::tables::{
    ENROLMENT_BY_ENTITY, ENROLMENTS, ENTITIES, ENTITY_ANYWHERE, GUARDS, enrolment_entity_key, enrolment_key,
    entity_anywhere_key, entity_key,
};

/// A user: an entity, and what is known of it.
#[derive(Clone)]
pub struct User {
    /// The entity.
    pub entity: Entity,
    /// What is known of it.
    pub person: Person,
}

/// Whether a user can do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They can.
    Active,
    /// They have been deactivated.
    Inactive,
    /// They are locked out.
    Locked,
}

impl User {
    /// Whether they can do anything.
    pub const fn state(&self) -> State {
        if self.entity.disabled {
            State::Inactive
        } else if self.person.locked_at.is_some() {
            State::Locked
        } else {
            State::Active
        }
    }

    /// What tells them from whoever may get their id after them.
    pub fn incarnation(&self) -> Incarnation {
        let Entity { id, scope, created_at, .. } = &self.entity;
        Incarnation { entity: id.clone(), scope: scope.clone(), made_at: *created_at }
    }

    /// Their id.
    pub const fn id(&self) -> &EntityId {
        &self.entity.id
    }
}

fn known(tx: &mut dyn Tx, access: &Access, entity: Entity) -> Result<Option<User>, Error> {
    // What lived in a deleted namespace is gone, though it may not be destroyed yet.
    if !namespaces::exists(tx, access, &entity.scope.id)? {
        return Ok(None);
    }
    let person = PEOPLE.get(tx, access, person_key(access, &entity.id))?;
    let person = person.unwrap_or_else(|| Person::plain(entity.id.clone(), &entity.name, entity.created_at));
    Ok(Some(User { entity, person }))
}

/// The user with this id, if they live within `bounds`.
pub fn find(tx: &mut dyn Tx, access: &Access, bounds: &Scope, id: &EntityId) -> Result<Option<User>, Error> {
    match ENTITIES.get(tx, access, entity_key(access, id))? {
        Some(entity) if bounds.contains(&entity.scope) => known(tx, access, entity),
        Some(_) | None => Ok(None),
    }
}

/// The same user as then, if they are still there.
pub fn again(tx: &mut dyn Tx, access: &Access, who: &Incarnation) -> Result<Option<User>, Error> {
    let found = find(tx, access, &who.scope, &who.entity)?;
    Ok(found.filter(|user| user.entity.created_at == who.made_at && user.entity.scope.id == who.scope.id))
}

/// The most namesakes that are looked at.
const MOST_NAMESAKES: usize = 100;

/// The user who logs in by this name, whatever the case: the one who lives `here`, else the only one within `bounds`.
pub fn by_login_name(
    tx: &mut dyn Tx,
    access: &Access,
    here: &Scope,
    bounds: &Scope,
    name: &str,
) -> Result<Option<User>, Error> {
    if let Some(entity) = entities::by_name(tx, access, &here.id, name)? {
        return known(tx, access, entity);
    }
    let mut found = namesakes(tx, access, bounds, name)?;
    // Of several nobody is meant.
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// All within `bounds` who log in by this name, whatever the case.
pub fn namesakes(tx: &mut dyn Tx, access: &Access, bounds: &Scope, name: &str) -> Result<Vec<User>, Error> {
    let key = entity_anywhere_key(access, name);
    let mut found = Vec::new();
    for entity in ENTITIES.find_some(tx, access, ENTITY_ANYWHERE, key, MOST_NAMESAKES)? {
        if bounds.contains(&entity.scope) {
            found.extend(known(tx, access, entity)?);
        }
    }
    Ok(found)
}

/// All users of `scope` itself, by id.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<User>, Error> {
    let mut users = Vec::new();
    for entity in entities::list(tx, access, scope)? {
        users.extend(known(tx, access, entity)?);
    }
    Ok(users)
}

/// All users of `scope` and of every namespace below it.
pub fn list_within(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<User>, Error> {
    let (mut users, mut scopes) = (Vec::new(), vec![scope.clone()]);
    while let Some(scope) = scopes.pop() {
        users.extend(list(tx, access, &scope)?);
        scopes.extend(namespaces::list(tx, access, &scope)?.into_iter().map(|namespace| namespace.scope));
    }
    Ok(users)
}

/// Who a new user is to be.
#[derive(Clone)]
pub struct Create {
    /// Where they live.
    pub scope: Scope,
    /// The id.
    pub id: EntityId,
    /// The name they log in by.
    pub name: String,
    /// What they are.
    pub nature: Nature,
}

/// What creating came to.
pub enum Created {
    /// A new user.
    Fresh(Box<User>),
    /// Somebody there has the name.
    NameTaken,
    /// Somebody has the id, here or elsewhere, or had it before being merged into another.
    IdTaken,
}

/// Make a user.
pub fn create(tx: &mut dyn Tx, access: &Access, command: &Create) -> Result<Created, Error> {
    if entities::spoken_for(tx, access, &command.id)?.is_some() {
        return Ok(Created::IdTaken);
    }
    if entities::by_name(tx, access, &command.scope.id, &command.name)?.is_some() {
        return Ok(Created::NameTaken);
    }
    let now = tx.now();
    let entity = Entity::new(command.id.clone(), command.scope.clone(), command.name.clone(), now);
    ENTITIES.put(tx, access, &entity)?;
    let person = Person {
        entity: command.id.clone(),
        nature: command.nature.clone(),
        locked_at: None,
        skipped_at: None,
        revision: Revision::first(now),
    };
    PEOPLE.put(tx, access, &person)?;
    Ok(Created::Fresh(Box::new(User { entity, person })))
}

/// Note that something about `user` has changed.
pub fn touch(tx: &mut dyn Tx, access: &Access, user: &mut User) -> Result<(), Error> {
    user.person.revision = user.person.revision.next(tx.now());
    Ok(PEOPLE.put(tx, access, &user.person)?)
}

/// Lock a user out.
pub fn lock(tx: &mut dyn Tx, access: &Access, user: &mut User) -> Result<(), Error> {
    user.person.locked_at = Some(tx.now());
    touch(tx, access, user)
}

/// Let a user in again, and forget all their wrong answers.
pub fn unlock(tx: &mut dyn Tx, access: &Access, user: &mut User) -> Result<(), Error> {
    user.person.locked_at = None;
    let id = user.entity.id.clone();
    for enrolment in ENROLMENTS.find_all(tx, access, ENROLMENT_BY_ENTITY, enrolment_entity_key(access, &id))? {
        GUARDS.delete(tx, enrolment_key(access, &id, &enrolment.method))?;
    }
    GUARDS.delete(tx, password_guard_key(access, &id))?;
    touch(tx, access, user)
}

/// Deactivate a user, or activate them again.
pub fn set_active(tx: &mut dyn Tx, access: &Access, user: &mut User, active: bool) -> Result<(), Error> {
    let command = entities::Write {
        scope: user.entity.scope.clone(),
        which: entities::Which::Id(user.entity.id.clone()),
        rename: None,
        metadata: None,
        policies: None,
        disabled: Some(!active),
        fresh_id: user.entity.id.clone(),
        fresh_name: String::new(),
    };
    entities::write(tx, access, &command)?;
    user.entity.disabled = !active;
    touch(tx, access, user)
}

/// Forget what is known of an entity that goes: its sessions end with it.
pub(super) fn forget(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<(), Error> {
    let now = tx.now();
    for code in CODES.find_all(tx, access, CODE_BY_ENTITY, code_entity_key(access, entity))? {
        CODES.delete(tx, code_key(access, entity, &code.purpose))?;
    }
    for session in SESSIONS.find_all(tx, access, SESSION_BY_ENTITY, session_entity_key(access, entity))? {
        SESSIONS.put(tx, access, &session.ended(now))?;
    }
    GUARDS.delete(tx, password_guard_key(access, entity))?;
    Ok(PEOPLE.delete(tx, person_key(access, entity))?)
}
