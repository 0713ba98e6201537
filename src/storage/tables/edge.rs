//! The tables of an edge network's nouns.

use crate::id::{ApiSessionId, AuthPolicyId, AuthenticatorId, BlindKey, EntityId, NamespaceId, ServiceSessionId};
use crate::model::edge::auth_policy::AuthPolicy;
use crate::model::edge::authenticator::Authenticator;
use crate::model::edge::identity::Identity;
use crate::model::edge::posture::Check;
use crate::model::edge::service::{Service, ServicePolicy, ServiceSession};
use crate::model::edge::session::ApiSession;
use crate::model::entity::fold_name;
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Index, Schema};
use crate::time::Timestamp;

const fn index(name: &'static str, unique: bool) -> Index {
    Index { name, unique }
}

/// The key of a namespace in the index by namespace that each of these tables has.
pub fn namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("edge.namespace", &[namespace.as_str()])
}

/// The key of an entity in the indexes by entity.
pub fn entity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("edge.entity", &[entity.as_str()])
}

/// What is said about entities.
pub const IDENTITIES: Table<Identity> = Table::new();
/// Its table.
pub static IDENTITY: Schema = Schema {
    name: "edge_identity",
    indexes: &[index("namespace", false), index("external_id", true), index("auth_policy", false)],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of identities by namespace.
pub const IDENTITY_BY_NAMESPACE: usize = 0;
/// The index of identities by what somebody else calls them.
pub const IDENTITY_BY_EXTERNAL_ID: usize = 1;
/// The index of identities by their authentication policy.
pub const IDENTITY_BY_AUTH_POLICY: usize = 2;

/// What is said about this entity is called so.
pub fn identity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("edge.identity", &[entity.as_str()])
}

/// The key of an external id in [`IDENTITY_BY_EXTERNAL_ID`].
pub fn identity_external_key(access: &Access, namespace: &NamespaceId, external_id: &str) -> BlindKey {
    access.blind("edge.identity.external_id", &[namespace.as_str(), external_id])
}

/// The key of a policy in [`IDENTITY_BY_AUTH_POLICY`].
pub fn identity_policy_key(access: &Access, namespace: &NamespaceId, policy: &AuthPolicyId) -> BlindKey {
    access.blind("edge.identity.auth_policy", &[namespace.as_str(), policy.as_str()])
}

impl Stored for Identity {
    const SCHEMA: &'static Schema = &IDENTITY;

    fn key(&self, access: &Access) -> BlindKey {
        identity_key(access, &self.entity)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![
            (IDENTITY_BY_NAMESPACE, namespace_key(access, &self.namespace)),
            (IDENTITY_BY_AUTH_POLICY, identity_policy_key(access, &self.namespace, &self.auth_policy)),
        ];
        if let Some(external_id) = &self.external_id {
            entries.push((IDENTITY_BY_EXTERNAL_ID, identity_external_key(access, &self.namespace, external_id)));
        }
        entries
    }
}

/// Names that identities log in by.
pub const AUTHENTICATORS: Table<Authenticator> = Table::new();
/// Their table.
pub static AUTHENTICATOR: Schema = Schema {
    name: "edge_authenticator",
    indexes: &[index("namespace", false), index("username", true), index("entity", true)],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of authenticators by namespace.
pub const AUTHENTICATOR_BY_NAMESPACE: usize = 0;
/// The index of authenticators by user name, without regard to case.
pub const AUTHENTICATOR_BY_USERNAME: usize = 1;
/// The index of authenticators by entity, which has one at most.
pub const AUTHENTICATOR_BY_ENTITY: usize = 2;

/// What the authenticator `id` is called.
pub fn authenticator_key(access: &Access, namespace: &NamespaceId, id: &AuthenticatorId) -> BlindKey {
    access.blind("edge.authenticator", &[namespace.as_str(), id.as_str()])
}

/// The key of a user name in [`AUTHENTICATOR_BY_USERNAME`].
pub fn authenticator_username_key(access: &Access, namespace: &NamespaceId, username: &str) -> BlindKey {
    access.blind("edge.authenticator.username", &[namespace.as_str(), &fold_name(username)])
}

impl Stored for Authenticator {
    const SCHEMA: &'static Schema = &AUTHENTICATOR;

    fn key(&self, access: &Access) -> BlindKey {
        authenticator_key(access, &self.namespace, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (AUTHENTICATOR_BY_NAMESPACE, namespace_key(access, &self.namespace)),
            (AUTHENTICATOR_BY_USERNAME, authenticator_username_key(access, &self.namespace, &self.username)),
            (AUTHENTICATOR_BY_ENTITY, entity_key(access, &self.entity)),
        ]
    }
}

/// API sessions, each called by the keyed hash of its token.
pub const API_SESSIONS: Table<ApiSession> = Table::new();
/// Their table.
pub static API_SESSION: Schema = Schema {
    name: "edge_api_session",
    indexes: &[index("namespace", false), index("entity", false)],
    expiry: Expiry::Column,
    marked: false,
};
/// The index of API sessions by namespace.
pub const API_SESSION_BY_NAMESPACE: usize = 0;
/// The index of API sessions by entity.
pub const API_SESSION_BY_ENTITY: usize = 1;

/// What the API session with this token is called.
pub fn api_session_key(access: &Access, token: &str) -> BlindKey {
    access.blind("edge.api_session", &[token])
}

impl Stored for ApiSession {
    const SCHEMA: &'static Schema = &API_SESSION;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (API_SESSION_BY_NAMESPACE, namespace_key(access, &self.namespace)),
            (API_SESSION_BY_ENTITY, entity_key(access, &self.entity)),
        ]
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(Self::expires_at(self))
    }
}

