//! [`Secret`]: a value that is wiped when dropped and cannot be printed or serialised by accident.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret value. It has no `Debug`, `Display` or serde form; [`Secret::expose`] is the only way in, so one search for that word
/// lists every use.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Take `value` in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Equality in constant time for one length; unequal lengths are told apart at once.
impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_compared_by_content() {
        let secret = Secret::new(b"twenty bytes of key.".to_vec());
        assert!(secret == secret.clone());
        assert!(secret != Secret::new(b"twenty bytes of kez.".to_vec()));
        assert!(secret != Secret::new(b"twenty".to_vec()));
    }
}
