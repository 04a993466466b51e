//! What a context is made from: suite, keys and session parameters.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::limits::{MASTER_KEYS_MAX, MKI_LEN_MAX};
use crate::suite::{Cipher, Suite};

/// Longest master key and salt together, in bytes.
const MATERIAL_LEN_MAX: usize = 32 + 14;

/// Why parameters cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// Key and salt do not have the suite's length.
    #[error("key material of the wrong length")]
    KeyLength,
    /// A master key identifier is empty or longer than [`MKI_LEN_MAX`].
    #[error("master key identifier of unusable length")]
    MkiLength,
    /// No key, more than [`MASTER_KEYS_MAX`], of different suites, or not told apart by identifiers of one length.
    #[error("unusable set of master keys")]
    Keys,
    /// A suite whose encryption is its authentication cannot do without it.
    #[error("this suite always authenticates")]
    AlwaysAuthenticated,
}

/// A master key with its salt, and the identifier that packets made with it carry.
///
/// Wiped when dropped; `Debug` shows neither key nor salt.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    material: [u8; MATERIAL_LEN_MAX],
    mki: Vec<u8>,
}

impl MasterKey {
    /// A key and its salt, as DTLS exports them.
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, ParamsError> {
        let spec = suite.spec();
        if key.len() != spec.key_len || salt.len() != spec.salt_len {
            return Err(ParamsError::KeyLength);
        }
        let mut made = Self {
            suite,
            material: [0; MATERIAL_LEN_MAX],
            mki: Vec::new(),
        };
        made.material[..key.len()].copy_from_slice(key);
        made.material[key.len()..key.len() + salt.len()].copy_from_slice(salt);
        Ok(made)
    }

    /// Key and salt in one, as SDP carries them.
    pub fn joined(suite: Suite, key_and_salt: &[u8]) -> Result<Self, ParamsError> {
        let split = key_and_salt.split_at_checked(suite.spec().key_len);
        let (key, salt) = split.ok_or(ParamsError::KeyLength)?;
        Self::new(suite, key, salt)
    }

    /// The same key with an identifier that each packet carries.
    pub fn with_mki(mut self, mki: &[u8]) -> Result<Self, ParamsError> {
        if mki.is_empty() || mki.len() > MKI_LEN_MAX {
            return Err(ParamsError::MkiLength);
        }
        self.mki = mki.to_vec();
        Ok(self)
    }

    /// Key and salt in one, as [`MasterKey::joined`] takes them. For those that must tell a party the key; never for a
    /// log.
    pub fn key_and_salt(&self) -> &[u8] {
        let spec = self.suite.spec();
        &self.material[..spec.key_len + spec.salt_len]
    }

    /// Its suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Its identifier; empty if it has none.
    pub fn mki(&self) -> &[u8] {
        &self.mki
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.material[..self.suite.spec().key_len]
    }

    pub(crate) fn salt(&self) -> &[u8] {
        let spec = self.suite.spec();
        &self.material[spec.key_len..spec.key_len + spec.salt_len]
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.material.zeroize();
    }
}

impl ZeroizeOnDrop for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("suite", &self.suite)
            .field("mki", &self.mki)
            .finish_non_exhaustive()
    }
}

/// Which of the two protections apply (RFC 4568 §6.3: UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, UNAUTHENTICATED_SRTP).
/// SRTCP is always authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// SRTP is encrypted.
    pub encrypt_rtp: bool,
    /// SRTCP that we send is encrypted; what we receive says so itself.
    pub encrypt_rtcp: bool,
    /// SRTP carries a tag. Without it anybody can inject packets and move the rollover counter.
    pub authenticate_rtp: bool,
}

impl Default for Protection {
    /// Everything.
    fn default() -> Self {
        Self {
            encrypt_rtp: true,
            encrypt_rtcp: true,
            authenticate_rtp: true,
        }
    }
}