/// Uses of services.
pub const SERVICE_SESSIONS: Table<ServiceSession> = Table::new();
/// Their table.
pub static SERVICE_SESSION: Schema = Schema {
    name: "edge_service_session",
    indexes: &[index("api_session", false)],
    expiry: Expiry::Column,
    marked: false,
};
/// The index of uses of services by API session.
pub const SERVICE_SESSION_BY_API_SESSION: usize = 0;

/// What the use `id` of a service is called.
pub fn service_session_key(access: &Access, id: &ServiceSessionId) -> BlindKey {
    access.blind("edge.service_session", &[id.as_str()])
}

/// The key of an API session in [`SERVICE_SESSION_BY_API_SESSION`].
pub fn service_session_api_key(access: &Access, api_session: &ApiSessionId) -> BlindKey {
    access.blind("edge.service_session.api_session", &[api_session.as_str()])
}

impl Stored for ServiceSession {
    const SCHEMA: &'static Schema = &SERVICE_SESSION;

    fn key(&self, access: &Access) -> BlindKey {
        service_session_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![(SERVICE_SESSION_BY_API_SESSION, service_session_api_key(access, &self.api_session))]
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// The index by namespace of what has a name there.
pub const BY_NAMESPACE: usize = 0;
/// The index by namespace and name of what has one there, which is unique.
pub const BY_NAME: usize = 1;

/// What has an id and a name of its own in a namespace.
pub trait Named: Stored {
    /// Tells the kinds of them apart in keys.
    const DOMAIN: &'static str;

    /// Its namespace.
    fn namespace(&self) -> &NamespaceId;

    /// Its id.
    fn id(&self) -> &str;

    /// Its name.
    fn name(&self) -> &str;
}

/// What the `T` with this id is called.
pub fn named_key<T: Named>(access: &Access, namespace: &NamespaceId, id: &str) -> BlindKey {
    access.blind("edge.named", &[T::DOMAIN, namespace.as_str(), id])
}

/// The key of a name in [`BY_NAME`].
pub fn named_name_key<T: Named>(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("edge.named.name", &[T::DOMAIN, namespace.as_str(), name])
}

macro_rules! named {
    ($(#[$doc:meta])* $noun:ident $table:ident $schema:ident $name:literal) => {
        $(#[$doc])*
        pub const $table: Table<$noun> = Table::new();
        /// Their table.
        pub static $schema: Schema = Schema {
            name: $name,
            indexes: &[index("namespace", false), index("name", true)],
            expiry: Expiry::Never, marked: false,
        };

        impl Named for $noun {
            const DOMAIN: &'static str = $name;

            fn namespace(&self) -> &NamespaceId {
                &self.namespace
            }

            fn id(&self) -> &str {
                self.id.as_str()
            }

            fn name(&self) -> &str {
                &self.name
            }
        }

        impl Stored for $noun {
            const SCHEMA: &'static Schema = &$schema;

            fn key(&self, access: &Access) -> BlindKey {
                named_key::<Self>(access, &self.namespace, self.id.as_str())
            }

            fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
                vec![
                    (BY_NAMESPACE, namespace_key(access, &self.namespace)),
                    (BY_NAME, named_name_key::<Self>(access, &self.namespace, &self.name)),
                ]
            }
        }
    };
}

named! {
    /// Authentication policies.
    AuthPolicy AUTH_POLICIES AUTH_POLICY "edge_auth_policy"
}
named! {
    /// Posture checks.
    Check POSTURE_CHECKS POSTURE_CHECK "edge_posture_check"
}
named! {
    /// Services.
    Service SERVICES SERVICE "edge_service"
}
named! {
    /// Service policies.
    ServicePolicy SERVICE_POLICIES SERVICE_POLICY "edge_service_policy"
}
