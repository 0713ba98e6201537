//! What holds for every method: who is let in, what paths there are, how bodies are read.

use serde_json::json;

use super::{Zitadel, error};

const SETTINGS: &str = "/v2/settings";
const PROCEDURE: &str = "settings.v2.SettingsService/GetGeneralSettings";

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

#[test]
fn nobody_is_let_in_without_a_good_bearer_token() {
    let zitadel = Zitadel::start();
    let ask = |headers: &[(&str, &str)]| zitadel.server.ask("GET", SETTINGS, headers, "");
    for headers in [&[][..], &[("Authorization", "")], &[("X-Vault-Token", "root")]] {
        let answer = ask(headers);
        assert_eq!(answer.body, json!({ "code": 16, "message": "auth header missing", "details": [] }));
        assert_eq!(answer.status, 401);
    }
    for value in ["Basic cm9vdDo=", "root", "Bearerroot"] {
        assert_eq!(error(&ask(&[("Authorization", value)])), refused(401, 16, "AUTH-7fs1e"), "{value}");
    }
    for value in ["Bearer", "Bearer roo", "Bearer roott", "Bearer  ", "Bearer root root"] {
        assert_eq!(ask(&[("Authorization", value)]).status, 401, "{value}");
    }
    assert_eq!(ask(&[("Authorization", "Bearer root")]).status, 200);
    assert_eq!(ask(&[("Authorization", "bearer root")]).status, 200);
}

#[test]
fn a_token_without_a_role_has_no_permission() {
    let zitadel = Zitadel::start();
    for (policy, status) in [("default", 403), ("zitadel", 403), ("zitadel-owner", 200), ("zitadel-login-client", 200)]
    {
        let token = zitadel.token("", policy);
        let answer = zitadel.call_as(&token, "GET", SETTINGS, &json!({}));
        assert_eq!(answer.status, status, "{policy}");
        if status == 403 {
            assert_eq!(error(&answer), refused(403, 7, "AUTH-5mWD2"));
        }
    }
}

#[test]
fn a_revoked_token_is_no_token_and_a_use_is_taken_once() {
    let zitadel = Zitadel::start();
    let token = zitadel.token("", "zitadel-owner");
    zitadel.server.call("POST", "auth/token/revoke", &json!({ "token": token }));
    assert_eq!(error(&zitadel.call_as(&token, "GET", SETTINGS, &json!({}))), refused(401, 16, "AUTH-7fs1e"));
    let made = json!({ "policies": ["zitadel-owner"], "num_uses": 2 });
    let token = zitadel.server.call("POST", "auth/token/create", &made).text("auth.client_token");
    let statuses: Vec<u16> = (0..3).map(|_| zitadel.call_as(&token, "GET", SETTINGS, &json!({})).status).collect();
    assert_eq!(statuses, [200, 200, 401]);
}

#[test]
fn a_path_that_is_not_there_is_told_from_a_verb_that_is_not() {
    let zitadel = Zitadel::start();
    for path in
        ["/v2", "/v2/", "/v2/nothing", "/v2/settings/", "/v2beta/x", "/admin/v1/x", "/management/v1/x", "/v2/%zz"]
    {
        let answer = zitadel.call("GET", path, &json!({}));
        assert_eq!(
            (answer.status, answer.body),
            (404, json!({ "code": 5, "message": "Not Found", "details": [] })),
            "{path}"
        );
    }
    for verb in ["PUT", "DELETE", "POST", "HEAD2"] {
        let answer = zitadel.call(verb, SETTINGS, &json!({}));
        let said = json!({ "code": 12, "message": "Method Not Allowed", "details": [] });
        assert_eq!((answer.status, answer.body), (405, said), "{verb}");
    }
    assert_eq!(zitadel.call("GET", "/v2beta/settings", &json!({})).status, 200);
    assert_eq!(zitadel.call("GET", "/v1x", &json!({})).status, 404);
}

