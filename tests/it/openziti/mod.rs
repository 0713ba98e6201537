//! OpenZiti's edge APIs: whole conversations with a server in this process.

use std::time::Duration;

use countersign::app;
use countersign::config::Settings;
use countersign::factor::totp::Authenticator;
use countersign::secret::Secret;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::tables;
use serde_json::{Value, json};

use crate::support::{Answer, Server, ask, authenticator, code_at};

mod across;
mod authentication;
mod bootstrap;
mod management;
mod posture;
mod second_factor;
mod transport;
mod weaknesses;

/// Fields of a body that lies below these prefixes.
const CLIENT: &str = "/edge/client/v1";
const MANAGEMENT: &str = "/edge/management/v1";

/// A server with an edge network and its administrator, who is logged in.
struct Net {
    server: Server,
    admin: String,
}

impl Net {
    fn start() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        let store = std::sync::Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap());
        let server = Server::over(store, settings.clone());
        let password = Secret::new("password-admin".into());
        app::ensure_edge_admin(&server.engine, &settings.edge_rules(), "admin", &password, false).unwrap();
        let mut net = Self { server, admin: String::new() };
        net.admin = net.login("admin");
        net
    }

    fn at(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        ask(self.server.address, method, path, headers, body)
    }

    /// Ask the client API in a session.
    fn client(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.at(method, &format!("{CLIENT}/{path}"), &[("zt-session", token)], &body)
    }

    /// Ask the management API in a session.
    fn manage_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.at(method, &format!("{MANAGEMENT}/{path}"), &[("zt-session", token)], &body)
    }

    /// Ask the management API as the administrator.
    fn manage(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.manage_as(&self.admin, method, path, body)
    }

    fn try_login(&self, username: &str, password: &str) -> Answer {
        let body = json!({ "username": username, "password": password }).to_string();
        self.at("POST", &format!("{CLIENT}/authenticate?method=password"), &[], &body)
    }

    /// Log in as somebody whom [`Net::person`] made, and give the token.
    fn login(&self, username: &str) -> String {
        let answer = self.try_login(username, &format!("password-{username}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("data.token")
    }

    /// Somebody of this name who can log in; the identity's id.
    fn person(&self, name: &str) -> String {
        self.person_with(name, &json!({}))
    }

    /// The same, with these members.
    fn person_with(&self, name: &str, members: &Value) -> String {
        let mut body = json!({ "name": name, "type": "User", "isAdmin": false });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let id = self.manage("POST", "identities", &body).text("data.id");
        let password = format!("password-{name}");
        let body = json!({ "method": "updb", "identityId": id, "username": name, "password": password });
        assert_eq!(self.manage("POST", "authenticators", &body).status, 201);
        id
    }

    /// Start an enrolment, and scan its key.
    fn start_enrolment(&self, token: &str) -> Phone {
        let answer = self.client(token, "POST", "current-identity/mfa", &Value::Null);
        assert_eq!(answer.status, 201, "{answer:?}");
        Phone::scan(&answer.text("data.provisioningUrl"))
    }

    /// Enrol a second factor; the step after it is present then.
    fn enrol(&self, token: &str) -> Phone {
        let phone = self.start_enrolment(token);
        let verified = self.client(token, "POST", "current-identity/mfa/verify", &code(&self.code(&phone)));
        assert_eq!(verified.status, 200, "{verified:?}");
        self.server.advance(30);
        phone
    }

    /// The code that a phone shows now.
    fn code(&self, phone: &Phone) -> String {
        self.code_in(phone, 0)
    }

    /// The code that it shows so many steps from now.
    fn code_in(&self, phone: &Phone, steps: i64) -> String {
        code_at(&phone.0, countersign::time::Clock::now(&*self.server.clock), steps)
    }

    /// A code that is wrong now and for a while.
    fn wrong(&self, phone: &Phone) -> String {
        let near: Vec<String> = (-20..=20).map(|steps| self.code_in(phone, steps)).collect();
        (0..100).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
    }

    /// Prove the second factor in a session.
    fn prove(&self, token: &str, answer: &str) -> Answer {
        self.client(token, "POST", "authenticate/mfa", &code(answer))
    }

    /// Whether a session may do what takes a full one; `None` if it has ended.
    fn is_full(&self, token: &str) -> Option<bool> {
        let session = self.client(token, "GET", "current-api-session", &Value::Null);
        let probe = self.client(token, "GET", "sessions", &Value::Null);
        match (session.status, probe.status) {
            (200, 200) => Some(true),
            (200, 401) => Some(false),
            (401, 401) => None,
            other => panic!("{other:?}"),
        }
    }

    /// The policy with this id requires a second factor from now on, or does not.
    fn require_totp(&self, policy: &str, required: bool) {
        let body = json!({ "secondary": { "requireTotp": required } });
        assert_eq!(self.manage("PATCH", &format!("auth-policies/{policy}"), &body).status, 200);
    }

    /// The codes that are left, seen with `shown`.
    fn codes(&self, token: &str, shown: &str) -> Vec<String> {
        let answer = self.client(token, "GET", "current-identity/mfa/recovery-codes", &code(shown));
        assert_eq!(answer.status, 200, "{answer:?}");
        texts(answer.at("data.recoveryCodes"))
    }
}

/// An authenticator app that knows one key.
struct Phone(Authenticator);

impl Phone {
    /// Scan a key.
    fn scan(url: &str) -> Self {
        Self(authenticator(url))
    }
}

fn code(text: &str) -> Value {
    json!({ "code": text })
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The code and the message of an error, whose envelope is checked.
fn error(answer: &Answer) -> String {
    assert!(answer.body.get("data").is_none(), "{answer:?}");
    for always in ["error.message", "error.requestId", "meta.apiVersion", "meta.apiEnrollmentVersion"] {
        assert!(!answer.text(always).is_empty());
    }
    answer.text("error.code")
}

/// What a refusal says to a client that cannot tell one from the other.
fn refusal(answer: &Answer) -> (u16, Value, Value) {
    let mut body = answer.body.clone();
    body["error"]["requestId"] = Value::Null;
    let headers = answer.head.lines().filter(|line| line.to_lowercase().starts_with("www-authenticate")).collect();
    (answer.status, body, headers)
}

const NONE: Value = Value::Null;
const HALF_HOUR: Duration = Duration::from_mins(30);
