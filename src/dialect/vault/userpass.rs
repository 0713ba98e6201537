//! `userpass`: names and passwords. Paths are relative to the mount's; a name is the same in any case.

use std::collections::BTreeMap;

use super::error::Error;
use super::field::{Field, Kind};
use super::input::Wording;
use super::listing::{PAGED, Page};
use super::login::{Attempt, LONGEST_NAME, Proven, finish};
use super::route::{Call, Plan, Route};
use super::token_settings::{Shown, changes, with_token_fields};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::passwords::Permit;
use crate::engine::{Engine, userpass};
use crate::factor::password::{Hash, SALT_BYTES};
use crate::id::Accessor;
use crate::model::login::display_name;
use crate::model::token_settings::Changes;
use crate::secret::Secret;

/// The longest password, in bytes: what the reference's hash looks at. A longer one is refused, never cut.
const LONGEST: usize = 72;
const PASSWORD: Field = Field { name: "password", kind: Kind::Text };
const PASSWORD_HASH: Field = Field { name: "password_hash", kind: Kind::Text };
const POLICIES: &[Field] =
    &[Field { name: "token_policies", kind: Kind::List }, Field { name: "policies", kind: Kind::List }];

pub(super) const ROUTES: &[Route] = &[
    Route::new("users", PAGED, &[(Capability::List, list)]),
    Route::new(
        "users/{username:word}",
        with_token_fields![PASSWORD, PASSWORD_HASH],
        &[(Capability::Read, read), (Capability::Update, write), (Capability::Delete, delete)],
    )
    .wording(Wording::Early)
    .exists(user_exists),
    Route::new("users/{username:word}/password", &[PASSWORD, PASSWORD_HASH], &[(Capability::Update, set_password)]),
    Route::new("users/{username:word}/policies", POLICIES, &[(Capability::Update, set_policies)]),
    Route::new("login/{username:word}", &[PASSWORD], &[(Capability::Update, login)]).open(),
    // Everything below is open, so that a name that none can have is answered as what it is.
    Route::new("login/{username*}", &[], &[]).open(),
];

/// The one answer to a wrong name and to a wrong password.
const REFUSAL: &str = "invalid username or password";

/// The mount, and the name in the path.
fn named(call: &Call<'_>) -> Result<(Accessor, String), Error> {
    let name = call.input.text("username").to_lowercase();
    if name.len() > LONGEST_NAME {
        return Err(Error::bad_request(format!("name is too long (limit: {LONGEST_NAME} bytes)")));
    }
    Ok((call.mount()?.accessor.clone(), name))
}

/// Whether there is the user that the path names.
fn user_exists(call: &mut Call<'_>) -> Result<bool, Error> {
    let (mount, name) = named(call)?;
    Ok(userpass::get(call.tx, call.access, &mount, &name)?.is_some())
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, page) = (call.mount()?.accessor.clone(), Page::asked(&call.input));
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        page.of(engine.store.read(engine.now(), |tx| userpass::names(tx, &access, &mount))?)
    }))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let user = userpass::get(call.tx, call.access, &mount, &name)?.ok_or_else(Error::not_found)?;
    Ok(Plan::Reply(Reply::data(&Shown::of(&user.token, user.old_names))?))
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let (password, token) = (password(call)?, changes(&call.input)?);
    let is_new = userpass::get(call.tx, call.access, &mount, &name)?.is_none();
    if is_new && password.is_none() {
        return Err(no_password());
    }
    Ok(change(call, mount, name, password, token, true))
}

fn set_password(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let password = password(call)?.ok_or_else(no_password)?;
    Ok(change(call, mount, name, Some(password), Changes::default(), false))
}

fn set_policies(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let changes = changes(&call.input)?;
    Ok(change(call, mount, name, None, changes, false))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    Ok(Plan::write(move |tx, access| {
        userpass::delete(tx, access, &mount, &name)?;
        Ok(Reply::NoContent)
    }))
}

/// A password as an administrator gives it.
enum Given {
    /// Itself.
    Password(Secret<String>),
    /// A hash that was brought along.
    Hash(Hash),
}

