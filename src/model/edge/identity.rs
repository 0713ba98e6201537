//! Identities: what is said about an entity beyond its name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Tags;
use super::auth_policy::BUILT_IN;
use super::permission::{ADMIN_READ_ONLY, Action, Noun};
use crate::id::{AuthPolicyId, EntityId, NamespaceId};
use crate::model::entity::Entity;
use crate::time::Timestamp;

/// What is said about an entity. One that nothing was said about is as [`Identity::of`] makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The entity.
    pub entity: EntityId,
    /// The namespace it lives in.
    pub namespace: NamespaceId,
    /// What it is.
    pub kind: Kind,
    /// Whether it may do everything.
    pub is_admin: bool,
    /// Whether it is the one that was there first: it cannot be deleted.
    pub is_default_admin: bool,
    /// How it authenticates.
    pub auth_policy: AuthPolicyId,
    /// What policies of services may know it by.
    pub role_attributes: Option<Vec<String>>,
    /// What somebody else calls it, unique in the namespace.
    pub external_id: Option<String>,
    /// What it may do without being an administrator.
    pub permissions: Option<Vec<String>>,
    /// Notes.
    pub tags: Tags,
    /// Notes for applications.
    pub app_data: Tags,
    /// Since when it may not authenticate, and until when.
    pub disabling: Option<Disabling>,
}

/// What an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A person.
    User,
    /// A device.
    Device,
    /// A service.
    Service,
    /// A router.
    Router,
    /// Whatever.
    Default,
}

impl Kind {
    const ALL: [Self; 5] = [Self::User, Self::Device, Self::Service, Self::Router, Self::Default];

    /// The kind called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Device => "Device",
            Self::Service => "Service",
            Self::Router => "Router",
            Self::Default => "Default",
        }
    }
}

/// A time in which an identity may not authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabling {
    /// Its begin.
    pub at: Timestamp,
    /// Its end; without one, it lasts until an administrator ends it.
    pub until: Option<Timestamp>,
}

impl Disabling {
    /// From now on, for so many minutes; for 0, until an administrator ends it.
    pub fn of(now: Timestamp, minutes: u32) -> Self {
        let span = Duration::from_secs(u64::from(minutes).saturating_mul(60));
        Self { at: now, until: (minutes > 0).then(|| now.plus(span)) }
    }
}

impl Identity {
    /// What is said about an entity that nothing was said about.
    pub fn of(entity: &Entity) -> Self {
        Self {
            entity: entity.id.clone(),
            namespace: entity.scope.id.clone(),
            kind: Kind::Default,
            is_admin: false,
            is_default_admin: false,
            auth_policy: AuthPolicyId::new(BUILT_IN),
            role_attributes: None,
            external_id: None,
            permissions: None,
            tags: Tags::new(),
            app_data: Tags::new(),
            disabling: None,
        }
    }

    /// The disabling that is in force at `now`.
    pub fn disabled_at(&self, now: Timestamp) -> Option<Disabling> {
        self.disabling.filter(|disabling| disabling.until.is_none_or(|end| now < end))
    }

    /// Whether it may do `action` to `noun`, as far as it is fully authenticated.
    pub fn may(&self, noun: Noun, action: Action) -> bool {
        self.is_admin
            || self.permissions.iter().flatten().any(|permission| match permission.as_str() {
                ADMIN_READ_ONLY => action == Action::Read,
                permission => noun.is_granted_by(permission, action),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::namespace::Scope;

    fn identity(permissions: &[&str]) -> Identity {
        let entity = Entity::new(EntityId::new("e"), Scope::root(), "n".into(), Timestamp::EPOCH);
        let permissions = Some(permissions.iter().map(|permission| (*permission).to_owned()).collect());
        Identity { permissions, ..Identity::of(&entity) }
    }

    #[test]
    fn a_permission_is_good_for_its_noun_and_action_only() {
        let reader = identity(&["identity.read"]);
        assert!(reader.may(Noun::Identity, Action::Read));
        assert!(!reader.may(Noun::Identity, Action::Update) && !reader.may(Noun::Service, Action::Read));
        let keeper = identity(&["service"]);
        assert!(keeper.may(Noun::Service, Action::Delete) && !keeper.may(Noun::ServicePolicy, Action::Read));
        let auditor = identity(&["admin_readonly"]);
        assert!(auditor.may(Noun::Authenticator, Action::Read) && !auditor.may(Noun::Identity, Action::Delete));
        assert!(!identity(&["authenticator"]).may(Noun::Authenticator, Action::Read), "only for administrators");
        assert!(!identity(&[]).may(Noun::Identity, Action::Read));
        assert!(!identity(&["admin"]).may(Noun::Identity, Action::Read), "not a permission that can be given");
    }

    #[test]
    fn a_disabling_ends_by_itself_only_if_it_has_an_end() {
        let mut identity = identity(&[]);
        identity.disabling = Some(Disabling::of(Timestamp::from_secs(0), 1));
        assert!(identity.disabled_at(Timestamp::from_secs(59)).is_some());
        assert!(identity.disabled_at(Timestamp::from_secs(60)).is_none());
        identity.disabling = Some(Disabling::of(Timestamp::from_secs(0), 0));
        assert!(identity.disabled_at(Timestamp::from_secs(u64::MAX)).is_some());
    }
}
