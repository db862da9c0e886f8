//! The same engine, tasks and statistics without a browser.

fn main() {}
