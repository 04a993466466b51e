//! One `m=` line of one party.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use codecs::Format;
use plan::{Component, FlowId, FlowStats, Learning, SocketId, Time};
use sdp::{Direction, Extmap, MediaKind, Protocol, Text};
use smallvec::SmallVec;

use super::{Ice, Id, Keying, PartyId, Passing};
use crate::diagnosis::{Moved, ReportFacts};
use crate::{AddressId, Family, LocalSockets};

pub(crate) type MediaId = Id<Media>;

/// The codecs of a media. Mostly what one side says is what the other is told, so that both hold the same list.
pub(crate) type Formats = Arc<[Format]>;

/// What a party said about one of its media, what it was told, and the sockets we hold towards it.
#[derive(Debug)]
pub(crate) struct Media {
    /// Whose.
    pub(crate) party: PartyId,
    /// Position in its party's SDP, from 0.
    pub(crate) index: usize,
    /// The media of other parties that are the other ends of this m-line.
    pub(crate) pairs: Vec<MediaId>,
    /// Audio, video, ...
    pub(crate) kind: MediaKind,
    /// Protocol towards its party.
    pub(crate) protocol: Protocol,
    /// The protocol's name, where it is not in the table.
    pub(crate) protocol_text: Option<Text>,
    /// The format list, for media without codecs that we know.
    pub(crate) formats_text: Text,
    /// What its party can receive: as it said, or as it was offered.
    pub(crate) codecs: Formats,
    /// What it was offered last.
    pub(crate) proposed: Formats,
    /// Direction, seen by its party.
    pub(crate) direction: Direction,
    /// Where its party wants its packets.
    pub(crate) remote: Option<Remote>,
    /// Address family on its party's side.
    pub(crate) family: Option<Family>,
    /// Port zero: rejected or ended.
    pub(crate) rejected: bool,
    /// Not ours to relay: passed through as it is.
    pub(crate) foreign: Option<Foreign>,
    /// The media whose sockets, peer, ICE and DTLS it uses (BUNDLE); `None` = its own.
    pub(crate) transport: Option<MediaId>,
    /// RTCP on the RTP port.
    pub(crate) mux: Mux,
    /// Keys towards its party.
    pub(crate) keying: Keying,
    /// Its party understands RTCP feedback.
    pub(crate) feedback: bool,
    /// `a=mid`.
    pub(crate) mid: Option<Text>,
    /// `a=label`.
    pub(crate) label: Option<Text>,
    /// `a=ptime` in ms.
    pub(crate) ptime: Option<u32>,
    /// Header extensions its party uses.
    pub(crate) extmaps: Vec<Extmap>,
    /// Header extensions its party was told of last.
    pub(crate) told_extmaps: Vec<Extmap>,
    /// Those of its own that were kept from the other side.
    pub(crate) masked: Vec<Extmap>,
    /// The MID header extension was brought up by us, and is none of the other side's business.
    pub(crate) own_mid: bool,
    /// Whether its party mixes one- and two-byte extensions; `None` as long as it has not shown.
    pub(crate) mixed: Option<bool>,
    /// SSRCs that its party's description names (`a=ssrc`).
    pub(crate) ssrcs: Vec<u32>,
    /// Local sockets towards its party, current first, then those of earlier peers.
    pub(crate) sockets: SmallVec<[SocketSet; 1]>,
    /// RTP.
    pub(crate) rtp: Stream,
    /// RTCP, if it is not on the RTP port.
    pub(crate) rtcp: Stream,
    /// How its party's address is learned.
    pub(crate) learning: LearningState,
    /// ICE with its party.
    pub(crate) ice: Ice,
    /// Whether sections pass to its party with their sender's addresses.
    pub(crate) passing: Passing,
    /// Its party was made the last offer, rather than making it.
    pub(crate) controlling: bool,
    /// Forwarded without a look inside (`passthrough`).
    pub(crate) opaque: bool,
    /// What becomes of its party's packets instead of being forwarded (`media-echo`).
    pub(crate) echo: Option<Echo>,
    /// Counts up whenever signalling makes the worker learn anew, and what it was computed from.
    pub(crate) epoch: (u32, Option<Armed>),
}

/// What becomes of packets that are not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// They go back to where they came from.
    Back,
    /// Nothing.
    Swallowed,
}

