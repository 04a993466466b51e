//! AES (FIPS 197) with the AES instructions: eight blocks in flight, as each round of a block waits for the one before.

use std::arch::x86_64::*;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::vaes;

/// Length of a block.
pub(super) const BLOCK_LEN: usize = 16;
/// Round keys of the longest key, the one before the first round counted.
const ROUND_KEYS_MAX: usize = 15;

/// The round keys of a key of any of the three lengths. To have them is to have the AES instructions.
pub(crate) struct Keys {
    keys: [[u8; BLOCK_LEN]; ROUND_KEYS_MAX],
    rounds: usize,
    /// VAES is here, too, and to be used.
    wide: bool,
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

impl ZeroizeOnDrop for Keys {}

impl Keys {
    /// `None` if the key does not have 16, 24 or 32 bytes. The AES instructions must be here, and VAES if `wide`.
    pub(super) fn new(key: &[u8], wide: bool) -> Option<Self> {
        if !matches!(key.len(), 16 | 24 | 32) || !super::has_aes() || (wide && !super::has_vaes()) {
            return None;
        }
        // SAFETY: the AES instructions are here.
        let (keys, rounds) = unsafe { expand(key) };
        Some(Self { keys, rounds, wide })
    }

    /// Counter mode (RFC 3711 §4.1.1): the last 16 bits of `iv` count blocks.
    #[inline]
    pub(crate) fn counter_mode(&self, iv: [u8; BLOCK_LEN], bytes: &mut [u8]) {
        if self.wide {
            // SAFETY: VAES is here, and AVX-512F and AVX-512BW: `new` has asked for all.
            unsafe { vaes::counter_mode(self.round_keys(), iv, bytes) }
        } else {
            // SAFETY: the AES instructions and SSSE3 are here: `new` has asked for them.
            unsafe { counter_mode(self.round_keys(), iv, bytes) }
        }
    }

    #[inline]
    pub(crate) fn encrypt_one(&self, block: [u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
        // SAFETY: the AES instructions are here: `new` has asked for them.
        unsafe { encrypt_one(self.round_keys(), block) }
    }

    /// All round keys, the one before the first round included.
    #[inline]
    pub(super) fn round_keys(&self) -> &[[u8; BLOCK_LEN]] {
        self.keys.get(..=self.rounds).unwrap_or(&self.keys)
    }
}

/// Key expansion (FIPS 197 §5.2), words in the order of memory. Returns the number of rounds as well.
#[target_feature(enable = "aes,sse2")]
fn expand(key: &[u8]) -> ([[u8; BLOCK_LEN]; ROUND_KEYS_MAX], usize) {
    let (given, _) = key.as_chunks::<4>();
    let mut words = Zeroizing::new([0; ROUND_KEYS_MAX * 4]);
    words
        .iter_mut()
        .zip(given)
        .for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    let rounds = given.len() + 6;
    let mut constant = 1_u8;
    for at in given.len()..(rounds + 1) * 4 {
        let mut word = words[at - 1];
        if at % given.len() == 0 {
            word = substitute(word.rotate_right(8)) ^ u32::from(constant);
            // Doubling in GF(2^8).
            constant = constant << 1 ^ if constant & 0x80 == 0 { 0 } else { 0x1b };
        } else if given.len() > 6 && at % given.len() == 4 {
            word = substitute(word);
        }
        words[at] = words[at - given.len()] ^ word;
    }
    let mut keys = [[0; BLOCK_LEN]; ROUND_KEYS_MAX];
    let (bytes, _) = keys.as_flattened_mut().as_chunks_mut::<4>();
    bytes
        .iter_mut()
        .zip(words.iter())
        .for_each(|(bytes, word)| *bytes = word.to_le_bytes());
    (keys, rounds)
}

/// The S-box on each byte of a word.
#[target_feature(enable = "aes,sse2")]
fn substitute(word: u32) -> u32 {
    let words = _mm_set1_epi32(word.cast_signed());
    _mm_cvtsi128_si32(_mm_aeskeygenassist_si128::<0>(words)).cast_unsigned()
}

#[target_feature(enable = "aes,sse2")]
fn encrypt_one(keys: &[[u8; BLOCK_LEN]], block: [u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
    let mut block = block;
    let mut state = [load(&block)];
    encrypt(keys, &mut state);
    store(&mut block, state[0]);
    block
}

#[target_feature(enable = "aes,sse2,ssse3")]
fn counter_mode(keys: &[[u8; BLOCK_LEN]], iv: [u8; BLOCK_LEN], bytes: &mut [u8]) {
    // Turned around, so that the counter is a number of 16 bits and can be added to.
    let first = _mm_shuffle_epi8(load(&iv), turn());
    let mut counter = 0_i16;
    for chunk in bytes.chunks_mut(8 * BLOCK_LEN) {
        let iv = _mm_add_epi16(first, _mm_set_epi16(0, 0, 0, 0, 0, 0, 0, counter));
        match chunk.len().div_ceil(BLOCK_LEN) {
            1 => apply::<1>(keys, iv, chunk),
            2 => apply::<2>(keys, iv, chunk),
            3 | 4 => apply::<4>(keys, iv, chunk),
            _ => apply::<8>(keys, iv, chunk),
        }
        counter = counter.wrapping_add(8);
    }
}

/// Encrypts up to `N` blocks.
#[inline]
#[target_feature(enable = "aes,sse2,ssse3")]
fn apply<const N: usize>(keys: &[[u8; BLOCK_LEN]], iv: __m128i, bytes: &mut [u8]) {
    let mut blocks = [_mm_setzero_si128(); N];
    for (nth, block) in (0..).zip(&mut blocks) {
        let counted = _mm_add_epi16(iv, _mm_set_epi16(0, 0, 0, 0, 0, 0, 0, nth));
        *block = _mm_shuffle_epi8(counted, turn());
    }
    encrypt(keys, &mut blocks);
    let (whole, rest) = bytes.as_chunks_mut::<BLOCK_LEN>();
    for (bytes, block) in whole.iter_mut().zip(&blocks) {
        let mixed = _mm_xor_si128(load(bytes), *block);
        store(bytes, mixed);
    }
    if let Some(block) = blocks.get(whole.len()) {
        let mut last = [0; BLOCK_LEN];
        store(&mut last, *block);
        rest.iter_mut().zip(last).for_each(|(byte, key)| *byte ^= key);
    }
}

#[inline]
#[target_feature(enable = "aes,sse2")]
fn encrypt<const N: usize>(keys: &[[u8; BLOCK_LEN]], blocks: &mut [__m128i; N]) {
    let [first, middle @ .., last] = keys else { return };
    let key = load(first);
    for block in blocks.iter_mut() {
        *block = _mm_xor_si128(*block, key);
    }
    for key in middle {
        let key = load(key);
        for block in blocks.iter_mut() {
            *block = _mm_aesenc_si128(*block, key);
        }
    }
    let key = load(last);
    for block in blocks.iter_mut() {
        *block = _mm_aesenclast_si128(*block, key);
    }
}

/// Turns the bytes of a block around.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn turn() -> __m128i {
    _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f)
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn load(block: &[u8; BLOCK_LEN]) -> __m128i {
    // SAFETY: a block has the 16 bytes that are read.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn store(block: &mut [u8; BLOCK_LEN], v: __m128i) {
    // SAFETY: a block has the 16 bytes that are written.
    unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), v) }
}
