//! Replays the fuzzing corpora: what once was found stays found.

use std::fs;
use std::path::{Path, PathBuf};

use ng_protocol::rtpp_flags::RawFlags;
use ng_protocol::{CommandKind, Request, Templates, bencode, envelope, json};

/// The files of a corpus.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).expect("readable")))
        .collect()
}

#[test]
fn bencode_corpus() {
    for (path, data) in corpus("bencode") {
        if let Ok(value) = bencode::decode(&data) {
            let mut once = Vec::new();
            bencode::encode(&value, &mut once);
            assert_eq!(bencode::decode(&once), Ok(value), "{}", path.display());
        }
        let mut framer = envelope::StreamFramer::default();
        framer.handle_bytes(b"c ");
        framer.handle_bytes(&data);
        while let Ok(Some(_)) = framer.poll_message() {}
    }
}

#[test]
fn json_corpus() {
    for (_, data) in corpus("json") {
        if let Ok(value) = json::decode(&data) {
            let mut once = Vec::new();
            json::encode(&value, &mut once);
            assert!(json::decode(&once).is_ok());
        }
    }
}

#[test]
fn flags_corpus() {
    for (_, data) in corpus("flags") {
        RawFlags::parse(&data);
        let dict = crate::offer().with("rtpp-flags", &data[..]);
        Request::parse(CommandKind::Offer, &dict, &Templates::default()).expect("flags are never fatal");
    }
}
