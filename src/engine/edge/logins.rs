//! Logins by name and password: looked up, counted, let in.
//!
//! Whoever is not let in is told the same, whatever the reason, after the same work. Guesses at one name are limited by what is stored, names
//! that nobody has in buckets, so that no flood of invented names fills the store.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Error, auth_policies, authenticators, identities, mfa};
use crate::engine::Access;
use crate::entropy::Entropy;
use crate::factor::password::Hash;
use crate::id::{ApiSessionId, AuthenticatorId, BlindKey};
use crate::model::edge::authenticator::Authenticator;
use crate::model::edge::posture::State;
use crate::model::edge::session::ApiSession;
use crate::model::entity::fold_name;
use crate::model::guard::{Guard, Judgement, Limits};
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::edge::{API_SESSIONS, AUTHENTICATORS, api_session_key};
use crate::storage::tables::{GUARDS, GuardRecord, PASSWORDS, password_key};

/// How often one may guess at a name.
const LIMITS: Limits = Limits { attempts: 20, window: Duration::from_mins(5), ceiling: u32::MAX };

/// The hexadecimal digits of a bucket of names that nobody has: about a million buckets.
const BUCKET_DIGITS: usize = 5;

/// An attempt to log in.
#[derive(Clone)]
pub struct Attempt {
    scope: Scope,
    /// What guesses are counted under.
    guard: BlindKey,
    authenticator: Option<AuthenticatorId>,
    /// What is kept of the password that would be right, if there is one.
    pub hash: Option<Hash>,
}

/// What a look at an attempt comes to.
pub enum Begun {
    /// The password is to be checked.
    Check(Box<Attempt>),
    /// There were too many guesses; there may be more after this time.
    TooMany(Duration),
}

/// Begin an attempt as `username`, on a snapshot.
pub fn begin(tx: &mut dyn Tx, access: &Access, scope: &Scope, username: &str) -> Result<Begun, Error> {
    let authenticator = authenticators::by_username(tx, access, scope, username)?;
    let hash = match &authenticator {
        Some(found) => PASSWORDS.get(tx, access, password_key(access, &found.entity))?.map(|password| password.hash),
        None => None,
    };
    let guard = authenticator.as_ref().map_or_else(
        || {
            let name = access.blind("edge.password.name", &[scope.id.as_str(), &fold_name(username)]);
            let bucket: String = format!("{name:?}").chars().take(BUCKET_DIGITS).collect();
            access.blind("edge.password.bucket", &[scope.id.as_str(), &bucket])
        },
        |found| access.blind("edge.password.known", &[scope.id.as_str(), found.id.as_str()]),
    );
    if let Some(record) = GUARDS.get(tx, access, guard)?
        && let Judgement::Shut { opens_in, .. } = record.guard.clone().judge(&LIMITS, false, tx.now())
    {
        return Ok(Begun::TooMany(opens_in));
    }
    let authenticator = authenticator.map(|found| found.id);
    Ok(Begun::Check(Box::new(Attempt { scope: scope.clone(), guard, authenticator, hash })))
}

/// What the client says about itself, and what its session will be.
#[derive(Clone)]
pub struct Fresh {
    /// The token that it will show.
    pub token: Secret<String>,
    /// The session's id.
    pub id: ApiSessionId,
    /// For how long it lives unused.
    pub timeout: Duration,
    /// Its SDK.
    pub sdk_info: BTreeMap<String, String>,
    /// Its machine.
    pub env_info: BTreeMap<String, String>,
    /// Which configurations it understands.
    pub config_types: Vec<String>,
    /// Its address.
    pub ip_address: String,
}

/// A token for a new session: 256 bits of chance.
pub fn fresh_token(entropy: &dyn Entropy) -> Secret<String> {
    Secret::new(entropy.base62(43))
}

/// What an attempt comes to.
pub enum Outcome {
    /// There is a session.
    Accepted(Box<ApiSession>),
    /// There is none, for a reason that the log alone is told.
    Refused(Reason),
    /// There were too many guesses; there may be more after this time.
    TooMany(Duration),
}

