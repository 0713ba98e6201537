//! The known weaknesses of an API like this one, W1 to W16, and that none of them is here.

use std::collections::BTreeSet;

use super::*;

const MFA: &str = "current-identity/mfa";
const VERIFY: &str = "current-identity/mfa/verify";
const CODES: &str = "current-identity/mfa/recovery-codes";

/// A network with somebody who has a second factor: her first session, her phone, and her recovery codes.
fn enrolled() -> (Net, String, Phone, Vec<String>) {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let phone = net.start_enrolment(&token);
    let codes = texts(net.client(&token, "GET", MFA, &NONE).at("data.recoveryCodes"));
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&phone))).status, 200);
    net.server.advance(30);
    (net, token, phone, codes)
}

#[test]
fn w1_guessing_is_limited_for_the_identity_over_all_sessions_endpoints_and_kinds_of_code() {
    let (net, token, phone, codes) = enrolled();
    let wrong = net.wrong(&phone);
    for _ in 0..4 {
        assert_eq!(error(&net.prove(&net.login("alice"), &wrong)), "MFA_INVALID_TOKEN");
    }
    for _ in 0..3 {
        assert_eq!(error(&net.client(&token, "GET", CODES, &code("ABCDEF"))), "MFA_INVALID_TOKEN");
    }
    for _ in 0..3 {
        assert_eq!(error(&net.client(&token, "DELETE", MFA, &code(&wrong))), "MFA_INVALID_TOKEN");
    }
    // What can be no code is no guess.
    for text in ["", "12345", "1234567", "ABC", "ÄÖÜ"] {
        assert_eq!(error(&net.prove(&token, text)), "MFA_INVALID_TOKEN");
    }
    let fresh = net.login("alice");
    for answer in [&net.code(&phone), &codes[0], &wrong] {
        let shut = net.prove(&fresh, answer);
        assert_eq!((shut.status, error(&shut).as_str()), (429, "RATE_LIMITED"), "even with a right code");
        assert!(shut.head.to_lowercase().contains("\r\nretry-after: "));
    }
    net.server.advance(301);
    assert_eq!(net.prove(&fresh, &net.code(&phone)).status, 200);
    assert_eq!(net.prove(&fresh, &codes[0]).status, 200, "and no recovery code was used up meanwhile");
}

#[test]
fn w1_a_right_code_before_the_last_guess_clears_the_count() {
    let (net, token, phone, _) = enrolled();
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(net.prove(&token, &net.wrong(&phone)).status, 400);
        }
        assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
        net.server.advance(30);
    }
}

#[test]
fn w1_parallel_guesses_are_counted_one_by_one() {
    let (net, token, phone, _) = enrolled();
    let wrong = net.wrong(&phone);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..40).map(|_| scope.spawn(|| net.prove(&token, &wrong).status)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30);
}

#[test]
fn w1_giving_up_and_starting_again_is_no_way_round_the_limit() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    for _ in 0..10 {
        let phone = net.start_enrolment(&token);
        net.client(&token, "POST", VERIFY, &code(&net.wrong(&phone)));
        net.client(&token, "DELETE", MFA, &NONE);
    }
    let phone = net.start_enrolment(&token);
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&phone))).status, 429);
}

