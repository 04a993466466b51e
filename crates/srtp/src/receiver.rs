//! Unprotecting what we receive.

use std::fmt;

use arrayvec::ArrayVec;
use rtp::{Header, Ssrc};

use crate::batch::Kind;
use crate::frame::{RTCP_HEADER_LEN, RtcpAt, RtpAt, Shape};
use crate::hmac::Text;
use crate::limits::{PACKET_LEN_MAX, RTP_INDEX_MAX};
use crate::sender::rtcp_sender;
use crate::session::{Known, Session};
use crate::state::State;
use crate::streams::{Streams, nearest};
use crate::{Params, Reject};

/// Sequence numbers in one turn of the rollover counter.
const TURN: u64 = 1 << 16;

/// One direction from one peer.
///
/// Nothing that a packet says changes anything before its tag was found to be right. Without tags
/// ([`Protection::authenticate_rtp`](crate::Protection)) there is no such safety, and only the nearest index is tried.
pub struct Receiver {
    params: Params,
    sessions: Vec<Session>,
    shape: Shape,
    rtp: Streams,
    rtcp: Streams,
}

/// Indices to be tried, and why a packet is refused that has none of them.
struct Candidates {
    list: ArrayVec<u64, 2>,
    refused: Reject,
}

impl Receiver {
    /// Takes packets made with any of the keys.
    pub fn new(params: Params) -> Self {
        Self {
            sessions: sessions(&params),
            shape: Shape::new(&params),
            params,
            rtp: Streams::new(),
            rtcp: Streams::new(),
        }
    }

    /// Takes new parameters, as of a re-INVITE. If any key stays, all counts go on; otherwise they begin at 0.
    pub fn renew(&mut self, params: Params) {
        if !params.shares_key_with(&self.params) {
            self.rtp.clear();
            self.rtcp.clear();
        }
        self.sessions = sessions(&params);
        self.shape = Shape::new(&params);
        self.params = params;
    }

    /// What it was made from.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The rollover counter of an SSRC that was heard.
    pub fn roc(&self, ssrc: Ssrc) -> Option<u32> {
        let highest = self.rtp.window(ssrc)?.highest();
        u32::try_from(highest >> 16).ok()
    }

    /// An RTP packet will come soon: has what it needs fetched from memory, without waiting for it. Where there are more
    /// contexts than the cache holds, that is most of a packet's cost.
    #[inline]
    pub fn prefetch(&self) {
        self.rtp.prefetch();
        self.sessions.first().inspect(|session| session.prefetch_rtp());
    }

    /// Turns the SRTP packet in `buf` into an RTP packet and returns its length.
    pub fn unprotect_rtp(&mut self, buf: &mut [u8]) -> Result<usize, Reject> {
        self.unprotect_knowing(Kind::Rtp, buf, None)
    }

    /// Judges and counts the SRTP packet as [`unprotect_rtp`](Self::unprotect_rtp) does, and leaves it as it is.
    /// Returns the length of the RTP packet in it.
    pub fn verify_rtp(&mut self, packet: &[u8]) -> Result<usize, Reject> {
        self.verify_knowing(Kind::Rtp, packet, None)
    }

    /// Turns the SRTCP packet in `buf` into an RTCP packet and returns its length.
    pub fn unprotect_rtcp(&mut self, buf: &mut [u8]) -> Result<usize, Reject> {
        self.unprotect_knowing(Kind::Rtcp, buf, None)
    }

    /// Judges and counts the SRTCP packet as [`unprotect_rtcp`](Self::unprotect_rtcp) does, and leaves it as it is.
    /// Returns the length of the RTCP packet in it.
    pub fn verify_rtcp(&mut self, packet: &[u8]) -> Result<usize, Reject> {
        self.verify_knowing(Kind::Rtcp, packet, None)
    }

    /// Unprotects a packet, with a tag of [`text`](Self::text) that may help.
    #[inline]
    pub(crate) fn unprotect_knowing(
        &mut self,
        kind: Kind,
        buf: &mut [u8],
        known: Option<&Known>,
    ) -> Result<usize, Reject> {
        match kind {
            Kind::Rtp => {
                let (session, at, index) = self.authentic_rtp(buf, known)?;
                session.decrypt_rtp(buf, at, index).ok_or(Reject::Malformed)?;
                self.rtp.record(Ssrc(at.ssrc), index);
                Ok(at.body_end)
            }
            Kind::Rtcp => {
                let (session, at) = self.authentic_rtcp(buf, known)?;
                session.decrypt_rtcp(buf, at).ok_or(Reject::Malformed)?;
                self.rtcp.record(Ssrc(at.ssrc), at.index());
                Ok(at.body_end)
            }
        }
    }

    /// Judges and counts a packet, with a tag of [`text`](Self::text) that may help.
    #[inline]
    pub(crate) fn verify_knowing(
        &mut self,
        kind: Kind,
        packet: &[u8],
        known: Option<&Known>,
    ) -> Result<usize, Reject> {
        match kind {
            Kind::Rtp => {
                let (_, at, index) = self.authentic_rtp(packet, known)?;
                self.rtp.record(Ssrc(at.ssrc), index);
                Ok(at.body_end)
            }
            Kind::Rtcp => {
                let (_, at) = self.authentic_rtcp(packet, known)?;
                self.rtcp.record(Ssrc(at.ssrc), at.index());
                Ok(at.body_end)
            }
        }
    }

