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
use measure::Media;
use relay::Kind;

/// The fixed rate: what a machine that is not overloaded does.
const FIXED_SHARE: f64 = 0.3;

/// What is measured of each kind of media, with the names of its figures. Of SRTP, too, 1.5 times the peer's rate is
/// wanted.
const KINDS: [Kinds; 3] = [
    Kinds {
        media: Media::Plain,
        search: Measurement::Search,
        fixed: Measurement::Fixed,
        names: [
            "highest rate",
            "flows dead after overload",
            "processor time at the fixed rate",
            "of that in the relay's process",
            "loss at the fixed rate",
            "latency p50 at the fixed rate",
            "latency p99 at the fixed rate",
        ],
    },
    Kinds {
        media: Media::Bridged,
        search: Measurement::Srtp,
        fixed: Measurement::SrtpFixed,
        names: [
            "SRTP <-> RTP: highest rate",
            "SRTP <-> RTP: flows dead after overload",
            "SRTP <-> RTP: processor time at the fixed rate",
            "SRTP <-> RTP: of that in the relay's process",
            "SRTP <-> RTP: loss at the fixed rate",
            "SRTP <-> RTP: latency p50 at the fixed rate",
            "SRTP <-> RTP: latency p99 at the fixed rate",
        ],
    },
    Kinds {
        media: Media::Reencrypted,
        search: Measurement::Srtp,
        fixed: Measurement::SrtpFixed,
        names: [
            "SRTP <-> SRTP: highest rate",
            "SRTP <-> SRTP: flows dead after overload",
            "SRTP <-> SRTP: processor time at the fixed rate",
            "SRTP <-> SRTP: of that in the relay's process",
            "SRTP <-> SRTP: loss at the fixed rate",
            "SRTP <-> SRTP: latency p50 at the fixed rate",
            "SRTP <-> SRTP: latency p99 at the fixed rate",
        ],
    },
];

/// One kind of media in a comparison.
struct Kinds {
    media: Media,
    search: Measurement,
    fixed: Measurement,
    /// Highest rate, dead flows; processor time, the process's, loss, two latencies.
    names: [&'static str; 7],
}

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
    let mut ceilings = Vec::new();
    if wanted(Measurement::Ceiling) {
        let found = KINDS
            .iter()
            .filter(|kind| wanted(kind.search) || options.only.len() == 1);
        for kind in found {
            eprintln!("the generator's own limit, {:?}", kind.media);
            let limit =
                lab.with_reflector(|reflector| measure::ceiling(reflector, options.calls, kind.media))?;
            ceilings.push(json!({ "media": format!("{:?}", kind.media), "packets_per_second": limit }));
        }
    }
    for round in 1..=options.rounds {
        for (kind, program) in &relays {
            eprintln!("round {round} of {}: {}", options.rounds, program.display());
            one_turn(options, &lab, *kind, program, &mut figures, &wanted)?;
        }
    }
    for media in KINDS.iter().filter(|media| wanted(media.fixed)) {
        // A rate that both can carry: a share of the peer's highest, found above or taken as it usually is.
        let highest = report::median(&figures.metric(media.names[0]).peer).unwrap_or(100_000.0);
        for round in 1..=options.rounds {
            for (kind, program) in &relays {
                eprintln!(
                    "fixed rate, {:?}, round {round} of {}: {}",
                    media.media,
                    options.rounds,
                    program.display()
                );
                let rate = highest * FIXED_SHARE;
                fixed_turn(options, &lab, *kind, program, (media, rate), &mut figures)?;
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
        "generator": ceilings,
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
        ];
        let of_media = [
            ("packets/s at loss <= 0.1 %", Higher, Some(1.5)),
            ("", Lower, None),
            ("ns per packet", Lower, None),
            ("ns per packet", Lower, None),
            ("%", Lower, None),
            ("µs", Lower, None),
            ("µs", Lower, None),
        ];
        let of_media = KINDS.iter().flat_map(|media| {
            let rows = media.names.into_iter().zip(of_media);
            rows.map(|(name, (unit, better, target))| (name, unit, better, target))
        });
        let metrics = metrics
            .into_iter()
            .chain(of_media)
            .map(|(name, unit, better, target)| Metric::new(name, unit, better, target))
            .collect();
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
    for media in KINDS.iter().filter(|media| wanted(media.search)) {
        let found = lab.with_relay(program, |relay| {
            measure::search(relay, options.calls, media.media)
        })?;
        let [highest, dead, ..] = media.names;
        figures.add(kind, highest, found.rate);
        figures.add(kind, dead, found.dead_after_overload as f64);
        figures.note(kind, highest, found.json());
    }
    signals::check()
}

fn fixed_turn(
    options: &cli::Compare,
    lab: &Lab,
    kind: Kind,
    program: &Path,
    (media, rate): (&Kinds, f64),
    figures: &mut Figures,
) -> Result<()> {
    let fixed = lab.with_relay(program, |relay| {
        measure::fixed(relay, options.calls, media.media, rate, options.seconds)
    })?;
    let [_, _, processor, process, loss, p50, p99] = media.names;
    figures.add(kind, processor, fixed.cpu_ns);
    figures.add(kind, process, fixed.process_ns);
    figures.add(kind, loss, fixed.loss * 100.0);
    figures.add(kind, p50, fixed.p50_us);
    figures.add(kind, p99, fixed.p99_us);
    figures.note(kind, processor, fixed.detail);
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
