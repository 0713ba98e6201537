//! Logins under enforcement: what is asked, what satisfies it, and what does not. First factors are proven here by fiat.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use countersign::engine::Error;
use countersign::engine::logins::{Admission, FirstFactor, Fresh, Requirement, admit};
use countersign::engine::requirements::{Answer as Given, Offer};
use countersign::id::{EntityId, GroupId};
use countersign::model::entity::Entity;
use countersign::model::group::Group;
use countersign::model::mount::{Mount, TokenSettings};
use countersign::model::namespace::Scope;
use countersign::secret::Secret;
use countersign::storage::tables::{ENTITIES, GROUPS, MOUNTS, entity_key};
use serde_json::{Value, json};

use crate::identity::mount;
use crate::support::{Answer, Enrolled, START, Server, authenticator};

const GENERIC: &str = "MFA credentials not supplied or incorrect";

/// A server with an auth mount in `scope`.
struct Site {
    server: Server,
    mount: Mount,
}

impl Site {
    fn new() -> Self {
        Self::over(Server::start(), "")
    }

    /// In the namespace at `path`, which must be there.
    fn over(server: Server, path: &'static str) -> Self {
        let mount = mount(&server, path, "userpass");
        Self { server, mount }
    }

    /// Prove a first factor as `name`, and offer `offer` with it.
    fn admit(&self, name: &str, offer: Option<Offer>) -> Result<Admission, Error> {
        let engine = &self.server.engine;
        let access = engine.access().unwrap();
        let proven = FirstFactor {
            mount: self.mount.clone(),
            name: name.into(),
            path: format!("auth/userpass/login/{name}"),
            display_name: format!("userpass-{name}"),
            metadata: BTreeMap::from([("username".into(), name.into())]),
            token: TokenSettings::default(),
            offer,
            codes: Vec::new(),
            fresh: Fresh::draw(engine.entropy.as_ref(), &self.mount.scope),
        };
        let clock = engine.time.observe(engine.now());
        engine.store.write(engine.now(), move |tx| admit(tx, &access, &proven, clock)).wait()
    }

    /// A login that waits.
    fn pending(&self, name: &str) -> Requirement {
        let Admission::Requirement(requirement) = self.admit(name, None).unwrap() else { panic!("nothing was asked") };
        requirement
    }

    fn request(&self, name: &str) -> String {
        self.pending(name).request_id.expose().clone()
    }

    /// A login in one phase: whether it came to a token.
    fn single_phase(&self, name: &str, answers: &[(&str, &str)]) -> bool {
        let answer = |text: &str| Given::Given(Some(Secret::new(text.to_owned())));
        let answers = answers.iter().map(|(method, code)| ((*method).to_owned(), answer(code))).collect();
        match self.admit(name, Some(Offer::new(answers))).unwrap() {
            Admission::Token(_) => true,
            Admission::Refused(_) => false,
            Admission::Unasked(_) | Admission::Requirement(_) => panic!("the offer was not looked at"),
        }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.at(&self.mount.scope.path, method, path, body)
    }

    fn at(&self, namespace: &str, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
        self.server.ask(method, path, &headers, &body.to_string())
    }

    fn validate(&self, request: &str, payload: &Value) -> Answer {
        self.validate_at(&self.mount.scope.path, request, payload)
    }

    fn validate_at(&self, namespace: &str, request: &str, payload: &Value) -> Answer {
        let body = json!({ "mfa_request_id": request, "mfa_payload": payload });
        self.server.ask("POST", "sys/mfa/validate", &[("X-Vault-Namespace", namespace)], &body.to_string())
    }

    fn answer(&self, request: &str, who: &Enrolled, code: &str) -> Answer {
        self.validate(request, &json!({ &who.method: [code] }))
    }

    fn method(&self, settings: &Value) -> String {
        self.call("POST", "identity/mfa/method/totp", settings).text("data.method_id")
    }

    /// Log in once without anything asked, so that the entity is there.
    fn entity(&self, name: &str) -> String {
        let Admission::Token(created) = self.admit(name, None).unwrap() else { panic!("something was asked") };
        created.token.entity.unwrap().to_string()
    }

    fn generate(&self, method: &str, entity: &str) -> Enrolled {
        let asked = json!({ "method_id": method, "entity_id": entity });
        let url = self.call("POST", "identity/mfa/method/totp/admin-generate", &asked).text("data.url");
        Enrolled { method: method.into(), entity: entity.into(), authenticator: authenticator(&url) }
    }

    /// Somebody who is enrolled under a method that everybody who logs in must prove.
    fn enforced(&self, settings: &Value) -> Enrolled {
        let method = self.method(settings);
        let entity = self.entity("alice");
        let who = self.generate(&method, &entity);
        self.enforce("main", &[&method]);
        who
    }

