//! What the log says of factors: that and why they were refused, and nothing that proves or reaches anybody.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::out_of_band::{Site, messages, method};

/// Keeps what every server of this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_code_and_no_address_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter("countersign=trace,actix_web=trace")
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let site = Site::sms(
        &json!({ "enable_self_enrollment": true, "template": "{{ code }}{% if name == 'eve' %}{{ no }}{% endif %}" }),
    );
    let mail = method(&site.server, "email", &json!({ "enable_self_enrollment": true }));
    let paper = method(&site.server, "recovery", &json!({}));
    let (entity, token) = site.person("alice");
    let ask = |token: &str, path: &str, body: serde_json::Value| {
        site.server.ask("POST", path, &[("X-Vault-Token", token)], &body.to_string())
    };
    let mut secrets = vec!["+441632960961".to_owned(), "marigold@example.com".into(), "damson".into(), token.clone()];
    site.server.call("POST", &format!("identity/entity/id/{entity}"), &json!({ "name": "eve" }));
    ask(&token, "identity/mfa/method/sms/generate", json!({ "method_id": site.method, "phone": "+441632960961" }));
    let code = messages(&site.server)[0].code.expose().clone();
    ask(&token, "identity/mfa/method/sms/verify", json!({ "method_id": site.method, "passcode": "000000" }));
    let done = ask(&token, "identity/mfa/method/sms/verify", json!({ "method_id": site.method, "passcode": code }));
    assert_eq!(done.status, 200);
    let codes = ask(&token, "identity/mfa/method/recovery/generate", json!({ "method_id": paper }));
    for code in codes.at("data.codes").as_array().unwrap() {
        secrets.push(code.as_str().unwrap().to_owned());
    }
    let recovery = secrets.last().unwrap().clone();
    for _ in 0..2 {
        let body = json!({ "method_id": paper, "entity_id": entity, "passcode": recovery });
        ask("root", "identity/mfa/validate", body);
    }
    site.enforce(&[&mail], &json!({ "allow_recovery": false }));
    let request = site.waiting("alice");
    let enrol = json!({ "mfa_request_id": request, "mfa_method_id": mail, "email": "marigold@example.com" });
    assert_eq!(ask("", "identity/mfa/method/email/self-enroll", enrol).status, 200);
    let mailed = messages(&site.server)[0].code.expose().clone();
    assert_eq!(site.answer(&request, &mail, "000000").status, 403);
    assert_eq!(site.answer(&request, &mail, &mailed).status, 200);
    secrets.extend([request, format!(" {code}"), format!("\"{code}"), format!(" {mailed}"), format!("\"{mailed}")]);
    let said = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(said.contains("a factor was refused"), "the log was looked at");
    assert!(said.contains("the standing words are sent instead"));
    for secret in secrets {
        assert!(!said.contains(&secret), "{secret} is in the log");
    }
}
