//! The second factor's life: each request, and each answer it can have.

use super::*;

const MFA: &str = "current-identity/mfa";
const VERIFY: &str = "current-identity/mfa/verify";
const CODES: &str = "current-identity/mfa/recovery-codes";

#[test]
fn an_enrolment_goes_through_its_three_states() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let none = net.client(&token, "GET", MFA, &NONE);
    assert_eq!((none.status, error(&none).as_str()), (404, "NOT_FOUND"));
    let made = net.at(
        "POST",
        "/edge/client/v1/current-identity/mfa",
        &[("zt-session", &token), ("Content-Type", "application/json")],
        "",
    );
    assert_eq!(made.status, 201);
    assert_eq!(made.text("data._links.self.href"), "./current-identity/mfa");
    let pending = net.client(&token, "GET", MFA, &NONE);
    assert_eq!((pending.status, pending.at("data")), (200, made.at("data")), "what is made is what is read");
    assert_eq!(*pending.at("data.isVerified"), false);
    let url = pending.text("data.provisioningUrl");
    assert!(url.starts_with("otpauth://totp/openziti.io:alice?issuer=openziti.io&secret="), "{url}");
    let codes = texts(pending.at("data.recoveryCodes"));
    assert_eq!(codes.len(), 20);
    assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7'))));
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 20);
    for body in ["", "{}"] {
        let again = net.at("POST", "/edge/client/v1/current-identity/mfa", &[("zt-session", &token)], body);
        assert_eq!((again.status, error(&again).as_str()), (409, "MFA_EXISTS"));
    }
    assert_eq!(net.client(&token, "GET", MFA, &NONE).body, pending.body, "nothing was replaced");
    assert_eq!(net.is_full(&token), Some(true), "what is pending makes nobody wait");
    let phone = Phone::scan(&url);
    let verified = net.client(&token, "POST", VERIFY, &code(&net.code(&phone)));
    assert_eq!((verified.status, &verified.body), (200, &json!({ "data": {}, "meta": {} })));
    let read = net.client(&token, "GET", MFA, &NONE);
    assert_eq!(*read.at("data.isVerified"), true);
    for gone in ["recoveryCodes", "provisioningUrl"] {
        assert!(read.at("data").get(gone).is_none());
    }
    assert_eq!(read.text("data._links.recovery-codes.href"), "./current-identity/mfa/recovery-codes");
    assert_eq!(error(&net.client(&token, "POST", MFA, &json!({}))), "MFA_EXISTS");
    let session = net.client(&token, "GET", "current-api-session", &NONE);
    assert_eq!((session.at("data.isMfaRequired"), session.at("data.isMfaComplete")), (&json!(true), &json!(true)));
    assert_eq!(*session.at("data.authQueries"), json!([]));
}

#[test]
fn confirming_takes_a_time_based_code_and_says_nothing_of_why_another_is_wrong() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let early = net.client(&token, "POST", VERIFY, &code("000000"));
    assert_eq!((early.status, error(&early).as_str()), (404, "NOT_FOUND"));
    let made = net.client(&token, "POST", MFA, &NONE);
    let phone = Phone::scan(&made.text("data.provisioningUrl"));
    for body in [json!({}), json!({ "code": 123_456 }), json!({ "code": null })] {
        let answer = net.client(&token, "POST", VERIFY, &body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "COULD_NOT_VALIDATE"), "{body}");
        assert_eq!(answer.text("error.cause.field"), "code");
        assert_eq!(answer.text("error.cause.reason"), "code in body is required");
    }
    let recovery = made.text("data.recoveryCodes.0");
    let (wrong, spaced) = (net.wrong(&phone), format!(" {}", net.code(&phone)));
    let refused: Vec<_> = ["", &wrong, &spaced, "１２３４５６", "12345", "1234567", &recovery]
        .map(|text| refusal(&net.client(&token, "POST", VERIFY, &code(text))))
        .into();
    assert!(refused.iter().all(|one| *one == refused[0] && one.0 == 400));
    assert_eq!(refused[0].1["error"]["code"], "MFA_INVALID_TOKEN");
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&phone))).status, 200);
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code_in(&phone, 1))).status, 404, "confirmed already");
}

#[test]
fn a_code_may_be_two_steps_late_or_early_and_no_more() {
    for (steps, status) in [(-3, 400), (-2, 200), (2, 200), (3, 400)] {
        let net = Net::start();
        net.person("alice");
        let token = net.login("alice");
        let phone = net.start_enrolment(&token);
        let answer = net.client(&token, "POST", VERIFY, &code(&net.code_in(&phone, steps)));
        assert_eq!(answer.status, status, "{steps}");
    }
}

