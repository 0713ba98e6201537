//! Tokens: who may do what, and for how long.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use countersign::config::Settings;
use countersign::engine::tokens;
use countersign::id::{Accessor, EntityId};
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::tables::{self, TOKENS, token_key};
use countersign::storage::{Error, Job, Store, Tx};
use countersign::time::Timestamp;
use serde_json::json;

use crate::support::{Answer, START, Server};

fn as_token(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    server.ask(method, path, &[("X-Vault-Token", token)], "{}")
}

fn create(server: &Server, asked: &serde_json::Value) -> String {
    server.call("POST", "auth/token/create", asked).text("auth.client_token")
}

#[test]
fn nothing_is_allowed_by_default() {
    let server = Server::start();
    let token = create(&server, &json!({ "policies": ["default", "ops"] }));
    let id = "00000000-0000-0000-0000-000000000000";
    let paths = [
        "identity/mfa/method",
        "identity/mfa/method/totp",
        &format!("identity/mfa/method/totp/{id}"),
        "identity/entity",
        "identity/entity/id",
        "identity/entity/name/x",
        "identity/lookup/entity",
        "identity/mfa/validate",
        "identity/mfa/method/totp/generate",
        "identity/mfa/method/totp/verify",
        "identity/mfa/method/totp/admin-generate",
        "identity/mfa/method/totp/admin-destroy",
        "identity/mfa/method/totp/admin-unlock",
        "auth/token/create",
        "auth/token/create-orphan",
        "auth/token/lookup",
        "auth/token/accessors",
        "auth/token/revoke-orphan",
        "sys/mounts",
        "sys/auth",
        "sys/namespaces",
        "sys/namespaces/x",
        "sys/seal",
        "sys/clock",
        "sys/clock/accept",
        "no/such/mount",
        "sys/nothing",
    ];
    for path in paths {
        for method in ["GET", "LIST", "POST", "DELETE"] {
            let answer = as_token(&server, &token, method, path);
            assert_eq!(answer.status, 403, "{method} {path}");
            assert_eq!(as_token(&server, "s.nonsense", method, path).error(), "permission denied", "{method} {path}");
        }
    }
    assert!(!server.engine.seal.is_sealed());
}

#[test]
fn a_token_of_limited_uses_is_good_for_exactly_so_many() {
    let server = Arc::new(Server::start());
    for uses in [1, 3] {
        let token = create(&server, &json!({ "policies": ["default"], "num_uses": uses }));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (server, token) = (server.clone(), token.clone());
                std::thread::spawn(move || as_token(&server, &token, "GET", "auth/token/lookup-self").status)
            })
            .collect();
        let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), uses);
        assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 20 - uses);
    }
}

#[test]
fn a_token_ends_exactly_when_it_says() {
    let server = Server::start();
    let token = create(&server, &json!({ "policies": ["default"], "ttl": "1m" }));
    let status = || as_token(&server, &token, "GET", "auth/token/lookup-self").status;
    server.clock.set(Timestamp::from_millis(START.as_millis() + 59_999));
    assert_eq!(status(), 200);
    server.clock.set(Timestamp::from_millis(START.as_millis() + 60_000));
    assert_eq!(status(), 403);
}

