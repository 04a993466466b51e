//! When the next packets are due.

use crate::limits::BEHIND_US_MAX;

/// Spreads packets evenly over time. A sender that falls too far behind is forgiven what it missed, so that it does
/// not send a burst that no real sender would; what it did send is then less than what was asked, and shows.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    per_second: f64,
    /// Since when, ns after the start.
    since_ns: u64,
    /// Packets sent or forgiven since then.
    done: u64,
    forgiven: u64,
}

impl Pacer {
    pub(crate) fn new(per_second: f64) -> Self {
        Self {
            per_second,
            since_ns: 0,
            done: 0,
            forgiven: 0,
        }
    }

    /// Packets/s.
    pub(crate) fn rate(&self) -> f64 {
        self.per_second
    }

    /// Goes on at another rate.
    pub(crate) fn set_rate(&mut self, per_second: f64, elapsed_ns: u64) {
        if per_second != self.per_second {
            (self.per_second, self.since_ns, self.done) = (per_second, elapsed_ns, 0);
        }
    }

    /// How many packets should leave now, `elapsed_ns` after the start.
    pub(crate) fn due(&mut self, elapsed_ns: u64) -> u64 {
        let target = self.at(elapsed_ns);
        let oldest = self.at(elapsed_ns.saturating_sub(BEHIND_US_MAX * 1_000));
        if self.done < oldest {
            self.forgiven += oldest - self.done;
            self.done = oldest;
        }
        target.saturating_sub(self.done)
    }

    /// Notes that packets were sent.
    pub(crate) fn sent(&mut self, packets: u64) {
        self.done += packets;
    }

    /// Packets that were never sent because the sender was too far behind.
    pub(crate) fn forgiven(&self) -> u64 {
        self.forgiven
    }

    fn at(&self, elapsed_ns: u64) -> u64 {
        (elapsed_ns.saturating_sub(self.since_ns) as f64 * self.per_second / 1e9) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_whatever_the_steps() {
        for step in [1_000, 7_777, 1_000_000] {
            let mut pacer = Pacer::new(50_000.0);
            let mut sent = 0;
            for now in (0..=1_000_000_000).step_by(step) {
                let due = pacer.due(now);
                pacer.sent(due);
                sent += due;
            }
            assert!(
                (49_500..=50_000).contains(&sent),
                "{sent} with steps of {step} ns"
            );
            assert_eq!(pacer.forgiven(), 0);
        }
    }

    #[test]
    fn another_rate_counts_from_now() {
        let mut pacer = Pacer::new(1_000_000.0);
        assert_eq!(pacer.due(1_000_000), 1_000);
        pacer.sent(1_000);
        pacer.set_rate(2_000_000.0, 1_000_000);
        assert_eq!(
            (pacer.due(1_000_000), pacer.due(1_500_000), pacer.rate()),
            (0, 1_000, 2e6)
        );
        assert_eq!(pacer.forgiven(), 0);
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        let mut pacer = Pacer::new(1_000_000.0);
        assert_eq!(pacer.due(1_000_000), 1_000);
        pacer.sent(1_000);
        let due = pacer.due(1_001_000_000);
        assert_eq!(due, BEHIND_US_MAX, "one packet a µs");
        assert_eq!(pacer.forgiven(), 1_000_000 - BEHIND_US_MAX);
    }
}
