//! Sessions: what somebody has proven so far, and to whom.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::contact::Channel;
use super::person::Incarnation;
use super::revision::Revision;
use crate::id::BlindKey;
use crate::model::namespace::Scope;
use crate::time::Timestamp;

/// How long a session is remembered that has been ended, so that its end can be told from its never having been.
const REMEMBERED_ENDED: Duration = Duration::from_hours(24);
/// How long one that has expired can still be looked at.
const REMEMBERED_EXPIRED: Duration = Duration::from_hours(24 * 30);

/// What an application keeps of somebody's login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Its id: 18 decimal digits.
    pub id: String,
    /// The organisation of whoever made it.
    pub scope: Scope,
    /// Who made it: what their token is called.
    pub creator: String,
    /// The keyed hash of its current token. Each change makes a new one, and the old one is worth nothing.
    pub token: BlindKey,
    /// What has been proven.
    pub factors: Factors,
    /// What has been asked and not answered.
    pub asked: Asked,
    /// What the application notes about it, as base64.
    pub metadata: BTreeMap<String, String>,
    /// Where it was made.
    pub user_agent: Option<UserAgent>,
    /// When it stops being good, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// How often it has changed.
    pub revision: Revision,
}

/// What has been proven in a session, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Factors {
    /// Who it is about.
    pub user: Option<User>,
    /// By a password.
    pub password: Option<Timestamp>,
    /// By a `WebAuthn` authenticator.
    pub web_authn: Option<WebAuthn>,
    /// By a time-based code.
    pub totp: Option<Timestamp>,
    /// By a code sent by text message.
    pub otp_sms: Option<Timestamp>,
    /// By a code sent by e-mail.
    pub otp_email: Option<Timestamp>,
    /// By a recovery code.
    pub recovery_code: Option<Timestamp>,
}

/// Codes that were sent for a session and have not come back: until when each is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Asked {
    /// By text message.
    pub otp_sms: Option<Timestamp>,
    /// By e-mail.
    pub otp_email: Option<Timestamp>,
}

impl Asked {
    /// What was sent over this channel.
    pub const fn over(&mut self, channel: Channel) -> &mut Option<Timestamp> {
        match channel {
            Channel::Sms => &mut self.otp_sms,
            Channel::Email => &mut self.otp_email,
        }
    }
}

/// Who a session is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub who: Incarnation,
    /// When the application last said so.
    pub checked_at: Timestamp,
}

/// A proof by a `WebAuthn` authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebAuthn {
    /// When.
    pub verified_at: Timestamp,
    /// Whether the authenticator knew its user.
    pub user_verified: bool,
}

/// Where a session was made, as the application tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct UserAgent {
    /// Tells the browser from others.
    pub fingerprint: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Headers that it sent.
    pub header: BTreeMap<String, Vec<String>>,
}

/// How far a session can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Live,
    /// Its time is over.
    Expired,
    /// It has been ended.
    Ended,
}

impl Session {
    /// How far it can be used at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.ended_at.is_some() {
            Standing::Ended
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Standing::Expired
        } else {
            Standing::Live
        }
    }

    /// When its record may go.
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        let ended = self.ended_at.map(|end| end.plus(REMEMBERED_ENDED));
        ended.or_else(|| self.expires_at.map(|end| end.plus(REMEMBERED_EXPIRED)))
    }

    /// The same, ended: nothing that it knew is kept.
    #[must_use]
    pub fn ended(self, now: Timestamp) -> Self {
        Self {
            factors: Factors::default(),
            asked: Asked::default(),
            metadata: BTreeMap::new(),
            user_agent: None,
            ended_at: Some(now),
            revision: self.revision.next(now),
            ..self
        }
    }
}

impl Factors {
    /// Whether a first factor has been proven: a password, or an authenticator that knew its user.
    pub fn has_first(&self) -> bool {
        self.password.is_some() || self.has_verified_user()
    }

    /// Whether a second factor has been proven. An authenticator that knew its user is two factors in one.
    pub const fn has_second(&self) -> bool {
        self.web_authn.is_some()
            || self.totp.is_some()
            || self.otp_sms.is_some()
            || self.otp_email.is_some()
            || self.recovery_code.is_some()
    }

    fn has_verified_user(&self) -> bool {
        self.web_authn.is_some_and(|proof| proof.user_verified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authenticator_that_knows_its_user_is_two_factors_and_one_that_does_not_is_a_second_one() {
        let by = |user_verified| Factors {
            web_authn: Some(WebAuthn { verified_at: Timestamp::EPOCH, user_verified }),
            ..Factors::default()
        };
        assert!(by(true).has_first() && by(true).has_second());
        assert!(!by(false).has_first() && by(false).has_second());
        let password = Factors { password: Some(Timestamp::EPOCH), ..Factors::default() };
        assert!(password.has_first() && !password.has_second());
        assert!(!Factors::default().has_first() && !Factors::default().has_second());
    }
}
