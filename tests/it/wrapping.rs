//! Response wrapping: told once, to the bearer, in time.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const ROOT: (&str, &str) = ("X-Vault-Token", "root");

/// Send a request as root whose reply is to wait for so long.
fn wrapped(server: &Server, ttl: &str, method: &str, path: &str, body: &Value) -> Answer {
    server.ask(method, path, &[ROOT, ("X-Vault-Wrap-TTL", ttl)], &body.to_string())
}

/// Wrap something for a minute: the token it waits for.
fn wrap(server: &Server) -> String {
    wrapped(server, "60", "POST", "sys/wrapping/wrap", &json!({ "secret": "s" })).text("wrap_info.token")
}

fn own(server: &Server, token: &str) -> Answer {
    server.ask("POST", "sys/wrapping/unwrap", &[("X-Vault-Token", token)], "")
}

fn named(server: &Server, token: &str) -> Answer {
    server.call("POST", "sys/wrapping/unwrap", &json!({ "token": token }))
}

const INVALID: &str = "wrapping token is not valid or does not exist";

#[test]
fn a_wrapped_reply_is_told_once_however_many_ask_at_once() {
    let server = Arc::new(Server::start());
    for unwrap in [own, named] {
        let token = wrap(&server);
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (server, token) = (server.clone(), token.clone());
                std::thread::spawn(move || unwrap(&server, &token))
            })
            .collect();
        let answers: Vec<Answer> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.at("data.secret") == &json!("s")).count(), 1);
        assert!(answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.error() == INVALID));
    }
}

