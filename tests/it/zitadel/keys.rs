//! Keys: as second factors and as passkeys, with a software authenticator of others, and with one that lies.

use serde_json::{Value, json};
use webauthn_authenticator_rs::WebauthnAuthenticator;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use super::{Zitadel, error};
use crate::device::{Device, Format, UP, UV, encode};
use crate::support::Answer;

const ORIGIN: &str = "https://login.acme.com:8443";
const DOMAIN: &str = "acme.com";

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

/// Somebody who registers keys.
struct Owner {
    zitadel: Zitadel,
    user: String,
}

impl Owner {
    fn new() -> Self {
        let zitadel = Zitadel::start();
        let user = zitadel.minnie();
        Self { zitadel, user }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.zitadel.call("POST", &format!("/v2/users/{}/{path}", self.user), body)
    }

    /// Begin to register a key: its id, and the options.
    fn begin(&self, kind: &str) -> (String, Value) {
        let begun = self.post(kind, &json!({ "domain": DOMAIN }));
        assert_eq!(begun.status, 200, "{begun:?}");
        let id = if kind == "u2f" { "u2fId" } else { "passkeyId" };
        (begun.text(id), begun.at("publicKeyCredentialCreationOptions").clone())
    }

    fn verify(&self, kind: &str, id: &str, credential: &Value) -> Answer {
        let name = if kind == "u2f" { "tokenName" } else { "passkeyName" };
        self.post(&format!("{kind}/{id}"), &json!({ "publicKeyCredential": credential, name: "Google Pixel" }))
    }

    /// A key that is registered.
    fn key(&self, kind: &str) -> (String, Device) {
        let mut device = Device::new(ORIGIN, DOMAIN);
        if kind == "passkeys" {
            device.flags = UP | UV;
        }
        let (id, options) = self.begin(kind);
        let verified = self.verify(kind, &id, &device.register(&options));
        assert_eq!(verified.status, 200, "{verified:?}");
        (id, device)
    }

    fn ask(&self, session: &str, requirement: &str) -> Answer {
        let requirement = format!("USER_VERIFICATION_REQUIREMENT_{requirement}");
        let key = json!({ "domain": DOMAIN, "userVerificationRequirement": requirement });
        let body = json!({ "challenges": { "webAuthN": key } });
        self.zitadel.call("PATCH", &format!("/v2/sessions/{session}"), &body)
    }

    /// The options of what a session asks.
    fn options(&self, session: &str, requirement: &str) -> Value {
        let asked = self.ask(session, requirement);
        assert_eq!(asked.status, 200, "{asked:?}");
        asked.at("challenges.webAuthN.publicKeyCredentialRequestOptions").clone()
    }

    fn check(&self, session: &str, assertion: &Value) -> Answer {
        self.zitadel.check(session, &json!({ "webAuthN": { "credentialAssertionData": assertion } }))
    }

    fn factor(&self, session: &str) -> Value {
        let shown = self.zitadel.ok("GET", &format!("/v2/sessions/{session}"), &json!({}));
        shown.at("session.factors.webAuthN").clone()
    }
}

#[test]
fn a_key_of_others_making_is_registered_and_proves_its_owner() {
    for (kind, requirement) in [("u2f", "DISCOURAGED"), ("u2f", "PREFERRED"), ("passkeys", "REQUIRED")] {
        let owner = Owner::new();
        let mut authenticator = SoftPasskey::new(true);
        let origin = url::Url::parse("https://acme.com").unwrap();
        let (id, mut options) = owner.begin(kind);
        options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = false.into();
        let options = serde_json::from_value(options).unwrap();
        let created = authenticator.do_registration(origin.clone(), options).unwrap();
        let verified = owner.verify(kind, &id, &serde_json::to_value(created).unwrap());
        assert_eq!(verified.status, 200, "{kind}: {verified:?}");
        let (session, _) = owner.zitadel.session_of(&owner.user);
        let options = serde_json::from_value(owner.options(&session, requirement)).unwrap();
        let asserted = authenticator.do_authentication(origin, options).unwrap();
        let checked = owner.check(&session, &serde_json::to_value(asserted).unwrap());
        assert_eq!(checked.status, 200, "{kind}: {checked:?}");
        assert!(owner.factor(&session)["verifiedAt"].is_string());
    }
}