/// Why nobody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nobody has the name, or the password is wrong.
    #[error("wrong name or password")]
    Wrong,
    /// The identity is disabled.
    #[error("the identity is disabled")]
    Disabled,
    /// Its policy knows no passwords.
    #[error("the policy does not allow passwords")]
    NotAllowed,
}

/// End an attempt in the order of writes: count it if the password is wrong, begin a session if all is right.
pub fn finish(
    tx: &mut dyn Tx,
    access: &Access,
    attempt: &Attempt,
    is_right: bool,
    fresh: &Fresh,
) -> Result<Outcome, Error> {
    let now = tx.now();
    let found = match &attempt.authenticator {
        Some(id) => authenticators::get(tx, access, &attempt.scope, id)?,
        None => None,
    };
    // The password may have been changed while it was checked.
    let is_right = is_right && has_still(tx, access, found.as_ref(), attempt)?;
    let stored = GUARDS.get(tx, access, attempt.guard)?;
    let had_failures = stored.is_some();
    let mut guard = stored.map_or_else(|| Guard::unused(now), |record| record.guard);
    match guard.judge(&LIMITS, is_right, now) {
        Judgement::Shut { opens_in, .. } => return Ok(Outcome::TooMany(opens_in)),
        Judgement::Passed if had_failures => GUARDS.delete(tx, attempt.guard)?,
        Judgement::Passed => {}
        Judgement::Failed | Judgement::Disabled => {
            let expires_at = Some(guard.window_started_at.plus(LIMITS.window));
            GUARDS.put(tx, access, &GuardRecord { enrolment: attempt.guard, guard, expires_at })?;
        }
    }
    let Some(authenticator) = found else { return Ok(Outcome::Refused(Reason::Wrong)) };
    let Some((entity, identity)) = identities::get(tx, access, &attempt.scope, &authenticator.entity)? else {
        return Ok(Outcome::Refused(Reason::Wrong));
    };
    let policy = auth_policies::of(tx, access, &attempt.scope, &identity)?;
    let is_disabled = identities::is_disabled(&entity, &identity, now);
    if !is_right {
        let failures = authenticator.failures.saturating_add(1);
        let is_last = policy.updb.max_attempts > 0 && failures >= policy.updb.max_attempts && !is_disabled;
        let failures = if is_last { 0 } else { failures };
        AUTHENTICATORS.put(tx, access, &Authenticator { failures, ..authenticator })?;
        if is_last {
            identities::shut_out(tx, access, identity, policy.updb.lockout_duration_minutes)?;
        }
        return Ok(Outcome::Refused(Reason::Wrong));
    }
    if is_disabled {
        return Ok(Outcome::Refused(Reason::Disabled));
    }
    if !policy.updb.allowed {
        return Ok(Outcome::Refused(Reason::NotAllowed));
    }
    let session = ApiSession {
        key: api_session_key(access, fresh.token.expose()),
        id: fresh.id.clone(),
        namespace: attempt.scope.id.clone(),
        entity: entity.id.clone(),
        authenticator: authenticator.id.clone(),
        created_at: now,
        updated_at: now,
        last_activity_at: now,
        timeout: fresh.timeout,
        is_mfa_required: mfa::is_verified(tx, access, &entity)?,
        is_mfa_complete: false,
        posture: State::default(),
        sdk_info: fresh.sdk_info.clone(),
        env_info: fresh.env_info.clone(),
        config_types: fresh.config_types.clone(),
        ip_address: fresh.ip_address.clone(),
    };
    if authenticator.failures > 0 {
        AUTHENTICATORS.put(tx, access, &Authenticator { failures: 0, ..authenticator })?;
    }
    API_SESSIONS.put(tx, access, &session)?;
    Ok(Outcome::Accepted(Box::new(session)))
}

/// Whether the password is still the one that was checked.
fn has_still(
    tx: &mut dyn Tx,
    access: &Access,
    found: Option<&Authenticator>,
    attempt: &Attempt,
) -> Result<bool, Error> {
    let Some(found) = found else { return Ok(false) };
    let password = PASSWORDS.get(tx, access, password_key(access, &found.entity))?;
    Ok(password.map(|password| password.hash) == attempt.hash && attempt.hash.is_some())
}
