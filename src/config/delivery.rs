//! Settings of what is sent: who carries mail and text messages, and what text messages may cost.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use toml::{Table, Value};

use super::Error;
use crate::delivery::carrier::mail::{self, Security};
use crate::delivery::carrier::webhook::{self, Form, Reach};
use crate::delivery::carrier::{Carriers, Provider, twilio};
use crate::model::contact::Channel;
use crate::model::costs::{Budgets, Costs, Countries};
use crate::secret::Secret;

/// Everything an operator may set about it.
#[derive(Clone)]
pub struct Delivery {
    /// A folder for messages that nobody else carries.
    pub outbox_folder: Option<PathBuf>,
    /// The mail server, if there is one.
    pub mail: Option<mail::Settings>,
    /// The Twilio account, if there is one.
    pub twilio: Option<twilio::Settings>,
    /// Where Twilio answers, for this account and for stored ones.
    pub twilio_url: String,
    /// The webhook, if there is one.
    pub webhook: Option<webhook::Settings>,
    /// A file of certificates, in PEM, of those who are trusted to say who carriers are, besides those whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// What text messages may cost.
    pub costs: Costs,
}

pub(super) const NAMES: [&str; 26] = [
    "outbox_folder",
    "smtp_host",
    "smtp_port",
    "smtp_tls",
    "smtp_user",
    "smtp_password",
    "smtp_password_file",
    "smtp_from",
    "smtp_reply_to",
    "twilio_sid",
    "twilio_token",
    "twilio_token_file",
    "twilio_from",
    "twilio_url",
    "webhook_url",
    "webhook_key",
    "webhook_key_file",
    "webhook_form",
    "delivery_ca_file",
    "sms_countries",
    "sms_unassigned",
    "sms_number_budget",
    "sms_entity_budget",
    "sms_prefix_budget",
    "sms_namespace_budget",
    "sms_day_budget",
];

/// Nobody carries anything, and text messages may go nowhere.
impl Default for Delivery {
    fn default() -> Self {
        Self {
            outbox_folder: None,
            mail: None,
            twilio: None,
            twilio_url: twilio::BASE.into(),
            webhook: None,
            ca_file: None,
            costs: Costs::default(),
        }
    }
}

/// Only whether something is set: what is set has secrets in it.
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("outbox_folder", &self.outbox_folder)
            .field("mail", &self.mail.is_some())
            .field("twilio", &self.twilio.is_some())
            .field("twilio_url", &self.twilio_url)
            .field("webhook", &self.webhook.is_some())
            .field("ca_file", &self.ca_file)
            .field("costs", &self.costs)
            .finish()
    }
}

impl Delivery {
    /// For trying things out: what nobody else carries goes into `folder`, and text messages may go to any number, invented ones too, unless
    /// countries are named.
    #[must_use]
    pub fn for_development(self, folder: PathBuf) -> Self {
        let outbox_folder = self.outbox_folder.or(Some(folder));
        let costs = match &self.costs.countries {
            Countries::Only(names) if names.is_empty() => Costs { budgets: self.costs.budgets, ..Costs::anywhere() },
            Countries::Only(_) | Countries::All => self.costs,
        };
        Self { outbox_folder, costs, ..self }
    }

