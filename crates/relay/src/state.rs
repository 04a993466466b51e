//! What a flow remembers between packets, and what of it survives a new plan.

use plan::{Plan, Time};

use crate::bundle::Known;
use crate::control::Budget;
use crate::guard::Guard;
use crate::keys::Keys;
use crate::limits;
use crate::source::{Learned, Sources};
use crate::streams::Streams;
use crate::waiting::Askers;

/// The part of a flow that packets change.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) sources: Sources,
    pub(crate) streams: Streams,
    pub(crate) guard: Guard,
    /// Who sends RTCP here, as the learned source says; lets it continue from another port.
    pub(crate) rtcp_sender: Option<u32>,
    pub(crate) sent_reports: SentReports,
    pub(crate) egress: Egress,
    /// The SRTP contexts that are kept here, if there ever were any.
    pub(crate) keys: Option<Box<Keys>>,
    /// What tells the media of a bundle apart, if this is its transport.
    pub(crate) bundle: Option<Box<Known>>,
    /// Something was accepted from the peer, ever.
    pub(crate) heard: bool,
    /// When to send the next generated report.
    pub(crate) next_report: Option<Time>,
    /// When to send the next packet that opens a NAT.
    pub(crate) next_pierce: Option<Time>,
    /// How many of them were sent.
    pub(crate) pierced: u16,
    /// What may still be handed up.
    pub(crate) punts: Budget,
    /// Sources whose proof may be under way.
    pub(crate) askers: Askers,
}

impl State {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            sources: Sources::new(now),
            streams: Streams::default(),
            guard: Guard::default(),
            rtcp_sender: None,
            sent_reports: SentReports::default(),
            egress: Egress::default(),
            keys: None,
            bundle: None,
            heard: false,
            next_report: None,
            next_pierce: None,
            pierced: 0,
            punts: Budget::default(),
            askers: Askers::default(),
        }
    }

    /// What survives when `new` takes the place of `old`: counters, streams and timers always; the learned peer unless
    /// signalling has armed learning again.
    pub(crate) fn adopt(&mut self, now: Time, old: &Plan, new: &Plan) {
        if old.source.epoch != new.source.epoch || old.source.learning != new.source.learning {
            self.sources = Sources::new(now);
            self.rtcp_sender = None;
        } else {
            let place = |local: u8| {
                let id = old.sockets.get(usize::from(local)).map(|s| s.id);
                let moved = new.sockets.iter().position(|s| Some(s.id) == id);
                // A socket that is gone: back to the one that signalling names.
                moved.and_then(|i| u8::try_from(i).ok()).unwrap_or(0)
            };
            self.sources.renumber(place);
        }
        let stays = |f: &Learned| {
            let local = new.sockets.get(usize::from(f.local)).map(|s| s.id);
            let ways = new.follow.as_deref().into_iter().flat_map(|follow| &follow.ways);
            old.peer == new.peer && ways.into_iter().any(|&(s, to)| Some(s) == local && to == f.addr)
        };
        if !self.sources.followed().is_some_and(stays) {
            self.sources.return_to_plan();
        }
        self.askers.forget(now, &new.proven);
        if new.reports.is_none() {
            self.next_report = None;
        }
    }
}

/// When the last sender reports went to a flow's peer, to tell the round trip by its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentReports {
    /// Middle of the NTP timestamp, and when.
    ring: [Option<(u32, Time)>; limits::SENT_REPORTS],
    next: usize,
}

impl SentReports {
    pub(crate) fn note(&mut self, now: Time, ntp_middle: u32) {
        if let Some(slot) = self.ring.get_mut(self.next % limits::SENT_REPORTS) {
            *slot = Some((ntp_middle, now));
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Round trip in µs by a report block's LSR and DLSR (RFC 3550 §6.4.1), measured from when the report passed here.
    pub(crate) fn round_trip_us(&self, now: Time, lsr: u32, dlsr: u32) -> Option<u32> {
        if lsr == 0 {
            return None;
        }
        let newest_first = self
            .ring
            .iter()
            .flatten()
            .filter(|(middle, _)| *middle == lsr)
            .map(|(_, at)| *at);
        let sent = newest_first.max()?;
        let held_us = u64::from(dlsr) * 1_000_000 / 65_536;
        u32::try_from(now.0.checked_sub(sent.0)?.checked_sub(held_us)?).ok()
    }
}

/// What was last sent to a flow's peer, for reports that we generate. Only kept if some are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Egress {
    pub(crate) ssrc: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
    pub(crate) last_ts: u32,
    pub(crate) last_at: Time,
}

impl Egress {
    #[inline]
    pub(crate) fn note(&mut self, now: Time, header: rtp::Header, len: usize) {
        if self.ssrc != header.ssrc.0 {
            *self = Self {
                ssrc: header.ssrc.0,
                ..Self::default()
            };
        }
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u32::try_from(len).unwrap_or(u32::MAX));
        self.last_ts = header.ts.0;
        self.last_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_count_from_the_newest_report_that_is_meant() {
        let mut sent = SentReports::default();
        sent.note(Time(1_000_000), 7);
        sent.note(Time(2_000_000), 7);
        sent.note(Time(3_000_000), 8);
        for (now, lsr, dlsr, expect) in [
            (2_500_000, 7, 0, Some(500_000)),
            (2_500_000, 7, 16_384, Some(250_000)),
            (3_100_000, 8, 0, Some(100_000)),
            (3_100_000, 8, 65_536, None),
            (3_100_000, 9, 0, None),
            (3_100_000, 0, 0, None),
        ] {
            assert_eq!(
                sent.round_trip_us(Time(now), lsr, dlsr),
                expect,
                "{now} {lsr} {dlsr}"
            );
        }
    }
}