#[test]
fn a_procedure_answers_in_connects_shape() {
    let zitadel = Zitadel::start();
    let answer = zitadel.connect_as("root", PROCEDURE, &json!({}));
    assert_eq!(answer.body, zitadel.call("GET", SETTINGS, &json!({})).body);
    let json = ("Content-Type", "application/json; charset=utf-8");
    let ask = |verb: &str, procedure: &str, headers: &[(&str, &str)]| {
        zitadel.server.ask(verb, &format!("/zitadel.{procedure}"), headers, "{}")
    };
    let answer = ask("POST", PROCEDURE, &[json]);
    let said = json!({ "code": "unauthenticated", "message": "auth header missing" });
    assert_eq!((answer.status, answer.body), (401, said));
    let answer = ask("POST", PROCEDURE, &[json, ("Authorization", "Bearer x")]);
    assert_eq!((answer.status, answer.text("code")), (401, "unauthenticated".into()));
    assert_eq!(answer.text("details.0.type"), "zitadel.v1.ErrorDetail");
    for procedure in [
        "settings.v2.SettingsService/Nothing",
        "settings.v2.SettingsService",
        "settings.v2.SettingsService/",
        "settings.v3.SettingsService/GetGeneralSettings",
        "settings.v1.SettingsService/GetGeneralSettings",
        "settings.v2.SettingsService.x/GetGeneralSettings",
        "settings.v2.Settings/GetGeneralSettings",
        "",
    ] {
        let answer = ask("POST", procedure, &[json, ("Authorization", "Bearer root")]);
        assert_eq!((answer.status, answer.text("code")), (404, "unimplemented".into()), "{procedure}");
    }
    for kind in ["application/proto", "application/grpc", "text/plain", ""] {
        assert_eq!(ask("POST", PROCEDURE, &[("Content-Type", kind), ("Authorization", "Bearer root")]).status, 415);
    }
    assert_eq!(ask("POST", PROCEDURE, &[json, ("Content-Encoding", "gzip")]).status, 415);
    assert_eq!(ask("GET", PROCEDURE, &[json, ("Authorization", "Bearer root")]).status, 405);
}

#[test]
fn an_organisation_is_chosen_by_the_head_and_only_inside_the_callers_own() {
    let zitadel = Zitadel::start();
    let theirs = zitadel.token("acme", "zitadel-owner");
    let root = zitadel.call("GET", SETTINGS, &json!({})).text("defaultOrgId");
    let choose = |token: &str, id: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("X-Zitadel-OrgId", id)];
        zitadel.server.ask("GET", SETTINGS, &headers, "")
    };
    assert_eq!(zitadel.call_in(&root, "GET", SETTINGS, &json!({})).status, 200);
    assert_eq!(choose(&theirs, "").status, 200);
    for (token, id) in [("root", "123"), ("root", "acme"), (theirs.as_str(), root.as_str())] {
        assert_eq!(error(&choose(token, id)), refused(403, 7, "AUTH-Bs7Ds"), "{id}");
    }
}

#[test]
fn a_body_is_bounded_before_anybody_is_asked_who_they_are() {
    let zitadel = Zitadel::start();
    let body = " ".repeat((1 << 20) + 1);
    let json = ("Content-Type", "application/json");
    let answer = zitadel.server.ask("POST", &format!("/zitadel.{PROCEDURE}"), &[json], &body);
    assert_eq!((answer.status, answer.text("code")), (413, "resource_exhausted".into()));
}

#[test]
fn a_broken_body_is_the_callers_mistake_and_told_to_nobody_else() {
    let zitadel = Zitadel::start();
    let json = ("Content-Type", "application/json");
    let post = |headers: &[(&str, &str)], body: &str| {
        zitadel.server.ask("POST", &format!("/zitadel.{PROCEDURE}"), headers, body)
    };
    let deep = "[".repeat(200_000);
    for body in ["{", "[]", "null", "{\"a\":tru}", "\u{feff}{}", &deep] {
        let answer = post(&[json, ("Authorization", "Bearer root")], body);
        assert_eq!((answer.status, answer.text("code")), (400, "invalid_argument".into()));
        assert!(answer.text("message").starts_with("proto: "));
        assert_eq!(post(&[json], body).status, 401);
    }
    for body in ["", "{}", " {\"a\": [1,],} "] {
        assert_eq!(post(&[json, ("Authorization", "Bearer root")], body).status, 200, "{body}");
    }
}

#[test]
fn a_sealed_server_says_so() {
    let zitadel = Zitadel::start();
    zitadel.server.engine.seal.seal();
    let answer = zitadel.call("GET", SETTINGS, &json!({}));
    assert_eq!(error(&answer), refused(503, 14, ""));
}
