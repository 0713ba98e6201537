//! Settings: from a file, overridden by the environment. Every one is listed, with its default and unit, in `config/countersign.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use crate::delivery::carrier;
use crate::engine::edge::Rules;
use crate::model::deny_list::DenyList;
use crate::model::edge::session::SHORTEST_TIMEOUT;

pub use self::delivery::Delivery;

mod delivery;

/// Everything an operator may set.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The directory of the data.
    pub data: PathBuf,
    /// The file with the unseal key; `unseal.key` in the data directory if not set.
    pub unseal_key_file: Option<PathBuf>,
    /// Threads that serve requests; 0 for one for each core.
    pub workers: usize,
    /// Connections that each of them keeps open at once.
    pub connections: usize,
    /// How long an idle connection is kept.
    #[serde(deserialize_with = "duration")]
    pub keep_alive: Duration,
    /// How long the head of a request may take to arrive.
    #[serde(deserialize_with = "duration")]
    pub head_timeout: Duration,
    /// How long the body of a request may take to arrive.
    #[serde(deserialize_with = "duration")]
    pub body_timeout: Duration,
    /// How long running requests are waited for at shutdown.
    #[serde(deserialize_with = "duration")]
    pub shutdown_timeout: Duration,
    /// Writes that may wait their turn; more are refused with 503.
    pub write_queue: usize,
    /// Requests a second that each client address may send; 0 for any number.
    pub requests_per_second: u32,
    /// Requests that a client address may send at once before that rate counts; 0 for ten seconds' worth.
    pub request_burst: u32,
    /// Whether the edge APIs of OpenZiti are served.
    pub openziti: bool,
    /// The path of the namespace whose entities are the edge network's identities; root if empty.
    pub openziti_namespace: String,
    /// Who the codes of new enrolments are said to be for: a host name.
    pub openziti_issuer: String,
    /// Where clients reach the edge APIs; if not set, `https://` and what they call the server.
    pub openziti_url: Option<String>,
    /// How long an API session lives unused, a minute at least.
    #[serde(deserialize_with = "duration")]
    pub openziti_session_timeout: Duration,
    /// How long an enrolment waits for its first code.
    #[serde(deserialize_with = "duration")]
    pub openziti_enrolment_timeout: Duration,
    /// Wrong codes in one window, after which even a right one is refused until it ends.
    pub openziti_code_attempts: u32,
    /// How long that window lasts.
    #[serde(deserialize_with = "duration")]
    pub openziti_code_window: Duration,
    /// Whether the code that confirms an enrolment is spent by that.
    pub openziti_confirming_spends: bool,
    /// Whether recovery codes are shown for a time-based code only.
    pub openziti_totp_shows_recovery_codes: bool,
    /// What is logged: a level, or a filter as `tracing` knows it.
    pub log: String,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// Addresses and host names that messages are never sent to over HTTP.
    #[serde(deserialize_with = "deny_list")]
    pub denied_endpoints: DenyList,
    /// What is sent, and by whom.
    #[serde(skip)]
    pub delivery: Delivery,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8200)),
            data: PathBuf::from("/var/lib/countersign"),
            unseal_key_file: None,
            workers: 0,
            connections: 10_000,
            keep_alive: Duration::from_secs(30),
            head_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
            write_queue: 4_096,
            requests_per_second: 0,
            request_burst: 0,
            openziti: true,
            openziti_namespace: String::new(),
            openziti_issuer: "openziti.io".into(),
            openziti_url: None,
            openziti_session_timeout: Duration::from_mins(30),
            openziti_enrolment_timeout: Duration::from_mins(15),
            openziti_code_attempts: 10,
            openziti_code_window: Duration::from_mins(5),
            openziti_confirming_spends: false,
            openziti_totp_shows_recovery_codes: false,
            log: "info".into(),
            log_format: LogFormat::Text,
            denied_endpoints: DenyList::standard(),
            delivery: Delivery::default(),
        }
    }
}

