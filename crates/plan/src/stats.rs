//! Counters that a worker writes and anyone may read.
//!
//! Each flow has exactly one writer (its worker), so plain relaxed loads and stores suffice: no lock and no
//! read-modify-write on the packet path, and `query` needs no round trip to the worker.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many SSRCs of one flow are remembered at once; the one that has been silent longest gives way.
pub const SSRC_SLOTS: usize = 4;

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a packet was not forwarded. Packets are not errors: each reason is a counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $name,)* }
        impl DropReason {
            /// Every reason, in counter order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The reason as `query`, metrics and the CLI print it.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

impl DropReason {
    /// It points at an error or an attack, rather than at what signalling has agreed.
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::Malformed
                | Self::StrictSource
                | Self::ForeignSource
                | Self::Loop
                | Self::SrtpAuth
                | Self::SrtpReplay
        )
    }
}

drop_reasons! {
    /// No plan names the socket it arrived on (yet, or any more).
    NoFlow = "no-flow",
    /// Neither RTP, RTCP, STUN nor DTLS by its first byte and length.
    Malformed = "malformed",
    /// The flow has no sink: media on hold, rejected, or the other side has not answered.
    NoSink = "no-sink",
    /// The media does not accept packets in its current direction.
    Direction = "direction",
    /// Source address refused by strict-source.
    StrictSource = "strict-source",
    /// Source is not the settled one and the packet does not continue its stream.
    ForeignSource = "foreign-source",
    /// The sink's peer address is not known yet.
    NoPeer = "no-peer",
    /// The sink's peer address is one we never send to (loopback, multicast, link-local).
    ForbiddenPeer = "forbidden-peer",
    /// The packet has been through this flow before.
    Loop = "loop",
    /// Blocked by command (block media, drop-traffic, blackhole).
    Blocked = "blocked",
    /// RTCP that nothing was left of after filtering, or that we generate ourselves.
    RtcpConsumed = "rtcp-consumed",
    /// Its payload type passes to no sink.
    PayloadType = "payload-type",
    /// STUN or DTLS on a flow that does not expect any.
    Unexpected = "unexpected",
    /// The punt queue to the control side was full.
    PuntFull = "punt-full",
    /// The kernel refused the packet (unreachable, no buffer, ...); the flow goes on. Counted at the flow it should
    /// have gone to.
    SendError = "send-error",
    /// SRTP that did not authenticate.
    SrtpAuth = "srtp-auth",
    /// SRTP that was seen before.
    SrtpReplay = "srtp-replay",
    /// SRTP, or packets for a peer that is to get SRTP, before there are keys.
    NoKeys = "no-keys",
    /// Its source has not passed a connectivity check (ICE).
    Unproven = "ice-unproven",
    /// It belongs to none of the media that share the transport (BUNDLE).
    NoBundleMember = "no-bundle-member",
}

/// Counters of one SSRC of one flow, as received.
#[derive(Debug, Default)]
pub struct SsrcStats {
    /// The SSRC plus one (in 64 bits); 0 = slot unused.
    pub ssrc_plus_one: AtomicU64,
    /// RTP packets received.
    pub packets: AtomicU64,
    /// RTP bytes received, headers included.
    pub bytes: AtomicU64,
    /// Extended highest sequence number (cycles in the upper half).
    pub ext_seq: AtomicU32,
    /// Last RTP timestamp.
    pub timestamp: AtomicU32,
    /// Packets missing from the sequence so far.
    pub lost: AtomicU32,
    /// Packets seen twice.
    pub duplicates: AtomicU32,
    /// Interarrival jitter in timestamp units (RFC 3550 A.8).
    pub jitter: AtomicU32,
    /// Payload type of the last packet.
    pub payload_type: AtomicU32,
    /// When the last packet arrived, µs since the epoch.
    pub last_us: AtomicU64,
}

impl SsrcStats {
    fn copy_from(&self, other: &Self) {
        for (to, from) in [
            (&self.ssrc_plus_one, &other.ssrc_plus_one),
            (&self.packets, &other.packets),
            (&self.bytes, &other.bytes),
            (&self.last_us, &other.last_us),
        ] {
            to.store(from.load(Relaxed), Relaxed);
        }
        for (to, from) in [
            (&self.ext_seq, &other.ext_seq),
            (&self.timestamp, &other.timestamp),
            (&self.lost, &other.lost),
            (&self.duplicates, &other.duplicates),
            (&self.jitter, &other.jitter),
            (&self.payload_type, &other.payload_type),
        ] {
            to.store(from.load(Relaxed), Relaxed);
        }
    }
}

/// Counters of one flow. Bytes are UDP payload.
#[derive(Debug)]
pub struct FlowStats {
    /// Packets received and accepted.
    pub packets: AtomicU64,
    /// Bytes received and accepted.
    pub bytes: AtomicU64,
    /// Packets received and dropped for a reason that points at an error (see `drops`).
    pub errors: AtomicU64,
    /// Packets sent to this flow's peer.
    pub packets_out: AtomicU64,
    /// Bytes sent to this flow's peer.
    pub bytes_out: AtomicU64,
    /// Packets that could not be sent to this flow's peer.
    pub errors_out: AtomicU64,
    /// When the last packet was accepted, µs since the epoch; 0 = never.
    pub last_packet_us: AtomicU64,
    /// Packets dropped, by reason.
    pub drops: [AtomicU64; DropReason::ALL.len()],
    /// What arrived, by SSRC.
    pub ssrc: [SsrcStats; SSRC_SLOTS],
}

impl Default for FlowStats {
    fn default() -> Self {
        Self {
            packets: AtomicU64::default(),
            bytes: AtomicU64::default(),
            errors: AtomicU64::default(),
            packets_out: AtomicU64::default(),
            bytes_out: AtomicU64::default(),
            errors_out: AtomicU64::default(),
            last_packet_us: AtomicU64::default(),
            drops: [const { AtomicU64::new(0) }; DropReason::ALL.len()],
            ssrc: Default::default(),
        }
    }
}

impl FlowStats {
    /// Adds to a counter that only the caller writes.
    #[inline]
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets a counter that only the caller writes.
    #[inline]
    pub fn set(counter: &AtomicU64, n: u64) {
        counter.store(n, Relaxed);
    }

    /// Takes over the counts of `other`, which nobody writes any more.
    pub fn copy_from(&self, other: &Self) {
        let pairs = [
            (&self.packets, &other.packets),
            (&self.bytes, &other.bytes),
            (&self.errors, &other.errors),
            (&self.packets_out, &other.packets_out),
            (&self.bytes_out, &other.bytes_out),
            (&self.errors_out, &other.errors_out),
            (&self.last_packet_us, &other.last_packet_us),
        ];
        for (to, from) in pairs.into_iter().chain(self.drops.iter().zip(&other.drops)) {
            to.store(from.load(Relaxed), Relaxed);
        }
        for (to, from) in self.ssrc.iter().zip(&other.ssrc) {
            to.copy_from(from);
        }
    }

    /// Counts one packet dropped for `reason`.
    #[inline]
    pub fn dropped(&self, reason: DropReason) {
        Self::add(&self.drops[reason as usize], 1);
        if reason.is_error() {
            Self::add(&self.errors, 1);
        }
    }
}
