//! Builds, runs, tests.
fn main() {}
