//! Identities, names to log in by, authentication policies: by administrators, and by those with a few permissions.

use super::*;

#[test]
fn an_identity_is_made_read_changed_and_deleted() {
    let net = Net::start();
    let body = json!({
        "name": "alice", "type": "User", "isAdmin": false, "roleAttributes": ["a"], "externalId": "x-1",
        "tags": { "k": 1 }, "appData": { "l": "m" }, "enrollment": { "updb": "alice" },
    });
    let made = net.manage("POST", "identities", &body);
    assert_eq!(made.status, 201);
    let id = made.text("data.id");
    assert_eq!(made.text("data._links.self.href"), format!("./identities/{id}"));
    let path = format!("identities/{id}");
    let read = net.manage("GET", &path, &NONE);
    for (member, value) in [
        ("name", json!("alice")),
        ("typeId", json!("User")),
        ("isAdmin", json!(false)),
        ("isDefaultAdmin", json!(false)),
        ("isMfaEnabled", json!(false)),
        ("authPolicyId", json!("default")),
        ("authenticators", json!({})),
        ("roleAttributes", json!(["a"])),
        ("externalId", json!("x-1")),
        ("tags", json!({ "k": 1 })),
        ("appData", json!({ "l": "m" })),
        ("permissions", NONE),
        ("hasApiSession", json!(false)),
        ("disabled", json!(false)),
        ("edgeRouterConnectionStatus", json!("offline")),
    ] {
        assert_eq!(*read.at(&format!("data.{member}")), value, "{member}");
    }
    let changed = net.manage("PATCH", &path, &json!({ "name": "alicia", "externalId": null }));
    assert_eq!((changed.status, changed.body), (200, json!({ "data": {}, "meta": {} })));
    let read = net.manage("GET", &path, &NONE);
    assert_eq!((read.text("data.name"), read.at("data.externalId")), ("alicia".into(), &NONE));
    assert_eq!(*read.at("data.roleAttributes"), json!(["a"]), "what is not said stays");
    assert_eq!(net.manage("PUT", &path, &json!({ "name": "alicia", "type": "Device", "isAdmin": true })).status, 200);
    let read = net.manage("GET", &path, &NONE);
    assert_eq!((read.at("data.roleAttributes"), read.at("data.tags")), (&NONE, &json!({})), "what is not said goes");
    assert_eq!(net.manage("DELETE", &path, &NONE).status, 200);
    for method in ["GET", "DELETE"] {
        assert_eq!(net.manage(method, &path, &NONE).status, 404);
    }
}

#[test]
fn what_an_identity_cannot_be_is_refused_and_changes_nothing() {
    let net = Net::start();
    net.person_with("alice", &json!({ "externalId": "x-1" }));
    for (body, status) in [
        (json!({}), 400),
        (json!({ "name": "b", "type": "User" }), 400),
        (json!({ "name": "b", "type": "Alien", "isAdmin": false }), 400),
        (json!({ "name": 1, "type": "User", "isAdmin": false }), 400),
        (json!({ "name": " ", "type": "User", "isAdmin": false }), 400),
        (json!({ "name": "ALICE", "type": "User", "isAdmin": false }), 400),
        (json!({ "name": "x".repeat(513), "type": "User", "isAdmin": false }), 400),
        (json!({ "name": "b", "type": "User", "isAdmin": "no" }), 400),
        (json!({ "name": "b", "type": "User", "isAdmin": false, "externalId": "x-1" }), 400),
        (json!({ "name": "b", "type": "User", "isAdmin": false, "roleAttributes": "a" }), 400),
        (json!({ "name": "b", "type": "User", "isAdmin": false, "permissions": ["admin"] }), 400),
        (json!({ "name": "b", "type": "User", "isAdmin": false, "authPolicyId": "nothing" }), 404),
    ] {
        let answer = net.manage("POST", "identities", &body);
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.at("error.cause.field").is_string(), "{answer:?}");
    }
    assert_eq!(net.manage("GET", "identities", &NONE).at("meta.pagination.totalCount"), 2);
}

