//! Any bytes: SDP or refused, and what was read and printed once stays as it is.
#![no_main]

#[path = "../../crates/sdp/tests/sdp/settle.rs"]
mod settle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| settle::settles(bytes));
