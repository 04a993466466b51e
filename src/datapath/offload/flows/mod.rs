//! One worker's flows in the kernel: does what the relay wants, and tells it what the kernel did.
//!
//! Every flow that the relay offers is held here, in the kernel or waiting for its chance; each is visited now and then
//! to pull its counters or to try again, so many in a turn and no more, so that no packet waits for it. Nothing here
//! fails: what cannot be in the kernel goes by the sockets, and the flow's counters say why.

mod gates;
#[cfg(test)]
mod tests;
mod visits;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use plan::{CallKey, FlowId, FlowStats, Path, Refusal, Time};
use relay::{Batch, KernelCounts, KernelFlow, Offload, Relay};
use slab::Slab;

use self::gates::Gates;
use self::visits::Visits;
use super::{Entry, EntryId, Mark, NextHop, NextHops, Table};
use crate::limits;

/// What a worker's kernel side counts. The worker is the only writer.
#[derive(Debug, Default)]
pub struct OffloadCounters {
    /// Flows in the kernel now.
    pub flows: AtomicU64,
    /// Packets that the kernel has forwarded.
    pub packets: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Flows that moved into the kernel.
    pub moved_in: AtomicU64,
    /// Flows that moved there although packets were under way, because that would not have ended.
    pub forced: AtomicU64,
    /// Times that a table had no room for a flow.
    pub table_full: AtomicU64,
}

/// A flow that the kernel may forward.
#[derive(Debug)]
struct Held {
    kernel: Box<KernelFlow>,
    place: Place,
    /// The kernel's counts of this entry that the relay knows.
    told: KernelCounts,
    /// When its gate was closed, and how often it would not open since.
    closed_at: Time,
    tries: u32,
    /// The turn in which its gate was tried last.
    looked: u64,
    /// Tells it from others that had its number.
    serial: u64,
}

/// Where a flow is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// By the sockets, until its next visit.
    Waiting,
    /// Its gate is closed.
    Closed(EntryId, Way),
    /// The kernel forwards it.
    Open(EntryId, Way),
}

/// Where a flow comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    from_here: bool,
    hop: NextHop,
}

impl Place {
    const fn entry(self) -> Option<(EntryId, Way)> {
        match self {
            Self::Waiting => None,
            Self::Closed(id, way) | Self::Open(id, way) => Some((id, way)),
        }
    }
}

/// One worker's flows.
pub struct Flows {
    table: Box<dyn Table>,
    hops: Box<dyn NextHops>,
    held: Slab<Held>,
    by_flow: HashMap<FlowId, usize>,
    gates: Gates,
    visits: Visits,
    /// Of the next hops, when they were last looked at.
    generation: u64,
    /// The next flow whose next hop may have changed, if there may be one.
    recheck: Option<usize>,
    turn: u64,
    serial: u64,
    counters: Arc<OffloadCounters>,
}

impl Flows {
    /// None yet.
    pub fn new(table: Box<dyn Table>, hops: Box<dyn NextHops>, counters: Arc<OffloadCounters>) -> Self {
        Self {
            generation: hops.generation(),
            table,
            hops,
            held: Slab::new(),
            by_flow: HashMap::new(),
            gates: Gates::default(),
            visits: Visits::default(),
            recheck: None,
            turn: 0,
            serial: 0,
            counters,
        }
    }

    /// Does what the relay wants changed.
    pub fn follow(&mut self, now: Time, relay: &mut Relay) {
        while let Some(change) = relay.poll_offload(now) {
            match change {
                Offload::Install(kernel) => self.install(now, kernel, relay),
                Offload::Withdraw(flow, _) => self.withdraw(now, flow, relay),
            }
        }
    }

