//! Both ceremonies against an authenticator that does as it is told.

use serde_json::{Value, json};

use super::*;
use crate::time::Timestamp;

#[path = "../../../tests/it/device.rs"]
mod device;
use device::{Authority, BE, BS, Device, Format, UP, UV, authority, certified, leaf_of, pem};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const ORIGIN: &str = "https://login.acme.com";

fn party() -> Party {
    let origins = Origins::Exact(vec![ORIGIN.into(), "https://acme.com:8443".into()]);
    Party { id: "acme.com".into(), name: "Acme".into(), origins, app_id: None }
}

fn registration() -> Registration {
    Registration {
        party: party(),
        challenge: vec![1; CHALLENGE_BYTES],
        user_verification: UserVerification::Preferred,
        attestation: Attestation::None,
        algorithms: Algorithm::ALL.to_vec(),
        attachment: None,
        user: User { handle: b"e-1".to_vec(), name: "alice".into(), display_name: "Alice".into() },
        purpose: Use::SecondFactor,
    }
}

fn assertion() -> Assertion {
    Assertion { party: party(), challenge: vec![2; CHALLENGE_BYTES], user_verification: UserVerification::Preferred }
}

fn device() -> Device {
    Device::new(ORIGIN, "acme.com")
}

fn made(asked: &Registration, answer: &Value) -> Result<Credential, Refusal> {
    registration::verify(asked, &registration::Answer::read(&answer.to_string())?, NOW)
}

fn registered(device: &mut Device) -> Result<Credential, Refusal> {
    let asked = registration();
    made(&asked, &device.register(&options::of_registration(&asked, &[])))
}

fn asserted_as(asked: &Assertion, device: &Device, credential: &Credential) -> Result<assertion::Asserted, Refusal> {
    let answer = device.assert(&options::of_assertion(asked, &[credential]));
    assertion::verify(asked, credential, &assertion::Answer::read(&answer.to_string())?)
}

fn asserted(device: &Device, credential: &Credential) -> Result<assertion::Asserted, Refusal> {
    asserted_as(&assertion(), device, credential)
}

#[test]
fn a_key_of_each_algorithm_registers_and_asserts() {
    for mut device in [device(), Device::rs256(ORIGIN, "acme.com"), Device::ed_dsa(ORIGIN, "acme.com")] {
        for format in [Format::None, Format::OwnKey] {
            device.format = format;
            let credential = registered(&mut device).unwrap();
            assert_eq!((credential.id.as_slice(), credential.user_verified), (device.id.as_slice(), false));
            device.counter = 7;
            device.flags = UP | UV;
            let right = assertion::Asserted { counter: 7, user_verified: true, backed_up: false };
            assert_eq!(asserted(&device, &credential), Ok(right));
            device.flags = UP;
        }
    }
}

#[test]
fn a_stored_credential_is_read_as_it_was() {
    let credential = registered(&mut device()).unwrap();
    let stored = serde_json::to_string(&credential).unwrap();
    assert_eq!(serde_json::from_str::<Credential>(&stored).unwrap(), credential);
}

#[test]
fn the_options_say_what_was_asked() {
    let credential = registered(&mut device()).unwrap();
    let asked = Registration { attachment: Some(Attachment::CrossPlatform), ..registration() };
    let id = encoded::encode(&credential.id);
    assert_eq!(
        options::of_registration(&asked, &[&credential]),
        json!({ "publicKey": {
            "rp": { "id": "acme.com", "name": "Acme" },
            "user": { "id": "ZS0x", "name": "alice", "displayName": "Alice" },
            "challenge": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
            "pubKeyCredParams": [
                { "type": "public-key", "alg": -7 },
                { "type": "public-key", "alg": -257 },
                { "type": "public-key", "alg": -8 },
            ],
            "timeout": 300_000,
            "excludeCredentials": [{ "type": "public-key", "id": id }],
            "authenticatorSelection": { "userVerification": "preferred", "authenticatorAttachment": "cross-platform" },
            "attestation": "none",
        } })
    );
    assert_eq!(options::of_registration(&asked, &[])["publicKey"].get("excludeCredentials"), None);
    assert_eq!(
        options::of_assertion(&assertion(), &[&credential]),
        json!({ "publicKey": {
            "challenge": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI",
            "timeout": 300_000,
            "rpId": "acme.com",
            "allowCredentials": [{ "type": "public-key", "id": id }],
            "userVerification": "preferred",
        } })
    );
}

