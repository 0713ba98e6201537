//! `sys/auth`: the ways of logging in to a namespace.

use std::time::Duration;

use data_encoding::HEXLOWER;

use super::duration;
use super::error::Error;
use super::field::{Field, Kind};
use super::input::Input;
use super::login::LONGEST_NAME;
use super::mounts::{Mount, Tuning, auth_mounts};
use super::route::{Call, Plan, Route};
use super::token_settings::{count, span};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::{self, mounts};
use crate::id::Accessor;
use crate::model::mount::{self, Changes, Config, DefaultOverMax, TOKEN_MOUNT, TokenType};

/// What can be said of a mount when it is made, and, beside its `config`, when it is tuned.
const FIELDS: &[Field] = &[
    Field { name: "type", kind: Kind::Text },
    Field { name: "description", kind: Kind::Text },
    Field { name: "config", kind: Kind::Object },
    Field { name: "options", kind: Kind::Map },
    Field { name: "local", kind: Kind::Bool },
    Field { name: "seal_wrap", kind: Kind::Bool },
    Field { name: "external_entropy_access", kind: Kind::Bool },
    Field { name: "plugin_name", kind: Kind::Text },
    Field { name: "plugin_version", kind: Kind::Text },
    DEFAULT_TTL,
    MAX_TTL,
    VISIBILITY,
    TOKEN_TYPE,
    LOCKOUT,
    LISTS[0],
    LISTS[1],
    LISTS[2],
    LISTS[3],
];

/// What can be tuned of a mount, and said in its `config` when it is made.
const CONFIG: &[Field] =
    &[DEFAULT_TTL, MAX_TTL, VISIBILITY, TOKEN_TYPE, LOCKOUT, LISTS[0], LISTS[1], LISTS[2], LISTS[3]];

const DEFAULT_TTL: Field = Field { name: "default_lease_ttl", kind: Kind::Text };
const MAX_TTL: Field = Field { name: "max_lease_ttl", kind: Kind::Text };
const VISIBILITY: Field = Field { name: "listing_visibility", kind: Kind::Text };
const TOKEN_TYPE: Field = Field { name: "token_type", kind: Kind::Text };
const LOCKOUT: Field = Field { name: "user_lockout_config", kind: Kind::Object };
/// What clients send and read back.
const LISTS: [Field; 4] = [
    Field { name: "allowed_response_headers", kind: Kind::List },
    Field { name: "audit_non_hmac_request_keys", kind: Kind::List },
    Field { name: "audit_non_hmac_response_keys", kind: Kind::List },
    Field { name: "passthrough_request_headers", kind: Kind::List },
];

const LOCKOUT_FIELDS: &[Field] = &[
    Field { name: "lockout_threshold", kind: Kind::Int },
    Field { name: "lockout_duration", kind: Kind::Seconds },
    Field { name: "lockout_counter_reset", kind: Kind::Seconds },
    Field { name: "lockout_disable", kind: Kind::Bool },
];

pub(super) const ROUTES: &[Route] = &[
    Route::new("sys/auth", &[], &[(Capability::Read, list)]),
    Route::new(
        "sys/auth/{path*}",
        FIELDS,
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    ),
    Route::new("sys/mounts/auth/{path*}", FIELDS, &[(Capability::Read, read), (Capability::Update, write_tuning)]),
];

/// What a path behind `sys/auth/` is about.
enum About {
    /// The mount at this path.
    Mount(String),
    /// What may be tuned of it.
    Tuning(String),
}

fn about(call: &Call<'_>) -> About {
    let path = call.input.text("path").trim_end_matches('/');
    match path.strip_suffix("/tune") {
        Some(mount) => About::Tuning(format!("{mount}/")),
        None => About::Mount(format!("{path}/")),
    }
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    Ok(Plan::Reply(Reply::data_at_top_level(&auth_mounts(call)?)?))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    match about(call) {
        About::Mount(path) if path == TOKEN_MOUNT => Ok(Plan::Reply(Reply::data_at_top_level(&Mount::token(call))?)),
        About::Mount(path) => {
            let mount = mounts::at(call.tx, call.access, &call.scope, &path)?;
            let mount = mount.ok_or_else(|| Error::bad_request(format!("No auth engine at {path}")))?;
            Ok(Plan::Reply(Reply::data_at_top_level(&Mount::of(&mount))?))
        }
        About::Tuning(path) if path == TOKEN_MOUNT => Ok(Plan::Reply(Reply::data_at_top_level(&Tuning::token())?)),
        About::Tuning(path) => {
            let mount = mounts::at(call.tx, call.access, &call.scope, &path)?;
            let unknown = || Error::bad_request(format!("cannot fetch sysview for path \"auth/{path}\""));
            Ok(Plan::Reply(Reply::data_at_top_level(&Tuning::of(&mount.ok_or_else(unknown)?))?))
        }
    }
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    match about(call) {
        About::Mount(path) => create(call, path),
        About::Tuning(path) => tune(call, path),
    }
}

fn write_tuning(call: &mut Call<'_>) -> Result<Plan, Error> {
    match about(call) {
        About::Mount(_) => Err(Error::unsupported_operation()),
        About::Tuning(path) => tune(call, path),
    }
}

