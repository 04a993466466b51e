//! The test packet: RTP of 20 ms of G.711, whose payload says which packet it is and when it left.
//!
//! Layout: 12 bytes of RTP header, then magic (4), flow (4), counter (8), send time in ns (8), and a filling that
//! depends on the flow. Everything but the send time can be foretold, so a receiver checks every byte.

/// Bytes of a test packet, RTP header included.
pub(crate) const PACKET_BYTES: usize = 172;
const HEADER_BYTES: usize = 12;
const MAGIC: [u8; 4] = *b"pbLd";
const SAMPLES_PER_PACKET: u32 = 160;
const SSRC_BASE: u32 = 0x5042_0000;
/// Odd, so that it has an inverse: the flow can be read from its SSRC.
const SSRC_STEP: u32 = 0x9e37_79b1;
const SSRC_STEP_INVERSE: u32 = inverse(SSRC_STEP);

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

/// What a test packet says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) flow: u32,
    pub(crate) counter: u64,
    pub(crate) sent_ns: u64,
}

/// Bytes that are the same in every packet of a flow.
pub(crate) fn template(flow: u32) -> [u8; PACKET_BYTES] {
    let mut bytes = [0; PACKET_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = (flow.wrapping_mul(31) as usize + i * 7) as u8;
    }
    bytes[0] = 0x80;
    bytes[1] = 0;
    bytes[8..12].copy_from_slice(&ssrc(flow).to_be_bytes());
    bytes[12..16].copy_from_slice(&MAGIC);
    bytes[16..20].copy_from_slice(&flow.to_be_bytes());
    bytes
}

/// Makes a packet out of a copy of its flow's template.
pub(crate) fn write(bytes: &mut [u8; PACKET_BYTES], counter: u64, sent_ns: u64) {
    bytes[2..4].copy_from_slice(&(counter as u16).to_be_bytes());
    bytes[4..8].copy_from_slice(&(counter as u32).wrapping_mul(SAMPLES_PER_PACKET).to_be_bytes());
    bytes[20..28].copy_from_slice(&counter.to_be_bytes());
    bytes[28..36].copy_from_slice(&sent_ns.to_be_bytes());
}

/// Reads a packet's stamp; `None` if it is no test packet at all.
pub(crate) fn read(bytes: &[u8]) -> Option<Stamp> {
    let payload = bytes.get(HEADER_BYTES..)?;
    let (magic, rest) = payload.split_first_chunk::<4>()?;
    let (flow, rest) = rest.split_first_chunk::<4>()?;
    let (counter, rest) = rest.split_first_chunk::<8>()?;
    let (sent_ns, _) = rest.split_first_chunk::<8>()?;
    (*magic == MAGIC).then(|| Stamp {
        flow: u32::from_be_bytes(*flow),
        counter: u64::from_be_bytes(*counter),
        sent_ns: u64::from_be_bytes(*sent_ns),
    })
}

/// Whether a packet is byte for byte what its stamp says was sent.
pub(crate) fn intact(bytes: &[u8], stamp: &Stamp, template: &[u8; PACKET_BYTES]) -> bool {
    let mut expected = *template;
    write(&mut expected, stamp.counter, stamp.sent_ns);
    bytes == expected
}

/// What the header says, which is readable in every packet: the flow, and the lower bits of the counter.
pub(crate) fn peek(bytes: &[u8]) -> Option<(u32, u16)> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let [.., a, b, c, d] = *header;
    let flow = (u32::from_be_bytes([a, b, c, d]) ^ SSRC_BASE).wrapping_mul(SSRC_STEP_INVERSE);
    Some((flow, u16::from_be_bytes([header[2], header[3]])))
}

/// Whether the header is that of packet `counter`.
pub(crate) fn header_intact(bytes: &[u8], counter: u64, template: &[u8; PACKET_BYTES]) -> bool {
    let mut expected = *template;
    write(&mut expected, counter, 0);
    bytes.get(..HEADER_BYTES) == Some(&expected[..HEADER_BYTES])
}

fn ssrc(flow: u32) -> u32 {
    SSRC_BASE ^ flow.wrapping_mul(SSRC_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let template = template(7);
        let mut bytes = template;
        write(&mut bytes, 70_000, 123_456_789_012);
        let stamp = read(&bytes).unwrap();
        assert_eq!(
            stamp,
            Stamp {
                flow: 7,
                counter: 70_000,
                sent_ns: 123_456_789_012
            }
        );
        assert!(intact(&bytes, &stamp, &template));
        assert_eq!(&bytes[2..4], (70_000_u32 as u16).to_be_bytes());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let template = template(3);
        let mut sent = template;
        write(&mut sent, 5, 1_000);
        for i in 0..PACKET_BYTES {
            let mut bytes = sent;
            bytes[i] ^= 1;
            let accepted = read(&bytes).filter(|stamp| *stamp == read(&sent).unwrap());
            // A change in the stamp itself makes it another packet; anywhere else it is corruption.
            assert!(
                accepted.is_none_or(|stamp| !intact(&bytes, &stamp, &template)),
                "byte {i}"
            );
        }
        assert!(
            !intact(&sent[..171], &read(&sent).unwrap(), &template),
            "shortened"
        );
    }

    #[test]
    fn the_header_says_flow_and_sequence() {
        for flow in [0, 1, 2, 199, 100_000, u32::MAX] {
            let mut bytes = template(flow);
            write(&mut bytes, 70_000, 1);
            assert_eq!(peek(&bytes), Some((flow, 70_000_u32 as u16)));
            assert!(header_intact(&bytes, 70_000, &template(flow)));
            assert!(!header_intact(&bytes, 70_000 + (1 << 16), &template(flow)));
        }
        assert_eq!(peek(&[0; 11]), None);
    }

    #[test]
    fn short_and_foreign_packets_are_none() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&template(1)[..35]), None);
        assert_eq!(read(&[0; PACKET_BYTES]), None);
    }
}
