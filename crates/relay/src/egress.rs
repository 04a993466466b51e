//! From a flow to its sinks: direction, filters, and what is said to whom.

use std::net::SocketAddr;
use std::ops::Range;

use plan::{DropReason, Event, Framing, LocalSocket, RtcpPolicy, TapPoint, Time};
use rtp::Header;
use rtp::ext::Element;
use rtp::rtcp::{Compound, Message, ReportBlock};

use crate::Relay;
use crate::flow::SinkSlot;
use crate::io::{Arrival, Outbox, Target};
use crate::table::Slot;

/// What is forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Medium {
    Rtp(Header),
    Opaque,
}

/// How a packet gets to a flow's peer.
#[derive(Clone, Copy, Debug)]
struct Way {
    to: Slot,
    local: LocalSocket,
    dest: SocketAddr,
}

impl Relay {
    /// Forwards media from a flow to its sinks. An error says why none of them got it.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        now: Time,
        from: Slot,
        medium: Medium,
        range: &Range<usize>,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let mut result = Err(DropReason::NoSink);
        for nth in 0.. {
            let source = self.table.flows.get(from as usize);
            let Some(sink) = source.and_then(|f| f.sinks.get(nth)).copied() else {
                break;
            };
            let sent = self.forward_to(now, from, sink, medium, range, bytes, out);
            result = if result.is_ok() { result } else { sent };
        }
        result
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one packet, one sink; a struct would only name them twice"
    )]
    #[inline]
    fn forward_to(
        &mut self,
        now: Time,
        from: Slot,
        sink: SinkSlot,
        medium: Medium,
        range: &Range<usize>,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let to = self.table.flows.get(sink.to as usize).ok_or(DropReason::NoSink)?;
        if !to.plan.media.send {
            return Err(DropReason::Direction);
        }
        let (local, dest) = to.peer()?;
        let way = Way {
            to: sink.to,
            local,
            dest,
        };
        let changed = if sink.plain {
            None
        } else {
            self.process(from, sink, medium, bytes, out.scratch())?
        };
        if let (Medium::Rtp(header), Some(to)) = (medium, self.table.flows.get_mut(sink.to as usize))
            && to.plan.reports.is_some()
        {
            to.state.egress.note(now, header, changed.unwrap_or(bytes.len()));
        }
        self.deliver(now, way, changed, range, bytes, out);
        Ok(())
    }

    /// Counts, taps and sends: the packet as it arrived, or what was made of it in the scratch memory.
    #[inline]
    fn deliver(
        &mut self,
        now: Time,
        way: Way,
        changed: Option<usize>,
        range: &Range<usize>,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let Some(to) = self.table.flows.get(way.to as usize) else {
            return;
        };
        to.sent(now, changed.unwrap_or(bytes.len()));
        if !to.plan.taps.is_empty() {
            let copy = match changed {
                Some(len) => out.scratch().get(..len).unwrap_or_default(),
                None => bytes,
            };
            self.taps.copy(
                now,
                &to.plan.taps,
                TapPoint::Egress,
                (way.local.addr, way.dest),
                copy,
            );
        }
        let target = Target {
            socket: way.local.id,
            dest: way.dest,
            tos: to.plan.tos,
            flow: way.to,
        };
        match changed {
            None => out.send_batch(target, range),
            Some(len) => out.send_scratch(target, len),
        }
    }

    /// What the sink's process makes of a packet: the length of what was written to `scratch`, or `None` if nothing
    /// changes.
    fn process(
        &self,
        from: Slot,
        sink: SinkSlot,
        medium: Medium,
        bytes: &[u8],
        scratch: &mut [u8],
    ) -> Result<Option<usize>, DropReason> {
        let Medium::Rtp(header) = medium else {
            return Ok(None);
        };
        let source = self.table.flows.get(from as usize).ok_or(DropReason::NoFlow)?;
        let sink = source
            .plan
            .sinks
            .get(usize::from(sink.index))
            .ok_or(DropReason::NoSink)?;
        let types = &sink.process.payload_types;
        if !types.is_empty() && !types.contains(&header.pt.get()) {
            return Err(DropReason::PayloadType);
        }
        // What the parties authenticate end to end must arrive as it was sent.
        let map = sink
            .process
            .ext_map
            .as_ref()
            .filter(|_| source.plan.framing == Framing::Rtp);
        let has_extension = bytes.first().is_some_and(|first| first & 0x10 != 0);
        let Some(map) = map.filter(|map| has_extension || map.mid.is_some()) else {
            return Ok(None);
        };
        let renumber = |id: u8| {
            let known = map.ids.iter().find(|(from, _)| *from == id).map(|(_, to)| *to);
            known.or(map.keep_unknown.then_some(id)).filter(|to| *to != 0)
        };
        let mid = map.mid.as_ref().map(|(id, data)| Element { id: *id, data });
        rtp::ext::rewrite(bytes, scratch, map.two_byte, mid, renumber)
            .map(Some)
            .ok_or(DropReason::Malformed)
    }

    /// Takes note of what an accepted RTCP packet says and forwards it.
    pub(crate) fn rtcp_onward(
        &mut self,
        now: Time,
        slot: Slot,
        arrival: &Arrival,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let flow = self.table.flows.get(slot as usize).ok_or(DropReason::NoFlow)?;
        // RTCP flows on while media is on hold (RFC 3264 §8.4), but not if it is blocked.
        if flow.plan.media.blocked {
            return Err(DropReason::Blocked);
        }
        let compound = Some(bytes)
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
            let sent = self.rtcp_to(now, sink, compound, &arrival.range(), bytes, out);
            result = if result.is_ok() { result } else { sent };
        }
        result
    }

    fn rtcp_to(
        &mut self,
        now: Time,
        sink: SinkSlot,
        compound: Option<Compound<'_>>,
        range: &Range<usize>,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Result<(), DropReason> {
        let to = self
            .table
            .flows
            .get_mut(sink.to as usize)
            .ok_or(DropReason::NoSink)?;
        let (local, dest) = to.peer()?;
        let stripped = match sink.rtcp {
            RtcpPolicy::Consume => return Err(DropReason::RtcpConsumed),
            // Protected end to end: there is nothing we could take out.
            RtcpPolicy::StripFeedback if to.plan.framing == Framing::Rtp => {
                let compound = compound.ok_or(DropReason::Malformed)?;
                compound.has_feedback().then_some(compound)
            }
            RtcpPolicy::Forward | RtcpPolicy::StripFeedback => None,
        };
        let way = Way {
            to: sink.to,
            local,
            dest,
        };
        let changed = match stripped {
            None => None,
            Some(compound) => Some(
                compound
                    .without_feedback(out.scratch())
                    .ok_or(DropReason::Malformed)?,
            ),
        };
        if changed == Some(0) {
            return Err(DropReason::RtcpConsumed);
        }
        for sr in compound.iter().flat_map(sender_reports) {
            to.state.sent_reports.note(now, sr);
        }
        self.deliver(now, way, changed, range, bytes, out);
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
