//! Sessions: made, changed, looked at, searched, ended.

#![expect(
    clippy::needless_pass_by_value,
    clippy::cloned_ref_to_slice_refs,
    reason = "a body is made where it is sent, and a list where it is compared"
)]

use serde_json::{Value, json};

use super::people::PASSWORD;
use super::{Zitadel, error};

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

fn get(zitadel: &Zitadel, session: &str) -> Value {
    zitadel.ok("GET", &format!("/v2/sessions/{session}"), &json!({})).at("session").clone()
}

fn patch(zitadel: &Zitadel, session: &str, body: Value) -> super::Answer {
    zitadel.call("PATCH", &format!("/v2/sessions/{session}"), &body)
}

#[test]
fn a_session_begins_empty_and_is_filled_step_by_step() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let made = zitadel.call("POST", "/v2/sessions", &json!({}));
    assert_eq!(made.status, 201);
    assert_eq!(made.text("details.sequence"), "1");
    let (id, token) = (made.text("sessionId"), made.text("sessionToken"));
    assert!(id.len() == 18 && token.len() >= 43 && token.len() <= 200);
    assert_eq!(get(&zitadel, &id)["factors"], Value::Null);
    zitadel.server.advance(1);
    let named = patch(
        &zitadel,
        &id,
        json!({ "sessionToken": token, "checks": { "user": { "loginName": "Minnie-Mouse@mouse.com" } } }),
    );
    assert_eq!((named.status, named.text("details.sequence").as_str()), (200, "2"));
    let by_password = json!({ "checks": { "password": { "password": PASSWORD } } });
    assert_eq!(patch(&zitadel, &id, by_password).status, 200);
    let by_code = json!({ "checks": { "totp": { "code": zitadel.shown(&app) } } });
    assert_eq!(patch(&zitadel, &id, by_code).status, 200);
    let session = get(&zitadel, &id);
    let at = "2027-01-15T08:00:16Z";
    let factors = json!({
        "user": {
            "verifiedAt": at, "id": user, "loginName": "minnie-mouse@mouse.com", "displayName": "Minnie Mouse",
            "organizationId": session["factors"]["user"]["organizationId"],
            "organisationId": session["factors"]["user"]["organizationId"],
        },
        "password": { "verifiedAt": at }, "totp": { "verifiedAt": at },
    });
    assert_eq!(session["factors"], factors);
    assert_eq!(session["sequence"], "4");
    assert_eq!(session["expirationDate"], Value::Null);
}

#[test]
fn everything_can_be_checked_in_the_request_that_makes_the_session() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let checks = json!({
        "user": { "userId": user }, "password": { "password": PASSWORD }, "totp": { "code": zitadel.shown(&app) },
    });
    let (session, _) = zitadel.session(&checks);
    assert!(get(&zitadel, &session)["factors"]["totp"]["verifiedAt"].is_string());
}

#[test]
fn the_first_check_that_fails_ends_the_request_and_nothing_of_it_stays() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let count = || zitadel.ok("POST", "/v2/sessions/search", &json!({})).at("details.totalResult").clone();
    let wrong = json!({ "checks": { "user": { "userId": user }, "totp": { "code": zitadel.not_shown(&app) } } });
    assert_eq!(error(&zitadel.call("POST", "/v2/sessions", &wrong)), refused(400, 3, "EVENT-8isk2"));
    assert_eq!(count(), Value::Null, "no session comes into being");
    let (session, token) = zitadel.session_of(&user);
    let before = get(&zitadel, &session);
    let both = json!({
        "checks": { "password": { "password": PASSWORD }, "totp": { "code": zitadel.not_shown(&app) } },
        "metadata": { "k": "dg==" }, "lifetime": "60s",
    });
    assert_eq!(error(&patch(&zitadel, &session, both)), refused(400, 3, "EVENT-8isk2"));
    let wrong_first = json!({
        "checks": { "password": { "password": "wrong" }, "totp": { "code": zitadel.shown(&app) } },
    });
    assert_eq!(error(&patch(&zitadel, &session, wrong_first)), refused(400, 3, "COMMAND-3M0fs"));
    let then_code = json!({
        "checks": { "totp": { "code": zitadel.shown(&app) }, "recoveryCode": { "code": "k3m9a-7xq2p" } },
    });
    assert_eq!(error(&patch(&zitadel, &session, then_code)), refused(400, 3, "COMMAND-84rgg"));
    assert_eq!(get(&zitadel, &session), before);
    let right = json!({ "sessionToken": token, "checks": { "totp": { "code": zitadel.shown(&app) } } });
    assert_eq!(patch(&zitadel, &session, right).status, 200, "the code was not spent, nor the token changed");
}