/// What learning depends on: as long as it stays the same, a settled peer stays settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Armed {
    /// Signalled addresses.
    pub(crate) remote: Option<Remote>,
    /// Our socket.
    pub(crate) socket: Option<SocketId>,
    /// The rules.
    pub(crate) learning: LearningState,
}

/// Addresses of a media's peer, by signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// For RTP.
    pub(crate) rtp: SocketAddr,
    /// For RTCP.
    pub(crate) rtcp: SocketAddr,
}

impl Remote {
    /// For one component.
    pub(crate) fn at(&self, component: Component) -> SocketAddr {
        match component {
            Component::Rtcp => self.rtcp,
            Component::Rtp | Component::Mux => self.rtp,
        }
    }
}

/// Address and port of a media that passes through untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// Value of `c=`.
    pub(crate) connection: Option<Text>,
    /// Port.
    pub(crate) port: u16,
}

/// The state of rtcp-mux (RFC 5761) on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mux {
    /// Its party offers it.
    pub(crate) offered: bool,
    /// Its party has offered or accepted it before.
    pub(crate) known: bool,
    /// In use with its party.
    pub(crate) active: bool,
    /// We have offered it to its party.
    pub(crate) proposed: bool,
    /// The offerer is answered with it whatever this party says (`demux`, `accept`).
    pub(crate) accept: bool,
    /// The offerer is answered without it whatever this party says (`reject`).
    pub(crate) reject: bool,
}

/// Local sockets that were told to a party for one peer of it.
#[derive(Debug)]
pub(crate) struct SocketSet {
    /// The other party's address these sockets stand for; `None` until its SDP was seen.
    pub(crate) stands_for: Option<SocketAddr>,
    /// Local address.
    pub(crate) address: AddressId,
    /// RTP, and RTCP unless it shares the port.
    pub(crate) sockets: LocalSockets,
    /// The same at the other addresses of the interface, for ICE.
    pub(crate) others: Vec<(AddressId, LocalSockets)>,
}

impl SocketSet {
    /// Each address with its sockets, the one that stands in `c=` first.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (AddressId, &LocalSockets)> {
        let others = self.others.iter().map(|(address, sockets)| (*address, sockets));
        std::iter::once((self.address, &self.sockets)).chain(others)
    }

    /// All sockets, address by address.
    pub(crate) fn all(&self) -> impl Iterator<Item = &LocalSockets> {
        self.addresses().map(|(_, sockets)| sockets)
    }
}

/// One packet stream of a media.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Its flow in every plan.
    pub(crate) flow: FlowId,
    /// Counters, written by the worker.
    pub(crate) stats: Arc<FlowStats>,
    /// The peer the worker has learned, and whether that is settled.
    pub(crate) learned: Option<(SocketAddr, bool)>,
    /// The peer was settled elsewhere before.
    pub(crate) moved: Option<Moved>,
    /// What the peer last reported about its reception.
    pub(crate) report: Option<ReportFacts>,
    /// When it was created: stands in for a first packet.
    pub(crate) created: Time,
}

impl Stream {
    pub(crate) fn new(flow: FlowId, now: Time) -> Self {
        Self {
            flow,
            stats: Arc::default(),
            learned: None,
            moved: None,
            report: None,
            created: now,
        }
    }

    /// The worker has learned the peer.
    pub(crate) fn learn(&mut self, now: Time, peer: SocketAddr, settled: bool) {
        if let Some((before, true)) = self.learned
            && before != peer
        {
            self.moved = Some(Moved {
                from: before,
                at: now,
            });
        }
        self.learned = Some((peer, settled));
    }
}

/// What the worker is told about learning, and what that depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LearningState {
    /// The mode.
    pub(crate) mode: Learning,
    /// Keep sending to the signalled address.
    pub(crate) asymmetric: bool,
    /// Drop other sources once settled.
    pub(crate) strict: bool,
    /// Follow a change of source.
    pub(crate) handover: bool,
    /// Send dummy packets until something was received.
    pub(crate) pierce: bool,
    /// Send nothing until something was received.
    pub(crate) wait: bool,
    /// One-way media may be forwarded by a fast path.
    pub(crate) unidirectional: bool,
    /// Its party has been told our address, so that whatever arrives may be from it.
    pub(crate) public: bool,
}

impl LearningState {
    /// Media to the party goes where its media comes from.
    pub(crate) fn follows(&self) -> bool {
        self.mode != Learning::Off && !self.asymmetric
    }
}