#[test]
fn w2_a_code_is_good_in_one_session_only() {
    let (net, token, phone, _) = enrolled();
    let other = net.login("alice");
    let used = net.code(&phone);
    assert_eq!(net.prove(&other, &used).status, 200);
    // The same session may use it again for what clients use it again for.
    assert_eq!(net.client(&other, "GET", CODES, &code(&used)).status, 200);
    assert_eq!(net.client(&other, "POST", CODES, &code(&used)).status, 200);
    assert_eq!(net.prove(&other, &used).status, 200);
    // Another may not, whatever for; and nothing tells it from a wrong one.
    let third = net.login("alice");
    let wrong = refusal(&net.prove(&third, &net.wrong(&phone)));
    assert_eq!(refusal(&net.prove(&third, &used)), wrong);
    assert_eq!(refusal(&net.client(&token, "GET", CODES, &code(&used))), wrong);
    assert_eq!(refusal(&net.client(&token, "POST", CODES, &code(&used))), wrong);
    assert_eq!(refusal(&net.client(&token, "DELETE", MFA, &code(&used))), wrong);
    // An older one neither, though it would be in the window.
    assert_eq!(refusal(&net.prove(&third, &net.code_in(&phone, -1))), wrong);
    net.server.advance(30);
    assert_eq!(net.prove(&third, &net.code(&phone)).status, 200);
    assert_eq!(refusal(&net.prove(&other, &used)), wrong, "steps only go up, in its own session too");
}

