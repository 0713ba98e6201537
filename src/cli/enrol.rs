//! `countersign enroll`: somebody gives themselves a factor, from a terminal.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Error, Target, text};
use super::terminal::Terminal;
use crate::factor::qr;
use crate::secret::Secret;

/// How often a code may be typed wrong.
const TRIES: usize = 3;

/// The kinds of factor.
#[derive(Subcommand)]
pub(super) enum Enrol {
    /// An authenticator app: scan a picture, type its first code.
    Totp(Totp),
}

#[derive(Args)]
pub(super) struct Totp {
    /// The method, by name or id.
    #[arg(long, value_name = "NAME")]
    method: String,
    /// What the device is to be called.
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// The method of the recovery codes, by name or id; the only one that there is, if not given.
    #[arg(long, value_name = "NAME")]
    recovery_method: Option<String>,
    /// Whom to log in as, where `VAULT_TOKEN` is not set; asked for if not given.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Where to log in.
    #[arg(long, value_name = "PATH", default_value = "userpass")]
    mount: String,
    #[command(flatten)]
    target: Target,
}

/// Carry out the command.
pub(super) fn run(command: Enrol) -> Result<(), Error> {
    let Enrol::Totp(Totp { method, label, recovery_method, username, mount, target }) = command;
    let (mut client, mut terminal) = (Client::new(target)?, Terminal::new());
    let mut enrolled = false;
    if !client.has_token() {
        let login = client.log_in(&mut terminal, &mount, username.as_deref())?;
        let token = match login.pointer("/auth/mfa_requirement").filter(|asked| !asked.is_null()) {
            None => token(&login)?,
            Some(asked) => match open_choice(asked, &method) {
                Some(id) => {
                    enrolled = true;
                    enrol_in_login(&client, &mut terminal, asked, &id)?
                }
                None => answer(&client, &mut terminal, asked)?,
            },
        };
        client.use_token(token);
    }
    if !enrolled {
        let fresh = client.write("identity/mfa/method/totp/generate", &named(&method, json!({ "label": label })))?;
        show_key(&mut terminal, &fresh)?;
        confirm(&mut terminal, |code| {
            let body = named(&method, json!({ "passcode": code }));
            client.write("identity/mfa/method/totp/verify", &body)
        })?;
    }
    terminal.show("\nYour authenticator counts from now on.\n")?;
    recovery_codes(&client, &mut terminal, recovery_method.as_deref())
}

/// `body` with the method that is meant.
fn named(method: &str, mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        let is_id = method.len() == 36 && method.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        members.insert(if is_id { "method_id" } else { "method_name" }.into(), method.into());
    }
    body
}

fn token(answer: &Value) -> Result<Secret<String>, Error> {
    text(answer, "/auth/client_token").map(|token| Secret::new(token.to_owned())).ok_or(Error::NotUnderstood)
}

/// What `asked` leaves to choose from.
fn choices(asked: &Value) -> impl Iterator<Item = &Value> {
    let constraints =
        asked.pointer("/mfa_constraints").and_then(Value::as_object).into_iter().flat_map(|all| all.values());
    constraints.flat_map(|constraint| constraint.pointer("/any").and_then(Value::as_array).into_iter().flatten())
}

/// The id of the method that is meant, if one may enrol under it during this login.
fn open_choice(asked: &Value, method: &str) -> Option<String> {
    let is_meant = |choice: &&Value| text(choice, "/id") == Some(method) || text(choice, "/name") == Some(method);
    let is_open = |choice: &&Value| choice.pointer("/self_enrollment_enabled") == Some(&Value::Bool(true));
    choices(asked).filter(is_meant).find(is_open).and_then(|choice| text(choice, "/id")).map(str::to_owned)
}

fn request_id(asked: &Value) -> Result<&str, Error> {
    text(asked, "/mfa_request_id").ok_or(Error::NotUnderstood)
}

