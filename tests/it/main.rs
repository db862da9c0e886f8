//! The native tests.

mod studies;
