//! Tokens: recognised, made, looked up, renewed, revoked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::uses::Used;
use super::{Access, Error, entities, logins, mounts, namespaces};
use crate::entropy::Entropy;
use crate::id::{Accessor, BlindKey, EntityId, NamespaceId};
use crate::model::login::Login;
use crate::model::namespace::Scope;
use crate::model::token::{
    Ask, DEFAULT_POLICY, Kind, LONGEST_TTL, Lifetime, ROOT_POLICY, Token, WRAPPING_POLICY, normalise_policies,
};
use crate::model::token_role::{Mismatch, TokenRole};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::{
    PURGES, Purge, TOKEN_BY_ACCESSOR, TOKEN_BY_NAMESPACE, TOKEN_BY_PARENT, TOKEN_ROLES, TOKENS, WRAPPINGS,
    token_accessor_key, token_key, token_namespace_key, token_role_key,
};

/// The token with this text, if it is good at this moment: there, in a namespace that is there, made by no token that ended and through no
/// mount that is gone, and speaking for no entity that is gone or disabled.
pub fn authenticate(tx: &mut dyn Tx, access: &Access, text: &str) -> Result<Option<Token>, Error> {
    match TOKENS.get(tx, access, token_key(access, text))? {
        Some(token) if !token.is_used_up() => good(tx, access, token),
        Some(_) | None => Ok(None),
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
///
/// Every table that is read here is a marked one: see [`Tx::mark`].
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
    if !has_mount(tx, access, &token)? {
        return Ok(None);
    }
    let mut above = token.parent;
    while let Some(key) = above {
        match TOKENS.get(tx, access, key)? {
            Some(parent) if has_mount(tx, access, &parent)? => above = parent.parent,
            Some(_) | None => return Ok(None),
        }
    }
    Ok(Some(token))
}

/// How long the record of a token stays after its last use was taken: for what that use still does to see whether it was revoked.
const LAST_USE: Duration = Duration::from_mins(2);

/// Take one use from a token of limited uses; it is good for nothing new after the last. Says whether there was one to take.
pub fn spend_use(tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<bool, Error> {
    let Some(mut token) = TOKENS.get(tx, access, key)? else { return Ok(false) };
    let Some(uses) = token.uses_left else { return Ok(true) };
    let Some(left) = uses.checked_sub(1) else { return Ok(false) };
    token.uses_left = Some(left);
    if left == 0 {
        let forgotten = tx.now().plus(LAST_USE);
        token.expires_at = Some(token.expires_at.map_or(forgotten, |end| end.min(forgotten)));
        WRAPPINGS.delete(tx, key)?;
    }
    TOKENS.put(tx, access, &token)?;
    Ok(true)
}

/// Whether the mount whose login made `token`, if one did, is still there.
fn has_mount(tx: &mut dyn Tx, access: &Access, token: &Token) -> Result<bool, Error> {
    token.mount.as_ref().map_or(Ok(true), |mount| mounts::exists(tx, access, mount))
}

/// Whether `maker` may do what takes more than being allowed to make tokens: give them a text, a period, no maker, or policies it lacks. `sudo` is
/// whether a policy says so.
pub fn may_orphan(maker: &Token, sudo: bool) -> bool {
    maker.is_root() || sudo
}

/// The most tokens between a token and the first of its line: each is looked at whenever the token is shown.
const DEEPEST: usize = 1_024;

/// Why a token is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// A token with a period was asked for by one who may not.
    #[error("root or sudo privileges required to create periodic token")]
    PeriodNeedsSudo,
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
    /// A root token that ends would come to one that does not.
    #[error("expiring root tokens cannot create non-expiring root tokens")]
    ExpiringRoot,
    /// There are too many makers before this one.
    #[error("too many tokens have made one another: the maker cannot create child tokens")]
    TooDeep,
    /// No such role.
    #[error("unknown role {0}")]
    UnknownRole(String),
    /// The role does not allow what was asked for.
    #[error(
        "token policies ({asked}) must be subset of the role's allowed policies ({allowed}) or glob policies ({globs})"
    )]
    OutsideRole {
        /// What was asked for.
        asked: List,
        /// What the role allows.
        allowed: List,
        /// Patterns of what the role allows.
        globs: List,
    },
    /// The role refuses a policy.
    #[error("token policy {0:?} is disallowed by this role")]
    DisallowedByRole(String),
    /// An alias was named without a role.
    #[error("'entity_alias' is only allowed in combination with token role")]
    AliasWithoutRole,
    /// The role does not allow the alias.
    #[error("invalid 'entity_alias' value")]
    Alias,
    /// The role that a token is renewed by is gone.
    #[error("original token role {0:?} could not be found, not renewing")]
    RoleGone(String),
    /// The limit of the token's age is below its age by now.
    #[error("past the max TTL, cannot renew")]
    PastLimit,
}

