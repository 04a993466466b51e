//! Packets out at a rate and packets in on the calling thread, which does nothing else and never sleeps.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::flows::Flows;
use super::generator::{Generator, LOOK, Moment, Next, Trial, Watch};
use super::io::{Batch, PacketIo};
use super::pacer::Pacer;
use crate::hist::Latency;
use crate::limits::BATCH_PACKETS_MAX;
use crate::sys::{clock, signals};

/// Silence after which nothing more is expected.
pub(crate) const QUIET: Duration = Duration::from_millis(40);
/// Longest wait for the last packets.
pub(crate) const DRAIN_MAX: Duration = Duration::from_millis(600);

/// Flows through sockets.
pub(crate) struct Paced<I> {
    flows: Flows,
    io: I,
}

impl<I: PacketIo> Paced<I> {
    pub(crate) fn new(flows: Flows, io: I) -> Self {
        Self { flows, io }
    }

    fn receive(&mut self) -> Result<usize> {
        let flows = &mut self.flows;
        self.io
            .receive(&mut |from, to, bytes, at_ns| flows.receive(from, to, bytes, at_ns))
    }

    /// Takes in what is still under way; returns how long that took but for the silence at its end, seconds.
    fn drain(&mut self) -> Result<f64> {
        let start = Instant::now();
        let mut last = start;
        while last.elapsed() < QUIET && start.elapsed() < DRAIN_MAX {
            if self.receive()? > 0 {
                last = Instant::now();
            }
        }
        Ok((last - start).as_secs_f64())
    }

    fn moment(&self, elapsed: Duration, rate: f64) -> Moment {
        let totals = self.flows.totals();
        Moment {
            elapsed,
            rate,
            sent: totals.sent,
            received: totals.received,
        }
    }
}

impl<I: PacketIo> Generator for Paced<I> {
    fn trial(&mut self, rate: f64, duration: Duration, watch: &mut Watch<'_>) -> Result<Trial> {
        self.flows.start_trial();
        let mut batch = Batch::new();
        let mut pacer = Pacer::new(rate);
        let start = Instant::now();
        let mut look = LOOK;
        loop {
            let elapsed = start.elapsed();
            if elapsed >= duration {
                break;
            }
            let due = pacer.due(elapsed.as_nanos() as u64).min(BATCH_PACKETS_MAX as u64) as usize;
            if due > 0 {
                let flows = &mut self.flows;
                batch.fill(due, |bytes| flows.next_packet(bytes, clock::now_ns()));
                self.io.send(&batch)?;
                pacer.sent(due as u64);
            }
            self.receive()?;
            signals::check()?;
            if elapsed >= look {
                look += LOOK;
                match watch(self.moment(elapsed, pacer.rate())) {
                    Next::Rate(rate) => pacer.set_rate(rate, elapsed.as_nanos() as u64),
                    Next::Stop => break,
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let backlog = self.drain()?;
        Ok(Trial {
            backlog,
            refused: 0,
            forgiven: pacer.forgiven(),
            rate: pacer.rate(),
            seconds,
            sprayed: 0,
            totals: self.flows.totals(),
        })
    }

    fn latency(&self) -> &Latency {
        self.flows.latency()
    }

    fn flow_count(&self) -> usize {
        self.flows.len()
    }

    fn name(&self) -> &'static str {
        "sockets"
    }
}