#[test]
fn the_options_are_those_of_the_contract() {
    let owner = Owner::new();
    let (first, device) = owner.key("u2f");
    let (_, options) = owner.begin("u2f");
    let options = &options["publicKey"];
    assert_eq!(options["rp"], json!({ "id": DOMAIN, "name": "ZITADEL" }));
    let user =
        json!({ "id": encode(owner.user.as_bytes()), "name": "minnie-mouse@mouse.com", "displayName": "Minnie Mouse" });
    assert_eq!(options["user"], user);
    assert_eq!(options["pubKeyCredParams"][0], json!({ "type": "public-key", "alg": -7 }));
    assert_eq!((&options["timeout"], &options["attestation"]), (&json!(300_000), &json!("none")));
    assert_eq!(options["excludeCredentials"], json!([{ "type": "public-key", "id": encode(&device.id) }]));
    assert_eq!(options["authenticatorSelection"], json!({ "userVerification": "preferred" }));
    assert_eq!(options["challenge"].as_str().unwrap().len(), 43);
    let asked = json!({ "domain": DOMAIN, "authenticator": "PASSKEY_AUTHENTICATOR_CROSS_PLATFORM" });
    let passkey = owner.post("passkeys", &asked);
    let options = passkey.at("publicKeyCredentialCreationOptions.publicKey");
    let selection = json!({ "userVerification": "required", "authenticatorAttachment": "cross-platform" });
    assert_eq!(options["authenticatorSelection"], selection);
    assert_eq!(options["excludeCredentials"], Value::Null, "no passkey yet");
    let elsewhere = owner.post("u2f", &json!({ "domain": "other.com" }));
    assert_eq!(elsewhere.at("publicKeyCredentialCreationOptions.publicKey.excludeCredentials"), &Value::Null);
    let host = owner.post("u2f", &json!({}));
    assert_eq!(host.text("publicKeyCredentialCreationOptions.publicKey.rp.id"), "x", "the host that was asked");
    let (session, _) = owner.zitadel.session_of(&owner.user);
    let options = owner.options(&session, "DISCOURAGED")["publicKey"].clone();
    assert_eq!(options["allowCredentials"], json!([{ "type": "public-key", "id": encode(&device.id) }]));
    assert_eq!((&options["rpId"], &options["userVerification"]), (&json!(DOMAIN), &json!("discouraged")));
    drop(first);
}

/// What makes a key lie.
type Lie = fn(&mut Device);

#[test]
fn what_answers_a_registration_must_be_right_in_everything() {
    let owner = Owner::new();
    let (id, options) = owner.begin("u2f");
    let lies: [(&str, Lie); 9] = [
        ("origin", |device| device.origin = "https://evil.com".into()),
        ("a suffix that is no subdomain", |device| device.origin = "https://notacme.com".into()),
        ("plain http", |device| device.origin = "http://acme.com".into()),
        ("no origin", |device| device.origin = "acme.com".into()),
        ("relying party", |device| device.rp_id = "evil.com".into()),
        ("nobody there", |device| device.flags = 0),
        ("type", |device| device.said = json!({ "type": "webauthn.get" })),
        ("challenge", |device| device.said = json!({ "challenge": encode(&[0; 32]) })),
        ("statement", |device| device.format = Format::Other("packed".into(), serde_cbor_2::Value::Null)),
    ];
    for (what, lie) in lies {
        let mut device = Device::new(ORIGIN, DOMAIN);
        lie(&mut device);
        assert_eq!(
            error(&owner.verify("u2f", &id, &device.register(&options))),
            refused(400, 3, "WEBAU-3Vb9s"),
            "{what}"
        );
    }
    for garbage in [json!({}), json!({ "id": 1 }), json!({ "response": { "clientDataJSON": "?" } })] {
        assert_eq!(error(&owner.verify("u2f", &id, &garbage)), refused(400, 3, "WEBAU-sEr8c"));
    }
    let none = owner.post(&format!("u2f/{id}"), &json!({ "tokenName": "x" }));
    assert_eq!(error(&none), refused(400, 3, ""));
    let mut device = Device::new(ORIGIN, DOMAIN);
    device.format = Format::OwnKey;
    let answer = device.register(&options);
    let (other, other_options) = owner.begin("u2f");
    assert_eq!(error(&owner.verify("u2f", &other, &answer)), refused(400, 3, "WEBAU-3Vb9s"), "another registration's");
    let unknown = refused(404, 5, "WEBAU-5M9so");
    assert_eq!(error(&owner.verify("u2f", "123", &answer)), unknown);
    assert_eq!(error(&owner.verify("passkeys", &id, &answer)), unknown, "a key is no passkey");
    let mickey = owner.zitadel.human("mickey@mouse.com");
    let body = json!({ "publicKeyCredential": answer, "tokenName": "x" });
    assert_eq!(error(&owner.zitadel.call("POST", &format!("/v2/users/{mickey}/u2f/{id}"), &body)), unknown);
    assert_eq!(owner.verify("u2f", &id, &answer).status, 200);
    assert_eq!(error(&owner.verify("u2f", &id, &answer)), unknown, "once");
    assert_eq!(
        error(&owner.verify("u2f", &other, &device.register(&other_options))),
        refused(400, 3, "WEBAU-3Vb9s"),
        "the same key twice"
    );
    let (late, options) = owner.begin("u2f");
    owner.zitadel.server.advance(300);
    assert_eq!(error(&owner.verify("u2f", &late, &Device::new(ORIGIN, DOMAIN).register(&options))), unknown);
}

