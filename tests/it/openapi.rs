//! The document of what is served, against what is served.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const DOCUMENT: &str = "sys/internal/specs/openapi";

#[test]
fn it_is_told_without_a_token_and_without_an_envelope() {
    let server = Server::start();
    let told = server.ask("GET", DOCUMENT, &[], "");
    assert_eq!((told.status, told.text("openapi").as_str()), (200, "3.0.3"));
    assert_eq!(told.at("request_id"), &Value::Null);
    assert_eq!(server.ask("POST", DOCUMENT, &[("X-Vault-Token", "nobody's")], "{}").text, told.text);
    assert_eq!(server.ask("DELETE", DOCUMENT, &[], "").status, 405);
}

#[test]
fn it_is_the_same_whatever_is_set_up() {
    let server = Server::start();
    let before = server.ask("GET", DOCUMENT, &[], "").text;
    server.call("POST", "sys/namespaces/team", &json!({}));
    server.call("POST", "sys/auth/hidden", &json!({ "type": "userpass" }));
    server.enrol(&json!({ "issuer": "x" }));
    assert_eq!(server.ask("GET", DOCUMENT, &[("X-Vault-Namespace", "team")], "").text, before);
}

#[test]
fn everything_in_it_is_served() {
    let server = Server::start();
    let document = server.ask("GET", DOCUMENT, &[], "").body;
    let statuses = |operation: &Value| operation["responses"].as_object().unwrap().clone();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let filled = fill(&server, path, &item["parameters"]);
        for (verb, operation) in item.as_object().unwrap().iter().filter(|(_, member)| member["responses"].is_object())
        {
            let lists = operation["parameters"].to_string().contains(r#""name":"list","required":true"#);
            let query = if lists { "?list=true" } else { "" };
            let answer = try_out(&server, &verb.to_uppercase(), &format!("{filled}{query}"));
            tried += 1;
            assert!(is_served(&answer), "{verb} {path}: {answer:?}");
            assert!(statuses(operation).contains_key(&answer.status.to_string()), "{verb} {path}: {answer:?}");
        }
    }
    assert!(tried > 50);
}

/// A path of this template, without its leading slash. Where it lies in a mount there is one.
fn fill(server: &Server, template: &str, parameters: &Value) -> String {
    let mut path = template.trim_start_matches('/').to_owned();
    for parameter in parameters.as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "path") {
        let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
        let uuid = schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("{12}"));
        let value =
            if uuid { "c1372abf-bf64-1f26-c2a4-cbcfa135b775" } else { schema["default"].as_str().unwrap_or("x") };
        if schema["default"].is_string() {
            server.call("POST", &format!("sys/auth/{value}"), &json!({ "type": value }));
        }
        // Behind this one there is only a mount's tuning.
        let value = if template.starts_with("/sys/mounts/auth/") { "token/tune" } else { value };
        path = path.replace(&format!("{{{name}}}"), value);
    }
    path
}

/// Ask, with a token that is not needed afterwards, and unseal what that may have sealed.
fn try_out(server: &Server, verb: &str, path: &str) -> Answer {
    let token = server.call("POST", "auth/token/create", &json!({})).text("auth.client_token");
    let headers = [("X-Vault-Token", token.as_str()), ("Content-Type", "application/merge-patch+json")];
    let answer = server.ask(verb, path, &headers, "{}");
    server.ask("POST", "sys/unseal", &[], &json!({ "key": "07".repeat(32) }).to_string());
    answer
}

fn is_served(answer: &Answer) -> bool {
    let unknown = ["unsupported path", "unsupported operation", "no handler for route"];
    answer.status != 405 && !unknown.iter().any(|text| answer.text.contains(text))
}
