//! Second factors: registered, confirmed, listed, removed.

use serde_json::{Value, json};

use super::{Zitadel, error};
use crate::support::authenticator;

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

#[test]
fn an_app_is_registered_by_a_key_uri_in_the_documented_form() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let begun = zitadel.ok("POST", &format!("/v2/users/{user}/totp"), &json!({}));
    let secret = begun.text("secret");
    assert!(secret.len() == 32 && secret.bytes().all(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains(&byte)));
    let expected = format!(
        "otpauth://totp/ZITADEL:minnie-mouse@mouse.com?algorithm=SHA1&digits=6&issuer=ZITADEL&period=30&secret={secret}"
    );
    assert_eq!(begun.text("uri"), expected);
}

#[test]
fn an_app_counts_only_once_confirmed_and_a_second_start_replaces_the_first() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let (path, verify) = (format!("/v2/users/{user}/totp"), format!("/v2beta/users/{user}/totp/verify"));
    let (session, _) = zitadel.session_of(&user);
    assert_eq!(error(&zitadel.call("POST", &verify, &json!({ "code": "123456" }))), refused(404, 5, "COMMAND-3Mif9s"));
    let first = authenticator(&zitadel.ok("POST", &path, &json!({})).text("uri"));
    let second = authenticator(&zitadel.ok("POST", &path, &json!({})).text("uri"));
    let check = json!({ "totp": { "code": zitadel.shown(&second) } });
    assert_eq!(error(&zitadel.check(&session, &check)), refused(400, 9, "COMMAND-3Mif9s"));
    let old = json!({ "code": zitadel.shown(&first) });
    assert_eq!(error(&zitadel.call("POST", &verify, &old)), refused(400, 3, "EVENT-8isk2"));
    let new = json!({ "code": format!("  {} ", zitadel.shown(&second)) });
    assert_eq!(zitadel.call("POST", &verify, &new).status, 200);
    assert_eq!(error(&zitadel.call("POST", &verify, &new)), refused(400, 9, "COMMAND-qx4ls"));
    assert_eq!(error(&zitadel.call("POST", &path, &json!({}))), refused(409, 6, "COMMAND-do9se"));
    assert_eq!(zitadel.check(&session, &check).status, 200, "the code that confirmed may serve once to log in");
    assert_eq!(error(&zitadel.check(&session, &check)), refused(400, 3, "TOTP-Auw0a"), "and not twice");
}

#[test]
fn ten_wrong_codes_discard_a_registration_and_lock_nobody() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(3, 3);
    let user = zitadel.minnie();
    let (path, verify) = (format!("/v2/users/{user}/totp"), format!("/v2/users/{user}/totp/verify"));
    let app = authenticator(&zitadel.ok("POST", &path, &json!({})).text("uri"));
    for wrong in 0..10 {
        let answer = zitadel.call("POST", &verify, &json!({ "code": zitadel.not_shown(&app) }));
        assert_eq!(error(&answer), refused(400, 3, "EVENT-8isk2"), "{wrong}");
    }
    let right = json!({ "code": zitadel.shown(&app) });
    assert_eq!(error(&zitadel.call("POST", &verify, &right)), refused(404, 5, "COMMAND-3Mif9s"));
    assert_eq!(zitadel.state(&user), "USER_STATE_ACTIVE");
    zitadel.app(&user);
}

#[test]
fn an_app_is_removed_confirmed_or_not_and_another_can_follow_at_once() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let path = format!("/v2/users/{user}/totp");
    let remove = || zitadel.call("DELETE", &path, &json!({}));
    assert_eq!(error(&remove()), refused(404, 5, "COMMAND-Hd9sd"));
    zitadel.ok("POST", &path, &json!({}));
    assert_eq!(remove().status, 200);
    let (session, _) = zitadel.session_of(&user);
    for _ in 0..3 {
        let app = zitadel.app(&user);
        let check = json!({ "totp": { "code": zitadel.shown(&app) } });
        assert_eq!(zitadel.check(&session, &check).status, 200, "what an earlier app spent is not spent for this one");
        assert_eq!(remove().status, 200);
        assert_eq!(error(&zitadel.check(&session, &check)), refused(400, 9, "COMMAND-3Mif9s"));
    }
    assert_eq!(error(&remove()), refused(404, 5, "COMMAND-Hd9sd"));
}

