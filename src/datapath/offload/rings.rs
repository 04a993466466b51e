//! Which packets go to AF_XDP rings.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::layout::{RING_QUEUES, WORD_RINGS};
use super::maps::Maps;

/// Steers packets to rings: those of a port, if the port is steered and the queue that they arrive at has a ring. What no
/// ring takes goes up the stack.
#[derive(Clone)]
pub struct Rings {
    pub(super) maps: Arc<Maps>,
}

impl Rings {
    /// Packets that arrive at this queue of a device may go to the ring of this AF_XDP socket, bound to the same.
    pub fn register(&self, device: u32, queue: u32, socket: &impl AsRawFd) -> io::Result<()> {
        let place = self.place(device, queue)?;
        let mut xsks = self
            .maps
            .xsks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        xsks.set(place, socket.as_raw_fd(), 0).map_err(io::Error::other)
    }

    /// They may not any more.
    pub fn unregister(&self, device: u32, queue: u32) -> io::Result<()> {
        let place = self.place(device, queue)?;
        let mut xsks = self
            .maps
            .xsks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        xsks.unset(place).map_err(io::Error::other)
    }

    /// Whether packets to this port that no entry forwards go to rings. Called by the worker that owns the socket.
    pub fn steer(&self, local: SocketAddr, on: bool) {
        let Some(word) = self.maps.word(local) else { return };
        if on {
            word.fetch_or(WORD_RINGS, Ordering::AcqRel);
        } else {
            word.fetch_and(!WORD_RINGS, Ordering::AcqRel);
        }
    }

    fn place(&self, device: u32, queue: u32) -> io::Result<u32> {
        let queues = u32::try_from(RING_QUEUES).unwrap_or(u32::MAX);
        if device == 0 || queue >= queues {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let devices = self.maps.ring_devices.iter().flat_map(|all| &all.device);
        for (place, slot) in (0_u32..).zip(devices) {
            // Another worker may register another queue of the same device at the same time.
            let before = slot.compare_exchange(0, device, Ordering::AcqRel, Ordering::Acquire);
            if before.is_ok() || before == Err(device) {
                return Ok(place * queues + queue);
            }
        }
        Err(io::Error::other("too many devices"))
    }
}
