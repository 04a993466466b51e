//! When a new call is refused. A call that exists is never refused: its proxy could not go elsewhere with it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use ng_protocol::NgError;

use crate::config::LimitSettings;

/// What the operator set; changed at run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Calls at a time; negative: no limit.
    pub sessions: i64,
    /// Load average over a minute; 0: no limit.
    pub load: f64,
    /// CPU use in percent; 0: no limit.
    pub cpu_percent: f64,
    /// Received bytes per second; 0: no limit.
    pub bandwidth_bytes: u64,
}

/// Limits and the readings they are compared with.
#[derive(Debug)]
pub struct Admission {
    limits: Mutex<Limits>,
    sessions: AtomicI64,
    load_milli: AtomicU64,
    cpu_milli: AtomicU64,
    bandwidth_bytes: AtomicU64,
}

impl Admission {
    /// With the limits of the configuration.
    pub fn new(settings: &LimitSettings) -> Self {
        let limits = Limits {
            sessions: settings.sessions.map_or(-1, i64::from),
            load: settings.load.unwrap_or(0.0),
            cpu_percent: settings.cpu_percent.unwrap_or(0.0),
            bandwidth_bytes: settings.bandwidth_bytes.unwrap_or(0),
        };
        Self {
            limits: Mutex::new(limits),
            sessions: AtomicI64::new(0),
            load_milli: AtomicU64::new(0),
            cpu_milli: AtomicU64::new(0),
            bandwidth_bytes: AtomicU64::new(0),
        }
    }

    /// Whether a new call may be.
    pub fn check(&self) -> Result<(), NgError> {
        let limits = self.limits();
        let milli = |value: f64| (value * 1000.0) as u64;
        if limits.sessions >= 0 && self.sessions() >= limits.sessions {
            Err(NgError::SessionLimit)
        } else if limits.cpu_percent > 0.0 && self.cpu_milli.load(Relaxed) >= milli(limits.cpu_percent) {
            Err(NgError::CpuLimit)
        } else if limits.load > 0.0 && self.load_milli.load(Relaxed) >= milli(limits.load) {
            Err(NgError::LoadLimit)
        } else if limits.bandwidth_bytes > 0 && self.bandwidth_bytes.load(Relaxed) >= limits.bandwidth_bytes {
            Err(NgError::BandwidthLimit)
        } else {
            Ok(())
        }
    }

    /// The limits now.
    pub fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes limits.
    pub fn change(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.limits.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Calls now, over all shards.
    pub fn sessions(&self) -> i64 {
        self.sessions.load(Relaxed)
    }

    /// A call began (1) or ended (-1).
    pub fn count_session(&self, change: i64) {
        self.sessions.fetch_add(change, Relaxed);
    }

    /// Takes readings of the machine.
    pub fn measured(&self, load: f64, cpu_percent: f64, bandwidth_bytes: u64) {
        self.load_milli.store((load * 1000.0) as u64, Relaxed);
        self.cpu_milli.store((cpu_percent * 1000.0) as u64, Relaxed);
        self.bandwidth_bytes.store(bandwidth_bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_refuses_with_its_own_text() {
        let all_off = Admission::new(&LimitSettings::default());
        all_off.measured(99.0, 100.0, u64::MAX);
        all_off.count_session(1_000_000);
        assert_eq!(all_off.check(), Ok(()));

        let admission = Admission::new(&LimitSettings {
            sessions: Some(1),
            ..LimitSettings::default()
        });
        assert_eq!(admission.check(), Ok(()));
        admission.count_session(1);
        assert_eq!(admission.check(), Err(NgError::SessionLimit));
        admission.change(|l| l.sessions = -1);
        admission.change(|l| (l.cpu_percent, l.load, l.bandwidth_bytes) = (50.0, 2.0, 1000));
        for (load, cpu, bandwidth, expected) in [
            (1.9, 49.0, 999, Ok(())),
            (1.0, 50.0, 0, Err(NgError::CpuLimit)),
            (2.0, 1.0, 0, Err(NgError::LoadLimit)),
            (0.0, 1.0, 1000, Err(NgError::BandwidthLimit)),
        ] {
            admission.measured(load, cpu, bandwidth);
            assert_eq!(admission.check(), expected);
        }
        admission.change(|l| l.sessions = 0);
        assert_eq!(admission.check(), Err(NgError::SessionLimit), "0 drains");
    }
}