impl Default for LearningState {
    fn default() -> Self {
        Self {
            mode: Learning::Heuristic,
            asymmetric: false,
            strict: false,
            handover: false,
            pierce: false,
            wait: false,
            unidirectional: false,
            public: false,
        }
    }
}

impl Media {
    /// A media that nothing is known of but its kind.
    pub(crate) fn new(party: PartyId, index: usize, kind: MediaKind, rtp: Stream, rtcp: Stream) -> Self {
        Self {
            party,
            index,
            pairs: Vec::new(),
            kind,
            protocol: Protocol::RtpAvp,
            protocol_text: None,
            formats_text: Text::default(),
            codecs: Formats::default(),
            proposed: Formats::default(),
            direction: Direction::SendRecv,
            remote: None,
            family: None,
            rejected: false,
            foreign: None,
            transport: None,
            mux: Mux::default(),
            keying: Keying::default(),
            feedback: false,
            mid: None,
            label: None,
            ptime: None,
            extmaps: Vec::new(),
            told_extmaps: Vec::new(),
            masked: Vec::new(),
            own_mid: false,
            mixed: None,
            ssrcs: Vec::new(),
            sockets: SmallVec::new(),
            rtp,
            rtcp,
            learning: LearningState::default(),
            ice: Ice::default(),
            passing: Passing::No,
            controlling: false,
            opaque: false,
            echo: None,
            epoch: (0, None),
        }
    }

    /// Stands in for a media that is taken out of the model for a moment.
    pub(crate) fn placeholder(of: &Self) -> Self {
        let stream = |s: &Stream| Stream {
            stats: s.stats.clone(),
            ..*s
        };
        Self::new(
            of.party,
            of.index,
            of.kind.clone(),
            stream(&of.rtp),
            stream(&of.rtcp),
        )
    }

    /// Where one of its sockets is bound.
    pub(crate) fn bound(&self, socket: SocketId) -> Option<SocketAddr> {
        let mut sockets = self.sockets.iter().flat_map(SocketSet::all).flatten();
        sockets.find(|s| s.id == socket).map(|s| s.addr)
    }

    /// The sockets its party is told.
    pub(crate) fn current(&self) -> Option<&SocketSet> {
        self.sockets.first()
    }

    /// Our RTP port towards its party, 0 if there is none.
    pub(crate) fn rtp_port(&self) -> u16 {
        self.current()
            .and_then(|s| s.sockets.first())
            .map_or(0, |s| s.addr.port())
    }

    /// Our RTCP port towards its party; the RTP port where both share one.
    pub(crate) fn rtcp_port(&self) -> u16 {
        self.current()
            .and_then(|s| s.sockets.last())
            .map_or(0, |s| s.addr.port())
    }

    /// Whether packets can reach us: by ports of its own, or by those of a bundle.
    pub(crate) fn has_transport(&self) -> bool {
        self.transport.is_some() || !self.sockets.is_empty()
    }

    /// Whether it has a port of its own for RTCP.
    pub(crate) fn has_rtcp_socket(&self) -> bool {
        self.sockets.iter().any(|s| s.sockets.len() > 1)
    }

    /// Its protocol as it stands in `m=`.
    pub(crate) fn protocol_name(&self) -> Cow<'static, str> {
        match (&self.protocol_text, self.protocol.name()) {
            (None, Some(name)) => Cow::Borrowed(name),
            (Some(text), _) => Cow::Owned(text.to_string()),
            (None, None) => Cow::Owned(self.protocol.to_string()),
        }
    }

    /// Takes over a protocol as written.
    pub(crate) fn set_protocol(&mut self, protocol: Protocol, text: &Text) {
        self.protocol = protocol;
        self.protocol_text = (protocol.name() != text.as_str()).then(|| Text::new(text));
    }

    /// 0.0.0.0 or `::`: hold in the old form, but for ICE, where candidates are still to come (RFC 8840 §4.1.1).
    pub(crate) fn has_null_address(&self) -> bool {
        self.ice.said.is_none() && self.remote.is_some_and(|r| r.rtp.ip().is_unspecified())
    }

    /// Whether its party sends.
    pub(crate) fn sends(&self) -> bool {
        self.direction.sends() && !self.rejected
    }

    /// Whether its party receives.
    pub(crate) fn receives(&self) -> bool {
        self.direction.recvs() && !self.rejected && !self.has_null_address()
    }

    /// The address its party has signalled.
    pub(crate) fn signalled(&self) -> Option<IpAddr> {
        self.remote.map(|r| r.rtp.ip())
    }
}
