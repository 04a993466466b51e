//! What is known of how well streams arrive: reception reports of peers, or what we measured ourselves, as scores over
//! time.
//!
//! COMPAT(rtpengine): a report counts for the SSRC of the one who reports. The round trip between the ends is the sum
//! of ours to the reporter and ours to the one reported about, so it is known once both have reported.

use ng_protocol::{Dict, Value};
use plan::Time;

use crate::Mos;
use crate::limits::{PROGRESSION_MAX, REPORTED_SSRCS_MAX};
use crate::mos::{Measured, score};

/// Reports closer than this to the last one of the same SSRC are not counted, in µs.
const REPORT_GAP_US: u64 = 1_000_000;

/// One reception report (RFC 3550 §6.4.1), its units made useful.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// When it arrived.
    pub at: Time,
    /// Who reports.
    pub reporter: u32,
    /// About whom.
    pub about: u32,
    /// Since the last report, in 1/256.
    pub fraction_lost: u8,
    /// In all.
    pub lost: i32,
    /// Interarrival jitter in ms.
    pub jitter_ms: u32,
    /// Between us and the reporter.
    pub rtt_us: Option<u32>,
    /// The stream's codec is full-band.
    pub full_band: bool,
}

/// One point of a stream's quality.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Time,
    measured: Measured,
    rtt_leg_us: u32,
    mos: u8,
}

/// Everything about one SSRC.
#[derive(Debug, Default)]
struct Entry {
    ssrc: u32,
    /// Of the last report of the other side about this SSRC: the round trip between us and that side, in µs.
    rtt_us: u32,
    lost: i32,
    last: Time,
    samples: u32,
    sum: Sums,
    lowest: Option<Sample>,
    highest: Option<Sample>,
    progression: Vec<Sample>,
    measured_until: Totals,
}

#[derive(Debug, Default)]
struct Sums {
    mos: u64,
    jitter_ms: u64,
    rtt_us: u64,
    rtt_leg_us: u64,
    loss_percent: u64,
}

/// Running totals of a stream, as the packet side counts them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Packets that arrived.
    pub received: u64,
    /// Packets that did not.
    pub lost: u64,
}

/// What is needed for the mean and the deviation of a measure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many values.
    pub samples: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

/// All reports about a call, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Mean opinion scores, 1 to 5.
    pub mos: Moments,
    /// Jitter in ms.
    pub jitter: Moments,
    /// Round trips from end to end in µs.
    pub rtt_e2e: Moments,
    /// Round trips between us and the reporter in µs.
    pub rtt_leg: Moments,
    /// Packet loss in percent.
    pub loss: Moments,
}

/// The quality of all streams of a call.
#[derive(Debug, Default)]
pub(crate) struct ReceptionLog {
    entries: Vec<Entry>,
    quality: Quality,
}

impl Moments {
    /// Adds a value.
    pub fn note(&mut self, value: f64) {
        self.add(&Self {
            samples: 1,
            sum: value,
            squares: value * value,
        });
    }

    /// Adds all values of another.
    pub fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

impl Quality {
    /// Adds all of another.
    pub fn add(&mut self, other: &Self) {
        self.mos.add(&other.mos);
        self.jitter.add(&other.jitter);
        self.rtt_e2e.add(&other.rtt_e2e);
        self.rtt_leg.add(&other.rtt_leg);
        self.loss.add(&other.loss);
    }

    fn note(&mut self, sample: &Sample) {
        let Measured {
            loss_percent,
            jitter_ms,
            rtt_us,
        } = sample.measured;
        self.mos.note(f64::from(sample.mos) / 10.0);
        self.jitter.note(f64::from(jitter_ms));
        self.loss.note(f64::from(loss_percent));
        // Zero means that nobody knows.
        if rtt_us > 0 {
            self.rtt_e2e.note(f64::from(rtt_us));
        }
        if sample.rtt_leg_us > 0 {
            self.rtt_leg.note(f64::from(sample.rtt_leg_us));
        }
    }
}

impl ReceptionLog {
    /// Takes a report in. Beyond [`REPORTED_SSRCS_MAX`] streams it is not kept.
    pub(crate) fn report(&mut self, mos: Mos, report: &Report) {
        let leg_us = report.rtt_us.unwrap_or(0);
        if let (true, Some(about)) = (leg_us > 0, self.entry(report.about)) {
            about.rtt_us = leg_us;
        }
        let Some(entry) = self.entry(report.reporter) else {
            return;
        };
        entry.lost = report.lost;
        let rtt_us = if entry.rtt_us > 0 {
            leg_us + entry.rtt_us
        } else {
            0
        };
        let loss_percent = u32::from(report.fraction_lost) * 100 / 256;
        let measured = Measured {
            loss_percent,
            jitter_ms: report.jitter_ms,
            rtt_us,
        };
        let sample = entry.add(mos, report.full_band, report.at, measured, leg_us);
        sample.iter().for_each(|sample| self.quality.note(sample));
    }

    /// All reports so far, added up.
    pub(crate) fn quality(&self) -> &Quality {
        &self.quality
    }

