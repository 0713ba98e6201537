//! Logins: what follows a first factor that was proven. The entity is found or made, and then gets a token.

use std::collections::BTreeMap;

use super::tokens::{self, Created, FreshToken};
use super::{Access, Error, entities};
use crate::entropy::Entropy;
use crate::id::{Accessor, AliasId, EntityId};
use crate::model::alias::Alias;
use crate::model::entity::Entity;
use crate::model::login::Login;
use crate::model::mount::{Mount, TokenSettings};
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{ALIAS_BY_NAME, ALIASES, ENTITIES, alias_name_key, entity_key};

/// A first factor that has been proven in a mount.
#[derive(Clone)]
pub struct FirstFactor {
    /// The mount.
    pub mount: Mount,
    /// What the caller is called there: the alias's name.
    pub name: String,
    /// The request path.
    pub path: String,
    /// What the token is called in listings.
    pub display_name: String,
    /// What the mount notes on the token.
    pub metadata: BTreeMap<String, String>,
    /// What the user's or role's record says about the token.
    pub token: TokenSettings,
    /// What a login draws from chance.
    pub fresh: Fresh,
}

/// What a login draws from chance.
#[derive(Clone)]
pub struct Fresh {
    /// The entity's id, if it is new.
    pub entity: EntityId,
    /// The entity's name, if it is new.
    pub entity_name: String,
    /// The alias's id, if it is new.
    pub alias: AliasId,
    /// The token.
    pub token: FreshToken,
}

impl Fresh {
    /// A fresh draw for a login in `scope`.
    pub fn draw(entropy: &dyn Entropy, scope: &Scope) -> Self {
        Self {
            entity: EntityId::fresh(entropy, &scope.id),
            entity_name: entities::fresh_name(entropy, scope),
            alias: AliasId::fresh(entropy, &scope.id),
            token: FreshToken::draw(entropy, scope),
        }
    }
}

/// What a first factor comes to.
pub enum Admission {
    /// Nothing else is asked: the token.
    Token(Box<Created>),
}

/// Let somebody in whose first factor is proven.
///
/// # Errors
/// [`Error::Denied`] when the entity is disabled.
pub fn admit(tx: &mut dyn Tx, access: &Access, proven: &FirstFactor) -> Result<Admission, Error> {
    let entity = entity_of(tx, access, proven)?;
    if entity.disabled {
        return Err(Error::Denied);
    }
    let login = Login {
        scope: proven.mount.scope.clone(),
        mount: proven.mount.accessor.clone(),
        mount_kind: proven.mount.kind,
        mount_config: proven.mount.config.clone(),
        entity: entity.id,
        name: proven.name.clone(),
        path: proven.path.clone(),
        display_name: proven.display_name.clone(),
        metadata: proven.metadata.clone(),
        token: proven.token.clone(),
    };
    Ok(Admission::Token(Box::new(tokens::issue(tx, access, &login, &proven.fresh.token)?)))
}

/// The entity that the caller is, made with its alias if it is seen for the first time.
fn entity_of(tx: &mut dyn Tx, access: &Access, proven: &FirstFactor) -> Result<Entity, Error> {
    entity_called(tx, access, &proven.mount.scope, &proven.mount.accessor, &proven.name, &proven.fresh)
}

/// The entity that is called `name` in `mount`, made with its alias if there is none yet.
pub(super) fn entity_called(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    mount: &Accessor,
    name: &str,
    fresh: &Fresh,
) -> Result<Entity, Error> {
    let now = tx.now();
    let key = alias_name_key(access, mount, name);
    if let Some(alias) = ALIASES.find_one(tx, access, ALIAS_BY_NAME, key)? {
        return ENTITIES.get(tx, access, entity_key(access, &alias.entity))?.ok_or(Error::Denied);
    }
    let entity = Entity {
        id: fresh.entity.clone(),
        scope: scope.clone(),
        name: fresh.entity_name.clone(),
        metadata: None,
        policies: Vec::new(),
        disabled: false,
        merged: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let alias = Alias {
        id: fresh.alias.clone(),
        scope: scope.clone(),
        entity: entity.id.clone(),
        mount: mount.clone(),
        name: name.into(),
        metadata: None,
        custom_metadata: None,
        merged_from: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    ENTITIES.put(tx, access, &entity)?;
    ALIASES.put(tx, access, &alias)?;
    Ok(entity)
}
