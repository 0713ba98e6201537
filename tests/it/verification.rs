//! Did this entity prove this factor, now, once? The rules of checking a code, over HTTP.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::support::{Enrolled, START, Server};

const GENERIC: &str = "MFA credentials not supplied or incorrect";

fn settings() -> Value {
    json!({ "issuer": "example" })
}

fn refusal(detail: &str, who: &Enrolled) -> String {
    format!("2 errors occurred:\n\t* {detail}\n\t* login MFA validation failed for methodID: [{}]\n\n", who.method)
}

#[test]
fn a_code_is_accepted_once() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let code = server.code(&who, 0);
    let first = server.validate(&who, &code);
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.at("data"), &json!({ "valid": true, "entity_id": who.entity, "method_id": who.method }));
    for secs in [0, 10, 30] {
        server.advance(secs);
        let again = server.validate(&who, &code);
        assert_eq!((again.status, again.error()), (403, refusal(GENERIC, &who)));
    }
}

#[test]
fn accepted_steps_only_go_up() {
    let server = Server::start();
    let who = server.enrol(&settings());
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
    assert_eq!(server.validate(&who, &server.code(&who, -1)).status, 403, "an older code after a newer one");
    assert_eq!(server.validate(&who, &server.code(&who, 1)).status, 200);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
    server.advance(60);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}

#[test]
fn one_code_offered_a_hundred_times_at_once_is_accepted_once() {
    let server = Arc::new(Server::start());
    let who = Arc::new(server.enrol(&json!({ "issuer": "example", "max_validation_attempts": 1000 })));
    let code = server.code(&who, 0);
    let barrier = Arc::new(Barrier::new(100));
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let (server, who, code, barrier) = (server.clone(), who.clone(), code.clone(), barrier.clone());
            std::thread::spawn(move || {
                barrier.wait();
                server.validate(&who, &code).status
            })
        })
        .collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 99);
}

#[test]
fn parallel_guesses_are_counted_one_by_one() {
    let server = Arc::new(Server::start());
    let who = Arc::new(server.enrol(&json!({ "issuer": "example", "max_validation_attempts": 7 })));
    let wrong = server.wrong(&who);
    let threads: Vec<_> = (0..40)
        .map(|_| {
            let (server, who, wrong) = (server.clone(), who.clone(), wrong.clone());
            std::thread::spawn(move || server.validate(&who, &wrong).error())
        })
        .collect();
    let errors: Vec<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(errors.iter().filter(|error| error.contains(GENERIC)).count(), 7);
    for attempt in 8..=40 {
        let text = format!("maximum TOTP validation attempts {attempt} exceeded the allowed attempts 7.");
        assert_eq!(errors.iter().filter(|error| error.contains(&text)).count(), 1, "attempt {attempt}");
    }
}

#[test]
fn too_many_wrong_codes_shut_the_window_even_for_the_right_one() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let wrong = server.wrong(&who);
    for _ in 0..5 {
        assert_eq!(server.validate(&who, &wrong).error(), refusal(GENERIC, &who));
    }
    server.advance(25);
    let detail = "maximum TOTP validation attempts 6 exceeded the allowed attempts 5. Please try again in 05 seconds";
    assert_eq!(server.validate(&who, &server.code(&who, 0)).error(), refusal(detail, &who));
    server.advance(5);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}

#[test]
fn a_success_forgives_the_failures_before_it() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "example", "max_validation_attempts": 3 }));
    for steps in 0..4 {
        for _ in 0..2 {
            assert_eq!(server.validate(&who, &server.wrong(&who)).status, 403);
        }
        assert_eq!(server.validate(&who, &server.code(&who, 1)).status, 200, "round {steps}");
        server.advance(30);
    }
}