/// Texts as Go lists them: `["a" "b"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List(pub Vec<String>);

impl std::fmt::Display for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|text| format!("{text:?}")).collect();
        write!(f, "[{}]", quoted.join(" "))
    }
}

impl From<Mismatch> for Refusal {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::NotAllowed { asked, allowed, globs } => {
                Self::OutsideRole { asked: List(asked), allowed: List(allowed), globs: List(globs) }
            }
            Mismatch::Disallowed(policy) => Self::DisallowedByRole(policy),
        }
    }
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
    /// The name of the role that it is asked for by, if it is.
    pub role: Option<String>,
    /// Whether it may do what needs `sudo` here.
    pub sudo: bool,
    /// Whether it was asked at a path that makes nothing but tokens that outlive their makers: the way there is the permission.
    pub at_orphans: bool,
    /// The alias that it is to speak for, and what that draws from chance.
    pub alias: Option<(String, logins::Fresh)>,
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
    /// Its kind, if it was said.
    pub kind: Option<Kind>,
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

    /// What the holder of a service token shows, and the token's handle.
    pub(super) fn shown(&self) -> (Secret<String>, Accessor) {
        (self.text(Kind::Service), self.accessor.clone())
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
    /// Limits that both the role and whoever asked had set, cut to the lesser.
    pub narrowed: Narrowed,
    /// The authenticators that proved it, to be noted as used.
    pub used: Vec<Used>,
}

/// Limits for which there was more than one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Narrowed {
    /// The explicit limit that holds.
    pub explicit_max_ttl: Option<Duration>,
    /// The period that holds.
    pub period: Option<Duration>,
}

/// Make a token.
pub fn create(tx: &mut dyn Tx, access: &Access, command: &Create) -> Result<Created, Error> {
    let maker = &command.maker;
    let role = role_of(tx, access, command)?;
    let kind = role.as_ref().map_or(command.kind.unwrap_or(Kind::Service), |role| role.kind(command.kind));
    let orphan = role.as_ref().map_or(command.orphan, |role| role.orphan);
    check_maker(tx, access, command, role.is_some())?;
    let policies = child_policies(command, role.as_ref()).map_err(Error::Token)?;
    let root = policies.iter().any(|policy| policy == ROOT_POLICY);
    if kind == Kind::Batch {
        check_batch(command, root).map_err(Error::Token)?;
    }
    let text = match &command.id {
        Some(id) if kind == Kind::Service => own_text(command, id).map_err(Error::Token)?,
        Some(_) | None => command.fresh.text(kind),
    };
    let key = token_key(access, text.expose());
    if TOKENS.contains(tx, key)? {
        return Err(Error::Token(Refusal::IdTaken));
    }
    let now = tx.now();
    let asked = command.lifetime;
    let limits = role.as_ref().filter(|_| kind == Kind::Service).map_or(asked, |role| role.narrow(asked));
    let lifetime = Lifetime::grant(&limits, Duration::ZERO);
    let for_ever = root && limits.ttl.is_zero() && limits.period.is_zero() && limits.explicit_max_ttl.is_zero();
    if for_ever && maker.expires_at.is_some() {
        return Err(Error::Token(Refusal::ExpiringRoot));
    }
    let ttl = if for_ever { Duration::ZERO } else { lifetime.ttl };
    let entity = match spoken_for(tx, access, command, role.as_ref())? {
        Some(entity) => Some(entity),
        None => maker.entity.clone().filter(|_| !orphan),
    };
    let bound_cidrs = match &role {
        _ if for_ever => Vec::new(),
        Some(role) => role.token.bound_cidrs.clone(),
        None if orphan => Vec::new(),
        None => maker.bound_cidrs.clone(),
    };
    let num_uses = role.as_ref().map_or(command.num_uses, |role| role.num_uses(command.num_uses));
    // A limit that only the role sets is the role's to change: it is asked for again at each renewal.
    let own = |asked: Duration, held: Duration| if asked.is_zero() { asked } else { held };
    let token = Token {
        key,
        accessor: (kind == Kind::Service).then(|| command.fresh.accessor.clone()),
        scope: command.scope.clone(),
        entity,
        policies,
        path: path(command, role.as_ref()),
        display_name: display_name(&command.display_name),
        meta: command.meta.clone(),
        created_at: now,
        creation_ttl: ttl,
        ttl,
        expires_at: (!for_ever).then(|| now.plus(ttl)),
        explicit_max_ttl: own(asked.explicit_max_ttl, lifetime.explicit_max_ttl),
        period: own(asked.period, limits.period.min(LONGEST_TTL)),
        uses_left: (num_uses > 0 && kind == Kind::Service).then_some(num_uses),
        renewable: command.renewable
            && !for_ever
            && kind == Kind::Service
            && role.as_ref().is_none_or(|role| role.renewable),
        kind,
        parent: (!orphan).then_some(maker.key),
        renewed_at: None,
        max_ttl: LONGEST_TTL,
        bound_cidrs,
        mount: None,
        role: role.as_ref().map(|role| role.name.clone()),
    };
    TOKENS.put(tx, access, &token)?;
    Ok(Created { token, text, lifetime, narrowed: narrowed(&asked, &limits, role.as_ref()), used: Vec::new() })
}

