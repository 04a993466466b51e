//! Bounds of what configuration may be.

/// Bytes of a configuration file.
pub(super) const FILE_BYTES_MAX: usize = 4 << 20;

/// Local addresses for media.
pub(super) const INTERFACE_ADDRESSES_MAX: usize = 4096;

/// Packet workers.
pub(super) const THREADS_MAX: i64 = 1024;

/// Longest pause of a worker for packets to gather, in microseconds: more would be heard.
pub(super) const WAKE_DELAY_US_MAX: i64 = 5_000;

/// Receive buffers of one worker's ring.
pub(super) const URING_BUFFERS_MAX: u16 = 1024;
