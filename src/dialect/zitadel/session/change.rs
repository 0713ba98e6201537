//! A session made or changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE64;

use super::challenge::{self, Ask, Drafts};
use super::check::{self, Check, Password, Settled};
use super::{Changed, CheckUser, Checks, Create, Created, Set};
use crate::dialect::zitadel::auth::{Level, Permission, Proof};
use crate::dialect::zitadel::details::Details;
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::method::{Call, Plan, Reply};
use crate::dialect::zitadel::rule::Breach;
use crate::dialect::zitadel::scalar::Bytes;
use crate::dialect::zitadel::session_token::{check_live, is_current, wrong};
use crate::dialect::zitadel::user;
use crate::engine::people::{self, State, User};
use crate::engine::{Access, Engine, credentials, login_policy, sessions};
use crate::id::{self, EntityId};
use crate::model::namespace::Scope;
use crate::model::person::Incarnation;
use crate::model::revision::Revision;
use crate::model::session::{self, Asked, Factors, Session, UserAgent};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::people::{session_key, session_token_key};

/// The most that an application notes about a session, in bytes.
const LARGEST_METADATA: usize = 64 << 10;
/// A session's token, in bytes of chance.
const TOKEN: usize = 48;

/// What is to become of a session.
#[derive(Clone)]
struct Change {
    /// The session's id.
    id: String,
    /// What it begins as, if it is new.
    fresh: Option<Box<Session>>,
    /// Where the caller sees sessions.
    bounds: Scope,
    /// The token that was sent for it; empty if none was.
    sent_token: Secret<String>,
    /// Its next token.
    next_token: Secret<String>,
    /// Who it is about, and whether that is said here.
    who: Option<Incarnation>,
    says_who: bool,
    checks: Vec<Check>,
    /// What is asked after them, if anything was to be.
    drafts: Option<Drafts>,
    metadata: BTreeMap<String, Bytes>,
    lifetime: Option<Duration>,
}

pub(super) fn create(call: &mut Call<'_>, asked: Create) -> Result<Plan, Error> {
    let id = id::decimal(call.engine.entropy.as_ref());
    let now = call.tx.now();
    let next_token = fresh_token(call.engine);
    let fresh = Session {
        id: id.clone(),
        scope: call.scope.clone(),
        creator: creator(call.caller.proof),
        token: session_token_key(call.access, next_token.expose()),
        factors: Factors::default(),
        asked: Asked::default(),
        metadata: BTreeMap::new(),
        user_agent: asked.user_agent.map(UserAgent::from),
        expires_at: None,
        ended_at: None,
        revision: Revision::first(now),
    };
    let change = Change {
        id,
        fresh: Some(Box::new(fresh)),
        bounds: call.caller.scope.clone(),
        sent_token: Secret::new(String::new()),
        next_token,
        who: None,
        says_who: false,
        checks: Vec::new(),
        drafts: None,
        metadata: asked.metadata,
        lifetime: asked.lifetime,
    };
    plan(call, change, None, asked.checks.unwrap_or_default(), asked.challenges.as_ref())
}

/// What whoever made a session is called: what their token is.
pub(super) fn creator(proof: Proof) -> String {
    match proof {
        Proof::Token(key) | Proof::Session(key) => format!("{key:?}"),
    }
}

fn fresh_token(engine: &Engine) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(engine.entropy.bytes::<TOKEN>()))
}

pub(super) fn update(call: &mut Call<'_>, asked: Set) -> Result<Plan, Error> {
    let checks = asked.checks.unwrap_or_default();
    let may = call.caller.may(Permission::SessionWrite);
    // Whoever has no permission sees the session whose token they have, wherever it was made.
    let bounds = if may { call.caller.scope.clone() } else { Scope::root() };
    if !may && asked.session_token.expose().is_empty() {
        return Err(Error::not_on_this());
    }
    let session = load(call.tx, call.access, &bounds, &asked.session_id, &asked.session_token)?;
    if !may && checks.user.is_some() {
        return Err(Error::not_on_this());
    }
    let change = Change {
        id: asked.session_id,
        fresh: None,
        bounds,
        sent_token: asked.session_token,
        next_token: fresh_token(call.engine),
        who: None,
        says_who: false,
        checks: Vec::new(),
        drafts: None,
        metadata: asked.metadata,
        lifetime: asked.lifetime,
    };
    plan(call, change, Some(session), checks, asked.challenges.as_ref())
}

/// The live session `id`, if a token that was sent for it is its current one.
fn load(tx: &mut dyn Tx, access: &Access, bounds: &Scope, id: &str, token: &Secret<String>) -> Result<Session, Error> {
    let session = sessions::get(tx, access, bounds, id)?;
    let session = session.ok_or_else(|| Error::precondition("COMMAND-Flk38", "Session does not exist"))?;
    check_live(&session, tx.now())?;
    if !token.expose().is_empty() && !is_current(access, &session, token.expose()) {
        return Err(wrong());
    }
    Ok(session)
}

