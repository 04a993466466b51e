//! Bounds, each with its unit.

/// Longest packet that is protected or unprotected, in bytes: what fits a UDP datagram. Counter mode could do 16 times
/// as much under one index (RFC 3711 §4.1.1).
pub const PACKET_LEN_MAX: usize = 65_535;

/// Synchronisation sources whose state one context keeps; the one that was heard longest ago is forgotten first. One
/// that comes back to a receiver after so many others begins at rollover counter 0, like a new one; a sender goes on
/// where it was ([`SSRCS_PAST_MAX`]).
// COMPAT(rtpengine): the same number, so that a call with many sources behaves the same.
pub const SSRCS_MAX: usize = 20;

/// Sources beyond [`SSRCS_MAX`] of which a sender keeps the highest index, so that none comes a second time. Beyond
/// those nothing new is sent under the key.
pub const SSRCS_PAST_MAX: usize = 1_000;

/// Those that a context has room for from the start: a party has one for its voice, and another after a change.
pub const SSRCS_FIRST: usize = 2;

/// Packets, counted back from the highest index, of which it is known whether they were seen. RFC 3711 §3.3.2 wants 64
/// at least; this is 10 s of telephony and a quarter of a second of 20 Mbit/s video.
pub const REPLAY_WINDOW: u64 = 512;

/// Highest SRTP packet index (RFC 3711 §3.2.1): 32 bits of rollover counter, 16 of sequence number.
pub const RTP_INDEX_MAX: u64 = (1 << 48) - 1;

/// Highest SRTCP index (RFC 3711 §3.2.1).
pub const RTCP_INDEX_MAX: u64 = (1 << 31) - 1;

/// SRTCP indices left out when a sender resumes from exported state, which may be older than the last packet it sent:
/// an index must never be used twice.
pub const RTCP_INDEX_SKIP: u64 = 4096;

/// Master keys, told apart by their identifiers, of one context.
pub const MASTER_KEYS_MAX: usize = 8;

/// Longest master key identifier in bytes (RFC 4568 §6.1).
pub const MKI_LEN_MAX: usize = 128;

/// Packets of a batch that are looked at together; a larger batch is handled in parts of so many.
pub const SIDE_BY_SIDE: usize = 32;