    /// When [`visit`](Self::visit) has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.recheck {
            Some(_) => Some(Time(0)),
            None => self.visits.next(),
        }
    }

    /// The batch was handled, and what followed from it was sent: flows whose last packet was in it may move.
    pub fn handled(&mut self, now: Time, batch: &Batch) {
        if self.gates.all_open() {
            return;
        }
        self.turn += 1;
        for (socket, source, bytes) in batch.datagrams().rev() {
            let Some(key) = self.gates.closed(socket) else {
                continue;
            };
            let Some(held) = self.held.get_mut(key) else {
                continue;
            };
            if held.looked != self.turn && held.kernel.source == source {
                held.looked = self.turn;
                self.try_open(now, key, Mark::of(bytes));
            }
        }
    }

    /// Visits the flows whose time has come, and those whose next hop may have changed.
    pub fn visit(&mut self, now: Time, relay: &mut Relay) {
        let generation = self.hops.generation();
        if generation != self.generation {
            self.generation = generation;
            self.recheck = Some(0);
        }
        for _ in 0..limits::OFFLOAD_VISITS {
            let Some((key, serial)) = self.visits.due(now) else {
                break;
            };
            if self.held.get(key).is_some_and(|held| held.serial == serial) {
                self.visit_one(now, key, relay);
                self.plan_visit(now, key);
            }
        }
        self.recheck_some(now, relay);
    }

    /// Tells the relay what the kernel has done until now for a call.
    pub fn pull(&mut self, now: Time, call: CallKey, relay: &mut Relay) {
        for flow in relay.offered(call).collect::<Vec<_>>() {
            if let Some(key) = self.by_flow.get(&flow).copied() {
                self.tell(now, key, relay);
            }
        }
    }

    fn install(&mut self, now: Time, kernel: Box<KernelFlow>, relay: &mut Relay) {
        let flow = kernel.flow;
        self.withdraw(now, flow, relay);
        self.serial += 1;
        let key = self.held.insert(Held {
            kernel,
            place: Place::Waiting,
            told: KernelCounts::default(),
            closed_at: now,
            tries: 0,
            looked: 0,
            serial: self.serial,
        });
        self.by_flow.insert(flow, key);
        self.place(now, key);
        self.plan_visit(now, key);
    }

    fn withdraw(&mut self, now: Time, flow: FlowId, relay: &mut Relay) {
        if let Some(key) = self.by_flow.remove(&flow) {
            self.displace(now, key, relay);
            self.held.try_remove(key);
        }
    }

    /// Looks for the flow's way and publishes it, or notes why not.
    fn place(&mut self, now: Time, key: usize) {
        let Some(held) = self.held.get_mut(key) else {
            return;
        };
        let published = way(&mut *self.hops, &held.kernel).and_then(|way| {
            let entry = Entry {
                flow: (*held.kernel).clone(),
                hop: way.hop,
                from_here: way.from_here,
            };
            self.table.publish(&entry).map(|id| (id, way))
        });
        match published {
            Ok((id, way)) => {
                held.place = Place::Closed(id, way);
                held.told = KernelCounts::default();
                (held.closed_at, held.tries) = (now, 0);
                held.kernel.stats.stays(Refusal::Moving);
                self.gates.close(held.kernel.local.id, key);
            }
            Err(why) => {
                held.kernel.stats.stays(why);
                if why == Refusal::TableFull {
                    FlowStats::add(&self.counters.table_full, 1);
                }
            }
        }
    }

    /// Takes a flow out of the kernel.
    fn displace(&mut self, now: Time, key: usize, relay: &mut Relay) {
        let Some(held) = self.held.get_mut(key) else {
            return;
        };
        let place = std::mem::replace(&mut held.place, Place::Waiting);
        if let Some((id, _)) = place.entry() {
            if let Place::Open(..) = place {
                let flows = self.counters.flows.load(Relaxed);
                FlowStats::set(&self.counters.flows, flows.saturating_sub(1));
            }
            let counts = self.table.retire(id);
            self.gates.forget(held.kernel.local.id);
            held.tell(now, counts, relay, &self.counters);
        }
    }

    fn try_open(&mut self, now: Time, key: usize, last: Mark) {
        let Some(held) = self.held.get_mut(key) else {
            return;
        };
        let Place::Closed(id, way) = held.place else {
            return;
        };
        held.tries += 1;
        if !self.table.open(id, last) {
            let waited = now.since(held.closed_at) >= limits::GATE_PATIENCE;
            if !waited || held.tries < limits::GATE_TRIES {
                return;
            }
            self.table.force(id);
            FlowStats::add(&self.counters.forced, 1);
        }
        held.place = Place::Open(id, way);
        held.kernel.stats.takes(Path::Kernel, None);
        self.gates.forget(held.kernel.local.id);
        FlowStats::add(&self.counters.moved_in, 1);
        FlowStats::add(&self.counters.flows, 1);
    }

    fn visit_one(&mut self, now: Time, key: usize, relay: &mut Relay) {
        match self.held.get(key).map(|held| held.place) {
            Some(Place::Waiting) => self.place(now, key),
            Some(Place::Open(id, _)) if !self.table.holds(id) => self.give_up(now, key, relay),
            Some(Place::Open(..)) => self.tell(now, key, relay),
            Some(Place::Closed(..)) | None => {}
        }
    }

    /// Leaves a flow to the sockets until it is tried again.
    fn give_up(&mut self, now: Time, key: usize, relay: &mut Relay) {
        self.displace(now, key, relay);
        if let Some(held) = self.held.get(key) {
            relay.note_republished(held.kernel.flow);
            held.kernel.stats.stays(Refusal::LocalPeer);
        }
    }

    fn plan_visit(&mut self, now: Time, key: usize) {
        if let Some(held) = self.held.get(key) {
            let after = match held.place {
                Place::Waiting => limits::OFFLOAD_RETRY,
                Place::Closed(..) | Place::Open(..) => limits::OFFLOAD_PULL,
            };
            self.visits.plan(now, after, (key, held.serial));
        }
    }

    /// The next hops of some flows, after something about next hops has changed.
    fn recheck_some(&mut self, now: Time, relay: &mut Relay) {
        let Some(from) = self.recheck else {
            return;
        };
        let end = self.held.capacity();
        let to = end.min(from + limits::OFFLOAD_VISITS);
        for key in from..to {
            self.recheck_one(now, key, relay);
        }
        self.recheck = (to < end).then_some(to);
    }

    fn recheck_one(&mut self, now: Time, key: usize, relay: &mut Relay) {
        let Some(held) = self.held.get(key) else {
            return;
        };
        let Some((_, before)) = held.place.entry() else {
            return self.place(now, key);
        };
        match way(&mut *self.hops, &held.kernel) {
            Ok(same) if same == before => return,
            // As good as no answer.
            Err(Refusal::Resolving) => return,
            _ => {}
        }
        let flow = held.kernel.flow;
        self.displace(now, key, relay);
        // The kernel begins to count anew.
        relay.note_republished(flow);
        self.place(now, key);
    }

    fn tell(&mut self, now: Time, key: usize, relay: &mut Relay) {
        if let Some(held) = self.held.get_mut(key)
            && let Place::Open(id, _) = held.place
        {
            held.tell(now, self.table.counts(id), relay, &self.counters);
        }
    }
}

/// Where a flow comes from and goes to, as far as that is known.
fn way(hops: &mut dyn NextHops, flow: &KernelFlow) -> Result<Way, Refusal> {
    // A source that is not here may be anywhere, and that there is no way back is nothing to us.
    let from_here = match hops.next_hop(flow.local.addr, flow.source) {
        Err(Refusal::Resolving) => return Err(Refusal::Resolving),
        answer => answer == Err(Refusal::LocalPeer),
    };
    let hop = match hops.next_hop(flow.out.addr, flow.dest) {
        Err(Refusal::LocalPeer) => NextHop::HERE,
        answer => answer?,
    };
    Ok(Way { from_here, hop })
}

impl Held {
    /// Tells the relay what is new.
    fn tell(&mut self, now: Time, counts: KernelCounts, relay: &mut Relay, counters: &OffloadCounters) {
        let new = KernelCounts {
            packets: counts.packets.saturating_sub(self.told.packets),
            bytes: counts.bytes.saturating_sub(self.told.bytes),
            ..counts
        };
        self.told = counts;
        FlowStats::add(&counters.packets, new.packets);
        FlowStats::add(&counters.bytes, new.bytes);
        relay.note_kernel(now, self.kernel.flow, &new);
    }
}
