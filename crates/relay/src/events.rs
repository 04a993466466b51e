//! What goes up: a bounded queue of what happened, and a list of flows with news.
//!
//! News are kept as bits in the flow and are never lost. What is queued may be: it is counted then.

use std::collections::VecDeque;

use plan::Event;
use slab::Slab;

use crate::flow::Flow;
use crate::limits;
use crate::table::Slot;

/// What waits to be drained.
#[derive(Debug)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    punts: usize,
    /// Flows with news; each at most once, so that its capacity is the number of flows.
    dirty: Vec<Slot>,
    pub(crate) lost: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            queue: VecDeque::with_capacity(limits::EVENTS_MAX),
            punts: 0,
            dirty: Vec::new(),
            lost: 0,
        }
    }
}

impl Events {
    /// There will be up to `flows` flows: nothing on the packet path has to grow.
    pub(crate) fn reserve(&mut self, flows: usize) {
        self.dirty.reserve(flows.saturating_sub(self.dirty.len()));
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() < limits::EVENTS_MAX {
            self.queue.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    /// Queues a packet that is handed up, unless too many wait. `known` = it does not come from a stranger.
    pub(crate) fn punt(&mut self, known: bool, event: impl FnOnce() -> Event) -> bool {
        let most = if known {
            limits::PUNTS_MAX
        } else {
            limits::PUNTS_STRANGE_MAX
        };
        let room = self.punts < most && self.queue.len() < limits::EVENTS_MAX;
        if room {
            self.punts += 1;
            self.queue.push_back(event());
        }
        room
    }

    /// Marks a flow as having news. `had` = it had some before.
    pub(crate) fn news(&mut self, slot: Slot, had: bool) {
        if !had {
            self.dirty.push(slot);
        }
    }

    pub(crate) fn drain(&mut self, flows: &mut Slab<Box<Flow>>, mut f: impl FnMut(Event)) {
        for slot in self.dirty.drain(..) {
            let Some(flow) = flows.get_mut(slot as usize) else {
                continue;
            };
            let news = std::mem::take(&mut flow.news);
            let (call, id) = (flow.call, flow.plan.flow);
            if news.looped {
                f(Event::Loop { call, flow: id });
            }
            let learned = flow.state.sources.learned().filter(|_| news.learned);
            let local = learned.and_then(|l| flow.plan.sockets.get(usize::from(l.local)));
            if let (Some(learned), Some(local)) = (learned, local) {
                let (peer, settled) = (learned.addr, learned.settled);
                f(Event::Learned {
                    call,
                    flow: id,
                    peer,
                    local: local.id,
                    settled,
                });
            }
        }
        self.punts = 0;
        self.queue.drain(..).for_each(f);
    }
}
