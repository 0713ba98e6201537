//! The catalogue: every noun's table, what its records are called and what they are found by.

use super::table::{Access, Form, Stored, Table};
use super::{Expiry, Index, Schema};
use crate::id::{Accessor, AliasId, BlindKey, EntityId, GroupId, MethodId, NamespaceId};
use crate::model::alias::Alias;
use crate::model::app_role::{Role, SecretId};
use crate::model::challenge::{Asker, Challenge};
use crate::model::clock_guard::ClockGuard;
use crate::model::contact::{Channel, Contact};
use crate::model::enforcement::Enforcement;
use crate::model::enrolment::Enrolment;
use crate::model::entity::{Entity, fold_name};
use crate::model::group::Group;
use crate::model::guard::Guard;
use crate::model::lockout::{Lockout, Subject};
use crate::model::message::Message;
use crate::model::method::{Kind, Method};
use crate::model::mount::Mount;
use crate::model::namespace::Namespace;
use crate::model::password::Password;
use crate::model::pending::PendingLogin;
use crate::model::policy::Policy;
use crate::model::token::Token;
use crate::model::token_role::TokenRole;
use crate::model::user::User;
use crate::model::wrapping::Wrapping;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub mod web_authn;

/// Every table there is.
pub const ALL: &[&Schema] = &[
    &SEAL,
    &CLOCK,
    &NAMESPACE,
    &MOUNT,
    &ENTITY,
    &ALIAS,
    &GROUP,
    &METHOD,
    &ENROLMENT,
    &GUARD,
    &CHALLENGE,
    &CONTACT,
    &MESSAGE,
    &SPENT,
    &TOKEN,
    &PURGE,
    &TOKEN_ROLE,
    &WRAPPING,
    &USER,
    &PASSWORD,
    &APP_ROLE,
    &SECRET_ID,
    &LOCKOUT,
    &ENFORCEMENT,
    &PENDING,
    &POLICY,
    &costs::TALLY,
    &message_providers::MESSAGE_PROVIDER,
    &login_policies::LOGIN_POLICY,
    &login_policies::LOCKOUT_POLICY,
    &secret_generators::SECRET_GENERATOR,
    &outbox::DUE,
    &edge::IDENTITY,
    &edge::AUTHENTICATOR,
    &edge::API_SESSION,
    &edge::SERVICE_SESSION,
    &edge::AUTH_POLICY,
    &edge::POSTURE_CHECK,
    &edge::SERVICE,
    &edge::SERVICE_POLICY,
    &paces::PACE,
    &people::PERSON,
    &people::CODE,
    &people::SESSION,
    &web_authn::REGISTRATION,
];

/// The wrapped keyring: the one table whose bodies are not sealed by the keyring, because it is in them.
pub static SEAL: Schema = Schema { name: "seal", indexes: &[], expiry: Expiry::Never, marked: false };

static CLOCK: Schema = Schema { name: "clock", indexes: &[], expiry: Expiry::Never, marked: false };
static GUARD: Schema = Schema { name: "guard", indexes: &[], expiry: Expiry::Column, marked: false };
static PURGE: Schema = Schema { name: "purge", indexes: &[], expiry: Expiry::Never, marked: false };

/// Accepted time steps: [`spent_id`]s without a body. Rows of one moment lie together and go by range.
pub static SPENT: Schema = Schema { name: "spent", indexes: &[], expiry: Expiry::IdPrefix, marked: false };

/// What a spent step's record is called: the moment its codes stop being good, then whose it is.
pub fn spent_id(window_end: Timestamp, enrolment: BlindKey) -> Vec<u8> {
    let mut id = window_end.as_millis().to_be_bytes().to_vec();
    id.extend_from_slice(enrolment.as_ref());
    id
}

/// Namespaces.
pub const NAMESPACES: Table<Namespace> = Table::new();
static NAMESPACE: Schema = Schema {
    name: "namespace",
    indexes: &[Index { name: "id", unique: true }, Index { name: "parent", unique: false }],
    expiry: Expiry::Never,
    marked: true,
};
/// The index of namespaces by id.
pub const NAMESPACE_BY_ID: usize = 0;
/// The index of namespaces by the path of the one above.
pub const NAMESPACE_BY_PARENT: usize = 1;

/// What the namespace at `path` is called.
pub fn namespace_key(access: &Access, path: &str) -> BlindKey {
    access.blind("namespace", &[path])
}

/// The key of `id` in [`NAMESPACE_BY_ID`].
pub fn namespace_id_key(access: &Access, id: &NamespaceId) -> BlindKey {
    access.blind("namespace.id", &[id.as_str()])
}

