//! The settings that login UIs ask for.

use serde_json::{Value, json};

use super::{Zitadel, error};

fn settings(zitadel: &Zitadel, token: &str, path: &str) -> Value {
    let answer = zitadel.call_as(token, "GET", path, &json!({}));
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.at("settings").clone()
}

#[test]
fn a_fresh_server_has_the_settings_that_the_guide_shows() {
    let zitadel = Zitadel::start();
    let client = zitadel.token("", "zitadel-login-client");
    let shown = json!({
        "allowUsernamePassword": true,
        "allowLocalAuthentication": true,
        "allowRegister": true,
        "allowExternalIdp": true,
        "allowDomainDiscovery": true,
        "passkeysType": "PASSKEYS_TYPE_ALLOWED",
        "passwordCheckLifetime": "864000s",
        "externalLoginCheckLifetime": "864000s",
        "mfaInitSkipLifetime": "2592000s",
        "secondFactorCheckLifetime": "64800s",
        "multiFactorCheckLifetime": "43200s",
        "secondFactors": ["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F"],
        "multiFactors": ["MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION"],
        "resourceOwnerType": "RESOURCE_OWNER_TYPE_INSTANCE"
    });
    for version in ["v2", "v2beta"] {
        assert_eq!(settings(&zitadel, &client, &format!("/{version}/settings/login")), shown);
        let procedure = format!("settings.{version}.SettingsService/GetLoginSettings");
        assert_eq!(zitadel.connect_as(&client, &procedure, &json!({})).at("settings"), &shown);
    }
}

#[test]
fn a_version_says_no_word_that_its_clients_do_not_know() {
    let zitadel = Zitadel::start();
    let recovery = "SECOND_FACTOR_TYPE_RECOVERY_CODES";
    zitadel.call("POST", "/admin/v1/policies/login/second_factors", &json!({ "type": recovery }));
    let factors =
        |version: &str| settings(&zitadel, "root", &format!("/{version}/settings/login"))["secondFactors"].clone();
    assert_eq!(factors("v2"), json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F", recovery]));
    assert_eq!(factors("v2beta"), json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F"]));
}

#[test]
fn settings_are_asked_for_an_organisation_or_the_instance_in_every_spelling() {
    let zitadel = Zitadel::start();
    let acme = zitadel.organisation("acme");
    zitadel.call_in(&acme, "POST", "/management/v1/policies/login", &json!({ "forceMfa": true }));
    let forced = |query: &str| {
        let of = settings(&zitadel, "root", &format!("/v2/settings/login{query}"));
        (of["forceMfa"] == json!(true), of["resourceOwnerType"].as_str().unwrap().to_owned())
    };
    let (own, instance) =
        ((true, "RESOURCE_OWNER_TYPE_ORG".to_owned()), (false, "RESOURCE_OWNER_TYPE_INSTANCE".to_owned()));
    assert_eq!(forced(&format!("?ctx.orgId={acme}")), own);
    assert_eq!(forced(&format!("?ctx.org_id={acme}&unknown.x=1")), own);
    assert_eq!(forced("?ctx.instance=true"), instance);
    assert_eq!(forced(""), instance);
    let client = zitadel.token("acme", "zitadel-login-client");
    assert_eq!(settings(&zitadel, &client, "/v2/settings/login")["forceMfa"], json!(true));
    let own = zitadel.call_in(&acme, "GET", "/v2/settings/login", &json!({}));
    assert_eq!(own.text("details.resourceOwner"), acme);
    let connect =
        |ctx: Value| zitadel.connect_as("root", "settings.v2.SettingsService/GetLoginSettings", &json!({ "ctx": ctx }));
    assert_eq!(connect(json!({ "orgId": acme })).at("settings.forceMfa"), &json!(true));
    assert_eq!(connect(json!({ "instance": true })).at("settings.forceMfa"), &Value::Null);
    let both = connect(json!({ "instance": true, "orgId": acme }));
    assert_eq!((both.status, both.text("code")), (400, "invalid_argument".into()));
}

#[test]
fn settings_of_another_organisation_are_nobodys_business() {
    let zitadel = Zitadel::start();
    let globex = zitadel.organisation("globex");
    let acme = zitadel.token("acme", "zitadel-owner");
    for query in [format!("?ctx.orgId={globex}"), "?ctx.orgId=7".into()] {
        let answer = zitadel.call_as(&acme, "GET", &format!("/v2/settings/login{query}"), &json!({}));
        assert_eq!(error(&answer), (403, 7, "AUTH-Bs7Ds".into()));
    }
}

#[test]
fn other_settings_are_what_this_server_does() {
    let zitadel = Zitadel::start();
    let complexity = settings(&zitadel, "root", "/v2/settings/password/complexity");
    assert_eq!(complexity["minLength"], json!("8"));
    assert_eq!(complexity["requiresSymbol"], json!(true));
    for name in ["security", "password/expiry", "branding", "legal_support", "domain"] {
        assert_eq!(settings(&zitadel, "root", &format!("/v2/settings/{name}")), json!({}), "{name}");
    }
    let idps = zitadel.call("GET", "/v2/settings/login/idps", &json!({}));
    assert_eq!(idps.at("identityProviders"), &Value::Null);
    assert_eq!(
        zitadel.call("GET", "/v2/settings/lockout", &json!({})).at("settings"),
        &json!({ "resourceOwnerType": "RESOURCE_OWNER_TYPE_INSTANCE" })
    );
}
