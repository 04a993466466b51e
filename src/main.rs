//! The `patchbay` daemon.
fn main() {}
