//! What fuzzing looks for, over the fuzz corpus, over random changes to it, and over random programs.

use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use crate::walk;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let entries = std::fs::read_dir(&dir).expect("the corpus");
    let mut files: Vec<_> = entries.map(|f| f.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", dir.display());
    files
        .iter()
        .map(|f| std::fs::read(f).expect("a corpus file"))
        .collect()
}

fn mutate(bytes: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..5) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..4) {
            0 if at > 20 => bytes.truncate(at),
            1 => bytes.insert(at, rng.random()),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = rng.random()),
        }
    }
    bytes
}

fn check(name: &str, rounds: u64, walk: fn(&[u8])) {
    for (file, bytes) in corpus(name).iter().enumerate() {
        walk(bytes);
        for seed in 0..rounds {
            let changed = mutate(bytes, &mut StdRng::seed_from_u64(seed));
            let result = std::panic::catch_unwind(|| walk(&changed));
            assert!(result.is_ok(), "{name}, file {file}, seed {seed}: {changed:02x?}");
        }
    }
}

#[test]
fn any_bytes_as_a_message() {
    check("stun", 20_000, walk::stun);
}

#[test]
fn any_bytes_as_a_life() {
    check("ice", 300, walk::agent);
}

#[test]
fn random_lives() {
    for seed in 0..1500 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut program = vec![0; rng.random_range(50..2000)];
        rng.fill_bytes(&mut program);
        let result = std::panic::catch_unwind(|| walk::agent(&program));
        assert!(result.is_ok(), "seed {seed}");
    }
}
