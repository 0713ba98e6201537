//! Logins: by name and password, and as a role, through mounts; and what attackers try there.

use std::sync::Arc;

use countersign::engine::userpass;
use countersign::factor::password::Work;
use countersign::id::Accessor;
use countersign::storage::tables::{TOKENS, USERS, token_key, user_key};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

const WRONG: &str = "invalid username or password";

/// A server with a userpass mount and alice in it.
fn server() -> Server {
    let server = Server::start();
    mount(&server, "userpass");
    user(&server, "alice", &json!({ "password": "pw-alice" }));
    server
}

fn mount(server: &Server, kind: &str) {
    assert_eq!(server.call("POST", &format!("sys/auth/{kind}"), &json!({ "type": kind })).status, 204);
}

fn user(server: &Server, name: &str, settings: &Value) {
    let made = server.call("POST", &format!("auth/userpass/users/{name}"), settings);
    assert_eq!(made.status, 204, "{made:?}");
}

fn login(server: &Server, name: &str, password: &str) -> Answer {
    login_at(server, &format!("auth/userpass/login/{name}"), password)
}

fn login_at(server: &Server, path: &str, password: &str) -> Answer {
    server.ask("POST", path, &[], &json!({ "password": password }).to_string())
}

fn as_token(server: &Server, token: &str, method: &str, path: &str) -> u16 {
    server.ask(method, path, &[("X-Vault-Token", token)], "").status
}

fn work_of(server: &Server, ask: impl FnOnce()) -> Work {
    let before = server.engine.passwords.work();
    ask();
    let after = server.engine.passwords.work();
    Work {
        argon2_runs: after.argon2_runs - before.argon2_runs,
        bcrypt_rounds: after.bcrypt_rounds - before.bcrypt_rounds,
    }
}

/// Ask all at once, and count the answers by their status.
fn at_once(server: &Arc<Server>, times: usize, ask: impl Fn(&Server) -> Answer + Send + Sync + 'static) -> Vec<u16> {
    let ask = Arc::new(ask);
    let threads: Vec<_> = (0..times)
        .map(|_| {
            let (server, ask) = (server.clone(), ask.clone());
            std::thread::spawn(move || ask(&server).status)
        })
        .collect();
    let mut statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    statuses.sort_unstable();
    statuses
}

fn times(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|one| **one == status).count()
}

#[test]
fn every_spelling_of_a_name_is_one_user_one_entity_and_one_lockout() {
    let server = server();
    let entity = login(&server, "alice", "pw-alice").text("auth.entity_id");
    for spelling in ["ALICE", "Alice", "aLiCe"] {
        let answer = login(&server, spelling, "pw-alice");
        assert_eq!(answer.text("auth.entity_id"), entity);
        assert_eq!(answer.text("auth.metadata.username"), "alice");
    }
    for spelling in [" alice", "alice ", "al%00ice", "alice%0a"] {
        assert_ne!(login(&server, &spelling.replace(' ', "%20"), "pw-alice").status, 200, "{spelling:?}");
    }
    for spelling in ["alice", "Alice", "ALICE", "alicE", "aliCe"] {
        assert_eq!(login(&server, spelling, "wrong").error(), WRONG);
    }
    for spelling in ["alice", "Alice", "ALICE", "aLICE"] {
        let answer = login(&server, spelling, "pw-alice");
        assert_eq!((answer.status, answer.error().as_str()), (403, "permission denied"), "{spelling}");
    }
}

