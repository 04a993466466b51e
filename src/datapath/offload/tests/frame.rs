//! Frames for tests: made from a few words, and read back with every length and checksum verified by a computation of
//! its own.

use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
/// The loopback device, at which test runs arrive.
pub(super) const HOST: [u8; 6] = [0; 6];
pub(super) const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// What becomes of the checksum of a frame that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// Complete.
    Whole,
    /// None: zero.
    Zero,
    /// That of the pseudo header, as local senders leave it to their device.
    Partial,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) vlan: Option<u16>,
    pub(super) ethernet: ([u8; 6], [u8; 6]),
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) tos: u8,
    pub(super) ttl: u8,
    pub(super) payload: Vec<u8>,
}

impl Datagram {
    pub(super) fn new(from: &str, to: &str, payload: &[u8]) -> Self {
        Self {
            vlan: None,
            ethernet: (HOST, PEER),
            from: from.parse().expect("an address"),
            to: to.parse().expect("an address"),
            tos: 0,
            ttl: 61,
            payload: payload.to_vec(),
        }
    }

    /// The frame.
    pub(super) fn frame(&self, sum: Sum) -> Vec<u8> {
        let mut udp = Vec::new();
        let len = u16::try_from(8 + self.payload.len()).expect("a datagram");
        for word in [self.from.port(), self.to.port(), len, 0] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(&self.payload);
        let pseudo = pseudo(self.from.ip(), self.to.ip(), len);
        let check = match sum {
            Sum::Zero => 0,
            Sum::Partial => ones_sum(&pseudo, 0),
            Sum::Whole => match !ones_sum(&udp, u32::from(ones_sum(&pseudo, 0))) {
                0 => 0xffff,
                check => check,
            },
        };
        udp[6..8].copy_from_slice(&check.to_be_bytes());

        let mut frame = [self.ethernet.0, self.ethernet.1].concat();
        if let Some(tag) = self.vlan {
            frame.extend([0x81, 0]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(ip_header(self, udp.len()));
        frame.extend(udp);
        frame
    }

    /// Reads a frame, and panics if anything about it is wrong. Also says what its checksum is like.
    pub(super) fn read(frame: &[u8]) -> (Self, Sum) {
        let ethernet = (chunk(frame, 0), chunk(frame, 6));
        let (vlan, mut rest) = match chunk(frame, 12) {
            [0x81, 0] => (Some(u16::from_be_bytes(chunk(frame, 14))), &frame[16..]),
            _ => (None, &frame[12..]),
        };
        let proto: [u8; 2] = chunk(rest, 0);
        rest = &rest[2..];
        let (from, to, tos, ttl, udp): (IpAddr, IpAddr, _, _, _) = match proto {
            [8, 0] => {
                assert_eq!(rest[0], 0x45, "version and header length");
                assert_eq!(ones_sum(&rest[..20], 0), 0xffff, "the header's checksum");
                assert_eq!(
                    usize::from(u16::from_be_bytes(chunk(rest, 2))),
                    rest.len(),
                    "the total length"
                );
                assert_eq!(
                    (chunk(rest, 6), rest[9]),
                    ([0x40, 0], UDP),
                    "fragmentation, protocol"
                );
                let (from, to): ([u8; 4], [u8; 4]) = (chunk(rest, 12), chunk(rest, 16));
                (from.into(), to.into(), rest[1], rest[8], &rest[20..])
            }
            [0x86, 0xdd] => {
                assert_eq!((rest[0] >> 4, rest[6]), (6, UDP), "version and next header");
                assert_eq!(
                    usize::from(u16::from_be_bytes(chunk(rest, 4))),
                    rest.len() - 40,
                    "the length"
                );
                let (from, to): ([u8; 16], [u8; 16]) = (chunk(rest, 8), chunk(rest, 24));
                (
                    from.into(),
                    to.into(),
                    rest[0] << 4 | rest[1] >> 4,
                    rest[7],
                    &rest[40..],
                )
            }
            other => panic!("ethertype {other:02x?}"),
        };
        let len = u16::from_be_bytes(chunk(udp, 4));
        assert_eq!(usize::from(len), udp.len(), "the datagram's length");
        let pseudo = ones_sum(&pseudo(from, to, len), 0);
        let sum = match u16::from_be_bytes(chunk(udp, 6)) {
            0 => Sum::Zero,
            // RFC 1071: all of it, the checksum included.
            _ if ones_sum(udp, pseudo.into()) == 0xffff => Sum::Whole,
            check if check == pseudo => Sum::Partial,
            check => panic!("the datagram's checksum {check:04x}"),
        };
        assert!(sum != Sum::Zero || from.is_ipv4(), "IPv6 without a checksum");
        let port = |at| u16::from_be_bytes(chunk(udp, at));
        let datagram = Self {
            vlan,
            ethernet,
            from: SocketAddr::new(from, port(0)),
            to: SocketAddr::new(to, port(2)),
            tos,
            ttl,
            payload: udp[8..].to_vec(),
        };
        (datagram, sum)
    }
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("so many bytes")
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn ip_header(datagram: &Datagram, udp: usize) -> Vec<u8> {
    let (from, to) = (octets(datagram.from.ip()), octets(datagram.to.ip()));
    let mut header = Vec::new();
    if datagram.from.is_ipv4() {
        header.extend([8, 0, 0x45, datagram.tos]);
        header.extend(u16::try_from(20 + udp).expect("a packet").to_be_bytes());
        header.extend([0x12, 0x34, 0, 0, datagram.ttl, UDP, 0, 0]);
        header.extend(from.into_iter().chain(to));
        let check = !ones_sum(&header[2..], 0);
        header[12..14].copy_from_slice(&check.to_be_bytes());
    } else {
        header.extend([0x86, 0xdd, 0x60 | datagram.tos >> 4, datagram.tos << 4 | 3, 7, 9]);
        header.extend(u16::try_from(udp).expect("a packet").to_be_bytes());
        header.extend([UDP, datagram.ttl]);
        header.extend(from.into_iter().chain(to));
    }
    header
}

/// RFC 768, and RFC 8200 §8.1.
fn pseudo(from: IpAddr, to: IpAddr, len: u16) -> Vec<u8> {
    let mut bytes = [octets(from), octets(to)].concat();
    if from.is_ipv6() {
        bytes.extend([0, 0]);
        bytes.extend(len.to_be_bytes());
        bytes.extend([0, 0, 0, UDP]);
    } else {
        bytes.extend([0, UDP]);
        bytes.extend(len.to_be_bytes());
    }
    bytes
}

/// The one's complement sum of big-endian words (RFC 1071), the slow way.
fn ones_sum(bytes: &[u8], start: u32) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum = start + words.sum::<u32>();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    u16::try_from(sum).expect("folded")
}

/// An RTP packet of a stream.
pub(super) fn rtp(payload_type: u8, seq: u16, ssrc: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seq as u8)));
    packet
}
