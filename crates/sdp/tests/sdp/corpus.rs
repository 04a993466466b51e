//! Replays the fuzz corpus.

use std::path::Path;

use crate::settle::settles;

#[test]
fn fuzz_corpus() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/sdp");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&dir).expect("the corpus") {
        let path = entry.expect("a directory entry").path();
        println!("{}", path.display());
        settles(&std::fs::read(&path).expect("a corpus file"));
        replayed += 1;
    }
    assert!(replayed >= 10, "only {replayed} files in {}", dir.display());
}
