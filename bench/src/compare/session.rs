//! One daemon, calls on it, and trials at rates: each with the processor time that it cost the relay's core.

use std::time::Duration;

use anyhow::Result;

use super::lab::UnderTest;
use super::measure::{Media, connect};
use super::rows::Figure;
use crate::calls::Terms;
use crate::media::flows::Talk;
use crate::media::generator::Trial;
use crate::media::payload::Payload;
use crate::media::search::Range;
use crate::plot::Point;
use crate::report::median;
use crate::rtp_load::{MediaLoad, SEARCH, Setup, Stage};

/// Length of one trial of a search.
const TRIAL: Duration = Duration::from_millis(400);
/// Endpoint learning takes three seconds; before that a relay does more work per packet.
const SETTLING: Duration = Duration::from_millis(3_300);

/// Trials of which [`Session::steady`] takes the middle.
pub(crate) const PARTS: u32 = 5;

/// Calls on a relay.
pub(crate) struct Session<'a> {
    relay: &'a UnderTest,
    load: MediaLoad,
    /// Every trial so far.
    pub(crate) points: Vec<Point>,
    pub(crate) dead_after_overload: u64,
}

/// The processor time of the relay's core at one moment, ns: process, and kernel threads.
#[derive(Clone, Copy, Default)]
struct Spent(u64, u64);

impl<'a> Session<'a> {
    /// Sets calls up and lets them settle.
    pub(crate) fn open(relay: &'a UnderTest, calls: usize, media: Media) -> Result<Self> {
        Self::open_with(relay, calls, media.terms())
    }

    /// The same with terms of one's own.
    pub(crate) fn open_with(relay: &'a UnderTest, calls: usize, terms: Terms) -> Result<Self> {
        let setup = Setup {
            calls,
            local: relay.local,
            sockets: 1,
            device: Some(relay.device.clone()),
            terms,
            talk: Talk::Made(Payload::default()),
        };
        let mut load = MediaLoad::new(connect(relay)?, setup)?;
        load.warm_up(SETTLING)?;
        Ok(Self {
            relay,
            load,
            points: Vec::new(),
            dead_after_overload: 0,
        })
    }

    /// One trial.
    pub(crate) fn trial(&mut self, rate: f64, seconds: f64) -> Result<(Trial, Point)> {
        let before = spent(self.relay)?;
        let trial = self.load.trial(rate, Duration::from_secs_f64(seconds))?;
        let point = point(&trial, self.load.latency(), before, spent(self.relay)?);
        self.points.push(point);
        Ok((trial, point))
    }

    /// One trial, and the processor time that it took in all, ns.
    pub(crate) fn measured(&mut self, rate: f64, seconds: f64) -> Result<(Trial, u64)> {
        let before = spent(self.relay)?;
        let trial = self.load.trial(rate, Duration::from_secs_f64(seconds))?;
        let after = spent(self.relay)?;
        Ok((trial, after.0 + after.1 - before.0 - before.1))
    }

    /// Several trials at a rate, no packet left out of any, and of each figure the one in the middle: a machine that
    /// stands still for some milliseconds, as virtual ones do, spoils the 99th percentile of one trial, not of most.
    pub(crate) fn steady(&mut self, rate: f64, seconds: f64) -> Result<Point> {
        let parts = (0..PARTS).map(|_| Ok(self.trial(rate, seconds / f64::from(PARTS))?.1));
        let points = parts.collect::<Result<Vec<_>>>()?;
        let middle = |figure: fn(&Point) -> f64| {
            median(&points.iter().map(figure).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        Ok(Point {
            rate: middle(|point| point.rate),
            loss: middle(|point| point.loss),
            p50_us: middle(|point| point.p50_us),
            p99_us: middle(|point| point.p99_us),
            p99_9_us: middle(|point| point.p99_9_us),
            cpu_ns: Some(middle(|point| point.cpu_ns.unwrap_or(f64::NAN))),
        })
    }

    /// From now on also sends datagrams of nobody to random ports of the relay; none if the rate is 0.
    pub(crate) fn spray(&mut self, rate: f64, ports: (u16, u16)) -> Result<()> {
        self.load.spray(rate, ports)
    }

    /// Packets/s of all calls in real time.
    pub(crate) fn real_time(&self) -> f64 {
        self.load.real_time()
    }

    /// The highest rate that is carried, looked for from `from` on.
    pub(crate) fn highest(&mut self, from: f64) -> Result<Figure> {
        let range = Range { from, ..SEARCH };
        let (relay, points) = (self.relay, &mut self.points);
        let (mut before, mut best): (Spent, Option<Point>) = (Spent::default(), None);
        let found = self.load.search(range, TRIAL, &mut |stage| {
            match stage {
                Stage::Begins => before = spent(relay)?,
                Stage::Ended(trial, latency) => {
                    let point = point(trial, latency, before, spent(relay)?);
                    eprintln!("    {}", line(trial, &point));
                    let passed = trial.carried() && trial.generator_kept_up();
                    if passed && best.is_none_or(|best| best.rate < point.rate) {
                        best = Some(point);
                    }
                    points.push(point);
                }
            }
            Ok(())
        })?;
        self.dead_after_overload = self.dead_after_overload.max(found.dead_after_overload);
        Ok(Figure {
            value: found.rate,
            ns: best.and_then(|point| point.cpu_ns),
            generator_bound: found.generator_bound,
        })
    }
}

fn spent(relay: &UnderTest) -> Result<Spent> {
    let (process, pollers) = relay.cpu_ns()?;
    Ok(Spent(process, pollers))
}

fn point(trial: &Trial, latency: &crate::hist::Latency, before: Spent, after: Spent) -> Point {
    let spent = after.0 + after.1 - before.0 - before.1;
    let packets = trial.totals.received.max(1);
    Point {
        cpu_ns: Some(spent as f64 / packets as f64),
        ..Point::of(trial, latency)
    }
}

fn line(trial: &Trial, point: &Point) -> String {
    let kept = if trial.generator_kept_up() {
        ""
    } else {
        " (generator behind)"
    };
    format!(
        "{:>9.0} packets/s: refused {}, loss {:.3} %, backlog {:.0} ms, p99 {:.0} µs, {:.0} ns per packet{kept}",
        point.rate,
        trial.refused,
        point.loss * 100.0,
        trial.backlog * 1_000.0,
        point.p99_us,
        point.cpu_ns.unwrap_or(0.0),
    )
}