#[test]
fn a_name_that_nobody_has_is_answered_like_one_that_somebody_has_by_the_same_work() {
    let server = server();
    user(
        &server,
        "bob",
        &json!({ "password_hash": bcrypt::hash_with_salt("pw-bob", 4, [1; 16]).unwrap().to_string() }),
    );
    user(
        &server,
        "carl",
        &json!({ "password_hash": bcrypt::hash_with_salt("pw-carl", 6, [1; 16]).unwrap().to_string() }),
    );
    let expected = Work { argon2_runs: 1, bcrypt_rounds: 64 };
    for attempt in 1..=7 {
        let mut answers = Vec::new();
        for name in ["alice", "bob", "carl", "nobody", "nobody-else"] {
            let work = work_of(&server, || answers.push(login(&server, name, &"x".repeat(70))));
            let locked = attempt > 5;
            assert_eq!(work, if locked { Work::default() } else { expected }, "{name}, attempt {attempt}");
        }
        let first = (answers[0].status, answers[0].text.clone());
        assert!(answers.iter().all(|answer| (answer.status, answer.text.clone()) == first), "{answers:?}");
        assert_eq!(first.0, if attempt > 5 { 403 } else { 400 });
    }
}

#[test]
fn parallel_guesses_are_counted_one_by_one() {
    for name in ["alice", "nobody"] {
        let server = Arc::new(server());
        let statuses = at_once(&server, 50, move |server| login(server, name, "wrong"));
        assert_eq!((times(&statuses, 400), times(&statuses, 403)), (5, 45), "{name}");
    }
}

#[test]
fn a_lockout_holds_against_many_at_once() {
    let server = Arc::new(server());
    for _ in 0..5 {
        login(&server, "alice", "wrong");
    }
    let statuses = at_once(&server, 20, |server| login(server, "ALICE", "pw-alice"));
    assert_eq!(times(&statuses, 403), 20);
}

#[test]
fn a_lockout_ends_by_time_or_by_an_administrator() {
    let server = server();
    let lock = || {
        for _ in 0..5 {
            assert_eq!(login(&server, "alice", "wrong").status, 400);
        }
        assert_eq!(login(&server, "alice", "pw-alice").status, 403);
    };
    lock();
    server.advance(899);
    assert_eq!(login(&server, "alice", "pw-alice").status, 403);
    server.advance(1);
    assert_eq!(login(&server, "alice", "pw-alice").status, 200);
    lock();
    let accessor = server.call("GET", "sys/auth/userpass", &Value::Null).text("data.accessor");
    let locked = server.call("GET", "sys/locked-users", &Value::Null);
    assert_eq!(locked.at("data.by_namespace.0.mount_accessors.0.alias_identifiers"), &json!(["alice"]));
    assert_eq!(server.call("POST", &format!("sys/locked-users/{accessor}/unlock/ALICE"), &Value::Null).status, 204);
    assert_eq!(login(&server, "alice", "pw-alice").status, 200);
    assert_eq!(server.call("GET", "sys/locked-users", &Value::Null).at("data.total"), &json!(0));
}

#[test]
fn a_success_forgives_and_so_does_time_between_failures() {
    let server = server();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(login(&server, "alice", "wrong").status, 400);
        }
        assert_eq!(login(&server, "alice", "pw-alice").status, 200);
    }
    for _ in 0..10 {
        assert_eq!(login(&server, "alice", "wrong").status, 400);
        server.advance(900);
    }
}

#[test]
fn the_mount_says_how_failures_lock() {
    let server = server();
    let rules = json!({ "user_lockout_config": {
        "lockout_threshold": "2", "lockout_duration": "1m", "lockout_counter_reset": "30s" } });
    assert_eq!(server.call("POST", "sys/mounts/auth/userpass/tune", &rules).status, 204);
    let shown = server.call("GET", "sys/auth/userpass/tune", &Value::Null);
    assert_eq!(shown.at("data.user_lockout_threshold"), &json!(2));
    assert_eq!(shown.at("data.user_lockout_counter_reset_duration"), &json!(30));
    login(&server, "alice", "wrong");
    login(&server, "alice", "wrong");
    assert_eq!(login(&server, "alice", "pw-alice").status, 403);
    server.advance(60);
    assert_eq!(login(&server, "alice", "pw-alice").status, 200);
    for broken in
        [json!({ "lockout_threshold": -1 }), json!({ "lockout_duration": "x" }), json!({ "lockout_disable": "x" })]
    {
        let answer = server.call("POST", "sys/auth/userpass/tune", &json!({ "user_lockout_config": broken }));
        assert_eq!(answer.status, 400);
    }
}

