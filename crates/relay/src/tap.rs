//! Copies of packets for recordings, in a ring that is drained between batches. Full, it loses copies, never packets.

use std::net::SocketAddr;
use std::ops::Range;

use plan::{Tap, TapPoint, Time};

use crate::limits;

/// A copy of a packet for a recording.
#[derive(Clone, Copy, Debug)]
pub struct Tapped<'a> {
    /// Which recording, and where along the path.
    pub tap: Tap,
    /// When.
    pub at: Time,
    /// Source of the packet.
    pub from: SocketAddr,
    /// Destination of the packet.
    pub to: SocketAddr,
    /// UDP payload.
    pub bytes: &'a [u8],
}

#[derive(Clone, Debug)]
struct Frame {
    tap: Tap,
    at: Time,
    from: SocketAddr,
    to: SocketAddr,
    range: Range<usize>,
}

/// Copies that wait to be drained.
#[derive(Debug)]
pub(crate) struct Taps {
    frames: Vec<Frame>,
    memory: Box<[u8]>,
    used: usize,
    pub(crate) lost: u64,
}

impl Default for Taps {
    fn default() -> Self {
        Self {
            frames: Vec::with_capacity(limits::TAP_PACKETS_MAX),
            memory: vec![0; limits::TAP_BYTES_MAX].into_boxed_slice(),
            used: 0,
            lost: 0,
        }
    }
}

impl Taps {
    /// Copies a packet for each of `taps` that listens at `point`.
    pub(crate) fn copy(
        &mut self,
        at: Time,
        taps: &[Tap],
        point: TapPoint,
        (from, to): (SocketAddr, SocketAddr),
        bytes: &[u8],
    ) {
        for tap in taps.iter().filter(|t| t.point == point) {
            let range = self.used..self.used.saturating_add(bytes.len());
            let room = self
                .memory
                .get_mut(range.clone())
                .filter(|_| self.frames.len() < limits::TAP_PACKETS_MAX);
            let Some(room) = room else {
                self.lost += 1;
                continue;
            };
            room.copy_from_slice(bytes);
            self.used = range.end;
            self.frames.push(Frame {
                tap: *tap,
                at,
                from,
                to,
                range,
            });
        }
    }

    /// Where the copies end, to go back to.
    pub(crate) const fn mark(&self) -> (usize, usize) {
        (self.frames.len(), self.used)
    }

    /// Forgets the copies made since.
    #[cold]
    pub(crate) fn rewind(&mut self, (frames, used): (usize, usize)) {
        self.frames.truncate(frames);
        self.used = used;
    }

    pub(crate) fn drain(&mut self, mut f: impl FnMut(Tapped<'_>)) {
        for Frame {
            tap,
            at,
            from,
            to,
            range,
        } in self.frames.drain(..)
        {
            f(Tapped {
                tap,
                at,
                from,
                to,
                bytes: self.memory.get(range).unwrap_or_default(),
            });
        }
        self.used = 0;
    }
}
