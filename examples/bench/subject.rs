//! A server under measurement: its data, its process, and the requests it gets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use countersign::app;
use countersign::engine::{Access, Engine};
use countersign::entropy::SystemEntropy;
use countersign::factor::otp::{Algorithm, Digits};
use countersign::factor::totp::{Authenticator, Parameters, code_of, step_at};
use countersign::id::{EntityId, MethodId};
use countersign::model::enrolment::{self, Enrolment};
use countersign::model::entity::Entity;
use countersign::model::method::{Method, Settings, Totp};
use countersign::model::namespace::Scope;
use countersign::seal::key_file;
use countersign::secret::Secret;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::{Tx, tables};
use countersign::time::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::load::Workload;

const METHOD: &str = "00000000-0000-4000-8000-000000000000";
const TOKEN: &str = "bench-root";
/// A step that does not end while we measure.
const PERIOD_SECS: u32 = 86_400;
/// Enrolments stored in one job.
const BATCH: usize = 1_000;
/// Entities that have no secret yet.
const BARE_ENTITIES: usize = 20_000;

/// The two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Countersign,
    Ideal,
}

/// A server that has been given its enrolments.
pub(crate) struct Subject {
    kind: Kind,
    name: String,
    program: PathBuf,
    /// The data as prepared, never served from.
    pristine: PathBuf,
    /// The copy that is served.
    served: PathBuf,
    enrolments: usize,
    /// Enrolments whose present code has been used in the served copy, whose failure was counted, and entities that got a secret.
    used: [usize; 3],
    process: Option<Child>,
    address: SocketAddr,
    start_ms: f64,
    idle_kib: u64,
}

/// What a server is like when nobody asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) start_ms: f64,
    pub(crate) anonymous_kib: u64,
}

impl Subject {
    /// A server of this kind with so many enrolments, prepared and started.
    pub(crate) fn prepare(kind: Kind, programs: &Path, scratch: &Path, enrolments: usize) -> Self {
        let (name, program) = match kind {
            Kind::Countersign => (format!("countersign, {enrolments}"), programs.join("countersign")),
            Kind::Ideal => (format!("ideal, {enrolments}"), programs.join("examples/ideal")),
        };
        let place = scratch.join(name.replace(", ", "-"));
        let (pristine, served) = (place.join("pristine"), place.join("served"));
        if !pristine.exists() {
            std::fs::create_dir_all(&pristine).expect("a place for the data");
            if kind == Kind::Countersign {
                fill(&pristine, enrolments);
            }
        }
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut subject = Self {
            kind,
            name,
            program,
            pristine,
            served,
            enrolments,
            used: [0; 3],
            process: None,
            address,
            start_ms: 0.0,
            idle_kib: 0,
        };
        if kind == Kind::Ideal {
            subject.fill_ideal();
        }
        subject.restart();
        subject
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn idle(&self) -> Idle {
        Idle { start_ms: self.start_ms, anonymous_kib: self.idle_kib }
    }

    /// The ideal server fills its own database when it first starts.
    fn fill_ideal(&mut self) {
        self.start(&self.pristine.clone());
        self.stop();
    }

    /// Serve a fresh copy of the data, read once so that it is warm.
    pub(crate) fn restart(&mut self) {
        self.stop();
        if self.served.exists() {
            std::fs::remove_dir_all(&self.served).expect("the old copy goes");
        }
        let copied = Command::new("cp").args(["-a", "--reflink=auto"]).arg(&self.pristine).arg(&self.served).status();
        assert!(copied.expect("cp runs").success(), "the data are copied");
        // What is still to be written of the copy would be waited for by the server's first commits.
        let written = Command::new("sync").arg("--file-system").arg(&self.served).status();
        assert!(written.expect("sync runs").success(), "the copy is on the disk");
        self.used = [0; 3];
        self.start(&self.served.clone());
    }

    fn start(&mut self, data: &Path) {
        self.address = free_address();
        let listen = self.address.to_string();
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Countersign => {
                command
                    .args(["server", "--dev", "--dev-root-token-id", TOKEN, "--listen", &listen, "--data"])
                    .arg(data);
                command.env("COUNTERSIGN_LOG", "error");
            }
            Kind::Ideal => {
                command.args(["--listen", &listen, "--enrolments", &self.enrolments.to_string(), "--data"]).arg(data);
            }
        }
        let started = SystemClock.now();
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        self.process = Some(process);
        // Filling a million rows takes the ideal server minutes; an answer from a filled one takes milliseconds.
        for _ in 0..600_000 {
            if answers(self.address) {
                self.start_ms = SystemClock.now().since(started).as_secs_f64() * 1e3;
                self.rest();
                self.idle_kib = self.anonymous_kib();
                return;
            }
            pause(Duration::from_millis(1));
        }
        panic!("{} does not answer", self.name);
    }

