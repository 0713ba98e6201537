//! Services, the policies that say who may use them, and uses of them.

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::id::{ApiSessionId, EntityId, NamespaceId, ServiceId, ServicePolicyId, ServiceSessionId};
use crate::time::Timestamp;

/// Something that identities connect to, or offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// The namespace it lives in.
    pub namespace: NamespaceId,
    /// Its name, unique in the namespace.
    pub name: String,
    /// Whether its traffic is encrypted from end to end.
    pub encryption_required: bool,
    /// What policies may know it by.
    pub role_attributes: Vec<String>,
    /// What it is set up with: names of things that are not kept here.
    pub configs: Vec<String>,
    /// How one of several who offer it is chosen.
    pub terminator_strategy: String,
    /// After how many milliseconds of silence a connection ends; 0 for never.
    pub max_idle_time_millis: u64,
    /// Notes.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a policy lets do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Use {
    /// Connect to it.
    Dial,
    /// Offer it.
    Bind,
}

impl Use {
    /// The use called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Dial, Self::Bind].into_iter().find(|known| known.as_str() == name)
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dial => "Dial",
            Self::Bind => "Bind",
        }
    }
}

/// How the attributes that a policy names go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Semantic {
    /// All are needed.
    AllOf,
    /// Any is enough.
    AnyOf,
}

impl Semantic {
    /// The semantic called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::AllOf, Self::AnyOf].into_iter().find(|known| known.as_str() == name)
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllOf => "AllOf",
            Self::AnyOf => "AnyOf",
        }
    }
}

/// A policy: which identities may use which services, and what their posture must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePolicy {
    /// Its id.
    pub id: ServicePolicyId,
    /// The namespace it lives in.
    pub namespace: NamespaceId,
    /// Its name, unique in the namespace.
    pub name: String,
    /// What it lets do.
    pub allows: Use,
    /// How the attributes of each of its lists go together.
    pub semantic: Semantic,
    /// Which services: `#attribute`, `@id`, `#all`.
    pub service_roles: Vec<String>,
    /// Which identities.
    pub identity_roles: Vec<String>,
    /// Which posture checks, all of which must pass.
    pub posture_check_roles: Vec<String>,
    /// Notes.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Whether something with this id and these attributes is meant by `roles`. An id that is named is always meant.
pub fn is_meant(roles: &[String], semantic: Semantic, id: &str, attributes: &[String]) -> bool {
    if roles.iter().any(|role| role == "#all" || role.strip_prefix('@') == Some(id)) {
        return true;
    }
    let mut named = roles.iter().filter_map(|role| role.strip_prefix('#')).peekable();
    let has = |name: &str| attributes.iter().any(|attribute| attribute == name);
    match semantic {
        Semantic::AllOf => named.peek().is_some() && named.all(has),
        Semantic::AnyOf => named.any(has),
    }
}

/// One use of a service by an API session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSession {
    /// Its id.
    pub id: ServiceSessionId,
    /// The API session, and the end of which is its own.
    pub api_session: ApiSessionId,
    /// Whose that is.
    pub entity: EntityId,
    /// The service.
    pub service: ServiceId,
    /// What is done with it.
    pub doing: Use,
    /// Notes.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the API session ends.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_mean_ids_always_and_attributes_as_their_semantic_says() {
        let meant = |roles: &[&str], semantic, attributes: &[&str]| {
            let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            is_meant(&own(roles), semantic, "id", &own(attributes))
        };
        assert!(meant(&["#all"], Semantic::AllOf, &[]));
        assert!(meant(&["@id", "#a"], Semantic::AllOf, &[]));
        assert!(!meant(&["@other"], Semantic::AnyOf, &["other"]));
        assert!(meant(&["#a", "#b"], Semantic::AnyOf, &["b"]) && !meant(&["#a", "#b"], Semantic::AllOf, &["b"]));
        assert!(meant(&["#a", "#b"], Semantic::AllOf, &["b", "a"]));
        assert!(!meant(&[], Semantic::AllOf, &["a"]) && !meant(&[], Semantic::AnyOf, &["a"]));
    }
}