/// What is to be changed of an authenticator that does all right, and how it is refused then.
type Fault = (fn(&mut Device), Refusal);

const FAULTS: &[Fault] = &[
    (|device| device.origin = "https://evil.com".into(), Refusal::Origin),
    (|device| device.origin = "https://acme.com".into(), Refusal::Origin),
    (|device| device.origin = "https://login.acme.com:444".into(), Refusal::Origin),
    (|device| device.origin = "https://login.acme.com/a".into(), Refusal::Origin),
    (|device| device.origin = "https://login.acme.com//".into(), Refusal::Origin),
    (|device| device.origin = String::new(), Refusal::Origin),
    (|device| device.rp_id = "login.acme.com".into(), Refusal::RelyingParty),
    (|device| device.flags = 0, Refusal::UserPresence),
    (|device| device.flags = UV, Refusal::UserPresence),
    (|device| device.flags = UP | BS, Refusal::Backup),
    (|device| device.said = json!({ "challenge": encoded::encode(&[3; 32]) }), Refusal::Challenge),
    (|device| device.said = json!({ "challenge": "" }), Refusal::Challenge),
    (|device| device.said = json!({ "challenge": null }), Refusal::ClientData),
    (|device| device.said = json!({ "type": "payment.get" }), Refusal::ClientData),
    (|device| device.said = json!({ "crossOrigin": true }), Refusal::CrossOrigin),
    (|device| device.said = json!({ "topOrigin": "https://evil.com" }), Refusal::CrossOrigin),
    (|device| device.behind = vec![0], Refusal::AuthenticatorData),
    (|device| device.flags = UP | 0x80, Refusal::AuthenticatorData),
];

#[test]
fn what_differs_from_what_was_asked_is_refused_at_a_registration() {
    for (number, (fault, refusal)) in FAULTS.iter().enumerate() {
        let mut device = device();
        fault(&mut device);
        assert_eq!(registered(&mut device), Err(*refusal), "fault {number}");
    }
}

#[test]
fn what_differs_from_what_was_asked_is_refused_at_an_assertion() {
    for (number, (fault, refusal)) in FAULTS.iter().enumerate() {
        let mut device = device();
        let credential = registered(&mut device).unwrap();
        fault(&mut device);
        assert_eq!(asserted(&device, &credential), Err(*refusal), "fault {number}");
    }
}

#[test]
fn a_signature_is_by_the_credentials_key_over_all_that_is_said() {
    let mut device = device();
    let credential = registered(&mut device).unwrap();
    let stranger = Device::new(ORIGIN, "acme.com");
    device.key = stranger.key;
    assert_eq!(asserted(&device, &credential), Err(Refusal::Signature));
    for mut device in [self::device(), Device::rs256(ORIGIN, "acme.com"), Device::ed_dsa(ORIGIN, "acme.com")] {
        let credential = registered(&mut device).unwrap();
        let answer = device.assert(&options::of_assertion(&assertion(), &[&credential]));
        let signature = encoded::decode(answer["response"]["signature"].as_str().unwrap()).unwrap();
        for (place, length) in [(8, signature.len()), (40, signature.len()), (0, 0), (0, 3), (1, signature.len() - 1)] {
            let mut broken = signature.clone();
            broken[place] ^= 1;
            broken.truncate(length);
            let mut answer = answer.clone();
            answer["response"]["signature"] = encoded::encode(&broken).into();
            let answer = assertion::Answer::read(&answer.to_string()).unwrap();
            assert_eq!(assertion::verify(&assertion(), &credential, &answer), Err(Refusal::Signature));
        }
    }
}

