//! Assembly: from settings to a serving server, and back down in order.

use std::fs::DirBuilder;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use crate::config::{self, Settings};
use crate::delivery::carrier::Carriers;
use crate::delivery::gateway;
use crate::engine::clock::TICK;
use crate::engine::{self, Engine, edge, sealing, tokens};
use crate::entropy::{Entropy, SystemEntropy};
use crate::factor::password::Hash;
use crate::id::{Accessor, AuthenticatorId, EntityId};
use crate::seal::{self, UnsealKey, Wrapped, key_file};
use crate::secret::Secret;
use crate::server;
use crate::storage::sqlite::{Options, Sqlite};
use crate::storage::{self, Store, tables};
use crate::time::SystemClock;

pub use self::couriers::Couriers;

mod couriers;

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be used.
    #[error("the data directory {path}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The server ended by itself.
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Storage(#[from] storage::Error),
    /// The key file cannot be used.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// Nothing can be sent as it is set up to be.
    #[error(transparent)]
    Delivery(#[from] config::Error),
    /// The store was opened, but not set up.
    #[error("the store cannot be set up")]
    Engine(#[from] engine::Error),
}

/// What the first administrator of the edge network is called as an entity.
const FIRST_ADMIN: &str = "Default Admin";

/// See to it that the edge network has an administrator who logs in by this name and password. One who is there keeps the password that
/// it has, unless it is to be `reset`. Blocks.
///
/// # Errors
/// When somebody else has the name.
pub fn ensure_edge_admin(
    engine: &Engine,
    rules: &edge::Rules,
    username: &str,
    password: &Secret<String>,
    reset: bool,
) -> Result<edge::authenticators::Ensured, edge::Error> {
    let access = engine.access()?;
    let now = engine.now();
    let entropy = engine.entropy.as_ref();
    let scope = engine.store.read(now, |tx| rules.scope(tx, &access))?;
    let first = edge::authenticators::FirstAdmin {
        name: FIRST_ADMIN.into(),
        fresh_entity: EntityId::fresh(entropy, &scope.id),
        fresh_authenticator: AuthenticatorId::fresh(entropy),
        username: username.into(),
        password: Hash::of(password, &entropy.bytes()),
        reset,
    };
    engine.store.write(now, move |tx| edge::authenticators::ensure_admin(tx, &access, &scope, &first)).wait()
}

/// A server that is ready to serve.
pub struct Prepared {
    /// The engine, unsealed if its key was at hand.
    pub engine: Arc<Engine>,
    /// The root token, at the only time it is known: when it was just made, or chosen.
    pub root_token: Option<Secret<String>>,
    listener: TcpListener,
    settings: Settings,
    carriers: Carriers,
}

/// Open the store and set it up: with a fresh keyring and root token, if it is new. `root_token` is the text of a root token to be there.
pub fn prepare(settings: Settings, root_token: Option<Secret<String>>) -> Result<Prepared, Error> {
    let carriers = settings.delivery.carriers()?;
    let listener =
        TcpListener::bind(settings.listen).map_err(|source| Error::Listen { address: settings.listen, source })?;
    let (engine, root_token) = open(&settings, root_token)?;
    Ok(Prepared { engine, root_token, listener, settings, carriers })
}

/// The same without listening: for an operator's work on a store that no server has open. Also gives the root token, if it is known.
pub fn open(
    settings: &Settings,
    root_token: Option<Secret<String>>,
) -> Result<(Arc<Engine>, Option<Secret<String>>), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&settings.data)
        .map_err(|source| Error::Directory { path: settings.data.clone(), source })?;
    let options = Options { queue: settings.write_queue };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&settings.database(), tables::ALL, options)?);
    let gateway = Arc::new(gateway::Online::new(gateway::Options::default()));
    let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy)).with_gateway(gateway);
    let engine = engine.with_denied_endpoints(settings.denied_endpoints.clone());
    let engine = Arc::new(engine.with_costs(settings.delivery.costs.clone()));
    let is_new = engine.store.read(engine.now(), sealing::load)?.is_none();
    let root_token = if is_new { Some(root_token.unwrap_or_else(fresh_token)) } else { root_token };
    if let Some(key) = unseal_key(settings, is_new)? {
        if is_new {
            initialise(&engine, &key)?;
        }
        engine.unseal(&key)?;
        if let Some(token) = &root_token {
            ensure_root(&engine, token)?;
        }
    } else {
        tracing::warn!("there is no key file: the server stays sealed until it is unsealed over HTTP");
    }
    Ok((engine, root_token))
}

fn fresh_token() -> Secret<String> {
    let entropy: &dyn Entropy = &SystemEntropy;
    Secret::new(format!("s.{}", entropy.base62(24)))
}

/// The unseal key: from its file, which is made for a new store.
fn unseal_key(settings: &Settings, is_new: bool) -> Result<Option<UnsealKey>, Error> {
    match key_file::load(&settings.key_file())? {
        None if is_new => Ok(Some(key_file::create(&settings.key_file(), &SystemEntropy)?)),
        key => Ok(key),
    }
}

/// Give a new store its keyring.
pub fn initialise(engine: &Engine, key: &UnsealKey) -> Result<(), engine::Error> {
    let wrapped = Wrapped::fresh(key, engine.entropy.as_ref());
    engine.store.write(engine.now(), move |tx| sealing::store(tx, &wrapped)).wait()
}

/// See to it that the root token with this text is there.
pub fn ensure_root(engine: &Engine, token: &Secret<String>) -> Result<(), engine::Error> {
    let (access, token) = (engine.access()?, token.clone());
    let accessor = Accessor::new(engine.entropy.base62(24));
    engine.store.write(engine.now(), move |tx| tokens::ensure_root(tx, &access, &token, &accessor)).wait()
}

impl Prepared {
    /// The address that is listened on.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serve until told to stop by a signal; then finish what runs, and write down what is to be kept.
    pub fn serve(self) -> Result<(), Error> {
        let housekeeper = Housekeeper::start(Arc::clone(&self.engine)).map_err(Error::Serve)?;
        let couriers = Couriers::start(&self.engine, self.carriers)?;
        let served = actix_web::rt::System::new()
            .block_on(async { server::start(&self.engine, self.listener, &self.settings)?.await });
        couriers.stop();
        housekeeper.stop();
        served.map_err(Error::Serve)
    }
}

/// The thread that keeps house every [`TICK`].
pub struct Housekeeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Housekeeper {
    /// Start keeping house.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(engine: Arc<Engine>) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("housekeeper".into()).spawn(move || {
            let mut wait = TICK;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = match engine.keep_house() {
                    // Between two batches others get their turn.
                    Ok(true) => TICK / 100,
                    Ok(false) | Err(engine::Error::Seal(seal::Error::Sealed)) => TICK,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "housekeeping failed");
                        TICK
                    }
                };
            }
            // What is known of time goes down with the ship, in good order.
            drop(engine.keep_house());
        })?;
        Ok(Self { stop, thread })
    }

    /// Keep house once more, and stop.
    pub fn stop(self) {
        drop(self.stop);
        drop(self.thread.join());
    }
}
