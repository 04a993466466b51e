//! Flag strings are never fatal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ng_protocol::{CommandKind, Request, Templates, Value};

fuzz_target!(|data: &[u8]| {
    let dict = Value::dict()
        .with("call-id", "c")
        .with("from-tag", "a")
        .with("sdp", "v=0")
        .with("rtpp-flags", data);
    assert!(Request::parse(CommandKind::Offer, &dict, &Templates::default()).is_ok());
});
