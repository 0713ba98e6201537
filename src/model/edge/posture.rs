//! Posture checks of type MFA: whether a session has proven its second factor, lately enough and since its endpoint last woke.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::id::{NamespaceId, PostureCheckId};
use crate::time::Timestamp;

/// How long an endpoint that woke or was unlocked may go on before it is asked again.
pub const GRACE: Duration = Duration::from_mins(5);

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its id.
    pub id: PostureCheckId,
    /// The namespace it lives in.
    pub namespace: NamespaceId,
    /// Its name, unique in the namespace.
    pub name: String,
    /// What service policies may know it by.
    pub role_attributes: Vec<String>,
    /// For how long a proof is good; `None` for as long as the session lives.
    pub timeout_secs: Option<u32>,
    /// Whether a proof must come after the endpoint last woke.
    pub prompt_on_wake: bool,
    /// Whether a proof must come after the endpoint was last unlocked.
    pub prompt_on_unlock: bool,
    /// Whether endpoints that cannot ask again are told that nothing runs out. It changes nothing about what passes.
    pub ignore_legacy_endpoints: bool,
    /// Notes.
    pub tags: Tags,
    /// How often it was written.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What is known of a session's endpoint. All times are the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// When a second factor was last proven.
    pub passed_mfa_at: Option<Timestamp>,
    /// When the endpoint last said that it woke.
    pub woken_at: Option<Timestamp>,
    /// When it last said that it was unlocked.
    pub unlocked_at: Option<Timestamp>,
}

impl Check {
    /// Whether `state` passes at `now`.
    pub fn passes(&self, state: &State, now: Timestamp) -> bool {
        let Some(passed_at) = state.passed_mfa_at else { return false };
        self.end_of(passed_at).is_none_or(|end| now <= end)
            && self.unanswered(state, passed_at).all(|prompted_at| now < prompted_at.plus(GRACE))
    }

    /// Until when a proof at `passed_at` is good, if not for ever.
    pub fn end_of(&self, passed_at: Timestamp) -> Option<Timestamp> {
        self.timeout_secs.map(|secs| passed_at.plus(Duration::from_secs(secs.into())))
    }

    /// When the endpoint woke or was unlocked, where that asks for another proof and there has been none since.
    fn unanswered(&self, state: &State, passed_at: Timestamp) -> impl Iterator<Item = Timestamp> {
        let woken = state.woken_at.filter(|_| self.prompt_on_wake);
        let unlocked = state.unlocked_at.filter(|_| self.prompt_on_unlock);
        woken.into_iter().chain(unlocked).filter(move |at| *at >= passed_at)
    }

    /// How many seconds are left until another proof is needed; `None` if nothing runs out.
    pub fn remaining_secs(&self, state: &State, now: Timestamp) -> Option<u64> {
        let Some(passed_at) = state.passed_mfa_at else { return self.timeout_secs.map(|_| 0) };
        let prompts = self.unanswered(state, passed_at).map(|at| at.plus(GRACE));
        let ends = self.end_of(passed_at).into_iter().chain(prompts);
        ends.map(|end| end.since(now).as_secs()).min()
    }
}

/// Whether an endpoint with this SDK cannot ask its user again: it is not the C SDK, or older than 0.25.0.
pub fn is_legacy(sdk: &BTreeMap<String, String>) -> bool {
    let is_c = sdk.get("type").is_some_and(|kind| kind == "ziti-sdk-c");
    let version = sdk.get("version").and_then(|text| version(text));
    !is_c || version.is_none_or(|version| version < [0, 25, 0])
}

fn version(text: &str) -> Option<[u64; 3]> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(timeout_secs: Option<u32>) -> Check {
        Check {
            id: PostureCheckId::new("c"),
            namespace: NamespaceId::root(),
            name: "c".into(),
            role_attributes: Vec::new(),
            timeout_secs,
            prompt_on_wake: false,
            prompt_on_unlock: false,
            ignore_legacy_endpoints: false,
            tags: Tags::new(),
            version: 1,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn nothing_passes_without_a_proof_and_missing_times_are_normal() {
        let wary = Check { prompt_on_wake: true, prompt_on_unlock: true, ..check(Some(60)) };
        assert!(!wary.passes(&State::default(), at(0)));
        assert_eq!(wary.remaining_secs(&State::default(), at(0)), Some(0));
        assert_eq!(check(None).remaining_secs(&State::default(), at(0)), None);
        let passed = State { passed_mfa_at: Some(at(10)), ..State::default() };
        assert!(wary.passes(&passed, at(10)));
    }

    #[test]
    fn a_proof_is_good_until_its_timeout() {
        let passed = State { passed_mfa_at: Some(at(10)), ..State::default() };
        assert!(check(Some(60)).passes(&passed, at(70)) && !check(Some(60)).passes(&passed, at(71)));
        assert!(check(None).passes(&passed, at(1_000_000)));
        assert_eq!(check(Some(60)).remaining_secs(&passed, at(30)), Some(40));
        assert_eq!(check(Some(60)).remaining_secs(&passed, at(100)), Some(0));
        assert_eq!(check(None).remaining_secs(&passed, at(30)), None);
    }

    #[test]
    fn waking_gives_five_minutes_to_prove_again() {
        let wary = Check { prompt_on_wake: true, ..check(None) };
        let woken = State { passed_mfa_at: Some(at(10)), woken_at: Some(at(100)), ..State::default() };
        assert!(wary.passes(&woken, at(399)) && !wary.passes(&woken, at(400)));
        assert_eq!(wary.remaining_secs(&woken, at(100)), Some(300));
        assert!(wary.passes(&State { passed_mfa_at: Some(at(200)), ..woken }, at(400)));
        assert!(check(None).passes(&woken, at(400)), "not asked for");
        let locked = State { unlocked_at: Some(at(100)), woken_at: None, ..woken };
        assert!(wary.passes(&locked, at(400)));
        assert!(!Check { prompt_on_unlock: true, ..wary }.passes(&locked, at(400)));
    }

    #[test]
    fn the_shortest_time_left_counts() {
        let wary = Check { prompt_on_wake: true, ..check(Some(200)) };
        let state = State { passed_mfa_at: Some(at(0)), woken_at: Some(at(10)), ..State::default() };
        assert_eq!(wary.remaining_secs(&state, at(10)), Some(190));
        assert_eq!(Check { timeout_secs: Some(900), ..wary }.remaining_secs(&state, at(10)), Some(300));
    }

    #[test]
    fn only_a_recent_c_sdk_asks_again() {
        let sdk = |kind: &str, version: &str| {
            BTreeMap::from([("type".to_owned(), kind.to_owned()), ("version".to_owned(), version.to_owned())])
        };
        assert!(!is_legacy(&sdk("ziti-sdk-c", "0.25.0")) && !is_legacy(&sdk("ziti-sdk-c", "v1.0.2-local")));
        for (kind, version) in [("ziti-sdk-c", "0.24.9"), ("ziti-sdk-c", "new"), ("ziti-sdk-golang", "1.0.0")] {
            assert!(is_legacy(&sdk(kind, version)), "{kind} {version}");
        }
        assert!(is_legacy(&BTreeMap::new()));
    }
}
