//! Any bytes as exported SRTP state.
#![no_main]

#[path = "../../crates/srtp/tests/walk/mod.rs"]
#[allow(dead_code)]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::state(bytes));
