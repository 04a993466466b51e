//! Any bytes as the life of an ICE agent: its limits hold whatever happens to it.
#![no_main]

#[path = "../../crates/ice/tests/walk/mod.rs"]
#[allow(dead_code)]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::agent(bytes));
