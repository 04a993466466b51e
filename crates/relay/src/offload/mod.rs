//! What of the plans the kernel may execute without us.
//!
//! A [`KernelFlow`] is a flow whose every packet has the same fate, which can be said in a few words: from this source,
//! of this stream, with these payload types, goes unchanged to that address. Everything else about it (who the source
//! is, what the stream is) was settled by packets that came here. A packet that does not fit goes up the stack and is
//! handled here as ever; so does every packet while a plan changes, because a flow is withdrawn before the new plan
//! sees its first packet.
//!
//! Which flows are looked at again is noted when something happens that could matter, and decided between batches, in
//! [`Relay::poll_offload`]: a packet of a flow costs one look at one flag. Flows that are not offered to anybody
//! ([`Relay::offer_flows`]) do not even cost that decision.

mod counted;
mod lower;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plan::{CallKey, Command, FlowId, FlowStats, Framing, LocalSocket, Refusal, SocketId, Time};
use rtp::Header;

use crate::table::Slot;
use crate::{Relay, limits};

/// A flow that the kernel may forward.
#[derive(Clone, Debug)]
pub struct KernelFlow {
    /// The flow.
    pub flow: FlowId,
    /// At which socket its packets arrive; all others of it go up the stack.
    pub local: LocalSocket,
    /// Where they come from; packets of other sources go up the stack.
    pub source: SocketAddr,
    /// What they are. Of `Rtp` and `Srtp` only RTP is forwarded if `ssrc` is given, only RTCP otherwise.
    pub framing: Framing,
    /// The stream; RTP of another one goes up the stack.
    pub ssrc: Option<u32>,
    /// Payload types that are forwarded, one bit each; others go up the stack.
    pub payload_types: u128,
    /// Leaves by this socket.
    pub out: LocalSocket,
    /// To this address.
    pub dest: SocketAddr,
    /// With this TOS or traffic class.
    pub tos: u8,
    /// Counters of the flow.
    pub stats: Arc<FlowStats>,
    /// Counters of the flow whose peer gets the packets.
    pub sink_stats: Arc<FlowStats>,
}

impl KernelFlow {
    /// Nothing of it differs.
    fn is(&self, other: &Self) -> bool {
        let what = |f: &Self| (f.flow, f.local, f.source, f.framing, f.ssrc, f.payload_types);
        let onward = |f: &Self| (f.out, f.dest, f.tos);
        what(self) == what(other)
            && onward(self) == onward(other)
            && Arc::ptr_eq(&self.stats, &other.stats)
            && Arc::ptr_eq(&self.sink_stats, &other.sink_stats)
    }
}

/// What the kernel counted of a flow since it was installed. Bytes are UDP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounts {
    /// Packets forwarded.
    pub packets: u64,
    /// Bytes forwarded.
    pub bytes: u64,
    /// When the last one was.
    pub last: Option<Time>,
    /// Of RTP: the highest sequence number forwarded, extended from that of the first (cycles in the upper half).
    pub highest_seq: u32,
    /// Of RTP: the timestamp and the payload type of the last packet.
    pub timestamp: u32,
    /// See above.
    pub payload_type: u8,
}

/// What changes in the kernel. In order; a `Withdraw` is final for the counters of its flow.
#[derive(Clone, Debug)]
pub enum Offload {
    /// From now on the kernel may forward this flow. Replaces what it had of the same flow.
    Install(Box<KernelFlow>),
    /// Not any more. The socket is that of `KernelFlow::local`.
    Withdraw(FlowId, SocketId),
}

/// What a flow remembers of being offered to the kernel.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    /// As it was offered.
    pub(crate) kernel: Option<Box<KernelFlow>>,
    /// Its next RTP packet is worth a look.
    pub(crate) watched: bool,
    /// It waits to be looked at.
    dirty: bool,
    /// It ends with the next command.
    leaving: bool,
    /// It is not offered again before.
    not_before: Time,
    /// It went round in circles, so until then not at all.
    looped: bool,
    /// What is to be added to the kernel's sequence numbers, once it has told of some.
    seq_base: Option<u32>,
    /// The highest number, extended, that the kernel has told of; before, that of the stream when it was offered.
    kernel_seq: u32,
}

