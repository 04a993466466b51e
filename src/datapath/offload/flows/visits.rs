//! When which flow is to be visited.
//!
//! Intervals are few and fixed, so a line for each is in order by itself. Visits that are due within a moment are made
//! together: a worker with nothing else to do wakes up for many flows at once.

use std::collections::VecDeque;
use std::time::Duration;

use plan::Time;

use crate::limits;

/// A flow's number, and what tells it from others that had the number.
pub(super) type Visitor = (usize, u64);

/// Lines of flows, one for each interval.
#[derive(Debug, Default)]
pub(super) struct Visits {
    lines: Vec<(Duration, VecDeque<(Time, Visitor)>)>,
}

impl Visits {
    pub(super) fn plan(&mut self, now: Time, after: Duration, visitor: Visitor) {
        let at = self.lines.iter().position(|(interval, _)| *interval == after);
        let at = at.unwrap_or_else(|| {
            self.lines.push((after, VecDeque::new()));
            self.lines.len() - 1
        });
        if let Some((_, line)) = self.lines.get_mut(at) {
            line.push_back((now + after, visitor));
        }
    }

    /// One whose time has come, or nearly so.
    pub(super) fn due(&mut self, now: Time) -> Option<Visitor> {
        let soon = now + limits::OFFLOAD_TOGETHER;
        let lines = self.lines.iter_mut().map(|(_, line)| line);
        let mut due = lines.filter(|line| line.front().is_some_and(|(at, _)| *at <= soon));
        due.next()?.pop_front().map(|(_, visitor)| visitor)
    }

    /// When the next one's time has come.
    pub(super) fn next(&self) -> Option<Time> {
        let fronts = self.lines.iter().filter_map(|(_, line)| line.front());
        fronts.map(|(at, _)| *at).min()
    }
}