    /// Takes in what we saw of a stream ourselves (`--measure-rtp`); the loss counted is that since the last time.
    pub(crate) fn measured(
        &mut self,
        mos: Mos,
        at: Time,
        ssrc: u32,
        totals: Totals,
        jitter_ms: u32,
        full_band: bool,
    ) {
        let Some(entry) = self.entry(ssrc) else { return };
        let received = totals.received.saturating_sub(entry.measured_until.received);
        let lost = totals.lost.saturating_sub(entry.measured_until.lost);
        if received == 0 {
            return;
        }
        entry.measured_until = totals;
        let loss_percent = u32::try_from(lost * 100 / (received + lost)).unwrap_or(100);
        let measured = Measured {
            loss_percent,
            jitter_ms,
            rtt_us: entry.rtt_us,
        };
        let sample = entry.add(mos, full_band, at, measured, entry.rtt_us);
        sample.iter().for_each(|sample| self.quality.note(sample));
    }

    #[cfg(test)]
    /// When something was last taken in about this SSRC.
    pub(crate) fn last(&self, ssrc: u32) -> Option<Time> {
        self.entries.iter().find(|e| e.ssrc == ssrc).map(|e| e.last)
    }

    /// Adds what is known of an SSRC to its dictionary in a `query` reply; nothing if nothing is.
    pub(crate) fn describe(&self, ssrc: u32, dict: &mut Dict<'static>) {
        let Some(entry) = self.entries.iter().find(|e| e.ssrc == ssrc) else {
            return;
        };
        dict.push("cumulative loss", i64::from(entry.lost));
        let (Some(lowest), Some(highest)) = (&entry.lowest, &entry.highest) else {
            return;
        };
        dict.push("average MOS", entry.average());
        dict.push("lowest MOS", lowest.dict());
        dict.push("highest MOS", highest.dict());
        dict.push("MOS progression", entry.progression());
    }

    fn entry(&mut self, ssrc: u32) -> Option<&mut Entry> {
        let index = match self.entries.iter().position(|e| e.ssrc == ssrc) {
            Some(index) => index,
            None if self.entries.len() < REPORTED_SSRCS_MAX => {
                self.entries.push(Entry {
                    ssrc,
                    ..Entry::default()
                });
                self.entries.len() - 1
            }
            None => return None,
        };
        self.entries.get_mut(index)
    }
}

impl Entry {
    /// Takes in one reading; gives back what became of it, if it counts.
    fn add(
        &mut self,
        mos: Mos,
        full_band: bool,
        at: Time,
        measured: Measured,
        rtt_leg_us: u32,
    ) -> Option<Sample> {
        if self.last != Time::default() && at.0.saturating_sub(self.last.0) < REPORT_GAP_US {
            return None;
        }
        self.last = at;
        let mos = score(mos, full_band, measured)?;
        let sample = Sample {
            at,
            measured,
            rtt_leg_us,
            mos,
        };
        self.samples += 1;
        self.sum.mos += u64::from(mos);
        self.sum.jitter_ms += u64::from(measured.jitter_ms);
        self.sum.rtt_us += u64::from(measured.rtt_us);
        self.sum.rtt_leg_us += u64::from(rtt_leg_us);
        self.sum.loss_percent += u64::from(measured.loss_percent);
        if self.lowest.is_none_or(|s| mos < s.mos) {
            self.lowest = Some(sample);
        }
        if self.highest.is_none_or(|s| mos > s.mos) {
            self.highest = Some(sample);
        }
        // Twice as many points as are shown; once they are reached every second one goes, so the whole call stays
        // covered evenly.
        self.progression.push(sample);
        if self.progression.len() > 2 * PROGRESSION_MAX {
            let mut index = 0;
            self.progression.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        Some(sample)
    }

    fn average(&self) -> Dict<'static> {
        let n = u64::from(self.samples).max(1);
        let mean = |sum: u64| i64::try_from(sum / n).unwrap_or(i64::MAX);
        Value::dict()
            .with("MOS", mean(self.sum.mos))
            .with("round-trip time", mean(self.sum.rtt_us))
            .with("round-trip time leg", mean(self.sum.rtt_leg_us))
            .with("jitter", mean(self.sum.jitter_ms))
            .with("packet loss", mean(self.sum.loss_percent))
            .with("samples", i64::from(self.samples))
    }

    fn progression(&self) -> Dict<'static> {
        let points = &self.progression;
        let step = points.len().div_ceil(PROGRESSION_MAX).max(1);
        let shown: Vec<Value<'static>> = points.iter().step_by(step).map(|s| s.dict().into()).collect();
        let span_s = match (points.first(), points.last()) {
            (Some(first), Some(last)) => last.at.since(first.at).as_secs(),
            _ => 0,
        };
        let steps = u64::try_from(points.len().saturating_sub(1).max(1)).unwrap_or(1);
        let interval_s = span_s * u64::try_from(step).unwrap_or(1) / steps;
        Value::dict()
            .with("interval", i64::try_from(interval_s).unwrap_or(i64::MAX))
            .with("entries", Value::List(shown))
    }
}

