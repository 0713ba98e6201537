//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::{self, Prepared};
use crate::config::{self, LogFormat, Settings};
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
}

/// Run the command that the process was started with.
pub fn run() -> ExitCode {
    let Arguments { command: Command::Server(serve) } = Arguments::parse();
    harden();
    match self::serve(serve) {
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
    let prepared = app::prepare(settings, serve.dev_root_token_id.map(Secret::new))?;
    std::io::stdout().write_all(welcome(&prepared, &data)?.as_bytes()).map_err(Error::Terminal)?;
    Ok(prepared.serve()?)
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
