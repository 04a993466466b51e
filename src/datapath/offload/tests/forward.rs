//! The fixtures, byte by byte: what is forwarded, and what goes up the stack unchanged and under which reason.

use std::time::Duration;

use testkit::frames::{Ends, Fate, Fixture, Frame, Kind, Program, Sum, Way, fixtures, leaving, rtp};

use super::*;
use crate::clock;

const fn way(mode: Served) -> Way {
    match mode {
        Served::Native => Way::Native,
        Served::Generic => Way::Generic,
        Served::Tc | Served::Not => Way::Tc,
    }
}

/// What has to leave if `sent` arrives.
fn expected(mode: Served, entry: &Entry, sent: &Frame) -> Option<Frame> {
    Some(Frame {
        ethernet: (entry.hop.dest, entry.hop.source),
        tags: entry.hop.vlan.into_iter().collect(),
        from: entry.flow.out.addr,
        to: entry.flow.dest,
        tos: entry.flow.tos,
        ttl: entry.hop.ttl,
        whole: true,
        sum: leaving(way(mode), sent, entry.flow.dest.is_ipv6())?,
        ..sent.clone()
    })
}

const WAYS: [(&str, &str, &str, &str); 4] = [
    (PEER4, V4, OUT4, DEST4),
    (PEER6, V6, OUT6, DEST6),
    (PEER4, V4, OUT6, DEST6),
    (PEER6, V6, OUT4, DEST4),
];

const KINDS: [(Kind, Framing); 4] = [
    (Kind::Rtp, Framing::Rtp),
    (Kind::Mux, Framing::Rtp),
    (Kind::Udptl, Framing::Udptl),
    (Kind::Opaque, Framing::Opaque),
];

/// At tc tags stand beside the packet, and so does the mark of partial checksums: test runs have neither. Nor do they
/// take frames that end in the IP header.
fn is_for(mode: Served, fixture: &Fixture) -> bool {
    let whole = fixture.frames.iter().all(|(frame, _)| frame.len() > 14 + 40);
    mode != Served::Tc || (fixture.sent.tags.is_empty() && fixture.sent.sum != Sum::Partial && whole)
}

/// Which reasons have counted since, and how many packets.
fn moved(kernel: &Kernel, before: Vec<(&'static str, u64)>) -> Vec<(&'static str, u64)> {
    let pairs = kernel.reasons().into_iter().zip(before);
    pairs
        .filter(|((_, after), (_, before))| after != before)
        .map(|((name, after), (_, before))| (name, after - before))
        .collect()
}

/// Runs all fixtures of an entry; how many packets and bytes were forwarded.
fn run_all(kernel: &Kernel, mode: Served, entry: &Entry, all: &[Fixture]) -> (u64, u64) {
    let mut forwarded = (0, 0);
    for fixture in all.iter().filter(|fixture| is_for(mode, fixture)) {
        for (frame, program) in &fixture.frames {
            let what = format!(
                "{mode:?}, {} > {}, {:?} > {:?}: {}",
                entry.flow.source, entry.flow.dest, entry.flow.framing, entry.hop.vlan, fixture.name
            );
            let before = kernel.reasons();
            let ran = kernel.run(mode, frame, 1).expect("a run");
            let reasons = moved(kernel, before);
            match program {
                Program::Forwards => {
                    assert_eq!(ran.action, sent_on(mode), "{what}: {reasons:?}");
                    let left = Some(Frame::read(&ran.frame));
                    assert_eq!(left, expected(mode, entry, &fixture.sent), "{what}");
                    assert_eq!(reasons, [], "{what}");
                    assert_eq!(
                        fixture.fate,
                        Fate::Arrives(fixture.sent.payload.clone()),
                        "{what}"
                    );
                    forwarded.0 += 1;
                    forwarded.1 += fixture.sent.payload.len() as u64;
                }
                Program::Up(reason) => {
                    assert_eq!((ran.action, &ran.frame), (pass(mode), frame), "{what}");
                    let counted: Vec<_> = reason.iter().map(|reason| (*reason, 1)).collect();
                    assert_eq!(reasons, counted, "{what}");
                }
            }
        }
    }
    forwarded
}

fn forwards(mode: Served, tags: &[Option<u16>]) {
    let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
        return;
    };
    for (source, local, out, dest) in WAYS {
        for ((kind, framing), vlan) in KINDS
            .into_iter()
            .flat_map(|kind| tags.iter().map(move |tag| (kind, *tag)))
        {
            let mut entry = entry(source, local, out, dest);
            (entry.flow.framing, entry.hop.vlan) = (framing, vlan);
            entry.flow.ssrc = entry.flow.ssrc.filter(|_| framing == Framing::Rtp);
            let all = fixtures(&Ends {
                kind,
                ethernet: (HOST, PEER),
                source: entry.flow.source,
                local: entry.flow.local.addr,
                ssrc: SSRC,
                seq: 1000,
                leaves6: entry.flow.dest.is_ipv6(),
            });
            let id = open(&mut table, &entry);
            let forwarded = run_all(&kernel, mode, &entry, &all);
            let counts = table.retire(id);
            assert_eq!((counts.packets, counts.bytes), forwarded, "{kind:?}");
            let age = clock::now().since(counts.last.expect("a packet"));
            assert!(age < Duration::from_secs(10), "{age:?}");
            // The port is free again.
            let before = kernel.reasons();
            let ran = kernel.run(mode, &all[0].frames[0].0, 1).expect("a run");
            assert_eq!((ran.action, moved(&kernel, before)), (pass(mode), Vec::new()));
        }
    }
}

