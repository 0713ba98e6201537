//! Codes that a session asks for.

#![expect(clippy::needless_pass_by_value, reason = "a body is made where it is sent")]

use serde_json::{Value, json};

use super::{Zitadel, error};
use crate::support::Answer;

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

/// Somebody to whom codes can be sent, and a session about them.
struct Fixture {
    zitadel: Zitadel,
    user: String,
    session: String,
}

impl Fixture {
    fn new() -> Self {
        let zitadel = Zitadel::start();
        let user = zitadel.minnie();
        let phone = json!({ "phone": "+41791234567", "isVerified": true });
        zitadel.ok("POST", &format!("/v2/users/{user}/phone"), &phone);
        zitadel.ok("POST", &format!("/v2/users/{user}/otp_sms"), &json!({}));
        zitadel.ok("POST", &format!("/v2/users/{user}/otp_email"), &json!({}));
        let (session, _) = zitadel.session_of(&user);
        Self { zitadel, user, session }
    }

    fn ask(&self, kind: &str, ask: Value) -> Answer {
        let body = json!({ "challenges": { kind: ask } });
        self.zitadel.call("PATCH", &format!("/v2/sessions/{}", self.session), &body)
    }

    fn returned(&self, kind: &str) -> String {
        self.ask(kind, json!({ "returnCode": true })).text(&format!("challenges.{kind}"))
    }

    fn check(&self, kind: &str, code: &str) -> Answer {
        self.zitadel.check(&self.session, &json!({ kind: { "code": code } }))
    }
}

const BOTH: [&str; 2] = ["otpSms", "otpEmail"];

#[test]
fn whether_a_code_is_sent_or_returned_is_said_in_every_way_there_is() {
    let fixture = Fixture::new();
    for kind in BOTH {
        for ask in [json!({ "returnCode": true }), json!({ "returnCode": {} })] {
            let code = fixture.ask(kind, ask).text(&format!("challenges.{kind}"));
            assert_eq!(code.len(), 8);
        }
        let before = fixture.zitadel.outbox().len();
        let mut asks = vec![json!({}), json!({ "returnCode": false }), json!({ "returnCode": null })];
        if kind == "otpEmail" {
            asks.push(json!({ "sendCode": {} }));
        }
        let count = asks.len();
        for ask in asks {
            let answer = fixture.ask(kind, ask);
            assert_eq!((answer.status, answer.at("challenges")), (200, &json!({})), "{answer:?}");
        }
        assert_eq!(fixture.zitadel.outbox().len(), before + count);
    }
    let both = json!({ "sendCode": {}, "returnCode": {} });
    assert_eq!(error(&fixture.ask("otpEmail", both)), refused(400, 3, ""));
    assert_eq!(error(&fixture.ask("otpEmail", json!({ "returnCode": 1 }))), refused(400, 3, ""));
}

#[test]
fn a_code_is_good_once_in_its_session_and_of_its_kind() {
    let fixture = Fixture::new();
    for (kind, other) in [("otpSms", "otpEmail"), ("otpEmail", "otpSms")] {
        assert_eq!(error(&fixture.check(kind, "12345678")), refused(400, 9, "COMMAND-S34gh"), "none was asked for");
        let code = fixture.returned(kind);
        assert_eq!(error(&fixture.check(other, &code)), refused(400, 9, "COMMAND-S34gh"));
        let (elsewhere, _) = fixture.zitadel.session_of(&fixture.user);
        let check = fixture.zitadel.check(&elsewhere, &json!({ kind: { "code": code } }));
        assert_eq!(error(&check), refused(400, 9, "COMMAND-S34gh"), "another session");
        let newer = fixture.returned(kind);
        if newer != code {
            assert_eq!(error(&fixture.check(kind, &code)), refused(400, 3, "CODE-woT0xc"), "a new one replaces it");
        }
        assert_eq!(fixture.check(kind, &newer).status, 200);
        assert_eq!(error(&fixture.check(kind, &newer)), refused(400, 9, "COMMAND-S34gh"), "once");
    }
}