impl Offer {
    /// How much longer a source has to be silent before others are let in: news of it come late.
    pub(crate) const fn patience_us(&self) -> u64 {
        if self.kernel.is_some() {
            limits::KERNEL_NEWS_US
        } else {
            0
        }
    }
}

/// Which flows are offered, and which have to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    on: bool,
    dirty: Vec<Slot>,
    offered: BTreeMap<FlowId, Slot>,
    /// The flow that the last [`Offload::Withdraw`] named: its last counts are still to come.
    ending: Option<(Slot, Box<KernelFlow>)>,
}

impl Relay {
    /// From now on flows are offered to the kernel.
    pub fn offer_flows(&mut self) {
        self.offload.on = true;
    }

    /// Has the flows that a command will end withdrawn by [`poll_offload`](Self::poll_offload), so that their last counts
    /// ([`note_kernel`](Self::note_kernel)) come in time. Before [`apply`](Self::apply).
    pub fn foresee(&mut self, command: &Command) {
        let (call, kept) = match command {
            _ if !self.offload.on => return,
            Command::Install(set) => (set.call, &set.plans[..]),
            Command::Remove(call) => (*call, &[][..]),
            Command::Send(_) => return,
        };
        // The table takes no more of a call.
        let kept = kept.get(..limits::FLOWS_PER_CALL_MAX).unwrap_or(kept);
        for slot in self.table.slots_of(call) {
            let flow = self.table.flows.get(slot as usize);
            if flow.is_some_and(|f| kept.iter().all(|plan| plan.flow != f.plan.flow)) {
                self.leaves(slot);
            }
        }
    }

    /// Has the flows of a call withdrawn by [`poll_offload`](Self::poll_offload). Before [`give`](Self::give).
    pub fn recall(&mut self, call: CallKey) {
        if self.offload.on {
            self.table
                .slots_of(call)
                .into_iter()
                .for_each(|slot| self.leaves(slot));
        }
    }

    /// What is to be changed in the kernel next. To be asked until there is nothing more: after
    /// [`foresee`](Self::foresee), [`recall`](Self::recall) and [`apply`](Self::apply), and after each batch. The last
    /// counts of a flow that is withdrawn are due before the next call.
    pub fn poll_offload(&mut self, now: Time) -> Option<Offload> {
        self.offload.ending = None;
        while let Some(slot) = self.offload.dirty.pop() {
            let change = self.reconsider(now, slot);
            if change.is_some() {
                return change;
            }
        }
        None
    }

    /// The kernel counts a flow's sequence numbers anew.
    pub fn note_republished(&mut self, flow: FlowId) {
        let slot = self.offload.offered.get(&flow);
        if let Some(flow) = slot.and_then(|slot| self.table.flows.get_mut(*slot as usize)) {
            flow.offer.seq_base = None;
        }
    }

    /// Flows of a call that are offered.
    pub fn offered(&self, call: CallKey) -> impl Iterator<Item = FlowId> {
        let flows = self.table.slots_of(call).into_iter();
        let flows = flows.filter_map(|slot| self.table.flows.get(slot as usize));
        flows.filter(|f| f.offer.kernel.is_some()).map(|f| f.plan.flow)
    }

    /// The plans of a call are others.
    pub(crate) fn replanned(&mut self, call: CallKey) {
        if self.offload.on {
            self.offload
                .dirty
                .reserve(self.table.flows.len().saturating_sub(self.offload.dirty.len()));
            self.look_again_at_call(call);
            return;
        }
        for slot in self.table.slots_of(call) {
            if let Some(flow) = self.table.flows.get(slot as usize) {
                flow.plan.stats.stays(Refusal::Off);
            }
        }
    }

    /// Something was learned that the whole call may depend on: where a peer is.
    #[cold]
    pub(crate) fn look_again_at_call(&mut self, call: CallKey) {
        if self.offload.on {
            self.table
                .slots_of(call)
                .into_iter()
                .for_each(|slot| self.look_again(slot));
        }
    }

