//! What somebody has enrolled, as they and their administrators see it; and several authenticators of one kind.

use serde_json::{Value, json};

use crate::out_of_band::{Site, messages, method};
use crate::support::{Answer, Enrolled, authenticator};

const NOON: &str = "2027-01-15T08:00:15Z";

fn seen(site: &Site, token: &str) -> Answer {
    site.server.ask("GET", "identity/mfa/enrollments", &[("X-Vault-Token", token)], "")
}

fn ask(site: &Site, token: &str, path: &str, body: &Value) -> Answer {
    site.server.ask("POST", &format!("identity/mfa/method/{path}"), &[("X-Vault-Token", token)], &body.to_string())
}

/// Another device of somebody's own.
fn device(site: &Site, token: &str, entity: &str, label: &str) -> (Enrolled, Value) {
    let given = ask(site, token, "totp/generate", &json!({ "method_id": site.method, "label": label }));
    assert_eq!(given.status, 200, "{given:?}");
    let who = Enrolled {
        method: site.method.clone(),
        entity: entity.into(),
        authenticator: authenticator(&given.text("data.url")),
    };
    (who, given.at("data.number").clone())
}

#[test]
fn somebody_sees_what_they_have_and_no_secret() {
    let site = Site::of("totp", &json!({ "issuer": "x", "method_name": "app", "max_enrollments": 2 }));
    let (entity, token) = site.person("alice");
    assert_eq!(seen(&site, &token).at("data"), &json!({ "entity_id": entity, "enrollments": [] }));
    let (who, _) = device(&site, &token, &entity, "phone");
    let first = seen(&site, &token);
    assert_eq!(
        first.at("data.enrollments"),
        &json!([{
            "type": "totp", "method_id": site.method, "method_name": "app", "number": 0, "label": "phone", "state": "active",
            "created_time": NOON, "confirmed_time": null, "last_used_time": null,
        }])
    );
    let seed = data_encoding::BASE32_NOPAD.encode(who.authenticator.seed.expose());
    assert!(!first.text.contains(&seed));
    let recovery = method(&site.server, "recovery", &json!({ "count": 3 }));
    let mail = method(&site.server, "email", &json!({}));
    ask(&site, &token, "recovery/generate", &json!({ "method_id": recovery, "label": "paper" }));
    ask(&site, &token, "email/generate", &json!({ "method_id": mail, "email": "alice@example.com" }));
    let all = seen(&site, &token);
    let of = |id: &str| {
        let entries = all.at("data.enrollments").as_array().unwrap();
        entries.iter().find(|entry| entry["method_id"] == id).unwrap().clone()
    };
    assert_eq!((&of(&recovery)["remaining"], &of(&recovery)["label"]), (&json!(3), &json!("paper")));
    assert_eq!((&of(&mail)["state"], &of(&mail)["recipient"]), (&json!("pending"), &json!("a*****@example.com")));
    let code = messages(&site.server)[0].code.expose().clone();
    assert_eq!(ask(&site, &token, "email/verify", &json!({ "method_id": mail, "passcode": code })).status, 200);
    let admins = site.server.call("GET", &format!("identity/mfa/enrollments/{entity}"), &json!({}));
    assert_eq!(admins.at("data"), seen(&site, &token).at("data"));
    assert_eq!(admins.at("data.enrollments").as_array().unwrap().len(), 3);
    assert!(!admins.text.contains("alice@example.com"));
}

#[test]
fn a_list_is_its_owners_and_of_who_may_see_it() {
    let site = Site::of("totp", &json!({ "issuer": "x" }));
    let (alice, token) = site.person("alice");
    let (bob, _) = site.person("bob");
    site.server.call(
        "POST",
        "sys/policies/acl/everything",
        &json!({
            "policy": r#"path "identity/mfa/enrollments" { capabilities = ["read"] }"#
        }),
    );
    assert_eq!(seen(&site, &token).text("data.entity_id"), alice);
    for entity in [&alice, &bob] {
        let path = format!("identity/mfa/enrollments/{entity}");
        assert_eq!(site.server.ask("GET", &path, &[("X-Vault-Token", &token)], "").status, 403);
    }
    let rootless = site.server.call("GET", "identity/mfa/enrollments", &json!({}));
    assert_eq!((rootless.status, rootless.error()), (400, "missing entityID".into()));
    site.server.call("POST", "sys/namespaces/team", &json!({}));
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "team")];
    let elsewhere = site.server.ask("GET", &format!("identity/mfa/enrollments/{alice}"), &headers, "");
    assert_eq!(elsewhere.status, 404);
    let nobody = "identity/mfa/enrollments/c1372abf-bf64-1f26-c2a4-cbcfa135b775";
    assert_eq!(site.server.call("GET", nobody, &json!({})).status, 404);
}

