//! The first factor, and sessions.

use super::*;

#[test]
fn a_login_gives_a_session_that_says_everything_that_clients_read() {
    let net = Net::start();
    let id = net.person("alice");
    let body = json!({
        "username": "ALICE", "password": "password-alice", "configTypes": ["all"],
        "sdkInfo": { "type": "ziti-sdk-c", "version": "1.0.0", "more": 1 }, "envInfo": { "os": "linux" },
    });
    let answer = net.at("POST", "/edge/client/v1/authenticate?method=password", &[], &body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.text("data.token");
    assert!(answer.head.contains(&format!("zt-session: {token}")));
    assert_eq!(answer.text("data.identityId"), id);
    assert_eq!(answer.text("data.identity.name"), "alice");
    assert_eq!(answer.text("data.identity._links.self.href"), format!("./identities/{id}"));
    assert_eq!(answer.text("data.ipAddress"), "127.0.0.1");
    assert_eq!(*answer.at("data.configTypes"), json!(["all"]));
    assert_eq!(*answer.at("data.authQueries"), json!([]));
    assert_eq!((answer.at("data.isMfaRequired"), answer.at("data.isMfaComplete")), (&json!(false), &json!(false)));
    assert_eq!(answer.at("data.expirationSeconds"), 1800);
    assert_eq!(answer.text("data.expiresAt"), "2027-01-15T08:30:15.000Z");
    let again = net.client(&token, "GET", "current-api-session/", &NONE);
    assert_eq!(again.body, answer.body);
    assert_eq!(net.manage_as(&token, "GET", "current-api-session", &NONE).status, 200, "one token for both APIs");
}

#[test]
fn methods_that_are_not_served_and_names_that_cannot_be_are_refused() {
    let net = Net::start();
    let body = json!({ "username": "admin", "password": "password-admin" });
    for (method, status, code) in
        [("cert", 401, "INVALID_AUTH"), ("ext-jwt", 401, "INVALID_AUTH"), ("x", 400, "COULD_NOT_VALIDATE")]
    {
        let answer = net.client("", "POST", &format!("authenticate?method={method}"), &body);
        assert_eq!((answer.status, error(&answer).as_str()), (status, code), "{method}");
    }
    assert_eq!(net.client("", "POST", "authenticate", &body).status, 400);
    for (username, password) in
        [("adm", "password"), ("admin", "1234"), ("", "password"), (&"a".repeat(101), "password")]
    {
        let answer = net.try_login(username, password);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "COULD_NOT_VALIDATE"), "{username:.8}");
    }
    let long = "p".repeat(101);
    let answer = net.try_login("admin", &long);
    assert!(!answer.text.contains(&long[..20]), "a password is not repeated");
}

#[test]
fn guesses_at_a_password_are_limited_whether_or_not_somebody_has_the_name() {
    let net = Net::start();
    net.person("alice");
    for name in ["alice", "nobody"] {
        for _ in 0..20 {
            assert_eq!(net.try_login(name, "wrong-password").status, 401);
        }
        let shut = net.try_login(name, "password-alice");
        assert_eq!((shut.status, error(&shut).as_str()), (429, "RATE_LIMITED"), "even with the right one");
        assert!(shut.head.to_lowercase().contains("retry-after: 300"), "{}", shut.head);
    }
    net.server.advance(301);
    net.login("alice");
}

#[test]
fn too_many_wrong_passwords_disable_an_identity_as_its_policy_says() {
    let net = Net::start();
    let updb = json!({ "primary": { "updb": { "maxAttempts": 3, "lockoutDurationMinutes": 10 } } });
    net.manage("PATCH", "auth-policies/default", &updb);
    let id = net.person("alice");
    let live = net.login("alice");
    for _ in 0..2 {
        net.try_login("alice", "wrong-password");
    }
    net.login("alice");
    for _ in 0..3 {
        assert_eq!(error(&net.try_login("alice", "wrong-password")), "INVALID_AUTH");
    }
    assert_eq!(net.is_full(&live), None, "its sessions have ended");
    assert_eq!(error(&net.try_login("alice", "password-alice")), "INVALID_AUTH");
    let shown = net.manage("GET", &format!("identities/{id}"), &NONE);
    assert_eq!(*shown.at("data.disabled"), true);
    assert_eq!(shown.text("data.disabledUntil"), "2027-01-15T08:10:15.000Z");
    net.server.advance(600);
    net.login("alice");
    assert_eq!(*net.manage("GET", &format!("identities/{id}"), &NONE).at("data.disabled"), false);
}

#[test]
fn a_session_lives_as_long_as_it_is_used_and_no_longer() {
    let net = Net::start();
    net.person("alice");
    let (used, unused) = (net.login("alice"), net.login("alice"));
    for _ in 0..20 {
        net.server.advance(HALF_HOUR.as_secs() - 1);
        assert_eq!(net.is_full(&used), Some(true));
    }
    assert_eq!(net.is_full(&unused), None);
    // What was not written down is at most a twentieth of the timeout.
    net.server.advance(HALF_HOUR.as_secs() * 21 / 20);
    assert_eq!(net.is_full(&used), None);
}

