//! Bencode: what is read can be written and read again; the stream framer agrees with the decoder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ng_protocol::{bencode, envelope::StreamFramer};

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = bencode::decode(data) {
        let mut written = Vec::new();
        bencode::encode(&value, &mut written);
        assert_eq!(bencode::decode(&written), Ok(value));
    }
    let mut framer = StreamFramer::default();
    framer.handle_bytes(b"cookie ");
    for piece in data.chunks(7) {
        framer.handle_bytes(piece);
        loop {
            match framer.poll_message() {
                Ok(Some(message)) => assert!(!message.is_empty()),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});
