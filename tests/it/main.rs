//! The native tests.

mod shaders;
mod store;
mod studies;
mod stats;
mod tasks;
