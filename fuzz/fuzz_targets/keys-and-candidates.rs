//! Any line as `a=crypto` and as `a=candidate`.
#![no_main]

#[path = "../../crates/sdp/tests/sdp/keys_and_candidates.rs"]
mod keys_and_candidates;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keys_and_candidates::read_alike(bytes));
