//! Flows that change the call they belong to, and perhaps the relay: calls may be made one.
//!
//! Invariant: what a flow knows goes with it, rollover counters above all: a key whose counts were forgotten could neither
//! be listened to nor sent with. Plans that name the flows follow; until then flows of the same relay go on as they are,
//! and those from another one rest.

use plan::{CallKey, SocketId, Time};

use crate::Relay;
use crate::flow::{Flow, News};
use crate::table::{Slot, Table};

/// The flows of a call on their way to another relay.
#[derive(Debug)]
pub struct Handover {
    flows: Vec<Flow>,
}

impl Relay {
    /// The flows of `from` belong to `into` from now on, here.
    pub fn merge(&mut self, from: CallKey, into: CallKey) {
        self.table.merge(from, into);
    }

    /// The sockets of a call.
    pub fn sockets(&self, call: CallKey) -> impl Iterator<Item = SocketId> + use<> {
        let flows = self.table.calls.get(&call);
        let sockets = flows.map(|flows| self.table.sockets_of(flows));
        sockets.into_iter().flatten()
    }

    /// Gives the flows of a call away and releases its sockets.
    pub fn give(&mut self, call: CallKey) -> Handover {
        Handover {
            flows: self.table.take(call),
        }
    }

    /// Takes the flows of a call that has become part of `into`. The next plans of `into` name them.
    pub fn adopt(&mut self, now: Time, into: CallKey, handover: Handover) {
        for mut flow in handover.flows {
            flow.call = into;
            flow.rest(now);
            let learned = flow.state.sources.learned().is_some();
            flow.news = News {
                learned,
                looped: false,
            };
            let slot = self.table.put(into, flow);
            if learned {
                self.events.reserve(self.table.flows.len());
                self.events.news(slot, false);
            }
        }
    }
}

impl Table {
    fn merge(&mut self, from: CallKey, into: CallKey) {
        let moved = self.calls.remove(&from).unwrap_or_default();
        for (_, slot) in &moved {
            if let Some(flow) = self.flows.get_mut(*slot as usize) {
                flow.call = into;
            }
        }
        self.calls.entry(into).or_default().extend(moved);
    }

    fn take(&mut self, call: CallKey) -> Vec<Flow> {
        let flows = self.calls.remove(&call).unwrap_or_default();
        self.release(&flows);
        let slots = flows.iter().map(|(_, slot)| *slot as usize);
        slots
            .filter_map(|slot| self.flows.try_remove(slot).map(|flow| *flow))
            .collect()
    }

    fn put(&mut self, call: CallKey, flow: Flow) -> Slot {
        let id = flow.plan.flow;
        let slot = Slot::try_from(self.flows.insert(Box::new(flow))).unwrap_or(Slot::MAX);
        self.calls.entry(call).or_default().push((id, slot));
        slot
    }
}
