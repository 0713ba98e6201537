//! WebAuthn in Vault's manner: authenticators that others wrote register and assert, and one that lies is refused.

use serde_json::{Value, json};
use webauthn_authenticator_rs::WebauthnAuthenticator;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use crate::device::{BE, BS, Device, Format, UP, UV, authority, certified, encode, leaf_of, pem};
use crate::support::{Answer, Server};

const ORIGIN: &str = "https://login.acme.com";
const METHOD: &str = "identity/mfa/method/webauthn";
const GENERIC: &str = "MFA credentials not supplied or incorrect";

/// A server with a WebAuthn method, and users who log in with a password.
struct Site {
    server: Server,
    method: String,
}

impl Site {
    fn new() -> Self {
        Self::with(&json!({}))
    }

    /// With these settings of the method beside the usual ones.
    fn with(more: &Value) -> Self {
        let server = Server::start();
        assert_eq!(server.call("POST", "sys/auth/userpass", &json!({ "type": "userpass" })).status, 204);
        let mut settings =
            json!({ "rp_id": "acme.com", "rp_name": "Acme", "origins": [ORIGIN, "https://acme.com:8443"] });
        for (name, value) in more.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let method = server.call("POST", METHOD, &settings).text("data.method_id");
        let policy = format!("path \"{METHOD}/*\" {{ capabilities = [\"update\"] }}");
        let path = "sys/policies/acl/enrol";
        assert_eq!(server.call("POST", path, &json!({ "policy": policy })).status, 204);
        let site = Self { server, method };
        for name in ["alice", "bob"] {
            let user = json!({ "password": "correct horse", "token_policies": ["enrol"] });
            assert_eq!(site.server.call("POST", &format!("auth/userpass/users/{name}"), &user).status, 204);
        }
        site
    }

    fn log_in(&self, name: &str) -> Answer {
        self.server.call("POST", &format!("auth/userpass/login/{name}"), &json!({ "password": "correct horse" }))
    }

    /// A token of somebody of whom nothing more is asked, and their entity.
    fn token(&self, name: &str) -> (String, String) {
        let answer = self.log_in(name);
        (answer.text("auth.client_token"), answer.text("auth.entity_id"))
    }

    fn at(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.server.ask("POST", path, &[("X-Vault-Token", token)], &body.to_string())
    }

    fn generate(&self, token: &str) -> Answer {
        self.at(token, &format!("{METHOD}/generate"), &json!({ "method_id": self.method, "label": "key" }))
    }

    fn verify(&self, token: &str, registration: &str, credential: &Value) -> Answer {
        let body = json!({
            "method_id": self.method, "registration_id": registration, "credential": credential.to_string(),
        });
        self.at(token, &format!("{METHOD}/verify"), &body)
    }

    /// Have `device` registered by whoever has `token`.
    fn register(&self, token: &str, device: &mut Device) -> Answer {
        let begun = self.generate(token);
        self.verify(token, &begun.text("data.registration_id"), &device.register(&begun.body["data"]))
    }

    /// A token and an entity of alice, who has `device`.
    fn enrolled(&self, device: &mut Device) -> (String, String) {
        let (token, entity) = self.token("alice");
        let answer = self.register(&token, device);
        assert_eq!(answer.status, 200, "{answer:?}");
        (token, entity)
    }

    fn challenge(&self, entity: &str) -> Answer {
        self.server.call("POST", "identity/mfa/challenge", &json!({ "method_id": self.method, "entity_id": entity }))
    }

    fn validate(&self, entity: &str, assertion: &Value) -> Answer {
        let body = json!({ "method_id": self.method, "entity_id": entity, "passcode": assertion.to_string() });
        self.server.call("POST", "identity/mfa/validate", &body)
    }

    /// Have `device` prove `entity` to an application.
    fn prove(&self, entity: &str, device: &Device) -> Answer {
        let asked = self.challenge(entity);
        assert_eq!(asked.status, 200, "{asked:?}");
        self.validate(entity, &device.assert(&asked.body["data"]))
    }

    fn enforce(&self) {
        let asked = json!({ "mfa_method_ids": [self.method], "auth_method_types": ["userpass"] });
        assert_eq!(self.server.call("POST", "identity/mfa/login-enforcement/main", &asked).status, 204);
    }