#[test]
fn the_picture_reads_back_as_the_key_while_it_is_pending() {
    let net = Net::start();
    net.person("a name with ? and & and é");
    let token = net.login("a name with ? and & and é");
    assert_eq!(net.client(&token, "GET", "current-identity/mfa/qr-code", &NONE).status, 404);
    let url = net.client(&token, "POST", MFA, &NONE).text("data.provisioningUrl");
    let (head, picture) = fetch(&net, "/edge/client/v1/current-identity/mfa/qr-code", &token);
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: image/png"), "{head}");
    assert!(head.contains("cache-control: no-store"));
    let picture = image::load_from_memory(&picture).unwrap().to_luma8();
    assert_eq!(picture.dimensions(), (256, 256));
    let mut prepared = rqrr::PreparedImage::prepare(picture);
    assert_eq!(prepared.detect_grids()[0].decode().unwrap().1, url);
    let phone = Phone::scan(&url);
    net.client(&token, "POST", VERIFY, &code(&net.code(&phone)));
    let gone = net.client(&token, "GET", "current-identity/mfa/qr-code", &NONE);
    assert_eq!((gone.status, error(&gone).as_str()), (404, "NOT_FOUND"));
}

fn fetch(net: &Net, path: &str, token: &str) -> (String, Vec<u8>) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(net.server.address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nzt-session: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn removal_takes_a_code_in_the_header_or_in_the_body_and_the_header_wins() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let none = net.client(&token, "DELETE", MFA, &code("000000"));
    assert_eq!((none.status, error(&none).as_str()), (404, "NOT_FOUND"));
    for body in [NONE, code(""), code("000000"), json!({})] {
        net.start_enrolment(&token);
        let given_up = net.client(&token, "DELETE", MFA, &body);
        assert_eq!(given_up.status, 200, "what is pending goes without a code");
    }
    let delete = |header: &str, body: &str| {
        let headers = [("zt-session", token.as_str()), ("mfa-validation-code", header)];
        net.at("DELETE", "/edge/client/v1/current-identity/mfa", &headers, body)
    };
    let phone = net.enrol(&token);
    let (right, wrong) = (net.code(&phone), net.wrong(&phone));
    for (header, body) in [("", ""), ("", "{}"), ("", "{"), ("", "[]"), (&*wrong, &*code(&right).to_string())] {
        let answer = delete(header, body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "MFA_INVALID_TOKEN"), "{header} {body}");
    }
    assert_eq!(delete(&right, &code(&wrong).to_string()).status, 200);
    assert_eq!(net.client(&token, "GET", MFA, &NONE).status, 404);
    // In the body, without a content type; and by a recovery code.
    let phone = net.enrol(&token);
    assert_eq!(delete("", &code(&net.code(&phone)).to_string()).status, 200);
    let phone = net.enrol(&token);
    let recovery = net.codes(&token, &net.code(&phone)).remove(0);
    assert_eq!(delete(&recovery, "").status, 200);
    assert_eq!(net.client(&token, "GET", MFA, &NONE).status, 404);
}

#[test]
fn recovery_codes_are_shown_for_either_kind_of_code_from_body_or_header() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    assert_eq!(net.client(&token, "GET", CODES, &NONE).status, 404);
    net.start_enrolment(&token);
    assert_eq!(net.client(&token, "GET", CODES, &NONE).status, 404, "before it counts");
    assert_eq!(net.client(&token, "POST", CODES, &code("x")).status, 404);
    net.client(&token, "DELETE", MFA, &NONE);
    let phone = net.enrol(&token);
    let get = |header: &str, body: &str| {
        let headers = [("zt-session", token.as_str()), ("mfa-validation-code", header)];
        net.at("GET", "/edge/client/v1/current-identity/mfa/recovery-codes", &headers, body)
    };
    let (right, wrong) = (net.code(&phone), net.wrong(&phone));
    for (header, body) in [("", ""), (&*right, &*code(&wrong).to_string()), (&*wrong, ""), ("", "{\"code\":\"\"}")] {
        let answer = get(header, body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "MFA_INVALID_TOKEN"), "{header} {body}");
    }
    let shown = get(&right, "");
    assert_eq!(shown.status, 200);
    assert_eq!(shown.text("data._links.self.href"), "./current-identity/mfa/recovery-codes");
    let codes = texts(shown.at("data.recoveryCodes"));
    assert_eq!(codes.len(), 20);
    let left = texts(get(&wrong, &code(&codes[0]).to_string()).at("data.recoveryCodes"));
    assert_eq!(left, codes[1..], "the one that was shown is used");
    assert_eq!(get("", &code(&codes[0]).to_string()).status, 400);
    assert_eq!(get("", &code(&codes[1].to_lowercase()).to_string()).status, 200, "in either case");
}

#[test]
fn an_operator_may_let_only_time_based_codes_show_recovery_codes() {
    let net = Net::with(&Settings { openziti_totp_shows_recovery_codes: true, ..Settings::default() });
    net.person("alice");
    let token = net.login("alice");
    let phone = net.enrol(&token);
    let codes = net.codes(&token, &net.code(&phone));
    assert_eq!(error(&net.client(&token, "GET", CODES, &code(&codes[0]))), "MFA_INVALID_TOKEN");
    assert_eq!(net.codes(&token, &net.code(&phone)), codes, "and it was not used");
}

