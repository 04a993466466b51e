//! What the rings of one worker count. The worker is the only writer.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::parse::Bad;

/// One kind of thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingCount {
    /// Datagrams received for sockets of this worker.
    Received,
    /// Datagrams received for sockets of other workers, and handed over.
    HandedOver,
    /// Those for which the other worker had no room: dropped.
    HandoverFull,
    /// Datagrams taken over from other workers.
    TakenOver,
    /// Datagrams to ports that no worker has.
    NoSocket,
    /// Frames that were cut off, or whose lengths disagree.
    BadLength,
    /// Frames that are no whole UDP datagram to this host alone.
    BadKind,
    /// Datagrams from addresses that nobody sends from.
    BadSource,
    /// Wrong checksums.
    BadChecksum,
    /// Datagrams sent by rings.
    Sent,
    /// Datagrams sent by sockets, because no ring leads to their destination or takes them.
    SentBySocket,
    /// Those of them for which the ring was full.
    SendFull,
    /// Frames that the kernel had no room for in the rings.
    Lost,
}

impl RingCount {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Received,
        Self::HandedOver,
        Self::HandoverFull,
        Self::TakenOver,
        Self::NoSocket,
        Self::BadLength,
        Self::BadKind,
        Self::BadSource,
        Self::BadChecksum,
        Self::Sent,
        Self::SentBySocket,
        Self::SendFull,
        Self::Lost,
    ];

    /// As metrics and the CLI print it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::HandedOver => "handed-over",
            Self::HandoverFull => "handover-full",
            Self::TakenOver => "taken-over",
            Self::NoSocket => "no-socket",
            Self::BadLength => "bad-length",
            Self::BadKind => "bad-kind",
            Self::BadSource => "bad-source",
            Self::BadChecksum => "bad-checksum",
            Self::Sent => "sent",
            Self::SentBySocket => "sent-by-socket",
            Self::SendFull => "send-full",
            Self::Lost => "lost",
        }
    }
}

impl From<Bad> for RingCount {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Length => Self::BadLength,
            Bad::Kind => Self::BadKind,
            Bad::Source => Self::BadSource,
            Bad::Checksum => Self::BadChecksum,
        }
    }
}

/// The counters.
#[derive(Debug, Default)]
pub struct RingCounters([AtomicU64; RingCount::ALL.len()]);

impl RingCounters {
    /// How many there were.
    pub fn count(&self, what: RingCount) -> u64 {
        self.0[what as usize].load(Relaxed)
    }

    /// Adds; for the worker only.
    #[inline]
    pub(super) fn add(&self, what: RingCount, n: u64) {
        self.set(what, self.count(what).wrapping_add(n));
    }

    /// Sets; for the worker only.
    #[inline]
    pub(super) fn set(&self, what: RingCount, n: u64) {
        self.0[what as usize].store(n, Relaxed);
    }
}