    fn enforce(&self, name: &str, methods: &[&str]) {
        let asked = json!({ "mfa_method_ids": methods, "auth_method_types": ["userpass"] });
        let path = format!("identity/mfa/login-enforcement/{name}");
        let answer = self.call("POST", &path, &asked);
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    fn entity_record(&self, id: &str, change: impl Fn(&mut Entity) + Send + 'static) {
        let access = self.server.engine.access().unwrap();
        let key = entity_key(&access, &EntityId::new(id));
        let job = move |tx: &mut dyn countersign::storage::Tx| {
            let mut entity = ENTITIES.get(tx, &access, key)?.unwrap();
            change(&mut entity);
            ENTITIES.put(tx, &access, &entity)
        };
        self.server.engine.store.write(self.server.engine.now(), job).wait().unwrap();
    }

    fn self_enrol(&self, request: &str, method: &str) -> Answer {
        let body = json!({ "mfa_request_id": request, "mfa_method_id": method });
        let headers = [("X-Vault-Namespace", self.mount.scope.path.as_str())];
        self.server.ask("POST", "identity/mfa/method/totp/self-enroll", &headers, &body.to_string())
    }

    /// Enrol oneself in the login that waits.
    fn drafted(&self, request: &str, method: &str) -> Enrolled {
        let url = self.self_enrol(request, method).text("data.url");
        Enrolled { method: method.into(), entity: String::new(), authenticator: authenticator(&url) }
    }
}

fn refusal(enforcement: &str, details: &[&str], methods: &[&str]) -> String {
    let failed = format!("login MFA validation failed for methodID: [{}]", methods.join(" "));
    let texts: Vec<String> = details.iter().map(|text| format!("\n\t* {text}")).collect();
    let count = details.len() + 1;
    let errors = if count == 1 { "error" } else { "errors" };
    format!(
        "failed to satisfy enforcement {enforcement}. error: {count} {errors} occurred:{}\n\t* {failed}\n\n",
        texts.concat()
    )
}

#[test]
fn a_login_waits_for_its_second_factor_and_is_completed_once() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example", "method_name": "corp" }));
    let asked = site.pending("alice");
    assert_eq!(asked.constraints.len(), 1);
    assert_eq!(asked.constraints[0].name, "main");
    assert_eq!(asked.constraints[0].choices[0].id.as_str(), who.method);
    assert!(asked.constraints[0].choices[0].uses_passcode && !asked.constraints[0].choices[0].self_enrolment);
    let request = asked.request_id.expose();
    let wrong = site.answer(request, &who, &site.server.wrong(&who));
    assert_eq!((wrong.status, wrong.error()), (403, refusal("main", &[GENERIC], &[&who.method])));
    site.server.advance(100);
    let done = site.answer(request, &who, &site.server.code(&who, 0));
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.at("auth.entity_id"), &json!(who.entity));
    assert_eq!(done.at("auth.mfa_requirement"), &Value::Null);
    assert_eq!(done.at("auth.lease_duration"), &json!(2_764_800), "time runs from here, not from the first phase");
    let token = done.text("auth.client_token");
    let seen = site.server.ask("GET", "auth/token/lookup-self", &[("X-Vault-Token", &token)], "");
    assert_eq!(seen.at("data.path"), &json!("auth/userpass/login/alice"));
    assert_eq!(seen.at("data.creation_time"), &json!(START.as_secs() + 100));
    let again = site.answer(request, &who, &site.server.code(&who, 1));
    assert_eq!((again.status, again.error()), (400, "invalid request ID".into()));
}

#[test]
fn no_spelling_of_a_used_code_is_good_for_another_login() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example", "method_name": "corp", "max_validation_attempts": 100 }));
    let code = site.server.code(&who, 0);
    assert_eq!(site.answer(&site.request("alice"), &who, &code).status, 200);
    let request = site.request("alice");
    let named = format!("passcode={code}");
    let wide: String = code.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap()).collect();
    let spaced = [&code[..3], " ", &code[3..]].concat();
    let spellings = [
        code.clone(),
        named.clone(),
        format!(" {code}"),
        format!("{code} "),
        format!("{code}\n"),
        format!("passcode= {code}"),
        spaced,
        wide,
    ];
    for spelling in spellings {
        let refused = site.answer(&request, &who, &spelling);
        assert_eq!((refused.status, refused.error()), (403, refusal("main", &[GENERIC], &[&who.method])), "{spelling}");
        assert!(!site.single_phase("alice", &[(&who.method, &spelling)]), "{spelling}");
    }
    for method in ["corp", &who.method] {
        assert_eq!(site.validate(&request, &json!({ method: [named] })).status, 403);
    }
    site.server.advance(30);
    assert_eq!(site.answer(&request, &who, &code).status, 403, "still in its window");
    assert_eq!(site.server.validate(&who, &code).status, 403, "nor for an application");
    assert_eq!(site.answer(&request, &who, &site.server.code(&who, 0)).status, 200);
}

