//! Which flow a socket belongs to, and where each flow lives: resolved once, when plans are applied, so that the packet
//! path does no hashing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plan::{CallKey, FlowId, Plan, PlanSet, SocketId, Time};
use slab::Slab;
use smallvec::SmallVec;

use crate::flow::Flow;
use crate::limits;

/// A flow's place in the slab; stays while the flow lives.
pub(crate) type Slot = u32;

/// The flows of one call. A call of two parties has four, with RTCP.
type Flows = SmallVec<[(FlowId, Slot); 4]>;

/// Sockets of one call.
type Sockets = SmallVec<[SocketId; 8]>;

/// Owner of one socket id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOwner {
    /// The flow.
    pub(crate) slot: Slot,
    /// Which of the flow's sockets.
    pub(crate) local: u8,
    /// What arrives there is protected.
    pub(crate) secured: bool,
}

/// All flows of one worker.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Each with memory of its own: a table that grows moves no flow, and forwarding does not wait for it.
    pub(crate) flows: Slab<Box<Flow>>,
    sockets: Vec<Option<SocketOwner>>,
    pub(crate) calls: BTreeMap<CallKey, Flows>,
    /// Sockets that no plan names any more, until drained.
    pub(crate) released: Vec<SocketId>,
    /// Addresses of our own sockets, past and present: there are only as many as the machine has.
    own: Vec<IpAddr>,
    /// Flows, sinks and sockets beyond a limit, so far.
    pub(crate) refused: u64,
}

impl Table {
    /// Owner of a socket.
    #[inline]
    pub(crate) fn owner(&self, socket: SocketId) -> Option<SocketOwner> {
        *self.sockets.get(socket.0 as usize)?
    }

    /// Where the flows of a call live.
    pub(crate) fn slots_of(&self, call: CallKey) -> SmallVec<[Slot; 4]> {
        let flows = self.calls.get(&call).into_iter().flatten();
        flows.map(|(_, slot)| *slot).collect()
    }

    /// Replaces a call's plans. Flows that stay keep their slot and what [`State::adopt`](crate::state::State::adopt)
    /// lets survive.
    pub(crate) fn install(&mut self, now: Time, set: PlanSet) {
        let PlanSet { call, plans, .. } = set;
        let old = self.calls.remove(&call).unwrap_or_default();
        let before = self.sockets_of(&old);
        for socket in &before {
            self.set_owner(*socket, None);
        }
        let mut flows = Flows::with_capacity(plans.len());
        for plan in plans {
            if flows.len() == limits::FLOWS_PER_CALL_MAX || flows.iter().any(|(id, _)| *id == plan.flow) {
                self.refused += 1;
                continue;
            }
            let kept = old.iter().find(|(id, _)| *id == plan.flow).map(|(_, slot)| *slot);
            flows.push((plan.flow, self.place(now, call, kept, plan)));
        }
        for (id, slot) in old {
            if !flows.iter().any(|(kept, _)| *kept == id) {
                self.flows.try_remove(slot as usize);
            }
        }
        self.link(now, &flows);
        let after = self.sockets_of(&flows);
        self.released
            .extend(before.into_iter().filter(|s| !after.contains(s)));
        if !flows.is_empty() {
            self.calls.insert(call, flows);
        }
    }

    /// Ends a call.
    pub(crate) fn remove(&mut self, call: CallKey) {
        let flows = self.calls.remove(&call).unwrap_or_default();
        self.release(&flows);
        for (_, slot) in flows {
            self.flows.try_remove(slot as usize);
        }
    }

    /// Lets the sockets of flows go.
    pub(crate) fn release(&mut self, flows: &[(FlowId, Slot)]) {
        for socket in self.sockets_of(flows) {
            self.set_owner(socket, None);
            self.released.push(socket);
        }
    }

    fn place(&mut self, now: Time, call: CallKey, kept: Option<Slot>, plan: Plan) -> Slot {
        if let Some(slot) = kept
            && let Some(flow) = self.flows.get_mut(slot as usize)
        {
            flow.replan(now, plan);
            return slot;
        }
        Slot::try_from(self.flows.insert(Box::new(Flow::new(now, call, plan)))).unwrap_or(Slot::MAX)
    }

    /// An address of one of our own sockets.
    pub(crate) fn is_own(&self, ip: IpAddr) -> bool {
        self.own.contains(&ip)
    }

    /// Remembers an address of ours.
    pub(crate) fn add_own(&mut self, ip: IpAddr) {
        if !self.is_own(ip) && self.own.len() < limits::OWN_ADDRESSES_MAX {
            self.own.push(ip);
        }
    }

    pub(crate) fn sockets_of(&self, flows: &[(FlowId, Slot)]) -> Sockets {
        let plans = flows
            .iter()
            .filter_map(|(_, slot)| self.flows.get(*slot as usize));
        plans
            .flat_map(|flow| flow.plan.sockets.iter().map(|s| s.id))
            .collect()
    }

    pub(crate) fn set_owner(&mut self, socket: SocketId, owner: Option<SocketOwner>) {
        let index = socket.0 as usize;
        if index >= limits::SOCKET_IDS_MAX {
            self.refused += u64::from(owner.is_some());
            return;
        }
        if index >= self.sockets.len() {
            self.sockets.resize(index + 1, None);
        }
        if let Some(entry) = self.sockets.get_mut(index) {
            *entry = owner;
        }
    }
}
