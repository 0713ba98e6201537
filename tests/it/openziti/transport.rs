//! Paths, envelopes, headers and limits.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

#[test]
fn every_path_of_the_version_document_gives_it_to_anybody() {
    let net = Net::start();
    for path in [
        "/",
        "/version",
        "/version/",
        "/edge/client/v1",
        "/edge/client/v1/",
        "/edge/client/v1/version",
        "/edge/v1/version",
        "/edge/management/v1/version",
    ] {
        let answer = net.at("GET", path, &[("zt-session", "nonsense")], "");
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text("data.apiVersions.edge.v1.path"), CLIENT, "{path}");
        assert_eq!(answer.at("data.apiVersions.edge"), answer.at("data.apiVersions.edge-client"));
        assert_eq!(answer.text("data.apiVersions.edge-management.v1.apiBaseUrls.0"), "https://x/edge/management/v1");
        assert_eq!(*answer.at("data.capabilities"), json!([]), "no other way to log in is promised");
        assert!(answer.text("data.version").starts_with('v'));
        assert!(!answer.head.to_lowercase().contains("www-authenticate"));
    }
}

#[test]
fn the_version_document_tells_the_address_that_is_set() {
    let settings = Settings { openziti_url: Some("https://edge.example/".into()), ..Settings::default() };
    let answer = Net::with(&settings).at("GET", "/version", &[], "");
    assert_eq!(answer.text("data.apiVersions.edge.v1.apiBaseUrls.0"), "https://edge.example/edge/client/v1");
}

#[test]
fn paths_without_a_prefix_are_the_client_apis_and_shadow_nobody_elses() {
    let net = Net::start();
    for path in ["/current-identity", "/edge/v1/current-identity", "/current-identity/"] {
        let answer = net.at("GET", path, &[("ZT-Session", &format!("  {} ", net.admin))], "");
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text("data.name"), "Default Admin");
    }
    assert_eq!(net.at("GET", "/v1/sys/health", &[], "").status, 200);
    assert!(net.at("GET", "/v1/identities", &[("X-Vault-Token", "root")], "").body.get("errors").is_some());
    assert_eq!(net.at("GET", "/identities", &[("zt-session", &net.admin)], "").body, json!({ "errors": [] }));
    let elsewhere = net.at("GET", "/edge/client/v1/identities", &[("zt-session", &net.admin)], "");
    assert_eq!((elsewhere.status, error(&elsewhere).as_str()), (404, "NOT_FOUND"), "management only");
}

#[test]
fn where_the_dialect_is_off_its_paths_are_nobodys() {
    let server = Server::over(
        std::sync::Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap()),
        Settings { openziti: false, ..Settings::default() },
    );
    for path in ["/", "/version", "/edge/client/v1/version"] {
        assert_eq!(ask(server.address, "GET", path, &[], "").body, json!({ "errors": [] }), "{path}");
    }
}

#[test]
fn what_is_not_there_is_told_apart_from_what_cannot_be_done_with_it() {
    let net = Net::start();
    for path in ["nothing", "current-identity/nothing", "identities/x/mfa", "authenticate/mfa/x", "%ff", "a//b"] {
        let answer = net.client(&net.admin, "GET", path, &NONE);
        assert_eq!((answer.status, error(&answer).as_str()), (404, "NOT_FOUND"), "{path}");
    }
    for (method, path) in [("PUT", "current-identity/mfa"), ("GET", "authenticate"), ("DELETE", "version")] {
        let answer = net.client(&net.admin, method, path, &NONE);
        assert_eq!((answer.status, error(&answer).as_str()), (405, "METHOD_NOT_ALLOWED"), "{path}");
    }
}

