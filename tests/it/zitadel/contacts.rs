//! Addresses and numbers, and the codes that prove them.

use serde_json::{Value, json};

use super::{Zitadel, error};

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

struct Kind {
    path: &'static str,
    field: &'static str,
    value: &'static str,
    resend: &'static str,
}

const BOTH: [Kind; 2] = [
    Kind { path: "email", field: "email", value: "new@mouse.com", resend: "EMAIL-5w5ilin4yt" },
    Kind { path: "phone", field: "phone", value: "+41791234567", resend: "PHONE-5xrra88eq8" },
];

struct Contact<'a> {
    zitadel: &'a Zitadel,
    user: String,
    kind: &'a Kind,
}

impl Contact<'_> {
    fn call(&self, below: &str, body: &Value) -> super::Answer {
        self.zitadel.call("POST", &format!("/v2/users/{}/{}{below}", self.user, self.kind.path), body)
    }

    fn set(&self, value: &str, wish: &str) -> super::Answer {
        self.call(
            "",
            &json!({ self.kind.field: value, wish: if wish == "isVerified" { json!(true) } else { json!({}) } }),
        )
    }

    fn verify(&self, code: &str) -> super::Answer {
        self.call("/verify", &json!({ "verificationCode": code }))
    }

    fn is_verified(&self) -> bool {
        let user = self.zitadel.ok("GET", &format!("/v2/users/{}", self.user), &json!({}));
        user.at(&format!("user.human.{}.isVerified", self.kind.path)) == &json!(true)
    }
}

#[test]
fn an_address_is_proven_by_the_code_that_was_sent_there_or_given_back() {
    for kind in &BOTH {
        let zitadel = Zitadel::start();
        let contact = Contact { zitadel: &zitadel, user: zitadel.minnie(), kind };
        let set = contact.set(kind.value, "sendCode");
        assert_eq!((set.status, set.at("verificationCode")), (200, &Value::Null));
        assert!(!contact.is_verified());
        let messages = zitadel.outbox();
        let message = messages.last().unwrap();
        let code = message.code.expose();
        assert_eq!(message.to.expose(), kind.value);
        assert!(message.text.expose().contains(code.as_str()) && message.text.expose().contains("one hour"));
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        assert_eq!(contact.verify(code).status, 200);
        assert!(contact.is_verified());
        assert_eq!(error(&contact.verify(code)), refused(400, 3, "COMMAND-eis9R"), "a code is good once");

        let contact = Contact { user: zitadel.human("b@mouse.com"), ..contact };
        let code = contact.set(kind.value, "returnCode").text("verificationCode");
        assert_eq!(zitadel.outbox().len(), 1, "nothing is sent");
        assert_eq!(contact.verify(&code).status, 200);

        let contact = Contact { user: zitadel.human("c@mouse.com"), ..contact };
        assert_eq!(contact.set(kind.value, "isVerified").status, 200);
        assert!(contact.is_verified());
        assert_eq!(error(&contact.set(kind.value, "isVerified")), refused(400, 9, "COMMAND-Uch5e"));
    }
}

#[test]
fn a_code_proves_the_address_it_was_sent_to_and_no_other() {
    for kind in &BOTH {
        let zitadel = Zitadel::start();
        let contact = Contact { zitadel: &zitadel, user: zitadel.minnie(), kind };
        let code = contact.set(kind.value, "returnCode").text("verificationCode");
        let other = if kind.path == "email" { "other@mouse.com" } else { "+41797654321" };
        let newer = contact.set(other, "returnCode").text("verificationCode");
        assert_eq!(error(&contact.verify(&code)), refused(400, 3, "COMMAND-eis9R"));
        let mickey = Contact { user: zitadel.human("mickey@mouse.com"), ..contact };
        mickey.set(kind.value, "returnCode");
        assert_eq!(error(&mickey.verify(&newer)), refused(400, 3, "COMMAND-eis9R"), "another's");
        let minnie = Contact { user: contact.user, ..mickey };
        assert_eq!(minnie.verify(&newer).status, 200);
    }
}