    /// Who carries what: mail goes by the mail server and text messages by Twilio; what neither takes, by the webhook; and what that does not
    /// take, into the folder.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn carriers(&self) -> Result<Carriers, Error> {
        let unusable = |error| Error::Carrier(Box::new(error));
        let authorities = self.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), authorities)?;
        let mut carriers = Carriers::trusting(authorities).with_twilio_at(self.twilio_url.clone());
        if let Some(mail) = &self.mail {
            carriers = carriers.with(Channel::Email, &Provider::Mail(mail.clone())).map_err(unusable)?;
        }
        if let Some(twilio) = &self.twilio {
            carriers = carriers.with(Channel::Sms, &Provider::Twilio(twilio.clone())).map_err(unusable)?;
        }
        for channel in Channel::ALL {
            if let Some(webhook) = &self.webhook {
                carriers = carriers.with(channel, &Provider::Webhook(webhook.clone())).map_err(unusable)?;
            }
            if let Some(folder) = &self.outbox_folder {
                carriers = carriers.with(channel, &Provider::Folder(folder.clone())).map_err(unusable)?;
            }
        }
        Ok(carriers)
    }

    /// The settings in `table`, which has no others than [`NAMES`].
    pub(super) fn read(table: Table) -> Result<Self, Error> {
        let mut given = Given(table);
        let known = Budgets::default();
        let budgets = Budgets {
            number: given.number("sms_number_budget", known.number)?,
            entity: given.number("sms_entity_budget", known.entity)?,
            prefix: given.number("sms_prefix_budget", known.prefix)?,
            namespace: given.number("sms_namespace_budget", known.namespace)?,
            day: given.number("sms_day_budget", known.day)?,
        };
        let countries = given.text("sms_countries")?;
        let countries = Countries::parse(&countries).map_err(|_| wrong("sms_countries", "CH,DE,+44, or *"))?;
        let unassigned = given.choice("sms_unassigned", &[("", false), ("false", false), ("true", true)])?;
        Ok(Self {
            outbox_folder: given.path("outbox_folder")?,
            mail: given.mail()?,
            twilio: given.twilio()?,
            twilio_url: Some(given.text("twilio_url")?).filter(|url| !url.is_empty()).unwrap_or(twilio::BASE.into()),
            webhook: given.webhook()?,
            ca_file: given.path("delivery_ca_file")?,
            costs: Costs { countries, unassigned, budgets },
        })
    }
}

/// The certificates in the file at `path`, in DER.
fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let unreadable = |error: std::io::Error| Error::Unreadable { path: path.to_owned(), source: error };
    let pem = std::fs::read(path).map_err(unreadable)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| wrong("delivery_ca_file", "certificates in PEM"))?;
    if certificates.is_empty() {
        return Err(wrong("delivery_ca_file", "certificates in PEM"));
    }
    Ok(certificates.iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}

const fn wrong(name: &'static str, wanted: &'static str) -> Error {
    Error::Wrong { name, wanted }
}

/// What was given, by name. Values from the environment are text, and stay so: a password may be all digits.
struct Given(Table);

