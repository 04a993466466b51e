//! What relays must survive: more than they can carry, a pause, and a spray of datagrams that are nobody's.

use std::time::Duration;

use anyhow::Result;

use super::lab::{Candidate, MEDIA_PORTS, UnderTest};
use super::measure::Media;
use super::session::Session;
use super::{Run, SLOW_FROM, wanted};

/// How long the overload lasts, seconds.
const OVERLOAD: f64 = 10.0;
/// How long the relay stands still.
const PAUSE: Duration = Duration::from_millis(150);
/// Datagrams/s of a spray.
const SPRAYS: [f64; 2] = [20_000.0, 50_000.0];
/// The relay's ports under a spray: few, so that many of them belong to calls.
const SPRAYED_PORTS: (u16, u16) = (20_000, 20_999);

/// What an overload left behind.
struct Left {
    dead_flows: u64,
    /// Percent.
    loss: f64,
}

/// What a spray cost.
struct Sprayed {
    /// Percent of the calls' packets.
    loss: f64,
    /// Processor time for each datagram of it, ns.
    ns: f64,
    /// Datagrams of it that were handed to a party.
    reached: u64,
}

impl Run<'_> {
    fn hardened(&self) -> usize {
        self.options.calls.first().copied().unwrap_or(100)
    }

    pub(super) fn overload(&mut self) -> Result<()> {
        let calls = self.hardened();
        let (kind, at) = (wanted::dead_after_overload(), Some(calls));
        for candidate in [self.peer(), self.ours("off")] {
            let known = self.known(&candidate, Media::Plain, calls);
            let left = self.measure(&candidate, MEDIA_PORTS, (&kind, at), |relay| {
                let mut session = Session::open(relay, calls, Media::Plain)?;
                let highest = match known {
                    Some(rate) => rate,
                    None => session.highest(SLOW_FROM)?.value,
                };
                overload(&mut session, highest)
            })?;
            if let Some(left) = left {
                self.rows.add(&kind, at, candidate.ours, left.dead_flows as f64);
                self.rows
                    .add(&wanted::loss_after_overload(), at, candidate.ours, left.loss);
            }
        }
        Ok(())
    }

    pub(super) fn pause(&mut self) -> Result<()> {
        let calls = self.hardened();
        let kind = wanted::lost_in_pause();
        for candidate in [self.peer(), self.ours("off")] {
            let lost = self.measure(&candidate, MEDIA_PORTS, (&kind, Some(calls)), |relay| {
                pause(relay, calls)
            })?;
            if let Some(lost) = lost {
                self.rows.add(&kind, Some(calls), candidate.ours, lost as f64);
            }
        }
        Ok(())
    }

    pub(super) fn spray(&mut self) -> Result<()> {
        let rows =
            ["off", "native"].map(|path| (path, wanted::sprayed_loss(path), wanted::sprayed_cost(path)));
        let candidates: [(Candidate, &[_]); 3] = [
            (self.peer(), &rows),
            (self.ours("off"), &rows[..1]),
            (self.ours("native"), &rows[1..]),
        ];
        let at = Some(self.hardened());
        for (candidate, rows) in candidates {
            let calls = self.hardened();
            let seconds = self.options.seconds;
            let Some((_, first, _)) = rows.first() else {
                continue;
            };
            let seen = self.measure(&candidate, SPRAYED_PORTS, (first, at), |relay| {
                let mut session = Session::open(relay, calls, Media::Plain)?;
                sprays(&mut session, seconds)
            })?;
            let Some(seen) = seen else { continue };
            let loss = seen.iter().map(|sprayed| sprayed.loss).fold(0.0, f64::max);
            for (_, loss_row, cost_row) in rows {
                self.rows.add(loss_row, at, candidate.ours, loss);
                if let Some(most) = seen.last() {
                    self.rows.add(cost_row, at, candidate.ours, most.ns);
                }
                let told = seen
                    .iter()
                    .zip(SPRAYS)
                    .map(|(sprayed, rate)| format!("{:.0} ns at {rate:.0}/s", sprayed.ns));
                let told = told.collect::<Vec<_>>().join(", ");
                let reached: u64 = seen.iter().map(|sprayed| sprayed.reached).sum();
                self.rows.note_more(
                    cost_row,
                    at,
                    &format!("{}: {told}, {reached} reached a party", candidate.name),
                );
            }
        }
        Ok(())
    }
}

/// Twice the highest rate, a second of half of it to recover, and then what half of it looks like.
fn overload(session: &mut Session<'_>, highest: f64) -> Result<Left> {
    session.trial(highest * 2.0, OVERLOAD)?;
    session.trial(highest / 2.0, 1.0)?;
    let (trial, _) = session.trial(highest / 2.0, 1.0)?;
    Ok(Left {
        dead_flows: trial.totals.dead_flows,
        loss: trial.totals.loss() * 100.0,
    })
}

/// Calls in real time, and a relay that stands still for a moment; the packets that were lost.
fn pause(relay: &UnderTest, calls: usize) -> Result<u64> {
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

/// Calls in real time: alone, and under each spray.
fn sprays(session: &mut Session<'_>, seconds: f64) -> Result<Vec<Sprayed>> {
    let rate = session.real_time();
    let alone = session.measured(rate, seconds)?.1;
    SPRAYS
        .iter()
        .map(|spray| {
            session.spray(*spray, SPRAYED_PORTS)?;
            let (trial, spent) = session.measured(rate, seconds)?;
            session.spray(0.0, SPRAYED_PORTS)?;
            eprintln!(
                "    {} datagrams sprayed, {} reached a party, loss {:.3} %",
                trial.sprayed,
                trial.totals.foreign,
                trial.totals.loss() * 100.0
            );
            Ok(Sprayed {
                loss: trial.totals.loss() * 100.0,
                ns: (spent as f64 - alone as f64) / trial.sprayed.max(1) as f64,
                reached: trial.totals.foreign,
            })
        })
        .collect()
}
