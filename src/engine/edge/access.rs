//! Callers: who shows a session's token, and how much that is worth at this moment.
//!
//! Nothing of it is remembered: the policy, the identity and the session are looked at for each request, and again where something is written.

use super::{Error, auth_policies, identities};
use crate::engine::Access;
use crate::id::BlindKey;
use crate::model::edge::auth_policy::AuthPolicy;
use crate::model::edge::identity::Identity;
use crate::model::edge::permission::{Action, Noun};
use crate::model::edge::session::ApiSession;
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::edge::API_SESSIONS;

/// Somebody with a live session.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The session.
    pub session: ApiSession,
    /// Whose it is.
    pub entity: Entity,
    /// What is said about that.
    pub identity: Identity,
    /// How it authenticates.
    pub policy: AuthPolicy,
}

impl Caller {
    /// Whether the session waits for a second factor.
    pub const fn is_partial(&self) -> bool {
        self.session.needs_totp(self.policy.require_totp)
    }

    /// Whether the caller may do `action` to `noun`. Nobody may do anything before authentication is complete, whatever they are.
    pub fn may(&self, noun: Noun, action: Action) -> bool {
        !self.is_partial() && self.identity.may(noun, action)
    }
}

/// Whoever shows the token whose keyed hash is `key`: if the session lives, and its identity does and is not disabled.
pub fn authenticate(tx: &mut dyn Tx, access: &Access, scope: &Scope, key: BlindKey) -> Result<Option<Caller>, Error> {
    let Some(session) = API_SESSIONS.get(tx, access, key)?.filter(|session| session.namespace == scope.id) else {
        return Ok(None);
    };
    let Some((entity, identity)) = identities::get(tx, access, scope, &session.entity)? else { return Ok(None) };
    if identities::is_disabled(&entity, &identity, tx.now()) {
        return Ok(None);
    }
    let policy = auth_policies::of(tx, access, scope, &identity)?;
    Ok(Some(Caller { session, entity, identity, policy }))
}
