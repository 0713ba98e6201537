//! Posture checks, and the services that they guard.

use super::*;

/// Let everybody dial a service, as far as these checks pass.
pub(super) fn grant(net: &Net, checks: &Value) -> String {
    let service = json!({ "name": format!("service-{checks}"), "encryptionRequired": true, "roleAttributes": ["s"] });
    assert_eq!(net.manage("POST", "services", &service).status, 201);
    policy(net, &format!("policy-{checks}"), checks)
}

fn policy(net: &Net, name: &str, checks: &Value) -> String {
    let policy = json!({
        "name": name, "type": "Dial", "semantic": "AnyOf",
        "serviceRoles": ["#s"], "identityRoles": ["#all"], "postureCheckRoles": checks,
    });
    let made = net.manage("POST", "service-policies", &policy);
    assert_eq!(made.status, 201, "{made:?}");
    made.text("data.id")
}

/// The one service that is granted.
pub(super) fn service_of(net: &Net, token: &str) -> String {
    net.client(token, "GET", "services", &NONE).text("data.0.id")
}

fn check(net: &Net, members: &Value) -> String {
    let mut body = json!({ "name": "mfa", "typeId": "MFA" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    net.manage("POST", "posture-checks", &body).text("data.id")
}

fn dial(net: &Net, token: &str, service: &str) -> Answer {
    net.client(token, "POST", "sessions", &json!({ "serviceId": service, "type": "Dial" }))
}

#[test]
fn a_service_behind_a_check_is_seen_but_not_used_before_the_factor_is_proven() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let check = check(&net, &json!({}));
    let policy = grant(&net, &json!([format!("@{check}")]));
    let shown = net.client(&token, "GET", "services", &NONE);
    assert_eq!(*shown.at("meta.pagination"), json!({ "limit": 10, "offset": 0, "totalCount": 1 }));
    assert_eq!(*shown.at("data.0.permissions"), json!(["Dial"]));
    let query = shown.at("data.0.postureQueries.0");
    assert_eq!((&query["policyId"], &query["isPassing"]), (&json!(policy), &json!(false)));
    let inner = &query["postureQueries"][0];
    assert_eq!((&inner["id"], &inner["queryType"]), (&json!(check), &json!("MFA")));
    assert_eq!((&inner["timeout"], &inner["timeoutRemaining"]), (&json!(-1), &json!(-1)));
    let service = service_of(&net, &token);
    let refused = dial(&net, &token, &service);
    assert_eq!((refused.status, error(&refused).as_str()), (409, "INVALID_POSTURE"));
    assert_eq!(
        refused.text("error.cause.message"),
        format!("Failed to pass posture checks for service policies: [{policy}]")
    );
    assert_eq!(refused.at("error.cause.data")[&policy], json!([{ "id": check, "typeId": "MFA", "isPassing": false }]));
    let phone = net.enrol(&token);
    assert_eq!(
        *net.client(&token, "GET", &format!("services/{service}"), &NONE).at("data.postureQueries.0.isPassing"),
        true
    );
    let used = dial(&net, &token, &service);
    assert_eq!(used.status, 201, "{used:?}");
    assert_eq!(used.text("data.service.id"), service);
    assert_eq!(*used.at("data.edgeRouters"), json!([]));
    let path = format!("sessions/{}", used.text("data.id"));
    assert_eq!(net.client(&token, "GET", &path, &NONE).at("data"), used.at("data"));
    // Removal takes back what was proven, and what hung on it.
    assert_eq!(net.client(&token, "DELETE", "current-identity/mfa", &code(&net.code(&phone))).status, 200);
    assert_eq!(net.client(&token, "GET", &path, &NONE).status, 404);
    assert_eq!(dial(&net, &token, &service).status, 409);
    net.enrol(&token);
    assert_eq!(net.client(&token, "GET", &path, &NONE).status, 404, "what ended does not come back");
}

#[test]
fn another_policy_without_checks_is_enough() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let check = check(&net, &json!({}));
    grant(&net, &json!([format!("@{check}")]));
    let service = service_of(&net, &token);
    assert_eq!(dial(&net, &token, &service).status, 409);
    let open = policy(&net, "open", &json!([]));
    let queries = net.client(&token, "GET", "services", &NONE);
    assert!(
        queries
            .at("data.0.postureQueries")
            .as_array()
            .unwrap()
            .contains(&json!({ "policyId": open, "policyType": "Dial", "isPassing": true, "postureQueries": [] }))
    );
    assert_eq!(dial(&net, &token, &service).status, 201);
}

