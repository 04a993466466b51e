//! How a trial stands, on one line of the terminal, and keys that change its rate.

use std::io::{IsTerminal, Write};

use crate::media::generator::{Moment, Next};
use crate::sys::keys::Keys;

/// What `+` and `-` multiply the rate by.
const STEP: f64 = 1.1;

/// Progress on standard error, if that is a terminal; keys from standard input, if that is one.
pub(crate) struct Live {
    keys: Option<Keys>,
    shown: bool,
    last: Option<Moment>,
}

impl Live {
    pub(crate) fn new() -> Self {
        let shown = std::io::stderr().is_terminal();
        let keys = Keys::open();
        if shown && keys.is_some() {
            eprintln!("+ faster, - slower, q ends this rate");
        }
        Self {
            keys,
            shown,
            last: None,
        }
    }

    /// One look.
    pub(crate) fn look(&mut self, moment: Moment) -> Next {
        if self.shown {
            eprint!("\r{}\x1b[K", line(self.last, moment));
            // A terminal that is gone shows nothing, and that is all.
            let _ = std::io::stderr().flush();
        }
        self.last = Some(moment);
        let pressed = std::iter::from_fn(|| self.keys.as_ref()?.pressed());
        pressed.fold(Next::Rate(moment.rate), obey)
    }

    /// Makes room for what is printed next.
    pub(crate) fn end(&mut self) {
        if self.shown && self.last.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

fn obey(next: Next, key: u8) -> Next {
    match (next, key) {
        (Next::Stop, _) | (_, b'q') => Next::Stop,
        (Next::Rate(rate), b'+' | b'=') => Next::Rate(rate * STEP),
        (Next::Rate(rate), b'-') => Next::Rate(rate / STEP),
        (same, _) => same,
    }
}

fn line(last: Option<Moment>, now: Moment) -> String {
    let since = last.filter(|last| last.elapsed < now.elapsed);
    let seconds = now.elapsed.as_secs_f64() - since.map_or(0.0, |last| last.elapsed.as_secs_f64());
    let per_second = |now: u64, last: u64| now.saturating_sub(last) as f64 / seconds.max(1e-9);
    format!(
        "{:6.1} s  asked {:.0}/s  sent {:.0}/s  received {:.0}/s  under way or lost {}",
        now.elapsed.as_secs_f64(),
        now.rate,
        per_second(now.sent, since.map_or(0, |last| last.sent)),
        per_second(now.received, since.map_or(0, |last| last.received)),
        now.sent.saturating_sub(now.received),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_change_the_rate() {
        let after = |keys: &[u8]| {
            keys.iter()
                .fold(Next::Rate(1_000.0), |next, key| obey(next, *key))
        };
        assert_eq!(after(b"x"), Next::Rate(1_000.0));
        assert_eq!(after(b"+"), Next::Rate(1_000.0 * STEP));
        assert_eq!(after(b"--"), Next::Rate(1_000.0 / STEP / STEP));
        assert_eq!(after(b"+q+"), Next::Stop);
    }

    #[test]
    fn rates_are_since_the_last_look() {
        let moment = |ms, sent, received| Moment {
            elapsed: Duration::from_millis(ms),
            rate: 1_000.0,
            sent,
            received,
        };
        let text = line(Some(moment(1_000, 1_000, 990)), moment(1_500, 1_600, 1_490));
        assert!(
            text.contains("sent 1200/s  received 1000/s  under way or lost 110"),
            "{text}"
        );
    }
}
