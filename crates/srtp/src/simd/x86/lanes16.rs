//! Sixteen texts in the lanes of AVX-512.

use std::arch::x86_64::*;

use super::lanes;
use crate::hmac::{self, BLOCK_LEN, TAG_LEN, Text};

pub(super) const N: usize = 16;
type Vector = __m512i;

lanes::compress!("avx512f,avx512bw");
lanes::hmac!("avx512f,avx512bw");

/// Word `t` of all blocks, for each `t` (FIPS 180-4 §6.1.2 step 1): a transposition.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words(blocks: &[&[u8; BLOCK_LEN]; N]) -> [Vector; 16] {
    let swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
    let mut r = [_mm512_setzero_si512(); 16];
    for (row, block) in r.iter_mut().zip(blocks) {
        // SAFETY: a block has the 64 bytes that are read.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        *row = _mm512_shuffle_epi8(bytes, swap);
    }
    let mut t = r;
    for i in (0..16).step_by(2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for i in (0..16).step_by(4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    // Now r[i + k] has the words 4j + k of the blocks i to i + 3 in its quarter j.
    for k in 0..4 {
        let low = [
            _mm512_shuffle_i32x4::<0x44>(r[k], r[k + 4]),
            _mm512_shuffle_i32x4::<0x44>(r[k + 8], r[k + 12]),
        ];
        let high = [
            _mm512_shuffle_i32x4::<0xee>(r[k], r[k + 4]),
            _mm512_shuffle_i32x4::<0xee>(r[k + 8], r[k + 12]),
        ];
        t[k] = _mm512_shuffle_i32x4::<0x88>(low[0], low[1]);
        t[k + 4] = _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]);
        t[k + 8] = _mm512_shuffle_i32x4::<0x88>(high[0], high[1]);
        t[k + 12] = _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]);
    }
    t
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(row: &[u32; N]) -> Vector {
    // SAFETY: a row has the 64 bytes that are read.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(row: &mut [u32; N], v: Vector) {
    // SAFETY: a row has the 64 bytes that are written.
    unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), v) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rol<const BITS: i32>(a: Vector) -> Vector {
    _mm512_rol_epi32::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor2(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

/// FIPS 180-4 §4.1.1, as the other two.
#[inline]
#[target_feature(enable = "avx512f")]
fn ch(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0xca>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn parity(b: Vector, c: Vector, d: Vector) -> Vector {
    xor3(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn maj(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0xe8>(b, c, d)
}