#[test]
fn within_one_policy_all_checks_must_pass() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let (lasting, short) = (check(&net, &json!({})), check(&net, &json!({ "name": "short", "timeoutSeconds": 10 })));
    grant(&net, &json!([format!("@{lasting}"), format!("@{short}")]));
    let phone = net.enrol(&token);
    let service = service_of(&net, &token);
    assert_eq!(dial(&net, &token, &service).status, 409, "enrolling moved the clock past the short one");
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
    assert_eq!(dial(&net, &token, &service).status, 201);
}

#[test]
fn a_proof_runs_out_and_what_hung_on_it_does_not_come_back_with_the_next() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let check = check(&net, &json!({ "timeoutSeconds": 60 }));
    grant(&net, &json!([format!("@{check}")]));
    let phone = net.enrol(&token);
    let service = service_of(&net, &token);
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
    let used = dial(&net, &token, &service).text("data.id");
    net.server.advance(60);
    assert_eq!(net.client(&token, "GET", &format!("sessions/{used}"), &NONE).status, 200);
    let query = |token: &str| {
        net.client(token, "GET", "services", &NONE).at("data.0.postureQueries.0.postureQueries.0").clone()
    };
    assert_eq!((&query(&token)["timeout"], &query(&token)["timeoutRemaining"]), (&json!(60), &json!(0)));
    assert!(query(&token)["timeoutAt"].is_string());
    net.server.advance(1);
    assert_eq!(query(&token)["isPassing"], false);
    assert_eq!(net.client(&token, "GET", &format!("sessions/{used}"), &NONE).status, 404);
    assert_eq!(dial(&net, &token, &service).status, 409);
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
    assert_eq!(dial(&net, &token, &service).status, 201);
    assert_eq!(net.client(&token, "GET", &format!("sessions/{used}"), &NONE).status, 404);
    // A session that proved it is one thing, another of the same person another.
    let other = net.login("alice");
    net.server.advance(30);
    assert_eq!(net.prove(&other, &net.code(&phone)).status, 200);
    net.server.advance(31);
    assert_eq!(query(&token)["isPassing"], false);
    assert_eq!(query(&other)["isPassing"], true);
}

#[test]
fn an_endpoint_that_wakes_has_five_minutes_to_prove_again() {
    let net = Net::start();
    net.person("alice");
    let token = net.login("alice");
    let check = check(&net, &json!({ "promptOnWake": true, "timeoutSeconds": 3600 }));
    grant(&net, &json!([format!("@{check}")]));
    let phone = net.enrol(&token);
    let service = service_of(&net, &token);
    let report = json!({ "id": check, "typeId": "ENDPOINT_STATE", "woken": true, "unlocked": false });
    let told = net.client(&token, "POST", "posture-response", &report);
    assert_eq!(told.status, 201);
    let name = net.client(&token, "GET", "services", &NONE).text("data.0.name");
    assert_eq!(
        *told.at("data.services"),
        json!([{ "id": service, "name": name, "postureQueryType": "MFA", "timeout": 3600, "timeoutRemaining": 300 }])
    );
    net.server.advance(299);
    assert_eq!(dial(&net, &token, &service).status, 201);
    net.server.advance(1);
    assert_eq!(dial(&net, &token, &service).status, 409);
    assert_eq!(net.prove(&token, &net.code(&phone)).status, 200);
    assert_eq!(dial(&net, &token, &service).status, 201);
    // Unlocking is not asked about here, and shortens nothing.
    let unlocked = json!([{ "id": check, "typeId": "ENDPOINT_STATE", "woken": false, "unlocked": true }]);
    let told = net.client(&token, "POST", "posture-response-bulk", &unlocked);
    assert_eq!((told.status, told.at("data.services")), (200, &json!([])));
}