#[test]
fn one_right_code_sent_a_hundred_times_at_once_makes_one_token() {
    let site = Arc::new(Site::new());
    let who = Arc::new(site.enforced(&json!({ "issuer": "example", "max_validation_attempts": 1000 })));
    let code = site.server.code(&who, 0);
    // Half of them for one login, half for as many others.
    let shared = site.request("alice");
    let requests: Vec<String> =
        (0..100).map(|n| if n % 2 == 0 { shared.clone() } else { site.request("alice") }).collect();
    let barrier = Arc::new(Barrier::new(100));
    let threads = requests.into_iter().map(|request| {
        let (site, who, code, barrier) = (site.clone(), who.clone(), code.clone(), barrier.clone());
        std::thread::spawn(move || {
            barrier.wait();
            site.answer(&request, &who, &code).status
        })
    });
    let threads: Vec<_> = threads.collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

#[test]
fn a_login_waits_five_minutes_whatever_is_tried() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example" }));
    let (early, late) = (site.request("alice"), site.request("alice"));
    site.server.advance(299);
    assert_eq!(site.answer(&early, &who, &site.server.wrong(&who)).status, 403);
    assert_eq!(site.answer(&early, &who, &site.server.code(&who, 0)).status, 200);
    assert_eq!(site.answer(&late, &who, &site.server.wrong(&who)).status, 403);
    site.server.advance(1);
    let over = site.answer(&late, &who, &site.server.code(&who, 1));
    assert_eq!((over.status, over.error()), (400, "invalid request ID".into()));
    assert_eq!(site.self_enrol(&late, &who.method).error(), "invalid request ID");
}

#[test]
fn a_login_is_completed_in_its_own_namespace_only() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/team", &json!({}));
    server.ask("POST", "sys/namespaces/below", &[("X-Vault-Token", "root"), ("X-Vault-Namespace", "team")], "{}");
    let site = Site::over(server, "team/");
    let who = site.enforced(&json!({ "issuer": "example", "method_name": "corp" }));
    let request = site.request("alice");
    let code = site.server.code(&who, 0);
    for elsewhere in ["", "team/below"] {
        let refused = site.validate_at(elsewhere, &request, &json!({ &who.method: [code] }));
        assert_eq!((refused.status, refused.error()), (400, "invalid request ID".into()), "{elsewhere:?}");
    }
    let bare = site.validate(&request, &json!({ "corp": [code] }));
    let wanted = format!(
        "failed to satisfy enforcement main. error: failed to sanitize MFA creds, 1 error occurred:\n\t* failed to find MFA credentials associated with an MFA method ID {}, method name team/corp\n\n",
        who.method
    );
    assert_eq!((bare.status, bare.error()), (403, wanted), "a name counts behind the path of its namespace");
    assert_eq!(site.validate(&request, &json!({ "team/corp": [code] })).status, 200);
}

#[test]
fn what_is_asked_is_looked_up_when_it_is_answered() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example" }));
    let request = site.request("alice");
    site.call("DELETE", "identity/mfa/login-enforcement/main", &json!({}));
    let nothing = site.answer(&request, &who, &site.server.code(&who, 0));
    assert_eq!((nothing.status, nothing.error()), (400, "found nil or empty MFAEnforcement configuration".into()));
    let other = site.method(&json!({ "issuer": "other" }));
    site.enforce("other", &[&other]);
    assert_eq!(site.answer(&request, &who, &site.server.code(&who, 0)).status, 403, "the rule has changed");
    let second = site.generate(&other, &who.entity);
    assert_eq!(site.answer(&request, &second, &site.server.code(&second, 0)).status, 200);
}

#[test]
fn whoever_may_no_longer_log_in_completes_no_login() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example" }));
    let request = site.request("alice");
    site.entity_record(&who.entity, |entity| entity.disabled = true);
    let disabled = site.answer(&request, &who, &site.server.code(&who, 0));
    assert_eq!((disabled.status, disabled.error()), (403, "permission denied".into()));
    assert!(matches!(site.admit("alice", None), Err(Error::Denied)));
    site.entity_record(&who.entity, |entity| entity.disabled = false);
    site.call(
        "POST",
        "identity/mfa/method/totp/admin-destroy",
        &json!({ "method_id": who.method, "entity_id": who.entity }),
    );
    let destroyed = site.answer(&request, &who, &site.server.code(&who, 0));
    let text = format!("MFA secret for method name \"\" not present in entity \"{}\"", who.entity);
    assert_eq!((destroyed.status, destroyed.error()), (403, refusal("main", &[&text], &[&who.method])));
    site.call("DELETE", &format!("identity/entity/id/{}", who.entity), &json!({}));
    let gone = site.answer(&request, &who, "123456");
    assert_eq!((gone.status, gone.error()), (403, "permission denied".into()));
}

