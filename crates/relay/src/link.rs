//! What the plans of one call say of each other, resolved once when they are applied: sinks, siblings, transports, keys.

use plan::{FlowId, Framing, Plan, RtcpPolicy, Security, Sink, Time};
use smallvec::SmallVec;

use crate::flow::{Fanout, Flow, Kept, SinkSlot, SinkSlots};
use crate::keys::{self, Keying};
use crate::limits;
use crate::table::{Slot, SocketOwner, Table};

impl Table {
    /// Resolves the flows of one call, claims their sockets and gives them their keys.
    pub(crate) fn link(&mut self, now: Time, flows: &[(FlowId, Slot)]) {
        for &(_, slot) in flows {
            self.resolve(flows, slot);
        }
        for &(_, slot) in flows {
            let rtcp = self.flow(slot).and_then(|flow| flow.rtcp_slot);
            if let Some(rtcp) = rtcp.and_then(|s| self.flows.get_mut(s as usize)) {
                rtcp.rtp_slot = Some(slot);
            }
        }
        for &(_, slot) in flows {
            self.give_keys(now, slot);
            self.claim_sockets(slot);
        }
        for &(_, slot) in flows {
            self.note_kept(slot);
        }
        for &(_, slot) in flows {
            self.take_over(flows, slot);
        }
        for &(_, slot) in flows {
            let fanout = self.fanout(slot);
            if let Some(flow) = self.flows.get_mut(slot as usize) {
                flow.fanout = fanout;
            }
        }
    }

    fn flow(&self, slot: Slot) -> Option<&Flow> {
        self.flows.get(slot as usize).map(Box::as_ref)
    }

    fn resolve(&mut self, flows: &[(FlowId, Slot)], slot: Slot) {
        let find = |id: FlowId| flows.iter().find(|(flow, _)| *flow == id).map(|(_, slot)| *slot);
        let Some(flow) = self.flows.get_mut(slot as usize) else {
            return;
        };
        let resolve = |sinks: &[Sink]| -> SinkSlots {
            let listed = sinks.iter().enumerate();
            let known = listed.filter_map(|(i, s)| Some(SinkSlot::new(i, find(s.to)?, s)));
            known.take(limits::SINKS_PER_FLOW_MAX).collect()
        };
        flow.sinks = resolve(&flow.plan.sinks);
        flow.rtcp_sinks = resolve(&flow.plan.rtcp_sinks);
        let named = flow.plan.sinks.len() + flow.plan.rtcp_sinks.len();
        let refused = named - flow.sinks.len() - flow.rtcp_sinks.len();
        flow.rtcp_slot = flow.plan.rtcp_flow.and_then(find);
        flow.transport = flow.plan.transport.and_then(find).filter(|s| *s != slot);
        flow.rtp_slot = None;
        flow.was_kept = flow.kept;
        (flow.keeps, flow.reads, flow.kept) = (false, false, Kept::default());
        let bundle = flow.plan.bundle.as_deref();
        let members = bundle.map_or(&[][..], |b| &b.members);
        flow.members = members
            .iter()
            .map(|m| find(m.flow).unwrap_or(Slot::MAX))
            .collect();
        if members.is_empty() {
            flow.state.bundle = None;
        } else {
            flow.state.bundle.get_or_insert_default().keep(&flow.members);
        }
        self.refused += refused as u64;
    }

    fn claim_sockets(&mut self, slot: Slot) {
        let Some(flow) = self.flow(slot) else {
            return;
        };
        let secured = flow.recv != Keying::Plain;
        let sockets = flow.plan.sockets.clone();
        for (local, socket) in sockets.into_iter().enumerate() {
            let owner = u8::try_from(local)
                .ok()
                .map(|local| SocketOwner { slot, local, secured });
            self.set_owner(socket.id, owner);
            self.add_own(socket.addr.ip());
        }
    }

    fn give_keys(&mut self, now: Time, slot: Slot) {
        let recv = self.keying(slot, |plan| &plan.recv);
        let send = self.keying(slot, |plan| &plan.send);
        let carrier = self.flow(slot).and_then(|f| f.transport).unwrap_or(slot);
        let vouches = self
            .flow(carrier)
            .and_then(|flow| keys::params(&flow.plan.recv))
            .is_some_and(|params| params.protection().authenticate_rtp);
        let Some(flow) = self.flows.get_mut(slot as usize) else {
            return;
        };
        (flow.recv, flow.send) = (recv, send);
        flow.vouches = vouches && recv != Keying::Plain;
        let own = |keying, security| keys::params(security).filter(|_| keying == Keying::At(slot));
        let (recv, send) = (own(recv, &flow.plan.recv), own(send, &flow.plan.send));
        if recv.is_some() || send.is_some() || flow.state.keys.is_some() {
            let keys = flow.state.keys.get_or_insert_default();
            keys.adopt(now, recv, send);
        }
    }

