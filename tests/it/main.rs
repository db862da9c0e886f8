//! The native tests.

mod shaders;
mod stats;
mod store;
mod studies;
mod tasks;