#[test]
fn a_used_code_and_a_malformed_one_are_refused_like_a_wrong_one_and_not_counted() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "example", "max_validation_attempts": 2 }));
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&who, &code).status, 200);
    let padded = [" ", "\n", "\t", "\u{a0}"].map(|blank| [format!("{blank}{code}"), format!("{code}{blank}")]);
    let full_width: String = code.chars().map(|c| char::from_u32(0xff10 + c.to_digit(10).unwrap()).unwrap()).collect();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let others =
        [full_width, spaced, format!("passcode={code}"), String::new(), "0".repeat(100_000), format!("0{code}")];
    for variant in padded.into_iter().flatten().chain(others).chain([code]) {
        assert_eq!(server.validate(&who, &variant).error(), refusal(GENERIC, &who), "{variant:.20}");
    }
    assert_eq!(server.validate(&who, &server.code(&who, 1)).status, 200);
}

#[test]
fn a_clock_set_back_revives_no_code() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&who, &code).status, 200);
    server.advance(7_200);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
    while server.engine.keep_house().unwrap() {}
    server.clock.set(START);
    assert_eq!(server.validate(&who, &code).status, 403, "the same code, two hours back");
    assert_eq!(server.validate(&who, &server.code(&who, 1)).status, 403, "a code of then that was never used");
    server.advance(7_200 + 60);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200, "caught up");
}

#[test]
fn after_a_wild_jump_an_operator_accepts_the_present_and_no_used_code_is_good_again() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&who, &code).status, 200);
    server.advance(10 * 365 * 86_400);
    server.call("GET", "identity/mfa/method", &json!({}));
    while server.engine.keep_house().unwrap() {}
    server.clock.set(START);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
    assert!(server.call("GET", "sys/clock", &json!({})).at("data.behind_secs").as_u64() > Some(1_000_000));
    assert_eq!(server.call("POST", "sys/clock/accept", &json!({})).status, 204);
    assert_eq!(
        server.validate(&who, &code).status,
        403,
        "the record that it was used is gone, but it is still refused"
    );
    server.advance(30);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}

#[test]
fn destroying_and_generating_is_no_way_round_a_shut_window_or_a_used_step() {
    let server = Server::start();
    let who = server.enrol(&settings());
    for _ in 0..6 {
        server.validate(&who, &server.wrong(&who));
    }
    let pair = json!({ "method_id": who.method, "entity_id": who.entity });
    assert_eq!(server.call("POST", "identity/mfa/method/totp/admin-destroy", &pair).status, 204);
    let again = server.generate(&who.method, &who.entity);
    let refused = server.validate(&again, &server.code(&again, 0)).error();
    assert!(refused.contains("maximum TOTP validation attempts 7"), "{refused}");
    server.advance(30);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403, "the destroyed secret");
    assert_eq!(server.validate(&again, &server.code(&again, 0)).status, 200);
}

#[test]
fn a_hundred_failures_in_a_row_disable_an_authenticator_until_an_administrator_unlocks_it() {
    let server = Server::start();
    let who = server.enrol(&settings());
    for _ in 0..20 {
        for _ in 0..5 {
            assert!(server.validate(&who, &server.wrong(&who)).error().contains(GENERIC));
        }
        server.advance(30);
    }
    for _ in 0..3 {
        let refused = server.validate(&who, &server.code(&who, 0));
        assert_eq!((refused.status, refused.error()), (403, refusal(GENERIC, &who)));
        server.advance(86_400);
    }
    let pair = json!({ "method_id": who.method, "entity_id": who.entity });
    assert_eq!(server.call("POST", "identity/mfa/method/totp/admin-unlock", &pair).status, 204);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}

#[test]
fn binding_anew_ends_a_disablement() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "example", "max_validation_attempts": 100 }));
    for _ in 0..100 {
        server.validate(&who, &server.wrong(&who));
    }
    server.advance(60);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
    let pair = json!({ "method_id": who.method, "entity_id": who.entity });
    server.call("POST", "identity/mfa/method/totp/admin-destroy", &pair);
    let again = server.generate(&who.method, &who.entity);
    assert_eq!(server.validate(&again, &server.code(&again, 0)).status, 200);
}

#[test]
fn one_entitys_failures_and_codes_are_nobody_elses() {
    let server = Server::start();
    let alice = server.enrol(&settings());
    let bob = server.call("POST", "identity/entity", &json!({ "name": "bob" })).text("data.id");
    let bob = server.generate(&alice.method, &bob);
    for _ in 0..6 {
        server.validate(&alice, &server.wrong(&alice));
    }
    assert_eq!(server.validate(&bob, &server.code(&alice, 0)).status, 403, "another's code");
    assert_eq!(server.validate(&bob, &server.code(&bob, 0)).status, 200);
}

