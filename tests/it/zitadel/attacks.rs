//! One test for each published advisory about the original, named after it: what is attacked there does not work here.

use serde_json::{Value, json};

use super::people::PASSWORD;
use super::{Zitadel, error};

const SETTINGS: &str = "/v2/settings/login";

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

/// Second factors were never locked.
#[test]
fn cve_2024_32868_every_second_factor_is_counted() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(0, 2);
    for kind in ["totp", "otpSms", "otpEmail", "recoveryCode"] {
        let user = zitadel.human(&format!("{kind}@mouse.com"));
        zitadel.app(&user);
        let phone = json!({ "phone": "+41791234567", "isVerified": true });
        zitadel.ok("POST", &format!("/v2/users/{user}/phone"), &phone);
        zitadel.ok("POST", &format!("/v2/users/{user}/otp_sms"), &json!({}));
        zitadel.ok("POST", &format!("/v2/users/{user}/otp_email"), &json!({}));
        zitadel.ok("POST", &format!("/v2/users/{user}/recovery_codes"), &json!({ "count": 3 }));
        let (session, _) = zitadel.session_of(&user);
        if kind.starts_with("otp") {
            let ask = json!({ "challenges": { kind: { "returnCode": true } } });
            zitadel.ok("PATCH", &format!("/v2/sessions/{session}"), &ask);
        }
        let wrong = if kind == "totp" { "abcdef" } else { "00000-00000" };
        for _ in 0..2 {
            assert_eq!(zitadel.state(&user), "USER_STATE_ACTIVE", "{kind}");
            assert_eq!(zitadel.check(&session, &json!({ kind: { "code": wrong } })).status, 400, "{kind}");
        }
        assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED", "{kind}");
    }
}

/// Guessing went on over other paths, and where no lock was configured.
#[test]
fn cve_2025_64102_guesses_are_counted_over_every_transport_and_version() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(0, 4);
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    let wrong = json!({ "totp": { "code": zitadel.not_shown(&app) } });
    let body = json!({ "sessionId": session, "checks": wrong });
    for service in ["session.v2.SessionService/SetSession", "session.v2beta.SessionService/SetSession"] {
        assert_eq!(zitadel.connect_as("root", service, &body).status, 400);
    }
    for prefix in ["/v2", "/v2beta"] {
        assert_eq!(zitadel.call("PATCH", &format!("{prefix}/sessions/{session}"), &body).status, 400);
    }
    assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
    // Verification codes are void after ten guesses (see `contacts`); answers slow down and a hundred lock without any policy (see `lockout`).
}

/// Guesses at once went beyond the maximum: `lockout::fifty_wrong_codes_at_once_are_counted_one_by_one_and_the_right_one_that_comes_late_is_refused`.
#[test]
fn cve_2023_47111_guesses_at_once_do_not_exceed_the_maximum() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(0, 5);
    let user = zitadel.minnie();
    let code =
        zitadel.ok("POST", &format!("/v2/users/{user}/recovery_codes"), &json!({ "count": 1 })).text("recoveryCodes.0");
    let sessions: Vec<String> = (0..50).map(|_| zitadel.session_of(&user).0).collect();
    let wrong = json!({ "recoveryCode": { "code": "00000-00000" } });
    let ids: Vec<String> = std::thread::scope(|scope| {
        let asks: Vec<_> = sessions.iter().map(|id| scope.spawn(|| error(&zitadel.check(id, &wrong)).2)).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert_eq!(ids.iter().filter(|id| *id == "DOMAIN-6uvh0").count(), 5);
    let late = zitadel.check(&sessions[0], &json!({ "recoveryCode": { "code": code } }));
    assert_eq!(error(&late), refused(404, 5, "COMMAND-2w6oa"));
}

/// One factor was enough for the API, although the user had a second one.
#[test]
fn cve_2025_64103_a_session_with_one_factor_is_not_enough_for_whoever_has_two() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let me = |token: &str| zitadel.call_as(token, "GET", &format!("/v2/users/{user}"), &json!({}));
    let (_, bare) = zitadel.session_of(&user);
    assert_eq!(error(&me(&bare)), refused(403, 7, "AUTHZ-Kl3p0"));
    assert_eq!(me(&bare).text("message"), "authentication required (AUTHZ-Kl3p0)");
    let by_password = zitadel.login(&user, None);
    assert_eq!(me(&by_password).status, 200);
    let app = zitadel.app(&user);
    assert_eq!(error(&me(&by_password)), refused(403, 7, "AUTHZ-Kl3p0"), "from the moment there is a second one");
    assert_eq!(me(&by_password).text("message"), "mfa required (AUTHZ-Kl3p0)");
    let by_code = zitadel.session(&json!({ "user": { "userId": user }, "totp": { "code": zitadel.shown(&app) } })).1;
    assert_eq!(error(&me(&by_code)), refused(403, 7, "AUTHZ-Kl3p0"), "a second factor is no first one");
    zitadel.server.advance(90);
    assert_eq!(me(&zitadel.login(&user, Some(&app))).status, 200);
    zitadel.ok("DELETE", &format!("/v2/users/{user}/totp"), &json!({}));
    assert_eq!(me(&by_password).status, 200);
    for path in ["otp_email", "recovery_codes"] {
        zitadel.ok("POST", &format!("/v2/users/{user}/{path}"), &json!({ "count": 1 }));
        assert_eq!(error(&me(&by_password)).0, 403, "{path}");
        zitadel.ok("DELETE", &format!("/v2/users/{user}/{path}"), &json!({}));
    }
    let policy = zitadel.ok("GET", "/admin/v1/policies/login", &json!({})).at("policy").clone();
    let mut forced = policy.clone();
    forced["forceMfa"] = json!(true);
    zitadel.ok("PUT", "/admin/v1/policies/login", &forced);
    assert_eq!(error(&me(&by_password)).0, 403, "the policy asks for one");
}

