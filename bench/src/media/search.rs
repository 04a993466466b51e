//! Finding the highest rate that still passes.

use anyhow::Result;

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// First rate tried, packets/s.
    pub(crate) from: f64,
    /// Never higher than this, packets/s.
    pub(crate) to: f64,
    /// Stop when the lowest rate that fails is this much above the highest that passes (1.03 = 3 %).
    pub(crate) precision: f64,
}

/// Trials of a rate before it has failed.
const TRIES: usize = 3;

/// Climbs by half until a rate fails, then bisects. A rate fails only if it fails [`TRIES`] times in a row: a bad
/// trial may be somebody else's work on this machine. Returns the highest rate that passed; 0 if none did.
pub(crate) fn highest(range: Range, mut passes: impl FnMut(f64) -> Result<bool>) -> Result<f64> {
    let mut passes = |rate| {
        for _ in 0..TRIES {
            if passes(rate)? {
                return Ok(true);
            }
        }
        Ok::<bool, anyhow::Error>(false)
    };
    let (mut good, mut bad) = (0.0, None);
    let mut rate = range.from.min(range.to);
    loop {
        if passes(rate)? {
            good = rate;
            if rate >= range.to {
                return Ok(good);
            }
        } else {
            bad = Some(rate);
        }
        rate = match bad {
            None => (good * 1.5).min(range.to),
            Some(bad) if bad < range.from / 64.0 => return Ok(good),
            Some(bad) if good > 0.0 && bad / good <= range.precision => return Ok(good),
            Some(bad) if good == 0.0 => bad / 2.0,
            Some(bad) => (good * bad).sqrt(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(limit: f64, range: Range) -> (f64, u32) {
        let mut trials = 0;
        let found = highest(range, |rate| {
            trials += 1;
            Ok(rate <= limit)
        });
        (found.unwrap(), trials)
    }

    #[test]
    fn finds_the_limit_from_both_sides() {
        let range = Range {
            from: 50_000.0,
            to: 2_000_000.0,
            precision: 1.03,
        };
        for limit in [10_000.0, 49_000.0, 50_000.0, 117_000.0, 364_000.0, 1_900_000.0] {
            let (found, trials) = search(limit, range);
            assert!(found <= limit && found >= limit / 1.03, "{found} for {limit}");
            assert!(trials < 30, "{trials} trials for {limit}");
        }
    }

    #[test]
    fn stops_at_the_ends() {
        let range = Range {
            from: 50_000.0,
            to: 200_000.0,
            precision: 1.03,
        };
        assert_eq!(search(1e9, range).0, 200_000.0);
        assert_eq!(search(0.0, range).0, 0.0);
    }

    #[test]
    fn one_bad_trial_is_forgiven() {
        let mut first = true;
        let range = Range {
            from: 50_000.0,
            to: 100_000.0,
            precision: 1.05,
        };
        let found = highest(range, |_| Ok(!std::mem::take(&mut first)));
        assert_eq!(found.unwrap(), 100_000.0);
    }
}
