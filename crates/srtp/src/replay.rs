//! The replay window (RFC 3711 §3.3.2): which of the last packets were seen.
//!
//! Bits stand in a ring of words, one word more than the window needs, so that moving the window clears whole words
//! and shifts nothing.

use crate::Reject;
use crate::limits::REPLAY_WINDOW;

const WORDS: usize = (REPLAY_WINDOW / 64) as usize + 1;

/// The ring, as exported.
pub(crate) type Seen = [u64; WORDS];

/// The highest index seen and what was seen below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    highest: u64,
    seen: Seen,
}

impl Window {
    /// A window that has seen `index` and nothing else.
    pub(crate) fn new(index: u64) -> Self {
        let mut window = Self {
            highest: index,
            seen: [0; WORDS],
        };
        window.mark(index);
        window
    }

    pub(crate) const fn from_parts(highest: u64, seen: Seen) -> Self {
        Self { highest, seen }
    }

    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    pub(crate) const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether a packet with this index may still come.
    #[inline]
    pub(crate) fn check(&self, index: u64) -> Result<(), Reject> {
        if index > self.highest {
            Ok(())
        } else if self.highest - index >= REPLAY_WINDOW {
            Err(Reject::TooOld)
        } else if self.seen[word(index)] & bit(index) != 0 {
            Err(Reject::Replayed)
        } else {
            Ok(())
        }
    }

    /// Remembers an index that [`check`](Self::check) let pass.
    #[inline]
    pub(crate) fn mark(&mut self, index: u64) {
        if index > self.highest {
            let words = index / 64 - self.highest / 64;
            for ahead in 1..=words.min(WORDS as u64) {
                self.seen[word(self.highest + ahead * 64)] = 0;
            }
            self.highest = index;
        }
        if self.highest - index < REPLAY_WINDOW {
            self.seen[word(index)] |= bit(index);
        }
    }
}

const fn word(index: u64) -> usize {
    (index / 64 % WORDS as u64) as usize
}

const fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against the plainest thing that could work: a set of all indices.
        #[test]
        fn behaves_like_a_set(steps in prop::collection::vec((any::<bool>(), 0u64..700), 1..400)) {
            let mut window = Window::new(1000);
            let mut all = BTreeSet::from([1000u64]);
            for (forward, by) in steps {
                let highest = *all.last().expect("never empty");
                let index = if forward { highest + by } else { highest.saturating_sub(by) };
                let expect = if highest.saturating_sub(index) >= REPLAY_WINDOW {
                    Err(Reject::TooOld)
                } else if all.contains(&index) {
                    Err(Reject::Replayed)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.check(index), expect, "{} below {}", index, highest);
                if expect.is_ok() {
                    window.mark(index);
                    all.insert(index);
                }
                prop_assert_eq!(window.highest(), *all.last().expect("never empty"));
            }
        }
    }

    #[test]
    fn a_long_gap_forgets_everything() {
        let mut window = Window::new(5);
        window.mark(1 << 40);
        for below in 1..REPLAY_WINDOW {
            assert_eq!(window.check((1 << 40) - below), Ok(()), "{below}");
        }
        assert_eq!(window.check((1 << 40) - REPLAY_WINDOW), Err(Reject::TooOld));
    }
}
