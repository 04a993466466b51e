//! G.711 (ITU-T G.711): 8 bits per sample, A-law and µ-law, linear samples of 16 bits.
//!
//! Decoding is the recommendation's table, scaled to 16 bits. Encoding takes the nearest decoder output, at a
//! resolution of 14 bits, which is how the encoder behaves that the reference uses: payloads come out equal.

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// PCMA: Europe and most of the world.
    A,
    /// PCMU: North America and Japan.
    Mu,
}

/// Linear values by code.
type DecodeTable = [i16; 256];
/// Codes by linear value: the upper 14 bits of the sample, offset by 8192.
type EncodeTable = [u8; 16_384];

static A_DECODE: DecodeTable = decode_table(Law::A);
static MU_DECODE: DecodeTable = decode_table(Law::Mu);
static A_ENCODE: EncodeTable = encode_table(Law::A);
static MU_ENCODE: EncodeTable = encode_table(Law::Mu);

impl Law {
    /// The law of an encoding name, if it is G.711's.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            n if n.eq_ignore_ascii_case("PCMA") => Some(Self::A),
            n if n.eq_ignore_ascii_case("PCMU") => Some(Self::Mu),
            _ => None,
        }
    }

    /// The code of silence.
    pub const fn silence(self) -> u8 {
        self.flip()
    }

    /// Bits that are inverted on the wire: all for µ-law, every other one (and the sign) for A-law. Also the code of
    /// the smallest positive value.
    const fn flip(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }

    /// One sample from its code.
    pub fn decode_sample(self, code: u8) -> i16 {
        let table = match self {
            Self::A => &A_DECODE,
            Self::Mu => &MU_DECODE,
        };
        table[usize::from(code)]
    }

    /// The code of one sample.
    pub fn encode_sample(self, sample: i16) -> u8 {
        let table = match self {
            Self::A => &A_ENCODE,
            Self::Mu => &MU_ENCODE,
        };
        table[usize::from(sample.cast_unsigned().wrapping_add(0x8000) >> 2)]
    }

    /// Decodes a payload onto the end of `samples`.
    pub fn decode(self, payload: &[u8], samples: &mut Vec<i16>) {
        samples.extend(payload.iter().map(|&code| self.decode_sample(code)));
    }

    /// Encodes samples onto the end of `payload`.
    pub fn encode(self, samples: &[i16], payload: &mut Vec<u8>) {
        payload.extend(samples.iter().map(|&sample| self.encode_sample(sample)));
    }
}

/// Value of a magnitude code, 0 to 127: three bits of segment, four of step (G.711 tables 1a and 2a, 16-bit scale).
const fn magnitude(law: Law, code: u8) -> i16 {
    let (segment, step) = ((code >> 4) as i16, (code & 0x0f) as i16);
    match law {
        // Segment 0 is linear like segment 1; both have steps of 16.
        Law::A if segment == 0 => (step << 4) + 8,
        Law::A => ((step << 4) + 0x108) << (segment - 1),
        // Each segment begins at a power of two, less the bias of 33 (of 8192).
        Law::Mu => (((step << 3) + 0x84) << segment) - 0x84,
    }
}

const fn decode_table(law: Law) -> DecodeTable {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let plain = code as u8 ^ law.flip();
        let value = magnitude(law, plain & 0x7f);
        // `flip` inverts the sign bit, too: plain codes from 128 up are negative.
        table[code] = if plain < 128 { value } else { -value };
        code += 1;
    }
    table
}

const fn encode_table(law: Law) -> EncodeTable {
    let mut table = [law.flip(); 16_384];
    let mut code: u8 = 0;
    let mut level = 1;
    while level < 8192 {
        // Halfway to the next value, rounded to 14 bits, the next code begins.
        while code < 127 && level >= boundary(law, code) {
            code += 1;
        }
        table[8192 + level] = code ^ law.flip();
        table[8192 - level] = (code | 0x80) ^ law.flip();
        level += 1;
    }
    table[0] = table[1];
    table
}

