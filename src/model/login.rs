//! Logins: who has passed a first factor, and what they get once everything that is asked of them is proven.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Accessor, EntityId};
use crate::model::mount::{self, Kind, Mount, TokenSettings, TokenType};
use crate::model::namespace::Scope;
use crate::model::token;

/// A login whose first factor is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The namespace it is made in.
    pub scope: Scope,
    /// The mount it is made through.
    pub mount: Accessor,
    /// What that mount is.
    pub mount_kind: Kind,
    /// What that mount says about tokens.
    pub mount_config: mount::Config,
    /// Who logs in.
    pub entity: EntityId,
    /// What they are called in the mount.
    pub name: String,
    /// The request path.
    pub path: String,
    /// What the token is called in listings.
    pub display_name: String,
    /// What the mount notes on the token.
    pub metadata: BTreeMap<String, String>,
    /// What the user's or role's record says about the token.
    pub token: TokenSettings,
}

impl Login {
    /// A login of `entity`, which `mount` calls `name`, of which nothing more is known.
    pub fn new(mount: &Mount, entity: EntityId, name: String) -> Self {
        Self {
            scope: mount.scope.clone(),
            mount: mount.accessor.clone(),
            mount_kind: mount.kind,
            mount_config: mount.config.clone(),
            entity,
            name,
            path: String::new(),
            display_name: String::new(),
            metadata: BTreeMap::new(),
            token: TokenSettings::default(),
        }
    }

    /// The kind of token it comes to: what the record says, or else the mount.
    pub const fn token_kind(&self) -> token::Kind {
        match (self.token.token_type, self.mount_config.token_type) {
            (TokenType::Batch, _) | (_, TokenType::Batch) => token::Kind::Batch,
            (TokenType::Service, _) | (_, TokenType::Service) => token::Kind::Service,
            (TokenType::DefaultBatch, _) | (TokenType::Default, TokenType::DefaultBatch) => token::Kind::Batch,
            (TokenType::DefaultService | TokenType::Default, _) => token::Kind::Service,
        }
    }
}

/// What a token is called whose login went through `mount`, in Vault's way: the mount's path with dashes, the whole of it outside root,
/// and then the user's name, if the mount knows one.
pub fn display_name(mount: &Mount, name: Option<&str>) -> String {
    let place =
        if mount.scope.id.is_root() { mount.path.clone() } else { format!("{}auth/{}", mount.scope.path, mount.path) };
    let mut shown = place.trim_end_matches('/').replace('/', "-");
    if let Some(name) = name {
        shown.push('-');
        shown.push_str(name);
    }
    shown
}
