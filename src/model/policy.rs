//! Policies as they are kept: a name and a text. What the text says is [`acl`](super::acl)'s business.

use serde::{Deserialize, Serialize};

use crate::model::namespace::Scope;
use crate::model::token::{DEFAULT_POLICY, ROOT_POLICY, WRAPPING_POLICY};
use crate::time::Timestamp;

/// A policy of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The namespace it belongs to: its paths are relative to that.
    pub scope: Scope,
    /// Its name, in lower case.
    pub name: String,
    /// What it says.
    pub text: String,
    /// How often it has been written.
    pub version: u64,
    /// When it was last written; never, if it is built in.
    pub modified_at: Option<Timestamp>,
}

/// A policy's name as it is kept and looked up.
pub fn fold_name(name: &str) -> String {
    name.to_lowercase()
}

/// Whether policies of this name are the server's own: nobody writes or deletes them.
pub fn is_immutable(name: &str) -> bool {
    name == ROOT_POLICY || name == WRAPPING_POLICY
}

/// The policy of this name that a namespace has without anybody having written it. `root` says nothing: what it allows is in no rule.
pub fn built_in(scope: &Scope, name: &str) -> Option<Policy> {
    let (text, version) = match name {
        DEFAULT_POLICY => (include_str!("policy/default.hcl"), 1),
        WRAPPING_POLICY => (include_str!("policy/response-wrapping.hcl"), 1),
        ROOT_POLICY if scope.id.is_root() => ("", 0),
        _ => return None,
    };
    Some(Policy { scope: scope.clone(), name: name.into(), text: text.into(), version, modified_at: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::acl::Rules;

    #[test]
    fn what_is_built_in_can_be_read() {
        for name in [DEFAULT_POLICY, WRAPPING_POLICY] {
            let policy = built_in(&Scope::root(), name).unwrap();
            assert_ne!(Rules::parse(&policy.text).unwrap(), Rules::default(), "{name}");
        }
    }
}
