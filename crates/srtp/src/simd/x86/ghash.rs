//! GHASH (NIST SP 800-38D §6.4) by carry-less multiplication of four blocks at once (VPCLMULQDQ), and one reduction for up
//! to sixteen: a telephony packet with its header.
//!
//! Blocks are turned around when loaded, so that the coefficient of x^127 is the lowest bit. A product of two such
//! numbers lies one bit too low, which the powers of the key make good: they are shifted beforehand.

use std::arch::x86_64::*;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::aes::{BLOCK_LEN, load, store, turn};

/// Blocks that are reduced together.
const SET: usize = 16;
/// Bytes of a register.
const WIDTH: usize = 64;
/// The field's polynomial without its highest term, turned around: its upper half, and its lower half, which is 1.
const POLYNOMIAL: u64 = 0xc200_0000_0000_0000;

/// The powers of a hash key, from the 16th down to the first, and zeros to be read behind them. To have them is to have
/// the instructions.
pub(crate) struct Powers([[u8; BLOCK_LEN]; SET + 4]);

impl Drop for Powers {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Powers {}

impl Powers {
    /// `None` if the instructions are not here.
    pub(super) fn new(key: &[u8; BLOCK_LEN]) -> Option<Self> {
        let here = super::has_vpclmul();
        // SAFETY: the instructions are here.
        here.then(|| Self(unsafe { powers(key) }))
    }

