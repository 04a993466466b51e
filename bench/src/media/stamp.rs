//! The test packet: RTP whose payload says which packet it is and when it left.
//!
//! Layout: 12 bytes of RTP header, then magic (4), flow (4), counter (8), send time in ns (8), and a filling that
//! depends on the flow: words of 8 bytes, little-endian, each a constant more than the last. Everything but the send
//! time can be foretold, so a receiver checks every byte. xdp/load.c makes and checks the same.

use super::payload::{HEADER_BYTES, Payload};
use super::xdp::layout::STEP;

/// Header, magic, flow, counter and send time.
pub(crate) const STAMPED_BYTES: usize = HEADER_BYTES + 24;
const MAGIC: [u8; 4] = *b"pbLd";
pub(crate) const SSRC_BASE: u32 = 0x5042_0000;
/// Odd, so that it has an inverse: the flow can be read from its SSRC.
const SSRC_STEP: u32 = 0x9e37_79b1;
pub(crate) const SSRC_STEP_INVERSE: u32 = inverse(SSRC_STEP);

/// The number that makes 1 of an odd one (Newton: each step doubles the bits that are right).
const fn inverse(odd: u32) -> u32 {
    let mut x = odd;
    let mut step = 0;
    while step < 5 {
        x = x.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(x)));
        step += 1;
    }
    x
}

/// The packets of one flow.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// What is the same in every packet.
    bytes: Vec<u8>,
    samples: u32,
}

impl Template {
    pub(crate) fn new(flow: u32, payload: &Payload) -> Self {
        let mut bytes = vec![0; payload.packet_bytes.max(STAMPED_BYTES)];
        bytes[0] = 0x80;
        bytes[1] = payload.payload_type;
        bytes[8..12].copy_from_slice(&ssrc(flow).to_be_bytes());
        bytes[12..16].copy_from_slice(&MAGIC);
        bytes[16..20].copy_from_slice(&flow.to_be_bytes());
        let mut word = filling(flow);
        for part in bytes[STAMPED_BYTES..].chunks_mut(8) {
            part.copy_from_slice(&word.to_le_bytes()[..part.len()]);
            word = word.wrapping_add(STEP);
        }
        Self {
            bytes,
            samples: payload.samples,
        }
    }

    /// What is the same in every packet; the rest is zero.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// RTP time between two packets.
    pub(crate) fn samples(&self) -> u32 {
        self.samples
    }

    /// Writes packet `counter` to the beginning of `out`; returns its length.
    pub(crate) fn write(&self, out: &mut [u8], counter: u64, sent_ns: u64) -> usize {
        let packet = &mut out[..self.bytes.len()];
        packet.copy_from_slice(&self.bytes);
        packet[2..4].copy_from_slice(&(counter as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(counter as u32).wrapping_mul(self.samples).to_be_bytes());
        packet[20..28].copy_from_slice(&counter.to_be_bytes());
        packet[28..36].copy_from_slice(&sent_ns.to_be_bytes());
        packet.len()
    }

    /// When the packet was sent, if it is byte for byte packet `counter`.
    pub(crate) fn check(&self, packet: &[u8], counter: u64) -> Option<u64> {
        let (stamped, filling) = packet.split_first_chunk::<STAMPED_BYTES>()?;
        let mut expected = [0; STAMPED_BYTES];
        let sent = stamped.last_chunk::<8>()?;
        expected.copy_from_slice(&self.bytes[..STAMPED_BYTES]);
        expected[2..4].copy_from_slice(&(counter as u16).to_be_bytes());
        expected[4..8].copy_from_slice(&(counter as u32).wrapping_mul(self.samples).to_be_bytes());
        expected[20..28].copy_from_slice(&counter.to_be_bytes());
        expected[28..36].copy_from_slice(sent);
        let same = *stamped == expected && filling == &self.bytes[STAMPED_BYTES..];
        same.then(|| u64::from_be_bytes(*sent))
    }

    /// Whether the header is that of packet `counter`.
    pub(crate) fn header_is(&self, packet: &[u8], counter: u64) -> bool {
        let mut expected = [0; HEADER_BYTES];
        expected.copy_from_slice(&self.bytes[..HEADER_BYTES]);
        expected[2..4].copy_from_slice(&(counter as u16).to_be_bytes());
        expected[4..8].copy_from_slice(&(counter as u32).wrapping_mul(self.samples).to_be_bytes());
        packet.get(..HEADER_BYTES) == Some(&expected)
    }
}

/// What the header says, which is readable in every packet: the flow, and the lower bits of the counter.
pub(crate) fn peek(bytes: &[u8]) -> Option<(u32, u16)> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let [.., a, b, c, d] = *header;
    let flow = (u32::from_be_bytes([a, b, c, d]) ^ SSRC_BASE).wrapping_mul(SSRC_STEP_INVERSE);
    Some((flow, u16::from_be_bytes([header[2], header[3]])))
}

/// The SSRC of a flow.
pub(crate) fn ssrc(flow: u32) -> u32 {
    SSRC_BASE ^ flow.wrapping_mul(SSRC_STEP)
}

/// The first word of a flow's filling.
pub(crate) fn filling(flow: u32) -> u64 {
    (u64::from(flow) + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(template: &Template, counter: u64, sent_ns: u64) -> Vec<u8> {
        let mut bytes = vec![0; 1_500];
        let length = template.write(&mut bytes, counter, sent_ns);
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let template = Template::new(3, &Payload::default());
        let sent = written(&template, 70_000, 1_000);
        assert_eq!(sent.len(), 172);
        assert_eq!(template.check(&sent, 70_000), Some(1_000));
        assert_eq!(template.check(&sent, 70_001), None);
        assert_eq!(template.check(&sent[..171], 70_000), None, "shortened");
        for i in 0..sent.len() {
            let mut bytes = sent.clone();
            bytes[i] ^= 1;
            // A change of the send time makes it another time; anywhere else it is corruption.
            assert_eq!(
                template.check(&bytes, 70_000).is_some(),
                (28..36).contains(&i),
                "byte {i}"
            );
        }
    }

    #[test]
    fn the_header_says_flow_and_sequence() {
        for flow in [0, 1, 2, 199, 100_000, u32::MAX] {
            let template = Template::new(flow, &Payload::default());
            let bytes = written(&template, 70_000, 1);
            assert_eq!(peek(&bytes), Some((flow, 70_000_u32 as u16)));
            assert!(template.header_is(&bytes, 70_000));
            assert!(!template.header_is(&bytes, 70_000 + (1 << 16)));
        }
        assert_eq!(peek(&[0; 11]), None);
    }
}
