//! Key derivation (RFC 3711 §4.3): six session keys from a master key, at a derivation rate of zero.

use zeroize::Zeroizing;

use crate::block::Aes;
use crate::params::MasterKey;

/// What a session key is for (RFC 3711 §4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Encryption,
    Authentication,
    Salting,
}

/// Which protocol it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rtp,
    Rtcp,
}

/// Derives the session keys of one master key.
pub(crate) struct Derivation {
    prf: Aes,
    salt: Zeroizing<[u8; 16]>,
}

impl Derivation {
    /// `None` if the key has no length of AES.
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        // RFC 7714 §11: a salt of 12 bytes is filled up on the right, as if it had 14. The last two count blocks.
        let mut salt = Zeroizing::new([0; 16]);
        salt.iter_mut().zip(master.salt()).for_each(|(s, m)| *s = *m);
        // RFC 6188 §3: the function's key is as long as the master key.
        let prf = Aes::new(master.key())?;
        Some(Self { prf, salt })
    }

    pub(crate) fn derive(&self, protocol: Protocol, usage: Use, out: &mut [u8]) {
        let label = usage as u8 + if protocol == Protocol::Rtcp { 3 } else { 0 };
        let mut iv = *self.salt;
        // RFC 3711 §4.3.1: label and index (zero) are 7 bytes, aligned to the right of the 14 of the salt.
        iv[7] ^= label;
        out.fill(0);
        self.prf.counter_mode(iv, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Suite;
    use crate::vectors::hex;

    /// RFC 3711 §B.3, RFC 6188 §7.
    #[test]
    fn session_keys_are_the_published_ones() {
        for (suite, master, key, salt, auth) in [
            (
                Suite::AesCm128HmacSha1_80,
                "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
                "c61e7a93744f39ee10734afe3ff7a087",
                "30cbbc08863d8c85d49db34a9ae1",
                "cebe321f6ff7716b6fd4ab49af256a156d38baa4",
            ),
            (
                Suite::AesCm192HmacSha1_80,
                "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1 c8522f3acd4ce86d5add78edbb11",
                "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb",
                "2372b82d639b6d8503a47adc0a6c",
                "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb",
            ),
            (
                Suite::AesCm256HmacSha1_80,
                "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
                "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
                "fa31791685ca444a9e07c6c64e93",
                "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
            ),
        ] {
            let master = MasterKey::joined(suite, &hex(master)).expect("key and salt");
            let derivation = Derivation::new(&master).expect("a key");
            for (usage, expect) in [
                (Use::Encryption, key),
                (Use::Salting, salt),
                (Use::Authentication, auth),
            ] {
                let mut out = vec![0xff; hex(expect).len()];
                derivation.derive(Protocol::Rtp, usage, &mut out);
                assert_eq!(out, hex(expect), "{suite:?}, {usage:?}");
            }
        }
    }
}
