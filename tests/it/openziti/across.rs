//! What is enrolled through one dialect is proven through another: one authenticator, one guard, one use of each code.

use super::*;

/// Somebody enrolled through OpenZiti's API, as Vault's knows her: the method and the entity.
fn enrolled() -> (Net, String, Phone, Value) {
    let net = Net::start();
    let entity = net.person("alice");
    let token = net.login("alice");
    let phone = net.enrol(&token);
    let methods = net.server.call("LIST", "identity/mfa/method/totp", &json!({}));
    let method = methods.text("data.keys.0");
    (net, token, phone, json!({ "method_id": method, "entity_id": entity }))
}

fn validate(net: &Net, who: &Value, passcode: &str) -> Answer {
    let mut question = who.clone();
    question["passcode"] = json!(passcode);
    net.server.call("POST", "identity/mfa/validate", &question)
}

#[test]
fn one_enrolment_is_proven_in_both_dialects() {
    let (net, token, phone, who) = enrolled();
    let answer = validate(&net, &who, &net.code(&phone));
    assert!(answer.status < 300, "{answer:?}");
    net.server.advance(30);
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
}

#[test]
fn what_is_enrolled_in_one_dialect_is_listed_in_the_other() {
    let (net, _, _, who) = enrolled();
    let path = format!("identity/mfa/enrollments/{}", who["entity_id"].as_str().unwrap());
    let listed = net.server.call("GET", &path, &json!({}));
    let mut kinds: Vec<(String, String)> = (0..2)
        .map(|n| {
            (listed.text(&format!("data.enrollments.{n}.type")), listed.text(&format!("data.enrollments.{n}.state")))
        })
        .collect();
    kinds.sort();
    assert_eq!(kinds, [("recovery".to_owned(), "active".to_owned()), ("totp".to_owned(), "active".to_owned())]);
    let ids = (0..2).map(|n| listed.at(&format!("data.enrollments.{n}.method_id")));
    assert!(ids.into_iter().any(|id| *id == who["method_id"]), "{listed:?}");
}

#[test]
fn a_code_that_is_spent_in_one_dialect_is_refused_in_the_other() {
    let (net, token, phone, who) = enrolled();
    let first = net.code(&phone);
    assert!(validate(&net, &who, &first).status < 300);
    assert_eq!(error(&net.prove(&token, &first)), "MFA_INVALID_TOKEN");
    net.server.advance(30);
    let second = net.code(&phone);
    assert_eq!(net.prove(&token, &second).status, 200);
    assert!(validate(&net, &who, &second).status >= 400);
    // A code from further ahead than the other dialect takes spends those between.
    net.server.advance(30);
    assert_eq!(net.prove(&token, &net.code_in(&phone, 2)).status, 200);
    net.server.advance(30);
    assert!(validate(&net, &who, &net.code(&phone)).status >= 400);
}

#[test]
fn a_lock_in_one_dialect_holds_in_the_other() {
    let (net, token, phone, who) = enrolled();
    for _ in 0..10 {
        assert_eq!(net.prove(&token, &net.wrong(&phone)).status, 400);
    }
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 429);
    let answer = validate(&net, &who, &net.code(&phone));
    assert!(answer.status >= 400, "{answer:?}");
    net.server.advance(301);
    assert!(validate(&net, &who, &net.code(&phone)).status < 300);
    net.server.advance(30);
    for _ in 0..6 {
        validate(&net, &who, &net.wrong(&phone));
    }
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 429);
}

#[test]
fn what_an_operator_makes_through_vaults_api_is_an_identity_with_a_second_factor() {
    let (net, _, _, who) = enrolled();
    let bob = net.server.call("POST", "identity/entity", &json!({ "name": "bobby" })).text("data.id");
    let body = json!({ "method": "updb", "identityId": bob, "username": "bobby", "password": "password-bobby" });
    assert_eq!(net.manage("POST", "authenticators", &body).status, 201);
    let token = net.login("bobby");
    let asked = json!({ "method_id": who["method_id"], "entity_id": bob });
    let url = net.server.call("POST", "identity/mfa/method/totp/admin-generate", &asked).text("data.url");
    let phone = Phone::scan(&url);
    assert_eq!(*net.client(&token, "GET", "current-identity/mfa", &NONE).at("data.isVerified"), true);
    let waiting = net.login("bobby");
    assert_eq!(net.is_full(&waiting), Some(false));
    assert_eq!(net.prove(&waiting, &net.code(&phone)).status, 200);
    assert_eq!(net.codes(&waiting, &net.code(&phone)), Vec::<String>::new(), "none were ever made");
    let codes = "current-identity/mfa/recovery-codes";
    assert_eq!(net.client(&waiting, "POST", codes, &code(&net.code(&phone))).status, 200);
    assert_eq!(net.codes(&waiting, &net.code(&phone)).len(), 20);
}

