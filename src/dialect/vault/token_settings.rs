//! The `token_…` parameters of users and roles, and their old names.

use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use super::input::Input;
use crate::model::cidr;
use crate::model::mount::{TokenSettings, TokenType};
use crate::model::token::normalise_policies;
use crate::model::token_settings::{Changes, OldNames};

/// The parameters of a user or a role: its own ones, and those about its tokens. Where it is used, `Field` and `Kind` are known.
macro_rules! with_token_fields {
    ($($own:expr),* $(,)?) => {
        &[
            $($own,)*
            Field { name: "token_bound_cidrs", kind: Kind::List },
            Field { name: "token_explicit_max_ttl", kind: Kind::Seconds },
            Field { name: "token_max_ttl", kind: Kind::Seconds },
            Field { name: "token_no_default_policy", kind: Kind::Bool },
            Field { name: "token_num_uses", kind: Kind::Int },
            Field { name: "token_period", kind: Kind::Seconds },
            Field { name: "token_policies", kind: Kind::List },
            Field { name: "token_strictly_bind_ip", kind: Kind::Bool },
            Field { name: "token_ttl", kind: Kind::Seconds },
            Field { name: "token_type", kind: Kind::Text },
            Field { name: "bound_cidrs", kind: Kind::List },
            Field { name: "max_ttl", kind: Kind::Seconds },
            Field { name: "period", kind: Kind::Seconds },
            Field { name: "policies", kind: Kind::List },
            Field { name: "ttl", kind: Kind::Seconds },
        ]
    };
}
pub(super) use with_token_fields;

/// The change that `input` asks for.
pub(super) fn changes(input: &Input) -> Result<Changes, Error> {
    let span = |name: &str| span(input, name);
    let (bound_cidrs, old_bound_cidrs) = renamed(input.list("token_bound_cidrs"), input.list("bound_cidrs"));
    let (max_ttl, old_max_ttl) = renamed(span("token_max_ttl"), span("max_ttl"));
    let (ttl, old_ttl) = renamed(span("token_ttl"), span("ttl"));
    let (period, old_period) = renamed(span("token_period"), span("period"));
    let (policies, old_policies) = renamed(input.list("token_policies"), input.list("policies"));
    if let Some(broken) = bound_cidrs.iter().flatten().find(|block| cidr::parse(block).is_none()) {
        return Err(Error::bad_request(format!(
            "error parsing address \"{broken}\": Unable to convert \"{broken}\" to an IPv4 or IPv6 address, or a UNIX Socket"
        )));
    }
    Ok(Changes {
        bound_cidrs,
        explicit_max_ttl: span("token_explicit_max_ttl"),
        max_ttl,
        ttl,
        no_default_policy: input.switch("token_no_default_policy"),
        num_uses: count(input, "token_num_uses", "'token_num_uses'")?,
        period,
        policies: policies.map(normalise_policies),
        strictly_bind_ip: input.switch("token_strictly_bind_ip"),
        token_type: input.given_text("token_type").map(token_type).transpose()?,
        by_old_name: OldNames {
            bound_cidrs: old_bound_cidrs,
            max_ttl: old_max_ttl,
            ttl: old_ttl,
            period: old_period,
            policies: old_policies,
        },
    })
}

/// What was given by either name, the new one first, and whether the old one was used.
fn renamed<T>(new: Option<T>, old: Option<T>) -> (Option<T>, Option<bool>) {
    let by_old_name = old.is_some();
    let given = new.or(old);
    let told = given.is_some().then_some(by_old_name);
    (given, told)
}

/// A span, if it was given.
pub(super) fn span(input: &Input, name: &str) -> Option<Duration> {
    input.int(name).and_then(|seconds| seconds.try_into().ok()).map(Duration::from_secs)
}

/// A number of times, if it was given; `shown` is what the refusal calls it.
pub(super) fn count(input: &Input, name: &str, shown: &str) -> Result<Option<u32>, Error> {
    let Some(number) = input.int(name) else { return Ok(None) };
    let fits = u32::try_from(number).map(Some);
    fits.map_err(|_| {
        Error::bad_request(format!("{shown} cannot be {}", if number < 0 { "negative" } else { "so large" }))
    })
}

fn token_type(text: &str) -> Result<TokenType, Error> {
    match text {
        "" | "default" => Ok(TokenType::Default),
        "service" => Ok(TokenType::Service),
        "batch" => Ok(TokenType::Batch),
        _ => Err(Error::bad_request(format!("invalid 'token_type' value \"{text}\""))),
    }
}

/// What a kind of token is called.
pub(super) const fn token_type_name(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Default => "default",
        TokenType::DefaultService => "default-service",
        TokenType::DefaultBatch => "default-batch",
        TokenType::Service => "service",
        TokenType::Batch => "batch",
    }
}

/// What is said about tokens, as a user or a role shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    token_bound_cidrs: Vec<String>,
    token_explicit_max_ttl: u64,
    token_max_ttl: u64,
    token_no_default_policy: bool,
    token_num_uses: u32,
    token_period: u64,
    token_policies: Vec<String>,
    token_strictly_bind_ip: bool,
    token_ttl: u64,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bound_cidrs: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    max_ttl: u64,
    #[serde(skip_serializing_if = "is_zero")]
    period: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    ttl: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Shown {
    /// `settings`, some of them by their old names too.
    pub(super) fn of(settings: &TokenSettings, old: OldNames<bool>) -> Self {
        let list = |list: &Vec<String>, shown: bool| if shown { list.clone() } else { Vec::new() };
        let span = |span: Duration, shown: bool| if shown { span.as_secs() } else { 0 };
        Self {
            token_bound_cidrs: settings.bound_cidrs.clone(),
            token_explicit_max_ttl: settings.explicit_max_ttl.as_secs(),
            token_max_ttl: settings.max_ttl.as_secs(),
            token_no_default_policy: settings.no_default_policy,
            token_num_uses: settings.num_uses,
            token_period: settings.period.as_secs(),
            token_policies: settings.policies.clone(),
            token_strictly_bind_ip: settings.strictly_bind_ip,
            token_ttl: settings.ttl.as_secs(),
            token_type: token_type_name(settings.token_type),
            bound_cidrs: list(&settings.bound_cidrs, old.bound_cidrs),
            max_ttl: span(settings.max_ttl, old.max_ttl),
            period: span(settings.period, old.period),
            policies: list(&settings.policies, old.policies),
            ttl: span(settings.ttl, old.ttl),
        }
    }
}
