//! Methods: one row each, which serves REST and Connect alike; and what a handler gets and gives.

use std::sync::Arc;

use super::auth::{Caller, Permission};
use super::error::Error;
use super::message::Message;
use super::organisation;
use super::sent::{Members, segment};
use crate::engine::passwords::Permit;
use crate::engine::{Access, Engine};
use crate::model::namespace::Scope;
use crate::storage::Tx;

/// The services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Users,
    Sessions,
    Settings,
    Organisations,
    Admin,
    Management,
}

impl Api {
    const ALL: [Self; 6] =
        [Self::Users, Self::Sessions, Self::Settings, Self::Organisations, Self::Admin, Self::Management];

    /// Its package's name, and its own.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Users => ("user", "UserService"),
            Self::Sessions => ("session", "SessionService"),
            Self::Settings => ("settings", "SettingsService"),
            Self::Organisations => ("org", "OrganizationService"),
            Self::Admin => ("admin", "AdminService"),
            Self::Management => ("management", "ManagementService"),
        }
    }

    /// What its paths begin with, in this version of it.
    const fn prefix(self, version: Version) -> Option<&'static str> {
        match (self, version) {
            (Self::Users | Self::Sessions | Self::Settings | Self::Organisations, Version::V2) => Some("/v2/"),
            (Self::Users | Self::Sessions | Self::Settings | Self::Organisations, Version::V2beta) => Some("/v2beta/"),
            (Self::Admin, Version::V1) => Some("/admin/v1/"),
            (Self::Management, Version::V1) => Some("/management/v1/"),
            (Self::Users | Self::Sessions | Self::Settings | Self::Organisations, Version::V1)
            | (Self::Admin | Self::Management, Version::V2 | Version::V2beta) => None,
        }
    }
}

/// The versions of services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
    V2beta,
}

impl Version {
    const ALL: [Self; 3] = [Self::V1, Self::V2, Self::V2beta];

    const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V2beta => "v2beta",
        }
    }
}

/// One row of the table: a method of a service.
pub(super) struct Method {
    api: Api,
    /// Its name over Connect.
    name: &'static str,
    /// Its verbs and paths over REST, where `{user_id}` sets the field of that name.
    bindings: &'static [(&'static str, &'static str)],
    /// What it takes at the door.
    pub(super) needs: Permission,
    /// The versions in which REST answers 201 instead of 200.
    pub(super) created: &'static [Version],
    /// Whether it has no `v2beta`.
    only_v2: bool,
    /// Whether the fields of its request may be in the query, though it is no `GET` or `DELETE`.
    takes_query: bool,
    /// Whether the current token of the session that the request names stands in for an `Authorization` header.
    pub(super) takes_session_token: bool,
    pub(super) handler: Handler,
}

/// Translates one method.
pub(super) type Handler = fn(&mut Call<'_>, Members) -> Result<Plan, Error>;

impl Method {
    /// A method. Handlers take their message: `|call, sent| start(call, sent.read()?)`.
    pub(super) const fn new(
        api: Api,
        name: &'static str,
        bindings: &'static [(&'static str, &'static str)],
        needs: Permission,
        handler: Handler,
    ) -> Self {
        let (only_v2, takes_query, takes_session_token) = (false, false, false);
        Self { api, name, bindings, needs, created: &[], only_v2, takes_query, takes_session_token, handler }
    }

    /// The same, answering REST in these versions with 201.
    pub(super) const fn created(self, created: &'static [Version]) -> Self {
        Self { created, ..self }
    }

    /// The same, without a `v2beta`.
    pub(super) const fn only_v2(self) -> Self {
        Self { only_v2: true, ..self }
    }

    /// The same, with fields of its request in the query too.
    pub(super) const fn with_query(self) -> Self {
        Self { takes_query: true, ..self }
    }

    /// The same, open to whoever has the current token of the session that the request names.
    pub(super) const fn or_session_token(self) -> Self {
        Self { takes_session_token: true, ..self }
    }

    fn is_in(&self, version: Version) -> bool {
        self.api.prefix(version).is_some() && !(self.only_v2 && version == Version::V2beta)
    }

    /// Whether the fields of its request may be in the query of a request with this verb.
    pub(super) fn reads_query(&self, verb: &str) -> bool {
        self.takes_query || matches!(verb, "GET" | "DELETE")
    }
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Rest,
    Connect,
}

/// What a handler works with: an authenticated request, on a snapshot.
pub(super) struct Call<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) access: &'a Access,
    pub(super) tx: &'a mut dyn Tx,
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// The organisation chosen by the request's head; the caller's own, if it chooses none.
    pub(super) scope: Scope,
    /// The version of the service.
    pub(super) version: Version,
    /// The host that the request was sent to, without the port: for nothing that is sent to anybody else.
    pub(super) host: &'a str,
}

impl Call<'_> {
    /// The organisation that the request's body names; the one its head chose, if `id` is empty.
    ///
    /// # Errors
    /// When the caller sees no such organisation.
    pub(super) fn organisation(&mut self, id: &str) -> Result<Scope, Error> {
        if id.is_empty() {
            return Ok(self.scope.clone());
        }
        organisation::find(self.tx, self.access, &self.caller.scope, id)
    }
}

