//! Who may do what, until policies can be written.
//!
//! A root token may do everything in its namespace and below. Any other token may look after itself, as the built-in `default` policy
//! allows, and its entity may enrol itself. Everything else is refused: nothing is allowed by default.

use crate::model::namespace::Scope;
use crate::model::token::{DEFAULT_POLICY, Token};

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

/// Paths that act on the caller's own token, in that token's namespace whatever the request's.
pub const SELF_SERVICE: [(&str, Capability); 3] = [
    ("auth/token/lookup-self", Capability::Read),
    ("auth/token/renew-self", Capability::Update),
    ("auth/token/revoke-self", Capability::Update),
];

/// Paths that act on the caller's own entity.
const OWN_ENTITY: [&str; 2] = ["identity/mfa/method/totp/generate", "identity/mfa/method/totp/verify"];

/// Whether `token` may do this to `path`, which is relative to `scope`.
pub fn permits(token: &Token, scope: &Scope, capability: Capability, path: &str) -> bool {
    let own =
        SELF_SERVICE.contains(&(path, capability)) && token.policies.iter().any(|policy| policy == DEFAULT_POLICY);
    if own {
        return true;
    }
    if !token.scope.contains(scope) {
        return false;
    }
    token.is_root()
        || (token.entity.is_some()
            && token.scope == *scope
            && capability == Capability::Update
            && OWN_ENTITY.contains(&path))
}
