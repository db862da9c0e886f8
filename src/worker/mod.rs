//! Worker side ([`host`], [`open`], [`analysis`]) and page side (`client`) of the thread boundary.

pub mod analysis;
pub mod client;
pub mod host;
pub mod open;
pub mod picture_loader;
pub mod pictures;
