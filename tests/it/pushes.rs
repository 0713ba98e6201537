//! Logins whose second factor a provider verifies: when it is asked, and what its word is worth.

use std::sync::{Arc, Mutex};

use countersign::delivery::gateway::{Answer as Word, Error, Gateway, PushQuestion};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

/// A provider that says the same to everybody, and notes who it was asked about.
struct Provider {
    approves: bool,
    asked: Mutex<Vec<String>>,
}

impl Gateway for Provider {
    fn ask(&self, question: &PushQuestion) -> Result<Word, Error> {
        self.asked.lock().unwrap().push(question.username.clone());
        Ok(if self.approves { Word::Approved } else { Word::Denied("no".into()) })
    }
}

struct Setting {
    server: Server,
    provider: Arc<Provider>,
    method: String,
}

/// A user whose logins Duo must approve.
fn setting(approves: bool) -> Setting {
    let provider = Arc::new(Provider { approves, asked: Mutex::default() });
    let server = Server::asking(provider.clone());
    server.call("POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
    server.call("POST", "auth/userpass/users/alice", &json!({ "password": "pw" }));
    // The entity is there before a provider can be asked about it.
    let entity = server.call("POST", "auth/userpass/login/alice", &json!({ "password": "pw" })).text("auth.entity_id");
    server.call("POST", &format!("identity/entity/id/{entity}"), &json!({ "name": "alice" }));
    let duo = json!({ "secret_key": "s", "integration_key": "i", "api_hostname": "api.example" });
    let method = server.call("POST", "identity/mfa/method/duo", &duo).text("data.method_id");
    let enforcement = json!({ "mfa_method_ids": [method], "auth_method_types": ["userpass"] });
    assert_eq!(server.call("POST", "identity/mfa/login-enforcement/main", &enforcement).status, 204);
    Setting { server, provider, method }
}

impl Setting {
    fn log_in(&self, password: &str, offer: Option<&str>) -> Answer {
        let headers: Vec<(&str, &str)> = offer.map(|offer| ("X-Vault-MFA", offer)).into_iter().collect();
        let body = json!({ "password": password }).to_string();
        self.server.ask("POST", "auth/userpass/login/alice", &headers, &body)
    }

    fn validate(&self, request_id: &str, answer: &Value) -> Answer {
        let body = json!({ "mfa_request_id": request_id, "mfa_payload": { self.method.as_str(): answer } });
        self.server.ask("POST", "sys/mfa/validate", &[], &body.to_string())
    }

    fn asked(&self) -> usize {
        let asked = self.provider.asked.lock().unwrap();
        assert!(asked.iter().all(|name| name == "alice"));
        asked.len()
    }
}

#[test]
fn a_login_that_its_provider_approves_is_completed_once() {
    let setting = setting(true);
    let waiting = setting.log_in("pw", None).text("auth.mfa_requirement.mfa_request_id");
    assert_eq!(setting.asked(), 0);
    assert_eq!(setting.validate(&waiting, &json!([])).status, 200);
    assert_eq!(setting.asked(), 1);
    assert_eq!(setting.validate(&waiting, &json!([""])).status, 400);
    assert_eq!(setting.asked(), 1);
}

#[test]
fn a_login_that_its_provider_denies_waits_on() {
    let setting = setting(false);
    let waiting = setting.log_in("pw", None).text("auth.mfa_requirement.mfa_request_id");
    for times in 1..=2 {
        let refused = setting.validate(&waiting, &json!([]));
        assert_eq!(refused.status, 403);
        assert!(refused.error().contains("MFA credentials not supplied or incorrect"));
        assert_eq!(setting.asked(), times);
    }
}

#[test]
fn in_one_phase_a_provider_is_asked_only_about_whoever_has_the_password() {
    let approving = setting(true);
    let method = approving.method.clone();
    assert_eq!(approving.log_in("wrong", Some(&method)).status, 400);
    assert_eq!(approving.asked(), 0);
    let token = approving.log_in("pw", Some(&method));
    assert!(!token.text("auth.client_token").is_empty());
    assert_eq!(approving.asked(), 1);
    let denying = setting(false);
    let refused = denying.log_in("pw", Some(&denying.method));
    assert_eq!((refused.status, refused.error().as_str()), (403, "permission denied"));
    assert_eq!(denying.asked(), 1);
}