    /// A packet of a flow that is offered, or could be if its packets were others.
    #[cold]
    pub(crate) fn watch(&mut self, now: Time, slot: Slot, header: Header) {
        let Some(flow) = self.table.flows.get(slot as usize) else {
            return;
        };
        let matters = match flow.offer.kernel.as_deref() {
            None => now >= flow.offer.not_before,
            // While the stream in the kernel goes on, another one beside it stays here.
            Some(kernel) if kernel.ssrc != Some(header.ssrc.0) => !kernel
                .ssrc
                .is_some_and(|ssrc| flow.state.streams.goes_on(now, ssrc)),
            Some(kernel) => lower::bit(header.pt.get()) & !kernel.payload_types != 0,
        };
        if matters {
            self.look_again(slot);
        }
    }

    /// A packet without a stream, of a flow that may be offered once it has rested.
    #[cold]
    pub(crate) fn watch_other(&mut self, now: Time, slot: Slot) {
        let flow = self.table.flows.get(slot as usize);
        if flow.is_some_and(|f| f.offer.kernel.is_none() && now >= f.offer.not_before) {
            self.look_again(slot);
        }
    }

    /// The same packets come again and again: here that ends.
    pub(crate) fn goes_in_circles(&mut self, now: Time, slot: Slot) {
        let Some(flow) = self.table.flows.get_mut(slot as usize) else {
            return;
        };
        flow.offer.looped = true;
        flow.offer.not_before = now + Duration::from_micros(limits::LOOP_REST_US);
        self.look_again(slot);
    }

    fn leaves(&mut self, slot: Slot) {
        if let Some(flow) = self.table.flows.get_mut(slot as usize) {
            flow.offer.leaving = true;
        }
        self.look_again(slot);
    }

    fn look_again(&mut self, slot: Slot) {
        let flow = self.table.flows.get_mut(slot as usize);
        if let Some(flow) = flow.filter(|f| self.offload.on && !f.offer.dirty) {
            flow.offer.dirty = true;
            self.offload.dirty.push(slot);
        }
    }

    /// Decides on a flow. A withdrawal comes alone: the flow is looked at again afterwards.
    fn reconsider(&mut self, now: Time, slot: Slot) -> Option<Offload> {
        let flow = self.table.flows.get(slot as usize)?;
        let wanted = match &flow.offer {
            offer if offer.leaving => Err(Refusal::Off),
            offer if offer.looped && now < offer.not_before => Err(Refusal::Loop),
            _ => lower::lower(now, flow, &self.table),
        };
        let flow = self.table.flows.get_mut(slot as usize)?;
        let offer = &mut flow.offer;
        offer.dirty = false;
        offer.watched = matches!(wanted, Ok(_) | Err(Refusal::NoStream | Refusal::Loop));
        let kept = offer.kernel.as_deref().zip(wanted.as_ref().ok());
        if kept.is_some_and(|(had, wants)| had.is(wants)) {
            return None;
        }
        if let Some(had) = offer.kernel.take() {
            had.stats.stays(wanted.err().unwrap_or(Refusal::Moving));
            let change = Offload::Withdraw(had.flow, had.local.id);
            self.offload.offered.remove(&had.flow);
            self.offload.ending = Some((slot, had));
            self.look_again(slot);
            return Some(change);
        }
        let rests = now < offer.not_before;
        match wanted {
            Ok(kernel) if !rests => {
                (offer.looped, offer.seq_base) = (false, None);
                let highest = kernel.ssrc.and_then(|ssrc| flow.state.streams.highest(ssrc));
                offer.kernel_seq = highest.unwrap_or_default();
                offer.not_before = now + Duration::from_micros(limits::OFFER_INTERVAL_US);
                kernel.stats.stays(Refusal::Moving);
                self.offload.offered.insert(kernel.flow, slot);
                let kernel = Box::new(kernel);
                offer.kernel = Some(kernel.clone());
                Some(Offload::Install(kernel))
            }
            wanted => {
                flow.plan.stats.stays(wanted.err().unwrap_or(Refusal::Learning));
                None
            }
        }
    }
}