/// The first 14-bit level that belongs to the code after `code`.
const fn boundary(law: Law, code: u8) -> usize {
    let sum = magnitude(law, code) as i32 + magnitude(law, code + 1) as i32;
    ((sum + 4) >> 3) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAWS: [Law; 2] = [Law::A, Law::Mu];

    /// Values of G.711's tables 1a to 2b (column "quantised value"), scaled to 16 bits.
    #[test]
    fn published_values() {
        let a = [
            (0xd5, 8),
            (0x55, -8),
            (0xaa, 32_256),
            (0x2a, -32_256),
            (0xd4, 24),
            (0x80, 5504),
            (0x00, -5504),
        ];
        for (code, value) in a {
            assert_eq!(Law::A.decode_sample(code), value, "A-law {code:#x}");
        }
        let mu = [
            (0xff, 0),
            (0x7f, 0),
            (0x80, 32_124),
            (0x00, -32_124),
            (0xfe, 8),
            (0x7e, -8),
            (0xef, 132),
        ];
        for (code, value) in mu {
            assert_eq!(Law::Mu.decode_sample(code), value, "µ-law {code:#x}");
        }
    }

    /// One millisecond of 1 kHz at 0 dBm0 (G.711 tables 5 and 6): 1 kHz is half as loud as the overload point.
    #[test]
    fn digital_milliwatt() {
        let a: [u8; 8] = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4];
        let mu: [u8; 8] = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e];
        for (law, codes) in [(Law::A, a), (Law::Mu, mu)] {
            let mut samples = Vec::new();
            law.decode(&codes, &mut samples);
            let halves = samples.split_at(4);
            assert!(
                halves.0.iter().zip(halves.1).all(|(x, y)| *x == -*y),
                "{law:?} {samples:?}"
            );
            let power = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 8.0;
            // A sine at the overload point has this level, in hundredths of a dBm0 (G.711 §4, tables 5 and 6).
            let (overload, level) = if law == Law::A {
                (32_768.0, 314)
            } else {
                (32_636.0, 317)
            };
            let dbm0 = 10.0 * (power / (f64::powi(overload, 2) / 2.0)).log10() + f64::from(level) / 100.0;
            assert!(dbm0.abs() < 0.05, "{law:?} {dbm0} dBm0");
        }
    }

    #[test]
    fn decode_then_encode_is_the_identity() {
        for law in LAWS {
            for code in 0..=255u8 {
                // µ-law has two zeroes; the encoder uses the positive one.
                let expected = if (law, code) == (Law::Mu, 0x7f) {
                    0xff
                } else {
                    code
                };
                assert_eq!(
                    law.encode_sample(law.decode_sample(code)),
                    expected,
                    "{law:?} {code:#x}"
                );
            }
        }
    }

    /// The encoder against a search through all codes: no other code is nearer by more than the 14-bit resolution.
    #[test]
    fn encode_is_nearest() {
        for law in LAWS {
            for sample in i16::MIN..=i16::MAX {
                let distance = |code| (i32::from(law.decode_sample(code)) - i32::from(sample)).abs();
                let best = (0..=255u8).map(distance).min().unwrap_or(0);
                let ours = distance(law.encode_sample(sample));
                assert!(ours - best <= 8, "{law:?} {sample}: {ours} instead of {best}");
            }
        }
    }

    #[test]
    fn encode_is_monotonic() {
        for law in LAWS {
            let mut last = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let value = law.decode_sample(law.encode_sample(sample));
                assert!(value >= last, "{law:?} {sample}");
                last = value;
            }
        }
    }

    #[test]
    fn silence() {
        for law in LAWS {
            assert_eq!(law.encode_sample(0), law.silence());
        }
        assert_eq!([Law::A.silence(), Law::Mu.silence()], [0xd5, 0xff]);
    }
}