/// The key of `path` in [`NAMESPACE_BY_PARENT`].
pub fn namespace_parent_key(access: &Access, path: &str) -> BlindKey {
    access.blind("namespace.parent", &[path])
}

impl Stored for Namespace {
    const SCHEMA: &'static Schema = &NAMESPACE;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        namespace_key(access, &self.scope.path)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (NAMESPACE_BY_ID, namespace_id_key(access, &self.scope.id)),
            (NAMESPACE_BY_PARENT, namespace_parent_key(access, self.parent_path())),
        ]
    }
}

/// Auth mounts, without the token mount, which is everywhere.
pub const MOUNTS: Table<Mount> = Table::new();
static MOUNT: Schema = Schema {
    name: "mount",
    indexes: &[Index { name: "accessor", unique: true }, Index { name: "namespace", unique: false }],
    expiry: Expiry::Never,
    marked: true,
};
/// The index of mounts by accessor.
pub const MOUNT_BY_ACCESSOR: usize = 0;
/// The index of mounts by namespace.
pub const MOUNT_BY_NAMESPACE: usize = 1;

/// What the mount at `path` of a namespace is called.
pub fn mount_key(access: &Access, namespace: &NamespaceId, path: &str) -> BlindKey {
    access.blind("mount", &[namespace.as_str(), path])
}

/// The key of an accessor in [`MOUNT_BY_ACCESSOR`].
pub fn mount_accessor_key(access: &Access, accessor: &Accessor) -> BlindKey {
    access.blind("mount.accessor", &[accessor.as_str()])
}

/// The key of a namespace in [`MOUNT_BY_NAMESPACE`].
pub fn mount_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("mount.namespace", &[namespace.as_str()])
}

impl Stored for Mount {
    const SCHEMA: &'static Schema = &MOUNT;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        mount_key(access, &self.scope.id, &self.path)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (MOUNT_BY_ACCESSOR, mount_accessor_key(access, &self.accessor)),
            (MOUNT_BY_NAMESPACE, mount_namespace_key(access, &self.scope.id)),
        ]
    }
}

/// Entities.
pub const ENTITIES: Table<Entity> = Table::new();
static ENTITY: Schema = Schema {
    name: "entity",
    indexes: &[
        Index { name: "name", unique: true },
        Index { name: "namespace", unique: false },
        Index { name: "merged", unique: false },
        Index { name: "anywhere", unique: false },
    ],
    expiry: Expiry::Never,
    marked: true,
};
/// The index of entities by namespace and name, without regard to case.
pub const ENTITY_BY_NAME: usize = 0;
/// The index of entities by namespace.
pub const ENTITY_BY_NAMESPACE: usize = 1;
/// The index of entities by those that were merged into them.
pub const ENTITY_BY_MERGED: usize = 2;
/// The index of entities by name, in whatever namespace.
pub const ENTITY_ANYWHERE: usize = 3;

/// What the entity `id` is called.
pub fn entity_key(access: &Access, id: &EntityId) -> BlindKey {
    access.blind("entity", &[id.as_str()])
}

/// The key of a name in [`ENTITY_BY_NAME`].
pub fn entity_name_key(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("entity.name", &[namespace.as_str(), &fold_name(name)])
}

/// The key of a name in [`ENTITY_ANYWHERE`].
pub fn entity_anywhere_key(access: &Access, name: &str) -> BlindKey {
    access.blind("entity.anywhere", &[&fold_name(name)])
}

/// The key of a namespace in [`ENTITY_BY_NAMESPACE`].
pub fn entity_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("entity.namespace", &[namespace.as_str()])
}

/// The key of an entity that is no more in [`ENTITY_BY_MERGED`].
pub fn entity_merged_key(access: &Access, id: &EntityId) -> BlindKey {
    access.blind("entity.merged", &[id.as_str()])
}

impl Stored for Entity {
    const SCHEMA: &'static Schema = &ENTITY;

    fn key(&self, access: &Access) -> BlindKey {
        entity_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![
            (ENTITY_BY_NAME, entity_name_key(access, &self.scope.id, &self.name)),
            (ENTITY_BY_NAMESPACE, entity_namespace_key(access, &self.scope.id)),
            (ENTITY_ANYWHERE, entity_anywhere_key(access, &self.name)),
        ];
        entries.extend(self.merged.iter().map(|merged| (ENTITY_BY_MERGED, entity_merged_key(access, merged))));
        entries
    }
}