#[test]
fn a_check_needs_a_user_and_says_so_in_its_own_words() {
    let zitadel = Zitadel::start();
    let (session, _) = zitadel.session(&json!({}));
    for (checks, id) in [
        (json!({ "password": { "password": "x" } }), "COMMAND-4Mfsf"),
        (json!({ "totp": { "code": "123456" } }), "COMMAND-8N9ds"),
        (json!({ "recoveryCode": { "code": "x" } }), "COMMAND-4m9s2"),
    ] {
        assert_eq!(error(&zitadel.check(&session, &checks)), refused(400, 3, id));
    }
}

#[test]
fn who_a_session_is_about_never_changes() {
    let zitadel = Zitadel::start();
    let (minnie, mickey) = (zitadel.minnie(), zitadel.human("mickey@mouse.com"));
    let (session, _) = zitadel.session_of(&minnie);
    let name = |who: Value| zitadel.check(&session, &json!({ "user": who }));
    assert_eq!(error(&name(json!({ "userId": mickey }))), refused(400, 3, ""));
    assert_eq!(name(json!({ "userId": mickey })).text("message"), "user change not possible ()");
    zitadel.server.advance(5);
    assert_eq!(name(json!({ "userId": minnie })).status, 200);
    assert_eq!(get(&zitadel, &session)["factors"]["user"]["verifiedAt"], "2027-01-15T08:00:20Z");
    assert_eq!(error(&name(json!({ "userId": "nobody" }))), refused(404, 5, "QUERY-Dfbg2"));
    assert_eq!(error(&name(json!({ "loginName": "nobody" }))), refused(404, 5, "QUERY-Dfbg2"));
    assert_eq!(error(&name(json!({}))), refused(400, 3, ""));
    assert_eq!(error(&name(json!({ "userId": minnie, "loginName": "x" }))), refused(400, 3, ""));
    for (verb, id) in [("lock", "SESSION-Gj4ko"), ("deactivate", "SESSION-Gj4ko")] {
        zitadel.ok("POST", &format!("/v2/users/{minnie}/{verb}"), &json!({}));
        assert_eq!(error(&name(json!({ "userId": minnie }))), refused(400, 9, id), "{verb}");
    }
}

#[test]
fn passwords_are_told_apart_from_none_and_counted() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let (session, _) = zitadel.session_of(&user);
    for failures in 1..=3 {
        let answer = zitadel.check(&session, &json!({ "password": { "password": "wrong" } }));
        assert_eq!(error(&answer), refused(400, 3, "COMMAND-3M0fs"));
        assert_eq!(answer.text("details.0.@type"), "type.googleapis.com/zitadel.v1.CredentialsCheckError");
        assert_eq!(answer.at("details.0.failedAttempts"), failures);
    }
    assert_eq!(zitadel.check(&session, &json!({ "password": { "password": PASSWORD } })).status, 200);
    let answer = zitadel.check(&session, &json!({ "password": { "password": "wrong" } }));
    assert_eq!(answer.at("details.0.failedAttempts"), 1, "a right one forgives");
    let nobody = zitadel.server.call("POST", "identity/entity", &json!({ "name": "nobody" })).text("data.id");
    let (session, _) = zitadel.session_of(&nobody);
    let answer = zitadel.check(&session, &json!({ "password": { "password": "x" } }));
    assert_eq!(error(&answer), refused(400, 9, "COMMAND-3nJ4t"));
}

