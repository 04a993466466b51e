//! Any bytes as RTP: all views, and what must hold between them.
#![no_main]

#[path = "../../crates/rtp/tests/walk/mod.rs"]
#[allow(dead_code)]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::rtp(bytes));
