//! What fuzzing looks for, over the fuzz corpus and over changes to it.

mod walk;

use std::path::Path;

#[test]
fn any_lines_as_offers_and_answers() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/offers");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&dir).expect("the corpus") {
        let path = entry.expect("a directory entry").path();
        let bytes = std::fs::read(&path).expect("a corpus file");
        for choice in 0..64 {
            let mut bytes = bytes.clone();
            bytes[0] = choice;
            println!("{}, choice {choice}", path.display());
            walk::offers(&bytes);
        }
        // Each byte in turn is lost, or another.
        for at in 1..bytes.len() {
            let mut shorter = bytes.clone();
            shorter.remove(at);
            walk::offers(&shorter);
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 8);
            println!("{}, byte {at}", path.display());
            walk::offers(&other);
        }
        replayed += 1;
    }
    assert!(replayed >= 3, "only {replayed} files in {}", dir.display());
}