#[test]
fn regenerating_replaces_all_recovery_codes_and_shows_none() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let phone = net.enrol(&token);
    let old = net.codes(&token, &net.code(&phone));
    assert_eq!(error(&net.client(&token, "POST", CODES, &json!({}))), "COULD_NOT_VALIDATE");
    assert_eq!(error(&net.client(&token, "POST", CODES, &NONE)), "COULD_NOT_VALIDATE");
    assert_eq!(error(&net.client(&token, "POST", CODES, &code(""))), "MFA_INVALID_TOKEN");
    // The same code regenerates and then shows, as SDKs do it.
    let made = net.client(&token, "POST", CODES, &code(&net.code(&phone)));
    assert_eq!((made.status, made.body), (200, json!({ "data": {}, "meta": {} })));
    let new = net.codes(&token, &net.code(&phone));
    assert_eq!(new.len(), 20);
    assert!(new.iter().all(|code| !old.contains(code)));
    assert_eq!(error(&net.client(&token, "GET", CODES, &code(&old[0]))), "MFA_INVALID_TOKEN");
    // One of themselves is used up by it.
    assert_eq!(net.client(&token, "POST", CODES, &code(&new[0])).status, 200);
    assert_eq!(error(&net.client(&token, "GET", CODES, &code(&new[1]))), "MFA_INVALID_TOKEN");
    let newest = net.codes(&token, &net.code(&phone));
    for used in &newest {
        assert_eq!(net.prove(&token, used).status, 200);
    }
    assert_eq!(net.codes(&token, &net.code(&phone)), Vec::<String>::new(), "all are used");
}

#[test]
fn a_login_with_a_second_factor_waits_until_it_is_proven() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let phone = net.enrol(&token);
    let codes = net.codes(&token, &net.code(&phone));
    let waiting = net.try_login("alice", "password-alice");
    assert_eq!((waiting.at("data.isMfaRequired"), waiting.at("data.isMfaComplete")), (&json!(true), &json!(false)));
    assert_eq!(*waiting.at("data.authQueries.0.isTotpEnrolled"), true);
    let waiting = waiting.text("data.token");
    assert_eq!(net.is_full(&token), Some(true), "what was full before stays so");
    for body in [json!({}), NONE] {
        let answer = net.client(&waiting, "POST", "authenticate/mfa", &body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "COULD_NOT_VALIDATE"));
    }
    assert_eq!(error(&net.prove(&waiting, &net.wrong(&phone))), "MFA_INVALID_TOKEN");
    net.server.advance(30);
    let proven = net.prove(&waiting, &net.code(&phone));
    assert_eq!((proven.status, proven.body), (200, json!({ "data": {}, "meta": {} })));
    let session = net.client(&waiting, "GET", "current-api-session", &NONE);
    assert_eq!(*session.at("data.authQueries"), json!([]));
    assert_eq!((session.at("data.isMfaRequired"), session.at("data.isMfaComplete")), (&json!(true), &json!(true)));
    let recovered = net.login("alice");
    assert_eq!(net.prove(&recovered, &codes[3]).status, 200, "a recovery code does as well");
    assert_eq!(net.is_full(&recovered), Some(true));
    assert!(!net.codes(&recovered, &codes[4]).contains(&codes[3]));
}

#[test]
fn the_code_that_confirms_may_log_in_once_more_unless_an_operator_says_otherwise() {
    for (confirming_spends, status) in [(false, 200), (true, 400)] {
        let net = Net::with(&Settings { openziti_confirming_spends: confirming_spends, ..Settings::default() });
        net.person("alice");
        let token = net.login("alice");
        let phone = net.start_enrolment(&token);
        assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&phone))).status, 200);
        let next = net.login("alice");
        assert_eq!(net.prove(&next, &net.code(&phone)).status, status);
    }
}

#[test]
fn whoever_removes_and_enrols_again_need_not_wait_for_the_next_step() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let old = net.enrol(&token);
    assert_eq!(net.prove(&token, &net.code(&old)).status, 200);
    assert_eq!(net.client(&token, "DELETE", MFA, &code(&net.code(&old))).status, 200);
    let new = net.start_enrolment(&token);
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&new))).status, 200, "another secret's code");
    let next = net.login("alice");
    assert_eq!(net.prove(&next, &net.code(&old)).status, 400);
    assert_eq!(net.prove(&next, &net.code(&new)).status, 200);
}

#[test]
fn the_management_api_has_the_same_second_factor() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let made = net.manage_as(&token, "POST", MFA, &NONE);
    assert_eq!(made.status, 201);
    let phone = Phone::scan(&made.text("data.provisioningUrl"));
    assert_eq!(net.manage_as(&token, "POST", VERIFY, &code(&net.code(&phone))).status, 200);
    let next = net.login("alice");
    net.server.advance(30);
    assert_eq!(net.manage_as(&next, "POST", "authenticate/mfa", &code(&net.code(&phone))).status, 200);
    assert_eq!(net.is_full(&next), Some(true));
}
