//! The bytes of a pcap file: classic format, microseconds, one synthesised IP and UDP header for each packet.

use std::net::{IpAddr, SocketAddr};

use plan::Time;

use crate::config::RecordFormat;

/// Bytes of the file header.
pub(super) const FILE_HEADER_BYTES: usize = 24;

/// Bytes before the UDP payload at most: record header, Ethernet, IPv6, UDP.
pub(super) const PACKET_HEADERS_MAX: usize = 16 + 14 + 40 + 8;

const SNAPLEN: u32 = 65_535;
const IPPROTO_UDP: u8 = 17;

/// Link type by <https://www.tcpdump.org/linktypes.html>: 1 Ethernet, 101 raw IP.
const fn link_type(format: RecordFormat) -> u32 {
    match format {
        RecordFormat::Eth => 1,
        RecordFormat::Raw => 101,
    }
}

/// The file header, in this machine's byte order as the magic says.
pub(super) fn file_header(format: RecordFormat) -> [u8; FILE_HEADER_BYTES] {
    let mut h = [0; FILE_HEADER_BYTES];
    h[0..4].copy_from_slice(&0xa1b2_c3d4_u32.to_ne_bytes());
    h[4..6].copy_from_slice(&2_u16.to_ne_bytes());
    h[6..8].copy_from_slice(&4_u16.to_ne_bytes());
    h[16..20].copy_from_slice(&SNAPLEN.to_ne_bytes());
    h[20..24].copy_from_slice(&link_type(format).to_ne_bytes());
    h
}

/// Appends one record to `out`. Returns false, and appends nothing, if the payload does not fit an IP packet or the
/// addresses are of two families.
pub(super) fn record(
    out: &mut Vec<u8>,
    format: RecordFormat,
    at: Time,
    from: SocketAddr,
    to: SocketAddr,
    payload: &[u8],
) -> bool {
    let (from_ip, to_ip) = (from.ip().to_canonical(), to.ip().to_canonical());
    let ip_header_len = match (from_ip, to_ip) {
        (IpAddr::V4(_), IpAddr::V4(_)) => 20,
        (IpAddr::V6(_), IpAddr::V6(_)) => 40,
        _ => return false,
    };
    let Ok(udp_len) = u16::try_from(8 + payload.len()) else {
        return false;
    };
    let Some(ip_len) = u16::try_from(ip_header_len)
        .ok()
        .and_then(|h| udp_len.checked_add(h))
    else {
        return false;
    };
    let eth = if format == RecordFormat::Eth { 14 } else { 0 };
    let captured = u32::from(ip_len) + eth;

    out.reserve(PACKET_HEADERS_MAX + payload.len());
    let (secs, micros) = (at.as_micros() / 1_000_000, at.as_micros() % 1_000_000);
    for word in [
        u32::try_from(secs).unwrap_or(u32::MAX),
        u32::try_from(micros).unwrap_or(0),
        captured,
        captured,
    ] {
        out.extend_from_slice(&word.to_ne_bytes());
    }
    if format == RecordFormat::Eth {
        let ether_type: u16 = if from_ip.is_ipv4() { 0x0800 } else { 0x86dd };
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&ether_type.to_be_bytes());
    }
    let mut udp = [0; 8];
    udp[0..2].copy_from_slice(&from.port().to_be_bytes());
    udp[2..4].copy_from_slice(&to.port().to_be_bytes());
    udp[4..6].copy_from_slice(&udp_len.to_be_bytes());
    match (from_ip, to_ip) {
        (IpAddr::V4(s), IpAddr::V4(d)) => {
            let checksum = udp_checksum(&s.octets(), &d.octets(), udp_len, &udp, payload);
            udp[6..8].copy_from_slice(&checksum.to_be_bytes());
            out.extend_from_slice(&ipv4_header(s.octets(), d.octets(), ip_len));
        }
        (IpAddr::V6(s), IpAddr::V6(d)) => {
            let checksum = udp_checksum(&s.octets(), &d.octets(), udp_len, &udp, payload);
            udp[6..8].copy_from_slice(&checksum.to_be_bytes());
            let mut h = [0; 40];
            h[0] = 0x60;
            h[4..6].copy_from_slice(&udp_len.to_be_bytes());
            h[6] = IPPROTO_UDP;
            h[7] = 64;
            h[8..24].copy_from_slice(&s.octets());
            h[24..40].copy_from_slice(&d.octets());
            out.extend_from_slice(&h);
        }
        _ => {}
    }
    out.extend_from_slice(&udp);
    out.extend_from_slice(payload);
    true
}