#[test]
fn credentials_that_are_missing_or_bad_are_challenged_in_the_reference_s_words() {
    let net = Net::start();
    let challenge = |answer: &Answer| {
        let found: Vec<_> =
            answer.head.lines().filter_map(|line| line.strip_prefix("www-authenticate: ").map(str::to_owned)).collect();
        found.join("|")
    };
    let missing = net.at("GET", "/edge/client/v1/current-identity", &[], "");
    assert_eq!((missing.status, error(&missing).as_str()), (401, "UNAUTHORIZED"));
    assert_eq!(
        challenge(&missing),
        "zt-session realm=\"zt-session\" error=\"missing\" error_description=\"no matching token was provided\",Bearer \
         realm=\"openziti-oidc\" error=\"missing\" error_description=\"no matching token was provided\""
    );
    let bad = net.client("00000000-0000-4000-8000-000000000000", "GET", "current-identity", &NONE);
    assert_eq!((bad.status, error(&bad).as_str()), (401, "UNAUTHORIZED"));
    assert_eq!(
        challenge(&bad),
        "zt-session realm=\"zt-session\" error=\"invalid\" error_description=\"token is invalid\""
    );
    let bearer = net.at("GET", "/edge/client/v1/current-identity", &[("Authorization", "Bearer x")], "");
    assert_eq!(bearer.status, 401);
}

#[test]
fn errors_are_json_whatever_is_accepted_and_replies_say_who_answered() {
    let net = Net::start();
    let answer = net.at("GET", "/edge/client/v1/current-identity", &[("Accept", "text/html")], "");
    assert_eq!(error(&answer), "UNAUTHORIZED");
    let head = net.client(&net.admin, "GET", "current-identity", &NONE).head.to_lowercase();
    for said in [
        "\r\nserver: ziti-controller/v",
        "\r\nziti-instance-id: ",
        "\r\nexpiration-seconds: 1800\r\n",
        "\r\nexpires-at: 2",
    ] {
        assert!(head.contains(said), "{said} in {head}");
    }
}

#[test]
fn a_body_that_does_not_come_is_hung_up_on() {
    let net = Net::with(&Settings { body_timeout: Duration::from_millis(50), ..Settings::default() });
    let mut stream = TcpStream::connect(net.server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head = "POST /edge/client/v1/authenticate?method=password HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end, not a wait");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 503"), "{answer:?}");
}

#[test]
fn bodies_are_json_objects_and_nothing_else() {
    let net = Net::start();
    let path = "/edge/client/v1/authenticate?method=password";
    let good = json!({ "username": "admin", "password": "password-admin" }).to_string();
    for body in ["{", "{\"username\": \"admin\"", "\u{1}", "{\"a\":1}x", &"[".repeat(10_000)] {
        let answer = net.at("POST", path, &[], body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "COULD_NOT_PARSE_BODY"), "{body:.20}");
    }
    for body in ["", "[]", "null", "1", "\"x\"", "{}", "{\"username\":1,\"password\":\"password-admin\"}"] {
        let answer = net.at("POST", path, &[("Content-Type", "application/json")], body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "COULD_NOT_VALIDATE"), "{body}");
        assert!(answer.at("error.cause.field").is_string());
    }
    let other = net.at("POST", path, &[("Content-Type", "text/plain")], &good);
    assert_eq!((other.status, error(&other).as_str()), (400, "COULD_NOT_PARSE_BODY"));
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(net.at("POST", path, &[("Content-Type", kind)], &good).status, 200, "{kind}");
    }
    assert_eq!(net.at("POST", path, &[], &good).status, 200, "no content type is JSON");
}

#[test]
fn who_asks_too_often_is_told_in_the_shape_of_the_path() {
    let settings = Settings { requests_per_second: 1, request_burst: 1, ..Settings::default() };
    let server =
        Server::over(std::sync::Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap()), settings);
    let answers: Vec<Answer> =
        (0..20).map(|_| ask(server.address, "GET", "/edge/client/v1/version", &[], "")).collect();
    let shed = answers.iter().find(|answer| answer.status == 429).expect("some are shed");
    assert_eq!(error(shed), "RATE_LIMITED");
}
