//! The native tests.

mod shaders;
mod store;
mod studies;