#[test]
fn a_mount_that_is_gone_completes_no_login() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example" }));
    let request = site.request("alice");
    let access = site.server.engine.access().unwrap();
    let key = countersign::storage::tables::mount_key(&access, &site.mount.scope.id, &site.mount.path);
    site.server.engine.store.write(START, move |tx| MOUNTS.delete(tx, key)).wait().unwrap();
    assert_eq!(site.answer(&request, &who, &site.server.code(&who, 0)).status, 403);
}

#[test]
fn one_code_satisfies_every_enforcement_that_names_its_method_and_is_counted_once() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example", "max_validation_attempts": 2 }));
    site.enforce("again", &[&who.method]);
    let request = site.request("alice");
    assert_eq!(site.pending("alice").constraints.len(), 2);
    assert_eq!(site.answer(&request, &who, &site.server.wrong(&who)).status, 403);
    assert_eq!(site.answer(&request, &who, &site.server.code(&who, 0)).status, 200, "the second of two attempts");
    assert!(site.single_phase("alice", &[(&who.method, &site.server.code(&who, 1))]));
}

#[test]
fn every_enforcement_must_be_satisfied_and_a_code_that_was_right_is_spent_even_so() {
    let site = Site::new();
    let first = site.enforced(&json!({ "issuer": "first" }));
    let method = site.method(&json!({ "issuer": "second" }));
    let second = site.generate(&method, &first.entity);
    site.enforce("other", &[&method]);
    let request = site.request("alice");
    let (a, b) = (site.server.code(&first, 0), site.server.code(&second, 0));
    let only = site.validate(&request, &json!({ &first.method: [a] }));
    assert!(only.error().starts_with("failed to satisfy enforcement other. error: failed to sanitize MFA creds"));
    let one_wrong = json!({ &first.method: [site.server.wrong(&first)], &method: [b] });
    assert!(site.validate(&request, &one_wrong).error().contains("enforcement main"));
    let both = json!({ &first.method: [a], &method: [b] });
    assert_eq!(site.validate(&request, &both).status, 403, "the second code is spent");
    site.server.advance(30);
    let both = json!({ &first.method: [site.server.code(&first, 0)], &method: [site.server.code(&second, 0)] });
    assert_eq!(site.validate(&request, &both).status, 200, "a period later all is well");
}

#[test]
fn any_method_of_an_enforcement_will_do() {
    let site = Site::new();
    let first = site.enforced(&json!({ "issuer": "first" }));
    let method = site.method(&json!({ "issuer": "second" }));
    let second = site.generate(&method, &first.entity);
    let okta = site.call("POST", "identity/mfa/method/okta", &json!({ "org_name": "o", "api_token": "t" }));
    let okta = okta.text("data.method_id");
    site.enforce("main", &[&first.method, &okta, &method]);
    let request = site.request("alice");
    let payload = json!({ &first.method: [site.server.wrong(&first)], &okta: [""], &method: ["12345"] });
    let refused = site.validate(&request, &payload);
    let all = refusal("main", &[GENERIC, GENERIC, GENERIC], &[&first.method, &okta, &method]);
    assert_eq!((refused.status, refused.error()), (403, all), "nobody answers for a provider that was not asked");
    let payload = json!({ &first.method: [site.server.wrong(&first)], &method: [site.server.code(&second, 0)] });
    assert_eq!(site.validate(&request, &payload).status, 200);
}

#[test]
fn a_limit_belongs_to_the_entity_and_the_method_and_nothing_resets_it() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example", "method_name": "corp", "max_validation_attempts": 3 }));
    let request = site.request("alice");
    assert_eq!(site.answer(&request, &who, &site.server.wrong(&who)).status, 403);
    assert!(!site.single_phase("alice", &[("corp", &site.server.wrong(&who))]));
    assert_eq!(site.server.validate(&who, &site.server.wrong(&who)).status, 403);
    let shut = |attempt: u32, secs: u32| {
        let text = format!(
            "maximum TOTP validation attempts {attempt} exceeded the allowed attempts 3. Please try again in {secs:02} seconds"
        );
        refusal("main", &[&text], &[&who.method])
    };
    let code = site.server.code(&who, 0);
    assert_eq!(site.answer(&request, &who, &code).error(), shut(4, 30));
    site.server.advance(13);
    assert_eq!(site.validate(&request, &json!({ "corp": [code] })).error(), shut(5, 17));
    assert_eq!(site.answer(&site.request("alice"), &who, &code).error(), shut(6, 17));
    assert!(!site.single_phase("alice", &[(&who.method, &code)]));
    for malformed in ["12345", "", " 123456"] {
        assert_eq!(site.answer(&request, &who, malformed).error(), refusal("main", &[GENERIC], &[&who.method]));
    }
    site.server.advance(17);
    assert_eq!(site.answer(&request, &who, &site.server.code(&who, 0)).status, 200);
}

