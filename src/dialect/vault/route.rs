//! Routes: patterns of paths, what each can do, and what a handler gets and gives.

use std::sync::Arc;

use super::error::Error;
use super::field::Field;
use super::input::{Input, Parameters, Wording};
use super::request::Head;
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::challenges::Draft;
use crate::engine::passwords::Permit;
use crate::engine::{Access, Engine};
use crate::model::mount::Mount;
use crate::model::namespace::Scope;
use crate::model::token::Token;
use crate::secret::Secret;
use crate::storage::Tx;

/// One row of the route table.
pub(super) struct Route {
    /// The path's pattern: literal segments, `{name}` for any one, `{name:id}` for a lower-case UUID, `{name:word}` for letters, digits, `_` and,
    /// inside, `-` and `.`, and `{name*}` for all that is left. In the table of a mount's kind it begins behind the mount's path.
    pub(super) pattern: &'static str,
    /// What a path that fits begins with: the pattern, up to where it captures.
    literal: &'static str,
    /// What it captures even where it is absent: then as an empty text, which wins over what the body says.
    pub(super) absent: &'static [&'static str],
    /// The parameters it takes.
    pub(super) fields: &'static [Field],
    /// How wrong parameters are worded.
    pub(super) wording: Wording,
    /// Whether it takes parameters of any name.
    pub(super) anything: bool,
    /// Whom it lets in.
    pub(super) door: Door,
    /// Tells whether what the path names is there, where writing what is not is another thing than writing what is.
    pub(super) exists: Option<Exists>,
    /// What can be done with it.
    pub(super) handlers: &'static [(Capability, Handler)],
}

impl Route {
    /// A route behind a token.
    pub(super) const fn new(
        pattern: &'static str,
        fields: &'static [Field],
        handlers: &'static [(Capability, Handler)],
    ) -> Self {
        let (wording, door) = (Wording::Field, Door::Token);
        let literal = literal(pattern);
        Self { pattern, literal, absent: &[], fields, wording, anything: false, door, exists: None, handlers }
    }

    /// What it captures of `path`, if that fits.
    fn captures(&self, path: &str) -> Option<Captures> {
        // Most patterns part from most paths before they capture anything.
        if path.starts_with(self.literal) { capture(self.pattern, path) } else { None }
    }

    /// The same, capturing these too.
    pub(super) const fn absent(self, absent: &'static [&'static str]) -> Self {
        Self { absent, ..self }
    }

    /// The same, wording wrong parameters so.
    pub(super) const fn wording(self, wording: Wording) -> Self {
        Self { wording, ..self }
    }

    /// The same, where writing takes `create` instead of `update` as long as this says that what the path names is not there. It is asked before
    /// anything is permitted, with the path's own parameters and no others.
    pub(super) const fn exists(self, exists: Exists) -> Self {
        Self { exists: Some(exists), ..self }
    }

    /// The same, served without a token.
    pub(super) const fn open(self) -> Self {
        self.door(Door::Open)
    }

    /// The same, letting these in.
    pub(super) const fn door(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// The same, taking parameters of any name.
    pub(super) const fn anything(self) -> Self {
        Self { anything: true, ..self }
    }
}

const fn literal(pattern: &'static str) -> &'static str {
    let bytes = pattern.as_bytes();
    let mut end = 0;
    #[expect(clippy::indexing_slicing, reason = "it is below the length")]
    while end < bytes.len() && bytes[end] != b'{' {
        end += 1;
    }
    pattern.split_at(end).0
}

/// Whom a route lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Whoever shows a good token that may.
    Token,
    /// Anybody, ignoring any token that is shown.
    Open,
    /// Whoever shows a good token, and whoever shows none.
    NoBadToken,
    /// Anybody with a token of whatever worth, unless this parameter names another one: then whoever shows a good token that may.
    OwnToken(&'static str),
}

/// Translates one operation of one route.
pub(super) type Handler = fn(&mut Call<'_>) -> Result<Plan, Error>;

/// Tells whether what a path names is there.
pub(super) type Exists = fn(&mut Call<'_>) -> Result<bool, Error>;

/// What a handler works with: an authenticated, permitted request, on a snapshot.
pub(super) struct Call<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) access: &'a Access,
    pub(super) tx: &'a mut dyn Tx,
    /// The namespace of the request.
    pub(super) scope: Scope,
    /// The path inside it.
    pub(super) path: &'a str,
    /// The auth mount that the path lies in, if it lies in one that is stored.
    pub(super) mount: Option<Mount>,
    /// Who asks; nobody, where a route is open.
    pub(super) caller: Option<Token>,
    /// Whether they may do what needs `sudo` here.
    pub(super) sudo: bool,
    /// What the request's head says.
    pub(super) head: &'a Head,
    /// The parameters.
    pub(super) input: Input,
    /// The parameters as they were sent, whatever their names.
    pub(super) sent: &'a Parameters,
}

impl Call<'_> {
    /// Who asks.
    ///
    /// # Errors
    /// When the route is open, so that nobody has said.
    pub(super) fn caller(&self) -> Result<&Token, Error> {
        self.caller.as_ref().ok_or_else(Error::no_token)
    }

    /// What the caller showed.
    ///
    /// # Errors
    /// When nothing was shown.
    pub(super) fn shown(&self) -> Result<&Secret<String>, Error> {
        self.head.token.as_ref().ok_or_else(Error::no_token)
    }

    /// The mount that the path lies in.
    ///
    /// # Errors
    /// When it lies in none.
    pub(super) fn mount(&self) -> Result<&Mount, Error> {
        self.mount.as_ref().ok_or_else(Error::unsupported_path)
    }
}

