//! Message providers: set up, activated, found by whoever sends.

use std::sync::Arc;

use super::{Access, Error};
use crate::delivery::carrier::mail::Security;
use crate::delivery::carrier::webhook::{Form, Reach};
use crate::delivery::carrier::{self, Cause};
use crate::delivery::endpoint;
use crate::model::deny_list::DenyList;
use crate::model::message_provider::{Channel, MessageProvider, Settings};
use crate::model::revision::Revision;
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::message_providers::{
    MESSAGE_PROVIDER_ACTIVE, MESSAGE_PROVIDER_BY_CHANNEL, MESSAGE_PROVIDERS, message_provider_active_key,
    message_provider_channel_key, message_provider_key,
};

/// Why something was not done with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none with that id in that channel, or it is of another kind.
    #[error("no such message provider")]
    Unknown,
    /// It is active already.
    #[error("the message provider is active already")]
    Active,
    /// It is not active.
    #[error("the message provider is not active")]
    Inactive,
    /// There are as many as may be.
    #[error("there are too many message providers")]
    TooMany,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::MessageProvider(refusal)
    }
}

/// The most providers of one channel.
const MOST: usize = 100;

/// The provider that messages of `channel` go by now, if there is one.
pub fn active(tx: &mut dyn Tx, access: &Access, channel: Channel) -> Result<Option<MessageProvider>, Error> {
    let key = message_provider_active_key(access, channel);
    Ok(MESSAGE_PROVIDERS.find_one(tx, access, MESSAGE_PROVIDER_ACTIVE, key)?)
}

/// What a carrier takes to send by `provider`; `denied` are the places that nothing is sent to over HTTP.
///
/// # Errors
/// [`Cause::Setting`] where it is one of these places.
pub fn carried_by(provider: &MessageProvider, denied: &DenyList) -> Result<carrier::Provider, Cause> {
    Ok(match &provider.settings {
        Settings::Twilio(twilio) => carrier::Provider::Twilio(carrier::twilio::Settings {
            sid: twilio.sid.clone(),
            token: twilio.token.clone(),
            from: twilio.sender_number.clone(),
        }),
        Settings::Smtp(smtp) => carrier::Provider::Mail(carrier::mail::Settings {
            host: smtp.host.clone(),
            port: smtp.port,
            security: match (smtp.tls, smtp.port) {
                (true, IMPLICIT_TLS) => Security::Tls,
                (true, _) => Security::StartTls,
                (false, _) => Security::None,
            },
            user: smtp.user.clone(),
            password: smtp.password.clone(),
            from: match smtp.sender_name.as_str() {
                "" => smtp.sender_address.clone(),
                name => format!("{name} <{}>", smtp.sender_address),
            },
            reply_to: smtp.reply_to_address.clone(),
        }),
        Settings::Http(http) => {
            // It was looked at when it was set up; what is denied may have grown since.
            let url = endpoint::parse(&http.endpoint, denied).map_err(|_| Cause::Setting("URL"))?;
            let denied = denied.clone();
            carrier::Provider::Webhook(carrier::webhook::Settings {
                url: url.into(),
                key: http.signing_key.clone(),
                form: Form::Zitadel,
                reach: Reach::Avoiding(Arc::new(move |address| denied.denies_address(address))),
            })
        }
    })
}

/// The port where mail servers speak TLS from the first byte (RFC 8314, section 7.3).
const IMPLICIT_TLS: u16 = 465;

/// All providers of `channel`, the oldest first.
pub fn list(tx: &mut dyn Tx, access: &Access, channel: Channel) -> Result<Vec<MessageProvider>, Error> {
    let key = message_provider_channel_key(access, channel);
    let mut found = MESSAGE_PROVIDERS.find_all(tx, access, MESSAGE_PROVIDER_BY_CHANNEL, key)?;
    found.sort_by(|a, b| (a.revision.created_at, &a.id).cmp(&(b.revision.created_at, &b.id)));
    Ok(found)
}