    /// The hash of what is only authenticated, in two parts of which the second is shorter than a block, of the
    /// encrypted bytes, and of both lengths.
    #[inline]
    pub(crate) fn hash(&self, aad: (&[u8], &[u8]), encrypted: &[u8]) -> [u8; BLOCK_LEN] {
        // SAFETY: the instructions are here: `new` has asked for them.
        unsafe { hash(&self.0, aad, encrypted) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq,ssse3")]
fn powers(key: &[u8; BLOCK_LEN]) -> [[u8; BLOCK_LEN]; SET + 4] {
    let number = u128::from_be_bytes(*key);
    let carried = if number >> 127 == 0 {
        0
    } else {
        u128::from(POLYNOMIAL) << 64 | 1
    };
    let shifted = number << 1 ^ carried;
    let mut powers = [[0; BLOCK_LEN]; SET + 4];
    powers[SET - 1] = shifted.to_le_bytes();
    let first = _mm512_zextsi128_si512(load(&powers[SET - 1]));
    for at in (0..SET - 1).rev() {
        let mut product = Product::new();
        product.add(_mm512_zextsi128_si512(load(&powers[at + 1])), first);
        store(&mut powers[at], product.reduced());
    }
    powers
}

#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq,ssse3")]
fn hash(powers: &[[u8; BLOCK_LEN]; SET + 4], aad: (&[u8], &[u8]), encrypted: &[u8]) -> [u8; BLOCK_LEN] {
    let (whole, rest) = aad.0.as_chunks::<BLOCK_LEN>();
    let mut joined = [0; 2 * BLOCK_LEN];
    let last = if aad.1.is_empty() {
        rest
    } else {
        let bytes = rest.iter().chain(aad.1);
        joined.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let len = rest.len() + aad.1.len();
        joined.get(..len).unwrap_or(&joined)
    };
    let mut state = _mm_setzero_si128();
    for set in whole.chunks(SET) {
        state = absorb(powers, state, set.as_flattened());
    }
    let mut set = encrypted;
    let mut lead = last;
    let blocks = |bytes: &[u8]| bytes.len().div_ceil(BLOCK_LEN);
    if blocks(lead) + blocks(set) >= SET {
        state = absorb(powers, state, lead);
        lead = &[];
        while blocks(set) >= SET {
            let (now, later) = set.split_at(set.len().min(SET * BLOCK_LEN));
            state = absorb(powers, state, now);
            set = later;
        }
    }
    // What is left, and the lengths.
    let mut product = Product::new();
    let mut state = _mm512_zextsi128_si512(state);
    let mut at = SET - 1 - blocks(lead) - blocks(set);
    for part in lead.chunks(WIDTH).chain(set.chunks(WIDTH)) {
        product.add(_mm512_xor_si512(state, turned(part)), power(powers, at));
        state = _mm512_setzero_si512();
        at += blocks(part);
    }
    let bits = |len: usize| (len as u64 * 8).cast_signed();
    let lengths = _mm_set_epi64x(bits(aad.0.len() + aad.1.len()), bits(encrypted.len()));
    let lengths = _mm512_xor_si512(state, _mm512_zextsi128_si512(lengths));
    product.add(lengths, power(powers, SET - 1));
    let mut hash = [0; BLOCK_LEN];
    store(&mut hash, _mm_shuffle_epi8(product.reduced(), turn()));
    hash
}

/// Hashes up to a set of blocks, the last of them filled up with zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,vpclmulqdq,pclmulqdq,ssse3")]
fn absorb(powers: &[[u8; BLOCK_LEN]; SET + 4], state: __m128i, bytes: &[u8]) -> __m128i {
    if bytes.is_empty() {
        return state;
    }
    let mut product = Product::new();
    let mut state = _mm512_zextsi128_si512(state);
    let mut at = SET - bytes.len().div_ceil(BLOCK_LEN);
    for part in bytes.chunks(WIDTH) {
        product.add(_mm512_xor_si512(state, turned(part)), power(powers, at));
        state = _mm512_setzero_si512();
        at += WIDTH / BLOCK_LEN;
    }
    product.reduced()
}

/// Four powers from this place on.
#[inline]
#[target_feature(enable = "avx512f")]
fn power(powers: &[[u8; BLOCK_LEN]; SET + 4], at: usize) -> __m512i {
    let four: &[[u8; BLOCK_LEN]; 4] = match powers.get(at..).and_then(|powers| powers.first_chunk()) {
        Some(four) => four,
        None => return _mm512_setzero_si512(),
    };
    // SAFETY: four powers have the 64 bytes that are read.
    unsafe { _mm512_loadu_si512(four.as_ptr().cast()) }
}

/// Up to four blocks, each turned around, and zeros behind.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turned(part: &[u8]) -> __m512i {
    let absent = WIDTH.saturating_sub(part.len());
    let there = u64::MAX.checked_shr(absent as u32).unwrap_or(0);
    // SAFETY: the mask names bytes that the part has, and no others are read.
    let bytes = unsafe { _mm512_maskz_loadu_epi8(there, part.as_ptr().cast()) };
    _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(turn()))
}

/// A sum of products that waits to be reduced.
struct Product {
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl Product {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        let zero = _mm512_setzero_si512();
        Self {
            low: zero,
            middle: zero,
            high: zero,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,vpclmulqdq")]
    fn add(&mut self, a: __m512i, b: __m512i) {
        let crossed = (
            _mm512_clmulepi64_epi128::<0x01>(a, b),
            _mm512_clmulepi64_epi128::<0x10>(a, b),
        );
        self.low = _mm512_xor_si512(self.low, _mm512_clmulepi64_epi128::<0x00>(a, b));
        self.middle = _mm512_ternarylogic_epi64::<0x96>(self.middle, crossed.0, crossed.1);
        self.high = _mm512_xor_si512(self.high, _mm512_clmulepi64_epi128::<0x11>(a, b));
    }

    /// The sum of all four, modulo the polynomial.
    #[inline]
    #[target_feature(enable = "avx512f,pclmulqdq")]
    fn reduced(&self) -> __m128i {
        let middle = sum(self.middle);
        let low = _mm_xor_si128(sum(self.low), _mm_slli_si128::<8>(middle));
        let high = _mm_xor_si128(sum(self.high), _mm_srli_si128::<8>(middle));
        let polynomial = _mm_set_epi64x(0, POLYNOMIAL.cast_signed());
        let fold = |x| {
            let product = _mm_clmulepi64_si128::<0x00>(x, polynomial);
            _mm_xor_si128(_mm_shuffle_epi32::<0x4e>(x), product)
        };
        _mm_xor_si128(high, fold(fold(low)))
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sum(v: __m512i) -> __m128i {
    let half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v));
    _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half))
}
