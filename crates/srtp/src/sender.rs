//! Protecting what we send.

use std::fmt;

use rtp::{Header, Ssrc};

use crate::batch::Kind;
use crate::frame::{ENCRYPTED, RTCP_HEADER_LEN, RtcpAt, RtpAt, Shape, Trailer};
use crate::hmac::{self, Text};
use crate::limits::{PACKET_LEN_MAX, RTCP_INDEX_MAX, RTCP_INDEX_SKIP, RTP_INDEX_MAX, SSRCS_PAST_MAX};
use crate::session::{Session, put_tag};
use crate::state::State;
use crate::streams::{Streams, nearest};
use crate::{Params, Receiver, Reject};

/// One direction towards one peer.
///
/// No index is ever used twice with one key: what was sent under it before would be given away (RFC 3711 §9.1). A
/// packet with the sequence number of an earlier one is therefore refused, unless
/// [`allow_repeats`](Self::allow_repeats) says that such packets are the same.
pub struct Sender {
    params: Params,
    session: Option<Session>,
    shape: Shape,
    rtp: Streams,
    /// Highest index of each SSRC that is no longer among those.
    past: Vec<(Ssrc, u64)>,
    /// One count for all SSRCs: it cannot fall back when one of them is forgotten.
    rtcp_next: u64,
    repeats: bool,
}

/// The place of a packet among those under one key: it was taken, and nobody else gets it.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(Place);

#[derive(Clone, Copy, Debug)]
enum Place {
    Rtp(RtpAt, u64),
    Rtcp(RtcpAt),
}

impl Ticket {
    /// Length of the packet when it will be protected, in bytes.
    #[inline]
    pub const fn sealed_len(&self) -> usize {
        self.trailer().end
    }

    pub(crate) const fn trailer(&self) -> Trailer {
        match self.0 {
            Place::Rtp(at, _) => at.trailer,
            Place::Rtcp(at) => at.trailer,
        }
    }
}

impl Sender {
    /// Sends with the first of the keys.
    pub fn new(params: Params) -> Self {
        Self {
            session: session(&params),
            shape: Shape::new(&params),
            params,
            rtp: Streams::new(),
            past: Vec::new(),
            rtcp_next: 0,
            repeats: false,
        }
    }

    /// Whether a packet may be sent again, as a retransmission under the same sequence number. Only where the source
    /// is known to repeat itself exactly.
    pub const fn allow_repeats(&mut self, allow: bool) {
        self.repeats = allow;
    }

    /// Takes new parameters, as of a re-INVITE. With the same key all counts go on; with a new one they begin at 0, so
    /// that a key must not come back after another was taken.
    pub fn renew(&mut self, params: Params) {
        if !params.shares_key_with(&self.params) {
            self.rtp.clear();
            self.past.clear();
            self.rtcp_next = 0;
        }
        self.session = session(&params);
        self.shape = Shape::new(&params);
        self.params = params;
    }

    /// What it was made from.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// What an SRTP packet is longer than its RTP packet, in bytes.
    pub const fn rtp_overhead(&self) -> usize {
        self.shape.rtp_overhead()
    }

    /// What an SRTCP packet is longer than its RTCP packet, in bytes.
    pub const fn rtcp_overhead(&self) -> usize {
        self.shape.rtcp_overhead()
    }

    /// The rollover counter of an SSRC that was sent.
    pub fn roc(&self, ssrc: Ssrc) -> Option<u32> {
        let highest = self.rtp.window(ssrc)?.highest();
        u32::try_from(highest >> 16).ok()
    }

    /// An RTP packet will be sent soon: has what it needs fetched from memory, without waiting for it.
    #[inline]
    pub fn prefetch(&self) {
        self.rtp.prefetch();
        self.session.iter().for_each(Session::prefetch_rtp);
    }

