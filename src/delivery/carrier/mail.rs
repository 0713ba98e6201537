//! Mail: handed to a mail server over SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314).
//!
//! Headers are made from types that can hold nothing else, and what has a control character in it is not sent at all. A message's
//! `Message-ID` is made from its id: a copy has the same.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{CONNECT, Carrier, Cause, Failure, in_time};
use crate::model::message::Message;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The longest address (RFC 5321, section 4.5.3.1.3).
const LONGEST_ADDRESS: usize = 254;

/// What it takes to use a mail server.
#[derive(Clone)]
pub struct Settings {
    /// Its name or address.
    pub host: String,
    /// Its port; 0 for the usual one.
    pub port: u16,
    /// How the way there is secured.
    pub security: Security,
    /// Who we are there; empty for nobody.
    pub user: String,
    /// The password.
    pub password: Secret<String>,
    /// Who mail comes from: an address, or a name and an address in angle brackets.
    pub from: String,
    /// Where answers go; empty for `from`.
    pub reply_to: String,
}

/// How the way to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nothing is said before TLS was agreed on by STARTTLS.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: for a server on the same machine.
    None,
}

impl Security {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A mail server.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Mail {
    /// The server with these settings.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(settings: &Settings, authorities: &[Vec<u8>]) -> Result<Self, Cause> {
        let host = settings.host.as_str();
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte)) {
            return Err(Cause::Setting("host"));
        }
        let from = mailbox(&settings.from).ok_or(Cause::Setting("sender"))?;
        let reply_to = match settings.reply_to.as_str() {
            "" => None,
            text => Some(mailbox(text).ok_or(Cause::Setting("address for answers"))?),
        };
        let tls = match settings.security {
            Security::StartTls => Tls::Required(tls(host, authorities)?),
            Security::Tls => Tls::Wrapper(tls(host, authorities)?),
            // Nobody's password is said in the clear to another machine.
            Security::None if settings.user.is_empty() || is_here(host) => Tls::None,
            Security::None => return Err(Cause::Setting("password without TLS")),
        };
        let port = if settings.port == 0 { settings.security.port() } else { settings.port };
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls).timeout(Some(CONNECT));
        if !settings.user.is_empty() {
            let password = settings.password.expose().clone();
            transport = transport.credentials(Credentials::new(settings.user.clone(), password));
        }
        Ok(Self { transport: transport.build(), from, reply_to })
    }

    fn compose(&self, message: &Message) -> Result<lettre::Message, Cause> {
        let to = address(message.to.expose()).ok_or(Cause::Message("address"))?;
        if message.subject.chars().any(char::is_control) {
            return Err(Cause::Message("subject"));
        }
        let is_control = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
        if message.text.expose().chars().any(is_control) {
            return Err(Cause::Message("text"));
        }
        if !message.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Cause::Message("id"));
        }
        let composed = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&message.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(message.created_at.as_secs()))
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())))
            .header(AutoSubmitted);
        let composed = self.reply_to.clone().into_iter().fold(composed, lettre::message::MessageBuilder::reply_to);
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(message.text.expose().clone());
        composed.singlepart(text).map_err(|_| Cause::Message("envelope"))
    }
}

impl Carrier for Mail {
    fn carry(&self, message: &Message, _now: Timestamp) -> Result<(), Failure> {
        let composed = self.compose(message).map_err(Failure::Never)?;
        in_time(async { self.transport.send(composed).await.map(drop).map_err(|error| failure(&error)) })
    }
}

/// Tells whoever answers automatically not to (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// What a failure of SMTP comes to. What the server said is left out: it often repeats the address.
fn failure(error: &smtp::Error) -> Failure {
    if let Some(code) = error.status() {
        let status = u16::from(code);
        let cause = Cause::Refused { status, code: 0 };
        // 530 to 538 are about us and not about the message (RFC 4954): somebody may set it right in time.
        let about_us = (530..540).contains(&status);
        return if error.is_permanent() && !about_us { Failure::Never(cause) } else { Failure::Later(cause) };
    }
    Failure::Later(if error.is_timeout() {
        Cause::TooSlow
    } else if is_of_tls(error) {
        Cause::Mail("no trusted TLS")
    } else if error.is_client() {
        Cause::Mail("it does not offer what is asked for")
    } else if error.is_response() {
        Cause::Mail("its answers are not SMTP")
    } else {
        Cause::Mail("no connection")
    })
}

/// Whether it is that the server did not show who it is: a handshake's failure comes as one of the connection.
fn is_of_tls(error: &smtp::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(because) = cause {
        let inner = because.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if because.is::<rustls::Error>() || inner.is_some() {
            return true;
        }
        cause = because.source();
    }
    error.is_tls()
}