#[test]
fn w3_what_is_removed_through_another_dialect_ends_sessions_as_well() {
    let (net, token, phone, who) = enrolled();
    let waiting = net.login("alice");
    let destroyed = net.server.call("POST", "identity/mfa/method/totp/admin-destroy", &who);
    assert!(destroyed.status < 300, "{destroyed:?}");
    assert_eq!((net.is_full(&token), net.is_full(&waiting)), (Some(true), None));
    assert_eq!(error(&net.prove(&token, &net.code(&phone))), "MFA_NOT_ENROLLED");
    let session = net.client(&token, "GET", "current-api-session", &NONE);
    assert_eq!(*session.at("data.isMfaComplete"), false);
    net.enrol(&token);
    net.require_totp("default", true);
    net.server.call("POST", "identity/mfa/method/totp/admin-destroy", &who);
    assert_eq!(net.is_full(&token), None);
}

#[test]
fn a_disabled_entity_has_no_session_and_a_deleted_one_neither() {
    let (net, token, _, who) = enrolled();
    let entity = who["entity_id"].as_str().unwrap();
    let path = format!("identity/entity/id/{entity}");
    assert!(net.server.call("POST", &path, &json!({ "disabled": true })).status < 300);
    assert_eq!(net.is_full(&token), None);
    assert_eq!(net.try_login("alice", "password-alice").status, 401);
    assert_eq!(*net.manage("GET", &format!("identities/{entity}"), &NONE).at("data.disabled"), true);
    assert_eq!(net.manage("POST", &format!("identities/{entity}/enable"), &NONE).status, 200);
    net.login("alice");
    assert!(net.server.call("DELETE", &path, &json!({})).status < 300);
    assert_eq!(net.try_login("alice", "password-alice").status, 401);
    assert_eq!(net.manage("GET", "authenticators", &NONE).at("meta.pagination.totalCount"), 1);
}

#[test]
fn an_entity_of_another_namespace_is_no_identity() {
    let net = Net::start();
    assert!(net.server.call("POST", "sys/namespaces/team", &json!({})).status < 300);
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "team")];
    let made = net.server.ask("POST", "identity/entity", &headers, "{\"name\":\"carol\"}");
    let carol = made.text("data.id");
    assert_eq!(net.manage("GET", &format!("identities/{carol}"), &NONE).status, 404);
    assert_eq!(net.manage("DELETE", &format!("identities/{carol}/mfa"), &NONE).status, 404);
    let body = json!({ "method": "updb", "identityId": carol, "username": "carol", "password": "password-carol" });
    assert_eq!(net.manage("POST", "authenticators", &body).status, 404);
}

#[test]
fn giving_up_what_was_never_confirmed_destroys_nothing_that_counts() {
    let (net, _, _, _) = enrolled();
    let bob = net.person("bobby");
    let token = net.login("bobby");
    let method = net.server.call("LIST", "identity/mfa/method/recovery", &json!({})).text("data.keys.0");
    let pair = json!({ "method_id": method, "entity_id": bob });
    let made = net.server.call("POST", "identity/mfa/method/recovery/admin-generate", &pair);
    assert!(made.status < 300, "{made:?}");
    let codes = texts(made.at("data.codes"));
    net.start_enrolment(&token);
    assert_eq!(net.client(&token, "DELETE", "current-identity/mfa", &NONE).status, 200);
    assert!(validate(&net, &pair, &codes[0]).status < 300, "an operator's codes are still good");
    net.start_enrolment(&token);
    assert_eq!(net.manage("DELETE", &format!("identities/{bob}/mfa"), &NONE).status, 200);
    assert!(validate(&net, &pair, &codes[1]).status < 300);
    // Those of a confirmed enrolment take their place.
    net.enrol(&token);
    assert!(validate(&net, &pair, &codes[2]).status >= 400);
}
