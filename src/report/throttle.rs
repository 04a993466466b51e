//! A limit on log lines that strangers can cause: refusals are counted in full and logged in part.

use std::sync::{Mutex, PoisonError};

use plan::Time;

use crate::{clock, limits};

/// Lines of one kind: at most `limits::REFUSALS_LOGGED` a second.
#[derive(Debug)]
pub struct Throttle(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The second that is counted, since the epoch.
    second: u64,
    logged: u32,
    left_out: u64,
}

/// For whatever is refused on a control port.
pub static REFUSALS: Throttle = Throttle::new();

impl Throttle {
    const fn new() -> Self {
        Self(Mutex::new(State {
            second: 0,
            logged: 0,
            left_out: 0,
        }))
    }

    /// Logs with `log`, or leaves it out. How many were left out is said before the first line of a later second.
    pub fn log(&self, log: impl FnOnce()) {
        let Some(left_out) = self.admit(clock::now()) else {
            return;
        };
        if left_out > 0 {
            tracing::warn!("{left_out} lines about refusals were left out");
        }
        log();
    }

    /// Whether a line may be logged, and how many could not be before it.
    fn admit(&self, now: Time) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.second != now.as_secs() {
            (state.second, state.logged) = (now.as_secs(), 0);
        }
        if state.logged >= limits::REFUSALS_LOGGED {
            state.left_out += 1;
            return None;
        }
        state.logged += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_later() {
        let throttle = Throttle::new();
        let most = u64::from(limits::REFUSALS_LOGGED);
        let at = |secs| {
            let told: Vec<u64> = (0..most + 7)
                .filter_map(|_| throttle.admit(Time::from_secs(secs)))
                .collect();
            assert_eq!(told.len() as u64, most);
            told[0]
        };
        assert_eq!([at(5), at(6), at(9)], [0, 7, 7]);
    }
}
