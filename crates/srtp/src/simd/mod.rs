//! Several packets, or several blocks of one, at the same time, by instructions that only some machines have.
//!
//! The one module of the crate with `unsafe`: all of it is calls of functions that need an instruction set, and loads
//! and stores of arrays whose length the type says. Nothing here knows what SRTP is: it hashes [texts](hmac::Text) and
//! encrypts in counter mode.
//!
//! Invariant: a set of instructions is used only after [`Backend::is_here`] has found it, and all backends give the
//! same bytes. Deliberately absent: other architectures. They take the portable way, which is RustCrypto's and finds
//! some of their instructions on its own.

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
use x86 as machine;

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(not(target_arch = "x86_64"))]
use other as machine;

use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use crate::hmac::{self, TAG_LEN, Text};

/// How the primitives are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// As RustCrypto does it, one packet after the other.
    Portable,
    /// AES and SHA instructions: packets are hashed two at a time.
    ShaNi,
    /// AES instructions, and eight packets hashed in the lanes of AVX2.
    Avx2,
    /// AES instructions (on four blocks each where there is VAES), and sixteen packets hashed in the lanes of AVX-512.
    Avx512,
}

/// The backend in use plus one; 0 as long as nobody has asked.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Backend {
    /// All of them, the slowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::ShaNi, Self::Avx2, Self::Avx512];

    /// This machine can do it.
    pub fn is_here(self) -> bool {
        machine::has(self)
    }

    /// The one in use: the fastest that is here, unless another was chosen.
    #[inline]
    pub fn chosen() -> Self {
        let chosen = CHOSEN.load(Relaxed);
        chosen
            .checked_sub(1)
            .and_then(|at| Self::ALL.get(usize::from(at)).copied())
            .unwrap_or_else(Self::detect)
    }

    /// Uses this one from now on, for keys made and packets handled; false = it is not here, and nothing changes. For
    /// tests and benches.
    pub fn choose(self) -> bool {
        let here = self.is_here();
        if here {
            CHOSEN.store(self as u8 + 1, Relaxed);
        }
        here
    }

    #[cold]
    fn detect() -> Self {
        let best = Self::ALL.into_iter().rev().find(|b| b.is_here());
        let best = best.unwrap_or(Self::Portable);
        CHOSEN.store(best as u8 + 1, Relaxed);
        best
    }
}

pub(crate) use machine::{AesKeys, Powers, prefetch};

/// The powers of GHASH's key, if the backend in use has instructions for them.
pub(crate) fn powers(key: &[u8; 16]) -> Option<Powers> {
    machine::powers(Backend::chosen(), key)
}

/// The round keys of a key of 16, 24 or 32 bytes, if the backend in use has instructions for them.
pub(crate) fn round_keys(key: &[u8]) -> Option<AesKeys> {
    machine::round_keys(Backend::chosen(), key)
}

/// Calls `tag` with the tag of each of at most [`SIDE_BY_SIDE`](crate::limits::SIDE_BY_SIDE) texts, in any order.
pub(crate) fn tags(texts: &[Text<'_>], tag: impl FnMut(usize, &[u8; TAG_LEN])) {
    tags_by(Backend::chosen(), texts, tag);
}

/// `backend` is here.
fn tags_by(backend: Backend, texts: &[Text<'_>], mut tag: impl FnMut(usize, &[u8; TAG_LEN])) {
    if backend != Backend::Portable {
        return machine::tags(backend, texts, &mut tag);
    }
    for (nth, text) in texts.iter().enumerate() {
        tag(nth, &hmac::tag(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Portable;
    use crate::hmac::Key;

    /// Every length of key, every length of packet, counters that turn, against another implementation.
    #[test]
    fn keystream_is_the_same_by_all() {
        let key: Vec<u8> = (0..32u8).map(|n| n.wrapping_mul(29) + 3).collect();
        let plain: Vec<u8> = (0..1500u16).map(|n| (n * 11 % 253) as u8).collect();
        for backend in Backend::ALL.into_iter().filter(|b| b.is_here()) {
            assert!(
                machine::round_keys(backend, &key[..20]).is_none(),
                "no length of AES"
            );
            for len in [16, 24, 32] {
                let Some(ours) = machine::round_keys(backend, &key[..len]) else {
                    assert_eq!(backend, Backend::Portable);
                    continue;
                };
                let theirs = Portable::new(&key[..len]).expect("a key");
                let block = [len as u8; 16];
                assert_eq!(ours.encrypt_one(block), theirs.encrypt_one(block));
                for counter in [0u16, 1, 0x7ffd, 0xfffa] {
                    let mut iv = [0xa7; 16];
                    iv[14..].copy_from_slice(&counter.to_be_bytes());
                    for len in (0..300).chain(1490..1500) {
                        let (mut one, mut other) = (plain.clone(), plain.clone());
                        ours.counter_mode(iv, &mut one[..len]);
                        theirs.counter_mode(iv, &mut other[..len]);
                        assert!(one == other, "{backend:?}, {len} bytes from {counter}");
                    }
                }
            }
        }
    }

    /// Every backend, every number of texts, of one length and of all lengths mixed, against one after the other.
    #[test]
    fn texts_side_by_side_get_the_tags_they_get_alone() {
        let bytes: Vec<u8> = (0..1500u16).map(|n| (n * 7 % 251) as u8).collect();
        let keys: Vec<Key> = (0..40).map(|n| Key::new(&[n; 20])).collect();
        let lengths: [fn(usize) -> usize; 4] = [
            |_| 172,
            |n| n * 13 % 200,
            |n| if n % 5 == 3 { 1400 - n } else { 40 + n },
            |n| 47 + n,
        ];
        for backend in Backend::ALL.into_iter().filter(|b| b.is_here()) {
            for (kind, length) in lengths.iter().enumerate() {
                for count in 1..=crate::limits::SIDE_BY_SIDE {
                    let text = |n: usize| Text {
                        key: &keys[n],
                        bytes: &bytes[n..n + length(n)],
                        ending: (!n.is_multiple_of(3)).then_some([n as u8; 4]),
                    };
                    let texts: Vec<Text<'_>> = (0..count).map(text).collect();
                    let mut found = vec![None; count];
                    tags_by(backend, &texts, |nth, tag| {
                        assert_eq!(found[nth].replace(*tag), None, "once");
                    });
                    for (nth, found) in found.into_iter().enumerate() {
                        let expect = Some(hmac::tag(&texts[nth]));
                        assert_eq!(found, expect, "{backend:?}: {nth} of {count}, lengths {kind}");
                    }
                }
            }
        }
    }
}
