//! What an entity is given beside its tokens' own policies.

use super::{Access, Error, groups};
use crate::id::EntityId;
use crate::model::token::{ROOT_POLICY, Token, normalise_policies};
use crate::storage::Tx;
use crate::storage::tables::{ENTITIES, entity_key};

/// Policies as an entity or a group keeps them. None of them is `root`, in whatever spelling it was asked for.
///
/// # Errors
/// [`Error::RootPolicy`].
pub(super) fn given(asked: &[String]) -> Result<Vec<String>, Error> {
    let policies = normalise_policies(asked);
    if policies.iter().any(|policy| policy == ROOT_POLICY) { Err(Error::RootPolicy) } else { Ok(policies) }
}

/// The policies that all tokens of `entity` have, whatever their own: its own and those of all groups that it is in, sorted, each once. Asked
/// at each request, so that a change counts at once.
pub fn policies_of(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<String>, Error> {
    let Some(entity) = ENTITIES.get(tx, access, entity_key(access, entity))? else { return Ok(Vec::new()) };
    let mut policies = entity.policies;
    for member in groups::of_entity(tx, access, &entity.id)? {
        policies.extend(member.group.policies);
    }
    policies.sort();
    policies.dedup();
    Ok(policies)
}

/// The policies that `token` has beside its own, by the entity that it speaks for.
pub fn policies_beside(tx: &mut dyn Tx, access: &Access, token: &Token) -> Result<Vec<String>, Error> {
    match &token.entity {
        Some(entity) => policies_of(tx, access, entity),
        None => Ok(Vec::new()),
    }
}
