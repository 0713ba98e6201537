//! Enrolments: binding fresh authenticators to an entity, and destroying them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::contacts::By;
use super::proofs::recovery_hash;
use super::{Access, Error, contacts, edge, entities, methods, verification};
use crate::factor::key_uri::key_uri;
use crate::factor::recovery::Form;
use crate::factor::totp;
use crate::id::{EntityId, MethodId};
use crate::model::enrolment::{self, Authenticator, Enrolment, RecoveryCode, RecoveryCodes, Standing};
use crate::model::entity::Entity;
use crate::model::method::{Kind, Method, Settings, Totp};
use crate::model::namespace::Scope;
use crate::model::recovery::Recovery;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{ENROLMENT_BY_ENTITY, ENROLMENTS, GUARDS, enrolment_entity_key, enrolment_key};

/// What a dialect varies of an authenticator that it makes. The default is what the method says, counting at once.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What its owner calls it.
    pub label: String,
    /// How long it may wait for its first code, and not count before; `None` if it counts at once.
    pub pending_for: Option<Duration>,
    /// How recovery codes are made.
    pub codes: Option<CodeTerms>,
}

/// What a dialect varies of recovery codes.
#[derive(Debug, Clone, Copy)]
pub struct CodeTerms {
    /// How many.
    pub count: u32,
    /// What they look like.
    pub form: Form,
    /// Whether their owner may look at them again: then they are kept, and else only their hashes.
    pub shown_again: bool,
}

/// An authenticator that is ready to be bound: drawn, but not yet stored.
#[derive(Clone)]
pub struct Draft {
    /// What it would be: an enrolment with nothing else in it.
    pub(super) enrolment: Enrolment,
    scope: Scope,
    /// What its owner has to be shown once.
    pub shown: Shown,
    /// How many of them its owner may have.
    pub most: u32,
}

/// What the owner of a fresh authenticator has to be shown once.
#[derive(Clone)]
pub enum Shown {
    /// A key for an authenticator app.
    Key {
        /// The key URI that carries it, for the account that is called by the entity's id.
        uri: Secret<String>,
        /// The size of its picture in pixels each way; 0 for none.
        qr_size: u32,
    },
    /// Recovery codes.
    Codes(Vec<Secret<String>>),
}