const NAMES: [&str; 25] = [
    "listen",
    "data",
    "unseal_key_file",
    "workers",
    "connections",
    "keep_alive",
    "head_timeout",
    "body_timeout",
    "shutdown_timeout",
    "write_queue",
    "requests_per_second",
    "request_burst",
    "openziti",
    "openziti_namespace",
    "openziti_issuer",
    "openziti_url",
    "openziti_session_timeout",
    "openziti_enrolment_timeout",
    "openziti_code_attempts",
    "openziti_code_window",
    "openziti_confirming_spends",
    "openziti_totp_shows_recovery_codes",
    "log",
    "log_format",
    "denied_endpoints",
];

/// All names there are.
fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(delivery::NAMES)
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not TOML, or a value is of the wrong kind.
    #[error("{0}")]
    Invalid(Box<toml::de::Error>),
    /// A value makes no sense.
    #[error("the setting `{name}` makes no sense: {why}")]
    Senseless {
        /// The setting.
        name: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// There is no such setting.
    #[error("there is no setting `{unknown}`; did you mean `{nearest}`?")]
    Unknown {
        /// The name that was used.
        unknown: String,
        /// The known name that is most like it.
        nearest: &'static str,
    },
    /// The value is none that the setting can have.
    #[error("the setting `{name}` must be {wanted}")]
    Wrong {
        /// The setting.
        name: &'static str,
        /// What it can be.
        wanted: &'static str,
    },
    /// A carrier cannot be used as it is set up.
    #[error("messages cannot be sent as they are set up to be")]
    Carrier(#[source] Box<carrier::Cause>),
}

impl Settings {
    /// The settings in the file at `path`, if there is one, overridden by those of `environment` that begin with `COUNTERSIGN_`.
    pub fn load(path: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let text = match path {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?
            }
            None => String::new(),
        };
        let mut table: Table = text.parse().map_err(|error| Error::Invalid(Box::new(error)))?;
        for (name, value) in environment {
            if let Some(name) = name.strip_prefix("COUNTERSIGN_") {
                let name = name.to_lowercase();
                let is_text = delivery::NAMES.contains(&name.as_str());
                table.insert(name, if is_text { Value::String(value) } else { plain(value) });
            }
        }
        if let Some(unknown) = table.keys().find(|name| !names().any(|known| known == name.as_str())) {
            return Err(Error::Unknown { unknown: unknown.clone(), nearest: nearest(unknown) });
        }
        let (sent, table) = table.into_iter().partition(|(name, _)| delivery::NAMES.contains(&name.as_str()));
        let settings: Self = Table::try_into(table).map_err(|error| Error::Invalid(Box::new(error)))?;
        settings.check()?;
        Ok(Self { delivery: Delivery::read(sent)?, ..settings })
    }

    /// Refuse what can be written, but makes no sense.
    fn check(&self) -> Result<(), Error> {
        let is_host = |text: &str| {
            (1..=253).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        };
        let wrong = |name, why| Err(Error::Senseless { name, why });
        if !is_host(&self.openziti_issuer) {
            return wrong("openziti_issuer", "it must be a bare host name");
        }
        if self.openziti_session_timeout < SHORTEST_TIMEOUT {
            return wrong("openziti_session_timeout", "it must be a minute at least");
        }
        if self.openziti_enrolment_timeout.is_zero() {
            return wrong("openziti_enrolment_timeout", "nobody could enrol");
        }
        if self.openziti_code_attempts == 0 || self.openziti_code_window.is_zero() {
            return wrong("openziti_code_attempts", "there must be an attempt, and a window for it");
        }
        Ok(())
    }

    /// How the edge network is set up.
    pub fn edge_rules(&self) -> Rules {
        Rules {
            namespace: self.openziti_namespace.clone(),
            session_timeout: self.openziti_session_timeout,
            issuer: self.openziti_issuer.clone(),
            enrolment_timeout: self.openziti_enrolment_timeout,
            code_attempts: self.openziti_code_attempts,
            code_window: self.openziti_code_window,
            confirming_spends: self.openziti_confirming_spends,
            totp_shows_recovery_codes: self.openziti_totp_shows_recovery_codes,
        }
    }

    /// The file with the unseal key.
    pub fn key_file(&self) -> PathBuf {
        self.unseal_key_file.clone().unwrap_or_else(|| self.data.join("unseal.key"))
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data.join("countersign.db")
    }
}

