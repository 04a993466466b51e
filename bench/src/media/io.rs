//! The two ways of putting packets on the wire look the same to the engine.

use std::net::SocketAddrV4;

use anyhow::Result;

use super::payload::PACKET_BYTES_MAX;
use crate::limits::BATCH_PACKETS_MAX;

/// Packets that leave together.
pub(crate) struct Batch {
    bytes: [[u8; PACKET_BYTES_MAX]; BATCH_PACKETS_MAX],
    lengths: [usize; BATCH_PACKETS_MAX],
    /// Flow of each packet; only the first `len` count.
    pub(crate) flows: [usize; BATCH_PACKETS_MAX],
    pub(crate) len: usize,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [[0; PACKET_BYTES_MAX]; BATCH_PACKETS_MAX],
            lengths: [0; BATCH_PACKETS_MAX],
            flows: [0; BATCH_PACKETS_MAX],
            len: 0,
        }
    }

    /// Replaces what it holds by that many packets; `write` makes one and returns its flow and length.
    pub(crate) fn fill(
        &mut self,
        packets: usize,
        mut write: impl FnMut(&mut [u8; PACKET_BYTES_MAX]) -> (usize, usize),
    ) {
        self.len = packets.min(BATCH_PACKETS_MAX);
        for i in 0..self.len {
            (self.flows[i], self.lengths[i]) = write(&mut self.bytes[i]);
        }
    }

    /// One packet.
    pub(crate) fn packet(&self, index: usize) -> &[u8] {
        &self.bytes[index][..self.lengths[index]]
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
