//! The shape of protected packets: where tag, SRTCP word and key identifier stand.

use crate::params::Params;
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

impl RtcpAt {
    /// The packet says itself whether it is encrypted (RFC 3711 §3.4).
    pub(crate) const fn encrypted(self) -> bool {
        self.word & ENCRYPTED != 0
    }

    pub(crate) const fn index(self) -> u64 {
        (self.word & !ENCRYPTED) as u64
    }
}
