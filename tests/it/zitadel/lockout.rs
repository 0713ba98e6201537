//! Too many wrong answers: when a user is locked, and how exactly.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::people::PASSWORD;
use super::{Zitadel, error};
use crate::support::Server;

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

#[test]
fn the_last_wrong_answer_locks_and_then_even_the_right_one_is_refused() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(3, 2);
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    let code = |code: &str| error(&zitadel.check(&session, &json!({ "totp": { "code": code } })));
    let password = |text: &str| error(&zitadel.check(&session, &json!({ "password": { "password": text } })));
    assert_eq!(password("wrong").2, "COMMAND-3M0fs");
    assert_eq!(password("wrong").2, "COMMAND-3M0fs");
    assert_eq!(code(&zitadel.not_shown(&app)).2, "EVENT-8isk2", "each factor is counted by itself");
    assert_eq!(zitadel.state(&user), "USER_STATE_ACTIVE");
    assert_eq!(code(&zitadel.not_shown(&app)).2, "EVENT-8isk2", "the last one is told like the others");
    assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
    assert_eq!(code(&zitadel.shown(&app)), refused(400, 9, "COMMAND-SF3fg"));
    assert_eq!(password(PASSWORD), refused(400, 9, "COMMAND-JLK35"));
    let named = zitadel.call("POST", "/v2/sessions", &json!({ "checks": { "user": { "userId": user } } }));
    assert_eq!(error(&named), refused(400, 9, "SESSION-Gj4ko"));
    zitadel.ok("POST", &format!("/v2/users/{user}/unlock"), &json!({}));
    assert_eq!(zitadel.check(&session, &json!({ "totp": { "code": zitadel.shown(&app) } })).status, 200);
    assert_eq!(code(&zitadel.not_shown(&app)).2, "EVENT-8isk2");
    assert_eq!(zitadel.state(&user), "USER_STATE_ACTIVE", "the counters began anew");
}

#[test]
fn a_right_answer_begins_the_count_anew_and_a_used_one_is_no_guess() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(0, 2);
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    let check = |code: &str| zitadel.check(&session, &json!({ "totp": { "code": code } }));
    for _ in 0..3 {
        assert_eq!(check(&zitadel.not_shown(&app)).status, 400);
        assert_eq!(check(&zitadel.shown(&app)).status, 200);
        assert_eq!(error(&check(&zitadel.shown(&app))).2, "TOTP-Auw0a");
        zitadel.server.advance(90);
    }
    assert_eq!(zitadel.state(&user), "USER_STATE_ACTIVE");
}

#[test]
fn fifty_wrong_codes_at_once_are_counted_one_by_one_and_the_right_one_that_comes_late_is_refused() {
    for (kind, most) in [("totp", 5_u32), ("password", 3)] {
        let zitadel = Zitadel::start();
        zitadel.lock_after(3, 5);
        let user = zitadel.minnie();
        let app = zitadel.app(&user);
        let (session, _) = zitadel.session_of(&user);
        let wrong = match kind {
            "totp" => json!({ "totp": { "code": zitadel.not_shown(&app) } }),
            _ => json!({ "password": { "password": "wrong" } }),
        };
        let ids: Vec<String> = std::thread::scope(|scope| {
            let asks: Vec<_> = (0..50).map(|_| scope.spawn(|| error(&zitadel.check(&session, &wrong)).2)).collect();
            asks.into_iter().map(|ask| ask.join().unwrap()).collect()
        });
        let told = |id: &str| u32::try_from(ids.iter().filter(|told| *told == id).count()).unwrap();
        let (wrong_id, locked) = match kind {
            "totp" => ("EVENT-8isk2", told("COMMAND-SF3fg")),
            _ => ("COMMAND-3M0fs", told("COMMAND-JLK35") + told("COMMAND-SFA3t")),
        };
        assert_eq!((told(wrong_id), locked), (most, 50 - most), "{kind}: {ids:?}");
        assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
        let late = zitadel.check(&session, &json!({ "totp": { "code": zitadel.shown(&app) } }));
        assert_eq!(error(&late), refused(400, 9, "COMMAND-SF3fg"));
    }
}