/// Enrol during the login that asks for it; its first code completes the login.
fn enrol_in_login(client: &Client, terminal: &mut Terminal, asked: &Value, id: &str) -> Result<Secret<String>, Error> {
    let request = request_id(asked)?;
    let body = json!({ "mfa_request_id": request, "mfa_method_id": id });
    show_key(terminal, &client.write("identity/mfa/method/totp/self-enroll", &body)?)?;
    let done = confirm(terminal, |code| {
        client.write("sys/mfa/validate", &json!({ "mfa_request_id": request, "mfa_payload": { id: [code] } }))
    })?;
    token(&done)
}

/// Answer a login that asks for what is enrolled already: with the first thing that takes a passcode, for each that is asked.
fn answer(client: &Client, terminal: &mut Terminal, asked: &Value) -> Result<Secret<String>, Error> {
    let request = request_id(asked)?;
    let mut payload = serde_json::Map::new();
    let constraints = asked.pointer("/mfa_constraints").and_then(Value::as_object).ok_or(Error::NotUnderstood)?;
    for (name, constraint) in constraints {
        let any = constraint.pointer("/any").and_then(Value::as_array).into_iter().flatten();
        let choice = any.into_iter().find(|choice| choice.pointer("/uses_passcode") == Some(&Value::Bool(true)));
        let (kind, id) = choice
            .and_then(|choice| text(choice, "/type").zip(text(choice, "/id")))
            .ok_or_else(|| Error::Other(format!("{name} asks for what cannot be answered from a terminal")))?;
        let code = terminal.ask_secretly(&format!("Code ({kind}): "))?;
        payload.insert(id.to_owned(), json!([code.expose()]));
    }
    token(&client.write("sys/mfa/validate", &json!({ "mfa_request_id": request, "mfa_payload": payload }))?)
}

/// Show a key to scan, or to type.
fn show_key(terminal: &mut Terminal, fresh: &Value) -> Result<(), Error> {
    let Some(url) = text(fresh, "/data/url") else {
        let why = text(fresh, "/warnings/0").unwrap_or("no key was made");
        return Err(Error::Other(why.to_owned()));
    };
    let picture = qr::terminal(url).map_err(|error| Error::Other(error.to_string()))?;
    let key = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("secret=")).unwrap_or_default();
    terminal.show(&format!("{picture}\nScan this with an authenticator app, or type the key: {key}\n{url}\n\n"))?;
    Ok(())
}

/// Ask for the first code until it is right, a few times.
fn confirm(terminal: &mut Terminal, mut offer: impl FnMut(&str) -> Result<Value, Error>) -> Result<Value, Error> {
    let mut tries = 1;
    loop {
        let code = terminal.ask("The code it shows: ")?;
        match offer(code.trim()) {
            Err(Error::Refused(status, _)) if status == reqwest::StatusCode::FORBIDDEN && tries < TRIES => {
                terminal.show("That is not it. Wait for the next one.\n")?;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Show recovery codes, if there are any to be had.
fn recovery_codes(client: &Client, terminal: &mut Terminal, method: Option<&str>) -> Result<(), Error> {
    let method = match method {
        Some(method) => method.to_owned(),
        None => match only_method(client) {
            Some(method) => method,
            None => return Ok(()),
        },
    };
    let made = client.write("identity/mfa/method/recovery/generate", &named(&method, json!({})))?;
    let codes = made.pointer("/data/codes").and_then(Value::as_array);
    let codes: Vec<&str> = codes.into_iter().flatten().filter_map(Value::as_str).collect();
    if codes.is_empty() {
        terminal.show("You have recovery codes already; they are not shown again.\n")?;
        return Ok(());
    }
    let lines: String = codes.iter().flat_map(|code| ["  ", code, "\n"]).collect();
    terminal
        .show(&format!("\nRecovery codes, for when it is lost: shown this once, and each good once.\n\n{lines}"))?;
    Ok(())
}

/// The recovery method, if there is one only and the caller may know.
fn only_method(client: &Client) -> Option<String> {
    let listed = client.read("identity/mfa/method/recovery?list=true").ok()?;
    match listed.pointer("/data/keys")?.as_array()?.as_slice() {
        [only] => only.as_str().map(str::to_owned),
        _ => None,
    }
}