#[test]
fn w2_one_code_in_many_sessions_at_once_is_accepted_once() {
    let (net, _, phone, _) = enrolled();
    let sessions: Vec<String> = (0..12).map(|_| net.login("alice")).collect();
    let now = net.code(&phone);
    let accepted = std::thread::scope(|scope| {
        let tries: Vec<_> = sessions.iter().map(|token| scope.spawn(|| net.prove(token, &now).status)).collect();
        tries.into_iter().filter(|_| true).map(|one| one.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn w2_a_repeated_proof_does_not_renew_the_posture() {
    let (net, token, phone, _) = enrolled();
    let id = net.client(&token, "GET", "current-identity", &NONE).text("data.id");
    let session = net.client(&token, "GET", "current-api-session", &NONE).text("data.id");
    let passed_at = || {
        let data = net.manage("GET", &format!("identities/{id}/posture-data"), &NONE);
        data.at("data.apiSessionPostureData")[&session]["mfa"]["passedAt"].clone()
    };
    let used = net.code(&phone);
    assert_eq!(net.prove(&token, &used).status, 200);
    let first = passed_at();
    net.server.advance(20);
    assert_eq!(net.prove(&token, &used).status, 200);
    assert_eq!(passed_at(), first);
    net.server.advance(20);
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
    assert_ne!(passed_at(), first);
}

#[test]
fn w3_removing_the_second_factor_ends_sessions_where_a_policy_requires_one() {
    for by_admin in [false, true] {
        let (net, token, phone, _) = enrolled();
        let (other, waiting) = (net.login("alice"), net.login("alice"));
        assert_eq!(net.prove(&other, &net.code(&phone)).status, 200);
        let admins_phone = net.enrol(&net.admin);
        net.require_totp("default", true);
        let admin = net.login("admin");
        assert_eq!(net.prove(&admin, &net.code(&admins_phone)).status, 200);
        let id = net.client(&other, "GET", "current-identity", &NONE).text("data.id");
        let removed = if by_admin {
            net.manage_as(&admin, "DELETE", &format!("identities/{id}/mfa"), &NONE)
        } else {
            net.client(&other, "DELETE", MFA, &code(&net.code(&phone)))
        };
        assert_eq!((removed.status, removed.body), (200, json!({ "data": {}, "meta": {} })));
        for ended in [&token, &other, &waiting] {
            assert_eq!(net.is_full(ended), None, "{by_admin}");
        }
        let again = net.login("alice");
        assert_eq!(net.is_full(&again), Some(false), "a new login has to enrol");
    }
}

#[test]
fn w3_elsewhere_sessions_live_on_but_have_proven_nothing_and_those_that_wait_end() {
    let (net, token, phone, _) = enrolled();
    let waiting = net.login("alice");
    let id = net.client(&token, "GET", "current-identity", &NONE).text("data.id");
    assert_eq!(net.client(&token, "DELETE", MFA, &code(&net.code(&phone))).status, 200);
    assert_eq!(net.is_full(&token), Some(true));
    let session = net.client(&token, "GET", "current-api-session", &NONE);
    assert_eq!((session.at("data.isMfaRequired"), session.at("data.isMfaComplete")), (&json!(false), &json!(false)));
    let posture = net.manage("GET", &format!("identities/{id}/posture-data"), &NONE);
    let of_session = &posture.at("data.apiSessionPostureData")[session.text("data.id")];
    assert_eq!(of_session["mfa"]["passedMfa"], false);
    assert_eq!(net.is_full(&waiting), None, "nobody becomes full by the removal of what was asked for");
}

#[test]
fn w4_an_enrolment_that_was_never_confirmed_proves_nothing() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let none = net.prove(&token, "000000");
    assert_eq!((none.status, error(&none).as_str()), (409, "MFA_NOT_ENROLLED"));
    let made = net.client(&token, "POST", MFA, &NONE);
    let phone = Phone::scan(&made.text("data.provisioningUrl"));
    for answer in [net.code(&phone), made.text("data.recoveryCodes.0")] {
        let pending = net.prove(&token, &answer);
        assert_eq!((pending.status, error(&pending).as_str()), (409, "MFA_NOT_ENROLLED"));
    }
    assert_eq!(*net.client(&token, "GET", "current-api-session", &NONE).at("data.isMfaComplete"), false);
}

#[test]
fn w5_permissions_count_only_once_a_session_is_full() {
    let net = Net::start();
    net.person_with("helper", &json!({ "permissions": ["identity", "service.read"] }));
    net.person_with("boss", &json!({ "isAdmin": true }));
    for who in ["helper", "boss"] {
        let token = net.login(who);
        assert_eq!(net.manage_as(&token, "GET", "identities", &NONE).status, 200, "{who}");
        let phone = net.enrol(&token);
        let waiting = net.login(who);
        for path in ["identities", "services", "auth-policies", "posture-checks", "service-policies", "authenticators"]
        {
            let answer = net.manage_as(&waiting, "GET", path, &NONE);
            assert_eq!((answer.status, error(&answer).as_str()), (401, "UNAUTHORIZED"), "{who} {path}");
        }
        assert_eq!(net.prove(&waiting, &net.code(&phone)).status, 200);
        assert_eq!(net.manage_as(&waiting, "GET", "identities", &NONE).status, 200, "{who}");
    }
}

#[test]
fn w6_a_recovery_code_in_many_sessions_at_once_is_accepted_once() {
    let (net, _, _, codes) = enrolled();
    let sessions: Vec<String> = (0..12).map(|_| net.login("alice")).collect();
    let used = &codes[0];
    let accepted = std::thread::scope(|scope| {
        let tries: Vec<_> = sessions.iter().map(|token| scope.spawn(|| net.prove(token, used).status)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn w7_of_parallel_enrolments_one_is_made() {
    let net = Net::start();
    let id = net.person("alice");
    let sessions: Vec<String> = (0..8).map(|_| net.login("alice")).collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> =
            sessions.iter().map(|token| scope.spawn(|| net.client(token, "POST", MFA, &NONE).status)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7);
    // An administrator's removal leaves nothing, and is one whether or not there was anything.
    for _ in 0..2 {
        assert_eq!(net.manage("DELETE", &format!("identities/{id}/mfa"), &NONE).status, 200);
        assert_eq!(net.client(&sessions[0], "GET", MFA, &NONE).status, 404);
    }
}

#[test]
fn w8_an_enrolment_that_nobody_confirms_is_gone_after_a_while() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let planted = net.start_enrolment(&token);
    net.server.advance(899);
    assert_eq!(net.client(&token, "GET", MFA, &NONE).status, 200);
    net.server.advance(1);
    assert_eq!(net.client(&token, "GET", MFA, &NONE).status, 404);
    assert_eq!(net.client(&token, "GET", "current-identity/mfa/qr-code", &NONE).status, 404);
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&planted))).status, 404);
    let fresh = net.start_enrolment(&token);
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&planted))).status, 400, "the old key is nothing");
    assert_eq!(net.client(&token, "POST", VERIFY, &code(&net.code(&fresh))).status, 200);
}

