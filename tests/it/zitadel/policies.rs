//! Login and lockout policies, of the instance and of organisations.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::{Zitadel, error};

const SECOND: &str = "/admin/v1/policies/login/second_factors";
const MULTI: &str = "/admin/v1/policies/login/multi_factors";

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

/// Everything that an instance's policy says when nobody has changed it, as it is written.
fn standard() -> Value {
    json!({
        "allowUsernamePassword": true, "allowRegister": true, "allowExternalIdp": true, "allowDomainDiscovery": true,
        "passwordlessType": "PASSWORDLESS_TYPE_ALLOWED", "passwordCheckLifetime": "864000s",
        "externalLoginCheckLifetime": "864000s", "mfaInitSkipLifetime": "2592000s",
        "secondFactorCheckLifetime": "64800s", "multiFactorCheckLifetime": "43200s",
    })
}

fn second_factors(zitadel: &Zitadel) -> Value {
    zitadel.call("POST", &format!("{SECOND}/_search"), &json!({})).at("result").clone()
}

#[test]
fn a_factor_is_added_once_shown_everywhere_and_removed_once() {
    let zitadel = Zitadel::start();
    let added = zitadel.call("POST", SECOND, &json!({ "type": "SECOND_FACTOR_TYPE_OTP_SMS" }));
    assert_eq!((added.status, added.text("details.sequence")), (200, "2".into()));
    assert!(added.at("details.creationDate").is_string() && added.at("details.changeDate").is_string());
    let again = zitadel.call("POST", SECOND, &json!({ "type": 4 }));
    assert_eq!(error(&again), refused(409, 6, "INSTANCE-2B0ps"));
    let all = json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F", "SECOND_FACTOR_TYPE_OTP_SMS"]);
    assert_eq!(second_factors(&zitadel), all);
    assert_eq!(zitadel.call("GET", "/admin/v1/policies/login", &json!({})).at("policy.secondFactors"), &all);
    assert_eq!(zitadel.call("GET", "/v2beta/settings/login", &json!({})).at("settings.secondFactors"), &all);
    let remove = |of: &str| zitadel.call("DELETE", &format!("{SECOND}/{of}"), &json!({}));
    assert_eq!(remove("SECOND_FACTOR_TYPE_OTP_SMS").status, 200);
    assert_eq!(error(&remove("4")), refused(404, 5, "INSTANCE-3M9od"));
    assert_eq!(remove("SECOND_FACTOR_TYPE_TOTP").status, 200);
    assert_eq!(remove("2").status, 200);
    assert_eq!(second_factors(&zitadel), Value::Null);
}

#[test]
fn two_factors_in_one_are_a_list_of_their_own() {
    let zitadel = Zitadel::start();
    let name = "MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION";
    let add = || zitadel.call("POST", MULTI, &json!({ "type": name }));
    let remove = || zitadel.call("DELETE", &format!("{MULTI}/{name}"), &json!({}));
    assert_eq!(error(&add()), refused(409, 6, "INSTANCE-3M9od"));
    assert_eq!(remove().status, 200);
    assert_eq!(error(&remove()), refused(404, 5, "INSTANCE-3M9df"));
    let listed = zitadel.call("POST", &format!("{MULTI}/_search"), &json!({}));
    assert_eq!((listed.at("result"), listed.at("details.totalResult")), (&Value::Null, &Value::Null));
    assert_eq!(add().status, 200);
    let listed = zitadel.call("POST", &format!("{MULTI}/_search"), &json!({}));
    assert_eq!((listed.at("result"), listed.text("details.totalResult")), (&json!([name]), "1".into()));
    assert!(listed.at("details.viewTimestamp").is_string());
}

