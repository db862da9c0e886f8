//! The native tests.

mod forward;
mod shaders;
mod stats;
mod store;
mod studies;
mod tasks;
