//! This machine's own limit: a server that does nothing but HTTP, one `SELECT` among N sealed rows, AES-GCM, TOTP, and a grouped durable record of
//! the used step. No caller, no policy, no limits: what a validation cannot do without, written as fast as is reasonable. Not for use.
//!
//! `ideal --listen ADDRESS --data DIR --enrolments N`

#![expect(clippy::expect_used, reason = "a measuring tool stops at the first surprise")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use actix_web::{App, HttpResponse, HttpServer, web};
use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use clap::Parser;
use countersign::time::{Clock, SystemClock};
use rusqlite::{Connection, OpenFlags, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    listen: String,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    enrolments: usize,
}

const PERIOD: u64 = 86_400;

#[derive(Deserialize)]
struct Question {
    method_id: String,
    entity_id: String,
    passcode: String,
}

#[derive(Serialize)]
struct Validity<'a> {
    valid: bool,
    entity_id: &'a str,
    method_id: &'a str,
}

#[derive(Serialize)]
struct Reply<'a> {
    data: Validity<'a>,
}

struct Shared {
    database: PathBuf,
    cipher: Aes256Gcm,
    writer: Sender<Claim>,
}

/// A used step, and who waits to hear whether it was new.
struct Claim {
    id: Vec<u8>,
    answer: oneshot::Sender<bool>,
}

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

fn key_of(entity: &str) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(entity).into();
    *hash.first_chunk().expect("a hash is longer than a key")
}

/// The seed of the enrolment number `n`, the same for every program of this benchmark.
fn seed(n: usize) -> [u8; 20] {
    let hash: [u8; 32] = Sha256::digest(format!("bench seed {n}")).into();
    *hash.first_chunk().expect("a hash is longer than a seed")
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("the database opens");
    connection.pragma_update(None, "journal_mode", "WAL").expect("a log");
    connection.pragma_update(None, "synchronous", "FULL").expect("durability");
    connection.set_prepared_statement_cache_capacity(32);
    connection
}

fn load(connection: &mut Connection, cipher: &Aes256Gcm, enrolments: usize) {
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS enrolment (id BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS spent (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;",
        )
        .expect("tables");
    let there: i64 = connection.query_row("SELECT COUNT(*) FROM enrolment", [], |row| row.get(0)).expect("a count");
    if there > 0 {
        return;
    }
    let tx = connection.transaction().expect("a transaction");
    for n in 0..enrolments {
        let id = key_of(&format!("bench-{n}"));
        let hash: [u8; 32] = Sha256::digest(id).into();
        let nonce: [u8; 12] = *hash.first_chunk().expect("a hash is longer than a nonce");
        let mut body = nonce.to_vec();
        body.extend(cipher.encrypt(&Nonce::from(nonce), seed(n).as_slice()).expect("sealing"));
        tx.prepare_cached("INSERT INTO enrolment (id, body) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![id, body]))
            .expect("an insert");
    }
    tx.commit().expect("a commit");
}

/// Record what waits, together, and then answer.
fn write(connection: &Connection, claims: &Receiver<Claim>) {
    while let Ok(first) = claims.recv() {
        let mut batch = vec![first];
        batch.extend(claims.try_iter().take(511));
        connection.execute_batch("BEGIN IMMEDIATE").expect("a beginning");
        let mut answers = Vec::with_capacity(batch.len());
        for Claim { id, answer } in batch {
            let new = connection
                .prepare_cached("INSERT OR IGNORE INTO spent (id) VALUES (?1)")
                .and_then(|mut insert| insert.execute(params![id]))
                .expect("an insert");
            answers.push((answer, new > 0));
        }
        connection.execute_batch("COMMIT").expect("a commit");
        for (answer, new) in answers {
            // Who went away no longer wants to know.
            answer.send(new).unwrap_or_default();
        }
    }
}

fn stored_seed(shared: &Shared, id: [u8; 16]) -> Option<Vec<u8>> {
    let body = READER.with_borrow_mut(|reader| {
        let connection = reader.get_or_insert_with(|| {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&shared.database, flags).expect("a reader");
            connection.pragma_update(None, "mmap_size", 1_i64 << 30).expect("a map");
            connection
        });
        connection
            .prepare_cached("SELECT body FROM enrolment WHERE id = ?1")
            .and_then(|mut select| select.query_row(params![id], |row| row.get::<_, Vec<u8>>(0)))
            .ok()
    })?;
    let (nonce, sealed) = body.split_first_chunk::<12>()?;
    shared.cipher.decrypt(&Nonce::from(*nonce), sealed).ok()
}

async fn validate(shared: web::Data<Shared>, question: web::Json<Question>) -> HttpResponse {
    let refuse = || HttpResponse::Forbidden().json(serde_json::json!({ "errors": ["refused"] }));
    let id = key_of(&question.entity_id);
    let Some(seed) = stored_seed(&shared, id) else { return refuse() };
    let totp = totp_rs::Builder::new()
        .with_secret(totp_rs::Secret::new(seed.into()))
        .with_step_duration(PERIOD)
        .with_skew(1)
        .build_noncompliant();
    let Some(step) = totp.check(&question.passcode, SystemClock.now().as_secs()) else { return refuse() };
    let (answer, new) = oneshot::channel();
    let claim = Claim { id: [&step.to_be_bytes()[..], &id].concat(), answer };
    if shared.writer.send(claim).is_err() || new.await != Ok(true) {
        return refuse();
    }
    let data = Validity { valid: true, entity_id: &question.entity_id, method_id: &question.method_id };
    HttpResponse::Ok().json(Reply { data })
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().finish()
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.data)?;
    let database = arguments.data.join("ideal.db");
    let cipher = Aes256Gcm::new(&[7; 32].into());
    let mut connection = open(&database);
    load(&mut connection, &cipher, arguments.enrolments);
    let (writer, claims) = channel();
    std::thread::spawn(move || write(&connection, &claims));
    let shared = web::Data::new(Shared { database, cipher, writer });
    actix_web::rt::System::new().block_on(
        HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/v1/identity/mfa/validate", web::post().to(validate))
                .route("/v1/sys/health", web::get().to(health))
        })
        .bind(&arguments.listen)?
        .run(),
    )
}