#[test]
fn each_change_makes_a_new_token_and_the_old_one_is_worth_nothing() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let (session, first) = zitadel.session_of(&user);
    let noted = patch(&zitadel, &session, json!({ "sessionToken": first, "metadata": { "k": "dg==" } }));
    let second = noted.text("sessionToken");
    assert_ne!(first, second);
    let show = |token: &str| zitadel.call("GET", &format!("/v2/sessions/{session}?sessionToken={token}"), &json!({}));
    assert_eq!(show(&second).status, 200);
    assert_eq!(error(&show(&first)), refused(403, 7, "COMMAND-sGr42"));
    let old = patch(&zitadel, &session, json!({ "sessionToken": first, "lifetime": "60s" }));
    assert_eq!(error(&old), refused(403, 7, "COMMAND-sGr42"));
    let nothing = patch(&zitadel, &session, json!({ "sessionToken": second, "metadata": { "k": "dg==" } }));
    assert_eq!(nothing.text("sessionToken"), second, "what changes nothing gives back what was sent");
    assert_eq!(patch(&zitadel, &session, json!({})).at("sessionToken"), &Value::Null);
    let removed = patch(&zitadel, &session, json!({ "metadata": { "k": "" } }));
    assert!(removed.at("sessionToken").is_string());
    assert_eq!(get(&zitadel, &session)["metadata"], Value::Null);
}

#[test]
fn a_session_lasts_as_long_as_was_last_said() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let (session, _) = zitadel.session_of(&user);
    assert_eq!(error(&patch(&zitadel, &session, json!({ "lifetime": "0s" }))), refused(400, 3, ""));
    assert_eq!(error(&patch(&zitadel, &session, json!({ "lifetime": "-1s" }))), refused(400, 3, ""));
    let token = patch(&zitadel, &session, json!({ "lifetime": "60s" })).text("sessionToken");
    assert_eq!(get(&zitadel, &session)["expirationDate"], "2027-01-15T08:01:15Z");
    zitadel.server.advance(60);
    let late = patch(&zitadel, &session, json!({ "sessionToken": token, "lifetime": "60s" }));
    assert_eq!(error(&late), refused(400, 9, "COMMAND-Hkl3d"));
    assert_eq!(get(&zitadel, &session)["expirationDate"], "2027-01-15T08:01:15Z", "it can still be looked at");
    assert_eq!(zitadel.call("DELETE", &format!("/v2/sessions/{session}"), &json!({})).status, 200);
}

#[test]
fn a_session_is_ended_once_and_its_end_is_told_from_its_never_having_been() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let (session, token) = zitadel.session_of(&user);
    let end = |body: Value| zitadel.call("DELETE", &format!("/v2beta/sessions/{session}"), &body);
    assert_eq!(error(&end(json!({ "sessionToken": "wrong" }))), refused(403, 7, "COMMAND-sGr42"));
    assert_eq!(end(json!({ "sessionToken": token })).status, 200);
    assert_eq!(end(json!({})).status, 200);
    assert_eq!(zitadel.call("DELETE", "/v2/sessions/123", &json!({})).status, 200);
    let shown = zitadel.call("GET", &format!("/v2/sessions/{session}"), &json!({}));
    assert_eq!(error(&shown), refused(404, 5, "QUERY-SFeaa"));
    assert_eq!(error(&patch(&zitadel, &session, json!({}))), refused(400, 9, "COMMAND-Hewfq"));
    assert_eq!(error(&patch(&zitadel, "123", json!({}))), refused(400, 9, "COMMAND-Flk38"));
}