    /// The request id of a login that waits.
    fn waiting(&self, name: &str) -> String {
        self.log_in(name).text("auth.mfa_requirement.mfa_request_id")
    }

    fn challenge_in(&self, request: &str) -> Answer {
        let body = json!({ "mfa_request_id": request, "method_id": self.method });
        self.server.ask("POST", "sys/mfa/challenge", &[], &body.to_string())
    }

    fn complete(&self, request: &str, answer: &str) -> Answer {
        let body = json!({ "mfa_request_id": request, "mfa_payload": { &self.method: [answer] } });
        self.server.ask("POST", "sys/mfa/validate", &[], &body.to_string())
    }

    fn self_enrol(&self, request: &str) -> Answer {
        let body = json!({ "mfa_request_id": request, "mfa_method_id": self.method });
        self.server.ask("POST", &format!("{METHOD}/self-enroll"), &[], &body.to_string())
    }

    fn unlock(&self, entity: &str) {
        let body = json!({ "method_id": self.method, "entity_id": entity });
        assert_eq!(self.server.call("POST", &format!("{METHOD}/admin-unlock"), &body).status, 204);
    }
}

fn device() -> Device {
    Device::new(ORIGIN, "acme.com")
}

/// That an assertion was refused as any wrong passcode is.
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {answer:?}");
    assert!(answer.error().contains(GENERIC), "{what}: {answer:?}");
}

#[test]
fn a_security_key_of_another_hand_registers_and_completes_a_login() {
    let site = Site::new();
    let (token, _) = site.token("alice");
    let mut authenticator = SoftPasskey::new(true);
    let origin = url::Url::parse(ORIGIN).unwrap();

    let begun = site.generate(&token);
    let mut options = json!({ "publicKey": begun.body["data"]["publicKey"] });
    options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = false.into();
    let created = authenticator.do_registration(origin.clone(), serde_json::from_value(options).unwrap()).unwrap();
    let created = serde_json::to_value(created).unwrap();
    let registered = site.verify(&token, &begun.text("data.registration_id"), &created);
    assert_eq!(registered.status, 200, "{registered:?}");

    site.enforce();
    let request = site.waiting("alice");
    let asked = site.challenge_in(&request);
    let options = serde_json::from_value(json!({ "publicKey": asked.body["data"]["publicKey"] })).unwrap();
    let asserted = authenticator.do_authentication(origin, options).unwrap();
    let done = site.complete(&request, &serde_json::to_string(&asserted).unwrap());
    assert_eq!(done.status, 200, "{done:?}");
    assert!(!done.text("auth.client_token").is_empty());
}

#[test]
fn an_assertion_counts_once_and_only_for_its_own_challenge() {
    let site = Site::new();
    let mut device = device();
    let (_, entity) = site.enrolled(&mut device);
    let asked = site.challenge(&entity);
    let assertion = device.assert(&asked.body["data"]);
    assert_eq!(site.validate(&entity, &assertion).status, 200);
    assert_refused(&site.validate(&entity, &assertion), "a replayed assertion");
    let again = site.challenge(&entity);
    assert_ne!(asked.body["data"]["publicKey"]["challenge"], again.body["data"]["publicKey"]["challenge"]);
    assert_refused(&site.validate(&entity, &assertion), "an answer to another challenge");
    assert_eq!(site.validate(&entity, &device.assert(&again.body["data"])).status, 200);
}

#[test]
fn one_assertion_sent_many_times_at_once_is_accepted_once() {
    let site = Site::with(&json!({ "max_validation_attempts": 100 }));
    let mut device = device();
    let (_, entity) = site.enrolled(&mut device);
    let assertion = device.assert(&site.challenge(&entity).body["data"]);
    let accepted = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..16).map(|_| scope.spawn(|| site.validate(&entity, &assertion).status == 200)).collect();
        tries.into_iter().map(|thread| thread.join().unwrap()).filter(|accepted| *accepted).count()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn a_challenge_is_good_for_five_minutes_and_survives_wrong_answers() {
    let site = Site::new();
    let mut device = device();
    let (_, entity) = site.enrolled(&mut device);
    let asked = site.challenge(&entity);
    let right = device.assert(&asked.body["data"]);
    device.origin = "https://evil.com".into();
    assert_refused(&site.validate(&entity, &device.assert(&asked.body["data"])), "a wrong origin");
    site.server.advance(299);
    assert_eq!(site.validate(&entity, &right).status, 200);
    device.origin = ORIGIN.into();
    let late = device.assert(&site.challenge(&entity).body["data"]);
    site.server.advance(300);
    assert_refused(&site.validate(&entity, &late), "a late answer");
}

