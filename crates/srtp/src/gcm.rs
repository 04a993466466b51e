//! AES-GCM with keys of either length (RFC 7714), in place and with the tag apart.

use aes::cipher::consts::U12;
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{AesGcm, Nonce, Tag};
use zeroize::ZeroizeOnDrop;

/// Length of a tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// A key of either length. Cipher and hash wipe their keys when dropped.
pub(crate) enum Gcm {
    Short(AesGcm<Aes128Enc, U12>),
    Long(AesGcm<Aes256Enc, U12>),
}

impl ZeroizeOnDrop for Gcm {}

impl Gcm {
    /// `None` if the key has neither 16 nor 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Short(AesGcm::new_from_slice(key).ok()?),
            _ => Self::Long(AesGcm::new_from_slice(key).ok()?),
        })
    }

    /// Encrypts `bytes` and returns the tag. `None` only for lengths that no packet has.
    #[inline]
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        let nonce = Nonce::<U12>::from(nonce);
        let tag = match self {
            Self::Short(gcm) => gcm.encrypt_inout_detached(&nonce, aad, bytes.into()),
            Self::Long(gcm) => gcm.encrypt_inout_detached(&nonce, aad, bytes.into()),
        };
        tag.ok().map(Into::into)
    }

    /// Decrypts `bytes` if the tag is right, and leaves them as they are if not.
    #[inline]
    pub(crate) fn open(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8], tag: [u8; TAG_LEN]) -> bool {
        let (nonce, tag) = (Nonce::<U12>::from(nonce), Tag::from(tag));
        let opened = match self {
            Self::Short(gcm) => gcm.decrypt_inout_detached(&nonce, aad, bytes.into(), &tag),
            Self::Long(gcm) => gcm.decrypt_inout_detached(&nonce, aad, bytes.into(), &tag),
        };
        opened.is_ok()
    }
}