#[test]
fn whoever_has_the_current_token_may_add_proofs_without_a_header_and_nothing_else() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, token) = zitadel.session_of(&user);
    let bare = |session: &str, body: Value| {
        zitadel.server.ask("PATCH", &format!("/v2beta/sessions/{session}"), &[], &body.to_string())
    };
    let check = |token: &str| json!({ "sessionToken": token, "checks": { "totp": { "code": zitadel.shown(&app) } } });
    for body in [json!({}), check(""), check("wrong"), check(&token[1..]), check(&format!("{token}x"))] {
        let answer = bare(&session, body);
        assert_eq!((answer.status, answer.text("message").as_str()), (401, "auth header missing"));
    }
    let (other, _) = zitadel.session_of(&user);
    assert_eq!(bare(&other, check(&token)).status, 401, "another session's token");
    let renamed = json!({ "sessionToken": token, "checks": { "user": { "userId": user } } });
    assert_eq!(error(&bare(&session, renamed)), refused(403, 7, "AUTHZ-HKJD33"));
    let next = bare(&session, check(&token)).text("sessionToken");
    assert_eq!(bare(&session, check(&token)).status, 401, "the old one is worth nothing");
    assert_eq!(bare(&session, json!({ "sessionToken": next, "metadata": { "k": "dg==" } })).status, 200);
    let answer = zitadel.server.ask("GET", &format!("/v2/sessions/{session}?sessionToken={next}"), &[], "");
    assert_eq!(answer.status, 401, "only for changing it");
}

#[test]
fn a_session_belongs_to_the_organisation_it_was_made_in() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let (session, token) = zitadel.session_of(&user);
    let theirs = zitadel.token("acme", "zitadel-owner");
    let path = format!("/v2/sessions/{session}");
    assert_eq!(error(&zitadel.call_as(&theirs, "GET", &path, &json!({}))), refused(404, 5, "QUERY-SFeaa"));
    assert_eq!(error(&zitadel.call_as(&theirs, "PATCH", &path, &json!({}))), refused(400, 9, "COMMAND-Flk38"));
    assert_eq!(zitadel.call_as(&theirs, "DELETE", &path, &json!({})).status, 200);
    assert_eq!(zitadel.call("GET", &path, &json!({})).status, 200, "it is still there");
    let found = zitadel.call_as(
        &theirs,
        "POST",
        "/v2/sessions/search",
        &json!({ "queries": [{ "idsQuery": { "ids": [session] } }] }),
    );
    assert_eq!(found.at("sessions"), &Value::Null);
    let named = zitadel.call_as(&theirs, "POST", "/v2/sessions", &json!({ "checks": { "user": { "userId": user } } }));
    assert_eq!(error(&named), refused(404, 5, "QUERY-Dfbg2"));
    drop(token);
    // Whoever sees all organisations finds a user by name wherever they live, as long as there is one only.
    let organisation = zitadel.organisation("acme");
    let body = |name: &str| {
        json!({
            "username": name, "profile": { "givenName": "A", "familyName": "B" }, "email": { "email": "a@b.c" },
        })
    };
    zitadel.call_in(&organisation, "POST", "/v2/users/human", &body("unlike"));
    let namesake = zitadel.call_as(&theirs, "POST", "/v2/users/human", &body("minnie-mouse@mouse.com"));
    assert_eq!(namesake.status, 200, "each organisation has its own names");
    let (session, _) = zitadel.session(&json!({ "user": { "loginName": "minnie-mouse@mouse.com" } }));
    assert_eq!(get(&zitadel, &session)["factors"]["user"]["id"], user, "one's own organisation comes first");
    let made = json!({ "organization": { "orgId": organisation } });
    let mut twin = body("twin");
    twin["organization"] = made["organization"].clone();
    zitadel.ok("POST", "/v2/users/human", &twin);
    zitadel.session(&json!({ "user": { "loginName": "unlike" } }));
    zitadel.session(&json!({ "user": { "loginName": "twin" } }));
    let other = zitadel.organisation("other");
    zitadel.call_in(&other, "POST", "/v2/users/human", &body("twin"));
    let ambiguous = zitadel.call("POST", "/v2/sessions", &json!({ "checks": { "user": { "loginName": "twin" } } }));
    assert_eq!(error(&ambiguous), refused(404, 5, "QUERY-Dfbg2"));
    let chosen =
        zitadel.call_in(&other, "POST", "/v2/sessions", &json!({ "checks": { "user": { "loginName": "twin" } } }));
    assert_eq!(chosen.status, 201);
}

