//! How refusals about providers are worded.

use crate::delivery::endpoint::Unusable;
use crate::dialect::zitadel::error::Error;
use crate::engine::{self, message_providers::Refusal};
use crate::model::message_provider::Channel;

const fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "SMS",
        Channel::Email => "SMTP",
    }
}

const fn either(channel: Channel, sms: &'static str, email: &'static str) -> &'static str {
    match channel {
        Channel::Sms => sms,
        Channel::Email => email,
    }
}

/// There is no such provider.
pub(super) fn unknown(channel: Channel) -> Error {
    let id = either(channel, "QUERY-fn99w", "QUERY-Fwofw");
    Error::not_found(id, format!("{} configuration not found", name(channel)))
}

/// Why something was not done with a provider.
pub(super) fn of(error: engine::Error, channel: Channel) -> Error {
    let engine::Error::MessageProvider(refusal) = error else { return error.into() };
    let name = name(channel);
    match refusal {
        Refusal::Unknown => unknown(channel),
        Refusal::Active => Error::precondition(
            either(channel, "COMMAND-sn9we", "COMMAND-vUHBSmBzaw"),
            format!("{name} configuration already active"),
        ),
        Refusal::Inactive => Error::precondition(
            either(channel, "COMMAND-dn93n", "COMMAND-km8g3"),
            format!("{name} configuration already deactivated"),
        ),
        Refusal::TooMany => {
            Error::precondition("COMMAND-Pr0vd", format!("there are as many {name} configurations as there may be"))
        }
    }
}

/// An address that is no endpoint.
pub(super) fn unusable(why: Unusable) -> Error {
    match why {
        Unusable::Url => invalid("the endpoint is no URL of HTTP, or has credentials in it"),
        Unusable::Denied => invalid("the endpoint is at an address that nothing is sent to"),
    }
}

/// A setting that cannot be.
pub(super) fn invalid(why: &str) -> Error {
    Error::invalid("COMMAND-Pr0vi", why)
}

/// That a text stays on its line, where a protocol takes lines.
pub(super) fn check_text(text: &str) -> Result<(), Error> {
    if text.chars().any(char::is_control) { Err(invalid("a text has control characters in it")) } else { Ok(()) }
}