#[test]
fn w9_a_name_cannot_bring_a_secret_of_its_own() {
    let net = Net::start();
    let name = "eve?secret=AAAAAAAAAAAAAAAA&x=#";
    net.person(name);
    let url = net.client(&net.login(name), "POST", MFA, &NONE).text("data.provisioningUrl");
    assert_eq!(url.matches("secret=").count(), 1);
    assert_eq!(url.matches(['?', '#']).count(), 1);
    assert!(url.starts_with("otpauth://totp/openziti.io:eve%3Fsecret%3DAAAAAAAAAAAAAAAA%26x%3D%23?issuer="), "{url}");
}

#[test]
fn w10_a_secret_has_160_bits() {
    let net = Net::start();
    net.person("alice");
    let phone = net.start_enrolment(&net.login("alice"));
    assert_eq!(phone.0.seed.expose().len(), 20);
}

#[test]
fn w11_whoever_is_not_let_in_is_told_the_same_after_the_same_work() {
    let net = Net::start();
    let closed = net.manage("GET", "auth-policies/default", &NONE);
    let mut primary = closed.at("data.primary").clone();
    primary["updb"]["allowed"] = json!(false);
    let body = json!({ "name": "closed", "primary": primary, "secondary": { "requireTotp": false } });
    let policy = net.manage("POST", "auth-policies", &body).text("data.id");
    net.person("alice");
    net.person_with("closed", &json!({ "authPolicyId": policy }));
    let disabled = net.person("disabled");
    net.manage("POST", &format!("identities/{disabled}/disable"), &json!({ "durationMinutes": 0 }));
    let mut seen = BTreeSet::new();
    for (name, password) in [
        ("nobody", "password-nobody"),
        ("alice", "password-wrong"),
        ("disabled", "password-disabled"),
        ("closed", "password-closed"),
    ] {
        let before = net.server.engine.passwords.work().argon2_runs;
        let answer = net.try_login(name, password);
        assert_eq!(net.server.engine.passwords.work().argon2_runs - before, 1, "{name}");
        seen.insert(format!("{:?}", refusal(&answer)));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen.first().unwrap().contains("INVALID_AUTH"));
}

#[test]
fn w12_nothing_of_it_can_be_read_at_rest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("countersign.db");
    let (mut secrets, settings) = (Vec::new(), Settings::default());
    {
        let store = std::sync::Arc::new(Sqlite::open(&path, tables::ALL, Options::default()).unwrap());
        let server = Server::over(store, settings.clone());
        let password = Secret::new("password-admin".into());
        app::ensure_edge_admin(&server.engine, &settings.edge_rules(), "admin", &password, false).unwrap();
        let mut net = Net { server, admin: String::new() };
        net.admin = net.login("admin");
        net.person("alice.the.user");
        let token = net.login("alice.the.user");
        let made = net.client(&token, "POST", MFA, &NONE);
        let url = made.text("data.provisioningUrl");
        secrets.extend(texts(made.at("data.recoveryCodes")));
        secrets.push(url.rsplit_once('=').unwrap().1.to_owned());
        secrets.extend([url, token, net.admin.clone(), "alice.the.user".into(), "password-alice".into()]);
    }
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(bytes.len() > 4096);
    for secret in secrets {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn w13_a_large_body_is_refused_before_anybody_is_asked_who_they_are() {
    let net = Net::start();
    let body = format!("{{\"code\":\"{}\"}}", "x".repeat(1 << 20));
    for (method, path) in [("POST", "authenticate?method=password"), ("POST", VERIFY), ("DELETE", MFA), ("GET", CODES)]
    {
        let answer = net.at(method, &format!("{CLIENT}/{path}"), &[], &body);
        assert_eq!((answer.status, error(&answer).as_str()), (413, "REQUEST_ENTITY_TOO_LARGE"), "{method} {path}");
    }
    let nearly = format!("{{\"code\":\"{}\"}}", "x".repeat((1 << 20) - 20));
    assert_eq!(net.at("POST", &format!("{CLIENT}/{VERIFY}"), &[], &nearly).status, 401);
    // However it is announced: not at all, in chunks.
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16)).repeat(17);
    let request = format!(
        "POST {CLIENT}/{VERIFY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    );
    assert_eq!(net.server.send(request.as_bytes()).expect("an answer").status, 413);
}