#[test]
fn an_app_is_no_business_of_those_who_are_not_there() {
    let zitadel = Zitadel::start();
    let call = |verb: &str, path: &str| {
        error(&zitadel.call(verb, &format!("/v2/users/123/{path}"), &json!({ "code": "123456" })))
    };
    assert_eq!(call("POST", "totp"), refused(400, 9, "COMMAND-SqyJz"));
    assert_eq!(call("POST", "totp/verify"), refused(404, 5, "COMMAND-3Mif9s"));
    assert_eq!(call("DELETE", "totp"), refused(404, 5, "COMMAND-Hd9sd"));
    let user = zitadel.minnie();
    let verify = zitadel.call("POST", &format!("/v2/users/{user}/totp/verify"), &json!({}));
    assert_eq!(error(&verify), refused(400, 3, ""), "without a code");
}

#[test]
fn codes_are_sent_to_proven_addresses_only() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let call = |verb: &str, path: &str, body: Value| zitadel.call(verb, &format!("/v2beta/users/{user}/{path}"), &body);
    assert_eq!(error(&call("POST", "otp_sms", json!({}))), refused(400, 9, "COMMAND-Q54j2"));
    call("POST", "phone", json!({ "phone": "+41791234567", "sendCode": {} }));
    assert_eq!(error(&call("POST", "otp_sms", json!({}))), refused(400, 9, "COMMAND-Q54j2"));
    call("POST", "phone/verify", json!({ "verificationCode": zitadel.sent_code() }));
    for (path, there, gone) in
        [("otp_sms", "COMMAND-Ad3g2", "COMMAND-Sr3h3"), ("otp_email", "COMMAND-MKL2s", "COMMAND-b312D")]
    {
        assert_eq!(call("POST", path, json!({})).status, 200);
        assert_eq!(error(&call("POST", path, json!({}))), refused(409, 6, there));
        assert_eq!(call("DELETE", path, json!({})).status, 200);
        assert_eq!(error(&call("DELETE", path, json!({}))), refused(404, 5, gone));
        call("POST", path, json!({}));
    }
    let methods = |user: &str| {
        let listed = zitadel.ok("GET", &format!("/v2/users/{user}/authentication_methods"), &json!({}));
        listed
            .at("authMethodTypes")
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap()[27..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(methods(&user), ["PASSWORD", "OTP_SMS", "OTP_EMAIL"]);
    call("POST", "phone", json!({ "phone": "+41790000000", "sendCode": {} }));
    call("POST", "email", json!({ "email": "new@mouse.com", "sendCode": {} }));
    assert_eq!(methods(&user), ["PASSWORD"], "what is no longer proven is not ready");
    assert_eq!(error(&call("POST", "otp_sms", json!({}))), refused(409, 6, "COMMAND-Ad3g2"), "but still there");
    call(
        "POST",
        "phone/verify",
        json!({ "verificationCode": zitadel.outbox().iter().find(|m| m.to.expose() == "+41790000000").unwrap().code.expose() }),
    );
    assert_eq!(methods(&user), ["PASSWORD", "OTP_SMS"]);
}

#[test]
fn recovery_codes_are_shown_once_and_good_once() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let path = format!("/v2/users/{user}/recovery_codes");
    let make = |count: u32| zitadel.call("POST", &path, &json!({ "count": count }));
    let (session, _) = zitadel.session_of(&user);
    let check = |code: &str| zitadel.check(&session, &json!({ "recoveryCode": { "code": code } }));
    assert_eq!(error(&check("k3m9a-7xq2p")), refused(400, 3, "COMMAND-84rgg"));
    assert_eq!(error(&zitadel.call("DELETE", &path, &json!({}))), refused(400, 3, "COMMAND-84rgg"));
    for count in [0, 11, 1_000_000] {
        assert_eq!(error(&make(count)), refused(400, 3, "COMMAND-7c0nx"));
    }
    let codes = |answer: super::Answer| {
        let codes = answer.at("recoveryCodes").as_array().cloned().unwrap();
        codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (first, more) = (codes(make(6)), codes(make(4)));
    assert_eq!((first.len(), more.len()), (6, 4));
    assert_eq!(error(&make(1)), refused(409, 6, "COMMAND-8f2k9"));
    let form = |code: &str| {
        code.len() == 11
            && code
                .char_indices()
                .all(|(at, c)| if at == 5 { c == '-' } else { "0123456789abcdefghjkmnpqrstvwxyz".contains(c) })
    };
    assert!(first.iter().all(|code| form(code)), "{first:?}");
    for code in [&first[0], &more[0], &first[5]] {
        assert_eq!(error(&check(&code.replace('-', ""))), refused(400, 3, "DOMAIN-6uvh0"), "to the letter");
        assert_eq!(check(code).status, 200);
        assert_eq!(error(&check(code)), refused(400, 3, "DOMAIN-6uvh0"), "once");
    }
    let shown = zitadel.ok("GET", &format!("/v2/sessions/{session}"), &json!({}));
    assert!(shown.at("session.factors.recoveryCode.verifiedAt").is_string());
    assert_eq!(make(3).status, 200, "those that are used up make room");
    assert_eq!(zitadel.call("DELETE", &path, &json!({})).status, 200);
    assert_eq!(error(&check(&first[1])), refused(400, 3, "COMMAND-84rgg"));
}

#[test]
fn factors_are_listed_by_kind_and_state_in_a_query_or_a_body() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    zitadel.ok("POST", &format!("/v2/users/{user}/otp_email"), &json!({}));
    zitadel.ok("POST", &format!("/v2/users/{user}/totp"), &json!({}));
    let list = |query: &str, body: Value| {
        let path = format!("/v2/users/{user}/authentication_factors/_search{query}");
        zitadel.ok("POST", &path, &body).at("result").clone()
    };
    let email = json!({ "state": "AUTH_FACTOR_STATE_READY", "otpEmail": {} });
    let waiting = json!({ "state": "AUTH_FACTOR_STATE_NOT_READY", "otp": {} });
    assert_eq!(list("", json!({})), json!([email]));
    let both = "?states=AUTH_FACTOR_STATE_READY&states=AUTH_FACTOR_STATE_NOT_READY";
    assert_eq!(list(both, json!({})), json!([waiting, email]));
    assert_eq!(list("?authFactors=OTP&states=AUTH_FACTOR_STATE_NOT_READY", json!({})), json!([waiting]));
    assert_eq!(list("", json!({ "authFactors": ["OTP_SMS", "U2F"] })), Value::Null);
    assert_eq!(list("", json!({ "authFactors": ["OTP_EMAIL"] })), json!([email]));
}

