//! Two relays side by side: the same measurements, alternating, in one run, one core each.
//!
//! Absolute figures move with whatever else a machine does; ratios taken like this hold better.

mod hardship;
mod lab;
mod machine;
mod measure;
mod relay;
mod rows;
mod session;
mod wanted;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cli::{self, Measurement};
use crate::plot::{self, Curve, Point};
use crate::sys::{process, signals};
use lab::{Candidate, Lab, MEDIA_PORTS, UnderTest};
use measure::Media;
use rows::{Figure, Kind, Rows};
use session::Session;

/// A machine that is not overloaded.
const PARTIAL_SHARE: f64 = 0.3;
const HALF: f64 = 0.5;
/// Where the search of a path in the kernel begins, packets/s.
const FAST_FROM: f64 = 300_000.0;
const SLOW_FROM: f64 = 60_000.0;
/// Calls of the comparison with itself, and the ports that they need.
const SCALE_CALLS: [usize; 2] = [1_000, 10_000];
/// Files that a relay needs beside its ports.
const SPARE_FILES: usize = 500;
const SCALE_PORTS: (u16, u16) = (10_000, 60_000);
/// Packets/s at which those are compared.
const SCALE_RATES: [(&str, f64); 2] = [("xdp", 500_000.0), ("off", 100_000.0)];