fn no_password() -> Error {
    Error::bad_request("must provide either password or password_hash")
}

/// The password in the body, if there is one.
fn password(call: &Call<'_>) -> Result<Option<Given>, Error> {
    let (password, hash) = (call.input.secret("password"), call.input.secret("password_hash"));
    match (password.expose().is_empty(), hash.expose().is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(Given::Password(bounded(password)?))),
        (true, false) => {
            let hash = Hash::bcrypt(&hash).map_err(|refusal| Error::bad_request(refusal.to_string()))?;
            Ok(Some(Given::Hash(hash)))
        }
        (false, false) => Err(Error::bad_request("only one of password or password_hash may be provided")),
    }
}

fn bounded(password: Secret<String>) -> Result<Secret<String>, Error> {
    if password.expose().len() > LONGEST {
        return Err(Error::bad_request(format!("password length exceeds {LONGEST} bytes")));
    }
    Ok(password)
}

fn change(
    call: &Call<'_>,
    mount: Accessor,
    name: String,
    password: Option<Given>,
    token: Changes,
    create: bool,
) -> Plan {
    let write = move |password: Option<Hash>| {
        let command = userpass::Write { mount, name, password, token, create };
        Plan::write(move |tx, access| {
            userpass::write(tx, access, &command)?;
            Ok(Reply::NoContent)
        })
    };
    match password {
        None => write(None),
        Some(Given::Hash(hash)) => write(Some(hash)),
        Some(Given::Password(password)) => {
            let salt: [u8; SALT_BYTES] = call.engine.entropy.bytes();
            Plan::hashing(move |engine, permit| Ok(write(Some(engine.passwords.hash(permit, &password, &salt)))))
        }
    }
}

fn login(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (mount, name) = named(call)?;
    let password = call.input.secret("password");
    if password.expose().is_empty() {
        return Err(Error::bad_request("missing password"));
    }
    let password = bounded(password)?;
    let user = userpass::get(call.tx, call.access, &mount, &name)?;
    let mut attempt = Attempt::begin(call, &name, user.is_some(), REFUSAL)?;
    let display_name = display_name(call.mount()?, Some(&name));
    let bcrypt_cost = call.mount()?.bcrypt_cost;
    let salt = call.engine.entropy.bytes();
    Ok(Plan::hashing(move |engine, permit| {
        let hash = user.map(|user| user.password);
        let is_right = engine.passwords.is_right(permit, &password, hash.as_ref(), bcrypt_cost);
        let right = hash.filter(|_| is_right);
        let rehashed = right.as_ref().and_then(|hash| rehash(engine, permit, hash, &password, &salt));
        // Providers are asked only about whoever has the password, and not where passwords are checked: it may take a minute.
        let asks = right.is_some() && attempt.offers_more();
        let owner = name.clone();
        if right.is_some() && !asks {
            attempt.draft_codes(&owner)?;
        }
        let conclude = move |attempt: Attempt| {
            let codes = attempt.codes();
            Plan::sending(codes, move |tx, access| {
                let user = match &right {
                    Some(hash) => userpass::confirm(tx, access, &mount, &name, hash, rehashed.as_ref())?,
                    None => None,
                };
                let proven = user.map(|user| Proven {
                    name: name.clone(),
                    display_name: display_name.clone(),
                    metadata: BTreeMap::from([("username".into(), name.clone())]),
                    token: user.token,
                });
                finish(tx, access, &attempt, proven)
            })
        };
        if !asks {
            return Ok(conclude(attempt));
        }
        Ok(Plan::slow(move |_| {
            attempt.ask_providers(&owner)?;
            Ok(conclude(attempt))
        }))
    }))
}

/// A better hash of a right password than the one that was brought along.
fn rehash(
    engine: &Engine,
    permit: &Permit,
    hash: &Hash,
    password: &Secret<String>,
    salt: &[u8; SALT_BYTES],
) -> Option<Hash> {
    hash.bcrypt_cost().map(|_| engine.passwords.hash(permit, password, salt))
}
