//! What a scenario says: its steps, what is compared of their answers, and the answers that were recorded.
//!
//! `tests/scenarios/README.md` describes the format. A member that is not of the format is refused: a misspelt rule would compare nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A story told to the server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) name: String,
    #[expect(dead_code, reason = "for the reader of the file")]
    about: String,
    pub(super) steps: Vec<Step>,
}

/// A request, and how its answer is compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) op: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) about: String,

    pub(super) body: Option<Value>,
    pub(super) raw: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, OneOrMany<String>>,
    pub(super) token: Option<String>,
    pub(super) ns: Option<String>,
    #[serde(default)]
    pub(super) save: BTreeMap<String, String>,
    /// Seconds.
    #[serde(default)]
    pub(super) sleep: f64,
    #[serde(default = "once")]
    pub(super) repeat: u32,
    #[serde(default)]
    pub(super) see: Vec<String>,

    #[serde(default)]
    pub(super) skip: Vec<String>,
    pub(super) only: Option<Vec<String>>,
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) loose: bool,
    #[serde(default)]
    pub(super) any: bool,
    pub(super) fix: Option<Fix>,
}

/// Where the wanted answer is another than the recorded one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fix {
    pub(super) status: Option<OneOrMany<u16>>,
    #[serde(default, deserialize_with = "even_null")]
    pub(super) body: Option<Value>,
    pub(super) error: Option<String>,
    pub(super) why: String,
    /// Whether the recorded answer is good as well.
    #[serde(default)]
    pub(super) optional: bool,
}

/// One value, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// What came back for a step: as it was sent, or with placeholders.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Answer {
    /// 0 where the connection was closed without an answer.
    pub(super) status: u16,
    pub(super) body: Value,
    /// The headers that the step wants to see, if it wants any.
    pub(super) headers: Option<Value>,
}

/// What a recording keeps of a step.
#[derive(Deserialize)]
pub(super) struct Recorded {
    pub(super) op: String,
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// A scenario and its recording, from `<name>.json` and `<name>.recorded.json`.
pub(super) fn read(file: &Path) -> (Scenario, Vec<Recorded>) {
    let scenario: Scenario = parse(file);
    let recording: Vec<Recorded> = parse(&file.with_extension("recorded.json"));
    assert_eq!(scenario.steps.len(), recording.len(), "{}: another number of steps is recorded", file.display());
    for (n, (step, recorded)) in scenario.steps.iter().zip(&recording).enumerate() {
        let same = (&step.op, &step.path) == (&recorded.op, &recorded.path);
        assert!(same, "{} step {}: another request is recorded", file.display(), n + 1);
    }
    (scenario, recording)
}

fn parse<T: DeserializeOwned>(file: &Path) -> T {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn once() -> u32 {
    1
}

/// A member that is there is compared, `null` as well.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
