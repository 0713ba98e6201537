//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

mod client;
mod enrol;
mod terminal;

use crate::app::{self, Prepared};
use crate::config::{self, LogFormat, Settings};
use crate::engine::edge::authenticators::Ensured;
use crate::engine::{self, edge};
use crate::model::edge::authenticator::{PASSWORD_LENGTH, USERNAME_LENGTH};
use crate::secret::Secret;

/// A self-hosted server for second factors.
#[derive(Parser)]
#[command(name = "countersign", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve.
    Server(Serve),
    /// An operator's work on a store that no server has open.
    #[command(subcommand)]
    Operator(Operator),
    /// Give oneself a factor, from a terminal.
    #[command(subcommand)]
    Enroll(enrol::Enrol),
}

#[derive(Subcommand)]
enum Operator {
    /// Make the first administrator of the edge network that OpenZiti's APIs manage, or give it another password. The password is the first line
    /// of the standard input.
    OpenzitiAdmin(EdgeAdmin),
}

#[derive(Args)]
struct EdgeAdmin {
    /// The file with the settings.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The name that it logs in by.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    username: String,
}

#[derive(Args)]
struct Serve {
    /// For trying things out: unsealed, root token printed, plain HTTP on the loopback only.
    #[arg(long, conflicts_with = "config")]
    dev: bool,
    /// The file with the settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen; in development on the loopback only.
    #[arg(long, value_name = "ADDRESS", requires = "dev")]
    listen: Option<SocketAddr>,
    /// The text of the root token in development; made at random if not given.
    #[arg(long, value_name = "TOKEN", requires = "dev")]
    dev_root_token_id: Option<String>,
    /// The password of OpenZiti's default administrator, `admin`, in development; if there is one already, it is given this.
    #[arg(long, value_name = "PASSWORD", requires = "dev")]
    dev_admin_password: Option<String>,
    /// The directory of the data in development; a temporary one, gone at the end, if not given.
    #[arg(long, value_name = "DIR", requires = "dev")]
    data: Option<PathBuf>,
}