/// Aliases.
pub const ALIASES: Table<Alias> = Table::new();
static ALIAS: Schema = Schema {
    name: "alias",
    indexes: &[
        Index { name: "name", unique: true },
        Index { name: "entity", unique: false },
        Index { name: "namespace", unique: false },
        Index { name: "mount", unique: false },
    ],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of aliases by mount and name, without regard to case.
pub const ALIAS_BY_NAME: usize = 0;
/// The index of aliases by entity.
pub const ALIAS_BY_ENTITY: usize = 1;
/// The index of aliases by namespace.
pub const ALIAS_BY_NAMESPACE: usize = 2;
/// The index of aliases by mount.
pub const ALIAS_BY_MOUNT: usize = 3;

/// What the alias `id` is called.
pub fn alias_key(access: &Access, id: &AliasId) -> BlindKey {
    access.blind("alias", &[id.as_str()])
}

/// The key of a name in [`ALIAS_BY_NAME`].
pub fn alias_name_key(access: &Access, mount: &Accessor, name: &str) -> BlindKey {
    access.blind("alias.name", &[mount.as_str(), &fold_name(name)])
}

/// The key of an entity in [`ALIAS_BY_ENTITY`].
pub fn alias_entity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("alias.entity", &[entity.as_str()])
}

/// The key of a namespace in [`ALIAS_BY_NAMESPACE`].
pub fn alias_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("alias.namespace", &[namespace.as_str()])
}

/// The key of a mount in [`ALIAS_BY_MOUNT`].
pub fn alias_mount_key(access: &Access, mount: &Accessor) -> BlindKey {
    access.blind("alias.mount", &[mount.as_str()])
}

impl Stored for Alias {
    const SCHEMA: &'static Schema = &ALIAS;

    fn key(&self, access: &Access) -> BlindKey {
        alias_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (ALIAS_BY_NAME, alias_name_key(access, &self.mount, &self.name)),
            (ALIAS_BY_ENTITY, alias_entity_key(access, &self.entity)),
            (ALIAS_BY_NAMESPACE, alias_namespace_key(access, &self.scope.id)),
            (ALIAS_BY_MOUNT, alias_mount_key(access, &self.mount)),
        ]
    }
}

/// Groups.
pub const GROUPS: Table<Group> = Table::new();
static GROUP: Schema = Schema {
    name: "identity_group",
    indexes: &[
        Index { name: "name", unique: true },
        Index { name: "entity", unique: false },
        Index { name: "member", unique: false },
        Index { name: "namespace", unique: false },
        Index { name: "alias", unique: true },
        Index { name: "alias_name", unique: true },
    ],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of groups by namespace and name, without regard to case.
pub const GROUP_BY_NAME: usize = 0;
/// The index of groups by each entity in them.
pub const GROUP_BY_ENTITY: usize = 1;
/// The index of groups by each group in them.
pub const GROUP_BY_MEMBER: usize = 2;
/// The index of groups by namespace.
pub const GROUP_BY_NAMESPACE: usize = 3;
/// The index of external groups by the id of their alias.
pub const GROUP_BY_ALIAS: usize = 4;
/// The index of external groups by the mount and the name of their alias, without regard to case.
pub const GROUP_BY_ALIAS_NAME: usize = 5;

/// What the group `id` is called.
pub fn group_key(access: &Access, id: &GroupId) -> BlindKey {
    access.blind("group", &[id.as_str()])
}

/// The key of a name in [`GROUP_BY_NAME`].
pub fn group_name_key(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("group.name", &[namespace.as_str(), &fold_name(name)])
}

/// The key of an entity in [`GROUP_BY_ENTITY`].
pub fn group_entity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("group.entity", &[entity.as_str()])
}

/// The key of a group in [`GROUP_BY_MEMBER`].
pub fn group_member_key(access: &Access, group: &GroupId) -> BlindKey {
    access.blind("group.member", &[group.as_str()])
}

/// The key of a namespace in [`GROUP_BY_NAMESPACE`].
pub fn group_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("group.namespace", &[namespace.as_str()])
}

/// The key of an alias in [`GROUP_BY_ALIAS`].
pub fn group_alias_key(access: &Access, alias: &AliasId) -> BlindKey {
    access.blind("group.alias", &[alias.as_str()])
}

/// The key of an alias's mount and name in [`GROUP_BY_ALIAS_NAME`].
pub fn group_alias_name_key(access: &Access, mount: &Accessor, name: &str) -> BlindKey {
    access.blind("group.alias_name", &[mount.as_str(), &fold_name(name)])
}

impl Stored for Group {
    const SCHEMA: &'static Schema = &GROUP;

    fn key(&self, access: &Access) -> BlindKey {
        group_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![
            (GROUP_BY_NAME, group_name_key(access, &self.scope.id, &self.name)),
            (GROUP_BY_NAMESPACE, group_namespace_key(access, &self.scope.id)),
        ];
        entries.extend(self.entities.iter().map(|entity| (GROUP_BY_ENTITY, group_entity_key(access, entity))));
        entries.extend(self.groups.iter().map(|group| (GROUP_BY_MEMBER, group_member_key(access, group))));
        if let Some(alias) = &self.alias {
            entries.push((GROUP_BY_ALIAS, group_alias_key(access, &alias.id)));
            entries.push((GROUP_BY_ALIAS_NAME, group_alias_name_key(access, &alias.mount, &alias.name)));
        }
        entries
    }
}