type Fault = (&'static str, fn(&mut Device));

const FAULTS: &[Fault] = &[
    ("another origin", |device| device.origin = "https://login.acme.com.evil.com".into()),
    ("an origin that is not listed", |device| device.origin = "https://acme.com".into()),
    ("plain http", |device| device.origin = "http://login.acme.com".into()),
    ("another relying party", |device| device.rp_id = "evil.com".into()),
    ("nobody present", |device| device.flags = 0),
    ("backed up and not eligible", |device| device.flags = UP | BS),
    ("another challenge", |device| device.said = json!({ "challenge": encode(&[9; 32]) })),
    ("another ceremony", |device| device.said = json!({ "type": "webauthn.other" })),
    ("inside another page", |device| device.said = json!({ "crossOrigin": true })),
    ("more bytes than there should be", |device| device.behind = vec![0xa0]),
    ("a credential id of 2 KiB", |device| device.id = vec![1; 2048]),
];

#[test]
fn a_lying_authenticator_is_not_registered_and_nothing_changes() {
    let site = Site::new();
    let (token, entity) = site.token("alice");
    let mut begun = site.generate(&token);
    for (what, fault) in FAULTS {
        let mut device = device();
        fault(&mut device);
        let id = begun.text("data.registration_id");
        let answer = site.verify(&token, &id, &device.register(&begun.body["data"]));
        assert_eq!((answer.status, answer.error().as_str()), (403, GENERIC), "{what}: {answer:?}");
        assert_eq!(site.challenge(&entity).status, 400, "{what}: it was registered");
        begun = site.generate(&token);
    }
    // The first one that was begun is good still, whatever was answered to it.
    assert_eq!(site.register(&token, &mut device()).status, 200);
}

#[test]
fn a_lying_authenticator_proves_nothing_and_only_the_failure_is_counted() {
    let site = Site::with(&json!({ "max_validation_attempts": 100 }));
    let mut device = device();
    let (_, entity) = site.enrolled(&mut device);
    let (origin, rp_id, id) = (device.origin.clone(), device.rp_id.clone(), device.id.clone());
    for (what, fault) in FAULTS {
        fault(&mut device);
        assert_refused(&site.prove(&entity, &device), what);
        device.origin.clone_from(&origin);
        device.rp_id.clone_from(&rp_id);
        device.id.clone_from(&id);
        (device.flags, device.said, device.behind) = (UP, json!({}), Vec::new());
    }
    device.flags = UP | BE;
    assert_refused(&site.prove(&entity, &device), "a credential that became one that is copied");
    device.flags = UP;
    assert_eq!(site.prove(&entity, &device).status, 200);
}

#[test]
fn malformed_credentials_are_client_errors() {
    let site = Site::with(&json!({ "max_validation_attempts": 1000 }));
    let mut device = device();
    let (token, entity) = site.enrolled(&mut device);
    let begun = site.generate(&token);
    let id = begun.text("data.registration_id");
    let good = Device::new(ORIGIN, "acme.com").register(&begun.body["data"]);
    let object = good["response"]["attestationObject"].as_str().unwrap();
    let differing = |member: &str| {
        let mut credential = good.clone();
        credential[member] = encode(&[4; 32]).into();
        credential
    };
    for cut in [0, 1, 4, 40, object.len() / 2, object.len() - 4] {
        let mut credential = good.clone();
        credential["response"]["attestationObject"] = object[..cut].into();
        let answer = site.verify(&token, &id, &credential);
        assert!(matches!(answer.status, 400 | 403), "cut at {cut}: {answer:?}");
    }
    for credential in [differing("id"), differing("rawId")] {
        assert_eq!(site.verify(&token, &id, &credential).status, 403);
    }
    for credential in [json!({}), json!(null), json!("x"), json!([]), json!({ "type": "password" })] {
        let answer = site.verify(&token, &id, &credential);
        assert_eq!((answer.status, answer.error()), (400, "credential is not a public key credential".into()));
    }
    let asked = site.challenge(&entity);
    let right = device.assert(&asked.body["data"]);
    for member in ["id", "rawId"] {
        let mut wrong = right.clone();
        wrong[member] = encode(&[4; 32]).into();
        assert_refused(&site.validate(&entity, &wrong), member);
    }
    for member in ["clientDataJSON", "authenticatorData", "signature"] {
        for value in [json!(""), json!("AA"), json!("!"), json!(null), json!(7), json!("A".repeat(60_000))] {
            let mut wrong = right.clone();
            wrong["response"][member] = value;
            assert_refused(&site.validate(&entity, &wrong), member);
        }
    }
    assert_eq!(site.validate(&entity, &right).status, 200);
    assert_eq!(site.verify(&token, &id, &good).status, 200);
}

#[test]
fn a_registration_is_for_whom_it_was_begun_and_good_once_for_five_minutes() {
    let site = Site::new();
    let (alice, _) = site.token("alice");
    let (bob, bobs) = site.token("bob");
    let begun = site.generate(&alice);
    let id = begun.text("data.registration_id");
    let credential = device().register(&begun.body["data"]);
    let unknown = (400, "no registration waits under this registration ID".to_owned());
    let told = |answer: Answer| (answer.status, answer.error());
    assert_eq!(told(site.verify(&bob, &id, &credential)), unknown);
    assert_eq!(site.challenge(&bobs).status, 400);
    // One begun later does not make the answer to the first one an answer to it.
    let second = site.generate(&alice);
    assert_eq!(site.verify(&alice, &second.text("data.registration_id"), &credential).status, 403);
    assert_eq!(site.verify(&alice, &id, &credential).status, 200);
    assert_eq!(told(site.verify(&alice, &id, &credential)), unknown);
    site.server.advance(300);
    let late = device().register(&second.body["data"]);
    assert_eq!(told(site.verify(&alice, &second.text("data.registration_id"), &late)), unknown);
}

#[test]
fn a_credential_id_belongs_to_one_entity_of_a_relying_party() {
    let site = Site::new();
    let mut device = device();
    let (alice, entity) = site.enrolled(&mut device);
    let (bob, bobs) = site.token("bob");
    for token in [&alice, &bob] {
        let answer = site.register(token, &mut device);
        assert_eq!((answer.status, answer.error()), (400, "credential is already registered".into()));
    }
    let body = json!({ "method_id": site.method, "entity_id": entity });
    assert_eq!(site.server.call("POST", &format!("{METHOD}/admin-destroy"), &body).status, 204);
    assert_eq!(site.register(&bob, &mut device).status, 200);
    assert_eq!(site.prove(&bobs, &device).status, 200);
}

#[test]
fn nobody_is_proven_by_the_key_of_another() {
    let site = Site::new();
    let (mut alices, mut bobs) = (device(), device());
    let (_, alice) = site.enrolled(&mut alices);
    let (token, bob) = site.token("bob");
    assert_eq!(site.register(&token, &mut bobs).status, 200);
    assert_refused(&site.prove(&alice, &bobs), "another's key");
    // The same with the id of the right credential.
    bobs.id.clone_from(&alices.id);
    assert_refused(&site.prove(&alice, &bobs), "another's signature");
    // And an answer to a challenge that was posed to somebody else.
    let asked = site.challenge(&bob);
    assert_eq!(site.challenge(&alice).status, 200);
    assert_refused(&site.validate(&alice, &alices.assert(&asked.body["data"])), "another's challenge");
    alices.user_handle = Some(encode(bob.as_bytes()));
    assert_refused(&site.prove(&alice, &alices), "another's account");
}

#[test]
fn an_authenticator_that_counts_backwards_is_suspended_until_an_administrator_unlocks_it() {
    let site = Site::new();
    let mut device = device();
    device.counter = 1;
    let (_, entity) = site.enrolled(&mut device);
    for counter in [2, 7] {
        device.counter = counter;
        assert_eq!(site.prove(&entity, &device).status, 200, "{counter}");
    }
    device.counter = 7;
    assert_refused(&site.prove(&entity, &device), "the same count");
    device.counter = 8;
    assert_eq!(site.challenge(&entity).status, 400, "a suspended authenticator is asked");
    site.unlock(&entity);
    assert_eq!(site.prove(&entity, &device).status, 200);
    device.counter = 0;
    assert_refused(&site.prove(&entity, &device), "no count any more");
    site.unlock(&entity);
    device.counter = 9;
    assert_eq!(site.prove(&entity, &device).status, 200);
}

#[test]
fn whoever_has_a_suspended_authenticator_cannot_enrol_another_with_a_password_alone() {
    let site = Site::with(&json!({ "enable_self_enrollment": true }));
    let mut device = device();
    device.counter = 5;
    let (_, entity) = site.enrolled(&mut device);
    device.counter = 4;
    assert_refused(&site.prove(&entity, &device), "a clone");
    site.enforce();
    let login = site.log_in("alice");
    let choice = &login.body["auth"]["mfa_requirement"]["mfa_constraints"]["main"]["any"][0];
    assert_eq!(choice.get("self_enrollment_enabled"), None);
    let answer = site.self_enrol(&login.text("auth.mfa_requirement.mfa_request_id"));
    assert_eq!(answer.body["data"]["publicKey"], Value::Null, "{answer:?}");
}

#[test]
fn failures_shut_the_window_even_for_the_right_key() {
    let site = Site::with(&json!({ "max_validation_attempts": 3 }));
    let mut device = device();
    let (_, entity) = site.enrolled(&mut device);
    device.origin = "https://evil.com".into();
    for _ in 0..3 {
        assert_refused(&site.prove(&entity, &device), "a wrong origin");
    }
    device.origin = ORIGIN.into();
    let shut = site.prove(&entity, &device);
    assert_eq!(shut.status, 403);
    assert!(shut.error().contains("maximum TOTP validation attempts 4 exceeded"), "{shut:?}");
    site.server.advance(300);
    assert_eq!(site.prove(&entity, &device).status, 200);
}

#[test]
fn user_verification_is_demanded_where_the_method_requires_it() {
    let site = Site::with(&json!({ "user_verification": "required" }));
    let (token, entity) = site.token("alice");
    let mut device = device();
    assert_eq!(site.register(&token, &mut device).status, 403);
    device.flags = UP | UV;
    assert_eq!(site.register(&token, &mut device).status, 200);
    device.flags = UP;
    assert_refused(&site.prove(&entity, &device), "a user who was not verified");
    device.flags = UP | UV;
    assert_eq!(site.prove(&entity, &device).status, 200);
}

#[test]
fn only_the_algorithms_of_the_method_are_offered_and_taken() {
    let site = Site::with(&json!({ "algorithms": ["EdDSA", "RS256"] }));
    let (token, entity) = site.token("alice");
    let offered = site.generate(&token).body["data"]["publicKey"]["pubKeyCredParams"].clone();
    assert_eq!(offered, json!([{ "type": "public-key", "alg": -8 }, { "type": "public-key", "alg": -257 }]));
    assert_eq!(site.register(&token, &mut device()).status, 403);
    for mut device in [Device::ed_dsa(ORIGIN, "acme.com"), Device::rs256(ORIGIN, "acme.com")] {
        assert_eq!(site.register(&token, &mut device).status, 200);
        assert_eq!(site.prove(&entity, &device).status, 200);
    }
}

#[test]
fn direct_attestation_lets_in_models_that_a_root_vouches_for() {
    let root = authority("Acme Root");
    let (key, certificate) = leaf_of(&root);
    let model = "07070707-0707-0707-0707-070707070707";
    let site = Site::with(&json!({
        "attestation": "direct", "attestation_roots": pem(root.as_ref()), "allowed_aaguids": [model],
    }));
    let (token, entity) = site.token("alice");
    assert_eq!(site.generate(&token).text("data.publicKey.attestation"), "direct");
    let stranger = leaf_of(&authority("Stranger"));
    let mut device = device();
    let statement = serde_cbor_2::Value::Map(std::collections::BTreeMap::new());
    for format in
        [Format::None, Format::OwnKey, Format::Other("fido-u2f".into(), statement), certified(&stranger.0, &stranger.1)]
    {
        device.format = format;
        assert_eq!(site.register(&token, &mut device).status, 403);
    }
    device.format = certified(&key, &certificate);
    device.aaguid = [8; 16];
    assert_eq!(site.register(&token, &mut device).status, 403, "another model");
    device.aaguid = [7; 16];
    assert_eq!(site.register(&token, &mut device).text("data.aaguid"), model);
    assert_eq!(site.prove(&entity, &device).status, 200);
}

#[test]
fn an_entity_has_several_authenticators_and_any_of_them_proves_it() {
    let site = Site::with(&json!({ "max_enrollments": 2 }));
    let (mut first, mut second) = (device(), device());
    let (token, entity) = site.enrolled(&mut first);
    let excluded = site.generate(&token).body["data"]["publicKey"]["excludeCredentials"].clone();
    assert_eq!(excluded, json!([{ "type": "public-key", "id": encode(&first.id) }]));
    let registered = site.register(&token, &mut second);
    assert_eq!(registered.text("data.label"), "key");
    let full = site.generate(&token);
    assert!(full.text("warnings.0").contains("Entity already has a secret"), "{full:?}");
    for device in [&first, &second] {
        assert_eq!(site.prove(&entity, device).status, 200);
    }
    let registration = registered.text("data.registration_id");
    let body = json!({ "method_id": site.method, "entity_id": entity, "registration_id": registration });
    assert_eq!(site.server.call("POST", &format!("{METHOD}/admin-destroy"), &body).status, 204);
    assert_refused(&site.prove(&entity, &second), "a destroyed authenticator");
    assert_eq!(site.prove(&entity, &first).status, 200);
}

#[test]
fn an_administrator_registers_for_another() {
    let site = Site::new();
    let (alice, entity) = site.token("alice");
    let body = json!({ "method_id": site.method, "entity_id": entity });
    let begun = site.server.call("POST", &format!("{METHOD}/admin-generate"), &body);
    let mut device = device();
    let credential = device.register(&begun.body["data"]).to_string();
    let mut body = json!({
        "method_id": site.method, "entity_id": entity, "credential": credential,
        "registration_id": begun.text("data.registration_id"), "label": "desk",
    });
    let registered = site.server.call("POST", &format!("{METHOD}/admin-verify"), &body);
    assert_eq!((registered.status, registered.text("data.label")), (200, "desk".into()), "{registered:?}");
    assert_eq!(site.prove(&entity, &device).status, 200);
    // Its owner may end a registration that an administrator began, too.
    let begun = site.server.call("POST", &format!("{METHOD}/admin-generate"), &body);
    let credential = self::device().register(&begun.body["data"]);
    assert_eq!(site.verify(&alice, &begun.text("data.registration_id"), &credential).status, 200);
    body["label"] = "x".repeat(513).into();
    assert_eq!(site.server.call("POST", &format!("{METHOD}/admin-verify"), &body).status, 400);
}

#[test]
fn a_login_is_completed_by_an_answer_to_what_it_was_asked() {
    let site = Site::new();
    let mut device = device();
    let (_, entity) = site.enrolled(&mut device);
    site.enforce();
    let (first, second) = (site.waiting("alice"), site.waiting("alice"));
    let asked = site.challenge_in(&first);
    let assertion = device.assert(&asked.body["data"]).to_string();
    assert_eq!(site.complete(&second, &assertion).status, 403, "an answer to another login");
    let application = device.assert(&site.challenge(&entity).body["data"]).to_string();
    assert_eq!(site.complete(&first, &application).status, 403, "an answer to an application");
    assert_refused(&site.validate(&entity, &serde_json::from_str(&assertion).unwrap()), "an answer to a login");
    let done = site.complete(&first, &assertion);
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(site.complete(&first, &assertion).status, 400, "a login that is complete");
    // In one phase there is nothing that it could answer.
    let header = format!("{}:{application}", site.method);
    let password = json!({ "password": "correct horse" }).to_string();
    let headers = [("X-Vault-MFA", header.as_str())];
    assert_eq!(site.server.ask("POST", "auth/userpass/login/alice", &headers, &password).status, 403);
}

#[test]
fn whoever_has_none_registers_one_during_the_login_that_asks_for_it() {
    let site = Site::with(&json!({ "enable_self_enrollment": true }));
    site.enforce();
    let login = site.log_in("alice");
    let choice = &login.body["auth"]["mfa_requirement"]["mfa_constraints"]["main"]["any"][0];
    assert_eq!(choice["self_enrollment_enabled"], true);
    let request = login.text("auth.mfa_requirement.mfa_request_id");
    let other = site.waiting("alice");
    assert_eq!(site.challenge_in(&request).status, 400, "nothing can be asked of nobody's key");
    let begun = site.self_enrol(&request);
    let mut device = device();
    device.origin = "https://evil.com".into();
    let wrong = device.register(&begun.body["data"]).to_string();
    assert_eq!(site.complete(&request, &wrong).status, 403);
    device.origin = ORIGIN.into();
    let created = device.register(&begun.body["data"]).to_string();
    assert_eq!(site.complete(&other, &created).status, 403, "it is no answer in another login");
    let done = site.complete(&request, &created);
    assert_eq!(done.status, 200, "{done:?}");
    // From now on it takes the key.
    assert_eq!(site.self_enrol(&other).body["data"], Value::Null);
    assert_eq!(site.complete(&other, &created).status, 403);
    let asked = site.challenge_in(&other);
    assert_eq!(site.complete(&other, &device.assert(&asked.body["data"]).to_string()).status, 200);
}

#[test]
fn two_registrations_of_one_person_at_once_in_two_logins_bind_one() {
    let site = Site::with(&json!({ "enable_self_enrollment": true }));
    site.enforce();
    let logins: Vec<String> = (0..8).map(|_| site.waiting("alice")).collect();
    let answers: Vec<String> =
        logins.iter().map(|login| device().register(&site.self_enrol(login).body["data"]).to_string()).collect();
    let completed = std::thread::scope(|scope| {
        let site = &site;
        let tries: Vec<_> = logins
            .iter()
            .zip(&answers)
            .map(|(login, answer)| scope.spawn(move || site.complete(login, answer).status == 200))
            .collect();
        tries.into_iter().map(|thread| thread.join().unwrap()).filter(|done| *done).count()
    });
    assert_eq!(completed, 1);
}

#[test]
fn self_enrolment_is_closed_unless_the_method_opens_it() {
    let site = Site::new();
    site.enforce();
    let answer = site.self_enrol(&site.waiting("alice"));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.error().contains("self-enrollment is not enabled"));
}

