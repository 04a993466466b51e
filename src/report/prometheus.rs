//! `/metrics`: the counters in Prometheus' text format, under the reference's names.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use call::{Moments, Quality};
use ng_protocol::CommandKind;

use plan::{Path, Refusal};

use super::paths::Census;
use super::snapshot;
use crate::control::places;
use crate::datapath::io_xdp::RingCount;
use crate::datapath::offload::{KernelCounters, OffloadCounters};
use crate::registry::Control;

/// The whole page.
pub fn page(control: &Control, census: &Census) -> String {
    let mut page = Page::default();
    for row in snapshot::rows(control) {
        if let Some((name, label, kind)) = row.metric {
            page.add(name, kind, row.label, label, row.value);
        }
    }
    quality(control, &mut page);
    controllers(control, &mut page);
    for interface in snapshot::interfaces(control) {
        let label = format!("name=\"{}\",address=\"{}\"", interface.name, interface.address);
        let ports = interface.ports;
        page.add("ports_used", "gauge", "Ports in use", &label, ports.used);
        page.add("ports_free", "gauge", "Ports free", &label, ports.free);
        page.add("ports", "gauge", "Ports in all", &label, ports.used + ports.free);
    }
    workers(control, &mut page);
    paths(control, census, &mut page);
    handshakes(control, &mut page);
    page.finish()
}

