//! Counters that a worker writes and anyone may read.
//!
//! Each flow has exactly one writer (its worker), so plain relaxed loads and stores suffice: no lock and no
//! read-modify-write on the packet path, and `query` needs no round trip to the worker.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::{Path, Refusal, Refused, Time};

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

    /// It says something about who sent the packet, so that its source is worth knowing.
    pub const fn blames_source(self) -> bool {
        self.is_error() || matches!(self, Self::Unproven | Self::Unexpected)
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
    /// A packet for a peer that gets SRTP, with a sequence number that was sent before or has long passed: encrypting
    /// it would give away what was sent under that number.
    Repeated = "repeated",
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
    /// Packets that had come before the first of the last run with this payload type.
    pub payload_since: AtomicU64,
    /// When the last packet arrived, µs since the epoch.
    pub last_us: AtomicU64,
}

impl SsrcStats {
    fn copy_from(&self, other: &Self) {
        for (to, from) in [
            (&self.ssrc_plus_one, &other.ssrc_plus_one),
            (&self.packets, &other.packets),
            (&self.bytes, &other.bytes),
            (&self.payload_since, &other.payload_since),
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
    /// When the last packet was sent to this flow's peer, µs since the epoch; 0 = never.
    pub last_sent_us: AtomicU64,
    /// Packets dropped, by reason.
    pub drops: [AtomicU64; DropReason::ALL.len()],
    /// When the last packet was dropped, by reason, in seconds since the epoch; 0 = never.
    pub last_drop_s: [AtomicU32; DropReason::ALL.len()],
    /// Where the last packet came from that was refused for its sender.
    pub refused: Refused,
    /// RTP payload types that have arrived, one bit each.
    pub payload_types: [AtomicU64; 2],
    /// RTCP that arrived here although it has a port of its own.
    pub stray_rtcp: AtomicU64,
    /// STUN packets that were handed up.
    pub stun: AtomicU64,
    /// DTLS packets that were handed up.
    pub dtls: AtomicU64,
    /// The way its packets take now, see [`path`](Self::path).
    path: AtomicU8,
    /// Why that is not the kernel, plus one; 0 = it is, or nobody has asked yet. See [`refusal`](Self::refusal).
    refusal: AtomicU8,
    /// Packets received and accepted that the kernel forwarded; `packets` has them, too.
    pub kernel_packets: AtomicU64,
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
            last_sent_us: AtomicU64::default(),
            drops: [const { AtomicU64::new(0) }; DropReason::ALL.len()],
            last_drop_s: [const { AtomicU32::new(0) }; DropReason::ALL.len()],
            refused: Refused::default(),
            payload_types: Default::default(),
            stray_rtcp: AtomicU64::default(),
            stun: AtomicU64::default(),
            dtls: AtomicU64::default(),
            path: AtomicU8::default(),
            refusal: AtomicU8::default(),
            kernel_packets: AtomicU64::default(),
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
            (&self.last_sent_us, &other.last_sent_us),
            (&self.stray_rtcp, &other.stray_rtcp),
            (&self.stun, &other.stun),
            (&self.dtls, &other.dtls),
            (&self.kernel_packets, &other.kernel_packets),
        ];
        let drops = self.drops.iter().zip(&other.drops);
        let types = self.payload_types.iter().zip(&other.payload_types);
        for (to, from) in pairs.into_iter().chain(drops).chain(types) {
            to.store(from.load(Relaxed), Relaxed);
        }
        for (to, from) in self.last_drop_s.iter().zip(&other.last_drop_s) {
            to.store(from.load(Relaxed), Relaxed);
        }
        self.refused.copy_from(&other.refused);
        for (to, from) in self.ssrc.iter().zip(&other.ssrc) {
            to.copy_from(from);
        }
    }

