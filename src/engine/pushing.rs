//! Methods that somebody else verifies: what is asked of the provider, and what its answer comes to.
//!
//! The question is made on a snapshot, and put to the gateway where blocking is allowed, outside of any job. What the answer means for a login
//! is decided by the job that settles it, which must look again whether anything it rests on has changed meanwhile.

use super::{Access, Error};
use crate::delivery::gateway::{self, Answer, Gateway, Proof, Provider, PushQuestion};
use crate::entropy::Entropy;
use crate::model::alias::Alias;
use crate::model::entity::Entity;
use crate::model::method::{Method, Settings};
use crate::model::username::{self, UsernameError};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{ALIAS_BY_ENTITY, ALIASES, alias_entity_key};
use crate::time::Timestamp;

/// Why a provider is not asked. For the caller, each is a factor that was not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The method is verified here.
    #[error("the method asks no provider")]
    NoProvider,
    /// The method wants a passcode, and none was given.
    #[error("the method asks for a passcode")]
    NoPasscode,
    /// The provider cannot be told who is meant.
    #[error(transparent)]
    Username(#[from] UsernameError),
    /// The entity is disabled.
    #[error("the entity is disabled")]
    Disabled,
}

/// What asking comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The provider says that they are who they say.
    Approved,
    /// The provider says that they are not, or have not shown it.
    Denied,
    /// There is no answer: it says nothing about the person, and lets nobody in.
    Failed,
}

/// Text that ties an answer to its question; drawn before the snapshot is looked at.
pub fn fresh_nonce(entropy: &dyn Entropy) -> String {
    entropy.base62(24)
}

/// What is to be asked about `entity`, under `method`, on this snapshot. An empty passcode is none.
pub fn question(
    tx: &mut dyn Tx,
    access: &Access,
    method: &Method,
    entity: &Entity,
    passcode: Option<&Secret<String>>,
    nonce: String,
) -> Result<Result<PushQuestion, Refusal>, Error> {
    let aliases = ALIASES.find_all(tx, access, ALIAS_BY_ENTITY, alias_entity_key(access, &entity.id))?;
    Ok(compose(method, entity, &aliases, passcode, tx.now(), nonce))
}

/// The same, as a function of what is known.
pub fn compose(
    method: &Method,
    entity: &Entity,
    aliases: &[Alias],
    passcode: Option<&Secret<String>>,
    asked_at: Timestamp,
    nonce: String,
) -> Result<PushQuestion, Refusal> {
    if entity.disabled {
        return Err(Refusal::Disabled);
    }
    let passcode = passcode.filter(|passcode| !passcode.expose().is_empty());
    let (provider, format) = match &method.settings {
        Settings::Totp(_) | Settings::Sms(_) | Settings::Email(_) | Settings::WebAuthn(_) | Settings::Recovery(_) => {
            return Err(Refusal::NoProvider);
        }
        Settings::Duo(duo) => {
            let proof = match passcode {
                Some(passcode) => Proof::Passcode(passcode.clone()),
                None if duo.use_passcode => return Err(Refusal::NoPasscode),
                None => Proof::Push,
            };
            (Provider::Duo(duo.clone(), proof), &duo.username_format)
        }
        // These two know no passcodes here: one that comes along is not looked at, and the telephone rings.
        Settings::Okta(okta) => (Provider::Okta(okta.clone()), &okta.username_format),
        Settings::PingId(pingid) => (Provider::PingId(pingid.clone()), &pingid.username_format),
    };
    let username = username::render(format, entity, aliases)?;
    Ok(PushQuestion { method: method.id.clone(), entity: entity.id.clone(), provider, username, asked_at, nonce })
}

/// Ask once, and note why the answer is not yes. Blocks, up to a minute: never inside a job.
pub fn ask(gateway: &dyn Gateway, question: &PushQuestion) -> Outcome {
    let (method, entity) = (question.method.as_str(), question.entity.as_str());
    match gateway.ask(question) {
        Ok(Answer::Approved) => Outcome::Approved,
        Ok(Answer::Denied(why)) => {
            tracing::info!(method, entity, why, "the provider denied");
            Outcome::Denied
        }
        Err(gateway::Error::Outstanding) => {
            tracing::info!(method, entity, "a push to this entity is outstanding already");
            Outcome::Failed
        }
        Err(error) => {
            tracing::warn!(method, entity, error = &error as &dyn std::error::Error, "the provider gave no answer");
            Outcome::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntityId, MethodId, NamespaceId};
    use crate::model::namespace::Scope;
    use crate::model::provider::{Duo, Okta, OktaBase};

    fn scope() -> Scope {
        Scope { id: NamespaceId::root(), path: String::new() }
    }

    fn entity() -> Entity {
        Entity::new(EntityId::new("e-1"), scope(), "alice".into(), Timestamp::EPOCH)
    }

    fn duo(use_passcode: bool) -> Method {
        let settings = Settings::Duo(Duo {
            secret_key: Secret::new("s".into()),
            integration_key: Secret::new("i".into()),
            api_hostname: "api.example".into(),
            push_info: String::new(),
            use_passcode,
            username_format: "{{identity.entity.name}}@corp".into(),
        });
        Method { id: MethodId::new("m-1"), scope: scope(), name: String::new(), settings, is_default: false }
    }

    fn okta() -> Method {
        let settings = Settings::Okta(Okta {
            org_name: "acme".into(),
            api_token: Secret::new("t".into()),
            base: OktaBase::Production(true),
            primary_email: false,
            username_format: String::new(),
        });
        Method { settings, ..duo(false) }
    }

    fn asked(method: &Method, passcode: Option<&str>) -> Result<PushQuestion, Refusal> {
        let passcode = passcode.map(|passcode| Secret::new(passcode.to_owned()));
        compose(method, &entity(), &[], passcode.as_ref(), Timestamp::EPOCH, "n".into())
    }

    #[test]
    fn duo_is_asked_with_a_passcode_where_there_is_one_and_else_by_a_push() {
        let question = asked(&duo(false), None).ok().unwrap();
        assert!(question.is_push());
        assert_eq!(question.username, "alice@corp");
        assert!(asked(&duo(false), Some("")).ok().unwrap().is_push());
        assert!(!asked(&duo(false), Some("123456")).ok().unwrap().is_push());
        assert!(!asked(&duo(true), Some("123456")).ok().unwrap().is_push());
        assert_eq!(asked(&duo(true), None).err().unwrap(), Refusal::NoPasscode);
    }

    #[test]
    fn okta_rings_whatever_comes_along() {
        let question = asked(&okta(), Some("123456")).ok().unwrap();
        assert!(question.is_push());
        assert_eq!(question.username, "alice");
    }

    #[test]
    fn nobody_is_asked_about_a_disabled_entity() {
        let disabled = Entity { disabled: true, ..entity() };
        let refused = compose(&okta(), &disabled, &[], None, Timestamp::EPOCH, String::new());
        assert_eq!(refused.err().unwrap(), Refusal::Disabled);
    }
}
