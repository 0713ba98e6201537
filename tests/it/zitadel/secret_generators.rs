//! How the codes that are sent look, and for how long they are good.

use serde_json::{Value, json};

use super::{Zitadel, error};

const BASE: &str = "/admin/v1/secretgenerators";

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

#[test]
fn a_generator_is_shown_and_changed_by_name_and_by_number() {
    let zitadel = Zitadel::start();
    let get = |of: &str| zitadel.call("GET", &format!("{BASE}/{of}"), &json!({})).at("secretGenerator").clone();
    let sms = get("SECRET_GENERATOR_TYPE_OTP_SMS");
    assert_eq!((&sms["length"], &sms["expiry"], &sms["includeDigits"]), (&json!(8), &json!("300s"), &json!(true)));
    assert_eq!(get("7"), sms);
    let listed = zitadel.call("POST", &format!("{BASE}/_search"), &json!({}));
    assert_eq!((listed.text("details.totalResult"), listed.at("result.6")), ("8".into(), &sms));
    let other = json!({ "length": 10, "expiry": "120s", "includeUpperLetters": true, "includeDigits": true });
    let put = |body: &Value| zitadel.call("PUT", &format!("{BASE}/SECRET_GENERATOR_TYPE_OTP_SMS"), body);
    assert_eq!(put(&other).text("details.sequence"), "2");
    assert_eq!(error(&put(&other)), refused(400, 9, "COMMAND-m0o3f"));
    let changed = get("7");
    assert_eq!(
        (&changed["length"], &changed["expiry"], &changed["includeLowerLetters"]),
        (&json!(10), &json!("120s"), &Value::Null)
    );
    assert_eq!(get("8")["length"], json!(8));
}

#[test]
fn codes_that_would_be_guessed_are_not_to_be_had() {
    let zitadel = Zitadel::start();
    let digits = |length: i64, expiry: &str| json!({ "length": length, "expiry": expiry, "includeDigits": true });
    for (body, id) in [
        (digits(5, "300s"), "COMMAND-Sg3n1"),
        (digits(201, "300s"), "COMMAND-Sg3n1"),
        (json!({}), "COMMAND-Sg3n1"),
        (json!({ "length": 8, "expiry": "300s" }), "COMMAND-Sg3n2"),
        (digits(8, "0s"), "COMMAND-Sg3n3"),
        (digits(-1, "300s"), ""),
        (digits(8, "-1s"), ""),
    ] {
        let answer = zitadel.call("PUT", &format!("{BASE}/SECRET_GENERATOR_TYPE_OTP_EMAIL"), &body);
        assert_eq!(error(&answer), refused(400, 3, id), "{body}");
    }
    for of in ["SECRET_GENERATOR_TYPE_UNSPECIFIED", "0", "x"] {
        let answer = zitadel.call("GET", &format!("{BASE}/{of}"), &json!({}));
        assert_eq!(error(&answer), refused(400, 3, "COMMAND-2n7fs"), "{of}");
    }
    let theirs = zitadel.token("acme", "zitadel-owner");
    let answer = zitadel.call_as(&theirs, "PUT", &format!("{BASE}/7"), &digits(6, "300s"));
    assert_eq!(error(&answer), refused(403, 7, "AUTH-5mWD2"));
}