    /// Counts one packet dropped for `reason`; `from` is where it came from, if it arrived at this flow.
    #[inline]
    pub fn dropped(&self, now: Time, reason: DropReason, from: Option<SocketAddr>) {
        Self::add(&self.drops[reason as usize], 1);
        if reason.is_error() {
            Self::add(&self.errors, 1);
        }
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.last_drop_s[reason as usize].store(seconds, Relaxed);
        if let Some(from) = from.filter(|_| reason.blames_source()) {
            self.refused.note(reason, from);
        }
    }

    /// The way its packets take now.
    pub fn path(&self) -> Path {
        Path::from_number(self.path.load(Relaxed)).unwrap_or(Path::Sockets)
    }

    /// Why that is not the kernel, if anybody has asked.
    pub fn refusal(&self) -> Option<Refusal> {
        Refusal::from_number(self.refusal.load(Relaxed).checked_sub(1)?)
    }

    /// Notes which way its packets take from now on, and why that is not the kernel.
    pub fn takes(&self, path: Path, refusal: Option<Refusal>) {
        self.path.store(path as u8, Relaxed);
        self.refusal.store(refusal.map_or(0, |r| r as u8 + 1), Relaxed);
    }

    /// Notes why the kernel does not forward it. Which other way its packets come, they say themselves.
    pub fn stays(&self, why: Refusal) {
        let path = match self.path() {
            Path::Kernel => Path::Sockets,
            other => other,
        };
        self.takes(path, Some(why));
    }

    /// Notes which way a packet that we handle ourselves came. It says nothing about a flow that the kernel forwards:
    /// what does not fit there still comes here.
    #[inline]
    pub fn arrived_by(&self, path: Path) {
        let noted = self.path.load(Relaxed);
        if noted != path as u8 && noted != Path::Kernel as u8 {
            self.path.store(path as u8, Relaxed);
        }
    }

    /// Notes that an RTP packet of this type has arrived.
    pub fn saw_payload_type(&self, pt: u8) {
        if let Some(word) = self.payload_types.get(usize::from(pt >> 6)) {
            word.store(word.load(Relaxed) | 1 << (pt & 63), Relaxed);
        }
    }

    /// RTP payload types that have arrived, ascending.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        let [low, high] = self.payload_types.each_ref().map(|word| word.load(Relaxed));
        let seen = u128::from(high) << 64 | u128::from(low);
        (0..128).filter(move |pt| seen >> pt & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_refusal_are_read_as_they_were_noted() {
        let stats = FlowStats::default();
        assert_eq!((stats.path(), stats.refusal()), (Path::Sockets, None));
        for path in Path::ALL {
            for refusal in Refusal::ALL {
                stats.takes(*path, Some(*refusal));
                assert_eq!((stats.path(), stats.refusal()), (*path, Some(*refusal)));
            }
        }
        stats.takes(Path::Sockets, Some(Refusal::Srtp));
        stats.arrived_by(Path::Rings);
        assert_eq!(
            (stats.path(), stats.refusal()),
            (Path::Rings, Some(Refusal::Srtp))
        );
        stats.stays(Refusal::Rtcp);
        assert_eq!(
            (stats.path(), stats.refusal()),
            (Path::Rings, Some(Refusal::Rtcp))
        );
        stats.takes(Path::Kernel, None);
        stats.stays(Refusal::Rtcp);
        assert_eq!(
            (stats.path(), stats.refusal()),
            (Path::Sockets, Some(Refusal::Rtcp))
        );
        stats.takes(Path::Kernel, None);
        assert_eq!((stats.path(), stats.refusal()), (Path::Kernel, None));
        stats.arrived_by(Path::Rings);
        assert_eq!(
            stats.path(),
            Path::Kernel,
            "what does not fit there still comes here"
        );
    }

    #[test]
    fn payload_types_are_noted_one_by_one() {
        let stats = FlowStats::default();
        for pt in [127, 0, 63, 64, 8, 8] {
            stats.saw_payload_type(pt);
        }
        assert_eq!(stats.payload_types().collect::<Vec<_>>(), [0, 8, 63, 64, 127]);
    }
}
