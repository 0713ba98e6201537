//! Users: made, read, found, locked, deleted.

use serde_json::{Value, json};

use super::people::PASSWORD;
use super::{Zitadel, error};

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

fn human(email: &str) -> Value {
    json!({ "profile": { "givenName": "Minnie", "familyName": "Mouse" }, "email": { "email": email } })
}

#[test]
fn a_user_is_shown_as_it_was_made() {
    let zitadel = Zitadel::start();
    let body = json!({
        "userId": "d654e6ba-70a3-48ef-a95d-37c8d8a7901a", "username": "minnie",
        "profile": {
            "givenName": "Minnie", "familyName": "Mouse", "nickName": "Mini", "preferredLanguage": "en", "gender": "GENDER_FEMALE",
        },
        "email": { "email": "minnie@mouse.com", "isVerified": true },
        "phone": { "phone": "079 123 45 67", "returnCode": {} },
        "password": { "password": PASSWORD, "changeRequired": true },
        "metadata": [{ "key": "k", "value": "dmFsdWU=" }],
    });
    let made = zitadel.call("POST", "/v2beta/users/human", &body);
    assert_eq!(made.status, 201);
    assert_eq!(made.text("userId"), "d654e6ba-70a3-48ef-a95d-37c8d8a7901a");
    assert_eq!(made.text("phoneCode").len(), 6);
    assert_eq!(made.at("emailCode"), &Value::Null);
    let user = zitadel.ok("GET", "/v2/users/d654e6ba-70a3-48ef-a95d-37c8d8a7901a", &json!({}));
    assert_eq!(user.text("user.state"), "USER_STATE_ACTIVE");
    assert_eq!(user.at("user.loginNames"), &json!(["minnie"]));
    assert_eq!(user.text("user.preferredLoginName"), "minnie");
    let said = json!({
        "givenName": "Minnie", "familyName": "Mouse", "nickName": "Mini", "displayName": "Minnie Mouse",
        "preferredLanguage": "en", "gender": "GENDER_FEMALE",
    });
    assert_eq!(user.at("user.human.profile"), &said);
    assert_eq!(user.at("user.human.email"), &json!({ "email": "minnie@mouse.com", "isVerified": true }));
    assert_eq!(user.at("user.human.phone"), &json!({ "phone": "+41791234567" }));
    assert_eq!(user.at("user.human.passwordChangeRequired"), true);
    assert_eq!(
        user.text("details.resourceOwner"),
        zitadel.call("GET", "/v2/settings", &json!({})).text("defaultOrgId")
    );
}