/// What drafting came to.
pub enum Drafted {
    /// A fresh authenticator.
    Fresh(Box<Draft>),
    /// The entity has as many under this method as it may, called so; they are neither shown nor changed.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// Draft an authenticator for the entity `entity` under `method`, which must be of this kind.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Error::UnknownEntity`], [`Error::OutsideMethod`], [`Error::OtherKind`], in this order.
pub fn draft(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    kind: Kind,
    method: &MethodId,
    entity: &EntityId,
    terms: &Terms,
) -> Result<Drafted, Error> {
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    check_reach(&method, &entity)?;
    if method.settings.kind() != kind {
        return Err(Error::OtherKind);
    }
    if is_full(tx, access, &method, &entity.id)? {
        return Ok(Drafted::AlreadyEnrolled { method_name: method.name });
    }
    let (authenticator, shown) = match &method.settings {
        Settings::Totp(settings) => {
            let authenticator = fresh_totp(settings, access);
            let uri = key_uri(&settings.issuer, entity.id.as_str(), &authenticator);
            (Authenticator::Totp(authenticator), Shown::Key { uri, qr_size: settings.qr_size })
        }
        Settings::Recovery(settings) => {
            let (codes, shown) = fresh_codes(terms.codes.unwrap_or(CodeTerms::of(settings)), access);
            (Authenticator::Recovery(codes), Shown::Codes(shown))
        }
        Settings::Sms(_)
        | Settings::Email(_)
        | Settings::WebAuthn(_)
        | Settings::Duo(_)
        | Settings::Okta(_)
        | Settings::PingId(_) => return Err(Error::OtherKind),
    };
    let mut enrolment = Enrolment::new(entity.id, entity.scope, entity.disabled, method.id);
    let now = tx.now();
    let bound = enrolment::Bound {
        number: 0,
        label: terms.label.clone(),
        authenticator,
        standing: terms.pending_for.map_or(Standing::Counting, |wait| Standing::PendingUntil(now.plus(wait))),
        created_at: now,
        confirmed_at: None,
        last_used_at: None,
    };
    enrolment.take(bound, now);
    Ok(Drafted::Fresh(Box::new(Draft {
        enrolment,
        scope: scope.clone(),
        shown,
        most: method.settings.max_enrolments(),
    })))
}

/// A list of recovery codes that is to take the place of another.
#[derive(Clone)]
pub struct Redrawn {
    /// The number that the list goes by.
    pub number: u32,
    /// What is kept of it.
    pub authenticator: Authenticator,
    /// What its owner is shown once.
    pub shown: Vec<Secret<String>>,
}

/// Draw the recovery codes anew that `entity` has under `method`, if it has any: [`replace`] puts them in the place of the old ones.
///
/// # Errors
/// As [`draft`].
pub fn redraw(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    method: &MethodId,
    entity: &EntityId,
) -> Result<Option<Redrawn>, Error> {
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    check_reach(&method, &entity)?;
    let Settings::Recovery(settings) = &method.settings else { return Err(Error::OtherKind) };
    let there = get(tx, access, &entity.id, &method.id)?;
    let is_list = |bound: &&enrolment::Bound| matches!(bound.authenticator, Authenticator::Recovery(_));
    let there = there.as_ref().and_then(|there| there.authenticators.iter().find(is_list));
    Ok(there.map(|bound| {
        let (codes, shown) = fresh_codes(CodeTerms::of(settings), access);
        Redrawn { number: bound.number, authenticator: Authenticator::Recovery(codes), shown }
    }))
}

impl CodeTerms {
    /// What a method says: shown once.
    pub const fn of(settings: &Recovery) -> Self {
        Self { count: settings.count, form: settings.form, shown_again: false }
    }
}

/// Whether an entity has as many authenticators under `method` as it may; those that wait for their first code count here.
pub(super) fn is_full(tx: &mut dyn Tx, access: &Access, method: &Method, entity: &EntityId) -> Result<bool, Error> {
    let there = ENROLMENTS.get(tx, access, enrolment_key(access, entity, &method.id))?;
    let now = tx.now();
    let standing = |there: Enrolment| there.authenticators.iter().filter(|bound| bound.stands_at(now)).count();
    let most = usize::try_from(method.settings.max_enrolments()).unwrap_or(usize::MAX);
    Ok(there.map_or(0, standing) >= most)
}

fn fresh_totp(settings: &Totp, access: &Access) -> totp::Authenticator {
    let mut seed = vec![0; usize::try_from(settings.key_size).unwrap_or_default()];
    access.entropy.fill(&mut seed);
    totp::Authenticator { parameters: settings.parameters.clone(), seed: Secret::new(seed) }
}

/// Fresh recovery codes, no two of them alike: what is kept, and what is shown. None is all digits, where others are not: it could be taken
/// for a passcode.
pub fn fresh_codes(terms: CodeTerms, access: &Access) -> (RecoveryCodes, Vec<Secret<String>>) {
    let CodeTerms { count, form, shown_again } = terms;
    let salt = data_encoding::HEXLOWER.encode(&access.entropy.bytes::<16>());
    let only_digits = form.alphabet.characters().iter().all(u8::is_ascii_digit);
    let (mut seen, mut left, mut shown) = (BTreeSet::new(), Vec::new(), Vec::new());
    while shown.len() < usize::try_from(count).unwrap_or_default() {
        let text = access.entropy.text(form.length.into(), form.alphabet.characters());
        let is_taken_for_passcode = !only_digits && text.bytes().all(|byte| byte.is_ascii_digit());
        let code = form.shown(&Secret::new(text));
        let Some(candidate) = form.parse(&code) else { continue };
        let hash = recovery_hash(access, &salt, &candidate);
        if is_taken_for_passcode || !seen.insert(hash) {
            continue;
        }
        left.push(if shown_again { RecoveryCode::Shown(code.clone()) } else { RecoveryCode::Hashed(hash) });
        shown.push(code);
    }
    (RecoveryCodes { form, salt, left }, shown)
}

impl Draft {
    /// The authenticator.
    pub fn authenticator(&self) -> Option<&Authenticator> {
        self.enrolment.authenticators.first().map(|bound| &bound.authenticator)
    }
}

/// Bind a drafted authenticator, unless there is no more room for it. Says whether it was. Failures of earlier ones keep counting within
/// their window; only the count that disables starts anew, where nothing else is guarded.
///
/// # Errors
/// As [`draft`], if what it was drafted for has gone meanwhile.
pub fn bind(tx: &mut dyn Tx, access: &Access, draft: &Draft) -> Result<Bound, Error> {
    let drafted = &draft.enrolment;
    let method = methods::get(tx, access, &drafted.method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, &draft.scope, &drafted.entity)?.ok_or(Error::UnknownEntity)?;
    if is_full(tx, access, &method, &entity.id)? {
        return Ok(Bound::AlreadyEnrolled { method_name: method.name });
    }
    let number = add(tx, access, &entity, &method.id, &drafted.authenticators)?;
    Ok(Bound::Fresh { number })
}

/// Add `bound` to what `entity` has under `method`; gives back the last one's number.
pub(super) fn add(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &Entity,
    method: &MethodId,
    bound: &[enrolment::Bound],
) -> Result<u32, Error> {
    let key = enrolment_key(access, &entity.id, method);
    let there = ENROLMENTS.get(tx, access, key)?;
    if !there.as_ref().is_some_and(Enrolment::is_owned)
        && let Some(mut guarded) = GUARDS.get(tx, access, key)?
    {
        guarded.guard.consecutive_failures = 0;
        guarded.expires_at = None;
        GUARDS.put(tx, access, &guarded)?;
    }
    let fresh = || Enrolment::new(entity.id.clone(), entity.scope.clone(), entity.disabled, method.clone());
    let mut enrolment = there.unwrap_or_else(fresh);
    let (now, mut number) = (tx.now(), enrolment.next_number);
    for bound in bound {
        number = enrolment.take(bound.clone(), now);
    }
    ENROLMENTS.put(tx, access, &enrolment)?;
    Ok(number)
}

/// Let `bound` of `entity` count: its owner has proven possession. An address that it brought becomes the entity's contact point, unless it may
/// not: then nothing is changed. Says whether it counts.
pub(super) fn confirm(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    bound: &mut enrolment::Bound,
    by: By,
) -> Result<bool, Error> {
    if let Authenticator::OutOfBand { channel, unproven } = &mut bound.authenticator
        && let Some(given) = unproven
    {
        if !contacts::may_become(tx, access, entity, *channel, &given.address, by)? {
            return Ok(false);
        }
        contacts::put(tx, access, entity, *channel, &given.address, true)?;
        *unproven = None;
    }
    bound.confirmed_at.get_or_insert(tx.now());
    bound.standing = Standing::Counting;
    Ok(true)
}

/// What binding came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// The authenticator is bound, under this number.
    Fresh {
        /// Tells it from the entity's others under the method.
        number: u32,
    },
    /// Others were bound first.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// What `entity` has under `method`, whether or not it counts.
pub fn get(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<Option<Enrolment>, Error> {
    let now = tx.now();
    let found = ENROLMENTS.get(tx, access, enrolment_key(access, entity, method))?;
    Ok(found.and_then(|mut enrolment| {
        enrolment.authenticators.retain(|bound| bound.stands_at(now));
        (!enrolment.authenticators.is_empty()).then_some(enrolment)
    }))
}

/// Whether `entity` has an authenticator under `method`, even if it is suspended: then nobody who has only another factor may add one.
pub fn owns(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<bool, Error> {
    let found = ENROLMENTS.get(tx, access, enrolment_key(access, entity, method))?;
    Ok(found.as_ref().is_some_and(Enrolment::is_owned))
}

/// Whether `entity` has an authenticator under `method` that counts.
pub fn counts(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<bool, Error> {
    let found = ENROLMENTS.get(tx, access, enrolment_key(access, entity, method))?;
    Ok(found.as_ref().is_some_and(Enrolment::counts))
}

/// All that `entity` has, under whatever methods.
pub fn of_entity(tx: &mut dyn Tx, access: &Access, entity: &EntityId) -> Result<Vec<Enrolment>, Error> {
    let now = tx.now();
    let mut found = ENROLMENTS.find_all(tx, access, ENROLMENT_BY_ENTITY, enrolment_entity_key(access, entity))?;
    for enrolment in &mut found {
        enrolment.authenticators.retain(|bound| bound.stands_at(now));
    }
    found.retain(|enrolment| !enrolment.authenticators.is_empty());
    Ok(found)
}

/// Remove one of the authenticators that `entity` has under `method`. Says whether there was one of this number.
pub fn remove_one(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    method: &MethodId,
    number: u32,
) -> Result<bool, Error> {
    let key = enrolment_key(access, entity, method);
    let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)? else { return Ok(false) };
    let before = enrolment.clone();
    enrolment.authenticators.retain(|bound| bound.number != number);
    if enrolment.authenticators.len() == before.authenticators.len() {
        return Ok(false);
    }
    if enrolment.authenticators.is_empty() {
        remove(tx, access, entity, method)?;
    } else {
        ENROLMENTS.put(tx, access, &enrolment)?;
        edge::mfa::removed(tx, access, &before)?;
    }
    Ok(true)
}

/// Put `bound` in the place of what `entity` has of the same number under `method`: a list of recovery codes made anew, for one. Says whether
/// there was one.
pub fn replace(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    method: &MethodId,
    number: u32,
    authenticator: &Authenticator,
) -> Result<bool, Error> {
    let key = enrolment_key(access, entity, method);
    let Some(mut enrolment) = ENROLMENTS.get(tx, access, key)? else { return Ok(false) };
    let now = tx.now();
    let Some(bound) = enrolment.authenticator_mut(number) else { return Ok(false) };
    bound.authenticator = authenticator.clone();
    bound.created_at = now;
    ENROLMENTS.put(tx, access, &enrolment)?;
    Ok(true)
}

/// Destroy the secret that `entity` has under `method`, if any. Its guard and its spent steps stay until they end by themselves, so that
/// destroying and generating is no way round them.
///
/// # Errors
/// [`Error::UnknownEntity`], [`Error::UnknownMethod`], [`Error::OtherKind`], [`Error::OutsideMethod`], in this order.
pub fn destroy(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    kind: Kind,
    method: &MethodId,
    entity: &EntityId,
) -> Result<(), Error> {
    let (method, entity) = bound_pair(tx, access, scope, kind, method, entity)?;
    remove(tx, access, &entity.id, &method.id)
}

/// Remove all that `entity` has under `method`, and let its guard go by itself.
pub fn remove(tx: &mut dyn Tx, access: &Access, entity: &EntityId, method: &MethodId) -> Result<(), Error> {
    let key = enrolment_key(access, entity, method);
    verification::release_guard(tx, access, key)?;
    let removed = ENROLMENTS.get(tx, access, key)?;
    ENROLMENTS.delete(tx, key)?;
    match removed {
        Some(removed) => edge::mfa::removed(tx, access, &removed),
        None => Ok(()),
    }
}

/// The method and the entity of the request's namespace that an administrator names, checked against each other.
///
/// # Errors
/// As [`destroy`].
pub fn bound_pair(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    kind: Kind,
    method: &MethodId,
    entity: &EntityId,
) -> Result<(Method, Entity), Error> {
    let entity = entities::get(tx, access, scope, entity)?.ok_or(Error::UnknownEntity)?;
    let method = methods::get(tx, access, method)?.ok_or(Error::UnknownMethod)?;
    if method.settings.kind() != kind {
        return Err(Error::OtherKind);
    }
    check_reach(&method, &entity)?;
    Ok((method, entity))
}

/// A method reaches the entities of its own namespace and of those below.
pub(super) fn check_reach(method: &Method, entity: &Entity) -> Result<(), Error> {
    if method.scope.contains(&entity.scope) {
        return Ok(());
    }
    Err(Error::OutsideMethod { entity: entity.scope.path.clone(), method: method.scope.path.clone() })
}
