//! The transforms: one master key's session keys at work on the bytes of one packet whose index is known.
//!
//! The callers have checked that all offsets lie within the buffer; `None` stands for what cannot happen then.

use ctutils::CtEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::block::{Aes, f8_masked};
use crate::gcm::{self, Gcm};
use crate::hmac;
use crate::kdf::{Derivation, Protocol, Use};
use crate::params::{MasterKey, Params, Protection};
use crate::suite::Cipher;

/// Length of the word with E bit and index (RFC 3711 §3.4).
pub(crate) const WORD_LEN: usize = 4;
/// What of an SRTCP packet is never encrypted: the first header with its SSRC (RFC 3711 §3.4).
pub(crate) const RTCP_HEADER_LEN: usize = 8;
/// The E bit (RFC 3711 §3.4).
pub(crate) const ENCRYPTED: u32 = 1 << 31;

/// The lengths of what protection adds, the same for all keys of a context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    rtp_tag_len: usize,
    rtcp_tag_len: usize,
    mki_len: usize,
    aead: bool,
}

/// Where it stands in one packet: tag, SRTCP word, key identifier, and where all of it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trailer {
    pub(crate) tag: usize,
    pub(crate) word: usize,
    pub(crate) mki: usize,
    pub(crate) end: usize,
}

impl Shape {
    pub(crate) fn new(params: &Params) -> Self {
        let key = params.keys().first();
        let spec = key.map(|key| key.suite().spec());
        let rtp_tag_len = spec.filter(|_| params.protection().authenticate_rtp);
        Self {
            rtp_tag_len: rtp_tag_len.map_or(0, |s| s.rtp_tag_len),
            rtcp_tag_len: spec.map_or(0, |s| s.rtcp_tag_len),
            mki_len: key.map_or(0, |key| key.mki().len()),
            aead: spec.is_some_and(|s| s.cipher == Cipher::AesGcm),
        }
    }

    /// The trailer of an SRTP packet whose payload ends at `at`.
    #[inline]
    pub(crate) const fn rtp(&self, at: usize) -> Trailer {
        self.trailer(at, self.rtp_tag_len, 0)
    }

    /// The trailer of an SRTCP packet whose payload ends at `at`.
    #[inline]
    pub(crate) const fn rtcp(&self, at: usize) -> Trailer {
        self.trailer(at, self.rtcp_tag_len, WORD_LEN)
    }

    const fn trailer(&self, at: usize, tag_len: usize, word_len: usize) -> Trailer {
        let end = at + tag_len + word_len + self.mki_len;
        if self.aead {
            // RFC 7714 §8.1, §9.1: the tag belongs to the ciphertext.
            let word = at + tag_len;
            let mki = word + word_len;
            Trailer {
                tag: at,
                word,
                mki,
                end,
            }
        } else {
            // RFC 3711 §3.1, §3.4.
            let mki = at + word_len;
            let tag = mki + self.mki_len;
            Trailer {
                tag,
                word: at,
                mki,
                end,
            }
        }
    }

    /// Length of a key identifier.
    pub(crate) const fn mki_len(&self) -> usize {
        self.mki_len
    }

    /// What an SRTP packet grows by.
    pub(crate) const fn rtp_overhead(&self) -> usize {
        self.rtp(0).end
    }

    /// What an SRTCP packet grows by.
    pub(crate) const fn rtcp_overhead(&self) -> usize {
        self.rtcp(0).end
    }
}

/// An SRTP packet: where its parts end, and who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtpAt {
    pub(crate) header_len: usize,
    pub(crate) body_end: usize,
    pub(crate) trailer: Trailer,
    pub(crate) ssrc: u32,
}

/// An SRTCP packet: the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtcpAt {
    pub(crate) body_end: usize,
    pub(crate) trailer: Trailer,
    pub(crate) ssrc: u32,
    /// E bit and index.
    pub(crate) word: u32,
}

/// Session keys of one master key.
pub(crate) struct Session {
    mki: Vec<u8>,
    protection: Protection,
    rtp: Transform,
    rtcp: Transform,
}

enum Transform {
    Hmac { cipher: Stream, key: hmac::Key },
    Gcm { gcm: Box<Gcm>, salt: Salt },
}

enum Stream {
    Null,
    Cm { aes: Box<Aes>, salt: Salt },
    F8 { aes: Box<Aes>, mask: Box<Aes> },
}

/// A session salt, as the number that vectors are made from.
struct Salt(u128);

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Salt {}

impl Session {
    /// `None` if the key does not fit its suite, which [`MasterKey`] rules out.
    pub(crate) fn new(master: &MasterKey, protection: Protection) -> Option<Self> {
        let derivation = Derivation::new(master)?;
        let cipher = master.suite().spec().cipher;
        let key_len = master.suite().spec().key_len;
        Some(Self {
            mki: master.mki().to_vec(),
            protection: Protection {
                // Where nothing is encrypted the E bit says so.
                encrypt_rtcp: protection.encrypt_rtcp && cipher != Cipher::Null,
                ..protection
            },
            rtp: Transform::new(&derivation, Protocol::Rtp, cipher, key_len)?,
            rtcp: Transform::new(&derivation, Protocol::Rtcp, cipher, key_len)?,
        })
    }

