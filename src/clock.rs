//! The one clock: microseconds since the epoch that never run backwards.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use plan::Time;

static START: OnceLock<(Instant, u64)> = OnceLock::new();

/// Now: the monotonic clock plus an offset fixed at the first call.
pub fn now() -> Time {
    let (start, epoch_us) = START.get_or_init(|| {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Instant::now(), u64::try_from(epoch.as_micros()).unwrap_or(0))
    });
    Time(epoch_us + u64::try_from(start.elapsed().as_micros()).unwrap_or(0))
}
