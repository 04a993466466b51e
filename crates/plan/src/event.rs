//! What a worker reports.

use std::net::SocketAddr;

use crate::{CallKey, FlowId, SocketId, Time};

/// A report from the packet side. Level-triggered: one that finds the queue full is sent again later, so losing one
/// loses nothing. Released sockets are the exception: they are never lost, because the worker keeps them until told.
#[derive(Clone, Debug)]
pub enum Event {
    /// A flow's peer was learned or has changed. `settled` = it will not change without new signalling (or
    /// `media-handover`).
    Learned {
        /// The call.
        call: CallKey,
        /// The flow.
        flow: FlowId,
        /// The peer.
        peer: SocketAddr,
        /// On which of the flow's sockets.
        local: SocketId,
        /// Settled.
        settled: bool,
    },
    /// A packet that the packet side does not handle.
    Punted {
        /// The call.
        call: CallKey,
        /// The flow.
        flow: FlowId,
        /// At which of the flow's sockets.
        local: SocketId,
        /// What it is.
        kind: PuntKind,
        /// Where from.
        from: SocketAddr,
        /// When.
        at: Time,
        /// The whole packet.
        bytes: Box<[u8]>,
    },
    /// A reception report about something we forwarded arrived from a flow's peer.
    Reception {
        /// The call.
        call: CallKey,
        /// The flow it arrived on.
        flow: FlowId,
        /// When.
        at: Time,
        /// Who reports.
        reporter: u32,
        /// About which SSRC.
        ssrc: u32,
        /// Fraction lost since the last report, in 1/256.
        fraction_lost: u8,
        /// Packets lost in all.
        lost: i32,
        /// Extended highest sequence number received.
        ext_seq: u32,
        /// Interarrival jitter in timestamp units.
        jitter: u32,
        /// Round trip between us and the reporter in µs, if the report allows it to be computed.
        rtt_us: Option<u32>,
    },
    /// A loop was found and cut.
    Loop {
        /// The call.
        call: CallKey,
        /// The flow.
        flow: FlowId,
    },
}

impl Event {
    /// The call it belongs to.
    pub const fn call(&self) -> CallKey {
        match self {
            Self::Learned { call, .. }
            | Self::Punted { call, .. }
            | Self::Reception { call, .. }
            | Self::Loop { call, .. } => *call,
        }
    }
}

/// Kinds of packets that the packet side hands up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PuntKind {
    /// STUN (first byte 0..=3).
    Stun,
    /// DTLS (first byte 20..=63).
    Dtls,
}
