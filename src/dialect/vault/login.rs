//! Logins: what every kind of auth mount does before and after it has looked at a first factor.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::error::Error;
use super::requirement::login_reply;
use super::route::Call;
use super::wire::{Refusal, Reply};
use crate::engine::challenges::Draft;
use crate::engine::logins::{self, Admission, FirstFactor, Fresh};
use crate::engine::requirements::Offer;
use crate::engine::{Access, Engine, asking, lockout, pushing};
use crate::model::cidr;
use crate::model::lockout::Subject;
use crate::model::mount::{Mount, TokenSettings};
use crate::storage::Tx;

/// The longest name that anybody can have, in bytes.
pub(super) const LONGEST_NAME: usize = 512;

/// An attempt to log in.
pub(super) struct Attempt {
    mount: Mount,
    subject: Subject,
    /// How a wrong first factor is answered.
    refusal: &'static str,
    path: String,
    peer: Option<IpAddr>,
    /// What was offered beside the first factor.
    offer: Option<Offer>,
    fresh: Fresh,
    /// Codes that are sent if it has to wait for them.
    codes: Vec<Draft>,
    engine: Arc<Engine>,
}

/// A first factor that is right.
pub(super) struct Proven {
    /// What the caller is called in the mount: the alias's name.
    pub(super) name: String,
    /// What the token is called in listings.
    pub(super) display_name: String,
    /// What is noted on the token.
    pub(super) metadata: BTreeMap<String, String>,
    /// What the user's or role's record says about the token.
    pub(super) token: TokenSettings,
}

impl Attempt {
    /// Begin an attempt as `name`, which somebody has or nobody.
    ///
    /// # Errors
    /// When the name is locked out, so that nothing of the factor need be looked at.
    pub(super) fn begin(call: &mut Call<'_>, name: &str, is_known: bool, refusal: &'static str) -> Result<Self, Error> {
        let mount = call.mount()?.clone();
        let subject = lockout::subject(call.access, &mount, name, is_known);
        let attempt = Self {
            subject,
            refusal,
            path: call.path.to_owned(),
            peer: call.head.peer,
            offer: call.head.offer.clone(),
            engine: Arc::clone(call.engine),
            fresh: Fresh::draw(call.engine.entropy.as_ref(), &mount.scope),
            codes: Vec::new(),
            mount,
        };
        attempt.refuse_locked(call.tx, call.access)?;
        Ok(attempt)
    }

    /// Whether something is offered beside the first factor.
    pub(super) const fn offers_more(&self) -> bool {
        self.offer.is_some()
    }

    /// Ask the providers whose methods are offered beside a first factor that is right for `name`. Blocks.
    pub(super) fn ask_providers(&mut self, name: &str) -> Result<(), Error> {
        let Some(offer) = &mut self.offer else { return Ok(()) };
        let (engine, mount) = (&self.engine, &self.mount);
        let (access, nonce) = (engine.access()?, pushing::fresh_nonce(engine.entropy.as_ref()));
        let questions =
            engine.store.read(engine.now(), |tx| logins::questions_beside(tx, &access, mount, name, offer, &nonce))?;
        offer.ask(engine.gateway.as_ref(), &questions);
        Ok(())
    }

    /// Draft the codes that a first factor which is right for `name` will have to wait for, where nothing is offered beside it.
    pub(super) fn draft_codes(&mut self, name: &str) -> Result<(), Error> {
        let (engine, mount) = (&self.engine, &self.mount);
        let (access, request_id) = (engine.access()?, &self.fresh.request_id);
        self.codes = engine.store.read(engine.now(), |tx| {
            asking::beside_first_factor(tx, &access, &engine.costs, mount, name, request_id)
        })?;
        Ok(())
    }

    /// The codes that are sent if it has to wait for them.
    pub(super) fn codes(&self) -> Vec<Draft> {
        self.codes.clone()
    }

    /// Refuse who is locked out. Asked again where it decides: in the order of writes.
    pub(super) fn refuse_locked(&self, tx: &mut dyn Tx, access: &Access) -> Result<(), Error> {
        if lockout::is_locked(tx, access, &self.mount, &self.subject)? { Err(Error::no_token()) } else { Ok(()) }
    }
}

/// End an attempt, in the order of writes: count it if nothing was proven, and let in who proved the first factor, a token or what else is
/// asked. Being locked out comes first, whatever was proven.
pub(super) fn finish(
    tx: &mut dyn Tx,
    access: &Access,
    attempt: &Attempt,
    proven: Option<Proven>,
) -> Result<Reply, Error> {
    attempt.refuse_locked(tx, access)?;
    let Some(Proven { name, display_name, metadata, mut token }) = proven else {
        lockout::count(tx, access, &attempt.mount, &attempt.subject)?;
        let (error, reason) = (Error::bad_request(attempt.refusal), "wrong first factor".into());
        return Ok(Reply::Refused(Refusal { error, reason, method: None }));
    };
    if !cidr::admits(&token.bound_cidrs, attempt.peer) {
        return Err(Error::no_token());
    }
    if token.strictly_bind_ip {
        token.bound_cidrs = vec![attempt.peer.ok_or_else(Error::no_token)?.to_string()];
    }
    let proven = FirstFactor {
        mount: attempt.mount.clone(),
        name,
        path: attempt.path.clone(),
        display_name,
        metadata,
        token,
        offer: attempt.offer.clone(),
        fresh: attempt.fresh.clone(),
        codes: attempt.codes.clone(),
    };
    let clock = attempt.engine.time.observe(tx.now());
    let admission = logins::admit(tx, access, &proven, clock)?;
    if let Admission::Token(created) = &admission {
        attempt.engine.uses.note_all(&created.used, tx.now());
    }
    login_reply(tx, access, &admission)
}
