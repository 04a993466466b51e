//! Any lines as the attributes of offers and answers: keys and candidates as a call reads them.
#![no_main]

#[path = "../../crates/call/tests/walk/mod.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::offers(bytes));
