//! Transcripts: whole conversations, byte for byte, with a clock that stands still and chance that repeats.
//!
//! A transcript under `tests/golden/<dialect>/` is a list of exchanges. Lines are: `# …` a remark; `@advance SECONDS` moves the clock; `> …` the
//! request (its line, its headers, then a body); `= NAME dotted.path` keeps a member of the answer for `${NAME}`, or, of a key URI,
//! `${code:NAME}`; `${sent}` is the code of the newest message in the outbox, which is emptied; `< …` the answer. `UPDATE_GOLDEN=1` writes the
//! answers anew: review the difference as you would code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use countersign::app;
use countersign::config::Settings;
use countersign::secret::Secret;

use crate::support::{Answer, Server, ask, authenticator, code_at};

/// One exchange of a transcript, without the answer.
#[derive(Default)]
struct Exchange {
    /// Remarks and clock movements before it, as they stand.
    before: Vec<String>,
    request: Vec<String>,
    keep: Vec<String>,
}

fn parse(text: &str) -> (Vec<Exchange>, Vec<String>) {
    let (mut exchanges, mut current) = (Vec::new(), Exchange::default());
    for line in text.lines() {
        let begins = match line.split_at_checked(1) {
            Some((">", rest)) => rest.trim_start().split_once(' ').is_some_and(is_request_line),
            Some(("<" | "=", _)) | None => false,
            Some(_) => true,
        };
        if begins && !current.request.is_empty() {
            exchanges.push(std::mem::take(&mut current));
        }
        match line.split_at_checked(1) {
            Some((">", rest)) => current.request.push(rest.strip_prefix(' ').unwrap_or(rest).to_owned()),
            Some(("=", _)) => current.keep.push(line.to_owned()),
            Some(("<", _)) | None => {}
            Some(_) => current.before.push(line.to_owned()),
        }
    }
    let trailing = if current.request.is_empty() { std::mem::take(&mut current.before) } else { Vec::new() };
    if !current.request.is_empty() {
        exchanges.push(current);
    }
    (exchanges, trailing)
}

/// Whether a line that has these two parts begins a request: a verb and a path.
fn is_request_line((verb, path): (&str, &str)) -> bool {
    verb.bytes().all(|byte| byte.is_ascii_uppercase()) && path.starts_with('/')
}

struct Player {
    server: Server,
    kept: BTreeMap<String, String>,
}

impl Player {
    fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').expect("a closed ${");
            out += before;
            out += &match name.strip_prefix("code:") {
                Some(name) => {
                    let now = countersign::time::Clock::now(&*self.server.clock);
                    code_at(&authenticator(&self.kept[name]), now, 0)
                }
                None if name == "sent" => {
                    let sent = crate::out_of_band::messages(&self.server).pop().expect("a message in the outbox");
                    sent.code.expose().clone()
                }
                None => self.kept.get(name).unwrap_or_else(|| panic!("nothing is kept as {name}")).clone(),
            };
            rest = after;
        }
        out + rest
    }

    fn play(&mut self, exchange: &Exchange) -> Answer {
        for line in &exchange.before {
            if let Some(secs) = line.strip_prefix("@advance ") {
                self.server.advance(secs.parse().expect("seconds"));
            }
        }
        let mut lines = exchange.request.iter();
        let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
        let path = self.expand(path);
        let headers: Vec<(String, String)> = lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_owned(), self.expand(value)))
            .collect();
        let body = self.expand(&lines.cloned().collect::<Vec<_>>().join("\n"));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = ask(self.server.address, method, &path, &headers, &body);
        for line in &exchange.keep {
            let mut words = line.split(' ').skip(1);
            let (name, path) = words.next().zip(words.next()).expect("a name and a path");
            self.kept.insert(name.to_owned(), answer.text(path));
        }
        answer
    }
}

/// An answer as a transcript shows it: status, the headers that are ours, and the body with a picture shortened.
fn shown(answer: &Answer) -> Vec<String> {
    let mut lines = vec![format!("< {}", answer.status)];
    let ours =
        ["cache-control", "content-type", "expiration-seconds", "www-authenticate", "x-vault-namespace", "zt-session"];
    let mut headers: Vec<String> = answer
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':').map(|(name, value)| format!("{}:{value}", name.to_lowercase())))
        .filter(|line| ours.iter().any(|name| line.starts_with(&format!("{name}:"))))
        .map(|line| format!("< {line}"))
        .collect();
    headers.sort();
    lines.extend(headers);
    lines.push("<".into());
    if lines.iter().any(|line| line.starts_with("< content-type: image/")) {
        lines.push("< (a picture)".into());
        return lines;
    }
    let mut text = answer.text.clone();
    if let Some(picture) = answer.at("data.barcode").as_str().filter(|picture| picture.len() > 40) {
        text = text.replace(picture, &format!("{}...{} characters", &picture[..40], picture.len()));
    }
    lines.extend(text.lines().map(|line| format!("< {line}")));
    lines
}

fn replay(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let (exchanges, trailing) = parse(&text);
    let mut player = Player { server: Server::start(), kept: BTreeMap::new() };
    if path.parent().is_some_and(|directory| directory.ends_with("openziti")) {
        // Its first administrator is made before anybody can ask for anything.
        let rules = Settings::default().edge_rules();
        let password = Secret::new("admin-dev-password".into());
        app::ensure_edge_admin(&player.server.engine, &rules, "admin", &password, false).unwrap();
    }
    let mut out = Vec::new();
    for exchange in &exchanges {
        let answer = player.play(exchange);
        out.extend(exchange.before.iter().cloned());
        out.extend(exchange.request.iter().map(|line| format!("> {line}").trim_end().to_owned()));
        out.extend(shown(&answer));
        out.extend(exchange.keep.iter().cloned());
        out.push(String::new());
    }
    out.extend(trailing);
    out.join("\n")
}

fn transcripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = |directory| std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries(directory).flat_map(entries).collect();
    found.sort();
    found
}

#[test]
fn every_transcript_plays_as_it_is_written() {
    let update = std::env::vars().any(|(name, value)| name == "UPDATE_GOLDEN" && value == "1");
    let mut played = 0;
    for path in transcripts() {
        let now = replay(&path);
        if update {
            std::fs::write(&path, &now).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        for (line, (want, got)) in written.lines().zip(now.lines()).enumerate() {
            assert_eq!(want, got, "{} line {}", path.display(), line + 1);
        }
        assert_eq!(written, now, "{}", path.display());
        played += 1;
    }
    assert!(played >= 5, "only {played} transcripts were found");
}
