//! One text or two with the SHA instructions. Two are interleaved: each round waits for the one before, so that one text
//! leaves the unit idle for part of the time.

use std::arch::x86_64::*;

use super::lanes::{NO_TAIL, block, pad};
use super::plan::blocks;
use crate::hmac::{self, BLOCK_LEN, TAG_LEN, Text};

/// The state of SHA-1 as the instructions want it: a (highest), b, c and d; and e, highest, with zeros.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

/// The tag of each text.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn hmac<const N: usize>(texts: &[&Text<'_>; N]) -> [[u8; TAG_LEN]; N] {
    let mut tails = [NO_TAIL; N];
    let mut ends = [0; N];
    let mut states = [begin(&[0; 5]); N];
    for (lane, text) in texts.iter().enumerate() {
        pad(text, &mut tails[lane]);
        ends[lane] = blocks(text);
        states[lane] = begin(&text.key.inner);
    }
    let mut digests = states;
    let mut words = [[_mm_setzero_si128(); 4]; N];
    let steps = ends.iter().copied().max().unwrap_or(0);
    for step in 1..=steps {
        for (lane, words) in words.iter_mut().enumerate() {
            *words = load(block(texts[lane], &tails[lane], step - 1));
        }
        compress(&mut states, words);
        for ((digest, state), end) in digests.iter_mut().zip(&states).zip(ends) {
            if end == step {
                *digest = *state;
            }
        }
    }
    // The second hash is of one block: the first one's digest.
    for (lane, text) in texts.iter().enumerate() {
        let State { abcd, e } = digests[lane];
        let zero = _mm_setzero_si128();
        let bits = _mm_set_epi32(0, 0, 0, (BLOCK_LEN + TAG_LEN) as i32 * 8);
        words[lane] = [
            abcd,
            _mm_or_si128(e, _mm_set_epi32(0, i32::MIN, 0, 0)),
            zero,
            bits,
        ];
        states[lane] = begin(&text.key.outer);
    }
    compress(&mut states, words);
    let mut tags = [[0; TAG_LEN]; N];
    for (tag, state) in tags.iter_mut().zip(&states) {
        *tag = hmac::to_bytes(numbers(state));
    }
    tags
}

#[inline]
#[target_feature(enable = "sse2")]
fn begin(words: &[u32; 5]) -> State {
    let [a, b, c, d, e] = words.map(u32::cast_signed);
    State {
        abcd: _mm_set_epi32(a, b, c, d),
        e: _mm_set_epi32(e, 0, 0, 0),
    }
}

#[inline]
#[target_feature(enable = "sse2,sse4.1")]
fn numbers(state: &State) -> [u32; 5] {
    let State { abcd, e } = *state;
    [
        _mm_extract_epi32::<3>(abcd),
        _mm_extract_epi32::<2>(abcd),
        _mm_extract_epi32::<1>(abcd),
        _mm_extract_epi32::<0>(abcd),
        _mm_extract_epi32::<3>(e),
    ]
    .map(i32::cast_unsigned)
}

/// The compression function (FIPS 180-4 §6.1.2), four rounds at a time.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3")]
fn compress<const N: usize>(states: &mut [State; N], mut w: [[__m128i; 4]; N]) {
    let mut abcd = [_mm_setzero_si128(); N];
    for s in 0..N {
        abcd[s] = states[s].abcd;
    }
    let mut before = abcd;
    macro_rules! four {
        ($k:literal, $($t:literal),*) => {
            $(for s in 0..N {
                let w = &mut w[s];
                if $t >= 4 {
                    let mixed = _mm_sha1msg1_epu32(w[$t & 3], w[($t + 1) & 3]);
                    w[$t & 3] = _mm_sha1msg2_epu32(_mm_xor_si128(mixed, w[($t + 2) & 3]), w[($t + 3) & 3]);
                }
                let e = if $t == 0 {
                    _mm_add_epi32(states[s].e, w[0])
                } else {
                    _mm_sha1nexte_epu32(before[s], w[$t & 3])
                };
                before[s] = abcd[s];
                abcd[s] = _mm_sha1rnds4_epu32::<$k>(abcd[s], e);
            })*
        };
    }
    four!(0, 0, 1, 2, 3, 4);
    four!(1, 5, 6, 7, 8, 9);
    four!(2, 10, 11, 12, 13, 14);
    four!(3, 15, 16, 17, 18, 19);
    for s in 0..N {
        let state = &mut states[s];
        state.e = _mm_sha1nexte_epu32(before[s], state.e);
        state.abcd = _mm_add_epi32(abcd[s], state.abcd);
    }
}

/// The words of a block, the first one highest.
#[inline]
#[target_feature(enable = "sse2,ssse3")]
fn load(block: &[u8; BLOCK_LEN]) -> [__m128i; 4] {
    let swap = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let (quarters, _) = block.as_chunks::<16>();
    let mut words = [_mm_setzero_si128(); 4];
    for (words, quarter) in words.iter_mut().zip(quarters) {
        // SAFETY: a quarter of a block has the 16 bytes that are read.
        let bytes = unsafe { _mm_loadu_si128(quarter.as_ptr().cast()) };
        *words = _mm_shuffle_epi8(bytes, swap);
    }
    words
}
