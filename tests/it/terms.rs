//! What dialects vary of a verification: the window, who may present a step again, what a confirming code is spent by, whose guard counts.

use std::time::Duration;

use countersign::engine::enrolments::{self, Drafted};
use countersign::engine::verification::{self, Outcome, Purpose, Question, Reason, Terms};
use countersign::id::{BlindKey, EntityId, MethodId};
use countersign::model::challenge::Asker;
use countersign::model::guard::Limits;
use countersign::model::method::Kind;
use countersign::model::namespace::Scope;
use countersign::secret::Secret;
use countersign::time::Clock;
use serde_json::json;

use crate::support::{Enrolled, Server, authenticator};

/// Ask as a dialect would that has these terms.
fn ask(server: &Server, who: &Enrolled, passcode: &str, terms: Terms) -> Outcome {
    let engine = server.engine.clone();
    let access = engine.access().unwrap();
    let question = Question {
        scope: Scope::root(),
        method: who.method.clone(),
        entity: EntityId::new(&who.entity),
        passcode: Secret::new(passcode.into()),
        asker: Asker::Application,
        terms,
    };
    let now = server.clock.now();
    let evaluation = engine.store.read(now, |tx| verification::evaluate(tx, &access, &question)).unwrap().quick();
    let job = move |tx: &mut dyn countersign::storage::Tx| {
        let clock = engine.time.observe(tx.now());
        verification::settle(tx, &access, &evaluation, clock)
    };
    server.engine.store.write(now, job).wait().unwrap()
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { again: false, .. })
}

fn presenter(n: u8) -> Terms {
    Terms { presenter: Some(BlindKey::from([n; 16])), ..Terms::default() }
}

#[test]
fn a_wider_window_is_its_dialects_own_and_spends_every_step_up_to_the_one_it_let_in() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "x" }));
    let wide = Terms { skew: Some(2), ..Terms::default() };
    let ahead = server.code(&who, 2);
    assert_eq!(server.validate(&who, &ahead).status, 403, "too far ahead for the method's own window");
    assert!(is_accepted(&ask(&server, &who, &ahead, wide)));
    for steps in -1..=1 {
        assert_eq!(server.validate(&who, &server.code(&who, steps)).status, 403, "steps only go up: {steps}");
    }
    assert_eq!(ask(&server, &who, &server.code(&who, 1), wide), Outcome::Refused(Reason::Spent));
    server.advance(60);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403, "spent in one dialect, spent in all");
    assert_eq!(server.validate(&who, &server.code(&who, 1)).status, 200);
}

#[test]
fn whoever_presented_a_step_may_present_it_again_and_nobody_else() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "x" }));
    let code = server.code(&who, 0);
    assert!(is_accepted(&ask(&server, &who, &code, presenter(1))));
    for _ in 0..2 {
        assert!(matches!(ask(&server, &who, &code, presenter(1)), Outcome::Accepted { again: true, .. }));
        assert_eq!(ask(&server, &who, &code, presenter(2)), Outcome::Refused(Reason::Spent));
        assert_eq!(ask(&server, &who, &code, Terms::default()), Outcome::Refused(Reason::Spent));
    }
    assert!(is_accepted(&ask(&server, &who, &server.code(&who, 1), presenter(2))));
    assert_eq!(ask(&server, &who, &code, presenter(1)), Outcome::Refused(Reason::Spent), "a later one was accepted");
}

#[test]
fn a_step_presented_again_is_no_way_through_a_shut_window() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "x", "max_validation_attempts": 2 }));
    let code = server.code(&who, 0);
    assert!(is_accepted(&ask(&server, &who, &code, presenter(1))));
    for _ in 0..3 {
        server.validate(&who, &server.wrong(&who));
    }
    assert!(matches!(ask(&server, &who, &code, presenter(1)), Outcome::TooMany { .. }));
}