#[test]
fn a_right_code_among_wrong_ones_counts_only_if_it_comes_before_the_lock() {
    for _ in 0..5 {
        let zitadel = Zitadel::start();
        zitadel.lock_after(0, 1);
        let user = zitadel.minnie();
        let app = zitadel.app(&user);
        let (session, _) = zitadel.session_of(&user);
        let (right, wrong) = (zitadel.shown(&app), zitadel.not_shown(&app));
        let send = |code: &str| zitadel.check(&session, &json!({ "totp": { "code": code } })).status == 200;
        let (accepted, refused) = std::thread::scope(|scope| {
            let good = scope.spawn(|| send(&right));
            let bad = scope.spawn(|| send(&wrong));
            (good.join().unwrap(), !bad.join().unwrap())
        });
        assert!(refused);
        let shown = zitadel.ok("GET", &format!("/v2/sessions/{session}"), &json!({}));
        assert_eq!(shown.at("session.factors.totp").is_object(), accepted, "told and kept are the same");
        assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
    }
}

#[test]
fn one_right_code_sent_fifty_times_at_once_counts_once() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let sessions: Vec<String> = (0..50).map(|_| zitadel.session_of(&user).0).collect();
    let check = json!({ "totp": { "code": zitadel.shown(&app) } });
    let accepted = std::thread::scope(|scope| {
        let asks: Vec<_> = sessions.iter().map(|id| scope.spawn(|| zitadel.check(id, &check).status)).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn a_hundred_failures_lock_where_the_policy_never_does() {
    let zitadel = Zitadel::start();
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    for failure in 1..=100 {
        assert_eq!(zitadel.state(&user), "USER_STATE_ACTIVE", "{failure}");
        let answer = zitadel.check(&session, &json!({ "totp": { "code": zitadel.not_shown(&app) } }));
        assert_eq!(error(&answer).2, "EVENT-8isk2");
    }
    assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
    zitadel.ok("POST", &format!("/v2/users/{user}/unlock"), &json!({}));
    assert_eq!(zitadel.check(&session, &json!({ "totp": { "code": zitadel.shown(&app) } })).status, 200);
}

#[test]
fn nothing_but_unlocking_ends_a_lock() {
    let zitadel = Zitadel::start();
    zitadel.lock_after(0, 1);
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    zitadel.check(&session, &json!({ "totp": { "code": zitadel.not_shown(&app) } }));
    let code = zitadel
        .ok("POST", &format!("/v2/users/{user}/password_reset"), &json!({ "returnCode": {} }))
        .text("verificationCode");
    let new = json!({ "newPassword": { "password": "An0ther-0ne" }, "verificationCode": code });
    zitadel.ok("POST", &format!("/v2/users/{user}/password"), &new);
    zitadel.ok("DELETE", &format!("/v2/users/{user}/totp"), &json!({}));
    zitadel.server.advance(1_000_000);
    assert_eq!(zitadel.state(&user), "USER_STATE_LOCKED");
    let answer = zitadel.check(&session, &json!({ "password": { "password": "An0ther-0ne" } }));
    assert_eq!(error(&answer).1, 9);
}

#[test]
fn answers_to_repeated_wrong_ones_are_held_back_without_holding_anybody_else_up() {
    let zitadel = Zitadel { server: Server::pausing(Duration::from_hours(1)) };
    let user = zitadel.minnie();
    let app = zitadel.app(&user);
    let (session, _) = zitadel.session_of(&user);
    let wrong = json!({ "checks": { "totp": { "code": zitadel.not_shown(&app) } } }).to_string();
    let guess = || {
        let mut stream = TcpStream::connect(zitadel.server.address).unwrap();
        let length = wrong.len();
        let head = format!("PATCH /v2/sessions/{session} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n");
        write!(stream, "{head}Content-Length: {length}\r\n\r\n{wrong}").unwrap();
        stream
    };
    for _ in 0..4 {
        assert!(guess().read(&mut [0; 64]).unwrap() > 0, "the first few are answered at once");
    }
    let mut held: Vec<TcpStream> = (0..40).map(|_| guess()).collect();
    for _ in 0..100 {
        zitadel.ok("GET", "/v2/settings/login", &json!({}));
    }
    for stream in &mut held {
        stream.set_nonblocking(true).unwrap();
        let read = stream.read(&mut [0; 64]);
        assert!(read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "it was answered");
    }
}
