//! What a new password must be like.

/// Rules for new passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordComplexity {
    /// The fewest characters.
    pub min_length: u64,
    /// Whether there must be an upper-case letter.
    pub requires_uppercase: bool,
    /// Whether there must be a lower-case letter.
    pub requires_lowercase: bool,
    /// Whether there must be a digit.
    pub requires_number: bool,
    /// Whether there must be something that is neither letter nor digit.
    pub requires_symbol: bool,
}

/// The rules of this server.
pub const STANDARD: PasswordComplexity = PasswordComplexity {
    min_length: 8,
    requires_uppercase: true,
    requires_lowercase: true,
    requires_number: true,
    requires_symbol: true,
};

/// What a password lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// Characters.
    #[error("the password is too short")]
    Length,
    /// A lower-case letter.
    #[error("the password has no lower-case letter")]
    Lowercase,
    /// An upper-case letter.
    #[error("the password has no upper-case letter")]
    Uppercase,
    /// A digit.
    #[error("the password has no digit")]
    Number,
    /// Something that is neither letter nor digit.
    #[error("the password has no symbol")]
    Symbol,
}

impl PasswordComplexity {
    /// Whether `password` is like that.
    ///
    /// # Errors
    /// The first thing that it lacks.
    pub fn check(&self, password: &str) -> Result<(), Shortfall> {
        let lacks = |required: bool, is_one: fn(char) -> bool| required && !password.chars().any(is_one);
        if u64::try_from(password.chars().count()).is_ok_and(|length| length < self.min_length) {
            return Err(Shortfall::Length);
        }
        if lacks(self.requires_lowercase, char::is_lowercase) {
            return Err(Shortfall::Lowercase);
        }
        if lacks(self.requires_uppercase, char::is_uppercase) {
            return Err(Shortfall::Uppercase);
        }
        if lacks(self.requires_number, char::is_numeric) {
            return Err(Shortfall::Number);
        }
        if lacks(self.requires_symbol, |character| !character.is_alphanumeric()) {
            return Err(Shortfall::Symbol);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_told_what_it_lacks() {
        assert_eq!(STANDARD.check("Secr3tP4ssw0rd!"), Ok(()));
        assert_eq!(STANDARD.check("Äb1!Äb1!"), Ok(()), "characters are counted, not bytes");
        assert_eq!(STANDARD.check("Ab1!Ab1"), Err(Shortfall::Length));
        assert_eq!(STANDARD.check("AAAA111!"), Err(Shortfall::Lowercase));
        assert_eq!(STANDARD.check("aaaa111!"), Err(Shortfall::Uppercase));
        assert_eq!(STANDARD.check("aaaaAAA!"), Err(Shortfall::Number));
        assert_eq!(STANDARD.check("aaaaAAA1"), Err(Shortfall::Symbol));
    }
}
