//! When which flow is to be visited.
//!
//! Intervals are few and fixed, so a line for each is in order by itself. Visits that are due within a moment are made
//! together: a worker with nothing else to do wakes up for many flows at once. Visits to many flows are spread.

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
            let spacing = limits::OFFLOAD_SPREAD / u32::try_from(line.len() + 1).unwrap_or(u32::MAX);
            let earliest = line.back().map_or(now, |(last, _)| *last + spacing);
            let at = earliest.max(now + after);
            line.push_back((at.min(now + after + limits::OFFLOAD_SPREAD), visitor));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_planned_at_one_time_are_spread_and_none_is_late() {
        let (mut visits, flows) = (Visits::default(), 2_000);
        let start = Time(1_000_000);
        (0..flows).for_each(|flow| visits.plan(start, limits::OFFLOAD_PULL, (flow, 0)));
        let mut last = vec![start; flows];
        let mut now = start;
        while now < start + Duration::from_secs(3) {
            now = visits.next().expect("there are visits").max(now);
            let mut turn = 0;
            while turn < limits::OFFLOAD_VISITS
                && let Some((flow, _)) = visits.due(now)
            {
                turn += 1;
                let since = now.since(last[flow]);
                let latest = limits::OFFLOAD_PULL + limits::OFFLOAD_SPREAD;
                assert!(since <= latest, "{flow} after {since:?}");
                last[flow] = now;
                visits.plan(now, limits::OFFLOAD_PULL, (flow, 0));
            }
            let settled = now > start + Duration::from_secs(1);
            let pause = visits.next().is_some_and(|next| next > now);
            assert!(
                !settled || turn < limits::OFFLOAD_VISITS || pause,
                "{turn} in a row"
            );
        }
    }
}