/// Methods.
pub const METHODS: Table<Method> = Table::new();
static METHOD: Schema = Schema {
    name: "method",
    indexes: &[
        Index { name: "name", unique: true },
        Index { name: "namespace", unique: false },
        Index { name: "default", unique: true },
    ],
    expiry: Expiry::Never,
    marked: true,
};
/// The index of named methods by namespace and name.
pub const METHOD_BY_NAME: usize = 0;
/// The index of methods by namespace.
pub const METHOD_BY_NAMESPACE: usize = 1;

/// The index of default methods by namespace and kind.
pub const METHOD_BY_DEFAULT: usize = 2;

/// What the method `id` is called.
pub fn method_key(access: &Access, id: &MethodId) -> BlindKey {
    access.blind("method", &[id.as_str()])
}

/// The key of a name in [`METHOD_BY_NAME`].
pub fn method_name_key(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("method.name", &[namespace.as_str(), name])
}

/// The key of a namespace in [`METHOD_BY_NAMESPACE`].
pub fn method_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("method.namespace", &[namespace.as_str()])
}

/// The key of a namespace and a kind in [`METHOD_BY_DEFAULT`].
pub fn method_default_key(access: &Access, namespace: &NamespaceId, kind: Kind) -> BlindKey {
    access.blind("method.default", &[namespace.as_str(), kind.as_str()])
}

impl Stored for Method {
    const SCHEMA: &'static Schema = &METHOD;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        method_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![(METHOD_BY_NAMESPACE, method_namespace_key(access, &self.scope.id))];
        if !self.name.is_empty() {
            entries.push((METHOD_BY_NAME, method_name_key(access, &self.scope.id, &self.name)));
        }
        if self.is_default {
            let key = method_default_key(access, &self.scope.id, self.settings.kind());
            entries.push((METHOD_BY_DEFAULT, key));
        }
        entries
    }
}

/// Enrolments.
pub const ENROLMENTS: Table<Enrolment> = Table::new();
static ENROLMENT: Schema = Schema {
    name: "enrolment",
    indexes: &[
        Index { name: "entity", unique: false },
        Index { name: "method", unique: false },
        Index { name: "credential", unique: true },
    ],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of enrolments by entity.
pub const ENROLMENT_BY_ENTITY: usize = 0;
/// The index of enrolments by method.
pub const ENROLMENT_BY_METHOD: usize = 1;
/// The index of enrolments by the WebAuthn credentials in them.
pub const ENROLMENT_BY_CREDENTIAL: usize = 2;

/// What the enrolment of `entity` under `method` is called, and its guard, and its spent steps: they outlive it.
pub fn enrolment_key(access: &Access, entity: &EntityId, method: &MethodId) -> BlindKey {
    access.blind("enrolment", &[entity.as_str(), method.as_str()])
}

/// The key of an entity in [`ENROLMENT_BY_ENTITY`].
pub fn enrolment_entity_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("enrolment.entity", &[entity.as_str()])
}

/// The key of a method in [`ENROLMENT_BY_METHOD`].
pub fn enrolment_method_key(access: &Access, method: &MethodId) -> BlindKey {
    access.blind("enrolment.method", &[method.as_str()])
}

impl Stored for Enrolment {
    const SCHEMA: &'static Schema = &ENROLMENT;
    const FORM: Form = Form::Compact;

    fn key(&self, access: &Access) -> BlindKey {
        enrolment_key(access, &self.entity, &self.method)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![
            (ENROLMENT_BY_ENTITY, enrolment_entity_key(access, &self.entity)),
            (ENROLMENT_BY_METHOD, enrolment_method_key(access, &self.method)),
        ];
        let credentials = self.authenticators.iter().filter_map(|bound| bound.authenticator.credential());
        entries.extend(credentials.map(|credential| {
            (ENROLMENT_BY_CREDENTIAL, web_authn::credential_key(access, &credential.rp_id, &credential.id))
        }));
        entries
    }
}

/// What the accepted steps of an authenticator go by that `entity` has under `method`, in the enrolment called `enrolment`: the first one's, by the
/// enrolment's own key.
pub fn spent_key(access: &Access, enrolment: BlindKey, entity: &EntityId, method: &MethodId, number: u32) -> BlindKey {
    match number {
        0 => enrolment,
        number => access.blind("authenticator", &[entity.as_str(), method.as_str(), &number.to_string()]),
    }
}

