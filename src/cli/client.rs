//! A client of a running server, for the commands that talk to one: Vault's HTTP API, as any other client speaks it.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client as Http, Method, StatusCode};
use serde_json::Value;

use super::terminal::Terminal;
use crate::delivery::gateway;
use crate::secret::Secret;

/// The largest answer that is read, in bytes.
const LARGEST: usize = 4 << 20;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the server is.
#[derive(clap::Args)]
pub(super) struct Target {
    /// Where the server is.
    #[arg(long, value_name = "URL", env = "VAULT_ADDR", default_value = "http://127.0.0.1:8200")]
    address: String,
    /// The namespace to ask in.
    #[arg(long, value_name = "PATH", env = "VAULT_NAMESPACE", default_value = "")]
    namespace: String,
    /// The certificates, in PEM, of those who are trusted to say that it is the server; the system's if not given.
    #[arg(long, value_name = "FILE", env = "VAULT_CACERT")]
    ca_cert: Option<std::path::PathBuf>,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection cannot be set up.
    #[error("a connection cannot be set up")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificates cannot be read.
    #[error("the certificates in {0} cannot be read")]
    Certificates(std::path::PathBuf),
    /// The server refused.
    #[error("the server answered {0}: {1}")]
    Refused(StatusCode, String),
    /// The server answered something that is no answer.
    #[error("what the server answered is not understood")]
    NotUnderstood,
    /// The terminal is gone.
    #[error("the terminal cannot be used")]
    Terminal(#[from] std::io::Error),
    /// The command has nothing to do.
    #[error("{0}")]
    Other(String),
}

/// A connection to a server.
pub(super) struct Client {
    http: Http,
    runtime: tokio::runtime::Runtime,
    target: Target,
    token: Option<Secret<String>>,
}

impl Client {
    /// A client of the server at `target`, with the token in `VAULT_TOKEN` if there is one: an argument could be read by others.
    pub(super) fn new(target: Target) -> Result<Self, Error> {
        let roots = target.ca_cert.as_deref().map(certificates).transpose()?;
        let tls = gateway::tls(roots.as_deref()).map_err(|error| Error::Setup(error.into()))?;
        let http = Http::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Setup(error.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = std::env::vars().find(|(name, token)| name == "VAULT_TOKEN" && !token.is_empty());
        let token = token.map(|(_, token)| Secret::new(token));
        Ok(Self { http, runtime, target, token })
    }

    /// Whether there is a token to ask with.
    pub(super) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Ask with this token from now on.
    pub(super) fn use_token(&mut self, token: Secret<String>) {
        self.token = Some(token);
    }

    /// Write to `path`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's own words.
    pub(super) fn write(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Method::POST, path, Some(body))
    }

    /// Read `path`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn read(&self, path: &str) -> Result<Value, Error> {
        self.ask(Method::GET, path, None)
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let mut request = self.http.request(method, format!("{}/v1/{path}", self.target.address.trim_end_matches('/')));
        if let Some(token) = &self.token {
            request = request.header("X-Vault-Token", token.expose());
        }
        if !self.target.namespace.is_empty() {
            request = request.header("X-Vault-Namespace", &self.target.namespace);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let (status, text) = self.runtime.block_on(exchange(request))?;
        let answer = if text.is_empty() { Value::Null } else { serde_json::from_slice(&text).unwrap_or(Value::Null) };
        if status.is_success() {
            return Ok(answer);
        }
        let errors = answer.get("errors").and_then(Value::as_array).into_iter().flatten();
        let errors: Vec<&str> = errors.filter_map(Value::as_str).map(str::trim).collect();
        Err(Error::Refused(status, errors.join("; ")))
    }

    /// Log in as somebody who has a password, asking the terminal for what is missing. What comes back may ask for a second factor.
    pub(super) fn log_in(&self, terminal: &mut Terminal, mount: &str, name: Option<&str>) -> Result<Value, Error> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => terminal.ask("User name: ")?,
        };
        let password = terminal.ask_secretly("Password: ")?;
        let escaped: String = form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20");
        let body = serde_json::json!({ "password": password.expose() });
        self.write(&format!("auth/{}/login/{escaped}", mount.trim_matches('/')), &body)
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), Error> {
    let unreachable = |error: reqwest::Error| Error::Unreachable(error.without_url());
    let mut response = request.send().await.map_err(unreachable)?;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if text.len() + chunk.len() > LARGEST {
            return Err(Error::NotUnderstood);
        }
        text.extend_from_slice(&chunk);
    }
    Ok((response.status(), text))
}

fn certificates(file: &Path) -> Result<Vec<Vec<u8>>, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let unreadable = || Error::Certificates(file.to_owned());
    let found = CertificateDer::pem_file_iter(file).map_err(|_| unreadable())?;
    found.map(|certificate| certificate.map(|it| it.to_vec()).map_err(|_| unreadable())).collect()
}

/// The text at a JSON pointer.
pub(super) fn text<'a>(answer: &'a Value, pointer: &str) -> Option<&'a str> {
    answer.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}