#[test]
fn a_passkey_must_know_its_user_and_a_key_need_not() {
    let owner = Owner::new();
    let (id, options) = owner.begin("passkeys");
    let mut device = Device::new(ORIGIN, DOMAIN);
    assert_eq!(error(&owner.verify("passkeys", &id, &device.register(&options))), refused(400, 3, "WEBAU-3Vb9s"));
    device.flags = UP | UV;
    assert_eq!(owner.verify("passkeys", &id, &device.register(&options)).status, 200);
    let (session, token) = owner.zitadel.session_of(&owner.user);
    assert_eq!(error(&owner.ask(&session, "DISCOURAGED")), refused(400, 9, "WEBAU-4G8sw"), "it is no second factor");
    let options = owner.options(&session, "REQUIRED");
    device.flags = UP;
    assert_eq!(error(&owner.check(&session, &device.assert(&options))), refused(400, 3, "WEBAU-3M9si"));
    device.flags = UP | UV;
    let checked = owner.check(&session, &device.assert(&options));
    assert_eq!(owner.factor(&session)["userVerified"], true);
    let me = |token: &str| owner.zitadel.call_as(token, "GET", &format!("/v2/users/{}", owner.user), &json!({})).status;
    assert_eq!(me(&checked.text("sessionToken")), 200, "it is all factors in one");
    assert_eq!(me(&token), 401);
    let (_, key) = owner.key("u2f");
    let (session, _) = owner.zitadel.session_of(&owner.user);
    let checked = owner.check(&session, &key.assert(&owner.options(&session, "PREFERRED")));
    assert_eq!(checked.status, 200);
    assert_eq!(owner.factor(&session)["userVerified"], Value::Null);
    assert_eq!(me(&checked.text("sessionToken")), 403, "a second factor is no first one");
}