/// Users marked their own addresses as verified, and got codes that were meant to prove them.
#[test]
fn cve_2026_27946_nobody_vouches_for_themselves_nor_gets_the_proof_that_they_are_asked_for() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let myself = zitadel.login(&user, None);
    let as_me = |verb: &str, path: &str, body: Value| {
        zitadel.call_as(&myself, verb, &format!("/v2/users/{user}/{path}"), &body)
    };
    for (path, body) in [
        ("email", json!({ "email": "victim@x.com", "isVerified": true })),
        ("email", json!({ "email": "victim@x.com", "returnCode": {} })),
        ("phone", json!({ "phone": "+41791234567", "isVerified": true })),
        ("phone", json!({ "phone": "+41791234567", "returnCode": {} })),
        ("email/resend", json!({ "returnCode": {} })),
        ("email/send", json!({ "returnCode": {} })),
        ("phone/resend", json!({ "returnCode": {} })),
        ("password_reset", json!({ "returnCode": {} })),
    ] {
        assert_eq!(error(&as_me("POST", path, body.clone())), refused(403, 7, "AUTHZ-HKJD33"), "{path} {body}");
        let procedure = match path {
            "email" => "SetEmail",
            "phone" => "SetPhone",
            "email/resend" => "ResendEmailCode",
            "email/send" => "SendEmailCode",
            "phone/resend" => "ResendPhoneCode",
            _ => "PasswordReset",
        };
        let mut body = body;
        body["userId"] = json!(user);
        let answer = zitadel.connect_as(&myself, &format!("user.v2.UserService/{procedure}"), &body);
        assert_eq!(answer.status, 403, "{procedure}");
    }
    // What they may do: give an address, and prove it by what was sent there.
    assert_eq!(as_me("POST", "email", json!({ "email": "mine@x.com", "sendCode": {} })).status, 200);
    assert_eq!(as_me("POST", "email/verify", json!({ "verificationCode": zitadel.sent_code() })).status, 200);
    assert_eq!(as_me("POST", "otp_email", json!({})).status, 200);
    let (session, token) = zitadel.session_of(&user);
    for ask in [json!({ "returnCode": true }), json!({ "returnCode": {} })] {
        let body = json!({ "sessionToken": token, "challenges": { "otpEmail": ask } });
        let answer = zitadel.server.ask("PATCH", &format!("/v2/sessions/{session}"), &[], &body.to_string());
        assert_eq!(error(&answer), refused(403, 7, "AUTHZ-HKJD33"));
    }
    let body = json!({ "sessionToken": token, "challenges": { "otpEmail": { "returnCode": false } } });
    let answer = zitadel.server.ask("PATCH", &format!("/v2/sessions/{session}"), &[], &body.to_string());
    assert_eq!(answer.status, 200, "sending it to the proven address is another thing");
}

