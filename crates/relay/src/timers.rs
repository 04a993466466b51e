//! What is sent without a packet arriving: generated RTCP and packets that open NATs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use arrayvec::ArrayVec;
use plan::{Component, SSRC_SLOTS, Time};
use rand::Rng;
use rtp::rtcp::{Builder, ReportBlock, SenderInfo};
use rtp::{PayloadType, RtpTime, SeqNo, Ssrc};
use srtp::Kind;

use crate::flow::Flow;
use crate::io::Outbox;
use crate::keys::Keying;
use crate::table::Slot;
use crate::{Relay, limits};

/// Something that is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Report,
    Pierce,
}

/// When what is due. An entry that its flow does not know any more is skipped when its time comes.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Slot, Due)>>,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Time, slot: Slot, due: Due) {
        self.heap.push(Reverse((at, slot, due)));
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    fn pop(&mut self, now: Time) -> Option<(Time, Slot, Due)> {
        self.heap.peek().filter(|Reverse((at, ..))| *at <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

/// NTP counts from 1900, we from 1970 (RFC 3550 §4).
const NTP_EPOCH_S: u64 = 2_208_988_800;

/// Payload type of the packet that opens a NAT.
// COMPAT(rtpengine): 12 bytes of RTP with payload type 127.
const PIERCE_PT: u8 = 127;

impl Relay {
    /// Sets the timers that a flow's plan asks for and that do not run yet.
    pub(crate) fn set_timers(&mut self, now: Time, slot: Slot) {
        let Some(flow) = self.table.flows.get_mut(slot as usize) else {
            return;
        };
        if let Some(reports) = &flow.plan.reports
            && flow.state.next_report.is_none()
        {
            let at = now + reports.interval + jitter(&mut self.rng);
            flow.state.next_report = Some(at);
            self.timers.set(at, slot, Due::Report);
        }
        if flow.plan.pierce_nat && !flow.state.heard && flow.state.next_pierce.is_none() {
            flow.state.next_pierce = Some(now);
            self.timers.set(now, slot, Due::Pierce);
        }
    }

    /// Does what is due, as far as the outbox has room.
    pub(crate) fn run_timers(&mut self, now: Time, out: &mut Outbox) {
        while out.has_room(1, 1, limits::PACKET_BYTES_MAX) {
            let Some((at, slot, due)) = self.timers.pop(now) else {
                return;
            };
            match due {
                Due::Report => self.report_due(now, at, slot, out),
                Due::Pierce => self.pierce_due(now, at, slot, out),
            }
        }
    }

    fn pierce_due(&mut self, now: Time, at: Time, slot: Slot, out: &mut Outbox) {
        let Some(flow) = self
            .table
            .flows
            .get_mut(slot as usize)
            .filter(|f| f.state.next_pierce == Some(at))
        else {
            return;
        };
        flow.state.next_pierce = None;
        if !flow.plan.pierce_nat || flow.state.heard {
            return;
        }
        let next = now + Duration::from_micros(limits::PIERCE_INTERVAL_US);
        flow.state.next_pierce = Some(next);
        self.timers.set(next, slot, Due::Pierce);
        // Under SRTP each sequence number is used once.
        let nth = flow.state.pierced;
        flow.state.pierced = nth.wrapping_add(u16::from(flow.send != Keying::Plain));
        let kind = match flow.plan.component {
            Component::Rtp | Component::Mux => Kind::Rtp,
            Component::Rtcp => Kind::Rtcp,
        };
        let len = match flow.plan.component {
            Component::Rtp | Component::Mux => dummy_rtp(out.scratch(), SeqNo(nth)),
            Component::Rtcp => {
                let mut empty = Builder::new(out.scratch());
                empty.receiver_report(Ssrc(0), &[]);
                empty.finish()
            }
        };
        self.send_made(now, slot, kind, len, out);
    }

    fn report_due(&mut self, now: Time, at: Time, slot: Slot, out: &mut Outbox) {
        let Some(flow) = self
            .table
            .flows
            .get_mut(slot as usize)
            .filter(|f| f.state.next_report == Some(at))
        else {
            return;
        };
        flow.state.next_report = None;
        let Some(reports) = &flow.plan.reports else { return };
        let next = now + reports.interval + jitter(&mut self.rng);
        flow.state.next_report = Some(next);
        self.timers.set(next, slot, Due::Report);
        let carrier = flow
            .rtcp_slot
            .filter(|_| flow.plan.component == Component::Rtp)
            .unwrap_or(slot);
        let Some((len, sent)) = write_report(now, flow, out.scratch()) else {
            return;
        };
        let transport = self.table.carrier(carrier);
        let Some(transport) = self.table.flows.get_mut(transport as usize) else {
            return;
        };
        if let Some(ntp_middle) = sent {
            transport.state.sent_reports.note(now, ntp_middle);
        }
        self.send_made(now, carrier, Kind::Rtcp, Some(len), out);
    }

    /// Sends what was written to the scratch memory to a flow's peer, if that may be sent to.
    fn send_made(&mut self, now: Time, slot: Slot, kind: Kind, len: Option<usize>, out: &mut Outbox) {
        // An opener is sent while `nat_wait` holds everything else back.
        let (Some(len), Some(way)) = (len, self.table.way_unheard(slot)) else {
            return;
        };
        let taps = self.taps.mark();
        if let Some(bytes) = out.scratch().get(..len) {
            self.tap_sent(now, &way, bytes);
        }
        let made = self.promise(way.keying, kind, out.scratch(), len);
        let (Ok(made), Some(flow)) = (made, self.table.flows.get(slot as usize)) else {
            return self.taps.rewind(taps);
        };
        flow.sent(now, made.len().unwrap_or(len));
        made.send(&way.target, out);
    }
}

fn jitter(rng: &mut impl Rng) -> Duration {
    Duration::from_micros(rng.random_range(0..limits::REPORT_JITTER_US))
}

fn dummy_rtp(buf: &mut [u8], seq: SeqNo) -> Option<usize> {
    let header = rtp::Header {
        marker: false,
        pt: PayloadType::new(PIERCE_PT)?,
        seq,
        ts: RtpTime(0),
        ssrc: Ssrc(0),
    };
    let bytes = rtp::write_header(header);
    buf.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(bytes.len())
}

/// A report to a flow's peer about what we sent to it and what it sent: its length, and the middle NTP bits if it is a
/// sender report. `None` if nothing was ever sent or received.
fn write_report(now: Time, flow: &mut Flow, buf: &mut [u8]) -> Option<(usize, Option<u32>)> {
    let reports = flow.plan.reports.as_ref()?;
    let blocks: ArrayVec<ReportBlock, SSRC_SLOTS> = flow.state.streams.report(now).collect();
    let egress = flow.state.egress;
    if egress.packets == 0 && blocks.is_empty() {
        return None;
    }
    let mut packet = Builder::new(buf);
    // We speak in the name of the stream that we forward, as a translator does (RFC 3550 §7.1).
    let (ssrc, sent) = (Ssrc(egress.ssrc), (egress.packets > 0).then(|| sender_info(flow)));
    match sent {
        Some(info) => packet.sender_report(ssrc, info, &blocks),
        None => packet.receiver_report(ssrc, &blocks),
    };
    packet.sdes(ssrc, &reports.cname, reports.mid.as_deref());
    Some((packet.finish()?, sent.map(|info| info.ntp_middle())))
}

/// What we sent.
// COMPAT(rtpengine): the timestamp is that of the last packet, not of now, and bytes include headers. The NTP time is
// that packet's too, so that the pair stays true.
fn sender_info(flow: &Flow) -> SenderInfo {
    let egress = flow.state.egress;
    let (secs, micros) = (egress.last_at.0 / 1_000_000, egress.last_at.0 % 1_000_000);
    let fraction = (micros << 32) / 1_000_000;
    SenderInfo {
        ntp: (secs + NTP_EPOCH_S) << 32 | fraction,
        rtp_time: egress.last_ts,
        packets: egress.packets,
        bytes: egress.bytes,
    }
}
