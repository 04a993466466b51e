//! Every bound of the relay, with its unit.

/// Sinks of one flow, RTP and RTCP counted apart; more are ignored and counted.
pub const SINKS_PER_FLOW_MAX: usize = 64;

/// Flows of one call; more are ignored and counted.
pub const FLOWS_PER_CALL_MAX: usize = 1024;

/// Highest socket id plus one. A table of eight bytes each.
pub const SOCKET_IDS_MAX: usize = 1 << 20;

/// Bytes of the largest packet that is changed on its way or made by us; a larger one that would have to be changed is
/// dropped.
pub const PACKET_BYTES_MAX: usize = 2048;

/// Events waiting to be drained (those that say what changes are kept per flow and need no queue).
pub const EVENTS_MAX: usize = 1024;

/// Packets among them that were handed up.
pub const PUNTS_MAX: usize = 256;

/// How many of those may come from sources that nobody knows.
pub const PUNTS_STRANGE_MAX: usize = 128;

/// Packets that one flow hands up in [`PUNT_WINDOW_MS`] from sources that it knows, and as many again from others: more
/// than pacing lets an ICE agent send (RFC 8445 §14.2: one in 5 ms at most), and a flight of DTLS.
pub const PUNTS_PER_WINDOW: u8 = 24;

/// Window of that budget, in ms.
pub const PUNT_WINDOW_MS: u32 = 100;

/// Bytes of the largest packet that is handed up: neither STUN nor DTLS sends more than fits a frame.
pub const PUNT_BYTES_MAX: usize = 2048;

/// Datagrams of the control side waiting to be sent; more are dropped and counted.
pub const DATAGRAMS_MAX: usize = 1024;

/// Bytes of tapped packets waiting to be drained.
pub const TAP_BYTES_MAX: usize = 1 << 20;

/// Tapped packets waiting to be drained.
pub const TAP_PACKETS_MAX: usize = 2048;

/// Window after signalling in which a better source displaces a worse one, in µs.
pub const LEARNING_WINDOW_US: u64 = 3_000_000;

/// How long a settled source must be silent before a packet that does not continue its stream is forwarded, in µs.
pub const SILENCE_US: u64 = 500_000;

/// The same for RTCP, of which there are seconds between packets, in µs.
pub const RTCP_SILENCE_US: u64 = 15_000_000;

/// Time between two reports that media comes from a proven source that is not the peer, in µs.
pub const PROVEN_NEWS_US: u64 = 500_000;

/// How long the proof of a source may be under way: media that came before it waits, in µs. More would be of no use to
/// whoever is to hear it.
pub const PROOF_US: u64 = 100_000;

/// Sources of each flow whose proof may be under way.
pub const ASKERS_PER_FLOW: usize = 4;

/// Datagrams that wait for the proof of their source; more are dropped as unproven.
pub const WAITING_MAX: usize = 256;

/// Those among them at one socket.
pub const WAITING_PER_SOCKET_MAX: usize = 16;

/// Packets of each flow that the loop guard remembers. A power of two.
pub const LOOP_PACKETS: usize = 64;

/// How often the same packet is carried by a flow.
pub const LOOP_PASSES_MAX: u8 = 2;

/// How long the loop guard remembers a packet, in ms.
pub const LOOP_MEMORY_MS: u32 = 2_000;

/// Sender reports of each flow whose time of passing is remembered for round trips.
pub const SENT_REPORTS: usize = 4;

/// A stream that was not heard for this long is left out of generated reports, in µs.
pub const REPORTED_STREAM_AGE_US: u64 = 60_000_000;

/// Time between packets that open a NAT, in µs.
pub const PIERCE_INTERVAL_US: u64 = 1_000_000;

/// Generated reports are late by up to this, at random, in µs.
pub const REPORT_JITTER_US: u64 = 1_000_000;

/// Own addresses that the loop guard knows for packets without sequence numbers.
pub const OWN_ADDRESSES_MAX: usize = 256;

/// Datagrams of a batch that are unprotected side by side.
pub const OPEN_JOBS: usize = 32;

/// Packets of an outbox that are protected side by side.
pub const SEAL_JOBS: usize = 32;

/// Most that protection adds to a packet, in bytes: tag, SRTCP index and key identifier.
pub const PROTECTION_BYTES_MAX: usize = 16 + 4 + srtp::limits::MKI_LEN_MAX;

/// Keys of each flow and direction, beside those in use, whose counts are kept for the case that they come back.
pub const RETIRED_KEYS: usize = 4;

/// SSRCs of one bundle that are remembered, those that came and those that were sent counted apart.
pub const BUNDLE_SSRCS: usize = 64;

/// Medias of a bundle that one RTCP packet reaches.
pub const RTCP_MEMBERS: usize = 16;

/// How long packets under the keys before the last change are accepted from where the peer is, until there is one under
/// the new keys, in µs. An offer names new keys; the party uses them when it has the answer, or even later.
pub const REKEY_GRACE_US: u64 = 5_000_000;

/// How old news of a flow that the kernel forwards may be, in µs.
pub const KERNEL_NEWS_US: u64 = 250_000;

/// Time between two offers of the same flow to the kernel, in µs: what changes faster stays here.
pub const OFFER_INTERVAL_US: u64 = 200_000;

/// How long a flow whose packets came again and again is not offered to the kernel, in µs.
pub const LOOP_REST_US: u64 = 5_000_000;
