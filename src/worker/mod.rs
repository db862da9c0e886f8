//! Worker side ([`host`]) and page side ([`client`]) of the thread boundary.

pub mod client;
pub mod host;
