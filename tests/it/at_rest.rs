//! What lies in the file: nothing that can be read, and nothing that can be moved.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use countersign::config::Settings;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::{Error, Record, Store, tables};
use serde_json::json;

use crate::support::{START, Server};

/// A text in every encoding that somebody with the file would look for.
fn spellings(text: &[u8]) -> Vec<Vec<u8>> {
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    // Base64 looks different at each of three offsets; the first and last characters mix with their neighbours.
    let shifted = (0..3).map(|shift| {
        let padded = [&vec![0; shift][..], text].concat();
        let encoded = base64.encode(padded).into_bytes();
        encoded[(shift * 4).div_ceil(3)..encoded.len() - 1].to_vec()
    });
    let utf16 = |to: fn(u16) -> [u8; 2]| String::from_utf8_lossy(text).encode_utf16().flat_map(to).collect::<Vec<u8>>();
    let mut all = vec![
        text.to_vec(),
        text.to_ascii_lowercase(),
        text.to_ascii_uppercase(),
        text.iter().rev().copied().collect(),
        data_encoding::HEXLOWER.encode(text).into_bytes(),
        data_encoding::HEXUPPER.encode(text).into_bytes(),
        data_encoding::BASE32_NOPAD.encode(text).into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ];
    all.extend(shifted);
    all.retain(|spelling| spelling.len() >= 4);
    all
}

/// A file's bytes, and where each four of them begin, so that many texts can be looked for.
struct Searched {
    bytes: Vec<u8>,
    places: HashMap<[u8; 4], Vec<usize>>,
}

impl Searched {
    fn new(bytes: Vec<u8>) -> Self {
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        for (place, four) in bytes.windows(4).enumerate() {
            places.entry(four.try_into().unwrap()).or_default().push(place);
        }
        Self { bytes, places }
    }

    /// Whether it holds `text`, of four bytes at least.
    fn contains(&self, text: &[u8]) -> bool {
        let begins: [u8; 4] = text[..4].try_into().unwrap();
        let places = self.places.get(&begins).into_iter().flatten();
        places.copied().any(|place| self.bytes[place..].starts_with(text))
    }
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().to_string_lossy().into(), std::fs::read(entry.path()).unwrap())).collect()
}

