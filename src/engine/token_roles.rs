//! Token roles: found, set up, deleted. What they mean for a token is `tokens`' business.

use super::{Access, Error};
use crate::model::namespace::Scope;
use crate::model::token_role::TokenRole;
use crate::storage::Tx;
use crate::storage::tables::{TOKEN_ROLE_BY_NAMESPACE, TOKEN_ROLES, token_role_key, token_role_namespace_key};

/// The role of this name in a namespace.
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<Option<TokenRole>, Error> {
    Ok(TOKEN_ROLES.get(tx, access, token_role_key(access, &scope.id, name))?)
}

/// Store a role, in place of any of its name.
pub fn put(tx: &mut dyn Tx, access: &Access, role: &TokenRole) -> Result<(), Error> {
    Ok(TOKEN_ROLES.put(tx, access, role)?)
}

/// Delete a role, if it is there. Its tokens stay, but cannot be renewed.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<(), Error> {
    Ok(TOKEN_ROLES.delete(tx, token_role_key(access, &scope.id, name))?)
}

/// The names of a namespace's roles, sorted.
pub fn names(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<String>, Error> {
    let bound = token_role_namespace_key(access, &scope.id);
    let roles = TOKEN_ROLES.find_all(tx, access, TOKEN_ROLE_BY_NAMESPACE, bound)?;
    let mut names: Vec<String> = roles.into_iter().map(|role| role.name).collect();
    names.sort();
    Ok(names)
}
