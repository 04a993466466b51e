//! Bounds of what configuration may be.

/// Bytes of a configuration file.
pub(super) const FILE_BYTES_MAX: usize = 4 << 20;

/// Local addresses for media.
pub(super) const INTERFACE_ADDRESSES_MAX: usize = 4096;

/// Packet workers.
pub(super) const THREADS_MAX: i64 = 1024;