#[test]
fn parallel_guesses_at_many_logins_are_counted_one_by_one() {
    let site = Arc::new(Site::new());
    let who = Arc::new(site.enforced(&json!({ "issuer": "example", "max_validation_attempts": 3 })));
    let (wrong, barrier) = (site.server.wrong(&who), Arc::new(Barrier::new(32)));
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let (site, who, wrong, barrier) = (site.clone(), who.clone(), wrong.clone(), barrier.clone());
            let request = site.request("alice");
            std::thread::spawn(move || {
                barrier.wait();
                site.answer(&request, &who, &wrong).error()
            })
        })
        .collect();
    let errors: Vec<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(errors.iter().filter(|error| error.contains(GENERIC)).count(), 3);
}

#[test]
fn a_code_of_somebody_else_is_no_good_and_spends_nothing() {
    let site = Site::new();
    let method = site.method(&json!({ "issuer": "example" }));
    let (alice, bob) = (site.entity("alice"), site.entity("bob"));
    let (alice, bob) = (site.generate(&method, &alice), site.generate(&method, &bob));
    site.enforce("main", &[&method]);
    let request = site.request("bob");
    assert_eq!(site.answer(&request, &alice, &site.server.code(&alice, 0)).status, 403);
    assert_eq!(site.answer(&request, &bob, &site.server.code(&bob, 0)).status, 200);
    assert!(site.single_phase("alice", &[(&method, &site.server.code(&alice, 0))]));
}

#[test]
fn one_phase_is_as_good_as_two_and_leaves_nothing_waiting() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example" }));
    assert!(!site.single_phase("alice", &[(&who.method, &site.server.wrong(&who))]));
    assert!(!site.single_phase("alice", &[("nothing", &site.server.code(&who, 0))]));
    assert!(!site.single_phase("alice", &[]));
    assert!(site.single_phase("alice", &[("nothing", "1"), (&who.method, &site.server.code(&who, 0))]));
    assert!(!site.single_phase("alice", &[(&who.method, &site.server.code(&who, 0))]));
    site.call("DELETE", "identity/mfa/login-enforcement/main", &json!({}));
    let offer = Offer::new(BTreeMap::from([("x".to_owned(), Given::Given(None))]));
    assert!(matches!(site.admit("alice", Some(offer)), Ok(Admission::Unasked(_))));
}

#[test]
fn an_enforcement_reaches_members_of_groups_inside_its_groups() {
    let site = Site::new();
    let method = site.method(&json!({ "issuer": "example" }));
    let (alice, bob) = (site.entity("alice"), site.entity("bob"));
    let access = site.server.engine.access().unwrap();
    let group = |id: &str, entities: &[&str], groups: &[&str]| Group {
        entities: entities.iter().map(|id| EntityId::new(*id)).collect(),
        groups: groups.iter().map(|id| GroupId::new(*id)).collect(),
        ..Group::new(GroupId::new(id), Scope::root(), id.into(), START)
    };
    // A ring, which no API makes, must not hang a login.
    let groups =
        [group("inner", &[&alice], &["outer"]), group("middle", &[], &["inner"]), group("outer", &[], &["middle"])];
    let job =
        move |tx: &mut dyn countersign::storage::Tx| groups.iter().try_for_each(|group| GROUPS.put(tx, &access, group));
    site.server.engine.store.write(START, job).wait().unwrap();
    let asked = json!({ "mfa_method_ids": [method], "identity_group_ids": ["outer"] });
    assert_eq!(site.call("POST", "identity/mfa/login-enforcement/ops", &asked).status, 204);
    assert_eq!(site.pending("alice").constraints[0].name, "ops");
    assert_eq!(site.entity("bob"), bob);
}

#[test]
fn enforcements_are_inherited_and_two_of_one_name_are_both_shown_and_both_checked() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/team", &json!({}));
    let root = Site::over(server, "");
    let above = root.method(&json!({ "issuer": "above", "method_name": "m" }));
    root.enforce("main", &[&above]);
    let site = Site::over(root.server, "team/");
    let below = site.method(&json!({ "issuer": "below", "method_name": "m" }));
    site.enforce("main", &[&below]);
    let asked = site.pending("alice");
    let names: Vec<&str> = asked.constraints.iter().map(|constraint| constraint.name.as_str()).collect();
    assert_eq!(names, ["main", "team/main"]);
    let found = site.call("GET", "identity/mfa/login-enforcement/main", &json!({}));
    assert_eq!(found.at("data.mfa_method_ids"), &json!([below]), "only its own are read in a namespace");
    let entities = site.call("LIST", "identity/entity/id", &json!({}));
    let entity = entities.text("data.keys.0");
    let (above, below) = (site.generate(&above, &entity), site.generate(&below, &entity));
    let request = asked.request_id.expose();
    let (a, b) = (site.server.code(&above, 0), site.server.code(&below, 0));
    assert_eq!(site.validate(request, &json!({ "team/m": [b] })).status, 403);
    assert_eq!(site.validate(request, &json!({ "m": [a], "team/m": [b] })).status, 200);
}