#[test]
fn a_tokens_children_end_with_it_and_orphans_do_not() {
    let server = Server::start();
    let parent = create(&server, &json!({ "policies": ["root"], "ttl": "1m" }));
    let made_by = |maker: &str, body: &str| {
        let headers = [("X-Vault-Token", maker)];
        server.ask("POST", "auth/token/create", &headers, body).text("auth.client_token")
    };
    let child = made_by(&parent, r#"{"policies":["root"],"ttl":"1h"}"#);
    let grandchild = made_by(&child, r#"{"policies":["default"],"ttl":"1h"}"#);
    let batch = made_by(&parent, r#"{"policies":["default"],"type":"batch","ttl":"1h"}"#);
    let orphan = made_by(&parent, r#"{"policies":["default"],"no_parent":true,"ttl":"1h"}"#);
    let alive = |token: &str| as_token(&server, token, "GET", "auth/token/lookup-self").status == 200;
    assert!([&child, &grandchild, &batch, &orphan].into_iter().all(|token| alive(token)));
    server.advance(60);
    assert!(![&parent, &child, &grandchild, &batch].into_iter().any(|token| alive(token)));
    assert!(alive(&orphan));
}

#[test]
fn a_revoked_tokens_children_are_dead_at_once_and_then_removed() {
    let server = Server::start();
    let parent = create(&server, &json!({ "policies": ["root"] }));
    let children: Vec<String> = (0..5)
        .map(|_| server.ask("POST", "auth/token/create", &[("X-Vault-Token", &parent)], "{}").text("auth.client_token"))
        .collect();
    let before = server.call("LIST", "auth/token/accessors", &json!({})).at("data.keys").as_array().unwrap().len();
    assert_eq!(server.call("POST", "auth/token/revoke", &json!({ "token": parent })).status, 204);
    assert!(children.iter().all(|child| as_token(&server, child, "GET", "auth/token/lookup-self").status == 403));
    while server.engine.keep_house().unwrap() {}
    let after = server.call("LIST", "auth/token/accessors", &json!({})).at("data.keys").as_array().unwrap().len();
    assert_eq!(before - after, 6);
}

#[test]
fn an_accessor_reaches_into_no_other_namespace() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    let accessor = server.call("POST", "auth/token/create", &json!({})).text("auth.accessor");
    let inside = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "a")];
    let body = json!({ "accessor": accessor }).to_string();
    for path in ["auth/token/lookup-accessor", "auth/token/renew-accessor"] {
        assert_eq!(server.ask("POST", path, &inside, &body).status, 400, "{path}");
    }
    server.ask("POST", "auth/token/revoke-accessor", &inside, &body);
    let here = server.call("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    assert_eq!(here.status, 200, "it was not revoked from there");
}

#[test]
fn a_childs_token_is_useless_above_it_and_dies_with_its_namespace() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    let inside = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "a")];
    let token = server.ask("POST", "auth/token/create", &inside, "{}").text("auth.client_token");
    assert_eq!(as_token(&server, &token, "LIST", "sys/namespaces").status, 403);
    assert_eq!(as_token(&server, &token, "GET", "auth/token/lookup-self").status, 200);
    server.call("DELETE", "sys/namespaces/a", &json!({}));
    assert_eq!(as_token(&server, &token, "GET", "auth/token/lookup-self").status, 403);
}

#[test]
fn a_token_that_speaks_for_an_entity_and_may_enrol_enrols_it_and_nobody_else() {
    let server = Server::start();
    let grants = ["generate", "verify"]
        .map(|verb| format!("path \"identity/mfa/method/totp/{verb}\" {{ capabilities = [\"update\"] }}"));
    server.call("POST", "sys/policies/acl/enrol", &json!({ "policy": grants.concat() }));
    let method = server.call("POST", "identity/mfa/method/totp", &json!({ "issuer": "x" })).text("data.method_id");
    let entity = server.call("POST", "identity/entity", &json!({ "name": "alice" })).text("data.id");
    let plain = create(&server, &json!({ "policies": ["default"] }));
    speak_for(&server, &plain, &entity);
    let token = create(&server, &json!({ "policies": ["enrol"] }));
    speak_for(&server, &token, &entity);
    let headers = [("X-Vault-Token", token.as_str())];
    let own = json!({ "method_id": method }).to_string();
    let refused = server.ask("POST", "identity/mfa/method/totp/generate", &[("X-Vault-Token", &plain)], &own);
    assert_eq!(refused.status, 403, "the default policy does not allow it");
    let answer = server.ask("POST", "identity/mfa/method/totp/generate", &headers, &own);
    let authenticator = crate::support::authenticator(&answer.text("data.url"));
    let code = crate::support::code_at(&authenticator, START, 0);
    let confirm = json!({ "method_id": method, "passcode": code }).to_string();
    let verified = server.ask("POST", "identity/mfa/method/totp/verify", &headers, &confirm);
    assert_eq!(verified.at("data.valid"), &json!(true));
    let again = server.ask("POST", "identity/mfa/method/totp/verify", &headers, &confirm);
    assert_eq!(again.status, 403, "the confirming code is spent");
    for path in ["identity/mfa/method/totp/admin-generate", "identity/mfa/validate", "identity/mfa/method/totp"] {
        assert_eq!(server.ask("POST", path, &headers, &own).status, 403, "{path}");
    }
    server.call("POST", &format!("identity/entity/id/{entity}"), &json!({ "disabled": true }));
    assert_eq!(as_token(&server, &token, "GET", "auth/token/lookup-self").status, 403, "its entity is disabled");
}

/// Until there are logins, no request makes a token that speaks for an entity: this test makes one by hand.
pub(crate) fn speak_for(server: &Server, token: &str, entity: &str) {
    let (access, text, entity) = (server.engine.access().unwrap(), token.to_owned(), EntityId::new(entity));
    let job = server.engine.store.write(START, move |tx| {
        let mut token = tokens::authenticate(tx, &access, &text)?.unwrap();
        assert_eq!(token.key, token_key(&access, &text));
        token.entity = Some(entity.clone());
        TOKENS.put(tx, &access, &token)?;
        Ok::<_, countersign::engine::Error>(())
    });
    job.wait().unwrap();
}

