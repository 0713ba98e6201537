//! Published attacks on the original, each played against this server.

use serde_json::json;

use super::{Zitadel, error};

const SETTINGS: &str = "/v2/settings/login";

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
