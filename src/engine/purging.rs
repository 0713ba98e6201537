//! Destroying what a deletion left behind, a batch at a time, so that no deletion holds up the writer.
//!
//! What is purged has been unreachable since the deletion committed. The list of what is left survives a restart.

use super::{Access, Error, edge, enrolments, entities, mounts, tokens};
use crate::id::{Accessor, BlindKey};
use crate::model::login_policy::Owner;
use crate::storage::Tx;
use crate::storage::table::{Stored, Table};
use crate::storage::tables::login_policies::{LOCKOUT_POLICIES, LOGIN_POLICIES, lockout_policy_key, login_policy_key};
use crate::storage::tables::people::{SESSION_BY_NAMESPACE, SESSIONS, session_namespace_key};
use crate::storage::tables::{
    ALIAS_BY_MOUNT, ALIASES, APP_ROLE_BY_MOUNT, APP_ROLES, ENFORCEMENT_BY_NAMESPACE, ENFORCEMENTS, ENROLMENT_BY_METHOD,
    ENROLMENTS, ENTITIES, ENTITY_BY_NAMESPACE, GROUP_BY_NAMESPACE, GROUPS, LOCKOUT_BY_MOUNT, LOCKOUTS,
    METHOD_BY_NAMESPACE, METHODS, MOUNT_BY_NAMESPACE, MOUNTS, POLICIES, POLICY_BY_NAMESPACE, PURGES, Purge,
    SECRET_ID_BY_MOUNT, SECRET_ID_BY_ROLE, SECRET_IDS, TOKEN_BY_MOUNT, TOKEN_BY_NAMESPACE, TOKEN_BY_PARENT,
    TOKEN_ROLE_BY_NAMESPACE, TOKEN_ROLES, TOKENS, USER_BY_MOUNT, USERS, alias_mount_key, app_role_mount_key,
    enforcement_namespace_key, enrolment_method_key, entity_namespace_key, group_key, group_namespace_key,
    lockout_mount_key, method_key, method_namespace_key, mount_namespace_key, policy_key, policy_namespace_key,
    secret_id_mount_key, secret_id_role_key, token_mount_key, token_namespace_key, token_role_namespace_key,
    user_mount_key,
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
            let enforcements = ENFORCEMENTS.find_some(
                tx,
                access,
                ENFORCEMENT_BY_NAMESPACE,
                enforcement_namespace_key(access, id),
                limit,
            )?;
            for enforcement in &enforcements {
                ENFORCEMENTS.delete(tx, enforcement.key(access))?;
            }
            let mounts = MOUNTS.find_some(tx, access, MOUNT_BY_NAMESPACE, mount_namespace_key(access, id), limit)?;
            let policies =
                POLICIES.find_some(tx, access, POLICY_BY_NAMESPACE, policy_namespace_key(access, id), limit)?;
            let sessions =
                SESSIONS.find_some(tx, access, SESSION_BY_NAMESPACE, session_namespace_key(access, id), limit)?;
            delete_all(tx, access, &SESSIONS, &sessions)?;
            for token in &tokens {
                tokens::remove(tx, token.key)?;
            }
            for role in &roles {
                TOKEN_ROLES.delete(tx, role.key(access))?;
            }
            for policy in &policies {
                POLICIES.delete(tx, policy_key(access, id, &policy.name))?;
            }
            for entity in &entities {
                entities::destroy(tx, access, entity)?;
            }
            for method in &methods {
                METHODS.delete(tx, method_key(access, &method.id))?;
                PURGES.put(tx, access, &Purge::Method(method.id.clone()))?;
            }
            for mount in &mounts {
                mounts::destroy(tx, access, mount)?;
            }
            let owner = Owner::Organisation(id.clone());
            LOGIN_POLICIES.delete(tx, login_policy_key(access, &owner))?;
            LOCKOUT_POLICIES.delete(tx, lockout_policy_key(access, &owner))?;
            tokens.len()
                + entities.len()
                + methods.len()
                + roles.len()
                + mounts.len()
                + enforcements.len()
                + policies.len()
                + edge::forgetting::namespace(tx, access, id, limit)?
                + sessions.len()
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
        Purge::Mount(accessor) => mount_step(tx, access, accessor, limit)?,
        Purge::AppRole(id) => {
            let secret_ids =
                SECRET_IDS.find_some(tx, access, SECRET_ID_BY_ROLE, secret_id_role_key(access, id), limit)?;
            for secret_id in &secret_ids {
                SECRET_IDS.delete(tx, secret_id.key)?;
            }
            secret_ids.len()
        }
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

/// Destroy up to `limit` records of each kind that a deleted mount left. Says how many went.
fn mount_step(tx: &mut dyn Tx, access: &Access, mount: &Accessor, limit: usize) -> Result<usize, Error> {
    let tokens = TOKENS.find_some(tx, access, TOKEN_BY_MOUNT, token_mount_key(access, mount), limit)?;
    for token in &tokens {
        tokens::remove(tx, token.key)?;
        PURGES.put(tx, access, &Purge::Children(token.key))?;
    }
    let aliases = ALIASES.find_some(tx, access, ALIAS_BY_MOUNT, alias_mount_key(access, mount), limit)?;
    let users = USERS.find_some(tx, access, USER_BY_MOUNT, user_mount_key(access, mount), limit)?;
    let roles = APP_ROLES.find_some(tx, access, APP_ROLE_BY_MOUNT, app_role_mount_key(access, mount), limit)?;
    let secret_ids = SECRET_IDS.find_some(tx, access, SECRET_ID_BY_MOUNT, secret_id_mount_key(access, mount), limit)?;
    let lockouts = LOCKOUTS.find_some(tx, access, LOCKOUT_BY_MOUNT, lockout_mount_key(access, mount), limit)?;
    delete_all(tx, access, &ALIASES, &aliases)?;
    delete_all(tx, access, &USERS, &users)?;
    delete_all(tx, access, &APP_ROLES, &roles)?;
    delete_all(tx, access, &SECRET_IDS, &secret_ids)?;
    delete_all(tx, access, &LOCKOUTS, &lockouts)?;
    Ok(tokens.len() + aliases.len() + users.len() + roles.len() + secret_ids.len() + lockouts.len())
}

fn delete_all<T: Stored>(tx: &mut dyn Tx, access: &Access, table: &Table<T>, nouns: &[T]) -> Result<(), Error> {
    for noun in nouns {
        table.delete(tx, noun.key(access))?;
    }
    Ok(())
}
