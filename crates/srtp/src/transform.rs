//! Session keys ready for use, and the vectors that ciphers start from.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::block::{Aes, f8_masked};
use crate::gcm::Gcm;
use crate::hmac;
use crate::kdf::{Derivation, Protocol, Use};
use crate::suite::Cipher;

/// What protects one of the two protocols.
#[allow(
    clippy::large_enum_variant,
    reason = "what is common stands here, not behind a pointer"
)]
pub(crate) enum Transform {
    Hmac { cipher: Stream, key: hmac::Key },
    Gcm { gcm: Box<Gcm>, salt: Salt },
}

/// A cipher that makes keystream.
#[allow(
    clippy::large_enum_variant,
    reason = "what is common stands here, not behind a pointer"
)]
pub(crate) enum Stream {
    Null,
    Cm { aes: Aes, salt: Salt },
    F8 { aes: Box<Aes>, mask: Box<Aes> },
}

/// A session salt, as the number that vectors are made from.
pub(crate) struct Salt(pub(crate) u128);

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Salt {}

impl Transform {
    /// `None` if the suite has a key that its cipher does not take.
    pub(crate) fn new(
        derivation: &Derivation,
        protocol: Protocol,
        cipher: Cipher,
        key_len: usize,
    ) -> Option<Self> {
        let mut material = Zeroizing::new([0; 32]);
        let key = material.get_mut(..key_len)?;
        derivation.derive(protocol, Use::Encryption, key);
        let salt_len = if cipher == Cipher::AesGcm { 12 } else { 14 };
        let mut salt = Zeroizing::new([0; 16]);
        derivation.derive(protocol, Use::Salting, salt.get_mut(..salt_len)?);
        let cipher = match cipher {
            Cipher::AesGcm => {
                let gcm = Box::new(Gcm::new(key)?);
                // As the lower 96 bits.
                let salt = Salt(u128::from_be_bytes(*salt) >> 32);
                return Some(Self::Gcm { gcm, salt });
            }
            Cipher::Null => Stream::Null,
            Cipher::AesCm => Stream::Cm {
                aes: Aes::new(key)?,
                salt: Salt(u128::from_be_bytes(*salt)),
            },
            Cipher::AesF8 => Stream::F8 {
                aes: Box::new(Aes::new(key)?),
                mask: Box::new(f8_masked(key, salt.get(..salt_len)?)?),
            },
        };
        let mut key = Zeroizing::new([0; 20]);
        derivation.derive(protocol, Use::Authentication, &mut *key);
        let key = hmac::Key::new(&key);
        Some(Self::Hmac { cipher, key })
    }
}

impl Stream {
    #[inline]
    pub(crate) fn apply(&self, ssrc: u32, index: u64, f8_iv: impl FnOnce() -> [u8; 16], bytes: &mut [u8]) {
        match self {
            Self::Null => {}
            Self::Cm { aes, salt } => {
                // RFC 3711 §4.1.1.
                let iv = salt.0 ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
                aes.counter_mode(iv.to_be_bytes(), bytes);
            }
            Self::F8 { aes, mask } => aes.f8_mode(mask, f8_iv(), bytes),
        }
    }
}

impl Salt {
    /// RFC 7714 §8.1 and §9.1: two zero bytes, SSRC, and 48 bits of index.
    #[inline]
    pub(crate) fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let nonce = self.0 ^ u128::from(ssrc) << 48 ^ u128::from(index);
        let [_, _, _, _, nonce @ ..] = nonce.to_be_bytes();
        nonce
    }
}

/// The rollover counter of an index.
#[inline]
pub(crate) fn roc(index: u64) -> [u8; 4] {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    [a, b, c, d]
}

/// RFC 3711 §4.1.2.2: the header without its first byte, and the rollover counter.
pub(crate) fn f8_rtp(header: &[u8], index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv.iter_mut()
        .zip(header)
        .take(rtp::HEADER_LEN)
        .for_each(|(i, h)| *i = *h);
    iv[0] = 0;
    iv[12..].copy_from_slice(&roc(index));
    iv
}

/// RFC 3711 §4.1.2.3: four zero bytes, E bit and index, and the first header.
pub(crate) fn f8_rtcp(header: &[u8], word: u32) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[4..8].copy_from_slice(&word.to_be_bytes());
    iv[8..].iter_mut().zip(header).for_each(|(i, h)| *i = *h);
    iv
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::hex;

    /// RFC 3711 §B.1 for SRTP; §4.1.2.3's layout for SRTCP.
    #[test]
    fn f8_begins_from_the_header() {
        let header = hex("806e5cba50681de55c621599");
        let index = 0xd462_564a_5cba;
        let expect = hex("006e5cba50681de55c621599d462564a");
        assert_eq!(f8_rtp(&header, index)[..], expect);
        let header = hex("81c8000d4d617273");
        let expect = hex("00000000 800005d4 81c8000d4d617273");
        assert_eq!(f8_rtcp(&header, 0x8000_05d4)[..], expect);
    }
}
