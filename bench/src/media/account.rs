//! What became of a flow's packets: each one new, late, or seen before.

use crate::limits::SEQUENCE_WINDOW;

const WORDS: usize = (SEQUENCE_WINDOW / 64) as usize;

/// The account of one flow during one trial.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Counter of the first packet of this trial; older ones are stragglers of the last.
    first: u64,
    /// Counter after the highest one seen.
    next: u64,
    /// A bit for each of the last counters, by counter modulo the window.
    seen: [u64; WORDS],
    pub(crate) received: u64,
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
}

impl Account {
    /// A trial whose first packet will have this counter.
    pub(crate) fn starting_at(first: u64) -> Self {
        Self {
            first,
            next: first,
            seen: [0; WORDS],
            received: 0,
            reordered: 0,
            duplicates: 0,
        }
    }

    /// Enters a packet; whether it is the first copy of one of this trial.
    pub(crate) fn enter(&mut self, counter: u64) -> bool {
        if counter < self.first {
            return false;
        }
        if counter >= self.next {
            self.forget_up_to(counter);
            self.next = counter + 1;
        } else if self.next - counter > SEQUENCE_WINDOW || self.bit(counter) {
            // Too old to tell is counted with the duplicates: it makes loss look higher, never lower.
            self.duplicates += 1;
            return false;
        } else {
            self.reordered += 1;
        }
        self.seen[Self::word(counter)] |= 1 << (counter % 64);
        self.received += 1;
        true
    }

    /// Whether a packet was entered, as far as that is known.
    pub(crate) fn has(&self, counter: u64) -> bool {
        (self.first..self.next).contains(&counter)
            && self.next - counter <= SEQUENCE_WINDOW
            && self.bit(counter)
    }

    /// Clears the bits of the counters that come into the window with this one.
    fn forget_up_to(&mut self, counter: u64) {
        if counter - self.next >= SEQUENCE_WINDOW {
            self.seen = [0; WORDS];
            return;
        }
        (self.next..=counter).for_each(|c| self.seen[Self::word(c)] &= !(1 << (c % 64)));
    }

    fn bit(&self, counter: u64) -> bool {
        self.seen[Self::word(counter)] & (1 << (counter % 64)) != 0
    }

    fn word(counter: u64) -> usize {
        (counter % SEQUENCE_WINDOW / 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(first: u64, counters: &[u64]) -> (u64, u64, u64) {
        let mut account = Account::starting_at(first);
        counters.iter().for_each(|counter| {
            account.enter(*counter);
        });
        (account.received, account.reordered, account.duplicates)
    }

    #[test]
    fn received_reordered_duplicates() {
        for (first, counters, expected) in [
            (0, &[0, 1, 2][..], (3, 0, 0)),
            (0, &[0, 2, 1], (3, 1, 0)),
            (0, &[0, 0, 1, 1], (2, 0, 2)),
            (5, &[3, 4, 5], (1, 0, 0)),
            (0, &[5_000, 5_000, 4_999, 100], (2, 1, 2)),
            (0, &[10, 2_000, 2_010, 2_010 - 1_024 + 10], (4, 1, 0)),
        ] {
            assert_eq!(account(first, counters), expected, "{first} {counters:?}");
        }
    }

    #[test]
    fn agrees_with_a_set_within_the_window() {
        let mut account = Account::starting_at(0);
        let mut seen = std::collections::BTreeSet::new();
        let mut random = 88_172_645_463_325_252_u64;
        let mut base = 0;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            base += random % 3;
            let counter = base + random % 500;
            assert_eq!(account.enter(counter), seen.insert(counter), "counter {counter}");
        }
        assert_eq!(account.received, seen.len() as u64);
    }
}
