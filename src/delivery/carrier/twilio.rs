//! Twilio: text messages by its Messages resource, `POST /2010-04-01/Accounts/{sid}/Messages.json`.
//!
//! Twilio knows no idempotency key: should this process die between Twilio's yes and our commit, the message is sent twice.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use zeroize::Zeroizing;

use super::http::{self, Reach};
use super::{Carrier, Cause, Failure};
use crate::model::message::Message;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Where Twilio answers.
pub const BASE: &str = "https://api.twilio.com";

/// What it takes to use Twilio.
#[derive(Clone)]
pub struct Settings {
    /// The account's id.
    pub sid: String,
    /// Its token.
    pub token: Secret<String>,
    /// Who messages come from: a number, a name, or a messaging service's id.
    pub from: String,
}

/// A Twilio account.
pub struct Twilio {
    url: Url,
    settings: Settings,
    client: Client,
}

impl Twilio {
    /// The account with these settings, at Twilio's API under `base`.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(settings: &Settings, base: &str, authorities: &[Vec<u8>]) -> Result<Self, Cause> {
        let sid = &settings.sid;
        if sid.is_empty() || !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Cause::Setting("account id"));
        }
        let base = http::url(base, &Reach::Anywhere).ok_or(Cause::Setting("URL"))?;
        let path = format!("{}/2010-04-01/Accounts/{sid}/Messages.json", base.path().trim_end_matches('/'));
        let url = base.join(&path).map_err(|_| Cause::Setting("URL"))?;
        Ok(Self { url, settings: settings.clone(), client: http::client(&Reach::Anywhere, authorities)? })
    }
}

impl Carrier for Twilio {
    fn carry(&self, message: &Message, _now: Timestamp) -> Result<(), Failure> {
        // A messaging service's id is `MG` and 32 digits; no number and no name is like that.
        let is_service = self.settings.from.starts_with("MG") && self.settings.from.len() == 34;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", message.to.expose())
            .append_pair(if is_service { "MessagingServiceSid" } else { "From" }, &self.settings.from)
            .append_pair("Body", message.text.expose())
            .finish();
        let form = Zeroizing::new(form);
        let request = self
            .client
            .post(self.url.clone())
            .basic_auth(&self.settings.sid, Some(self.settings.token.expose()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.as_bytes().to_vec());
        http::ask(request)
    }
}
