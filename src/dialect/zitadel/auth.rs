//! Who asks, and which methods they may use. On whom and what is each handler's business.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::error::Error;
use super::session_token;
use crate::engine::{Access, namespaces, tokens};
use crate::id::{BlindKey, EntityId};
use crate::model::namespace::Scope;
use crate::model::token::Token;
use crate::secret::Secret;
use crate::storage::Tx;

/// The policy of a token that may do everything in its organisation, and everything of the instance if that is the root one.
const OWNER_POLICY: &str = "zitadel-owner";
/// The policy of the token that a login UI holds.
const LOGIN_CLIENT_POLICY: &str = "zitadel-login-client";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// What they are here.
    pub(super) level: Level,
    /// The organisation they belong to. They see nothing outside of it; the root one has all others in it.
    pub(super) scope: Scope,
    /// What they showed, to be looked at again when something is written.
    pub(super) proof: Proof,
}

/// What a caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Level {
    /// The owner of their organisation.
    Owner,
    /// A login UI.
    LoginClient,
    /// A user who has proven enough in this session to act for themselves.
    Myself {
        /// The user.
        entity: EntityId,
        /// The session.
        session: String,
    },
    /// Whoever has the current token of this session: it says nothing of what has been proven in it.
    Holder {
        /// The session.
        session: String,
    },
}

/// What a caller showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A token.
    Token(BlindKey),
    /// The token of a session at this time.
    Session(BlindKey),
}

/// What a method takes at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Being somebody: the handler looks further.
    Authenticated,
    SessionRead,
    SessionWrite,
    SessionDelete,
    UserRead,
    UserWrite,
    UserDelete,
    UserCredentialWrite,
    UserPasskeyWrite,
    OrganisationRead,
    PolicyRead,
    PolicyWrite,
    PolicyDelete,
    IamRead,
    IamWrite,
    IamPolicyRead,
    IamPolicyWrite,
}

impl Caller {
    /// Whether they have `permission`.
    pub(super) fn may(&self, permission: Permission) -> bool {
        use Permission as P;
        let is_of_instance = match permission {
            P::IamRead | P::IamWrite | P::IamPolicyRead | P::IamPolicyWrite => true,
            P::Authenticated
            | P::SessionRead
            | P::SessionWrite
            | P::SessionDelete
            | P::UserRead
            | P::UserWrite
            | P::UserDelete
            | P::UserCredentialWrite
            | P::UserPasskeyWrite
            | P::OrganisationRead
            | P::PolicyRead
            | P::PolicyWrite
            | P::PolicyDelete => false,
        };
        match &self.level {
            Level::Owner => !is_of_instance || self.scope.id.is_root(),
            Level::LoginClient => !is_of_instance && !matches!(permission, P::PolicyWrite | P::PolicyDelete),
            Level::Myself { .. } | Level::Holder { .. } => permission == P::Authenticated,
        }
    }

    /// That they have `permission` over what belongs to `owner`.
    ///
    /// # Errors
    /// When they have not.
    pub(super) fn must(&self, permission: Permission, owner: &Scope) -> Result<(), Error> {
        if self.may(permission) && self.scope.contains(owner) { Ok(()) } else { Err(Error::not_on_this()) }
    }

    /// Who has this token, if it is good for anything here. A token of neither policy is good, but has no permission.
    pub(super) fn of_token(token: &Token) -> Result<Self, Error> {
        let has = |name: &str| token.policies.iter().any(|policy| policy == name);
        let level = if token.is_root() || has(OWNER_POLICY) {
            Level::Owner
        } else if has(LOGIN_CLIENT_POLICY) {
            Level::LoginClient
        } else {
            return Err(Error::no_permission());
        };
        Ok(Self { level, scope: token.scope.clone(), proof: Proof::Token(token.key) })
    }
}

/// What the request's head shows: the text of a token, or nothing.
///
/// # Errors
/// When it shows something else.
pub(super) fn shown(http: &HttpRequest) -> Result<Option<Secret<String>>, Error> {
    let Some(value) = http.headers().get(AUTHORIZATION).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.to_str().map_err(|_| Error::no_bearer())?;
    let (scheme, token) = value.split_once(' ').ok_or_else(Error::no_bearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::no_bearer());
    }
    Ok(Some(Secret::new(token.trim().to_owned())))
}

/// Whether what the caller showed is still good, and the organisation still there: asked again inside a job, where nothing can come between.
pub(super) fn still_good(tx: &mut dyn Tx, access: &Access, proof: Proof, scope: &Scope) -> Result<bool, Error> {
    let is_good = match proof {
        Proof::Token(key) => tokens::still_good(tx, access, key)?,
        Proof::Session(key) => session_token::still_current(tx, access, key)?,
    };
    Ok(is_good && namespaces::exists(tx, access, &scope.id)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NamespaceId;

    fn caller(level: Level, scope: Scope) -> Caller {
        Caller { level, scope, proof: Proof::Token([0; 16].into()) }
    }

    fn acme() -> Scope {
        Scope { id: NamespaceId::new("abc123"), path: "acme/".into() }
    }

    #[test]
    fn the_instance_is_its_owners_and_an_organisation_its_own() {
        use Permission::{IamPolicyWrite, IamRead, PolicyWrite, UserWrite};
        let (instance, theirs) = (caller(Level::Owner, Scope::root()), caller(Level::Owner, acme()));
        let client = caller(Level::LoginClient, Scope::root());
        for permission in [IamRead, IamPolicyWrite] {
            assert!(instance.may(permission) && !theirs.may(permission) && !client.may(permission), "{permission:?}");
        }
        assert!(theirs.may(PolicyWrite) && !client.may(PolicyWrite) && client.may(UserWrite));
        assert_eq!(theirs.must(UserWrite, &acme()), Ok(()));
        assert_eq!(theirs.must(UserWrite, &Scope::root()), Err(Error::not_on_this()));
        assert_eq!(instance.must(UserWrite, &acme()), Ok(()));
    }

    #[test]
    fn somebody_who_acts_for_themselves_has_no_permission_over_others() {
        let (entity, session) = (EntityId::new("1"), "2".to_owned());
        for level in [Level::Myself { entity, session: session.clone() }, Level::Holder { session }] {
            let caller = caller(level, Scope::root());
            assert!(caller.may(Permission::Authenticated));
            for permission in
                [Permission::SessionWrite, Permission::UserRead, Permission::UserWrite, Permission::PolicyRead]
            {
                assert!(!caller.may(permission), "{permission:?}");
            }
        }
    }
}