    /// Where the context for one direction of a flow is kept.
    fn keying(&self, slot: Slot, of: fn(&Plan) -> &Security) -> Keying {
        let carrier = self.flow(slot).and_then(|f| f.transport).unwrap_or(slot);
        let Some(flow) = self.flow(carrier).filter(|f| f.plan.framing == Framing::Rtp) else {
            return Keying::Plain;
        };
        match of(&flow.plan) {
            Security::Plain => Keying::Plain,
            Security::Pending => Keying::Pending,
            Security::Srtp(params) => {
                let same = |rtp: &Slot| {
                    self.flow(*rtp)
                        .is_some_and(|f| keys::params(of(&f.plan)) == Some(params))
                };
                Keying::At(flow.rtp_slot.filter(same).unwrap_or(carrier))
            }
        }
    }

    /// Notes whose packets go on protected as they arrived, who gets them, and whether they are read on the way.
    fn note_kept(&mut self, slot: Slot) {
        let Some(flow) = self.flow(slot).filter(|f| matches!(f.recv, Keying::At(_))) else {
            return;
        };
        let kept = |sinks: &SinkSlots| -> SinkSlots { sinks.iter().filter(|s| s.keeps).copied().collect() };
        let (kept, kept_rtcp) = (kept(&flow.sinks), kept(&flow.rtcp_sinks));
        let tapped = |f: &Flow| !f.plan.taps.is_empty();
        let read_by = |s: &SinkSlot| !s.keeps || self.flow(s.to).is_some_and(tapped);
        let reads = tapped(flow) || flow.sinks.iter().any(read_by);
        let transport = flow.transport.and_then(|slot| self.flow(slot));
        // RTCP may come to the wrong port.
        let stray = [flow.rtp_slot, transport.and_then(|t| t.rtp_slot)];
        let arrive_at = [Some(slot), flow.transport].into_iter().chain(stray);
        for slot in arrive_at.flatten().collect::<SmallVec<[Slot; 4]>>() {
            if let Some(flow) = self.flows.get_mut(slot as usize) {
                flow.keeps |= !kept.is_empty() || !kept_rtcp.is_empty();
                flow.reads |= reads;
            }
        }
        for sink in kept {
            if let Some(flow) = self.flows.get_mut(sink.to as usize) {
                flow.kept.rtp = true;
            }
        }
        for sink in kept_rtcp {
            if let Some(flow) = self.flows.get_mut(sink.to as usize) {
                flow.kept.rtcp = true;
            }
        }
    }

    /// A flow got packets under the key of the party that sent them, and from now on gets them from us: where that is the
    /// same key, we go on where the party stopped.
    fn take_over(&mut self, flows: &[(FlowId, Slot)], slot: Slot) {
        let flow = self.flow(slot).filter(|f| f.kept.ends(f.was_kept));
        let Some(Keying::At(send)) = flow.map(|f| f.send) else {
            return;
        };
        for &(_, source) in flows {
            let source = self.flow(source).filter(|f| {
                let mut sinks = f.sinks.iter().chain(&f.rtcp_sinks);
                sinks.any(|s| s.to == slot)
            });
            let recv = match source.map(|f| f.recv) {
                // What comes from a party is not what it gets itself.
                Some(Keying::At(recv)) if recv != send => recv,
                _ => continue,
            };
            if let Some((to, from)) = self.flows.get2_mut(send as usize, recv as usize) {
                keys::follow(&mut to.state, &from.state);
            }
        }
    }

    /// The most that a packet arriving at a flow can cause.
    fn fanout(&self, slot: Slot) -> Fanout {
        let Some(flow) = self.flow(slot) else {
            return Fanout::default();
        };
        let members = flow.members.iter().chain(Some(&slot));
        let medias = || members.clone().filter_map(|m| self.flow(*m));
        let rtp = medias().map(|m| self.changes(flow, &m.sinks, |s| !s.plain));
        let stripped = |s: &SinkSlot| s.rtcp == RtcpPolicy::StripFeedback;
        // RTCP may concern all of them, and may come to the wrong port.
        let rtcp = |at: &Flow| {
            let own = self.changes(flow, &at.rtcp_sinks, stripped);
            let stray = at.rtcp_slot.and_then(|s| self.flow(s));
            let stray = stray.map_or(own, |f| self.changes(flow, &f.rtcp_sinks, stripped));
            own.max(stray)
        };
        let rtcp = medias().map(rtcp).fold(Fanout::default(), Fanout::plus);
        let most = limits::SINKS_PER_FLOW_MAX;
        rtp.fold(rtcp.at_most(most), Fanout::max)
    }

    /// What a packet that arrives at `flow` causes at these sinks.
    fn changes(&self, flow: &Flow, sinks: &SinkSlots, is_changed: impl Fn(&SinkSlot) -> bool) -> Fanout {
        let secured = |s: &SinkSlot| self.flow(s.to).is_some_and(|f| f.send != Keying::Plain);
        let changed = |s: &&SinkSlot| flow.keeps || is_changed(s) || secured(s);
        Fanout {
            datagrams: sinks.len(),
            changed: sinks.iter().filter(changed).count(),
        }
    }
}