#[test]
fn what_an_endpoint_reports_is_checked() {
    let net = Net::start();
    let check = check(&net, &json!({}));
    for (report, status) in [
        (json!({}), 400),
        (json!({ "id": check, "typeId": "OS", "type": "linux" }), 400),
        (json!({ "id": check, "typeId": "ENDPOINT_STATE", "woken": "yes" }), 400),
        (json!({ "id": "nothing", "typeId": "ENDPOINT_STATE", "woken": true }), 404),
    ] {
        assert_eq!(net.client(&net.admin, "POST", "posture-response", &report).status, status, "{report}");
        assert_eq!(net.client(&net.admin, "POST", "posture-response-bulk", &json!([report])).status, status);
    }
    assert_eq!(net.client(&net.admin, "POST", "posture-response-bulk", &json!({})).status, 400);
    assert_eq!(net.client(&net.admin, "POST", "posture-response-bulk", &json!(vec![1; 101])).status, 400);
}

#[test]
fn old_endpoints_are_told_of_no_timeout_but_judged_the_same() {
    let net = Net::start();
    net.person("alice");
    let login = |sdk: Value| {
        let body = json!({ "username": "alice", "password": "password-alice", "sdkInfo": sdk });
        net.client("", "POST", "authenticate?method=password", &body).text("data.token")
    };
    let check = check(&net, &json!({ "timeoutSeconds": 600, "ignoreLegacyEndpoints": true }));
    grant(&net, &json!([format!("@{check}")]));
    let old = login(json!({ "type": "ziti-sdk-golang", "version": "1.0.0" }));
    let new = login(json!({ "type": "ziti-sdk-c", "version": "1.0.0" }));
    let phone = net.enrol(&old);
    assert_eq!(net.prove(&new, &net.code(&phone)).status, 200);
    let query = |token: &str| {
        net.client(token, "GET", "services", &NONE).at("data.0.postureQueries.0.postureQueries.0").clone()
    };
    assert_eq!(query(&old)["timeoutRemaining"], -1);
    assert_eq!(query(&new)["timeoutRemaining"], 600);
    net.server.advance(601);
    assert_eq!((&query(&old)["isPassing"], &query(&new)["isPassing"]), (&json!(false), &json!(false)));
    assert_eq!((&query(&old)["timeoutRemaining"], &query(&new)["timeoutRemaining"]), (&json!(-1), &json!(0)));
}

#[test]
fn checks_are_written_whole_or_in_part() {
    let net = Net::start();
    for body in [json!({ "name": "c" }), json!({ "typeId": "MFA" }), json!({ "name": "c", "typeId": "OS" })] {
        assert_eq!(net.manage("POST", "posture-checks", &body).status, 400, "{body}");
    }
    let id = check(&net, &json!({ "timeoutSeconds": 60, "roleAttributes": ["a"], "promptOnWake": true }));
    let path = format!("posture-checks/{id}");
    let read = |member: &str| net.manage("GET", &path, &NONE).at(&format!("data.{member}")).clone();
    assert_eq!((read("timeoutSeconds"), read("version"), read("typeId")), (json!(60), json!(1), json!("MFA")));
    assert_eq!(net.manage("PATCH", &path, &json!({ "timeoutSeconds": 0 })).status, 400, "the type must be said");
    assert_eq!(net.manage("PATCH", &path, &json!({ "typeId": "MFA", "timeoutSeconds": 0 })).status, 200);
    assert_eq!((read("timeoutSeconds"), read("promptOnWake"), read("version")), (json!(-1), json!(true), json!(2)));
    assert_eq!(net.manage("PUT", &path, &json!({ "typeId": "MFA", "name": "d" })).status, 200);
    assert_eq!((read("name"), read("promptOnWake"), read("roleAttributes")), (json!("d"), json!(false), json!([])));
    assert_eq!(
        net.manage("POST", "posture-checks", &json!({ "name": "d", "typeId": "MFA" })).status,
        400,
        "a name twice"
    );
    assert_eq!(net.manage("DELETE", &path, &NONE).status, 200);
    for method in ["GET", "DELETE"] {
        assert_eq!(net.manage(method, &path, &NONE).status, 404);
    }
}

