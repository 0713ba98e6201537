//! Message providers in the admin service: who carries text messages and mail. All belong to the instance; secrets go in and never come out.

pub(super) mod email;
pub(super) mod sms;
mod words;

use super::auth::Permission;
use super::details::{Details, Done, ListDetails};
use super::error::Error;
use super::message::message;
use super::method::{Api, Call, Handler, Method, Plan, Reply};
use super::rule::{NAME_OR_NONE, Rule};
use crate::delivery::endpoint;
use crate::engine::{self, message_providers};
use crate::id;
use crate::model::message_provider::{Channel, Http, MessageProvider, Settings};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::table::Access;

/// A method that tells.
const fn read(name: &'static str, bindings: &'static [(&'static str, &'static str)], handler: Handler) -> Method {
    Method::new(Api::Admin, name, bindings, Permission::IamRead, handler)
}

/// A method that changes something.
const fn write(name: &'static str, bindings: &'static [(&'static str, &'static str)], handler: Handler) -> Method {
    Method::new(Api::Admin, name, bindings, Permission::IamWrite, handler)
}

message! {
    /// A request about one provider.
    struct One("ProviderRequest") {
        id: String where super::rule::NAME,
    }

    /// What a new provider is called.
    struct Added("AddProviderResponse") {
        details: Details,
        id: String,
        /// What requests to it are signed with: told this once.
        signing_key: Secret<String>,
    }

    /// An address that takes messages, as it is written.
    struct WriteHttp("HTTPProviderRequest") {
        id: String where NAME_OR_NONE,
        endpoint: String where Rule::Runes(1, 2048),
        description: String where NAME_OR_NONE,
    }

    /// The same as it is shown.
    struct ShowHttp("HTTPConfig") {
        endpoint: String,
    }
}

/// A change of one provider, as a verb.
type Verb = fn(&mut dyn Tx, &Access, Channel, &str) -> Result<MessageProvider, engine::Error>;

fn done(provider: &MessageProvider) -> Reply {
    Reply::of(&Done { details: Details::of_instance(provider.revision) })
}

/// Do `verb` with the provider that is asked for.
fn change(channel: Channel, asked: One, verb: Verb) -> Result<Plan, Error> {
    Ok(Plan::write(move |tx, access| {
        let changed = verb(tx, access, channel, &asked.id);
        changed.map(|provider| done(&provider)).map_err(|error| words::of(error, channel))
    }))
}

/// Set up a provider. `signing_key` is told if there is one.
fn add(call: &Call<'_>, description: String, settings: Settings, signing_key: Secret<String>) -> Result<Plan, Error> {
    words::check_text(&description)?;
    let id = id::decimal(call.engine.entropy.as_ref());
    Ok(Plan::write(move |tx, access| {
        let added = message_providers::add(tx, access, &id, &description, &settings);
        let provider = added.map_err(|error| words::of(error, settings.channel()))?;
        let details = Details::of_instance(provider.revision);
        Ok(Reply::of(&Added { details, id: provider.id, signing_key: signing_key.clone() }))
    }))
}

/// Set up the provider `id` otherwise, with its own secret or the one in `settings`.
fn update(id: String, description: String, settings: Settings, with_secret: bool) -> Result<Plan, Error> {
    words::check_text(&description)?;
    Ok(Plan::write(move |tx, access| {
        let changed = message_providers::change(tx, access, &id, &description, &settings, with_secret);
        changed.map(|provider| done(&provider)).map_err(|error| words::of(error, settings.channel()))
    }))
}

/// Give the provider `id` another secret.
fn set_secret(channel: Channel, id: String, secret: Secret<String>) -> Result<Plan, Error> {
    Ok(Plan::write(move |tx, access| {
        let changed = message_providers::set_secret(tx, access, channel, &id, &secret);
        changed.map(|provider| done(&provider)).map_err(|error| words::of(error, channel))
    }))
}

/// The length of a key that requests are signed with: 256 bits, in 62 characters' alphabet.
const SIGNING_KEY_LENGTH: usize = 43;

fn add_http(channel: Channel, call: &Call<'_>, asked: WriteHttp) -> Result<Plan, Error> {
    let signing_key = Secret::new(call.engine.entropy.base62(SIGNING_KEY_LENGTH));
    let settings = http(channel, call, asked.endpoint, signing_key.clone())?;
    add(call, asked.description, settings, signing_key)
}

fn update_http(channel: Channel, call: &Call<'_>, asked: WriteHttp) -> Result<Plan, Error> {
    let settings = http(channel, call, asked.endpoint, Secret::new(String::new()))?;
    update(asked.id, asked.description, settings, false)
}

fn http(channel: Channel, call: &Call<'_>, url: String, signing_key: Secret<String>) -> Result<Settings, Error> {
    endpoint::parse(&url, &call.engine.denied_endpoints).map_err(words::unusable)?;
    Ok(Settings::Http(Http { channel, endpoint: url, signing_key }))
}

fn find(call: &mut Call<'_>, channel: Channel, id: &str) -> Result<MessageProvider, Error> {
    message_providers::get(call.tx, call.access, channel, id).map_err(|error| words::of(error, channel))
}

/// The provider of `channel` that is active.
fn active(call: &mut Call<'_>, channel: Channel) -> Result<MessageProvider, Error> {
    message_providers::active(call.tx, call.access, channel)?.ok_or_else(|| words::unknown(channel))
}

fn list(call: &mut Call<'_>, channel: Channel) -> Result<(ListDetails, Vec<MessageProvider>), Error> {
    let found = message_providers::list(call.tx, call.access, channel)?;
    Ok((ListDetails::old(found.len(), call.tx.now()), found))
}