#[test]
fn a_code_is_late_after_five_minutes_and_void_after_ten_wrong_ones() {
    let fixture = Fixture::new();
    for kind in BOTH {
        let code = fixture.returned(kind);
        fixture.zitadel.server.advance(299);
        for wrong in ["1", "123456789", "ABCDEFGH", "        "] {
            assert_eq!(error(&fixture.check(kind, wrong)), refused(400, 3, "CODE-woT0xc"), "{wrong}");
        }
        assert_eq!(fixture.check(kind, &code).status, 200, "what can be no code voids none");
        let code = fixture.returned(kind);
        fixture.zitadel.server.advance(300);
        assert_eq!(error(&fixture.check(kind, &code)), refused(400, 9, "CODE-QvUQ4P"));
        let code = fixture.returned(kind);
        let wrong = if code == "00000000" { "00000001" } else { "00000000" };
        for _ in 0..10 {
            assert_eq!(error(&fixture.check(kind, wrong)), refused(400, 3, "CODE-woT0xc"));
        }
        assert_eq!(error(&fixture.check(kind, &code)), refused(400, 9, "COMMAND-S34gh"), "even the right one");
    }
}

#[test]
fn wrong_and_late_codes_are_counted_each_kind_by_itself() {
    for (kind, other) in [("otpSms", "otpEmail"), ("otpEmail", "otpSms")] {
        let fixture = Fixture::new();
        fixture.zitadel.lock_after(0, 3);
        let (late, right) = (fixture.returned(kind), fixture.returned(other));
        let wrong = if right == "00000000" { "00000001" } else { "00000000" };
        fixture.check(other, wrong);
        fixture.check(other, wrong);
        assert_eq!(fixture.check(other, &right).status, 200);
        fixture.zitadel.server.advance(300);
        for _ in 0..3 {
            assert_eq!(fixture.zitadel.state(&fixture.user), "USER_STATE_ACTIVE");
            assert_eq!(error(&fixture.check(kind, &late)), refused(400, 9, "CODE-QvUQ4P"));
        }
        assert_eq!(fixture.zitadel.state(&fixture.user), "USER_STATE_LOCKED");
        assert_eq!(error(&fixture.check(kind, &late)), refused(400, 9, "COMMAND-S6h4R"));
    }
}

#[test]
fn a_challenge_needs_somebody_who_can_be_reached() {
    let fixture = Fixture::new();
    let (empty, _) = fixture.zitadel.session(&json!({}));
    let body = |kind: &str| json!({ "challenges": { kind: {} } });
    for (kind, nobody, not_ready, check) in [
        ("otpSms", "COMMAND-JKL3g", "COMMAND-BJ2g3", "COMMAND-d2r52"),
        ("otpEmail", "COMMAND-JK3gp", "COMMAND-JKLJ3", "COMMAND-d2r52"),
    ] {
        let path = format!("/v2/sessions/{empty}");
        assert_eq!(error(&fixture.zitadel.call("PATCH", &path, &body(kind))), refused(400, 9, nobody));
        let checked = fixture.zitadel.check(&empty, &json!({ kind: { "code": "12345678" } }));
        assert_eq!(error(&checked), refused(400, 3, "COMMAND-S453v"));
        let code = fixture.returned(kind);
        let address = if kind == "otpSms" {
            ("phone", json!({ "phone": "+41790000000", "sendCode": {} }))
        } else {
            ("email", json!({ "email": "new@mouse.com", "sendCode": {} }))
        };
        fixture.zitadel.ok("POST", &format!("/v2/users/{}/{}", fixture.user, address.0), &address.1);
        assert_eq!(error(&fixture.ask(kind, json!({}))), refused(400, 9, not_ready), "the new one is not proven");
        assert_eq!(error(&fixture.check(kind, &code)), refused(400, 9, check));
    }
    let mickey = fixture.zitadel.human("mickey@mouse.com");
    let asked = json!({ "checks": { "user": { "userId": mickey } }, "challenges": { "otpEmail": {} } });
    assert_eq!(error(&fixture.zitadel.call("POST", "/v2/sessions", &asked)), refused(400, 9, "COMMAND-JKLJ3"));
}

