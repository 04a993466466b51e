//! Any bytes as a STUN message: all getters, and the message written again.
#![no_main]

#[path = "../../crates/ice/tests/walk/mod.rs"]
#[allow(dead_code)]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::stun(bytes));
