//! The GPU worker.

fn main() {}
