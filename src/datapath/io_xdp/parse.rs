//! From an Ethernet frame to a UDP datagram.
//!
//! Judges as the kernel's stack would, because what comes by rings has not been there: lengths, checksums, addresses
//! that nobody can have. Wire data: nothing is indexed unchecked. Deliberately absent: fragments, IPv6 extension
//! headers, anything that is not UDP; the kernel's program lets those go up the stack.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::sum;

const ETHERNET: usize = 14;
const TAG: usize = 4;
const UDP: usize = 8;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// IEEE 802.1Q and 802.1ad.
const ETHERTYPES_TAG: [u16; 2] = [0x8100, 0x88a8];
const PROTOCOL_UDP: u8 = 17;

/// A datagram in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// To whom.
    pub(super) dest: SocketAddr,
    /// What.
    pub(super) payload: &'a [u8],
}

/// Why a frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// Cut off, or its lengths disagree.
    Length,
    /// Not an IP packet with a whole UDP datagram in it, to this host alone.
    Kind,
    /// From an address that nobody sends from.
    Source,
    /// A checksum is wrong.
    Checksum,
}

/// Parses a frame that arrived at the device with index `device`.
pub(super) fn parse(frame: &[u8], device: u32) -> Result<Datagram<'_>, Bad> {
    let (ethernet, mut packet) = frame.split_at_checked(ETHERNET).ok_or(Bad::Length)?;
    // The lowest bit of the first byte says that a frame is for many. Media ports have no business with those.
    if ethernet.first().is_none_or(|first| first & 1 != 0) {
        return Err(Bad::Kind);
    }
    let mut kind = u16_at(ethernet, 12)?;
    // As the stack does, whose virtual devices are made for at most two.
    for _ in 0..2 {
        if !ETHERTYPES_TAG.contains(&kind) {
            break;
        }
        kind = u16_at(packet, 2)?;
        packet = packet.get(TAG..).ok_or(Bad::Length)?;
    }
    match kind {
        ETHERTYPE_IPV4 => ipv4(packet),
        ETHERTYPE_IPV6 => ipv6(packet, device),
        _ => Err(Bad::Kind),
    }
}

fn ipv4(packet: &[u8]) -> Result<Datagram<'_>, Bad> {
    let first = *packet.first().ok_or(Bad::Length)?;
    let header_len = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header_len < 20 {
        return Err(Bad::Length);
    }
    // RFC 791 §3.1. What lies behind the total length is Ethernet's padding.
    let total = usize::from(u16_at(packet, 2)?);
    let packet = packet.get(..total).ok_or(Bad::Length)?;
    let (header, body) = packet.split_at_checked(header_len).ok_or(Bad::Length)?;
    if sum::fold(sum::add(0, header)) != 0xffff {
        return Err(Bad::Checksum);
    }
    // More fragments, or an offset.
    if u16_at(header, 6)? & 0x3fff != 0 || header.get(9) != Some(&PROTOCOL_UDP) {
        return Err(Bad::Kind);
    }
    let addresses = header.get(12..20).ok_or(Bad::Length)?;
    let source = Ipv4Addr::from(array::<4>(addresses, 0)?);
    let dest = Ipv4Addr::from(array::<4>(addresses, 4)?);
    // RFC 1812 §5.3.7: martians.
    if source.is_loopback() || source.is_multicast() || source.is_broadcast() || source.octets()[0] == 0 {
        return Err(Bad::Source);
    }
    let (ports, payload) = udp(body, addresses, Zero::NoChecksum)?;
    Ok(Datagram {
        source: SocketAddr::new(IpAddr::V4(source), ports[0]),
        dest: SocketAddr::new(IpAddr::V4(dest), ports[1]),
        payload,
    })
}

fn ipv6(packet: &[u8], device: u32) -> Result<Datagram<'_>, Bad> {
    let (header, body) = packet.split_at_checked(40).ok_or(Bad::Length)?;
    if header.first().is_none_or(|first| first >> 4 != 6) {
        return Err(Bad::Length);
    }
    let body = body.get(..usize::from(u16_at(header, 4)?)).ok_or(Bad::Length)?;
    if header.get(6) != Some(&PROTOCOL_UDP) {
        return Err(Bad::Kind);
    }
    let addresses = header.get(8..40).ok_or(Bad::Length)?;
    let source = Ipv6Addr::from(array::<16>(addresses, 0)?);
    let dest = Ipv6Addr::from(array::<16>(addresses, 16)?);
    if source.is_loopback() || source.is_multicast() || source.to_ipv4_mapped().is_some() {
        return Err(Bad::Source);
    }
    let (ports, payload) = udp(body, addresses, Zero::Wrong)?;
    // A link-local address means nothing without its link; sockets say it in the same way.
    let scope = if source.is_unicast_link_local() { device } else { 0 };
    Ok(Datagram {
        source: SocketAddr::V6(SocketAddrV6::new(source, ports[0], 0, scope)),
        dest: SocketAddr::new(IpAddr::V6(dest), ports[1]),
        payload,
    })
}

/// What a checksum of zero means.
#[derive(PartialEq, Eq)]
enum Zero {
    /// RFC 768: the sender made none.
    NoChecksum,
    /// RFC 8200 §8.1.
    Wrong,
}

fn udp<'a>(body: &'a [u8], addresses: &[u8], zero: Zero) -> Result<([u16; 2], &'a [u8]), Bad> {
    let len = u16_at(body, 4)?;
    let datagram = body.get(..usize::from(len)).ok_or(Bad::Length)?;
    let payload = datagram.get(UDP..).ok_or(Bad::Length)?;
    let ports = [u16_at(datagram, 0)?, u16_at(datagram, 2)?];
    if ports[0] == 0 {
        return Err(Bad::Source);
    }
    let check = array::<2>(datagram, 6)?;
    if check == [0; 2] {
        return match zero {
            Zero::NoChecksum => Ok((ports, payload)),
            Zero::Wrong => Err(Bad::Checksum),
        };
    }
    let pseudo = sum::add_u16(sum::add_u16(sum::add(0, addresses), PROTOCOL_UDP.into()), len);
    // A sender on this machine leaves the checksum to its device, which for a virtual one nobody completes: then the
    // pseudo header's sum is there and nothing else. The stack is told about that beside the packet; a ring is not.
    let partial = u16::from_ne_bytes(check) == sum::fold(pseudo);
    if partial || sum::fold(sum::add(pseudo, datagram)) == 0xffff {
        Ok((ports, payload))
    } else {
        Err(Bad::Checksum)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Bad> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Bad> {
    let bytes = bytes.get(at..at + N).ok_or(Bad::Length)?;
    bytes.try_into().map_err(|_| Bad::Length)
}
