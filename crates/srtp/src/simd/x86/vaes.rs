//! AES on four blocks with one instruction: VAES on the registers of AVX-512.

use std::arch::x86_64::*;

use super::aes::{BLOCK_LEN, load, turn};

/// Bytes of a register.
const WIDTH: usize = 64;

/// Counter mode (RFC 3711 §4.1.1): the last 16 bits of `iv` count blocks.
#[target_feature(enable = "avx512f,avx512bw,vaes,aes,ssse3")]
pub(super) fn counter_mode(keys: &[[u8; BLOCK_LEN]], iv: [u8; BLOCK_LEN], bytes: &mut [u8]) {
    // Turned around, so that the counter is a number of 16 bits and can be added to.
    let first = _mm512_broadcast_i32x4(_mm_shuffle_epi8(load(&iv), turn()));
    let mut counted = _mm512_add_epi16(first, _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0));
    for chunk in bytes.chunks_mut(4 * WIDTH) {
        match chunk.len().div_ceil(WIDTH) {
            1 => apply::<1>(keys, counted, chunk),
            2 => apply::<2>(keys, counted, chunk),
            3 => apply::<3>(keys, counted, chunk),
            _ => apply::<4>(keys, counted, chunk),
        }
        counted = _mm512_add_epi16(counted, blocks(16));
    }
}

/// The same number of blocks for all four counters.
#[inline]
#[target_feature(enable = "avx512f")]
fn blocks(count: i64) -> __m512i {
    _mm512_set_epi64(0, count, 0, count, 0, count, 0, count)
}

/// Encrypts up to `N` registers of bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn apply<const N: usize>(keys: &[[u8; BLOCK_LEN]], counted: __m512i, bytes: &mut [u8]) {
    let [first, middle @ .., last] = keys else { return };
    let turn = _mm512_broadcast_i32x4(turn());
    let mut state = [_mm512_setzero_si512(); N];
    let key = wide(first);
    for (nth, state) in (0..).zip(&mut state) {
        let counted = _mm512_add_epi16(counted, blocks(4 * nth));
        *state = _mm512_xor_si512(_mm512_shuffle_epi8(counted, turn), key);
    }
    for key in middle {
        let key = wide(key);
        for state in &mut state {
            *state = _mm512_aesenc_epi128(*state, key);
        }
    }
    let key = wide(last);
    for (chunk, state) in bytes.chunks_mut(WIDTH).zip(&mut state) {
        *state = _mm512_aesenclast_epi128(*state, key);
        let there = u64::MAX >> (WIDTH - chunk.len());
        // SAFETY: the mask names the bytes that the chunk has, and no others are read.
        let plain = unsafe { _mm512_maskz_loadu_epi8(there, chunk.as_ptr().cast()) };
        let mixed = _mm512_xor_si512(plain, *state);
        // SAFETY: the mask names the bytes that the chunk has, and no others are written.
        unsafe { _mm512_mask_storeu_epi8(chunk.as_mut_ptr().cast(), there, mixed) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn wide(key: &[u8; BLOCK_LEN]) -> __m512i {
    _mm512_broadcast_i32x4(load(key))
}