/// Names of the sum, the sum of squares and the count of a measure, what it is, and where it is found.
type Measure = ([&'static str; 3], &'static str, fn(&Quality) -> &Moments);

const QUALITY: &[Measure] = &[
    (
        ["mos_total", "mos2_total", "mos_samples_total"],
        "Opinion scores of ended calls",
        |q| &q.mos,
    ),
    (
        ["jitter_total", "jitter2_total", "jitter_samples_total"],
        "Jitter in ms of ended calls",
        |q| &q.jitter,
    ),
    (
        ["rtt_e2e_total", "rtt_e2e2_total", "rtt_e2e_samples_total"],
        "Round trips from end to end in us of ended calls",
        |q| &q.rtt_e2e,
    ),
    (
        ["rtt_dsct_total", "rtt_dsct2_total", "rtt_dsct_samples_total"],
        "Round trips to one party in us of ended calls",
        |q| &q.rtt_leg,
    ),
    (
        [
            "packetloss_total",
            "packetloss2_total",
            "packetloss_samples_total",
        ],
        "Packet loss in percent of ended calls",
        |q| &q.loss,
    ),
];

fn quality(control: &Control, page: &mut Page) {
    let all = control.statistics.quality();
    for ([sum, squares, samples], help, of) in QUALITY {
        let moments = of(&all);
        page.add(sum, "counter", help, "", format_args!("{:.6}", moments.sum));
        page.add(
            squares,
            "counter",
            help,
            "",
            format_args!("{:.6}", moments.squares),
        );
        page.add(samples, "counter", help, "", moments.samples);
    }
}

fn controllers(control: &Control, page: &mut Page) {
    for (ip, stats) in control.statistics.proxies() {
        for kind in CommandKind::ALL {
            let (count, took) = stats.requests.get(kind).copied().unwrap_or_default();
            let label = format!("proxy=\"{ip}\",request=\"{}\"", kind.name());
            page.add("requests_total", "counter", "Requests", &label, count);
            page.add(
                "request_seconds_total",
                "counter",
                "Time spent",
                &label,
                format_args!("{:.6}", took.as_secs_f64()),
            );
        }
        page.add(
            "errors_total",
            "counter",
            "Requests refused",
            &format!("proxy=\"{ip}\""),
            stats.errors,
        );
    }
}

/// DTLS: our own, beyond the reference's.
fn handshakes(control: &Control, page: &mut Page) {
    let Some(host) = control.settings().dtls.clone() else {
        return;
    };
    let counters = host.counters();
    for (result, count) in [
        ("connected", &counters.connected),
        ("failed", &counters.failed),
        ("wrong_fingerprint", &counters.wrong_fingerprint),
    ] {
        let label = format!("result=\"{result}\"");
        let count = count.load(Relaxed);
        page.add(
            "dtls_handshakes_total",
            "counter",
            "DTLS handshakes",
            &label,
            count,
        );
    }
    let refused = counters.refused.load(Relaxed);
    page.add(
        "dtls_packets_refused_total",
        "counter",
        "DTLS packets refused",
        "",
        refused,
    );
}

/// Which way packets take: our own, beyond the reference's.
fn paths(control: &Control, census: &Census, page: &mut Page) {
    for (path, count) in Path::ALL.iter().zip(census.paths) {
        let label = format!("path=\"{}\"", path.text());
        page.add(
            "flows",
            "gauge",
            "Flows by the way their packets take",
            &label,
            count,
        );
    }
    for (why, count) in Refusal::ALL.iter().zip(census.refusals) {
        let label = format!("reason=\"{}\"", why.text());
        page.add(
            "offload_refusals",
            "gauge",
            "Flows that the kernel does not forward",
            &label,
            count,
        );
    }
    type Event = (&'static str, fn(&OffloadCounters) -> &AtomicU64);
    let events: [Event; 3] = [
        ("moved", |o| &o.moved_in),
        ("forced", |o| &o.forced),
        ("table-full", |o| &o.table_full),
    ];
    for (event, count) in events {
        page.add(
            "offload_events_total",
            "counter",
            "Flows that moved into the kernel, or could not",
            &format!("event=\"{event}\""),
            snapshot::offloaded(control, count),
        );
    }
    for (why, count) in control.kernel.iter().flat_map(KernelCounters::reasons) {
        page.add(
            "offload_packets_up_total",
            "counter",
            "Packets for flows in the kernel that it left to the daemon",
            &format!("reason=\"{why}\""),
            count,
        );
    }
    for what in RingCount::ALL {
        page.add(
            "ring_packets_total",
            "counter",
            "Packets at AF_XDP rings, by what became of them",
            &format!("what=\"{}\"", what.text()),
            control
                .workers
                .iter()
                .map(|w| w.counters.rings.count(*what))
                .sum::<u64>(),
        );
    }
}

/// Our own, beyond the reference's.
fn workers(control: &Control, page: &mut Page) {
    for (index, worker) in control.workers.iter().enumerate() {
        let label = format!("index=\"{index}\"");
        let counters = &worker.counters;
        page.add(
            "poller_wakeups",
            "counter",
            "Turns of a packet worker",
            &label,
            counters.turns.load(Relaxed),
        );
        let lost = [
            ("no_flow", counters.no_flow.load(Relaxed)),
            ("send_error", counters.send_errors.load(Relaxed)),
            ("events_lost", counters.events_lost.load(Relaxed)),
            ("taps_lost", counters.taps_lost.load(Relaxed)),
            ("datagrams_lost", counters.datagrams_lost.load(Relaxed)),
            ("datagrams_refused", counters.datagrams_refused.load(Relaxed)),
            ("commands_waited", counters.commands_waited.load(Relaxed)),
            ("panics", counters.panics.load(Relaxed)),
        ];
        for (reason, count) in lost {
            let label = format!("{label},reason=\"{reason}\"");
            page.add(
                "worker_refusals_total",
                "counter",
                "What a packet worker could not do",
                &label,
                count,
            );
        }
    }
    for (reason, count) in snapshot::drops(control) {
        let label = format!("reason=\"{}\"", reason.text());
        page.add(
            "packets_dropped_total",
            "counter",
            "Packets dropped",
            &label,
            count,
        );
    }
    page.add(
        "connections_evicted_total",
        "counter",
        "Idle control connections that gave way to others",
        "",
        places::EVICTED.load(Relaxed),
    );
    page.add(
        "announcements_lost_total",
        "counter",
        "Timeouts not announced",
        "",
        control.announcer.lost(),
    );
    page.add(
        "log_lines_lost_total",
        "counter",
        "Log lines that syslog did not take",
        "",
        super::log::lost(),
    );
}

/// Lines grouped by metric: the format wants all lines of one metric together.
#[derive(Default)]
struct Page {
    order: Vec<(&'static str, String)>,
    seen: BTreeSet<&'static str>,
}

impl Page {
    fn add(
        &mut self,
        name: &'static str,
        kind: &str,
        help: &str,
        label: &str,
        value: impl std::fmt::Display,
    ) {
        if self.seen.insert(name) {
            let head = format!("# HELP rtpengine_{name} {help}\n# TYPE rtpengine_{name} {kind}\n");
            self.order.push((name, head));
        }
        let Some((_, text)) = self.order.iter_mut().find(|(n, _)| *n == name) else {
            return;
        };
        let label = if label.is_empty() {
            String::new()
        } else {
            format!("{{{label}}}")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "rtpengine_{name}{label} {value}");
    }

    fn finish(self) -> String {
        self.order.into_iter().map(|(_, text)| text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_metric_stand_together_under_one_head() {
        let mut page = Page::default();
        page.add("a", "gauge", "An a", "x=\"1\"", 1);
        page.add("b", "counter", "A b", "", 2);
        page.add("a", "gauge", "An a", "x=\"2\"", 3);
        let expected = "# HELP rtpengine_a An a\n# TYPE rtpengine_a gauge\nrtpengine_a{x=\"1\"} 1\n\
            rtpengine_a{x=\"2\"} 3\n# HELP rtpengine_b A b\n# TYPE rtpengine_b counter\nrtpengine_b 2\n";
        assert_eq!(page.finish(), expected);
    }
}
