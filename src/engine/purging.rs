//! Destroying what a deletion left behind, a batch at a time, so that no deletion holds up the writer.
//!
//! What is purged has been unreachable since the deletion committed. The list of what is left survives a restart.

use super::{Access, Error, enrolments, entities, tokens};
use crate::id::BlindKey;
use crate::storage::Tx;
use crate::storage::table::Stored;
use crate::storage::tables::{
    ENROLMENT_BY_METHOD, ENROLMENTS, ENTITIES, ENTITY_BY_NAMESPACE, GROUP_BY_NAMESPACE, GROUPS, METHOD_BY_NAMESPACE,
    METHODS, PURGES, Purge, TOKEN_BY_NAMESPACE, TOKEN_BY_PARENT, TOKEN_ROLE_BY_NAMESPACE, TOKEN_ROLES, TOKENS,
    enrolment_method_key, entity_namespace_key, group_key, group_namespace_key, method_key, method_namespace_key,
    token_namespace_key, token_role_namespace_key,
};

/// Destroy about `limit` records of one deletion. Says whether there may be more to do.
pub fn step(tx: &mut dyn Tx, access: &Access, limit: usize) -> Result<bool, Error> {
    let Some(purge) = PURGES.first(tx, access)? else { return Ok(false) };
    let left = match &purge {
        Purge::Namespace(id) => {
            // Groups first, so that no entity is taken out of them one by one.
            let groups = GROUPS.find_some(tx, access, GROUP_BY_NAMESPACE, group_namespace_key(access, id), limit)?;
            for group in &groups {
                GROUPS.delete(tx, group_key(access, &group.id))?;
            }
            if !groups.is_empty() {
                return Ok(true);
            }
            let bound = token_role_namespace_key(access, id);
            let roles = TOKEN_ROLES.find_some(tx, access, TOKEN_ROLE_BY_NAMESPACE, bound, limit)?;
            let tokens = TOKENS.find_some(tx, access, TOKEN_BY_NAMESPACE, token_namespace_key(access, id), limit)?;
            let entities =
                ENTITIES.find_some(tx, access, ENTITY_BY_NAMESPACE, entity_namespace_key(access, id), limit)?;
            let methods =
                METHODS.find_some(tx, access, METHOD_BY_NAMESPACE, method_namespace_key(access, id), limit)?;
            for token in &tokens {
                tokens::remove(tx, token.key)?;
            }
            for role in &roles {
                TOKEN_ROLES.delete(tx, role.key(access))?;
            }
            for entity in &entities {
                entities::destroy(tx, access, entity)?;
            }
            for method in &methods {
                METHODS.delete(tx, method_key(access, &method.id))?;
                PURGES.put(tx, access, &Purge::Method(method.id.clone()))?;
            }
            tokens.len() + entities.len() + methods.len() + roles.len()
        }
        Purge::Method(id) => {
            let enrolments =
                ENROLMENTS.find_some(tx, access, ENROLMENT_BY_METHOD, enrolment_method_key(access, id), limit)?;
            for enrolment in &enrolments {
                enrolments::remove(tx, access, &enrolment.entity, &enrolment.method)?;
            }
            enrolments.len()
        }
        Purge::Children(parent) => descendants(tx, access, *parent, limit)?,
    };
    if left == 0 {
        PURGES.delete(tx, purge.key(access))?;
    }
    Ok(true)
}

/// Destroy the tokens below `parent`, which is gone, generation by generation; those that are more than `limit` are noted for later.
fn descendants(tx: &mut dyn Tx, access: &Access, parent: BlindKey, limit: usize) -> Result<usize, Error> {
    let (mut parents, mut removed) = (vec![parent], 0);
    while let Some(parent) = parents.pop() {
        let room = limit.saturating_sub(removed);
        let children = TOKENS.find_some(tx, access, TOKEN_BY_PARENT, parent, room)?;
        if children.len() == room {
            PURGES.put(tx, access, &Purge::Children(parent))?;
        }
        for child in &children {
            tokens::remove(tx, child.key)?;
            parents.push(child.key);
        }
        removed += children.len();
    }
    Ok(removed)
}