/// Searching by user agent told the sessions of others, those without one.
#[test]
fn cve_2024_39683_a_search_by_user_agent_tells_nobody_elses_sessions() {
    let zitadel = Zitadel::start();
    let (minnie, mickey) = (zitadel.minnie(), zitadel.human("mickey@mouse.com"));
    zitadel.session_of(&mickey);
    let mine = zitadel.login(&minnie, None);
    let find = |token: &str, query: Value| {
        let found = zitadel.call_as(token, "POST", "/v2/sessions/search", &json!({ "queries": [query] }));
        found.at("sessions").as_array().cloned().unwrap_or_default()
    };
    assert_eq!(find(&mine, json!({ "userAgentQuery": {} })).len(), 0);
    assert_eq!(find("root", json!({ "userAgentQuery": {} })).len(), 0);
    assert_eq!(find("root", json!({ "userAgentQuery": { "fingerprintId": null } })).len(), 0);
    assert_eq!(find(&mine, json!({ "userIdQuery": { "id": mickey } })).len(), 0);
    let own = find(&mine, json!({ "userIdQuery": { "id": minnie } }));
    assert!(!own.is_empty() && own.iter().all(|session| session["factors"]["user"]["id"] == json!(minnie)));
    let made = json!({ "checks": { "user": { "userId": minnie }, "password": { "password": PASSWORD } }, "userAgent": { "fingerprintId": "f" } });
    let token = zitadel.ok("POST", "/v2/sessions", &made).text("sessionToken");
    zitadel.ok(
        "POST",
        "/v2/sessions",
        &json!({ "checks": { "user": { "userId": mickey } }, "userAgent": { "fingerprintId": "f" } }),
    );
    assert_eq!(
        find(&token, json!({ "userAgentQuery": {} })).len(),
        1,
        "one's own browser, and one's own sessions in it"
    );
}

/// A proof was good more than once.
#[test]
fn cve_2025_46815_every_proof_is_good_once() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    zitadel.ok("POST", &format!("/v2/users/{user}/otp_email"), &json!({}));
    let recovery =
        zitadel.ok("POST", &format!("/v2/users/{user}/recovery_codes"), &json!({ "count": 2 })).text("recoveryCodes.0");
    let (session, _) = zitadel.session_of(&user);
    let ask = json!({ "challenges": { "otpEmail": { "returnCode": {} } } });
    let sent = zitadel.ok("PATCH", &format!("/v2/sessions/{session}"), &ask).text("challenges.otpEmail");
    for (kind, code) in [("totp", zitadel.shown(&app)), ("recoveryCode", recovery), ("otpEmail", sent)] {
        assert_eq!(zitadel.check(&session, &json!({ kind: { "code": code } })).status, 200, "{kind}");
        assert_eq!(zitadel.check(&session, &json!({ kind: { "code": code } })).status, 400, "{kind}");
        let (other, _) = zitadel.session_of(&user);
        assert_eq!(zitadel.check(&other, &json!({ kind: { "code": code } })).status, 400, "{kind}");
    }
    let reset = zitadel
        .ok("POST", &format!("/v2/users/{user}/password_reset"), &json!({ "returnCode": {} }))
        .text("verificationCode");
    for (password, status) in [("An0ther-0ne", 200), ("Y3t-another", 400)] {
        let body = json!({ "newPassword": { "password": password }, "verificationCode": reset });
        assert_eq!(zitadel.call("POST", &format!("/v2/users/{user}/password"), &body).status, status);
    }
}

/// A forged head put an attacker's host into links that were mailed.
#[test]
fn cve_2023_49097_no_head_finds_its_way_into_a_message() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    zitadel.ok("POST", &format!("/v2/users/{user}/otp_email"), &json!({}));
    let forged = [
        ("Authorization", "Bearer root"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Original-Host", "evil.example"),
    ];
    let post = |path: &str, body: Value| {
        let answer = zitadel.server.ask("POST", path, &forged, &body.to_string());
        assert!(answer.status < 300, "{answer:?}");
    };
    post(&format!("/v2/users/{user}/password_reset"), json!({ "sendLink": {} }));
    post(&format!("/v2/users/{user}/phone"), json!({ "phone": "+41791234567", "sendCode": {} }));
    post("/v2/sessions", json!({ "checks": { "user": { "userId": user } }, "challenges": { "otpEmail": {} } }));
    post(&format!("/v2/users/{user}/email"), json!({ "email": "new@mouse.com", "sendCode": {} }));
    let messages = zitadel.outbox();
    assert_eq!(messages.len(), 4);
    for message in messages {
        let text = message.text.expose();
        assert!(!text.contains("evil") && !text.contains("http"), "{text}");
    }
}

