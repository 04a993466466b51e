//! What a flow receives, by SSRC: counters, loss and jitter as RFC 3550 Appendix A computes them.

use std::sync::atomic::Ordering::Relaxed;

use plan::{FlowStats, SSRC_SLOTS, SsrcStats, Time};
use rtp::rtcp::ReportBlock;
use rtp::{Header, RtpTime, SeqNo};

use crate::{KernelCounts, limits};

/// RFC 3550 A.1: a jump ahead by more than this is a restart of the sender.
const MAX_DROPOUT: i32 = 3000;
/// RFC 3550 A.1: a packet late by more than this is a restart of the sender.
const MAX_MISORDER: i32 = 100;
const LATE_MIN: i32 = -MAX_MISORDER;
/// Half of all sequence numbers.
const HALF_CYCLE: i64 = 1 << 15;
/// Clock rate in Hz of a payload type that nobody named.
const DEFAULT_CLOCK_RATE: u32 = 8000;
/// Jitter says nothing before the estimator (gain 1/16, RFC 3550 A.8) has seen this many intervals.
const JITTER_SETTLES: u32 = 16;
/// A transit time that jumps by more seconds than this is a new timeline, not jitter.
const TIMELINE_JUMP_S: u32 = 10;

/// One SSRC of one flow.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    ssrc: u32,
    used: bool,
    /// It was heard from the learned source, so that another source may prove itself by continuing it.
    trusted: bool,
    heard: Time,
    packets: u64,
    bytes: u64,
    pt: u8,
    /// Packets before the first with this payload type.
    pt_since: u64,
    clock_rate: u32,
    last_ts: u32,

    /// Extended sequence number of the first packet, since the sender's last restart.
    base_seq: u32,
    /// Extended highest sequence number.
    max_seq: u32,
    /// Where the sender would go on after a restart (RFC 3550 A.1).
    bad_seq: Option<SeqNo>,
    /// One bit for each of the last 64 numbers, the highest in bit 0: received.
    window: u64,
    /// Different packets received since the sender's last restart.
    unique: u32,
    /// Lost before that.
    lost_before: u32,
    duplicates: u32,

    transit: u32,
    /// In 1/16 timestamp units.
    jitter_16: u32,
    intervals: u32,

    /// Expected and received so far when the last report was made.
    reported: (u32, u32),
    /// Middle of the NTP timestamp of the sender's last report, and when it came.
    last_report: Option<(u32, Time)>,
}

/// All SSRCs of one flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    slots: [Stream; SSRC_SLOTS],
    recent: usize,
}

