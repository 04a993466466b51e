//! HMAC-SHA1 (RFC 2104) over midstates: of a key only the two states of SHA-1 behind its pads are kept, 40 bytes.
//!
//! Written out over the compression function for two reasons: a message can be finished with several endings (the
//! trial of rollover counters), and an implementation that hashes many packets side by side starts from the same states.

use sha1::block_api::compress;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length of a block of SHA-1.
pub(crate) const BLOCK_LEN: usize = 64;

/// Length of a whole tag.
pub(crate) const TAG_LEN: usize = 20;

/// FIPS 180-4 §5.3.1.
const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// A key, ready for use.
pub(crate) struct Key {
    pub(crate) inner: [u32; 5],
    pub(crate) outer: [u32; 5],
}

/// What is to be authenticated.
#[derive(Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) key: &'t Key,
    pub(crate) bytes: &'t [u8],
    /// Follows the bytes.
    pub(crate) ending: Option<[u8; 4]>,
}

/// The tag of one text.
#[inline]
pub(crate) fn tag(text: &Text<'_>) -> [u8; TAG_LEN] {
    let mut message = text.key.begin_with(text.bytes);
    if let Some(ending) = &text.ending {
        message.update(ending);
    }
    message.finish()
}

impl Drop for Key {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl ZeroizeOnDrop for Key {}

impl Key {
    pub(crate) fn new(key: &[u8; 20]) -> Self {
        let behind = |pad: u8| {
            let mut block = Zeroizing::new([[pad; BLOCK_LEN]]);
            let [bytes] = &mut *block;
            bytes.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            let mut state = INITIAL;
            compress(&mut state, &*block);
            state
        };
        Self {
            inner: behind(0x36),
            outer: behind(0x5c),
        }
    }

    /// Begins a message with these bytes.
    #[inline]
    pub(crate) fn begin_with(&self, bytes: &[u8]) -> Message<'_> {
        let mut message = self.begin();
        message.update(bytes);
        message
    }

    /// Begins a message.
    #[inline]
    pub(crate) fn begin(&self) -> Message<'_> {
        Message {
            key: self,
            state: self.inner,
            tail: [0; BLOCK_LEN],
            tail_len: 0,
            len: BLOCK_LEN,
        }
    }
}

/// A message being authenticated. A clone can take another ending.
#[derive(Clone)]
pub(crate) struct Message<'k> {
    key: &'k Key,
    state: [u32; 5],
    tail: [u8; BLOCK_LEN],
    tail_len: usize,
    /// Bytes so far, the pad included.
    len: usize,
}

impl Message<'_> {
    #[inline]
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        if self.tail_len > 0 {
            let take = bytes.len().min(BLOCK_LEN - self.tail_len);
            let (head, rest) = bytes.split_at(take);
            self.tail[self.tail_len..self.tail_len + take].copy_from_slice(head);
            self.tail_len += take;
            bytes = rest;
            if self.tail_len < BLOCK_LEN {
                return;
            }
            compress(&mut self.state, &[self.tail]);
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK_LEN>();
        compress(&mut self.state, blocks);
        self.tail[..rest.len()].copy_from_slice(rest);
        self.tail_len = rest.len();
    }

    #[inline]
    pub(crate) fn finish(mut self) -> [u8; TAG_LEN] {
        finish(&mut self.state, &mut self.tail, self.tail_len, self.len);
        let inner = to_bytes(self.state);
        let mut state = self.key.outer;
        let mut block = [0; BLOCK_LEN];
        block[..TAG_LEN].copy_from_slice(&inner);
        finish(&mut state, &mut block, TAG_LEN, BLOCK_LEN + TAG_LEN);
        to_bytes(state)
    }
}

/// Pads and hashes the last block or two (FIPS 180-4 §5.1.1).
fn finish(state: &mut [u32; 5], tail: &mut [u8; BLOCK_LEN], tail_len: usize, len: usize) {
    tail[tail_len..].fill(0);
    tail[tail_len] = 0x80;
    if tail_len >= BLOCK_LEN - 8 {
        compress(state, &[*tail]);
        tail.fill(0);
    }
    tail[BLOCK_LEN - 8..].copy_from_slice(&(len as u64 * 8).to_be_bytes());
    compress(state, &[*tail]);
}

#[inline]
pub(crate) fn to_bytes(state: [u32; 5]) -> [u8; TAG_LEN] {
    let mut bytes = [0; TAG_LEN];
    for (out, word) in bytes.chunks_exact_mut(4).zip(state) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use ::hmac::{Hmac, KeyInit, Mac};

    use super::*;

    /// Every length around the block's borders, cut at every kind of place, against another implementation.
    #[test]
    fn agrees_with_another_implementation() {
        let bytes: Vec<u8> = (0..300u16).map(|n| (n * 7 % 251) as u8).collect();
        let secret = [0x5a; 20];
        let key = Key::new(&secret);
        for len in 0..bytes.len() {
            let mut other = Hmac::<sha1::Sha1>::new_from_slice(&secret).expect("any length");
            other.update(&bytes[..len]);
            let expect = other.finalize().into_bytes();
            for cut in [0, 1, len / 3, len / 2, len.saturating_sub(1), len] {
                let cut = cut.min(len);
                let mut message = key.begin();
                message.update(&bytes[..cut]);
                message.update(&bytes[cut..len]);
                assert_eq!(message.finish()[..], expect[..], "{len} bytes cut at {cut}");
            }
        }
    }

    #[test]
    fn the_key_is_wiped_when_dropped() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        wiped(&Key::new(&[1; 20]));
    }
}
