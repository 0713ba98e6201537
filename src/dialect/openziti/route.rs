//! Routes: patterns of paths, whom they let in, and what a handler gets and gives.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::Bytes;

use super::Network;
use super::error::Error;
use super::input::Fields;
use super::request::{Api, Head};
use super::wire::Reply;
use crate::engine::edge::access::Caller;
use crate::engine::edge::{self, Doer};
use crate::engine::passwords::Permit;
use crate::engine::{Access, Engine};
use crate::model::edge::permission::{Action, Noun};
use crate::model::namespace::Scope;
use crate::storage::Tx;

/// One row of the route table.
pub(super) struct Route {
    /// The API that has it; both, if none is said.
    pub(super) api: Option<Api>,
    /// The path's pattern: literal segments, and `*` for any one.
    pub(super) pattern: &'static [&'static str],
    /// What can be done with it.
    pub(super) verbs: &'static [Verb],
}

/// What can be done with a path: the method, whom it lets in, and who translates it.
pub(super) type Verb = (Method, Door, Handler);

/// Whom a verb lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Anybody, ignoring what is shown.
    Anybody,
    /// Whoever has a live session, whether or not it is fully authenticated.
    Session,
    /// Whoever has a live, fully authenticated session.
    Full,
    /// The same, who may do this to that.
    May(Noun, Action),
}

impl Door {
    /// Whether this lets `caller` in.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn admit(self, caller: &Caller) -> Result<(), Error> {
        let admits = match self {
            Self::Anybody | Self::Session => true,
            Self::Full => !caller.is_partial(),
            Self::May(noun, action) => caller.may(noun, action),
        };
        if admits { Ok(()) } else { Err(Error::unauthorized()) }
    }
}

/// Translates one verb.
pub(super) type Handler = fn(&mut Call<'_>) -> Result<Plan, Error>;

/// What a handler works with: a request that was let in, on a snapshot.
pub(super) struct Call<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) network: &'a Arc<Network>,
    pub(super) access: &'a Access,
    pub(super) tx: &'a mut dyn Tx,
    /// The namespace that the network's identities live in.
    pub(super) scope: Scope,
    pub(super) head: &'a Head,
    /// What was found where the pattern has `*`.
    pub(super) captures: Vec<String>,
    pub(super) body: &'a Bytes,
    /// Who asks; nobody, where anybody is let in.
    pub(super) caller: Option<Caller>,
}

impl Call<'_> {
    /// Who asks.
    ///
    /// # Errors
    /// When anybody is let in, so that nobody has said.
    pub(super) fn caller(&self) -> Result<&Caller, Error> {
        self.caller.as_ref().ok_or_else(Error::no_session)
    }

    /// The first thing that the path names.
    ///
    /// # Errors
    /// When it names nothing.
    pub(super) fn id(&self) -> Result<&str, Error> {
        self.captures.first().map(String::as_str).ok_or_else(Error::not_found)
    }

    /// The body, which must be an object.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn fields(&self) -> Result<Fields, Error> {
        Fields::read(self.body, self.head.is_other_than_json)
    }
}

/// Who does something to whom.
pub(super) fn doer(caller: &Caller) -> Doer<'_> {
    Doer { entity: &caller.entity.id, is_admin: caller.identity.is_admin }
}

/// What is still to be done for a request once it has been looked at.
pub(super) enum Plan {
    /// Nothing: this is the reply.
    Reply(Reply),
    /// This job, in the serial order of writes; its reply counts once it is committed.
    Write(WriteJob),
    /// The same, for one who has no session yet.
    WriteOpen(OpenJob),
    /// This work, where blocking is allowed, and then what it comes to.
    Slow(SlowJob),
    /// This work, where passwords are hashed and checked, and then what it comes to.
    Hashing(HashingJob),
}

pub(super) type WriteJob = Box<dyn FnMut(&mut dyn Tx, &Access, &Caller) -> Result<Reply, Error> + Send>;
pub(super) type OpenJob = Box<dyn FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send>;
pub(super) type SlowJob = Box<dyn FnOnce(&Engine) -> Result<Plan, Error> + Send>;
pub(super) type HashingJob = Box<dyn FnOnce(&Engine, &Permit) -> Result<Plan, Error> + Send>;

impl Plan {
    /// A write by the caller, who is looked at again where it happens.
    pub(super) fn write(
        job: impl FnMut(&mut dyn Tx, &Access, &Caller) -> Result<Reply, Error> + Send + 'static,
    ) -> Self {
        Self::Write(Box::new(job))
    }

    /// Work with passwords.
    pub(super) fn hashing(job: impl FnOnce(&Engine, &Permit) -> Result<Self, Error> + Send + 'static) -> Self {
        Self::Hashing(Box::new(job))
    }
}

/// A write to what the path names, of whose success there is nothing to tell.
pub(super) fn written(
    call: &Call<'_>,
    mut job: impl FnMut(&mut dyn Tx, &Access, &Scope, &str) -> Result<(), edge::Error> + Send + 'static,
) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), call.id()?.to_owned());
    Ok(Plan::write(move |tx, access, _| {
        job(tx, access, &scope, &id)?;
        Ok(Reply::empty())
    }))
}

/// What a path comes to.
pub(super) enum Found {
    /// A verb, and what the pattern's `*` stand for.
    Verb(&'static Verb, Vec<String>),
    /// Verbs, but not this one.
    OtherVerbs,
    /// Nothing.
    Nothing,
}

/// Look a request up among `routes`.
pub(super) fn find(mut routes: impl Iterator<Item = &'static Route>, head: &Head) -> Found {
    let fits = |route: &&Route| {
        route.api.is_none_or(|api| api == head.api)
            && route.pattern.len() == head.path.len()
            && route
                .pattern
                .iter()
                .zip(&head.path)
                .all(|(wanted, segment)| if *wanted == "*" { !segment.is_empty() } else { wanted == segment })
    };
    let Some(route) = routes.find(fits) else { return Found::Nothing };
    let stars = route.pattern.iter().zip(&head.path).filter(|(wanted, _)| **wanted == "*");
    let captures = stars.map(|(_, segment)| segment.clone()).collect();
    match route.verbs.iter().find(|(method, ..)| *method == head.method) {
        Some(verb) => Found::Verb(verb, captures),
        None => Found::OtherVerbs,
    }
}