/// What is still to be done for a request once it has been looked at.
pub(super) enum Plan {
    /// Nothing: this is the reply.
    Reply(Reply),
    /// This job, in the serial order of writes; its reply counts once it is committed.
    Write(WriteJob),
    /// The same, and then what came of the messages with these codes is announced.
    Sending(WriteJob, Vec<Draft>),
    /// This work, where blocking is allowed, and then what it comes to.
    Slow(SlowJob),
    /// This work, where passwords are hashed and checked, and then what it comes to.
    Hashing(HashingJob),
}

pub(super) type WriteJob = Box<dyn FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send>;
pub(super) type SlowJob = Box<dyn FnOnce(&Engine) -> Result<Plan, Error> + Send>;
pub(super) type HashingJob = Box<dyn FnOnce(&Engine, &Permit) -> Result<Plan, Error> + Send>;

impl Plan {
    /// A write.
    pub(super) fn write(job: impl FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send + 'static) -> Self {
        Self::Write(Box::new(job))
    }

    /// A write that may leave messages to be sent.
    pub(super) fn sending(
        codes: Vec<Draft>,
        job: impl FnMut(&mut dyn Tx, &Access) -> Result<Reply, Error> + Send + 'static,
    ) -> Self {
        Self::Sending(Box::new(job), codes)
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

/// Parameters captured from a path.
pub(super) type Captures = Vec<(&'static str, String)>;

/// What looking a request up in the route table comes to.
pub(super) enum Found {
    /// This handler of this row, with what the path captures.
    Handler(&'static Route, Handler, Captures),
    /// There is such a path, but it cannot do this.
    OtherOperations,
    /// There is no such path.
    Nothing,
}

/// Look up an operation on `path`. Rows are tried in order; one that fits the path but not the operation lets later ones try. One that can do
/// nothing only says that what is below it is open.
pub(super) fn find(table: impl IntoIterator<Item = &'static Route>, operation: Capability, path: &str) -> Found {
    let mut found = Found::Nothing;
    for route in table {
        let Some(mut captures) = route.captures(path) else { continue };
        if let Some((_, handler)) = route.handlers.iter().find(|(can, _)| *can == operation) {
            captures.extend(route.absent.iter().map(|name| (*name, String::new())));
            return Found::Handler(route, *handler, captures);
        }
        if !route.handlers.is_empty() {
            found = Found::OtherOperations;
        }
    }
    found
}

/// Whom `path` lets in, whatever can be done with it.
pub(super) fn door(table: impl IntoIterator<Item = &'static Route>, path: &str) -> Door {
    // Few routes have another door than a token: only their patterns are tried on each request.
    let mut others = table.into_iter().filter(|route| route.door != Door::Token);
    others.find(|route| route.captures(path).is_some()).map_or(Door::Token, |route| route.door)
}

fn capture(pattern: &'static str, path: &str) -> Option<Captures> {
    let mut captures = Vec::new();
    let mut rest = Some(path);
    for expected in pattern.split('/') {
        let here = rest?;
        let name = expected.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix('*')) {
            captures.push((name, here.to_owned()));
            return (!here.is_empty()).then_some(captures);
        }
        let (segment, behind) = match here.split_once('/') {
            Some((segment, behind)) => (segment, Some(behind)),
            None => (here, None),
        };
        match name.map(|name| name.split_once(':').unwrap_or((name, ""))) {
            None if segment == expected => {}
            Some((name, form)) if has_form(segment, form) => captures.push((name, segment.to_owned())),
            None | Some(_) => return None,
        }
        rest = behind;
    }
    rest.is_none().then_some(captures)
}

/// Whether a segment has the form that a pattern asks for.
fn has_form(segment: &str, form: &str) -> bool {
    match form {
        "id" => is_uuid(segment),
        "word" => is_word(segment),
        _ => !segment.is_empty(),
    }
}

/// Whether `text` is made of letters, digits and `_` and, neither first nor last, `-` and `.`.
pub(super) fn is_word(text: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = text.as_bytes();
    bytes.first().is_some_and(word)
        && bytes.last().is_some_and(word)
        && bytes.iter().all(|byte| word(byte) || matches!(byte, b'-' | b'.'))
}

/// Whether `text` is a UUID in lower case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_paths_only() {
        let id = "c1372abf-bf64-1f26-c2a4-cbcfa135b775";
        assert_eq!(capture("a/{x:id}", &format!("a/{id}")), Some(vec![("x", id.to_owned())]));
        assert_eq!(capture("a/{x:id}", &format!("a/{}", id.to_uppercase())), None);
        assert_eq!(capture("a/{x:id}", &format!("a/{id}/")), None);
        assert_eq!(capture("a/{x}", "a/b"), Some(vec![("x", "b".to_owned())]));
        assert_eq!(capture("a/{x:word}", "a/b.c-d_1"), Some(vec![("x", "b.c-d_1".to_owned())]));
        for name in ["-a", "a-", ".a", "a b", "", "ä"] {
            assert_eq!(capture("a/{x:word}", &format!("a/{name}")), None, "{name}");
        }
        assert_eq!(capture("a/{x}", "a/b/c"), None);
        assert_eq!(capture("a/{x}", "a"), None);
        assert_eq!(capture("a/{x}", "a/"), None);
        assert_eq!(capture("a/{x*}", "a/b/c"), Some(vec![("x", "b/c".to_owned())]));
        assert_eq!(capture("a", "ab"), None);
        assert_eq!(capture("a/b", "a"), None);
    }
}
