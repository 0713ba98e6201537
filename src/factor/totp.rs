//! Time-based one-time passcodes (RFC 6238).

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::otp::{Algorithm, Digits, Generator, Passcode};
use crate::secret::Secret;
use crate::time::Timestamp;

/// A time step: how many periods have passed since the epoch (`T` in RFC 6238, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Step(u64);

/// How codes are computed, and for how long each is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// The hash.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
    /// The length of a step, in seconds.
    pub period_secs: NonZeroU32,
    /// How many steps before and after the present one are accepted too (RFC 6238, section 5.2).
    pub skew: u8,
}

/// What authenticator apps assume: SHA-1, six digits, 30 seconds; one step either way.
impl Default for Parameters {
    fn default() -> Self {
        const THIRTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
        Self { algorithm: Algorithm::Sha1, digits: Digits::Six, period_secs: THIRTY, skew: 1 }
    }
}

/// A generator of codes that is bound to somebody.
#[derive(Clone)]
pub struct Authenticator {
    /// How its codes are computed.
    pub parameters: Parameters,
    /// The shared key (`K` in RFC 6238, section 3).
    pub seed: Secret<Vec<u8>>,
}

/// The step that `now` lies in.
pub fn step_at(now: Timestamp, period_secs: NonZeroU32) -> Step {
    #[expect(clippy::arithmetic_side_effects, reason = "the divisor is not zero")]
    let step = now.as_secs() / u64::from(period_secs.get());
    Step(step)
}

/// The widest window that any dialect accepts codes in, in steps either way.
pub const WIDEST_SKEW: u8 = 2;

/// Whether `passcode` is a code of `authenticator` that is good at `now`; the claim is its step.
///
/// Every step of the window is looked at, whether or not an earlier one matched, so the time taken tells nothing. Where two steps of the
/// window share a code, the later is claimed: spending it spends them both.
pub fn verify(authenticator: &Authenticator, passcode: &Passcode, now: Timestamp) -> Verdict<Step> {
    verify_within(authenticator, passcode, authenticator.parameters.skew, now)
}

/// The same, in a window of `skew` steps either way.
pub fn verify_within(authenticator: &Authenticator, passcode: &Passcode, skew: u8, now: Timestamp) -> Verdict<Step> {
    let Parameters { algorithm, digits, period_secs, .. } = authenticator.parameters;
    let generator = Generator::new(algorithm, digits, authenticator.seed.expose());
    let present = step_at(now, period_secs);
    let mut verdict = Verdict::Wrong;
    for step in present.back(skew.into()).0..=present.forward(skew.into()).0 {
        if generator.matches(passcode, step) {
            verdict = Verdict::Right(Step(step));
        }
    }
    verdict
}

/// The code that `authenticator` shows during `step`.
pub fn code_of(authenticator: &Authenticator, step: Step) -> Secret<String> {
    let Parameters { algorithm, digits, .. } = authenticator.parameters;
    Generator::new(algorithm, digits, authenticator.seed.expose()).passcode(step.0)
}

impl Step {
    /// So many steps later.
    #[must_use]
    pub const fn forward(self, steps: u64) -> Self {
        Self(self.0.saturating_add(steps))
    }

    /// So many steps earlier, at least the first.
    #[must_use]
    pub const fn back(self, steps: u64) -> Self {
        Self(self.0.saturating_sub(steps))
    }

    /// The moment it begins.
    pub fn start(self, parameters: &Parameters) -> Timestamp {
        Timestamp::from_secs(self.0.saturating_mul(parameters.period_secs.get().into()))
    }

    /// The first moment at which its code is no longer accepted: the end of the step, and the skew behind it.
    pub fn window_end(self, parameters: &Parameters) -> Timestamp {
        self.forward(u64::from(parameters.skew).saturating_add(1)).start(parameters)
    }

    /// The first moment at which its code is accepted nowhere, whatever window a dialect gives it.
    pub fn latest_end(self, parameters: &Parameters) -> Timestamp {
        self.forward(u64::from(parameters.skew.max(WIDEST_SKEW)).saturating_add(1)).start(parameters)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn authenticator(algorithm: Algorithm, digits: Digits, skew: u8) -> Authenticator {
        let seed = match algorithm {
            Algorithm::Sha1 => "12345678901234567890",
            Algorithm::Sha256 => "12345678901234567890123456789012",
            Algorithm::Sha512 => "1234567890123456789012345678901234567890123456789012345678901234",
        };
        let parameters = Parameters { algorithm, digits, skew, ..Parameters::default() };
        Authenticator { parameters, seed: Secret::new(seed.into()) }
    }

    /// RFC 6238, appendix B: time in seconds, then the codes for SHA-1, SHA-256 and SHA-512.
    const VECTORS: [(u64, [&str; 3]); 6] = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];

