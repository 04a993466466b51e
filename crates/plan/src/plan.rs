//! What to do with each packet of each flow of one call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::{CallKey, FlowId, FlowStats, SocketId, Time};

/// Everything a worker knows of one call. Replaces the call's previous set as a whole, between batches; a flow
/// that is not in it any more ends and its sockets are released.
#[derive(Clone, Debug)]
pub struct PlanSet {
    /// The call.
    pub call: CallKey,
    /// Counts up with each set of a call; only for tracing and tests.
    pub generation: u64,
    /// The flows, sinks referring to each other by id.
    pub plans: Vec<Plan>,
}

/// What the control side tells a worker.
#[derive(Clone, Debug)]
pub enum Command {
    /// Replace a call's plans.
    Install(PlanSet),
    /// End a call: all its flows go, all its sockets are released.
    Remove(CallKey),
    /// Send a datagram as it is.
    Send(Datagram),
}

/// A datagram of the control side's own (STUN, DTLS). Dropped if the call has no such socket any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The call.
    pub call: CallKey,
    /// Leaves by this socket of one of the call's flows.
    pub socket: SocketId,
    /// To this address.
    pub dest: SocketAddr,
    /// UDP payload.
    pub bytes: Box<[u8]>,
}

/// One local socket of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalSocket {
    /// The socket.
    pub id: SocketId,
    /// Where it is bound.
    pub addr: SocketAddr,
}

/// What the packets of a flow are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// RTP and RTCP.
    Rtp,
    /// RTP and RTCP that the parties protect between themselves and whose keys we do not use
    /// (`--srtp-passthrough=blind`): headers are read, nothing behind them is (no reception events, no feedback or
    /// header-extension filter).
    Srtp,
    /// T.38 over UDPTL.
    Udptl,
    /// Anything: forwarded without a look inside.
    Opaque,
}

/// How packets between us and a flow's peer are protected, one direction of them.
#[derive(Clone, Debug, Default)]
pub enum Security {
    /// They are not.
    #[default]
    Plain,
    /// SRTP, but there are no keys yet: nothing passes ([`DropReason::NoKeys`](crate::DropReason::NoKeys)).
    Pending,
    /// SRTP (RFC 3711). Keys that stay the same, by value, keep their rollover counters and replay windows over every
    /// re-plan; others start anew.
    Srtp(Arc<srtp::Params>),
}

/// Which part of a media a flow carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// RTP only; RTCP that arrives here all the same is handled by `Plan::rtcp_flow`.
    Rtp,
    /// RTCP only.
    Rtcp,
    /// Both on one port (RFC 5761).
    Mux,
}

/// How the address of a peer is learned from its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learning {
    /// Never: the signalled address is used.
    Off,
    /// The first packet settles it.
    Immediate,
    /// Each packet of the first three seconds after signalling moves it, the first after that settles it.
    Delayed,
    /// In the first three seconds the best-ranked source wins: signalled address and port (settles at once), then
    /// same address, then same port, then any.
    Heuristic,
}

/// Which packets a flow accepts and what they teach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePolicy {
    /// How the peer's address is learned.
    pub learning: Learning,
    /// After settling drop every other source.
    pub strict: bool,
    /// After settling follow a change of source.
    pub handover: bool,
    /// Learn for `strict` only, keep sending to the signalled address.
    pub asymmetric: bool,
    /// Changes whenever signalling re-arms learning; while it stays, the settled peer stays.
    pub epoch: u32,
}

/// Checked ways to a peer beside the one that packets take (ICE). Once media of the peer comes by one of them, packets
/// to the peer take it too, at once; this happens once, and the next plan says how it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Not before: who has just chosen a way is not to be led to another one and back.
    pub since: Time,
    /// By which of the flow's sockets, and where the peer is then.
    pub ways: SmallVec<[(SocketId, SocketAddr); 1]>,
}

/// How far the media of a flow flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaState {
    /// Packets from the peer are accepted (its media is not `recvonly` or `inactive`).
    pub recv: bool,
    /// Packets to the peer are sent.
    pub send: bool,
    /// Drop whatever arrives (block media, drop-traffic, blackhole).
    pub blocked: bool,
}

