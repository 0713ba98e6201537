//! What a user can prove themselves by now.

use super::error::Error;
use super::user::{otp, recovery, totp};
use crate::engine::people::User;
use crate::engine::{Access, contacts, credentials};
use crate::factor::web_authn::Use;
use crate::id::MethodId;
use crate::model::contact::Channel;
use crate::model::enrolment::Enrolment;
use crate::model::method::Kind;
use crate::storage::Tx;

/// What a user can prove themselves by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ready {
    pub(super) password: bool,
    pub(super) totp: bool,
    /// Whether an authenticator app is registered, but not confirmed.
    pub(super) totp_waits: bool,
    pub(super) otp_sms: bool,
    pub(super) otp_email: bool,
    pub(super) recovery_code: bool,
    /// Keys, of whatever domain and for whatever.
    pub(super) keys: Vec<Key>,
}

/// A key that is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// What its registration was called.
    pub(super) id: String,
    /// What its owner calls it.
    pub(super) name: String,
    /// The domain that it was registered for.
    pub(super) domain: String,
    /// What it is for.
    pub(super) purpose: Use,
    /// The method that it is under, and its number there.
    pub(super) method: MethodId,
    pub(super) number: u32,
}

impl Ready {
    /// What `user` can prove themselves by.
    pub(super) fn of(tx: &mut dyn Tx, access: &Access, user: &User) -> Result<Self, Error> {
        let totp = totp::enrolled(tx, access, user, Kind::Totp)?;
        let totp = totp.map(|(_, enrolment)| enrolment.counts());
        Ok(Self {
            password: credentials::get(tx, access, user.id())?.is_some(),
            totp: totp == Some(true),
            totp_waits: totp == Some(false),
            otp_sms: is_sent_to(tx, access, user, Channel::Sms)?,
            otp_email: is_sent_to(tx, access, user, Channel::Email)?,
            recovery_code: {
                let there = totp::enrolled(tx, access, user, Kind::Recovery)?;
                recovery::left(there.as_ref().map(|(_, enrolment)| enrolment)) > 0
            },
            keys: keys(tx, access, user)?,
        })
    }

    /// Whether there is a second factor among it.
    pub(super) fn has_second(&self) -> bool {
        self.totp || self.otp_sms || self.otp_email || self.recovery_code || self.has_key(Use::SecondFactor)
    }

    /// Whether there is a key for `purpose`.
    pub(super) fn has_key(&self, purpose: Use) -> bool {
        self.keys.iter().any(|key| key.purpose == purpose)
    }
}

/// The user's keys that count.
pub(super) fn keys(tx: &mut dyn Tx, access: &Access, user: &User) -> Result<Vec<Key>, Error> {
    let Some((method, enrolment)) = totp::enrolled(tx, access, user, Kind::WebAuthn)? else { return Ok(Vec::new()) };
    let keys = enrolment.authenticators.iter().filter(|bound| bound.counts()).filter_map(|bound| {
        let (id, credential) = bound.authenticator.registered()?;
        Some(Key {
            id: id.to_owned(),
            name: bound.label.clone(),
            domain: credential.rp_id.clone(),
            purpose: credential.purpose,
            method: method.id.clone(),
            number: bound.number,
        })
    });
    Ok(keys.collect())
}

/// Whether codes can be sent to the user over this channel: it is switched on, and the address is proven.
pub(super) fn is_sent_to(tx: &mut dyn Tx, access: &Access, user: &User, channel: Channel) -> Result<bool, Error> {
    let there = totp::enrolled(tx, access, user, otp::kind(channel))?;
    if !there.as_ref().is_some_and(|(_, enrolment): &(_, Enrolment)| enrolment.counts()) {
        return Ok(false);
    }
    let contact = contacts::get(tx, access, user.id(), channel)?;
    Ok(contact.is_some_and(|contact| contact.verified_at.is_some()))
}