impl Given {
    fn text(&mut self, name: &'static str) -> Result<String, Error> {
        match self.0.remove(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(Value::Integer(number)) => Ok(number.to_string()),
            Some(Value::Boolean(switch)) => Ok(switch.to_string()),
            Some(Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_)) => Err(wrong(name, "text")),
        }
    }

    fn path(&mut self, name: &'static str) -> Result<Option<PathBuf>, Error> {
        Ok(Some(self.text(name)?).filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    fn number<N: std::str::FromStr>(&mut self, name: &'static str, otherwise: N) -> Result<N, Error> {
        match self.text(name)?.as_str() {
            "" => Ok(otherwise),
            text => text.parse().map_err(|_| wrong(name, "a number, not negative")),
        }
    }

    fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&'static str, T)]) -> Result<T, Error> {
        let text = self.text(name)?;
        let chosen = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
        chosen.ok_or_else(|| wrong(name, "one of those in config/countersign.toml"))
    }

    /// A secret: given as it is, or as the name of a file that holds it and perhaps an end of line.
    fn secret(&mut self, name: &'static str, file: &'static str) -> Result<Secret<String>, Error> {
        let secret = Secret::new(self.text(name)?);
        let Some(path) = self.path(file)? else { return Ok(secret) };
        if !secret.expose().is_empty() {
            return Err(wrong(file, "unset where the secret itself is set"));
        }
        let text = std::fs::read_to_string(&path).map(Secret::new);
        let text = text.map_err(|source| Error::Unreadable { path, source })?;
        Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn mail(&mut self) -> Result<Option<mail::Settings>, Error> {
        let ways = [
            ("", Security::StartTls),
            ("starttls", Security::StartTls),
            ("tls", Security::Tls),
            ("none", Security::None),
        ];
        let settings = mail::Settings {
            host: self.text("smtp_host")?,
            port: self.number("smtp_port", 0)?,
            security: self.choice("smtp_tls", &ways)?,
            user: self.text("smtp_user")?,
            password: self.secret("smtp_password", "smtp_password_file")?,
            from: self.text("smtp_from")?,
            reply_to: self.text("smtp_reply_to")?,
        };
        Ok(Some(settings).filter(|settings| !settings.host.is_empty()))
    }

    fn twilio(&mut self) -> Result<Option<twilio::Settings>, Error> {
        let settings = twilio::Settings {
            sid: self.text("twilio_sid")?,
            token: self.secret("twilio_token", "twilio_token_file")?,
            from: self.text("twilio_from")?,
        };
        Ok(Some(settings).filter(|settings| !settings.sid.is_empty()))
    }

    fn webhook(&mut self) -> Result<Option<webhook::Settings>, Error> {
        let settings = webhook::Settings {
            url: self.text("webhook_url")?,
            key: self.secret("webhook_key", "webhook_key_file")?,
            form: self.choice("webhook_form", &[("", Form::Own), ("own", Form::Own), ("zitadel", Form::Zitadel)])?,
            reach: Reach::Anywhere,
        };
        Ok(Some(settings).filter(|settings| !settings.url.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Delivery, Error> {
        Delivery::read(text.parse().unwrap())
    }

    #[test]
    fn without_settings_nobody_carries_anything_and_text_messages_go_nowhere() {
        let delivery = read("").unwrap();
        let carriers = delivery.carriers().unwrap();
        assert!(Channel::ALL.iter().all(|channel| carriers.of(*channel, None).unwrap().is_none()));
        assert!(delivery.costs.admit("+41791234567").is_err());
    }

    #[test]
    fn development_puts_messages_to_any_number_into_its_folder_unless_told_otherwise() {
        let tried = read("").unwrap().for_development("outbox".into());
        assert!(tried.costs.admit("+15551234567").is_ok());
        let carriers = tried.carriers().unwrap();
        assert!(Channel::ALL.iter().all(|channel| carriers.of(*channel, None).unwrap().is_some()));
        let told = read("sms_countries = \"CH\"\noutbox_folder = \"there\"").unwrap().for_development("outbox".into());
        assert!(told.costs.admit("+15551234567").is_err() && told.costs.admit("+41791234567").is_ok());
        assert_eq!(told.outbox_folder, Some("there".into()));
    }

    #[test]
    fn a_secret_comes_from_its_file_or_as_it_is_and_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, " s3cret \n").unwrap();
        let of = |text: &str| read(&format!("smtp_host = \"h\"\nsmtp_from = \"a@b.example\"\n{text}"));
        let by_file = of(&format!("smtp_password_file = {file:?}")).unwrap();
        assert_eq!(by_file.mail.as_ref().unwrap().password.expose(), " s3cret ");
        assert!(!format!("{by_file:?}").contains("s3cret"));
        assert_eq!(of("smtp_password = \"0123\"").unwrap().mail.unwrap().password.expose(), "0123");
        assert!(of(&format!("smtp_password = \"x\"\nsmtp_password_file = {file:?}")).is_err());
        assert!(matches!(of("smtp_password_file = \"/nowhere\""), Err(Error::Unreadable { .. })));
    }

    #[test]
    fn what_cannot_be_used_is_refused_at_the_start() {
        for text in [
            "smtp_tls = \"maybe\"",
            "smtp_port = 70000",
            "smtp_port = -1",
            "sms_countries = \"Germany\"",
            "sms_day_budget = -1",
            "sms_unassigned = \"yes\"",
            "webhook_form = \"other\"",
            "smtp_host = []",
        ] {
            assert!(matches!(read(text), Err(Error::Wrong { .. })), "{text}");
        }
        for text in [
            "smtp_host = \"h\"",
            "smtp_host = \"h\"\nsmtp_from = \"a\\r\\nb@c.example\"",
            "twilio_sid = \"a/b\"",
            "webhook_url = \"https://h/\"",
            "webhook_url = \"http://example.org/\"\nwebhook_key = \"k\"",
            "smtp_host = \"h\"\nsmtp_from = \"a@b.example\"\nsmtp_tls = \"none\"\nsmtp_user = \"u\"",
        ] {
            assert!(matches!(read(text).unwrap().carriers(), Err(Error::Carrier(_))), "{text}");
        }
        assert!(matches!(read("delivery_ca_file = \"/nowhere\"").unwrap().carriers(), Err(Error::Unreadable { .. })));
    }
}
