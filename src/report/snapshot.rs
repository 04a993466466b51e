//! One reading of all counters, as a table from which text, JSON and metrics are printed.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use call::EndReason;
use plan::DropReason;

use crate::datapath::offload::OffloadCounters;
use crate::datapath::worker::WorkerCounters;
use crate::registry::Control;
use crate::report::stats::{CallSums, Statistics};

/// Which block a row stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// About what is going on now.
    Current,
    /// Sums since the start.
    Total,
}

/// A counter's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count.
    Int(u64),
    /// A measure.
    Float(f64),
}

/// How a row appears in metrics: name without prefix, label, type.
pub type Metric = (&'static str, &'static str, &'static str);

/// One counter.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Where it stands.
    pub section: Section,
    /// In `list totals`.
    pub label: &'static str,
    /// Behind the value there.
    pub unit: &'static str,
    /// In `list jsonstats`.
    pub key: &'static str,
    /// In `/metrics`.
    pub metric: Option<Metric>,
    /// The value.
    pub value: Number,
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x:.6}"),
        }
    }
}

/// Packets, bytes and errors since the start, over all workers.
pub fn relayed(control: &Control) -> (u64, u64, u64) {
    let sum = |count: fn(&WorkerCounters) -> u64| control.workers.iter().map(|w| count(&w.counters)).sum();
    (
        sum(|c| c.packets.load(Relaxed)),
        sum(|c| c.bytes.load(Relaxed)),
        sum(|c| c.send_errors.load(Relaxed) + c.no_flow.load(Relaxed)),
    )
}

/// What the kernel does for us, over all workers.
pub fn offloaded(control: &Control, count: fn(&OffloadCounters) -> &AtomicU64) -> u64 {
    let counters = control.workers.iter().map(|w| &*w.counters.offload);
    counters.map(|offload| count(offload).load(Relaxed)).sum()
}

/// Packets dropped since the start by reason, over all workers.
pub fn drops(control: &Control) -> impl Iterator<Item = (DropReason, u64)> {
    DropReason::ALL.iter().enumerate().map(|(at, reason)| {
        let of = |worker: &WorkerCounters| match reason {
            DropReason::SendError => worker.send_errors.load(Relaxed),
            _ => worker.drops[at].load(Relaxed),
        };
        (*reason, control.workers.iter().map(|w| of(&w.counters)).sum())
    })
}

/// All rows, in the order of the reference.
pub fn rows(control: &Control) -> Vec<Row> {
    let mut rows = current(control);
    rows.extend(total(control));
    rows
}

fn current(control: &Control) -> Vec<Row> {
    let sessions = u64::try_from(control.admission.sessions()).unwrap_or(0);
    let rates = &control.statistics.rates;
    let (packets, bytes, errors) = (
        rates.packets.load(Relaxed),
        rates.bytes.load(Relaxed),
        rates.errors.load(Relaxed),
    );
    let in_kernel = offloaded(control, |o| &o.flows);
    let flows = control.statistics.flows().saturating_sub(in_kernel);
    let row = |label, key, metric, n| Row {
        section: Section::Current,
        label,
        unit: "",
        key,
        metric,
        value: Number::Int(n),
    };
    let gauge = |name, label| Some((name, label, "gauge"));
    vec![
        row(
            "Owned sessions",
            "sessionsown",
            gauge("sessions", "type=\"own\""),
            sessions,
        ),
        row(
            "Foreign sessions",
            "sessionsforeign",
            gauge("sessions", "type=\"foreign\""),
            0,
        ),
        row("Total sessions", "sessionstotal", None, sessions),
        row(
            "Transcoded media",
            "transcodedmedia",
            gauge("transcoded_media", ""),
            0,
        ),
        row("Packets per second (userspace)", "packetrate_user", None, packets),
        row("Bytes per second (userspace)", "byterate_user", None, bytes),
        row("Errors per second (userspace)", "errorrate_user", None, errors),
        row("Packets per second (kernel)", "packetrate_kernel", None, 0),
        row("Bytes per second (kernel)", "byterate_kernel", None, 0),
        row("Errors per second (kernel)", "errorrate_kernel", None, 0),
        row("Packets per second (total)", "packetrate", None, packets),
        row("Bytes per second (total)", "byterate", None, bytes),
        row("Errors per second (total)", "errorrate", None, errors),
        row(
            "Userspace-only media streams",
            "media_userspace",
            gauge("mediastreams", "type=\"userspace\""),
            flows,
        ),
        row(
            "Kernel-only media streams",
            "media_kernel",
            gauge("mediastreams", "type=\"kernel\""),
            in_kernel,
        ),
        row(
            "Mixed kernel/userspace media streams",
            "media_mixed",
            gauge("mediastreams", "type=\"mixed\""),
            0,
        ),
    ]
}

fn total(control: &Control) -> Vec<Row> {
    let statistics = &control.statistics;
    let (packets, bytes, errors) = relayed(control);
    let uptime = Number::Int(statistics.uptime().as_secs());
    let mut rows = vec![Row {
        unit: " seconds",
        ..total_row(
            "Uptime of rtpengine",
            "uptime",
            Some(("uptime_seconds", "", "gauge")),
            uptime,
        )
    }];
    rows.extend(ended_rows(statistics));
    let kernel = [
        offloaded(control, |o| &o.packets),
        offloaded(control, |o| &o.bytes),
    ];
    rows.extend(relay_rows(packets, errors, bytes, kernel));
    rows.extend(sum_rows(&statistics.sums()));
    rows
}

const fn total_row(label: &'static str, key: &'static str, metric: Option<Metric>, value: Number) -> Row {
    Row {
        section: Section::Total,
        label,
        unit: "",
        key,
        metric,
        value,
    }
}

