//! Two relays side by side: the same measurements, alternating, in one run, one core each.
//!
//! Absolute figures move with whatever else a machine does; ratios taken like this hold better.

mod lab;
mod machine;
mod measure;
mod relay;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cli::{self, Measurement};
use crate::report::{self, Better, Metric};
use crate::sys::signals;
use lab::Lab;
use relay::Kind;

/// The fixed rate: what a machine that is not overloaded does.
const FIXED_SHARE: f64 = 0.3;

/// Runs `compare`; true if every target that was measured is met.
pub(crate) fn run(options: &cli::Compare) -> Result<bool> {
    let relays = [
        (Kind::Peer, options.peer.clone()),
        (
            Kind::Ours,
            options.ours.clone().map_or_else(beside_this_program, Ok)?,
        ),
    ];
    let machine = machine::describe(&relays.each_ref().map(|(_, program)| program.as_path()));
    let lab = Lab::build(options.relay_core, options.generator_core)?;
    let mut figures = Figures::new();
    let wanted = |part: Measurement| options.only.is_empty() || options.only.contains(&part);
    let ceiling = if wanted(Measurement::Ceiling) {
        eprintln!("the generator's own limit");
        Some(lab.with_reflector(|reflector| measure::ceiling(reflector, options.calls))?)
    } else {
        None
    };
    for round in 1..=options.rounds {
        for (kind, program) in &relays {
            eprintln!("round {round} of {}: {}", options.rounds, program.display());
            one_turn(options, &lab, *kind, program, &mut figures, &wanted)?;
        }
    }
    if wanted(Measurement::Fixed) {
        // A rate that both can carry: a share of the peer's highest, found above or taken as it usually is.
        let highest = report::median(&figures.metric("highest rate").peer).unwrap_or(100_000.0);
        for round in 1..=options.rounds {
            for (kind, program) in &relays {
                eprintln!(
                    "fixed rate, round {round} of {}: {}",
                    options.rounds,
                    program.display()
                );
                fixed_turn(options, &lab, *kind, program, highest * FIXED_SHARE, &mut figures)?;
            }
        }
    }
    drop(lab);
    let result = json!({
        "machine": machine,
        "calls": options.calls,
        "idle_calls": options.idle_calls,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "generator_packets_per_second": ceiling,
        "metrics": figures.metrics.iter().map(Metric::json).collect::<Vec<_>>(),
        "details": figures.details,
    });
    let table = report::table(&figures.measured());
    if options.json {
        println!("{result:#}");
    } else {
        println!("\n{table}");
    }
    if let Some(folder) = &options.out {
        save(folder, &result, &table)?;
    }
    Ok(figures.metrics.iter().all(|metric| metric.met() != Some(false)))
}

/// All figures of both relays, and the raw results they are from.
struct Figures {
    metrics: Vec<Metric>,
    details: Vec<Value>,
}

impl Figures {
    fn new() -> Self {
        use Better::{Higher, Lower};
        let metrics = [
            ("control", "offer+answer+delete/s", Higher, Some(3.0)),
            ("processor time per cycle", "µs", Lower, None),
            ("of that in the process", "µs", Lower, None),
            ("control p99", "µs per answer", Lower, None),
            ("memory per idle call, RSS", "kB", Lower, Some(0.5)),
            ("memory per idle call, PSS", "kB", Lower, None),
            ("memory before any call, RSS", "kB", Lower, None),
            ("descriptors per idle call", "", Lower, Some(1.0)),
            ("highest rate", "packets/s at loss <= 0.1 %", Higher, Some(1.5)),
            ("flows dead after overload", "", Lower, None),
            ("processor time at the fixed rate", "ns per packet", Lower, None),
            ("of that in the relay's process", "ns per packet", Lower, None),
            ("loss at the fixed rate", "%", Lower, None),
            ("latency p50 at the fixed rate", "µs", Lower, None),
            ("latency p99 at the fixed rate", "µs", Lower, None),
        ];
        let metrics = metrics
            .map(|(name, unit, better, target)| Metric::new(name, unit, better, target))
            .into();
        Self {
            metrics,
            details: Vec::new(),
        }
    }

