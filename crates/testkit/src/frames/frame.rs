//! Frames: made from a few words, and read back with every length and checksum verified by a computation of its own.

use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
/// IPv6 destination options (RFC 8200 §4.6) and fragments (§4.5).
const DESTINATION: u8 = 60;
const FRAGMENT: u8 = 44;

/// What the checksum of a datagram is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// Complete.
    Whole,
    /// None: zero.
    Zero,
    /// That of the pseudo header, as local senders leave it to their device.
    Partial,
    /// Another one than it should be.
    Wrong,
}

/// A UDP datagram in an Ethernet frame. Identification and flow label are not in it: they mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Destination and source.
    pub ethernet: ([u8; 6], [u8; 6]),
    /// IEEE 802.1Q, the outermost first.
    pub tags: Vec<u16>,
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// TOS or traffic class.
    pub tos: u8,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// IPv4: not to be fragmented.
    pub whole: bool,
    /// Four or eight bytes of options that mean nothing: in the IPv4 header, or behind that of IPv6.
    pub options: bool,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Its checksum.
    pub sum: Sum,
    /// Bytes in the IP packet behind the datagram.
    pub slack: usize,
    /// Bytes behind the IP packet, as Ethernet pads short frames.
    pub padding: usize,
}

impl Frame {
    /// A plain one.
    #[must_use]
    pub fn new(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Self {
        Self {
            ethernet: ([0; 6], [2, 0, 0, 0, 0, 2]),
            tags: Vec::new(),
            from,
            to,
            tos: 0,
            ttl: 61,
            whole: true,
            options: false,
            payload: payload.to_vec(),
            sum: Sum::Whole,
            slack: 0,
            padding: 0,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let udp = self.udp();
        let mut next = UDP;
        let mut packet = Vec::new();
        if self.options && self.from.is_ipv6() {
            next = DESTINATION;
            // PadN of four bytes.
            packet.extend([UDP, 0, 1, 4, 0, 0, 0, 0]);
        }
        packet.extend(udp);
        packet.resize(packet.len() + self.slack, 0xee);
        let mut frame = self.link();
        frame.extend(self.ip_header(next, packet.len(), None));
        frame.extend(packet);
        frame.resize(frame.len() + self.padding, 0);
        frame
    }

    /// The same in two IP packets, the first of which has `first` bytes of the datagram: a multiple of eight.
    #[must_use]
    pub fn fragments(&self, first: usize) -> [Vec<u8>; 2] {
        let udp = self.udp();
        let (head, tail) = udp.split_at(first);
        [(0, head, true), (first, tail, false)].map(|(offset, part, more)| {
            let mut frame = self.link();
            if self.from.is_ipv4() {
                frame.extend(self.ip_header(UDP, part.len(), Some((offset, more))));
            } else {
                frame.extend(self.ip_header(FRAGMENT, 8 + part.len(), None));
                let place = offset as u16 | u16::from(more);
                frame.extend([UDP, 0, (place >> 8) as u8, place as u8, 0, 0, 7, 7]);
            }
            frame.extend(part);
            frame
        })
    }

    fn udp(&self) -> Vec<u8> {
        let mut udp = Vec::new();
        let len = u16::try_from(8 + self.payload.len()).expect("a datagram");
        for word in [self.from.port(), self.to.port(), len, 0] {
            udp.extend(word.to_be_bytes());
        }
        udp.extend(&self.payload);
        let pseudo = pseudo(self.from.ip(), self.to.ip(), len);
        let whole = match !ones_sum(&udp, u32::from(ones_sum(&pseudo, 0))) {
            0 => 0xffff,
            check => check,
        };
        let check = match self.sum {
            Sum::Zero => 0,
            Sum::Partial => ones_sum(&pseudo, 0),
            Sum::Whole => whole,
            Sum::Wrong => whole ^ 0x0100,
        };
        udp[6..8].copy_from_slice(&check.to_be_bytes());
        udp
    }

    fn link(&self) -> Vec<u8> {
        let mut bytes = [self.ethernet.0, self.ethernet.1].concat();
        for tag in &self.tags {
            bytes.extend([0x81, 0]);
            bytes.extend(tag.to_be_bytes());
        }
        bytes.extend(if self.from.is_ipv4() { [8, 0] } else { [0x86, 0xdd] });
        bytes
    }

    fn ip_header(&self, next: u8, body: usize, fragment: Option<(usize, bool)>) -> Vec<u8> {
        let (from, to) = (octets(self.from.ip()), octets(self.to.ip()));
        if self.from.is_ipv6() {
            let mut header = vec![0x60 | self.tos >> 4, self.tos << 4 | 3, 7, 9];
            header.extend(u16::try_from(body).expect("a packet").to_be_bytes());
            header.extend([next, self.ttl]);
            header.extend(from.into_iter().chain(to));
            return header;
        }
        let words: u8 = if self.options { 6 } else { 5 };
        let total = usize::from(words) * 4 + body;
        let place = match fragment {
            Some((offset, more)) => (offset / 8) as u16 | if more { 0x2000 } else { 0 },
            None => u16::from(self.whole) << 14,
        };
        let mut header = vec![0x40 | words, self.tos];
        header.extend(u16::try_from(total).expect("a packet").to_be_bytes());
        header.extend([0x12, 0x34]);
        header.extend(place.to_be_bytes());
        header.extend([self.ttl, next, 0, 0]);
        header.extend(from.into_iter().chain(to));
        // RFC 791 §3.1: no operation.
        header.resize(usize::from(words) * 4, 1);
        let check = !ones_sum(&header, 0);
        header[10..12].copy_from_slice(&check.to_be_bytes());
        header
    }

    /// Reads a frame, and panics if anything about it but the datagram's checksum is wrong. Knows neither options nor
    /// fragments: what leaves has none.
    #[must_use]
    pub fn read(frame: &[u8]) -> Self {
        let ethernet = (chunk(frame, 0), chunk(frame, 6));
        let (mut tags, mut rest) = (Vec::new(), &frame[12..]);
        while chunk(rest, 0) == [0x81, 0] {
            tags.push(u16::from_be_bytes(chunk(rest, 2)));
            rest = &rest[4..];
        }
        let kind: [u8; 2] = chunk(rest, 0);
        let ip = Ip::read(kind, &rest[2..]);
        let udp = ip.body;
        let len = u16::from_be_bytes(chunk(udp, 4));
        assert_eq!(usize::from(len), udp.len(), "the datagram's length");
        let pseudo = ones_sum(&pseudo(ip.from, ip.to, len), 0);
        let sum = match u16::from_be_bytes(chunk(udp, 6)) {
            0 => Sum::Zero,
            // RFC 1071: all of it, the checksum included.
            _ if ones_sum(udp, pseudo.into()) == 0xffff => Sum::Whole,
            check if check == pseudo => Sum::Partial,
            _ => Sum::Wrong,
        };
        assert!(sum != Sum::Zero || ip.from.is_ipv4(), "IPv6 without a checksum");
        let port = |at| u16::from_be_bytes(chunk(udp, at));
        Self {
            ethernet,
            tags,
            from: SocketAddr::new(ip.from, port(0)),
            to: SocketAddr::new(ip.to, port(2)),
            tos: ip.tos,
            ttl: ip.ttl,
            whole: ip.whole,
            options: false,
            payload: udp[8..].to_vec(),
            sum,
            slack: 0,
            padding: ip.padding,
        }
    }
}

/// An IP header that was read, and what follows.
struct Ip<'a> {
    from: IpAddr,
    to: IpAddr,
    tos: u8,
    ttl: u8,
    whole: bool,
    body: &'a [u8],
    padding: usize,
}

impl<'a> Ip<'a> {
    fn read(kind: [u8; 2], packet: &'a [u8]) -> Self {
        let len = |at| usize::from(u16::from_be_bytes(chunk(packet, at)));
        match kind {
            [8, 0] => {
                assert_eq!(packet[0], 0x45, "version and header length");
                assert_eq!(ones_sum(&packet[..20], 0), 0xffff, "the header's checksum");
                let fragment: [u8; 2] = chunk(packet, 6);
                assert_eq!(
                    (fragment[0] & 0xbf, fragment[1], packet[9]),
                    (0, 0, UDP),
                    "fragments, protocol"
                );
                let (from, to): ([u8; 4], [u8; 4]) = (chunk(packet, 12), chunk(packet, 16));
                Self {
                    from: from.into(),
                    to: to.into(),
                    tos: packet[1],
                    ttl: packet[8],
                    whole: fragment[0] == 0x40,
                    body: &packet[20..len(2)],
                    padding: packet.len() - len(2),
                }
            }
            [0x86, 0xdd] => {
                assert_eq!((packet[0] >> 4, packet[6]), (6, UDP), "version and next header");
                let (from, to): ([u8; 16], [u8; 16]) = (chunk(packet, 8), chunk(packet, 24));
                Self {
                    from: from.into(),
                    to: to.into(),
                    tos: packet[0] << 4 | packet[1] >> 4,
                    ttl: packet[7],
                    whole: true,
                    body: &packet[40..40 + len(4)],
                    padding: packet.len() - 40 - len(4),
                }
            }
            other => panic!("ethertype {other:02x?}"),
        }
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

/// An RTP packet of a stream, with a payload of `len` bytes.
#[must_use]
pub fn rtp(payload_type: u8, seq: u16, ssrc: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seq as u8)));
    packet
}
