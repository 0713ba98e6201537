//! The guide to second factors in a login UI of one's own, played: every request as it is printed there, in its order, under both prefixes. Only
//! what a reader has to fill in is filled in.

use serde_json::{Value, json};

use super::{Zitadel, error};
use crate::device::Device;
use crate::support::{Answer, authenticator};

/// A reader of the guide: sends what is printed, and fills in what has to be.
struct Reader {
    zitadel: Zitadel,
    prefix: &'static str,
    user: String,
}

impl Reader {
    fn new(prefix: &'static str) -> Self {
        let zitadel = Zitadel::start();
        let user = zitadel.human("minni-mouse@mouse.com");
        Self { zitadel, prefix, user }
    }

    fn path(&self, path: &str) -> String {
        format!("{}{}", self.prefix, path.replace("$USER_ID", &self.user))
    }

    /// A request with the three headers that the guide prints.
    fn send(&self, verb: &str, path: &str, body: &str) -> Answer {
        let headers =
            [("Accept", "application/json"), ("Authorization", "Bearer root"), ("Content-Type", "application/json")];
        self.zitadel.server.ask(verb, &self.path(path), &headers, body)
    }

    /// A request whose line is broken off behind the second header: neither content type nor body are sent.
    fn send_broken_off(&self, verb: &str, path: &str) -> Answer {
        let (path, address) = (self.path(path), "x");
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAccept: application/json\r\nAuthorization: Bearer root\r\n\r\n"
        );
        self.zitadel.server.send(head.as_bytes()).expect("an answer")
    }

    fn settings(&self) {
        let headers = [("Accept", "application/json"), ("Authorization", "Bearer root")];
        let answer = self.zitadel.server.ask("GET", &self.path("/settings/login"), &headers, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.at("settings.secondFactors"), &json!(["SECOND_FACTOR_TYPE_OTP", "SECOND_FACTOR_TYPE_U2F"]));
        assert_eq!(answer.at("settings.multiFactors"), &json!(["MULTI_FACTOR_TYPE_U2F_WITH_VERIFICATION"]));
        assert_eq!(answer.at("settings.passkeysType"), "PASSKEYS_TYPE_ALLOWED");
    }

    fn factors(&self, session: &str) -> Value {
        let path = self.path(&format!("/sessions/{session}"));
        self.zitadel.ok("GET", &path, &json!({})).at("session.factors").clone()
    }
}

fn prefixes() -> [Reader; 2] {
    ["/v2beta", "/v2"].map(Reader::new)
}

#[test]
fn an_app_is_registered_and_proves_its_owner() {
    for reader in prefixes() {
        reader.settings();
        let begun = reader.send_broken_off("POST", "/users/$USER_ID/totp");
        assert_eq!(begun.status, 200, "{begun:?}");
        let begun = reader.send("POST", "/users/$USER_ID/totp", "{}");
        let uri = begun.text("uri");
        assert!(uri.starts_with(
            "otpauth://totp/ZITADEL:minni-mouse@mouse.com?algorithm=SHA1&digits=6&issuer=ZITADEL&period=30&secret="
        ));
        let app = authenticator(&uri);
        assert_eq!(error(&reader.send_broken_off("POST", "/users/$USER_ID/totp/verify")), (400, 3, String::new()));
        let code = reader.zitadel.shown(&app);
        let body = "{\n\"code\": \"123456\"\n}".replace("123456", &code);
        assert_eq!(reader.send("POST", "/users/$USER_ID/totp/verify", &body).status, 200);

        let body = "{\n\"checks\": {\n\"user\": {\n\"loginName\": \"minni-mouse@mouse.com\"\n}\n}\n}";
        let made = reader.send("POST", "/sessions", body);
        assert_eq!(made.status, 201);
        let session = made.text("sessionId");
        let body = "{\n\"sessionToken\": \"W3mE\",\n\"checks\": {\n\"totp\": {\n\"code\": \"323764\"\n},\n}\n}";
        let path = reader.path(&format!("/sessions/{session}"));
        let headers = [("Accept", "application/json"), ("Content-Type", "application/json")];
        let printed = reader.zitadel.server.ask("PATCH", &path, &headers, body);
        assert_eq!(printed.status, 401, "a token that is none");
        let body = body.replace("W3mE", &made.text("sessionToken")).replace("323764", &code);
        let checked = reader.zitadel.server.ask("PATCH", &path, &headers, &body);
        assert_eq!(checked.status, 200, "{checked:?}");
        assert!(reader.factors(&session)["totp"]["verifiedAt"].is_string());
    }
}

/// What the two ways to send codes differ in.
struct Sent {
    check: &'static str,
    factor: &'static str,
}

