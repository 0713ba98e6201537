//! Chance: where ids, seeds, codes and nonces come from.

use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fill `out` with fresh bytes.
    fn fill(&self, out: &mut [u8]);
}

/// Conveniences over any source.
impl dyn Entropy + '_ {
    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random (version 4) UUID, 122 bits of chance (RFC 9562, section 5.4).
    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `length` characters, each uniform over `0-9A-Za-z` (5.95 bits each).
    pub fn base62(&self, length: usize) -> String {
        self.text(length, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    }

    /// `length` characters, each uniform over `alphabet` (2 to 256 ASCII characters), by rejection sampling.
    pub fn text(&self, length: usize, alphabet: &[u8]) -> String {
        let size = alphabet.len().clamp(1, 256);
        let fair = 256 - 256 % size;
        let mut out = String::with_capacity(length);
        let mut pool = [0; 64];
        while out.len() < length {
            self.fill(&mut pool);
            let fresh = pool.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            out.extend(
                fresh.filter_map(|byte| alphabet.get(byte % size)).map(|c| char::from(*c)).take(length - out.len()),
            );
        }
        out
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for chance")]
        #[expect(clippy::expect_used, reason = "a server without a generator must stop, not run with guessable keys")]
        getrandom::fill(out).expect("the operating system's generator answers");
    }
}

/// The same bytes for the same seed: for tests and reproducible transcripts, never for a server.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(32) {
            let block =
                Sha256::new().chain_update(state.0.to_be_bytes()).chain_update(state.1.to_be_bytes()).finalize();
            for (byte, fresh) in chunk.iter_mut().zip(block) {
                *byte = fresh;
            }
            state.1 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_an_alphabet_is_drawn_equally_often() {
        let entropy: &dyn Entropy = &SeededEntropy::new(7);
        let text = entropy.text(100_000, b"0123456789");
        for digit in '0'..='9' {
            let count = text.chars().filter(|c| *c == digit).count();
            assert!((9_500..10_500).contains(&count), "{digit}: {count}");
        }
    }

    #[test]
    fn a_uuid_is_of_version_4() {
        let entropy: &dyn Entropy = &SeededEntropy::new(7);
        assert_eq!(entropy.uuid().get_version_num(), 4);
    }

    #[test]
    fn one_seed_gives_one_stream() {
        let (a, b) = (SeededEntropy::new(1), SeededEntropy::new(1));
        let (a, b): (&dyn Entropy, &dyn Entropy) = (&a, &b);
        assert_eq!(a.bytes::<40>(), b.bytes::<40>());
        assert_ne!(a.bytes::<32>(), <dyn Entropy>::bytes::<32>(&SeededEntropy::new(2)));
    }
}
