//! From a datagram to its sinks: what it is, whether its source may send it, what is counted.

use std::net::SocketAddr;

use plan::{Component, DropReason, FlowStats, Framing, Learning, Plan, PuntKind, SocketId, TapPoint, Time};
use rtp::{Header, Kind, rtcp};

use crate::egress::Medium;
use crate::flow::Flow;
use crate::io::{Arrival, Outbox};
use crate::keys::Keying;
use crate::source::{Admitted, Arrived, Claim, Sources, follows};
use crate::table::{Slot, SocketOwner};
use crate::{Relay, limits};

/// A datagram on its way: unprotected, if it had to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// How it came.
    pub(crate) arrival: &'a Arrival,
    /// What it says (or, if nobody reads its payload, only its header).
    pub(crate) bytes: &'a [u8],
    /// The batch still has it as it came.
    pub(crate) kept: bool,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// At least one sink got it.
    Sent,
    /// Handed up.
    Punted,
    /// No sink got it; counted at this flow.
    Dropped(Slot, DropReason),
}

impl Relay {
    /// Handles one datagram that arrived at a flow's socket.
    #[inline]
    pub(crate) fn ingress(
        &mut self,
        now: Time,
        owner: SocketOwner,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Verdict {
        let slot = owner.slot;
        let Some(flow) = self.table.flows.get(slot as usize) else {
            return Verdict::Dropped(slot, DropReason::NoFlow);
        };
        let kind = kind(flow, packet.bytes);
        let media = matches!(kind, Kind::Rtp | Kind::Rtcp | Kind::Other);
        if media && !flow.is_proven(packet.arrival.source) {
            return Verdict::Dropped(slot, DropReason::Unproven);
        }
        let result = match (kind, flow.plan.component) {
            (Kind::Rtp, Component::Rtp | Component::Mux) => return self.rtp(now, owner, packet, out),
            (Kind::Rtcp, Component::Rtp) => return self.stray_rtcp(now, owner, packet, out),
            (Kind::Rtcp, _) => return self.rtcp(now, owner, packet, out),
            (Kind::Stun, _) if flow.plan.punt_stun => {
                return self.punt(now, owner, packet, PuntKind::Stun);
            }
            (Kind::Dtls, _) if flow.plan.punt_dtls => {
                return self.punt(now, owner, packet, PuntKind::Dtls);
            }
            (Kind::Stun | Kind::Dtls, _) => Err(DropReason::Unexpected),
            (Kind::Other, _) if !is_rtp(flow.plan.framing) => self.opaque(now, owner, packet, out),
            (Kind::Rtp | Kind::Other, _) => Err(DropReason::Malformed),
        };
        result.map_or_else(|reason| Verdict::Dropped(slot, reason), |()| Verdict::Sent)
    }

    fn rtp(&mut self, now: Time, owner: SocketOwner, packet: &Packet<'_>, out: &mut Outbox) -> Verdict {
        let Some(header) = Header::peek(packet.bytes) else {
            return Verdict::Dropped(owner.slot, DropReason::Malformed);
        };
        let member = match self.table.member_of_rtp(owner.slot, header, packet.bytes) {
            Ok(member) => member,
            Err(reason) => return Verdict::Dropped(owner.slot, reason),
        };
        let result = self
            .admit_rtp(now, owner, member, header, packet)
            .and_then(|()| self.may_receive(member))
            .and_then(|()| self.forward(now, member, Medium::Rtp(header), packet, out));
        result.map_or_else(|reason| Verdict::Dropped(member, reason), |()| Verdict::Sent)
    }

    /// Looks at the source of an RTP packet, learns from it, counts and taps.
    fn admit_rtp(
        &mut self,
        now: Time,
        owner: SocketOwner,
        member: Slot,
        header: Header,
        packet: &Packet<'_>,
    ) -> Result<(), DropReason> {
        let shared = member != owner.slot;
        let media = self.table.flows.get(member as usize).filter(|_| shared);
        let continues = media.map(|media| media.state.streams.continues(header));
        let flow = self.table.flows.get_mut(owner.slot as usize);
        let flow = flow.ok_or(DropReason::NoFlow)?;
        // After authentication: forged copies of a packet to come must not make it look like a loop.
        if !shared && flow.state.guard.is_loop_rtp(now, packet.bytes) {
            return Err(self.looped(now, member));
        }
        let arrived = arrived(now, owner, packet.arrival, flow, limits::SILENCE_US);
        let (streams, friends) = (&flow.state.streams, &flow.plan.friends);
        let vouches = flow.vouches;
        let claim = || {
            if friends.contains(&packet.arrival.source) {
                Claim::Friend
            } else if vouches || continues.unwrap_or_else(|| streams.continues(header)) {
                Claim::Continues
            } else {
                Claim::Newcomer
            }
        };
        let admitted = admit(&mut flow.state.sources, &flow.plan, &arrived, claim)?;
        let trusted = admitted != Admitted::Guest;
        if let Some(known) = flow.state.bundle.as_mut().filter(|_| trusted) {
            known.received.note(header.ssrc.0, member);
        }
        let first = !std::mem::replace(&mut flow.state.heard, true);
        if let Admitted::Learned { fresh } = admitted {
            self.learned(owner.slot, fresh);
        }
        let media = self.table.flows.get_mut(member as usize);
        let media = media.ok_or(DropReason::NoFlow)?;
        if shared && media.state.guard.is_loop_rtp(now, packet.bytes) {
            return Err(self.looped(now, member));
        }
        media.state.heard = true;
        media.accepted(now, packet.arrival);
        let (len, rates) = (packet.bytes.len(), &media.plan.clock_rates);
        media
            .state
            .streams
            .receive(now, header, len, trusted, rates, &media.plan.stats);
        let (watched, call) = (media.offer.watched, media.call);
        if !media.plan.taps.is_empty() {
            self.tap_ingress(now, owner, member, packet);
        }
        if first {
            self.look_again_at_call(call);
        } else if watched {
            self.watch(now, member, header);
        }
        Ok(())
    }

    /// Counts a packet that was accepted for a flow.
    #[inline]
    pub(crate) fn accepted(&mut self, now: Time, slot: Slot, packet: &Packet<'_>) {
        let Some(flow) = self.table.flows.get_mut(slot as usize) else {
            return;
        };
        let first = !std::mem::replace(&mut flow.state.heard, true);
        flow.accepted(now, packet.arrival);
        let (watched, call) = (flow.offer.watched, flow.call);
        let transport = flow.transport.and_then(|t| self.table.flows.get_mut(t as usize));
        if let Some(transport) = transport {
            transport.state.heard = true;
        }
        if first {
            self.look_again_at_call(call);
        } else if watched {
            self.watch_other(now, slot);
        }
    }

    fn opaque(
        &mut self,
        now: Time,
        owner: SocketOwner,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        self.guard_other(now, owner.slot, packet)?;
        let flow = self
            .table
            .flows
            .get_mut(owner.slot as usize)
            .ok_or(DropReason::NoFlow)?;
        let arrived = arrived(now, owner, packet.arrival, flow, limits::SILENCE_US);
        let admitted = admit(&mut flow.state.sources, &flow.plan, &arrived, || Claim::Newcomer)?;
        if let Admitted::Learned { fresh } = admitted {
            self.learned(owner.slot, fresh);
        }
        self.accepted(now, owner.slot, packet);
        self.tap_ingress(now, owner, owner.slot, packet);
        self.may_receive(owner.slot)?;
        self.forward(now, owner.slot, Medium::Opaque, packet, out)
    }

    fn rtcp(&mut self, now: Time, owner: SocketOwner, packet: &Packet<'_>, out: &mut Outbox) -> Verdict {
        match self.admit_rtcp(now, owner, packet) {
            Ok(()) => self.rtcp_onward(now, owner, owner.slot, packet, out),
            Err(reason) => Verdict::Dropped(owner.slot, reason),
        }
    }

    fn admit_rtcp(&mut self, now: Time, owner: SocketOwner, packet: &Packet<'_>) -> Result<(), DropReason> {
        self.guard_other(now, owner.slot, packet)?;
        let sender = rtcp::sender(packet.bytes).ok_or(DropReason::Malformed)?.0;
        let claim = self.rtcp_claim(owner.slot, sender, packet.arrival.source);
        let flow = self.table.flows.get_mut(owner.slot as usize);
        let flow = flow.ok_or(DropReason::NoFlow)?;
        let arrived = arrived(now, owner, packet.arrival, flow, limits::RTCP_SILENCE_US);
        let admitted = admit(&mut flow.state.sources, &flow.plan, &arrived, || claim)?;
        if admitted != Admitted::Guest {
            flow.state.rtcp_sender = Some(sender);
        }
        if let Admitted::Learned { fresh } = admitted {
            self.learned(owner.slot, fresh);
        }
        Ok(())
    }

    /// RTCP at a port that is for RTP only: carried as if it had come to the right port, but teaches nothing.
    fn stray_rtcp(
        &mut self,
        now: Time,
        owner: SocketOwner,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Verdict {
        let Some(flow) = self.table.flows.get(owner.slot as usize) else {
            return Verdict::Dropped(owner.slot, DropReason::NoFlow);
        };
        let slot = flow.rtcp_slot.unwrap_or(owner.slot);
        let arrived = arrived(now, owner, packet.arrival, flow, limits::RTCP_SILENCE_US);
        let known = rtcp::sender(packet.bytes).is_some_and(|ssrc| self.table.trusts(flow, ssrc.0));
        let claim = match known || flow.recv != Keying::Plain {
            _ if flow.plan.friends.contains(&packet.arrival.source) => Claim::Friend,
            true => Claim::Continues,
            false => Claim::Stranger,
        };
        let tolerated = if flow.plan.proven.is_empty() {
            flow.state.sources.tolerate(&arrived, &flow.plan.source, claim)
        } else {
            Ok(Admitted::Known)
        };
        let accepted = tolerated.and_then(|_| self.guard_other(now, slot, packet));
        if let Err(reason) = accepted {
            return Verdict::Dropped(slot, reason);
        }
        if let Some(here) = self.table.flows.get(owner.slot as usize) {
            FlowStats::add(&here.plan.stats.stray_rtcp, 1);
        }
        self.rtcp_onward(now, owner, slot, packet, out)
    }

    /// What speaks for RTCP from a source that is not the learned one. Silence says little where seconds pass between
    /// packets; so the sender must be known from the media, or stand where the media comes from.
    fn rtcp_claim(&self, slot: Slot, sender: u32, from: SocketAddr) -> Claim {
        let Some(flow) = self.table.flows.get(slot as usize) else {
            return Claim::Stranger;
        };
        // SRTCP is always authenticated.
        let authentic = flow.recv != Keying::Plain;
        if authentic || flow.state.rtcp_sender == Some(sender) || self.table.trusts(flow, sender) {
            return Claim::Continues;
        }
        if flow.plan.component == Component::Mux {
            return if self.table.trusts_any(flow) {
                Claim::Stranger
            } else {
                Claim::Newcomer
            };
        }
        let Some(rtp) = flow.rtp_slot.and_then(|s| self.table.flows.get(s as usize)) else {
            return Claim::Newcomer;
        };
        match rtp.state.sources.learned() {
            _ if self.table.trusts(rtp, sender) => Claim::Continues,
            Some(learned) if learned.addr.ip() != from.ip() => Claim::Stranger,
            _ => Claim::Newcomer,
        }
    }

    fn may_receive(&self, slot: Slot) -> Result<(), DropReason> {
        let flow = self.table.flows.get(slot as usize).ok_or(DropReason::NoFlow)?;
        match flow.plan.media {
            m if m.blocked => Err(DropReason::Blocked),
            m if !m.recv => Err(DropReason::Direction),
            _ => Ok(()),
        }
    }

    /// Loops of packets without sequence numbers are only looked for among what comes from our own addresses: parties
    /// may well say the same thing three times.
    fn guard_other(&mut self, now: Time, slot: Slot, packet: &Packet<'_>) -> Result<(), DropReason> {
        if !self.table.is_own(packet.arrival.source.ip()) {
            return Ok(());
        }
        let flow = self
            .table
            .flows
            .get_mut(slot as usize)
            .ok_or(DropReason::NoFlow)?;
        if flow.state.guard.is_loop_other(now, packet.bytes) {
            Err(self.looped(now, slot))
        } else {
            Ok(())
        }
    }

    #[cold]
    fn looped(&mut self, now: Time, slot: Slot) -> DropReason {
        self.goes_in_circles(now, slot);
        self.news(slot, |news| news.looped = true);
        DropReason::Loop
    }

    #[cold]
    fn learned(&mut self, slot: Slot, fresh: bool) {
        let Some(flow) = self.table.flows.get_mut(slot as usize) else {
            return;
        };
        let (tells, call) = (flow.plan.source.learning != Learning::Off, flow.call);
        if fresh {
            flow.state.streams.distrust_all();
            if flow.plan.component == Component::Mux {
                flow.state.rtcp_sender = None;
            }
            for nth in 0.. {
                let members = self.table.flows.get(slot as usize).map(|f| &f.members);
                let Some(member) = members.and_then(|m| m.get(nth)).copied() else {
                    break;
                };
                if let Some(member) = self.table.flows.get_mut(member as usize) {
                    member.state.streams.distrust_all();
                }
            }
        }
        if tells {
            self.news(slot, |news| news.learned = true);
        }
        self.look_again_at_call(call);
    }

    fn news(&mut self, slot: Slot, set: impl FnOnce(&mut crate::flow::News)) {
        if let Some(flow) = self.table.flows.get_mut(slot as usize) {
            let had = flow.news != crate::flow::News::default();
            set(&mut flow.news);
            self.events.news(slot, had);
        }
    }

    /// Copies a packet of `slot` for recording.
    #[inline]
    pub(crate) fn tap_ingress(&mut self, now: Time, owner: SocketOwner, slot: Slot, packet: &Packet<'_>) {
        let flow = self.table.flows.get(slot as usize);
        let Some(flow) = flow.filter(|f| !f.plan.taps.is_empty()) else {
            return;
        };
        let at = self.table.flows.get(owner.slot as usize);
        let local = at.and_then(|f| f.plan.sockets.get(usize::from(owner.local)));
        if let Some(local) = local {
            let ends = (packet.arrival.source, local.addr);
            self.taps
                .copy(now, &flow.plan.taps, TapPoint::Ingress, ends, packet.bytes);
        }
    }
}

/// What a datagram is to this flow.
#[inline]
fn kind(flow: &Flow, bytes: &[u8]) -> Kind {
    match flow.plan.framing {
        Framing::Rtp | Framing::Srtp => rtp::classify(bytes),
        // Anything may begin with these bits; only the cookie makes it STUN.
        Framing::Udptl | Framing::Opaque if flow.plan.punt_stun && rtp::demux::has_stun_cookie(bytes) => {
            Kind::Stun
        }
        Framing::Udptl | Framing::Opaque => Kind::Other,
    }
}

/// Decides on the source of a packet and learns from it. Where sources prove themselves by connectivity checks, that
/// was asked before.
#[inline]
fn admit(
    sources: &mut Sources,
    plan: &Plan,
    arrived: &Arrived,
    claim: impl FnOnce() -> Claim,
) -> Result<Admitted, DropReason> {
    if plan.proven.is_empty() {
        sources.admit(arrived, &plan.source, claim)
    } else {
        Ok(sources.note_proven(arrived, || may_follow(plan, arrived)))
    }
}

/// Packets to the peer may go where this one came from.
fn may_follow(plan: &Plan, arrived: &Arrived) -> bool {
    let follow = plan.follow.as_deref().filter(|f| arrived.now >= f.since);
    let Some(follow) = follow.filter(|_| follows(&plan.source)) else {
        return false;
    };
    let local = plan.sockets.get(usize::from(arrived.local)).map(|s| s.id);
    let here = |(socket, from): &(SocketId, SocketAddr)| Some(*socket) == local && *from == arrived.from;
    follow.ways.iter().any(here)
}

pub(crate) const fn is_rtp(framing: Framing) -> bool {
    matches!(framing, Framing::Rtp | Framing::Srtp)
}

#[inline]
fn arrived(now: Time, owner: SocketOwner, arrival: &Arrival, flow: &Flow, patience_us: u64) -> Arrived {
    Arrived {
        now,
        from: arrival.source,
        local: owner.local,
        signalled: flow.plan.peer,
        patience_us: patience_us + flow.offer.patience_us(),
    }
}