impl Reader {
    fn challenge_and_check(&self, sent: &Sent) {
        let body = "{\n\"checks\": {\n\"user\": {\n\"loginName\": \"minni-mouse@mouse.com\"\n}\n},\n\"challenges\": {\n\"KIND\": {\n\"returnCode\": false\n}\n}\n}";
        let made = self.send("POST", "/sessions", &body.replace("KIND", sent.check));
        assert_eq!((made.status, made.at("challenges")), (201, &json!({})), "{made:?}");
        let session = made.text("sessionId");
        let code = self.zitadel.sent_code();
        assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        let body = "{\n\"sessionToken\": \"TOKEN\",\n\"checks\": {\n\"KIND\": {\n\"code\": \"3237642\"\n},\n}\n}";
        let body = body.replace("KIND", sent.check).replace("TOKEN", &made.text("sessionToken"));
        let literal = self.send("PATCH", "/sessions/225307381909694507", &body);
        assert_eq!(error(&literal), (400, 9, "COMMAND-Flk38".into()));
        let path = format!("/sessions/{session}");
        assert_eq!(error(&self.send("PATCH", &path, &body)), (400, 3, "CODE-woT0xc".into()), "a code of seven digits");
        let checked = self.send("PATCH", &path, &body.replace("3237642", &code));
        assert_eq!(checked.status, 200, "{checked:?}");
        assert!(self.factors(&session)[sent.factor]["verifiedAt"].is_string());
    }
}

#[test]
fn a_number_is_proven_and_codes_are_sent_there() {
    for reader in prefixes() {
        reader.settings();
        let body = "{\n\"phone\": \"+41791234567\",\n\"sendCode\": {}\n}";
        assert_eq!(reader.send("POST", "/users/$USER_ID/phone", body).status, 200);
        let body = "{\n\"verificationCode\": \"VBQREB\"\n}";
        assert_eq!(error(&reader.send("POST", "/users/$USER_ID/phone/verify", body)).2, "COMMAND-eis9R");
        let body = body.replace("VBQREB", &reader.zitadel.sent_code());
        assert_eq!(reader.send("POST", "/users/$USER_ID/phone/verify", &body).status, 200);
        assert_eq!(reader.send("POST", "/users/$USER_ID/otp_sms", "").status, 200);
        reader.zitadel.server.advance(1);
        reader.challenge_and_check(&Sent { check: "otpSms", factor: "otpSms" });
        assert_eq!(reader.zitadel.outbox().last().unwrap().to.expose(), "+41791234567");
    }
}

#[test]
fn codes_are_sent_to_the_address_that_is_proven_already() {
    for reader in prefixes() {
        reader.settings();
        assert_eq!(reader.send("POST", "/users/$USER_ID/otp_email", "").status, 200);
        reader.challenge_and_check(&Sent { check: "otpEmail", factor: "otpEmail" });
        assert_eq!(reader.zitadel.outbox().last().unwrap().to.expose(), "minni-mouse@mouse.com");
    }
}

#[test]
fn a_key_is_registered_and_proves_its_owner() {
    for reader in prefixes() {
        reader.settings();
        assert_eq!(reader.send_broken_off("POST", "/users/$USER_ID/u2f").status, 200, "for the host that was asked");
        let begun = reader.send("POST", "/users/$USER_ID/u2f", "{\n\"domain\": \"acme.com\"\n}");
        let options = begun.at("publicKeyCredentialCreationOptions");
        assert_eq!(options["publicKey"]["rp"], json!({ "id": "acme.com", "name": "ZITADEL" }));
        let mut device = Device::new("https://acme.com", "acme.com");
        let credential = device.register(options);
        let body = json!({ "publicKeyCredential": credential, "tokenName": "Google Pixel" });
        let path = format!("/users/$USER_ID/u2f/{}", begun.text("u2fId"));
        assert_eq!(reader.send("POST", &path, &body.to_string()).status, 200);

        let body = "{\n\"checks\": {\n\"user\": {\n\"loginName\": \"minni-mouse@mouse.com\"\n}\n},\n\"metadata\": {},\n\"challenges\": {\n\"webAuthN\": {\n\"domain\": \"YOUR-Domain\",\n\"userVerificationRequirement\": \"USER_VERIFICATION_REQUIREMENT_DISCOURAGED\"\n}\n}\n}";
        assert_eq!(
            error(&reader.send("POST", "/sessions", body)),
            (400, 9, "WEBAU-4G8sw".into()),
            "no key is for that"
        );
        let made = reader.send("POST", "/sessions", &body.replace("YOUR-Domain", "acme.com"));
        assert_eq!(made.status, 201);
        let path = format!("/sessions/{}", made.text("sessionId"));
        let body =
            "{\n\"sessionToken\": \"TOKEN\",\n\"checks\": {\n\"webAuthN\": {\n\"credentialAssertionData\": {}\n}\n}\n}";
        let body = body.replace("TOKEN", &made.text("sessionToken"));
        assert_eq!(error(&reader.send("PATCH", &path, &body)), (400, 3, "WEBAU-ADgv4".into()), "the placeholder");
        let options = made.at("challenges.webAuthN.publicKeyCredentialRequestOptions");
        let body = body.replace(
            "\"credentialAssertionData\": {}",
            &format!("\"credentialAssertionData\": {}", device.assert(options)),
        );
        let checked = reader.send("PATCH", &path, &body);
        assert_eq!(checked.status, 200, "{checked:?}");
        assert!(reader.factors(&made.text("sessionId"))["webAuthN"]["verifiedAt"].is_string());
    }
}