#[test]
fn who_is_enrolled_cannot_be_told_from_who_is_not() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let nobody = server.call("POST", "identity/entity", &json!({ "name": "nobody" })).text("data.id");
    let other = "00000000-0000-0000-0000-000000000000";
    let pair = |method: &str, entity: &str| Enrolled {
        method: method.into(),
        entity: entity.into(),
        authenticator: who.authenticator.clone(),
    };
    let pairs = [
        pair(&who.method, &who.entity),
        pair(&who.method, &nobody),
        pair(&who.method, other),
        pair(other, &who.entity),
        pair("no such name", other),
        pair(&who.method, &"x".repeat(10_000)),
    ];
    for asked in &pairs {
        let wrong = server.wrong(&who);
        let shape = |text: String| text.replace(&asked.method, "METHOD");
        let texts: Vec<String> = (0..7).map(|_| shape(server.validate(asked, &wrong).error())).collect();
        assert!(texts[..5].iter().all(|text| text.contains(GENERIC)), "{texts:?}");
        assert!(texts[5].contains("attempts 6 exceeded the allowed attempts 5"), "{texts:?}");
        assert!(texts[6].contains("attempts 7 exceeded the allowed attempts 5"), "{texts:?}");
    }
    let right = server.code(&who, 0);
    for asked in &pairs[1..] {
        server.advance(30);
        assert_eq!(server.validate(asked, &right).status, 403);
    }
}

#[test]
fn a_disabled_or_deleted_entity_proves_nothing() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let path = format!("identity/entity/id/{}", who.entity);
    server.call("POST", &path, &json!({ "disabled": true }));
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
    server.call("POST", &path, &json!({ "disabled": false }));
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
    server.call("DELETE", &path, &json!({}));
    server.advance(60);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
}

#[test]
fn a_deleted_methods_secrets_are_useless_at_once_and_then_destroyed() {
    let server = Server::start();
    let who = server.enrol(&settings());
    server.call("DELETE", &format!("identity/mfa/method/totp/{}", who.method), &json!({}));
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
    while server.engine.keep_house().unwrap() {}
    let access = server.engine.access().unwrap();
    let left = server.engine.store.read(START, |tx| countersign::storage::tables::ENROLMENTS.first(tx, &access));
    assert!(left.unwrap().is_none());
}

#[test]
fn a_method_may_be_named_by_its_name_and_counts_as_the_same() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "example", "method_name": "corp" }));
    let named =
        Enrolled { method: "corp".into(), entity: who.entity.clone(), authenticator: who.authenticator.clone() };
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&named, &code).text("data.method_id"), who.method);
    assert_eq!(server.validate(&who, &code).status, 403);
    for asked in [&who, &named, &who, &named, &who] {
        assert!(server.validate(asked, &server.wrong(&who)).error().contains(GENERIC));
    }
    assert!(server.validate(&named, &server.wrong(&who)).error().contains("attempts 6"));
}

#[test]
fn a_method_and_an_entity_of_another_namespace_prove_nothing_there() {
    let server = Server::start();
    for name in ["a", "b"] {
        server.call("POST", &format!("sys/namespaces/{name}"), &json!({}));
    }
    let inside = |path: &str, body: Value| {
        server.ask("POST", path, &[("X-Vault-Token", "root"), ("X-Vault-Namespace", "a")], &body.to_string())
    };
    let method = inside("identity/mfa/method/totp", settings()).text("data.method_id");
    let entity = inside("identity/entity", json!({})).text("data.id");
    let pair = json!({ "method_id": method, "entity_id": entity });
    let url = inside("identity/mfa/method/totp/admin-generate", pair).text("data.url");
    let who = Enrolled { method, entity, authenticator: crate::support::authenticator(&url) };
    let ask = |namespace: &str, code: &str| {
        let question = json!({ "method_id": who.method, "entity_id": who.entity, "passcode": code });
        let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
        server.ask("POST", "identity/mfa/validate", &headers, &question.to_string()).status
    };
    assert_eq!(ask("b", &server.code(&who, 0)), 403);
    assert_eq!(ask("", &server.code(&who, 0)), 403);
    assert_eq!(ask("a", &server.code(&who, 0)), 200);
}