    /// Turns the RTP packet in the first `len` bytes of `buf` into an SRTP packet and returns its length.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Reject> {
        let ticket = self.take_rtp(buf, len)?;
        self.seal(&ticket, buf).ok_or(Reject::Malformed)
    }

    /// Turns the RTCP packet in the first `len` bytes of `buf` into an SRTCP packet and returns its length.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Reject> {
        let ticket = self.take_rtcp(buf, len)?;
        self.seal(&ticket, buf).ok_or(Reject::Malformed)
    }

    /// Decides on the packet in the first `len` bytes of `buf` and takes an index for it. It is as good as sent: what
    /// is left to do, [`seal_batch`](crate::seal_batch), cannot fail.
    pub fn take(&mut self, kind: Kind, buf: &[u8], len: usize) -> Result<Ticket, Reject> {
        match kind {
            Kind::Rtp => self.take_rtp(buf, len),
            Kind::Rtcp => self.take_rtcp(buf, len),
        }
    }

    #[inline]
    fn take_rtp(&mut self, buf: &[u8], len: usize) -> Result<Ticket, Reject> {
        self.session.as_ref().ok_or(Reject::UnknownKey)?;
        let trailer = fitting(buf, len, |at| self.shape.rtp(at))?;
        let packet = buf.get(..len).ok_or(Reject::Malformed)?;
        let header = Header::peek(packet).ok_or(Reject::Malformed)?;
        let header_len = rtp::header_len(packet).ok_or(Reject::Malformed)?;
        let index = match self.rtp.window(header.ssrc) {
            None => self.first_index(header)?,
            Some(window) => {
                let index = nearest(window.highest(), header.seq).ok_or(Reject::TooOld)?;
                if !self.repeats {
                    window.check(index)?;
                }
                index
            }
        };
        if index > RTP_INDEX_MAX {
            return Err(Reject::KeyExhausted);
        }
        let at = RtpAt {
            header_len,
            body_end: len,
            trailer,
            ssrc: header.ssrc.0,
        };
        if let Some(forgotten) = self.rtp.record(header.ssrc, index) {
            self.past.retain(|(ssrc, _)| *ssrc != header.ssrc);
            // All its room at once: no other packet allocates.
            self.past.reserve_exact(SSRCS_PAST_MAX - self.past.len());
            self.past.push((forgotten.ssrc, forgotten.window.highest()));
        }
        Ok(Ticket(Place::Rtp(at, index)))
    }

    /// The index of a packet whose SSRC is not among those kept: it is new, or comes back after many others.
    #[cold]
    fn first_index(&self, header: Header) -> Result<u64, Reject> {
        match self.past.iter().find(|(ssrc, _)| *ssrc == header.ssrc) {
            // Which of the indices below were used is no longer known.
            Some((_, highest)) => nearest(*highest, header.seq)
                .filter(|index| index > highest)
                .ok_or(Reject::TooOld),
            None if self.rtp.is_full() && self.past.len() >= SSRCS_PAST_MAX => Err(Reject::KeyExhausted),
            None => Ok(header.seq.0.into()),
        }
    }

    fn take_rtcp(&mut self, buf: &[u8], len: usize) -> Result<Ticket, Reject> {
        let session = self.session.as_ref().ok_or(Reject::UnknownKey)?;
        let trailer = fitting(buf, len, |at| self.shape.rtcp(at))?;
        let ssrc = rtcp_sender(buf.get(..len).ok_or(Reject::Malformed)?)?;
        let index = u32::try_from(self.rtcp_next).map_err(|_| Reject::KeyExhausted)?;
        if self.rtcp_next > RTCP_INDEX_MAX {
            return Err(Reject::KeyExhausted);
        }
        let encrypted = if session.encrypts_rtcp() { ENCRYPTED } else { 0 };
        let at = RtcpAt {
            body_end: len,
            trailer,
            ssrc: ssrc.0,
            word: index | encrypted,
        };
        self.rtcp_next += 1;
        Ok(Ticket(Place::Rtcp(at)))
    }

    /// Encrypts the packet that a ticket was taken for.
    #[inline]
    pub(crate) fn encrypt(&self, ticket: &Ticket, buf: &mut [u8]) -> Option<()> {
        let session = self.session.as_ref()?;
        match ticket.0 {
            Place::Rtp(at, index) => session.encrypt_rtp(buf, at, index),
            Place::Rtcp(at) => session.encrypt_rtcp(buf, at),
        }
    }

    /// What the encrypted packet's tag is the hash of, if it lacks such a tag.
    #[inline]
    pub(crate) fn text<'t>(&'t self, ticket: &Ticket, packet: &'t [u8]) -> Option<Text<'t>> {
        let session = self.session.as_ref()?;
        match ticket.0 {
            Place::Rtp(at, index) => session.text_rtp(packet, at, index),
            Place::Rtcp(at) => session.text_rtcp(packet, at),
        }
    }

    /// All of it, for one packet.
    fn seal(&self, ticket: &Ticket, buf: &mut [u8]) -> Option<usize> {
        self.encrypt(ticket, buf)?;
        let tag = self.text(ticket, buf).map(|text| hmac::tag(&text));
        if let Some(tag) = tag {
            put_tag(buf, ticket.trailer(), &tag);
        }
        Some(ticket.sealed_len())
    }

    /// All counts, without keys.
    pub fn state(&self) -> State {
        State::new(self.rtp.list(), &[], self.rtcp_next).with_past(&self.past)
    }

    /// Goes on where another sender with the same key stopped. Leaves out some SRTCP indices, as the state may be a
    /// little older than the last packet.
    pub fn resume(&mut self, state: &State) {
        self.rtp.resume(state.rtp());
        self.past = state.past().to_vec();
        self.rtcp_next = state.rtcp_next() + RTCP_INDEX_SKIP;
    }
}

impl Sender {
    /// Goes on in the place of another sender that had the same key and whose packets `receiver` has taken. Leaves out
    /// some SRTCP indices, as not all that it sent need have arrived. Without a key in common nothing changes.
    pub fn follow(&mut self, receiver: &Receiver) {
        if !self.params.shares_key_with(receiver.params()) {
            return;
        }
        let state = receiver.state();
        self.rtp.resume(state.rtp());
        let highest = state.rtcp().iter().map(|s| s.window.highest()).max();
        let next = highest.map_or(0, |index| index + 1 + RTCP_INDEX_SKIP);
        self.rtcp_next = self.rtcp_next.max(next);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("params", &self.params)
            .field("rtp", &self.rtp)
            .field("rtcp_next", &self.rtcp_next)
            .finish_non_exhaustive()
    }
}

fn session(params: &Params) -> Option<Session> {
    let key = params.keys().first()?;
    Session::new(key, params.protection())
}

/// The trailer of a packet of `len` bytes, if it has room in `buf` and a datagram.
#[inline]
fn fitting(buf: &[u8], len: usize, trailer: impl FnOnce(usize) -> Trailer) -> Result<Trailer, Reject> {
    if len > buf.len() {
        return Err(Reject::Malformed);
    }
    let trailer = trailer(len);
    if trailer.end > PACKET_LEN_MAX {
        Err(Reject::TooLong)
    } else if trailer.end > buf.len() {
        Err(Reject::NoRoom)
    } else {
        Ok(trailer)
    }
}

/// The SSRC of an RTCP packet with a whole first header.
pub(crate) fn rtcp_sender(packet: &[u8]) -> Result<Ssrc, Reject> {
    let version = packet.first().map(|first| first >> 6);
    let whole = version == Some(2) && packet.len() >= RTCP_HEADER_LEN;
    rtp::rtcp::sender(packet)
        .filter(|_| whole)
        .ok_or(Reject::Malformed)
}