#[test]
fn somebody_has_as_many_devices_as_the_method_says_each_good_by_itself() {
    let site = Site::of("totp", &json!({ "issuer": "x", "max_enrollments": 2, "method_name": "apps" }));
    let (entity, token) = site.person("alice");
    let (phone, first) = device(&site, &token, &entity, "phone");
    let (tablet, second) = device(&site, &token, &entity, "tablet");
    assert_eq!((first, second), (json!(0), json!(1)));
    let third = ask(&site, &token, "totp/generate", &json!({ "method_id": site.method }));
    assert_eq!(third.text("warnings.0"), "Entity already has a secret for MFA method \"apps\"");
    for who in [&phone, &tablet] {
        assert_eq!(site.server.validate(who, &site.server.code(who, 0)).status, 200);
        assert_eq!(site.server.validate(who, &site.server.code(who, 0)).status, 403, "each code once");
    }
    // Wrong answers are counted together, whichever was meant.
    site.server.advance(60);
    for _ in 0..5 {
        site.server.validate(&phone, &site.server.wrong(&phone));
    }
    assert!(site.server.validate(&tablet, &site.server.code(&tablet, 0)).error().contains("maximum"));
    assert_eq!(seen(&site, &token).at("data.enrollments.1.state"), &json!("locked"));
    site.server.advance(30);
    // The phone is lost: an administrator takes it away, and nothing else.
    let gone = json!({ "method_id": site.method, "entity_id": entity, "number": 0 });
    assert_eq!(ask(&site, "root", "totp/admin-destroy", &gone).status, 204);
    assert_eq!(ask(&site, "root", "totp/admin-destroy", &gone).status, 400);
    assert_eq!(site.server.validate(&phone, &site.server.code(&phone, 0)).status, 403);
    assert_eq!(site.server.validate(&tablet, &site.server.code(&tablet, 0)).status, 200);
    let (_, number) = device(&site, &token, &entity, "new phone");
    assert_eq!(number, json!(2), "no number is used twice");
    let all = json!({ "method_id": site.method, "entity_id": entity });
    assert_eq!(ask(&site, "root", "totp/admin-destroy", &all).status, 204);
    assert_eq!(seen(&site, &token).at("data.enrollments"), &json!([]));
}

#[test]
fn an_owner_gives_a_device_up_only_with_a_proof() {
    let site = Site::of("totp", &json!({ "issuer": "x", "max_enrollments": 3 }));
    let (entity, token) = site.person("alice");
    let (phone, _) = device(&site, &token, &entity, "phone");
    let (tablet, _) = device(&site, &token, &entity, "tablet");
    let destroy = |more: Value| {
        let mut body = json!({ "method_id": site.method });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&site, &token, "totp/destroy", &body)
    };
    assert_eq!(destroy(json!({ "number": 0 })).error(), "missing passcode");
    assert_eq!(destroy(json!({ "number": 0, "passcode": site.server.wrong(&phone) })).status, 403);
    for number in [json!(7), json!(-1), json!(4_294_967_296_i64)] {
        site.server.advance(30);
        let passcode = site.server.code(&tablet, 0);
        assert_eq!(destroy(json!({ "number": number, "passcode": passcode })).status, 400);
    }
    assert_eq!(seen(&site, &token).at("data.enrollments").as_array().unwrap().len(), 2);
    site.server.advance(30);
    let by_tablet = json!({ "number": 0, "passcode": site.server.code(&tablet, 0) });
    assert_eq!(destroy(by_tablet.clone()).status, 204);
    assert_eq!(destroy(by_tablet).status, 403, "a proof is good once");
    assert_eq!(seen(&site, &token).at("data.enrollments.0.label"), &json!("tablet"));
    site.server.advance(30);
    assert_eq!(destroy(json!({ "passcode": site.server.code(&tablet, 0) })).status, 204);
    assert_eq!(seen(&site, &token).at("data.enrollments"), &json!([]));
}

