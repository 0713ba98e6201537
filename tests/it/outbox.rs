//! The outbox: what is committed is sent, once, by whatever carrier, through failures, kills and restarts.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use countersign::app::{self, Couriers};
use countersign::delivery::carrier::webhook::{Form, Reach};
use countersign::delivery::carrier::{Carriers, Provider, twilio, webhook};
use countersign::engine::Engine;
use countersign::engine::outbox::{Enqueued, announce, enqueue};
use countersign::engine::sending::{LEASE, Round, round};
use countersign::entropy::{Entropy, SeededEntropy, SystemEntropy};
use countersign::id::EntityId;
use countersign::model::contact::Channel;
use countersign::model::message::Message;
use countersign::model::namespace::Scope;
use countersign::secret::Secret;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::{Store, tables};
use countersign::time::{Clock, ManualClock, SystemClock, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stand_in::{Asked, Says, StandIn};
use crate::support::START;

const KEY: [u8; 32] = [7; 32];

/// An unsealed engine over `store`, new or not.
pub(crate) fn engine(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Arc<Engine> {
    let engine = Engine::new(store, clock, entropy);
    if engine.unseal(&Secret::new(KEY)).is_err() {
        app::initialise(&engine, &Secret::new(KEY)).unwrap();
        engine.unseal(&Secret::new(KEY)).unwrap();
    }
    Arc::new(engine)
}

/// A post office with nobody in it: rounds are gone when a test says so.
struct Office {
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
}

impl Office {
    fn open() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let store = Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap());
        Self { engine: engine(store, clock.clone(), Arc::new(SeededEntropy::new(3))), clock }
    }

    fn post(&self, channel: Channel, to: &str) -> Message {
        let message = message(&self.engine, channel, to);
        assert_eq!(post(&self.engine, &message), Enqueued::Queued);
        message
    }

    /// Rounds until there is nothing due; how many messages they dealt with, and when there is more.
    fn send(&self, carriers: &Carriers) -> (usize, Option<Timestamp>) {
        let mut dealt = 0;
        loop {
            match round(&self.engine, carriers).unwrap() {
                Round::One | Round::Uncarried => dealt += 1,
                Round::Idle(until) => return (dealt, until),
            }
        }
    }
}

/// A message that is worth sending for five minutes.
pub(crate) fn message(engine: &Engine, channel: Channel, to: &str) -> Message {
    let now = engine.now();
    Message {
        id: data_encoding::HEXLOWER.encode(&engine.entropy.bytes::<16>()),
        channel,
        to: Secret::new(to.into()),
        subject: "Your code".into(),
        text: Secret::new("It is 123456.".into()),
        code: Secret::new("123456".into()),
        entity: EntityId::new("ann"),
        scope: Scope::root(),
        created_at: now,
        expires_at: now.plus(Duration::from_mins(5)),
        attempts: 0,
        next_at: now,
    }
}

/// Commit `message` to the outbox.
pub(crate) fn post(engine: &Engine, message: &Message) -> Enqueued {
    let (access, costs, posted) = (engine.access().unwrap(), engine.costs.clone(), message.clone());
    let job = move |tx: &mut dyn countersign::storage::Tx| enqueue(tx, &access, &costs, &posted);
    let enqueued = engine.store.write(engine.now(), job).wait().unwrap();
    announce(engine, enqueued, message);
    enqueued
}

/// Who posts what is sent over `channel` to the stand-in.
fn hook(stand_in: &StandIn, channel: Channel, form: Form) -> Carriers {
    hook_at(stand_in.port, stand_in.authority.clone(), channel, form)
}

fn hook_at(port: u16, authority: Vec<u8>, channel: Channel, form: Form) -> Carriers {
    let settings = webhook::Settings {
        url: format!("https://localhost:{port}/messages"),
        key: Secret::new("signing key".into()),
        form,
        reach: Reach::Anywhere,
    };
    Carriers::trusting(vec![authority]).with(channel, &Provider::Webhook(settings)).unwrap()
}

fn folder(path: &Path) -> Carriers {
    let provider = Provider::Folder(path.to_owned());
    let carriers = Carriers::default().with(Channel::Sms, &provider).unwrap();
    carriers.with(Channel::Email, &provider).unwrap()
}

/// What lies in a folder, by name.
fn files(path: &Path) -> Vec<String> {
    let listed = std::fs::read_dir(path).map(|dir| dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    let mut names: Vec<String> = listed.map(Iterator::collect).unwrap_or_default();
    names.sort();
    names
}

fn ok() -> Says {
    Says::This(200, "{}".into())
}

fn keys(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.header("idempotency-key")).collect()
}