/// Maps header-extension ids of the sender to those of a receiver (RFC 8285). Only consulted if some id changes or the
/// receiver is to get a MID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtMap {
    /// `ids[from] = to`; 0 = remove. Ids not signalled by the sender are not in it.
    pub ids: Vec<(u8, u8)>,
    /// What happens to an id that is not in `ids`: kept if true, removed otherwise.
    pub keep_unknown: bool,
    /// The receiver takes the two-byte form: it said `extmap-allow-mixed`, or an id above 14 was negotiated with it.
    /// Otherwise elements that only fit that form are removed.
    pub two_byte: bool,
    /// The MID header extension that every packet to the receiver carries (RFC 8843 §9): its id there, and the `a=mid`.
    pub mid: Option<(u8, Box<[u8]>)>,
}

/// What happens to RTCP on its way to a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpPolicy {
    /// Forward as it is.
    Forward,
    /// Forward without feedback packets (RTPFB, PSFB): AVPF to AVP.
    StripFeedback,
    /// Do not forward: we generate our own.
    Consume,
}

/// What happens to a packet between a flow and a sink, beyond forwarding. The default changes nothing, and a sink
/// whose process is the default may be executed by any fast path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Header extensions to renumber or remove.
    pub ext_map: Option<Arc<ExtMap>>,
    /// If not empty, only these payload types pass.
    pub payload_types: Vec<u8>,
    /// Both parties hold the same SRTP keys: packets that have authenticated under the source's `recv` go on protected
    /// as they arrived; the `send` of the sink's flow is not used for them.
    /// SRTCP under the parties' keys always does, because nobody else knows which indices are free.
    pub keep_protection: bool,
}

/// One destination of a flow: the peer of another flow.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Leaves by this flow's first socket, to this flow's peer.
    pub to: FlowId,
    /// On the way.
    pub process: Process,
    /// RTCP on the way.
    pub rtcp: RtcpPolicy,
}

/// A copy of packets for recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Which recording.
    pub id: TapId,
    /// Where along the path.
    pub point: TapPoint,
}

/// Names a recording to the writer behind the tap ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TapId(pub u64);

/// Where a tap copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapPoint {
    /// As received from the flow's peer (decrypted).
    Ingress,
    /// As sent to the flow's peer (before encryption).
    Egress,
}

/// RTCP that we generate for a flow's peer (`generate-RTCP`). Stands in the plan of the flow that carries the RTP;
/// it leaves by that plan's `rtcp_flow`, or by the flow itself if that is `Mux` or has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpReports {
    /// Time between reports; each is sent up to one second later, at random.
    pub interval: Duration,
    /// CNAME in SDES.
    pub cname: Arc<str>,
    /// Clock rate in Hz by payload type of what this flow's peer receives, for SR timestamps and jitter.
    pub clock_rates: Vec<(u8, u32)>,
    /// Media identification for SDES (RFC 8843 §15), if any.
    pub mid: Option<Arc<str>>,
}

/// Tells the media of a bundle apart (RFC 8843 §9.2): by MID header extension, then by an SSRC that was told apart
/// before, then by payload type. RTCP goes by the SSRCs it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The media, that of the transport included.
    pub members: Vec<BundleMember>,
}

/// One media of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleMember {
    /// Its flow.
    pub flow: FlowId,
    /// Its `a=mid`.
    pub mid: Box<[u8]>,
    /// Its id of the MID header extension, if it was negotiated.
    pub mid_extension: Option<u8>,
    /// Payload types that go to it if nothing else tells: no other member has them here.
    pub payload_types: Vec<u8>,
    /// SSRCs that its description names (`a=ssrc`).
    pub ssrcs: Vec<u32>,
}

/// Where packets of a flow go. Nearly always to one other flow: that one stands in the plan itself, which is made on one
/// thread and dropped on another.
pub type Sinks = SmallVec<[Sink; 1]>;

