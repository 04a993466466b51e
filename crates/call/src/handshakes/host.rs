//! What the handshakes of all calls share: the certificate, the guard against floods, and counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dtls::{Config, Gate};
use plan::CallKey;

/// DTLS of the whole daemon. Clones share everything but the certificate.
#[derive(Clone, Debug)]
pub struct DtlsHost {
    config: Arc<Config>,
    /// One for each thread that owns calls, so that nobody waits for another.
    gates: Arc<[Mutex<Gate>]>,
    counters: Arc<DtlsCounters>,
    /// We wait for the peer to begin if it leaves the choice to us (`dtls-passive`).
    pub passive: bool,
}

/// What became of handshakes.
#[derive(Debug, Default)]
pub struct DtlsCounters {
    /// Handshakes that have yielded keys.
    pub connected: AtomicU64,
    /// Handshakes that came to nothing, but for the next reason.
    pub failed: AtomicU64,
    /// Handshakes with a certificate that signalling had not told.
    pub wrong_fingerprint: AtomicU64,
    /// Packets that were refused: of strangers, or too many handshakes.
    pub refused: AtomicU64,
}

impl DtlsHost {
    /// With a gate for each thread that owns calls; there is at least one.
    pub fn new(config: Arc<Config>, gates: Vec<Gate>) -> Self {
        Self {
            config,
            gates: gates.into_iter().map(Mutex::new).collect(),
            counters: Arc::default(),
            passive: false,
        }
    }

    /// The same with another certificate, for associations that begin from now on.
    #[must_use]
    pub fn with_config(&self, config: Arc<Config>) -> Self {
        Self {
            config,
            ..self.clone()
        }
    }

    /// The certificate and what belongs to it.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    /// Counters.
    pub fn counters(&self) -> &DtlsCounters {
        &self.counters
    }

    /// The gate of the thread that owns a call; the upper bits of the call's key name it.
    pub(crate) fn gate(&self, call: CallKey) -> MutexGuard<'_, Gate> {
        let owner = usize::try_from(call.0 >> 48).unwrap_or(0);
        let gate = &self.gates[owner % self.gates.len()];
        gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DtlsCounters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }
}