#[test]
fn a_message_in_the_folder_is_one_file_of_its_owners_and_a_copy_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox");
    let office = Office::open();
    let message = office.post(Channel::Sms, "+41 79 123 45 67");
    assert_eq!(office.send(&folder(&path)), (1, None));
    let name = format!("{}.json", message.id);
    assert_eq!(files(&path), std::slice::from_ref(&name));
    let file = path.join(&name);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let letter: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let text = "It is 123456.";
    let expected =
        json!({ "channel": "sms", "to": "+41791234567", "subject": "Your code", "text": text, "code": "123456" });
    assert_eq!(letter, expected);
    assert_eq!(post(&office.engine, &message), Enqueued::Queued);
    assert_eq!(office.send(&folder(&path)), (1, None));
    assert_eq!(files(&path), [name]);
    let climbing = Message { id: "../../escaped".into(), ..message };
    assert_eq!(post(&office.engine, &climbing), Enqueued::Queued);
    assert_eq!(office.send(&folder(&path)), (1, None), "it is refused for good");
    assert_eq!(files(&path).len(), 1);
    assert_eq!(files(dir.path()), ["outbox"]);
}

#[test]
fn a_webhook_is_told_what_is_sent_under_a_signature_of_time_and_body() {
    let stand_in = StandIn::start("localhost", |_| ok());
    let office = Office::open();
    let message = office.post(Channel::Email, "ann@example.org");
    assert_eq!(office.send(&hook(&stand_in, Channel::Email, Form::Own)), (1, None));
    let asked = stand_in.asked();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/messages"));
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("idempotency-key"), message.id);
    assert_eq!(asked.header("countersign-signature"), signature("signing key", START, &asked.body));
    assert_ne!(asked.header("countersign-signature"), signature("another key", START, &asked.body));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        body,
        json!({
            "id": message.id, "channel": "email", "to": "ann@example.org", "subject": "Your code", "text": "It is 123456.", "code": "123456",
            "entity": "ann", "namespace": "", "created_at": START.to_string(), "expires_at": START.plus(Duration::from_mins(5)).to_string(),
        })
    );
}

#[test]
fn a_receiver_written_for_zitadels_providers_finds_what_it_reads() {
    let stand_in = StandIn::start("localhost", |_| ok());
    let office = Office::open();
    office.post(Channel::Sms, "+41791234567");
    assert_eq!(office.send(&hook(&stand_in, Channel::Sms, Form::Zitadel)), (1, None));
    let asked = stand_in.asked();
    assert_eq!(asked[0].header("zitadel-signature"), signature("signing key", START, &asked[0].body));
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(body["contextInfo"]["recipientPhoneNumber"], "+41791234567");
    assert_eq!(body["contextInfo"]["eventType"], "session.otp.sms.challenged");
    assert_eq!(body["templateData"]["text"], "It is 123456.");
    assert_eq!((&body["args"]["code"], &body["args"]["otp"]), (&json!("123456"), &json!("123456")));
}

fn signature(key: &str, now: Timestamp, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{}.{body}", now.as_secs()).as_bytes());
    let digest = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    format!("t={},v1={digest}", now.as_secs())
}

fn account(stand_in: &StandIn, authorities: Vec<Vec<u8>>) -> Carriers {
    let settings =
        twilio::Settings { sid: "AC0123".into(), token: Secret::new("t:ken".into()), from: "+15005550006".into() };
    let carriers = Carriers::trusting(authorities).with_twilio_at(format!("https://localhost:{}", stand_in.port));
    carriers.with(Channel::Sms, &Provider::Twilio(settings)).unwrap()
}