/// What to do with the packets of one flow: those that arrive at its sockets (its peer sends them), and those other
/// flows send to its peer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The flow.
    pub flow: FlowId,
    /// Its sockets; packets are accepted on all, sent from the first (or from the one the peer was settled on).
    pub sockets: SmallVec<[LocalSocket; 1]>,
    /// What its packets are.
    pub framing: Framing,
    /// Which part of the media it is.
    pub component: Component,
    /// Where the peer is, by signalling; `None` on hold (0.0.0.0) or before the answer.
    pub peer: Option<SocketAddr>,
    /// The signalled peer is an address we never send to: everything to it is dropped and counted.
    pub peer_forbidden: bool,
    /// Who may send, and what that teaches.
    pub source: SourcePolicy,
    /// Signalled addresses of the peer's other medias: what comes from there is let in without teaching anything, unless
    /// `source.strict`. Before an answer tells it about a bundle, a party sends from the port of each media.
    pub friends: SmallVec<[SocketAddr; 1]>,
    /// Direction and blocking.
    pub media: MediaState,
    /// Where RTP (or opaque) packets go.
    pub sinks: Sinks,
    /// Where RTCP packets go: those of an RTCP flow, or those that arrive muxed.
    pub rtcp_sinks: Sinks,
    /// The sibling at this media's RTCP port: it carries the RTCP, also what arrives here all the same, unless this flow
    /// is `Mux`; then it only takes in what comes there by mistake. The sources known here vouch for those there.
    pub rtcp_flow: Option<FlowId>,
    /// RTCP that we send to the peer ourselves.
    pub reports: Option<RtcpReports>,
    /// Copies for recording.
    pub taps: Vec<Tap>,
    /// STUN is expected here (ICE): hand it to control. Without it, STUN is forwarded like media if `Opaque`, else
    /// dropped.
    pub punt_stun: bool,
    /// DTLS is expected here: hand it to control.
    pub punt_dtls: bool,
    /// Sources that have passed a connectivity check (ICE). If there are any, RTP and RTCP of all others are dropped
    /// ([`DropReason::Unproven`](crate::DropReason::Unproven)), and `source` decides nothing. Media from one of them that
    /// is not `peer` is reported ([`Event::Learned`](crate::Event::Learned)), unless learning is off.
    pub proven: SmallVec<[SocketAddr; 1]>,
    /// Where media to the peer may follow media of the peer's, among ways that were checked.
    pub follow: Option<Box<Follow>>,
    /// How what arrives from the peer is protected. What does not authenticate teaches nothing and goes nowhere.
    pub recv: Security,
    /// How what is sent to the peer is protected.
    pub send: Security,
    /// This flow has no sockets of its own: it shares those of another flow of the call, with its peer, its sources,
    /// its keys and its punts (BUNDLE, RFC 8843). That flow's `bundle` says what is whose.
    pub transport: Option<FlowId>,
    /// How packets that arrive here are shared out among this flow and those that name it as their `transport`.
    pub bundle: Option<Arc<Bundle>>,
    /// Send a dummy RTP packet (payload type 127) each second until the peer was heard.
    pub pierce_nat: bool,
    /// Send nothing until the peer was heard.
    pub nat_wait: bool,
    /// IP TOS or traffic class of what is sent.
    pub tos: u8,
    /// Clock rate in Hz by payload type, for jitter; unknown ones count as 8000.
    pub clock_rates: SmallVec<[(u8, u32); 4]>,
    /// Shared with the control side; the worker is the only writer.
    pub stats: Arc<FlowStats>,
}

impl Plan {
    /// A flow of plain RTP without sockets, peer and sinks, to begin from.
    #[must_use]
    pub fn new(flow: FlowId, component: Component) -> Self {
        Self {
            flow,
            sockets: SmallVec::new(),
            framing: Framing::Rtp,
            component,
            peer: None,
            peer_forbidden: false,
            source: SourcePolicy {
                learning: Learning::Heuristic,
                strict: false,
                handover: false,
                asymmetric: false,
                epoch: 0,
            },
            friends: SmallVec::new(),
            media: MediaState {
                recv: true,
                send: true,
                blocked: false,
            },
            sinks: Sinks::new(),
            rtcp_sinks: Sinks::new(),
            rtcp_flow: None,
            reports: None,
            taps: Vec::new(),
            punt_stun: false,
            punt_dtls: false,
            proven: SmallVec::new(),
            follow: None,
            recv: Security::Plain,
            send: Security::Plain,
            transport: None,
            bundle: None,
            pierce_nat: false,
            nat_wait: false,
            tos: 0,
            clock_rates: SmallVec::new(),
            stats: Arc::default(),
        }
    }
}

impl Sink {
    /// Everything goes on as it is.
    #[must_use]
    pub fn new(to: FlowId) -> Self {
        Self {
            to,
            process: Process::default(),
            rtcp: RtcpPolicy::Forward,
        }
    }
}
