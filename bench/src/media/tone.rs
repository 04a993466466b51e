//! A tone in G.711 µ-law, so that a recorded demonstration can be heard.

use std::f64::consts::TAU;

/// Samples of a 20 ms packet at 8 kHz.
pub(crate) const SAMPLES: usize = 160;

/// The samples of packet `index` of a tone of `hz`.
pub(crate) fn packet(hz: f64, index: u64) -> [u8; SAMPLES] {
    std::array::from_fn(|i| {
        let time = (index * SAMPLES as u64 + i as u64) as f64 / 8_000.0;
        mu_law((8_000.0 * (TAU * hz * time).sin()) as i16)
    })
}

/// ITU-T G.711 §2, µ-law: sign, segment and step of a 14-bit magnitude, all bits inverted.
fn mu_law(sample: i16) -> u8 {
    const BIAS: i32 = 132;
    const CLIP: i32 = 32_635;
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    let segment = (magnitude.ilog2() - 7) as u8;
    let step = ((magnitude >> (segment + 3)) & 0x0f) as u8;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | segment << 4 | step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (sample, code) in [
            (0, 0xff),
            (i16::MAX, 0x80),
            (i16::MIN, 0x00),
            (-1, 0x7f),
            (1_000, 0xce),
        ] {
            assert_eq!(mu_law(sample), code, "{sample}");
        }
    }

    #[test]
    fn a_tone_is_not_silence_and_goes_on() {
        let (first, second) = (packet(440.0, 0), packet(440.0, 1));
        assert_ne!(first, second);
        assert!(first.iter().any(|code| code & 0x70 < 0x30), "loud somewhere");
    }
}
