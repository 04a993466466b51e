//! The memory that the program and we share: the mirror of `src/datapath/bpf/layout.h`.
//!
//! Invariant: sizes and offsets are those of the committed object, which a test reads from its type information.
//! Addresses, ports and sums are in network order, as they stand in packets.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use crate::shareable;

/// Places of the table of local addresses.
pub const ADDRESS_SLOTS: usize = 256;
/// Ports in one element of the map `ports`.
pub const PORTS_PER_LINE: usize = 16;
/// Devices whose packets may go to rings.
pub const RING_DEVICES: usize = 16;
/// Queues of each.
pub const RING_QUEUES: usize = 64;
/// Devices that packets leave by.
pub const HOP_DEVICES: usize = 64;
/// Room for [`REASONS`].
pub const REASONS_MAX: usize = 16;

/// In a port's word: what is not forwarded goes to the rings.
pub const WORD_RINGS: u32 = 0x8000_0000;

/// RTP only.
pub const FLAG_RTP: u16 = 1;
/// RTCP only.
pub const FLAG_RTCP: u16 = 2;
/// Leaves as IPv6.
pub const FLAG_LEAVES6: u16 = 4;
/// Leaves with a VLAN tag.
pub const FLAG_TAG: u16 = 8;
/// Goes up the stack, to a program on this host.
pub const FLAG_LOCAL: u16 = 16;
/// Goes to a port of ours.
pub const FLAG_CHAIN: u16 = 32;
/// The device takes what XDP sends.
pub const FLAG_XDP: u16 = 64;

/// Names of the program's counters, in their order: why packets of ports with an entry were not forwarded.
pub const REASONS: &[&str] = &[
    "closed",
    "fragment",
    "form",
    "source",
    "kind",
    "rtcp",
    "ssrc",
    "payload-type",
    "size",
    "checksum",
    "room",
    "chain",
];

shareable! {
    /// A cache line of ports. A word is [`WORD_RINGS`] or not, and the number of an entry plus one, or zero.
    pub struct Ports {
        /// The words.
        pub word: [AtomicU32; PORTS_PER_LINE],
    }

    /// Where packets of a port go.
    pub struct EntryCell {
        /// A [`Mark`](super::Mark).
        pub gate: AtomicU64,
        /// Processors that have counted something, modulo 64.
        pub cpus: AtomicU64,
        /// Address that packets come from; IPv4 in the first word.
        pub source: [AtomicU32; 4],
        /// Payload types that are forwarded.
        pub payload_types: [AtomicU64; 2],
        /// The stream.
        pub ssrc: AtomicU32,
        /// Port that packets come from.
        pub source_port: AtomicU16,
        /// `FLAG_*`.
        pub flags: AtomicU16,
        /// Sum of the addresses that arrive and the protocol number.
        pub old_sum: AtomicU16,
        /// Bytes of the largest IP packet that may leave.
        pub mtu: AtomicU16,
        /// Nothing.
        pub spare: AtomicU32,
        /// Destination and source of the Ethernet header.
        pub ether: [AtomicU8; 12],
        /// The tag.
        pub vlan: AtomicU16,
        /// Port that packets leave from.
        pub from_port: AtomicU16,
        /// Address that packets leave from.
        pub from: [AtomicU32; 4],
        /// Address that packets go to.
        pub to: [AtomicU32; 4],
        /// Port that packets go to.
        pub to_port: AtomicU16,
        /// New addresses and ports less the old ones.
        pub udp_delta: AtomicU16,
        /// Sum of the IPv4 header without length and identification.
        pub ip_sum: AtomicU16,
        /// TOS or traffic class.
        pub tos: AtomicU8,
        /// Time to live or hop limit.
        pub ttl: AtomicU8,
        /// Device that packets leave by.
        pub device: AtomicU32,
        /// Its place in the map `hops`.
        pub hop: AtomicU16,
        /// Sum of the addresses that leave and the protocol number.
        pub new_sum: AtomicU16,
    }

    /// What one processor forwarded of one entry.
    pub struct Count {
        /// Packets.
        pub packets: AtomicU64,
        /// Bytes of UDP payload.
        pub bytes: AtomicU64,
        /// When the last one was, by the coarse monotonic clock.
        pub last: AtomicU64,
        /// RTP sequence number, extended by cycles since the first one that this processor saw.
        pub highest: AtomicU32,
        /// Of the last packet.
        pub timestamp: AtomicU32,
        /// Of the last packet.
        pub payload_type: AtomicU32,
        /// Nothing.
        pub spare: [AtomicU32; 7],
    }

    /// One processor's counters.
    pub struct Reasons {
        /// By number of [`REASONS`].
        pub count: [AtomicU64; REASONS_MAX],
    }

    /// Devices whose packets may go to rings.
    pub struct RingDevices {
        /// Their indices, or zero.
        pub device: [AtomicU32; RING_DEVICES],
    }
}