fn tls(host: &str, authorities: &[Vec<u8>]) -> Result<TlsParameters, Cause> {
    let mut tls = TlsParameters::builder(host.to_owned());
    for authority in authorities {
        let certificate = Certificate::from_der(authority.clone()).map_err(|_| Cause::Setting("authority"))?;
        tls = tls.add_root_certificate(certificate);
    }
    tls.build().map_err(|_| Cause::Setting("TLS"))
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One address of the common kind: nothing quoted, no comment, no route, no list.
fn address(text: &str) -> Option<Address> {
    let plain =
        |character: char| !character.is_control() && !character.is_whitespace() && !"<>()[]\\\",;:".contains(character);
    (text.len() <= LONGEST_ADDRESS && text.chars().all(plain)).then(|| text.parse().ok()).flatten()
}

/// `address`, or `name <address>`.
fn mailbox(text: &str) -> Option<Mailbox> {
    let (name, bare) = match text.trim().strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, bare)) => (Some(name.trim().trim_matches('"')), bare),
        None => (None, text.trim()),
    };
    if name.is_some_and(|name| name.chars().any(char::is_control)) {
        return None;
    }
    Some(Mailbox::new(name.filter(|name| !name.is_empty()).map(str::to_owned), address(bare)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntityId, NamespaceId};
    use crate::model::contact::Channel;
    use crate::model::namespace::Scope;

    fn settings() -> Settings {
        Settings {
            host: "localhost".into(),
            port: 0,
            security: Security::None,
            user: String::new(),
            password: Secret::new(String::new()),
            from: "Countersign <codes@example.org>".into(),
            reply_to: String::new(),
        }
    }

    fn message(to: &str, subject: &str, text: &str) -> Message {
        Message {
            id: "0123456789abcdef0123456789abcdef".into(),
            channel: Channel::Email,
            to: Secret::new(to.into()),
            subject: subject.into(),
            text: Secret::new(text.into()),
            code: Secret::new(String::new()),
            entity: EntityId::new("e"),
            scope: Scope { id: NamespaceId::root(), path: String::new() },
            created_at: Timestamp::from_secs(1_800_000_015),
            expires_at: Timestamp::from_secs(1_800_000_315),
            attempts: 0,
            next_at: Timestamp::EPOCH,
        }
    }

    fn composed(to: &str, subject: &str, text: &str) -> Result<String, Cause> {
        let mail = Mail::new(&settings(), &[]).unwrap();
        mail.compose(&message(to, subject, text)).map(|mail| String::from_utf8(mail.formatted()).unwrap())
    }

    #[test]
    fn a_message_has_one_recipient_one_id_and_its_own_date() {
        let mail = composed("alice@example.org", "Your code", "It is 123456.\nBye.").unwrap();
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head.lines().filter(|line| !line.starts_with("Content-")).collect::<Vec<_>>(),
            [
                "From: Countersign <codes@example.org>",
                "To: alice@example.org",
                "Subject: Your code",
                "Date: Fri, 15 Jan 2027 08:00:15 +0000",
                "Message-ID: <0123456789abcdef0123456789abcdef@example.org>",
                "Auto-Submitted: auto-generated",
                "MIME-Version: 1.0",
            ]
        );
        assert_eq!(body, "It is 123456.\r\nBye.\r\n");
    }

    #[test]
    fn no_header_can_be_smuggled_in() {
        let bad_addresses = [
            "alice@example.org\r\nBcc: mallory@example.org",
            "alice@example.org\nRCPT TO:<m@example.org>",
            "alice@example.org,m@example.org",
            "alice@example.org m@example.org",
            "<alice@example.org>",
            "alice@example.org>\0",
            "\"a b\"@example.org",
            "a@[127.0.0.1]",
            "alice@example.org SIZE=1",
            "alice",
            "@example.org",
            "alice@",
            "",
            "a@b@c\u{2028}",
            "alice@example.org\u{85}",
        ];
        for to in bad_addresses {
            assert!(composed(to, "s", "t").is_err(), "{to:?}");
        }
        for subject in ["a\r\nBcc: m@example.org", "a\nb", "a\rb", "a\0b", "a\u{85}b", "a\u{7f}"] {
            assert!(composed("alice@example.org", subject, "t").is_err(), "{subject:?}");
        }
        assert!(composed("alice@example.org", "s", "a\0b").is_err());
        for from in
            ["a@example.org\r\nBcc: m@example.org", "x\r\nBcc: m <a@example.org>", "a@example.org, b@example.org"]
        {
            assert!(Mail::new(&Settings { from: from.into(), ..settings() }, &[]).is_err(), "{from:?}");
        }
    }

    #[test]
    fn a_text_of_any_language_goes_whole_and_ends_no_message() {
        let mail = composed("zoë@example.org", "Ihr Prüfcode", "Grüße\r\n.\r\nRCPT TO:<m@example.org>").unwrap();
        assert!(!mail.contains("Prüfcode"), "headers are ASCII");
        assert!(mail.split_once("\r\n\r\n").unwrap().0.lines().all(|line| !line.starts_with("RCPT")));
    }

    #[test]
    fn no_password_goes_in_the_clear_to_another_machine() {
        let with = |host: &str, security| Settings { host: host.into(), security, user: "u".into(), ..settings() };
        assert!(Mail::new(&with("mail.example.org", Security::None), &[]).is_err());
        assert!(Mail::new(&with("127.0.0.1", Security::None), &[]).is_ok());
        assert!(Mail::new(&with("mail.example.org", Security::StartTls), &[]).is_ok());
        assert!(Mail::new(&with("mail.example.org\r\nQUIT", Security::Tls), &[]).is_err());
    }
}