#[test]
fn a_label_is_one_short_line() {
    let site = Site::of("totp", &json!({ "issuer": "x" }));
    let (_, token) = site.person("alice");
    for label in ["a\nb", "a\0", &"x".repeat(65)] {
        let refused = ask(&site, &token, "totp/generate", &json!({ "method_id": site.method, "label": label }));
        assert_eq!(refused.status, 400, "{label:?}");
    }
    let taken = ask(&site, &token, "totp/generate", &json!({ "method_id": site.method, "label": "ü".repeat(64) }));
    assert_eq!(taken.status, 200);
    assert_eq!(taken.at("data.number"), &Value::Null, "where there can be one only, it is as it always was");
}

#[test]
fn the_last_use_is_told_and_survives_housekeeping() {
    let site = Site::of("totp", &json!({ "issuer": "x" }));
    let (entity, token) = site.person("alice");
    let (who, _) = device(&site, &token, &entity, "");
    site.server.advance(60);
    assert_eq!(site.server.validate(&who, &site.server.code(&who, 0)).status, 200);
    let used = "2027-01-15T08:01:15Z";
    assert_eq!(seen(&site, &token).at("data.enrollments.0.last_used_time"), &json!(used));
    site.server.engine.keep_house().unwrap();
    assert_eq!(seen(&site, &token).at("data.enrollments.0.last_used_time"), &json!(used), "it is written down");
    assert_eq!(site.server.validate(&who, &site.server.wrong(&who)).status, 403);
    assert_eq!(seen(&site, &token).at("data.enrollments.0.last_used_time"), &json!(used), "a wrong code is no use");
    site.enforce(&[&site.method], &json!({}));
    site.server.advance(3600);
    let request = site.waiting("alice");
    assert_eq!(site.answer(&request, &site.method, &site.server.code(&who, 0)).status, 200);
    assert_eq!(seen(&site, &token).at("data.enrollments.0.last_used_time"), &json!("2027-01-15T09:01:15Z"));
}

#[test]
fn merged_entities_keep_where_they_are_reached() {
    let site = Site::sms(&json!({}));
    let (from, _) = site.reached("alice", "+441632960961");
    let to = site.server.call("POST", "identity/entity", &json!({})).text("data.id");
    let merge = json!({ "from_entity_ids": [from], "to_entity_id": to });
    assert_eq!(site.server.call("POST", "identity/entity/merge", &merge).status, 204);
    let ask = json!({ "method_id": site.method, "entity_id": to });
    assert_eq!(site.server.call("POST", "identity/mfa/challenge", &ask).status, 200);
    let sent = messages(&site.server);
    assert_eq!(sent[0].to.expose(), "+441632960961");
    let body = json!({ "method_id": site.method, "entity_id": to, "passcode": sent[0].code.expose() });
    assert_eq!(site.server.call("POST", "identity/mfa/validate", &body).status, 200);
    // Where both have one, the one that stays keeps its own.
    let other = site.server.call("POST", "identity/entity", &json!({})).text("data.id");
    let second = method(&site.server, "sms", &json!({}));
    let given = json!({ "method_id": second, "entity_id": other, "phone": "+441632960962", "verified": true });
    assert_eq!(site.server.call("POST", "identity/mfa/method/sms/admin-generate", &given).status, 200);
    let merge = json!({ "from_entity_ids": [other], "to_entity_id": to });
    assert_eq!(site.server.call("POST", "identity/entity/merge", &merge).status, 204);
    for method in [&site.method, &second] {
        let ask = json!({ "method_id": method, "entity_id": to });
        assert_eq!(site.server.call("POST", "identity/mfa/challenge", &ask).status, 200);
        assert_eq!(messages(&site.server)[0].to.expose(), "+441632960961");
    }
}
