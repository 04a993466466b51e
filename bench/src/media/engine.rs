//! One trial: packets out at a rate, packets in, on the calling thread, which does nothing else and never sleeps.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::flows::{Flows, Totals};
use super::io::{Batch, PacketIo};
use super::pacer::Pacer;
use crate::limits::BATCH_PACKETS_MAX;
use crate::sys::{clock, signals};

/// Silence after which nothing more is expected.
const QUIET: Duration = Duration::from_millis(40);
/// Longest wait for the last packets.
const DRAIN_MAX: Duration = Duration::from_millis(600);

/// What a trial showed.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// Packets/s asked for.
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    /// Packets that were never sent because the generator was too far behind its schedule.
    pub(crate) forgiven: u64,
    pub(crate) totals: Totals,
}

impl Trial {
    /// Packets/s that really left.
    pub(crate) fn sent_rate(&self) -> f64 {
        self.totals.sent as f64 / self.seconds
    }

    /// Whether the generator kept up, so that the result speaks of the relay.
    pub(crate) fn generator_kept_up(&self) -> bool {
        self.sent_rate() >= 0.98 * self.rate
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "rate": self.rate,
            "sent_rate": self.sent_rate(),
            "seconds": self.seconds,
            "never_sent": self.forgiven,
            "packets": self.totals.json(),
        })
    }
}

/// Sends at `rate` packets/s over all flows for `duration`, then waits for what is still under way.
pub(crate) fn run(flows: &mut Flows, io: &mut dyn PacketIo, rate: f64, duration: Duration) -> Result<Trial> {
    flows.start_trial();
    let mut batch = Batch::new();
    let mut pacer = Pacer::new(rate);
    let start = Instant::now();
    loop {
        let elapsed = start.elapsed();
        if elapsed >= duration {
            break;
        }
        let due = pacer.due(elapsed.as_nanos() as u64).min(BATCH_PACKETS_MAX as u64) as usize;
        if due > 0 {
            fill(&mut batch, flows, due);
            io.send(&batch)?;
            pacer.sent(due as u64);
        }
        receive(flows, io)?;
        signals::check()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    drain(flows, io)?;
    Ok(Trial {
        forgiven: pacer.forgiven(),
        rate,
        seconds,
        totals: flows.totals(),
    })
}

fn fill(batch: &mut Batch, flows: &mut Flows, packets: usize) {
    batch.fill(packets, |bytes| flows.next_packet(bytes, clock::now_ns()));
}

fn receive(flows: &mut Flows, io: &mut dyn PacketIo) -> Result<usize> {
    io.receive(&mut |from, to, bytes, at_ns| flows.receive(from, to, bytes, at_ns))
}

fn drain(flows: &mut Flows, io: &mut dyn PacketIo) -> Result<()> {
    let start = Instant::now();
    let mut last = start;
    while last.elapsed() < QUIET && start.elapsed() < DRAIN_MAX {
        if receive(flows, io)? > 0 {
            last = Instant::now();
        }
    }
    Ok(())
}
