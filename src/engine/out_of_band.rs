//! Out-of-band authenticators: an entity says where it is reached, and proves it by the first code that is sent there.
//!
//! Until then the address is part of the authenticator, which does not count, and the entity's proven contact point stays what it was.

use std::sync::Arc;
use std::time::Duration;

use super::challenges::{self, Outcome, Receipt, Refusal, To, Whom};
use super::contacts::{self, By};
use super::enrolments::{add, check_reach, remove_one};
use super::{Access, Error, entities, methods};
use crate::id::{EntityId, MethodId};
use crate::model::address::{Address, masked};
use crate::model::challenge::Asker;
use crate::model::contact::Channel;
use crate::model::costs::Costs;
use crate::model::enrolment::{Authenticator, Bound, Enrolment, Standing, Unproven};
use crate::model::entity::Entity;
use crate::model::method::{Kind, Method};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{ENROLMENTS, enrolment_key};
use crate::time::Timestamp;

/// Who is to be reached under which method, and where.
pub struct Ask<'a> {
    /// The namespace of the request.
    pub scope: &'a Scope,
    /// The kind that the method must be of.
    pub kind: Kind,
    /// The method.
    pub method: &'a MethodId,
    /// The entity.
    pub entity: &'a EntityId,
    /// Where it is reached; without one, where it is proven to be.
    pub address: Option<Address>,
    /// What its owner calls it.
    pub label: String,
    /// Whose word the address is.
    pub word: Word,
    /// What text messages may cost.
    pub costs: &'a Arc<Costs>,
}

/// Whose word an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Its owner's.
    Owner,
    /// An administrator's.
    Administrator {
        /// Whether they know it to be the entity's, so that it need not be proven.
        vouches: bool,
    },
}

