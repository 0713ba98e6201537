//! The nouns of an edge network, as OpenZiti knows them: who may call its controller, how they authenticate, and which services they may use.
//!
//! An identity is an entity with more said about it. What proves a second factor is the entity's enrolment, and no noun of this place.

pub mod auth_policy;
pub mod authenticator;
pub mod identity;
pub mod permission;
pub mod posture;
pub mod service;
pub mod session;

/// What clients note about things: names and JSON values, kept as they were sent.
pub type Tags = serde_json::Map<String, serde_json::Value>;