/// How calls ended, or did not begin.
fn ended_rows(statistics: &Statistics) -> Vec<Row> {
    let managed = Number::Int(statistics.sums().calls);
    let rejected = Number::Int(statistics.rejected());
    let closed = |label| Some(("closed_sessions_total", label, "counter"));
    let mut rows = vec![
        total_row(
            "Total managed sessions",
            "managedsessions",
            Some(("sessions_total", "", "counter")),
            managed,
        ),
        total_row(
            "Total rejected sessions",
            "rejectedsessions",
            closed("reason=\"rejected\""),
            rejected,
        ),
    ];
    let by_reason = [
        (
            EndReason::Timeout,
            "Total timed-out sessions via TIMEOUT",
            "timeoutsessions",
            "reason=\"timeout\"",
        ),
        (
            EndReason::SilentTimeout,
            "Total timed-out sessions via SILENT_TIMEOUT",
            "silenttimeoutsessions",
            "reason=\"silent_timeout\"",
        ),
        (
            EndReason::FinalTimeout,
            "Total timed-out sessions via FINAL_TIMEOUT",
            "finaltimeoutsessions",
            "reason=\"final_timeout\"",
        ),
        (
            EndReason::OfferTimeout,
            "Total timed-out sessions via OFFER_TIMEOUT",
            "offertimeoutsessions",
            "reason=\"offer_timeout\"",
        ),
        (
            EndReason::Deleted,
            "Total regular terminated sessions",
            "regularterminatedsessions",
            "reason=\"terminated\"",
        ),
        (
            EndReason::Forced,
            "Total forced terminated sessions",
            "forcedterminatedsessions",
            "reason=\"force_terminated\"",
        ),
    ];
    rows.extend(by_reason.map(|(reason, text, key, label)| {
        total_row(text, key, closed(label), Number::Int(statistics.ended(reason)))
    }));
    rows
}

/// Sums over calls that are over.
fn sum_rows(sums: &CallSums) -> Vec<Row> {
    let count = |label, key, metric, n| total_row(label, key, Some((metric, "", "counter")), Number::Int(n));
    let time = |label, unit, key, metric, x| Row {
        unit,
        ..total_row(label, key, metric, Number::Float(x))
    };
    let (gauge, counter) = (
        |name| Some((name, "", "gauge")),
        |name| Some((name, "", "counter")),
    );
    let seconds = " seconds";
    vec![
        count(
            "Total number of streams with no relayed packets",
            "zerowaystreams",
            "zero_packet_streams_total",
            sums.zero_packet,
        ),
        count(
            "Total number of 1-way streams",
            "onewaystreams",
            "one_way_sessions_total",
            sums.one_way,
        ),
        time(
            "Average call duration",
            seconds,
            "avgcallduration",
            gauge("call_duration_avg"),
            sums.average(),
        ),
        time(
            "Total calls duration",
            seconds,
            "totalcallsduration",
            counter("call_duration_total"),
            sums.seconds,
        ),
        time(
            "Total calls duration squared",
            " seconds squared",
            "totalcallsduration2",
            counter("call_duration2_total"),
            sums.seconds_squared,
        ),
        time(
            "Total calls duration standard deviation",
            seconds,
            "totalcallsduration_stddev",
            None,
            sums.deviation(),
        ),
    ]
}

fn relay_rows(packets: u64, errors: u64, bytes: u64, [by_kernel, kernel_bytes]: [u64; 2]) -> Vec<Row> {
    let row = |label, key, metric, n| total_row(label, key, metric, Number::Int(n));
    let user = |name| Some((name, "type=\"userspace\"", "counter"));
    let kernel = |name| Some((name, "type=\"kernel\"", "counter"));
    vec![
        row(
            "Total relayed packets (userspace)",
            "relayedpackets_user",
            user("packets_total"),
            packets,
        ),
        row(
            "Total relayed packet errors (userspace)",
            "relayedpacketerrors_user",
            user("packet_errors_total"),
            errors,
        ),
        row(
            "Total relayed bytes (userspace)",
            "relayedbytes_user",
            user("bytes_total"),
            bytes,
        ),
        row(
            "Total relayed packets (kernel)",
            "relayedpackets_kernel",
            kernel("packets_total"),
            by_kernel,
        ),
        row(
            "Total relayed packet errors (kernel)",
            "relayedpacketerrors_kernel",
            kernel("packet_errors_total"),
            0,
        ),
        row(
            "Total relayed bytes (kernel)",
            "relayedbytes_kernel",
            kernel("bytes_total"),
            kernel_bytes,
        ),
        row(
            "Total relayed packets",
            "relayedpackets",
            None,
            packets + by_kernel,
        ),
        row("Total relayed packet errors", "relayedpacketerrors", None, errors),
        row("Total relayed bytes", "relayedbytes", None, bytes + kernel_bytes),
    ]
}

/// One local address and its ports.
pub struct InterfaceUse {
    /// Logical interface.
    pub name: String,
    /// Bound address.
    pub address: std::net::IpAddr,
    /// Its ports.
    pub ports: crate::datapath::ports::RangeUse,
}

/// All local addresses in the order of configuration.
pub fn interfaces(control: &Control) -> Vec<InterfaceUse> {
    let settings = control.settings();
    let usage = control.pool.usage();
    let mut all = Vec::new();
    for logical in settings.interfaces.logical() {
        for id in &logical.addresses {
            let address = settings.interfaces.address(*id);
            if let (Some(address), Some(ports)) = (address, usage.get(id.0 as usize)) {
                all.push(InterfaceUse {
                    name: logical.name.clone(),
                    address: address.ip,
                    ports: *ports,
                });
            }
        }
    }
    all
}
