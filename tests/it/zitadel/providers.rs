//! Who carries text messages and mail: set up, activated, and never telling a secret.

use countersign::delivery::carrier::Carriers;
use countersign::engine::message_providers::{self, carried_by};
use countersign::engine::outbox::Enqueued;
use countersign::engine::sending;
use countersign::model::deny_list::DenyList;
use countersign::model::message_provider::{Channel, MessageProvider, Settings};
use serde_json::{Value, json};

use super::{Zitadel, error};
use crate::stand_in::{Asked, Says, StandIn};
use crate::support::{Answer, Server};

fn refused(status: u16, code: u64, id: &str) -> (u16, u64, String) {
    (status, code, id.to_owned())
}

fn smtp() -> Value {
    json!({
        "senderAddress": "no-reply@example.com", "senderName": "Example", "tls": true, "host": "mail.example.com:587",
        "user": "mailer", "password": "hunter2-smtp", "replyToAddress": "help@example.com", "description": "main",
    })
}

fn twilio() -> Value {
    json!({ "sid": "AC123", "token": "hunter2-twilio", "senderNumber": "+15550100", "description": "texts" })
}

impl Zitadel {
    fn admin(&self, verb: &str, path: &str, body: &Value) -> Answer {
        self.call(verb, &format!("/admin/v1/{path}"), body)
    }

    /// The provider that a sender would use.
    fn active(&self, channel: Channel) -> Option<MessageProvider> {
        let (engine, access) = (&self.server.engine, self.server.engine.access().unwrap());
        engine.store.read(engine.now(), |tx| message_providers::active(tx, &access, channel)).unwrap()
    }
}

#[test]
fn a_provider_starts_inactive_and_takes_over_when_it_is_activated() {
    let zitadel = Zitadel::start();
    let add = |path: &str, body: &Value| zitadel.admin("POST", path, body).text("id");
    let first = add("sms/twilio", &twilio());
    let second = add("sms/http", &json!({ "endpoint": "https://sms.example.com/send" }));
    let state = |id: &str| zitadel.admin("GET", &format!("sms/{id}"), &json!({})).text("config.state");
    let act = |id: &str, what: &str| zitadel.admin("POST", &format!("sms/{id}/_{what}"), &json!({}));
    assert!(first.len() == 18 && zitadel.active(Channel::Sms).is_none());
    assert_eq!(error(&act(&first, "deactivate")), refused(400, 9, "COMMAND-dn93n"));
    assert_eq!(act(&first, "activate").text("details.sequence"), "2");
    assert_eq!(error(&act(&first, "activate")), refused(400, 9, "COMMAND-sn9we"));
    assert_eq!(zitadel.active(Channel::Sms).unwrap().id, first);
    assert_eq!(act(&second, "activate").status, 200);
    assert_eq!(
        (state(&first), state(&second)),
        ("SMS_PROVIDER_CONFIG_INACTIVE".into(), "SMS_PROVIDER_CONFIG_ACTIVE".into())
    );
    assert_eq!(zitadel.active(Channel::Sms).unwrap().id, second);
    assert!(zitadel.active(Channel::Email).is_none());
    assert_eq!(act(&second, "deactivate").status, 200);
    assert!(zitadel.active(Channel::Sms).is_none());
    assert_eq!(act(&second, "activate").status, 200);
    assert_eq!(zitadel.admin("DELETE", &format!("sms/{second}"), &json!({})).status, 200);
    assert!(zitadel.active(Channel::Sms).is_none());
    assert_eq!(error(&zitadel.admin("DELETE", &format!("sms/{second}"), &json!({}))), refused(404, 5, "QUERY-fn99w"));
}

