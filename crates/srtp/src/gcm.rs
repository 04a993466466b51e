//! AES-GCM (RFC 7714, NIST SP 800-38D) with keys of either length, in place and with the tag apart.
//!
//! Written out over AES and GHASH, as encrypting and authenticating are separate steps here: what passes through with
//! its keys is authenticated and stays as it is.

use aes::cipher::array::Array;
use ghash::universal_hash::UniversalHash;
use ghash::{Block, GHash};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::block::{Aes, BLOCK_LEN};
use crate::simd::{self, Powers};

/// Length of a tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// A key of either length. Cipher and hash wipe their keys when dropped.
pub(crate) struct Gcm {
    aes: Aes,
    hash: Hash,
}

/// GHASH (NIST SP 800-38D §6.4).
enum Hash {
    /// For instructions of this machine.
    Fast(Powers),
    Portable(GHash),
}

impl ZeroizeOnDrop for Gcm {}

impl Gcm {
    /// `None` if the key has no length of AES.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let aes = Aes::new(key)?;
        let hash_key = Zeroizing::new(aes.encrypt_one([0; BLOCK_LEN]));
        let hash =
            simd::powers(&hash_key).map_or_else(|| Hash::Portable(GHash::new(&Array(*hash_key))), Hash::Fast);
        Some(Self { aes, hash })
    }

    /// Encrypts or decrypts.
    #[inline]
    pub(crate) fn apply(&self, nonce: [u8; 12], bytes: &mut [u8]) {
        // No packet has so many blocks that more than the last 16 bits count.
        self.aes.counter_mode(counter_block(nonce, 2), bytes);
    }

    /// The tag of what is only authenticated, in two parts of which the second is shorter than a block, and of the
    /// encrypted bytes.
    #[inline]
    pub(crate) fn tag(&self, nonce: [u8; 12], aad: (&[u8], &[u8]), encrypted: &[u8]) -> [u8; TAG_LEN] {
        let mask = self.aes.encrypt_one(counter_block(nonce, 1));
        let hash = match &self.hash {
            Hash::Fast(powers) => powers.hash(aad, encrypted),
            Hash::Portable(hash) => portable(hash.clone(), aad, encrypted),
        };
        (u128::from_ne_bytes(hash) ^ u128::from_ne_bytes(mask)).to_ne_bytes()
    }
}

fn portable(mut hash: GHash, aad: (&[u8], &[u8]), encrypted: &[u8]) -> [u8; TAG_LEN] {
    let (blocks, rest) = Array::slice_as_chunks(aad.0);
    hash.update(blocks);
    let mut tail = [0; 2 * BLOCK_LEN];
    let tail_len = rest.len() + aad.1.len();
    tail.iter_mut()
        .zip(rest.iter().chain(aad.1))
        .for_each(|(t, b)| *t = *b);
    hash.update_padded(tail.get(..tail_len).unwrap_or(&tail));
    hash.update_padded(encrypted);
    let bits = |len: usize| (len as u64 * 8).to_be_bytes();
    let mut lengths = Block::default();
    lengths[..8].copy_from_slice(&bits(aad.0.len() + aad.1.len()));
    lengths[8..].copy_from_slice(&bits(encrypted.len()));
    hash.update(&[lengths]);
    hash.finalize().into()
}

fn counter_block(nonce: [u8; 12], count: u8) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    block[..12].copy_from_slice(&nonce);
    block[15] = count;
    block
}

#[cfg(test)]
mod tests {
    use aes::cipher::consts::U12;
    use aes::{Aes128Enc, Aes256Enc};
    use aes_gcm::aead::{AeadInOut, KeyInit};
    use aes_gcm::{AesGcm, Nonce};

    use super::*;

    /// Every length around the blocks' borders of both parts, against another implementation.
    #[test]
    fn agrees_with_another_implementation() {
        let bytes: Vec<u8> = (0..400u16).map(|n| (n * 7 % 251) as u8).collect();
        let key: Vec<u8> = (3..35).collect();
        let nonce = [0xc3; 12];
        let short = AesGcm::<Aes128Enc, U12>::new_from_slice(&key[..16]).expect("a key");
        let long = AesGcm::<Aes256Enc, U12>::new_from_slice(&key).expect("a key");
        let gcms = [&key[..16], &key].map(|key| Gcm::new(key).expect("a key"));
        for (aad_len, len) in (0..70).flat_map(|a| (0..70).chain(150..270).map(move |n| (a, n))) {
            for word in [0, 4].into_iter().filter(|word| *word <= aad_len) {
                let aad = &bytes[100..100 + aad_len];
                for (which, gcm) in gcms.iter().enumerate() {
                    let (mut theirs, mut ours) = (bytes[..len].to_vec(), bytes[..len].to_vec());
                    let sealed = match which {
                        0 => short.encrypt_inout_detached(
                            &Nonce::<U12>::from(nonce),
                            aad,
                            (&mut theirs[..]).into(),
                        ),
                        _ => long.encrypt_inout_detached(
                            &Nonce::<U12>::from(nonce),
                            aad,
                            (&mut theirs[..]).into(),
                        ),
                    };
                    let theirs_tag: [u8; TAG_LEN] = sealed.expect("short enough").into();
                    gcm.apply(nonce, &mut ours);
                    let tag = gcm.tag(nonce, aad.split_at(aad_len - word), &ours);
                    assert_eq!((ours, tag), (theirs, theirs_tag), "{aad_len} and {len} bytes");
                }
            }
        }
    }

    #[test]
    fn a_large_packet_agrees_too() {
        let key = [9; 16];
        let nonce = [0xff; 12];
        let mut theirs = vec![0x5a; crate::limits::PACKET_LEN_MAX];
        let mut ours = theirs.clone();
        let other = AesGcm::<Aes128Enc, U12>::new_from_slice(&key).expect("a key");
        let sealed =
            other.encrypt_inout_detached(&Nonce::<U12>::from(nonce), b"header", (&mut theirs[..]).into());
        let gcm = Gcm::new(&key).expect("a key");
        gcm.apply(nonce, &mut ours);
        assert!(ours == theirs);
        let theirs_tag: [u8; TAG_LEN] = sealed.expect("short enough").into();
        assert_eq!(gcm.tag(nonce, (b"header", b""), &ours), theirs_tag);
    }
}
