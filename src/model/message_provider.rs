//! Message providers: who carries text messages and mail for this server, as its operator set them up. At most one is active for each channel.

use serde::{Deserialize, Serialize};

use super::revision::Revision;
use super::stored::secret_text;
use crate::secret::Secret;

pub use super::contact::Channel;

/// A provider.
#[derive(Clone, Serialize, Deserialize)]
pub struct MessageProvider {
    /// Its id: decimal digits.
    pub id: String,
    /// What its operator notes about it.
    pub description: String,
    /// Whether messages go by it.
    pub is_active: bool,
    /// What it takes to use it.
    pub settings: Settings,
    /// How often it was changed, and when.
    pub revision: Revision,
}

/// What it takes to use a provider.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// Twilio's API.
    Twilio(Twilio),
    /// A mail server.
    Smtp(Smtp),
    /// Whoever answers at an address.
    Http(Http),
}

/// A Twilio account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Twilio {
    /// The account's id.
    pub sid: String,
    /// Its token.
    #[serde(with = "secret_text")]
    pub token: Secret<String>,
    /// Who messages come from.
    pub sender_number: String,
    /// The service that verifies numbers, where that is used; empty if not.
    pub verify_service_sid: String,
}

/// A mail server that takes our mail.
#[derive(Clone, Serialize, Deserialize)]
pub struct Smtp {
    /// Who mail comes from.
    pub sender_address: String,
    /// How they are called.
    pub sender_name: String,
    /// Where answers should go; empty for the sender.
    pub reply_to_address: String,
    /// The server's name or address, without brackets.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// Whether nothing is said without TLS.
    pub tls: bool,
    /// Who we are there; empty for nobody.
    pub user: String,
    /// The password; empty for none.
    #[serde(with = "secret_text")]
    pub password: Secret<String>,
}

/// An address that takes messages as signed JSON.
#[derive(Clone, Serialize, Deserialize)]
pub struct Http {
    /// What it carries.
    pub channel: Channel,
    /// Its URL.
    pub endpoint: String,
    /// What our requests are signed with.
    #[serde(with = "secret_text")]
    pub signing_key: Secret<String>,
}

impl MessageProvider {
    /// What it carries.
    pub const fn channel(&self) -> Channel {
        self.settings.channel()
    }
}

impl Settings {
    /// What such a provider carries.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Twilio(_) => Channel::Sms,
            Self::Smtp(_) => Channel::Email,
            Self::Http(http) => http.channel,
        }
    }

    /// Whether both are for the same kind of provider.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Twilio(_), Self::Twilio(_)) | (Self::Smtp(_), Self::Smtp(_)) => true,
            (Self::Http(one), Self::Http(other)) => one.channel == other.channel,
            (Self::Twilio(_) | Self::Smtp(_) | Self::Http(_), _) => false,
        }
    }

    /// These settings with the secret of `kept`: how settings are changed by somebody who does not know the secret.
    #[must_use]
    pub fn with_secret_of(self, kept: &Self) -> Self {
        match (self, kept) {
            (Self::Twilio(new), Self::Twilio(kept)) => Self::Twilio(Twilio { token: kept.token.clone(), ..new }),
            (Self::Smtp(new), Self::Smtp(kept)) => Self::Smtp(Smtp { password: kept.password.clone(), ..new }),
            (Self::Http(new), Self::Http(kept)) => Self::Http(Http { signing_key: kept.signing_key.clone(), ..new }),
            (new @ (Self::Twilio(_) | Self::Smtp(_) | Self::Http(_)), _) => new,
        }
    }

    /// These settings with another secret.
    #[must_use]
    pub fn with_secret(self, secret: Secret<String>) -> Self {
        match self {
            Self::Twilio(settings) => Self::Twilio(Twilio { token: secret, ..settings }),
            Self::Smtp(settings) => Self::Smtp(Smtp { password: secret, ..settings }),
            Self::Http(settings) => Self::Http(Http { signing_key: secret, ..settings }),
        }
    }
}

impl Smtp {
    /// The host and port in `address`: `mail.example.com:587`, `[2001:db8::1]:25`.
    pub fn parse_address(address: &str) -> Option<(String, u16)> {
        let (host, port) = address.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok().then_some(bare)?,
            None => Some(host).filter(|host| is_host_name(host))?,
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|port| *port > 0 && digits)?;
        Some((host.to_owned(), port))
    }

    /// The host and port as one text.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn is_host_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_mail_server_names_its_port() {
        let host = |address: &str| Smtp::parse_address(address);
        assert_eq!(host("mail.example.com:587"), Some(("mail.example.com".into(), 587)));
        assert_eq!(host("192.0.2.1:25"), Some(("192.0.2.1".into(), 25)));
        assert_eq!(host("[2001:db8::1]:25"), Some(("2001:db8::1".into(), 25)));
        for wrong in [
            "",
            "a",
            "a:",
            ":25",
            "a:0",
            "a:65536",
            "a:+25",
            "a b:25",
            "a/b:25",
            "2001:db8::1:25",
            "[a]:25",
            "a\r\nb:25",
        ] {
            assert_eq!(host(wrong), None, "{wrong:?}");
        }
    }
}
