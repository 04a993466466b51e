//! A text in its lane, and SHA-1 (FIPS 180-4 §6.1.2) written once for vectors of any width.

use super::plan::blocks;
use crate::hmac::{BLOCK_LEN, Text};

/// Room for the last blocks of a text: what was copied to get there, and the one or two themselves.
pub(super) type Tail = [[u8; BLOCK_LEN]; 3];
pub(super) const NO_TAIL: Tail = [[0; BLOCK_LEN]; 3];

/// Pads a text (FIPS 180-4 §5.1.1): writes its last blocks to `tail`, which is zero. In place, as what is moved right
/// after it was written in small pieces is moved slowly.
#[inline]
pub(super) fn pad(text: &Text<'_>, tail: &mut Tail) {
    let (whole, rest) = text.bytes.as_chunks::<BLOCK_LEN>();
    let flat = tail.as_flattened_mut();
    // Copies of a length that is known are a few moves: a whole block that ends where the rest ends.
    match text.bytes.last_chunk::<BLOCK_LEN>() {
        Some(last) => flat[rest.len()..rest.len() + BLOCK_LEN].copy_from_slice(last),
        None => flat[BLOCK_LEN..BLOCK_LEN + rest.len()].copy_from_slice(rest),
    }
    let mut end = BLOCK_LEN + rest.len();
    if let Some(ending) = text.ending {
        flat[end..end + 4].copy_from_slice(&ending);
        end += 4;
    }
    flat[end] = 0x80;
    // The key's pad was hashed first; the first block of the tail stands for it.
    let bits = (whole.len() * BLOCK_LEN + end) as u64 * 8;
    let end = (1 + blocks(text) - whole.len()) * BLOCK_LEN;
    flat[end - 8..end].copy_from_slice(&bits.to_be_bytes());
}

/// The block of that number of a text with its tail; any block when there is none.
#[inline(always)]
pub(super) fn block<'t>(text: &'t Text<'_>, tail: &'t Tail, nth: usize) -> &'t [u8; BLOCK_LEN] {
    let (whole, _) = text.bytes.as_chunks();
    match whole.get(nth) {
        Some(block) => block,
        None => &tail[1 + ((nth - whole.len()) & 1)],
    }
}

/// One round of SHA-1: the words trade places, so that none is moved.
macro_rules! round {
    ($w:ident, $k:ident, $f:ident, $t:expr, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        if $t >= 16 {
            let mixed = xor3($w[($t + 13) & 15], $w[($t + 8) & 15], $w[($t + 2) & 15]);
            $w[$t & 15] = rol::<1>(xor2(mixed, $w[$t & 15]));
        }
        $e = add(add($e, add($w[$t & 15], $k)), $f($b, $c, $d));
        $e = add($e, rol::<5>($a));
        $b = rol::<30>($b);
    };
}
pub(super) use round;

/// Twenty rounds of one kind; after five of them each word is where it was.
macro_rules! twenty {
    ($w:ident, $k:ident, $f:ident, [$($t:expr),*], $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        $(
            lanes::round!($w, $k, $f, $t, $a $b $c $d $e);
            lanes::round!($w, $k, $f, $t + 1, $e $a $b $c $d);
            lanes::round!($w, $k, $f, $t + 2, $d $e $a $b $c);
            lanes::round!($w, $k, $f, $t + 3, $c $d $e $a $b);
            lanes::round!($w, $k, $f, $t + 4, $b $c $d $e $a);
        )*
    };
}
pub(super) use twenty;

/// The compression function over vectors: needs `Vector`, and `add`, `rol`, `xor2`, `xor3`, `ch`, `parity`, `maj` and
/// `splat` in scope.
macro_rules! compress {
    ($features:literal) => {
        #[target_feature(enable = $features)]
        fn compress(state: &mut [Vector; 5], mut w: [Vector; 16]) {
            let [mut a, mut b, mut c, mut d, mut e] = *state;
            let k = splat(0x5a82_7999);
            lanes::twenty!(w, k, ch, [0, 5, 10, 15], a b c d e);
            let k = splat(0x6ed9_eba1);
            lanes::twenty!(w, k, parity, [20, 25, 30, 35], a b c d e);
            let k = splat(0x8f1b_bcdc);
            lanes::twenty!(w, k, maj, [40, 45, 50, 55], a b c d e);
            let k = splat(0xca62_c1d6);
            lanes::twenty!(w, k, parity, [60, 65, 70, 75], a b c d e);
            *state = [
                add(state[0], a),
                add(state[1], b),
                add(state[2], c),
                add(state[3], d),
                add(state[4], e),
            ];
        }
    };
}
pub(super) use compress;

/// HMAC-SHA1 (RFC 2104) of `N` texts: needs what [`compress`] needs, and `N`, `words`, `load`, `store` and `swap`.
macro_rules! hmac {
    ($features:literal) => {
        /// The tag of each text.
        #[target_feature(enable = $features)]
        pub(super) fn hmac(texts: &[&Text<'_>; N]) -> [[u8; TAG_LEN]; N] {
            let mut tails = [lanes::NO_TAIL; N];
            let mut ends = [0; N];
            let mut rows = [[0; N]; 5];
            for (lane, text) in texts.iter().enumerate() {
                lanes::pad(text, &mut tails[lane]);
                ends[lane] = super::plan::blocks(text);
                rows.iter_mut()
                    .zip(&text.key.inner)
                    .for_each(|(row, word)| row[lane] = *word);
            }
            let [a, b, c, d, e] = &rows;
            let mut state = [load(a), load(b), load(c), load(d), load(e)];
            let mut digests = [[0; N]; 5];
            let steps = ends.iter().copied().max().unwrap_or(0);
            for step in 1..=steps {
                let blocks: [_; N] = std::array::from_fn(|n| lanes::block(texts[n], &tails[n], step - 1));
                compress(&mut state, words(&blocks));
                // Most of the time all end together. Whoever has ended is hashed on, to no purpose.
                if ends.contains(&step) {
                    for ((row, digest), word) in rows.iter_mut().zip(&mut digests).zip(&state) {
                        store(row, *word);
                        for ((cell, digest), end) in row.iter().zip(digest).zip(&ends) {
                            *digest = if *end == step { *cell } else { *digest };
                        }
                    }
                }
            }
            // The second hash is of one block: the first one's digest.
            let mut outer = [splat(0); 16];
            for (word, digest) in outer.iter_mut().zip(&digests) {
                *word = load(digest);
            }
            outer[5] = splat(0x8000_0000);
            outer[15] = splat((BLOCK_LEN + TAG_LEN) as u32 * 8);
            for (lane, text) in texts.iter().enumerate() {
                rows.iter_mut()
                    .zip(&text.key.outer)
                    .for_each(|(row, word)| row[lane] = *word);
            }
            let [a, b, c, d, e] = &rows;
            let mut state = [load(a), load(b), load(c), load(d), load(e)];
            compress(&mut state, outer);
            for (row, word) in rows.iter_mut().zip(&state) {
                store(row, *word);
            }
            std::array::from_fn(|lane| hmac::to_bytes(rows.each_ref().map(|row| row[lane])))
        }
    };
}
pub(super) use hmac;