/// Answers told who was there.
#[test]
fn cve_2024_41952_nobody_can_be_told_from_a_wrong_password_where_that_is_wished() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let locked = zitadel.human("locked@mouse.com");
    zitadel.ok("POST", &format!("/v2/users/{locked}/lock"), &json!({}));
    zitadel.server.call("POST", "identity/entity", &json!({ "name": "no-password" }));
    let client = zitadel.token("", "zitadel-login-client");
    let policy = zitadel.ok("GET", "/admin/v1/policies/login", &json!({})).at("policy").clone();
    let mut hiding = policy;
    hiding["ignoreUnknownUsernames"] = json!(true);
    let login = |token: &str, name: &str, password: &str| {
        let checks = json!({ "user": { "loginName": name }, "password": { "password": password } });
        zitadel.call_as(token, "POST", "/v2/sessions", &json!({ "checks": checks }))
    };
    assert_eq!(error(&login(&client, "nobody", "x")), refused(404, 5, "QUERY-Dfbg2"), "unless that is wished");
    zitadel.ok("PUT", "/admin/v1/policies/login", &hiding);
    let work = || zitadel.server.engine.passwords.work();
    let mut seen = Vec::new();
    for (name, password) in [
        ("nobody", "x"),
        ("minnie-mouse@mouse.com", "wrong"),
        ("locked@mouse.com", PASSWORD),
        ("locked@mouse.com", "wrong"),
        ("no-password", "x"),
    ] {
        let before = work();
        let answer = login(&client, name, password);
        let spent = work().argon2_runs - before.argon2_runs;
        seen.push((answer.status, answer.text, spent));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    assert_eq!(seen[0].2, 1, "the same work");
    assert_eq!(login(&client, "Minnie-Mouse@mouse.com", PASSWORD).status, 201);
    assert_eq!(error(&login("root", "nobody", "x")), refused(404, 5, "QUERY-Dfbg2"), "an owner may know");
    let (session, _) = zitadel.session_of(&user);
    let other = zitadel.human("other@mouse.com");
    drop(other);
    let checks = json!({ "user": { "loginName": "other@mouse.com" }, "password": { "password": PASSWORD } });
    let answer = zitadel.call_as(&client, "PATCH", &format!("/v2/sessions/{session}"), &json!({ "checks": checks }));
    assert_eq!(error(&answer), refused(400, 3, "COMMAND-3M0fs"), "nor by a session that is about another");
}

/// A token was accepted though a part of it was missing.
#[test]
fn cve_2026_27840_a_token_is_taken_whole_or_not_at_all() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let token = zitadel.login(&user, None);
    let me = |token: &str| zitadel.call_as(token, "GET", &format!("/v2/users/{user}"), &json!({})).status;
    assert_eq!(me(&token), 200);
    for at in 1..token.len() {
        assert_eq!(me(&token[..at]), 401);
        assert_eq!(me(&token[at..]), 401);
    }
    let mut other = token.clone();
    other.push('A');
    assert_eq!(me(&other), 401);
    assert_eq!(me(&token.to_ascii_lowercase()), 401);
}

/// A time-based code was good as long as its window.
#[test]
fn issue_6452_a_time_based_code_is_good_once() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let code = zitadel.shown(&app);
    for (place, expected) in [(0, 200), (1, 400), (2, 400)] {
        let (session, _) = zitadel.session_of(&user);
        let answer = zitadel.check(&session, &json!({ "totp": { "code": code } }));
        assert_eq!(answer.status, expected, "session {place}");
        if expected == 400 {
            assert_eq!(error(&answer), refused(400, 3, "TOTP-Auw0a"));
        }
        zitadel.server.advance(20);
    }
}

