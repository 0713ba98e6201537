//! Who may do what: the policies of a token and of whom it speaks for, as they are at this moment.

use super::{Access, Engine, Error, groups, identity, policies};
use crate::model::acl::{self, Acl, Identity};
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::model::token::{ROOT_POLICY, Token};
use crate::storage::Tx;
use crate::storage::tables::{ALIAS_BY_ENTITY, ALIASES, ENTITIES, alias_entity_key, entity_key};

/// What a request wants to do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Read it.
    Read,
    /// Write it.
    Update,
    /// Change part of it.
    Patch,
    /// Delete it.
    Delete,
    /// List what is below it.
    List,
}

impl From<Capability> for acl::Capability {
    fn from(wanted: Capability) -> Self {
        match wanted {
            Capability::Read => Self::Read,
            Capability::Update => Self::Update,
            Capability::Patch => Self::Patch,
            Capability::Delete => Self::Delete,
            Capability::List => Self::List,
        }
    }
}

/// Paths that act on the caller's own token, in that token's namespace whatever the request's.
pub const SELF_SERVICE: [&str; 3] = ["auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self"];

/// Paths that take `sudo` besides; with a `*` at the end, all that begin so.
const WITH_SUDO: [&str; 19] = [
    "auth/token/accessors*",
    "auth/token/revoke-orphan",
    "sys/audit*",
    "sys/auth/*",
    "sys/clock/accept",
    "sys/config/auditing/*",
    "sys/config/cors",
    "sys/config/ui/headers/*",
    "sys/internal/inspect/*",
    "sys/leases/force/*",
    "sys/leases/lookup/*",
    "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*",
    "sys/plugins/catalog/*",
    "sys/raw*",
    "sys/remount",
    "sys/rotate*",
    "sys/seal",
    "sys/step-down",
];

/// Whether `path`, which is relative to its namespace, takes `sudo` whatever is done with it.
pub fn needs_sudo(path: &str) -> bool {
    WITH_SUDO.iter().any(|kept| kept.strip_suffix('*').map_or(path == *kept, |start| path.starts_with(start)))
}

/// What `token` may do in its namespace and below. A root token is asked for no policy.
pub fn acl(tx: &mut dyn Tx, access: &Access, engine: &Engine, token: &Token) -> Result<Acl, Error> {
    if token.is_root() {
        return Ok(Acl::root());
    }
    let entity = match &token.entity {
        Some(id) => ENTITIES.get(tx, access, entity_key(access, id))?,
        None => None,
    };
    let mut said = Vec::with_capacity(2);
    for name in &token.policies {
        said.extend(rules(tx, access, engine, &token.scope, name)?);
    }
    if let Some(entity) = &entity {
        for name in identity::policies_of(tx, access, &entity.id)? {
            // The same policy twice says nothing new.
            if entity.scope != token.scope || !token.policies.contains(&name) {
                said.extend(rules(tx, access, engine, &entity.scope, &name)?);
            }
        }
    }
    let who = match entity {
        Some(entity) => Some(identity_of(tx, access, entity, |what| said.iter().any(|(_, rules)| rules.asks(what)))?),
        None => None,
    };
    Ok(Acl::new(said, who, tx.now()))
}

type Said = (String, std::sync::Arc<acl::Rules>);

/// What the policy of this name says, with the path of its namespace; nothing, if there is none.
///
/// # Errors
/// [`Error::Denied`] when it cannot be read, so that nothing is known of what it denies.
fn rules(tx: &mut dyn Tx, access: &Access, engine: &Engine, scope: &Scope, name: &str) -> Result<Option<Said>, Error> {
    // What `root` allows is in no rule, and nobody but a token has it.
    if name == ROOT_POLICY {
        return Ok(None);
    }
    let Some(policy) = policies::get(tx, access, scope, name)? else { return Ok(None) };
    let rules = engine.rules.rules(&policy.text).map_err(|fault| {
        tracing::error!(policy = name, namespace = scope.path, %fault, "a stored policy cannot be read");
        Error::Denied
    })?;
    Ok(Some((scope.path.clone(), rules)))
}

/// What templates may say of an entity; its aliases and groups only if they are asked for.
fn identity_of(
    tx: &mut dyn Tx,
    access: &Access,
    entity: Entity,
    asks: impl Fn(&str) -> bool,
) -> Result<Identity, Error> {
    let mut known = Identity {
        id: entity.id.to_string(),
        name: entity.name,
        metadata: entity.metadata.unwrap_or_default(),
        ..Identity::default()
    };
    if asks("identity.entity.aliases.") {
        let aliases = ALIASES.find_all(tx, access, ALIAS_BY_ENTITY, alias_entity_key(access, &entity.id))?;
        known.aliases.extend(aliases.into_iter().map(|alias| acl::Alias {
            accessor: alias.mount.to_string(),
            id: alias.id.to_string(),
            name: alias.name,
            metadata: alias.metadata.unwrap_or_default(),
            custom_metadata: alias.custom_metadata.unwrap_or_default(),
        }));
    }
    if asks("identity.groups.") {
        let groups = groups::of_entity(tx, access, &entity.id)?.into_iter().map(|member| member.group);
        known.groups.extend(groups.map(|group| acl::Group {
            id: group.id.to_string(),
            name: group.name,
            metadata: group.metadata.unwrap_or_default(),
        }));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::needs_sudo;

    #[test]
    fn what_only_an_operator_does_needs_sudo() {
        for path in ["sys/auth/x", "sys/auth/x/tune", "sys/audit", "sys/audit/x", "auth/token/accessors", "sys/seal"] {
            assert!(needs_sudo(path), "{path}");
        }
        for path in ["sys/auth", "auth/token/create", "sys/policies/acl/x", "sys/sealed", "identity/entity"] {
            assert!(!needs_sudo(path), "{path}");
        }
    }
}
