//! How many handshakes may begin: each costs a millisecond of arithmetic, which a flood could ask for endlessly.

use crate::Time;
use crate::limits::{HANDSHAKES_BURST, HANDSHAKES_PER_SECOND};

const SECOND_US: u64 = 1_000_000;

/// Handshakes that may begin; one for each thread that handles them.
#[derive(Debug)]
pub struct Budget {
    /// Handshakes times a million.
    left: u64,
    since: Time,
    refused: u64,
}

impl Budget {
    /// A full one.
    pub const fn new(now: Time) -> Self {
        Self {
            left: HANDSHAKES_BURST as u64 * SECOND_US,
            since: now,
            refused: 0,
        }
    }

    /// Takes one handshake; `false` if there is none left.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let passed = u64::try_from(now.since(self.since).as_micros()).unwrap_or(u64::MAX);
        self.since = self.since.max(now);
        let more = passed.saturating_mul(HANDSHAKES_PER_SECOND.into());
        self.left = self
            .left
            .saturating_add(more)
            .min(u64::from(HANDSHAKES_BURST) * SECOND_US);
        if self.left < SECOND_US {
            self.refused += 1;
            return false;
        }
        self.left -= SECOND_US;
        true
    }

    /// How many were refused so far.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_gets_its_rate_and_no_more() {
        let start = Time::from_micros(5);
        let mut budget = Budget::new(start);
        let taken = (0..10_000).filter(|_| budget.take(start)).count();
        assert_eq!(taken, HANDSHAKES_BURST as usize);
        assert_eq!(budget.refused(), 10_000 - u64::from(HANDSHAKES_BURST));
        // A hundred attempts in each millisecond of two seconds.
        let times = (1..=2000).map(|ms| start + Duration::from_millis(ms));
        let taken = times
            .flat_map(|at| std::iter::repeat_n(at, 100))
            .filter(|at| budget.take(*at));
        assert_eq!(taken.count(), 2 * HANDSHAKES_PER_SECOND as usize);
    }
}