impl Streams {
    /// Counts one packet. `trusted` = it came from the learned source. `rates` are clock rates in Hz by payload type.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        now: Time,
        header: Header,
        len: usize,
        trusted: bool,
        rates: &[(u8, u32)],
        stats: &FlowStats,
    ) {
        if self
            .slots
            .get(self.recent)
            .is_none_or(|s| !s.used || s.ssrc != header.ssrc.0)
        {
            self.recent = self.place(header.ssrc.0);
        }
        let (Some(stream), Some(slot)) = (self.slots.get_mut(self.recent), stats.ssrc.get(self.recent))
        else {
            return;
        };
        if !stream.used || stream.ssrc != header.ssrc.0 {
            *stream = Stream::begin(header);
        }
        stream.receive(now, header, len, rates, stats);
        stream.trusted |= trusted;
        stream.publish(slot);
    }

    /// A packet from elsewhere with this header continues a trusted stream: same SSRC, sequence number near the last.
    pub(crate) fn continues(&self, header: Header) -> bool {
        self.find(header.ssrc.0).is_some_and(|s| {
            let ahead = i32::from(header.seq.ahead_of(low(s.max_seq)));
            s.trusted && (LATE_MIN..=MAX_DROPOUT).contains(&ahead)
        })
    }

    /// The learned source has sent this SSRC.
    pub(crate) fn trusts(&self, ssrc: u32) -> bool {
        self.find(ssrc).is_some_and(|s| s.trusted)
    }

    /// Some SSRC is trusted.
    pub(crate) fn trusts_any(&self) -> bool {
        self.slots.iter().any(|s| s.used && s.trusted)
    }

    /// Something of this SSRC came lately, as far as can be known of what the kernel forwards.
    pub(crate) fn goes_on(&self, now: Time, ssrc: u32) -> bool {
        let patience_us = limits::SILENCE_US + limits::KERNEL_NEWS_US;
        self.find(ssrc)
            .is_some_and(|s| now.0.saturating_sub(s.heard.0) < patience_us)
    }

    /// The SSRC that the learned source has sent last.
    pub(crate) fn latest_trusted(&self) -> Option<u32> {
        let trusted = self.slots.iter().filter(|s| s.used && s.trusted);
        trusted.max_by_key(|s| s.heard).map(|s| s.ssrc)
    }

    /// Counts what the kernel has forwarded of an SSRC; returns the highest number of that, extended as ours are. `base`
    /// is added to the kernel's numbers, and found out from the first of them.
    pub(crate) fn forwarded(
        &mut self,
        at: Time,
        ssrc: u32,
        counts: &KernelCounts,
        base: &mut Option<u32>,
        rates: &[(u8, u32)],
        stats: &FlowStats,
    ) -> Option<u32> {
        let mut known = self.slots.iter_mut().zip(&stats.ssrc);
        let (stream, slot) = known.find(|(s, _)| s.used && s.ssrc == ssrc)?;
        let highest = stream.forwarded(at, counts, base, rates, stats);
        stream.publish(slot);
        Some(highest)
    }

    /// The highest number of an SSRC, extended.
    pub(crate) fn highest(&self, ssrc: u32) -> Option<u32> {
        self.find(ssrc).map(|s| s.max_seq)
    }

    /// The learned source is another one from now on.
    pub(crate) fn distrust_all(&mut self) {
        self.slots.iter_mut().for_each(|s| s.trusted = false);
    }

    /// A sender report came for a stream.
    pub(crate) fn sender_reported(&mut self, now: Time, ssrc: u32, ntp_middle: u32) {
        if let Some(stream) = self.slots.iter_mut().find(|s| s.used && s.ssrc == ssrc) {
            stream.last_report = Some((ntp_middle, now));
        }
    }

    /// Report blocks about the streams that were heard lately; begins a new interval for the fraction lost.
    pub(crate) fn report(&mut self, now: Time) -> impl Iterator<Item = ReportBlock> {
        let lately =
            move |s: &&mut Stream| s.used && now.0 - s.heard.0.min(now.0) < limits::REPORTED_STREAM_AGE_US;
        self.slots.iter_mut().filter(lately).map(move |s| s.report(now))
    }

    fn find(&self, ssrc: u32) -> Option<&Stream> {
        self.slots.iter().find(|s| s.used && s.ssrc == ssrc)
    }

    /// The slot of an SSRC; for a new one an unused slot or else the one that was silent longest.
    fn place(&self, ssrc: u32) -> usize {
        let known = self.slots.iter().position(|s| s.used && s.ssrc == ssrc);
        known.unwrap_or_else(|| {
            let oldest = self
                .slots
                .iter()
                .enumerate()
                .min_by_key(|(_, s)| (s.used, s.heard));
            oldest.map_or(0, |(i, _)| i)
        })
    }
}

impl Stream {
    fn begin(header: Header) -> Self {
        let seq = u32::from(header.seq.0);
        Self {
            ssrc: header.ssrc.0,
            used: true,
            base_seq: seq,
            max_seq: seq,
            pt: u8::MAX,
            ..Self::default()
        }
    }

    #[inline]
    fn receive(&mut self, now: Time, header: Header, len: usize, rates: &[(u8, u32)], stats: &FlowStats) {
        self.carries(header.pt.get(), rates, stats);
        self.packets += 1;
        self.bytes += len as u64;
        self.heard = now;
        if self.sequence(header.seq) {
            self.interval(now, header.ts);
        }
        self.last_ts = header.ts.0;
    }

