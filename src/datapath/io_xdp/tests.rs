//! Frames there and back.

use std::net::SocketAddr;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::build::Headers;
use super::parse::{Bad, Datagram, parse};
use crate::datapath::offload::NextHop;

const DEVICE: u32 = 7;
const ADDRESSES: [(&str, &str); 4] = [
    ("192.0.2.1:30000", "198.51.100.200:65535"),
    ("10.255.255.254:1", "10.0.0.1:30001"),
    ("[2001:db8::1]:30000", "[2001:db8:ffff::ffff]:4000"),
    ("[fe80::1%7]:30000", "[fe80::ff:2%7]:4000"),
];

fn hop(vlan: Option<u16>) -> NextHop {
    NextHop {
        device: DEVICE,
        source: [2, 0, 0, 0, 0, 1],
        dest: [2, 0, 0, 0, 0, 2],
        vlan,
        mtu: 1500,
        ttl: 64,
        xdp: true,
    }
}

fn frame(from: &str, to: &str, vlan: Option<u16>, tos: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().expect(from), to.parse().expect(to));
    let headers = Headers::new(&hop(vlan), from, to).expect("one family");
    let mut frame = vec![0xee; 1792];
    let len = headers.write(tos, payload, &mut frame);
    assert!(len > 0, "{} bytes fit", payload.len());
    frame.truncate(len);
    frame
}