#[test]
fn an_answer_of_one_ceremony_is_none_of_the_other() {
    let mut device = device();
    let credential = registered(&mut device).unwrap();
    device.said = json!({ "type": "webauthn.create" });
    assert_eq!(asserted(&device, &credential), Err(Refusal::ClientData));
    device.said = json!({ "type": "webauthn.get" });
    assert_eq!(registered(&mut device), Err(Refusal::ClientData));
}

#[test]
fn user_verification_is_demanded_where_it_is_required() {
    let asked = Registration { user_verification: UserVerification::Required, ..registration() };
    let mut device = device();
    let options = options::of_registration(&asked, &[]);
    assert_eq!(made(&asked, &device.register(&options)), Err(Refusal::UserVerification));
    device.flags = UP | UV;
    let credential = made(&asked, &device.register(&options)).unwrap();
    assert!(credential.user_verified);
    let asked = Assertion { user_verification: UserVerification::Required, ..assertion() };
    device.flags = UP;
    assert_eq!(asserted_as(&asked, &device, &credential), Err(Refusal::UserVerification));
    assert!(!asserted(&device, &credential).unwrap().user_verified);
}

#[test]
fn a_credential_cannot_become_one_that_is_copied() {
    let mut device = device();
    let credential = registered(&mut device).unwrap();
    device.flags = UP | BE;
    assert_eq!(asserted(&device, &credential), Err(Refusal::Backup));
    let credential = registered(&mut device).unwrap();
    device.flags = UP | BE | BS;
    assert!(asserted(&device, &credential).unwrap().backed_up);
    device.flags = UP;
    assert_eq!(asserted(&device, &credential), Err(Refusal::Backup));
}

#[test]
fn an_id_is_one_id_of_at_most_1023_bytes() {
    let mut device = device();
    device.id = vec![5; 1023];
    let credential = registered(&mut device).unwrap();
    assert!(asserted(&device, &credential).is_ok());
    for length in [0, 1024, 2048] {
        device.id = vec![5; length];
        assert_eq!(registered(&mut device), Err(Refusal::AuthenticatorData), "{length}");
    }
    device.id = vec![5; 16];
    let asked = registration();
    let answer = device.register(&options::of_registration(&asked, &[]));
    for member in ["id", "rawId"] {
        let mut answer = answer.clone();
        answer[member] = encoded::encode(&[6; 16]).into();
        assert_eq!(made(&asked, &answer), Err(Refusal::Id));
    }
    let mut answer = answer.clone();
    answer["id"] = encoded::encode(&[6; 16]).into();
    answer["rawId"] = encoded::encode(&[6; 16]).into();
    assert_eq!(made(&asked, &answer), Err(Refusal::Id));
}

#[test]
fn an_origin_may_be_written_as_the_url_of_its_root() {
    let mut device = device();
    device.origin = format!("{ORIGIN}/");
    let credential = registered(&mut device).unwrap();
    assert!(asserted(&device, &credential).is_ok());
    assert!(Origins::Within("acme.com".into()).admit("https://login.acme.com:8443/"));
}

#[test]
fn padding_is_tolerated() {
    let mut device = device();
    let asked = registration();
    let mut answer = device.register(&options::of_registration(&asked, &[]));
    for member in ["id", "rawId"] {
        answer[member] = format!("{}=", answer[member].as_str().unwrap()).into();
    }
    assert!(made(&asked, &answer).is_ok());
}

#[test]
fn only_algorithms_that_were_offered_are_taken() {
    let asked = Registration { algorithms: vec![Algorithm::Rs256], ..registration() };
    for mut device in [device(), Device::ed_dsa(ORIGIN, "acme.com")] {
        let answer = device.register(&options::of_registration(&asked, &[]));
        assert_eq!(made(&asked, &answer), Err(Refusal::Key));
    }
}

