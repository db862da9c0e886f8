//! The processor worker: fetched only where WebGPU is missing or fails.

fn main() {}
