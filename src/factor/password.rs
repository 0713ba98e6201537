//! Passwords: hashed with Argon2id (RFC 9106), checked against that or, where one was brought along, against a bcrypt hash.
//!
//! Checking takes the same work whoever is asked about, known or not, and says how much it took. It blocks for tens of milliseconds and
//! 19 MiB: who calls it bounds how often at once.

use std::str::FromStr;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use bcrypt::HashParts;

use crate::secret::Secret;

/// The highest cost of a bcrypt hash that is taken: about a second's work.
pub const HIGHEST_BCRYPT_COST: u32 = 14;
/// What a hash's salt has, in bytes.
pub const SALT_BYTES: usize = 16;

/// The most of a password that bcrypt looks at, in bytes.
const BCRYPT_SEES: usize = 72;
/// What somebody unknown is checked against: a hash of the right form that nobody's password has.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// 19 MiB, two passes, one lane: OWASP's first choice for a server.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// What is kept of a password: a text that names its scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(Secret<String>);

/// Why a text is no hash that somebody could bring along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not of bcrypt's form.
    #[error("password_hash is not a valid bcrypt hash")]
    NotBcrypt,
    /// Checking a password against it would take too long.
    #[error("password_hash has a higher cost than {HIGHEST_BCRYPT_COST}")]
    TooCostly,
}

impl Hash {
    /// The hash of `password` with this salt.
    pub fn of(password: &Secret<String>, salt: &[u8; SALT_BYTES]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the salt and the parameters are within Argon2's limits, and no password is as long as its"
        )]
        let hash = argon2().hash_password_with_salt(password.expose().as_bytes(), salt).expect("Argon2 takes this");
        Self(Secret::new(hash.to_string()))
    }

    /// The bcrypt hash that `text` is.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub fn bcrypt(text: &Secret<String>) -> Result<Self, Refusal> {
        match HashParts::from_str(text.expose()).map(|parts| parts.get_cost()) {
            Ok(4..=HIGHEST_BCRYPT_COST) => Ok(Self(text.clone())),
            Ok(cost) if cost > HIGHEST_BCRYPT_COST => Err(Refusal::TooCostly),
            Ok(_) | Err(_) => Err(Refusal::NotBcrypt),
        }
    }

    /// The hash that was kept as `text`.
    pub const fn kept(text: Secret<String>) -> Self {
        Self(text)
    }

    /// The text to keep.
    pub const fn text(&self) -> &Secret<String> {
        &self.0
    }

    /// The cost of a bcrypt hash: two to this power are its rounds.
    pub fn bcrypt_cost(&self) -> Option<u32> {
        HashParts::from_str(self.0.expose()).ok().map(|parts| parts.get_cost())
    }
}

/// What checking took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Runs of Argon2.
    pub argon2_runs: u64,
    /// Rounds of bcrypt.
    pub bcrypt_rounds: u64,
}

impl Work {
    /// This and so many rounds of bcrypt as a hash of this cost takes.
    const fn and_bcrypt(mut self, cost: u32) -> Self {
        let rounds = 2_u64.saturating_pow(cost);
        self.bcrypt_rounds = self.bcrypt_rounds.saturating_add(rounds);
        self
    }
}

/// What a check comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whether the password is the one that was hashed.
    pub is_right: bool,
    /// What it took to find out.
    pub work: Work,
}

