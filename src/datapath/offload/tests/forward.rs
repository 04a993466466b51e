//! What is forwarded, byte by byte.

use std::time::Duration;

use super::frame::{Datagram, Sum, rtp};
use super::*;
use crate::clock;

/// What has to leave if `sent` arrives.
fn expected(entry: &Entry, sent: &Datagram) -> Datagram {
    Datagram {
        vlan: entry.hop.vlan,
        ethernet: (entry.hop.dest, entry.hop.source),
        from: entry.flow.out.addr,
        to: entry.flow.dest,
        tos: entry.flow.tos,
        ttl: entry.hop.ttl,
        payload: sent.payload.clone(),
    }
}

const WAYS: [(&str, &str, &str, &str); 4] = [
    (PEER4, V4, OUT4, DEST4),
    (PEER6, V6, OUT6, DEST6),
    (PEER4, V4, OUT6, DEST6),
    (PEER6, V6, OUT4, DEST4),
];

/// What becomes of the checksum, or `None` if the packet goes up the stack.
fn expected_sum(mode: Served, sum: Sum, arrives6: bool, leaves6: bool) -> Option<Sum> {
    match sum {
        // RFC 8200 §8.1: there is no such thing in IPv6, neither here nor there.
        Sum::Zero if arrives6 => None,
        Sum::Zero if leaves6 => Some(Sum::Whole),
        // The skb of a local sender keeps its mark that the device has to complete it.
        Sum::Partial if mode == Served::Generic => Some(Sum::Partial),
        Sum::Partial => Some(Sum::Whole),
        sum => Some(sum),
    }
}

fn forwards(mode: Served, tags: &[Option<u16>], sums: &[Sum]) {
    let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
        return;
    };
    let tagged = || tags.iter().flat_map(|a| tags.iter().map(move |b| (*a, *b)));
    for ((source, local, out, dest), (tag_in, tag_out)) in WAYS
        .into_iter()
        .flat_map(|way| tagged().map(move |tags| (way, tags)))
    {
        let mut entry = entry(source, local, out, dest);
        entry.hop.vlan = tag_out;
        let id = open(&mut table, &entry);
        let (mut packets, mut bytes) = (0, 0);
        for (seq, sum) in (0..100_u16).flat_map(|seq| sums.iter().map(move |sum| (seq, *sum))) {
            let payload = rtp(8, seq, SSRC, usize::from(seq) * 13);
            let sent = Datagram {
                vlan: tag_in,
                ..Datagram::new(source, local, &payload)
            };
            let ran = kernel.run(mode, &sent.frame(sum), 1).expect("a run");
            let what = format!("{source} > {dest}, {tag_in:?} > {tag_out:?}, {seq}, {sum:?}");
            let leaves6 = entry.flow.dest.is_ipv6();
            let Some(left_sum) = expected_sum(mode, sum, sent.from.is_ipv6(), leaves6) else {
                assert_eq!((ran.action, ran.frame), (pass(mode), sent.frame(sum)), "{what}");
                continue;
            };
            assert_eq!(ran.action, sent_on(mode), "{what}");
            assert_eq!(
                Datagram::read(&ran.frame),
                (expected(&entry, &sent), left_sum),
                "{what}"
            );
            packets += 1;
            bytes += payload.len() as u64;
        }
        let counts = table.retire(id);
        assert_eq!((counts.packets, counts.bytes), (packets, bytes));
        assert_eq!(
            (counts.highest_seq, counts.timestamp, counts.payload_type),
            (99, 99 * 160, 8)
        );
        let age = clock::now().since(counts.last.expect("a packet"));
        assert!(age < Duration::from_secs(10), "{age:?}");
    }
}

#[test]
fn native_forwards_as_a_socket_would_send() {
    forwards(
        Served::Native,
        &[None, Some(0x2007)],
        &[Sum::Whole, Sum::Zero, Sum::Partial],
    );
}

#[test]
fn generic_forwards_as_a_socket_would_send() {
    forwards(
        Served::Generic,
        &[None, Some(0x2007)],
        &[Sum::Whole, Sum::Zero, Sum::Partial],
    );
}

/// Tags stand beside the packet there, and the kernel's test runs have no partial checksums.
#[test]
fn tc_forwards_as_a_socket_would_send() {
    forwards(Served::Tc, &[None], &[Sum::Whole, Sum::Zero]);
}

#[test]
fn other_framings_are_forwarded() {
    let Some((kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    let udptl = vec![0, 7, 1, 2, 3];
    let rtcp = [&[0x80, 200, 0, 1][..], &[9; 24]].concat();
    for (framing, ssrc, payload) in [
        (Framing::Srtp, Some(SSRC), rtp(0, 7, SSRC, 170)),
        (Framing::Srtp, None, rtcp.clone()),
        (Framing::Udptl, None, udptl.clone()),
        (Framing::Udptl, None, Vec::new()),
        (Framing::Opaque, None, rtcp),
    ] {
        for mode in MODES {
            let mut entry = entry(PEER4, V4, OUT4, DEST4);
            (entry.flow.framing, entry.flow.ssrc) = (framing, ssrc);
            let id = open(&mut table, &entry);
            let sent = Datagram::new(PEER4, V4, &payload);
            let ran = kernel.run(mode, &sent.frame(Sum::Whole), 1).expect("a run");
            assert_eq!(ran.action, sent_on(mode), "{framing:?} {ssrc:?} {mode:?}");
            assert_eq!(Datagram::read(&ran.frame).0, expected(&entry, &sent));
            assert_eq!(table.retire(id).packets, 1);
        }
    }
}

/// Sequence numbers wrap, packets come late and twice.
#[test]
fn the_highest_sequence_number_is_extended() {
    let Some((kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    let id = open(&mut table, &entry(PEER4, V4, OUT4, DEST4));
    for (seq, highest) in [
        (65_530, 65_530),
        (65_534, 65_534),
        (65_533, 65_534),
        (65_534, 65_534),
        (2, 65_538),
        (65_535, 65_538),
        (3, 65_539),
    ] {
        let sent = Datagram::new(PEER4, V4, &rtp(0, seq, SSRC, 160));
        kernel
            .run(Served::Native, &sent.frame(Sum::Whole), 1)
            .expect("a run");
        assert_eq!(table.counts(id).highest_seq, highest, "after {seq}");
    }
    assert_eq!(table.counts(id).packets, 7);
}
