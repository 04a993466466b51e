//! Ctrl-C and SIGTERM: noted here, acted upon wherever a loop asks, so that everything is cleaned up on the way out.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Result, bail};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on, SIGINT and SIGTERM only set a flag. A second one ends the process. And a reader of our output that
/// goes away ends us quietly, as it does most programs.
pub(crate) fn catch_interrupts() {
    // SAFETY: sets the default action, no handler of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: `note` is async-signal-safe: one atomic store and a call to `signal`, which POSIX allows there.
        unsafe { libc::signal(signal, note as *const () as libc::sighandler_t) };
    }
}

/// An error if the user wants to stop.
pub(crate) fn check() -> Result<()> {
    if INTERRUPTED.load(Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}

/// Whether the user wants to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Relaxed)
}

/// Lets what cleans up after an interrupt run to its end.
pub(crate) fn forget() {
    INTERRUPTED.store(false, Relaxed);
}

extern "C" fn note(signal: libc::c_int) {
    INTERRUPTED.store(true, Relaxed);
    // SAFETY: resetting a handler is async-signal-safe.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}
