//! What leaves this server for people: the ports, and their adapters.

pub mod carrier;
pub mod endpoint;
pub mod gateway;
