//! Requests that mean harm: each gets an error in Vault's shape or a closed connection, never a server's failure, and the server lives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use countersign::config::Settings;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::tables;
use serde_json::json;

use crate::support::{Answer, Server};

const HEAD: &str =
    "POST /v1/identity/mfa/method/totp HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\nConnection: close\r\n";

/// A server that waits two seconds for a head or a body, and no longer.
fn impatient() -> Server {
    let store = Sqlite::in_memory(tables::ALL, Options::default()).unwrap();
    let patience = Duration::from_secs(2);
    let settings = Settings { head_timeout: patience, body_timeout: patience, ..Settings::default() };
    Server::over(std::sync::Arc::new(store), settings)
}

fn post(server: &Server, body: &[u8]) -> Option<Answer> {
    let head = format!("{HEAD}Content-Length: {}\r\n\r\n", body.len());
    server.send(&[head.as_bytes(), body].concat())
}

/// A refusal in Vault's shape, and nothing that blames the server.
fn assert_refused(answer: Option<Answer>, what: &str) {
    let Some(answer) = answer else { return };
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert!(answer.text.is_empty() || answer.at("errors").is_array(), "{what}: {answer:?}");
}

fn assert_alive(server: &Server) {
    assert_eq!(server.call("LIST", "sys/namespaces", &json!({})).status, 404);
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let server = Server::start();
    let deep = format!("{{\"issuer\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let keys: Vec<String> = (0..1_000_000).map(|n| format!("\"{n}\":1")).collect();
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("not UTF-8", b"{\"issuer\":\"\xff\xfe\"}".to_vec()),
        ("depth", deep.clone().into_bytes()),
        ("depth at the top", deep.replace("{\"issuer\":", "").into_bytes()),
        ("a million keys", format!("{{{}}}", keys.join(",")).into_bytes()),
        ("a bare NUL", b"\0".to_vec()),
        ("NULs", vec![0; 10_000]),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xe6\x02\0".to_vec()),
        ("a lone surrogate", br#"{"issuer":"\ud800"}"#.to_vec()),
        ("unfinished", br#"{"issuer":"x""#.to_vec()),
        ("more behind it", br#"{"issuer":"x"} x"#.to_vec()),
    ];
    for (what, body) in bodies {
        let answer = post(&server, &body);
        assert!(answer.is_some(), "{what}");
        assert_refused(answer, what);
    }
    assert_alive(&server);
    assert_eq!(server.call("LIST", "identity/mfa/method", &json!({})).status, 404, "none of them made a method");
}

#[test]
fn a_body_over_32_mib_is_refused_whether_or_not_its_length_is_told() {
    let server = Server::start();
    let large = vec![b' '; 33 << 20];
    let answer = post(&server, &large).unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (413, "http: request body too large"));
    let mut chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in large.chunks(1 << 20) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    assert_refused(server.send(&chunked), "chunked");
    assert_alive(&server);
}

#[test]
fn texts_may_hold_any_character_and_settings_are_bounded() {
    let server = Server::start();
    for issuer in ["nul\0in it", "\u{202e}rtl", "🔐", "line\nbreak", "\"quoted\"", "a:b@c"] {
        let answer = server.call("POST", "identity/mfa/method/totp", &json!({ "issuer": issuer }));
        assert_eq!(answer.status, 200, "{issuer:?}");
    }
    let refused = [
        json!({ "issuer": "x", "qr_size": 2049 }),
        json!({ "issuer": "x", "qr_size": -1 }),
        json!({ "issuer": "x", "key_size": 513 }),
        json!({ "issuer": "x", "period": 86_401 }),
        json!({ "issuer": "x", "period": "9999999h" }),
        json!({ "issuer": "x".repeat(513) }),
        json!({ "issuer": "x", "method_name": "x".repeat(513) }),
        json!({ "issuer": "x", "digits": i64::MAX }),
        json!({ "issuer": "x", "max_validation_attempts": i64::MIN }),
    ];
    for settings in refused {
        let answer = server.call("POST", "identity/mfa/method/totp", &settings);
        assert_eq!(answer.status, 400, "{settings}");
        assert!(!answer.error().is_empty());
    }
    assert_eq!(server.call("POST", "identity/entity", &json!({ "name": "x".repeat(513) })).status, 400);
    let many: serde_json::Map<_, _> = (0..65).map(|n| (n.to_string(), json!("v"))).collect();
    assert_eq!(server.call("POST", "identity/entity", &json!({ "metadata": many })).status, 400);
}

#[test]
fn the_largest_allowed_method_makes_a_picture_that_can_be_drawn() {
    let server = Server::start();
    let settings = json!({ "issuer": "x".repeat(512), "key_size": 512, "qr_size": 2048 });
    let who = server.enrol(&settings);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}

