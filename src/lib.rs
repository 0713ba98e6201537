//! Countersign: a self-hosted server for second factors.
//!
//! It holds MFA methods, binds authenticators to entities, and answers one question: did this entity prove this factor, now, once? The
//! modules form a ladder and name only rungs below them; `ARCHITECTURE.md` walks it.

pub mod app;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod dialect;
pub mod engine;
pub mod entropy;
pub mod factor;
pub mod id;
pub mod model;
pub mod seal;
pub mod secret;
pub mod server;
pub mod storage;
pub mod time;
