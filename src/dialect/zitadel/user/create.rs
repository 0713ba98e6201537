//! A user made, in the two ways there are: the old one for people only, and the new one for people and machines.

use data_encoding::BASE32_NOPAD;

use super::super::auth::Permission;
use super::super::details::Details;
use super::super::error::Error;
use super::super::message::message;
use super::super::method::{Api, Call, Method, Plan, Reply, Version};
use super::super::rule::{NAME, Rule};
use super::super::scalar::Bytes;
use super::contact::{self, ReturnCode, SendCode, Wish};
use super::notice::Draws;
use super::password::{self, NewPassword};
use super::view::Gender;
use super::{address, totp};
use crate::engine::people::{self, Created, User};
use crate::engine::{Access, Engine, contacts, credentials, entities};
use crate::factor::password::Hash;
use crate::factor::totp::{Authenticator, Parameters};
use crate::id::{self, EntityId, MethodId};
use crate::model::contact::Channel;
use crate::model::namespace::Scope;
use crate::model::person::{Nature, Profile};
use crate::model::secret_generator::Purpose as Generator;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::time::Timestamp;

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(Api::Users, "AddHumanUser", &[("POST", "users/human")], Permission::UserWrite, |call, sent| {
        add_human(call, sent.read()?)
    })
    .created(&[Version::V2beta]),
    Method::new(Api::Users, "CreateUser", &[("POST", "users/new")], Permission::UserWrite, |call, sent| {
        create_user(call, sent.read()?)
    })
    .only_v2(),
];

message! {
    struct AddHuman("AddHumanUserRequest") one_of(password, hashed_password) {
        user_id: Option<String> where NAME,
        username: Option<String> where NAME,
        organization: Option<Organisation>,
        /// What `v2beta` calls it too.
        organisation: Option<Organisation>,
        profile: Option<SetProfile> where Rule::Required,
        email: Option<SetEmail> where Rule::Required,
        phone: Option<SetPhone>,
        metadata: Vec<Metadata>,
        password: Option<NewPassword>,
        hashed_password: Option<HashedPassword>,
        totp_secret: Option<Secret<String>> where NAME,
    }

    struct Organisation one_of(org_id, org_domain) {
        org_id: Option<String> where NAME,
        org_domain: Option<String> where NAME,
    }

    struct SetProfile("SetHumanProfile") {
        given_name: String where NAME,
        family_name: String where NAME,
        nick_name: Option<String> where Rule::Runes(0, 200),
        display_name: Option<String> where NAME,
        preferred_language: Option<String> where Rule::Runes(0, 10),
        gender: Gender,
    }

    struct SetEmail("SetHumanEmail") one_of(send_code, return_code, is_verified) {
        email: Secret<String> where NAME,
        send_code: Option<SendCode>,
        return_code: Option<ReturnCode>,
        is_verified: Option<bool>,
    }

    struct SetPhone("SetHumanPhone") one_of(send_code, return_code, is_verified) {
        phone: Secret<String> where Rule::Runes(0, 200),
        send_code: Option<SendCode>,
        return_code: Option<ReturnCode>,
        is_verified: Option<bool>,
    }

    struct Metadata("SetMetadataEntry") {
        key: String where NAME,
        value: Bytes,
    }

    struct HashedPassword {
        hash: Secret<String> where NAME,
        change_required: bool,
    }

    struct Added("AddHumanUserResponse") {
        user_id: String,
        details: Details,
        email_code: Option<Secret<String>>,
        phone_code: Option<Secret<String>>,
    }

    struct CreateUser("CreateUserRequest") one_of(human, machine) {
        organization_id: String where NAME,
        user_id: Option<String> where NAME,
        username: Option<String> where NAME,
        human: Option<NewHuman>,
        machine: Option<NewMachine>,
    }

    struct NewHuman("Human") one_of(password, hashed_password) {
        profile: Option<SetProfile> where Rule::Required,
        email: Option<SetEmail> where Rule::Required,
        phone: Option<SetPhone>,
        metadata: Vec<Metadata>,
        password: Option<NewPassword>,
        hashed_password: Option<HashedPassword>,
        totp_secret: Option<Secret<String>> where NAME,
    }

    struct NewMachine("Machine") {
        name: String where NAME,
        description: Option<String> where Rule::Runes(0, 500),
    }

    struct UserCreated("CreateUserResponse") {
        id: String,
        creation_date: Option<Timestamp>,
        email_code: Option<Secret<String>>,
        phone_code: Option<Secret<String>>,
    }
}

/// A user to be made.
#[derive(Clone)]
struct Fresh {
    command: people::Create,
    email: Option<Given>,
    phone: Option<Given>,
    totp: Option<totp::Fresh>,
    metadata: Vec<(String, String)>,
    hash: Option<(Hash, bool)>,
}

