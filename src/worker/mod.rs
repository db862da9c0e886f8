//! Worker side ([`host`], [`open`]) and page side (`client`) of the thread boundary.

pub mod client;
pub mod host;
pub mod open;
pub mod pictures;
