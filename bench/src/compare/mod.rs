//! Two relays side by side: the same measurements, alternating, in one run, one core each.
//!
//! Absolute figures move with whatever else a machine does; ratios taken like this hold better.

mod alone;
mod both;
mod hardship;
mod lab;
mod machine;
mod measure;
mod relay;
mod rows;
mod save;
mod session;
mod wanted;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::{self, Measurement};
use crate::plot::Curve;
use crate::sys::{process, signals};
use lab::{Candidate, Lab, UnderTest};
use measure::Media;
use rows::{Kind, Rows};

/// Where the search of a path over sockets begins, packets/s.
const SLOW_FROM: f64 = 60_000.0;

/// Runs `compare`.
pub(crate) fn run(options: &cli::Compare) -> Result<bool> {
    let files = process::allow_many_files()?;
    let ours = options.ours.clone().map_or_else(beside_this_program, Ok)?;
    let machine = machine::describe(&[&options.peer, &ours]);
    let mut run = Run {
        lab: Lab::build(options.relay_core, options.generator_core)?,
        options,
        ours,
        files,
        rows: Rows::default(),
        curves: Vec::new(),
        ceilings: Vec::new(),
        rounds: 0,
        highest: Vec::new(),
    };
    run.all()?;
    run.finish(&machine)
}

struct Run<'a> {
    options: &'a cli::Compare,
    lab: Lab,
    ours: PathBuf,
    /// Files that a relay may have open.
    files: usize,
    rows: Rows,
    /// Every trial, by relay, path, media and calls.
    curves: Vec<(Media, Curve)>,
    ceilings: Vec<Value>,
    /// Rounds so far.
    rounds: usize,
    /// What was found, packets/s, so that the next round looks there first.
    highest: Vec<(String, f64)>,
}

impl Run<'_> {
    fn wants(&self, parts: &[Measurement]) -> bool {
        let only = &self.options.only;
        only.is_empty() || parts.iter().any(|part| only.contains(part))
    }

    fn peer(&self) -> Candidate {
        Candidate {
            program: self.options.peer.clone(),
            more: Vec::new(),
            ours: false,
            name: "peer",
        }
    }

    /// Ours by one path.
    fn ours(&self, path: &str) -> Candidate {
        let mut more = self.options.ours_options.clone();
        more.push(format!("--offload={path}"));
        let name = match path {
            "native" => "ours over XDP",
            "tc" => "ours over tc",
            "generic" => "ours over generic XDP",
            "afxdp" => "ours over AF_XDP",
            _ => "ours over sockets",
        };
        Candidate {
            program: self.ours.clone(),
            more,
            ours: true,
            name,
        }
    }

    fn all(&mut self) -> Result<()> {
        use Measurement::{Ceiling, Order, Overload, Pause, Scale, Spray};
        let began = Instant::now();
        if self.wants(&[Ceiling]) {
            self.ceiling()?;
        }
        let first = Instant::now();
        self.round()?;
        let takes = first.elapsed();
        if self.wants(&[Scale]) {
            self.scale()?;
        }
        if self.wants(&[Order]) {
            self.order()?;
        }
        if self.wants(&[Spray]) {
            self.spray()?;
        }
        if self.wants(&[Overload]) {
            self.overload()?;
        }
        if self.wants(&[Pause]) {
            self.pause()?;
        }
        for _ in 1..self.options.rounds {
            if began.elapsed() + takes > Duration::from_secs_f64(self.options.minutes * 60.0) {
                eprintln!("no time for a further round");
                break;
            }
            self.round()?;
        }
        Ok(())
    }

    /// What is measured once a round, of both relays in turn.
    fn round(&mut self) -> Result<()> {
        use Measurement::{Afxdp, Control, Idle, Latency, Partial, Plain, Srtp, Xdp};
        self.rounds += 1;
        eprintln!("round {} of {}", self.rounds, self.options.rounds);
        if self.wants(&[Idle, Control]) {
            self.control()?;
        }
        for calls in self.options.calls.clone() {
            if self.wants(&[Plain, Partial, Latency, Xdp]) {
                self.plain(calls)?;
            }
            if self.wants(&[Srtp, Afxdp]) {
                self.srtp(Media::Bridged, calls)?;
                self.srtp(Media::Reencrypted, calls)?;
            }
        }
        Ok(())
    }

    /// What a relay carried before, packets/s.
    fn known(&self, candidate: &Candidate, media: Media, calls: usize) -> Option<f64> {
        let key = key(candidate, media, calls);
        let found = self.highest.iter().rev().find(|(known, _)| *known == key);
        found.map(|(_, rate)| *rate)
    }

    /// Runs a measurement; one that fails is a remark in its row, and the others go on.
    fn measure<T: Send>(
        &mut self,
        candidate: &Candidate,
        ports: (u16, u16),
        (kind, calls): (&Kind, Option<usize>),
        act: impl FnOnce(&UnderTest) -> Result<T> + Send,
    ) -> Result<Option<T>> {
        let calls_text = calls.map_or(String::new(), |calls| format!(", {calls} calls"));
        eprintln!("  {}: {}{calls_text}", candidate.name, kind.name);
        match self.lab.with_relay(candidate, ports, act) {
            Ok(seen) => Ok(Some(seen)),
            Err(error) => {
                signals::check()?;
                eprintln!("    failed: {error:#}");
                self.rows
                    .note(kind, calls, &format!("{} failed: {error:#}", candidate.name));
                Ok(None)
            }
        }
    }
}

/// What a curve is called.
fn key(candidate: &Candidate, media: Media, calls: usize) -> String {
    format!("{}, {}, {calls} calls", candidate.name, media.name())
}

fn beside_this_program() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here
        .parent()
        .context("this program is in no folder")?
        .join("patchbay"))
}