fn create(call: &Call<'_>, path: String) -> Result<Plan, Error> {
    let input = &call.input;
    let kind = kind(input)?;
    if path.split('/').count() > mounts::DEEPEST || path.len() > LONGEST_NAME {
        return Err(Error::bad_request("path is too long"));
    }
    let mut config = Config::default();
    let unconvertible = |_| Error::bad_request("unable to convert given auth config information");
    if let Some(given) = input.inside("config", CONFIG).map_err(unconvertible)? {
        changes(&given)?.apply(&mut config).map_err(|conflict| over_max(config.max_lease_ttl, conflict))?;
    }
    let entropy = call.engine.entropy.as_ref();
    let mount = mount::Mount {
        accessor: Accessor::new(format!("auth_{}_{}", kind.as_str(), HEXLOWER.encode(&entropy.bytes::<4>()))),
        uuid: entropy.uuid().to_string(),
        scope: call.scope.clone(),
        path,
        kind,
        description: input.text("description").to_owned(),
        options: Some(input.map("options").unwrap_or_default()),
        local: input.switch("local").unwrap_or_default(),
        seal_wrap: input.switch("seal_wrap").unwrap_or_default(),
        external_entropy_access: input.switch("external_entropy_access").unwrap_or_default(),
        config,
        bcrypt_cost: None,
        created_at: call.tx.now(),
    };
    Ok(Plan::write(move |tx, access| {
        mounts::create(tx, access, &mount)?;
        Ok(Reply::NoContent)
    }))
}

/// The kind of mount that is asked for; an old way of asking is `plugin` and its name.
fn kind(input: &Input) -> Result<mount::Kind, Error> {
    let name = match input.text("type") {
        "plugin" => input.text("plugin_name"),
        name => name,
    };
    match name {
        "" => Err(Error::bad_request("backend type must be specified as a string")),
        "token" => Err(Error::bad_request("token credential backend cannot be instantiated")),
        name => mount::Kind::parse(name)
            .ok_or_else(|| Error::bad_request(format!("plugin not found in the catalog: {name}"))),
    }
}

fn over_max(given_max: Duration, conflict: DefaultOverMax) -> Error {
    Error::bad_request(if given_max.is_zero() {
        format!("given default lease TTL greater than system max lease TTL of {}", conflict.max.as_secs())
    } else {
        "given default lease TTL greater than given max lease TTL".into()
    })
}

fn tune(call: &Call<'_>, path: String) -> Result<Plan, Error> {
    if path == TOKEN_MOUNT {
        return Err(Error::bad_request("token credential backend cannot be tuned"));
    }
    let input = &call.input;
    if !input.text("plugin_version").is_empty() {
        return Err(Error::bad_request("plugin not found in the catalog: there is one version of each"));
    }
    let tune = mounts::Tune {
        description: input.given_text("description").map(str::to_owned),
        options: input.map("options"),
        config: changes(input)?,
    };
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| match mounts::tune(tx, access, &scope, &path, &tune) {
        Ok(()) => Ok(Reply::NoContent),
        Err(engine::Error::UnknownMount) => {
            Err(Error::bad_request(format!("tune of path \"auth/{path}\" failed: no mount entry found")))
        }
        Err(error) => Err(error.into()),
    }))
}

/// What `input` asks to be tuned.
fn changes(input: &Input) -> Result<Changes, Error> {
    let visibility = input.given_text("listing_visibility");
    if let Some(odd) = visibility.filter(|asked| !matches!(*asked, "" | "hidden" | "unauth")) {
        return Err(Error::bad_request(format!("invalid listing_visibility {odd}")));
    }
    let lists = LISTS.iter().filter_map(|field| Some((field.name.to_owned(), input.list(field.name)?)));
    let lockout = input.inside(LOCKOUT.name, LOCKOUT_FIELDS)?.unwrap_or_default();
    Ok(Changes {
        default_lease_ttl: lease(input, DEFAULT_TTL.name)?,
        max_lease_ttl: lease(input, MAX_TTL.name)?,
        listing_visibility: visibility.map(str::to_owned),
        token_type: input.given_text("token_type").map(token_type).transpose()?,
        lockout_disabled: lockout.switch("lockout_disable"),
        lockout_threshold: count(&lockout, "lockout_threshold", "lockout_threshold")?,
        lockout_duration: span(&lockout, "lockout_duration"),
        lockout_counter_reset: span(&lockout, "lockout_counter_reset"),
        lists: lists.collect(),
    })
}

/// How long tokens last: a span, or `system` for what the server says.
fn lease(input: &Input, name: &str) -> Result<Option<Duration>, Error> {
    let Some(text) = input.given_text(name) else { return Ok(None) };
    if text == "system" {
        return Ok(Some(Duration::ZERO));
    }
    let seconds = duration::parse(text).map_err(|why| Error::bad_request(format!("unable to parse {name}: {why}")))?;
    let span = seconds.try_into().map(Duration::from_secs).map(Some);
    span.map_err(|_| Error::bad_request(format!("unable to parse {name}: cannot provide negative value '{seconds}'")))
}

/// The kind of token that a mount makes.
fn token_type(text: &str) -> Result<TokenType, Error> {
    match text {
        "" | "default-service" => Ok(TokenType::DefaultService),
        "default-batch" => Ok(TokenType::DefaultBatch),
        "service" => Ok(TokenType::Service),
        "batch" => Ok(TokenType::Batch),
        _ => Err(Error::bad_request("invalid value for 'token_type'")),
    }
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let path = match about(call) {
        About::Tuning(_) => return Err(Error::unsupported_operation()),
        About::Mount(path) if path == TOKEN_MOUNT => {
            return Err(Error::bad_request("token credential backend cannot be disabled"));
        }
        About::Mount(path) => path,
    };
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| {
        mounts::delete(tx, access, &scope, &path)?;
        Ok(Reply::NoContent)
    }))
}