    /// What will be hashed to judge this packet if all goes as expected; `None` if nothing will. Changes nothing.
    #[inline]
    pub(crate) fn text<'t>(&'t self, kind: Kind, packet: &'t [u8]) -> Option<Text<'t>> {
        match kind {
            Kind::Rtp => {
                let (session, at, header) = self.shape_rtp(packet).ok()?;
                let index = self.candidates(header).list.first().copied()?;
                session.text_rtp(packet, at, index)
            }
            Kind::Rtcp => {
                let (session, at) = self.shape_rtcp(packet).ok()?;
                session.text_rtcp(packet, at)
            }
        }
    }

    /// Key, shape and header of a packet.
    #[inline]
    fn shape_rtp(&self, packet: &[u8]) -> Result<(&Session, RtpAt, Header), Reject> {
        let header_len = rtp::header_len(packet).ok_or(Reject::Malformed)?;
        let header = Header::peek(packet).ok_or(Reject::Malformed)?;
        let body_end = body_end(packet, self.shape.rtp_overhead(), header_len)?;
        let trailer = self.shape.rtp(body_end);
        let session = self.session(packet, trailer.mki)?;
        let at = RtpAt {
            header_len,
            body_end,
            trailer,
            ssrc: header.ssrc.0,
        };
        Ok((session, at, header))
    }

    /// The indices that a packet with this header can have.
    ///
    /// After a gap of more than half a turn, or when the first packets after a turn are the first that arrive, the
    /// packet belongs to the turn after the nearest one. The turn before needs no trial: where it is not the nearest, it
    /// is too old.
    #[inline]
    fn candidates(&self, header: Header) -> Candidates {
        let window = self.rtp.window(header.ssrc);
        let guess = window.and_then(|w| nearest(w.highest(), header.seq));
        let guess = guess.unwrap_or(u64::from(header.seq.0));
        let mut list = ArrayVec::new();
        let mut refused = Reject::Unauthentic;
        for index in [guess, guess + TURN] {
            let fits = if index > RTP_INDEX_MAX {
                Err(Reject::KeyExhausted)
            } else {
                window.map_or(Ok(()), |w| w.check(index))
            };
            match fits {
                Ok(()) => list.push(index),
                Err(why) if index == guess => refused = why,
                Err(_) => {}
            }
        }
        Candidates { list, refused }
    }

    /// Key, shape and index of a packet that is authentic and new.
    #[inline]
    fn authentic_rtp(&self, packet: &[u8], known: Option<&Known>) -> Result<(&Session, RtpAt, u64), Reject> {
        let (session, at, header) = self.shape_rtp(packet)?;
        let Candidates { list, refused } = self.candidates(header);
        if !self.params.protection().authenticate_rtp && refused != Reject::Unauthentic {
            return Err(refused);
        }
        let index = session.verify_rtp(packet, at, &list, known);
        Ok((session, at, index.ok_or(refused)?))
    }

    /// Key and shape of an SRTCP packet.
    #[inline]
    fn shape_rtcp(&self, packet: &[u8]) -> Result<(&Session, RtcpAt), Reject> {
        let ssrc = rtcp_sender(packet)?;
        let body_end = body_end(packet, self.shape.rtcp_overhead(), RTCP_HEADER_LEN)?;
        let trailer = self.shape.rtcp(body_end);
        let session = self.session(packet, trailer.mki)?;
        let word = packet.get(trailer.word..).and_then(|rest| rest.first_chunk());
        let word = u32::from_be_bytes(*word.ok_or(Reject::Malformed)?);
        let at = RtcpAt {
            body_end,
            trailer,
            ssrc: ssrc.0,
            word,
        };
        Ok((session, at))
    }

    /// Key and shape of a packet that is authentic and new.
    #[inline]
    fn authentic_rtcp(&self, packet: &[u8], known: Option<&Known>) -> Result<(&Session, RtcpAt), Reject> {
        let (session, at) = self.shape_rtcp(packet)?;
        if let Some(window) = self.rtcp.window(Ssrc(at.ssrc)) {
            window.check(at.index())?;
        }
        let authentic = session.verify_rtcp(packet, at, known);
        authentic.ok_or(Reject::Unauthentic)?;
        Ok((session, at))
    }

    /// All counts, without keys.
    pub fn state(&self) -> State {
        State::new(self.rtp.list(), self.rtcp.list(), 0)
    }

    /// Goes on where another receiver with the same key stopped.
    pub fn resume(&mut self, state: &State) {
        self.rtp.resume(state.rtp());
        self.rtcp.resume(state.rtcp());
    }

    /// The key that the packet names.
    #[inline]
    fn session(&self, buf: &[u8], mki_at: usize) -> Result<&Session, Reject> {
        let mki_len = self.shape.mki_len();
        if mki_len == 0 {
            return self.sessions.first().ok_or(Reject::UnknownKey);
        }
        let mki = buf.get(mki_at..).and_then(|rest| rest.get(..mki_len));
        let session = self.sessions.iter().find(|s| Some(s.mki()) == mki);
        session.ok_or(Reject::UnknownKey)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("params", &self.params)
            .field("rtp", &self.rtp)
            .field("rtcp", &self.rtcp)
            .finish_non_exhaustive()
    }
}

fn sessions(params: &Params) -> Vec<Session> {
    let keys = params.keys().iter();
    keys.filter_map(|key| Session::new(key, params.protection()))
        .collect()
}

/// Where the payload ends, if the packet has a whole header and all that protection adds.
#[inline]
fn body_end(buf: &[u8], overhead: usize, header_len: usize) -> Result<usize, Reject> {
    if buf.len() > PACKET_LEN_MAX {
        return Err(Reject::TooLong);
    }
    let body_end = buf.len().checked_sub(overhead);
    body_end.filter(|&end| end >= header_len).ok_or(Reject::Malformed)
}
