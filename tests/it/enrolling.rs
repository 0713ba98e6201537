//! `countersign enroll`: somebody at a terminal, played by this program.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::out_of_band::{Site, method};
use crate::support::{Enrolled, Server, authenticator};

struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Session {
    fn start(server: &Server, token: Option<&str>, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["enroll", "totp"]).args(arguments).env_remove("VAULT_TOKEN").env_remove("VAULT_NAMESPACE");
        command.env("VAULT_ADDR", format!("http://{}", server.address));
        if let Some(token) = token {
            command.env("VAULT_TOKEN", token);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    /// Read on to the key URI; gives it back with what came before.
    fn key(&mut self) -> (String, String) {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "no key was shown after: {before}");
            if line.starts_with("otpauth://") {
                return (line.trim().to_owned(), before);
            }
            before += &line;
        }
    }

    /// What is still said until the program ends, and whether it ended well.
    fn end(mut self) -> (bool, String) {
        drop(self.stdin);
        let rest: String = self.stdout.lines().map(|line| line.unwrap() + "\n").collect();
        let mut complaint = String::new();
        let stderr = BufReader::new(self.child.stderr.take().unwrap());
        complaint.extend(stderr.lines().map(|line| line.unwrap() + "\n"));
        (self.child.wait().unwrap().success(), rest + &complaint)
    }
}

fn device(url: &str) -> Enrolled {
    Enrolled { method: String::new(), entity: String::new(), authenticator: authenticator(url) }
}

fn enrolled(site: &Site, entity: &str) -> Value {
    site.server.call("GET", &format!("identity/mfa/enrollments/{entity}"), &json!({})).at("data.enrollments").clone()
}

#[test]
fn somebody_with_a_token_enrols_from_a_terminal() {
    let site = Site::of("totp", &json!({ "issuer": "x", "method_name": "app" }));
    method(&site.server, "recovery", &json!({ "count": 3 }));
    let (entity, token) = site.person("alice");
    let mut session = Session::start(&site.server, Some(&token), &["--method", "app", "--label", "phone"]);
    let (url, before) = session.key();
    assert!(before.contains('█') && before.contains('▀'), "a picture to scan");
    let phone = device(&url);
    session.say(&site.server.wrong(&phone));
    session.say(&site.server.code(&phone, 0));
    let (well, said) = session.end();
    assert!(well, "{said}");
    assert!(said.contains("That is not it."));
    assert!(said.contains("counts from now on"));
    let codes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(codes.len(), 3, "{said}");
    let list = enrolled(&site, &entity);
    let labels: Vec<&Value> = list.as_array().unwrap().iter().map(|entry| &entry["label"]).collect();
    assert!(labels.contains(&&json!("phone")), "{list}");
    assert!(
        list.as_array().unwrap().iter().all(|entry| entry["type"] != "totp" || entry["confirmed_time"].is_string())
    );
    let again = Session::start(&site.server, Some(&token), &["--method", "app"]).end();
    assert!(!again.0 && again.1.contains("already has a secret"), "{}", again.1);
}

#[test]
fn somebody_with_a_password_enrols_during_the_login_that_asks_for_it() {
    let site = Site::of("totp", &json!({ "issuer": "x", "method_name": "app", "enable_self_enrollment": true }));
    let (entity, _) = site.person("alice");
    site.enforce(&[&site.method], &json!({}));
    let mut session = Session::start(&site.server, None, &["--method", "app"]);
    session.say("alice");
    session.say("damson");
    let (url, _) = session.key();
    session.say(&site.server.code(&device(&url), 0));
    let (well, said) = session.end();
    assert!(well, "{said}");
    assert!(!said.contains("damson"));
    assert_eq!(enrolled(&site, &entity)[0]["state"], json!("active"));
    let mut wrong = Session::start(&site.server, None, &["--method", "app", "--username", "alice"]);
    wrong.say("not-damson");
    let (well, said) = wrong.end();
    assert!(!well && said.contains("invalid username or password"), "{said}");
}

#[test]
fn somebody_who_is_asked_for_what_they_have_answers_and_adds_a_device() {
    let settings = json!({ "issuer": "x", "method_name": "apps", "max_enrollments": 2 });
    let site = Site::of("totp", &settings);
    let (entity, token) = site.person("alice");
    let first = site.server.ask(
        "POST",
        "identity/mfa/method/totp/generate",
        &[("X-Vault-Token", &token)],
        &json!({ "method_name": "apps" }).to_string(),
    );
    let first = device(&first.text("data.url"));
    site.enforce(&[&site.method], &json!({}));
    let mut session = Session::start(&site.server, None, &["--method", &site.method, "--username", "alice"]);
    session.say("damson");
    session.say(&site.server.code(&first, 0));
    let (url, _) = session.key();
    session.say(&site.server.code(&device(&url), 0));
    let (well, said) = session.end();
    assert!(well, "{said}");
    assert_eq!(enrolled(&site, &entity).as_array().unwrap().len(), 2);
}