/// What went wrong, for the person at the terminal.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    App(#[from] app::Error),
    #[error(transparent)]
    Client(client::Error),
    #[error("development mode listens on the loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error("say --dev to try things out, or --config FILE to serve")]
    NoMode,
    #[error("no temporary directory can be made")]
    Temporary(#[source] std::io::Error),
    #[error("the log filter is not understood: {0}")]
    LogFilter(String),
    #[error("writing to the terminal")]
    Terminal(#[source] std::io::Error),
    #[error("reading the password from the standard input")]
    Input(#[source] std::io::Error),
    #[error("{0}")]
    Credential(String),
    #[error("the administrator of the edge network cannot be set up")]
    EdgeAdmin(#[source] edge::Error),
}

/// Run the command that the process was started with.
pub fn run() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    harden();
    let done = match command {
        Command::Server(serve) => self::serve(serve),
        Command::Operator(Operator::OpenzitiAdmin(admin)) => edge_admin(&admin),
        Command::Enroll(command) => enrol::run(command).map_err(Error::Client),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Key material must not end up in a core dump, nor files in others' hands.
fn harden() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let undumpable = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if let Err(error) = undumpable {
        tracing::warn!(%error, "core dumps stay possible");
    }
}

fn serve(serve: Serve) -> Result<(), Error> {
    if serve.dev { develop(serve) } else { produce(serve.config) }
}

fn produce(config: Option<PathBuf>) -> Result<(), Error> {
    let config = config.ok_or(Error::NoMode)?;
    let settings = Settings::load(Some(&config), std::env::vars())?;
    log_to_stderr(&settings)?;
    let prepared = app::prepare(settings, None)?;
    if let Some(token) = &prepared.root_token {
        let text = format!("Root token, shown this once: {}\n", token.expose());
        std::io::stdout().write_all(text.as_bytes()).map_err(Error::Terminal)?;
    }
    tracing::info!(address = ?prepared.address().ok(), "serving");
    Ok(prepared.serve()?)
}

/// OpenZiti's default administrator in development.
const DEV_ADMIN: &str = "admin";
const DEV_ADMIN_PASSWORD: &str = "admin-dev-password";

fn develop(serve: Serve) -> Result<(), Error> {
    let environment = std::env::vars().filter(|(name, _)| name != "COUNTERSIGN_DATA");
    let mut settings = Settings::load(None, environment)?;
    settings.listen = serve.listen.unwrap_or(settings.listen);
    if !settings.listen.ip().is_loopback() {
        return Err(Error::NotLoopback(settings.listen));
    }
    let temporary = match &serve.data {
        Some(_) => None,
        None => Some(temporary_directory()?),
    };
    settings.data = serve.data.or_else(|| temporary.as_ref().map(|dir| dir.0.clone())).unwrap_or_default();
    settings.delivery = settings.delivery.for_development(settings.data.join("outbox"));
    log_to_stderr(&settings)?;
    let data = settings.data.clone();
    let (is_edge, rules) = (settings.openziti, settings.edge_rules());
    let prepared = app::prepare(settings, serve.dev_root_token_id.map(Secret::new))?;
    if is_edge {
        let reset = serve.dev_admin_password.is_some();
        let password = Secret::new(serve.dev_admin_password.unwrap_or_else(|| DEV_ADMIN_PASSWORD.into()));
        check_credentials(DEV_ADMIN, &password)?;
        match app::ensure_edge_admin(&prepared.engine, &rules, DEV_ADMIN, &password, reset) {
            // Without its key the server stays sealed, and there is nothing to be set up yet.
            Ok(_) | Err(edge::Error::Engine(engine::Error::Seal(_))) => {}
            Err(error) => return Err(Error::EdgeAdmin(error)),
        }
    }
    std::io::stdout().write_all(welcome(&prepared, &data)?.as_bytes()).map_err(Error::Terminal)?;
    Ok(prepared.serve()?)
}

/// Make the first administrator of the edge network, or give it another password.
fn edge_admin(admin: &EdgeAdmin) -> Result<(), Error> {
    let settings = Settings::load(Some(&admin.config), std::env::vars())?;
    log_to_stderr(&settings)?;
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line).map_err(Error::Input)?;
    let password = Secret::new(line.trim_end_matches(['\r', '\n']).to_owned());
    check_credentials(&admin.username, &password)?;
    let (engine, root_token) = app::open(&settings, None)?;
    if let Some(token) = root_token {
        let text = format!("Root token, shown this once: {}\n", token.expose());
        std::io::stdout().write_all(text.as_bytes()).map_err(Error::Terminal)?;
    }
    let ensured = app::ensure_edge_admin(&engine, &settings.edge_rules(), &admin.username, &password, true);
    let text = match ensured.map_err(Error::EdgeAdmin)? {
        Ensured::Made => "The administrator was made.\n",
        Ensured::Reset | Ensured::Kept => "The administrator has this password now.\n",
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(Error::Terminal)
}

/// Whether somebody can log in so at all.
fn check_credentials(username: &str, password: &Secret<String>) -> Result<(), Error> {
    let texts = [("the user name", username, USERNAME_LENGTH), ("the password", password.expose(), PASSWORD_LENGTH)];
    for (what, text, (least, most)) in texts {
        if !(least..=most).contains(&text.chars().count()) {
            return Err(Error::Credential(format!("{what} must have {least} to {most} characters")));
        }
    }
    Ok(())
}

/// What a developer needs to know, and three commands to copy.
fn welcome(prepared: &Prepared, data: &std::path::Path) -> Result<String, Error> {
    let address = prepared.address().map_err(Error::Terminal)?;
    let known = prepared.root_token.as_ref().map(|token| token.expose().as_str());
    let token = known.unwrap_or("as printed at the first start (or give --dev-root-token-id)");
    let shown = known.unwrap_or("TOKEN");
    Ok(format!(
        "Countersign, in development mode: everything is unsealed, and HTTP is plain.\n\n\
         Address:         http://{address}\n\
         Root token:      {token}\n\
         Data directory:  {}\n\n\
         Try:\n  \
         export VAULT_ADDR=http://{address} VAULT_TOKEN={shown}\n  \
         curl -s -H \"X-Vault-Token: $VAULT_TOKEN\" -d '{{\"issuer\":\"example\"}}' $VAULT_ADDR/v1/identity/mfa/method/totp\n  \
         curl -s -H \"X-Vault-Token: $VAULT_TOKEN\" -d '{{\"name\":\"alice\"}}' $VAULT_ADDR/v1/identity/entity\n\n",
        data.display(),
    ))
}

/// A directory that goes when the server does.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing is lost if it stays: the system clears its temporary directory.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn temporary_directory() -> Result<Temporary, Error> {
    let entropy: &dyn crate::entropy::Entropy = &crate::entropy::SystemEntropy;
    let path = std::env::temp_dir().join(format!("countersign-{}", entropy.base62(12)));
    std::fs::create_dir(&path).map_err(Error::Temporary)?;
    Ok(Temporary(path))
}

fn log_to_stderr(settings: &Settings) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| Error::LogFilter(error.to_string()))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match settings.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    set.map_err(|error| Error::LogFilter(error.to_string()))
}

/// Tell what went wrong, and why, a cause a line.
fn report(error: &Error) {
    let mut text = format!("countersign: {error}\n");
    let mut cause = std::error::Error::source(error);
    while let Some(because) = cause {
        text = text + "  because: " + &because.to_string() + "\n";
        cause = because.source();
    }
    // There is nobody left to tell if the terminal is gone.
    drop(std::io::stderr().write_all(text.as_bytes()));
}
