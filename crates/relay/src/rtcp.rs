//! RTCP from a flow to its sinks: what is said to whom.

use plan::{DropReason, Event, Framing, RtcpPolicy, Time};
use rtp::rtcp::{Compound, Message, ReportBlock};
use srtp::Kind;

use crate::Relay;
use crate::egress::Body;
use crate::flow::SinkSlot;
use crate::ingress::Packet;
use crate::io::Outbox;
use crate::table::Slot;

impl Relay {
    /// Takes note of what an accepted RTCP packet says and forwards it.
    pub(crate) fn rtcp_onward(
        &mut self,
        now: Time,
        slot: Slot,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let flow = self.table.flows.get(slot as usize).ok_or(DropReason::NoFlow)?;
        // RTCP flows on while media is on hold (RFC 3264 §8.4), but not if it is blocked.
        if flow.plan.media.blocked {
            return Err(DropReason::Blocked);
        }
        let compound = Some(packet.bytes)
            .filter(|_| flow.plan.framing == Framing::Rtp)
            .and_then(Compound::parse);
        if let Some(compound) = compound {
            self.note_reports(now, slot, compound);
        }
        let mut result = Err(DropReason::NoSink);
        for nth in 0.. {
            let source = self.table.flows.get(slot as usize);
            let Some(sink) = source.and_then(|f| f.rtcp_sinks.get(nth)).copied() else {
                break;
            };
            let sent = self.rtcp_to(now, sink, compound, packet, out);
            result = if result.is_ok() { result } else { sent };
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
        self.deliver(now, way, Kind::Rtcp, body, packet, out)?;
        let to = self.table.flows.get_mut(sink.to as usize);
        let to = to.ok_or(DropReason::NoSink)?;
        for sr in compound.iter().flat_map(sender_reports) {
            to.state.sent_reports.note(now, sr);
        }
        Ok(())
    }

    /// Remembers sender reports for our own, and reports reception upwards.
    fn note_reports(&mut self, now: Time, slot: Slot, compound: Compound<'_>) {
        for message in compound.parts().filter_map(|part| part.message()) {
            let (reporter, blocks) = match message {
                Message::SenderReport(sr) => {
                    let media = self
                        .table
                        .flows
                        .get(slot as usize)
                        .and_then(|f| f.rtp_slot)
                        .unwrap_or(slot);
                    if let Some(media) = self.table.flows.get_mut(media as usize) {
                        media
                            .state
                            .streams
                            .sender_reported(now, sr.ssrc.0, sr.info.ntp_middle());
                    }
                    (sr.ssrc, sr.blocks)
                }
                Message::ReceiverReport { ssrc, blocks } => (ssrc, blocks),
                _ => continue,
            };
            for block in blocks {
                self.reception(now, slot, reporter.0, block);
            }
        }
    }

    fn reception(&mut self, at: Time, slot: Slot, reporter: u32, block: ReportBlock) {
        let Some(flow) = self.table.flows.get(slot as usize) else {
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
        let rtt_us = flow.state.sent_reports.round_trip_us(at, lsr, dlsr);
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