#[test]
fn heads_that_are_broken_endless_or_at_odds_are_refused() {
    let server = impatient();
    let request = |head: &str| format!("{head}\r\nHost: x\r\nX-Vault-Token: root\r\nConnection: close\r\n");
    let list = request("GET /v1/identity/mfa/method?list=true HTTP/1.1");
    let cases = [
        ("a path of 50 000 segments", format!("{}\r\n", request(&format!("GET /v1{} HTTP/1.1", "/a".repeat(50_000))))),
        ("a path of 50 000 escapes", format!("{}\r\n", request(&format!("GET /v1/{} HTTP/1.1", "%41".repeat(20_000))))),
        ("two lengths", format!("{HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x")),
        ("a negative length", format!("{HEAD}Content-Length: -1\r\n\r\n{{}}")),
        ("a length that is no number", format!("{HEAD}Content-Length: two\r\n\r\n{{}}")),
        ("length and chunks", format!("{HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("an unknown coding", format!("{HEAD}Transfer-Encoding: gzip\r\n\r\n{{}}")),
        ("a chunk without a size", format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n")),
        ("a chunk of endless size", format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{{}}\r\n")),
        ("chunks that stop", format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{")),
        ("ten thousand headers", format!("{list}{}\r\n", "a: b\r\n".repeat(10_000))),
        ("a header of a megabyte", format!("{list}a: {}\r\n\r\n", "b".repeat(1 << 20))),
        ("a header without a colon", format!("{list}nonsense\r\n\r\n")),
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()),
        ("TLS to a plain port", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned()),
        ("a token with a control character", list.replace("root", "ro\u{1}ot") + "\r\n"),
    ];
    // Side by side, because a server that waits for more does so until it loses patience.
    std::thread::scope(|scope| {
        for (what, bytes) in &cases {
            let server = &server;
            scope.spawn(move || assert_refused(server.send(bytes.as_bytes()), what));
        }
    });
    assert_alive(&server);
}

#[test]
fn a_path_and_a_namespace_of_any_bytes_are_answered() {
    let server = Server::start();
    let root = ("X-Vault-Token", "root");
    for path in [
        "%00",
        "a%0d%0ab",
        "%ff%fe",
        "%e2%80%ae",
        "sys/namespaces/%2e%2e",
        "identity/entity/name/%2e%2e%2f%2e%2e",
        "%25",
        "?list=%",
    ] {
        let answer = server.ask("GET", path, &[root], "");
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.at("errors").is_array(), "{path}");
    }
    for namespace in ["..", "../..", "a/../b", "sys", "nowhere", &"a/".repeat(5_000), "%2e%2e", "a//b"] {
        let answer = server.ask("LIST", "identity/mfa/method", &[root, ("X-Vault-Namespace", namespace)], "");
        assert_eq!((answer.status, answer.error().as_str()), (404, "namespace not found"), "{namespace:.20}");
    }
}

#[test]
fn a_head_or_a_body_that_never_ends_is_given_up() {
    let server = impatient();
    let unfinished = ["GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n", "G", ""];
    let mut streams: Vec<TcpStream> = unfinished
        .iter()
        .map(|start| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(start.as_bytes()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream
        })
        .collect();
    for stream in &mut streams[..2] {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server closes before we lose patience");
        assert_refused(server_answer(&answer), "an unfinished head");
    }
    assert_alive(&server);
}

fn server_answer(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let body = text.split_once("\r\n\r\n")?.1.to_owned();
    Some(Answer { status, head: text.clone(), body: serde_json::from_str(&body).unwrap_or_default(), text: body })
}

#[test]
fn what_was_sent_in_the_wrong_place_is_not_repeated() {
    let server = Server::start();
    let secret = "s3cr3t";
    let bodies = [
        json!({ "issuer": { secret: secret } }),
        json!({ "issuer": "x", "digits": secret }),
        json!({ "issuer": "x", "period": secret }),
        json!({ "issuer": "x", "algorithm": secret }),
        json!({ "issuer": "x", "skew": [secret] }),
    ];
    for body in bodies {
        let answer = server.call("POST", "identity/mfa/method/totp", &body);
        assert_eq!(answer.status, 400);
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    let malformed =
        server.ask("POST", "identity/mfa/method/totp", &[("X-Vault-Token", "root")], "{\"issuer\":\"s3cr3t\" s3cr3t");
    assert!(malformed.status == 400 && !malformed.text.contains(secret), "{}", malformed.text);
}

#[test]
fn a_client_beyond_its_rate_is_told_in_vaults_words() {
    let store = Sqlite::in_memory(tables::ALL, Options::default()).unwrap();
    let settings = Settings { requests_per_second: 1, request_burst: 2, ..Settings::default() };
    let server = Server::over(std::sync::Arc::new(store), settings);
    let answers: Vec<Answer> = (0..4).map(|_| server.call("GET", "sys/mounts", &json!({}))).collect();
    assert_eq!(answers[0].status, 200);
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.error(), "request path \"sys/mounts\": rate limit quota exceeded");
}

#[test]
fn a_sealed_server_answers_its_status_and_nothing_else() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "x" }));
    assert_eq!(server.call("PUT", "sys/seal", &json!({})).status, 204);
    for path in ["identity/mfa/method?list=true", "sys/mounts", "auth/token/lookup-self", "no/such/thing"] {
        let answer = server.call("GET", path, &json!({}));
        assert_eq!((answer.status, answer.error().as_str()), (503, "Vault is sealed"), "{path}");
    }
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 503);
    assert_eq!(server.ask("GET", "sys/health", &[], "").status, 503);
    assert_eq!(server.ask("GET", "sys/seal-status", &[], "").at("sealed"), &json!(true));
    let unseal = |key: &str| server.ask("PUT", "sys/unseal", &[], &json!({ "key": key }).to_string());
    assert_eq!(unseal(&"08".repeat(32)).status, 400);
    assert_eq!(unseal("zz").status, 400);
    assert_eq!(unseal(&"07".repeat(32)).at("sealed"), &json!(false));
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}