/// What drafting came to.
pub enum Drafted {
    /// An authenticator that is ready to be bound.
    Fresh(Box<Draft>),
    /// The entity is reached under this method already.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// An authenticator that is ready to be bound.
#[derive(Clone)]
pub struct Draft {
    scope: Scope,
    method: MethodId,
    entity: EntityId,
    channel: Channel,
    label: String,
    /// An address to be noted as proven.
    vouched: Option<Secret<String>>,
    /// The first code, which proves the rest.
    first: Option<First>,
}

/// A first code, and where it goes to.
#[derive(Clone)]
pub(super) struct First {
    pub(super) code: challenges::Draft,
    pub(super) unproven: Option<Secret<String>>,
    lifetime: Duration,
}

impl Draft {
    /// The first code, where there is one.
    pub fn codes(&self) -> Vec<challenges::Draft> {
        self.first.iter().map(|first| first.code.clone()).collect()
    }
}

/// What binding came to.
pub enum Binding {
    /// It counts: codes go to this address, masked.
    Counting(Channel, String),
    /// It counts once the code is answered that was just sent.
    Pending(Receipt),
    /// A code was sent a moment ago.
    TooSoon(Duration),
    /// The entity has no proven contact point any more.
    Unreachable,
    /// No message may be sent there, at all or today.
    Unsendable,
    /// It was reached under this method before.
    AlreadyEnrolled {
        /// The method's name.
        method_name: String,
    },
}

/// Draft an authenticator that is reached by codes.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Error::UnknownEntity`], [`Error::OutsideMethod`], [`Error::OtherKind`], [`Refusal::NoAddress`],
/// [`Refusal::OtherAddress`], in this order.
pub fn draft(tx: &mut dyn Tx, access: &Access, ask: Ask<'_>) -> Result<Drafted, Error> {
    let method = methods::get(tx, access, ask.method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, ask.scope, ask.entity)?.ok_or(Error::UnknownEntity)?;
    check_reach(&method, &entity)?;
    let Some((channel, _)) = challenges::settings(&method).filter(|_| method.settings.kind() == ask.kind) else {
        return Err(Error::OtherKind);
    };
    let there = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    if there.is_some_and(|there| there.counts()) {
        return Ok(Drafted::AlreadyEnrolled { method_name: method.name });
    }
    let proven = proven(tx, access, &entity.id, channel)?;
    let given = ask.address.map(|address| address.text().clone());
    let known = given.is_none() || given == proven;
    let (vouched, first) = match ask.word {
        Word::Administrator { vouches: true } => (Some(given.or(proven).ok_or(Refusal::NoAddress)?), None),
        Word::Administrator { vouches: false } if known && proven.is_some() => (None, None),
        Word::Administrator { vouches: false } | Word::Owner => {
            let whom = (Asker::Application, By::Owner);
            (None, Some(first(tx, access, ask.costs, (&method, &entity), given, whom)?))
        }
    };
    Ok(Drafted::Fresh(Box::new(Draft {
        scope: ask.scope.clone(),
        method: method.id,
        entity: entity.id,
        channel,
        label: ask.label,
        vouched,
        first,
    })))
}

/// Where `entity` is proven to be reached.
fn proven(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    channel: Channel,
) -> Result<Option<Secret<String>>, Error> {
    let there = contacts::get(tx, access, entity, channel)?;
    Ok(there.filter(|there| there.verified_at.is_some()).map(|there| there.address))
}

/// Draft a first code, to the address that is `given`, or else to where `entity` is proven to be reached.
///
/// # Errors
/// [`Refusal::NoChallenge`], [`Refusal::NoAddress`], [`Refusal::OtherAddress`].
pub(super) fn first(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Arc<Costs>,
    (method, entity): (&Method, &Entity),
    given: Option<Secret<String>>,
    (asker, by): (Asker, By),
) -> Result<First, Error> {
    let (channel, settings) = challenges::settings(method).ok_or(Refusal::NoChallenge)?;
    let proven = proven(tx, access, &entity.id, channel)?;
    let unproven = given.filter(|given| proven.as_ref() != Some(given));
    let to = match (&unproven, &proven) {
        (Some(address), _) => {
            if !contacts::may_become(tx, access, &entity.id, channel, address, by)? {
                return Err(Refusal::OtherAddress.into());
            }
            To::Unproven(address.clone())
        }
        (None, Some(_)) => To::Contact,
        (None, None) => return Err(Refusal::NoAddress.into()),
    };
    let terms = challenges::Terms::of(settings);
    let lifetime = terms.lifetime;
    let code = challenges::draft(access, Whom { asker, entity, method, channel, to, costs }, terms);
    Ok(First { code, unproven, lifetime })
}

impl First {
    /// The authenticator that the code confirms.
    pub(super) fn bound(&self, channel: Channel, label: String, now: Timestamp) -> Bound {
        let unproven = self.unproven.clone().map(|address| Unproven { address });
        bound(channel, unproven, label, Standing::PendingUntil(now.plus(self.lifetime)), now)
    }
}

fn bound(channel: Channel, unproven: Option<Unproven>, label: String, standing: Standing, now: Timestamp) -> Bound {
    Bound {
        number: 0,
        label,
        authenticator: Authenticator::OutOfBand { channel, unproven },
        standing,
        created_at: now,
        confirmed_at: None,
        last_used_at: None,
    }
}

/// Bind a drafted authenticator, in place of one that still waits for its first code, and send that code.
///
/// # Errors
/// As [`draft`], if what it was drafted for has gone meanwhile.
pub fn bind(tx: &mut dyn Tx, access: &Access, draft: &Draft) -> Result<Binding, Error> {
    let method = methods::get(tx, access, &draft.method)?.ok_or(Error::UnknownMethod)?;
    let entity = entities::get(tx, access, &draft.scope, &draft.entity)?.ok_or(Error::UnknownEntity)?;
    let there = ENROLMENTS.get(tx, access, enrolment_key(access, &entity.id, &method.id))?;
    if there.as_ref().is_some_and(Enrolment::counts) {
        return Ok(Binding::AlreadyEnrolled { method_name: method.name });
    }
    let now = tx.now();
    let (bound, binding) = match &draft.first {
        None => {
            if let Some(address) = &draft.vouched {
                contacts::put(tx, access, &entity.id, draft.channel, address, true)?;
            }
            let Some(address) = proven(tx, access, &entity.id, draft.channel)? else {
                return Ok(Binding::Unreachable);
            };
            let bound = bound(draft.channel, None, draft.label.clone(), Standing::Counting, now);
            (bound, Binding::Counting(draft.channel, masked(draft.channel, &address)))
        }
        Some(first) => match challenges::pose(tx, access, &first.code)? {
            Outcome::Posed(receipt) => {
                (first.bound(draft.channel, draft.label.clone(), now), Binding::Pending(receipt))
            }
            Outcome::TooSoon { retry_in } => return Ok(Binding::TooSoon(retry_in)),
            Outcome::Unreachable => return Ok(Binding::Unreachable),
            Outcome::Unsendable => return Ok(Binding::Unsendable),
        },
    };
    for waiting in there.iter().flat_map(|there| &there.authenticators) {
        remove_one(tx, access, &entity.id, &method.id, waiting.number)?;
    }
    add(tx, access, &entity, &method.id, &[bound])?;
    Ok(binding)
}
