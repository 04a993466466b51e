//! Every bound of the load generator, with its unit.

/// Largest ng datagram, bytes.
pub(crate) const NG_DATAGRAM_BYTES_MAX: usize = 65_535;
/// Time to wait for a reply before the command is sent again, ms.
pub(crate) const NG_RETRY_MS: u64 = 500;
/// How often a command is sent before it counts as failed.
pub(crate) const NG_TRIES_MAX: u32 = 5;
/// Commands in flight, at most.
pub(crate) const NG_IN_FLIGHT_MAX: usize = 4_096;
/// Calls, at most.
pub(crate) const CALLS_MAX: usize = 100_000;
/// Packets handed to the kernel at once, at most. Well below the 256 frames of a veth ring.
pub(crate) const BATCH_PACKETS_MAX: usize = 32;
/// A sender that is further behind its schedule than this gives up the packets between, µs.
pub(crate) const BEHIND_US_MAX: u64 = 5_000;
/// The same of the sender in the kernel, which is seldom late; to make up for it is a burst that nobody asked for, µs.
pub(crate) const KERNEL_BEHIND_US_MAX: u64 = 500;
/// Counters a flow remembers to tell a late packet from a second copy, packets.
pub(crate) const SEQUENCE_WINDOW: u64 = 1_024;
/// Latencies above this count as this, ns.
pub(crate) const LATENCY_NS_MAX: u64 = 10_000_000_000;
/// Slots for prepared packets; a packet of G.711 takes one of 256 bytes. More are prepared in between.
pub(crate) const PREPARED_SLOTS_MAX: usize = 1 << 20;
/// Packets kept for a look during one trial; the others of a sample are counted.
pub(crate) const SAMPLES_MAX: usize = 1 << 15;
