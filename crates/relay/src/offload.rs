//! What of the plans the kernel may execute without us.
//!
//! A [`KernelFlow`] is a flow whose every packet has the same fate, which can be said in a few words: from this source,
//! of this stream, with these payload types, goes unchanged to that address. Everything else about it (who the source
//! is, what the stream is) was settled by packets that came here. A packet that does not fit goes up the stack and is
//! handled here as ever; so does every packet while a plan changes, because a flow is withdrawn before the new plan
//! sees its first packet.

use std::net::SocketAddr;
use std::sync::Arc;

use plan::{FlowId, FlowStats, Framing, LocalSocket, SocketId, Time};

/// A flow that the kernel may forward.
#[derive(Clone, Debug)]
pub struct KernelFlow {
    /// The flow.
    pub flow: FlowId,
    /// At which socket its packets arrive; all others of it go up the stack.
    pub local: LocalSocket,
    /// Where they come from; packets of other sources go up the stack.
    pub source: SocketAddr,
    /// What they are. Of `Rtp` and `Srtp` only RTP is forwarded if `ssrc` is given, only RTCP otherwise.
    pub framing: Framing,
    /// The stream; RTP of another one goes up the stack.
    pub ssrc: Option<u32>,
    /// Payload types that are forwarded, one bit each; others go up the stack.
    pub payload_types: u128,
    /// Leaves by this socket.
    pub out: LocalSocket,
    /// To this address.
    pub dest: SocketAddr,
    /// With this TOS or traffic class.
    pub tos: u8,
    /// Counters of the flow.
    pub stats: Arc<FlowStats>,
    /// Counters of the flow whose peer gets the packets.
    pub sink_stats: Arc<FlowStats>,
}

/// What the kernel counted of a flow since it was installed. Bytes are UDP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounts {
    /// Packets forwarded.
    pub packets: u64,
    /// Bytes forwarded.
    pub bytes: u64,
    /// When the last one was.
    pub last: Option<Time>,
    /// Of RTP: the highest sequence number forwarded, extended from that of the first (cycles in the upper half).
    pub highest_seq: u32,
    /// Of RTP: the timestamp and the payload type of the last packet.
    pub timestamp: u32,
    /// See above.
    pub payload_type: u8,
}

/// What changes in the kernel. In order; a `Withdraw` is final for the counters of its flow.
#[derive(Clone, Debug)]
pub enum Offload {
    /// From now on the kernel may forward this flow. Replaces what it had of the same flow.
    Install(Box<KernelFlow>),
    /// Not any more. The socket is that of `KernelFlow::local`.
    Withdraw(FlowId, SocketId),
}