    fn metric(&self, name: &str) -> &Metric {
        self.metrics
            .iter()
            .find(|metric| metric.name == name)
            .expect("metrics are named in one place")
    }

    fn add(&mut self, kind: Kind, name: &str, figure: f64) {
        let metric = self.metrics.iter_mut().find(|metric| metric.name == name);
        let metric = metric.expect("metrics are named in one place");
        match kind {
            Kind::Peer => metric.peer.push(figure),
            Kind::Ours => metric.ours.push(figure),
        }
    }

    fn note(&mut self, kind: Kind, what: &str, detail: Value) {
        self.details
            .push(json!({ "relay": kind.name(), "what": what, "result": detail }));
    }

    fn measured(&self) -> Vec<Metric> {
        let has_figures = |metric: &&Metric| !metric.peer.is_empty() || !metric.ours.is_empty();
        self.metrics.iter().filter(has_figures).cloned().collect()
    }
}

fn one_turn(
    options: &cli::Compare,
    lab: &Lab,
    kind: Kind,
    program: &Path,
    figures: &mut Figures,
    wanted: &impl Fn(Measurement) -> bool,
) -> Result<()> {
    if wanted(Measurement::Idle) {
        let idle = lab.with_relay(program, |relay| measure::idle(relay, options.idle_calls))?;
        figures.add(kind, "memory per idle call, RSS", idle.rss_kb);
        figures.add(kind, "memory per idle call, PSS", idle.pss_kb);
        figures.add(kind, "memory before any call, RSS", idle.empty_rss_kb);
        figures.add(kind, "descriptors per idle call", idle.descriptors);
    }
    if wanted(Measurement::Cycles) {
        let (outcome, process_us, all_us) =
            lab.with_relay(program, |relay| measure::cycles(relay, options.seconds))?;
        figures.add(kind, "processor time per cycle", all_us);
        figures.add(kind, "of that in the process", process_us);
        figures.add(kind, "control", outcome.per_second());
        figures.add(kind, "control p99", outcome.answer_us(0.99));
        figures.note(kind, "cycles", outcome.json());
    }
    if wanted(Measurement::Search) {
        let found = lab.with_relay(program, |relay| measure::search(relay, options.calls))?;
        figures.add(kind, "highest rate", found.rate);
        figures.add(
            kind,
            "flows dead after overload",
            found.dead_after_overload as f64,
        );
        figures.note(kind, "search", found.json());
    }
    signals::check()
}

fn fixed_turn(
    options: &cli::Compare,
    lab: &Lab,
    kind: Kind,
    program: &Path,
    rate: f64,
    figures: &mut Figures,
) -> Result<()> {
    let fixed = lab.with_relay(program, |relay| {
        measure::fixed(relay, options.calls, rate, options.seconds)
    })?;
    figures.add(kind, "processor time at the fixed rate", fixed.cpu_ns);
    figures.add(kind, "of that in the relay's process", fixed.process_ns);
    figures.add(kind, "loss at the fixed rate", fixed.loss * 100.0);
    figures.add(kind, "latency p50 at the fixed rate", fixed.p50_us);
    figures.add(kind, "latency p99 at the fixed rate", fixed.p99_us);
    figures.note(kind, "fixed", fixed.detail);
    signals::check()
}

fn beside_this_program() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here
        .parent()
        .context("this program is in no folder")?
        .join("patchbay"))
}

fn save(folder: &Path, result: &Value, table: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("compare-{}", machine::date()));
    std::fs::write(path.with_extension("json"), format!("{result:#}\n"))?;
    let text = format!("{}\n\n{table}", machine::markdown(&result["machine"]));
    std::fs::write(path.with_extension("md"), text)?;
    eprintln!("written: {}.json and .md", path.display());
    Ok(())
}
