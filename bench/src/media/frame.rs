//! Ethernet, IPv4 and UDP headers around a test packet.

use std::net::SocketAddrV4;

/// Ethernet, IPv4 and UDP header.
pub(crate) const HEADERS_BYTES: usize = 14 + 20 + 8;

/// A hardware address.
pub(crate) type Mac = [u8; 6];

/// The headers of a flow's packets of that many bytes, the UDP checksum left out.
pub(crate) fn headers(
    from: (Mac, SocketAddrV4),
    to: (Mac, SocketAddrV4),
    packet_bytes: usize,
) -> [u8; HEADERS_BYTES] {
    let mut h = [0; HEADERS_BYTES];
    h[0..6].copy_from_slice(&to.0);
    h[6..12].copy_from_slice(&from.0);
    h[12..14].copy_from_slice(&0x0800_u16.to_be_bytes());
    h[14] = 0x45;
    h[20] = 0x40; // don't fragment, as a kernel sets it for UDP
    h[22] = 64;
    h[23] = 17;
    h[26..30].copy_from_slice(&from.1.ip().octets());
    h[30..34].copy_from_slice(&to.1.ip().octets());
    h[34..36].copy_from_slice(&from.1.port().to_be_bytes());
    h[36..38].copy_from_slice(&to.1.port().to_be_bytes());
    set_length(&mut h, packet_bytes);
    h
}

/// Makes headers those of a packet of another length.
pub(crate) fn set_length(h: &mut [u8; HEADERS_BYTES], packet_bytes: usize) {
    let udp_bytes = (8 + packet_bytes) as u16;
    h[16..18].copy_from_slice(&(20 + udp_bytes).to_be_bytes());
    h[24..26].fill(0);
    let checksum = !fold(sum(&h[14..34]));
    h[24..26].copy_from_slice(&checksum.to_be_bytes());
    h[38..40].copy_from_slice(&udp_bytes.to_be_bytes());
}

/// The UDP checksum of headers and packet; what stands in its place counts, so that the right one gives 0 (RFC 768).
pub(crate) fn udp_checksum(h: &[u8; HEADERS_BYTES], packet: &[u8]) -> u16 {
    let length = u64::from(u16::from_be_bytes([h[38], h[39]]));
    let pseudo = sum(&h[26..34]) + 17 + length;
    !fold(pseudo + sum(&h[34..42]) + sum(packet))
}

/// What the UDP checksum of a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChecksumState {
    Right,
    /// That of the pseudo-header alone, for the network device to go on from.
    LeftToDevice,
    Absent,
    Wrong,
}

/// Looks at the UDP checksum of a packet that arrived.
pub(crate) fn checksum_state(h: &[u8; HEADERS_BYTES], packet: &[u8]) -> ChecksumState {
    let stated = u16::from_be_bytes([h[40], h[41]]);
    let pseudo = sum(&h[26..34]) + 17 + (8 + packet.len()) as u64;
    match stated {
        0 => ChecksumState::Absent,
        _ if udp_checksum(h, packet) == 0 => ChecksumState::Right,
        _ if stated == fold(pseudo) => ChecksumState::LeftToDevice,
        _ => ChecksumState::Wrong,
    }
}

/// RFC 1071 §1, not yet folded; a last odd byte is the upper half of a word.
fn sum(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let words: u64 = pairs
        .iter()
        .map(|pair| u64::from(u16::from_be_bytes(*pair)))
        .sum();
    words + rest.first().map_or(0, |last| u64::from(*last) << 8)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_checksums() {
        let (from, to) = ("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
        for bytes in [172, 92, 71] {
            let mut headers = headers(([2; 6], from), ([4; 6], to), 172);
            set_length(&mut headers, bytes);
            let packet = vec![7; bytes];
            let frame = [&headers[..], &packet].concat();
            assert_eq!(frame.len(), 42 + bytes);
            assert_eq!(headers[16..18], (28 + bytes as u16).to_be_bytes());
            assert_eq!(!fold(sum(&headers[14..34])), 0, "the checksum checks");
            let checksum = udp_checksum(&headers, &packet);
            headers[40..42].copy_from_slice(&checksum.to_be_bytes());
            assert_eq!(udp_checksum(&headers, &packet), 0);
            let state = |headers: &_| checksum_state(headers, &packet);
            assert_eq!(state(&headers), ChecksumState::Right);
            headers[41] ^= 1;
            assert_eq!(state(&headers), ChecksumState::Wrong);
            headers[40..42].fill(0);
            assert_eq!(state(&headers), ChecksumState::Absent);
            let partial = fold(sum(&headers[26..34]) + 17 + 8 + bytes as u64);
            headers[40..42].copy_from_slice(&partial.to_be_bytes());
            assert_eq!(state(&headers), ChecksumState::LeftToDevice);
        }
    }
}