#[test]
fn twilio_gets_a_form_from_whoever_has_the_token() {
    let stand_in = StandIn::start("localhost", |_| Says::This(201, r#"{"sid":"SM1"}"#.into()));
    let office = Office::open();
    office.post(Channel::Sms, "+41791234567");
    assert_eq!(office.send(&account(&stand_in, vec![stand_in.authority.clone()])), (1, None));
    let asked = stand_in.asked();
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/2010-04-01/Accounts/AC0123/Messages.json"));
    let credentials = base64::engine::general_purpose::STANDARD.encode("AC0123:t:ken");
    assert_eq!(asked.header("authorization"), format!("Basic {credentials}"));
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked.body, "To=%2B41791234567&From=%2B15005550006&Body=It+is+123456.");
}

#[test]
fn nothing_is_told_to_who_is_not_who_they_say() {
    let stand_in = StandIn::start("localhost", |_| ok());
    let office = Office::open();
    office.post(Channel::Sms, "+41791234567");
    let (dealt, until) = office.send(&account(&stand_in, Vec::new()));
    assert_eq!(dealt, 1);
    assert!(until.is_some(), "it waits for better times");
    assert!(stand_in.asked().is_empty());
    let imposter = StandIn::certified("localhost", "elsewhere.example", |_| ok());
    office.clock.advance(Duration::from_secs(2));
    assert_eq!(office.send(&account(&imposter, vec![imposter.authority.clone()])).0, 1);
    assert!(imposter.asked().is_empty());
}

#[test]
fn what_is_not_taken_is_tried_again_ever_later_with_the_same_id() {
    let answers = Mutex::new(vec![ok(), Says::HangsUp, Says::This(503, String::new()), Says::This(429, String::new())]);
    let stand_in = StandIn::start("localhost", move |_| answers.lock().unwrap().pop().unwrap());
    let carriers = hook(&stand_in, Channel::Email, Form::Own);
    let office = Office::open();
    let message = office.post(Channel::Email, "ann@example.org");
    let mut pauses = Vec::new();
    for tried in 1..=3 {
        let (dealt, until) = office.send(&carriers);
        assert_eq!((dealt, stand_in.asked().len()), (1, tried));
        let now = office.clock.now();
        let pause = until.unwrap().since(now);
        pauses.push(pause);
        office.clock.set(now.plus(pause).minus(Duration::from_millis(1)));
        assert_eq!(office.send(&carriers).0, 0, "not before it is time");
        office.clock.advance(Duration::from_millis(1));
    }
    let about = |pause: Duration, secs: u64| {
        pause >= Duration::from_millis(secs * 500) && pause < Duration::from_millis(secs * 1500)
    };
    assert!(about(pauses[0], 1) && about(pauses[1], 2) && about(pauses[2], 4), "{pauses:?}");
    assert_eq!(office.send(&carriers), (1, None));
    assert_eq!(keys(&stand_in.asked()), [message.id.as_str(); 4]);
    office.clock.advance(Duration::from_mins(4));
    assert_eq!(office.send(&carriers), (0, None), "what was taken is not sent again");
}

#[test]
fn what_is_refused_for_good_or_no_longer_worth_sending_is_not_tried_again() {
    let stand_in = StandIn::start("localhost", |_| Says::This(400, r#"{"code":21211}"#.into()));
    let office = Office::open();
    office.post(Channel::Sms, "+41791234567");
    let carriers = account(&stand_in, vec![stand_in.authority.clone()]);
    assert_eq!(office.send(&carriers), (1, None));
    assert_eq!(stand_in.asked().len(), 1);

    let down = StandIn::start("localhost", |_| Says::This(500, String::new()));
    let carriers = hook(&down, Channel::Email, Form::Own);
    office.post(Channel::Email, "ann@example.org");
    while let (_, Some(until)) = office.send(&carriers) {
        office.clock.set(until);
    }
    assert!(office.clock.now() < START.plus(Duration::from_mins(5)));
    assert!((6..20).contains(&down.asked().len()), "{}", down.asked().len());

    office.post(Channel::Email, "ann@example.org");
    office.clock.advance(Duration::from_mins(5));
    let tried = down.asked().len();
    assert_eq!(office.send(&carriers), (0, None), "a code that is no longer good is not sent");
    assert_eq!(down.asked().len(), tried);
}

#[test]
fn what_nobody_carries_waits_for_somebody_who_does() {
    let dir = tempfile::tempdir().unwrap();
    let office = Office::open();
    office.post(Channel::Sms, "+41791234567");
    let (dealt, until) = office.send(&Carriers::default());
    assert_eq!(dealt, 1);
    office.clock.set(until.unwrap());
    assert_eq!(office.send(&folder(dir.path())), (1, None));
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn a_stored_provider_carries_in_place_of_a_configured_one() {
    let dir = tempfile::tempdir().unwrap();
    let office = Office::open();
    let carriers = folder(&dir.path().join("configured"));
    let stored = Provider::Folder(dir.path().join("stored"));
    let message = message(&office.engine, Channel::Sms, "+41791234567");
    let carry = |stored: Option<&Provider>| {
        let carrier = carriers.of(Channel::Sms, stored).unwrap().unwrap();
        carrier.carry(&message, START).unwrap();
    };
    carry(Some(&stored));
    assert_eq!(files(dir.path()), ["stored"]);
    carry(None);
    assert_eq!(files(dir.path()), ["configured", "stored"]);
}

#[test]
fn many_couriers_send_each_message_once() {
    let stand_in = StandIn::start("localhost", |_| ok());
    let office = Office::open();
    let mut posted: Vec<String> = (0..40).map(|_| office.post(Channel::Email, "ann@example.org").id).collect();
    let carriers = hook(&stand_in, Channel::Email, Form::Own);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| office.send(&carriers));
        }
    });
    let asked = stand_in.asked();
    let mut sent: Vec<&str> = keys(&asked);
    sent.sort_unstable();
    posted.sort_unstable();
    assert_eq!(sent, posted);
}

