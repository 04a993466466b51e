//! What every way of sending and receiving does: trials at a rate.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::flows::Totals;
use crate::hist::Latency;

/// Time between two looks at a trial that runs.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// The loss that still counts as none.
pub(crate) const LOSS_MAX: f64 = 0.001;
/// Share of a trial that packets may stand in buffers at its end.
const BACKLOG_MAX: f64 = 0.03;
/// Time that the last packets need in any case, seconds.
const BACKLOG_GRACE: f64 = 0.005;

/// What a trial showed.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// Packets/s asked for.
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    /// Packets that were never sent because the generator was too far behind its schedule.
    pub(crate) forgiven: u64,
    /// Packets that the network device refused, where that can be seen; they count as never sent.
    pub(crate) refused: u64,
    /// Datagrams of nobody that were sent beside the flows.
    pub(crate) sprayed: u64,
    pub(crate) totals: Totals,
    /// How long after the last packet was sent the last one arrived, seconds: a relay that forwards less than it gets
    /// fills its buffers first, and loses nothing until they are full.
    pub(crate) backlog: f64,
}

impl Trial {
    /// Whether the relay carried the rate for good: next to nothing was lost, and next to nothing stood in its buffers.
    pub(crate) fn carried(&self) -> bool {
        self.totals.loss() <= LOSS_MAX && self.backlog <= BACKLOG_MAX * self.seconds + BACKLOG_GRACE
    }

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
            "refused_by_device": self.refused,
            "backlog_seconds": self.backlog,
            "packets": self.totals.json(),
        })
    }
}

/// How a trial stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) elapsed: Duration,
    /// Packets/s asked for at the moment.
    pub(crate) rate: f64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// What to do on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// Go on at this rate, packets/s.
    Rate(f64),
    /// Send nothing more, and end the trial.
    Stop,
}

/// Somebody who watches a trial, about four times a second.
pub(crate) type Watch<'a> = dyn FnMut(Moment) -> Next + 'a;

/// Nobody does.
pub(crate) fn unwatched(moment: Moment) -> Next {
    Next::Rate(moment.rate)
}

/// Flows, and the means to send and receive on them.
pub(crate) trait Generator {
    /// Sends at `rate` packets/s over all flows for `duration`, then waits for what is still under way.
    fn trial(&mut self, rate: f64, duration: Duration, watch: &mut Watch<'_>) -> Result<Trial>;

    /// From now on also sends that many datagrams/s with random bytes and source ports to random ports of a range of the
    /// relay's; none if the rate is 0.
    fn spray(&mut self, _rate: f64, _ports: (u16, u16)) -> Result<()> {
        bail!("only a generator past the sockets can spray")
    }

    /// Latencies of the last trial.
    fn latency(&self) -> &Latency;

    fn flow_count(&self) -> usize;

    /// How it sends, for people.
    fn name(&self) -> &'static str;
}

/// No flows; stands in while they are made anew.
pub(crate) struct Silent(Latency);

impl Silent {
    pub(crate) fn new() -> Self {
        Self(Latency::new())
    }
}

impl Generator for Silent {
    fn trial(&mut self, _: f64, _: Duration, _: &mut Watch<'_>) -> Result<Trial> {
        bail!("there are no flows")
    }

    fn latency(&self) -> &Latency {
        &self.0
    }

    fn flow_count(&self) -> usize {
        0
    }

    fn name(&self) -> &'static str {
        "nothing"
    }
}