/// The provider `id` of `channel`.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn get(tx: &mut dyn Tx, access: &Access, channel: Channel, id: &str) -> Result<MessageProvider, Error> {
    let found = MESSAGE_PROVIDERS.get(tx, access, message_provider_key(access, id))?;
    Ok(found.filter(|provider| provider.channel() == channel).ok_or(Refusal::Unknown)?)
}

/// Set up a provider, which is not active yet.
///
/// # Errors
/// [`Refusal::TooMany`].
pub fn add(
    tx: &mut dyn Tx,
    access: &Access,
    id: &str,
    description: &str,
    settings: &Settings,
) -> Result<MessageProvider, Error> {
    if list(tx, access, settings.channel())?.len() >= MOST {
        return Err(Refusal::TooMany.into());
    }
    let provider = MessageProvider {
        id: id.into(),
        description: description.into(),
        is_active: false,
        settings: settings.clone(),
        revision: Revision::first(tx.now()),
    };
    MESSAGE_PROVIDERS.put(tx, access, &provider)?;
    Ok(provider)
}

/// Set a provider up otherwise; it keeps its secret unless `settings` bring one: then say so with `with_secret`.
///
/// # Errors
/// [`Refusal::Unknown`], also for settings of another kind of provider.
pub fn change(
    tx: &mut dyn Tx,
    access: &Access,
    id: &str,
    description: &str,
    settings: &Settings,
    with_secret: bool,
) -> Result<MessageProvider, Error> {
    let mut provider = get(tx, access, settings.channel(), id)?;
    if !provider.settings.is_like(settings) {
        return Err(Refusal::Unknown.into());
    }
    let settings = settings.clone();
    provider.settings = if with_secret { settings } else { settings.with_secret_of(&provider.settings) };
    description.clone_into(&mut provider.description);
    put_changed(tx, access, provider)
}

/// Give a provider of this kind another secret.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn set_secret(
    tx: &mut dyn Tx,
    access: &Access,
    channel: Channel,
    id: &str,
    secret: &Secret<String>,
) -> Result<MessageProvider, Error> {
    let mut provider = get(tx, access, channel, id)?;
    // The key that requests are signed with is made here, and nobody else's to choose.
    if matches!(provider.settings, Settings::Http(_)) {
        return Err(Refusal::Unknown.into());
    }
    provider.settings = provider.settings.with_secret(secret.clone());
    put_changed(tx, access, provider)
}

/// Let messages go by the provider `id` of `channel` from now on, and by no other.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Active`].
pub fn activate(tx: &mut dyn Tx, access: &Access, channel: Channel, id: &str) -> Result<MessageProvider, Error> {
    let provider = get(tx, access, channel, id)?;
    if provider.is_active {
        return Err(Refusal::Active.into());
    }
    if let Some(other) = active(tx, access, channel)? {
        put_changed(tx, access, MessageProvider { is_active: false, ..other })?;
    }
    put_changed(tx, access, MessageProvider { is_active: true, ..provider })
}

/// Let no messages go by the provider `id` of `channel` any more.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Inactive`].
pub fn deactivate(tx: &mut dyn Tx, access: &Access, channel: Channel, id: &str) -> Result<MessageProvider, Error> {
    let provider = get(tx, access, channel, id)?;
    if !provider.is_active {
        return Err(Refusal::Inactive.into());
    }
    put_changed(tx, access, MessageProvider { is_active: false, ..provider })
}

/// Remove a provider. Gives back what it was.
///
/// # Errors
/// [`Refusal::Unknown`].
pub fn remove(tx: &mut dyn Tx, access: &Access, channel: Channel, id: &str) -> Result<MessageProvider, Error> {
    let provider = get(tx, access, channel, id)?;
    MESSAGE_PROVIDERS.delete(tx, message_provider_key(access, id))?;
    Ok(MessageProvider { revision: provider.revision.next(tx.now()), ..provider })
}

fn put_changed(tx: &mut dyn Tx, access: &Access, provider: MessageProvider) -> Result<MessageProvider, Error> {
    let provider = MessageProvider { revision: provider.revision.next(tx.now()), ..provider };
    MESSAGE_PROVIDERS.put(tx, access, &provider)?;
    Ok(provider)
}
