//! SDES (RFC 4568): the keys that a party has told us and those that it was told.
//!
//! Invariant: keys are in use only after an answer. An offer, even one that changes them, leaves those in use alone: it
//! may be refused.

use std::sync::Arc;

use plan::Security;
use srtp::{Params, Suite};

use super::security::Keys;

/// One `a=crypto` line: a key for one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CryptoLine {
    /// Tells the lines of one body apart, and which of them an answer takes.
    pub(crate) tag: u32,
    /// Suite, key and session parameters.
    pub(crate) params: Arc<Params>,
}

impl CryptoLine {
    /// Its suite; a set of keys has one for all.
    pub(crate) fn suite(&self) -> Option<Suite> {
        self.params.keys().first().map(srtp::MasterKey::suite)
    }
}

/// The SDES side of a media.
#[derive(Debug, Default)]
pub(crate) struct Sdes {
    /// What its party said last, in the order in which we choose from it: with these keys it protects.
    pub(crate) said: Vec<CryptoLine>,
    /// What it was told last: with these keys we protect. After an answer, the one that was agreed.
    pub(crate) told: Vec<CryptoLine>,
    /// The keys in use.
    pub(crate) keys: Option<Keys>,
}

impl Sdes {
    /// Makes one line of each side the keys in use.
    pub(crate) fn agree(&mut self, said: &CryptoLine, told: CryptoLine) {
        self.keys = Some(Keys {
            recv: Arc::clone(&said.params),
            send: Arc::clone(&told.params),
        });
        self.told = vec![told];
    }

    /// Whether its party has agreed to keys of ours.
    pub(crate) fn is_agreed(&self) -> bool {
        self.keys.is_some()
    }

    /// Its party speaks no SRTP any more. The keys must not be taken up again later: their rollover counters are gone,
    /// and a counter that begins anew under an old key repeats the keystream.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// How packets from the party and to it are protected.
    pub(crate) fn security(&self) -> (Security, Security) {
        match &self.keys {
            Some(keys) => (
                Security::Srtp(Arc::clone(&keys.recv)),
                Security::Srtp(Arc::clone(&keys.send)),
            ),
            None => (Security::Pending, Security::Pending),
        }
    }
}
