//! The native tests.

mod store;
mod studies;
mod shaders;