#[test]
fn a_pending_authenticator_proves_nothing_until_its_first_code_and_not_after_its_time() {
    let server = Server::start();
    let method = server.call("POST", "identity/mfa/method/totp", &json!({ "issuer": "x" })).text("data.method_id");
    let entity = server.call("POST", "identity/entity", &json!({})).text("data.id");
    let who = pending(&server, &method, &entity);
    let confirm = Terms { purpose: Purpose::Confirm { spends: false }, ..Terms::default() };
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&who, &code).status, 403);
    let Outcome::Accepted { number, .. } = ask(&server, &who, &code, confirm) else { panic!("not confirmed") };
    let (engine, access) = (server.engine.clone(), server.engine.access().unwrap());
    let (id, under) = (EntityId::new(&entity), MethodId::new(&method));
    let confirmed =
        engine.store.write(server.clock.now(), move |tx| verification::confirm(tx, &access, &id, &under, number));
    assert!(confirmed.wait().unwrap());
    assert_eq!(server.validate(&who, &code).status, 200, "the confirming code may serve once more");
    assert_eq!(server.validate(&who, &code).status, 403, "and once only");

    let other = server.call("POST", "identity/entity", &json!({})).text("data.id");
    let late = pending(&server, &method, &other);
    server.advance(900);
    assert_eq!(ask(&server, &late, &server.code(&late, 0), confirm), Outcome::Refused(Reason::Wrong));
}

/// An authenticator that waits a quarter of an hour for its first code.
fn pending(server: &Server, method: &str, entity: &str) -> Enrolled {
    let (engine, access) = (server.engine.clone(), server.engine.access().unwrap());
    let terms = enrolments::Terms { pending_for: Some(Duration::from_mins(15)), ..enrolments::Terms::default() };
    let (id, under) = (EntityId::new(entity), MethodId::new(method));
    let bound = engine.store.write(server.clock.now(), move |tx| {
        match enrolments::draft(tx, &access, &Scope::root(), Kind::Totp, &under, &id, &terms)? {
            Drafted::Fresh(draft) => {
                enrolments::bind(tx, &access, &draft)?;
                Ok::<_, countersign::engine::Error>(draft.shown)
            }
            Drafted::AlreadyEnrolled { .. } => panic!("already enrolled"),
        }
    });
    match bound.wait().unwrap() {
        enrolments::Shown::Key { uri, .. } => {
            Enrolled { method: method.into(), entity: entity.into(), authenticator: authenticator(uri.expose()) }
        }
        enrolments::Shown::Codes(_) => panic!("codes"),
    }
}

#[test]
fn a_lock_by_one_dialects_limits_holds_in_every_other() {
    let server = Server::start();
    let who = server.enrol(&json!({ "issuer": "x" }));
    let limits = Limits { attempts: 3, window: Duration::from_mins(5), ceiling: 100 };
    let strict = Terms { limits: Some(limits), ..Terms::default() };
    for _ in 0..4 {
        ask(&server, &who, &server.wrong(&who), strict);
    }
    for _ in 0..9 {
        assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 403);
        server.advance(30);
    }
    server.advance(30);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
}

#[test]
fn enrolments_that_share_a_guard_share_its_count() {
    let server = Server::start();
    let (one, other) = (server.enrol(&json!({ "issuer": "x" })), server.enrol(&json!({ "issuer": "y" })));
    let shared = Terms { guard: Some(BlindKey::from([9; 16])), ..Terms::default() };
    for n in 0..5 {
        let who = if n % 2 == 0 { &one } else { &other };
        assert_eq!(ask(&server, who, &server.wrong(who), shared), Outcome::Refused(Reason::Wrong));
    }
    for who in [&one, &other] {
        assert!(matches!(ask(&server, who, &server.code(who, 0), shared), Outcome::TooMany { .. }));
    }
    assert_eq!(server.validate(&one, &server.code(&one, 0)).status, 200, "its own guard counted nothing");
}