    /// Wait until what a server does in the background when it starts is done.
    fn rest(&self) {
        let mut used = self.cpu_seconds();
        for _ in 0..100 {
            pause(Duration::from_millis(50));
            let now_used = self.cpu_seconds();
            if now_used - used < 1e-3 {
                return;
            }
            used = now_used;
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let told = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
            drop(told);
            drop(process.wait());
        }
    }

    /// Requests of a workload, each for another enrolment, written out as bytes; at most so many.
    pub(crate) fn requests(&mut self, workload: Workload, most: usize) -> Vec<Vec<u8>> {
        let (slot, there) = match workload {
            Workload::Right => (0, self.enrolments),
            Workload::Wrong => (1, self.enrolments),
            Workload::AdminGenerate => (2, BARE_ENTITIES),
            Workload::TokenLookup => return vec![get("auth/token/lookup-self"); most],
        };
        let most = if workload == Workload::AdminGenerate { most.min(1_000) } else { most.min(there) };
        if self.used.get(slot).is_none_or(|used| used + most > there) {
            self.restart();
        }
        let first = self.used.get(slot).copied().unwrap_or_default();
        if let Some(used) = self.used.get_mut(slot) {
            *used += most;
        }
        (first..first + most).map(|n| request(workload, n)).collect()
    }

    /// CPU seconds, of user and system, that the process's threads have used so far, to the nanosecond.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process_id())).into_iter().flatten().flatten();
        let nanoseconds = threads.filter_map(|thread| {
            let used = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            used.split(' ').next()?.parse::<f64>().ok()
        });
        let seconds = nanoseconds.sum::<f64>() / 1e9;
        assert!(seconds > 0.0, "the kernel tells how long a thread has run");
        seconds
    }

    fn anonymous_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
    }

    fn process_id(&self) -> u32 {
        self.process.as_ref().map(Child::id).unwrap_or_default()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.stop();
    }
}