#[test]
fn what_a_session_asked_is_answered_once_by_a_key_of_its_user() {
    let owner = Owner::new();
    let (session, _) = owner.zitadel.session_of(&owner.user);
    assert_eq!(error(&owner.ask(&session, "DISCOURAGED")), refused(400, 9, "WEBAU-4G8sw"));
    let (_, mut device) = owner.key("u2f");
    device.counter = 1;
    assert_eq!(error(&owner.check(&session, &json!({}))), refused(400, 9, "COMMAND-Ioqu5"));
    let stale = owner.options(&session, "DISCOURAGED");
    let options = owner.options(&session, "DISCOURAGED");
    let (elsewhere, _) = owner.zitadel.session_of(&owner.user);
    let other = owner.options(&elsewhere, "DISCOURAGED");
    let wrong = refused(400, 3, "WEBAU-3M9si");
    assert_eq!(error(&owner.check(&session, &json!({}))), refused(400, 3, "WEBAU-ADgv4"));
    assert_eq!(error(&owner.check(&session, &device.assert(&stale))), wrong, "a new challenge replaces the old");
    assert_eq!(error(&owner.check(&session, &device.assert(&other))), wrong, "another session's");
    let mut lying = device.assert(&options);
    lying["response"]["signature"] = json!(encode(&[0x30, 0x06, 2, 1, 1, 2, 1, 1]));
    assert_eq!(error(&owner.check(&session, &lying)), wrong);
    for (what, origin, rp_id) in [("origin", "https://evil.com", DOMAIN), ("relying party", ORIGIN, "evil.com")] {
        let (origin, rp_id) =
            (std::mem::replace(&mut device.origin, origin.into()), std::mem::replace(&mut device.rp_id, rp_id.into()));
        assert_eq!(error(&owner.check(&session, &device.assert(&options))), wrong, "{what}");
        (device.origin, device.rp_id) = (origin, rp_id);
    }
    let stranger = owner.stranger();
    assert_eq!(error(&owner.check(&session, &stranger.assert(&options))), wrong, "another's key");
    assert_eq!(owner.zitadel.state(&owner.user), "USER_STATE_ACTIVE");
    let answer = device.assert(&options);
    assert_eq!(owner.check(&session, &answer).status, 200, "failures leave the challenge as it is");
    assert_eq!(error(&owner.check(&session, &answer)), refused(400, 9, "COMMAND-Ioqu5"), "once");
    let options = owner.options(&session, "DISCOURAGED");
    owner.zitadel.server.advance(300);
    device.counter = 2;
    assert_eq!(error(&owner.check(&session, &device.assert(&options))), refused(400, 9, "COMMAND-Ioqu5"), "too late");
}

impl Owner {
    /// A key of somebody else's, at the same server.
    fn stranger(&self) -> Device {
        let path = format!("/v2/users/{}/u2f", self.zitadel.human("mickey@mouse.com"));
        let begun = self.zitadel.ok("POST", &path, &json!({ "domain": DOMAIN }));
        let mut device = Device::new(ORIGIN, DOMAIN);
        let credential = device.register(begun.at("publicKeyCredentialCreationOptions"));
        let body = json!({ "publicKeyCredential": credential, "tokenName": "x" });
        self.zitadel.ok("POST", &format!("{path}/{}", begun.text("u2fId")), &body);
        device
    }
}

#[test]
fn a_key_that_counts_backwards_is_refused_and_proves_nobody_any_more() {
    let owner = Owner::new();
    let (_, mut device) = owner.key("u2f");
    let (session, _) = owner.zitadel.session_of(&owner.user);
    let mut sign = |counter: u32| {
        device.counter = counter;
        let asked = owner.ask(&session, "DISCOURAGED");
        if asked.status != 200 {
            return error(&asked);
        }
        let options = asked.at("challenges.webAuthN.publicKeyCredentialRequestOptions").clone();
        let checked = owner.check(&session, &device.assert(&options));
        if checked.status == 200 { refused(200, 0, "") } else { error(&checked) }
    };
    assert_eq!(sign(5).0, 200);
    assert_eq!(sign(5), refused(400, 9, "WEBAU-4M90s"));
    assert_eq!(sign(6), refused(400, 9, "WEBAU-4G8sw"), "there may be two of it: it is suspended");
}