/// The role that a token is asked for by.
fn role_of(tx: &mut dyn Tx, access: &Access, command: &Create) -> Result<Option<TokenRole>, Error> {
    let Some(name) = &command.role else { return Ok(None) };
    let role = TOKEN_ROLES.get(tx, access, token_role_key(access, &command.scope.id, name))?;
    role.map(Some).ok_or_else(|| Error::Token(Refusal::UnknownRole(name.clone())))
}

/// Whether the maker may make a token at all, and one so.
fn check_maker(tx: &mut dyn Tx, access: &Access, command: &Create, by_role: bool) -> Result<(), Error> {
    let maker = &command.maker;
    let refuse = |refusal| Err(Error::Token(refusal));
    if maker.uses_left.is_some() {
        return refuse(Refusal::RestrictedMaker);
    }
    if maker.kind == Kind::Batch {
        return refuse(Refusal::BatchMaker);
    }
    if !by_role && command.orphan && !command.at_orphans && !may_orphan(maker, command.sudo) {
        return refuse(Refusal::OrphanNeedsSudo);
    }
    if !command.lifetime.period.is_zero() && !may_orphan(maker, command.sudo) {
        return refuse(Refusal::PeriodNeedsSudo);
    }
    if !by_role && command.alias.is_some() {
        return refuse(Refusal::AliasWithoutRole);
    }
    let (mut above, mut depth) = (maker.parent, 0);
    while let Some(key) = above {
        depth += 1;
        if depth >= DEEPEST {
            return refuse(Refusal::TooDeep);
        }
        above = TOKENS.get(tx, access, key)?.and_then(|parent| parent.parent);
    }
    Ok(())
}

/// The entity of the alias that a role's token is asked for: made with it, if it is named for the first time.
fn spoken_for(
    tx: &mut dyn Tx,
    access: &Access,
    command: &Create,
    role: Option<&TokenRole>,
) -> Result<Option<EntityId>, Error> {
    let (Some((name, fresh)), Some(role)) = (&command.alias, role) else { return Ok(None) };
    if !role.allows_alias(name) {
        return Err(Error::Token(Refusal::Alias));
    }
    let mount = mounts::token_accessor(access, &command.scope);
    let entity = logins::entity_called(tx, access, &command.scope, &mount, name, fresh)?;
    if entity.disabled {
        return Err(Error::Denied);
    }
    Ok(Some(entity.id))
}

/// The path that a token is told to come from.
fn path(command: &Create, role: Option<&TokenRole>) -> String {
    match role.map(|role| role.path_suffix.as_str()).filter(|suffix| !suffix.is_empty()) {
        Some(suffix) => format!("{}/{suffix}", command.path),
        None => command.path.clone(),
    }
}