/// An address that is given, and what is to be done with it.
#[derive(Clone)]
struct Given {
    address: Secret<String>,
    wish: Wish,
    draws: Draws,
    link: Option<String>,
}

fn add_human(call: &mut Call<'_>, asked: AddHuman) -> Result<Plan, Error> {
    let organisation = asked.organization.or(asked.organisation).unwrap_or_default();
    if organisation.org_domain.is_some() {
        // No organisation has a domain of its own here.
        return Err(Error::unknown_organisation());
    }
    let scope = call.organisation(organisation.org_id.as_deref().unwrap_or_default())?;
    let human = NewHuman {
        profile: asked.profile,
        email: asked.email,
        phone: asked.phone,
        metadata: asked.metadata,
        password: asked.password,
        hashed_password: asked.hashed_password,
        totp_secret: asked.totp_secret,
    };
    let shape = |user: &User, email_code, phone_code| {
        let details = super::details(user);
        Reply::of(&Added { user_id: user.entity.id.to_string(), details, email_code, phone_code })
    };
    plan_human(call, scope, asked.user_id, asked.username, human, shape)
}

fn create_user(call: &mut Call<'_>, asked: CreateUser) -> Result<Plan, Error> {
    let scope = call.organisation(&asked.organization_id)?;
    let shape = |user: &User, email_code, phone_code| {
        let (id, creation_date) = (user.entity.id.to_string(), Some(user.entity.created_at));
        Reply::of(&UserCreated { id, creation_date, email_code, phone_code })
    };
    match (asked.human, asked.machine) {
        (Some(human), _) => plan_human(call, scope, asked.user_id, asked.username, human, shape),
        (None, Some(machine)) => {
            let name = asked.username.unwrap_or_else(|| machine.name.clone());
            let nature = Nature::Machine { name: machine.name, description: machine.description.unwrap_or_default() };
            let command = people::Create { scope, id: fresh_id(call.engine, asked.user_id), name, nature };
            let fresh = Fresh { command, email: None, phone: None, totp: None, metadata: Vec::new(), hash: None };
            Ok(Plan::send(move |tx, access| create(tx, access, &fresh, shape)))
        }
        (None, None) => Err(Error::invalid("COMMAND-Q2V7m", "Errors.User.NotAllowedToCreate")),
    }
}

fn fresh_id(engine: &Engine, asked: Option<String>) -> EntityId {
    EntityId::new(asked.unwrap_or_else(|| id::decimal(engine.entropy.as_ref())))
}

type Shape = fn(&User, Option<Secret<String>>, Option<Secret<String>>) -> Reply;

fn plan_human(
    call: &mut Call<'_>,
    scope: Scope,
    user_id: Option<String>,
    username: Option<String>,
    human: NewHuman,
    shape: Shape,
) -> Result<Plan, Error> {
    let (Some(profile), Some(email)) = (human.profile, human.email) else {
        return Err(Error::invalid("COMMAND-Gel9k", "Profile is empty"));
    };
    let id = fresh_id(call.engine, user_id);
    let organisation = super::super::organisation::id_of(&scope.id);
    let wish = Wish::of(email.send_code, email.return_code, email.is_verified == Some(true));
    let email = given(call, Channel::Email, &email.email, wish, &id, &organisation)?;
    let phone = match human.phone {
        Some(phone) if phone.phone.expose().is_empty() => None,
        Some(phone) => {
            contact::only_true("SetHumanPhone", phone.is_verified)?;
            let wish = Wish::of(phone.send_code, phone.return_code, phone.is_verified.is_some());
            Some(given(call, Channel::Sms, &phone.phone, wish, &id, &organisation)?)
        }
        None => None,
    };
    let name = username.unwrap_or_else(|| email.address.expose().clone());
    let command = people::Create { scope, id, name, nature: Nature::Human(profile.into()) };
    let fresh = Fresh {
        command,
        email: Some(email),
        phone,
        totp: human.totp_secret.map(|secret| brought_totp(call.engine, &secret)).transpose()?,
        metadata: human.metadata.into_iter().map(noted).collect(),
        hash: None,
    };
    match (human.password, human.hashed_password) {
        (Some(new), _) => {
            password::check_complexity(&new.password)?;
            let salt = call.engine.entropy.bytes();
            Ok(Plan::hashing(move |engine, permit| {
                let hash = engine.passwords.hash(permit, &new.password, &salt);
                let fresh = Fresh { hash: Some((hash, new.change_required)), ..fresh };
                Ok(Plan::send(move |tx, access| create(tx, access, &fresh, shape)))
            }))
        }
        (None, brought) => {
            let hash =
                brought.map(|brought| password::brought(&brought.hash).map(|hash| (hash, brought.change_required)));
            let fresh = Fresh { hash: hash.transpose()?, ..fresh };
            Ok(Plan::send(move |tx, access| create(tx, access, &fresh, shape)))
        }
    }
}

