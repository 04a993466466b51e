//! MESSAGE-INTEGRITY (HMAC-SHA1) and FINGERPRINT (CRC-32).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// A short-term credential's key (RFC 8489 §9.1.1), its two SHA-1 blocks already taken in.
#[derive(Clone)]
pub struct Key(Hmac<Sha1>);

impl Key {
    /// From a password, which is used as it is: ICE's need no preparation (RFC 8445 §7.2.2).
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        match Hmac::new_from_slice(password) {
            Ok(hmac) => Self(hmac),
            Err(_) => unreachable!("HMAC takes a key of any length"),
        }
    }

    /// HMAC over the concatenation of `parts`.
    pub(super) fn sign(&self, parts: [&[u8]; 3]) -> [u8; 20] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// In constant time.
    pub(super) fn verify(&self, parts: [&[u8]; 3], tag: &[u8]) -> bool {
        self.over(parts).verify_slice(tag).is_ok()
    }

    fn over(&self, parts: [&[u8]; 3]) -> Hmac<Sha1> {
        let mut hmac = self.0.clone();
        for part in parts {
            hmac.update(part);
        }
        hmac
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// RFC 8489 §14.7: CRC-32 of ITU-T V.42, xor "STUN".
pub(super) fn fingerprint(parts: [&[u8]; 3]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        TABLE[usize::from(low)] ^ (crc >> 8)
    };
    let crc = parts.into_iter().flatten().fold(u32::MAX, step);
    !crc ^ 0x5354_554e
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_crc32() {
        assert_eq!(fingerprint([b"1234", b"", b"56789"]) ^ 0x5354_554e, 0xcbf4_3926);
    }

    /// RFC 2202 §3, test case 2.
    #[test]
    fn hmac_sha1() {
        let tag = Key::new(b"Jefe").sign([b"what do ya ", b"want for ", b"nothing?"]);
        assert_eq!(tag[..4], [0xef, 0xfc, 0xdf, 0x6a]);
        assert_eq!(tag[16..], [0x25, 0x9a, 0x7c, 0x79]);
    }
}