#[test]
fn lists_are_paged_and_filtered() {
    let net = Net::start();
    for n in 0..12 {
        net.manage("POST", "identities", &json!({ "name": format!("n{n:02}"), "type": "User", "isAdmin": false }));
        net.server.advance(1);
    }
    let names = |query: &str| -> Vec<String> {
        let answer = net.manage("GET", &format!("identities?{query}"), &NONE);
        assert_eq!(answer.status, 200, "{query}");
        answer.at("data").as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().into()).collect()
    };
    assert_eq!(names("").len(), 10);
    assert_eq!(names("limit=500").len(), 13);
    assert_eq!(names("limit=99999999").len(), 13);
    assert_eq!(names("limit=2&offset=3"), ["n02", "n03"]);
    assert_eq!(names("filter=name%3D%22n07%22"), ["n07"]);
    assert_eq!(names("filter=name+=+%22nobody%22"), Vec::<String>::new());
    assert_eq!(names("filter=true&limit=1"), ["Default Admin"]);
    for (query, code) in [
        ("filter=isAdmin%3Dtrue", "INVALID_FILTER"),
        ("filter=name", "INVALID_FILTER"),
        ("limit=x", "INVALID_PAGINATION"),
        ("offset=-1", "INVALID_PAGINATION"),
    ] {
        let answer = net.manage("GET", &format!("identities?{query}"), &NONE);
        assert_eq!((answer.status, error(&answer).as_str()), (400, code), "{query}");
    }
    for collection in ["auth-policies", "authenticators", "services", "service-policies", "posture-checks"] {
        let answer = net.manage("GET", &format!("{collection}?limit=1"), &NONE);
        assert_eq!((answer.status, answer.at("meta.pagination.limit")), (200, &json!(1)), "{collection}");
    }
}

#[test]
fn only_administrators_and_those_with_the_permission_manage() {
    let net = Net::start();
    let alice = net.person("alice");
    net.person_with("reader", &json!({ "permissions": ["identity.read"] }));
    net.person_with("auditor", &json!({ "permissions": ["admin_readonly"] }));
    let (nobody, reader, auditor) = (net.login("alice"), net.login("reader"), net.login("auditor"));
    for path in ["identities", "authenticators", "auth-policies", "posture-checks", "services", "service-policies"] {
        assert_eq!(net.manage_as(&nobody, "GET", path, &NONE).status, 401, "{path}");
        assert_eq!(net.manage_as(&reader, "GET", path, &NONE).status, if path == "identities" { 200 } else { 401 });
        assert_eq!(net.manage_as(&auditor, "GET", path, &NONE).status, 200, "{path}");
        for token in [&nobody, &reader, &auditor] {
            assert_eq!(net.manage_as(token, "POST", path, &json!({})).status, 401, "{path}");
        }
    }
    for token in [&nobody, &reader, &auditor] {
        for (method, path) in [
            ("PATCH", format!("identities/{alice}")),
            ("DELETE", format!("identities/{alice}")),
            ("DELETE", format!("identities/{alice}/mfa")),
            ("POST", format!("identities/{alice}/disable")),
            ("PATCH", "auth-policies/default".into()),
        ] {
            let answer = net.manage_as(token, method, &path, &json!({ "durationMinutes": 1 }));
            assert_eq!((answer.status, error(&answer).as_str()), (401, "UNAUTHORIZED"), "{method} {path}");
        }
    }
}

