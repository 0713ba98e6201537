//! Pending logins: a first factor that is proven, waiting for what else is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{BlindKey, MethodId};
use crate::model::enrolment::Enrolment;
use crate::model::login::Login;
use crate::time::Timestamp;

/// How long a login waits for its second factor.
pub const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// A login that waits. The request id that its client shows is not in it: the record is found by a keyed hash of that.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingLogin {
    /// The keyed hash of the request id: what the record is called.
    pub key: BlindKey,
    /// The login.
    pub login: Login,
    /// When its first factor was proven.
    pub created_at: Timestamp,
    /// Authenticators made during this login, which count only once a code of theirs has completed it.
    pub drafts: Vec<Draft>,
    /// How many drafts were ever made: the newest one's number.
    pub drafted: u32,
}

/// An authenticator that is not bound yet.
#[derive(Clone, Serialize, Deserialize)]
pub struct Draft {
    /// Tells it from the drafts it replaced.
    pub number: u32,
    /// What it would be.
    pub enrolment: Enrolment,
}

impl PendingLogin {
    /// When it stops waiting.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(LONGEST_WAIT)
    }

    /// Whether it still waits at `now`.
    pub fn waits_at(&self, now: Timestamp) -> bool {
        now < self.expires_at()
    }

    /// The draft under `method`.
    pub fn draft(&self, method: &MethodId) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.enrolment.method == *method)
    }

    /// Take `enrolment` as the draft under its method, in place of an earlier one.
    pub fn take_draft(&mut self, enrolment: Enrolment) {
        self.drafts.retain(|draft| draft.enrolment.method != enrolment.method);
        self.drafted = self.drafted.saturating_add(1);
        self.drafts.push(Draft { number: self.drafted, enrolment });
    }
}
