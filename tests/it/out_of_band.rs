//! Codes by text message and e-mail: where somebody is reached, what is sent to them and when, and which code counts.

use std::sync::{Arc, Barrier};

use countersign::config::Settings;
use countersign::model::costs::{Budgets, Costs};
use countersign::model::message::Message;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::tables::{self, MESSAGES, message_key};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

const PHONE: &str = "+441632960961";
const OTHER: &str = "+441632960962";
const GENERIC: &str = "MFA credentials not supplied or incorrect";

/// A server with a method that sends codes, and people.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) method: String,
    kind: &'static str,
}

impl Site {
    pub(crate) fn sms(settings: &Value) -> Self {
        Self::of("sms", settings)
    }

    pub(crate) fn of(kind: &'static str, settings: &Value) -> Self {
        Self::over(Server::start(), kind, settings)
    }

    fn over(server: Server, kind: &'static str, settings: &Value) -> Self {
        server.call("POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
        let everything = json!({ "policy": r#"path "*" { capabilities = ["create", "update", "read", "list"] }"# });
        server.call("POST", "sys/policies/acl/everything", &everything);
        let method = method(&server, kind, settings);
        Self { server, method, kind }
    }

    /// Somebody who can log in: their entity and their token.
    pub(crate) fn person(&self, name: &str) -> (String, String) {
        let user = json!({ "password": "damson", "token_policies": ["everything"] });
        self.server.call("POST", &format!("auth/userpass/users/{name}"), &user);
        let login = self.login(name);
        (login.text("auth.entity_id"), login.text("auth.client_token"))
    }

    pub(crate) fn login(&self, name: &str) -> Answer {
        let body = json!({ "password": "damson" }).to_string();
        self.server.ask("POST", &format!("auth/userpass/login/{name}"), &[], &body)
    }

    /// A login that waits: its request id.
    pub(crate) fn waiting(&self, name: &str) -> String {
        self.login(name).text("auth.mfa_requirement.mfa_request_id")
    }

    pub(crate) fn answer(&self, request: &str, method: &str, code: &str) -> Answer {
        let body = json!({ "mfa_request_id": request, "mfa_payload": { method: [code] } });
        self.server.ask("POST", "sys/mfa/validate", &[], &body.to_string())
    }

    pub(crate) fn enforce(&self, methods: &[&str], more: &Value) {
        let mut asked = json!({ "mfa_method_ids": methods, "auth_method_types": ["userpass"] });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.server.call("POST", "identity/mfa/login-enforcement/main", &asked);
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// Ask as somebody for something of their own under the method.
    fn own(&self, token: &str, verb: &str, more: &Value) -> Answer {
        let mut body = json!({ "method_id": self.method });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("identity/mfa/method/{}/{verb}", self.kind);
        self.server.ask("POST", &path, &[("X-Vault-Token", token)], &body.to_string())
    }

    fn admin(&self, verb: &str, entity: &str, more: &Value) -> Answer {
        let more = merged(&json!({ "entity_id": entity }), more);
        self.own("root", &format!("admin-{verb}"), &more)
    }

    /// Somebody who is reached at `address`, on an administrator's word.
    pub(crate) fn reached(&self, name: &str, address: &str) -> (String, String) {
        let (entity, token) = self.person(name);
        let parameter = if self.kind == "sms" { "phone" } else { "email" };
        let given = self.admin("generate", &entity, &json!({ parameter: address, "verified": true }));
        assert_eq!(given.text("data.state"), "active", "{given:?}");
        (entity, token)
    }

    fn challenge(&self, entity: &str) -> Answer {
        let body = json!({ "method_id": self.method, "entity_id": entity });
        self.server.call("POST", "identity/mfa/challenge", &body)
    }

    fn challenge_login(&self, request: &str, method: &str) -> Answer {
        let body = json!({ "mfa_request_id": request, "method_id": method }).to_string();
        self.server.ask("POST", "sys/mfa/challenge", &[], &body)
    }

    fn validate(&self, entity: &str, code: &str) -> Answer {
        let body = json!({ "method_id": self.method, "entity_id": entity, "passcode": code });
        self.server.call("POST", "identity/mfa/validate", &body)
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        messages(&self.server)
    }

    /// The code of the one message that was sent.
    pub(crate) fn code(&self) -> String {
        let sent = self.messages();
        assert_eq!(sent.len(), 1, "one message");
        sent[0].code.expose().clone()
    }
}

/// What lies in the outbox, oldest first; it is emptied.
pub(crate) fn messages(server: &Server) -> Vec<Message> {
    let access = server.engine.access().unwrap();
    let job = move |tx: &mut dyn countersign::storage::Tx| {
        let mut found = Vec::new();
        while let Some(message) = MESSAGES.first(tx, &access)? {
            MESSAGES.delete(tx, message_key(&access, &message.id))?;
            found.push(message);
        }
        Ok::<_, countersign::storage::Error>(found)
    };
    let mut found = server.engine.store.write(server.engine.now(), job).wait().unwrap();
    found.sort_by_key(|message| message.created_at);
    found
}

pub(crate) fn method(server: &Server, kind: &str, settings: &Value) -> String {
    let made = server.call("POST", &format!("identity/mfa/method/{kind}"), settings);
    assert_eq!(made.status, 200, "{made:?}");
    made.text("data.method_id")
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    all.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    all
}

/// A code that is not this one.
fn not(code: &str) -> String {
    let digit = if code.starts_with('0') { "1" } else { "0" };
    format!("{digit}{}", &code[1..])
}

#[test]
fn an_address_counts_once_its_owner_has_proven_it() {
    let site = Site::sms(&json!({ "method_name": "texts" }));
    let (entity, token) = site.person("alice");
    let given = site.own(&token, "generate", &json!({ "phone": PHONE, "label": "mobile" }));
    assert_eq!(given.status, 200, "{given:?}");
    assert_eq!(given.at("data.recipient"), &json!("+*****61"));
    assert_eq!((given.at("data.state"), given.at("data.lifetime")), (&json!("pending"), &json!(300)));
    assert_eq!(given.at("data.code"), &Value::Null);
    let sent = site.messages();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to.expose(), PHONE);
    let code = sent[0].code.expose().clone();
    assert_eq!(sent[0].text.expose(), &format!("{code} is your code. It is good for 5 minutes. Tell it to nobody."));
    // It proves nothing to applications, and none is sent there for them.
    assert_eq!(site.validate(&entity, &code).status, 403);
    assert_eq!(site.challenge(&entity).status, 200);
    assert!(site.messages().is_empty());
    assert_eq!(site.own(&token, "verify", &json!({ "passcode": not(&code) })).status, 403);
    assert_eq!(site.own(&token, "verify", &json!({ "passcode": code })).at("data.valid"), &json!(true));
    assert_eq!(site.own(&token, "verify", &json!({ "passcode": code })).status, 403, "it is good once");
    site.server.advance(31);
    assert_eq!(site.challenge(&entity).status, 200);
    let code = site.code();
    assert_eq!(site.validate(&entity, &code).at("data.valid"), &json!(true));
    assert_eq!(site.validate(&entity, &code).status, 403, "it is good once");
    let again = site.own(&token, "generate", &json!({ "phone": OTHER }));
    assert_eq!(again.text("warnings.0"), "Entity already has a secret for MFA method \"texts\"");
    assert!(site.messages().is_empty());
}

#[test]
fn a_mistyped_address_is_given_anew_and_the_code_sent_to_the_first_is_void() {
    let site = Site::sms(&json!({}));
    let (entity, token) = site.person("alice");
    site.own(&token, "generate", &json!({ "phone": OTHER }));
    let first = site.code();
    let soon = site.own(&token, "generate", &json!({ "phone": PHONE }));
    assert_eq!((soon.status, soon.at("data.retry_after")), (429, &json!(30)));
    assert_eq!(soon.error(), "a code was sent a moment ago. Please try again in 30 seconds");
    site.server.advance(30);
    assert_eq!(site.own(&token, "generate", &json!({ "phone": PHONE })).status, 200);
    assert_eq!(site.own(&token, "verify", &json!({ "passcode": first })).status, 403);
    let second = site.code();
    assert_eq!(site.own(&token, "verify", &json!({ "passcode": second })).status, 200);
    site.challenge(&entity);
    assert_eq!(site.messages()[0].to.expose(), PHONE);
}

#[test]
fn a_code_that_was_replaced_expired_or_tried_too_often_is_refused() {
    let site = Site::sms(&json!({ "lifetime": 60, "tries": 3, "max_validation_attempts": 100, "resend_pause": 10 }));
    let (entity, _) = site.reached("alice", PHONE);
    site.challenge(&entity);
    let replaced = site.code();
    site.server.advance(10);
    site.challenge(&entity);
    let code = site.code();
    assert_eq!(site.validate(&entity, &replaced).status, 403, "replaced");
    site.server.advance(60);
    assert_eq!(site.validate(&entity, &code).status, 403, "expired");
    site.challenge(&entity);
    let code = site.code();
    for _ in 0..2 {
        assert_eq!(site.validate(&entity, &not(&code)).status, 403);
    }
    site.server.advance(59);
    assert_eq!(site.validate(&entity, &code).status, 200, "tried wrong twice, in its last second");
    site.challenge(&entity);
    let code = site.code();
    for _ in 0..3 {
        assert_eq!(site.validate(&entity, &not(&code)).status, 403);
    }
    assert_eq!(site.validate(&entity, &code).status, 403, "tried wrong three times");
}

#[test]
fn guesses_at_codes_are_counted_over_all_codes() {
    let site = Site::sms(&json!({ "resend_pause": 0 }));
    let (entity, _) = site.reached("alice", PHONE);
    for _ in 0..5 {
        site.challenge(&entity);
        let code = site.code();
        assert!(site.validate(&entity, &not(&code)).error().contains(GENERIC));
    }
    site.challenge(&entity);
    let code = site.code();
    assert!(site.validate(&entity, &code).error().contains("maximum TOTP validation attempts 6"));
    site.server.advance(300);
    site.challenge(&entity);
    let code = site.code();
    assert_eq!(site.validate(&entity, &code).status, 200);
}

#[test]
fn one_code_sent_fifty_times_at_once_is_accepted_once() {
    let site = Site::sms(&json!({ "max_validation_attempts": 100, "tries": 10 }));
    let (entity, _) = site.reached("alice", PHONE);
    site.challenge(&entity);
    let code = site.code();
    let gate = Arc::new(Barrier::new(50));
    let accepted: usize = std::thread::scope(|scope| {
        let offers: Vec<_> = (0..50)
            .map(|_| {
                let gate = gate.clone();
                let (site, entity, code) = (&site, &entity, &code);
                scope.spawn(move || {
                    gate.wait();
                    usize::from(site.validate(entity, code).status == 200)
                })
            })
            .collect();
        offers.into_iter().map(|offer| offer.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn an_application_cannot_tell_who_is_reached() {
    let site = Site::sms(&json!({ "max_validation_attempts": 2 }));
    let (reached, _) = site.reached("alice", PHONE);
    let (not_enrolled, _) = site.person("bob");
    let (pending, token) = site.person("carol");
    site.own(&token, "generate", &json!({ "phone": OTHER }));
    site.messages();
    let nobody = "c1372abf-bf64-1f26-c2a4-cbcfa135b775".to_owned();
    let told = |entity: &str| {
        let seen = |answer: Answer| {
            (
                answer.status,
                answer.text.replace(entity, "ENTITY").split_once("\"data\"").map(|it| it.1.to_owned()),
                answer.at("errors").clone(),
            )
        };
        let first = seen(site.challenge(entity));
        let soon = seen(site.challenge(entity));
        let wrong: Vec<_> = (0..3).map(|_| seen(site.validate(entity, "000000"))).collect();
        let malformed = seen(site.validate(entity, "00000"));
        (first, soon, wrong, malformed)
    };
    let known = told(&reached);
    assert_eq!((known.0.0, known.1.0), (200, 429));
    assert_eq!(site.messages().len(), 1);
    for entity in [&not_enrolled, &pending, &nobody] {
        assert_eq!(told(entity), known, "{entity}");
    }
    assert!(site.messages().is_empty());
}

#[test]
fn a_challenge_is_for_methods_that_send_codes() {
    let site = Site::sms(&json!({}));
    let (entity, _) = site.reached("alice", PHONE);
    let ask = |body: Value| site.server.call("POST", "identity/mfa/challenge", &body);
    let totp = method(&site.server, "totp", &json!({ "issuer": "x" }));
    let refused = ask(json!({ "method_id": totp, "entity_id": entity }));
    assert_eq!((refused.status, refused.error()), (400, "no challenge is sent for this MFA method".into()));
    assert_eq!(ask(json!({ "entity_id": entity })).error(), "missing method ID");
    assert_eq!(ask(json!({ "method_id": site.method })).error(), "missing entity ID");
    assert_eq!(ask(json!({ "method_id": "x", "entity_id": entity })).status, 400);
    let headers = [("X-Vault-Token", "nobody's")];
    let body = json!({ "method_id": site.method, "entity_id": entity }).to_string();
    assert_eq!(site.server.ask("POST", "identity/mfa/challenge", &headers, &body).status, 403);
    assert!(site.messages().is_empty());
}

#[test]
fn a_login_that_can_be_completed_by_a_code_only_is_sent_one_unasked() {
    let site = Site::of("email", &json!({ "method_name": "mail", "subject": "For {{ name }}" }));
    let (entity, _) = site.reached("alice", "alice@example.com");
    site.enforce(&[&site.method], &json!({}));
    let waits = site.login("alice");
    let requirement = waits.at("auth.mfa_requirement");
    assert_eq!(
        requirement["mfa_constraints"]["main"]["any"],
        json!([{ "type": "email", "id": site.method, "uses_passcode": true, "name": "mail" }])
    );
    assert_eq!(waits.text("warnings.1"), "A code was sent by email to a*****@example.com.");
    let sent = site.messages();
    assert_eq!((sent.len(), sent[0].to.expose().as_str()), (1, "alice@example.com"));
    let request = waits.text("auth.mfa_requirement.mfa_request_id");
    let code = sent[0].code.expose();
    let wrong = site.answer(&request, &site.method, &not(code));
    assert_eq!(wrong.status, 403);
    assert!(wrong.error().contains(GENERIC));
    let done = site.answer(&request, &site.method, code);
    assert_eq!((done.status, done.text("auth.entity_id")), (200, entity));
    // Answered, so that the next login need not wait.
    let request = site.waiting("alice");
    let code = site.code();
    assert_eq!(site.answer(&request, &site.method, &code).status, 200);
}

#[test]
fn a_code_is_good_for_the_login_that_it_was_sent_for_and_no_other() {
    let site = Site::sms(&json!({ "resend_pause": 0, "max_validation_attempts": 100 }));
    let (entity, _) = site.reached("alice", PHONE);
    site.enforce(&[&site.method], &json!({}));
    let first = site.waiting("alice");
    let of_first = site.code();
    let second = site.waiting("alice");
    let of_second = site.code();
    site.challenge(&entity);
    let of_application = site.code();
    assert_eq!(site.answer(&second, &site.method, &of_first).status, 403);
    assert_eq!(site.answer(&second, &site.method, &of_application).status, 403);
    assert_eq!(site.validate(&entity, &of_first).status, 403);
    let headers = [("X-Vault-MFA", &*format!("{}:{of_application}", site.method))];
    let body = json!({ "password": "damson" }).to_string();
    let one_phase = site.server.ask("POST", "auth/userpass/login/alice", &headers, &body);
    assert_eq!(one_phase.status, 403, "what an application asked for is no answer to a login");
    assert_eq!(site.answer(&second, &site.method, &of_second).status, 200);
    assert_eq!(site.answer(&first, &site.method, &of_first).status, 200);
    assert_eq!(site.validate(&entity, &of_application).status, 200);
}

#[test]
fn a_login_with_a_choice_asks_for_its_code() {
    let site = Site::sms(&json!({}));
    let (entity, _) = site.reached("alice", PHONE);
    let totp = method(&site.server, "totp", &json!({ "issuer": "x" }));
    let who = site.server.generate(&totp, &entity);
    site.enforce(&[&totp, &site.method], &json!({}));
    let request = site.waiting("alice");
    assert!(site.messages().is_empty(), "nobody has said which of the two");
    let asked = site.challenge_login(&request, &site.method);
    assert_eq!((asked.status, asked.at("data.recipient")), (200, &json!("+*****61")), "{asked:?}");
    assert_eq!(asked.at("data.lifetime"), &json!(300));
    let code = site.code();
    assert_eq!(site.challenge_login(&request, &site.method).status, 429);
    assert_eq!(site.answer(&request, &site.method, &code).status, 200);
    assert_eq!(site.challenge_login(&request, &site.method).error(), "invalid request ID");
    let request = site.waiting("alice");
    let refused = site.challenge_login(&request, &totp);
    assert_eq!((refused.status, refused.error()), (400, "no challenge is sent for this MFA method".into()));
    assert_eq!(site.answer(&request, &totp, &site.server.code(&who, 0)).status, 200);
}

#[test]
fn a_code_for_a_login_is_sent_to_who_waits_and_for_what_is_asked() {
    let site = Site::sms(&json!({}));
    site.reached("alice", PHONE);
    let (bob, _) = site.person("bob");
    let elsewhere = method(&site.server, "sms", &json!({}));
    site.enforce(&[&site.method], &json!({}));
    let request = site.waiting("bob");
    assert!(site.messages().is_empty());
    let refused = site.challenge_login(&request, &site.method);
    let text = format!("MFA secret for method name \"\" not present in entity \"{bob}\"");
    assert_eq!((refused.status, refused.error()), (400, text));
    let request = site.waiting("alice");
    site.messages();
    assert_eq!(site.challenge_login(&request, &elsewhere).status, 400);
    for made_up in ["", "x", "c1372abf-bf64-1f26-c2a4-cbcfa135b775"] {
        assert_eq!(site.challenge_login(made_up, &site.method).status, 400);
    }
    site.server.advance(301);
    assert_eq!(site.challenge_login(&request, &site.method).error(), "invalid request ID");
    assert!(site.messages().is_empty());
}

#[test]
fn many_logins_do_not_send_many_messages() {
    let site = Site::sms(&json!({}));
    site.reached("alice", PHONE);
    site.enforce(&[&site.method], &json!({}));
    let requests: Vec<Answer> = (0..5).map(|_| site.login("alice")).collect();
    assert_eq!(site.messages().len(), 1);
    assert_eq!(
        requests[1].text("warnings.1"),
        "No code was sent: another was a moment ago. One can be asked for from sys/mfa/challenge in 30 seconds."
    );
    for request in &requests {
        let request = request.text("auth.mfa_requirement.mfa_request_id");
        assert_eq!(site.challenge_login(&request, &site.method).status, 429);
    }
    let wrong = site.server.ask("POST", "auth/userpass/login/alice", &[], r#"{"password":"wrong"}"#);
    assert_eq!((wrong.status, site.messages().len()), (400, 0));
}

#[test]
fn somebody_who_is_not_reached_gives_an_address_during_the_login() {
    let site = Site::sms(&json!({ "enable_self_enrollment": true }));
    let (entity, _) = site.person("alice");
    site.enforce(&[&site.method], &json!({}));
    let waits = site.login("alice");
    assert_eq!(waits.at("auth.mfa_requirement.mfa_constraints.main.any.0.self_enrollment_enabled"), &json!(true));
    let request = waits.text("auth.mfa_requirement.mfa_request_id");
    let enrol = |phone: &str| {
        let body = json!({ "mfa_request_id": request, "mfa_method_id": site.method, "phone": phone }).to_string();
        site.server.ask("POST", "identity/mfa/method/sms/self-enroll", &[], &body)
    };
    assert_eq!(enrol("").status, 400);
    assert_eq!(enrol("0163 2960961").status, 400);
    let given = enrol(PHONE);
    assert_eq!((given.status, given.at("data.state")), (200, &json!("pending")), "{given:?}");
    let code = site.code();
    assert_eq!(enrol(OTHER).status, 429);
    // The draft counts nowhere until it has completed the login.
    site.challenge(&entity);
    assert!(site.messages().is_empty());
    assert_eq!(site.answer(&request, &site.method, &not(&code)).status, 403);
    assert_eq!(site.answer(&request, &site.method, &code).status, 200);
    site.server.advance(31);
    site.challenge(&entity);
    assert_eq!(site.messages()[0].to.expose(), PHONE);
    let refused = enrol(OTHER);
    assert_eq!((refused.status, refused.error()), (400, "invalid request ID".into()));
}

#[test]
fn a_stolen_password_takes_over_no_address() {
    let site = Site::sms(&json!({}));
    let (entity, _) = site.reached("alice", PHONE);
    let open = method(&site.server, "sms", &json!({ "enable_self_enrollment": true }));
    site.enforce(&[&open], &json!({}));
    let request = site.waiting("alice");
    let enrol = |more: &Value| {
        let body = merged(&json!({ "mfa_request_id": request, "mfa_method_id": open }), more).to_string();
        site.server.ask("POST", "identity/mfa/method/sms/self-enroll", &[], &body)
    };
    let refused = enrol(&json!({ "phone": OTHER }));
    assert_eq!(refused.status, 400);
    assert!(refused.error().starts_with("another address of the entity is verified"));
    assert!(site.messages().is_empty());
    // To where she is reached already, it may go.
    assert_eq!(enrol(&json!({})).status, 200);
    let sent = site.messages();
    assert_eq!(sent[0].to.expose(), PHONE);
    assert_eq!(site.answer(&request, &open, sent[0].code.expose()).status, 200);
    site.challenge(&entity);
    assert_eq!(site.messages()[0].to.expose(), PHONE);
}

#[test]
fn an_address_that_others_lean_on_is_not_replaced_by_proving_another() {
    let site = Site::sms(&json!({}));
    let (entity, token) = site.reached("alice", PHONE);
    let second = method(&site.server, "sms", &json!({}));
    let generate = |phone: &str| {
        let body = json!({ "method_id": second, "phone": phone }).to_string();
        site.server.ask("POST", "identity/mfa/method/sms/generate", &[("X-Vault-Token", &token)], &body)
    };
    assert_eq!(generate(OTHER).status, 400);
    assert!(site.messages().is_empty());
    // Two that were begun before either is proven: the second one cannot take the first one's place.
    assert_eq!(site.admin("destroy", &entity, &json!({})).status, 204);
    assert_eq!(generate(OTHER).status, 200);
    let to_other = site.code();
    let given = site.admin("generate", &entity, &json!({ "phone": PHONE, "verified": true }));
    assert_eq!(given.text("data.state"), "active");
    let body = json!({ "method_id": second, "passcode": to_other }).to_string();
    let headers = [("X-Vault-Token", token.as_str())];
    assert_eq!(site.server.ask("POST", "identity/mfa/method/sms/verify", &headers, &body).status, 403);
    site.challenge(&entity);
    assert_eq!(site.messages()[0].to.expose(), PHONE);
    // An administrator may.
    let moved = json!({ "method_id": second, "entity_id": entity, "phone": OTHER, "verified": true });
    assert_eq!(site.server.call("POST", "identity/mfa/method/sms/admin-generate", &moved).status, 200);
    site.server.advance(31);
    site.challenge(&entity);
    assert_eq!(site.messages()[0].to.expose(), OTHER);
}

#[test]
fn a_code_is_void_once_its_owner_is_reached_elsewhere() {
    let site = Site::sms(&json!({}));
    let (entity, _) = site.reached("alice", PHONE);
    site.challenge(&entity);
    let code = site.code();
    site.admin("destroy", &entity, &json!({}));
    site.admin("generate", &entity, &json!({ "phone": OTHER, "verified": true }));
    assert_eq!(site.validate(&entity, &code).status, 403);
}

#[test]
fn addresses_are_read_strictly() {
    for (kind, parameter, bad) in [
        ("sms", "phone", "+1 500 555 0006"),
        ("sms", "phone", "+15005550006\r\nBcc: x"),
        ("sms", "phone", "alice@example.com"),
        ("email", "email", "alice@example.com\r\nBcc: eve@example.com"),
        ("email", "email", "alice@example.com\0"),
        ("email", "email", "alice@example.com, eve@example.com"),
        ("email", "email", "Alice <alice@example.com>"),
    ] {
        let site = Site::of(kind, &json!({}));
        let (entity, token) = site.person("alice");
        let given = json!({ parameter: bad });
        assert_eq!(site.own(&token, "generate", &given).status, 400, "{bad:?}");
        assert_eq!(site.admin("generate", &entity, &merged(&given, &json!({ "verified": true }))).status, 400);
        assert!(!site.own(&token, "generate", &given).error().contains("eve"), "what was sent is not repeated");
        assert_eq!(site.own(&token, "generate", &json!({})).status, 400, "there is none to fall back on");
        assert!(site.messages().is_empty());
    }
}

#[test]
fn templates_are_checked_when_a_method_is_written() {
    let server = Server::start();
    for (kind, settings) in [
        ("sms", json!({ "template": "{{ code" })),
        ("sms", json!({ "template": "no code" })),
        ("sms", json!({ "template": "{{ code }} {{ password }}" })),
        ("sms", json!({ "template": "x".repeat(700) + "{{ code }}" })),
        ("email", json!({ "subject": "a\r\nBcc: eve@example.com" })),
        (
            "email",
            json!({ "template": "{% set x = 'xxxxxxxx' %}".to_owned() + &"{% set x = x ~ x %}".repeat(60) + "{{ code }}" }),
        ),
        ("sms", json!({ "domain": "example.com #000000" })),
        ("sms", json!({ "lifetime": 601 })),
    ] {
        let refused = server.call("POST", &format!("identity/mfa/method/{kind}"), &settings);
        assert_eq!(refused.status, 400, "{settings} {refused:?}");
    }
    assert_eq!(server.call("LIST", "identity/mfa/method", &json!({})).status, 404);
}

#[test]
fn a_text_message_says_what_its_method_says_and_ends_with_the_line_for_browsers() {
    let site = Site::sms(&json!({
        "template": "{{ name }}, your code is {{ code }} for {{ minutes }} minutes.",
        "domain": "login.example.com", "length": 8, "alphabet": "base32",
    }));
    let (entity, _) = site.reached("alice", PHONE);
    let renamed = json!({ "name": "Eve\n@evil.example #0" });
    assert_eq!(site.server.call("POST", &format!("identity/entity/id/{entity}"), &renamed).status, 204);
    site.challenge(&entity);
    let sent = site.messages();
    let code = sent[0].code.expose();
    assert_eq!(code.len(), 8);
    let text = format!("Eve @evil.example #0, your code is {code} for 5 minutes.\n\n@login.example.com #{code}");
    assert_eq!(sent[0].text.expose(), &text);
    assert_eq!(site.validate(&entity, &code.to_lowercase()).status, 200, "case does not matter");
}

#[test]
fn asking_many_times_at_once_sends_one_message() {
    let site = Site::sms(&json!({}));
    let (entity, _) = site.reached("alice", PHONE);
    let totp = method(&site.server, "totp", &json!({ "issuer": "x" }));
    let (_, token) = site.reached("bob", OTHER);
    site.enforce(&[&totp, &site.method], &json!({}));
    let request = site.waiting("alice");
    let other = method(&site.server, "sms", &json!({}));
    let gate = Arc::new(Barrier::new(30));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..30)
            .map(|n| {
                let gate = gate.clone();
                let (site, entity, request, token, other) = (&site, &entity, &request, &token, &other);
                scope.spawn(move || {
                    gate.wait();
                    let generate = json!({ "method_id": other }).to_string();
                    match n % 3 {
                        0 => site.challenge(entity).status,
                        1 => site.challenge_login(request, &site.method).status,
                        _ => {
                            let headers = [("X-Vault-Token", token.as_str())];
                            site.server.ask("POST", "identity/mfa/method/sms/generate", &headers, &generate).status
                        }
                    }
                })
            })
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "one for each who asks: {statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 27);
    assert_eq!(site.messages().len(), 3);
}

#[test]
fn nobody_is_sent_a_code_from_another_namespace_or_after_they_were_disabled() {
    let site = Site::sms(&json!({}));
    let (entity, _) = site.reached("alice", PHONE);
    site.server.call("POST", "sys/namespaces/team", &json!({}));
    let body = json!({ "method_id": site.method, "entity_id": entity }).to_string();
    let from_team = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "team")];
    let told = site.server.ask("POST", "identity/mfa/challenge", &from_team, &body);
    assert_eq!(told.status, 200, "as for nobody");
    let path = format!("identity/entity/id/{entity}");
    assert_eq!(site.server.call("POST", &path, &json!({ "disabled": true })).status, 204);
    assert_eq!(site.challenge(&entity).status, 200);
    assert!(site.messages().is_empty());
    assert_eq!(site.server.call("POST", &path, &json!({ "disabled": false })).status, 204);
    site.server.advance(30);
    site.challenge(&entity);
    let code = site.code();
    site.server.call("POST", &path, &json!({ "disabled": true }));
    assert_eq!(site.validate(&entity, &code).status, 403);
    assert_eq!(site.server.call("DELETE", &path, &json!({})).status, 204);
    site.server.advance(30);
    site.challenge(&entity);
    assert!(site.messages().is_empty());
    assert_eq!(site.server.call("DELETE", &format!("identity/mfa/method/sms/{}", site.method), &json!({})).status, 204);
    assert_eq!(site.challenge(&entity).status, 400);
}

#[test]
fn an_answer_may_be_wrapped_and_its_code_is_sent_all_the_same() {
    let site = Site::sms(&json!({}));
    let (_, token) = site.person("alice");
    let body = json!({ "method_id": site.method, "phone": PHONE }).to_string();
    let headers = [("X-Vault-Token", token.as_str()), ("X-Vault-Wrap-TTL", "60")];
    let wrapped = site.server.ask("POST", "identity/mfa/method/sms/generate", &headers, &body);
    let inside = [("X-Vault-Token", wrapped.text("wrap_info.token"))];
    let inside: Vec<(&str, &str)> = inside.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let unwrapped = site.server.ask("POST", "sys/wrapping/unwrap", &inside, "{}");
    assert_eq!(unwrapped.at("data.recipient"), &json!("+*****61"));
    let code = site.code();
    assert_eq!(site.own(&token, "verify", &json!({ "passcode": code })).status, 200);
}

#[test]
fn an_address_that_was_proven_meanwhile_is_not_taken_over_by_a_login_that_began_before() {
    let site = Site::sms(&json!({ "enable_self_enrollment": true }));
    let (entity, _) = site.person("alice");
    site.enforce(&[&site.method], &json!({}));
    let request = site.waiting("alice");
    let body = json!({ "mfa_request_id": request, "mfa_method_id": site.method, "phone": OTHER }).to_string();
    assert_eq!(site.server.ask("POST", "identity/mfa/method/sms/self-enroll", &[], &body).status, 200);
    let code = site.code();
    let elsewhere = method(&site.server, "sms", &json!({}));
    let vouched = json!({ "method_id": elsewhere, "entity_id": entity, "phone": PHONE, "verified": true });
    assert_eq!(site.server.call("POST", "identity/mfa/method/sms/admin-generate", &vouched).status, 200);
    assert_eq!(site.answer(&request, &site.method, &code).status, 403);
    let ask = json!({ "method_id": elsewhere, "entity_id": entity });
    site.server.call("POST", "identity/mfa/challenge", &ask);
    assert_eq!(site.messages()[0].to.expose(), PHONE);
}

#[test]
fn what_would_cost_too_much_is_not_sent_and_an_application_learns_nothing_of_it() {
    let budgets = Budgets { number: 2, ..Budgets::default() };
    let costs = Costs { budgets, ..Costs::anywhere() };
    let store = Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap());
    let server = Server::with(store, Settings::default(), |engine| engine.with_costs(costs));
    let site = Site::over(server, "sms", &json!({ "resend_pause": 0, "enable_self_enrollment": true }));
    let (entity, _) = site.reached("alice", PHONE);
    site.person("bob");
    for _ in 0..2 {
        assert_eq!(site.challenge(&entity).status, 200);
    }
    let code = site.messages()[1].code.expose().clone();
    let told = site.challenge(&entity);
    assert_eq!((told.status, told.at("data.lifetime")), (200, &json!(300)));
    assert!(site.messages().is_empty());
    assert_eq!(site.validate(&entity, &code).status, 200, "the last code that was sent is still good");
    site.enforce(&[&site.method], &json!({}));
    let waits = site.login("alice");
    assert_eq!(waits.at("warnings.1"), &Value::Null, "nothing is said to have been sent");
    let request = waits.text("auth.mfa_requirement.mfa_request_id");
    let refused = site.challenge_login(&request, &site.method);
    assert_eq!((refused.status, refused.error()), (403, "no message can be sent to this address now".into()));
    // No draft is left where no code was sent.
    let request = site.waiting("bob");
    let body = json!({ "mfa_request_id": request, "mfa_method_id": site.method, "phone": PHONE }).to_string();
    assert_eq!(site.server.ask("POST", "identity/mfa/method/sms/self-enroll", &[], &body).status, 403);
    assert!(site.answer(&request, &site.method, "000000").error().contains("not present in entity"));
    assert!(site.messages().is_empty());
}