fn pause(span: Duration) {
    #[expect(clippy::disallowed_methods, reason = "waiting for another process to listen")]
    std::thread::sleep(span);
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn answers(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let asked = stream.write_all(b"GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

fn request(workload: Workload, n: usize) -> Vec<u8> {
    let authenticator = authenticator(n);
    let step = step_at(SystemClock.now(), authenticator.parameters.period_secs);
    let right = code_of(&authenticator, step);
    match workload {
        Workload::Right => validate(n, right.expose()),
        Workload::Wrong => {
            let near: Vec<_> = [step.back(1), step, step.forward(1)].map(|step| code_of(&authenticator, step)).into();
            let wrong = (0..9).map(|n| format!("{n:06}")).find(|code| !near.iter().any(|near| near.expose() == code));
            validate(n, &wrong.expect("three codes cannot be nine"))
        }
        Workload::AdminGenerate => post(
            "identity/mfa/method/totp/admin-generate",
            &format!(r#"{{"method_id":"{METHOD}","entity_id":"bare-{n}"}}"#),
        ),
        Workload::TokenLookup => get("auth/token/lookup-self"),
    }
}

fn validate(n: usize, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"method_id":"{METHOD}","entity_id":"bench-{n}","passcode":"{code}"}}"#);
    post("identity/mfa/validate", &body)
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/{path} HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET /v1/{path} HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: {TOKEN}\r\n\r\n").into_bytes()
}

fn parameters() -> Parameters {
    let period_secs = PERIOD_SECS.try_into().expect("a day is not zero");
    Parameters { algorithm: Algorithm::Sha1, digits: Digits::Six, period_secs, skew: 1 }
}

/// The authenticator number `n`, with the seed that every program of this benchmark gives it.
fn authenticator(n: usize) -> Authenticator {
    let hash: [u8; 32] = Sha256::digest(format!("bench seed {n}")).into();
    let seed = hash.first_chunk::<20>().expect("a hash is longer than a seed").to_vec();
    Authenticator { parameters: parameters(), seed: Secret::new(seed) }
}

/// Store a method, `enrolments` entities with an authenticator each, and some without: a thousand to a job.
fn fill(data: &Path, enrolments: usize) {
    let store = Sqlite::open(&data.join("countersign.db"), tables::ALL, Options::default()).expect("a new store");
    let engine = Engine::new(Arc::new(store), Arc::new(SystemClock), Arc::new(SystemEntropy));
    let key = key_file::create(&data.join("unseal.key"), &SystemEntropy).expect("a key file");
    app::initialise(&engine, &key).expect("a keyring");
    engine.unseal(&key).expect("an open seal");
    let access = engine.access().expect("an open seal");
    let write = |first: usize, count: usize, name: &'static str| {
        let access = access.clone();
        let job = move |tx: &mut dyn Tx| (first..first + count).try_for_each(|n| put(tx, &access, name, n));
        engine.store.write(engine.now(), job).wait().expect("a batch is stored");
    };
    let method = access.clone();
    let job = move |tx: &mut dyn Tx| tables::METHODS.put(tx, &method, &the_method());
    engine.store.write::<_, countersign::storage::Error>(engine.now(), job).wait().expect("the method is stored");
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("a template");
    let bar = ProgressBar::new(enrolments as u64).with_style(style).with_message("enrolments");
    for first in (0..enrolments).step_by(BATCH) {
        let count = BATCH.min(enrolments - first);
        write(first, count, "bench");
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    for first in (0..BARE_ENTITIES).step_by(BATCH) {
        write(first, BATCH, "bare");
    }
}

fn the_method() -> Method {
    let settings = Totp {
        issuer: "bench".into(),
        parameters: parameters(),
        key_size: 20,
        qr_size: 200,
        max_validation_attempts: 5,
        self_enrolment: false,
        max_enrolments: 1,
    };
    Method {
        id: MethodId::new(METHOD),
        scope: Scope::root(),
        name: String::new(),
        settings: Settings::Totp(settings),
        is_default: false,
    }
}

fn put(tx: &mut dyn Tx, access: &Access, name: &str, n: usize) -> Result<(), countersign::storage::Error> {
    let now = tx.now();
    let id = EntityId::new(format!("{name}-{n}"));
    let entity = Entity::new(id.clone(), Scope::root(), format!("{name} {n}"), now);
    tables::ENTITIES.put(tx, access, &entity)?;
    if name != "bench" {
        return Ok(());
    }
    let authenticator = enrolment::Authenticator::Totp(authenticator(n));
    let method = MethodId::new(METHOD);
    let enrolment = Enrolment {
        entity: id,
        scope: Scope::root(),
        suspended: false,
        method,
        authenticators: vec![enrolment::Bound {
            number: 0,
            label: String::new(),
            authenticator,
            standing: enrolment::Standing::Counting,
            created_at: now,
            confirmed_at: None,
            last_used_at: None,
        }],
        next_number: 1,
    };
    tables::ENROLMENTS.put(tx, access, &enrolment)
}