/// A value of the environment, which knows only text.
fn plain(value: String) -> Value {
    match (value.parse(), value.parse()) {
        (Ok(number), _) => Value::Integer(number),
        (_, Ok(switch)) => Value::Boolean(switch),
        _ => Value::String(value),
    }
}

fn nearest(unknown: &str) -> &'static str {
    let likeness = |name: &&str| std::cmp::Reverse(strsim::damerau_levenshtein(unknown, name));
    names().max_by_key(likeness).unwrap_or_default()
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(serde::de::Error::custom)
}

/// A list of blocks and names, which the environment separates by commas.
fn deny_list<'de, D: Deserializer<'de>>(from: D) -> Result<DenyList, D::Error> {
    let entries = match Value::deserialize(from)? {
        Value::String(text) => {
            text.split(',').map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
        }
        list @ (Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_)) => list.try_into::<Vec<String>>().map_err(serde::de::Error::custom)?,
    };
    let unreadable =
        |entry| serde::de::Error::custom(format!("`{entry}` is neither a block of addresses nor a host name"));
    DenyList::parse(&entries).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("countersign.toml");
        std::fs::write(&path, text).unwrap();
        Settings::load(Some(&path), environment.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let environment = [
            ("COUNTERSIGN_WORKERS", "3"),
            ("COUNTERSIGN_KEEP_ALIVE", "1m"),
            ("COUNTERSIGN_DENIED_ENDPOINTS", "192.0.2.0/24, x"),
            ("HOME", "/root"),
        ];
        let settings = load("workers = 2\nlisten = \"127.0.0.1:1\"", &environment).unwrap();
        assert_eq!((settings.workers, settings.keep_alive), (3, Duration::from_mins(1)));
        assert_eq!(settings.listen.port(), 1);
        assert!(
            settings.denied_endpoints.denies_host("192.0.2.1") && !settings.denied_endpoints.denies_host("127.0.0.1")
        );
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused() {
        for text in [
            "openziti_issuer = \"a/b\"",
            "openziti_issuer = \"\"",
            "openziti_session_timeout = \"59s\"",
            "openziti_enrolment_timeout = \"0s\"",
            "openziti_code_attempts = 0",
        ] {
            assert!(matches!(load(text, &[]), Err(Error::Senseless { .. })), "{text}");
        }
        assert!(!load("", &[("COUNTERSIGN_OPENZITI", "false")]).unwrap().openziti);
    }

    #[test]
    fn an_unknown_setting_names_the_nearest_known_one() {
        let error = load("lisen = \"x\"", &[]).unwrap_err();
        assert_eq!(error.to_string(), "there is no setting `lisen`; did you mean `listen`?");
        assert!(load("", &[("COUNTERSIGN_LOGFORMAT", "json")]).unwrap_err().to_string().contains("`log_format`"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused() {
        for text in [
            "workers = \"many\"",
            "keep_alive = \"soon\"",
            "listen = \"here\"",
            "log_format = \"xml\"",
            "denied_endpoints = [\"a b\"]",
            "= 1",
        ] {
            assert!(matches!(load(text, &[]), Err(Error::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn the_documented_settings_are_all_there_are_and_show_the_defaults() {
        let documented = include_str!("../config/countersign.toml");
        let uncommented: String = documented
            .lines()
            .map(|line| line.strip_prefix("#= ").unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let table: Table = uncommented.parse().unwrap();
        let mut names: Vec<&str> = table.keys().map(String::as_str).collect();
        let mut known: Vec<&str> = super::names().collect();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        let settings = load(&uncommented, &[]).unwrap();
        let unset = Settings { unseal_key_file: None, openziti_url: None, ..settings };
        assert_eq!(format!("{unset:?}"), format!("{:?}", Settings::default()));
    }
}