#[test]
fn what_is_wrapped_is_what_would_have_been_said() {
    let server = Server::start();
    let body = json!({ "policies": ["nope"], "bogus": 1 });
    let info = wrapped(&server, "30s", "POST", "auth/token/create", &body);
    assert_eq!((info.at("data"), info.at("auth"), info.at("warnings")), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(
        (info.text("request_id"), info.text("wrap_info.creation_path")),
        (String::new(), "auth/token/create".into())
    );
    assert_eq!(info.at("wrap_info.ttl"), &json!(30));
    let said = own(&server, &info.text("wrap_info.token"));
    assert_eq!(said.text("auth.accessor"), info.text("wrap_info.wrapped_accessor"));
    assert_eq!(said.at("auth.policies"), &json!(["default", "nope"]));
    let warnings = ["Policy \"nope\" does not exist", "Endpoint ignored these unrecognized parameters: [bogus]"];
    assert_eq!(said.at("warnings"), &json!(warnings));
    assert_eq!(said.text("request_id").len(), 36);
    let token = said.text("auth.client_token");
    let headers = [("X-Vault-Token", token.as_str())];
    assert_eq!(server.ask("GET", "auth/token/lookup-self", &headers, "").status, 200);
    let list = wrapped(&server, "30s", "LIST", "auth/token/accessors", &json!({}));
    assert_eq!(list.text("wrap_info.creation_path"), "auth/token/accessors/");
    assert!(named(&server, &list.text("wrap_info.token")).at("data.keys").is_array());
}

#[test]
fn what_is_sent_to_be_wrapped_comes_back_to_the_digit() {
    let server = Server::start();
    let sent =
        r#"{"big":123456789012345678901234567890,"exact":1.50,"text":"a&<b>","token":"t","deep":{"a":[null,true]}}"#;
    let info = server.ask("POST", "sys/wrapping/wrap", &[ROOT, ("X-Vault-Wrap-TTL", "5m")], sent);
    let said = own(&server, &info.text("wrap_info.token"));
    assert!(said.text.contains(r#""big":123456789012345678901234567890"#) && said.text.contains(r#""exact":1.50"#));
    assert_eq!(said.at("data.text"), &json!("a&<b>"));
    assert_eq!(said.at("data.deep"), &json!({ "a": [null, true] }));
    assert_eq!(said.at("warnings"), &Value::Null);
}

#[test]
fn errors_and_empty_replies_are_not_wrapped() {
    let server = Server::start();
    let method = server.call("POST", "identity/mfa/method/totp", &json!({ "issuer": "x" })).text("data.method_id");
    let path = format!("identity/mfa/method/totp/{method}");
    assert_eq!(wrapped(&server, "30", "POST", &path, &json!({ "issuer": "y" })).status, 204);
    assert_eq!(wrapped(&server, "30", "POST", "identity/mfa/method/totp", &json!({})).error(), "issuer must be set");
    assert_eq!(wrapped(&server, "0", "GET", &path, &json!({})).text("data.issuer"), "y");
    let refused = server.call("POST", "sys/wrapping/wrap", &json!({ "a": 1 }));
    assert_eq!(refused.error(), "endpoint requires response wrapping to be used");
}

#[test]
fn a_ttl_that_cannot_be_is_refused_before_anything_is_done() {
    let server = Server::start();
    for ttl in ["-5", "-500ms", "abc", "99999999999999999999", "9999999h", "1w"] {
        let refused = wrapped(&server, ttl, "POST", "sys/namespaces/a", &json!({}));
        assert!(refused.error().starts_with("error parsing X-Vault-Wrap-TTL header: "), "{ttl}");
    }
    assert_eq!(server.call("LIST", "sys/namespaces", &json!({})).status, 404);
    let part = wrapped(&server, "500ms", "POST", "sys/namespaces/a", &json!({}));
    assert_eq!(part.at("wrap_info.ttl"), &json!(1), "a part of a second is not a reply in the open");
}

#[test]
fn a_wrapped_reply_waits_exactly_as_long_as_asked() {
    let server = Server::start();
    let (early, late) = (wrap(&server), wrap(&server));
    server.clock.advance(std::time::Duration::from_millis(59_999));
    assert_eq!(named(&server, &early).status, 200);
    server.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(named(&server, &late).error(), INVALID);
    assert_eq!(server.ask("POST", "sys/wrapping/lookup", &[("X-Vault-Token", &late)], "").error(), INVALID);
}

#[test]
fn a_wrapping_token_is_good_for_nothing_else_and_lost_when_tried() {
    let server = Server::start();
    for (method, path) in [
        ("GET", "auth/token/lookup-self"),
        ("POST", "auth/token/renew-self"),
        ("POST", "auth/token/create"),
        ("GET", "sys/mounts"),
        ("POST", "sys/wrapping/rewrap"),
        ("POST", "sys/wrapping/wrap"),
        ("GET", "no/such/path"),
    ] {
        let token = wrap(&server);
        let headers = [("X-Vault-Token", token.as_str()), ("X-Vault-Wrap-TTL", "60")];
        assert_eq!(server.ask(method, path, &headers, "{}").status, 403, "{method} {path}");
        assert_eq!(named(&server, &token).error(), INVALID, "{method} {path}");
    }
    let token = wrap(&server);
    assert_eq!(server.call("POST", "auth/token/renew", &json!({ "token": token })).error(), "lease is not renewable");
    assert_eq!(own(&server, &token).status, 200);
}

#[test]
fn a_named_token_is_unwrapped_by_those_with_a_token_of_their_own() {
    let server = Server::start();
    let token = wrap(&server);
    let body = json!({ "token": token }).to_string();
    let ask = |headers: &[(&str, &str)]| server.ask("POST", "sys/wrapping/unwrap", headers, &body);
    assert_eq!(ask(&[]).error(), "permission denied");
    assert_eq!(ask(&[("X-Vault-Token", "s.nonsense")]).error(), "permission denied");
    let bare = server.call("POST", "auth/token/create", &json!({ "policies": ["x"], "no_default_policy": true }));
    assert_eq!(ask(&[("X-Vault-Token", &bare.text("auth.client_token"))]).status, 403);
    assert_eq!(ask(&[("X-Vault-Token", &token)]).at("data.secret"), &json!("s"), "named twice, it is its own");
    let (another, body) = (wrap(&server), json!({ "token": wrap(&server) }));
    let headers = [("X-Vault-Token", another.as_str())];
    let by_another = server.ask("POST", "sys/wrapping/unwrap", &headers, &body.to_string());
    assert_eq!(by_another.status, 403, "a wrapping token is no token of one's own");
    assert_eq!(server.call("POST", "sys/wrapping/unwrap", &body).at("data.secret"), &json!("s"));
}

#[test]
fn only_wrapping_tokens_are_unwrapped() {
    let server = Server::start();
    for token in ["root", "s.nonsense", ""] {
        assert_eq!(named(&server, token).error(), INVALID, "{token}");
        assert_eq!(server.call("POST", "sys/wrapping/rewrap", &json!({ "token": token })).error(), INVALID);
        assert_eq!(
            server.ask("POST", "sys/wrapping/lookup", &[], &json!({ "token": token }).to_string()).error(),
            INVALID
        );
    }
    assert_eq!(server.ask("POST", "sys/wrapping/unwrap", &[], "{}").error(), INVALID);
    assert_eq!(server.call("GET", "auth/token/lookup-self", &json!({})).status, 200, "and none is lost by trying");
}

#[test]
fn a_look_at_a_wrapping_token_does_not_spend_it() {
    let server = Server::start();
    let token = wrap(&server);
    let body = json!({ "token": token }).to_string();
    for _ in 0..2 {
        let seen = server.ask("POST", "sys/wrapping/lookup", &[], &body);
        assert_eq!(seen.text("data.creation_path"), "sys/wrapping/wrap");
        assert_eq!(seen.at("data.creation_ttl"), &json!(60));
        assert!(!seen.text.contains("secret"));
    }
    assert_eq!(own(&server, &token).status, 200);
}

#[test]
fn a_rewrapped_reply_waits_anew_for_another_token() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    for headers in [vec![ROOT], vec![ROOT, ("X-Vault-Namespace", "a")]] {
        let wrap_headers = [headers.clone(), vec![("X-Vault-Wrap-TTL", "60")]].concat();
        let body = json!({ "policies": ["default"] }).to_string();
        let first = server.ask("POST", "auth/token/create", &wrap_headers, &body);
        server.advance(50);
        let asked = json!({ "token": first.text("wrap_info.token") }).to_string();
        let second = server.ask("POST", "sys/wrapping/rewrap", &headers, &asked);
        for member in ["wrap_info.creation_path", "wrap_info.wrapped_accessor"] {
            assert_eq!(second.text(member), first.text(member));
        }
        assert_eq!(second.at("wrap_info.ttl"), &json!(60));
        server.advance(50);
        assert_eq!(server.ask("POST", "sys/wrapping/unwrap", &headers, &asked).error(), INVALID);
        let token = second.text("wrap_info.token");
        assert!(server.ask("POST", "sys/wrapping/unwrap", &[("X-Vault-Token", &token)], "").at("auth").is_object());
    }
}

#[test]
fn an_unwrapped_reply_can_be_wrapped_again() {
    let server = Server::start();
    let token = wrap(&server);
    let info = wrapped(&server, "60", "POST", "sys/wrapping/unwrap", &json!({ "token": token }));
    assert_eq!(info.text("wrap_info.creation_path"), "sys/wrapping/unwrap");
    assert_eq!(own(&server, &info.text("wrap_info.token")).at("data"), &json!({ "secret": "s" }));
    assert_eq!(named(&server, &token).error(), INVALID);
}

#[test]
fn a_reply_is_gone_with_its_revoked_token_and_with_its_namespace() {
    let server = Server::start();
    let info = wrapped(&server, "60", "POST", "sys/wrapping/wrap", &json!({ "a": 1 }));
    let accessor = json!({ "accessor": info.text("wrap_info.accessor") });
    assert_eq!(
        server.call("POST", "auth/token/lookup-accessor", &accessor).at("data.policies"),
        &json!(["response-wrapping"])
    );
    assert_eq!(server.call("POST", "auth/token/revoke-accessor", &accessor).status, 204);
    assert_eq!(own(&server, &info.text("wrap_info.token")).error(), INVALID);
    server.call("POST", "sys/namespaces/a", &json!({}));
    let headers = [ROOT, ("X-Vault-Namespace", "a"), ("X-Vault-Wrap-TTL", "60")];
    let token = server.ask("POST", "sys/wrapping/wrap", &headers, "{}").text("wrap_info.token");
    assert_eq!(server.call("DELETE", "sys/namespaces/a", &json!({})).status, 200);
    assert_eq!(own(&server, &token).error(), INVALID);
}

#[test]
fn what_a_login_page_may_know_of_mounts_takes_no_token_but_no_bad_one() {
    let server = Server::start();
    let ask = |headers: &[(&str, &str)], path: &str| server.ask("GET", &format!("sys/internal/ui/{path}"), headers, "");
    assert_eq!(ask(&[], "mounts").at("data"), &json!({ "auth": {}, "secret": {} }));
    assert_eq!(ask(&[("X-Vault-Token", "bad")], "mounts").error(), "permission denied");
    let all = ask(&[ROOT], "mounts");
    assert_eq!(all.text("data.auth.token/.type"), "token");
    assert_eq!(all.text("data.secret.identity/.type"), "identity");
    assert_eq!(ask(&[ROOT], "mounts/auth/token").text("data.path"), "token/");
    assert_eq!(ask(&[ROOT], "mounts/sys/x").text("data.path"), "sys/");
    let text =
        "preflight capability check returned 403, please ensure client's policies grant access to path \"nope/\"";
    assert_eq!(ask(&[ROOT], "mounts/nope").error(), text);
    assert_eq!(ask(&[], "mounts/auth/token").error(), "permission denied");
    assert_eq!(ask(&[], "namespaces").error(), "permission denied");
    server.call("POST", "sys/namespaces/a", &json!({}));
    assert_eq!(ask(&[ROOT], "namespaces").at("data.keys"), &json!(["a/"]));
}