#[test]
fn nobody_takes_over_what_is_being_sent_before_its_lease_ends() {
    let (asks, asked) = channel();
    let (lets_go, held) = channel::<()>();
    let (asks, held) = (Mutex::new(asks), Mutex::new(Some(held)));
    let stand_in = StandIn::start("localhost", move |_| {
        let first = held.lock().unwrap().take();
        asks.lock().unwrap().send(()).unwrap();
        // The first one hangs until the test lets it go.
        first.map(|held| held.recv());
        ok()
    });
    let carriers = hook(&stand_in, Channel::Email, Form::Own);
    let office = Office::open();
    let message = office.post(Channel::Email, "ann@example.org");
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| round(&office.engine, &carriers).unwrap());
        asked.recv_timeout(Duration::from_mins(1)).unwrap();
        office.clock.set(START.plus(LEASE).minus(Duration::from_millis(1)));
        assert_eq!(office.send(&carriers).0, 0);
        office.clock.advance(Duration::from_millis(1));
        assert_eq!(office.send(&carriers), (1, None), "whoever had it is taken for dead");
        lets_go.send(()).unwrap();
        assert_eq!(slow.join().unwrap(), Round::One);
    });
    assert_eq!(keys(&stand_in.asked()), [message.id.as_str(); 2]);
    assert_eq!(office.send(&carriers), (0, None));
}

#[test]
fn what_is_due_is_sent_first_due_first_past_whatever_waits() {
    let office = Office::open();
    let stand_in = StandIn::start("localhost", |_| ok());
    let carriers = hook(&stand_in, Channel::Email, Form::Own);
    let at = |secs: u64| {
        let due = START.plus(Duration::from_secs(secs));
        let message = Message { next_at: due, ..message(&office.engine, Channel::Email, "ann@example.org") };
        assert_eq!(post(&office.engine, &message), Enqueued::Queued);
        message.id
    };
    let (late, early) = (at(20), at(10));
    for _ in 0..500 {
        at(200);
    }
    assert_eq!(office.send(&carriers), (0, Some(START.plus(Duration::from_secs(10)))));
    office.clock.advance(Duration::from_secs(30));
    assert_eq!(office.send(&carriers), (2, Some(START.plus(Duration::from_secs(200)))));
    assert_eq!(keys(&stand_in.asked()), [early, late]);
}

#[test]
fn the_database_tells_nothing_of_what_is_in_the_outbox() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(&dir.path().join("a.db"), tables::ALL, Options::default()).unwrap());
    let engine = engine(store, Arc::new(ManualClock::at(START)), Arc::new(SeededEntropy::new(4)));
    let message = message(&engine, Channel::Sms, "+41791234567");
    assert_eq!(post(&engine, &message), Enqueued::Queued);
    let bytes: Vec<u8> =
        files(dir.path()).iter().flat_map(|name| std::fs::read(dir.path().join(name)).unwrap()).collect();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("cost_tally") && has("due"), "the search finds what is there");
    for secret in ["41791234567", "4179123", "123456", "Your code", message.id.as_str()] {
        assert!(!has(secret), "{secret}");
    }
}

/// Tells a copy of this test program to be a victim: what of, and where its data is.
const VICTIM: &str = "COUNTERSIGN_TEST_VICTIM_OUTBOX";

fn victim(test: &str, what: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, what)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn told() -> Option<Vec<String>> {
    let told = std::env::vars().find(|(name, _)| name == VICTIM)?.1;
    Some(told.split('|').map(str::to_owned).collect())
}