/// What a [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    keys: Vec<MasterKey>,
    protection: Protection,
}

impl Params {
    /// One key or several; a sender uses the first. Several must all have identifiers, of one length and different.
    pub fn new(keys: Vec<MasterKey>, protection: Protection) -> Result<Self, ParamsError> {
        let first = keys.first().ok_or(ParamsError::Keys)?;
        let distinct = |at: usize, key: &MasterKey| keys[..at].iter().all(|other| other.mki != key.mki);
        let fits = |key: &MasterKey| key.suite == first.suite && key.mki.len() == first.mki.len();
        let mut listed = keys.iter().enumerate();
        if keys.len() > MASTER_KEYS_MAX || !listed.all(|(at, key)| fits(key) && distinct(at, key)) {
            return Err(ParamsError::Keys);
        }
        if first.suite.spec().cipher == Cipher::AesGcm && !protection.authenticate_rtp {
            return Err(ParamsError::AlwaysAuthenticated);
        }
        Ok(Self { keys, protection })
    }

    /// The keys, the one that is sent with first.
    pub fn keys(&self) -> &[MasterKey] {
        &self.keys
    }

    /// The session parameters.
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// Whether a key of `self` is also one of `other`: then packets have been counted under it, and the count goes on.
    pub fn shares_key_with(&self, other: &Self) -> bool {
        let same = |a: &MasterKey, b: &MasterKey| {
            // Neither its name nor the length of its tags makes another key of it.
            a.material == b.material && a.suite.spec().cipher == b.suite.spec().cipher
        };
        self.keys
            .iter()
            .any(|key| other.keys.iter().any(|o| same(key, o)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: Suite = Suite::AesCm128HmacSha1_80;

    fn key(fill: u8) -> MasterKey {
        MasterKey::joined(SUITE, &[fill; 30]).expect("30 bytes")
    }

    #[test]
    fn lengths_are_those_of_the_suite() {
        for suite in Suite::all() {
            let spec = suite.spec();
            let len = spec.key_len + spec.salt_len;
            for wrong in [0, spec.key_len - 1, spec.key_len, len - 1, len + 1, 64] {
                let made = MasterKey::joined(suite, &vec![1; wrong]);
                assert_eq!(made.err(), Some(ParamsError::KeyLength), "{suite:?}, {wrong}");
            }
            let made = MasterKey::joined(suite, &vec![1; len]).expect("the right length");
            assert_eq!(made.key_and_salt(), vec![1; len]);
            assert_eq!(
                (made.key().len(), made.salt().len()),
                (spec.key_len, spec.salt_len)
            );
        }
    }

    #[test]
    fn several_keys_are_told_apart() {
        let with = |fill, mki: &[u8]| key(fill).with_mki(mki).expect("a usable length");
        for (what, keys, fine) in [
            ("none", vec![], false),
            ("one", vec![key(1)], true),
            ("two without identifier", vec![key(1), key(2)], false),
            ("same identifier", vec![with(1, b"a"), with(2, b"a")], false),
            ("lengths differ", vec![with(1, b"a"), with(2, b"ab")], false),
            ("two", vec![with(1, b"a"), with(2, b"b")], true),
            ("too many", (0..9).map(|n| with(n, &[n])).collect(), false),
        ] {
            assert_eq!(Params::new(keys, Protection::default()).is_ok(), fine, "{what}");
        }
        for len in [0, 129] {
            assert_eq!(key(1).with_mki(&vec![0; len]).err(), Some(ParamsError::MkiLength));
        }
    }

    #[test]
    fn keys_are_never_printed_and_wiped_when_dropped() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        let key = MasterKey::joined(SUITE, &[0xa7; 30]).expect("30 bytes");
        wiped(&key);
        let params = Params::new(vec![key], Protection::default()).expect("one key");
        let text = format!("{params:?} {params:#?}").to_lowercase();
        assert!(!text.contains("a7") && !text.contains("167"), "{text}");
    }
}
