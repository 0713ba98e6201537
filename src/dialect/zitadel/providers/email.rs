//! Providers of mail. The older spelling of their paths is served too.

use super::{
    One, ShowHttp, active, add, add_http, change, find, list, read, set_secret, update, update_http, words, write,
};
use crate::dialect::zitadel::details::{Details, ListDetails};
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::message::{enumeration, message};
use crate::dialect::zitadel::method::{Call, Method, Plan};
use crate::dialect::zitadel::rule::{NAME, NAME_OR_NONE, Rule};
use crate::dialect::zitadel::settings::Empty;
use crate::engine::message_providers::{activate, deactivate, remove};
use crate::model::message_provider::{Channel::Email, MessageProvider, Settings, Smtp};
use crate::secret::Secret;

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    write("AddEmailProviderSMTP", &[("POST", "email/smtp")], |call, sent| add_smtp(call, sent.read()?)),
    write("UpdateEmailProviderSMTP", &[("PUT", "email/smtp/{id}")], |_, sent| update_smtp(sent.read()?)),
    write("UpdateEmailProviderSMTPPassword", &[("PUT", "email/smtp/{id}/password")], |_, sent| {
        set_password(sent.read()?)
    }),
    write("AddEmailProviderHTTP", &[("POST", "email/http")], |call, sent| add_http(Email, call, sent.read()?)),
    write("UpdateEmailProviderHTTP", &[("PUT", "email/http/{id}")], |call, sent| {
        update_http(Email, call, sent.read()?)
    }),
    write("ActivateEmailProvider", &[("POST", "email/{id}/_activate")], |_, sent| {
        change(Email, sent.read()?, activate)
    }),
    write("DeactivateEmailProvider", &[("POST", "email/{id}/_deactivate")], |_, sent| {
        change(Email, sent.read()?, deactivate)
    }),
    write("RemoveEmailProvider", &[("DELETE", "email/{id}")], |_, sent| change(Email, sent.read()?, remove)),
    read("GetEmailProvider", &[("GET", "email")], |call, sent| get_active(call, &sent.read()?)),
    read("GetEmailProviderById", &[("GET", "email/{id}")], |call, sent| get(call, &sent.read()?)),
    read("ListEmailProviders", &[("POST", "email/_search")], |call, sent| search(call, &sent.read()?)),
    write("AddSMTPConfig", &[("POST", "smtp")], |call, sent| add_smtp(call, sent.read()?)),
    write("UpdateSMTPConfig", &[("PUT", "smtp/{id}")], |_, sent| update_smtp(sent.read()?)),
    write("UpdateSMTPConfigPassword", &[("PUT", "smtp/{id}/password")], |_, sent| set_password(sent.read()?)),
    write("ActivateSMTPConfig", &[("POST", "smtp/{id}/_activate")], |_, sent| change(Email, sent.read()?, activate)),
    write("DeactivateSMTPConfig", &[("POST", "smtp/{id}/_deactivate")], |_, sent| {
        change(Email, sent.read()?, deactivate)
    }),
    write("RemoveSMTPConfig", &[("DELETE", "smtp/{id}")], |_, sent| change(Email, sent.read()?, remove)),
    read("GetSMTPConfig", &[("GET", "smtp")], |call, sent| get_active_old(call, &sent.read()?)),
    read("GetSMTPConfigById", &[("GET", "smtp/{id}")], |call, sent| get_old(call, &sent.read()?)),
    read("ListSMTPConfigs", &[("POST", "smtp/_search")], |call, sent| search_old(call, &sent.read()?)),
];

message! {
    struct WriteSmtp("EmailProviderSMTPRequest") {
        id: String where NAME_OR_NONE,
        sender_address: String where NAME,
        sender_name: String where NAME,
        tls: bool,
        host: String where Rule::Runes(1, 500),
        user: String where NAME_OR_NONE,
        password: Secret<String> where NAME_OR_NONE,
        reply_to_address: String where NAME_OR_NONE,
        description: String where NAME_OR_NONE,
    }

    struct SetPassword("UpdateEmailProviderSMTPPasswordRequest") {
        id: String where NAME,
        password: Secret<String> where NAME_OR_NONE,
    }

    struct Shown("GetEmailProviderResponse") {
        config: Provider,
    }

    struct Found("ListEmailProvidersResponse") {
        details: ListDetails,
        result: Vec<Provider>,
    }

    /// A provider as it is shown.
    struct Provider("EmailProvider") {
        details: Details,
        id: String,
        state: State,
        description: String,
        smtp: Option<ShowSmtp>,
        http: Option<ShowHttp>,
    }

    struct ShowSmtp("EmailProviderSMTP") {
        sender_address: String,
        sender_name: String,
        tls: bool,
        host: String,
        user: String,
        reply_to_address: String,
    }

    struct ShownOld("GetSMTPConfigResponse") {
        smtp_config: Old,
    }

    struct FoundOld("ListSMTPConfigsResponse") {
        details: ListDetails,
        result: Vec<Old>,
    }

    /// A mail server as the older methods show it.
    struct Old("SMTPConfig") {
        details: Details,
        sender_address: String,
        sender_name: String,
        tls: bool,
        host: String,
        user: String,
        reply_to_address: String,
        state: OldState,
        description: String,
        id: String,
    }
}