/// Who a request says that a session is about.
enum Named {
    /// Nobody else than before.
    Nobody,
    /// This user.
    User(Box<User>),
    /// Somebody who is not there, of whom nothing may be told: by this name.
    Hidden(String),
}

fn plan(
    call: &mut Call<'_>,
    mut change: Change,
    session: Option<Session>,
    checks: Checks,
    ask: Option<&Ask>,
) -> Result<Plan, Error> {
    if checks.idp_intent.is_some() {
        return Err(Error::unsupported("identity providers are not supported"));
    }
    check_metadata(&change.metadata)?;
    let hides = checks.password.is_some() && hides(call, checks.user.as_ref())?;
    let before = match &session {
        Some(session) => sessions::user_of(call.tx, call.access, session)?,
        None => None,
    };
    let user = match (named(call, checks.user.as_ref(), before.as_ref(), hides)?, &checks.password) {
        (Named::Hidden(name), Some(check)) => return Ok(refuse_nobody(name, check.password.clone())),
        (Named::Hidden(_), None) => return Err(user::unknown()),
        (Named::User(user), _) => {
            change.says_who = true;
            Some(*user)
        }
        (Named::Nobody, _) => before,
    };
    change.who = user.as_ref().map(User::incarnation);
    let record = session_key(call.access, &change.id);
    let posed = session.map(|session| session.asked).unwrap_or_default();
    change.checks = check::evaluate(call.tx, call.access, user.as_ref(), record, posed, &checks)?;
    if let Some(ask) = ask {
        change.drafts = Some(challenge::draft(call, &change.id, record, user.as_ref(), ask)?);
    }
    let engine = Arc::clone(call.engine);
    let Some(password) = checks.password else {
        if !change.checks.iter().any(Check::is_slow) {
            return Ok(settled(change, engine));
        }
        return Ok(Plan::slow(move |_| Ok(settled(change.finished(), engine))));
    };
    let Some(user) = user else { return Err(check::no_user_for_password()) };
    let was_locked = user.state() == State::Locked;
    let entity = user.entity.id;
    Ok(Plan::hashing(move |engine_here, permit| {
        let access = engine_here.access()?;
        let kept = engine_here.store.read(engine_here.now(), |tx| credentials::get(tx, &access, &entity))?;
        let checked = kept.map(|password| password.hash);
        let is_right = engine_here.passwords.is_right(permit, &password.password, checked.as_ref(), None);
        let is_foreign = checked.as_ref().is_some_and(|hash| hash.bcrypt_cost().is_some());
        let rehashed = (is_right && is_foreign).then(|| {
            let salt = engine_here.entropy.bytes();
            engine_here.passwords.hash(permit, &password.password, &salt)
        });
        let mut change = change.finished();
        change.checks.insert(0, Check::Password(Password { checked, is_right, rehashed, was_locked, hides }));
        Ok(settled(change, engine))
    }))
}

fn settled(change: Change, engine: Arc<Engine>) -> Plan {
    Plan::send(move |tx, access| change.carry_out(tx, access, &engine))
}

/// Whether nothing may tell a user who is not there from one whose password is wrong (CVE-2024-41952).
fn hides(call: &mut Call<'_>, check: Option<&CheckUser>) -> Result<bool, Error> {
    let by_name = check.is_some_and(|check| check.login_name.is_some());
    let is_owner = call.caller.level == Level::Owner;
    Ok(by_name && !is_owner && login_policy::of(call.tx, call.access, &call.scope)?.rules.ignore_unknown_usernames)
}

fn named(call: &mut Call<'_>, check: Option<&CheckUser>, before: Option<&User>, hides: bool) -> Result<Named, Error> {
    let Some(check) = check else { return Ok(Named::Nobody) };
    let bounds = &call.caller.scope;
    let found = match (&check.user_id, &check.login_name) {
        (Some(id), _) => people::find(call.tx, call.access, bounds, &EntityId::new(id.as_str()))?,
        (None, Some(name)) => people::by_login_name(call.tx, call.access, &call.scope, bounds, name)?,
        (None, None) => return Err(Error::validation(Breach::of("CheckUser", "search", "value is required"))),
    };
    let is_other = |user: &User| before.is_some_and(|before| before.entity.id != user.entity.id);
    match found {
        Some(user) if hides && !is_other(&user) => Ok(Named::User(Box::new(user))),
        Some(_) | None if hides => Ok(Named::Hidden(check.login_name.clone().unwrap_or_default())),
        None => Err(user::unknown()),
        Some(user) if user.state() != State::Active => Err(check::not_active()),
        Some(user) if is_other(&user) => Err(Error::invalid("", "user change not possible")),
        Some(user) => Ok(Named::User(Box::new(user))),
    }
}