/// Limits that were asked for and are the role's as well.
fn narrowed(asked: &Ask, limits: &Ask, role: Option<&TokenRole>) -> Narrowed {
    let Some(role) = role else { return Narrowed::default() };
    let both = |asked: Duration, roles: Duration, held| (!asked.is_zero() && !roles.is_zero()).then_some(held);
    Narrowed {
        explicit_max_ttl: both(asked.explicit_max_ttl, role.token.explicit_max_ttl, limits.explicit_max_ttl),
        period: both(asked.period, role.token.period, limits.period),
    }
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
    Ok(Created { token, text, lifetime, narrowed: Narrowed::default(), used: Vec::new() })
}

/// What the child may do: what its role says, else what was asked for, or what the maker may, within what the maker may.
fn child_policies(command: &Create, role: Option<&TokenRole>) -> Result<Vec<String>, Refusal> {
    let maker = &command.maker;
    let from_above = maker.scope != command.scope;
    // The policies of another namespace are other policies, whatever they are called.
    let makers: &[String] = if from_above { &[] } else { &maker.policies };
    let asked = normalise_policies(&command.policies);
    let by_role = match role {
        Some(role) => role.policies(&asked, makers, command.no_default_policy)?,
        None => None,
    };
    let policies = match by_role {
        Some(policies) => policies,
        None => usual_policies(command, role, &asked, makers)?,
    };
    if policies.iter().any(|policy| policy == WRAPPING_POLICY) {
        return Err(Refusal::WrappingPolicy);
    }
    if policies.iter().any(|policy| policy == ROOT_POLICY) {
        return match (from_above, maker.is_root()) {
            (true, _) => Err(Refusal::RootFromAbove),
            (false, false) => Err(Refusal::RootNeedsRoot),
            (false, true) => Ok(vec![ROOT_POLICY.into()]),
        };
    }
    Ok(policies)
}

/// What the child may do where no role says it.
fn usual_policies(
    command: &Create,
    role: Option<&TokenRole>,
    asked: &[String],
    makers: &[String],
) -> Result<Vec<String>, Refusal> {
    let maker = &command.maker;
    let from_above = maker.scope != command.scope;
    let free = may_orphan(maker, command.sudo);
    let has = |policy: &String| makers.contains(policy) || (from_above && policy == DEFAULT_POLICY);
    if !free && !asked.iter().all(has) {
        return Err(Refusal::NotSubset);
    }
    let inherits = asked.is_empty() && !from_above;
    let mut policies = if inherits { makers.to_vec() } else { asked.to_vec() };
    let has_default = makers.iter().any(|policy| policy == DEFAULT_POLICY);
    let with_default = from_above || has_default || (free && !inherits);
    let without = command.no_default_policy || role.is_some_and(|role| role.token.no_default_policy);
    policies.retain(|policy| policy != DEFAULT_POLICY);
    if with_default && !without {
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
    if !may_orphan(&command.maker, command.sudo) {
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
    match found.filter(|token| token.scope == *scope && !token.is_used_up()) {
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
    let mut asked = token.renewal(increment);
    if let Some(name) = &token.role {
        let role = TOKEN_ROLES.get(tx, access, token_role_key(access, &token.scope.id, name))?;
        let role = role.ok_or_else(|| Error::Token(Refusal::RoleGone(name.clone())))?;
        asked = role.narrow(asked);
    }
    let lifetime = token.renew(&asked, tx.now());
    if lifetime.ttl.is_zero() {
        return Err(Error::Token(Refusal::PastLimit));
    }
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
    remove(tx, key)?;
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
    remove(tx, key)
}

/// Remove the record of a token, and the reply that it unwraps, if it does.
pub(super) fn remove(tx: &mut dyn Tx, key: BlindKey) -> Result<(), Error> {
    WRAPPINGS.delete(tx, key)?;
    Ok(TOKENS.delete(tx, key)?)
}

/// The accessors of all good tokens of `scope`, sorted.
pub fn accessors(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<Accessor>, Error> {
    let mut accessors = Vec::new();
    for token in TOKENS.find_all(tx, access, TOKEN_BY_NAMESPACE, token_namespace_key(access, &scope.id))? {
        if !token.is_used_up() {
            accessors.extend(good(tx, access, token)?.and_then(|token| token.accessor));
        }
    }
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