fn given(
    call: &mut Call<'_>,
    channel: Channel,
    address: &Secret<String>,
    wish: Wish,
    id: &EntityId,
    organisation: &str,
) -> Result<Given, Error> {
    let address = address::parse(channel, address.expose())?;
    let draws = Draws::of(
        call,
        match channel {
            Channel::Email => Generator::VerifyEmail,
            Channel::Sms => Generator::VerifyPhone,
        },
    )?;
    let link = wish.link(id.as_str(), organisation, &draws.code)?;
    Ok(Given { address, wish, draws, link })
}

/// A secret that somebody brings along: it counts at once.
fn brought_totp(engine: &Engine, secret: &Secret<String>) -> Result<totp::Fresh, Error> {
    let plain = Secret::new(secret.expose().trim_end_matches('=').to_ascii_uppercase());
    let seed = BASE32_NOPAD.decode(plain.expose().as_bytes()).map(Secret::new);
    let seed = seed.ok().filter(|seed| !seed.expose().is_empty());
    let seed = seed.ok_or_else(|| Error::invalid("COMMAND-Wlo5k", "Invalid code"))?;
    let authenticator = Authenticator { parameters: Parameters::default(), seed };
    Ok(totp::Fresh {
        authenticator,
        method_id: MethodId::fresh(engine.entropy.as_ref()),
        number: totp::draw_number(engine),
    })
}

/// Metadata as the entity keeps them: a value that is no text stands in base64.
fn noted(entry: Metadata) -> (String, String) {
    let value = String::from_utf8(entry.value.0);
    (entry.key, value.unwrap_or_else(|error| data_encoding::BASE64.encode(error.as_bytes())))
}

fn create(tx: &mut dyn Tx, access: &Access, fresh: &Fresh, shape: Shape) -> Result<Reply, Error> {
    let mut user = match people::create(tx, access, &fresh.command)? {
        Created::Fresh(user) => *user,
        Created::NameTaken => return Err(Error::exists("V3-DKcYh", "User already exists")),
        Created::IdTaken => return Err(Error::precondition("COMMAND-7yiox1isql", "User already exists")),
    };
    if !fresh.metadata.is_empty() {
        note(tx, access, &mut user, &fresh.metadata)?;
    }
    let email_code = give(tx, access, &user, Channel::Email, fresh.email.as_ref())?;
    let phone_code = give(tx, access, &user, Channel::Sms, fresh.phone.as_ref())?;
    if let Some((hash, change_required)) = &fresh.hash {
        credentials::set(tx, access, &user.entity.id, hash, *change_required)?;
    }
    if let Some(totp) = &fresh.totp {
        totp::bind(tx, access, &user, totp, None)?;
    }
    Ok(shape(&user, email_code, phone_code))
}

fn note(tx: &mut dyn Tx, access: &Access, user: &mut User, metadata: &[(String, String)]) -> Result<(), Error> {
    let command = entities::Write {
        scope: user.entity.scope.clone(),
        which: entities::Which::Id(user.entity.id.clone()),
        rename: None,
        metadata: Some(metadata.iter().cloned().collect()),
        policies: None,
        disabled: None,
        fresh_id: user.entity.id.clone(),
        fresh_name: String::new(),
    };
    match entities::write(tx, access, &command) {
        Ok(entities::Written::Created(entity) | entities::Written::Updated(entity)) => user.entity = entity,
        Err(crate::engine::Error::Metadata(why)) => {
            return Err(Error::invalid("META-Ns8wx", format!("Metadata is invalid: {why}")));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Give a new user an address, and do with it as is wished. Gives back the code that the caller gets.
fn give(
    tx: &mut dyn Tx,
    access: &Access,
    user: &User,
    channel: Channel,
    given: Option<&Given>,
) -> Result<Option<Secret<String>>, Error> {
    let Some(Given { address, wish, draws, link }) = given else { return Ok(None) };
    contacts::put(tx, access, &user.entity.id, channel, address, matches!(wish, Wish::Vouched))?;
    contact::deliver(tx, access, user, channel, address, wish, draws, link.as_deref())
}

impl From<SetProfile> for Profile {
    fn from(set: SetProfile) -> Self {
        let whole = format!("{} {}", set.given_name, set.family_name);
        Self {
            display_name: set.display_name.unwrap_or(whole),
            given_name: set.given_name,
            family_name: set.family_name,
            nick_name: set.nick_name.unwrap_or_default(),
            language: set.preferred_language.unwrap_or_default(),
            gender: set.gender.told(),
        }
    }
}