#[test]
fn a_session_that_is_used_often_is_not_written_each_time() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let last = |token: &str| net.client(token, "GET", "current-api-session", &NONE).text("data.lastActivityAt");
    let first = last(&token);
    net.server.advance(60);
    assert_eq!(last(&token), first);
    net.server.advance(60);
    last(&token);
    assert_ne!(last(&token), first);
}

#[test]
fn a_logout_is_immediate_and_ends_only_that_session() {
    let net = Net::start();
    net.person("alice");
    let (one, two) = (net.login("alice"), net.login("alice"));
    let out = net.client(&one, "DELETE", "current-api-session", &NONE);
    assert_eq!((out.status, out.body), (200, json!({ "data": {}, "meta": {} })));
    assert_eq!((net.is_full(&one), net.is_full(&two)), (None, Some(true)));
    assert_eq!(net.client(&one, "DELETE", "current-api-session", &NONE).status, 401);
}

#[test]
fn a_policy_that_requires_a_second_factor_makes_live_sessions_wait_and_frees_them_again() {
    let net = Net::start();
    let policy = policy(&net, "strict");
    let id = net.person_with("alice", &json!({ "authPolicyId": policy }));
    let token = net.login("alice");
    assert_eq!(net.is_full(&token), Some(true));
    net.require_totp(&policy, true);
    assert_eq!(net.is_full(&token), Some(false));
    let session = net.client(&token, "GET", "current-api-session", &NONE);
    assert_eq!(
        *session.at("data.authQueries"),
        json!([{
            "typeId": "MFA", "provider": "ziti", "httpMethod": "POST", "httpUrl": "./authenticate/mfa",
            "minLength": 4, "maxLength": 6, "format": "alphaNumeric", "isTotpEnrolled": false,
        }])
    );
    net.require_totp(&policy, false);
    assert_eq!(net.is_full(&token), Some(true));
    assert_eq!(net.manage("DELETE", &format!("auth-policies/{policy}"), &NONE).status, 409);
    net.manage("PATCH", &format!("identities/{id}"), &json!({ "authPolicyId": "default" }));
    assert_eq!(net.manage("DELETE", &format!("auth-policies/{policy}"), &NONE).status, 200);
}

#[test]
fn under_a_policy_that_requires_it_somebody_enrols_in_the_session_that_waits() {
    let net = Net::start();
    let policy = policy(&net, "strict");
    net.require_totp(&policy, true);
    net.person_with("alice", &json!({ "authPolicyId": policy }));
    let token = net.login("alice");
    assert_eq!(net.is_full(&token), Some(false));
    // An enrolment that was lost is given up, and another started.
    net.start_enrolment(&token);
    assert_eq!(net.client(&token, "DELETE", "current-identity/mfa", &NONE).status, 200);
    let phone = net.enrol(&token);
    assert_eq!(net.is_full(&token), Some(true));
    let next = net.login("alice");
    assert_eq!(net.is_full(&next), Some(false));
    assert_eq!(net.prove(&next, &net.code(&phone)).status, 200);
    assert_eq!(net.is_full(&next), Some(true));
}

#[test]
fn a_session_that_waits_may_do_only_what_ends_the_waiting() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    net.enrol(&token);
    let waiting = net.login("alice");
    for (method, path) in [
        ("GET", "current-identity"),
        ("DELETE", "current-identity/mfa"),
        ("GET", "current-identity/mfa/recovery-codes"),
        ("POST", "current-identity/mfa/recovery-codes"),
        ("GET", "services"),
        ("GET", "services/x"),
        ("GET", "sessions"),
        ("POST", "sessions"),
        ("POST", "posture-response"),
        ("POST", "posture-response-bulk"),
    ] {
        let answer = net.client(&waiting, method, path, &code("000000"));
        assert_eq!((answer.status, error(&answer).as_str()), (401, "UNAUTHORIZED"), "{method} {path}");
    }
    assert_eq!(net.client(&waiting, "GET", "current-identity/mfa", &NONE).status, 200);
    assert_eq!(net.client(&waiting, "POST", "current-identity/mfa", &NONE).status, 409);
    assert_eq!(net.client(&waiting, "POST", "current-identity/mfa/verify", &code("1")).status, 404);
    assert_eq!(net.client(&waiting, "GET", "current-identity/mfa/qr-code", &NONE).status, 404);
    assert_eq!(net.client(&waiting, "DELETE", "current-api-session", &NONE).status, 200);
}

/// A policy like the built-in one.
fn policy(net: &Net, name: &str) -> String {
    let built_in = net.manage("GET", "auth-policies/default", &NONE);
    let body = json!({
        "name": name, "primary": built_in.at("data.primary"), "secondary": built_in.at("data.secondary"),
    });
    net.manage("POST", "auth-policies", &body).text("data.id")
}