    #[test]
    fn rfc_6238_appendix_b() {
        for (time, codes) in VECTORS {
            for (algorithm, code) in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].into_iter().zip(codes) {
                let authenticator = authenticator(algorithm, Digits::Eight, 0);
                let now = Timestamp::from_secs(time);
                let step = step_at(now, authenticator.parameters.period_secs);
                assert_eq!(code_of(&authenticator, step).expose(), code, "{algorithm:?} at {time}");
                let passcode = Passcode::parse(code, Digits::Eight).unwrap();
                assert_eq!(verify(&authenticator, &passcode, now), Verdict::Right(step));
            }
        }
    }

    #[test]
    fn a_code_is_good_from_the_first_to_the_last_millisecond_of_its_window() {
        for skew in 0..=2 {
            let authenticator = authenticator(Algorithm::Sha1, Digits::Eight, skew);
            let step = Step(1_000_000);
            let passcode = Passcode::parse(code_of(&authenticator, step).expose(), Digits::Eight).unwrap();
            let first = step.back(skew.into()).start(&authenticator.parameters);
            let end = step.window_end(&authenticator.parameters);
            assert_eq!(end.since(first), Duration::from_secs(30 * (2 * u64::from(skew) + 1)));
            let millisecond = Duration::from_millis(1);
            let at = |now| verify(&authenticator, &passcode, now);
            assert_eq!(at(first.minus(millisecond)), Verdict::Wrong);
            assert_eq!(at(first), Verdict::Right(step));
            assert_eq!(at(end.minus(millisecond)), Verdict::Right(step));
            assert_eq!(at(end), Verdict::Wrong);
        }
    }

    #[test]
    fn where_two_steps_share_a_code_the_later_is_claimed() {
        let seed = |n: u32| Secret::new(n.to_be_bytes().to_vec());
        let parameters = Parameters::default();
        let step = Step(50_000_000);
        // Codes of six digits collide once in a million; a few million seeds have some whose neighbouring steps do.
        let twin = (0..5_000_000)
            .map(|n| Authenticator { parameters: parameters.clone(), seed: seed(n) })
            .find(|one| code_of(one, step).expose() == code_of(one, step.forward(1)).expose())
            .unwrap();
        let passcode = Passcode::parse(code_of(&twin, step).expose(), Digits::Six).unwrap();
        assert_eq!(verify(&twin, &passcode, step.start(&parameters)), Verdict::Right(step.forward(1)));
    }

    #[test]
    fn the_epoch_and_the_end_of_time_have_codes_too() {
        let authenticator = authenticator(Algorithm::Sha1, Digits::Six, 2);
        for now in [Timestamp::EPOCH, Timestamp::from_millis(u64::MAX)] {
            let step = step_at(now, authenticator.parameters.period_secs);
            let passcode = Passcode::parse(code_of(&authenticator, step).expose(), Digits::Six).unwrap();
            assert_eq!(verify(&authenticator, &passcode, now), Verdict::Right(step));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_code_is_accepted_in_its_step_and_refused_outside_its_window(
            seed in proptest::collection::vec(proptest::num::u8::ANY, 1..512),
            secs in 1_000_000_u64..10_000_000_000,
            period in 1_u32..86_400,
            skew in 0_u8..=1,
        ) {
            let parameters = Parameters {
                period_secs: NonZeroU32::new(period).unwrap(), skew, digits: Digits::Eight, algorithm: Algorithm::Sha256,
            };
            let authenticator = Authenticator { parameters: parameters.clone(), seed: Secret::new(seed) };
            let now = Timestamp::from_secs(secs);
            let step = step_at(now, parameters.period_secs);
            let code = code_of(&authenticator, step);
            let passcode = Passcode::parse(code.expose(), Digits::Eight).unwrap();
            proptest::prop_assert!(matches!(verify(&authenticator, &passcode, now), Verdict::Right(_)));
            let later = step.window_end(&parameters);
            let after = verify(&authenticator, &passcode, later);
            proptest::prop_assert!(after != Verdict::Right(step));
        }
    }
}
