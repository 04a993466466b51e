//! Mean opinion scores from loss, jitter and round trip.
//!
//! ITU-T G.107 in its usual short form, G.107.2 for full-band codecs, and the reference's older rule of thumb. Scores
//! are tenths (10 to 50) as on the wire; they are cut, not rounded. COMPAT(rtpengine): controllers store these figures
//! in call detail records and compare them over years.

use crate::{Mos, MosFormula};

/// What a score is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Percent of packets lost.
    pub loss_percent: u32,
    /// Interarrival jitter in ms.
    pub jitter_ms: u32,
    /// Round trip between the two ends in µs; 0 = not known.
    pub rtt_us: u32,
}

/// The score in tenths; `None` if the round trip counts but is not known.
pub(crate) fn score(mos: Mos, full_band: bool, measured: Measured) -> Option<u8> {
    if measured.rtt_us == 0 && !mos.listening {
        return None;
    }
    let rtt_ms = if mos.listening {
        0.0
    } else {
        f64::from(measured.rtt_us) / 1000.0
    };
    let (loss, jitter_ms) = (f64::from(measured.loss_percent), f64::from(measured.jitter_ms));
    let rating = match mos.formula {
        MosFormula::Legacy => legacy(rtt_ms, jitter_ms, loss),
        MosFormula::G107Fullband if full_band => g107_2(rtt_ms / 2.0 + jitter_ms, loss),
        MosFormula::G107 | MosFormula::G107Fullband => g107(rtt_ms / 2.0 + jitter_ms, loss),
    };
    Some(from_rating(rating))
}

/// E-model rating of a narrow-band call: loss as a quadratic fit, delay as G.107's two straight lines that meet at
/// 177.3 ms. `delay_ms` is one way.
///
/// The fit turns upwards again beyond its lowest point; from there the rating goes straight to zero at a loss of 100 %
/// (the reference follows the curve, up to a perfect score for a call without a packet).
fn g107(delay_ms: f64, loss_percent: f64) -> f64 {
    const FIT_ENDS_AT_LOSS: f64 = 93.2 - 77.5;
    let fit = |loss: f64| {
        let quality = 93.2 - loss;
        0.18 * quality * quality - 27.9 * quality + 1126.62
    };
    let rating = if loss_percent <= FIT_ENDS_AT_LOSS {
        fit(loss_percent)
    } else {
        fit(FIT_ENDS_AT_LOSS) * (100.0 - loss_percent).max(0.0) / (100.0 - FIT_ENDS_AT_LOSS)
    };
    rating - 0.024 * delay_ms - 0.11 * (delay_ms - 177.3).max(0.0)
}

/// ITU-T G.107.2: the rating of a full-band call on the narrow-band scale (148 becomes 100).
fn g107_2(delay_ms: f64, loss_percent: f64) -> f64 {
    const BASIC: f64 = 148.0;
    // A codec with an equipment impairment of 10.2 and a loss robustness of 4.3.
    let equipment_impairment = 10.2 + (132.0 - 10.2) * loss_percent / (loss_percent + 4.3);
    let delay_impairment = if delay_ms <= 100.0 {
        0.0
    } else {
        let x = (delay_ms / 100.0).log2();
        let bend = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
        1.48 * 25.0 * (bend(x) - 3.0 * bend(x / 3.0) + 2.0)
    };
    (BASIC - equipment_impairment - delay_impairment) / 1.48
}

/// Latency and loss straight off 93.2.
fn legacy(rtt_ms: f64, jitter_ms: f64, loss_percent: f64) -> f64 {
    let latency = rtt_ms + 2.0 * jitter_ms + 10.0;
    let delay = if latency < 160.0 {
        latency / 40.0
    } else {
        (latency - 120.0) / 10.0
    };
    93.2 - delay - 2.5 * loss_percent
}

/// ITU-T G.107 annex B: rating to opinion score, in tenths.
///
/// COMPAT(rtpengine): each term is cut to hundredths before they are added, which makes 4.39 of 4.407: one tenth on the
/// wire, for the best calls of all.
fn from_rating(rating: f64) -> u8 {
    let hundredths = match rating {
        r if r < 0.0 => 100.0,
        r if r > 100.0 => 450.0,
        r => 100.0 + (3.5 * r).floor() + (7e-4 * r * (r - 60.0) * (100.0 - r)).trunc(),
    };
    // In range by the clamp.
    (hundredths / 10.0).clamp(10.0, 45.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mos(formula: MosFormula) -> Mos {
        Mos {
            formula,
            listening: false,
        }
    }

    #[test]
    fn the_known_points_of_each_formula() {
        use MosFormula::{G107, G107Fullband, Legacy};
        // (formula, full band, loss %, jitter ms, round trip ms, score)
        for (formula, full_band, loss_percent, jitter_ms, rtt_ms, expected) in [
            (G107, false, 0, 0, 10, 43),
            (G107, false, 3, 15, 260, 36),
            (G107, true, 3, 15, 260, 36),
            (G107Fullband, false, 3, 15, 260, 36),
            (G107Fullband, true, 0, 0, 10, 43),
            (G107Fullband, true, 5, 20, 410, 22),
            (Legacy, false, 3, 15, 260, 34),
            (Legacy, false, 0, 0, 10, 43),
        ] {
            let measured = Measured {
                loss_percent,
                jitter_ms,
                rtt_us: rtt_ms * 1000,
            };
            assert_eq!(
                score(mos(formula), full_band, measured),
                Some(expected),
                "{formula:?} {measured:?}"
            );
        }
    }

    #[test]
    fn conversational_quality_needs_a_round_trip_and_listening_quality_ignores_it() {
        let measured = |rtt_us| Measured {
            rtt_us,
            ..Measured::default()
        };
        let listening = Mos {
            formula: MosFormula::G107,
            listening: true,
        };
        assert_eq!(score(mos(MosFormula::G107), false, measured(0)), None);
        assert_eq!(score(listening, false, measured(0)), Some(43));
        assert_eq!(score(listening, false, measured(3_000_000)), Some(43));
    }

    #[test]
    fn more_delay_or_loss_is_never_better_and_every_score_is_in_range() {
        // By a tenth it may be: that is what cutting the terms costs.
        let falling = |scores: &[u8]| scores.is_sorted_by(|a, b| a + 1 >= *b);
        for formula in [MosFormula::G107, MosFormula::G107Fullband, MosFormula::Legacy] {
            for full_band in [false, true] {
                let at = |loss_percent: u32, rtt_ms: u32| {
                    let measured = Measured {
                        loss_percent,
                        jitter_ms: 3,
                        rtt_us: rtt_ms * 1000,
                    };
                    score(mos(formula), full_band, measured).expect("round trip given")
                };
                for step in 0..=100 {
                    let by_delay: Vec<u8> = (1..=3000).step_by(37).map(|rtt_ms| at(step, rtt_ms)).collect();
                    let by_loss: Vec<u8> = (0..=100).map(|loss| at(loss, 1 + step * 30)).collect();
                    assert!(by_delay.iter().chain(&by_loss).all(|s| (10..=45).contains(s)));
                    assert!(
                        falling(&by_delay),
                        "{formula:?} {full_band} loss {step}: {by_delay:?}"
                    );
                    assert!(
                        falling(&by_loss),
                        "{formula:?} {full_band} step {step}: {by_loss:?}"
                    );
                }
            }
        }
    }
}
