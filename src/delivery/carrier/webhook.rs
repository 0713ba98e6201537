//! The webhook: each message is a signed POST of JSON to a URL, and any status of 200 to 299 says that it was taken.
//!
//! | Header | Value |
//! |---|---|
//! | `Content-Type` | `application/json` |
//! | `Idempotency-Key` | the message's id: a copy of a message has the same |
//! | `Countersign-Signature` | `t=<seconds since 1970>,v1=<HMAC-SHA-256 of "<t>.<body>" under the key, hexadecimal>` |
//!
//! A receiver checks the signature over the body as it came, refuses a time that is off by more than five minutes, and answers a key it has
//! seen with the status it gave then.

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use super::http::{Avoids, Reach};
use super::{Carrier, Cause, Failure, http};
use crate::model::contact::Channel;
use crate::model::message::Message;
use crate::secret::Secret;
use crate::time::Timestamp;

/// What it takes to use a webhook.
#[derive(Clone)]
pub struct Settings {
    /// Where it answers.
    pub url: String,
    /// What requests are signed with.
    pub key: Secret<String>,
    /// What they look like.
    pub form: Form,
    /// Where it may be.
    pub reach: Reach,
}

/// What requests look like: the JSON, and the signature's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `id`, `channel`, `to`, `subject`, `text`, `code`, `entity`, `namespace`, `created_at`, `expires_at`.
    Own,
    /// What receivers that were written for ZITADEL's HTTP providers read: `contextInfo`, `templateData`, `args`.
    Zitadel,
}

/// Whoever answers at a URL.
pub struct Webhook {
    url: Url,
    settings: Settings,
    client: Client,
}

impl Webhook {
    /// The webhook with these settings.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(settings: &Settings, authorities: &[Vec<u8>]) -> Result<Self, Cause> {
        if settings.key.expose().is_empty() {
            return Err(Cause::Setting("key"));
        }
        let url = http::url(&settings.url, &settings.reach).ok_or(Cause::Setting("URL"))?;
        Ok(Self { url, settings: settings.clone(), client: http::client(&settings.reach, authorities)? })
    }
}

impl Carrier for Webhook {
    fn carry(&self, message: &Message, now: Timestamp) -> Result<(), Failure> {
        let body = Zeroizing::new(self.settings.form.body(message).to_string());
        let signature = sign(&self.settings.key, now, &body).ok_or(Failure::Later(Cause::Setting("key")))?;
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &message.id)
            .header(self.settings.form.header(), signature)
            .body(body.as_bytes().to_vec());
        http::ask(request)
    }
}

impl Form {
    /// The header that the signature is in.
    const fn header(self) -> &'static str {
        match self {
            Self::Own => "Countersign-Signature",
            Self::Zitadel => "ZITADEL-Signature",
        }
    }

    /// What is sent.
    pub fn body(self, message: &Message) -> Value {
        let (to, text, code) = (message.to.expose(), message.text.expose(), message.code.expose());
        match self {
            Self::Own => json!({
                "id": message.id,
                "channel": message.channel.as_str(),
                "to": to,
                "subject": message.subject,
                "text": text,
                "code": code,
                "entity": message.entity.as_str(),
                "namespace": message.scope.path,
                "created_at": message.created_at.to_string(),
                "expires_at": message.expires_at.to_string(),
            }),
            Self::Zitadel => {
                let (event, recipient) = match message.channel {
                    Channel::Sms => ("session.otp.sms.challenged", "recipientPhoneNumber"),
                    Channel::Email => ("session.otp.email.challenged", "recipientEmailAddress"),
                };
                json!({
                    "contextInfo": { "eventType": event, "provider": { "id": "", "description": "" }, recipient: to },
                    "templateData": {
                        "title": message.subject,
                        "preHeader": message.subject,
                        "subject": message.subject,
                        "greeting": "",
                        "text": text,
                        "buttonText": "",
                    },
                    "args": { "code": code, "otp": code, "userId": message.entity.as_str() },
                })
            }
        }
    }
}

fn sign(key: &Secret<String>, now: Timestamp, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    let moment = now.as_secs();
    mac.update(format!("{moment}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("t={moment},v1={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())))
}