#[test]
fn a_deleted_mounts_tokens_and_their_children_end_at_once_and_nothing_of_it_comes_back() {
    let server = server();
    user(&server, "maker", &json!({ "password": "pw", "token_policies": "default" }));
    let first = login(&server, "alice", "pw-alice");
    let (token, entity) = (first.text("auth.client_token"), first.text("auth.entity_id"));
    let child = child_of(&server, &token);
    for token in [&token, &child] {
        assert_eq!(as_token(&server, token, "GET", "auth/token/lookup-self"), 200);
    }
    assert_eq!(server.call("DELETE", "sys/auth/userpass", &Value::Null).status, 204);
    for token in [&token, &child] {
        assert_eq!(as_token(&server, token, "GET", "auth/token/lookup-self"), 403);
    }
    mount(&server, "userpass");
    assert_eq!(login(&server, "alice", "pw-alice").error(), WRONG);
    user(&server, "alice", &json!({ "password": "pw-alice" }));
    let again = login(&server, "alice", "pw-alice");
    assert_ne!(again.text("auth.entity_id"), entity, "another mount's alice is somebody else");
    while server.engine.keep_house().unwrap() {}
    for token in [&token, &child] {
        assert_eq!(as_token(&server, token, "GET", "auth/token/lookup-self"), 403);
        let key = token_key(&server.engine.access().unwrap(), token);
        let there = server.engine.store.read(server.engine.now(), |tx| TOKENS.contains(tx, key)).unwrap();
        assert!(!there, "the record is destroyed");
    }
    assert_eq!(as_token(&server, &again.text("auth.client_token"), "GET", "auth/token/lookup-self"), 200);
}

/// A token made by `token`, which may not ask for one itself: the record is written.
fn child_of(server: &Server, token: &str) -> String {
    let made = server.call("POST", "auth/token/create", &json!({ "policies": "default" })).text("auth.client_token");
    let access = server.engine.access().unwrap();
    let (key, parent) = (token_key(&access, &made), token_key(&access, token));
    let adopt = move |tx: &mut dyn countersign::storage::Tx| {
        let mut child = TOKENS.get(tx, &access, key)?.expect("the child");
        child.parent = Some(parent);
        TOKENS.put(tx, &access, &child)
    };
    server.engine.store.write(server.engine.now(), adopt).wait().unwrap();
    made
}

#[test]
fn a_mount_overlaps_no_other() {
    let server = Server::start();
    let make = |path: &str| server.call("POST", &format!("sys/auth/{path}"), &json!({ "type": "userpass" }));
    assert_eq!(make("team/people").status, 204);
    for path in ["team", "team/people/more", "team/people", "token", "token/more"] {
        assert_eq!(make(path).status, 400, "{path}");
    }
    for path in ["team2", "team/people2", "Team", "tokens"] {
        assert_eq!(make(path).status, 204, "{path}");
    }
    let deep = ["x"; 40].join("/");
    assert_eq!(make(&deep).status, 400);
    assert_eq!(make(&"x".repeat(2_000)).status, 400);
}

#[test]
fn a_password_is_taken_whole_or_not_at_all() {
    let server = server();
    let long = "x".repeat(72);
    user(&server, "dora", &json!({ "password": long }));
    assert_eq!(login(&server, "dora", &long).status, 200);
    for other in [&long[1..], &format!("{}y", &long[1..])] {
        assert_eq!(login(&server, "dora", other).status, 400);
    }
    let too_long = "x".repeat(73);
    let huge = "x".repeat(1 << 20);
    for password in [&too_long, &huge] {
        let made = server.call("POST", "auth/userpass/users/eve", &json!({ "password": password }));
        assert_eq!(made.error(), "password length exceeds 72 bytes");
        let work = work_of(&server, || {
            for name in ["dora", "nobody"] {
                assert_eq!(login(&server, name, password).error(), "password length exceeds 72 bytes");
            }
        });
        assert_eq!(work, Work::default(), "it can never be right, so nothing is spent on it");
    }
    assert_eq!(server.call("GET", "auth/userpass/users/eve", &Value::Null).status, 404);
}

