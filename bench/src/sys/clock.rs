//! Clocks in nanoseconds.

/// Nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// Nanoseconds since the machine started, as BPF programs tell them.
pub(crate) fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writes and both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
