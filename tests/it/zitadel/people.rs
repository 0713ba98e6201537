//! Users, and what tests do to them again and again.

use countersign::factor::totp::Authenticator;
use countersign::model::message::Message;
use countersign::storage::Tx;
use countersign::storage::tables::{MESSAGE, MESSAGES};
use countersign::time::Clock;
use serde_json::{Value, json};

use super::Zitadel;
use crate::support::{Answer, authenticator, code_at};

pub(crate) const PASSWORD: &str = "Secr3tP4ssw0rd!";

impl Zitadel {
    /// Minnie Mouse, with a proven address and a password. Her id.
    pub(crate) fn minnie(&self) -> String {
        self.human("minnie-mouse@mouse.com")
    }

    /// Somebody with this proven address, and a password.
    pub(crate) fn human(&self, email: &str) -> String {
        let body = json!({
            "profile": { "givenName": "Minnie", "familyName": "Mouse" },
            "email": { "email": email, "isVerified": true },
            "password": { "password": PASSWORD },
        });
        self.ok("POST", "/v2/users/human", &body).text("userId")
    }

    /// Ask as the owner for something that works.
    pub(crate) fn ok(&self, verb: &str, path: &str, body: &Value) -> Answer {
        let answer = self.call(verb, path, body);
        assert!((200..300).contains(&answer.status), "{verb} {path}: {answer:?}");
        answer
    }

    /// Give somebody an authenticator app.
    pub(crate) fn app(&self, user: &str) -> Authenticator {
        let uri = self.ok("POST", &format!("/v2/users/{user}/totp"), &json!({})).text("uri");
        let app = authenticator(&uri);
        self.ok("POST", &format!("/v2/users/{user}/totp/verify"), &json!({ "code": self.shown(&app) }));
        app
    }

    /// What an app shows now.
    pub(crate) fn shown(&self, app: &Authenticator) -> String {
        code_at(app, self.server.clock.now(), 0)
    }

    /// A code that the app does not show now, nor for a while.
    pub(crate) fn not_shown(&self, app: &Authenticator) -> String {
        let near: Vec<String> = (-3..=3).map(|steps| code_at(app, self.server.clock.now(), steps)).collect();
        (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
    }

    /// A session about somebody, and its token.
    pub(crate) fn session(&self, checks: &Value) -> (String, String) {
        let made = self.ok("POST", "/v2/sessions", &json!({ "checks": checks }));
        (made.text("sessionId"), made.text("sessionToken"))
    }

    /// A session about the user with this id.
    pub(crate) fn session_of(&self, user: &str) -> (String, String) {
        self.session(&json!({ "user": { "userId": user } }))
    }

    /// Check something in a session, as the owner.
    pub(crate) fn check(&self, session: &str, checks: &Value) -> Answer {
        self.call("PATCH", &format!("/v2/sessions/{session}"), &json!({ "checks": checks }))
    }

    /// A session token with which somebody acts for themselves: by password, and an app where there is one.
    pub(crate) fn login(&self, user: &str, app: Option<&Authenticator>) -> String {
        let mut checks = json!({ "user": { "userId": user }, "password": { "password": PASSWORD } });
        if let Some(app) = app {
            checks["totp"] = json!({ "code": self.shown(app) });
        }
        self.session(&checks).1
    }

    /// Let so many wrong passwords or codes lock somebody.
    pub(crate) fn lock_after(&self, passwords: u32, codes: u32) {
        let limits = json!({ "maxPasswordAttempts": passwords, "maxOtpAttempts": codes });
        self.ok("PUT", "/admin/v1/policies/password/lockout", &limits);
    }

    /// What a user is now.
    pub(crate) fn state(&self, user: &str) -> String {
        self.ok("GET", &format!("/v2/users/{user}"), &json!({})).text("user.state")
    }

    /// The messages that are on their way, oldest first.
    pub(crate) fn outbox(&self) -> Vec<Message> {
        let engine = &self.server.engine;
        let access = engine.access().unwrap();
        let read = |tx: &mut dyn Tx| -> Result<Vec<Message>, countersign::storage::Error> {
            let ids: Vec<Vec<u8>> = tx.scan(&MESSAGE, &[], 1_000)?.into_iter().map(|record| record.id).collect();
            let mut messages = Vec::new();
            for id in ids {
                let key: [u8; 16] = id.as_slice().try_into().unwrap();
                messages.extend(MESSAGES.get(tx, &access, key.into())?);
            }
            Ok(messages)
        };
        let mut messages = engine.store.read(engine.now(), read).unwrap();
        messages.sort_by_key(|message| message.created_at);
        messages
    }

    /// The newest message's code.
    pub(crate) fn sent_code(&self) -> String {
        self.outbox().last().expect("a message").code.expose().clone()
    }
}