/// What is still to be done for a request once it has been looked at.
pub(super) enum Plan {
    /// Nothing: this is the reply.
    Reply(Reply),
    /// This job, in the serial order of writes; its reply counts once it is committed.
    Write(WriteJob),
    /// The same, where the job may put messages into the outbox.
    Send(WriteJob),
    /// This work, where blocking is allowed, and then what it comes to.
    Slow(SlowJob),
    /// This work, where passwords are hashed and checked, and then what it comes to.
    Hashing(HashingJob),
}

pub(super) type WriteJob = Box<dyn FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send>;
pub(super) type SlowJob = Box<dyn FnOnce(&Engine) -> Result<Plan, Error> + Send>;
pub(super) type HashingJob = Box<dyn FnOnce(&Engine, &Permit) -> Result<Plan, Error> + Send>;

impl Plan {
    /// This reply.
    pub(super) fn reply(message: &impl Message) -> Result<Self, Error> {
        Ok(Self::Reply(Reply::of(message)))
    }

    /// A write.
    pub(super) fn write(job: impl FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send + 'static) -> Self {
        Self::Write(Box::new(job))
    }

    /// A write that may send messages.
    pub(super) fn send(job: impl FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send + 'static) -> Self {
        Self::Send(Box::new(job))
    }

    /// Slow work.
    pub(super) fn slow(job: impl FnOnce(&Engine) -> Result<Self, Error> + Send + 'static) -> Self {
        Self::Slow(Box::new(job))
    }

    /// Work on a password.
    pub(super) fn hashing(job: impl FnOnce(&Engine, &Permit) -> Result<Self, Error> + Send + 'static) -> Self {
        Self::Hashing(Box::new(job))
    }
}

/// What a handler answers.
pub(super) enum Reply {
    /// Done, and this to say.
    Message(serde_json::Value),
    /// Refused, where refusing has changed something that must stay. So many failures in a row there were, for which the answer is held back.
    Refused(Error, u32),
}

impl Reply {
    /// This message.
    pub(super) fn of(message: &impl Message) -> Self {
        Self::Message(message.show())
    }
}

/// What looking a request up comes to.
pub(super) enum Found {
    /// This method in this version, with what the path says.
    Method(&'static Method, Version, Vec<(&'static str, String)>),
    /// There is such a path, but not for this verb.
    OtherVerbs,
    /// There is no such path, or procedure.
    Nothing,
}

/// Look up a request over REST. Of several paths that fit the one with the most literal segments is meant.
pub(super) fn by_path(table: &[&'static [Method]], verb: &str, path: &str) -> Found {
    let (mut best, mut found): (usize, Found) = (usize::MAX, Found::Nothing);
    for method in table.iter().copied().flatten() {
        for version in Version::ALL.into_iter().filter(|version| method.is_in(*version)) {
            let Some(below) = method.api.prefix(version).and_then(|prefix| path.strip_prefix(prefix)) else { continue };
            for (of, pattern) in method.bindings {
                let Some(captures) = capture(pattern, below) else { continue };
                if *of != verb {
                    found = if matches!(found, Found::Nothing) { Found::OtherVerbs } else { found };
                } else if captures.len() < best {
                    best = captures.len();
                    found = Found::Method(method, version, captures);
                }
            }
        }
    }
    found
}

/// Look up a procedure over Connect: `zitadel.settings.v2.SettingsService/GetLoginSettings`.
pub(super) fn by_procedure(table: &[&'static [Method]], path: &str) -> Found {
    let named = || {
        let (service, name) = path.strip_prefix("/zitadel.")?.split_once('/')?;
        let mut words = service.split('.');
        let (package, version, service) = (words.next()?, words.next()?, words.next()?);
        let api = Api::ALL.into_iter().find(|api| api.names() == (package, service))?;
        let version = Version::ALL.into_iter().find(|known| known.name() == version)?;
        let methods = || table.iter().copied().flatten().filter(|_| words.clone().next().is_none());
        let method = methods().find(|method| method.api == api && method.name == name && method.is_in(version))?;
        Some(Found::Method(method, version, Vec::new()))
    };
    named().unwrap_or(Found::Nothing)
}

fn capture(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (mut captures, mut sent) = (Vec::new(), path.split('/'));
    for expected in pattern.split('/') {
        let here = segment(sent.next()?)?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if here.is_empty() => return None,
            Some(name) => captures.push((name, here)),
            None if here == expected => {}
            None => return None,
        }
    }
    sent.next().is_none().then_some(captures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_segment_by_segment_and_is_decoded_once() {
        let id = |text: &str| Some(vec![("id", text.to_owned())]);
        assert_eq!(capture("users/{id}/totp", "users/1/totp"), id("1"));
        assert_eq!(capture("users/{id}", "users/a%2Fb"), id("a/b"));
        assert_eq!(capture("users/{id}", "users/a%2525b"), id("a%25b"));
        for path in ["users", "users/", "users/1/", "users//totp", "users/%zz", "users/%00", "Users/1"] {
            assert_eq!(capture("users/{id}", path), None, "{path}");
        }
        assert_eq!(capture("users", "users"), Some(Vec::new()));
    }
}
