//! The transforms: one master key's session keys at work on the bytes of one packet whose index is known.
//!
//! The callers have checked that all offsets lie within the buffer; `None` stands for what cannot happen then.

use ctutils::CtEq;

use crate::frame::{RTCP_HEADER_LEN, RtcpAt, RtpAt, Trailer, WORD_LEN};
use crate::gcm;
use crate::hmac::{self, Text};
use crate::kdf::{Derivation, Protocol};
use crate::params::{MasterKey, Protection};
use crate::simd;
use crate::suite::Cipher;
use crate::transform::{Transform, f8_rtcp, f8_rtp, roc};

/// Session keys of one master key.
pub(crate) struct Session {
    mki: Vec<u8>,
    protection: Protection,
    rtp: Transform,
    rtcp: Transform,
}

/// The tag that a text has been found to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) ending: Option<[u8; 4]>,
    pub(crate) tag: [u8; hmac::TAG_LEN],
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

    /// Has what an RTP packet needs fetched from memory.
    #[inline]
    pub(crate) fn prefetch_rtp(&self) {
        simd::prefetch(&self.rtp);
    }

    pub(crate) fn mki(&self) -> &[u8] {
        &self.mki
    }

    /// SRTCP that is sent has the E bit.
    pub(crate) const fn encrypts_rtcp(&self) -> bool {
        self.protection.encrypt_rtcp
    }

    /// Encrypts and, where no tag is to be made from a hash, seals: else [`put_tag`](put_tag) has to follow, with the
    /// tag of [`text_rtp`](Self::text_rtp) (RFC 3711 §3.3).
    #[inline]
    pub(crate) fn encrypt_rtp(&self, buf: &mut [u8], at: RtpAt, index: u64) -> Option<()> {
        let RtpAt {
            header_len,
            body_end,
            trailer,
            ssrc,
        } = at;
        if !self.mki.is_empty() {
            let room = buf.get_mut(trailer.mki..)?.get_mut(..self.mki.len())?;
            room.copy_from_slice(&self.mki);
        }
        let (body, rest) = buf.split_at_mut_checked(body_end)?;
        match &self.rtp {
            Transform::Hmac { cipher, .. } => {
                if self.protection.encrypt_rtp {
                    let (header, payload) = body.split_at_mut_checked(header_len)?;
                    cipher.apply(ssrc, index, || f8_rtp(header, index), payload);
                }
            }
            Transform::Gcm { gcm, salt } => {
                let (aad, payload) = body.split_at_mut_checked(self.clear_len(at))?;
                let nonce = salt.nonce(ssrc, index);
                gcm.apply(nonce, payload);
                let tag = gcm.tag(nonce, (aad, &[]), payload);
                rest.get_mut(..gcm::TAG_LEN)?.copy_from_slice(&tag);
            }
        }
        Some(())
    }

    /// What an SRTP packet's tag is the hash of, if it has such a tag.
    #[inline]
    pub(crate) fn text_rtp<'t>(&'t self, packet: &'t [u8], at: RtpAt, index: u64) -> Option<Text<'t>> {
        let Transform::Hmac { key, .. } = &self.rtp else {
            return None;
        };
        let bytes = packet.get(..at.body_end)?;
        self.protection.authenticate_rtp.then_some(Text {
            key,
            bytes,
            ending: Some(roc(index)),
        })
    }

    /// Finds out under which of `candidates` the packet is authentic. `known` is what a tag for one of them has been
    /// found to be.
    #[inline]
    pub(crate) fn verify_rtp(
        &self,
        packet: &[u8],
        at: RtpAt,
        candidates: &[u64],
        known: Option<&Known>,
    ) -> Option<u64> {
        let RtpAt {
            body_end,
            trailer,
            ssrc,
            ..
        } = at;
        if !self.protection.authenticate_rtp {
            return candidates.first().copied();
        }
        let body = packet.get(..body_end)?;
        let tag = packet.get(trailer.tag..)?;
        match &self.rtp {
            Transform::Hmac { key, .. } => {
                let tag = tag.get(..trailer.end - trailer.tag)?;
                // Only the message's last four bytes differ (RFC 3711 §4.2).
                let mut message = None;
                candidates.iter().copied().find(|&index| {
                    let ending = roc(index);
                    if let Some(known) = known.filter(|known| known.ending == Some(ending)) {
                        return is_tag(tag, &known.tag);
                    }
                    let mut message = message.get_or_insert_with(|| key.begin_with(body)).clone();
                    message.update(&ending);
                    is_tag(tag, &message.finish())
                })
            }
            Transform::Gcm { gcm, salt } => {
                let tag = tag.get(..gcm::TAG_LEN)?;
                let (aad, payload) = body.split_at_checked(self.clear_len(at))?;
                candidates.iter().copied().find(|&index| {
                    let whole = gcm.tag(salt.nonce(ssrc, index), (aad, &[]), payload);
                    is_tag(tag, &whole)
                })
            }
        }
    }

    /// Decrypts a packet that was found to be authentic under `index`.
    #[inline]
    pub(crate) fn decrypt_rtp(&self, packet: &mut [u8], at: RtpAt, index: u64) -> Option<()> {
        if self.protection.encrypt_rtp {
            let body = packet.get_mut(..at.body_end)?;
            let (header, payload) = body.split_at_mut_checked(at.header_len)?;
            match &self.rtp {
                Transform::Hmac { cipher, .. } => {
                    cipher.apply(at.ssrc, index, || f8_rtp(header, index), payload);
                }
                Transform::Gcm { gcm, salt } => gcm.apply(salt.nonce(at.ssrc, index), payload),
            }
        }
        Some(())
    }

    /// How much of an RTP packet GCM only authenticates.
    const fn clear_len(&self, at: RtpAt) -> usize {
        if self.protection.encrypt_rtp {
            at.header_len
        } else {
            at.body_end
        }
    }

    /// Encrypts and, where no tag is to be made from a hash, seals: else [`put_tag`](put_tag) has to follow, with the
    /// tag of [`text_rtcp`](Self::text_rtcp) (RFC 3711 §3.4, RFC 7714 §9).
    pub(crate) fn encrypt_rtcp(&self, buf: &mut [u8], at: RtcpAt) -> Option<()> {
        let RtcpAt {
            body_end,
            trailer,
            ssrc,
            word,
        } = at;
        let (encrypted, index) = (at.encrypted(), at.index());
        match &self.rtcp {
            Transform::Hmac { cipher, .. } => {
                put_word(buf, trailer.word, word)?;
                if encrypted {
                    let (header, payload) = buf.get_mut(..body_end)?.split_at_mut_checked(RTCP_HEADER_LEN)?;
                    cipher.apply(ssrc, index, || f8_rtcp(header, word), payload);
                }
            }
            Transform::Gcm { gcm, salt } => {
                let nonce = salt.nonce(ssrc, index);
                let (body, rest) = buf.split_at_mut_checked(body_end)?;
                let (aad, payload) = body.split_at_mut_checked(gcm_rtcp_clear_len(body_end, encrypted))?;
                gcm.apply(nonce, payload);
                let tag = gcm.tag(nonce, (aad, &word.to_be_bytes()), payload);
                rest.get_mut(..gcm::TAG_LEN)?.copy_from_slice(&tag);
                put_word(buf, trailer.word, word)?;
            }
        }
        buf.get_mut(trailer.mki..)?
            .get_mut(..self.mki.len())?
            .copy_from_slice(&self.mki);
        Some(())
    }

    /// What an SRTCP packet's tag is the hash of, if it has such a tag.
    pub(crate) fn text_rtcp<'t>(&'t self, packet: &'t [u8], at: RtcpAt) -> Option<Text<'t>> {
        let Transform::Hmac { key, .. } = &self.rtcp else {
            return None;
        };
        let bytes = packet.get(..at.body_end + WORD_LEN)?;
        Some(Text {
            key,
            bytes,
            ending: None,
        })
    }

    /// Whether the packet is authentic. `known` is what its tag has been found to be.
    pub(crate) fn verify_rtcp(&self, packet: &[u8], at: RtcpAt, known: Option<&Known>) -> Option<()> {
        let RtcpAt {
            body_end,
            trailer,
            ssrc,
            word,
        } = at;
        let tag = packet.get(trailer.tag..)?;
        let authentic = match &self.rtcp {
            Transform::Hmac { .. } => {
                let tag = tag.get(..trailer.end - trailer.tag)?;
                match known {
                    Some(known) => is_tag(tag, &known.tag),
                    None => is_tag(tag, &hmac::tag(&self.text_rtcp(packet, at)?)),
                }
            }
            Transform::Gcm { gcm, salt } => {
                let (encrypted, index) = (at.encrypted(), at.index());
                let body = packet.get(..body_end)?;
                let (aad, payload) = body.split_at_checked(gcm_rtcp_clear_len(body_end, encrypted))?;
                let whole = gcm.tag(salt.nonce(ssrc, index), (aad, &word.to_be_bytes()), payload);
                is_tag(tag.get(..gcm::TAG_LEN)?, &whole)
            }
        };
        authentic.then_some(())
    }

    /// Decrypts a packet that was found to be authentic.
    pub(crate) fn decrypt_rtcp(&self, packet: &mut [u8], at: RtcpAt) -> Option<()> {
        let (encrypted, index) = (at.encrypted(), at.index());
        if encrypted {
            let body = packet.get_mut(..at.body_end)?;
            let (header, payload) = body.split_at_mut_checked(RTCP_HEADER_LEN)?;
            match &self.rtcp {
                Transform::Hmac { cipher, .. } => {
                    cipher.apply(at.ssrc, index, || f8_rtcp(header, at.word), payload);
                }
                Transform::Gcm { gcm, salt } => gcm.apply(salt.nonce(at.ssrc, index), payload),
            }
        }
        Some(())
    }
}

/// How much of an RTCP packet GCM only authenticates, the word behind it not counted (RFC 7714 §9.2, §9.3).
const fn gcm_rtcp_clear_len(body_end: usize, encrypted: bool) -> usize {
    if encrypted { RTCP_HEADER_LEN } else { body_end }
}

fn put_word(buf: &mut [u8], at: usize, word: u32) -> Option<()> {
    *buf.get_mut(at..)?.first_chunk_mut()? = word.to_be_bytes();
    Some(())
}

/// Ends a packet with as much of a tag as there is room for.
#[inline]
pub(crate) fn put_tag(buf: &mut [u8], trailer: Trailer, whole: &[u8; hmac::TAG_LEN]) {
    let room = buf.get_mut(trailer.tag..trailer.end).unwrap_or_default();
    room.iter_mut().zip(whole).for_each(|(out, byte)| *out = *byte);
}

/// Compares in a time that does not tell where the difference is.
#[inline]
fn is_tag(tag: &[u8], whole: &[u8]) -> bool {
    let expect = whole.get(..tag.len());
    expect.is_some_and(|expect| !tag.is_empty() && expect.ct_eq(tag).into())
}

#[cfg(test)]
mod tests;
