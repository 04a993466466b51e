//! AES as SRTP uses it: counter mode and f8.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc, Block};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::simd::{self, AesKeys};

/// Length of a block of AES.
pub(crate) const BLOCK_LEN: usize = 16;
/// Blocks of keystream made at once: the 160 bytes of a 20 ms packet of G.711. The cipher works on eight side by side.
const BLOCKS: usize = 10;

/// A key of any of the three lengths, wiped when dropped.
#[allow(
    clippy::large_enum_variant,
    reason = "what is common stands here, not behind a pointer"
)]
pub(crate) enum Aes {
    /// For instructions of this machine.
    Fast(AesKeys),
    Portable(Box<Portable>),
}

impl ZeroizeOnDrop for Aes {}

impl Aes {
    /// `None` if the key does not have 16, 24 or 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        match simd::round_keys(key) {
            Some(keys) => Some(Self::Fast(keys)),
            None => Some(Self::Portable(Box::new(Portable::new(key)?))),
        }
    }

    #[inline]
    pub(crate) fn encrypt_one(&self, block: [u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
        match self {
            Self::Fast(keys) => keys.encrypt_one(block),
            Self::Portable(aes) => aes.encrypt_one(block),
        }
    }

    /// Counter mode (RFC 3711 §4.1.1): the last 16 bits of `iv` count blocks.
    #[inline]
    pub(crate) fn counter_mode(&self, iv: [u8; BLOCK_LEN], bytes: &mut [u8]) {
        match self {
            Self::Fast(keys) => keys.counter_mode(iv, bytes),
            Self::Portable(aes) => aes.counter_mode(iv, bytes),
        }
    }

    /// f8 mode (RFC 3711 §4.1.2.1) under the masked key `mask`, which encrypts the vector.
    #[inline]
    pub(crate) fn f8_mode(&self, mask: &Self, iv: [u8; BLOCK_LEN], bytes: &mut [u8]) {
        let start = u128::from_be_bytes(mask.encrypt_one(iv));
        let mut last = 0;
        for (j, chunk) in (0u128..).zip(bytes.chunks_mut(BLOCK_LEN)) {
            let block = self.encrypt_one((start ^ j ^ last).to_be_bytes());
            last = u128::from_be_bytes(block);
            xor(chunk, &block);
        }
    }
}

/// RustCrypto's AES. The cipher wipes its round keys when dropped.
pub(crate) enum Portable {
    Short(Aes128Enc),
    Middle(Aes192Enc),
    Long(Aes256Enc),
}

impl Portable {
    /// `None` if the key does not have 16, 24 or 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Short(Aes128Enc::new_from_slice(key).ok()?),
            24 => Self::Middle(Aes192Enc::new_from_slice(key).ok()?),
            _ => Self::Long(Aes256Enc::new_from_slice(key).ok()?),
        })
    }

    #[inline]
    fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            Self::Short(aes) => aes.encrypt_blocks(blocks),
            Self::Middle(aes) => aes.encrypt_blocks(blocks),
            Self::Long(aes) => aes.encrypt_blocks(blocks),
        }
    }

    #[inline]
    pub(crate) fn encrypt_one(&self, block: [u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
        let mut block = [Block::from(block)];
        self.encrypt(&mut block);
        let [block] = block;
        block.into()
    }

    #[inline]
    pub(crate) fn counter_mode(&self, iv: [u8; BLOCK_LEN], bytes: &mut [u8]) {
        let mut counter = u16::from_be_bytes([iv[14], iv[15]]);
        for chunk in bytes.chunks_mut(BLOCKS * BLOCK_LEN) {
            let mut keystream = [Block::from(iv); BLOCKS];
            let used = &mut keystream[..chunk.len().div_ceil(BLOCK_LEN)];
            for block in used.iter_mut() {
                block[14..].copy_from_slice(&counter.to_be_bytes());
                counter = counter.wrapping_add(1);
            }
            self.encrypt(used);
            xor(chunk, used.as_flattened());
        }
    }
}

/// The mask of f8's second key (RFC 3711 §4.1.2.1): the salt, filled up with 0x55.
pub(crate) fn f8_masked(key: &[u8], salt: &[u8]) -> Option<Aes> {
    let mut masked = Zeroizing::new([0x55; BLOCK_LEN]);
    masked.iter_mut().zip(salt).for_each(|(m, s)| *m = *s);
    masked.iter_mut().zip(key).for_each(|(m, k)| *m ^= k);
    Aes::new(&*masked)
}

#[inline]
fn xor(bytes: &mut [u8], keystream: &[u8]) {
    bytes.iter_mut().zip(keystream).for_each(|(b, k)| *b ^= k);
}

/// What of a message goes through a block cipher's keystream needs both lists of bytes flat.
trait Flatten {
    fn as_flattened(&self) -> &[u8];
}

impl Flatten for [Block] {
    fn as_flattened(&self) -> &[u8] {
        aes::cipher::array::Array::cast_slice_to_core(self).as_flattened()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::hex;

    fn keystream(key: &str, iv: &str, len: usize) -> Vec<u8> {
        let iv = hex(iv).try_into().expect("16 bytes");
        let mut bytes = vec![0; len];
        Aes::new(&hex(key)).expect("a key").counter_mode(iv, &mut bytes);
        bytes
    }

    /// RFC 3711 §B.2, RFC 6188 §7.
    #[test]
    fn counter_mode_gives_the_published_keystreams() {
        let iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfd0000";
        for (key, expect) in [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0",
            ),
            (
                "eab234764e517b2d3d160d587d8c8621 9740f65f99b6bcf7",
                "35096cba4610028dc1b57503804ce37c 5de986291dcce161d5165ec4568f5c9a 474a40c77894bc17180202272a4c264d",
            ),
            (
                "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98",
                "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
            ),
        ] {
            assert_eq!(keystream(key, iv, 48), hex(expect), "{key}");
        }
        let long = keystream("2b7e151628aed2a6abf7158809cf4f3c", iv, 0xff02 * 16);
        let expect = hex(
            "ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae 6a2cc3787889374fbeb4c81b17ba6c44",
        );
        assert_eq!(long[0xfeff * 16..], expect);
    }

    /// RFC 3711 §B.1.
    #[test]
    fn f8_mode_gives_the_published_ciphertext() {
        let key = hex("234829008467be186c3de14aae72d62c");
        let mask = f8_masked(&key, &hex("32f2870d")).expect("a key");
        let iv = hex("006e5cba50681de55c621599d462564a");
        let mut bytes = b"pseudorandomness is the next best thing".to_vec();
        let aes = Aes::new(&key).expect("a key");
        aes.f8_mode(&mask, iv.try_into().expect("16 bytes"), &mut bytes);
        let expect = "019ce7a26e7854014a6366aa95d4eefd 1ad4172a14f9faf455b7f1d4b62bd08f 562c0eef7c4802";
        assert_eq!(bytes, hex(expect));
    }
}