#[test]
fn a_code_is_void_after_an_hour_and_after_ten_wrong_ones_and_can_be_sent_anew() {
    for kind in &BOTH {
        let zitadel = Zitadel::start();
        let contact = Contact { zitadel: &zitadel, user: zitadel.minnie(), kind };
        assert_eq!(error(&contact.call("/resend", &json!({}))), refused(400, 9, kind.resend));
        let code = contact.set(kind.value, "returnCode").text("verificationCode");
        zitadel.server.advance(3600);
        assert_eq!(error(&contact.verify(&code)), refused(400, 3, "COMMAND-eis9R"));
        let code = contact.call("/resend", &json!({ "returnCode": {} })).text("verificationCode");
        for wrong in 0..10 {
            assert_eq!(error(&contact.verify("AAAAAA")), refused(400, 3, "COMMAND-eis9R"), "{wrong}");
        }
        assert_eq!(error(&contact.verify(&code)), refused(400, 3, "COMMAND-eis9R"), "even the right one");
        assert_eq!(contact.call("/resend", &json!({ "sendCode": {} })).status, 200);
        assert_eq!(error(&contact.verify(&code)), refused(400, 3, "COMMAND-eis9R"), "a new one replaces the old");
        assert_eq!(contact.verify(&zitadel.sent_code()).status, 200);
        assert_eq!(error(&contact.call("/resend", &json!({}))), refused(400, 9, kind.resend));
    }
}

#[test]
fn what_is_no_address_changes_nothing() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let post = |path: &str, body: Value| error(&zitadel.call("POST", &format!("/v2/users/{user}/{path}"), &body));
    assert_eq!(post("phone", json!({ "phone": "  " })), refused(400, 3, "PHONE-Zt0NV"));
    assert_eq!(post("phone", json!({ "phone": "" })), refused(400, 3, ""));
    assert_eq!(post("phone", json!({ "phone": "call me" })), refused(400, 3, "PHONE-so0wa"));
    assert_eq!(post("email", json!({ "email": "a@b\r\nBcc: c@d" })), refused(400, 3, "EMAIL-599BI"));
    assert_eq!(post("email", json!({ "email": "a@b.c", "isVerified": false })), refused(400, 3, ""));
    assert_eq!(post("email", json!({ "email": "a@b.c", "isVerified": true, "sendCode": {} })), refused(400, 3, ""));
    let template = |text: &str| json!({ "email": "a@b.c", "sendCode": { "urlTemplate": text } });
    assert_eq!(post("email", template("https://x/{{.Code")), refused(400, 3, "DOMAIN-oGh5e"));
    assert_eq!(post("email", template("https://x/{{.Secret}}")), refused(400, 3, "DOMAIN-ieYa7"));
    assert_eq!(post("email/verify", json!({ "verificationCode": "" })), refused(400, 3, ""));
    assert_eq!(post("email/verify", json!({ "verificationCode": "x".repeat(21) })), refused(400, 3, ""));
    for path in ["email", "email/verify", "email/resend", "email/send", "phone", "phone/verify", "phone/resend"] {
        let body = json!({ "email": "a@b.c", "phone": "+41791234567", "verificationCode": "ABCDEF" });
        let answer = zitadel.call("POST", &format!("/v2/users/123/{path}"), &body);
        assert_eq!(error(&answer), refused(404, 5, "COMMAND-ieJ2e"), "{path}");
    }
    assert!(zitadel.outbox().is_empty());
    let user = zitadel.ok("GET", &format!("/v2/users/{user}"), &json!({}));
    assert_eq!(user.text("user.human.email.email"), "minnie-mouse@mouse.com");
}

#[test]
fn a_link_goes_along_as_the_caller_wrote_it() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let url = "https://acme.com/verify?code={{.Code}}&user={{.UserID}}&org={{.OrgID}}";
    let body = json!({ "email": "a@b.c", "sendCode": { "urlTemplate": url } });
    zitadel.ok("POST", &format!("/v2/users/{user}/email"), &body);
    let messages = zitadel.outbox();
    let message = messages.last().unwrap();
    let organisation = zitadel.call("GET", "/v2/settings", &json!({})).text("defaultOrgId");
    let link = format!("https://acme.com/verify?code={}&user={user}&org={organisation}", message.code.expose());
    assert!(message.text.expose().contains(&link));
    assert_eq!(message.subject, "Verify email");
}

#[test]
fn a_number_is_removed_and_with_it_what_is_sent_there() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let path = format!("/v2/users/{user}/phone");
    assert_eq!(zitadel.call("DELETE", &path, &json!({})).status, 200, "a user without one has nothing to remove");
    zitadel.ok("POST", &path, &json!({ "phone": "+41791234567", "isVerified": true }));
    zitadel.ok("POST", &format!("/v2/users/{user}/otp_sms"), &json!({}));
    zitadel.ok("DELETE", &path, &json!({}));
    let shown = zitadel.ok("GET", &format!("/v2/users/{user}"), &json!({}));
    assert_eq!(shown.at("user.human.phone"), &Value::Null);
    let removed = zitadel.call("DELETE", &format!("/v2/users/{user}/otp_sms"), &json!({}));
    assert_eq!(error(&removed), refused(404, 5, "COMMAND-Sr3h3"));
}