/// A line of tokens, each made by the one before, as long as `length`: their texts, the first one first.
fn line(server: &Server, length: usize) -> Vec<String> {
    let first = create(server, &json!({ "policies": ["root"] }));
    let texts: Vec<String> = (1..length).map(|n| format!("s.link{n}")).collect();
    let (access, all) = (server.engine.access().unwrap(), [vec![first], texts].concat());
    let made = all.clone();
    let job = server.engine.store.write(START, move |tx| {
        let first = tokens::authenticate(tx, &access, &all[0])?.unwrap();
        for (n, pair) in all.windows(2).enumerate() {
            let mut token = first.clone();
            token.accessor = Some(Accessor::new(format!("link{n}")));
            (token.key, token.parent) = (token_key(&access, &pair[1]), Some(token_key(&access, &pair[0])));
            TOKENS.put(tx, &access, &token)?;
        }
        Ok::<_, countersign::engine::Error>(())
    });
    job.wait().unwrap();
    made
}

#[test]
fn a_long_line_of_tokens_ends_at_once_and_is_then_removed() {
    let server = Server::start();
    let before = server.call("LIST", "auth/token/accessors", &json!({})).at("data.keys").as_array().unwrap().len();
    let line = line(&server, 1_000);
    let last = line.last().unwrap();
    assert_eq!(as_token(&server, last, "GET", "auth/token/lookup-self").status, 200);
    assert_eq!(server.call("POST", "auth/token/revoke", &json!({ "token": line[0] })).status, 204);
    for token in [&line[1], &line[500], last] {
        assert_eq!(as_token(&server, token, "GET", "auth/token/lookup-self").status, 403);
    }
    let mut steps = 0;
    while server.engine.keep_house().unwrap() {
        steps += 1;
    }
    assert!(steps < 10, "{steps}");
    let after = server.call("LIST", "auth/token/accessors", &json!({})).at("data.keys").as_array().unwrap().len();
    assert_eq!(after, before);
}

#[test]
fn a_line_of_tokens_has_an_end() {
    let server = Server::start();
    let line = line(&server, 1_024);
    let made_by = |maker: &str| as_token(&server, maker, "POST", "auth/token/create");
    assert_eq!(made_by(&line[1_022]).status, 200);
    assert!(made_by(&line[1_023]).error().starts_with("too many tokens have made one another"));
}

#[test]
fn the_children_of_a_token_revoked_alone_outlive_it() {
    let server = Server::start();
    let line = line(&server, 3);
    assert_eq!(server.call("POST", "auth/token/revoke-orphan", &json!({ "token": line[0] })).status, 204);
    assert_eq!(as_token(&server, &line[0], "GET", "auth/token/lookup-self").status, 403);
    assert_eq!(as_token(&server, &line[1], "GET", "auth/token/lookup-self").at("data.orphan"), &json!(true));
    assert_eq!(as_token(&server, &line[2], "GET", "auth/token/lookup-self").at("data.orphan"), &json!(false));
}

#[test]
fn a_token_of_one_use_makes_one_change_however_many_ask_at_once() {
    let server = Arc::new(Server::start());
    let token = create(&server, &json!({ "policies": ["root"], "num_uses": 1, "ttl": "1h" }));
    let threads: Vec<_> = (0..20)
        .map(|n| {
            let (server, token) = (server.clone(), token.clone());
            std::thread::spawn(move || as_token(&server, &token, "POST", &format!("sys/namespaces/n{n}")).status)
        })
        .collect();
    let done = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|status| *status == 200).count();
    assert_eq!(done, 1);
    let made = server.call("LIST", "sys/namespaces", &json!({}));
    assert_eq!(made.at("data.keys").as_array().unwrap().len(), 1);
}

#[test]
fn a_token_that_is_used_up_is_good_for_nothing_and_told_of_to_nobody() {
    let server = Server::start();
    let made = server.call("POST", "auth/token/create", &json!({ "policies": ["root"], "num_uses": 1, "ttl": "1h" }));
    let (token, accessor) = (made.text("auth.client_token"), made.text("auth.accessor"));
    assert_eq!(as_token(&server, &token, "GET", "sys/mounts").status, 200);
    assert_eq!(as_token(&server, &token, "GET", "sys/mounts").status, 403);
    assert_eq!(server.call("POST", "auth/token/lookup", &json!({ "token": token })).status, 403);
    let by_accessor = json!({ "accessor": accessor });
    assert_eq!(server.call("POST", "auth/token/lookup-accessor", &by_accessor).status, 400);
    let known = server.call("LIST", "auth/token/accessors", &json!({}));
    assert!(!known.text.contains(&accessor));
    server.advance(120);
    server.engine.keep_house().unwrap();
    let access = server.engine.access().unwrap();
    let now = countersign::time::Clock::now(&*server.clock);
    let there = server.engine.store.read(now, |tx| TOKENS.contains(tx, token_key(&access, &token)));
    assert!(!there.unwrap());
}

