//! What an entity has enrolled, for people to look at: never a secret.

use super::uses::{Used, Uses};
use super::{Access, Error, contacts, enrolments, methods};
use crate::id::{EntityId, MethodId};
use crate::model::address::masked;
use crate::model::enrolment::{Authenticator, Bound, Standing};
use crate::model::guard::{Guard, Limits};
use crate::model::method::Kind;
use crate::storage::Tx;
use crate::storage::tables::{GUARDS, enrolment_key};
use crate::time::Timestamp;

/// An authenticator as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The method's id.
    pub method: MethodId,
    /// The method's name; empty when it has none.
    pub method_name: String,
    /// What it is.
    pub kind: Kind,
    /// Tells it from the others under the method.
    pub number: u32,
    /// What its owner calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner first proved possession, if that has happened.
    pub confirmed_at: Option<Timestamp>,
    /// When it last proved its owner, approximately.
    pub last_used_at: Option<Timestamp>,
    /// Whether it can prove its owner now.
    pub state: State,
    /// How many recovery codes are left.
    pub left: Option<usize>,
    /// Where codes are sent to, masked.
    pub recipient: Option<String>,
}

/// Whether an authenticator can prove its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can.
    Active,
    /// Once its owner has proven possession.
    Pending,
    /// Once its window of attempts opens again.
    Locked,
    /// Once an administrator unlocks it: there were too many failures in a row, or it looked as if there were two of it.
    Disabled,
}

/// All that `entity` has, by method and number. What `uses` has noted counts where it is newer than what is written down.
pub fn of_entity(tx: &mut dyn Tx, access: &Access, entity: &EntityId, uses: &Uses) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for enrolment in enrolments::of_entity(tx, access, entity)? {
        let Some(method) = methods::get(tx, access, &enrolment.method)? else { continue };
        let key = enrolment_key(access, entity, &method.id);
        let guard = GUARDS.get(tx, access, key)?.map(|stored| stored.guard);
        let shut = method.settings.limits().zip(guard).and_then(|(limits, guard)| shut(&limits, &guard, tx.now()));
        for bound in &enrolment.authenticators {
            let used = Used { enrolment: key, number: bound.number };
            entries.push(Entry {
                method: method.id.clone(),
                method_name: method.name.clone(),
                kind: method.settings.kind(),
                number: bound.number,
                label: bound.label.clone(),
                created_at: bound.created_at,
                confirmed_at: bound.confirmed_at,
                last_used_at: bound.last_used_at.max(uses.noted(used)),
                state: match bound.standing {
                    Standing::PendingUntil(_) => State::Pending,
                    Standing::SuspendedSince(_) => State::Disabled,
                    Standing::Counting => shut.unwrap_or(State::Active),
                },
                left: left(&bound.authenticator),
                recipient: recipient(tx, access, entity, bound)?,
            });
        }
    }
    entries.sort_by(|a, b| (&a.method, a.number).cmp(&(&b.method, b.number)));
    Ok(entries)
}

/// What the guard makes of attempts now, if it lets none through.
fn shut(limits: &Limits, guard: &Guard, now: Timestamp) -> Option<State> {
    if guard.is_disabled(limits) {
        return Some(State::Disabled);
    }
    guard.shut_until.is_some_and(|end| now < end).then_some(State::Locked)
}

const fn left(authenticator: &Authenticator) -> Option<usize> {
    match authenticator {
        Authenticator::Recovery(codes) => Some(codes.left.len()),
        Authenticator::Totp(_) | Authenticator::OutOfBand { .. } | Authenticator::WebAuthn { .. } => None,
    }
}

fn recipient(tx: &mut dyn Tx, access: &Access, entity: &EntityId, bound: &Bound) -> Result<Option<String>, Error> {
    match &bound.authenticator {
        Authenticator::OutOfBand { channel, unproven: Some(given) } => Ok(Some(masked(*channel, &given.address))),
        Authenticator::OutOfBand { channel, unproven: None } => {
            let contact = contacts::get(tx, access, entity, *channel)?;
            Ok(contact.map(|contact| masked(*channel, &contact.address)))
        }
        Authenticator::Totp(_) | Authenticator::Recovery(_) | Authenticator::WebAuthn { .. } => Ok(None),
    }
}
