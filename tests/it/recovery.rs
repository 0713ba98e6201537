//! Recovery codes: shown once, each good once, made anew only by who proves that it is them, and good in place of what was lost.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::out_of_band::{Site, method};
use crate::support::Answer;

const GENERIC: &str = "MFA credentials not supplied or incorrect";

/// Somebody with recovery codes: their entity, token, and codes.
struct Holder {
    entity: String,
    token: String,
    codes: Vec<String>,
}

fn codes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let codes = answer.at("data.codes").as_array().unwrap_or_else(|| panic!("no codes in {answer:?}"));
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

fn holder(site: &Site, name: &str) -> Holder {
    let (entity, token) = site.person(name);
    let codes = codes(&own(site, &token, "generate", &json!({})));
    Holder { entity, token, codes }
}

fn own(site: &Site, token: &str, verb: &str, more: &Value) -> Answer {
    let mut body = json!({ "method_id": site.method });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("identity/mfa/method/recovery/{verb}");
    site.server.ask("POST", &path, &[("X-Vault-Token", token)], &body.to_string())
}

fn validate(site: &Site, entity: &str, code: &str) -> Answer {
    let body = json!({ "method_id": site.method, "entity_id": entity, "passcode": code });
    site.server.call("POST", "identity/mfa/validate", &body)
}

fn left(site: &Site, entity: &str) -> Value {
    site.server
        .call("GET", &format!("identity/mfa/enrollments/{entity}"), &json!({}))
        .at("data.enrollments.0.remaining")
        .clone()
}

#[test]
fn codes_are_as_the_method_says_and_shown_once() {
    let settings = json!({ "count": 4, "length": 12, "alphabet": "base32", "group": 4, "method_name": "paper" });
    let site = Site::of("recovery", &settings);
    let alice = holder(&site, "alice");
    assert_eq!(alice.codes.len(), 4);
    for code in &alice.codes {
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.len(), 3, "{code}");
        assert!(groups.iter().all(|group| group.len() == 4));
        assert!(code.chars().all(|c| c == '-' || matches!(c, 'A'..='Z' | '2'..='7')), "{code}");
    }
    assert_eq!(alice.codes.iter().collect::<BTreeSet<_>>().len(), 4);
    let again = own(&site, &alice.token, "generate", &json!({}));
    assert_eq!(again.text("warnings.0"), "Entity already has a secret for MFA method \"paper\"");
    assert_eq!(again.at("data"), &Value::Null);
    assert_eq!(left(&site, &alice.entity), json!(4));
    for listed in ["identity/mfa/enrollments", &format!("identity/mfa/enrollments/{}", alice.entity)] {
        let seen = site.server.ask("GET", listed, &[("X-Vault-Token", &alice.token)], "");
        assert!(alice.codes.iter().all(|code| !seen.text.contains(code.as_str())));
    }
}

#[test]
fn each_code_is_good_once_whatever_its_case_and_hyphens() {
    let site = Site::of("recovery", &json!({}));
    let alice = holder(&site, "alice");
    assert_eq!(validate(&site, &alice.entity, &alice.codes[0]).status, 200);
    assert_eq!(left(&site, &alice.entity), json!(9));
    for spelling in [alice.codes[0].clone(), alice.codes[0].to_uppercase(), alice.codes[0].replace('-', "")] {
        assert!(validate(&site, &alice.entity, &spelling).error().contains(GENERIC), "{spelling}");
    }
    assert_eq!(validate(&site, &alice.entity, &alice.codes[1].replace('-', "").to_uppercase()).status, 200);
    assert_eq!(left(&site, &alice.entity), json!(8));
}

