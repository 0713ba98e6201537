//! A whole server in this process, on a free port, with a clock that stands still and chance that repeats; and a client that sends bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign::app;
use countersign::config::Settings;
use countersign::delivery::gateway::Gateway;
use countersign::engine::Engine;
use countersign::entropy::SeededEntropy;
use countersign::factor::otp::{Algorithm, Digits};
use countersign::factor::totp::{Authenticator, Parameters, code_of, step_at};
use countersign::secret::Secret;
use countersign::server;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::{Store, tables};
use countersign::time::{ManualClock, Timestamp};
use serde_json::{Value, json};

/// Where the clock stands when a server starts: in the middle of a step of 30 seconds.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_015);

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<ManualClock>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A fresh server with a store in memory.
    pub(crate) fn start() -> Self {
        Self::over(Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap()), Settings::default())
    }

    /// A fresh server over `store`.
    pub(crate) fn over(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self::with(store, settings, |engine| engine)
    }

    /// A fresh server that asks providers through `gateway`.
    pub(crate) fn asking(gateway: Arc<dyn Gateway>) -> Self {
        Self::equipped(|engine| engine.with_gateway(gateway))
    }

    /// A fresh server with an engine that is equipped so.
    pub(crate) fn equipped(equip: impl FnOnce(Engine) -> Engine) -> Self {
        let store = Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap());
        Self::with(store, Settings::default(), equip)
    }

    /// A fresh server that holds back the answers to repeated wrong ones in steps of this length.
    pub(crate) fn pausing(pause_step: Duration) -> Self {
        Self::equipped(|engine| Engine { pause_step, ..engine })
    }

    pub(crate) fn with(store: Arc<dyn Store>, settings: Settings, equip: impl FnOnce(Engine) -> Engine) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let mut engine = Engine::new(store, clock.clone(), Arc::new(SeededEntropy::new(1)));
        // Nobody waits for a test's wrong answers.
        engine.pause_step = Duration::ZERO;
        let engine = Arc::new(equip(engine));
        let key = Secret::new([7; 32]);
        app::initialise(&engine, &key).unwrap();
        engine.unseal(&key).unwrap();
        app::ensure_root(&engine, &Secret::new("root".into())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, handle) = std::sync::mpsc::channel();
        let served = engine.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let settings = Settings { workers: 2, shutdown_timeout: Duration::ZERO, ..settings };
                let server = server::start(&served, listener, &settings).unwrap();
                send.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { address, engine, clock, handle: handle.recv().unwrap(), thread: Some(thread) }
    }

    /// Send a request as root, in the root namespace.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(method, path, &[("X-Vault-Token", "root")], &body.to_string())
    }

    /// Send a request with these headers.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        ask(self.address, method, path, headers, body)
    }

    /// Send bytes, and read what comes back until the server closes: an answer, or nothing that is one.
    pub(crate) fn send(&self, bytes: &[u8]) -> Option<Answer> {
        send(self.address, bytes)
    }

    /// An entity with a TOTP authenticator, under a method with these settings.
    pub(crate) fn enrol(&self, settings: &Value) -> Enrolled {
        let method = self.call("POST", "identity/mfa/method/totp", settings).text("data.method_id");
        let entity = self.call("POST", "identity/entity", &json!({})).text("data.id");
        self.generate(&method, &entity)
    }

    /// Another authenticator.
    pub(crate) fn generate(&self, method: &str, entity: &str) -> Enrolled {
        let asked = json!({ "method_id": method, "entity_id": entity });
        let url = self.call("POST", "identity/mfa/method/totp/admin-generate", &asked).text("data.url");
        Enrolled { method: method.into(), entity: entity.into(), authenticator: authenticator(&url) }
    }

    /// Let an application ask whether `passcode` proves `who`.
    pub(crate) fn validate(&self, who: &Enrolled, passcode: &str) -> Answer {
        let question = json!({ "method_id": who.method, "entity_id": who.entity, "passcode": passcode });
        self.call("POST", "identity/mfa/validate", &question)
    }

    /// The code that `who` shows now, or so many steps from now.
    pub(crate) fn code(&self, who: &Enrolled, steps: i64) -> String {
        code_at(&who.authenticator, countersign::time::Clock::now(&*self.clock), steps)
    }

    /// A code that is wrong now and for a while.
    pub(crate) fn wrong(&self, who: &Enrolled) -> String {
        let near: Vec<String> = (-3..=3).map(|steps| self.code(who, steps)).collect();
        (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Send a request to whoever listens at `address`.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    let length = body.len();
    // A path of another dialect than Vault's is whole.
    let base = if path.starts_with('/') { "" } else { "/v1/" };
    let head = format!(
        "{method} {base}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}"
    );
    let request = [&head, "\r\n", body].concat();
    send(address, request.as_bytes()).expect("an answer")
}

fn send(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    // A server that has seen enough may close before it has read all; what it answered is still there to be read.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::parse(&String::from_utf8_lossy(&answer))
}

/// Who is enrolled, and what is in their pocket.
pub(crate) struct Enrolled {
    pub(crate) method: String,
    pub(crate) entity: String,
    pub(crate) authenticator: Authenticator,
}

/// The code of `authenticator` so many steps from `now`.
pub(crate) fn code_at(authenticator: &Authenticator, now: Timestamp, steps: i64) -> String {
    let present = step_at(now, authenticator.parameters.period_secs);
    let step = if steps < 0 { present.back(steps.unsigned_abs()) } else { present.forward(steps.unsigned_abs()) };
    code_of(authenticator, step).expose().clone()
}

/// What an authenticator app makes of a key URI: what that does not say is as apps take for granted.
pub(crate) fn authenticator(url: &str) -> Authenticator {
    let query = url.split_once('?').expect("a key URI").1;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let parameters = Parameters {
        algorithm: Algorithm::parse(value("algorithm").unwrap_or("SHA1")).unwrap(),
        digits: Digits::try_from(value("digits").unwrap_or("6").parse::<u8>().unwrap()).unwrap(),
        period_secs: value("period").unwrap_or("30").parse().unwrap(),
        skew: 1,
    };
    let seed = data_encoding::BASE32_NOPAD.decode(value("secret").expect("a secret").as_bytes()).unwrap();
    Authenticator { parameters, seed: Secret::new(seed) }
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    fn parse(answer: &str) -> Option<Self> {
        let (head, text) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        assert!(!chunked, "answers have a length");
        Some(Self {
            status,
            head: head.into(),
            text: text.into(),
            body: serde_json::from_str(text).unwrap_or(Value::Null),
        })
    }

    /// The member at a dotted path.
    pub(crate) fn at(&self, path: &str) -> &Value {
        path.split('.').fold(&self.body, |value, key| match key.parse::<usize>() {
            Ok(at) => &value[at],
            Err(_) => &value[key],
        })
    }

    /// The text at a dotted path.
    pub(crate) fn text(&self, path: &str) -> String {
        self.at(path).as_str().unwrap_or_else(|| panic!("no text at {path} in {self:?}")).to_owned()
    }

    /// The first error.
    pub(crate) fn error(&self) -> String {
        self.text("errors.0")
    }
}
