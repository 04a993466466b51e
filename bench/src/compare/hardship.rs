//! What relays must survive: more than they can carry, and a pause.

use std::time::Duration;

use anyhow::Result;

use super::lab::UnderTest;
use super::measure::Media;
use super::session::Session;

/// How long the overload lasts, seconds.
const OVERLOAD: f64 = 10.0;
/// How long the relay stands still.
const PAUSE: Duration = Duration::from_millis(150);

/// What an overload left behind.
pub(crate) struct Left {
    pub(crate) dead_flows: u64,
    /// Percent.
    pub(crate) loss: f64,
}

/// Twice the highest rate, a second of half of it to recover, and then what half of it looks like.
pub(crate) fn overload(relay: &UnderTest, calls: usize, highest: f64) -> Result<Left> {
    let mut session = Session::open(relay, calls, Media::Plain)?;
    session.trial(highest * 2.0, OVERLOAD)?;
    session.trial(highest / 2.0, 1.0)?;
    let (trial, _) = session.trial(highest / 2.0, 1.0)?;
    Ok(Left {
        dead_flows: trial.totals.dead_flows,
        loss: trial.totals.loss() * 100.0,
    })
}

/// Calls in real time, and a relay that stands still for a moment; the packets that were lost.
pub(crate) fn pause(relay: &UnderTest, calls: usize) -> Result<u64> {
    let mut session = Session::open(relay, calls, Media::Plain)?;
    let pid = i32::try_from(relay.pid)?;
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        // SAFETY: touches no memory; the relay is our child and has not been waited for.
        unsafe { libc::kill(pid, libc::SIGSTOP) };
        std::thread::sleep(PAUSE);
        // SAFETY: as above.
        unsafe { libc::kill(pid, libc::SIGCONT) };
    });
    let (trial, _) = session.trial(session.real_time(), 1.5)?;
    let stopped = stopper.join();
    assert!(stopped.is_ok(), "the thread that stops the relay can't panic");
    Ok(trial.totals.lost())
}
