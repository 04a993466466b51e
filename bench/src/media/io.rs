//! The two ways of putting packets on the wire look the same to the engine.

use std::net::SocketAddrV4;

use anyhow::Result;

use super::stamp::PACKET_BYTES;
use crate::limits::BATCH_PACKETS_MAX;

/// Packets that leave together.
pub(crate) struct Batch {
    pub(crate) bytes: [[u8; PACKET_BYTES]; BATCH_PACKETS_MAX],
    /// Flow of each packet; only the first `len` count.
    pub(crate) flows: [usize; BATCH_PACKETS_MAX],
    pub(crate) len: usize,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [[0; PACKET_BYTES]; BATCH_PACKETS_MAX],
            flows: [0; BATCH_PACKETS_MAX],
            len: 0,
        }
    }
}

/// Takes in a packet: source, destination, payload, time of arrival in ns.
pub(crate) type Arrival<'a> = dyn FnMut(SocketAddrV4, SocketAddrV4, &[u8], u64) + 'a;

/// Sends and receives for all parties.
pub(crate) trait PacketIo {
    /// Sends a batch. A packet that the kernel refuses is gone, as it would be on a wire.
    fn send(&mut self, batch: &Batch) -> Result<()>;

    /// Hands over what has arrived, without waiting. Returns how many packets that were.
    fn receive(&mut self, sink: &mut Arrival<'_>) -> Result<usize>;
}
