//! The transforms: one master key's session keys at work on the bytes of one packet whose index is known.
//!
//! The callers have checked that all offsets lie within the buffer; `None` stands for what cannot happen then.

use ctutils::CtEq;

use crate::frame::{ENCRYPTED, RTCP_HEADER_LEN, RtcpAt, RtpAt, WORD_LEN};
use crate::gcm;
use crate::hmac;
use crate::kdf::{Derivation, Protocol};
use crate::params::{MasterKey, Protection};
use crate::suite::Cipher;
use crate::transform::{Transform, f8_rtcp, f8_rtp, roc};

/// Session keys of one master key.
pub(crate) struct Session {
    mki: Vec<u8>,
    protection: Protection,
    rtp: Transform,
    rtcp: Transform,
}

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
