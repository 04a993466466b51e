//! What fuzzing looks for, over the fuzz corpus and over random changes to it.

use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::walk;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/dtls");
    let entries = std::fs::read_dir(&dir).expect("the corpus");
    let mut files: Vec<_> = entries.map(|f| f.expect("a file").path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| std::fs::read(path).expect("a corpus file");
    files
        .iter()
        .map(|path| (path.display().to_string(), read(path)))
        .collect()
}

#[test]
fn any_bytes_as_what_happens() {
    let corpus = corpus();
    assert!(corpus.len() >= 5, "only {} files", corpus.len());
    for (name, bytes) in &corpus {
        for seed in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut changed = bytes.clone();
            for _ in 0..seed {
                let at = rng.random_range(0..changed.len());
                changed[at] = rng.random();
            }
            let outcome = std::panic::catch_unwind(|| walk::association(&changed));
            assert!(outcome.is_ok(), "{name}, seed {seed}: {changed:02x?}");
        }
    }
}
