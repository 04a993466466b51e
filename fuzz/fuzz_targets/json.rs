//! JSON: what is read can be written and read again, and makes no command fail.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ng_protocol::{CommandKind, Request, Templates, Value, json};

fuzz_target!(|data: &[u8]| {
    let Ok(value) = json::decode(data) else { return };
    let mut written = Vec::new();
    json::encode(&value, &mut written);
    assert_eq!(json::decode(&written).ok().as_ref(), Some(&value));
    if let Value::Dict(dict) = &value {
        for &kind in CommandKind::ALL {
            let _ = Request::parse(kind, dict, &Templates::default());
        }
    }
});