/// Challenges, each called by who asked whom under which method.
pub const CHALLENGES: Table<Challenge> = Table::new();
static CHALLENGE: Schema = Schema { name: "challenge", indexes: &[], expiry: Expiry::Column, marked: false };

/// What the challenge that `asker` poses to `entity` under `method` is called.
pub fn challenge_key(access: &Access, asker: Asker, entity: &EntityId, method: &MethodId) -> BlindKey {
    let hex = |key: BlindKey| data_encoding::HEXLOWER.encode(key.as_ref());
    match asker {
        Asker::Application => access.blind("challenge", &[entity.as_str(), method.as_str()]),
        Asker::Login(key) => access.blind("challenge.login", &[&hex(key), entity.as_str(), method.as_str()]),
        Asker::Session(key) => access.blind("challenge.session", &[&hex(key), entity.as_str(), method.as_str()]),
        Asker::Nobody => access.blind("challenge.nobody", &[entity.as_str(), method.as_str()]),
    }
}

impl Stored for Challenge {
    const SCHEMA: &'static Schema = &CHALLENGE;

    fn key(&self, _access: &Access) -> BlindKey {
        self.slot
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Contact points of entities, one for each channel.
pub const CONTACTS: Table<Contact> = Table::new();
static CONTACT: Schema = Schema { name: "contact", indexes: &[], expiry: Expiry::Never, marked: false };

/// What the contact point of `entity` over `channel` is called.
pub fn contact_key(access: &Access, entity: &EntityId, channel: Channel) -> BlindKey {
    access.blind("contact", &[entity.as_str(), channel.as_str()])
}

impl Stored for Contact {
    const SCHEMA: &'static Schema = &CONTACT;

    fn key(&self, access: &Access) -> BlindKey {
        contact_key(access, &self.entity, self.channel)
    }
}

/// The outbox: messages on their way.
pub const MESSAGES: Table<Message> = Table::new();
/// The outbox's records.
pub static MESSAGE: Schema = Schema { name: "message", indexes: &[], expiry: Expiry::Column, marked: false };

/// What the message `id` is called.
pub fn message_key(access: &Access, id: &str) -> BlindKey {
    access.blind("message", &[id])
}

impl Stored for Message {
    const SCHEMA: &'static Schema = &MESSAGE;

    fn key(&self, access: &Access) -> BlindKey {
        message_key(access, &self.id)
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Guards, each called what its enrolment is called.
pub const GUARDS: Table<GuardRecord> = Table::new();

/// A guard and whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GuardRecord {
    /// The key of the enrolment it guards.
    pub enrolment: BlindKey,
    /// The guard.
    pub guard: Guard,
    /// When it may be forgotten, where nothing worth guarding is enrolled.
    pub expires_at: Option<Timestamp>,
}

impl Stored for GuardRecord {
    const SCHEMA: &'static Schema = &GUARD;
    const FORM: Form = Form::Compact;

    fn key(&self, _access: &Access) -> BlindKey {
        self.enrolment
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// Tokens.
pub const TOKENS: Table<Token> = Table::new();
static TOKEN: Schema = Schema {
    name: "token",
    indexes: &[
        Index { name: "accessor", unique: true },
        Index { name: "parent", unique: false },
        Index { name: "namespace", unique: false },
        Index { name: "mount", unique: false },
    ],
    expiry: Expiry::Column,
    marked: true,
};
/// The index of tokens by accessor.
pub const TOKEN_BY_ACCESSOR: usize = 0;
/// The index of tokens by the token that made them.
pub const TOKEN_BY_PARENT: usize = 1;
/// The index of tokens by namespace.
pub const TOKEN_BY_NAMESPACE: usize = 2;
/// The index of tokens by the mount whose login made them.
pub const TOKEN_BY_MOUNT: usize = 3;

/// What the token with this text is called.
pub fn token_key(access: &Access, text: &str) -> BlindKey {
    access.blind("token", &[text])
}

/// The key of an accessor in [`TOKEN_BY_ACCESSOR`].
pub fn token_accessor_key(access: &Access, accessor: &Accessor) -> BlindKey {
    access.blind("token.accessor", &[accessor.as_str()])
}

/// The key of a namespace in [`TOKEN_BY_NAMESPACE`].
pub fn token_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("token.namespace", &[namespace.as_str()])
}

/// The key of a mount in [`TOKEN_BY_MOUNT`].
pub fn token_mount_key(access: &Access, mount: &Accessor) -> BlindKey {
    access.blind("token.mount", &[mount.as_str()])
}

impl Stored for Token {
    const SCHEMA: &'static Schema = &TOKEN;
    const HOT: bool = true;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let accessor = self.accessor.as_ref().map(|accessor| (TOKEN_BY_ACCESSOR, token_accessor_key(access, accessor)));
        let parent = self.parent.map(|parent| (TOKEN_BY_PARENT, parent));
        let namespace = (TOKEN_BY_NAMESPACE, token_namespace_key(access, &self.scope.id));
        let mount = self.mount.as_ref().map(|mount| (TOKEN_BY_MOUNT, token_mount_key(access, mount)));
        accessor.into_iter().chain(parent).chain([namespace]).chain(mount).collect()
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// What is known of time past: one record.
pub const CLOCKS: Table<ClockGuard> = Table::new();

/// What the one [`ClockGuard`] is called.
pub fn clock_key(access: &Access) -> BlindKey {
    access.blind("clock", &[])
}

impl Stored for ClockGuard {
    const SCHEMA: &'static Schema = &CLOCK;

    fn key(&self, access: &Access) -> BlindKey {
        clock_key(access)
    }
}

/// Work that a deletion left to be done in batches.
pub const PURGES: Table<Purge> = Table::new();

/// Something unreachable whose remains are still to be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// A deleted namespace: its tokens, policies, entities, enrolments, enforcements and methods.
    Namespace(NamespaceId),
    /// A deleted method: its enrolments.
    Method(MethodId),
    /// A revoked token: those it made.
    Children(BlindKey),
    /// A deleted auth mount: its tokens, aliases, users, roles, secret ids and lockouts.
    Mount(Accessor),
    /// A deleted role: its secret ids.
    AppRole(String),
}

impl Stored for Purge {
    const SCHEMA: &'static Schema = &PURGE;

    fn key(&self, access: &Access) -> BlindKey {
        match self {
            Self::Namespace(id) => access.blind("purge.namespace", &[id.as_str()]),
            Self::Method(id) => access.blind("purge.method", &[id.as_str()]),
            Self::Children(parent) => *parent,
            Self::Mount(accessor) => access.blind("purge.mount", &[accessor.as_str()]),
            Self::AppRole(id) => access.blind("purge.app_role", &[id]),
        }
    }
}

/// Token roles.
pub const TOKEN_ROLES: Table<TokenRole> = Table::new();
static TOKEN_ROLE: Schema = Schema {
    name: "token_role",
    indexes: &[Index { name: "namespace", unique: false }],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of token roles by namespace.
pub const TOKEN_ROLE_BY_NAMESPACE: usize = 0;

/// What the token role of this name is called.
pub fn token_role_key(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("token_role", &[namespace.as_str(), name])
}

/// The key of a namespace in [`TOKEN_ROLE_BY_NAMESPACE`].
pub fn token_role_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("token_role.namespace", &[namespace.as_str()])
}

impl Stored for TokenRole {
    const SCHEMA: &'static Schema = &TOKEN_ROLE;

    fn key(&self, access: &Access) -> BlindKey {
        token_role_key(access, &self.scope.id, &self.name)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![(TOKEN_ROLE_BY_NAMESPACE, token_role_namespace_key(access, &self.scope.id))]
    }
}

/// Wrapped replies, each called what its token is called.
pub const WRAPPINGS: Table<Wrapping> = Table::new();
static WRAPPING: Schema = Schema { name: "wrapping", indexes: &[], expiry: Expiry::Column, marked: false };

impl Stored for Wrapping {
    const SCHEMA: &'static Schema = &WRAPPING;

    fn key(&self, _access: &Access) -> BlindKey {
        self.token
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(Self::expires_at(self))
    }
}

/// Passwords of entities.
pub const PASSWORDS: Table<Password> = Table::new();
static PASSWORD: Schema = Schema { name: "password", indexes: &[], expiry: Expiry::Never, marked: false };

/// What the password of an entity is called.
pub fn password_key(access: &Access, entity: &EntityId) -> BlindKey {
    access.blind("password", &[entity.as_str()])
}

impl Stored for Password {
    const SCHEMA: &'static Schema = &PASSWORD;

    fn key(&self, access: &Access) -> BlindKey {
        password_key(access, &self.entity)
    }
}

/// Users of auth mounts.
pub const USERS: Table<User> = Table::new();
static USER: Schema = Schema {
    name: "login_user",
    indexes: &[Index { name: "mount", unique: false }],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of users by mount.
pub const USER_BY_MOUNT: usize = 0;

/// What the user of this name is called, whatever the case.
pub fn user_key(access: &Access, mount: &Accessor, name: &str) -> BlindKey {
    access.blind("user", &[mount.as_str(), &fold_name(name)])
}

/// The key of a mount in [`USER_BY_MOUNT`].
pub fn user_mount_key(access: &Access, mount: &Accessor) -> BlindKey {
    access.blind("user.mount", &[mount.as_str()])
}

impl Stored for User {
    const SCHEMA: &'static Schema = &USER;

    fn key(&self, access: &Access) -> BlindKey {
        user_key(access, &self.mount, &self.name)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![(USER_BY_MOUNT, user_mount_key(access, &self.mount))]
    }
}

/// Roles that machines log in as.
pub const APP_ROLES: Table<Role> = Table::new();
static APP_ROLE: Schema = Schema {
    name: "app_role",
    indexes: &[Index { name: "role_id", unique: true }, Index { name: "mount", unique: false }],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of roles by mount and role id, without regard to case: a role id is also the name of an alias.
pub const APP_ROLE_BY_ROLE_ID: usize = 0;
/// The index of roles by mount.
pub const APP_ROLE_BY_MOUNT: usize = 1;

/// What the role of this name is called, whatever the case.
pub fn app_role_key(access: &Access, mount: &Accessor, name: &str) -> BlindKey {
    access.blind("app_role", &[mount.as_str(), &fold_name(name)])
}

/// The key of a role id in [`APP_ROLE_BY_ROLE_ID`].
pub fn app_role_id_key(access: &Access, mount: &Accessor, role_id: &str) -> BlindKey {
    access.blind("app_role.role_id", &[mount.as_str(), &fold_name(role_id)])
}

/// The key of a mount in [`APP_ROLE_BY_MOUNT`].
pub fn app_role_mount_key(access: &Access, mount: &Accessor) -> BlindKey {
    access.blind("app_role.mount", &[mount.as_str()])
}

impl Stored for Role {
    const SCHEMA: &'static Schema = &APP_ROLE;

    fn key(&self, access: &Access) -> BlindKey {
        app_role_key(access, &self.mount, &self.name)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (APP_ROLE_BY_ROLE_ID, app_role_id_key(access, &self.mount, &self.role_id)),
            (APP_ROLE_BY_MOUNT, app_role_mount_key(access, &self.mount)),
        ]
    }
}

/// Secret ids.
pub const SECRET_IDS: Table<SecretId> = Table::new();
static SECRET_ID: Schema = Schema {
    name: "secret_id",
    indexes: &[
        Index { name: "accessor", unique: true },
        Index { name: "role", unique: false },
        Index { name: "mount", unique: false },
    ],
    expiry: Expiry::Column,
    marked: false,
};
/// The index of secret ids by role and accessor.
pub const SECRET_ID_BY_ACCESSOR: usize = 0;
/// The index of secret ids by role.
pub const SECRET_ID_BY_ROLE: usize = 1;
/// The index of secret ids by mount.
pub const SECRET_ID_BY_MOUNT: usize = 2;

/// What the secret id with this text is called; `role` is a [`Role::id`].
pub fn secret_id_key(access: &Access, role: &str, text: &str) -> BlindKey {
    access.blind("secret_id", &[role, text])
}

/// The key of an accessor in [`SECRET_ID_BY_ACCESSOR`].
pub fn secret_id_accessor_key(access: &Access, role: &str, accessor: &str) -> BlindKey {
    access.blind("secret_id.accessor", &[role, accessor])
}

/// The key of a role in [`SECRET_ID_BY_ROLE`].
pub fn secret_id_role_key(access: &Access, role: &str) -> BlindKey {
    access.blind("secret_id.role", &[role])
}

/// The key of a mount in [`SECRET_ID_BY_MOUNT`].
pub fn secret_id_mount_key(access: &Access, mount: &Accessor) -> BlindKey {
    access.blind("secret_id.mount", &[mount.as_str()])
}

impl Stored for SecretId {
    const SCHEMA: &'static Schema = &SECRET_ID;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![
            (SECRET_ID_BY_ACCESSOR, secret_id_accessor_key(access, &self.role, &self.accessor)),
            (SECRET_ID_BY_ROLE, secret_id_role_key(access, &self.role)),
            (SECRET_ID_BY_MOUNT, secret_id_mount_key(access, &self.mount)),
        ]
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// Failed logins.
pub const LOCKOUTS: Table<Lockout> = Table::new();
static LOCKOUT: Schema = Schema {
    name: "lockout",
    indexes: &[Index { name: "namespace", unique: false }, Index { name: "mount", unique: false }],
    expiry: Expiry::Column,
    marked: false,
};
/// The index of the lockouts of names that somebody has by namespace.
pub const LOCKOUT_BY_NAMESPACE: usize = 0;
/// The index of lockouts by mount.
pub const LOCKOUT_BY_MOUNT: usize = 1;

/// What the lockout of this name in a mount is called, whatever the case, or of the bucket that a name nobody has falls in.
pub fn lockout_key(access: &Access, mount: &Accessor, name: &str, is_known: bool) -> BlindKey {
    let domain = if is_known { "lockout" } else { "lockout.unknown" };
    access.blind(domain, &[mount.as_str(), &fold_name(name)])
}

/// The key of a namespace in [`LOCKOUT_BY_NAMESPACE`].
pub fn lockout_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("lockout.namespace", &[namespace.as_str()])
}

/// The key of a mount in [`LOCKOUT_BY_MOUNT`].
pub fn lockout_mount_key(access: &Access, mount: &Accessor) -> BlindKey {
    access.blind("lockout.mount", &[mount.as_str()])
}

impl Stored for Lockout {
    const SCHEMA: &'static Schema = &LOCKOUT;

    fn key(&self, access: &Access) -> BlindKey {
        let Subject { mount, name, is_known, .. } = &self.subject;
        lockout_key(access, mount, name, *is_known)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![(LOCKOUT_BY_MOUNT, lockout_mount_key(access, &self.subject.mount))];
        if self.subject.is_known {
            entries.push((LOCKOUT_BY_NAMESPACE, lockout_namespace_key(access, &self.subject.namespace)));
        }
        entries
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Login enforcements.
pub const ENFORCEMENTS: Table<Enforcement> = Table::new();
static ENFORCEMENT: Schema = Schema {
    name: "enforcement",
    indexes: &[Index { name: "namespace", unique: false }, Index { name: "method", unique: false }],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of enforcements by namespace.
pub const ENFORCEMENT_BY_NAMESPACE: usize = 0;
/// The index of enforcements by each method they name.
pub const ENFORCEMENT_BY_METHOD: usize = 1;

/// What the enforcement of this name in a namespace is called.
pub fn enforcement_key(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("enforcement", &[namespace.as_str(), name])
}

/// The key of a namespace in [`ENFORCEMENT_BY_NAMESPACE`].
pub fn enforcement_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("enforcement.namespace", &[namespace.as_str()])
}

/// The key of a method in [`ENFORCEMENT_BY_METHOD`].
pub fn enforcement_method_key(access: &Access, method: &MethodId) -> BlindKey {
    access.blind("enforcement.method", &[method.as_str()])
}

impl Stored for Enforcement {
    const SCHEMA: &'static Schema = &ENFORCEMENT;

    fn key(&self, access: &Access) -> BlindKey {
        enforcement_key(access, &self.scope.id, &self.name)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let mut entries = vec![(ENFORCEMENT_BY_NAMESPACE, enforcement_namespace_key(access, &self.scope.id))];
        entries
            .extend(self.methods.iter().map(|method| (ENFORCEMENT_BY_METHOD, enforcement_method_key(access, method))));
        entries
    }
}

/// Logins that wait for a second factor.
pub const PENDING_LOGINS: Table<PendingLogin> = Table::new();
static PENDING: Schema = Schema { name: "pending_login", indexes: &[], expiry: Expiry::Column, marked: false };

/// What the pending login with this request id is called.
pub fn pending_login_key(access: &Access, request_id: &str) -> BlindKey {
    access.blind("pending_login", &[request_id])
}

impl Stored for PendingLogin {
    const SCHEMA: &'static Schema = &PENDING;

    fn key(&self, _access: &Access) -> BlindKey {
        self.key
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at())
    }
}

/// Policies that somebody has written.
pub const POLICIES: Table<Policy> = Table::new();
static POLICY: Schema = Schema {
    name: "policy",
    indexes: &[Index { name: "namespace", unique: false }],
    expiry: Expiry::Never,
    marked: true,
};
/// The index of policies by namespace.
pub const POLICY_BY_NAMESPACE: usize = 0;

/// What the policy of this name is called, which is in lower case.
pub fn policy_key(access: &Access, namespace: &NamespaceId, name: &str) -> BlindKey {
    access.blind("policy", &[namespace.as_str(), name])
}

/// The key of a namespace in [`POLICY_BY_NAMESPACE`].
pub fn policy_namespace_key(access: &Access, namespace: &NamespaceId) -> BlindKey {
    access.blind("policy.namespace", &[namespace.as_str()])
}

impl Stored for Policy {
    const SCHEMA: &'static Schema = &POLICY;
    const HOT: bool = true;

    fn key(&self, access: &Access) -> BlindKey {
        policy_key(access, &self.scope.id, &self.name)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        vec![(POLICY_BY_NAMESPACE, policy_namespace_key(access, &self.scope.id))]
    }
}

pub mod costs;
pub mod edge;
pub mod login_policies;
pub mod message_providers;
pub mod outbox;
pub mod paces;
pub mod people;
pub mod secret_generators;