impl Sample {
    fn dict(&self) -> Dict<'static> {
        Value::dict()
            .with("MOS", i64::from(self.mos))
            .with("round-trip time", i64::from(self.measured.rtt_us))
            .with("round-trip time leg", i64::from(self.rtt_leg_us))
            .with("jitter", i64::from(self.measured.jitter_ms))
            .with("packet loss", i64::from(self.measured.loss_percent))
            .with(
                "reported at",
                i64::try_from(self.at.as_secs()).unwrap_or(i64::MAX),
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 0x0123_4567;
    const B: u32 = 0x0765_4321;

    fn report(at_s: u64, reporter: u32, about: u32, rtt_us: Option<u32>) -> Report {
        Report {
            at: Time::from_secs(at_s),
            reporter,
            about,
            fraction_lost: 10,
            lost: 7,
            jitter_ms: 15,
            rtt_us,
            full_band: false,
        }
    }

    fn described(log: &ReceptionLog, ssrc: u32) -> Value<'static> {
        let mut dict = Value::dict();
        log.describe(ssrc, &mut dict);
        dict.into()
    }

    fn int(value: &Value<'_>, path: &[&str]) -> Option<i64> {
        path.iter().try_fold(value, |v, key| v.get(key))?.as_int()
    }

    #[test]
    fn a_score_comes_once_the_round_trip_of_both_legs_is_known() {
        let mut log = ReceptionLog::default();
        let mos = Mos::default();
        log.report(mos, &report(100, A, B, None));
        log.report(mos, &report(103, B, A, Some(120_000)));
        assert_eq!(int(&described(&log, B), &["average MOS", "samples"]), None);
        log.report(mos, &report(105, A, B, Some(130_000)));
        log.report(mos, &report(108, B, A, Some(121_000)));
        for (ssrc, leg_us, at_s) in [(A, 130_000, 105), (B, 121_000, 108)] {
            let dict = described(&log, ssrc);
            assert_eq!(int(&dict, &["cumulative loss"]), Some(7));
            assert_eq!(int(&dict, &["average MOS", "samples"]), Some(1));
            assert_eq!(int(&dict, &["average MOS", "MOS"]), Some(36));
            assert_eq!(int(&dict, &["average MOS", "packet loss"]), Some(3));
            assert_eq!(int(&dict, &["average MOS", "round-trip time leg"]), Some(leg_us));
            let rtt_us = int(&dict, &["average MOS", "round-trip time"]).expect("round trip");
            assert!((250_000..=251_000).contains(&rtt_us), "{rtt_us}");
            assert_eq!(int(&dict, &["lowest MOS", "reported at"]), Some(at_s));
        }
        let quality = log.quality();
        assert_eq!((quality.mos.samples, quality.loss.sum), (2, 6.0));
        assert!((quality.mos.sum - 7.2).abs() < 1e-9 && (quality.mos.squares - 25.92).abs() < 1e-9);
        assert_eq!((quality.rtt_leg.samples, quality.rtt_leg.sum), (2, 251_000.0));
    }

    #[test]
    fn measured_loss_is_that_since_the_last_look() {
        let mut log = ReceptionLog::default();
        let mos = Mos {
            listening: true,
            ..Mos::default()
        };
        let look = |log: &mut ReceptionLog, at_s, received, lost| {
            log.measured(mos, Time::from_secs(at_s), A, Totals { received, lost }, 1, false);
        };
        look(&mut log, 5, 250, 0);
        look(&mut log, 10, 450, 50);
        look(&mut log, 15, 450, 50);
        let dict = described(&log, A);
        assert_eq!(
            int(&dict, &["average MOS", "samples"]),
            Some(2),
            "a silent stream gives no sample"
        );
        assert_eq!(int(&dict, &["highest MOS", "packet loss"]), Some(0));
        assert_eq!(int(&dict, &["lowest MOS", "packet loss"]), Some(20));
        assert_eq!(log.last(A), Some(Time::from_secs(10)));
    }

    #[test]
    fn what_is_kept_is_bounded_however_long_a_call_lasts() {
        let mut log = ReceptionLog::default();
        let mos = Mos {
            listening: true,
            ..Mos::default()
        };
        for second in 0..20_000_u64 {
            log.report(mos, &report(second * 5, A, B, None));
            log.report(
                mos,
                &report(second * 5, u32::try_from(second).expect("small"), B, None),
            );
        }
        assert!(log.entries.len() <= REPORTED_SSRCS_MAX);
        let dict = described(&log, A);
        let entries = dict
            .get("MOS progression")
            .and_then(|p| p.get("entries"))
            .and_then(Value::as_list);
        assert!((5..=PROGRESSION_MAX).contains(&entries.expect("entries").len()));
        let interval_s = int(&dict, &["MOS progression", "interval"]).expect("interval");
        assert!((5_000..=20_000).contains(&interval_s), "{interval_s}");
    }
}
