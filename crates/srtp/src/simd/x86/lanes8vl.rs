//! Eight texts in the lanes of AVX-512VL: AVX2's way with rotations and functions of three operands, a third faster. For
//! what is left over of sixteen.

use std::arch::x86_64::*;

use super::lanes;
use super::lanes8::{N, Vector, add, load, splat, store, words, xor2};
use crate::hmac::{self, BLOCK_LEN, TAG_LEN, Text};

lanes::compress!("avx2,avx512f,avx512vl");
lanes::hmac!("avx2,avx512f,avx512vl");

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn rol<const BITS: i32>(a: Vector) -> Vector {
    _mm256_rol_epi32::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_ternarylogic_epi32::<0x96>(a, b, c)
}

/// FIPS 180-4 §4.1.1, as the other two.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn ch(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_ternarylogic_epi32::<0xca>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn parity(b: Vector, c: Vector, d: Vector) -> Vector {
    xor3(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn maj(b: Vector, c: Vector, d: Vector) -> Vector {
    _mm256_ternarylogic_epi32::<0xe8>(b, c, d)
}
