//! Factors: pure functions that tell whether a response proves possession of an authenticator.
//!
//! They know no storage, no clock and no chance: all they need is passed in, and what they find is a value.

#![deny(clippy::arithmetic_side_effects)]

pub mod key_uri;
pub mod otp;
pub mod password;
pub mod qr;
pub mod recovery;
pub mod totp;
pub mod web_authn;

/// What a verifier concludes about one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<C> {
    /// The response is right. It counts only if this claim is new.
    Right(C),
    /// The response is wrong.
    Wrong,
}