/// Tokens outlived their users' being locked, deactivated or deleted.
#[test]
fn cve_2024_47000_tokens_die_with_their_users() {
    for (turn, verb, path) in
        [("lock", "POST", "/lock"), ("deactivate", "POST", "/deactivate"), ("delete", "DELETE", "")]
    {
        let zitadel = Zitadel::start();
        let user = zitadel.minnie();
        let app = zitadel.app(&user);
        let token = zitadel.login(&user, Some(&app));
        let (session, holder) = zitadel.session_of(&user);
        let me = || zitadel.call_as(&token, "GET", &format!("/v2/users/{user}"), &json!({})).status;
        assert_eq!(me(), 200);
        zitadel.ok(verb, &format!("/v2/users/{user}{path}"), &json!({}));
        assert_eq!(me(), 401, "{turn}");
        let body = json!({ "sessionToken": holder, "lifetime": "60s" });
        let answer = zitadel.server.ask("PATCH", &format!("/v2/sessions/{session}"), &[], &body.to_string());
        assert_eq!(answer.status, 401, "{turn}");
        if turn == "delete" {
            // Whoever gets the id next is somebody else.
            let body = json!({
                "userId": user, "profile": { "givenName": "A", "familyName": "B" },
                "email": { "email": "minnie-mouse@mouse.com", "isVerified": true }, "password": { "password": PASSWORD },
            });
            zitadel.ok("POST", "/v2/users/human", &body);
            assert_eq!(me(), 401);
            assert_eq!(zitadel.call("PATCH", &format!("/v2/sessions/{session}"), &json!({})).status, 400);
            let methods = zitadel.ok("GET", &format!("/v2/users/{user}/authentication_methods"), &json!({}));
            assert_eq!(methods.at("authMethodTypes"), &json!(["AUTHENTICATION_METHOD_TYPE_PASSWORD"]));
        }
    }
}

#[test]
fn cve_2026_27840_a_part_of_a_token_or_more_than_it_is_no_token() {
    let zitadel = Zitadel::start();
    let token = zitadel.token("", "zitadel-owner");
    assert_eq!(zitadel.call_as(&token, "GET", SETTINGS, &json!({})).status, 200);
    let (body, other) = (&token[..token.len() - 1], if token.ends_with('a') { "b" } else { "a" });
    let near = [
        body.to_owned(),
        token[1..].to_owned(),
        format!("{token}a"),
        format!("{body}{other}"),
        token.to_uppercase(),
        format!("{token}{token}"),
    ];
    for near in near {
        assert_eq!(
            error(&zitadel.call_as(&near, "GET", SETTINGS, &json!({}))),
            (401, 16, "AUTH-7fs1e".into()),
            "{near}"
        );
        let answer = zitadel.connect_as(&near, "settings.v2.SettingsService/GetLoginSettings", &json!({}));
        assert_eq!((answer.status, answer.text("code")), (401, "unauthenticated".into()), "{near}");
    }
}

#[test]
fn cve_2024_47000_the_token_of_somebody_who_was_disabled_or_deleted_is_no_token() {
    let zitadel = Zitadel::start();
    let server = &zitadel.server;
    server.call("POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
    let password = json!({ "password": "s3cret", "token_policies": ["zitadel-login-client"] });
    server.call("POST", "auth/userpass/users/ui", &password);
    let login = || server.ask("POST", "auth/userpass/login/ui", &[], &json!({ "password": "s3cret" }).to_string());
    let (token, entity) = (login().text("auth.client_token"), login().text("auth.entity_id"));
    let status = |token: &str| zitadel.call_as(token, "GET", SETTINGS, &json!({})).status;
    assert_eq!(status(&token), 200);
    server.call("POST", &format!("identity/entity/id/{entity}"), &json!({ "disabled": true }));
    assert_eq!(status(&token), 401);
    server.call("POST", &format!("identity/entity/id/{entity}"), &json!({ "disabled": false }));
    assert_eq!(status(&token), 200);
    server.call("DELETE", &format!("identity/entity/id/{entity}"), &json!({}));
    assert_eq!(status(&token), 401);
}

#[test]
fn an_organisation_that_is_gone_takes_its_owners_along() {
    let zitadel = Zitadel::start();
    let theirs = zitadel.token("acme", "zitadel-owner");
    let write = || zitadel.call_as(&theirs, "POST", "/management/v1/policies/lockout", &json!({ "maxOtpAttempts": 1 }));
    assert_eq!(write().status, 200);
    zitadel.server.call("DELETE", "sys/namespaces/acme", &json!({}));
    assert_eq!(error(&write()), (401, 16, "AUTH-7fs1e".into()));
}