#[test]
fn a_user_handle_is_the_accounts_own_or_absent() {
    let mut device = device();
    let credential = registered(&mut device).unwrap();
    for handle in [None, Some(String::new()), Some(encoded::encode(b"e-1"))] {
        device.user_handle = handle;
        assert!(asserted(&device, &credential).is_ok());
    }
    for handle in ["ZS0y", "!"] {
        device.user_handle = Some(handle.into());
        assert_eq!(asserted(&device, &credential), Err(Refusal::UserHandle));
    }
}

#[test]
fn a_key_of_the_older_u2f_answers_for_the_app_id_that_was_asked_for() {
    let mut device = device();
    let credential = registered(&mut device).unwrap();
    let app_id = "https://acme.com/u2f.json";
    let asked = Assertion { party: Party { app_id: Some(app_id.into()), ..party() }, ..assertion() };
    assert_eq!(options::of_assertion(&asked, &[])["publicKey"]["extensions"], json!({ "appid": app_id }));
    device.rp_id = app_id.into();
    assert_eq!(asserted_as(&asked, &device, &credential), Err(Refusal::RelyingParty));
    device.extensions = json!({ "appid": true });
    assert!(asserted_as(&asked, &device, &credential).is_ok());
    assert_eq!(asserted(&device, &credential), Err(Refusal::RelyingParty));
}

#[test]
fn a_statement_that_does_not_hold_is_refused_even_if_none_was_asked_for() {
    use serde_cbor_2::Value as Cbor;
    let text = |text: &str| Cbor::Text(text.into());
    let map = |members: Vec<(Cbor, Cbor)>| Cbor::Map(members.into_iter().collect());
    let wrong_sig = map(vec![(text("alg"), Cbor::Integer(-7)), (text("sig"), Cbor::Bytes(vec![0; 70]))]);
    for (format, statement) in [
        ("none", map(vec![(text("a"), text("b"))])),
        ("packed", map(Vec::new())),
        ("packed", wrong_sig.clone()),
        ("fido-u2f", wrong_sig),
        ("tpm", map(Vec::new())),
        ("android-key", map(Vec::new())),
        ("android-safetynet", map(Vec::new())),
        ("apple", map(Vec::new())),
        ("unheard-of", map(Vec::new())),
    ] {
        let mut device = device();
        device.format = Format::Other(format.into(), statement);
        assert_eq!(registered(&mut device), Err(Refusal::Statement), "{format}");
    }
    let mut device = device();
    device.format = Format::Other("none".into(), text("x"));
    assert_eq!(registered(&mut device), Err(Refusal::AuthenticatorData));
}

#[test]
fn every_truncation_and_every_flipped_byte_is_refused_without_a_panic() {
    let mut device = device();
    device.format = Format::OwnKey;
    let asked = registration();
    let answer = device.register(&options::of_registration(&asked, &[]));
    let object = encoded::decode(answer["response"]["attestationObject"].as_str().unwrap()).unwrap();
    let with = |object: &[u8]| {
        let mut answer = answer.clone();
        answer["response"]["attestationObject"] = encoded::encode(object).into();
        made(&asked, &answer)
    };
    assert!(with(&object).is_ok());
    for place in 0..object.len() {
        assert!(with(&object[..place]).is_err(), "cut at {place}");
        let mut broken = object.clone();
        broken[place] ^= 0xff;
        assert!(with(&broken).is_err(), "flipped at {place}");
    }
    let longer = [object.as_slice(), &[0]].concat();
    assert!(with(&longer).is_err());
}