enumeration! {
    enum State {
        Unspecified = 0 "EMAIL_PROVIDER_STATE_UNSPECIFIED",
        Active = 1 "EMAIL_PROVIDER_ACTIVE",
        Inactive = 2 "EMAIL_PROVIDER_INACTIVE",
    }
}

enumeration! {
    enum OldState {
        Unspecified = 0 "SMTP_CONFIG_STATE_UNSPECIFIED",
        Active = 1 "SMTP_CONFIG_ACTIVE",
        Inactive = 2 "SMTP_CONFIG_INACTIVE",
    }
}

impl Provider {
    fn of(provider: MessageProvider) -> Self {
        let (smtp, http) = match provider.settings {
            Settings::Smtp(smtp) => (Some(ShowSmtp::of(smtp)), None),
            Settings::Http(http) => (None, Some(ShowHttp { endpoint: http.endpoint })),
            Settings::Twilio(_) => (None, None),
        };
        Self {
            details: Details::of_instance(provider.revision),
            id: provider.id,
            state: if provider.is_active { State::Active } else { State::Inactive },
            description: provider.description,
            smtp,
            http,
        }
    }
}

impl ShowSmtp {
    fn of(smtp: Smtp) -> Self {
        let host = smtp.address();
        let Smtp { sender_address, sender_name, reply_to_address, tls, user, .. } = smtp;
        Self { sender_address, sender_name, tls, host, user, reply_to_address }
    }
}

impl Old {
    /// The provider, if it is a mail server.
    fn of(provider: MessageProvider) -> Option<Self> {
        let Settings::Smtp(smtp) = provider.settings else { return None };
        let ShowSmtp { sender_address, sender_name, tls, host, user, reply_to_address } = ShowSmtp::of(smtp);
        Some(Self {
            details: Details::of_instance(provider.revision),
            sender_address,
            sender_name,
            tls,
            host,
            user,
            reply_to_address,
            state: if provider.is_active { OldState::Active } else { OldState::Inactive },
            description: provider.description,
            id: provider.id,
        })
    }
}

fn add_smtp(call: &Call<'_>, asked: WriteSmtp) -> Result<Plan, Error> {
    let description = asked.description.clone();
    add(call, description, smtp(asked)?, Secret::new(String::new()))
}

/// An empty password leaves the one that is there.
fn update_smtp(asked: WriteSmtp) -> Result<Plan, Error> {
    let (id, description, with_secret) =
        (asked.id.clone(), asked.description.clone(), !asked.password.expose().is_empty());
    update(id, description, smtp(asked)?, with_secret)
}

fn smtp(asked: WriteSmtp) -> Result<Settings, Error> {
    for text in [&asked.sender_name, &asked.user, asked.password.expose()] {
        words::check_text(text)?;
    }
    let addresses = [&asked.sender_address, &asked.reply_to_address];
    if !addresses.into_iter().all(|address| address.is_empty() || is_mailbox(address)) {
        return Err(words::invalid("a sender's address is no mail address"));
    }
    let (host, port) = Smtp::parse_address(&asked.host).ok_or_else(|| words::invalid("the host must be host:port"))?;
    Ok(Settings::Smtp(Smtp {
        sender_address: asked.sender_address,
        sender_name: asked.sender_name,
        reply_to_address: asked.reply_to_address,
        host,
        port,
        tls: asked.tls,
        user: asked.user,
        password: asked.password,
    }))
}

/// Whether `text` looks like one bare mail address.
fn is_mailbox(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| {
                c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '@' | ',' | ';' | '"' | '(' | ')')
            })
    };
    text.rsplit_once('@').is_some_and(|(local, domain)| plain(local) && plain(domain))
}

fn set_password(asked: SetPassword) -> Result<Plan, Error> {
    words::check_text(asked.password.expose())?;
    set_secret(Email, asked.id, asked.password)
}

fn get(call: &mut Call<'_>, asked: &One) -> Result<Plan, Error> {
    Plan::reply(&Shown { config: Provider::of(find(call, Email, &asked.id)?) })
}

fn get_active(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    Plan::reply(&Shown { config: Provider::of(active(call, Email)?) })
}

fn search(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let (details, found) = list(call, Email)?;
    Plan::reply(&Found { details, result: found.into_iter().map(Provider::of).collect() })
}

fn get_old(call: &mut Call<'_>, asked: &One) -> Result<Plan, Error> {
    let smtp_config = Old::of(find(call, Email, &asked.id)?).ok_or_else(|| words::unknown(Email))?;
    Plan::reply(&ShownOld { smtp_config })
}

fn get_active_old(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let smtp_config = Old::of(active(call, Email)?).ok_or_else(|| words::unknown(Email))?;
    Plan::reply(&ShownOld { smtp_config })
}

fn search_old(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let (_, found) = list(call, Email)?;
    let result: Vec<Old> = found.into_iter().filter_map(Old::of).collect();
    Plan::reply(&FoundOld { details: ListDetails::old(result.len(), call.tx.now()), result })
}
