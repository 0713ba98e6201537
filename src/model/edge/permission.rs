//! Permissions: what an identity may do to the network's nouns without being an administrator.

/// The permission to see everything.
pub const ADMIN_READ_ONLY: &str = "admin_readonly";

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// Identities.
    Identity,
    /// Names and passwords: for administrators only.
    Authenticator,
    /// Authentication policies.
    AuthPolicy,
    /// Posture checks.
    PostureCheck,
    /// Services.
    Service,
    /// Service policies.
    ServicePolicy,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is looked at.
    Read,
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
}

impl Action {
    const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Update, Self::Delete];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What the API knows permissions for, though not all of it is served: whoever sets an identity up may name them.
const KNOWN: [&str; 15] = [
    "auth-policy",
    "ca",
    "config",
    "config-type",
    "edge-router-policy",
    "enrollment",
    "external-jwt-signer",
    "identity",
    "ops",
    "posture-check",
    "router",
    "service",
    "service-edge-router-policy",
    "service-policy",
    "terminator",
];

/// Whether there is such a permission.
pub fn is_known(permission: &str) -> bool {
    let (noun, action) = permission.split_once('.').map_or((permission, None), |(noun, action)| (noun, Some(action)));
    permission == ADMIN_READ_ONLY
        || (KNOWN.contains(&noun)
            && action.is_none_or(|action| Action::ALL.iter().any(|known| known.as_str() == action)))
}

impl Noun {
    const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Identity => Some("identity"),
            Self::Authenticator => None,
            Self::AuthPolicy => Some("auth-policy"),
            Self::PostureCheck => Some("posture-check"),
            Self::Service => Some("service"),
            Self::ServicePolicy => Some("service-policy"),
        }
    }

    /// Whether `permission` lets do `action` to this.
    pub fn is_granted_by(self, permission: &str, action: Action) -> bool {
        let rest = self.as_str().and_then(|name| permission.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.') == Some(action.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_permissions_that_there_are_can_be_given() {
        for known in ["identity", "identity.read", "service-policy.delete", "admin_readonly", "terminator"] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["admin", "identity.", "identity.fly", "", "authenticator", "identity.read.x"] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