#[test]
fn a_secret_goes_in_and_never_comes_out() {
    let zitadel = Zitadel::start();
    let sms = zitadel.admin("POST", "sms/twilio", &twilio()).text("id");
    let mail = zitadel.admin("POST", "email/smtp", &smtp()).text("id");
    let http = zitadel.admin("POST", "email/http", &json!({ "endpoint": "https://mail.example.com/" }));
    let (http, key) = (http.text("id"), http.text("signingKey"));
    zitadel.admin("POST", &format!("email/{http}/_activate"), &json!({}));
    let Settings::Http(kept) = zitadel.active(Channel::Email).unwrap().settings else { panic!("not of HTTP") };
    assert_eq!(kept.signing_key.expose(), &key);
    assert!(key.len() >= 43);
    for (verb, path) in [
        ("GET", format!("sms/{sms}")),
        ("POST", "sms/_search".into()),
        ("GET", "email".into()),
        ("GET", format!("email/{mail}")),
        ("GET", format!("email/{http}")),
        ("POST", "email/_search".into()),
        ("GET", format!("smtp/{mail}")),
        ("POST", "smtp/_search".into()),
        ("PUT", format!("sms/twilio/{sms}")),
        ("PUT", format!("email/http/{http}")),
    ] {
        let body = json!({ "sid": "AC9", "endpoint": "https://mail.example.com/2" });
        let answer = zitadel.admin(verb, &path, &body);
        assert_eq!(answer.status, 200, "{verb} {path}: {answer:?}");
        for secret in ["hunter2", key.as_str(), "token", "password", "signing"] {
            assert!(!answer.text.contains(secret), "{verb} {path}: {secret}");
        }
    }
}

#[test]
fn a_change_keeps_the_secret_unless_it_brings_one() {
    let zitadel = Zitadel::start();
    let id = zitadel.admin("POST", "email/smtp", &smtp()).text("id");
    zitadel.admin("POST", &format!("email/{id}/_activate"), &json!({}));
    let kept = || match zitadel.active(Channel::Email).unwrap().settings {
        Settings::Smtp(smtp) => (smtp.host, smtp.password.expose().clone()),
        Settings::Twilio(_) | Settings::Http(_) => panic!("not of SMTP"),
    };
    let put = |path: &str, body: &Value| zitadel.admin("PUT", &format!("email/smtp/{id}{path}"), body).status;
    let mut other = smtp();
    (other["host"], other["password"]) = (json!("mail2.example.com:25"), json!(""));
    assert_eq!(put("", &other), 200);
    assert_eq!(kept(), ("mail2.example.com".into(), "hunter2-smtp".into()));
    assert_eq!(put("/password", &json!({ "password": "second" })), 200);
    assert_eq!(kept().1, "second");
    other["password"] = json!("third");
    assert_eq!(put("", &other), 200);
    assert_eq!(kept().1, "third");
    let sms = zitadel.admin("POST", "sms/twilio", &twilio()).text("id");
    zitadel.admin("POST", &format!("sms/{sms}/_activate"), &json!({}));
    assert_eq!(zitadel.admin("PUT", &format!("sms/twilio/{sms}/token"), &json!({ "token": "new" })).status, 200);
    let Settings::Twilio(twilio) = zitadel.active(Channel::Sms).unwrap().settings else { panic!("not of Twilio") };
    assert_eq!((twilio.token.expose().as_str(), twilio.sid.as_str()), ("new", "AC123"));
}

#[test]
fn providers_of_other_kinds_and_channels_are_not_there() {
    let zitadel = Zitadel::start();
    let sms = zitadel.admin("POST", "sms/twilio", &twilio()).text("id");
    let http = zitadel.admin("POST", "email/http", &json!({ "endpoint": "https://mail.example.com/" })).text("id");
    let (sms_gone, mail_gone) = (refused(404, 5, "QUERY-fn99w"), refused(404, 5, "QUERY-Fwofw"));
    for (verb, path, gone) in [
        ("GET", format!("email/{sms}"), &mail_gone),
        ("POST", format!("email/{sms}/_activate"), &mail_gone),
        ("DELETE", format!("sms/{http}"), &sms_gone),
        ("PUT", format!("email/smtp/{http}"), &mail_gone),
        ("PUT", format!("email/smtp/{http}/password"), &mail_gone),
        ("PUT", format!("sms/http/{sms}"), &sms_gone),
        ("GET", format!("smtp/{http}"), &mail_gone),
        ("GET", "email".into(), &mail_gone),
        ("GET", "sms/1".into(), &sms_gone),
    ] {
        let mut body = smtp();
        body["endpoint"] = json!("https://x.example.com/");
        assert_eq!(&error(&zitadel.admin(verb, &path, &body)), gone, "{verb} {path}");
    }
}

