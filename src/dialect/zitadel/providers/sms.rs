//! Providers of text messages.

use super::{One, ShowHttp, add, add_http, change, find, list, read, set_secret, update, update_http, words, write};
use crate::dialect::zitadel::details::{Details, ListDetails};
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::message::{enumeration, message};
use crate::dialect::zitadel::method::{Call, Method, Plan};
use crate::dialect::zitadel::rule::{NAME, NAME_OR_NONE};
use crate::dialect::zitadel::settings::Empty;
use crate::engine::message_providers::{activate, deactivate, remove};
use crate::model::message_provider::{Channel::Sms, MessageProvider, Settings, Twilio};
use crate::secret::Secret;

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    write("AddSMSProviderTwilio", &[("POST", "sms/twilio")], |call, sent| add_twilio(call, sent.read()?)),
    write("UpdateSMSProviderTwilio", &[("PUT", "sms/twilio/{id}")], |_, sent| update_twilio(sent.read()?)),
    write("UpdateSMSProviderTwilioToken", &[("PUT", "sms/twilio/{id}/token")], |_, sent| set_token(sent.read()?)),
    write("AddSMSProviderHTTP", &[("POST", "sms/http")], |call, sent| add_http(Sms, call, sent.read()?)),
    write("UpdateSMSProviderHTTP", &[("PUT", "sms/http/{id}")], |call, sent| update_http(Sms, call, sent.read()?)),
    write("ActivateSMSProvider", &[("POST", "sms/{id}/_activate")], |_, sent| change(Sms, sent.read()?, activate)),
    write("DeactivateSMSProvider", &[("POST", "sms/{id}/_deactivate")], |_, sent| {
        change(Sms, sent.read()?, deactivate)
    }),
    write("RemoveSMSProvider", &[("DELETE", "sms/{id}")], |_, sent| change(Sms, sent.read()?, remove)),
    read("GetSMSProvider", &[("GET", "sms/{id}")], |call, sent| get(call, &sent.read()?)),
    read("ListSMSProviders", &[("POST", "sms/_search")], |call, sent| search(call, &sent.read()?)),
];

message! {
    struct WriteTwilio("AddSMSProviderTwilioRequest") {
        sid: String where NAME,
        token: Secret<String> where NAME,
        sender_number: String where NAME_OR_NONE,
        description: String where NAME_OR_NONE,
        verify_service_sid: String where NAME_OR_NONE,
    }

    struct UpdateTwilio("UpdateSMSProviderTwilioRequest") {
        id: String where NAME,
        sid: String where NAME,
        sender_number: String where NAME_OR_NONE,
        description: String where NAME_OR_NONE,
        verify_service_sid: String where NAME_OR_NONE,
    }

    struct SetToken("UpdateSMSProviderTwilioTokenRequest") {
        id: String where NAME,
        token: Secret<String> where NAME,
    }

    struct Shown("GetSMSProviderResponse") {
        config: Provider,
    }

    struct Found("ListSMSProvidersResponse") {
        details: ListDetails,
        result: Vec<Provider>,
    }

    /// A provider as it is shown.
    struct Provider("SMSProvider") {
        details: Details,
        id: String,
        state: State,
        description: String,
        twilio: Option<ShowTwilio>,
        http: Option<ShowHttp>,
    }

    struct ShowTwilio("TwilioConfig") {
        sid: String,
        sender_number: String,
        verify_service_sid: String,
    }
}

enumeration! {
    enum State {
        Unspecified = 0 "SMS_PROVIDER_CONFIG_STATE_UNSPECIFIED",
        Active = 1 "SMS_PROVIDER_CONFIG_ACTIVE",
        Inactive = 2 "SMS_PROVIDER_CONFIG_INACTIVE",
    }
}

impl Provider {
    fn of(provider: MessageProvider) -> Self {
        let (twilio, http) = match provider.settings {
            Settings::Twilio(Twilio { sid, sender_number, verify_service_sid, token: _ }) => {
                (Some(ShowTwilio { sid, sender_number, verify_service_sid }), None)
            }
            Settings::Http(http) => (None, Some(ShowHttp { endpoint: http.endpoint })),
            Settings::Smtp(_) => (None, None),
        };
        Self {
            details: Details::of_instance(provider.revision),
            id: provider.id,
            state: if provider.is_active { State::Active } else { State::Inactive },
            description: provider.description,
            twilio,
            http,
        }
    }
}

fn add_twilio(call: &Call<'_>, asked: WriteTwilio) -> Result<Plan, Error> {
    let WriteTwilio { sid, token, sender_number, description, verify_service_sid } = asked;
    let settings = twilio(sid, token, sender_number, verify_service_sid)?;
    add(call, description, settings, Secret::new(String::new()))
}

fn update_twilio(asked: UpdateTwilio) -> Result<Plan, Error> {
    let UpdateTwilio { id, sid, sender_number, description, verify_service_sid } = asked;
    let settings = twilio(sid, Secret::new(String::new()), sender_number, verify_service_sid)?;
    update(id, description, settings, false)
}

fn twilio(
    sid: String,
    token: Secret<String>,
    sender_number: String,
    verify_service_sid: String,
) -> Result<Settings, Error> {
    // The account's id becomes part of a path.
    if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(words::invalid("the sid has other characters than letters, digits, - and _"));
    }
    for text in [token.expose(), &sender_number, &verify_service_sid] {
        words::check_text(text)?;
    }
    Ok(Settings::Twilio(Twilio { sid, token, sender_number, verify_service_sid }))
}

fn set_token(asked: SetToken) -> Result<Plan, Error> {
    words::check_text(asked.token.expose())?;
    set_secret(Sms, asked.id, asked.token)
}

fn get(call: &mut Call<'_>, asked: &One) -> Result<Plan, Error> {
    Plan::reply(&Shown { config: Provider::of(find(call, Sms, &asked.id)?) })
}

fn search(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let (details, found) = list(call, Sms)?;
    Plan::reply(&Found { details, result: found.into_iter().map(Provider::of).collect() })
}
