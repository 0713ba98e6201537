//! Methods that somebody else verifies: what an operator tells us of Duo, Okta and PingID.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::stored::{secret_bytes, secret_text};
use crate::secret::Secret;

/// A Duo Security application.
#[derive(Clone, Serialize, Deserialize)]
pub struct Duo {
    /// The key requests are signed with.
    #[serde(with = "secret_text")]
    pub secret_key: Secret<String>,
    /// The application's id at Duo. Kept as a secret because Vault never shows it either.
    #[serde(with = "secret_text")]
    pub integration_key: Secret<String>,
    /// The host of Duo's API.
    pub api_hostname: String,
    /// What a push message shows, as URL-encoded pairs.
    pub push_info: String,
    /// Whether a passcode is asked for instead of a push.
    pub use_passcode: bool,
    /// How an entity is called at the provider; empty for its name.
    pub username_format: String,
}

/// An Okta organisation.
#[derive(Clone, Serialize, Deserialize)]
pub struct Okta {
    /// The organisation's name.
    pub org_name: String,
    /// The API token.
    #[serde(with = "secret_text")]
    pub api_token: Secret<String>,
    /// The domain below which the organisation lives.
    pub base: OktaBase,
    /// Whether the user is matched by primary e-mail address only.
    pub primary_email: bool,
    /// How an entity is called at the provider; empty for its name.
    pub username_format: String,
}

/// Where an Okta organisation lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OktaBase {
    /// Below this domain.
    Domain(String),
    /// As the deprecated switch says: `okta.com` if true, `oktapreview.com` if not.
    Production(bool),
}

/// A PingID account, as its settings file describes it.
#[derive(Clone, Serialize, Deserialize)]
pub struct PingId {
    /// The key messages are signed with.
    #[serde(with = "secret_bytes")]
    pub key: Secret<Vec<u8>>,
    /// Whether messages are signed.
    pub use_signature: bool,
    /// The account's token.
    #[serde(with = "secret_text")]
    pub token: Secret<String>,
    /// Where PingID answers.
    pub idp_url: String,
    /// The organisation's alias.
    pub org_alias: String,
    /// Where the account is administered.
    pub admin_url: String,
    /// Where authenticators answer.
    pub authenticator_url: String,
    /// How an entity is called at the provider; empty for its name.
    pub username_format: String,
}

/// What is wrong with a PingID settings file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PingIdFileError {
    /// It is not base64; the offset of the first byte that is not.
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    /// It is not text.
    #[error("pingid settings file is not text")]
    NotText,
    /// This line is no comment and no pair.
    #[error("pingid settings file contains a non-empty non-comment line that is not in key=value format: {0:?}")]
    NoPair(String),
    /// This key means nothing.
    #[error("unknown key {0:?} in pingid settings file")]
    UnknownKey(String),
    /// The signature switch is no boolean.
    #[error("error parsing use_signature value in pingid settings file")]
    UseSignature,
    /// The signing key is not base64.
    #[error("error decoding use_base64_key value in pingid settings file")]
    Key,
}

impl PingId {
    /// Read a settings file as PingID's console offers it, in base64: lines `key=value`, comments with `#`.
    ///
    /// The pair's value is never repeated in an error: one of them is the signing key.
    pub fn from_file(base64: &str) -> Result<Self, PingIdFileError> {
        let file = STANDARD.decode(base64).map_err(|error| PingIdFileError::Base64(offset(&error)))?;
        let file = String::from_utf8(file).map_err(|_| PingIdFileError::NotText)?;
        let mut settings = Self {
            key: Secret::new(Vec::new()),
            use_signature: false,
            token: Secret::new(String::new()),
            idp_url: String::new(),
            org_alias: String::new(),
            admin_url: String::new(),
            authenticator_url: String::new(),
            username_format: String::new(),
        };
        for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.split_once('=').ok_or_else(|| PingIdFileError::NoPair(line.into()))?;
            // PingID writes the file as Java writes properties: with a backslash before `=` and `:` in a value.
            let value = &Zeroizing::new(value.replace("\\=", "=").replace("\\:", ":"));
            match key {
                "use_base64_key" => {
                    settings.key = Secret::new(STANDARD.decode(value.as_str()).map_err(|_| PingIdFileError::Key)?);
                }
                "use_signature" => {
                    settings.use_signature = match value.as_str() {
                        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                        _ => return Err(PingIdFileError::UseSignature),
                    };
                }
                "token" => settings.token = Secret::new(value.to_string()),
                "idp_url" => settings.idp_url = value.to_string(),
                "org_alias" => settings.org_alias = value.to_string(),
                "admin_url" => settings.admin_url = value.to_string(),
                "authenticator_url" => settings.authenticator_url = value.to_string(),
                unknown => return Err(PingIdFileError::UnknownKey(unknown.into())),
            }
        }
        Ok(settings)
    }
}

fn offset(error: &base64::DecodeError) -> usize {
    match error {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => *at,
        base64::DecodeError::InvalidLength(length) => *length,
        base64::DecodeError::InvalidPadding => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<PingId, PingIdFileError> {
        PingId::from_file(&STANDARD.encode(file))
    }

    #[test]
    fn a_settings_file_may_have_comments_and_blank_lines() {
        let settings =
            read("# made by PingID\n\nuse_signature=true\ntoken=t=t\nidp_url=https://idp.example\n").ok().unwrap();
        assert!(settings.use_signature);
        assert_eq!(settings.token.expose(), "t=t");
        assert_eq!(settings.idp_url, "https://idp.example");
    }

    #[test]
    fn a_settings_file_is_read_as_java_writes_it() {
        let settings = read("use_base64_key=a2V5cw\\=\\=\nidp_url=https\\://idp.example/pingid").ok().unwrap();
        assert_eq!(settings.key.expose(), b"keys");
        assert_eq!(settings.idp_url, "https://idp.example/pingid");
    }

    #[test]
    fn what_is_no_settings_file_is_refused_with_a_reason() {
        assert_eq!(PingId::from_file("%%%").err().unwrap(), PingIdFileError::Base64(0));
        assert_eq!(read("no pair here").err().unwrap(), PingIdFileError::NoPair("no pair here".into()));
        assert_eq!(read("colour=red").err().unwrap(), PingIdFileError::UnknownKey("colour".into()));
        assert_eq!(read("use_signature=perhaps").err().unwrap(), PingIdFileError::UseSignature);
        assert_eq!(read("use_base64_key=%").err().unwrap(), PingIdFileError::Key);
    }
}
