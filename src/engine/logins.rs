//! Logins: what follows a first factor that was proven. The entity is found or made, and gets a token, at once or when everything else that
//! is asked of it is proven too.

use std::collections::BTreeMap;

use super::challenges::{self, Draft};
use super::requirements::{self, Attempts, Constraint, Evaluated, Offer, Outcome, SlowAttempts, Unsatisfied};
use super::tokens::{self, Created, FreshToken};
use super::{Access, Error, enforcements, entities, lockout, mounts};
use crate::delivery::gateway::PushQuestion;
use crate::entropy::Entropy;
use crate::id::{Accessor, AliasId, EntityId};
use crate::model::alias::Alias;
use crate::model::clock_guard::ClockGuard;
use crate::model::enforcement::Enforcement;
use crate::model::entity::Entity;
use crate::model::login::Login;
use crate::model::mount::{Mount, TokenSettings};
use crate::model::namespace::Scope;
use crate::model::pending::PendingLogin;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{
    ALIAS_BY_NAME, ALIASES, ENTITIES, PENDING_LOGINS, alias_name_key, entity_key, pending_login_key,
};

/// A first factor that has been proven in a mount.
#[derive(Clone)]
pub struct FirstFactor {
    /// The mount.
    pub mount: Mount,
    /// What the caller is called there: the alias's name.
    pub name: String,
    /// The request path.
    pub path: String,
    /// What the token is called in listings.
    pub display_name: String,
    /// What the mount notes on the token.
    pub metadata: BTreeMap<String, String>,
    /// What the user's or role's record says about the token.
    pub token: TokenSettings,
    /// What the caller offers beside it, in case more is asked.
    pub offer: Option<Offer>,
    /// What a login draws from chance.
    pub fresh: Fresh,
    /// Codes to be sent if it has to wait for them: drafted for its request id.
    pub codes: Vec<Draft>,
}

/// What a login draws from chance.
#[derive(Clone)]
pub struct Fresh {
    /// The entity's id, if it is new.
    pub entity: EntityId,
    /// The entity's name, if it is new.
    pub entity_name: String,
    /// The alias's id, if it is new.
    pub alias: AliasId,
    /// The token.
    pub token: FreshToken,
    /// What its client shows, if the login has to wait: 122 bits.
    pub request_id: Secret<String>,
}

impl Fresh {
    /// A fresh draw for a login in `scope`.
    pub fn draw(entropy: &dyn Entropy, scope: &Scope) -> Self {
        Self {
            entity: EntityId::fresh(entropy, &scope.id),
            entity_name: entities::fresh_name(entropy, scope),
            alias: AliasId::fresh(entropy, &scope.id),
            token: FreshToken::draw(entropy, scope),
            request_id: Secret::new(entropy.uuid().to_string()),
        }
    }
}

/// What a first factor comes to.
pub enum Admission {
    /// Nothing else is asked, or it was offered with the first factor: the token.
    Token(Box<Created>),
    /// Nothing else is asked, although something was offered: the token.
    Unasked(Box<Created>),
    /// More is asked: the login waits.
    Requirement(Requirement),
    /// More is asked, and what was offered does not do. The caller is not told more.
    Refused(Unsatisfied),
}

/// What is asked of a login that waits.
pub struct Requirement {
    /// Shows that one is the login's client: whoever has it may answer.
    pub request_id: Secret<String>,
    /// What is asked: all of it.
    pub constraints: Vec<Constraint>,
    /// What came of the codes that were drafted for it.
    pub codes: Vec<challenges::Outcome>,
}

/// Let somebody in whose first factor is proven, or say what else they must prove.
///
/// What is offered with the first factor is evaluated here rather than on a snapshot, because the entity may only be made here.
///
/// # Errors
/// [`Error::Denied`] when the entity is disabled.
pub fn admit(tx: &mut dyn Tx, access: &Access, proven: &FirstFactor, clock: ClockGuard) -> Result<Admission, Error> {
    let entity = entity_of(tx, access, proven)?;
    if entity.disabled {
        return Err(Error::Denied);
    }
    let login = Login {
        path: proven.path.clone(),
        display_name: proven.display_name.clone(),
        metadata: proven.metadata.clone(),
        token: proven.token.clone(),
        ..Login::new(&proven.mount, entity.id, proven.name.clone())
    };
    let asked = enforcements::applying(tx, access, &login)?;
    match &proven.offer {
        None if asked.is_empty() => Ok(Admission::Token(complete(tx, access, &login, &proven.fresh.token)?)),
        Some(_) if asked.is_empty() => Ok(Admission::Unasked(complete(tx, access, &login, &proven.fresh.token)?)),
        None => wait(tx, access, login, &asked, proven).map(Admission::Requirement),
        Some(offer) => {
            // A signature is not checked in here. One that answers what a login was asked has no place beside its first factor anyway.
            let attempts = requirements::evaluate(tx, access, &asked, &login, None, offer)?.quick();
            match requirements::settle(tx, access, &asked, None, &attempts, clock)? {
                Outcome::Satisfied(used) => {
                    let created = complete(tx, access, &login, &proven.fresh.token)?;
                    Ok(Admission::Token(Box::new(Created { used, ..*created })))
                }
                Outcome::Unsatisfied(unsatisfied) => Ok(Admission::Refused(unsatisfied)),
            }
        }
    }
}