/// Check `password` against `hash`, or against nothing where nobody is known.
///
/// It takes one run of Argon2 whatever the hash is. Among people of whom some brought a bcrypt hash along, of at most `bcrypt_cost`, it takes as
/// many rounds of bcrypt as one hash of that cost does.
pub fn check(password: &Secret<String>, hash: Option<&Hash>, bcrypt_cost: Option<u32>) -> Checked {
    let own_cost = hash.and_then(Hash::bcrypt_cost);
    let own = hash.map(|hash| hash.0.expose().as_str());
    let (argon2_hash, bcrypt_hash) = if own_cost.is_some() { (None, own) } else { (own, None) };
    let bytes = password.expose().as_bytes();

    let fits = argon2().verify_password(bytes, argon2_hash.unwrap_or(DECOY)).is_ok();
    let mut work = Work { argon2_runs: 1, bcrypt_rounds: 0 };
    let mut is_right = fits && argon2_hash.is_some();

    if let (Some(hash), Some(cost)) = (bcrypt_hash, own_cost) {
        // bcrypt looks at no more than its 72 bytes; what is behind them would be good for nothing.
        is_right = bcrypt::verify(bytes, hash).unwrap_or(false) && bytes.len() <= BCRYPT_SEES;
        work = work.and_bcrypt(cost);
    }
    let missing = match (own_cost, bcrypt_cost) {
        // 2ⁿ rounds and those of every cost from n up to below m are 2ᵐ.
        (Some(own), Some(highest)) => own..highest,
        (None, Some(highest)) => highest..highest.saturating_add(1),
        (_, None) => 0..0,
    };
    for cost in missing {
        drop(bcrypt::hash_with_salt(bytes, cost, [0; SALT_BYTES]));
        work = work.and_bcrypt(cost);
    }
    Checked { is_right, work }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.into())
    }

    /// A hash of cost 5 of "U*U", from the test vectors of Openwall's `crypt_blowfish`.
    const OPENWALL: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hash = Hash::of(&secret("right"), &[1; SALT_BYTES]);
        assert!(hash.text().expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(check(&secret("right"), Some(&hash), None).is_right);
        for wrong in ["Right", "right ", "", "righ"] {
            assert!(!check(&secret(wrong), Some(&hash), None).is_right, "{wrong}");
        }
        let long = "x".repeat(1024);
        let hash = Hash::of(&secret(&long), &[1; SALT_BYTES]);
        assert!(check(&secret(&long), Some(&hash), None).is_right);
        assert!(!check(&secret(&long[1..]), Some(&hash), None).is_right);
    }

    #[test]
    fn a_bcrypt_hash_that_was_brought_along_is_checked() {
        let hash = Hash::bcrypt(&secret(OPENWALL)).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(hash.bcrypt_cost(), Some(5));
        assert!(check(&secret("U*U"), Some(&hash), None).is_right);
        assert!(!check(&secret("U*V"), Some(&hash), None).is_right);
    }

    #[test]
    fn what_bcrypt_would_not_look_at_does_not_pass() {
        let seen = "x".repeat(BCRYPT_SEES);
        let text = bcrypt::hash_with_salt(&seen, 4, [3; 16]).unwrap().to_string();
        let hash = Hash::bcrypt(&secret(&text)).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(check(&secret(&seen), Some(&hash), None).is_right);
        assert!(!check(&secret(&format!("{seen}y")), Some(&hash), None).is_right);
    }

    #[test]
    fn a_hash_that_is_none_or_too_costly_is_refused() {
        let refusal = |text: &str| Hash::bcrypt(&secret(text)).err();
        for text in ["", "nope", "$2b$10$abcdefghijklmnopqrstuv", DECOY, &OPENWALL.replace("$05$", "$03$")] {
            assert_eq!(refusal(text), Some(Refusal::NotBcrypt), "{text}");
        }
        assert_eq!(refusal(&OPENWALL.replace("$05$", "$15$")), Some(Refusal::TooCostly));
    }

    #[test]
    fn checking_takes_the_same_work_whoever_is_asked_about() {
        let argon2 = Hash::of(&secret("a"), &[1; SALT_BYTES]);
        let bcrypt = |cost: u32| Hash::kept(secret(&bcrypt::hash_with_salt("a", cost, [1; 16]).unwrap().to_string()));
        for password in ["a", "b"] {
            for hash in [None, Some(&argon2), Some(&bcrypt(4)), Some(&bcrypt(6)), Some(&bcrypt(7))] {
                let work = check(&secret(password), hash, Some(7)).work;
                assert_eq!(work, Work { argon2_runs: 1, bcrypt_rounds: 128 });
            }
            for hash in [None, Some(&argon2)] {
                let work = check(&secret(password), hash, None).work;
                assert_eq!(work, Work { argon2_runs: 1, bcrypt_rounds: 0 });
            }
        }
    }
}
