//! A flow: its plan, resolved, and its state.

use std::net::SocketAddr;

use plan::{CallKey, DropReason, FlowStats, Plan, RtcpPolicy, Sink, SocketId, Time};
use smallvec::SmallVec;

use crate::io::Arrival;
use crate::keys::Keying;
use crate::offload::Offer;
use crate::source::follows;
use crate::state::State;
use crate::table::Slot;

/// A sink with its flow's place; what it does beyond forwarding stays in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkSlot {
    /// Index in the plan's list of sinks.
    pub(crate) index: u16,
    /// Where its flow lives.
    pub(crate) to: Slot,
    /// RTCP on the way.
    pub(crate) rtcp: RtcpPolicy,
    /// The process changes nothing.
    pub(crate) plain: bool,
    /// Packets go on protected as they arrived.
    pub(crate) keeps: bool,
}

impl SinkSlot {
    pub(crate) fn new(index: usize, to: Slot, sink: &Sink) -> Self {
        let process = &sink.process;
        let plain = process.ext_map.is_none() && process.payload_types.is_empty();
        Self {
            index: u16::try_from(index).unwrap_or(u16::MAX),
            to,
            rtcp: sink.rtcp,
            plain,
            keeps: process.keep_protection,
        }
    }
}

/// The resolved sinks of a flow.
pub(crate) type SinkSlots = SmallVec<[SinkSlot; 2]>;

/// Reports that wait until somebody drains them; kept as bits, so that none gets lost or needs room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) learned: bool,
    pub(crate) looped: bool,
}

/// One flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) call: CallKey,
    pub(crate) plan: Plan,
    pub(crate) state: State,
    pub(crate) sinks: SinkSlots,
    pub(crate) rtcp_sinks: SinkSlots,
    /// Where this RTP flow's RTCP lives, if it is another flow.
    pub(crate) rtcp_slot: Option<Slot>,
    /// Where this RTCP flow's RTP lives.
    pub(crate) rtp_slot: Option<Slot>,
    /// The flow whose sockets, peer and keys this one shares, if it is another one.
    pub(crate) transport: Option<Slot>,
    /// The flows that share this one's transport, in the order of the plan's bundle.
    pub(crate) members: Vec<Slot>,
    /// How what comes from the peer is protected, and what goes to it.
    pub(crate) recv: Keying,
    pub(crate) send: Keying,
    /// RTP that was unprotected is authentic. (RTCP always is.)
    pub(crate) vouches: bool,
    /// Some sink gets packets protected as they arrived.
    pub(crate) keeps: bool,
    /// Somebody reads what is in its RTP packets: a sink that gets them otherwise, or a recording.
    pub(crate) reads: bool,
    /// Gets packets protected as they arrived elsewhere: nothing of our own may be sent under these keys, because the
    /// party that sends them counts on its own.
    pub(crate) kept: Kept,
    /// By the plan before.
    pub(crate) was_kept: Kept,
    pub(crate) news: News,
    /// What the kernel was asked to do.
    pub(crate) offer: Offer,
    /// The most that one packet can cause: datagrams, and how many of them are changed.
    pub(crate) fanout: Fanout,
}

/// What passes protected as it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) rtp: bool,
    pub(crate) rtcp: bool,
}

impl Kept {
    pub(crate) const fn any(self) -> bool {
        self.rtp || self.rtcp
    }

    /// Something that did `before` does no more.
    pub(crate) const fn ends(self, before: Self) -> bool {
        before.rtp && !self.rtp || before.rtcp && !self.rtcp
    }
}

/// What one packet can cause.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fanout {
    pub(crate) datagrams: usize,
    pub(crate) changed: usize,
}

impl Fanout {
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            datagrams: self.datagrams.max(other.datagrams),
            changed: self.changed.max(other.changed),
        }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            datagrams: self.datagrams + other.datagrams,
            changed: self.changed + other.changed,
        }
    }

    pub(crate) fn at_most(self, most: usize) -> Self {
        Self {
            datagrams: self.datagrams.min(most),
            changed: self.changed.min(most),
        }
    }
}