#[test]
fn an_enforcement_is_checked_before_it_is_set_up() {
    let site = Site::new();
    let method = site.method(&json!({ "issuer": "example" }));
    let none = "00000000-0000-0000-0000-000000000000";
    let path = "identity/mfa/login-enforcement/foo";
    let cases = [
        (json!({ "mfa_method_ids": [], "auth_method_types": ["userpass"] }), "missing method ids"),
        (json!({ "auth_method_types": ["ldap"] }), "missing method ids"),
        (
            json!({ "mfa_method_ids": [none], "auth_method_types": ["ldap"] }),
            "one of the provided method ids doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method], "auth_method_accessors": ["x"], "auth_method_types": ["ldap"] }),
            "one of the auth method accessors provided is invalid",
        ),
        (
            json!({ "mfa_method_ids": [method], "auth_method_types": ["nosuch"], "identity_group_ids": [none] }),
            "one of the auth method types provided is invalid",
        ),
        (
            json!({ "mfa_method_ids": [method], "identity_group_ids": [none], "identity_entity_ids": [none] }),
            "one of the provided group ids doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method], "identity_entity_ids": [none] }),
            "one of the provided entity ids doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method] }),
            "One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified",
        ),
    ];
    for (body, text) in cases {
        let refused = site.call("POST", path, &body);
        assert_eq!((refused.status, refused.error()), (400, text.into()), "{body}");
    }
    assert_eq!(site.call("GET", path, &json!({})).status, 404);
    let token_mount = site.call("GET", "sys/auth", &json!({})).text("data.token/.accessor");
    let asked = json!({ "mfa_method_ids": method, "auth_method_accessors": [token_mount, token_mount] });
    assert_eq!(site.call("POST", path, &asked).status, 204);
    let read = site.call("GET", path, &json!({}));
    assert_eq!(read.at("data.auth_method_accessors"), &json!([token_mount]));
    assert_eq!(read.at("data.auth_method_types"), &json!([]));
    let id = read.text("data.id");
    assert_eq!(
        site.call("POST", path, &json!({ "mfa_method_ids": [method], "auth_method_types": ["userpass"] })).status,
        204
    );
    let read = site.call("GET", path, &json!({}));
    assert_eq!(read.at("data.auth_method_accessors"), &json!([token_mount]), "what was not said stays");
    assert_eq!(read.text("data.id"), id);
    let in_use = site.call("DELETE", &format!("identity/mfa/method/totp/{method}"), &json!({}));
    let text = format!("methodID is still used by an enforcement configuration with ID: {id}");
    assert_eq!((in_use.status, in_use.error()), (400, format!("1 error occurred:\n\t* {text}\n\n")));
    for _ in 0..2 {
        assert_eq!(site.call("DELETE", path, &json!({})).status, 204);
    }
    assert_eq!(site.call("LIST", "identity/mfa/login-enforcement", &json!({})).status, 404);
    assert_eq!(site.call("DELETE", &format!("identity/mfa/method/totp/{method}"), &json!({})).status, 204);
}

#[test]
fn the_enforcements_of_a_deleted_namespace_hold_no_method() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/team", &json!({}));
    let site = Site::over(server, "team/");
    let method = site.at("", "POST", "identity/mfa/method/totp", &json!({ "issuer": "x" })).text("data.method_id");
    site.enforce("main", &[&method]);
    let path = format!("identity/mfa/method/totp/{method}");
    assert_eq!(site.at("", "DELETE", &path, &json!({})).status, 400);
    site.at("", "DELETE", "sys/namespaces/team", &json!({}));
    assert_eq!(site.at("", "DELETE", &path, &json!({})).status, 204);
    while site.server.engine.keep_house().unwrap() {}
}