#[test]
fn an_operator_names_the_issuer_in_the_default_methods_settings() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    zitadel.ok("POST", &format!("/v2/users/{user}/totp"), &json!({}));
    let keys = zitadel.server.call("LIST", "identity/mfa/method/totp", &json!({})).text("data.keys.0");
    let set = json!({ "method_id": keys, "issuer": "Acme & Co", "algorithm": "SHA512", "digits": 8, "period": 60 });
    assert!(zitadel.server.call("POST", &format!("identity/mfa/method/totp/{keys}"), &set).status < 300);
    let uri = zitadel.ok("POST", &format!("/v2/users/{user}/totp"), &json!({})).text("uri");
    let start =
        "otpauth://totp/Acme%20&%20Co:minnie-mouse@mouse.com?algorithm=SHA1&digits=6&issuer=Acme%20%26%20Co&period=30&";
    assert!(uri.starts_with(start), "{uri}");
}

#[test]
fn an_app_that_another_dialect_made_proves_its_owner_in_a_session_and_a_code_is_spent_in_all() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    // The default method comes to be with the first registration.
    zitadel.ok("POST", &format!("/v2/users/{user}/totp"), &json!({}));
    zitadel.ok("DELETE", &format!("/v2/users/{user}/totp"), &json!({}));
    let method = zitadel.server.call("LIST", "identity/mfa/method/totp", &json!({})).text("data.keys.0");
    let enrolled = zitadel.server.generate(&method, &user);
    let (session, _) = zitadel.session_of(&user);
    let check = |code: &str| zitadel.check(&session, &json!({ "totp": { "code": code } }));
    let code = zitadel.server.code(&enrolled, 0);
    assert_eq!(check(&code).status, 200);
    assert_ne!(zitadel.server.validate(&enrolled, &code).status, 200, "spent here is spent there");
    zitadel.server.advance(90);
    let code = zitadel.server.code(&enrolled, 0);
    assert_eq!(zitadel.server.validate(&enrolled, &code).status, 200);
    assert_eq!(error(&check(&code)), refused(400, 3, "TOTP-Auw0a"), "spent there is spent here");
    zitadel.server.advance(90);
    zitadel.lock_after(0, 6);
    for _ in 0..3 {
        assert_ne!(zitadel.server.validate(&enrolled, &zitadel.server.wrong(&enrolled)).status, 200);
        assert_eq!(error(&check(&zitadel.server.wrong(&enrolled))).2, "EVENT-8isk2");
    }
    assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED", "one counter: three there and three here are six");
}