impl Flow {
    pub(crate) fn new(now: Time, call: CallKey, plan: Plan) -> Self {
        Self {
            call,
            plan,
            state: State::new(now),
            sinks: SinkSlots::new(),
            rtcp_sinks: SinkSlots::new(),
            rtcp_slot: None,
            rtp_slot: None,
            transport: None,
            members: Vec::new(),
            recv: Keying::Plain,
            send: Keying::Plain,
            vouches: false,
            keeps: false,
            reads: false,
            kept: Kept::default(),
            was_kept: Kept::default(),
            news: News::default(),
            offer: Offer::default(),
            fanout: Fanout::default(),
        }
    }

    /// Takes a new plan for the same flow.
    pub(crate) fn replan(&mut self, now: Time, plan: Plan) {
        if !std::sync::Arc::ptr_eq(&self.plan.stats, &plan.stats) {
            plan.stats.copy_from(&self.plan.stats);
        }
        self.state.adopt(now, &self.plan, &plan);
        self.plan = plan;
    }

    /// Forgets where others are, and what is due: it comes to another place.
    pub(crate) fn rest(&mut self, now: Time) {
        let mut plan = self.plan.clone();
        plan.sockets.clear();
        self.replan(now, plan);
        self.state.bundle = None;
        (self.state.next_report, self.state.next_pierce) = (None, None);
        (self.sinks, self.rtcp_sinks) = (SinkSlots::new(), SinkSlots::new());
        (self.rtcp_slot, self.rtp_slot, self.transport) = (None, None, None);
        (self.recv, self.send) = (Keying::Plain, Keying::Plain);
        self.members.clear();
        self.offer = Offer::default();
    }

    /// A source that may send media: with ICE only one that has passed a check.
    #[inline]
    pub(crate) fn is_proven(&self, source: SocketAddr) -> bool {
        self.plan.proven.is_empty() || self.plan.proven.contains(&source)
    }

    /// That is where the peer is, as far as anybody knows.
    pub(crate) fn knows(&self, source: SocketAddr) -> bool {
        let learned = self.state.sources.learned().map(|l| l.addr);
        self.plan.proven.contains(&source) || self.plan.peer == Some(source) || learned == Some(source)
    }

    /// Where packets to the peer go, and which socket they leave by.
    #[inline]
    pub(crate) fn peer(&self) -> Result<(SocketId, SocketAddr), DropReason> {
        if self.plan.nat_wait && !self.state.heard {
            return Err(DropReason::NoPeer);
        }
        self.peer_unheard()
    }

    /// The same, whether the peer was heard or not.
    #[inline]
    pub(crate) fn peer_unheard(&self) -> Result<(SocketId, SocketAddr), DropReason> {
        // Without a signalled address the peer is on hold or has not answered: nothing is sent, whoever was heard.
        let signalled = self.plan.peer.ok_or(DropReason::NoPeer)?;
        // With ICE nothing is learned; but the peer may be followed to where the control side says.
        let sources = &self.state.sources;
        let learned = if self.plan.proven.is_empty() {
            sources.learned()
        } else {
            sources.followed()
        };
        let dest = learned
            .filter(|_| follows(&self.plan.source))
            .map_or(signalled, |l| l.addr);
        if self.plan.peer_forbidden && dest == signalled || dest.port() == 0 {
            return Err(DropReason::ForbiddenPeer);
        }
        let local = usize::from(learned.map_or(0, |l| l.local));
        let local = self.plan.sockets.get(local).or_else(|| self.plan.sockets.first());
        Ok((local.ok_or(DropReason::NoPeer)?.id, dest))
    }

    /// Counts one packet that was accepted from the peer.
    #[inline]
    pub(crate) fn accepted(&self, now: Time, arrival: &Arrival) {
        let stats = &self.plan.stats;
        stats.arrived_by(arrival.path());
        FlowStats::add(&stats.packets, 1);
        FlowStats::add(&stats.bytes, arrival.wire_len() as u64);
        FlowStats::set(&stats.last_packet_us, now.0);
    }

    /// Counts one packet that was handed to the socket for the peer.
    #[inline]
    pub(crate) fn sent(&self, now: Time, len: usize) {
        FlowStats::add(&self.plan.stats.packets_out, 1);
        FlowStats::add(&self.plan.stats.bytes_out, len as u64);
        FlowStats::set(&self.plan.stats.last_sent_us, now.0);
    }
}