    pub(crate) fn mki(&self) -> &[u8] {
        &self.mki
    }

    /// SRTCP that is sent has the E bit.
    pub(crate) const fn encrypts_rtcp(&self) -> bool {
        self.protection.encrypt_rtcp
    }

    /// Encrypts, authenticates and appends (RFC 3711 §3.3).
    #[inline]
    pub(crate) fn seal_rtp(&self, buf: &mut [u8], at: RtpAt, index: u64) -> Option<()> {
        let RtpAt {
            header_len,
            body_end,
            trailer,
            ssrc,
        } = at;
        buf.get_mut(trailer.mki..)?
            .get_mut(..self.mki.len())?
            .copy_from_slice(&self.mki);
        match &self.rtp {
            Transform::Hmac { cipher, key } => {
                let (body, rest) = buf.split_at_mut_checked(body_end)?;
                if self.protection.encrypt_rtp {
                    let (header, payload) = body.split_at_mut_checked(header_len)?;
                    cipher.apply(ssrc, index, || f8_rtp(header, index), payload);
                }
                if self.protection.authenticate_rtp {
                    let mut message = key.begin();
                    message.update(body);
                    message.update(&roc(index));
                    put_tag(
                        rest.get_mut(trailer.tag - body_end..trailer.end - body_end)?,
                        &message.finish(),
                    );
                }
            }
            Transform::Gcm { gcm, salt } => {
                let (body, rest) = buf.split_at_mut_checked(body_end)?;
                let clear = if self.protection.encrypt_rtp {
                    header_len
                } else {
                    body_end
                };
                let (aad, payload) = body.split_at_mut_checked(clear)?;
                let tag = gcm.seal(salt.nonce(ssrc, index), aad, payload)?;
                rest.get_mut(..gcm::TAG_LEN)?.copy_from_slice(&tag);
            }
        }
        Some(())
    }

