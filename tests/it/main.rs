//! The native tests.

mod catalog;
mod forward;
mod layering;
mod parsers;
mod shaders;
mod stats;
mod store;
mod studies;
mod tasks;
mod tidy;