#[test]
fn nothing_is_done_by_a_token_after_its_revocation_was_acknowledged() {
    let server = Arc::new(Server::start());
    for round in 0..3 {
        let token = create(&server, &json!({ "policies": ["root"] }));
        let revoked = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                let (server, token, revoked) = (server.clone(), token.clone(), revoked.clone());
                std::thread::spawn(move || {
                    for n in 0.. {
                        let after = revoked.load(Ordering::SeqCst);
                        let path = format!("sys/namespaces/n{round}-{thread}-{n}");
                        let (verb, path) = if n % 2 == 0 { ("POST", path.as_str()) } else { ("GET", "sys/mounts") };
                        let status = as_token(&server, &token, verb, path).status;
                        if after {
                            return status;
                        }
                    }
                    unreachable!()
                })
            })
            .collect();
        assert_eq!(server.call("POST", "auth/token/revoke", &json!({ "token": token })).status, 204);
        revoked.store(true, Ordering::SeqCst);
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 403));
    }
}

/// A store whose writing jobs, while somebody asks for them, are handed to that somebody instead of the writer.
struct Held {
    inner: Arc<dyn Store>,
    asked: Mutex<Option<Sender<Waiting>>>,
}

type Waiting = (Timestamp, Box<dyn Job>);

impl Held {
    fn hold(&self) -> Receiver<Waiting> {
        let (send, jobs) = channel();
        *self.asked.lock().unwrap() = Some(send);
        jobs
    }
}

impl Store for Held {
    fn read_job(&self, now: Timestamp, job: &mut dyn FnMut(&mut dyn Tx)) -> Result<(), Error> {
        self.inner.read_job(now, job)
    }

    fn write_job(&self, now: Timestamp, job: Box<dyn Job>) {
        match &*self.asked.lock().unwrap() {
            Some(asked) => asked.send((now, job)).unwrap(),
            None => self.inner.write_job(now, job),
        }
    }

    fn backup(&self, target: &Path) -> Result<(), Error> {
        self.inner.backup(target)
    }
}

#[test]
fn a_write_that_was_planned_before_a_revocation_and_comes_after_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = Sqlite::open(&dir.path().join("a.db"), tables::ALL, Options::default()).unwrap();
    let memory = Sqlite::in_memory(tables::ALL, Options::default()).unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(file), Arc::new(memory)];
    for inner in stores {
        let held = Arc::new(Held { inner: inner.clone(), asked: Mutex::default() });
        let server = Server::over(held.clone(), Settings::default());
        let token = create(&server, &json!({ "policies": ["root"] }));
        let jobs = held.hold();
        let status = std::thread::scope(|scope| {
            let planned = scope.spawn(|| as_token(&server, &token, "POST", "sys/namespaces/late").status);
            let (now, job) = jobs.recv().unwrap();
            let access = server.engine.access().unwrap();
            let key = token_key(&access, &token);
            inner.write(now, move |tx| tokens::revoke(tx, &access, key)).wait().unwrap();
            inner.write_job(now, job);
            planned.join().unwrap()
        });
        assert_eq!(status, 403);
    }
}

#[test]
fn a_root_token_that_ends_makes_none_that_does_not() {
    let server = Server::start();
    let ending = create(&server, &json!({ "policies": ["root"], "ttl": "1h" }));
    let headers = [("X-Vault-Token", ending.as_str())];
    let refused = server.ask("POST", "auth/token/create", &headers, "{}");
    assert_eq!(refused.error(), "expiring root tokens cannot create non-expiring root tokens");
    assert_eq!(server.ask("POST", "auth/token/create", &headers, r#"{"ttl":"9h"}"#).status, 200);
}

#[test]
fn a_token_cannot_be_renewed_beyond_its_limits() {
    let server = Server::start();
    let asked = json!({ "policies": ["default"], "ttl": "10m", "explicit_max_ttl": "1h" });
    let token = create(&server, &asked);
    let renew =
        |increment: &str| server.call("POST", "auth/token/renew", &json!({ "token": token, "increment": increment }));
    assert_eq!(renew("30m").at("auth.lease_duration"), &json!(1_800));
    server.advance(1_700);
    let cut = renew("2h");
    assert_eq!(cut.at("auth.lease_duration"), &json!(1_900));
    assert!(cut.text("warnings.0").starts_with("TTL of \"2h\" exceeded the effective max_ttl of \"31m40s\""));
    server.advance(1_900);
    assert_eq!(renew("1h").error(), "token not found");
}

#[test]
fn a_period_is_renewed_without_end() {
    let server = Server::start();
    let token = create(&server, &json!({ "policies": ["default"], "period": "20h" }));
    for _ in 0..60 {
        server.advance(19 * 3_600);
        let renewed = server.call("POST", "auth/token/renew", &json!({ "token": token, "increment": "1s" }));
        assert_eq!(renewed.at("auth.lease_duration"), &json!(72_000));
    }
}
