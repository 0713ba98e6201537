//! Scenarios: stories told to the server, whose answers must agree with what was recorded of the original.
//!
//! They are data, under `tests/scenarios/`; its `README.md` describes the format. `script` reads them, `player` tells them to a server of
//! their own, `placeholders` takes from the answers what must differ between two servers, and `agreement` compares.

mod agreement;
mod members;
mod patterns;
mod placeholders;
mod player;
mod script;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Server;
use script::{Answer, Step};

/// Steps that the server does not serve yet, or answers otherwise, by scenario, counted from one. They are played, since later steps need what
/// they save, and must differ: one that agrees is struck out here.
const NOT_SERVED: &[(&str, &[usize])] = &[
    // They answer well, but with the next token, since a rewrap before them made one where the original failed.
    ("wrapping", &[19, 21, 22, 23, 30]),
];

/// The scenarios in a directory, by name.
fn scenarios(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_scenario = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".json") && !name.ends_with(".recorded.json")
    };
    let mut found: Vec<PathBuf> = entries.filter(is_scenario).collect();
    found.sort();
    found
}

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn not_served(scenario: &str) -> impl Iterator<Item = usize> {
    NOT_SERVED.iter().filter(move |(name, _)| *name == scenario).flat_map(|(_, steps)| *steps).copied()
}

/// A second set beside the checkout, if there is one: scenarios of the same names, perhaps newer.
fn second_set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/compat/scenarios")
}

/// Play a scenario to a server of its own, and tell where they disagree.
fn play(file: &Path) -> Vec<String> {
    let (scenario, recording) = script::read(file);
    assert_eq!(file.file_stem().unwrap().to_str(), Some(scenario.name.as_str()), "a scenario is named like its file");
    let server = Server::start();
    let answers = placeholders::place(player::play(&scenario, &server), player::NAMESPACE);
    let not_served: Vec<usize> = not_served(&scenario.name).collect();
    let mut complaints = Vec::new();
    for (n, ((step, recorded), got)) in (1..).zip(scenario.steps.iter().zip(&recording).zip(&answers)) {
        let agrees = agreement::agrees(step, &recorded.answer, got);
        let place = format!("{} step {n}: {} {}", scenario.name, step.op, step.path);
        match (agrees, not_served.contains(&n)) {
            (true, false) | (false, true) => {}
            (true, true) => complaints.push(format!("{place}: agrees now, so it is no longer NOT_SERVED")),
            (false, false) => complaints.push(format!("{place}  {}", difference(step, &recorded.answer, got))),
        }
    }
    complaints
}

fn difference(step: &Step, recorded: &Answer, got: &Answer) -> String {
    let told = |answer: &Answer| {
        let headers = answer.headers.as_ref().map(Value::to_string).unwrap_or_default();
        format!("{} {:.900} {headers}", answer.status, answer.body.to_string())
    };
    let wanted = match &step.fix {
        Some(fix) => format!("[fix: {}] {:?} {:?} {:?}", fix.why, fix.status, fix.body, fix.error),
        None => told(recorded),
    };
    format!("{}\n   want {wanted}\n   got  {}", step.about, told(got))
}

fn assert_agreement(files: &[PathBuf]) {
    let complaints: Vec<String> = files.iter().flat_map(|file| play(file)).collect();
    assert!(complaints.is_empty(), "{} steps of scenarios:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_scenario_agrees() {
    let files = scenarios(&ours());
    assert!(files.len() >= 11, "only {} scenarios were found", files.len());
    assert_agreement(&files);
}

#[test]
fn every_scenario_of_our_own_routes_agrees() {
    let files = scenarios(&ours().join("own"));
    assert!(files.len() >= 3, "only {} scenarios were found", files.len());
    assert_agreement(&files);
}

#[test]
fn scenarios_of_a_second_set_agree_as_well() {
    let differs = |ours: &PathBuf, theirs: &PathBuf| {
        let text = |file: &Path| std::fs::read_to_string(file).unwrap();
        let recording = |file: &Path| text(&file.with_extension("recorded.json"));
        (text(ours), recording(ours)) != (text(theirs), recording(theirs))
    };
    let pairs = scenarios(&ours()).into_iter().map(|ours| (second_set().join(ours.file_name().unwrap()), ours));
    let files: Vec<PathBuf> =
        pairs.filter(|(theirs, ours)| theirs.exists() && differs(ours, theirs)).map(|(theirs, _)| theirs).collect();
    assert_agreement(&files);
}

#[test]
fn what_is_not_served_is_a_step_of_a_scenario() {
    let files = [scenarios(&ours()), scenarios(&ours().join("own"))].concat();
    for (name, steps) in NOT_SERVED {
        let file = files.iter().find(|file| file.file_stem().is_some_and(|stem| stem == *name));
        let (scenario, _) = script::read(file.unwrap_or_else(|| panic!("there is no scenario {name}")));
        let is_step = |n: &usize| (1..=scenario.steps.len()).contains(n);
        assert!(steps.iter().all(is_step), "{name} has not all of the steps {steps:?}");
    }
}