    /// The payload type of the next packet.
    #[inline]
    fn carries(&mut self, pt: u8, rates: &[(u8, u32)], stats: &FlowStats) {
        if pt == self.pt {
            return;
        }
        (self.pt, self.pt_since) = (pt, self.packets);
        stats.saw_payload_type(pt);
        let rate = rates
            .iter()
            .find(|(p, _)| *p == pt)
            .map_or(DEFAULT_CLOCK_RATE, |(_, rate)| (*rate).max(1));
        if rate != self.clock_rate {
            self.clock_rate = rate;
            self.intervals = 0;
            self.jitter_16 = 0;
        }
    }

    /// Packets that the kernel has forwarded. Jitter stays what it was: nobody measured it.
    fn forwarded(
        &mut self,
        at: Time,
        counts: &KernelCounts,
        base: &mut Option<u32>,
        rates: &[(u8, u32)],
        stats: &FlowStats,
    ) -> u32 {
        self.carries(counts.payload_type, rates, stats);
        self.packets += counts.packets;
        self.bytes += counts.bytes;
        self.heard = self.heard.max(at);
        self.last_ts = counts.timestamp;
        let base = *base.get_or_insert_with(|| {
            // The kernel's first number is that of a packet, ours may be a cycle behind it.
            let ahead = i64::from(counts.highest_seq) - i64::from(low(self.max_seq).0);
            let cycle = if ahead < -HALF_CYCLE { 1 << 16 } else { 0 };
            (self.max_seq & 0xffff_0000).wrapping_add(cycle)
        });
        let highest = counts.highest_seq.wrapping_add(base);
        let ahead = highest.wrapping_sub(self.max_seq);
        let ahead = u32::try_from(ahead.cast_signed()).unwrap_or(0);
        let packets = u32::try_from(counts.packets).unwrap_or(u32::MAX);
        if ahead > packets.saturating_add(MAX_DROPOUT.cast_unsigned()) {
            // The sender has begun anew further on.
            self.lost_before = self.lost();
            self.base_seq = highest.wrapping_sub(packets).wrapping_add(1);
            self.unique = 0;
        }
        self.max_seq = self.max_seq.wrapping_add(ahead);
        let fresh = 1_u64.checked_shl(ahead).unwrap_or(0).wrapping_sub(1);
        self.window = self.window.checked_shl(ahead).unwrap_or(0) | fresh;
        self.unique = self.unique.saturating_add(packets);
        let twice = self.unique.saturating_sub(self.expected());
        self.unique -= twice;
        self.duplicates = self.duplicates.saturating_add(twice);
        highest
    }

    /// RFC 3550 A.1 without the probation: the packet's source was examined already. True if the packet moves the
    /// stream ahead.
    #[inline]
    fn sequence(&mut self, seq: SeqNo) -> bool {
        let ahead = i32::from(seq.ahead_of(low(self.max_seq)));
        match ahead {
            0 if self.unique == 0 => {
                (self.unique, self.window) = (1, 1);
                true
            }
            1..=MAX_DROPOUT => {
                self.max_seq = self.max_seq.wrapping_add(ahead.cast_unsigned());
                self.window = self.window.checked_shl(ahead.cast_unsigned()).unwrap_or(0) | 1;
                self.unique = self.unique.saturating_add(1);
                self.bad_seq = None;
                true
            }
            LATE_MIN..=0 => {
                self.late(ahead.unsigned_abs());
                false
            }
            _ if self.bad_seq == Some(seq) => {
                self.restart(seq);
                true
            }
            _ => {
                self.bad_seq = Some(seq.next());
                false
            }
        }
    }

    /// A packet `behind` the highest: reordered, or a duplicate as far as the window can tell.
    fn late(&mut self, behind: u32) {
        match 1_u64.checked_shl(behind) {
            Some(bit) if self.window & bit != 0 => self.duplicates = self.duplicates.saturating_add(1),
            Some(bit) => {
                self.window |= bit;
                self.unique = self.unique.saturating_add(1);
            }
            None => self.unique = self.unique.saturating_add(1),
        }
        // Packets from before the first one widen what was expected.
        let seq = self.max_seq.saturating_sub(behind);
        self.base_seq = self.base_seq.min(seq);
    }

