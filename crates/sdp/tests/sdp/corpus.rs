//! Replays the fuzz corpus.

use std::path::Path;

use crate::keys_and_candidates::read_alike;
use crate::settle::settles;

fn replay(name: &str, least: usize, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let mut replayed = 0;
    for entry in std::fs::read_dir(&dir).expect("the corpus") {
        let path = entry.expect("a directory entry").path();
        println!("{}", path.display());
        check(&std::fs::read(&path).expect("a corpus file"));
        replayed += 1;
    }
    assert!(replayed >= least, "only {replayed} files in {}", dir.display());
}

#[test]
fn fuzz_corpus() {
    replay("sdp", 10, settles);
}

#[test]
fn fuzz_corpus_of_keys_and_candidates() {
    replay("keys-and-candidates", 5, read_alike);
}
