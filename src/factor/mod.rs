//! Factors: pure functions that tell whether a response proves possession of an authenticator.
