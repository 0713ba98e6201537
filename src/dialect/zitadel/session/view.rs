//! Sessions as they are shown.

use std::collections::BTreeMap;

use data_encoding::BASE64;

use super::super::error::Error;
use super::super::message::message;
use super::super::organisation;
use super::super::scalar::Bytes;
use crate::engine::people::User;
use crate::engine::{Access, sessions};
use crate::model::session::{self, Session};
use crate::storage::Tx;
use crate::time::Timestamp;

message! {
    /// A session.
    pub(super) struct Shown("Session") {
        id: String,
        creation_date: Option<Timestamp>,
        change_date: Option<Timestamp>,
        sequence: u64,
        factors: Option<Factors>,
        metadata: BTreeMap<String, Bytes>,
        user_agent: Option<UserAgent>,
        expiration_date: Option<Timestamp>,
    }

    struct Factors {
        user: UserFactor,
        password: Option<Factor>,
        web_auth_n: Option<WebAuthnFactor>,
        totp: Option<Factor>,
        otp_sms: Option<Factor>,
        otp_email: Option<Factor>,
        recovery_code: Option<Factor>,
    }

    struct UserFactor {
        verified_at: Option<Timestamp>,
        id: String,
        login_name: String,
        display_name: String,
        organization_id: String,
        /// What `v2beta` calls it too.
        organisation_id: String,
    }

    struct Factor {
        verified_at: Option<Timestamp>,
    }

    struct WebAuthnFactor("WebAuthNFactor") {
        verified_at: Option<Timestamp>,
        user_verified: bool,
    }

    /// Where a session was made.
    pub(super) struct UserAgent {
        pub(super) fingerprint_id: Option<String>,
        pub(super) ip: Option<String>,
        pub(super) description: Option<String>,
        pub(super) header: BTreeMap<String, HeaderValues>,
    }

    pub(super) struct HeaderValues {
        pub(super) values: Vec<String>,
    }
}

/// A session, with what is known of its user now.
pub(super) fn show(tx: &mut dyn Tx, access: &Access, session: &Session) -> Result<Shown, Error> {
    let user = sessions::user_of(tx, access, session)?;
    let metadata = session.metadata.iter();
    Ok(Shown {
        id: session.id.clone(),
        creation_date: Some(session.revision.created_at),
        change_date: Some(session.revision.changed_at),
        sequence: session.revision.sequence,
        factors: user.and_then(|user| factors(&session.factors, &user)),
        metadata: metadata
            .map(|(key, value)| (key.clone(), Bytes(BASE64.decode(value.as_bytes()).unwrap_or_default())))
            .collect(),
        user_agent: session.user_agent.clone().map(UserAgent::from),
        expiration_date: session.expires_at,
    })
}

fn factors(factors: &session::Factors, user: &User) -> Option<Factors> {
    let at = |verified_at: Option<Timestamp>| verified_at.map(|at| Factor { verified_at: Some(at) });
    let organization_id = organisation::id_of(&user.entity.scope.id);
    Some(Factors {
        user: UserFactor {
            verified_at: Some(factors.user.as_ref()?.checked_at),
            id: user.entity.id.to_string(),
            login_name: user.entity.name.clone(),
            display_name: user.person.display_name().to_owned(),
            organisation_id: organization_id.clone(),
            organization_id,
        },
        password: at(factors.password),
        web_auth_n: factors
            .web_authn
            .map(|proof| WebAuthnFactor { verified_at: Some(proof.verified_at), user_verified: proof.user_verified }),
        totp: at(factors.totp),
        otp_sms: at(factors.otp_sms),
        otp_email: at(factors.otp_email),
        recovery_code: at(factors.recovery_code),
    })
}

impl From<session::UserAgent> for UserAgent {
    fn from(agent: session::UserAgent) -> Self {
        Self {
            fingerprint_id: agent.fingerprint,
            ip: agent.ip,
            description: agent.description,
            header: agent.header.into_iter().map(|(name, values)| (name, HeaderValues { values })).collect(),
        }
    }
}

impl From<UserAgent> for session::UserAgent {
    fn from(agent: UserAgent) -> Self {
        Self {
            fingerprint: agent.fingerprint_id,
            ip: agent.ip,
            description: agent.description,
            header: agent.header.into_iter().map(|(name, values)| (name, values.values)).collect(),
        }
    }
}
