//! Any datagrams to a DTLS association with which a real client shakes hands.
#![no_main]

#[path = "../../crates/dtls/tests/walk/mod.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::association(bytes));
