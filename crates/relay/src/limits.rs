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

/// Bytes of tapped packets waiting to be drained.
pub const TAP_BYTES_MAX: usize = 1 << 20;

/// Tapped packets waiting to be drained.
pub const TAP_PACKETS_MAX: usize = 2048;
