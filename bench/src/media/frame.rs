//! Ethernet, IPv4 and UDP headers around a test packet.

use std::net::SocketAddrV4;

/// Ethernet, IPv4 and UDP header.
pub(crate) const HEADERS_BYTES: usize = 14 + 20 + 8;

/// A hardware address.
pub(crate) type Mac = [u8; 6];

/// The headers of every packet of a flow: they don't change from one to the next.
///
/// The UDP checksum is 0, "not computed" (RFC 768): a network card would have checked it for the receiver.
pub(crate) fn headers(
    from: (Mac, SocketAddrV4),
    to: (Mac, SocketAddrV4),
    packet_bytes: usize,
) -> [u8; HEADERS_BYTES] {
    let mut h = [0; HEADERS_BYTES];
    let udp_bytes = (8 + packet_bytes) as u16;
    h[0..6].copy_from_slice(&to.0);
    h[6..12].copy_from_slice(&from.0);
    h[12..14].copy_from_slice(&0x0800_u16.to_be_bytes());
    h[14] = 0x45;
    h[16..18].copy_from_slice(&(20 + udp_bytes).to_be_bytes());
    h[20] = 0x40; // don't fragment, as a kernel sets it for UDP
    h[22] = 64;
    h[23] = 17;
    h[26..30].copy_from_slice(&from.1.ip().octets());
    h[30..34].copy_from_slice(&to.1.ip().octets());
    let checksum = internet_checksum(&h[14..34]);
    h[24..26].copy_from_slice(&checksum.to_be_bytes());
    h[34..36].copy_from_slice(&from.1.port().to_be_bytes());
    h[36..38].copy_from_slice(&to.1.port().to_be_bytes());
    h[38..40].copy_from_slice(&udp_bytes.to_be_bytes());
    h
}

/// Source, destination and payload of a UDP datagram over IPv4; `None` for any other frame.
pub(crate) fn parse(frame: &[u8]) -> Option<(SocketAddrV4, SocketAddrV4, &[u8])> {
    let (ethernet, packet) = frame.split_first_chunk::<14>()?;
    let (ip, _) = packet.split_first_chunk::<20>()?;
    if ethernet[12..14] != [8, 0] || ip[0] >> 4 != 4 || ip[9] != 17 {
        return None;
    }
    let datagram = packet.get(usize::from(ip[0] & 15) * 4..)?;
    let (udp, payload) = datagram.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([udp[4], udp[5]])).checked_sub(8)?;
    let addr = |ip: &[u8], port: &[u8]| {
        let ip: [u8; 4] = ip.try_into().ok()?;
        Some(SocketAddrV4::new(
            ip.into(),
            u16::from_be_bytes([port[0], port[1]]),
        ))
    };
    Some((
        addr(&ip[12..16], &udp[0..2])?,
        addr(&ip[16..20], &udp[2..4])?,
        payload.get(..length)?,
    ))
}

/// RFC 1071 §1 over an even number of bytes.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::stamp::PACKET_BYTES;

    #[test]
    fn what_is_built_is_parsed() {
        let (from, to) = ("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
        let headers = headers(([2; 6], from), ([4; 6], to), PACKET_BYTES);
        let frame = [&headers[..], &[7; PACKET_BYTES]].concat();
        assert_eq!(parse(&frame), Some((from, to, &[7; PACKET_BYTES][..])));
        assert_eq!(internet_checksum(&headers[14..34]), 0, "the checksum checks");
        for cut in 0..frame.len() {
            assert_eq!(parse(&frame[..cut]), None, "cut at {cut}");
        }
    }
}