#[test]
fn an_endpoint_is_no_way_into_the_servers_own_network() {
    let zitadel = Zitadel::start();
    for endpoint in [
        "http://localhost:8080/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.0.1/",
        "https://user:password@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com",
        "example.com",
    ] {
        for path in ["sms/http", "email/http"] {
            let answer = zitadel.admin("POST", path, &json!({ "endpoint": endpoint }));
            assert_eq!(error(&answer), refused(400, 3, "COMMAND-Pr0vi"), "{endpoint}");
        }
    }
    assert_eq!(zitadel.admin("POST", "sms/_search", &json!({})).at("result"), &Value::Null);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let zitadel = Zitadel::start();
    let long = "x".repeat(201);
    for (path, member, value) in [
        ("email/smtp", "senderAddress", json!("")),
        ("email/smtp", "senderAddress", json!("nobody")),
        ("email/smtp", "senderAddress", json!("a@b>\r\nRCPT TO:<c@d")),
        ("email/smtp", "senderName", json!("a\r\nBcc: b@c")),
        ("email/smtp", "senderName", json!(long)),
        ("email/smtp", "host", json!("mail.example.com")),
        ("email/smtp", "host", json!("mail.example.com:0")),
        ("email/smtp", "host", json!("")),
        ("email/smtp", "replyToAddress", json!("a@b,c@d")),
        ("email/smtp", "description", json!("a\nb")),
        ("email/smtp", "tls", json!("true")),
        ("sms/twilio", "sid", json!("")),
        ("sms/twilio", "sid", json!("../AC1")),
        ("sms/twilio", "token", json!("")),
        ("sms/twilio", "token", json!(long)),
        ("sms/twilio", "senderNumber", json!("a\0")),
    ] {
        let mut body = if path == "email/smtp" { smtp() } else { twilio() };
        body[member] = value.clone();
        let answer = zitadel.admin("POST", path, &body);
        assert_eq!((answer.status, answer.at("code")), (400, &json!(3)), "{member}: {value}");
    }
    for path in ["sms/_search", "email/_search"] {
        assert_eq!(zitadel.admin("POST", path, &json!({})).at("result"), &Value::Null);
    }
}

#[test]
fn providers_are_the_business_of_the_instances_owner() {
    let zitadel = Zitadel::start();
    let tokens = [zitadel.token("acme", "zitadel-owner"), zitadel.token("", "zitadel-login-client")];
    for (verb, path, body) in [
        ("POST", "sms/twilio", twilio()),
        ("POST", "email/smtp", smtp()),
        ("POST", "smtp", smtp()),
        ("POST", "sms/_search", json!({})),
        ("GET", "email", json!({})),
        ("DELETE", "sms/1", json!({})),
        ("POST", "sms/1/_activate", json!({})),
    ] {
        for token in &tokens {
            let answer = zitadel.call_as(token, verb, &format!("/admin/v1/{path}"), &body);
            assert_eq!(error(&answer), refused(403, 7, "AUTH-5mWD2"), "{verb} {path}");
        }
    }
}

#[test]
fn one_provider_of_a_channel_is_active_however_many_are_activated_at_once() {
    let zitadel = Zitadel::start();
    let ids: Vec<String> = (0..6).map(|_| zitadel.admin("POST", "sms/twilio", &twilio()).text("id")).collect();
    std::thread::scope(|scope| {
        for id in &ids {
            let (zitadel, path) = (&zitadel, format!("sms/{id}/_activate"));
            let activate = move || zitadel.admin("POST", &path, &json!({})).status;
            scope.spawn(move || assert_eq!(activate(), 200));
        }
    });
    let found = zitadel.admin("POST", "sms/_search", &json!({}));
    let states: Vec<&Value> =
        found.at("result").as_array().unwrap().iter().map(|provider| &provider["state"]).collect();
    assert_eq!(states.iter().filter(|state| ***state == json!("SMS_PROVIDER_CONFIG_ACTIVE")).count(), 1);
    assert_eq!((states.len(), found.text("details.totalResult")), (6, "6".into()));
}

