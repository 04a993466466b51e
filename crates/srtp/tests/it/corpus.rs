//! What fuzzing looks for, over the fuzz corpus and over random changes to it.

use std::path::Path;

use crate::support;
use crate::walk;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .expect("the corpus")
        .map(|f| f.expect("a file").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", dir.display());
    files
        .iter()
        .map(|f| std::fs::read(f).expect("a corpus file"))
        .collect()
}

/// A small generator is enough to change bytes; what it did is named by its seed.
fn next(state: &mut u64) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let (mut state, mut bytes) = (seed, bytes.to_vec());
    for _ in 0..1 + next(&mut state) % 4 {
        let at = next(&mut state) % (bytes.len() + 1);
        match next(&mut state) % 3 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, (next(&mut state) & 0xff) as u8),
            _ => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|b| *b = (next(&mut state) & 0xff) as u8),
        }
    }
    bytes
}

fn check(name: &str, walk: fn(&[u8])) {
    for bytes in corpus(name) {
        walk(&bytes);
        for seed in 0..200 {
            let changed = mutate(&bytes, seed);
            let result = std::panic::catch_unwind(|| walk(&changed));
            assert!(result.is_ok(), "{name}, seed {seed}: {changed:02x?}");
        }
    }
}

#[test]
fn any_bytes_as_srtp() {
    crate::backends::force();
    check("srtp", walk::srtp);
}

#[test]
fn any_bytes_as_srtcp() {
    crate::backends::force();
    check("srtcp", walk::srtcp);
}

#[test]
fn any_bytes_as_state() {
    crate::backends::force();
    check("srtp-state", walk::state);
}

/// Every length that a datagram could be cut to, also shorter than what is looked for at its end.
#[test]
fn short_packets_are_refused() {
    crate::backends::force();
    for suite in 0..12 {
        for flags in [0, 3, 4, 8] {
            for len in 0..64 {
                let mut bytes = vec![suite, flags];
                bytes.extend(support::rtp(1, 1, 96).iter().take(len));
                walk::srtp(&bytes);
                bytes.truncate(2);
                bytes.extend([0x80, 200].iter().chain(&[0; 96]).take(len));
                walk::srtcp(&bytes);
            }
        }
    }
}

/// With packets that are authentic, changes reach behind the tag.
#[test]
fn the_corpus_has_authentic_packets() {
    crate::backends::force();
    for name in ["srtp", "srtcp"] {
        let authentic = corpus(name).iter().filter(|bytes| opens(name, bytes)).count();
        assert!(authentic >= 4, "{name}: {authentic}");
    }
}

fn opens(name: &str, bytes: &[u8]) -> bool {
    let mut receiver = srtp::Receiver::new(walk::params(bytes[0], bytes[1]));
    let mut packet = bytes[2..].to_vec();
    match name {
        "srtp" => receiver.unprotect_rtp(&mut packet).is_ok(),
        _ => receiver.unprotect_rtcp(&mut packet).is_ok(),
    }
}