/// Let a login wait for what is `asked`.
fn wait(
    tx: &mut dyn Tx,
    access: &Access,
    login: Login,
    asked: &[Enforcement],
    proven: &FirstFactor,
) -> Result<Requirement, Error> {
    let request_id = &proven.fresh.request_id;
    let constraints = requirements::constraints(tx, access, &login, asked)?;
    let pending = PendingLogin {
        key: pending_login_key(access, request_id.expose()),
        login,
        created_at: tx.now(),
        drafts: Vec::new(),
        drafted: 0,
    };
    PENDING_LOGINS.put(tx, access, &pending)?;
    let mut codes = Vec::new();
    for draft in proven.codes.iter().filter(|draft| *draft.entity() == pending.login.entity) {
        if asked.iter().any(|enforcement| enforcement.methods.contains(draft.method())) {
            codes.push(challenges::pose(tx, access, draft)?);
        }
    }
    Ok(Requirement { request_id: request_id.clone(), constraints, codes })
}

/// Make the token of a login of which everything is proven: the one way there. Its earlier failures are forgiven only now.
fn complete(tx: &mut dyn Tx, access: &Access, login: &Login, fresh: &FreshToken) -> Result<Box<Created>, Error> {
    lockout::clear(tx, access, &login.mount, &login.name)?;
    tokens::issue(tx, access, login, fresh).map(Box::new)
}

/// The login that waits under `request_id`, in `scope` itself, and whoever logs in, if they may still do so.
///
/// # Errors
/// [`Error::UnknownLogin`]; [`Error::Denied`] when the entity is gone or disabled, or the mount is gone.
pub(super) fn waiting(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: &Secret<String>,
) -> Result<(PendingLogin, Entity), Error> {
    let now = tx.now();
    let found = PENDING_LOGINS.get(tx, access, pending_login_key(access, request_id.expose()))?;
    let pending = found
        .filter(|pending| pending.waits_at(now) && pending.login.scope.id == scope.id)
        .ok_or(Error::UnknownLogin)?;
    let entity = ENTITIES.get(tx, access, entity_key(access, &pending.login.entity))?;
    let entity = entity.filter(|entity| !entity.disabled).ok_or(Error::Denied)?;
    if !mounts::exists(tx, access, &pending.login.mount)? {
        return Err(Error::Denied);
    }
    Ok((pending, entity))
}

/// An answer to what a waiting login was asked, evaluated and to be settled.
#[derive(Clone)]
pub struct Validation {
    scope: Scope,
    request_id: Secret<String>,
    attempts: Attempts,
    /// What is drawn from chance for the token.
    fresh: FreshToken,
}

/// What answering came to.
pub enum Validated {
    /// Everything is proven: the token. The login waits no longer.
    Token(Box<Created>),
    /// Something is not; the login still waits, no longer than before.
    Refused(Unsatisfied),
}

/// What providers have to be asked before what is offered beside a first factor, right for `name` in `mount`, can be settled. Of somebody
/// who was never seen before no provider knows.
pub fn questions_beside(
    tx: &mut dyn Tx,
    access: &Access,
    mount: &Mount,
    name: &str,
    offer: &Offer,
    nonce: &str,
) -> Result<Vec<PushQuestion>, Error> {
    let Some(entity) = known(tx, access, &mount.accessor, name)? else { return Ok(Vec::new()) };
    let login = Login::new(mount, entity.id.clone(), name.into());
    let asked = enforcements::applying(tx, access, &login)?;
    requirements::questions(tx, access, &asked, &entity, offer, nonce)
}