#[test]
fn what_is_no_credential_is_malformed() {
    let mut nested = "[".repeat(100_000);
    nested.push_str(&"]".repeat(100_000));
    for text in ["", "{}", "null", "123456", "[]", r#"{"type":"public-key"}"#, &nested, &" ".repeat(LONGEST_ANSWER + 1)]
    {
        assert_eq!(registration::Answer::read(text).err(), Some(Refusal::Malformed));
        assert_eq!(assertion::Answer::read(text).err(), Some(Refusal::Malformed));
    }
}

#[test]
fn hostile_cbor_neither_overflows_the_stack_nor_fills_the_memory() {
    let asked = registration();
    let answer = device().register(&options::of_registration(&asked, &[]));
    for object in [
        vec![0x81; 40_000],
        vec![0xa1; 40_000],
        vec![0x9f; 40_000],
        vec![0xc0; 40_000],
        vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        let mut answer = answer.clone();
        answer["response"]["attestationObject"] = encoded::encode(&object).into();
        assert_eq!(made(&asked, &answer), Err(Refusal::AuthenticatorData));
    }
}

#[test]
fn direct_attestation_takes_only_models_that_a_root_vouches_for() {
    let (root, stranger) = (authority("Acme Root"), authority("Stranger"));
    let (leaf, certificate) = leaf_of(&root);
    let trusting = |roots: &[&Authority], aaguids: &[&str]| Registration {
        attestation: Attestation::Direct {
            aaguids: aaguids.iter().map(|id| (*id).to_owned()).collect(),
            roots: roots.iter().map(|root| pem(root.as_ref())).collect(),
        },
        ..registration()
    };
    let model = "07070707-0707-0707-0707-070707070707";
    let mut device = device();
    let mut shown = |format: Format, asked: &Registration| {
        device.format = format;
        made(asked, &device.register(&options::of_registration(asked, &[]))).map(|credential| credential.aaguid)
    };
    let certified = || certified(&leaf, &certificate);
    let (root, stranger) = (&root, &stranger);
    assert_eq!(shown(certified(), &trusting(&[root], &[])), Ok(model.into()));
    assert_eq!(shown(certified(), &trusting(&[stranger, root], &[model])), Ok(model.into()));
    let other = "07070707-0707-0707-0707-070707070708";
    assert_eq!(shown(certified(), &trusting(&[root], &[other])), Err(Refusal::Untrusted));
    assert_eq!(shown(certified(), &trusting(&[stranger], &[])), Err(Refusal::Untrusted));
    for format in [Format::None, Format::OwnKey] {
        assert_eq!(shown(format, &trusting(&[root], &[])), Err(Refusal::Untrusted));
    }
    let late = Timestamp::from_secs(80_000_000_000);
    let asked = trusting(&[root], &[]);
    device.format = certified();
    let answer = device.register(&options::of_registration(&asked, &[]));
    let answer = registration::Answer::read(&answer.to_string()).unwrap();
    assert_eq!(registration::verify(&asked, &answer, late), Err(Refusal::Untrusted));
}

#[test]
fn an_origin_lies_within_the_relying_party() {
    for origin in ["https://acme.com", "https://login.acme.com", "https://acme.com:8443"] {
        assert!(is_origin(origin, "acme.com"), "{origin}");
    }
    for origin in [
        "http://acme.com",
        "https://evilacme.com",
        "https://acme.com.evil.com",
        "https://acme.com/",
        "https://acme.com:08443",
        "https://acme.com:70000",
        "https://ACME.com",
        "https://user@acme.com",
        "acme.com",
        "",
    ] {
        assert!(!is_origin(origin, "acme.com"), "{origin}");
    }
    assert!(is_origin("http://localhost:3000", "localhost"));
}

#[test]
fn a_relying_party_is_a_domain() {
    assert!(is_domain("acme.com") && is_domain("localhost"));
    for text in ["", "acme..com", "acme.com.", "-acme.com", "ACME.com", "acme.com:443", "a_b.com", "é.com"] {
        assert!(!is_domain(text), "{text}");
    }
}