#[test]
fn guesses_from_where_an_authenticator_cannot_be_seen_count_nothing_against_it_and_forgive_nothing() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/other", &json!({}));
    let who = server.enrol(&settings());
    let child = server.call("POST", "sys/namespaces/child", &json!({})).text("data.path");
    let foreign = |namespace: &str| {
        let question = json!({ "method_id": who.method, "entity_id": who.entity, "passcode": server.wrong(&who) });
        let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
        server.ask("POST", "identity/mfa/validate", &headers, &question.to_string()).status
    };
    // They do not shut it.
    for namespace in ["other", child.as_str()] {
        for _ in 0..6 {
            assert_eq!(foreign(namespace), 403);
        }
    }
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
    // Nor do they make the run of failures that disables it forgotten.
    for _ in 0..25 {
        for _ in 0..4 {
            server.validate(&who, &server.wrong(&who));
        }
        foreign("other");
        server.advance(31);
        server.engine.keep_house().unwrap();
    }
    let refused = server.validate(&who, &server.code(&who, 0));
    assert_eq!((refused.status, refused.error()), (403, refusal(GENERIC, &who)));
}

#[test]
fn guesses_at_a_disabled_entity_forgive_nothing() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let entity = format!("identity/entity/id/{}", who.entity);
    for _ in 0..25 {
        for _ in 0..4 {
            server.validate(&who, &server.wrong(&who));
        }
        server.call("POST", &entity, &json!({ "disabled": true }));
        assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
        server.call("POST", &entity, &json!({ "disabled": false }));
        server.advance(31);
        server.engine.keep_house().unwrap();
    }
    assert!(server.validate(&who, &server.code(&who, 0)).error().contains(GENERIC));
}

#[test]
fn merged_entities_keep_their_guards_and_their_used_codes() {
    let server = Server::start();
    let who = server.enrol(&settings());
    let target = server.call("POST", "identity/entity", &json!({ "name": "target" })).text("data.id");
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&who, &code).status, 200);
    let merge = json!({ "to_entity_id": target, "from_entity_ids": [who.entity] });
    assert_eq!(server.call("POST", "identity/entity/merge", &merge).status, 204);
    let moved = Enrolled { entity: target, method: who.method.clone(), authenticator: who.authenticator.clone() };
    assert_eq!(server.validate(&moved, &code).status, 403, "used before the merge");
    assert_eq!(server.validate(&moved, &server.code(&moved, 1)).status, 200);
    assert_eq!(server.validate(&who, &server.code(&who, 1)).status, 403);
}

#[test]
fn entities_with_authenticators_of_one_method_merge_only_by_force() {
    let server = Server::start();
    let source = server.enrol(&settings());
    let target = server.call("POST", "identity/entity", &json!({ "name": "target" })).text("data.id");
    let target = server.generate(&source.method, &target);
    let merge =
        |force: bool| json!({ "to_entity_id": target.entity, "from_entity_ids": [source.entity], "force": force });
    let refused = server.call("POST", "identity/entity/merge", &merge(false));
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("conflicting MFA config ID"));
    assert_eq!(server.validate(&source, &server.code(&source, 0)).status, 200, "nothing was changed");
    assert_eq!(server.call("POST", "identity/entity/merge", &merge(true)).status, 204);
    assert_eq!(server.validate(&target, &server.code(&target, 0)).status, 200, "the target's authenticator stays");
}

#[test]
fn generating_twice_at_once_binds_one_authenticator() {
    let server = Arc::new(Server::start());
    let method = server.call("POST", "identity/mfa/method/totp", &settings()).text("data.method_id");
    let entity = server.call("POST", "identity/entity", &json!({})).text("data.id");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (server, pair) = (server.clone(), json!({ "method_id": method, "entity_id": entity }));
            std::thread::spawn(move || server.call("POST", "identity/mfa/method/totp/admin-generate", &pair))
        })
        .collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.at("data").is_object()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.at("warnings").is_array()).count(), 7);
}