#[test]
fn one_code_used_fifty_times_at_once_is_accepted_once() {
    let site = Site::of("recovery", &json!({ "max_validation_attempts": 1000 }));
    let alice = holder(&site, "alice");
    let gate = Arc::new(Barrier::new(50));
    let accepted: usize = std::thread::scope(|scope| {
        let offers: Vec<_> = (0..50)
            .map(|_| {
                let gate = gate.clone();
                let (site, alice) = (&site, &alice);
                scope.spawn(move || {
                    gate.wait();
                    usize::from(validate(site, &alice.entity, &alice.codes[3]).status == 200)
                })
            })
            .collect();
        offers.into_iter().map(|offer| offer.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
    assert_eq!(left(&site, &alice.entity), json!(9));
}

#[test]
fn guessing_at_recovery_codes_has_a_budget_of_its_own() {
    let site = Site::of("recovery", &json!({ "max_validation_attempts": 3 }));
    let alice = holder(&site, "alice");
    let totp = method(&site.server, "totp", &json!({ "issuer": "x" }));
    let who = site.server.generate(&totp, &alice.entity);
    for _ in 0..3 {
        assert!(validate(&site, &alice.entity, "00000-00000").error().contains(GENERIC));
    }
    assert!(validate(&site, &alice.entity, &alice.codes[0]).error().contains("maximum"));
    assert_eq!(site.server.validate(&who, &site.server.code(&who, 0)).status, 200);
    site.server.advance(300);
    assert_eq!(validate(&site, &alice.entity, &alice.codes[0]).status, 200);
}

#[test]
fn codes_are_made_anew_only_by_who_proves_that_it_is_them() {
    let site = Site::of("recovery", &json!({ "count": 3 }));
    let alice = holder(&site, "alice");
    let wrong = own(&site, &alice.token, "generate", &json!({ "passcode": "00000-00000" }));
    assert_eq!(wrong.status, 403);
    let malformed = own(&site, &alice.token, "generate", &json!({ "passcode": "x" }));
    assert_eq!(malformed.status, 403);
    assert_eq!(left(&site, &alice.entity), json!(3), "nothing is changed");
    let second = codes(&own(&site, &alice.token, "generate", &json!({ "passcode": alice.codes[0] })));
    assert_eq!(second.len(), 3);
    for old in &alice.codes {
        assert_eq!(validate(&site, &alice.entity, old).status, 403);
    }
    let spent = own(&site, &alice.token, "generate", &json!({ "passcode": alice.codes[0] }));
    assert_eq!(spent.status, 403, "the code that proved it is spent");
    // With none left, another factor proves it.
    for code in &second {
        assert_eq!(validate(&site, &alice.entity, code).status, 200);
    }
    assert_eq!(left(&site, &alice.entity), json!(0));
    let again = own(&site, &alice.token, "generate", &json!({}));
    assert!(again.text("warnings.0").contains("already has a secret"));
    let totp = method(&site.server, "totp", &json!({ "issuer": "x" }));
    let who = site.server.generate(&totp, &alice.entity);
    let code = site.server.code(&who, 0);
    let by_totp = json!({ "passcode": code, "passcode_method_id": totp });
    assert_eq!(codes(&own(&site, &alice.token, "generate", &by_totp)).len(), 3);
    assert_eq!(own(&site, &alice.token, "generate", &by_totp).status, 403, "a proof is good once");
    let (_, bobs) = site.person("bob");
    let as_bob =
        own(&site, &bobs, "generate", &json!({ "passcode": site.server.code(&who, 1), "passcode_method_id": totp }));
    assert_eq!(codes(&as_bob).len(), 3, "his first ones need no proof");
    let proof = json!({ "passcode": site.server.code(&who, 1), "passcode_method_id": totp });
    assert_eq!(own(&site, &bobs, "generate", &proof).status, 403, "another's factor proves nothing");
}

#[test]
fn making_codes_anew_many_times_at_once_by_one_proof_makes_them_once() {
    let site = Site::of("recovery", &json!({ "max_validation_attempts": 1000 }));
    let alice = holder(&site, "alice");
    let gate = Arc::new(Barrier::new(20));
    let made: Vec<Vec<String>> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..20)
            .map(|_| {
                let gate = gate.clone();
                let (site, alice) = (&site, &alice);
                scope.spawn(move || {
                    gate.wait();
                    own(site, &alice.token, "generate", &json!({ "passcode": alice.codes[0] }))
                })
            })
            .collect();
        asks.into_iter()
            .map(|ask| ask.join().unwrap())
            .filter(|answer| answer.status == 200)
            .map(|a| codes(&a))
            .collect()
    });
    assert_eq!(made.len(), 1);
    assert_eq!(validate(&site, &alice.entity, &made[0][0]).status, 200);
}

#[test]
fn a_recovery_code_completes_a_login_in_place_of_any_method_that_was_lost() {
    let site = Site::of("recovery", &json!({}));
    let alice = holder(&site, "alice");
    let totp = method(&site.server, "totp", &json!({ "issuer": "x" }));
    let sms = method(&site.server, "sms", &json!({}));
    site.server.generate(&totp, &alice.entity);
    let phone = json!({ "method_id": sms, "entity_id": alice.entity, "phone": "+441632960961", "verified": true });
    assert_eq!(site.server.call("POST", "identity/mfa/method/sms/admin-generate", &phone).status, 200);
    for (asked, code) in [(&totp, &alice.codes[0]), (&sms, &alice.codes[1])] {
        site.enforce(&[asked], &json!({}));
        // As a client does that knows of one passcode only, and as one that names what it offers.
        let request = site.waiting("alice");
        let done = site.answer(&request, asked, code);
        assert_eq!((done.status, done.text("auth.entity_id")), (200, alice.entity.clone()), "{done:?}");
        let request = site.waiting("alice");
        assert_eq!(site.answer(&request, asked, code).status, 403, "it is good once");
    }
    let request = site.waiting("alice");
    assert_eq!(site.answer(&request, &site.method, &alice.codes[2]).status, 200);
    assert_eq!(left(&site, &alice.entity), json!(7));
    site.enforce(&[&totp], &json!({ "allow_recovery": false }));
    let request = site.waiting("alice");
    assert_eq!(site.answer(&request, &totp, &alice.codes[3]).status, 403);
    assert_eq!(site.answer(&request, &site.method, &alice.codes[3]).status, 403);
    site.enforce(&[&totp], &json!({ "allow_recovery": true }));
    assert_eq!(site.answer(&request, &totp, &alice.codes[3]).status, 200);
}

#[test]
fn anothers_recovery_codes_are_worth_nothing() {
    let site = Site::of("recovery", &json!({}));
    let alice = holder(&site, "alice");
    let bob = holder(&site, "bob");
    assert_eq!(validate(&site, &bob.entity, &alice.codes[0]).status, 403);
    let headers = [("X-Vault-Token", "root")];
    let made = json!({ "method_id": site.method, "entity_id": bob.entity }).to_string();
    site.server.ask("POST", "identity/mfa/method/recovery/admin-destroy", &headers, &made);
    assert_eq!(validate(&site, &bob.entity, &bob.codes[0]).status, 403);
    let fresh = site.server.ask("POST", "identity/mfa/method/recovery/admin-generate", &headers, &made);
    assert_eq!(codes(&fresh).len(), 10);
    assert_eq!(validate(&site, &bob.entity, &bob.codes[0]).status, 403);
    assert_eq!(validate(&site, &bob.entity, &codes(&fresh)[0]).status, 200);
    assert_eq!(validate(&site, &alice.entity, &alice.codes[0]).status, 200);
}