/// Runs `compare`.
pub(crate) fn run(options: &cli::Compare) -> Result<bool> {
    let files = process::allow_many_files()?;
    let ours = options.ours.clone().map_or_else(beside_this_program, Ok)?;
    let machine = machine::describe(&[&options.peer, &ours]);
    let mut run = Run {
        lab: Lab::build(options.relay_core, options.generator_core)?,
        options,
        ours,
        // Two ports for each party of a call.
        calls_max: files.saturating_sub(SPARE_FILES) / 4,
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
    /// Calls for which a relay may have open files.
    calls_max: usize,
    rows: Rows,
    /// Every trial, by relay, path, media and calls.
    curves: Vec<(Media, Curve)>,
    ceilings: Vec<Value>,
    /// Rounds so far.
    rounds: usize,
    /// What was found, packets/s, so that the next round looks there first.
    highest: Vec<(String, f64)>,
}

/// What a session showed.
struct Seen {
    highest: Figure,
    /// At the rates that were asked for, after the search.
    points: Vec<Point>,
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
        use Measurement::{Ceiling, Overload, Pause, Scale};
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

    fn ceiling(&mut self) -> Result<()> {
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

    fn control(&mut self) -> Result<()> {
        let (idle_calls, seconds) = (self.options.idle_calls, self.options.seconds);
        for candidate in [self.peer(), self.ours("off")] {
            let ours = candidate.ours;
            if self.wants(&[Measurement::Idle]) {
                let row = (&wanted::memory(), None);
                let idle = self.measure(&candidate, MEDIA_PORTS, row, |relay| {
                    measure::idle(relay, idle_calls)
                })?;
                if let Some(idle) = idle {
                    self.rows.add(&wanted::memory(), None, ours, idle.rss_kb);
                    self.rows
                        .add(&wanted::memory_empty(), None, ours, idle.empty_rss_kb);
                    self.rows
                        .add(&wanted::descriptors(), None, ours, idle.descriptors);
                }
            }
            if self.wants(&[Measurement::Control]) {
                let row = (&wanted::control(), None);
                let cycles = self.measure(&candidate, MEDIA_PORTS, row, |relay| {
                    measure::cycles(relay, seconds)
                })?;
                if let Some((outcome, _, all_us)) = cycles {
                    self.rows
                        .add(&wanted::control(), None, ours, outcome.per_second());
                    self.rows
                        .add(&wanted::control_p99(), None, ours, outcome.answer_us(0.99));
                    self.rows.add(&wanted::control_cpu(), None, ours, all_us);
                }
            }
        }
        Ok(())
    }

    /// Searches for the highest rate, then tries the rates that `rates` makes of it.
    fn search(
        &mut self,
        candidate: &Candidate,
        (media, calls): (Media, usize),
        kind: &Kind,
        rates: impl FnOnce(f64) -> Vec<f64> + Send,
    ) -> Result<Option<Seen>> {
        let key = format!("{}, {}, {calls} calls", candidate.name, media.name());
        let known = self.highest.iter().rev().find(|(known, _)| *known == key);
        let first = if candidate.more.last().is_some_and(|path| path.ends_with("native")) {
            FAST_FROM
        } else {
            SLOW_FROM
        };
        let from = known.map_or(first, |(_, rate)| rate * 0.8);
        let seconds = self.options.seconds;
        let seen = self.measure(candidate, MEDIA_PORTS, (kind, Some(calls)), |relay| {
            let mut session = Session::open(relay, calls, media)?;
            let highest = session.highest(from)?;
            let rates = rates(highest.value).into_iter().filter(|rate| *rate > 0.0);
            let points = rates
                .map(|rate| Ok(session.trial(rate, seconds)?.1))
                .collect::<Result<Vec<_>>>()?;
            Ok((
                Seen { highest, points },
                session.points,
                session.dead_after_overload,
            ))
        })?;
        let Some((seen, all, dead)) = seen else {
            return Ok(None);
        };
        self.highest.push((key.clone(), seen.highest.value));
        match self.curves.iter_mut().find(|(_, curve)| curve.name == key) {
            Some((_, curve)) => curve.points.extend(all),
            None => self.curves.push((
                media,
                Curve {
                    name: key,
                    points: all,
                },
            )),
        }
        let by_kernel = |option: &String| option.ends_with("native") || option.ends_with("afxdp");
        let part = if media == Media::Plain {
            Measurement::Plain
        } else {
            Measurement::Srtp
        };
        if self.wants(&[part]) && !candidate.more.iter().any(by_kernel) {
            let kind = wanted::dead_after_search(media);
            self.rows.add(&kind, Some(calls), candidate.ours, dead as f64);
        }
        Ok(Some(seen))
    }

    /// Plain RTP: highest rates, processor time, latency.
    fn plain(&mut self, calls: usize) -> Result<()> {
        use Measurement::{Latency, Partial, Plain, Xdp};
        let (what, at) = ((Media::Plain, calls), Some(calls));
        let kind = wanted::over_sockets(Media::Plain, calls);
        let shares = |highest: f64| vec![highest * PARTIAL_SHARE, highest * HALF];
        let peer = self.search(&self.peer(), what, &kind, shares)?;
        if let Some(peer) = &peer {
            if self.wants(&[Plain]) {
                self.rows.add(&kind, at, false, peer.highest);
            }
            self.add_shares(calls, false, &peer.points);
        }
        let peers = peer.as_ref().map_or(0.0, |peer| peer.highest.value);
        if self.wants(&[Plain, Partial, Latency]) {
            let ours = self.search(&self.ours("off"), what, &kind, |_| shares(peers))?;
            if let Some(ours) = ours {
                if self.wants(&[Plain]) {
                    self.rows.add(&kind, at, true, ours.highest);
                }
                self.add_shares(calls, true, &ours.points);
            }
        }
        if self.wants(&[Xdp, Latency]) {
            self.plain_over_xdp(calls, peer.as_ref())?;
        }
        Ok(())
    }

    fn add_shares(&mut self, calls: usize, ours: bool, points: &[Point]) {
        let [partial, half] = points else { return };
        if self.wants(&[Measurement::Partial]) {
            self.rows.add(
                &wanted::partial(),
                Some(calls),
                ours,
                partial.cpu_ns.unwrap_or(0.0),
            );
        }
        if self.wants(&[Measurement::Latency]) {
            self.rows
                .add(&wanted::latency_sockets(), Some(calls), ours, half.p99_us);
        }
    }

    fn plain_over_xdp(&mut self, calls: usize, peer: Option<&Seen>) -> Result<()> {
        let (at, kind, latency) = (Some(calls), wanted::over_xdp(calls), wanted::latency_xdp());
        if let Some(peer) = peer {
            if let Some(ns) = peer.highest.ns {
                self.rows.add(&kind, at, false, ns);
            }
            if let [_, half] = &peer.points[..] {
                self.rows.add(&latency, at, false, half.p99_us);
            }
        }
        let ours = self.search(&self.ours("native"), (Media::Plain, calls), &kind, |highest| {
            vec![highest * HALF]
        })?;
        if let Some(ours) = ours {
            if let Some(ns) = ours.highest.ns {
                self.rows.add(&kind, at, true, ns);
            }
            let limit = if ours.highest.generator_bound {
                ", which is the generator's limit"
            } else {
                ""
            };
            let note = format!("ours carried {:.0} packets/s{limit}", ours.highest.value);
            self.rows.note(&kind, at, &note);
            if let Some(half) = ours.points.first() {
                self.rows.add(&latency, at, true, half.p99_us);
                self.rows
                    .note(&latency, at, &format!("ours at {:.0} packets/s", half.rate));
            }
        }
        Ok(())
    }

    /// SRTP over sockets and over rings.
    fn srtp(&mut self, media: Media, calls: usize) -> Result<()> {
        let (sockets, rings) = (
            wanted::over_sockets(media, calls),
            wanted::over_rings(media, calls),
        );
        let at = Some(calls);
        let peer = self.search(&self.peer(), (media, calls), &sockets, |_| vec![])?;
        for (part, kind, path) in [
            (Measurement::Srtp, sockets, "off"),
            (Measurement::Afxdp, rings, "afxdp"),
        ] {
            if !self.wants(&[part]) {
                continue;
            }
            if let Some(peer) = &peer {
                self.rows.add(&kind, at, false, peer.highest);
            }
            if let Some(ours) = self.search(&self.ours(path), (media, calls), &kind, |_| vec![])? {
                self.rows.add(&kind, at, true, ours.highest);
            }
        }
        Ok(())
    }

    /// What a packet costs with many calls, beside fewer; ours alone.
    fn scale(&mut self) -> Result<()> {
        let seconds = self.options.seconds;
        for (path, rate) in SCALE_RATES {
            let kind = wanted::scale(path);
            let candidate = self.ours(if path == "xdp" { "native" } else { path });
            let [few, many] = SCALE_CALLS.map(|calls| calls.min(self.calls_max));
            for calls in [few, many] {
                let seen = self.measure(&candidate, SCALE_PORTS, (&kind, Some(many)), |relay| {
                    let mut session = Session::open(relay, calls, Media::Plain)?;
                    // So many flows take a while until each is where it belongs.
                    session.trial(rate, 1.0)?;
                    session.trial(rate, seconds)
                })?;
                let Some((trial, point)) = seen else { continue };
                self.rows
                    .add(&kind, Some(many), calls == many, point.cpu_ns.unwrap_or(0.0));
                let loss = trial.totals.loss() * 100.0;
                let limit = if many < SCALE_CALLS[1] {
                    "; open files allow no more calls"
                } else {
                    ""
                };
                let note = format!("at {:.0} packets/s, loss {loss:.2} %{limit}", point.rate);
                self.rows.note(&kind, Some(many), &note);
            }
        }
        Ok(())
    }

    fn overload(&mut self) -> Result<()> {
        let calls = self.options.calls.first().copied().unwrap_or(100);
        let kind = wanted::dead_after_overload();
        for candidate in [self.peer(), self.ours("off")] {
            let key = format!("{}, {}, {calls} calls", candidate.name, Media::Plain.name());
            let known = self
                .highest
                .iter()
                .rev()
                .find(|(known, _)| *known == key)
                .map(|(_, rate)| *rate);
            let left = self.measure(&candidate, MEDIA_PORTS, (&kind, Some(calls)), |relay| {
                let highest = match known {
                    Some(rate) => rate,
                    None => {
                        Session::open(relay, calls, Media::Plain)?
                            .highest(SLOW_FROM)?
                            .value
                    }
                };
                hardship::overload(relay, calls, highest)
            })?;
            if let Some(left) = left {
                self.rows
                    .add(&kind, Some(calls), candidate.ours, left.dead_flows as f64);
                self.rows.add(
                    &wanted::loss_after_overload(),
                    Some(calls),
                    candidate.ours,
                    left.loss,
                );
            }
        }
        Ok(())
    }

    fn pause(&mut self) -> Result<()> {
        let calls = self.options.calls.first().copied().unwrap_or(100);
        let kind = wanted::lost_in_pause();
        for candidate in [self.peer(), self.ours("off")] {
            let lost = self.measure(&candidate, MEDIA_PORTS, (&kind, Some(calls)), |relay| {
                hardship::pause(relay, calls)
            })?;
            if let Some(lost) = lost {
                self.rows.add(&kind, Some(calls), candidate.ours, lost as f64);
            }
        }
        Ok(())
    }

    fn finish(self, machine: &Value) -> Result<bool> {
        let curves = self.curves.iter().map(|(media, curve)| {
            let points: Vec<_> = curve.points.iter().map(Point::json).collect();
            json!({ "name": curve.name, "media": media.name(), "points": points })
        });
        let result = json!({
            "machine": machine,
            "calls": self.options.calls,
            "idle_calls": self.options.idle_calls,
            "rounds": self.rounds,
            "seconds": self.options.seconds,
            "generator": self.ceilings,
            "rows": self.rows.json(),
            "curves": curves.collect::<Vec<_>>(),
        });
        let table = self.rows.table();
        if self.options.json {
            println!("{result:#}");
        } else {
            println!("\n{table}");
        }
        if let Some(folder) = &self.options.out {
            let plain = self.curves.iter().filter(|(media, _)| *media == Media::Plain);
            let plain: Vec<_> = plain.map(|(_, curve)| curve.clone()).collect();
            save(
                folder,
                &result,
                &table,
                &plot::svg("Plain RTP, one core each", &plain),
            )?;
        }
        Ok(self.rows.all_met())
    }
}

fn beside_this_program() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here
        .parent()
        .context("this program is in no folder")?
        .join("patchbay"))
}

fn save(folder: &Path, result: &Value, table: &str, picture: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("compare-{}", machine::date()));
    std::fs::write(path.with_extension("json"), format!("{result:#}\n"))?;
    std::fs::write(path.with_extension("svg"), picture)?;
    let limits: Vec<_> = result["generator"]
        .as_array()
        .into_iter()
        .flatten()
        .map(limit)
        .collect();
    let text = format!(
        "{}\n\nthe generator's own limit: {}\n\n{table}",
        machine::markdown(&result["machine"]),
        if limits.is_empty() {
            "not measured".to_owned()
        } else {
            limits.join(", ")
        }
    );
    std::fs::write(path.with_extension("md"), text)?;
    eprintln!("written: {}.json, .md and .svg", path.display());
    Ok(())
}

fn limit(found: &Value) -> String {
    format!(
        "{} {:.0} packets/s (p99 {:.0} µs at half of it)",
        found["media"].as_str().unwrap_or_default(),
        found["packets_per_second"].as_f64().unwrap_or(0.0),
        found["p99_us_at_half"].as_f64().unwrap_or(0.0)
    )
}
