//! Countersign: a self-hosted server for second factors.
//!
//! It holds MFA methods, binds authenticators to entities, and answers one question: did this entity prove this factor, now, once? The
//! modules form a ladder and name only rungs below them; `ARCHITECTURE.md` walks it.

pub mod entropy;
pub mod factor;
pub mod id;
pub mod secret;
pub mod storage;
pub mod time;
