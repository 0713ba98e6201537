//! Plays a scenario to a server, in a namespace of its own, and keeps what its steps save.
//!
//! Time is the server's manual clock: a step that sleeps moves it, and codes are those of its present.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::time::Clock;
use serde_json::{Map, Value, json};

use super::members;
use super::script::{Answer, Scenario, Step};
use crate::support::{self, Server, authenticator, code_at};

/// The namespace that a scenario works in: unlike anything else that answers contain.
pub(super) const NAMESPACE: &str = "t5ce4a710c0";

struct Player<'a> {
    server: &'a Server,
    saved: BTreeMap<String, Value>,
    /// The code last given out for each saved key URI.
    last: BTreeMap<String, String>,
}

/// The answers to a scenario's steps, as they came.
pub(super) fn play(scenario: &Scenario, server: &Server) -> Vec<Answer> {
    let saved = [("ns", NAMESPACE), ("root", "root")].map(|(name, value)| (name.to_owned(), json!(value)));
    let mut player = Player { server, saved: saved.into(), last: BTreeMap::new() };
    let made = server.call("POST", &format!("sys/namespaces/{NAMESPACE}"), &json!({}));
    assert_eq!(made.status, 200, "{}: its namespace was not made: {made:?}", scenario.name);
    scenario.steps.iter().map(|step| player.step(step)).collect()
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Answer {
        self.server.clock.advance(Duration::from_secs_f64(step.sleep));
        for _ in 1..step.repeat {
            self.send(step);
        }
        let answer = self.send(step);
        for (name, path) in &step.save {
            let path = path.strip_prefix("totp:").unwrap_or(path);
            self.saved.insert(name.clone(), members::at(&answer.body, path).clone());
        }
        answer
    }

    fn send(&mut self, step: &Step) -> Answer {
        let body = match (&step.raw, &step.body) {
            (Some(raw), _) => Some(self.text(raw)),
            (None, Some(body)) => Some(self.value(body).to_string()),
            (None, None) => None,
        };
        let path = self.text(&step.path);
        let lines = self.headers(step, body.is_some());
        let lines: String = lines.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
        let (op, body) = (&step.op, body.unwrap_or_default());
        let head = format!("{op} /v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        match self.server.send(request.as_bytes()) {
            Some(answer) => Answer { status: answer.status, body: parsed(&answer.text), headers: shown(step, &answer) },
            None => Answer { status: 0, body: Value::Null, headers: None },
        }
    }

    /// The headers of a step; its own ones stand before those that every request has.
    fn headers(&mut self, step: &Step, has_body: bool) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, values) in &step.headers {
            headers.extend(values.as_slice().iter().map(|value| (self.text(name), self.text(value))));
        }
        let token = self.text(step.token.as_deref().unwrap_or("${root}"));
        let namespace = self.text(step.ns.as_deref().unwrap_or("${ns}"));
        let usual = [
            ("X-Vault-Request", Some("true".to_owned())),
            ("X-Vault-Token", Some(token).filter(|token| !token.is_empty())),
            ("X-Vault-Namespace", Some(namespace).filter(|namespace| !matches!(namespace.as_str(), "" | "-"))),
            ("Content-Type", has_body.then(|| "application/json".to_owned())),
        ];
        for (name, value) in usual {
            if !step.headers.contains_key(name) {
                headers.extend(value.map(|value| (name.to_owned(), value)));
            }
        }
        headers
    }

    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let members = members.iter().map(|(key, member)| (self.text(key), self.value(member)));
                Value::Object(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// `text` with what each `${…}` stands for.
    fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').expect("a closed ${");
            out += before;
            out += &self.named(name);
            rest = after;
        }
        out + rest
    }

    fn named(&mut self, name: &str) -> String {
        let mut parts = name.split(':');
        if let (Some(kind @ ("code" | "wrong" | "last")), Some(saved)) = (parts.next(), parts.next()) {
            let steps = parts.next().map_or(0, |steps| steps.parse().expect("a number of time steps"));
            return self.code(kind, saved, steps);
        }
        if let Some((text, times)) = name.rsplit_once('*') {
            return text.repeat(times.parse().expect("a number of times"));
        }
        match self.saved.get(name) {
            Some(Value::String(text)) => text.clone(),
            // The server gave no such thing: later steps will differ, not break.
            None | Some(Value::Null) => "nothing".into(),
            Some(other) => other.to_string(),
        }
    }

    fn code(&mut self, kind: &str, saved: &str, steps: i64) -> String {
        let Some(url) = self.saved.get(saved).and_then(Value::as_str).filter(|url| url.starts_with("otpauth:")) else {
            return "no secret".into();
        };
        let authenticator = authenticator(url);
        let code = |steps| code_at(&authenticator, self.server.clock.now(), steps);
        match kind {
            "wrong" => {
                let near: Vec<String> = (-3..=3).map(code).collect();
                let width = near[0].len();
                let mut some = (0..=near.len()).map(|n| format!("{n:0width$}"));
                some.find(|code| !near.contains(code)).expect("of eight codes seven are near at most")
            }
            "last" => self.last.get(saved).expect("a code was given out before").clone(),
            _ => {
                let code = code(steps);
                self.last.insert(saved.to_owned(), code.clone());
                code
            }
        }
    }
}

/// A body: nothing, JSON, or what is no JSON though it should be.
fn parsed(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| json!({ "not json": text.chars().take(400).collect::<String>() }))
}

/// The headers that a step wants to see, `null` for one that is not there.
fn shown(step: &Step, answer: &support::Answer) -> Option<Value> {
    let lines = || answer.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let header = |wanted: &String| {
        let values: Vec<&str> =
            lines().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).collect();
        let value = if values.is_empty() { Value::Null } else { json!(values.join(", ")) };
        (wanted.clone(), value)
    };
    let shown: Map<String, Value> = step.see.iter().map(header).collect();
    (!shown.is_empty()).then_some(Value::Object(shown))
}