#[test]
fn what_is_sent_to_validate_is_refused_in_order() {
    let site = Site::new();
    let who = site.enforced(&json!({ "issuer": "example" }));
    let send = |body: &Value| {
        let answer = site.server.ask("POST", "sys/mfa/validate", &[("X-Vault-Token", "nonsense")], &body.to_string());
        (answer.status, answer.error())
    };
    let bad = |text: &str| (400, text.to_owned());
    assert_eq!(send(&json!({ "mfa_payload": { "x": "1" } })), bad("missing request ID"));
    assert_eq!(send(&json!({ "mfa_request_id": "x", "mfa_payload": { "x": "1" } })), bad("invalid mfa payload"));
    assert_eq!(send(&json!({ "mfa_request_id": "x", "mfa_payload": { "x": ["1"] } })), bad("invalid request ID"));
    assert_eq!(send(&json!({ "mfa_request_id": "x".repeat(100_000) })), bad("invalid request ID"));
    let conversion = "Field validation failed: error converting input for field \"mfa_payload\": '' expected type 'map[string]interface {}', got unconvertible type 'string'";
    assert_eq!(send(&json!({ "mfa_request_id": "x", "mfa_payload": "text" })), bad(conversion));
    let request = site.request("alice");
    let refused = |credentials: Value| site.validate(&request, &json!({ &who.method: credentials })).error();
    assert_eq!(refused(Value::Null), refusal("main", &[], &[&who.method]));
    assert_eq!(refused(json!([])), refusal("main", &[GENERIC], &[&who.method]));
    let unreadable = |text: &str| refusal("main", &[&format!("failed to parse MFA factor, {text}")], &[&who.method]);
    assert_eq!(refused(json!(["passcode="])), unreadable("invalid passcode"));
    assert_eq!(refused(json!(["=="])), unreadable("found an invalid MFA cred: =="));
    assert_eq!(refused(json!(["1", "2"])), unreadable("found multiple passcodes for the same MFA method"));
    let nameless = site.validate(&request, &json!({ "": ["123456"] }));
    assert!(nameless.error().contains("failed to sanitize MFA creds"), "a method without a name is not meant by none");
    for (verb, status, error) in [("GET", 405, "unsupported operation"), ("LIST", 403, "permission denied")] {
        let answer = site.server.ask(verb, "sys/mfa/validate", &[], "");
        assert_eq!((answer.status, answer.error()), (status, error.into()), "{verb}");
    }
}

#[test]
fn the_header_for_one_phase_is_read_on_every_request() {
    let server = Server::start();
    let get =
        |path: &str, value: &str| server.ask("GET", path, &[("X-Vault-Token", "root"), ("X-Vault-MFA", value)], "");
    let broken = "failed to parse X-Vault-MFA header: invalid data in header \"X-Vault-MFA\"; missing";
    for (value, why) in [("x:", "method value"), (":1", "method name or ID"), (":", "method name or ID")] {
        let refused = get("auth/token/lookup-self", value);
        assert_eq!((refused.status, refused.error()), (400, format!("{broken} {why}")), "{value}");
        assert_eq!(get("sys/seal-status", value).status, 200);
    }
    for value in ["", "x", "x:1", "x:y:z"] {
        assert_eq!(get("auth/token/lookup-self", value).status, 200, "{value}");
    }
}

#[test]
fn somebody_without_an_authenticator_makes_one_during_the_login() {
    let site = Site::new();
    let method = site.method(&json!({ "issuer": "example", "method_name": "corp", "enable_self_enrollment": true }));
    let read = site.call("GET", &format!("identity/mfa/method/totp/{method}"), &json!({}));
    assert_eq!(read.at("data.enable_self_enrollment"), &json!(true));
    site.enforce("main", &[&method]);
    let asked = site.pending("alice");
    assert!(asked.constraints[0].choices[0].self_enrolment);
    let request = asked.request_id.expose();
    let mine = site.drafted(request, &method);
    assert_eq!(site.answer(request, &mine, &site.server.wrong(&mine)).status, 403);
    let other = site.request("alice");
    assert_eq!(
        site.answer(&other, &mine, &site.server.code(&mine, 0)).status,
        403,
        "a draft counts in its own login only"
    );
    let entity = site.call("LIST", "identity/entity/id", &json!({})).text("data.keys.0");
    let who = Enrolled { entity, ..mine };
    assert_eq!(site.server.validate(&who, &site.server.code(&who, 0)).status, 403, "and for no application");
    let code = site.server.code(&who, 0);
    assert_eq!(site.answer(request, &who, &code).status, 200);
    assert_eq!(site.server.validate(&who, &code).status, 403, "the code that bound it is spent");
    assert_eq!(site.server.validate(&who, &site.server.code(&who, 1)).status, 200, "now it is bound");
    let next = site.pending("alice");
    assert!(!next.constraints[0].choices[0].self_enrolment);
    let again = site.self_enrol(next.request_id.expose(), &method);
    assert_eq!((again.status, again.at("data")), (200, &Value::Null));
    assert_eq!(again.at("warnings"), &json!(["Entity already has a secret for MFA method \"corp\""]));
}

#[test]
fn a_second_draft_replaces_the_first() {
    let site = Site::new();
    let method = site.method(&json!({ "issuer": "example", "enable_self_enrollment": true }));
    site.enforce("main", &[&method]);
    let request = site.request("alice");
    let (first, second) = (site.drafted(&request, &method), site.drafted(&request, &method));
    assert_eq!(site.answer(&request, &first, &site.server.code(&first, 0)).status, 403);
    assert_eq!(site.answer(&request, &second, &site.server.code(&second, 0)).status, 200);
}

