//! What happens to calls without a command: reports of workers and time. And the place where panics end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use call::EndReason;
use plan::CallKey;

use super::Shard;
use crate::clock;
use crate::limits;

impl Shard {
    pub(super) fn handle_events(&mut self) {
        let now = clock::now();
        for _ in 0..limits::JOBS_PER_TURN {
            let Ok(event) = self.parts.events.try_recv() else {
                return;
            };
            let key = event.call();
            let step = || {
                if let Some(entry) = self.table.get_mut(key) {
                    entry.call.handle_event(now, &event);
                    self.drain(key);
                }
            };
            if guarded("a report of a worker", step).is_none() {
                self.abandon(key);
            }
        }
    }

    pub(super) fn handle_timeouts(&mut self) {
        let now = clock::now();
        for _ in 0..limits::JOBS_PER_TURN {
            let Some(key) = self.table.pop_due(now) else {
                return;
            };
            let step = || {
                if let Some(entry) = self.table.get_mut(key) {
                    entry.call.handle_timeout(now);
                }
                self.drain(key);
            };
            if guarded("a timer", step).is_none() {
                self.abandon(key);
            }
        }
    }

    /// Ends a call that cannot even be asked any more, so that its ports come back and its recording is complete.
    pub(super) fn abandon(&mut self, key: CallKey) {
        let Some(entry) = self.table.remove(key) else {
            return;
        };
        tracing::error!(call = %entry.call.call_id(), "the call failed inside and was ended");
        self.parts.driver.remove(key);
        let now = clock::now();
        if let Some(command) = entry.call.last_recording_command(now) {
            self.record(command);
        }
        let control = &self.parts.control;
        control.admission.count_session(-1);
        control.statistics.count_flows(-(entry.flows.len() as i64));
        let lasted = now.since(entry.call.created());
        let flows = entry.flows.iter().map(|f| &**f);
        control.statistics.call_ended(EndReason::Forced, lasted, flows);
        self.forget_elsewhere(&entry);
    }
}

/// Runs something that a call does; `None` if it panicked. The one place on the control side where panics end: other
/// calls must not notice.
pub(super) fn guarded<T>(what: &str, step: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(step)).ok();
    if result.is_none() {
        tracing::error!("'{what}' failed inside");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_here() {
        assert_eq!(guarded("sum", || 1 + 1), Some(2));
        assert_eq!(guarded("failure", || -> u8 { panic!("on purpose") }), None);
    }
}