#[test]
fn no_answer_repeats_a_password() {
    let server = server();
    for body in
        [r#"{"password":{"x":"s3cr3t"}}"#, r#"{"password":["s3cr3t"]}"#, r#"{"password":"s3cr3t","password":{}}"#]
    {
        for path in ["auth/userpass/login/alice", "auth/userpass/users/alice", "auth/userpass/users/alice/password"] {
            let answer = server.ask("POST", path, &[("X-Vault-Token", "root")], body);
            assert_eq!(answer.status, 400, "{path}: {answer:?}");
            assert!(!answer.text.contains("s3cr3t"));
        }
    }
    assert!(!server.call("GET", "auth/userpass/users/alice", &Value::Null).text.contains("argon2"));
}

#[test]
fn a_bcrypt_hash_that_was_brought_along_is_replaced_at_the_first_login() {
    let server = server();
    let hash = bcrypt::hash_with_salt("pw-bob", 5, [7; 16]).unwrap().to_string();
    user(&server, "bob", &json!({ "password_hash": hash }));
    let kept = || {
        let access = server.engine.access().unwrap();
        let mount = server.call("GET", "sys/auth/userpass", &Value::Null).text("data.accessor");
        let key = user_key(&access, &Accessor::new(mount), "bob");
        let user = server.engine.store.read(server.engine.now(), |tx| USERS.get(tx, &access, key)).unwrap();
        user.unwrap().password.text().expose().clone()
    };
    assert_eq!(login(&server, "bob", "wrong").status, 400);
    assert_eq!(kept(), hash);
    assert_eq!(login(&server, "bob", "pw-bob").status, 200);
    assert!(kept().starts_with("$argon2id$"));
    assert_eq!(login(&server, "bob", "pw-bob").status, 200);
    assert_eq!(login(&server, "bob", "wrong").status, 400);
    let costly = hash.replace("$05$", "$31$");
    assert_eq!(server.call("POST", "auth/userpass/users/carl", &json!({ "password_hash": costly })).status, 400);
}

#[test]
fn a_password_that_was_changed_while_it_was_checked_lets_nobody_in() {
    let server = server();
    let mount = Accessor::new(server.call("GET", "sys/auth/userpass", &Value::Null).text("data.accessor"));
    let access = server.engine.access().unwrap();
    let read = |tx: &mut dyn countersign::storage::Tx| userpass::get(tx, &access, &mount, "alice");
    let checked = server.engine.store.read(server.engine.now(), read).unwrap().unwrap().password;
    let confirm =
        |tx: &mut dyn countersign::storage::Tx| userpass::confirm(tx, &access, &mount, "alice", &checked, None);
    assert!(server.engine.store.read(server.engine.now(), confirm).unwrap().is_some());
    user(&server, "alice", &json!({ "password": "pw-alice" }));
    assert!(server.engine.store.read(server.engine.now(), confirm).unwrap().is_none());
}

#[test]
fn a_login_and_its_token_are_bound_to_addresses_that_no_header_can_claim() {
    let server = server();
    user(&server, "alice", &json!({ "token_bound_cidrs": "10.0.0.0/8" }));
    let claims = [("X-Forwarded-For", "10.0.0.1"), ("X-Real-Ip", "10.0.0.1"), ("Forwarded", "for=10.0.0.1")];
    let answer = server.ask("POST", "auth/userpass/login/alice", &claims, r#"{"password":"pw-alice"}"#);
    assert_eq!((answer.status, answer.error().as_str()), (403, "permission denied"));
    assert_eq!(login(&server, "alice", "wrong").error(), WRONG, "who knows no password learns no addresses");

    user(&server, "alice", &json!({ "token_bound_cidrs": ["127.0.0.0/8"], "token_num_uses": 2 }));
    let token = login(&server, "alice", "pw-alice").text("auth.client_token");
    assert_eq!(as_token(&server, &token, "GET", "auth/token/lookup-self"), 200);
    let key = token_key(&server.engine.access().unwrap(), &token);
    let bind = move |block: &'static str| {
        let access = server.engine.access().unwrap();
        let job = move |tx: &mut dyn countersign::storage::Tx| {
            let mut token = TOKENS.get(tx, &access, key)?.expect("the token");
            token.bound_cidrs = vec![block.into()];
            TOKENS.put(tx, &access, &token)
        };
        server.engine.store.write(server.engine.now(), job).wait().unwrap();
        let headers = [("X-Vault-Token", token.as_str()), ("X-Forwarded-For", "10.0.0.1")];
        server.ask("GET", "auth/token/lookup-self", &headers, "").status
    };
    assert_eq!(bind("10.0.0.0/8"), 403);
    assert_eq!(bind("127.0.0.1"), 200, "the refused request took no use");
}

#[test]
fn a_token_can_be_good_only_from_where_its_holder_logged_in() {
    let server = server();
    user(&server, "alice", &json!({ "token_strictly_bind_ip": true }));
    let token = login(&server, "alice", "pw-alice").text("auth.client_token");
    let access = server.engine.access().unwrap();
    let key = token_key(&access, &token);
    let kept = server.engine.store.read(server.engine.now(), |tx| TOKENS.get(tx, &access, key)).unwrap();
    assert_eq!(kept.unwrap().bound_cidrs, ["127.0.0.1"]);
    assert_eq!(as_token(&server, &token, "GET", "auth/token/lookup-self"), 200);
}

#[test]
fn no_login_comes_to_a_root_token() {
    let server = server();
    for policies in ["root", "ROOT", " Root ", "default,rOOt"] {
        user(&server, "alice", &json!({ "token_policies": policies }));
        let answer = login(&server, "alice", "pw-alice");
        assert_eq!((answer.status, answer.error().as_str()), (400, "auth methods cannot create root tokens"));
    }
}

#[test]
fn a_disabled_entity_does_not_log_in() {
    let server = server();
    let entity = login(&server, "alice", "pw-alice").text("auth.entity_id");
    server.call("POST", &format!("identity/entity/id/{entity}"), &json!({ "disabled": true }));
    let answer = login(&server, "alice", "pw-alice");
    assert_eq!((answer.status, answer.error().as_str()), (403, "permission denied"));
}

#[test]
fn namespaces_have_mounts_users_and_lockouts_of_their_own() {
    let server = server();
    for namespace in ["a", "b"] {
        server.call("POST", &format!("sys/namespaces/{namespace}"), &Value::Null);
        assert_eq!(
            server.call("POST", &format!("{namespace}/sys/auth/userpass"), &json!({ "type": "userpass" })).status,
            204
        );
    }
    server.call("POST", "a/auth/userpass/users/alice", &json!({ "password": "pw-a" }));
    assert_eq!(login(&server, "alice", "pw-a").status, 400);
    assert_eq!(login_at(&server, "b/auth/userpass/login/alice", "pw-a").status, 400);
    let inside = login_at(&server, "a/auth/userpass/login/alice", "pw-a");
    let token = inside.text("auth.client_token");
    assert_ne!(inside.text("auth.entity_id"), login(&server, "alice", "pw-alice").text("auth.entity_id"));

    for _ in 0..5 {
        login_at(&server, "a/auth/userpass/login/alice", "wrong");
    }
    assert_eq!(login_at(&server, "a/auth/userpass/login/alice", "pw-a").status, 403);
    assert_eq!(login(&server, "alice", "pw-alice").status, 200);
    let accessor = server.call("GET", "a/sys/auth/userpass", &Value::Null).text("data.accessor");
    for elsewhere in ["", "b/"] {
        assert_eq!(
            server.call("GET", &format!("{elsewhere}sys/locked-users"), &Value::Null).at("data.total"),
            &json!(0)
        );
        server.call("POST", &format!("{elsewhere}sys/locked-users/{accessor}/unlock/alice"), &Value::Null);
    }
    assert_eq!(login_at(&server, "a/auth/userpass/login/alice", "pw-a").status, 403);

    assert_eq!(as_token(&server, &token, "GET", "a/auth/token/lookup-self"), 200);
    server.call("DELETE", "sys/namespaces/a", &Value::Null);
    assert_eq!(as_token(&server, &token, "GET", "auth/token/lookup-self"), 403);
    while server.engine.keep_house().unwrap() {}
    server.call("POST", "sys/namespaces/a", &Value::Null);
    server.call("POST", "a/sys/auth/userpass", &json!({ "type": "userpass" }));
    assert_eq!(login_at(&server, "a/auth/userpass/login/alice", "pw-a").error(), WRONG);
}

#[test]
fn only_an_open_path_is_served_without_a_token() {
    let server = server();
    mount(&server, "approle");
    for (method, path) in [
        ("GET", "auth/userpass/users/alice"),
        ("LIST", "auth/userpass/users"),
        ("POST", "auth/userpass/users/alice/password"),
        ("POST", "auth/userpass/login"),
        ("POST", "auth/nowhere/login/alice"),
        ("LIST", "auth/approle/role"),
        ("POST", "auth/approle/login/more"),
        ("GET", "sys/auth"),
        ("DELETE", "sys/auth/userpass"),
        ("GET", "sys/locked-users"),
    ] {
        let answer = server.ask(method, path, &[], r#"{"password":"x"}"#);
        assert_eq!((answer.status, answer.error().as_str()), (403, "permission denied"), "{method} {path}");
        let token = login(&server, "alice", "pw-alice").text("auth.client_token");
        if !path.contains("login") {
            assert_eq!(as_token(&server, &token, method, path), 403, "{method} {path}");
        }
    }
}

/// A role `ci` with these settings: its role id, and a secret id.
fn role(server: &Server, settings: &Value) -> (String, String) {
    assert_eq!(server.call("POST", "auth/approle/role/ci", settings).status, 204);
    let role_id = server.call("GET", "auth/approle/role/ci/role-id", &Value::Null).text("data.role_id");
    let secret_id = server.call("POST", "auth/approle/role/ci/secret-id", &json!({})).text("data.secret_id");
    (role_id, secret_id)
}

fn machine(server: &Server, role_id: &str, secret_id: &str) -> Answer {
    let body = json!({ "role_id": role_id, "secret_id": secret_id });
    server.ask("POST", "auth/approle/login", &[], &body.to_string())
}

#[test]
fn a_secret_id_is_good_for_exactly_so_many_logins() {
    let server = Arc::new(Server::start());
    mount(&server, "approle");
    for uses in [1, 3] {
        let (role_id, secret_id) = role(&server, &json!({ "secret_id_num_uses": uses }));
        let statuses = at_once(&server, 5, move |server| machine(server, &role_id, &secret_id));
        assert_eq!((times(&statuses, 200), times(&statuses, 400)), (uses, 5 - uses));
    }
}

#[test]
fn a_secret_id_ends_by_time_by_destruction_and_with_its_role() {
    let server = Server::start();
    mount(&server, "approle");
    let (role_id, secret_id) = role(&server, &json!({ "secret_id_ttl": "10m" }));
    assert_eq!(machine(&server, &role_id, &secret_id).status, 200);
    server.advance(600);
    assert_eq!(machine(&server, &role_id, &secret_id).status, 400);

    let (role_id, secret_id) = role(&server, &json!({ "secret_id_ttl": "0" }));
    assert_eq!(machine(&server, &role_id, &secret_id).status, 200);
    server.call("POST", "auth/approle/role/ci/secret-id/destroy", &json!({ "secret_id": secret_id }));
    assert_eq!(machine(&server, &role_id, &secret_id).status, 400);

    let (_, secret_id) = role(&server, &json!({ "role_id": "fixed" }));
    assert_eq!(machine(&server, "fixed", &secret_id).status, 200);
    server.call("DELETE", "auth/approle/role/ci", &Value::Null);
    role(&server, &json!({ "role_id": "fixed" }));
    assert_eq!(machine(&server, "fixed", &secret_id).status, 400, "a role of the same name is another role");
    while server.engine.keep_house().unwrap() {}
    assert_eq!(machine(&server, "fixed", &secret_id).status, 400);
}

#[test]
fn a_locked_out_role_uses_up_no_secret_id_and_a_refused_login_neither() {
    let server = Server::start();
    mount(&server, "approle");
    let (role_id, secret_id) = role(&server, &json!({ "secret_id_num_uses": 1 }));
    for _ in 0..5 {
        assert_eq!(machine(&server, &role_id, "wrong").status, 400);
    }
    assert_eq!(machine(&server, &role_id, &secret_id).status, 403);
    server.advance(900);
    server.call("POST", "auth/approle/role/ci", &json!({ "token_bound_cidrs": "10.0.0.0/8" }));
    assert_eq!(machine(&server, &role_id, &secret_id).status, 403);
    server.call("POST", "auth/approle/role/ci", &json!({ "token_bound_cidrs": "" }));
    assert_eq!(machine(&server, &role_id, &secret_id).status, 200);
    assert_eq!(machine(&server, &role_id, &secret_id).status, 400);
}

#[test]
fn which_roles_there_are_cannot_be_told_from_outside() {
    let server = Server::start();
    mount(&server, "approle");
    role(&server, &json!({ "role_id": "known" }));
    for attempt in 1..=6 {
        let (known, unknown) = (machine(&server, "known", "wrong"), machine(&server, "unknown", "wrong"));
        assert_eq!((known.status, known.text), (unknown.status, unknown.text), "attempt {attempt}");
    }
    let (known, unknown) = (machine(&server, "known", ""), machine(&server, "unknown", ""));
    assert_eq!((known.status, known.text), (unknown.status, unknown.text));
    assert_eq!(machine(&server, &"x".repeat(100_000), "wrong").status, 400);
}

#[test]
fn no_two_roles_are_called_alike() {
    let server = Server::start();
    mount(&server, "approle");
    role(&server, &json!({ "role_id": "deploy" }));
    for role_id in ["deploy", "DEPLOY", "Deploy"] {
        let other = server.call("POST", "auth/approle/role/other", &json!({ "role_id": role_id }));
        assert_eq!(other.status, 400, "{role_id}: it would be the same alias, so the same entity");
    }
    assert_eq!(server.call("POST", "auth/approle/role/CI", &json!({ "token_ttl": 60 })).status, 204);
    assert_eq!(server.call("LIST", "auth/approle/role", &Value::Null).at("data.keys"), &json!(["ci"]));
}

#[test]
fn an_open_role_is_bound_to_addresses() {
    let server = Server::start();
    mount(&server, "approle");
    let open = |settings: &Value| server.call("POST", "auth/approle/role/open", settings);
    assert_eq!(open(&json!({ "bind_secret_id": false })).status, 400);
    assert_eq!(
        open(&json!({ "bind_secret_id": false, "secret_id_bound_cidrs": "10.0.0.0/8", "role_id": "open" })).status,
        204
    );
    assert_eq!(machine(&server, "open", "").status, 403);
    assert_eq!(open(&json!({ "secret_id_bound_cidrs": "127.0.0.0/8" })).status, 204);
    assert_eq!(machine(&server, "open", "").status, 200);
    assert_eq!(open(&json!({ "secret_id_bound_cidrs": "" })).status, 400, "the last constraint stays");
}