#[test]
fn of_two_logins_that_enrol_at_once_one_binds() {
    let site = Arc::new(Site::new());
    let method =
        site.method(&json!({ "issuer": "example", "enable_self_enrollment": true, "max_validation_attempts": 99 }));
    site.enforce("main", &[&method]);
    let barrier = Arc::new(Barrier::new(16));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let request = site.request("alice");
            let mine = site.drafted(&request, &method);
            let (site, barrier) = (site.clone(), barrier.clone());
            std::thread::spawn(move || {
                let code = site.server.code(&mine, 0);
                barrier.wait();
                (site.answer(&request, &mine, &code).status, mine)
            })
        })
        .collect();
    let done: Vec<(u16, Enrolled)> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let won: Vec<&Enrolled> = done.iter().filter(|(status, _)| *status == 200).map(|(_, who)| who).collect();
    assert_eq!(won.len(), 1);
    site.server.advance(60);
    let request = site.request("alice");
    assert_eq!(site.answer(&request, won[0], &site.server.code(won[0], 0)).status, 200, "and it is the one that won");
}

#[test]
fn guesses_at_a_draft_are_counted_by_the_same_guard() {
    let site = Site::new();
    let method = site.method(&json!({ "issuer": "x", "enable_self_enrollment": true, "max_validation_attempts": 2 }));
    site.enforce("main", &[&method]);
    let request = site.request("alice");
    for _ in 0..2 {
        let mine = site.drafted(&request, &method);
        assert!(site.answer(&request, &mine, &site.server.wrong(&mine)).error().contains(GENERIC));
    }
    let mine = site.drafted(&request, &method);
    let shut = site.answer(&request, &mine, &site.server.code(&mine, 0));
    assert!(shut.error().contains("maximum TOTP validation attempts 3 exceeded"), "{shut:?}");
    site.server.advance(30);
    assert_eq!(site.answer(&request, &mine, &site.server.code(&mine, 0)).status, 200);
}

#[test]
fn nobody_enrols_where_it_is_not_open() {
    let site = Site::new();
    let closed = site.method(&json!({ "issuer": "closed" }));
    let open = site.method(&json!({ "issuer": "open", "enable_self_enrollment": true }));
    let unasked = site.method(&json!({ "issuer": "unasked", "enable_self_enrollment": true }));
    let entity = site.entity("alice");
    site.enforce("main", &[&closed, &open]);
    let request = site.request("alice");
    let refused = |method: &str| {
        let answer = site.self_enrol(&request, method);
        assert_eq!(
            (answer.status, answer.error()),
            (400, format!("self-enrollment is not enabled for method ID \"{method}\""))
        );
    };
    refused(&closed);
    refused(&unasked);
    refused("00000000-0000-0000-0000-000000000000");
    let mine = site.drafted(&request, &open);
    // Whoever has one of two methods must use it: a stolen password chooses no second one.
    let first = site.generate(&closed, &entity);
    refused(&open);
    assert!(site.pending("alice").constraints[0].choices.iter().all(|choice| !choice.self_enrolment));
    assert_eq!(site.answer(&request, &mine, &site.server.code(&mine, 0)).status, 403, "nor one drafted before");
    assert_eq!(site.answer(&request, &first, &site.server.code(&first, 0)).status, 200);
    for (body, text) in [(json!({}), "missing request ID"), (json!({ "mfa_request_id": "x" }), "missing method ID")] {
        let answer = site.server.ask("POST", "identity/mfa/method/totp/self-enroll", &[], &body.to_string());
        assert_eq!((answer.status, answer.error()), (400, text.into()));
    }
    assert_eq!(site.self_enrol("x", &open).error(), "invalid request ID");
}

#[test]
fn a_draft_that_does_not_complete_its_login_is_not_bound() {
    let site = Site::new();
    let open = site.method(&json!({ "issuer": "open", "enable_self_enrollment": true }));
    let held = site.method(&json!({ "issuer": "held" }));
    let entity = site.entity("alice");
    let owner = site.generate(&held, &entity);
    site.enforce("a", &[&open]);
    site.enforce("b", &[&held]);
    let asked = site.pending("alice");
    assert!(asked.constraints.iter().flat_map(|constraint| &constraint.choices).all(|choice| !choice.self_enrolment));
    let request = asked.request_id.expose();
    let mine = site.drafted(request, &open);
    let half = json!({ &open: [site.server.code(&mine, 0)], &held: [site.server.wrong(&owner)] });
    assert!(site.validate(request, &half).error().contains("enforcement b"));
    let mine_now = Enrolled { entity: entity.clone(), ..mine };
    assert_eq!(site.server.validate(&mine_now, &site.server.code(&mine_now, 1)).status, 403, "not bound");
    let both = json!({ &open: [site.server.code(&mine_now, 1)], &held: [site.server.code(&owner, 0)] });
    assert_eq!(site.validate(request, &both).status, 200);
    site.server.advance(Duration::from_mins(1).as_secs());
    assert_eq!(site.server.validate(&mine_now, &site.server.code(&mine_now, 0)).status, 200);
}