#[test]
fn one_assertion_sent_thirty_times_at_once_counts_once() {
    let owner = Owner::new();
    let (_, mut device) = owner.key("u2f");
    device.counter = 1;
    let (session, _) = owner.zitadel.session_of(&owner.user);
    let answer = device.assert(&owner.options(&session, "DISCOURAGED"));
    let accepted = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..30).map(|_| scope.spawn(|| owner.check(&session, &answer).status)).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn keys_are_listed_by_what_they_are_for_and_removed_one_by_one() {
    let owner = Owner::new();
    let (key, _) = owner.key("u2f");
    let (passkey, _) = owner.key("passkeys");
    let path = |path: &str| format!("/v2/users/{}/{path}", owner.user);
    let methods = |query: &str| {
        let listed = owner.zitadel.ok("GET", &path(&format!("authentication_methods{query}")), &json!({}));
        let kinds = listed.at("authMethodTypes").as_array().cloned().unwrap_or_default();
        kinds.iter().map(|kind| kind.as_str().unwrap()[27..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(methods(""), ["PASSWORD", "PASSKEY", "U2F"]);
    assert_eq!(methods("?domainQuery.domain=acme.com"), ["PASSWORD", "PASSKEY", "U2F"]);
    assert_eq!(methods("?domainQuery.domain=other.com"), ["PASSWORD"]);
    let factors = owner.post("authentication_factors/_search", &json!({}));
    let u2f = json!([{ "state": "AUTH_FACTOR_STATE_READY", "u2f": { "id": key, "name": "Google Pixel" } }]);
    assert_eq!(factors.at("result"), &u2f);
    let passkeys = owner.post("passkeys/_search", &json!({}));
    let listed = json!([{ "id": passkey, "state": "AUTH_FACTOR_STATE_READY", "name": "Google Pixel" }]);
    assert_eq!(passkeys.at("result"), &listed);
    let remove = |below: &str| owner.zitadel.call("DELETE", &path(below), &json!({}));
    assert_eq!(remove(&format!("u2f/{passkey}")).status, 404);
    assert_eq!(remove(&format!("passkeys/{key}")).status, 404);
    assert_eq!(remove(&format!("u2f/{key}")).status, 200);
    assert_eq!(remove(&format!("u2f/{key}")).status, 404);
    assert_eq!(methods(""), ["PASSWORD", "PASSKEY"]);
    assert_eq!(remove(&format!("passkeys/{passkey}")).status, 200);
}

#[test]
fn a_registration_code_is_made_for_somebody_else_and_good_once() {
    let owner = Owner::new();
    let made = owner.post("passkeys/registration_link", &json!({ "returnCode": {} }));
    let code = made.at("code").clone();
    let text = code["code"].as_str().unwrap();
    assert!(text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
    let register = |code: &Value| owner.post("passkeys", &json!({ "code": code, "domain": DOMAIN }));
    let mut wrong = code.clone();
    wrong["code"] = json!("AAAAAAAAAAAA");
    assert_eq!(error(&register(&wrong)), refused(400, 3, "COMMAND-Eeb2a"));
    assert_eq!(register(&code).status, 200);
    assert_eq!(error(&register(&code)), refused(400, 3, "COMMAND-Eeb2a"));
    let url = "https://acme.com/passkey?user={{.UserID}}&org={{.OrgID}}&id={{.CodeID}}&code={{.Code}}";
    let sent = owner.post("passkeys/registration_link", &json!({ "sendLink": { "urlTemplate": url } }));
    assert_eq!((sent.status, sent.at("code")), (200, &Value::Null));
    let message = owner.zitadel.outbox().pop().unwrap();
    assert!(message.text.expose().contains(&format!("&code={}", message.code.expose())));
    let myself = owner.zitadel.login(&owner.user, None);
    let path = format!("/v2/users/{}/passkeys/registration_link", owner.user);
    let answer = owner.zitadel.call_as(&myself, "POST", &path, &json!({ "returnCode": {} }));
    assert_eq!(error(&answer), refused(403, 7, "AUTHZ-HKJD33"));
}

#[test]
fn a_challenge_that_makes_no_sense_is_refused() {
    let owner = Owner::new();
    owner.key("u2f");
    let (session, _) = owner.zitadel.session_of(&owner.user);
    let ask = |key: Value| {
        let body = json!({ "challenges": { "webAuthN": key } });
        error(&owner.zitadel.call("PATCH", &format!("/v2/sessions/{session}"), &body))
    };
    assert_eq!(ask(json!({})), refused(400, 3, ""));
    assert_eq!(ask(json!({ "domain": DOMAIN })), refused(400, 3, ""));
    let printed =
        json!({ "domain": "YOUR-Domain", "userVerificationRequirement": "USER_VERIFICATION_REQUIREMENT_DISCOURAGED" });
    assert_eq!(ask(printed), refused(400, 9, "WEBAU-4G8sw"));
    let (empty, _) = owner.zitadel.session(&json!({}));
    assert_eq!(error(&owner.ask(&empty, "DISCOURAGED")), refused(400, 9, "COMMAND-eeR2e"));
}
