//! ZITADEL's API: what each method does, over REST and over Connect.

mod attacks;
mod challenges;
mod contacts;
mod factors;
mod guide;
mod keys;
mod lockout;
mod organisations;
mod passwords;
mod people;
mod policies;
mod providers;
mod secret_generators;
mod sessions;
mod settings;
mod transport;
mod users;

use serde_json::{Value, json};

use crate::support::{Answer, Server};

/// A server, and whoever asks it.
pub(crate) struct Zitadel {
    pub(crate) server: Server,
}

impl Zitadel {
    pub(crate) fn start() -> Self {
        Self { server: Server::start() }
    }

    /// Ask as the owner of the instance, over REST.
    pub(crate) fn call(&self, verb: &str, path: &str, body: &Value) -> Answer {
        self.call_as("root", verb, path, body)
    }

    /// Ask with this token, over REST.
    pub(crate) fn call_as(&self, token: &str, verb: &str, path: &str, body: &Value) -> Answer {
        self.server.ask(verb, path, &[("Authorization", &format!("Bearer {token}"))], &body.to_string())
    }

    /// Ask as the owner of the instance, about this organisation.
    pub(crate) fn call_in(&self, organisation: &str, verb: &str, path: &str, body: &Value) -> Answer {
        let headers = [("Authorization", "Bearer root"), ("x-zitadel-orgid", organisation)];
        self.server.ask(verb, path, &headers, &body.to_string())
    }

    /// Ask with this token, over Connect: `settings.v2.SettingsService/GetLoginSettings`.
    pub(crate) fn connect_as(&self, token: &str, procedure: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.server.ask("POST", &format!("/zitadel.{procedure}"), &headers, &body.to_string())
    }

    /// The id of the organisation that the namespace `name` is, which is made if need be.
    pub(crate) fn organisation(&self, name: &str) -> String {
        let id = self.server.call("POST", &format!("sys/namespaces/{name}"), &json!({})).text("data.id");
        let digit = |byte| match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            _ => byte - b'a' + 36,
        };
        let number = id.bytes().fold(0_u64, |number, byte| number * 62 + u64::from(digit(byte)));
        (100_000_000_000_000_000 + number).to_string()
    }

    /// A token with this policy in the namespace `namespace`, which is made if need be; empty for root.
    pub(crate) fn token(&self, namespace: &str, policy: &str) -> String {
        if !namespace.is_empty() {
            self.server.call("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
        }
        let path = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let made = self.server.call("POST", &format!("{path}auth/token/create"), &json!({ "policies": [policy] }));
        made.text("auth.client_token")
    }
}

/// What an error comes to: the status, gRPC's number and the id, which also stands in the message.
pub(crate) fn error(answer: &Answer) -> (u16, u64, String) {
    let code = answer.at("code").as_u64().unwrap_or_else(|| panic!("no error: {answer:?}"));
    let id = answer.at("details.0.id").as_str().unwrap_or_default().to_owned();
    assert!(id.is_empty() || answer.text("message").ends_with(&format!(" ({id})")), "{answer:?}");
    (answer.status, code, id)
}