#[test]
fn native_forwards_as_a_socket_would_send() {
    forwards(Served::Native, &[None, Some(0x2007)]);
}

#[test]
fn generic_forwards_as_a_socket_would_send() {
    forwards(Served::Generic, &[None, Some(0x2007)]);
}

#[test]
fn tc_forwards_as_a_socket_would_send() {
    forwards(Served::Tc, &[None]);
}

/// What runs in sizes goes wrong at some: each length, with each checksum, is the same sum.
#[test]
fn every_length_is_forwarded() {
    let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
        return;
    };
    for (source, local, out, dest) in WAYS {
        let entry = entry(source, local, out, dest);
        let id = open(&mut table, &entry);
        for (seq, sum) in (0..140).flat_map(|seq| [Sum::Whole, Sum::Zero].map(|sum| (seq, sum))) {
            let payload = rtp(8, seq, SSRC, usize::from(seq) * 10 + usize::from(seq % 10));
            let sent = Frame {
                sum,
                ..Frame::new(entry.flow.source, entry.flow.local.addr, &payload)
            };
            for mode in MODES {
                let Some(left) = expected(mode, &entry, &sent) else {
                    continue;
                };
                let ran = kernel.run(mode, &sent.bytes(), 1).expect("a run");
                assert_eq!(ran.action, sent_on(mode), "{mode:?} {seq} {sum:?}");
                assert_eq!(Frame::read(&ran.frame), left, "{mode:?} {seq} {sum:?}");
            }
        }
        let counts = table.retire(id);
        let last = (counts.highest_seq, counts.timestamp, counts.payload_type);
        assert_eq!(last, (139, 139 * 160, 8));
    }
}

/// With blind passthrough RTP goes by its stream, and RTCP at its own port whatever it is.
#[test]
fn protected_media_is_forwarded_as_it_is() {
    let Some((kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    let rtcp = [&[0x80, 200, 0, 1][..], &[9; 24]].concat();
    for (ssrc, payload) in [(Some(SSRC), rtp(0, 7, SSRC, 170)), (None, rtcp)] {
        for mode in MODES {
            let mut entry = entry(PEER4, V4, OUT4, DEST4);
            (entry.flow.framing, entry.flow.ssrc) = (Framing::Srtp, ssrc);
            let id = open(&mut table, &entry);
            let sent = Frame::new(address(PEER4), address(V4), &payload);
            let ran = kernel.run(mode, &sent.bytes(), 1).expect("a run");
            assert_eq!(ran.action, sent_on(mode), "{ssrc:?} {mode:?}");
            assert_eq!(Some(Frame::read(&ran.frame)), expected(mode, &entry, &sent));
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
        let sent = Frame::new(address(PEER4), address(V4), &rtp(0, seq, SSRC, 160));
        kernel.run(Served::Native, &sent.bytes(), 1).expect("a run");
        assert_eq!(table.counts(id).highest_seq, highest, "after {seq}");
    }
    assert_eq!(table.counts(id).packets, 7);
}
