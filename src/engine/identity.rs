//! What an entity is given beside its tokens' own policies.

use super::{Access, Error};
use crate::id::EntityId;
use crate::storage::Tx;
use crate::storage::tables::{ENTITIES, entity_key};

/// The policies that all tokens of `entity` have, whatever their own: sorted, each once. Asked at each request, so that a change counts at once.
pub fn policies_of(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<String>, Error> {
    let entity = ENTITIES.get(tx, access, entity_key(access, entity))?;
    Ok(entity.map(|entity| entity.policies).unwrap_or_default())
}