#[test]
fn ceremonies_of_what_is_not_there_are_client_errors() {
    let site = Site::new();
    let (token, entity) = site.token("alice");
    let totp = site.server.call("POST", "identity/mfa/method/totp", &json!({ "issuer": "x" })).text("data.method_id");
    let unknown = "7c8d42a4-5f34-4a7c-9e0b-0b3d1f9d4f10";
    for method in ["", "nonsense", unknown, &totp] {
        for path in ["generate", "verify"] {
            let body = json!({ "method_id": method, "registration_id": unknown, "credential": "{}" });
            let answer = site.at(&token, &format!("{METHOD}/{path}"), &body);
            assert_eq!(answer.status, 400, "{path} {method}: {answer:?}");
        }
        let answer =
            site.server.call("POST", "identity/mfa/challenge", &json!({ "method_id": method, "entity_id": entity }));
        assert_eq!(answer.status, 400, "{method}: {answer:?}");
    }
    for body in
        [json!({}), json!({ "method_id": site.method }), json!({ "method_id": site.method, "entity_id": unknown })]
    {
        for path in ["identity/mfa/challenge", &format!("{METHOD}/admin-generate"), &format!("{METHOD}/admin-verify")] {
            assert_eq!(site.server.call("POST", path, &body).status, 400, "{path} {body}");
        }
    }
    for body in
        [json!({}), json!({ "mfa_request_id": unknown }), json!({ "mfa_request_id": unknown, "method_id": totp })]
    {
        assert_eq!(site.server.call("POST", "sys/mfa/challenge", &body).status, 400, "{body}");
    }
    assert_eq!(site.generate("root").status, 400, "the root token has no entity");
    assert_eq!(site.challenge(&entity).status, 400, "nobody is registered");
    assert_refused(&site.validate(&entity, &device().assert(&json!({ "publicKey": { "challenge": "AAAA" } }))), "none");
}

#[test]
fn whoever_may_not_is_refused_before_anything_is_looked_at() {
    let site = Site::new();
    for path in ["generate", "verify", "admin-generate", "admin-verify", "admin-destroy", "admin-unlock"] {
        assert_eq!(site.at("nobody", &format!("{METHOD}/{path}"), &json!({})).status, 403, "{path}");
    }
    assert_eq!(site.at("nobody", "identity/mfa/challenge", &json!({})).status, 403);
}
