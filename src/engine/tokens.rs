//! Tokens: recognised, made, looked up, renewed, revoked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Access, Error, entities, namespaces};
use crate::entropy::Entropy;
use crate::id::{Accessor, BlindKey, NamespaceId};
use crate::model::login::Login;
use crate::model::namespace::Scope;
use crate::model::token::{Ask, DEFAULT_POLICY, Kind, LONGEST_TTL, Lifetime, ROOT_POLICY, Token, normalise_policies};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{
    PURGES, Purge, TOKEN_BY_ACCESSOR, TOKEN_BY_NAMESPACE, TOKEN_BY_PARENT, TOKENS, token_accessor_key, token_key,
    token_namespace_key,
};

/// The token with this text, if it is good at this moment: there, in a namespace that is there, made by no token that ended, and
/// speaking for no entity that is gone or disabled.
pub fn authenticate(tx: &mut dyn Tx, access: &Access, text: &str) -> Result<Option<Token>, Error> {
    match TOKENS.get(tx, access, token_key(access, text))? {
        Some(token) => good(tx, access, token),
        None => Ok(None),
    }
}

/// Whether the token called `key` is still there and good: asked again inside a job, where nothing can come between.
pub fn still_good(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<bool, Error> {
    match TOKENS.get(tx, access, key)? {
        Some(token) => Ok(good(tx, access, token)?.is_some()),
        None => Ok(false),
    }
}

/// `token`, if it is good. Where its entity was merged into another since, it speaks for that one.
fn good(tx: &mut dyn Tx, access: &Access, mut token: Token) -> Result<Option<Token>, Error> {
    if !namespaces::exists(tx, access, &token.scope.id)? {
        return Ok(None);
    }
    if let Some(entity) = &token.entity {
        match entities::spoken_for(tx, access, entity)? {
            Some(entity) if !entity.disabled => token.entity = Some(entity.id),
            Some(_) | None => return Ok(None),
        }
    }
    let mut above = token.parent;
    while let Some(key) = above {
        let Some(parent) = TOKENS.get(tx, access, key)? else { return Ok(None) };
        above = parent.parent;
    }
    Ok(Some(token))
}

/// Take one use from a token of limited uses; the last one ends it. Says whether there was one to take.
pub fn spend_use(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<bool, Error> {
    let Some(mut token) = TOKENS.get(tx, access, key)? else { return Ok(false) };
    match token.uses_left {
        None => Ok(true),
        Some(0 | 1) => revoke(tx, access, key).map(|()| true),
        Some(uses) => {
            token.uses_left = Some(uses - 1);
            TOKENS.put(tx, access, &token)?;
            Ok(true)
        }
    }
}

/// Why a token is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The maker has limited uses.
    #[error("restricted use token cannot generate child tokens")]
    RestrictedMaker,
    /// The maker is a batch token.
    #[error("batch tokens cannot create more tokens")]
    BatchMaker,
    /// A token without a maker was asked for by one who may not.
    #[error("root or sudo privileges required to create orphan token")]
    OrphanNeedsSudo,
    /// A token of a given text was asked for by one who may not.
    #[error("root or sudo privileges required to specify token id")]
    IdNeedsSudo,
    /// A token of a given text was asked for outside root.
    #[error("token IDs can only be manually specified in the root namespace")]
    IdOutsideRoot,
    /// The given text is one the server might make itself.
    #[error("custom token ID cannot have the 's.' prefix")]
    IdPrefix,
    /// The given text has a `.`, which tells of a namespace.
    #[error("custom token ID cannot contain '.'")]
    IdDot,
    /// There is a token with the given text.
    #[error("cannot create a token with a duplicate ID")]
    IdTaken,
    /// More was asked for than the maker has.
    #[error("child policies must be subset of parent")]
    NotSubset,
    /// Only a root token makes root tokens.
    #[error("root tokens may not be created without parent token being root")]
    RootNeedsRoot,
    /// A root token of another namespace makes no root tokens here.
    #[error("root tokens may not be created from a parent namespace")]
    RootFromAbove,
    /// A batch token was asked for with something that batch tokens do not have.
    #[error("batch tokens cannot have {0:?} set")]
    BatchWith(&'static str),
    /// A batch root token was asked for.
    #[error("batch tokens cannot be root tokens")]
    BatchRoot,
    /// A login would come to a root token.
    #[error("auth methods cannot create root tokens")]
    LoginRoot,
    /// The policy is the server's own.
    #[error("cannot assign policy \"response-wrapping\"")]
    WrappingPolicy,
}

/// What a new token is to be.
#[derive(Clone)]
pub struct Create {
    /// The token that asks.
    pub maker: Token,
    /// The namespace it is asked for in.
    pub scope: Scope,
    /// The path it is asked for at.
    pub path: String,
    /// Its text, if given.
    pub id: Option<Secret<String>>,
    /// Its policies; none asked for means the maker's.
    pub policies: Vec<String>,
    /// What its maker notes about it.
    pub meta: Option<BTreeMap<String, String>>,
    /// Whether it outlives its maker.
    pub orphan: bool,
    /// Whether it does without the `default` policy.
    pub no_default_policy: bool,
    /// What it is called in listings, as asked for.
    pub display_name: String,
    /// How many requests it is good for; 0 for any number.
    pub num_uses: u32,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Its kind.
    pub kind: Kind,
    /// How long it lasts.
    pub lifetime: Ask,
    /// What is drawn from chance for it; its text is used unless one is given.
    pub fresh: FreshToken,
}

/// What a new token draws from chance.
#[derive(Clone)]
pub struct FreshToken {
    /// What its holder shows, without the prefix that tells its kind.
    random: Secret<String>,
    /// Its handle.
    accessor: Accessor,
    scope: NamespaceId,
}

impl FreshToken {
    /// A fresh draw for a token of `scope`: 142 bits.
    pub fn draw(entropy: &dyn Entropy, scope: &Scope) -> Self {
        Self {
            random: Secret::new(entropy.base62(24)),
            accessor: Accessor::new(scope.id.qualify(&entropy.base62(24))),
            scope: scope.id.clone(),
        }
    }

    /// What the holder of a token of this kind shows.
    fn text(&self, kind: Kind) -> Secret<String> {
        let prefix = match kind {
            Kind::Service => "s",
            Kind::Batch => "b",
        };
        Secret::new(self.scope.qualify(&format!("{prefix}.{}", self.random.expose())))
    }
}

/// A token just made: the only time its text is known.
pub struct Created {
    /// The token.
    pub token: Token,
    /// What its holder shows.
    pub text: Secret<String>,
    /// What was granted of what was asked for.
    pub lifetime: Lifetime,
}

/// Make a token.
pub fn create(tx: &mut dyn Tx, access: &Access, command: &Create) -> Result<Created, Error> {
    let refuse = |refusal| Err(Error::Token(refusal));
    let maker = &command.maker;
    if maker.uses_left.is_some() {
        return refuse(Refusal::RestrictedMaker);
    }
    if maker.kind == Kind::Batch {
        return refuse(Refusal::BatchMaker);
    }
    if command.orphan && !maker.is_root() {
        return refuse(Refusal::OrphanNeedsSudo);
    }
    let policies = child_policies(command).map_err(Error::Token)?;
    let root = policies.iter().any(|policy| policy == ROOT_POLICY);
    if command.kind == Kind::Batch {
        check_batch(command, root).map_err(Error::Token)?;
    }
    let text = match &command.id {
        Some(id) => own_text(command, id).map_err(Error::Token)?,
        None => command.fresh.text(command.kind),
    };
    let key = token_key(access, text.expose());
    if TOKENS.contains(tx, key)? {
        return refuse(Refusal::IdTaken);
    }
    let now = tx.now();
    let lifetime = Lifetime::grant(&command.lifetime, Duration::ZERO);
    let asked_nothing = command.lifetime.ttl.is_zero() && command.lifetime.period.is_zero();
    let for_ever = root && asked_nothing && command.lifetime.explicit_max_ttl.is_zero();
    let ttl = if for_ever { Duration::ZERO } else { lifetime.ttl };
    let token = Token {
        key,
        accessor: (command.kind == Kind::Service).then(|| command.fresh.accessor.clone()),
        scope: command.scope.clone(),
        entity: maker.entity.clone().filter(|_| !command.orphan),
        policies,
        path: command.path.clone(),
        display_name: display_name(&command.display_name),
        meta: command.meta.clone(),
        created_at: now,
        creation_ttl: ttl,
        ttl,
        expires_at: (!for_ever).then(|| now.plus(ttl)),
        explicit_max_ttl: lifetime.explicit_max_ttl,
        period: command.lifetime.period.min(LONGEST_TTL),
        uses_left: (command.num_uses > 0).then_some(command.num_uses),
        renewable: command.renewable && !for_ever && command.kind == Kind::Service,
        kind: command.kind,
        parent: (!command.orphan).then_some(maker.key),
        renewed_at: None,
        max_ttl: LONGEST_TTL,
        bound_cidrs: Vec::new(),
        mount: None,
        role: None,
    };
    TOKENS.put(tx, access, &token)?;
    Ok(Created { token, text, lifetime })
}

/// Make the token that a login comes to.
///
/// # Errors
/// [`Refusal::LoginRoot`].
pub fn issue(tx: &mut dyn Tx, access: &Access, login: &Login, fresh: &FreshToken) -> Result<Created, Error> {
    let settings = &login.token;
    let mut policies = settings.policies.clone();
    if policies.iter().any(|policy| policy == ROOT_POLICY) {
        return Err(Error::Token(Refusal::LoginRoot));
    }
    if !settings.no_default_policy && !policies.iter().any(|policy| policy == DEFAULT_POLICY) {
        policies.push(DEFAULT_POLICY.into());
        policies.sort();
    }
    let mount_max = login.mount_config.max_ttl();
    let max_ttl = if settings.max_ttl.is_zero() { mount_max } else { settings.max_ttl.min(mount_max) };
    let ttl = if settings.ttl.is_zero() { login.mount_config.default_ttl().min(max_ttl) } else { settings.ttl };
    let ask = Ask { ttl, explicit_max_ttl: settings.explicit_max_ttl, period: settings.period, max_ttl };
    let lifetime = Lifetime::grant(&ask, Duration::ZERO);
    let kind = login.token_kind();
    let text = fresh.text(kind);
    let now = tx.now();
    let token = Token {
        key: token_key(access, text.expose()),
        accessor: (kind == Kind::Service).then(|| fresh.accessor.clone()),
        scope: login.scope.clone(),
        entity: Some(login.entity.clone()),
        policies,
        path: login.path.clone(),
        display_name: login.display_name.clone(),
        meta: Some(login.metadata.clone()).filter(|metadata| !metadata.is_empty()),
        created_at: now,
        creation_ttl: lifetime.ttl,
        ttl: lifetime.ttl,
        expires_at: Some(now.plus(lifetime.ttl)),
        explicit_max_ttl: lifetime.explicit_max_ttl,
        period: settings.period.min(mount_max),
        uses_left: (settings.num_uses > 0).then_some(settings.num_uses),
        renewable: kind == Kind::Service,
        kind,
        parent: None,
        renewed_at: None,
        max_ttl,
        bound_cidrs: settings.bound_cidrs.clone(),
        mount: Some(login.mount.clone()),
        role: None,
    };
    TOKENS.put(tx, access, &token)?;
    Ok(Created { token, text, lifetime })
}

/// What the child may do: what was asked for, or what the maker may, within what the maker may.
fn child_policies(command: &Create) -> Result<Vec<String>, Refusal> {
    let maker = &command.maker;
    let from_above = maker.scope != command.scope;
    let mut policies = normalise_policies(&command.policies);
    if policies.iter().any(|policy| policy == "response-wrapping") {
        return Err(Refusal::WrappingPolicy);
    }
    if policies.is_empty() && !from_above {
        policies.clone_from(&maker.policies);
    }
    if policies.iter().any(|policy| policy == ROOT_POLICY) {
        if from_above {
            return Err(Refusal::RootFromAbove);
        }
        return if maker.is_root() { Ok(vec![ROOT_POLICY.into()]) } else { Err(Refusal::RootNeedsRoot) };
    }
    if !maker.is_root() && policies.iter().any(|asked| asked != DEFAULT_POLICY && !maker.policies.contains(asked)) {
        return Err(Refusal::NotSubset);
    }
    policies.retain(|policy| policy != DEFAULT_POLICY);
    if !command.no_default_policy {
        policies.push(DEFAULT_POLICY.into());
        policies.sort();
    }
    Ok(policies)
}

fn check_batch(command: &Create, root: bool) -> Result<(), Refusal> {
    if root {
        return Err(Refusal::BatchRoot);
    }
    if command.num_uses > 0 {
        return Err(Refusal::BatchWith("num_uses"));
    }
    if !command.lifetime.period.is_zero() {
        return Err(Refusal::BatchWith("period"));
    }
    if !command.lifetime.explicit_max_ttl.is_zero() {
        return Err(Refusal::BatchWith("explicit_max_ttl"));
    }
    Ok(())
}

fn own_text(command: &Create, id: &Secret<String>) -> Result<Secret<String>, Refusal> {
    if !command.maker.is_root() {
        return Err(Refusal::IdNeedsSudo);
    }
    if !command.scope.id.is_root() {
        return Err(Refusal::IdOutsideRoot);
    }
    if id.expose().starts_with("s.") {
        return Err(Refusal::IdPrefix);
    }
    if id.expose().contains('.') {
        return Err(Refusal::IdDot);
    }
    Ok(id.clone())
}

/// `token-<asked>` with every run of other characters than letters, digits and `-` turned into one `-`, none at the ends.
fn display_name(asked: &str) -> String {
    let mut name = String::from("token");
    for word in asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty()) {
        name.push('-');
        name.push_str(word);
    }
    name
}

/// Make a root token with this text, unless it is there: for a store's first start, and for a chosen text in development.
pub fn ensure_root(tx: &mut dyn Tx, access: &Access, text: &Secret<String>, accessor: &Accessor) -> Result<(), Error> {
    let key = token_key(access, text.expose());
    if TOKENS.contains(tx, key)? {
        return Ok(());
    }
    let token = Token {
        key,
        accessor: Some(accessor.clone()),
        scope: Scope::root(),
        entity: None,
        policies: vec![ROOT_POLICY.into()],
        path: "auth/token/root".into(),
        display_name: "root".into(),
        meta: None,
        created_at: tx.now(),
        creation_ttl: Duration::ZERO,
        ttl: Duration::ZERO,
        expires_at: None,
        explicit_max_ttl: Duration::ZERO,
        period: Duration::ZERO,
        uses_left: None,
        renewable: false,
        kind: Kind::Service,
        parent: None,
        renewed_at: None,
        max_ttl: LONGEST_TTL,
        bound_cidrs: Vec::new(),
        mount: None,
        role: None,
    };
    Ok(TOKENS.put(tx, access, &token)?)
}

/// The token with this text, if a request in `scope` may know of it: it belongs there or below.
pub fn by_text(tx: &mut dyn Tx, access: &Access, scope: &Scope, text: &str) -> Result<Option<Token>, Error> {
    Ok(authenticate(tx, access, text)?.filter(|token| scope.contains(&token.scope)))
}

/// The token with this accessor, if it belongs to `scope` itself: an accessor reaches into no other namespace (CVE-2026-40264).
pub fn by_accessor(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    accessor: &Accessor,
) -> Result<Option<Token>, Error> {
    let found = TOKENS.find_one(tx, access, TOKEN_BY_ACCESSOR, token_accessor_key(access, accessor))?;
    match found.filter(|token| token.scope == *scope) {
        Some(token) => good(tx, access, token),
        None => Ok(None),
    }
}

/// Renew the token called `key`. `None` when it is gone; the token as it was when it cannot be renewed.
pub fn renew(
    tx: &mut dyn Tx,
    access: &Access,
    key: BlindKey,
    increment: Option<Duration>,
) -> Result<Option<Renewed>, Error> {
    let Some(mut token) = TOKENS.get(tx, access, key)? else { return Ok(None) };
    if !token.can_be_renewed() {
        return Ok(Some(Renewed::Refused(token.kind)));
    }
    let lifetime = token.renew(increment, tx.now());
    TOKENS.put(tx, access, &token)?;
    Ok(Some(Renewed::Granted(Box::new(token), lifetime)))
}

/// How an attempt to renew a token ended.
pub enum Renewed {
    /// It lasts longer now.
    Granted(Box<Token>, Lifetime),
    /// It is of a kind, or was made in a way, that cannot be renewed.
    Refused(Kind),
}

/// End the token called `key`, and with it all that it made.
pub fn revoke(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<(), Error> {
    TOKENS.delete(tx, key)?;
    // Its children are no good from now on, because it is gone; their records follow in batches.
    if TOKENS.find_one(tx, access, TOKEN_BY_PARENT, key)?.is_some() {
        PURGES.put(tx, access, &Purge::Children(key))?;
    }
    Ok(())
}

/// End the token called `key` and make orphans of those that it made.
pub fn revoke_orphaning(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<(), Error> {
    for mut child in TOKENS.find_all(tx, access, TOKEN_BY_PARENT, key)? {
        child.parent = None;
        TOKENS.put(tx, access, &child)?;
    }
    Ok(TOKENS.delete(tx, key)?)
}

/// The accessors of all tokens of `scope`, sorted.
pub fn accessors(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Accessor>, Error> {
    let tokens = TOKENS.find_all(tx, access, TOKEN_BY_NAMESPACE, token_namespace_key(access, &scope.id))?;
    let mut accessors: Vec<_> = tokens.into_iter().filter_map(|token| token.accessor).collect();
    accessors.sort();
    Ok(accessors)
}

#[cfg(test)]
mod tests {
    use super::display_name;

    #[test]
    fn a_display_name_has_no_other_characters_than_letters_digits_and_dashes() {
        assert_eq!(display_name("My Tool!"), "token-My-Tool");
        assert_eq!(display_name(""), "token");
        assert_eq!(display_name("a/../b"), "token-a-b");
        assert_eq!(display_name("ünï"), "token-n");
    }
}