#[test]
fn services_and_policies_are_written_whole_or_in_part_and_name_only_what_is_there() {
    let net = Net::start();
    assert_eq!(net.manage("POST", "services", &json!({ "name": "s" })).status, 400);
    let service = net.manage("POST", "services", &json!({ "name": "s", "encryptionRequired": false }));
    let service = service.text("data.id");
    let path = format!("services/{service}");
    assert_eq!(net.manage("PATCH", &path, &json!({ "roleAttributes": ["a"] })).status, 200);
    assert_eq!(*net.manage("GET", &path, &NONE).at("data.roleAttributes"), json!(["a"]));
    assert_eq!(net.manage("PUT", &path, &json!({ "name": "t" })).status, 200);
    let read = net.manage("GET", &path, &NONE);
    assert_eq!((read.text("data.name"), read.at("data.roleAttributes")), ("t".into(), &json!([])));
    assert_eq!(*read.at("data.encryptionRequired"), false);
    assert_eq!(read.text("data.terminatorStrategy"), "smartrouting");
    let policy = |members: Value| {
        let mut body = json!({ "name": "p", "type": "Dial", "semantic": "AllOf" });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        net.manage("POST", "service-policies", &body)
    };
    for (members, status) in [
        (json!({ "type": "Fly" }), 400),
        (json!({ "semantic": "None" }), 400),
        (json!({ "serviceRoles": ["s"] }), 400),
        (json!({ "serviceRoles": ["@nothing"] }), 404),
        (json!({ "postureCheckRoles": ["@nothing"] }), 404),
        (json!({ "identityRoles": ["@nothing"] }), 404),
    ] {
        assert_eq!(policy(members.clone()).status, status, "{members}");
    }
    let id = policy(json!({ "serviceRoles": [format!("@{service}")] })).text("data.id");
    let path = format!("service-policies/{id}");
    assert_eq!(net.manage("PATCH", &path, &json!({ "identityRoles": ["#x"] })).status, 200);
    let read = net.manage("GET", &path, &NONE);
    assert_eq!(*read.at("data.serviceRoles"), json!([format!("@{service}")]));
    assert_eq!(*read.at("data.identityRoles"), json!(["#x"]));
    assert_eq!(net.manage("DELETE", &format!("services/{service}"), &NONE).status, 200);
    assert_eq!(*net.manage("GET", &path, &NONE).at("data.serviceRoles"), json!([]), "nobody names what is gone");
    assert_eq!(net.manage("PUT", &path, &json!({ "name": "q", "type": "Bind", "semantic": "AnyOf" })).status, 200);
    assert_eq!(*net.manage("GET", &path, &NONE).at("data.identityRoles"), json!([]));
    assert_eq!(net.manage("DELETE", &path, &NONE).status, 200);
    assert_eq!(net.manage("GET", &path, &NONE).status, 404);
}

#[test]
fn a_service_that_is_not_granted_is_not_there() {
    let net = Net::start();
    net.person_with("alice", &json!({ "roleAttributes": ["staff"] }));
    net.person("bobby");
    let (alice, bob) = (net.login("alice"), net.login("bobby"));
    let service = net.manage("POST", "services", &json!({ "name": "s", "encryptionRequired": true })).text("data.id");
    let body = json!({
        "name": "p", "type": "Dial", "semantic": "AllOf",
        "serviceRoles": [format!("@{service}")], "identityRoles": ["#staff"], "postureCheckRoles": [],
    });
    net.manage("POST", "service-policies", &body);
    assert_eq!(service_of(&net, &alice), service);
    assert_eq!(*net.client(&bob, "GET", "services", &NONE).at("data"), json!([]));
    assert_eq!(net.client(&bob, "GET", &format!("services/{service}"), &NONE).status, 404);
    assert_eq!(dial(&net, &bob, &service).status, 404);
    assert_eq!(dial(&net, &alice, &service).status, 201);
    let bind = net.client(&alice, "POST", "sessions", &json!({ "serviceId": service, "type": "Bind" }));
    assert_eq!(bind.status, 404, "granted for another use");
    let ended = net.client(&alice, "GET", "sessions", &NONE).text("data.0.id");
    assert_eq!(net.client(&alice, "DELETE", &format!("sessions/{ended}"), &NONE).status, 200);
    assert_eq!(*net.client(&alice, "GET", "sessions", &NONE).at("data"), json!([]));
}
