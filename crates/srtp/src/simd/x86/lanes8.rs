//! Eight texts in the lanes of AVX2.

use std::arch::x86_64::*;

use super::lanes;
use crate::hmac::{self, BLOCK_LEN, TAG_LEN, Text};

pub(super) const N: usize = 8;
pub(super) type Vector = __m256i;

lanes::compress!("avx2");
lanes::hmac!("avx2");

/// Word `t` of all blocks, for each `t` (FIPS 180-4 §6.1.2 step 1): two transpositions.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn words(blocks: &[&[u8; BLOCK_LEN]; N]) -> [Vector; 16] {
    let mut words = [_mm256_setzero_si256(); 16];
    for (half, words) in words.chunks_exact_mut(8).enumerate() {
        let mut r = [_mm256_setzero_si256(); 8];
        for (row, block) in r.iter_mut().zip(blocks) {
            *row = swapped_half(block, half);
        }
        let mut t = r;
        for i in (0..8).step_by(2) {
            t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
            t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
        }
        for i in (0..8).step_by(4) {
            r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
            r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
            r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
            r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
        }
        // Now r[i + k] has the words 4j + k of the blocks i to i + 3 in its half j.
        for k in 0..4 {
            words[k] = _mm256_permute2x128_si256::<0x20>(r[k], r[k + 4]);
            words[k + 4] = _mm256_permute2x128_si256::<0x31>(r[k], r[k + 4]);
        }
    }
    words
}

/// Eight words of a block.
#[inline]
#[target_feature(enable = "avx2")]
fn swapped_half(block: &[u8; BLOCK_LEN], half: usize) -> Vector {
    let swap = _mm256_set_epi64x(
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
    );
    let (halves, _) = block.as_chunks::<32>();
    // SAFETY: half a block has the 32 bytes that are read.
    let bytes = unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) };
    _mm256_shuffle_epi8(bytes, swap)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(row: &[u32; N]) -> Vector {
    // SAFETY: a row has the 32 bytes that are read.
    unsafe { _mm256_loadu_si256(row.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(row: &mut [u32; N], v: Vector) {
    // SAFETY: a row has the 32 bytes that are written.
    unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), v) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn splat(word: u32) -> Vector {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add(a: Vector, b: Vector) -> Vector {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rol<const BITS: i32>(a: Vector) -> Vector {
    let high = _mm256_sll_epi32(a, _mm_cvtsi32_si128(BITS));
    let low = _mm256_srl_epi32(a, _mm_cvtsi32_si128(32 - BITS));
    _mm256_or_si256(high, low)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn xor2(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor2(xor2(a, b), c)
}

/// FIPS 180-4 §4.1.1, as the other two.
#[inline]
#[target_feature(enable = "avx2")]
fn ch(b: Vector, c: Vector, d: Vector) -> Vector {
    xor2(d, _mm256_and_si256(b, xor2(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn parity(b: Vector, c: Vector, d: Vector) -> Vector {
    xor3(b, c, d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn maj(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_or_si256(_mm256_and_si256(b, c), _mm256_and_si256(d, _mm256_or_si256(b, c)))
}
