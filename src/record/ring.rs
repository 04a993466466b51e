//! The ring before the writer, and both kinds of things that go through it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, Thread};
use std::time::Duration;

use call::RecordingCommand;
use crossbeam::queue::ArrayQueue;
use plan::{TapId, Time};
use relay::Tapped;

/// How long a command waits for room in the ring or for its completion, at most.
const PATIENCE: Duration = Duration::from_millis(250);

/// A packet for a recording.
#[derive(Debug)]
pub(super) struct TappedPacket {
    /// Which recording.
    pub(super) tap: TapId,
    /// When.
    pub(super) at: Time,
    /// Source of the packet.
    pub(super) from: SocketAddr,
    /// Destination of the packet.
    pub(super) to: SocketAddr,
    /// UDP payload.
    pub(super) bytes: Box<[u8]>,
}

/// What the writer is asked to do.
pub(super) enum Job {
    Packet(TappedPacket),
    Command(RecordingCommand, mpsc::SyncSender<io::Result<()>>),
}

/// What became of recorded packets.
#[derive(Debug, Default)]
pub struct Counters {
    /// Written.
    pub packets: AtomicU64,
    /// Lost because the ring was full: the disk is too slow.
    pub lost_ring: AtomicU64,
    /// Lost because a file could not be written or the packet does not fit one.
    pub lost_write: AtomicU64,
    /// Commands that failed.
    pub errors: AtomicU64,
}

/// What both ends of the ring see.
pub(super) struct Shared {
    pub(super) ring: ArrayQueue<Job>,
    pub(super) counters: Counters,
    pub(super) stop: AtomicBool,
}

impl Shared {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            ring: ArrayQueue::new(capacity),
            counters: Counters::default(),
            stop: AtomicBool::new(false),
        })
    }
}

/// The way into the recordings; cheap to clone, one for each worker and shard. Without a writer (no recording folder)
/// commands fail and packets are lost.
#[derive(Clone)]
pub struct Recordings(Option<Way>);

#[derive(Clone)]
struct Way {
    shared: Arc<Shared>,
    writer: Thread,
}

impl Recordings {
    /// The way to nowhere, where no recording folder is configured.
    pub const fn off() -> Self {
        Self(None)
    }

    pub(super) fn new(shared: Arc<Shared>, writer: Thread) -> Self {
        Self(Some(Way { shared, writer }))
    }

    /// Copies a packet into the ring; false if there is no room. Never blocks and never wakes the writer.
    pub fn push(&self, tapped: &Tapped<'_>) -> bool {
        let Some(Way { shared, .. }) = &self.0 else {
            return false;
        };
        let packet = TappedPacket {
            tap: tapped.tap.id,
            at: tapped.at,
            from: tapped.from,
            to: tapped.to,
            bytes: tapped.bytes.into(),
        };
        let fits = shared.ring.push(Job::Packet(packet)).is_ok();
        if !fits {
            shared.counters.lost_ring.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// Hands over a command and waits until it is done, so that the reply to a controller tells the truth about the
    /// file; for a quarter of a second at most.
    ///
    /// # Errors
    /// What the file system said, or [`io::ErrorKind::TimedOut`] if the disk did not keep up (the command may still be
    /// done later).
    pub fn command(&self, command: RecordingCommand) -> io::Result<()> {
        let Some(Way { shared, writer }) = &self.0 else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no recording folder is configured",
            ));
        };
        let (done, wait) = mpsc::sync_channel(1);
        let mut job = Job::Command(command, done);
        let mut tries = PATIENCE.as_millis();
        while let Err(back) = shared.ring.push(job) {
            if tries == 0 {
                shared.counters.errors.fetch_add(1, Ordering::Relaxed);
                return Err(io::ErrorKind::TimedOut.into());
            }
            tries -= 1;
            job = back;
            writer.unpark();
            thread::sleep(Duration::from_millis(1));
        }
        writer.unpark();
        wait.recv_timeout(PATIENCE)
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// What became of recorded packets; `None` without a writer.
    pub fn counters(&self) -> Option<&Counters> {
        self.0.as_ref().map(|way| &way.shared.counters)
    }

    pub(super) fn stop(&self) {
        if let Some(Way { shared, writer }) = &self.0 {
            shared.stop.store(true, Ordering::Release);
            writer.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan::{Tap, TapPoint};

    #[test]
    fn a_full_ring_never_blocks_and_counts() {
        let addr = "192.0.2.1:4000".parse().expect("address");
        let tap = Tap {
            id: TapId(1),
            point: TapPoint::Ingress,
        };
        let tapped = Tapped {
            tap,
            at: Time(0),
            from: addr,
            to: addr,
            bytes: b"x",
        };
        let recordings = Recordings::new(Shared::new(2), thread::current());
        let taken = (0..5).filter(|_| recordings.push(&tapped)).count();
        assert_eq!(taken, 2);
        assert_eq!(
            recordings
                .counters()
                .expect("counters")
                .lost_ring
                .load(Ordering::Relaxed),
            3
        );
        assert!(!Recordings::off().push(&tapped));
    }
}