#[test]
fn w14_what_is_current_is_the_callers_own() {
    let (net, alices, _, _) = enrolled();
    net.person("bobby");
    let bobs = net.login("bobby");
    assert_eq!(net.client(&bobs, "GET", MFA, &NONE).status, 404);
    assert_eq!(net.client(&bobs, "GET", "current-identity", &NONE).text("data.name"), "bobby");
    let (alice, bob) = ("current-api-session", "current-api-session");
    let ids = (
        net.client(&alices, "GET", alice, &NONE).text("data.id"),
        net.client(&bobs, "GET", bob, &NONE).text("data.id"),
    );
    assert_ne!(ids.0, ids.1);
    // Uses of services are one session's: another's are neither listed, nor read, nor ended.
    posture::grant(&net, &json!([]));
    let service = posture::service_of(&net, &alices);
    let used = net.client(&alices, "POST", "sessions", &json!({ "serviceId": service, "type": "Dial" }));
    let path = format!("sessions/{}", used.text("data.id"));
    assert_eq!(net.client(&bobs, "GET", &path, &NONE).status, 404);
    assert_eq!(net.client(&bobs, "DELETE", &path, &NONE).status, 404);
    assert_eq!(*net.client(&bobs, "GET", "sessions", &NONE).at("data"), json!([]));
    assert_eq!(net.client(&alices, "GET", &path, &NONE).status, 200);
}

#[test]
fn w15_times_that_are_not_there_hurt_nobody() {
    let (net, token, _, _) = enrolled();
    let check =
        json!({ "name": "c", "typeId": "MFA", "timeoutSeconds": 60, "promptOnWake": true, "promptOnUnlock": true });
    let check = net.manage("POST", "posture-checks", &check).text("data.id");
    posture::grant(&net, &json!([format!("@{check}")]));
    let bystander = net.login("admin");
    for session in [&token, &bystander] {
        let services = net.client(session, "GET", "services", &NONE);
        assert_eq!(services.status, 200);
        assert_eq!(services.at("data").as_array().unwrap().len(), 1);
    }
    let report = json!({ "id": check, "typeId": "ENDPOINT_STATE" });
    assert_eq!(net.client(&bystander, "POST", "posture-response", &report).status, 201);
    assert_eq!(net.client(&bystander, "GET", "services", &NONE).status, 200);
}

#[test]
fn w16_nothing_that_carries_a_secret_may_be_kept_on_its_way() {
    let (net, token, phone, _) = enrolled();
    let answers = [
        net.try_login("alice", "password-alice"),
        net.try_login("alice", "password-wrong"),
        net.client(&token, "GET", "current-api-session", &NONE),
        net.client(&token, "GET", MFA, &NONE),
        net.client(&token, "GET", CODES, &code(&net.code(&phone))),
        net.client(&token, "POST", CODES, &code(&net.code(&phone))),
        net.client(&token, "DELETE", MFA, &code(&net.code(&phone))),
        net.client(&token, "POST", MFA, &NONE),
        net.client(&token, "GET", "current-identity/mfa/qr-code", &NONE),
        net.client("x", "GET", MFA, &NONE),
    ];
    for answer in answers {
        assert!(answer.head.to_lowercase().contains("\r\ncache-control: no-store"), "{}", answer.head);
    }
}
