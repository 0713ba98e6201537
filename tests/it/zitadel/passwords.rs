//! Passwords: set by whoever may, and by their owner with a proof.

#![expect(clippy::needless_pass_by_value, reason = "a body is made where it is sent")]

use serde_json::{Value, json};

use super::people::PASSWORD;
use super::{Zitadel, error};

const NEW: &str = "An0ther-0ne";

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

fn set(zitadel: &Zitadel, token: &str, user: &str, password: &str, proof: Value) -> super::Answer {
    let mut body = json!({ "newPassword": { "password": password } });
    body.as_object_mut().unwrap().extend(proof.as_object().cloned().unwrap_or_default());
    zitadel.call_as(token, "POST", &format!("/v2/users/{user}/password"), &body)
}

fn is_right(zitadel: &Zitadel, user: &str, password: &str) -> bool {
    let checks = json!({ "user": { "userId": user }, "password": { "password": password } });
    zitadel.call("POST", "/v2/sessions", &json!({ "checks": checks })).status == 201
}

#[test]
fn an_administrator_sets_a_password_and_its_owner_has_to_show_the_old_one() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let myself = zitadel.login(&user, None);
    assert_eq!(error(&set(&zitadel, &myself, &user, NEW, json!({}))), refused(403, 7, "AUTHZ-HKJD33"));
    let wrong = set(&zitadel, &myself, &user, NEW, json!({ "currentPassword": "wrong" }));
    assert_eq!(error(&wrong), refused(400, 3, "COMMAND-3M0fs"));
    assert_eq!(wrong.at("details.0.failedAttempts"), 1);
    let same = set(&zitadel, &myself, &user, PASSWORD, json!({ "currentPassword": PASSWORD }));
    assert_eq!(error(&same), refused(400, 9, "COMMAND-Aesh5"));
    assert!(is_right(&zitadel, &user, PASSWORD));
    assert_eq!(set(&zitadel, &myself, &user, NEW, json!({ "currentPassword": PASSWORD })).status, 200);
    assert!(is_right(&zitadel, &user, NEW) && !is_right(&zitadel, &user, PASSWORD));
    assert_eq!(set(&zitadel, "root", &user, PASSWORD, json!({})).status, 200);
    assert!(is_right(&zitadel, &user, PASSWORD));
    assert_eq!(error(&set(&zitadel, "root", &user, "short", json!({}))), refused(400, 3, "DOMAIN-HuJf6"));
    assert_eq!(error(&set(&zitadel, "root", "123", NEW, json!({}))), refused(404, 5, "QUERY-Dfbg2"));
    let other = zitadel.human("other@mouse.com");
    assert_eq!(
        error(&set(&zitadel, &myself, &other, NEW, json!({ "currentPassword": PASSWORD }))),
        refused(403, 7, "AUTHZ-HKJD33")
    );
}

#[test]
fn wrong_old_passwords_lock_like_any_others() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(2, 0);
    let user = zitadel.minnie();
    for _ in 0..2 {
        set(&zitadel, "root", &user, NEW, json!({ "currentPassword": "wrong" }));
    }
    assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
    let right = set(&zitadel, "root", &user, NEW, json!({ "currentPassword": PASSWORD }));
    assert_eq!(error(&right), refused(400, 9, "COMMAND-JLK35"));
}

#[test]
fn a_password_is_reset_by_a_code_once() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let reset = |body: Value| zitadel.ok("POST", &format!("/v2beta/users/{user}/password_reset"), &body);
    let code = reset(json!({ "returnCode": {} })).text("verificationCode");
    let by = |code: &str, password: &str| set(&zitadel, "root", &user, password, json!({ "verificationCode": code }));
    assert_eq!(error(&by("AAAAAA", NEW)), refused(400, 3, "CODE-woT0xc"));
    assert_eq!(by(&code, NEW).status, 200);
    assert_eq!(error(&by(&code, PASSWORD)), refused(400, 3, "CODE-woT0xc"));
    reset(json!({ "sendLink": { "urlTemplate": "https://acme.com/{{.Code}}" } }));
    let message = zitadel.outbox().pop().unwrap();
    assert_eq!(message.to.expose(), "minnie-mouse@mouse.com");
    assert!(message.text.expose().contains(&format!("https://acme.com/{}", message.code.expose())));
    for _ in 0..10 {
        by("AAAAAA", PASSWORD);
    }
    assert_eq!(
        error(&by(message.code.expose(), PASSWORD)),
        refused(400, 3, "CODE-woT0xc"),
        "void after ten wrong ones"
    );
    assert!(is_right(&zitadel, &user, NEW));
}