#[test]
fn sessions_are_found_by_what_they_say() {
    let zitadel = Zitadel::start();
    let (minnie, mickey) = (zitadel.minnie(), zitadel.human("mickey@mouse.com"));
    let make = |body: Value| zitadel.ok("POST", "/v2/sessions", &body).text("sessionId");
    let a = make(
        json!({ "checks": { "user": { "userId": minnie } }, "userAgent": { "fingerprintId": "f", "header": { "accept": { "values": ["*/*"] } } } }),
    );
    zitadel.server.advance(10);
    let b = make(json!({ "checks": { "user": { "userId": mickey } }, "lifetime": "60s" }));
    zitadel.server.advance(10);
    let c = make(json!({}));
    let find = |queries: Value| {
        let body = json!({ "query": { "asc": true }, "queries": queries, "sortingColumn": "SESSION_FIELD_NAME_CREATION_DATE" });
        let found =
            zitadel.ok("POST", "/v2/sessions/search", &body).at("sessions").as_array().cloned().unwrap_or_default();
        found.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find(json!([])), [a.clone(), b.clone(), c.clone()]);
    assert_eq!(find(json!([{ "idsQuery": { "ids": [c, a, a, "x"] } }])), [a.clone(), c.clone()]);
    assert_eq!(find(json!([{ "userIdQuery": { "id": mickey } }])), [b.clone()]);
    assert_eq!(find(json!([{ "userIdQuery": { "id": mickey } }, { "idsQuery": { "ids": [a] } }])), [""; 0]);
    let at = "2027-01-15T08:00:25Z";
    let by_date = |method: &str| {
        find(
            json!([{ "creationDateQuery": { "creationDate": at, "method": format!("TIMESTAMP_QUERY_METHOD_{method}") } }]),
        )
    };
    assert_eq!(by_date("EQUALS"), [b.clone()]);
    assert_eq!(by_date("GREATER"), [c.clone()]);
    assert_eq!(by_date("LESS_OR_EQUALS"), [a.clone(), b.clone()]);
    let ends = json!({ "expirationDate": "2027-01-15T08:10:00Z", "method": "TIMESTAMP_QUERY_METHOD_LESS" });
    assert_eq!(find(json!([{ "expirationDateQuery": ends }])), [b.clone()]);
    assert_eq!(find(json!([{ "userAgentQuery": { "fingerprintId": "f" } }])), [a.clone()]);
    assert_eq!(find(json!([{ "creatorQuery": {} }])).len(), 3);
    assert_eq!(find(json!([{ "creatorQuery": { "id": "x" } }])).len(), 0);
    for query in [json!({}), json!({ "unknownQuery": {} })] {
        let answer = zitadel.call("POST", "/v2/sessions/search", &json!({ "queries": [query] }));
        assert_eq!(error(&answer), refused(400, 3, "GRPC-Sfefs"));
    }
    assert_eq!(get(&zitadel, &a)["userAgent"]["header"]["accept"]["values"], json!(["*/*"]));
}

#[test]
fn what_breaks_a_rule_is_no_attempt() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(1, 1);
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    for code in ["", "12345", "1234567", "ÄÖÜäöüß"] {
        let answer = zitadel.check(&session, &json!({ "totp": { "code": code } }));
        assert_eq!(error(&answer), refused(400, 3, ""), "{code}");
    }
    assert_eq!(error(&zitadel.check(&session, &json!({ "password": { "password": "" } }))), refused(400, 3, ""));
    assert_eq!(
        error(&zitadel.check(&session, &json!({ "password": { "password": "x".repeat(201) } }))),
        refused(400, 3, "")
    );
    assert_eq!(error(&zitadel.check(&session, &json!({ "idpIntent": {} }))), refused(501, 12, ""));
    let big = json!({ "metadata": { "k": "QUFB".repeat(20_000) } });
    assert_eq!(error(&patch(&zitadel, &session, big)), refused(400, 3, ""));
    assert_eq!(zitadel.check(&session, &json!({ "totp": { "code": zitadel.shown(&app) } })).status, 200);
}