    /// Finds out under which of `candidates` the packet is authentic, and decrypts it. Leaves it as it is if under
    /// none.
    #[inline]
    pub(crate) fn open_rtp(&self, buf: &mut [u8], at: RtpAt, candidates: &[u64]) -> Option<u64> {
        let RtpAt {
            header_len,
            body_end,
            trailer,
            ssrc,
        } = at;
        match &self.rtp {
            Transform::Hmac { cipher, key } => {
                let index = if self.protection.authenticate_rtp {
                    let mut message = key.begin();
                    message.update(buf.get(..body_end)?);
                    let tag = buf.get(trailer.tag..trailer.end)?;
                    // Only the message's last four bytes differ (RFC 3711 §4.2).
                    candidates.iter().copied().find(|&index| {
                        let mut message = message.clone();
                        message.update(&roc(index));
                        is_tag(tag, &message.finish())
                    })?
                } else {
                    *candidates.first()?
                };
                if self.protection.encrypt_rtp {
                    let (header, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(header_len)?;
                    cipher.apply(ssrc, index, || f8_rtp(header, index), payload);
                }
                Some(index)
            }
            Transform::Gcm { gcm, salt } => {
                let tag = *buf.get(trailer.tag..)?.first_chunk()?;
                let clear = if self.protection.encrypt_rtp {
                    header_len
                } else {
                    body_end
                };
                let (aad, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(clear)?;
                let authentic = |&index: &u64| gcm.open(salt.nonce(ssrc, index), aad, payload, tag);
                candidates.iter().copied().find(authentic)
            }
        }
    }

    /// Encrypts, authenticates and appends (RFC 3711 §3.4, RFC 7714 §9).
    pub(crate) fn seal_rtcp(&self, buf: &mut [u8], at: RtcpAt) -> Option<()> {
        let RtcpAt {
            body_end,
            trailer,
            ssrc,
            word,
        } = at;
        let (encrypted, index) = (word & ENCRYPTED != 0, u64::from(word & !ENCRYPTED));
        match &self.rtcp {
            Transform::Hmac { cipher, key } => {
                put_word(buf, trailer.word, word)?;
                if encrypted {
                    let (header, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(RTCP_HEADER_LEN)?;
                    cipher.apply(ssrc, index, || f8_rtcp(header, word), payload);
                }
                let mut message = key.begin();
                message.update(buf.get(..body_end + WORD_LEN)?);
                put_tag(buf.get_mut(trailer.tag..trailer.end)?, &message.finish());
            }
            Transform::Gcm { gcm, salt } => {
                let nonce = salt.nonce(ssrc, index);
                let tag = if encrypted {
                    let (header, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(RTCP_HEADER_LEN)?;
                    gcm.seal(nonce, &aad_encrypted(header, word)?, payload)?
                } else {
                    // RFC 7714 §9.3: packet and word are authenticated as if they stood side by side.
                    put_word(buf, body_end, word)?;
                    gcm.seal(nonce, buf.get(..body_end + WORD_LEN)?, &mut [])?
                };
                buf.get_mut(trailer.tag..)?
                    .get_mut(..gcm::TAG_LEN)?
                    .copy_from_slice(&tag);
                put_word(buf, trailer.word, word)?;
            }
        }
        buf.get_mut(trailer.mki..)?
            .get_mut(..self.mki.len())?
            .copy_from_slice(&self.mki);
        Some(())
    }

    /// Decrypts what is authentic and leaves all else as it is.
    pub(crate) fn open_rtcp(&self, buf: &mut [u8], at: RtcpAt) -> Option<()> {
        let RtcpAt {
            body_end,
            trailer,
            ssrc,
            word,
        } = at;
        // RFC 3711 §3.4: the packet itself says whether it is encrypted.
        let (encrypted, index) = (word & ENCRYPTED != 0, u64::from(word & !ENCRYPTED));
        match &self.rtcp {
            Transform::Hmac { cipher, key } => {
                let mut message = key.begin();
                message.update(buf.get(..body_end + WORD_LEN)?);
                if !is_tag(buf.get(trailer.tag..trailer.end)?, &message.finish()) {
                    return None;
                }
                if encrypted {
                    let (header, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(RTCP_HEADER_LEN)?;
                    cipher.apply(ssrc, index, || f8_rtcp(header, word), payload);
                }
                Some(())
            }
            Transform::Gcm { gcm, salt } => {
                let nonce = salt.nonce(ssrc, index);
                let tag: [u8; gcm::TAG_LEN] = *buf.get(trailer.tag..)?.first_chunk()?;
                let authentic = if encrypted {
                    let (header, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(RTCP_HEADER_LEN)?;
                    gcm.open(nonce, &aad_encrypted(header, word)?, payload, tag)
                } else {
                    put_word(buf, body_end, word)?;
                    let authentic = gcm.open(nonce, buf.get(..body_end + WORD_LEN)?, &mut [], tag);
                    buf.get_mut(trailer.tag..)?
                        .get_mut(..gcm::TAG_LEN)?
                        .copy_from_slice(&tag);
                    authentic
                };
                authentic.then_some(())
            }
        }
    }
}

impl Transform {
    fn new(derivation: &Derivation, protocol: Protocol, cipher: Cipher, key_len: usize) -> Option<Self> {
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
                aes: Box::new(Aes::new(key)?),
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
    fn apply(&self, ssrc: u32, index: u64, f8_iv: impl FnOnce() -> [u8; 16], bytes: &mut [u8]) {
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
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let nonce = self.0 ^ u128::from(ssrc) << 48 ^ u128::from(index);
        let [_, _, _, _, nonce @ ..] = nonce.to_be_bytes();
        nonce
    }
}

/// The rollover counter of an index.
#[inline]
fn roc(index: u64) -> [u8; 4] {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    [a, b, c, d]
}

/// RFC 3711 §4.1.2.2: the header without its first byte, and the rollover counter.
fn f8_rtp(header: &[u8], index: u64) -> [u8; 16] {
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
fn f8_rtcp(header: &[u8], word: u32) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[4..8].copy_from_slice(&word.to_be_bytes());
    iv[8..].iter_mut().zip(header).for_each(|(i, h)| *i = *h);
    iv
}

/// RFC 7714 §9.2: the first header and the word.
fn aad_encrypted(header: &[u8], word: u32) -> Option<[u8; RTCP_HEADER_LEN + WORD_LEN]> {
    let mut aad = [0; RTCP_HEADER_LEN + WORD_LEN];
    aad[..RTCP_HEADER_LEN].copy_from_slice(header.get(..RTCP_HEADER_LEN)?);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&word.to_be_bytes());
    Some(aad)
}

fn put_word(buf: &mut [u8], at: usize, word: u32) -> Option<()> {
    *buf.get_mut(at..)?.first_chunk_mut()? = word.to_be_bytes();
    Some(())
}

/// As much of `whole` as there is room for.
#[inline]
fn put_tag(room: &mut [u8], whole: &[u8; hmac::TAG_LEN]) {
    room.iter_mut().zip(whole).for_each(|(out, byte)| *out = *byte);
}

/// Compares in a time that does not tell where the difference is.
#[inline]
fn is_tag(tag: &[u8], whole: &[u8; hmac::TAG_LEN]) -> bool {
    let expect = whole.get(..tag.len());
    expect.is_some_and(|expect| !tag.is_empty() && expect.ct_eq(tag).into())
}

#[cfg(test)]
mod tests;