#[test]
fn the_older_spelling_is_the_same_mail_server() {
    let zitadel = Zitadel::start();
    let id = zitadel.admin("POST", "smtp", &smtp()).text("id");
    assert_eq!(zitadel.admin("POST", &format!("smtp/{id}/_activate"), &json!({})).status, 200);
    let old = zitadel.admin("GET", "smtp", &json!({})).at("smtpConfig").clone();
    let new = zitadel.admin("GET", "email", &json!({})).at("config").clone();
    assert_eq!(
        (&old["id"], &old["host"], &old["state"]),
        (&json!(id), &json!("mail.example.com:587"), &json!("SMTP_CONFIG_ACTIVE"))
    );
    assert_eq!(
        (&new["id"], &new["smtp"]["host"], &new["state"]),
        (&json!(id), &json!("mail.example.com:587"), &json!("EMAIL_PROVIDER_ACTIVE"))
    );
    assert_eq!(zitadel.admin("POST", &format!("smtp/{id}/_deactivate"), &json!({})).status, 200);
    assert_eq!(error(&zitadel.admin("GET", "smtp", &json!({}))), refused(404, 5, "QUERY-Fwofw"));
    assert_eq!(zitadel.admin("DELETE", &format!("smtp/{id}"), &json!({})).status, 200);
}

#[test]
fn providers_of_a_channel_are_not_without_number() {
    let zitadel = Zitadel::start();
    let add = |path: &str, body: &Value| zitadel.admin("POST", path, body);
    assert!((0..100).all(|_| add("sms/twilio", &twilio()).status == 200));
    assert_eq!(error(&add("sms/http", &json!({ "endpoint": "https://a.example/" }))), refused(400, 9, "COMMAND-Pr0vd"));
    assert_eq!(add("email/smtp", &smtp()).status, 200);
}

#[test]
fn an_operator_says_what_is_denied() {
    let denied = DenyList::parse(&["example.com"]).unwrap();
    let zitadel = Zitadel { server: Server::equipped(|engine| engine.with_denied_endpoints(denied)) };
    let add = |endpoint: &str| zitadel.admin("POST", "sms/http", &json!({ "endpoint": endpoint })).status;
    assert_eq!((add("http://127.0.0.1:8080/"), add("https://sms.example.com/")), (200, 400));
}

/// What the active provider is asked when one text message is due: `post` puts it into the outbox.
fn sent_by_the_active_one(zitadel: &Zitadel, stand_in: &StandIn) -> Vec<Asked> {
    let engine = &zitadel.server.engine;
    let message = crate::outbox::message(engine, Channel::Sms, "+41791234567");
    assert_eq!(crate::outbox::post(engine, &message), Enqueued::Queued);
    let carriers = Carriers::trusting(vec![stand_in.authority.clone()]);
    let carriers = carriers.with_twilio_at(format!("https://localhost:{}", stand_in.port));
    sending::round(engine, &carriers).unwrap();
    stand_in.asked()
}

#[test]
fn messages_go_by_the_provider_that_is_active() {
    let taken = |_: &Asked| Says::This(201, r#"{"sid":"SM1"}"#.into());
    let stand_in = StandIn::start("localhost", taken);
    let zitadel = Zitadel { server: Server::equipped(|engine| engine.with_denied_endpoints(DenyList::default())) };
    let twilio = json!({ "sid": "AC0123", "token": "t:ken", "senderNumber": "+15005550006" });
    let twilio = zitadel.admin("POST", "sms/twilio", &twilio).text("id");
    let hook = json!({ "endpoint": format!("https://localhost:{}/hook", stand_in.port) });
    let hook = zitadel.admin("POST", "sms/http", &hook).text("id");
    assert_eq!(sent_by_the_active_one(&zitadel, &stand_in).len(), 0, "none is");
    zitadel.server.advance(60);
    for (id, target) in [(twilio, "/2010-04-01/Accounts/AC0123/Messages.json"), (hook, "/hook")] {
        zitadel.admin("POST", &format!("sms/{id}/_activate"), &json!({}));
        let asked = sent_by_the_active_one(&zitadel, &stand_in);
        assert_eq!(asked.last().map(|asked| asked.target.as_str()), Some(target));
    }
}

#[test]
fn a_provider_at_a_place_that_was_denied_later_is_not_asked() {
    let stand_in = StandIn::start("localhost", |_| Says::This(200, "{}".into()));
    let zitadel = Zitadel { server: Server::equipped(|engine| engine.with_denied_endpoints(DenyList::default())) };
    let hook = json!({ "endpoint": format!("https://localhost:{}/hook", stand_in.port) });
    let id = zitadel.admin("POST", "sms/http", &hook).text("id");
    zitadel.admin("POST", &format!("sms/{id}/_activate"), &json!({}));
    let active = zitadel.active(Channel::Sms).unwrap();
    assert!(carried_by(&active, &DenyList::default()).is_ok());
    assert!(carried_by(&active, &DenyList::standard()).is_err());
}
