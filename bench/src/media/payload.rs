//! What the parties talk: the size and the pace of their packets.

use anyhow::{Result, bail};

/// Bytes of the longest RTP packet that is ever sent, protection included.
pub(crate) const PACKET_BYTES_MAX: usize = 1_472;
/// RTP header without extensions.
pub(crate) const HEADER_BYTES: usize = 12;

/// One codec at one packet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// As in SDP.
    pub(crate) encoding: &'static str,
    pub(crate) payload_type: u8,
    /// Bytes of a packet, RTP header included.
    pub(crate) packet_bytes: usize,
    /// RTP time from one packet to the next.
    pub(crate) samples: u32,
    pub(crate) ptime_ms: u32,
}

struct Codec {
    name: &'static str,
    encoding: &'static str,
    payload_type: u8,
    bytes_per_ms: usize,
    samples_per_ms: u32,
}

/// RFC 3551 §4.5.2: the clock of G.722 counts 8000 a second. Opus (RFC 7587) at a constant 32 kbit/s.
const CODECS: [Codec; 4] = [
    Codec {
        name: "pcmu",
        encoding: "PCMU/8000",
        payload_type: 0,
        bytes_per_ms: 8,
        samples_per_ms: 8,
    },
    Codec {
        name: "pcma",
        encoding: "PCMA/8000",
        payload_type: 8,
        bytes_per_ms: 8,
        samples_per_ms: 8,
    },
    Codec {
        name: "g722",
        encoding: "G722/8000",
        payload_type: 9,
        bytes_per_ms: 8,
        samples_per_ms: 8,
    },
    Codec {
        name: "opus",
        encoding: "opus/48000/2",
        payload_type: 96,
        bytes_per_ms: 4,
        samples_per_ms: 48,
    },
];
const PTIMES_MS: [u32; 5] = [10, 20, 30, 40, 60];

impl Payload {
    /// By the codec's name and the packet time.
    pub(crate) fn find(codec: &str, ptime_ms: u32) -> Result<Self> {
        let Some(found) = CODECS.iter().find(|known| known.name.eq_ignore_ascii_case(codec)) else {
            bail!(
                "no payload `{codec}`; there are {}",
                CODECS.map(|known| known.name).join(", ")
            )
        };
        if !PTIMES_MS.contains(&ptime_ms) {
            bail!("no packets of {ptime_ms} ms; there are {PTIMES_MS:?}");
        }
        Ok(Self {
            encoding: found.encoding,
            payload_type: found.payload_type,
            packet_bytes: HEADER_BYTES + found.bytes_per_ms * ptime_ms as usize,
            samples: found.samples_per_ms * ptime_ms,
            ptime_ms,
        })
    }

    /// Packets a second of one party.
    pub(crate) fn per_second(self) -> f64 {
        1_000.0 / f64::from(self.ptime_ms)
    }
}

impl Default for Payload {
    /// 20 ms of G.711 µ-law.
    fn default() -> Self {
        let [codec, ..] = CODECS;
        Self {
            encoding: codec.encoding,
            payload_type: codec.payload_type,
            packet_bytes: HEADER_BYTES + 160,
            samples: 160,
            ptime_ms: 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(Payload::find("PCMU", 20).unwrap(), Payload::default());
        for (codec, ptime, bytes, samples) in [
            ("pcma", 10, 92, 80),
            ("g722", 20, 172, 160),
            ("opus", 20, 92, 960),
            ("pcmu", 60, 492, 480),
        ] {
            let payload = Payload::find(codec, ptime).unwrap();
            assert_eq!(
                (payload.packet_bytes, payload.samples),
                (bytes, samples),
                "{codec} {ptime}"
            );
        }
        assert!(Payload::find("g729", 20).is_err() && Payload::find("pcmu", 25).is_err());
    }
}
