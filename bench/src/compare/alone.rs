//! What is measured without the peer: the generator, ours with many calls, ours by each path beside the others.

use anyhow::Result;
use serde_json::json;

use super::lab::MEDIA_PORTS;
use super::measure::{self, Media};
use super::session::Session;
use super::{Run, wanted};
use crate::calls::Terms;

/// Calls of the comparison with itself, and the ports that they need.
const SCALE_CALLS: [usize; 2] = [1_000, 10_000];
const SCALE_PORTS: (u16, u16) = (10_000, 60_000);
/// Files that a process needs beside those of its calls.
const SPARE_FILES: usize = 500;
/// Packets/s at which those are compared.
const SCALE_RATES: [(&str, f64); 2] = [("native", 500_000.0), ("off", 100_000.0)];
/// Packets/s that every path carries, and that every path in the kernel carries.
const ORDER_RATES: [f64; 2] = [250_000.0, 900_000.0];

impl Run<'_> {
    /// How fast the generator is itself.
    pub(super) fn ceiling(&mut self) -> Result<()> {
        let calls = self.options.calls.first().copied().unwrap_or(100);
        for media in [Media::Plain, Media::Bridged, Media::Reencrypted] {
            eprintln!("the generator's own limit, {}", media.name());
            let (limit, p99_us) = self
                .lab
                .with_reflector(|reflector| measure::ceiling(reflector, calls, media))?;
            self.ceilings.push(json!({
                "media": media.name(),
                "calls": calls,
                "packets_per_second": limit,
                "p99_us_at_half": p99_us,
            }));
        }
        Ok(())
    }

    /// What a packet costs with many calls, beside fewer. RTP and RTCP share ports: that takes the fewest files.
    pub(super) fn scale(&mut self) -> Result<()> {
        let terms = Terms {
            mux: true,
            ..Media::Plain.terms()
        };
        let seconds = self.options.seconds;
        for (path, rate) in SCALE_RATES {
            let (kind, candidate) = (wanted::scale(path), self.ours(path));
            let row = (&kind, None);
            let per_call = self.measure(&candidate, SCALE_PORTS, row, |relay| {
                measure::descriptors(relay, terms)
            })?;
            let Some(per_call) = per_call else { continue };
            // The generator holds a socket for each party.
            let possible = self.files.saturating_sub(SPARE_FILES) / per_call.max(2);
            let [few, many] = SCALE_CALLS.map(|calls| calls.min(possible));
            for calls in [few, many] {
                let row = (&kind, Some(many));
                let seen = self.measure(&candidate, SCALE_PORTS, row, |relay| {
                    let mut session = Session::open_with(relay, calls, terms)?;
                    // So many flows take a while until each is where it belongs.
                    session.trial(rate, 1.0)?;
                    session.trial(rate, seconds)
                })?;
                let Some((trial, point)) = seen else { continue };
                self.rows
                    .add(&kind, Some(many), calls == many, point.cpu_ns.unwrap_or(0.0));
                let limit = if many < SCALE_CALLS[1] {
                    format!(
                        "; {} open files, {per_call} per call, allow no more calls",
                        self.files
                    )
                } else {
                    String::new()
                };
                let loss = trial.totals.loss() * 100.0;
                let note = format!("at {:.0} packets/s, loss {loss:.2} %{limit}", point.rate);
                self.rows.note(&kind, Some(many), &note);
            }
        }
        Ok(())
    }

    /// Ours by each path at the same rate: the order in which `--offload=auto` tries them.
    pub(super) fn order(&mut self) -> Result<()> {
        let calls = self.options.calls.first().copied().unwrap_or(100);
        let seconds = self.options.seconds;
        for path in ["native", "tc", "generic", "afxdp", "off"] {
            let kind = wanted::order(path);
            let in_kernel = !matches!(path, "afxdp" | "off");
            let rates = &ORDER_RATES[..if in_kernel { 2 } else { 1 }];
            let row = (&kind, Some(calls));
            let points = self.measure(&self.ours(path), MEDIA_PORTS, row, |relay| {
                let mut session = Session::open(relay, calls, Media::Plain)?;
                let steady = rates.iter().map(|rate| session.steady(*rate, seconds));
                steady.collect::<Result<Vec<_>>>()
            })?;
            let points = points.unwrap_or_default();
            if let Some(ns) = points.first().and_then(|point| point.cpu_ns) {
                self.rows.add(&kind, Some(calls), true, ns);
            }
            let told = points.iter().map(|point| {
                let (rate, ns) = (point.rate, point.cpu_ns.unwrap_or(0.0));
                let (p99, loss) = (point.p99_us, point.loss * 100.0);
                format!("{ns:.0} ns, p99 {p99:.0} µs, loss {loss:.2} % at {rate:.0} packets/s")
            });
            let told = told.collect::<Vec<_>>().join("; ");
            if !told.is_empty() {
                self.rows.note(&kind, Some(calls), &told);
            }
        }
        Ok(())
    }
}