#[test]
fn a_user_is_an_entity_in_every_dialect() {
    let zitadel = Zitadel::start();
    let id = zitadel.minnie();
    assert!(id.len() == 18 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let entity = zitadel.server.call("GET", &format!("identity/entity/id/{id}"), &json!({}));
    assert_eq!(entity.text("data.name"), "minnie-mouse@mouse.com");
    let made = zitadel.server.call("POST", "identity/entity", &json!({ "name": "mickey" })).text("data.id");
    let user = zitadel.ok("GET", &format!("/v2/users/{made}"), &json!({}));
    assert_eq!(user.text("user.human.profile.displayName"), "mickey");
    let (session, _) = zitadel.session(&json!({ "user": { "loginName": "MICKEY" } }));
    let shown = zitadel.ok("GET", &format!("/v2/sessions/{session}"), &json!({}));
    assert_eq!(shown.text("session.factors.user.id"), made);
}

#[test]
fn the_new_way_makes_people_and_machines() {
    let zitadel = Zitadel::start();
    let organisation = zitadel.call("GET", "/v2/settings", &json!({})).text("defaultOrgId");
    let body = json!({ "organizationId": organisation, "username": "minnie", "human": human("minnie@mouse.com") });
    let made = zitadel.ok("POST", "/v2/users/new", &body);
    assert_eq!(
        zitadel.ok("GET", &format!("/v2/users/{}", made.text("id")), &json!({})).text("user.username"),
        "minnie"
    );
    let body = json!({ "organizationId": organisation, "machine": { "name": "robot" } });
    let made = zitadel.ok("POST", "/v2/users/new", &body).text("id");
    let shown = zitadel.ok("GET", &format!("/v2/users/{made}"), &json!({}));
    assert_eq!(shown.at("user.machine"), &json!({ "name": "robot" }));
    assert_eq!(shown.at("user.human"), &Value::Null);
    let totp = zitadel.call("POST", &format!("/v2/users/{made}/totp"), &json!({}));
    assert_eq!(error(&totp), refused(400, 9, "COMMAND-SqyJz"));
    assert_eq!(zitadel.call("POST", "/v2/users/new", &json!({ "machine": { "name": "x" } })).status, 400);
    assert_eq!(zitadel.call("POST", "/v2beta/users/new", &json!({})).status, 405);
}

#[test]
fn nobody_is_made_twice_or_of_anything_wrong() {
    let zitadel = Zitadel::start();
    let add = |body: Value| zitadel.call("POST", "/v2/users/human", &body);
    let with = |field: &str, value: Value| {
        let mut body = human("other@mouse.com");
        body[field] = value;
        error(&add(body))
    };
    let id = zitadel.minnie();
    assert_eq!(error(&add(human("MINNIE-mouse@mouse.com"))), refused(409, 6, "V3-DKcYh"));
    assert_eq!(with("userId", json!(id)), refused(400, 9, "COMMAND-7yiox1isql"));
    for (password, id) in [
        ("Sh0rt!", "DOMAIN-HuJf6"),
        ("UPPER123!", "DOMAIN-co3Xw"),
        ("lower123!", "DOMAIN-VoaRj"),
        ("NoNumber!", "DOMAIN-ZBv4H"),
        ("NoSymbol1", "DOMAIN-ZDLwA"),
    ] {
        assert_eq!(with("password", json!({ "password": password })), refused(400, 3, id), "{password}");
    }
    assert_eq!(with("phone", json!({ "phone": "12x" })), refused(400, 3, "PHONE-so0wa"));
    assert_eq!(error(&add(human("nowhere"))), refused(400, 3, "EMAIL-599BI"));
    assert_eq!(with("hashedPassword", json!({ "hash": "$md5$x" })), refused(400, 3, "COMMAND-JDk4t"));
    assert_eq!(with("totpSecret", json!("not base32!")), refused(400, 3, "COMMAND-Wlo5k"));
    assert_eq!(with("phone", json!({ "phone": "+41791234567", "isVerified": false })), refused(400, 3, ""));
    assert_eq!(with("profile", json!({ "givenName": "", "familyName": "x" })), refused(400, 3, ""));
    assert_eq!(with("profile", Value::Null), refused(400, 3, ""));
    assert_eq!(with("email", Value::Null), refused(400, 3, ""));
    assert_eq!(with("organization", json!({ "orgId": "123" })), refused(403, 7, "AUTH-Bs7Ds"));
    let listed = zitadel.ok("POST", "/v2/users", &json!({})).at("result").as_array().unwrap().len();
    assert_eq!(listed, 1, "a refusal makes nobody");
}

#[test]
fn what_somebody_brings_along_counts_at_once() {
    let zitadel = Zitadel::start();
    let mut body = human("brought@mouse.com");
    body["totpSecret"] = json!("JBSWY3DPEHPK3PXP");
    // "U*U", from the test vectors of Openwall's crypt_blowfish.
    body["hashedPassword"] = json!({ "hash": "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" });
    let user = zitadel.ok("POST", "/v2/users/human", &body).text("userId");
    let uri = "otpauth://totp/x?algorithm=SHA1&digits=6&period=30&secret=JBSWY3DPEHPK3PXP";
    let app = crate::support::authenticator(uri);
    for _ in 0..2 {
        let checks = json!({
            "user": { "userId": user }, "password": { "password": "U*U" }, "totp": { "code": zitadel.shown(&app) },
        });
        zitadel.session(&checks);
        zitadel.server.advance(90);
    }
}

#[test]
fn a_user_that_is_unknown_gone_or_elsewhere_looks_the_same() {
    let zitadel = Zitadel::start();
    let id = zitadel.minnie();
    let theirs = zitadel.token("acme", "zitadel-owner");
    let get = |token: &str, id: &str| error(&zitadel.call_as(token, "GET", &format!("/v2/users/{id}"), &json!({})));
    let unknown = refused(404, 5, "QUERY-Dfbg2");
    assert_eq!(get("root", "123"), unknown);
    assert_eq!(get(&theirs, &id), unknown);
    for (verb, path) in
        [("DELETE", ""), ("POST", "/lock"), ("POST", "/unlock"), ("POST", "/deactivate"), ("POST", "/otp_sms")]
    {
        let answer = zitadel.call_as(&theirs, verb, &format!("/v2/users/{id}{path}"), &json!({}));
        assert_eq!(error(&answer), unknown, "{verb} {path}");
    }
    zitadel.ok("DELETE", &format!("/v2/users/{id}"), &json!({}));
    assert_eq!(get("root", &id), unknown);
}

#[test]
fn a_user_is_locked_and_deactivated_and_back() {
    let zitadel = Zitadel::start();
    let id = zitadel.minnie();
    let turn = |verb: &str| zitadel.call("POST", &format!("/v2/users/{id}/{verb}"), &json!({}));
    assert_eq!(error(&turn("unlock")).1, 9);
    assert_eq!(turn("lock").status, 200);
    assert_eq!(zitadel.state(&id), "USER_STATE_LOCKED");
    assert_eq!(error(&turn("lock")).1, 9);
    assert_eq!(turn("unlock").status, 200);
    assert_eq!(zitadel.state(&id), "USER_STATE_ACTIVE");
    assert_eq!(error(&turn("reactivate")).1, 9);
    assert_eq!(turn("deactivate").status, 200);
    assert_eq!(zitadel.state(&id), "USER_STATE_INACTIVE");
    let entity = zitadel.server.call("GET", &format!("identity/entity/id/{id}"), &json!({}));
    assert_eq!(entity.at("data.disabled"), true);
    assert_eq!(turn("reactivate").status, 200);
    assert_eq!(zitadel.state(&id), "USER_STATE_ACTIVE");
    let skipped = zitadel.ok("POST", &format!("/v2/users/{id}/mfa_init_skipped"), &json!({}));
    let user = zitadel.ok("GET", &format!("/v2/users/{id}"), &json!({}));
    assert_eq!(user.at("user.human.mfaInitSkipped"), skipped.at("details.changeDate"));
}

#[test]
fn users_are_found_by_what_is_known_of_them() {
    let zitadel = Zitadel::start();
    for email in ["a@x.com", "b@x.com", "c@y.com"] {
        zitadel.human(email);
    }
    let organisation = zitadel.organisation("acme");
    let body = json!({ "organizationId": organisation, "human": human("d@y.com") });
    let elsewhere = zitadel.ok("POST", "/v2/users/new", &body).text("id");
    let names = |queries: Value| {
        let body =
            json!({ "query": { "asc": true }, "sortingColumn": "USER_FIELD_NAME_USER_NAME", "queries": queries });
        let found = zitadel.ok("POST", "/v2/users", &body);
        let names = found.at("result").as_array().cloned().unwrap_or_default();
        names.iter().map(|user| user["username"].as_str().unwrap()[..1].to_owned()).collect::<String>()
    };
    assert_eq!(names(json!([])), "abcd");
    assert_eq!(
        names(
            json!([{ "loginNameQuery": { "loginName": "A@x.com", "method": "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE" } }])
        ),
        "a"
    );
    assert_eq!(names(json!([{ "loginNameQuery": { "loginName": "A@x.com" } }])), "");
    assert_eq!(names(json!([{ "userNameQuery": { "userName": "d@y.com" } }])), "d");
    assert_eq!(
        names(json!([{ "emailQuery": { "emailAddress": "@y.com", "method": "TEXT_QUERY_METHOD_ENDS_WITH" } }])),
        "cd"
    );
    assert_eq!(names(json!([{ "inUserIdsQuery": { "userIds": [elsewhere, "x", elsewhere] } }])), "d");
    assert_eq!(names(json!([{ "organizationIdQuery": { "organizationId": organisation } }])), "d");
    assert_eq!(names(json!([{ "typeQuery": { "type": "TYPE_MACHINE" } }])), "");
    assert_eq!(names(json!([{ "stateQuery": { "state": "USER_STATE_ACTIVE" } }])), "abcd");
    let ends =
        |text: &str| json!({ "emailQuery": { "emailAddress": text, "method": "TEXT_QUERY_METHOD_STARTS_WITH" } });
    assert_eq!(names(json!([{ "orQuery": { "queries": [ends("a"), ends("c")] } }])), "ac");
    assert_eq!(names(json!([{ "notQuery": { "query": ends("a") } }])), "bcd");
    assert_eq!(names(json!([{ "andQuery": { "queries": [ends("a"), ends("b")] } }])), "");
}

#[test]
fn a_search_that_says_nothing_is_refused_and_a_page_is_a_part() {
    let zitadel = Zitadel::start();
    for n in 0..5 {
        zitadel.human(&format!("{n}@x.com"));
    }
    let page = |offset: u32, limit: u32, asc: bool| {
        let body = json!({
            "query": { "offset": offset.to_string(), "limit": limit, "asc": asc }, "sortingColumn": "USER_FIELD_NAME_USER_NAME",
        });
        let found = zitadel.ok("POST", "/v2beta/users", &body);
        assert_eq!(found.text("details.totalResult"), "5");
        let names = found.at("result").as_array().cloned().unwrap_or_default();
        names.iter().map(|user| user["username"].as_str().unwrap()[..1].to_owned()).collect::<String>()
    };
    assert_eq!(page(0, 2, true), "01");
    assert_eq!(page(3, 9, true), "34");
    assert_eq!(page(0, 2, false), "43");
    assert_eq!(page(9, 2, true), "");
    assert_eq!(error(&zitadel.call("POST", "/v2/users", &json!({ "queries": [{}] }))), refused(400, 3, "GRPC-vR9nC"));
    let mut deep = json!({ "typeQuery": { "type": "TYPE_HUMAN" } });
    for _ in 0..30 {
        deep = json!({ "notQuery": { "query": deep } });
    }
    assert_eq!(error(&zitadel.call("POST", "/v2/users", &json!({ "queries": [deep] }))), refused(400, 3, "GRPC-vR9nC"));
}

#[test]
fn a_login_client_makes_users_and_a_user_does_not() {
    let zitadel = Zitadel::start();
    let id = zitadel.minnie();
    let client = zitadel.token("", "zitadel-login-client");
    let as_client = zitadel.call_as(&client, "POST", "/v2/users/human", &human("x@y.com"));
    assert_eq!(as_client.status, 200);
    let myself = zitadel.login(&id, None);
    for (verb, path) in [
        ("POST", "/v2/users/human".to_owned()),
        ("POST", "/v2/users/new".to_owned()),
        ("POST", "/v2/sessions".to_owned()),
        ("DELETE", format!("/v2/users/{id}")),
        ("POST", format!("/v2/users/{id}/unlock")),
        ("GET", "/v2/settings/login".to_owned()),
        ("GET", "/admin/v1/policies/login".to_owned()),
    ] {
        let answer = zitadel.call_as(&myself, verb, &path, &json!({}));
        assert_eq!(error(&answer), refused(403, 7, "AUTH-5mWD2"), "{verb} {path}");
    }
    assert_eq!(zitadel.call_as(&myself, "GET", &format!("/v2/users/{id}"), &json!({})).status, 200);
    let other = zitadel.human("other@y.com");
    for (verb, path) in [
        ("GET", ""),
        ("POST", "/totp"),
        ("POST", "/otp_sms"),
        ("POST", "/email/resend"),
        ("DELETE", "/phone"),
        ("POST", "/recovery_codes"),
        ("GET", "/authentication_methods"),
    ] {
        let path = format!("/v2/users/{other}{path}");
        let answer = zitadel.call_as(&myself, verb, &path, &json!({ "count": 1, "sendCode": {} }));
        assert_eq!(error(&answer), refused(403, 7, "AUTHZ-HKJD33"), "{verb} {path}");
    }
    let found = zitadel.call_as(&myself, "POST", "/v2/users", &json!({}));
    assert_eq!(found.at("result").as_array().unwrap().len(), 1);
}
