//! Contact points of entities: given, proven, removed. Codes go to proven ones only.

use super::{Access, Error, enrolments};
use crate::id::EntityId;
use crate::model::contact::{Channel, Contact};
use crate::model::enrolment::Authenticator;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{CONTACTS, contact_key};

/// Where `entity` can be reached over `channel`, proven or not.
pub fn get(tx: &mut dyn Tx, access: &Access, entity: &EntityId, channel: Channel) -> Result<Option<Contact>, Error> {
    Ok(CONTACTS.get(tx, access, contact_key(access, entity, channel))?)
}

/// Give `entity` a contact point in place of the one it has over this channel. Where it is another than before, it has to be proven anew, unless
/// whoever gives it vouches for it.
pub fn put(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    channel: Channel,
    address: &Secret<String>,
    vouched: bool,
) -> Result<Contact, Error> {
    let proven = get(tx, access, entity, channel)?.filter(|there| there.address == *address);
    let proven = proven.and_then(|there| there.verified_at);
    let verified_at = proven.or_else(|| vouched.then(|| tx.now()));
    let contact = Contact { entity: entity.clone(), channel, address: address.clone(), verified_at };
    CONTACTS.put(tx, access, &contact)?;
    Ok(contact)
}

/// Note that `address` has been proven to be the entity's. Says whether it still is what the entity gave.
pub fn prove(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    channel: Channel,
    address: &Secret<String>,
) -> Result<bool, Error> {
    let Some(mut contact) = get(tx, access, entity, channel)?.filter(|there| there.address == *address) else {
        return Ok(false);
    };
    contact.verified_at = Some(tx.now());
    CONTACTS.put(tx, access, &contact)?;
    Ok(true)
}

/// Remove the contact point of `entity` over `channel`. Says whether there was one.
pub fn remove(tx: &mut dyn Tx, access: &Access, entity: &EntityId, channel: Channel) -> Result<bool, Error> {
    let there = get(tx, access, entity, channel)?.is_some();
    CONTACTS.delete(tx, contact_key(access, entity, channel))?;
    Ok(there)
}

/// Give `to` the contact points of `from`, over each channel where it has no proven one, which codes to it go to.
pub(super) fn carry_over(tx: &mut dyn Tx, access: &Access, from: &EntityId, to: &EntityId) -> Result<(), Error> {
    for channel in Channel::ALL {
        let Some(contact) = get(tx, access, from, channel)? else { continue };
        let there = get(tx, access, to, channel)?;
        let is_kept = there.is_some_and(|there| there.verified_at.is_some() || contact.verified_at.is_none());
        if !is_kept {
            CONTACTS.put(tx, access, &Contact { entity: to.clone(), ..contact })?;
        }
    }
    Ok(())
}

/// Who gives an address in place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Whoever shows that they are the entity, or speaks for it.
    Owner,
    /// Whoever has proven its first factor, and no more.
    FirstFactor,
}

/// Whether `address`, once it is proven, may become where `entity` is reached over `channel`. What is proven already stays where a first factor is
/// all that was shown, and where codes are sent to it: else whoever can enrol under one method would take over the others.
pub fn may_become(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    channel: Channel,
    address: &Secret<String>,
    by: By,
) -> Result<bool, Error> {
    let there = get(tx, access, entity, channel)?.filter(|there| there.verified_at.is_some());
    if there.is_none_or(|there| there.address == *address) {
        return Ok(true);
    }
    match by {
        By::FirstFactor => Ok(false),
        By::Owner => {
            let enrolments = enrolments::of_entity(tx, access, entity)?;
            let leans = |authenticator: &Authenticator| match authenticator {
                Authenticator::OutOfBand { channel: over, .. } => *over == channel,
                Authenticator::Totp(_) | Authenticator::Recovery(_) | Authenticator::WebAuthn { .. } => false,
            };
            let mut bound = enrolments.iter().flat_map(|enrolment| &enrolment.authenticators);
            Ok(!bound.any(|bound| bound.counts() && leans(&bound.authenticator)))
        }
    }
}