/// Evaluate, on a snapshot, what is offered for the login that waits under `request_id`.
///
/// # Errors
/// [`Error::UnknownLogin`], [`Error::Denied`], [`Error::NothingEnforced`].
pub fn consider(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    request_id: Secret<String>,
    offer: &Offer,
    nonce: &str,
    fresh: FreshToken,
) -> Result<Considered, Error> {
    let (pending, entity) = waiting(tx, access, scope, &request_id)?;
    let asked = asked_of(tx, access, &pending.login)?;
    let questions = requirements::questions(tx, access, &asked, &entity, offer, nonce)?;
    if !questions.is_empty() {
        return Ok(Considered::Ask(questions));
    }
    let scope = scope.clone();
    Ok(match requirements::evaluate(tx, access, &asked, &pending.login, Some(&pending), offer)? {
        Evaluated::Ready(attempts) => Considered::Settle(Box::new(Validation { scope, request_id, attempts, fresh })),
        Evaluated::Slow(attempts) => Considered::Check(Box::new(SlowValidation { scope, request_id, attempts, fresh })),
    })
}

/// A validation in which signatures are left to be checked.
#[derive(Clone)]
pub struct SlowValidation {
    scope: Scope,
    request_id: Secret<String>,
    attempts: SlowAttempts,
    fresh: FreshToken,
}

impl SlowValidation {
    /// Check them. Blocks: never inside a job.
    pub fn finish(self) -> Validation {
        let Self { scope, request_id, attempts, fresh } = self;
        Validation { scope, request_id, attempts: attempts.finish(), fresh }
    }
}

/// What considering an offer comes to.
pub enum Considered {
    /// Providers have to be asked first; then it is to be considered again.
    Ask(Vec<PushQuestion>),
    /// It has to be finished first, where blocking is allowed.
    Check(Box<SlowValidation>),
    /// It can be settled.
    Settle(Box<Validation>),
}

/// Settle a validation in the serial order of writes. Whether the login still waits, who logs in and what is asked of them is looked at
/// again; a login is completed once.
///
/// # Errors
/// As [`consider`].
pub fn validate(
    tx: &mut dyn Tx,
    access: &Access,
    validation: &Validation,
    clock: ClockGuard,
) -> Result<Validated, Error> {
    let (pending, _) = waiting(tx, access, &validation.scope, &validation.request_id)?;
    let asked = asked_of(tx, access, &pending.login)?;
    match requirements::settle(tx, access, &asked, Some(&pending), &validation.attempts, clock)? {
        Outcome::Satisfied(used) => {
            PENDING_LOGINS.delete(tx, pending.key)?;
            let created = complete(tx, access, &pending.login, &validation.fresh)?;
            Ok(Validated::Token(Box::new(Created { used, ..*created })))
        }
        Outcome::Unsatisfied(unsatisfied) => Ok(Validated::Refused(unsatisfied)),
    }
}

/// The enforcements that apply to a login that waits for one. Where none is left, a token for nothing is not what was agreed.
fn asked_of(tx: &mut dyn Tx, access: &Access, login: &Login) -> Result<Vec<Enforcement>, Error> {
    let asked = enforcements::applying(tx, access, login)?;
    if asked.is_empty() { Err(Error::NothingEnforced) } else { Ok(asked) }
}

/// The entity that the caller is, made with its alias if it is seen for the first time.
fn entity_of(tx: &mut dyn Tx, access: &Access, proven: &FirstFactor) -> Result<Entity, Error> {
    entity_called(tx, access, &proven.mount.scope, &proven.mount.accessor, &proven.name, &proven.fresh)
}

/// The entity that is called `name` in `mount`, if it was ever seen there.
pub(super) fn known(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<Option<Entity>, Error> {
    let alias = ALIASES.find_one(tx, access, ALIAS_BY_NAME, alias_name_key(access, mount, name))?;
    let Some(alias) = alias else { return Ok(None) };
    ENTITIES.get(tx, access, entity_key(access, &alias.entity))?.ok_or(Error::Denied).map(Some)
}

/// The entity that is called `name` in `mount`, made with its alias if there is none yet.
pub(super) fn entity_called(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    mount: &Accessor,
    name: &str,
    fresh: &Fresh,
) -> Result<Entity, Error> {
    if let Some(entity) = known(tx, access, mount, name)? {
        return Ok(entity);
    }
    let now = tx.now();
    let entity = Entity::new(fresh.entity.clone(), scope.clone(), fresh.entity_name.clone(), now);
    let alias = Alias {
        id: fresh.alias.clone(),
        scope: scope.clone(),
        entity: entity.id.clone(),
        mount: mount.clone(),
        name: name.into(),
        metadata: None,
        custom_metadata: None,
        merged_from: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    ENTITIES.put(tx, access, &entity)?;
    ALIASES.put(tx, access, &alias)?;
    Ok(entity)
}
