//! The ring between workers and the recording writer.

use std::net::SocketAddr;

use crossbeam::channel::{Receiver, Sender, bounded};
use plan::{TapId, TapPoint, Time};
use relay::Tapped;

use crate::limits;

/// One tapped packet, on its way to a file.
#[derive(Clone, Debug)]
pub struct TappedPacket {
    /// Which recording.
    pub tap: TapId,
    /// Where along the path.
    pub point: TapPoint,
    /// When.
    pub at: Time,
    /// Source of the packet.
    pub from: SocketAddr,
    /// Destination of the packet.
    pub to: SocketAddr,
    /// UDP payload.
    pub bytes: Box<[u8]>,
}

/// The workers' end. A full ring loses the packet for the recording, never for the call.
#[derive(Clone)]
pub struct TapRing(Sender<TappedPacket>);

impl TapRing {
    /// A ring and the writer's end of it.
    pub fn new() -> (Self, Receiver<TappedPacket>) {
        let (tx, rx) = bounded(limits::RECORD_RING);
        (Self(tx), rx)
    }

    /// Copies a packet into the ring; false if there is no room.
    pub fn push(&self, tapped: &Tapped<'_>) -> bool {
        let packet = TappedPacket {
            tap: tapped.tap.id,
            point: tapped.tap.point,
            at: tapped.at,
            from: tapped.from,
            to: tapped.to,
            bytes: tapped.bytes.into(),
        };
        self.0.try_send(packet).is_ok()
    }
}