fn rng() -> StdRng {
    let seed = std::env::var("PATCHBAY_SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| StdRng::from_os_rng().random());
    println!("PATCHBAY_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn what_is_built_is_parsed() {
    let mut rng = rng();
    for (from, to) in ADDRESSES {
        for vlan in [None, Some(0x1fff)] {
            for len in (0..80).chain([172, 1000, 1451, 1452]) {
                let mut payload = vec![0; len];
                rng.fill(&mut payload[..]);
                let mut bytes = frame(from, to, vlan, rng.random(), &payload);
                // Ethernet's padding is no part of a packet.
                bytes.extend_from_slice(&[0xaa; 18]);
                let expected = Datagram {
                    source: from.parse().expect(from),
                    dest: to.parse::<SocketAddr>().map(without_scope).expect(to),
                    payload: &payload,
                };
                assert_eq!(parse(&bytes, DEVICE), Ok(expected), "{from} {to} {vlan:?} {len}");
            }
        }
    }
}

fn without_scope(mut addr: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(addr) = &mut addr {
        addr.set_scope_id(0);
    }
    addr
}

/// Linux 6.18 sent this for the same datagram from an unconnected socket with TOS 0xb8, but for its identification
/// (0xe4ff), on which the header's checksum (0x40fd) depends.
#[test]
fn a_frame_is_that_of_a_socket() {
    let bytes = frame("10.9.0.1:30000", "10.9.0.2:4000", None, 0xb8, b"patchbay");
    let expected = [
        [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00].as_slice(),
        &[0x45, 0xb8, 0, 0x24, 0, 0, 0x40, 0, 0x40, 0x11, 0x25, 0xfd],
        &[10, 9, 0, 1, 10, 9, 0, 2],
        &[0x75, 0x30, 0x0f, 0xa0, 0, 0x10, 0xb8, 0x48],
        b"patchbay",
    ];
    assert_eq!(bytes, expected.concat());
    let bytes = frame("[2001:db8::1]:30000", "[2001:db8::2]:4000", None, 0xb8, b"");
    assert_eq!(bytes[14..22], [0x6b, 0x80, 0, 0, 0, 8, 17, 64]);
}

#[test]
fn what_does_not_fit_is_not_built() {
    let (from, to) = (
        "10.9.0.1:30000".parse().expect("addr"),
        "10.9.0.2:4000".parse().expect("addr"),
    );
    let headers = Headers::new(&hop(None), from, to).expect("one family");
    assert!(headers.fits(1472, 1792) && !headers.fits(1473, 1792));
    assert!(headers.fits(100, 142) && !headers.fits(100, 141));
    assert_eq!(headers.write(0, &[0; 1473], &mut [0; 1792]), 0);
    assert_eq!(headers.write(0, &[0; 100], &mut [0; 141]), 0);
    let v6 = "[2001:db8::1]:1".parse().expect("addr");
    assert!(Headers::new(&hop(None), from, v6).is_none());
}

/// `change` is applied to the bytes of a good frame.
fn judge(v6: bool, change: impl FnOnce(&mut Vec<u8>)) -> Result<usize, Bad> {
    let (from, to) = if v6 { ADDRESSES[2] } else { ADDRESSES[0] };
    let mut bytes = frame(from, to, None, 0, b"0123456789");
    change(&mut bytes);
    parse(&bytes, DEVICE).map(|datagram| datagram.payload.len())
}

/// Writes the IPv4 header's checksum anew.
fn resum(bytes: &mut [u8]) {
    bytes[24..26].fill(0);
    let check = super::sum::finish(super::sum::add(0, &bytes[14..34]));
    bytes[24..26].copy_from_slice(&check);
}

#[test]
fn judges_as_the_stack_does() {
    assert_eq!(judge(false, |_| ()), Ok(10));
    assert_eq!(judge(true, |_| ()), Ok(10));
    assert_eq!(judge(false, |b| b.truncate(51)), Err(Bad::Length), "cut off");
    assert_eq!(judge(true, |b| b.truncate(71)), Err(Bad::Length), "cut off");
    assert_eq!(judge(false, |b| b[0] |= 1), Err(Bad::Kind), "multicast");
    assert_eq!(judge(false, |b| b[13] = 6), Err(Bad::Kind), "ARP");
    assert_eq!(judge(false, |b| b[24] ^= 1), Err(Bad::Checksum), "IPv4 header");
    assert_eq!(judge(false, |b| b[51] ^= 1), Err(Bad::Checksum), "payload");
    assert_eq!(judge(true, |b| b[71] ^= 1), Err(Bad::Checksum), "payload");
    assert_eq!(judge(false, |b| b[40..42].fill(0)), Ok(10), "none is allowed");
    assert_eq!(
        judge(true, |b| b[60..62].fill(0)),
        Err(Bad::Checksum),
        "none is not allowed"
    );
    assert_eq!(judge(true, |b| b[20] = 0), Err(Bad::Kind), "an extension header");
    assert_eq!(
        judge(true, |b| b[58..60].copy_from_slice(&7_u16.to_be_bytes())),
        Err(Bad::Length)
    );
    assert_eq!(
        judge(false, |b| b[38..40].copy_from_slice(&19_u16.to_be_bytes())),
        Err(Bad::Length)
    );
    let changed = |at: usize, value: u8| {
        judge(false, |b| {
            b[at] = value;
            b[40..42].fill(0);
            resum(b);
        })
    };
    assert_eq!(changed(14, 0x65), Err(Bad::Length), "version 6");
    assert_eq!(changed(14, 0x44), Err(Bad::Length), "a header of 16 bytes");
    assert_eq!(changed(20, 0x20), Err(Bad::Kind), "more fragments");
    assert_eq!(changed(21, 0x01), Err(Bad::Kind), "an offset");
    assert_eq!(changed(23, 6), Err(Bad::Kind), "TCP");
    for source in [0, 127, 224, 239] {
        assert_eq!(changed(26, source), Err(Bad::Source), "from {source}.0.0.0");
    }
    assert_eq!(changed(26, 223), Ok(10));
    // Options are passed over.
    let options = judge(false, |b| {
        b.splice(34..34, [1; 4]);
        b[14] = 0x46;
        b[17] += 4;
        b[24..26].fill(0);
        let check = super::sum::finish(super::sum::add(0, &b[14..38]));
        b[24..26].copy_from_slice(&check);
    });
    assert_eq!(options, Ok(10));
}

/// What a sender on the same machine leaves to its virtual device.
#[test]
fn a_partial_checksum_is_none() {
    for v6 in [false, true] {
        let udp = if v6 { 54 } else { 34 };
        let result = judge(v6, |b| {
            let addresses = if v6 { 22..54 } else { 26..34 };
            let pseudo = super::sum::add(0, &b[addresses]);
            let pseudo = super::sum::add_u16(super::sum::add_u16(pseudo, 17), 18);
            b[udp + 6..udp + 8].copy_from_slice(&super::sum::fold(pseudo).to_ne_bytes());
        });
        assert_eq!(result, Ok(10), "{v6}");
    }
}

#[test]
fn a_sum_of_zero_is_written_as_ones() {
    // The last two bytes make up for whatever the rest sums up to.
    let mut payload = [0_u8; 4];
    let plain = frame(ADDRESSES[0].0, ADDRESSES[0].1, None, 0, &payload);
    payload[2..].copy_from_slice(&plain[40..42]);
    let bytes = frame(ADDRESSES[0].0, ADDRESSES[0].1, None, 0, &payload);
    assert_eq!(bytes[40..42], [0xff, 0xff]);
    assert!(parse(&bytes, DEVICE).is_ok());
}

/// Random damage: never a panic, and what is taken lies inside the frame.
#[test]
fn damaged_frames_are_judged() {
    let mut rng = rng();
    let mut taken = 0;
    for _ in 0..200_000 {
        let (from, to) = ADDRESSES[rng.random_range(0..4)];
        let vlan = rng.random_bool(0.3).then(|| rng.random_range(0..4096));
        let mut payload = vec![0; rng.random_range(0..40)];
        rng.fill(&mut payload[..]);
        let mut bytes = frame(from, to, vlan, 0, &payload);
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = if rng.random_bool(0.5) {
                rng.random()
            } else {
                bytes[at] ^ 1 << rng.random_range(0..8)
            };
        }
        if rng.random_bool(0.2) {
            bytes.truncate(rng.random_range(0..=bytes.len()));
        }
        if let Ok(datagram) = parse(&bytes, DEVICE) {
            taken += 1;
            assert!(bytes.as_ptr_range().contains(&datagram.payload.as_ptr()) || datagram.payload.is_empty());
            assert!(datagram.payload.len() <= bytes.len());
        }
    }
    assert!(taken > 10_000, "{taken}");
}
