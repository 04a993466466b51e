//! RTCP from a flow to its sinks: what is said to whom.

use arrayvec::ArrayVec;
use plan::{Component, DropReason, Event, Framing, RtcpPolicy, Time};
use rtp::rtcp::{Compound, Message, ReportBlock};
use srtp::Kind;

use crate::bundle::Members;
use crate::egress::Body;
use crate::flow::SinkSlot;
use crate::ingress::{Packet, Verdict};
use crate::io::Outbox;
use crate::table::{Slot, SocketOwner, Table};
use crate::{Relay, limits};

impl Relay {
    /// Takes note of what an accepted RTCP packet says, and forwards it to the sinks of all whom it concerns.
    pub(crate) fn rtcp_onward(
        &mut self,
        now: Time,
        owner: SocketOwner,
        slot: Slot,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Verdict {
        let framing = self.table.flows.get(slot as usize).map(|f| f.plan.framing);
        let compound = Some(packet.bytes)
            .filter(|_| framing == Some(Framing::Rtp))
            .and_then(Compound::parse);
        let members = self.table.members_of_rtcp(slot, packet.bytes, compound);
        let Some(&first) = members.first() else {
            return Verdict::Dropped(slot, DropReason::NoBundleMember);
        };
        self.accepted(now, first, packet);
        self.tap_ingress(now, owner, first, packet);
        // RTCP flows on while media is on hold (RFC 3264 §8.4), but not if it is blocked.
        let blocked = |m: &Slot| {
            let flow = self.table.flows.get(*m as usize);
            flow.is_none_or(|f| f.plan.media.blocked)
        };
        let open: Members = members.iter().copied().filter(|m| !blocked(m)).collect();
        if open.is_empty() {
            return Verdict::Dropped(first, DropReason::Blocked);
        }
        if let Some(compound) = compound {
            self.note_reports(now, first, compound);
        }
        let result = self.rtcp_spread(now, &open, compound, packet, out);
        result.map_or_else(|reason| Verdict::Dropped(first, reason), |()| Verdict::Sent)
    }

    /// Forwards RTCP to the sinks of all members, to each transport once.
    fn rtcp_spread(
        &mut self,
        now: Time,
        members: &[Slot],
        compound: Option<Compound<'_>>,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let mut result = Err(DropReason::NoSink);
        let mut reached = ArrayVec::<Slot, { limits::SINKS_PER_FLOW_MAX }>::new();
        for member in members {
            for nth in 0.. {
                let source = self.table.flows.get(*member as usize);
                let Some(sink) = source.and_then(|f| f.rtcp_sinks.get(nth)).copied() else {
                    break;
                };
                let carrier = self.table.carrier(sink.to);
                if members.len() > 1 && (reached.contains(&carrier) || reached.try_push(carrier).is_err()) {
                    continue;
                }
                let sent = self.rtcp_to(now, sink, compound, packet, out);
                result = if result.is_ok() { result } else { sent };
            }
        }
        result
    }

    fn rtcp_to(
        &mut self,
        now: Time,
        sink: SinkSlot,
        compound: Option<Compound<'_>>,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let to = self.table.flows.get(sink.to as usize).ok_or(DropReason::NoSink)?;
        let way = self.table.way(sink.to)?;
        let kept = Body::of(sink, packet);
        let stripped = match (sink.rtcp, kept) {
            (RtcpPolicy::Consume, _) => return Err(DropReason::RtcpConsumed),
            // Protected end to end: there is nothing we could take out.
            (RtcpPolicy::StripFeedback, Body::Same) if to.plan.framing == Framing::Rtp => {
                let compound = compound.ok_or(DropReason::Malformed)?;
                compound.has_feedback().then_some(compound)
            }
            (RtcpPolicy::Forward | RtcpPolicy::StripFeedback, _) => None,
        };
        let body = match stripped {
            None => kept,
            Some(compound) => {
                let left = compound.without_feedback(out.scratch());
                Body::Made(left.ok_or(DropReason::Malformed)?)
            }
        };
        if let Body::Made(0) = body {
            return Err(DropReason::RtcpConsumed);
        }
        self.deliver(now, &way, Kind::Rtcp, body, packet, out)?;
        let carrier = self.table.flows.get_mut(way.carrier as usize);
        let carrier = carrier.ok_or(DropReason::NoSink)?;
        for sr in compound.iter().flat_map(sender_reports) {
            carrier.state.sent_reports.note(now, sr);
        }
        Ok(())
    }

    /// Remembers sender reports for our own, and reports reception upwards. `first` is the flow that a report belongs to
    /// if its SSRC does not say otherwise.
    fn note_reports(&mut self, now: Time, first: Slot, compound: Compound<'_>) {
        for message in compound.parts().filter_map(|part| part.message()) {
            let (reporter, blocks) = match message {
                Message::SenderReport(sr) => {
                    let media = self.media_of(first, |table, at| table.received_as(at, sr.ssrc.0));
                    if let Some(media) = self.table.flows.get_mut(media as usize) {
                        let ntp = sr.info.ntp_middle();
                        media.state.streams.sender_reported(now, sr.ssrc.0, ntp);
                    }
                    (sr.ssrc, sr.blocks)
                }
                Message::ReceiverReport { ssrc, blocks } => (ssrc, blocks),
                _ => continue,
            };
            for block in blocks {
                self.reception(now, first, reporter.0, block);
            }
        }
    }

    /// The RTP flow that an SSRC belongs to: by the bundle that `first` is in, or else the sibling of `first`.
    fn media_of(&self, first: Slot, lookup: impl Fn(&Table, Slot) -> Option<Slot>) -> Slot {
        let sibling = |slot: Slot| {
            let flow = self.table.flows.get(slot as usize);
            flow.and_then(|f| f.rtp_slot).unwrap_or(slot)
        };
        lookup(&self.table, sibling(self.table.carrier(first))).unwrap_or_else(|| sibling(first))
    }

    fn reception(&mut self, at: Time, first: Slot, reporter: u32, block: ReportBlock) {
        let media = self.media_of(first, |table, at| table.sent_as(at, block.ssrc));
        let here = self.table.flows.get(first as usize);
        let slot = if here.is_some_and(|f| f.plan.component == Component::Rtcp) {
            self.table.flows.get(media as usize).and_then(|f| f.rtcp_slot)
        } else {
            Some(media)
        };
        let (Some(flow), Some(carrier)) = (
            self.table.flows.get(slot.unwrap_or(first) as usize),
            self.table.flows.get(self.table.carrier(first) as usize),
        ) else {
            return;
        };
        let ReportBlock {
            ssrc,
            fraction_lost,
            lost,
            ext_seq,
            jitter,
            lsr,
            dlsr,
        } = block;
        let rtt_us = carrier.state.sent_reports.round_trip_us(at, lsr, dlsr);
        let (call, flow) = (flow.call, flow.plan.flow);
        self.events.push(Event::Reception {
            call,
            flow,
            at,
            reporter,
            ssrc,
            fraction_lost,
            lost,
            ext_seq,
            jitter,
            rtt_us,
        });
    }
}

/// The middle NTP bits of each sender report in a compound packet.
fn sender_reports(compound: &Compound<'_>) -> impl Iterator<Item = u32> {
    compound.parts().filter_map(|part| match part.message() {
        Some(Message::SenderReport(sr)) => Some(sr.info.ntp_middle()),
        _ => None,
    })
}
