//! The RTP packet (RFC 3550 §5.1).

use crate::bytes::{u16_at, u32_at};
use crate::{PayloadType, RtpTime, SeqNo, Ssrc};

/// Length of the fixed header in bytes.
pub const HEADER_LEN: usize = 12;

/// The fixed header, by value: all that plain forwarding ever looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Marker bit.
    pub marker: bool,
    /// Payload type.
    pub pt: PayloadType,
    /// Sequence number.
    pub seq: SeqNo,
    /// Timestamp.
    pub ts: RtpTime,
    /// Synchronisation source.
    pub ssrc: Ssrc,
}

impl Header {
    /// The fixed header of `bytes`, if they are long enough and say version 2. Looks at nothing behind it.
    #[inline]
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        let [v, pt, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *bytes.first_chunk::<HEADER_LEN>()?;
        (v >> 6 == 2).then_some(Self {
            marker: pt & 0x80 != 0,
            pt: PayloadType::from_wire(pt),
            seq: SeqNo(u16::from_be_bytes([s0, s1])),
            ts: RtpTime(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: Ssrc(u32::from_be_bytes([r0, r1, r2, r3])),
        })
    }
}

/// Where the payload of `bytes` begins: behind fixed header, CSRC list and header extension. Looks at no padding, which
/// is unreadable as long as a packet is encrypted.
#[inline]
pub fn header_len(bytes: &[u8]) -> Option<usize> {
    Header::peek(bytes)?;
    let (_, ext_end) = header_ends(bytes)?;
    (ext_end <= bytes.len()).then_some(ext_end)
}

/// Where CSRC list and header extension end, by what the header says; not checked against the length.
fn header_ends(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.first()?;
    let csrc_end = HEADER_LEN + usize::from(first & 0x0f) * 4;
    let ext_end = if first & 0x10 == 0 {
        csrc_end
    } else {
        // RFC 3550 §5.3.1: profile, then length in 32-bit words without these four bytes.
        csrc_end + 4 + usize::from(u16_at(bytes, csrc_end + 2)?) * 4
    };
    Some((csrc_end, ext_end))
}

/// A whole RTP packet whose parts were found to lie within it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    header: Header,
    csrc_end: usize,
    ext_end: usize,
    payload_end: usize,
}

impl<'a> Packet<'a> {
    /// Parses and checks all lengths: CSRC list, header extension, padding.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::peek(bytes)?;
        let first = *bytes.first()?;
        let (csrc_end, ext_end) = header_ends(bytes)?;
        let padding = if first & 0x20 == 0 {
            0
        } else {
            usize::from(*bytes.last()?)
        };
        let payload_end = bytes.len().checked_sub(padding)?;
        let valid = ext_end <= payload_end && (first & 0x20 == 0 || padding > 0);
        valid.then_some(Self {
            bytes,
            header,
            csrc_end,
            ext_end,
            payload_end,
        })
    }

    /// The fixed header.
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Contributing sources.
    pub fn csrcs(&self) -> impl Iterator<Item = Ssrc> + 'a {
        let list = self.bytes.get(HEADER_LEN..self.csrc_end).unwrap_or_default();
        list.chunks_exact(4).filter_map(|c| u32_at(c, 0)).map(Ssrc)
    }

    /// The header extension's profile word and body, if there is one.
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        let profile = u16_at(self.bytes, self.csrc_end).filter(|_| self.ext_end > self.csrc_end)?;
        Some((profile, self.bytes.get(self.csrc_end + 4..self.ext_end)?))
    }

    /// Fixed header and CSRC list.
    pub(crate) fn before_extension(&self) -> &'a [u8] {
        self.bytes.get(..self.csrc_end).unwrap_or_default()
    }

    /// Payload and padding.
    pub(crate) fn after_extension(&self) -> &'a [u8] {
        self.bytes.get(self.ext_end..).unwrap_or_default()
    }

    /// The payload without padding.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.ext_end..self.payload_end).unwrap_or_default()
    }
}

/// Writes a fixed header without CSRC, extension or padding.
pub const fn write_header(header: Header) -> [u8; HEADER_LEN] {
    let [s0, s1] = header.seq.0.to_be_bytes();
    let [t0, t1, t2, t3] = header.ts.0.to_be_bytes();
    let [r0, r1, r2, r3] = header.ssrc.0.to_be_bytes();
    let marker = if header.marker { 0x80 } else { 0 };
    [
        0x80,
        marker | header.pt.get(),
        s0,
        s1,
        t0,
        t1,
        t2,
        t3,
        r0,
        r1,
        r2,
        r3,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            marker: true,
            pt: PayloadType::new(101).expect("seven bits"),
            seq: SeqNo(0xfedc),
            ts: RtpTime(0x0102_0304),
            ssrc: Ssrc(0xa0b0_c0d0),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write_header(header());
        assert_eq!(Header::peek(&bytes), Some(header()));
        let packet = Packet::parse(&bytes).expect("complete");
        assert_eq!(
            (packet.header(), packet.payload().len(), packet.extension()),
            (header(), 0, None)
        );
    }

    #[test]
    fn all_parts_are_found() {
        let mut bytes = write_header(header()).to_vec();
        bytes[0] = 0x80 | 0x20 | 0x10 | 2;
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 2]);
        bytes.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        bytes.extend(*b"payload");
        bytes.extend([0, 0, 3]);
        let packet = Packet::parse(&bytes).expect("complete");
        assert_eq!(packet.csrcs().collect::<Vec<_>>(), [Ssrc(1), Ssrc(2)]);
        assert_eq!(packet.extension(), Some((0xbede, &[0x10, 0xff, 0, 0][..])));
        assert_eq!(packet.payload(), b"payload");
        assert_eq!(header_len(&bytes), Some(12 + 8 + 8));
        let whole = bytes.len() - 10;
        assert_eq!(header_len(&bytes[..whole]), Some(28), "padding is not looked at");
        assert_eq!(
            header_len(&bytes[..whole - 1]),
            None,
            "the extension is cut short"
        );
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let base = write_header(header());
        for (what, first, rest) in [
            ("version 1", 0x40, &[][..]),
            ("csrc list cut short", 0x81, &[0, 0, 0]),
            ("extension header cut short", 0x90, &[0xbe, 0xde]),
            ("extension body cut short", 0x90, &[0xbe, 0xde, 0, 2, 0, 0, 0, 0]),
            ("padding of zero", 0xa0, &[1, 2, 0]),
            ("padding longer than the payload", 0xa0, &[1, 2, 4]),
        ] {
            let mut bytes = base.to_vec();
            bytes[0] = first;
            bytes.extend(rest);
            assert!(Packet::parse(&bytes).is_none(), "{what}");
        }
    }
}
