//! `list totals` and its relatives: the counters as text for people and for the scripts that scrape it.

use std::fmt::Write as _;

use call::Moments;
use ng_protocol::CommandKind;

use super::snapshot::{self, Row, Section};
use super::stats;
use crate::registry::Control;

/// `list totals`.
pub fn totals(control: &Control) -> String {
    let rows = snapshot::rows(control);
    let mut text = "\nStatistics over currently running sessions:\n\n".to_owned();
    lines(&mut text, rows.iter().filter(|r| r.section == Section::Current));
    text.push_str("\nTotal statistics (does not include current running sessions):\n\n");
    lines(&mut text, rows.iter().filter(|r| r.section == Section::Total));
    opinion(&mut text, &control.statistics.quality().mos);
    text.push_str("\n\nControl statistics:\n\n");
    controllers(control, &mut text);
    text.push_str("\n\n");
    text
}

fn opinion(text: &mut String, mos: &Moments) {
    let (n, sum, squares) = (mos.samples, mos.sum, mos.squares);
    let (mean, deviation) = (stats::mean(n, sum), stats::deviation(n, sum, squares));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n\nMOS statistics:\n\n \
         Sum of all MOS values sampled                   :{sum:.6}\n \
         Sum of all MOS square values sampled            :{squares:.6}\n \
         Total number of MOS samples                     :{n}\n \
         Average MOS                                     :{mean:.6}\n \
         MOS standard deviation                          :{deviation:.6}\n"
    );
}

/// `list counters`.
pub fn counters(control: &Control) -> String {
    let rows = snapshot::rows(control);
    let mut text = "\nCurrent per-second counters:\n\n".to_owned();
    lines(
        &mut text,
        rows.iter()
            .filter(|r| r.section == Section::Current && r.label.contains("per second")),
    );
    text
}

/// `list interfaces`.
pub fn interfaces(control: &Control) -> String {
    let mut text = String::new();
    for interface in snapshot::interfaces(control) {
        let (ports, total) = (interface.ports, interface.ports.used + interface.ports.free);
        let percent = if total == 0 {
            0.0
        } else {
            ports.used as f64 * 100.0 / total as f64
        };
        let family = if interface.address.is_ipv4() {
            "IPv4"
        } else {
            "IPv6"
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "Interface '{}' address '{}' ({family})\n Port range: {:5} - {:5}\n Ports used: {:5} / {total:5} \
             ({percent:5.1}%)\n",
            interface.name, interface.address, ports.min, ports.max, ports.used
        );
    }
    text
}

fn lines<'a>(text: &mut String, rows: impl Iterator<Item = &'a Row>) {
    for row in rows {
        let _ = writeln!(text, " {:<48}:{}{}", row.label, row.value, row.unit);
    }
}

fn controllers(control: &Control, text: &mut String) {
    let _ = write!(text, " {:>20} ", "Proxy");
    for kind in CommandKind::ALL {
        let _ = write!(text, "| {:>10} ", kind.short_name());
    }
    text.push('\n');
    for (ip, stats) in control.statistics.proxies() {
        let _ = write!(text, " {:>20} ", ip.to_string());
        for kind in CommandKind::ALL {
            let count = stats.requests.get(kind).map_or(0, |(n, _)| *n);
            let _ = write!(text, "| {count:>10} ");
        }
        text.push('\n');
    }
}