fn real_engine(data: &Path) -> Arc<Engine> {
    let store = Arc::new(Sqlite::open(&data.join("a.db"), tables::ALL, Options::default()).unwrap());
    engine(store, Arc::new(SystemClock), Arc::new(SystemEntropy))
}

fn wait_to_be_killed() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_message_whose_server_is_killed_between_commit_and_delivery_is_sent_once_by_the_next() {
    if let Some(told) = told() {
        let [data, port, authority] = told.as_slice() else { panic!("{told:?}") };
        let engine = real_engine(Path::new(data));
        let authority = data_encoding::HEXLOWER.decode(authority.as_bytes()).unwrap();
        let carriers = hook_at(port.parse().unwrap(), authority, Channel::Email, Form::Own);
        let couriers = Couriers::start(&engine, carriers).unwrap();
        assert_eq!(post(&engine, &message(&engine, Channel::Email, "ann@example.org")), Enqueued::Queued);
        drop(couriers);
        wait_to_be_killed();
    }
    let (asks, asked) = channel();
    let asks = Mutex::new(asks);
    let is_up = Arc::<AtomicBool>::default();
    let up = is_up.clone();
    let stand_in = StandIn::start("localhost", move |_| {
        let says = if up.load(Ordering::SeqCst) { ok() } else { Says::Nothing };
        asks.lock().unwrap().send(()).unwrap();
        says
    });
    let dir = tempfile::tempdir().unwrap();
    let what = [
        dir.path().to_str().unwrap(),
        &stand_in.port.to_string(),
        &data_encoding::HEXLOWER.encode(&stand_in.authority),
    ];
    let test = "outbox::a_message_whose_server_is_killed_between_commit_and_delivery_is_sent_once_by_the_next";
    let mut victim = victim(test, &what.join("|"));
    // It is committed, claimed, and on the wire; nobody has said yes.
    asked.recv_timeout(Duration::from_mins(1)).unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();

    is_up.store(true, Ordering::SeqCst);
    let engine = real_engine(dir.path());
    let carriers = || hook(&stand_in, Channel::Email, Form::Own);
    let couriers = Couriers::start(&engine, carriers()).unwrap();
    // At once: nobody waits for the dead one's lease to end.
    asked.recv_timeout(LEASE / 2).unwrap();
    couriers.stop();
    drop(engine);
    let engine = real_engine(dir.path());
    assert_eq!(round(&engine, &carriers()).unwrap(), Round::Idle(None), "nothing is left");
    let asked = stand_in.asked();
    assert_eq!(asked.len(), 2, "once in vain, and once");
    assert_eq!(keys(&asked)[0], keys(&asked)[1]);
}

#[test]
fn every_acknowledged_message_is_one_file_after_a_kill_at_any_moment() {
    if let Some(told) = told() {
        let [data, outbox] = told.as_slice() else { panic!("{told:?}") };
        let engine = real_engine(Path::new(data));
        let _couriers = Couriers::start(&engine, folder(Path::new(outbox))).unwrap();
        loop {
            let message = message(&engine, Channel::Email, "ann@example.org");
            assert_eq!(post(&engine, &message), Enqueued::Queued);
            println!("acknowledged {}", message.id);
        }
    }
    for acknowledged_before_the_kill in [1, 7, 60] {
        let dir = tempfile::tempdir().unwrap();
        let outbox: PathBuf = dir.path().join("outbox");
        let what = [dir.path().to_str().unwrap(), outbox.to_str().unwrap()].join("|");
        let mut victim = victim("outbox::every_acknowledged_message_is_one_file_after_a_kill_at_any_moment", &what);
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned));
        let mut kept: Vec<String> = acknowledged.by_ref().take(acknowledged_before_the_kill).collect();
        victim.kill().unwrap();
        kept.extend(acknowledged);
        victim.wait().unwrap();
        assert!(kept.len() >= acknowledged_before_the_kill);

        let engine = real_engine(dir.path());
        engine.store.write(engine.now(), countersign::engine::sending::release).wait().unwrap();
        while round(&engine, &folder(&outbox)).unwrap() != Round::Idle(None) {}
        let files: Vec<String> = files(&outbox).into_iter().filter(|name| !name.starts_with('.')).collect();
        for id in &kept {
            assert!(files.contains(&format!("{id}.json")), "{id} was acknowledged and is lost");
        }
        // The last commit before the kill may not have been acknowledged any more.
        assert!(files.len() - kept.len() <= 1, "{} files of {} messages", files.len(), kept.len());
    }
}