    /// Two packets in a row far from the rest: the sender has begun anew.
    fn restart(&mut self, seq: SeqNo) {
        self.lost_before = self.lost();
        // The one before belongs to the new sequence too.
        self.max_seq = (self.max_seq & 0xffff_0000) | u32::from(seq.0);
        self.base_seq = self.max_seq.saturating_sub(1);
        (self.unique, self.window, self.bad_seq) = (2, 0b11, None);
        self.intervals = 0;
        self.jitter_16 = 0;
    }

    /// RFC 3550 A.8.
    #[inline]
    fn interval(&mut self, now: Time, ts: RtpTime) {
        let rate = u64::from(self.clock_rate);
        let (secs, micros) = (now.0 / 1_000_000, now.0 % 1_000_000);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "timestamps wrap; only differences are used"
        )]
        let arrival = (secs.wrapping_mul(rate)).wrapping_add(micros * rate / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(ts.0);
        let deviation = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.transit = transit;
        if self.intervals > 0 && deviation < self.clock_rate.saturating_mul(TIMELINE_JUMP_S) {
            let smoothed = (self.jitter_16.saturating_add(8)) >> 4;
            self.jitter_16 = self.jitter_16.saturating_add(deviation).saturating_sub(smoothed);
        }
        self.intervals = self.intervals.saturating_add(1);
    }

    const fn jitter(&self) -> u32 {
        if self.intervals > JITTER_SETTLES {
            self.jitter_16 >> 4
        } else {
            0
        }
    }

    /// Numbers that should have come since the sender's last restart.
    const fn expected(&self) -> u32 {
        self.max_seq.wrapping_sub(self.base_seq).wrapping_add(1)
    }

    const fn lost(&self) -> u32 {
        self.lost_before
            .saturating_add(self.expected().saturating_sub(self.unique))
    }

    #[inline]
    fn publish(&self, stats: &SsrcStats) {
        stats.ssrc_plus_one.store(u64::from(self.ssrc) + 1, Relaxed);
        stats.packets.store(self.packets, Relaxed);
        stats.bytes.store(self.bytes, Relaxed);
        stats.ext_seq.store(self.max_seq, Relaxed);
        stats.timestamp.store(self.last_ts, Relaxed);
        stats.lost.store(self.lost(), Relaxed);
        stats.duplicates.store(self.duplicates, Relaxed);
        stats.jitter.store(self.jitter(), Relaxed);
        stats.payload_type.store(u32::from(self.pt), Relaxed);
        stats.payload_since.store(self.pt_since, Relaxed);
        stats.last_us.store(self.heard.0, Relaxed);
    }

    /// RFC 3550 A.3 for the interval since the last report.
    fn report(&mut self, now: Time) -> ReportBlock {
        let expected = self.expected().wrapping_add(self.lost_before);
        let received = self.unique;
        let (expected_before, received_before) = std::mem::replace(&mut self.reported, (expected, received));
        let expected_now = i64::from(expected) - i64::from(expected_before);
        let lost_now = expected_now - (i64::from(received) - i64::from(received_before));
        let fraction = if expected_now > 0 {
            lost_now.max(0) * 256 / expected_now
        } else {
            0
        };
        let (lsr, at) = self.last_report.unwrap_or((0, now));
        let delay = u128::from(now.0.saturating_sub(at.0)) * 65_536 / 1_000_000;
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: i32::try_from(self.lost()).unwrap_or(i32::MAX),
            ext_seq: self.max_seq,
            jitter: self.jitter(),
            lsr,
            dlsr: u32::try_from(delay).unwrap_or(u32::MAX),
        }
    }
}

const fn low(extended: u32) -> SeqNo {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
    let seq = extended as u16;
    SeqNo(seq)
}