/// Let an owner set up who carries messages, and a policy. Gives back the key that requests are signed with.
fn set_up_messages(server: &Server) -> String {
    let owner = [("Authorization", "Bearer root")];
    let twilio = json!({ "sid": "AC-bluebell", "token": "twilio-cowslip", "description": "primrose texts" });
    server.ask("POST", "/admin/v1/sms/twilio", &owner, &twilio.to_string());
    let smtp = json!({
        "senderAddress": "post@foxes.example", "senderName": "Foxes", "host": "mail.badger.example:25",
        "user": "mailman", "password": "smtp-speedwell",
    });
    assert_eq!(server.ask("POST", "/admin/v1/email/smtp", &owner, &smtp.to_string()).status, 200);
    let hook = server.ask("POST", "/admin/v1/sms/http", &owner, r#"{"endpoint":"https://hook.stoat.example/"}"#);
    let policy = json!({ "defaultRedirectUri": "https://login.otter.example/" });
    server.ask("PUT", "/admin/v1/policies/login", &owner, &policy.to_string());
    hook.text("signingKey")
}

/// Let an entity be reached by codes, one of which is on its way, and give it recovery codes, which come back.
fn reach(server: &Server, entity: &str) -> Vec<String> {
    let sms = json!({ "template": "{{ code }} from the toadflax", "domain": "candytuft.example" });
    let sms = server.call("POST", "identity/mfa/method/sms", &sms).text("data.method_id");
    let given = json!({ "method_id": sms, "entity_id": entity, "phone": "+441632960962", "verified": true, "label": "snowdrop" });
    assert_eq!(server.call("POST", "identity/mfa/method/sms/admin-generate", &given).status, 200);
    let asked = json!({ "method_id": sms, "entity_id": entity });
    assert_eq!(server.call("POST", "identity/mfa/challenge", &asked).status, 200);
    let mail = server.call("POST", "identity/mfa/method/email", &json!({ "subject": "larch" })).text("data.method_id");
    let given = json!({ "method_id": mail, "entity_id": entity, "email": "wren@bellflower.example" });
    assert_eq!(server.call("POST", "identity/mfa/method/email/admin-generate", &given).status, 200);
    let paper = server.call("POST", "identity/mfa/method/recovery", &json!({})).text("data.method_id");
    let given = json!({ "method_id": paper, "entity_id": entity });
    let codes = server.call("POST", "identity/mfa/method/recovery/admin-generate", &given);
    let codes = codes.at("data.codes").as_array().unwrap();
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

/// A namespace, a provider, a policy and a token role.
fn set_up(server: &Server) {
    server.call("POST", "auth/token/roles/buttercup", &json!({ "allowed_policies": "larkspur" }));
    server.call("POST", "sys/namespaces/quartermaster", &json!({ "custom_metadata": { "warden": "thistledown" } }));
    let duo = json!({ "secret_key": "duo-marmalade", "integration_key": "duo-gooseberry", "api_hostname": "api-snapdragon.example" });
    server.call("POST", "identity/mfa/method/duo", &duo);
    let policy = json!({ "policy": "path \"identity/entity/name/bilberry\" { policy = \"read\" }" });
    server.call("POST", "sys/policies/acl/honeysuckle", &policy);
}

/// Let somebody log in, and others fail to.
fn log_in(server: &Server) {
    server.call("POST", "sys/auth/staffroom", &json!({ "type": "userpass", "description": "staffroom door" }));
    server.call("POST", "auth/staffroom/users/cordelia", &json!({ "password": "damson-jelly" }));
    for (name, password) in [("cordelia", "damson-jelly"), ("cordelia", "wrong"), ("mulberry", "wrong")] {
        server.call("POST", &format!("auth/staffroom/login/{name}"), &json!({ "password": password }));
    }
}

#[test]
fn nothing_in_the_database_file_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("countersign.db"), tables::ALL, Options::default()).unwrap();
    let server = Server::over(Arc::new(store), Settings::default());
    set_up(&server);
    let method = json!({ "issuer": "Periwinkle Bank", "method_name": "periwinkle-totp" });
    let method = server.call("POST", "identity/mfa/method/totp", &method).text("data.method_id");
    let entity =
        json!({ "name": "Bartholomew Wren", "metadata": { "mobile": "+441632960961" }, "policies": ["bellringers"] });
    let entity = server.call("POST", "identity/entity", &entity).text("data.id");
    let who = server.generate(&method, &entity);
    let token = server.call(
        "POST",
        "auth/token/create",
        &json!({ "display_name": "foxglove", "meta": { "purpose": "hollyhock" } }),
    );
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Wrap-TTL", "60")];
    let wrapped = server.ask("POST", "sys/wrapping/wrap", &headers, r#"{"celandine":"meadowsweet"}"#);
    assert_eq!(server.validate(&who, &server.code(&who, 0)).status, 200);
    assert_eq!(server.validate(&who, &server.wrong(&who)).status, 403);
    log_in(&server);
    server.call("POST", "sys/auth/engines", &json!({ "type": "approle" }));
    server.call("POST", "auth/engines/role/sycamore", &json!({ "role_id": "sycamore-role" }));
    let made =
        server.call("POST", "auth/engines/role/sycamore/secret-id", &json!({ "metadata": "{\"tree\":\"acer\"}" }));
    let signing_key = set_up_messages(&server);
    let codes = reach(&server, &entity);

    let seed = who.authenticator.seed.expose().clone();
    let mut secrets: Vec<(&str, Vec<u8>)> = [
        "quartermaster",
        "warden",
        "thistledown",
        "Periwinkle",
        "periwinkle-totp",
        "duo-marmalade",
        "duo-gooseberry",
        "api-snapdragon",
        "Bartholomew",
        "mobile",
        "441632960961",
        "bellringers",
        "foxglove",
        "hollyhock",
        "buttercup",
        "larkspur",
        "celandine",
        "meadowsweet",
        "staffroom",
        "cordelia",
        "damson-jelly",
        "mulberry",
        "sycamore",
        "argon2id",
        "bluebell",
        "twilio-cowslip",
        "primrose",
        "foxes.example",
        "badger.example",
        "mailman",
        "smtp-speedwell",
        "stoat.example",
        "otter.example",
        "bilberry",
        "honeysuckle",
        "441632960962",
        "bellflower",
        "toadflax",
        "candytuft",
        "snowdrop",
        "is your code",
    ]
    .map(|text| (text, text.as_bytes().to_vec()))
    .into();
    secrets.push(("the seed", seed));
    for code in codes {
        secrets.push(("a recovery code", code.as_bytes().to_vec()));
        secrets.push(("a recovery code's characters", code.replace('-', "").into_bytes()));
    }
    secrets.push(("the entity's id", entity.into_bytes()));
    secrets.push(("the method's id", method.into_bytes()));
    secrets.push(("a token", token.text("auth.client_token").into_bytes()));
    secrets.push(("a wrapping token", wrapped.text("wrap_info.token").into_bytes()));
    secrets.push(("an accessor", token.text("auth.accessor").into_bytes()));
    secrets.push(("a secret id", made.text("data.secret_id").into_bytes()));
    secrets.push(("a signing key", signing_key.into_bytes()));
    secrets.push(("the unseal key", vec![7; 32]));
    let lived = files(dir.path());
    drop(server);
    let closed = files(dir.path());
    assert!(
        lived.iter().any(|(name, bytes)| name.ends_with("-wal") && bytes.len() > 10_000),
        "the log was looked at too"
    );
    for (file, bytes) in lived.into_iter().chain(closed) {
        let searched = Searched::new(bytes);
        for (what, secret) in &secrets {
            for spelling in spellings(secret) {
                assert!(!searched.contains(&spelling), "{what} can be read in {file}");
            }
        }
    }
}

#[test]
fn the_search_for_secrets_would_find_one() {
    let base64 = base64::engine::general_purpose::STANDARD;
    for hidden in [
        b"....Bartholomew....".to_vec(),
        data_encoding::HEXLOWER.encode(b"xxBartholomewxx").into_bytes(),
        base64.encode(b"xBartholomewx").into_bytes(),
        base64.encode(b"xxBartholomewx").into_bytes(),
        base64.encode(b"xxxBartholomewx").into_bytes(),
    ] {
        let searched = Searched::new(hidden.clone());
        assert!(spellings(b"Bartholomew").iter().any(|spelling| searched.contains(spelling)), "{hidden:?}");
    }
}

#[test]
fn a_body_moved_to_another_row_is_an_error_and_not_anothers_data() {
    let server = Server::start();
    let store = server.engine.store.clone();
    let mut keys = Vec::new();
    for name in ["alice", "bob"] {
        let id = server.call("POST", "identity/entity", &json!({ "name": name })).text("data.id");
        keys.push((
            id.clone(),
            tables::entity_key(&server.engine.access().unwrap(), &countersign::id::EntityId::new(id)),
        ));
    }
    let (alice, bob) = (keys[0].clone(), keys[1].clone());
    let schema = <countersign::model::entity::Entity as countersign::storage::table::Stored>::SCHEMA;
    let moved = store.write(START, move |tx| {
        let body = tx.get(schema, alice.1.as_ref())?.unwrap().body;
        let target = tx.get(schema, bob.1.as_ref())?.unwrap();
        tx.put(schema, &Record { body, ..target })
    });
    moved.wait().unwrap();
    let read = |id: &str| server.call("GET", &format!("identity/entity/id/{id}"), &json!({}));
    assert_eq!(read(&keys[0].0).text("data.name"), "alice");
    let answer = read(&keys[1].0);
    assert_eq!((answer.status, answer.error().as_str()), (500, "1 error occurred:\n\t* internal error\n\n"));
    let access = server.engine.access().unwrap();
    let opened = store.read(START, |tx| tables::ENTITIES.get(tx, &access, keys[1].1));
    assert!(matches!(opened, Err(Error::Damaged { table: "entity" })));
}

#[test]
fn another_stores_key_does_not_open_it() {
    let server = Server::start();
    let wrong = countersign::secret::Secret::new([8; 32]);
    assert!(server.engine.unseal(&wrong).is_err());
    let _: &Arc<dyn Store> = &server.engine.store;
}
