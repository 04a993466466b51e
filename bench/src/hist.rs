//! Latency histograms in nanoseconds.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::limits::LATENCY_NS_MAX;

/// Latencies from 1 ns to ten seconds with three significant digits; longer ones count as ten seconds.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("constant bounds are valid"))
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.clamp(1, LATENCY_NS_MAX));
    }

    pub(crate) fn record_many(&mut self, ns: u64, times: u64) {
        // Recorded no times, a value would still be the highest seen.
        if times > 0 {
            self.0.saturating_record_n(ns.clamp(1, LATENCY_NS_MAX), times);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Microseconds at a quantile between 0 and 1.
    pub(crate) fn us(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub(crate) fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }

    /// The usual quantiles on one line.
    pub(crate) fn line(&self) -> String {
        if self.0.is_empty() {
            return "no samples".to_owned();
        }
        format!(
            "p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs, max {:.1} µs",
            self.us(0.5),
            self.us(0.99),
            self.us(0.999),
            self.max_us()
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "samples": self.count(),
            "p50_us": self.us(0.5),
            "p99_us": self.us(0.99),
            "p99_9_us": self.us(0.999),
            "max_us": self.max_us(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_out_in_microseconds() {
        let mut latency = Latency::new();
        assert_eq!(latency.line(), "no samples");
        (1..=1000).for_each(|us| latency.record(us * 1_000));
        assert_eq!(latency.us(0.5).round(), 500.0);
        assert_eq!(latency.us(0.99).round(), 990.0);
        assert_eq!(latency.count(), 1000);
        latency.record_many(9_000_000, 0);
        latency.record_many(1_500_000, 2);
        assert_eq!((latency.count(), latency.max_us().round()), (1002, 1_500.0));
    }

    #[test]
    fn what_is_out_of_range_is_kept_at_the_edge() {
        let mut latency = Latency::new();
        latency.record(0);
        latency.record(u64::MAX);
        assert_eq!(latency.count(), 2);
        assert!(latency.max_us() >= 9_990_000.0);
    }
}