/// Refuse the password of somebody who is not there, with the same work and after the same wait as a wrong one.
fn refuse_nobody(name: String, password: Secret<String>) -> Plan {
    Plan::hashing(move |engine, permit| {
        engine.passwords.is_right(permit, &password, None, None);
        let name = crate::model::entity::fold_name(&name);
        Ok(Plan::write(move |tx, access| {
            let failures = credentials::count_for_nobody(tx, access, &name)?;
            Ok(Reply::Refused(Error::wrong_password(0), failures))
        }))
    })
}

fn check_metadata(metadata: &BTreeMap<String, Bytes>) -> Result<(), Error> {
    let named = metadata.keys().all(|key| (1..=200).contains(&key.chars().count()));
    if !named {
        return Err(Error::validation(Breach::of("SetSessionRequest", "metadata", "keys must have 1 to 200 runes")));
    }
    Ok(())
}

impl Change {
    /// The same, with every signature checked. Blocks.
    fn finished(self) -> Self {
        Self { checks: self.checks.into_iter().map(Check::finished).collect(), ..self }
    }

    fn carry_out(&self, tx: &mut dyn Tx, access: &Access, engine: &Engine) -> Result<Reply, Error> {
        let now = tx.now();
        let mut session = match &self.fresh {
            Some(fresh) => Session::clone(fresh),
            None => load(tx, access, &self.bounds, &self.id, &self.sent_token)?,
        };
        let mut user = match &self.who {
            Some(who) => Some(people::again(tx, access, who)?.ok_or_else(user::unknown)?),
            None => None,
        };
        self.name(&mut session, user.as_ref(), now)?;
        let clock = engine.time.observe(now);
        match check::settle(tx, access, user.as_mut(), &self.checks, clock, &mut session)? {
            Settled::All => {}
            Settled::Refused(reply) => return Ok(reply),
        }
        let challenges = match &self.drafts {
            Some(drafts) => Some(drafts.pose(tx, access, user.as_ref(), &mut session)?),
            None => None,
        };
        let has_asked = self.drafts.as_ref().is_some_and(|drafts| !drafts.is_empty());
        let has_noted = note(&mut session, &self.metadata)?;
        if let Some(lifetime) = self.lifetime {
            session.expires_at = Some(now.plus(lifetime));
        }
        let is_changed = self.says_who || !self.checks.is_empty() || has_asked || has_noted || self.lifetime.is_some();
        if self.fresh.is_none() {
            if !is_changed {
                return Ok(Reply::of(&Changed {
                    details: Details::of_instance(session.revision),
                    session_token: self.sent_token.clone(),
                    challenges,
                }));
            }
            session.token = session_token_key(access, self.next_token.expose());
            session.revision = session.revision.next(now);
        }
        sessions::put(tx, access, &session)?;
        let (details, session_token) = (Details::of_instance(session.revision), self.next_token.clone());
        Ok(match &self.fresh {
            Some(_) => Reply::of(&Created { details, session_id: session.id, session_token, challenges }),
            None => Reply::of(&Changed { details, session_token, challenges }),
        })
    }

    /// Say who the session is about, if that is said here.
    fn name(&self, session: &mut Session, user: Option<&User>, now: crate::time::Timestamp) -> Result<(), Error> {
        let there = session.factors.user.as_ref().map(|user| &user.who);
        match (user, there) {
            (Some(user), Some(there)) if user.incarnation() != *there => {
                Err(Error::invalid("", "user change not possible"))
            }
            // Between the look and this job the session got a user.
            (None, Some(_)) if !self.checks.is_empty() => Err(Error::busy()),
            (Some(user), _) if self.says_who => {
                let hides = self.checks.iter().any(|check| matches!(check, Check::Password(one) if one.hides));
                if !hides && user.state() != State::Active {
                    return Err(check::not_active());
                }
                session.factors.user = Some(session::User { who: user.incarnation(), checked_at: now });
                Ok(())
            }
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}

/// Note what an application wants noted: an empty value removes what was. Says whether anything changed.
fn note(session: &mut Session, metadata: &BTreeMap<String, Bytes>) -> Result<bool, Error> {
    let before = session.metadata.clone();
    for (key, value) in metadata {
        if value.0.is_empty() {
            session.metadata.remove(key);
        } else {
            session.metadata.insert(key.clone(), BASE64.encode(&value.0));
        }
    }
    let size: usize = session.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > LARGEST_METADATA {
        return Err(Error::validation(Breach::of("SetSessionRequest", "metadata", "there is too much of it")));
    }
    Ok(session.metadata != before)
}
