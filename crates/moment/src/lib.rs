//! The one clock reading that pure code sees: who thinks gets it as an argument and reads no clock.
//!
//! A crate of its own because the crates that stand alone (`ice`, `dtls`) and the plans' vocabulary need the same.
#![forbid(unsafe_code)]

use core::ops::{Add, Sub};
use core::time::Duration;

/// Microseconds since the Unix epoch, read once per batch or command by `src/` and passed down as `now`.
///
/// The daemon derives it from the monotonic clock plus an offset fixed at start, so it never runs backwards. Only that
/// matters to who waits for something; a test may count from where it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// A time `secs` whole seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }

    /// A time `us` microseconds after the epoch.
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(micros(d)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(micros(d)))
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_time_hold() {
        let (first, last) = (Time(0), Time(u64::MAX));
        assert_eq!(first - Duration::from_secs(1), first);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(first.since(last), Duration::ZERO);
        assert_eq!(
            Time::from_secs(3).since(Time::from_micros(2_999_999)),
            Duration::from_micros(1)
        );
    }
}
