//! Counters of the daemon as a whole: what `statistics`, the CLI and `/metrics` show.
//!
//! Packets are counted by the workers; what is here changes a few times per command or per second.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use call::{EndReason, Quality};
use ng_protocol::CommandKind;
use plan::{FlowStats, Time};

use crate::clock;
use crate::limits;

/// Counters of one controller's requests.
#[derive(Clone, Debug, Default)]
pub struct ProxyStats {
    /// By command: how many, and how long they took together.
    pub requests: BTreeMap<CommandKind, (u64, Duration)>,
    /// Answered with an error.
    pub errors: u64,
}

/// Sums over calls that are over.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallSums {
    /// How many.
    pub calls: u64,
    /// Sum of their durations in seconds.
    pub seconds: f64,
    /// Sum of the squares of their durations.
    pub seconds_squared: f64,
    /// Of them: without a single packet.
    pub zero_packet: u64,
    /// Of them: with packets in one direction only.
    pub one_way: u64,
}

/// Everything counted.
#[derive(Debug)]
pub struct Statistics {
    started: Time,
    rejected: AtomicU64,
    ended: [AtomicU64; 7],
    flows: AtomicI64,
    sums: Mutex<CallSums>,
    proxies: Mutex<BTreeMap<IpAddr, ProxyStats>>,
    quality: Mutex<Quality>,
    /// Packets, bytes and errors per second, as last measured.
    pub rates: Rates,
}

/// Per-second readings.
#[derive(Debug, Default)]
pub struct Rates {
    /// Packets received.
    pub packets: AtomicU64,
    /// Bytes received.
    pub bytes: AtomicU64,
    /// Packets dropped or refused.
    pub errors: AtomicU64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self::new()
    }
}

impl Statistics {
    /// All zero, from now on.
    pub fn new() -> Self {
        Self {
            started: clock::now(),
            rejected: AtomicU64::new(0),
            ended: [const { AtomicU64::new(0) }; 7],
            flows: AtomicI64::new(0),
            sums: Mutex::default(),
            proxies: Mutex::default(),
            quality: Mutex::default(),
            rates: Rates::default(),
        }
    }

    /// How long the daemon has been running.
    pub fn uptime(&self) -> Duration {
        clock::now().since(self.started)
    }

    /// A request was executed.
    pub fn request_done(&self, client: IpAddr, kind: CommandKind, took: Duration, failed: bool) {
        self.with_proxy(client, |proxy| {
            let (count, sum) = proxy.requests.entry(kind).or_default();
            *count += 1;
            *sum += took;
            proxy.errors += u64::from(failed);
        });
    }

    /// A request could not even be read.
    pub fn request_failed(&self, client: IpAddr) {
        self.with_proxy(client, |proxy| proxy.errors += 1);
    }

    /// A new call was refused because of a limit.
    pub fn call_rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    /// Calls refused because of a limit.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// A call has more flows now, or fewer.
    pub fn count_flows(&self, change: i64) {
        self.flows.fetch_add(change, Relaxed);
    }

    /// Flows now.
    pub fn flows(&self) -> u64 {
        u64::try_from(self.flows.load(Relaxed)).unwrap_or(0)
    }

    /// A call is over.
    pub fn call_ended<'a>(
        &self,
        reason: EndReason,
        lasted: Duration,
        flows: impl Iterator<Item = &'a FlowStats>,
    ) {
        self.ended[reason as usize].fetch_add(1, Relaxed);
        let (mut heard, mut silent) = (0_u32, 0_u32);
        for flow in flows {
            if flow.packets.load(Relaxed) > 0 {
                heard += 1
            } else {
                silent += 1
            }
        }
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.calls += 1;
        sums.seconds += lasted.as_secs_f64();
        sums.seconds_squared += lasted.as_secs_f64().powi(2);
        sums.zero_packet += u64::from(heard == 0 && silent > 0);
        sums.one_way += u64::from(heard == 1 && silent > 0);
    }

    /// Reports about the media of a call that is over.
    pub fn add_quality(&self, quality: &Quality) {
        self.quality
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(quality);
    }

    /// Reports about the media of all calls that are over.
    pub fn quality(&self) -> Quality {
        *self.quality.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls that ended for this reason.
    pub fn ended(&self, reason: EndReason) -> u64 {
        self.ended[reason as usize].load(Relaxed)
    }

    /// Sums over calls that are over.
    pub fn sums(&self) -> CallSums {
        *self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counters by controller.
    pub fn proxies(&self) -> BTreeMap<IpAddr, ProxyStats> {
        self.proxies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn with_proxy(&self, client: IpAddr, count: impl FnOnce(&mut ProxyStats)) {
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proxy) = proxies.get_mut(&client) {
            count(proxy);
        } else if proxies.len() < limits::PROXIES {
            count(proxies.entry(client).or_default());
        }
    }
}

impl CallSums {
    /// Mean duration in seconds.
    pub fn average(&self) -> f64 {
        mean(self.calls, self.seconds)
    }

    /// Standard deviation of the durations in seconds.
    pub fn deviation(&self) -> f64 {
        deviation(self.calls, self.seconds, self.seconds_squared)
    }
}

/// Mean of `count` values; 0 of none.
pub fn mean(count: u64, sum: f64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// Standard deviation of `count` values; 0 of none.
pub fn deviation(count: u64, sum: f64, squares: f64) -> f64 {
    let mean_square = mean(count, squares);
    (mean_square - mean(count, sum).powi(2)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_ended_calls() {
        let statistics = Statistics::new();
        let (silent, heard) = (FlowStats::default(), FlowStats::default());
        heard.packets.store(3, Relaxed);
        let end = |secs, flows: &[&FlowStats]| {
            statistics.call_ended(
                EndReason::Timeout,
                Duration::from_secs(secs),
                flows.iter().copied(),
            );
        };
        end(1, &[&silent, &silent]);
        end(3, &[&silent, &heard]);
        end(5, &[&heard, &heard]);
        let sums = statistics.sums();
        assert_eq!((sums.calls, sums.zero_packet, sums.one_way), (3, 1, 1));
        assert_eq!((sums.average(), sums.seconds_squared), (3.0, 35.0));
        assert!((sums.deviation() - 1.632_993).abs() < 1e-6);
        assert_eq!(statistics.ended(EndReason::Timeout), 3);
    }
}