#[test]
fn whoever_may_change_identities_gains_no_power_by_it() {
    let net = Net::start();
    let keeper = net.person_with("keeper", &json!({ "permissions": ["identity"] }));
    let (alice, boss) = (net.person("alice"), net.person_with("boss", &json!({ "isAdmin": true })));
    let token = net.login("keeper");
    let body = |members: &Value| {
        let mut body = json!({ "name": "new", "type": "User", "isAdmin": false });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    for powerful in [json!({ "isAdmin": true }), json!({ "permissions": ["service"] })] {
        assert_eq!(net.manage_as(&token, "POST", "identities", &body(&powerful)).status, 401, "{powerful}");
        for id in [&alice, &keeper] {
            assert_eq!(net.manage_as(&token, "PATCH", &format!("identities/{id}"), &powerful).status, 401);
        }
    }
    assert_eq!(
        net.manage_as(&token, "PATCH", &format!("identities/{alice}"), &json!({ "tags": { "a": 1 } })).status,
        200
    );
    assert_eq!(net.manage_as(&token, "DELETE", &format!("identities/{alice}/mfa"), &NONE).status, 200);
    for (method, path) in [
        ("PATCH", format!("identities/{boss}")),
        ("DELETE", format!("identities/{boss}")),
        ("DELETE", format!("identities/{boss}/mfa")),
        ("POST", format!("identities/{boss}/disable")),
        ("POST", format!("identities/{boss}/enable")),
    ] {
        assert_eq!(
            net.manage_as(&token, method, &path, &json!({ "durationMinutes": 0 })).status,
            401,
            "{method} {path}"
        );
    }
}

#[test]
fn a_disabled_identity_is_out_at_once_and_in_again_when_it_is_enabled() {
    let net = Net::start();
    let id = net.person("alice");
    for minutes in [0, 5] {
        let token = net.login("alice");
        let path = format!("identities/{id}/disable");
        assert_eq!(net.manage("POST", &path, &json!({ "durationMinutes": minutes })).status, 200);
        assert_eq!(net.is_full(&token), None);
        assert_eq!(net.try_login("alice", "password-alice").status, 401);
        assert_eq!(*net.manage("GET", &format!("identities/{id}"), &NONE).at("data.disabled"), true);
        assert_eq!(net.manage("POST", &format!("identities/{id}/enable"), &NONE).status, 200);
        net.login("alice");
        assert_eq!(net.is_full(&token), None, "what ended stays so");
    }
    for body in [json!({}), json!({ "durationMinutes": -1 }), json!({ "durationMinutes": "5" }), NONE] {
        assert_eq!(net.manage("POST", &format!("identities/{id}/disable"), &body).status, 400, "{body}");
    }
    assert_eq!(net.manage("POST", "identities/nothing/disable", &json!({ "durationMinutes": 1 })).status, 404);
}

#[test]
fn deleting_an_identity_takes_everything_that_was_its_own() {
    let net = Net::start();
    let id = net.person("alice");
    let token = net.login("alice");
    net.enrol(&token);
    assert_eq!(net.manage("DELETE", &format!("identities/{id}"), &NONE).status, 200);
    assert_eq!(net.is_full(&token), None);
    assert_eq!(net.try_login("alice", "password-alice").status, 401);
    let again = net.person("alice");
    assert_ne!(again, id);
    let token = net.login("alice");
    assert_eq!(net.is_full(&token), Some(true), "nothing is left of the old one's second factor");
}

#[test]
fn the_default_administrator_stays_one() {
    let net = Net::start();
    let id = net.client(&net.admin, "GET", "current-identity", &NONE).text("data.id");
    let delete = net.manage("DELETE", &format!("identities/{id}"), &NONE);
    assert_eq!((delete.status, error(&delete).as_str()), (409, "CAN_NOT_DELETE_REFERENCED_ENTITY"));
    assert_eq!(net.manage("PATCH", &format!("identities/{id}"), &json!({ "isAdmin": false })).status, 400);
    assert_eq!(*net.client(&net.admin, "GET", "current-identity", &NONE).at("data.isDefaultAdmin"), true);
}

#[test]
fn a_name_to_log_in_by_is_given_changed_and_taken_away() {
    let net = Net::start();
    let id = net.person("alice");
    let other = net.manage("POST", "identities", &json!({ "name": "bob", "type": "User", "isAdmin": false }));
    let other = other.text("data.id");
    let give = |members: Value| {
        let mut body =
            json!({ "method": "updb", "identityId": other, "username": "bobby", "password": "password-bob" });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        net.manage("POST", "authenticators", &body)
    };
    for (members, status) in [
        (json!({ "method": "cert" }), 400),
        (json!({ "username": "bob" }), 400),
        (json!({ "password": "1234" }), 400),
        (json!({ "username": "Alice" }), 400),
        (json!({ "identityId": "nothing" }), 404),
        (json!({ "identityId": id, "username": "second" }), 409),
    ] {
        assert_eq!(give(members.clone()).status, status, "{members}");
    }
    let made = give(json!({}));
    assert_eq!(made.status, 201);
    let path = format!("authenticators/{}", made.text("data.id"));
    let shown = net.manage("GET", &path, &NONE);
    assert_eq!((shown.text("data.username"), shown.text("data.identity.name")), ("bobby".into(), "bob".into()));
    assert!(!shown.text.contains("password"), "{}", shown.text);
    assert_eq!(net.try_login("bobby", "password-bob").status, 200);
    assert_eq!(net.manage("PATCH", &path, &json!({ "password": "password-new" })).status, 200);
    assert_eq!(net.try_login("bobby", "password-bob").status, 401);
    assert_eq!(net.try_login("bobby", "password-new").status, 200);
    assert_eq!(net.manage("PUT", &path, &json!({ "username": "robert" })).status, 400);
    assert_eq!(net.manage("PATCH", &path, &json!({ "username": "robert" })).status, 200);
    assert_eq!(net.try_login("robert", "password-new").status, 200);
    assert_eq!(net.manage("DELETE", &path, &NONE).status, 200);
    assert_eq!(net.try_login("robert", "password-new").status, 401);
    for method in ["GET", "DELETE", "PATCH"] {
        assert_eq!(net.manage(method, &path, &json!({})).status, 404, "{method}");
    }
}

#[test]
fn a_new_password_has_what_the_identitys_policy_asks_for() {
    let net = Net::start();
    let strict = json!({ "primary": { "updb": { "minPasswordLength": 12, "requireNumberChar": true } } });
    net.manage("PATCH", "auth-policies/default", &strict);
    let id =
        net.manage("POST", "identities", &json!({ "name": "bob", "type": "User", "isAdmin": false })).text("data.id");
    for (password, status) in [("short1", 400), ("long-but-no-number", 400), ("long-with-number-1", 201)] {
        let body = json!({ "method": "updb", "identityId": id, "username": "bobby", "password": password });
        let answer = net.manage("POST", "authenticators", &body);
        assert_eq!(answer.status, status, "{password}");
        assert!(!answer.text.contains(password));
    }
}

#[test]
fn an_authentication_policy_is_written_whole_or_in_part() {
    let net = Net::start();
    let built_in = net.manage("GET", "auth-policies/default", &NONE);
    assert_eq!(built_in.text("data.name"), "Default");
    let primary = built_in.at("data.primary").clone();
    let whole = json!({ "name": "p", "primary": primary, "secondary": { "requireTotp": false } });
    for missing in [
        "/name",
        "/primary",
        "/secondary",
        "/primary/updb",
        "/primary/cert",
        "/primary/updb/maxAttempts",
        "/secondary/requireTotp",
    ] {
        let mut body = whole.clone();
        let (at, name) = missing.rsplit_once('/').unwrap();
        body.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(name);
        let answer = net.manage("POST", "auth-policies", &body);
        assert_eq!((answer.status, error(&answer).as_str()), (400, "COULD_NOT_VALIDATE"), "{missing}");
    }
    let mut odd = whole.clone();
    odd["primary"]["updb"]["maxAttempts"] = json!(-3);
    odd["primary"]["updb"]["lockoutDurationMinutes"] = json!(-1);
    odd["primary"]["updb"]["minPasswordLength"] = json!(1);
    let id = net.manage("POST", "auth-policies", &odd).text("data.id");
    let path = format!("auth-policies/{id}");
    let updb = net.manage("GET", &path, &NONE).at("data.primary.updb").clone();
    assert_eq!(
        (&updb["maxAttempts"], &updb["lockoutDurationMinutes"], &updb["minPasswordLength"]),
        (&json!(0), &json!(0), &json!(5))
    );
    assert_eq!(net.manage("PATCH", &path, &json!({ "secondary": { "requireTotp": true } })).status, 200);
    let read = net.manage("GET", &path, &NONE);
    assert_eq!((read.text("data.name"), read.at("data.secondary.requireTotp")), ("p".into(), &json!(true)));
    assert_eq!(net.manage("PUT", &path, &json!({ "name": "p" })).status, 400);
    assert_eq!(net.manage("PUT", &path, &whole).status, 200);
    for (part, value) in [
        ("primary", json!({ "extJwt": { "allowedSigners": ["s"] } })),
        ("secondary", json!({ "requireExtJwtSigner": "s" })),
    ] {
        let answer = net.manage("PATCH", &path, &json!({ part: value }));
        assert_eq!((answer.status, error(&answer).as_str()), (404, "NOT_FOUND"));
        assert!(answer.at("error.cause.field").is_string());
    }
    for name in ["p", "Default"] {
        let answer = net.manage(
            "POST",
            "auth-policies",
            &json!({ "name": name, "primary": primary, "secondary": { "requireTotp": false } }),
        );
        assert_eq!(answer.status, 400, "{name} is taken");
    }
    assert_eq!(net.manage("DELETE", "auth-policies/default", &NONE).status, 409);
    assert_eq!(net.manage("DELETE", &path, &NONE).status, 200);
    assert_eq!(net.manage("GET", &path, &NONE).status, 404);
    assert_eq!(net.manage("DELETE", "auth-policies/nothing", &NONE).status, 404);
}

#[test]
fn an_administrator_removes_a_second_factor_and_sees_only_that_there_is_one() {
    let net = Net::start();
    let id = net.person("alice");
    let token = net.login("alice");
    let enabled = || net.manage("GET", &format!("identities/{id}"), &NONE);
    let made = net.client(&token, "POST", "current-identity/mfa", &NONE);
    assert_eq!(*enabled().at("data.isMfaEnabled"), false, "pending is not enabled");
    let phone = Phone::scan(&made.text("data.provisioningUrl"));
    net.client(&token, "POST", "current-identity/mfa/verify", &code(&net.code(&phone)));
    let shown = enabled();
    assert_eq!(*shown.at("data.isMfaEnabled"), true);
    for secret in texts(made.at("data.recoveryCodes")) {
        assert!(!shown.text.contains(&secret));
    }
    let removed = net.manage("DELETE", &format!("identities/{id}/mfa"), &json!({ "ignored": 1 }));
    assert_eq!((removed.status, removed.body), (200, json!({ "data": {}, "meta": {} })));
    assert_eq!(*enabled().at("data.isMfaEnabled"), false);
    assert_eq!(net.client(&token, "GET", "current-identity/mfa", &NONE).status, 404);
    assert_eq!(net.manage("DELETE", "identities/nothing/mfa", &NONE).status, 404);
    for path in ["request-mfa", "mfa/verify", "mfa/qr-code"] {
        assert_eq!(net.manage("POST", &format!("identities/{id}/{path}"), &NONE).status, 404, "nobody enrols others");
    }
}
