//! Wrapping: a reply is kept, sealed, for whoever shows its token first.

use std::time::Duration;

use super::tokens::{self, FreshToken};
use super::{Access, Error};
use crate::id::Accessor;
use crate::model::namespace::Scope;
use crate::model::token::{Kind, Token, WRAPPING_POLICY};
use crate::model::wrapping::Wrapping;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{TOKENS, WRAPPINGS, token_key};

/// How a reply is to be wrapped.
#[derive(Clone)]
pub struct Ask {
    /// The namespace of the request.
    pub scope: Scope,
    /// The path of the request.
    pub creation_path: String,
    /// For how long the reply is to wait.
    pub ttl: Duration,
    /// What the token draws from chance.
    pub fresh: FreshToken,
}

/// What is wrapped.
#[derive(Clone)]
pub struct Content {
    /// The reply's text.
    pub reply: Secret<String>,
    /// The handle of the token in the reply, if there is one.
    pub accessor: Option<Accessor>,
}

/// A reply just wrapped: the only time its token's text is known.
pub struct Wrapped {
    /// What whoever unwraps it shows.
    pub text: Secret<String>,
    /// The token's handle.
    pub token: Accessor,
    /// What is kept.
    pub wrapping: Wrapping,
}

/// A reply that waits, and the token it waits for.
pub struct Waiting {
    /// The token.
    pub token: Token,
    /// The reply.
    pub wrapping: Wrapping,
}

/// Keep `content` for whoever shows the token that is made for it: good once, and for nothing else.
pub fn wrap(tx: &mut dyn Tx, access: &Access, ask: &Ask, content: &Content) -> Result<Wrapped, Error> {
    let (text, accessor) = ask.fresh.shown();
    let key = token_key(access, text.expose());
    let now = tx.now();
    let wrapping = Wrapping {
        token: key,
        creation_path: ask.creation_path.clone(),
        created_at: now,
        ttl: ask.ttl,
        reply: content.reply.expose().clone(),
        accessor: content.accessor.clone(),
    };
    let token = Token {
        key,
        accessor: Some(accessor.clone()),
        scope: ask.scope.clone(),
        entity: None,
        policies: vec![WRAPPING_POLICY.into()],
        path: ask.creation_path.clone(),
        display_name: "token".into(),
        meta: None,
        created_at: now,
        creation_ttl: ask.ttl,
        ttl: ask.ttl,
        expires_at: Some(wrapping.expires_at()),
        explicit_max_ttl: ask.ttl,
        period: Duration::ZERO,
        uses_left: Some(1),
        renewable: false,
        kind: Kind::Service,
        parent: None,
        renewed_at: None,
        max_ttl: ask.ttl,
        bound_cidrs: Vec::new(),
        mount: None,
        role: None,
    };
    TOKENS.put(tx, access, &token)?;
    WRAPPINGS.put(tx, access, &wrapping)?;
    Ok(Wrapped { text, token: accessor, wrapping })
}

/// The reply that waits for this token, and the token; it goes on waiting.
pub fn look(tx: &mut dyn Tx, access: &Access, text: &str) -> Result<Option<Waiting>, Error> {
    let Some(token) = tokens::authenticate(tx, access, text)?.filter(Token::is_wrapping) else { return Ok(None) };
    let wrapping = WRAPPINGS.get(tx, access, token.key)?;
    Ok(wrapping.map(|wrapping| Waiting { token, wrapping }))
}

/// The reply that waited for this token, which is good for nothing from now on.
pub fn unwrap(tx: &mut dyn Tx, access: &Access, text: &str) -> Result<Option<Content>, Error> {
    let Some(Waiting { token, wrapping }) = look(tx, access, text)? else { return Ok(None) };
    tokens::revoke(tx, access, token.key)?;
    Ok(Some(Content { reply: Secret::new(wrapping.reply), accessor: wrapping.accessor }))
}

/// Keep the reply that waited for this token for another one, as long as it was kept at first.
pub fn rewrap(tx: &mut dyn Tx, access: &Access, text: &str, fresh: &FreshToken) -> Result<Option<Wrapped>, Error> {
    let Some(Waiting { token, wrapping }) = look(tx, access, text)? else { return Ok(None) };
    tokens::revoke(tx, access, token.key)?;
    let Wrapping { creation_path, ttl, reply, accessor, token: _, created_at: _ } = wrapping;
    let ask = Ask { scope: token.scope, creation_path, ttl, fresh: fresh.clone() };
    wrap(tx, access, &ask, &Content { reply: Secret::new(reply), accessor }).map(Some)
}