#[test]
fn challenges_come_after_checks_and_with_them_or_not_at_all() {
    let fixture = Fixture::new();
    let before = fixture.zitadel.outbox().len();
    let body = json!({
        "checks": { "password": { "password": "wrong" } }, "challenges": { "otpSms": {} },
    });
    let path = format!("/v2/sessions/{}", fixture.session);
    assert_eq!(error(&fixture.zitadel.call("PATCH", &path, &body)).2, "COMMAND-3M0fs");
    assert_eq!(fixture.zitadel.outbox().len(), before, "a request that fails sends nothing");
    let code = fixture.returned("otpSms");
    let app = fixture.zitadel.app(&fixture.user);
    fixture.zitadel.ok("DELETE", &format!("/v2/users/{}/otp_email", fixture.user), &json!({}));
    let body = json!({
        "checks": { "otpSms": { "code": code }, "totp": { "code": fixture.zitadel.shown(&app) } },
        "challenges": { "otpEmail": {} },
    });
    assert_eq!(error(&fixture.zitadel.call("PATCH", &path, &body)), refused(400, 9, "COMMAND-JKLJ3"));
    assert_eq!(fixture.check("otpSms", &code).status, 200, "nothing was spent");
}

#[test]
fn a_link_goes_along_with_the_code_in_it() {
    let fixture = Fixture::new();
    let url = "https://acme.com/otp?code={{.Code}}&userId={{.UserID}}&sessionId={{.SessionID}}&name={{.LoginName}}";
    let ask = |url: &str| fixture.ask("otpEmail", json!({ "sendCode": { "urlTemplate": url } }));
    fixture.zitadel.server.advance(1);
    assert_eq!(ask(url).status, 200);
    let messages = fixture.zitadel.outbox();
    let message = messages.last().unwrap();
    let link = format!(
        "https://acme.com/otp?code={}&userId={}&sessionId={}&name=minnie-mouse%40mouse.com",
        message.code.expose(),
        fixture.user,
        fixture.session,
    );
    assert!(message.text.expose().contains(&link), "{}", message.text.expose());
    assert!(message.text.expose().contains("Hello Minnie Mouse,") && message.text.expose().contains("5 minutes"));
    assert_eq!(message.subject, "Verify One-Time Password");
    assert_eq!(error(&ask("https://x/{{.Code")), refused(400, 3, "DOMAIN-oGh5e"));
    assert_eq!(error(&ask("https://x/{{.Nothing}}")), refused(400, 3, "DOMAIN-ieYa7"));
    fixture.zitadel.server.advance(1);
    assert_eq!(ask("https://x/{% for a in range(99999) %}{# {{.Code}}").status, 200);
    let messages = fixture.zitadel.outbox();
    let text = messages.last().unwrap().text.expose().clone();
    let expected = format!("https://x/{{% for a in range(99999) %}}{{# {}", messages.last().unwrap().code.expose());
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn how_a_code_looks_and_lasts_is_the_instances_to_say() {
    let fixture = Fixture::new();
    let form = json!({ "length": 6, "expiry": "60s", "includeDigits": true });
    fixture.zitadel.ok("PUT", "/admin/v1/secretgenerators/SECRET_GENERATOR_TYPE_OTP_SMS", &form);
    let code = fixture.returned("otpSms");
    assert_eq!(code.len(), 6);
    fixture.zitadel.server.advance(60);
    assert_eq!(error(&fixture.check("otpSms", &code)), refused(400, 9, "CODE-QvUQ4P"));
}

#[test]
fn one_code_sent_thirty_times_at_once_counts_once() {
    let fixture = Fixture::new();
    let code = fixture.returned("otpEmail");
    let accepted = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..30).map(|_| scope.spawn(|| fixture.check("otpEmail", &code).status)).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(accepted, 1);
    assert_eq!(fixture.zitadel.state(&fixture.user), "USER_STATE_ACTIVE");
}
