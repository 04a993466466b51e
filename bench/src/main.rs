//! `patchbay-load`: the load generator.
fn main() {}
