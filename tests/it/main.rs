//! The native tests.

mod studies;
mod shaders;
