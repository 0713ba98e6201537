//! Integration tests, one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what failed by panicking, and a victim what it has done by printing"
)]

mod at_rest;
mod costs;
mod crash;
mod device;
mod enrolling;
mod enrollments;
mod gateways;
mod golden;
mod groups;
mod hostile;
mod identity;
mod ladder;
mod logins;
mod mfa;
mod openapi;
mod openziti;
mod out_of_band;
mod outbox;
mod policies;
mod pushes;
mod recovery;
mod remembering;
mod scenarios;
mod secrecy;
mod stand_in;
mod storage;
mod support;
mod terms;
mod token_roles;
mod tokens;
mod verification;
mod web_authn;
mod wrapping;
mod zitadel;