/// RFC 791 §3.1.
fn ipv4_header(src: [u8; 4], dst: [u8; 4], total_len: u16) -> [u8; 20] {
    let mut h = [0; 20];
    h[0] = 0x45;
    h[2..4].copy_from_slice(&total_len.to_be_bytes());
    h[6] = 0x40;
    h[8] = 64;
    h[9] = IPPROTO_UDP;
    h[12..16].copy_from_slice(&src);
    h[16..20].copy_from_slice(&dst);
    let checksum = !fold(sum(&h));
    h[10..12].copy_from_slice(&checksum.to_be_bytes());
    h
}

/// RFC 768 and RFC 8200 §8.1: over a pseudo header, the UDP header and the payload; zero is sent as all ones.
fn udp_checksum(src: &[u8], dst: &[u8], udp_len: u16, header: &[u8; 8], payload: &[u8]) -> u16 {
    let total =
        sum(src) + sum(dst) + u64::from(IPPROTO_UDP) + u64::from(udp_len) + sum(header) + sum(payload);
    match !fold(total) {
        0 => 0xffff,
        c => c,
    }
}

/// Sum of big-endian 16-bit words, an odd last byte padded with zero (RFC 1071).
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |&b| u64::from(b) << 8);
    words.map(|w| u64::from(w[0]) << 8 | u64::from(w[1])).sum::<u64>() + last
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(s: &str) -> SocketAddr {
        s.parse().expect("test address")
    }

    #[test]
    fn lengths_and_checksums_of_both_families_hold() {
        for (from, to, ip_header) in [
            ("192.0.2.1:4000", "198.51.100.7:5000", 20),
            ("[2001:db8::1]:4000", "[2001:db8::2]:5000", 40),
        ] {
            for format in [RecordFormat::Raw, RecordFormat::Eth] {
                for len in [0_usize, 1, 172, 1400] {
                    let payload: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
                    let mut out = Vec::new();
                    assert!(record(
                        &mut out,
                        format,
                        Time(1_500_000),
                        addr(from),
                        addr(to),
                        &payload
                    ));
                    let eth = if format == RecordFormat::Eth { 14 } else { 0 };
                    assert_eq!(out.len(), 16 + eth + ip_header + 8 + len);
                    assert_eq!(out[0..4], 1_u32.to_ne_bytes());
                    assert_eq!(out[4..8], 500_000_u32.to_ne_bytes());
                    assert_eq!(out[8..12], u32::try_from(out.len() - 16).unwrap().to_ne_bytes());
                    let ip = &out[16 + eth..];
                    if ip_header == 20 {
                        assert_eq!(fold(sum(&ip[..20])), 0xffff, "IPv4 header checksum");
                    }
                    let addresses = if ip_header == 20 { &ip[12..20] } else { &ip[8..40] };
                    let udp = &ip[ip_header..];
                    let total = sum(addresses) + u64::from(IPPROTO_UDP) + udp.len() as u64 + sum(udp);
                    assert_eq!(fold(total), 0xffff, "UDP checksum, {from} {len}");
                    assert_eq!(udp[8..], payload);
                }
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_refused_and_appends_nothing() {
        let mut out = Vec::new();
        let (v4, v6) = (addr("192.0.2.1:1"), addr("[2001:db8::1]:1"));
        assert!(!record(&mut out, RecordFormat::Raw, Time(0), v4, v6, b"x"));
        assert!(!record(
            &mut out,
            RecordFormat::Raw,
            Time(0),
            v4,
            v4,
            &[0; 65_530]
        ));
        assert!(out.is_empty());
    }
}
