//! The nouns and their rules: pure data, pure functions, no storage and no clock.
//!
//! The serde form of each noun is its stored form; changing one is a migration.

pub mod acl;
pub mod address;
pub mod alias;
pub mod app_role;
pub mod challenge;
pub mod cidr;
pub mod clock_guard;
pub mod contact;
pub mod costs;
pub mod deny_list;
pub mod edge;
pub mod enforcement;
pub mod enrolment;
pub mod entity;
pub mod group;
pub mod guard;
pub mod lockout;
pub mod lockout_policy;
pub mod login;
pub mod login_policy;
pub mod message;
pub mod message_provider;
pub mod method;
pub mod mount;
pub mod namespace;
pub mod out_of_band;
pub mod password;
pub mod password_complexity;
pub mod pending;
pub mod policy;
pub mod provider;
pub mod recovery;
pub mod revision;
pub mod secret_generator;
mod stored;
pub mod telephone;
pub mod token;
pub mod token_role;
pub mod token_settings;
pub mod user;
pub mod username;
pub mod web_authn;
pub mod wrapping;