#[test]
fn a_factor_that_says_nothing_is_the_callers_mistake() {
    let zitadel = Zitadel::start();
    for body in
        ["", "{}", r#"{"type":"MULTI_FACTOR_TYPE_UNSPECIFIED"}"#, r#"{"type":"X"}"#, r#"{"type":0}"#, r#"{"type":99}"#]
    {
        for path in [MULTI, SECOND] {
            let answer = zitadel.server.ask("POST", path, &[("Authorization", "Bearer root")], body);
            assert_eq!(error(&answer), refused(400, 3, "INSTANCE-5m9fs"), "{path} {body}");
        }
    }
    assert_eq!(error(&zitadel.call("DELETE", &format!("{SECOND}/x"), &json!({}))), refused(400, 3, "INSTANCE-5m9fs"));
    let wrong = zitadel.call("POST", MULTI, &json!({ "type": true }));
    assert_eq!(error(&wrong), refused(400, 3, ""));
    assert!(wrong.text("message").starts_with("proto: "));
}

#[test]
fn a_policy_is_replaced_whole_and_only_by_another() {
    let zitadel = Zitadel::start();
    let put = |body: &Value| zitadel.call("PUT", "/admin/v1/policies/login", body);
    assert_eq!(error(&put(&standard())), refused(400, 9, "INSTANCE-5M9vdd"));
    let mut forced = standard();
    forced["forceMfa"] = json!(true);
    assert_eq!(put(&forced).status, 200);
    let policy = zitadel.call("GET", "/admin/v1/policies/login", &json!({}));
    assert_eq!((policy.at("policy.forceMfa"), policy.at("policy.isDefault")), (&json!(true), &json!(true)));
    assert_eq!(put(&json!({})).status, 200);
    let policy = zitadel.call("GET", "/admin/v1/policies/login", &json!({})).at("policy").clone();
    assert_eq!((&policy["allowRegister"], &policy["forceMfa"]), (&Value::Null, &Value::Null));
    assert_eq!(policy["passwordCheckLifetime"], json!("0s"));
    assert_eq!(policy["secondFactors"], json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F"]));
}

#[test]
fn an_organisation_follows_the_instance_until_it_has_its_own_policy() {
    let zitadel = Zitadel::start();
    let (acme, globex) = (zitadel.organisation("acme"), zitadel.organisation("globex"));
    let base = "/management/v1/policies/login";
    let ask = |verb: &str, path: &str, body: &Value| zitadel.call_in(&acme, verb, &format!("{base}{path}"), body);
    let inherited = ask("GET", "", &json!({}));
    assert_eq!((inherited.at("isDefault"), inherited.at("policy.isDefault")), (&json!(true), &json!(true)));
    for (verb, path) in [
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/second_factors/_search"),
        ("POST", "/auth_factors/_search"),
        ("DELETE", "/second_factors/SECOND_FACTOR_TYPE_U2F"),
    ] {
        assert_eq!(error(&ask(verb, path, &json!({}))), refused(404, 5, "Org-M0sif"), "{verb} {path}");
    }
    let sms = json!({ "type": "SECOND_FACTOR_TYPE_OTP_SMS" });
    assert_eq!(error(&ask("POST", "/second_factors", &sms)), refused(404, 5, "Org-M0sif"));
    let own = json!({ "forceMfaLocalOnly": true, "secondFactors": ["SECOND_FACTOR_TYPE_OTP", 1, "SECOND_FACTOR_TYPE_OTP_EMAIL"] });
    let made = ask("POST", "", &own);
    assert_eq!((made.status, made.text("details.resourceOwner")), (200, acme.clone()));
    assert_eq!(error(&ask("POST", "", &own)), refused(409, 6, "Org-Dgfb2"));
    assert_eq!(error(&ask("PUT", "", &json!({ "forceMfaLocalOnly": true }))), refused(400, 9, "Org-5M9vdd"));
    assert_eq!(ask("POST", "/second_factors", &sms).status, 200);
    assert_eq!(error(&ask("POST", "/second_factors", &sms)), refused(409, 6, "Org-2B0ps"));
    assert_eq!(ask("POST", "/multi_factors", &json!({ "type": 1 })).status, 200);
    for path in ["/auth_factors/_search", "/multi_factors/_search"] {
        assert_eq!(ask("POST", path, &json!({})).at("result"), &json!(["MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION"]));
    }
    let of = |organisation: &str| {
        zitadel.call_in(organisation, "GET", "/v2/settings/login", &json!({})).at("settings.secondFactors").clone()
    };
    zitadel.call("POST", SECOND, &json!({ "type": "SECOND_FACTOR_TYPE_OTP_EMAIL" }));
    assert_eq!(
        of(&acme),
        json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_OTP_EMAIL", "SECOND_FACTOR_TYPE_OTP_SMS"])
    );
    assert_eq!(
        of(&globex),
        json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F", "SECOND_FACTOR_TYPE_OTP_EMAIL"])
    );
    assert_eq!(ask("DELETE", "", &json!({})).status, 200);
    assert_eq!(of(&acme), of(&globex));
    let refusal = ask("POST", "", &json!({ "secondFactors": ["SECOND_FACTOR_TYPE_UNSPECIFIED"] }));
    assert_eq!(error(&refusal), refused(400, 3, ""));
}

#[test]
fn a_lockout_policy_is_the_instances_or_the_organisations_own() {
    let zitadel = Zitadel::start();
    let acme = zitadel.organisation("acme");
    let put = |body: &Value| zitadel.call("PUT", "/admin/v1/policies/password/lockout", body);
    assert_eq!(error(&put(&json!({}))), refused(400, 9, "INSTANCE-0psjF"));
    assert_eq!(put(&json!({ "maxPasswordAttempts": 5, "maxOtpAttempts": "7" })).status, 200);
    assert_eq!(put(&json!({ "maxPasswordAttempts": -1 })).status, 400);
    let shown = zitadel.call("GET", "/admin/v1/policies/lockout", &json!({}));
    assert_eq!(
        (shown.text("policy.maxPasswordAttempts"), shown.text("policy.maxOtpAttempts")),
        ("5".into(), "7".into())
    );
    let ask = |verb: &str, body: &Value| zitadel.call_in(&acme, verb, "/management/v1/policies/lockout", body);
    assert_eq!(ask("GET", &json!({})).at("isDefault"), &json!(true));
    assert_eq!(error(&ask("DELETE", &json!({}))), refused(404, 5, "ORG-ADfs1"));
    assert_eq!(ask("POST", &json!({ "maxOtpAttempts": 1 })).status, 200);
    assert_eq!(error(&ask("POST", &json!({}))), refused(409, 6, "ORG-0olDf"));
    assert_eq!(ask("PUT", &json!({ "maxOtpAttempts": 2 })).status, 200);
    let settings = |organisation: &str| zitadel.call_in(organisation, "GET", "/v2/settings/lockout", &json!({})).body;
    assert_eq!(
        settings(&acme)["settings"],
        json!({ "maxOtpAttempts": "2", "resourceOwnerType": "RESOURCE_OWNER_TYPE_ORG" })
    );
    assert_eq!(ask("DELETE", &json!({})).status, 200);
    assert_eq!(settings(&acme)["settings"]["maxPasswordAttempts"], json!("5"));
}

#[test]
fn policies_are_changed_by_owners_only_and_the_instances_by_its_owner_only() {
    let zitadel = Zitadel::start();
    let acme = zitadel.organisation("acme");
    let (theirs, client) = (zitadel.token("acme", "zitadel-owner"), zitadel.token("", "zitadel-login-client"));
    let body = json!({ "type": "SECOND_FACTOR_TYPE_OTP_SMS", "forceMfa": true });
    for token in [&theirs, &client] {
        for (verb, path) in [
            ("GET", "/admin/v1/policies/login"),
            ("PUT", "/admin/v1/policies/login"),
            ("POST", SECOND),
            ("DELETE", "/admin/v1/policies/login/second_factors/1"),
            ("GET", "/admin/v1/policies/lockout"),
            ("PUT", "/admin/v1/policies/password/lockout"),
        ] {
            assert_eq!(
                error(&zitadel.call_as(token, verb, path, &body)),
                refused(403, 7, "AUTH-5mWD2"),
                "{verb} {path}"
            );
        }
    }
    for (verb, path) in [("POST", "login"), ("PUT", "login"), ("DELETE", "login"), ("POST", "lockout")] {
        let answer = zitadel.call_as(&client, verb, &format!("/management/v1/policies/{path}"), &body);
        assert_eq!(error(&answer), refused(403, 7, "AUTH-5mWD2"), "{verb} {path}");
    }
    let made = zitadel.call_as(&theirs, "POST", "/management/v1/policies/login", &body);
    assert_eq!((made.status, made.text("details.resourceOwner")), (200, acme));
    assert_eq!(second_factors(&zitadel), json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F"]));
}

#[test]
fn one_of_many_that_add_a_factor_at_once_has_added_it() {
    let zitadel = Zitadel::start();
    let (start, body) = (Barrier::new(8), json!({ "type": "SECOND_FACTOR_TYPE_OTP_EMAIL" }));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            zitadel.call("POST", SECOND, &body).status
        };
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7);
}

#[test]
fn a_deleted_organisation_takes_its_policies_along() {
    let zitadel = Zitadel::start();
    let acme = zitadel.organisation("acme");
    zitadel.call_in(&acme, "POST", "/management/v1/policies/login", &json!({}));
    zitadel.server.call("DELETE", "sys/namespaces/acme", &json!({}));
    let answer = zitadel.call_in(&acme, "GET", "/management/v1/policies/login", &json!({}));
    assert_eq!(error(&answer), refused(403, 7, "AUTH-Bs7Ds"));
    while zitadel.server.engine.keep_house().unwrap() {}
}
