//! From a UDP payload to an Ethernet frame.
//!
//! All that is the same for every packet of a socket to one destination is made once, its sums too. The headers are
//! those that the kernel writes for a socket, but for the identification, which means nothing where fragmentation is
//! forbidden (RFC 6864 §4.1) and is zero here, and the flow label, which is zero, too.

use std::net::{IpAddr, SocketAddr};

use super::sum;
use crate::datapath::offload::NextHop;

/// Ethernet with a tag, IPv6, UDP.
const HEADER_MAX: usize = 14 + 4 + 40 + 8;
const UDP: usize = 8;
const PROTOCOL_UDP: u8 = 17;

/// The headers of packets from one address to another.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    bytes: [u8; HEADER_MAX],
    /// Where the IP header begins, and where the UDP header does.
    ip: u8,
    udp: u8,
    v6: bool,
    /// Of the IPv4 header but for TOS and length.
    ip_sum: u64,
    /// Of the pseudo header and the ports, but for the lengths.
    udp_sum: u64,
    /// Bytes of the longest payload.
    payload_max: usize,
}

impl Headers {
    /// From `from` to `to`, by `hop`. `None` if one is IPv4 and the other IPv6.
    pub(super) fn new(hop: &NextHop, from: SocketAddr, to: SocketAddr) -> Option<Self> {
        let mut bytes = Vec::with_capacity(HEADER_MAX);
        bytes.extend_from_slice(&hop.dest);
        bytes.extend_from_slice(&hop.source);
        if let Some(vlan) = hop.vlan {
            bytes.extend_from_slice(&0x8100_u16.to_be_bytes());
            bytes.extend_from_slice(&vlan.to_be_bytes());
        }
        let (ip, v6) = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                bytes.extend_from_slice(&0x0800_u16.to_be_bytes());
                let ip = bytes.len();
                // Version and length of the header, TOS, total length, identification, "don't fragment".
                bytes.extend_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0]);
                bytes.extend_from_slice(&[hop.ttl, PROTOCOL_UDP, 0, 0]);
                bytes.extend_from_slice(&from.octets());
                bytes.extend_from_slice(&to.octets());
                (ip, false)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                bytes.extend_from_slice(&0x86dd_u16.to_be_bytes());
                let ip = bytes.len();
                bytes.extend_from_slice(&[0x60, 0, 0, 0, 0, 0, PROTOCOL_UDP, hop.ttl]);
                bytes.extend_from_slice(&from.octets());
                bytes.extend_from_slice(&to.octets());
                (ip, true)
            }
            _ => return None,
        };
        let udp = bytes.len();
        bytes.extend_from_slice(&from.port().to_be_bytes());
        bytes.extend_from_slice(&to.port().to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let ip_sum = if v6 { 0 } else { sum::add(0, bytes.get(ip..udp)?) };
        let addresses = bytes.get(if v6 { ip + 8 } else { ip + 12 }..udp)?;
        let udp_sum = sum::add(sum::add(0, addresses), bytes.get(udp..udp + 4)?);
        let mut header = [0; HEADER_MAX];
        header.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(Self {
            bytes: header,
            ip: ip as u8,
            udp: udp as u8,
            v6,
            ip_sum,
            udp_sum: sum::add_u16(udp_sum, PROTOCOL_UDP.into()),
            payload_max: usize::from(hop.mtu).saturating_sub(bytes.len() - ip),
        })
    }

    /// A payload of so many bytes makes a frame that the device sends, and `room` bytes hold.
    pub(super) fn fits(&self, payload: usize, room: usize) -> bool {
        payload <= self.payload_max && usize::from(self.udp) + UDP + payload <= room
    }

    /// Makes a frame of a payload that [`fits`](Self::fits); how long it is. 0 if it does not.
    #[inline]
    pub(super) fn write(&self, tos: u8, payload: &[u8], frame: &mut [u8]) -> usize {
        let (ip, udp) = (usize::from(self.ip), usize::from(self.udp));
        let total = udp + UDP + payload.len();
        let (Some(frame), true) = (frame.get_mut(..total), self.fits(payload.len(), total)) else {
            return 0;
        };
        let (header, body) = frame.split_at_mut(udp + UDP);
        header.copy_from_slice(&self.bytes[..udp + UDP]);
        body.copy_from_slice(payload);
        let udp_len = (UDP + payload.len()) as u16;
        if self.v6 {
            // RFC 8200 §3: version, traffic class, flow label.
            header[ip] = 0x60 | tos >> 4;
            header[ip + 1] = tos << 4;
            header[ip + 4..ip + 6].copy_from_slice(&udp_len.to_be_bytes());
        } else {
            let ip_len = (total - ip) as u16;
            header[ip + 1] = tos;
            header[ip + 2..ip + 4].copy_from_slice(&ip_len.to_be_bytes());
            let sum = sum::add_u16(sum::add_u16(self.ip_sum, tos.into()), ip_len);
            header[ip + 10..ip + 12].copy_from_slice(&sum::finish(sum));
        }
        header[udp + 4..udp + 6].copy_from_slice(&udp_len.to_be_bytes());
        // The length stands in the pseudo header and in the header.
        let sum = sum::add_u16(sum::add_u16(self.udp_sum, udp_len), udp_len);
        let check = match sum::finish(sum::add(sum, body)) {
            // RFC 768: zero would say that there is none.
            [0, 0] => [0xff, 0xff],
            check => check,
        };
        header[udp + 6..udp + 8].copy_from_slice(&check);
        total
    }
}
