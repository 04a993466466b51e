//! Reads the machine and the workers' counters twice a second: rates for statistics, readings for the load limits.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError};
use plan::Time;

use super::snapshot::{self, offloaded};
use crate::clock;
use crate::registry::Control;

const PERIOD: Duration = Duration::from_millis(500);

/// Samples until `stop` is closed.
pub fn run(control: &Arc<Control>, stop: &Receiver<()>) {
    let mut last = Reading::take(control);
    let mut cpu = CpuTimes::read();
    while stop.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        let now = Reading::take(control);
        let (packets, bytes, errors) = now.rates_since(&last);
        let rates = &control.statistics.rates;
        rates.packets.store(packets, Relaxed);
        rates.bytes.store(bytes, Relaxed);
        rates.errors.store(errors, Relaxed);
        let cpu_now = CpuTimes::read();
        control
            .admission
            .measured(load_average(), cpu_now.percent_since(&cpu), bytes);
        (last, cpu) = (now, cpu_now);
    }
}

struct Reading {
    at: Time,
    /// By the kernel, too.
    relayed: (u64, u64, u64),
}

impl Reading {
    fn take(control: &Control) -> Self {
        let (packets, bytes, errors) = snapshot::relayed(control);
        Self {
            at: clock::now(),
            relayed: (
                packets + offloaded(control, |o| &o.packets),
                bytes + offloaded(control, |o| &o.bytes),
                errors,
            ),
        }
    }

    fn rates_since(&self, earlier: &Self) -> (u64, u64, u64) {
        let secs = self.at.since(earlier.at).as_secs_f64().max(0.001);
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / secs) as u64;
        let (now, then) = (self.relayed, earlier.relayed);
        (rate(now.0, then.0), rate(now.1, then.1), rate(now.2, then.2))
    }
}

/// Time the CPUs have spent, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CpuTimes {
    idle: u64,
    total: u64,
}

impl CpuTimes {
    fn read() -> Self {
        std::fs::read_to_string("/proc/stat")
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    /// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal.
    fn parse(text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let times: Vec<u64> = first
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|t| t.parse().ok())
            .collect();
        let idle = times.iter().skip(3).take(2).sum();
        Self {
            idle,
            total: times.iter().sum(),
        }
    }

    fn percent_since(&self, earlier: &Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        let idle = self.idle.saturating_sub(earlier.idle);
        if total == 0 {
            0.0
        } else {
            total.saturating_sub(idle) as f64 * 100.0 / total as f64
        }
    }
}

/// The load average over a minute.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace()
        .next()
        .and_then(|t| t.parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_use_is_what_is_not_idle() {
        let then = CpuTimes::parse("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3");
        let now = CpuTimes::parse("cpu  130 0 120 740 110 0 0 0 0 0\n");
        assert_eq!(
            then,
            CpuTimes {
                idle: 800,
                total: 1000
            }
        );
        assert_eq!(now.percent_since(&then), 50.0);
        assert_eq!(then.percent_since(&now), 0.0);
    }
}
