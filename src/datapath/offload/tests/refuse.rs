//! What goes up the stack, unchanged, and under which reason.

use super::frame::{Datagram, Sum, rtp};
use super::*;

const STUN: &[u8] = &[
    0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
];

/// Runs a frame in every mode, and says under which reason it went up the stack; `None` without one.
fn goes_up(kernel: &Kernel, frame: &[u8]) -> Option<&'static str> {
    let reason = |mode| {
        let before = kernel.reasons();
        let ran = kernel.run(mode, frame, 1).expect("a run");
        assert_eq!(
            (ran.action, ran.frame.as_slice()),
            (pass(mode), frame),
            "{mode:?}"
        );
        let counted = kernel.reasons().into_iter().zip(before);
        let mut moved = counted.filter(|((_, after), (_, before))| after != before);
        let reason = moved.next().map(|((name, _), _)| name);
        assert_eq!(moved.next(), None, "{mode:?}");
        reason
    };
    let [native, generic, tc] = MODES.map(reason);
    assert_eq!((native, native), (generic, tc));
    native
}

#[test]
fn what_does_not_fit_goes_up() {
    for (source, local, out, dest) in [(PEER4, V4, OUT4, DEST4), (PEER6, V6, OUT6, DEST6)] {
        let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
            return;
        };
        let entry = entry(source, local, out, dest);
        let id = open(&mut table, &entry);
        let from = |source: &str, payload: &[u8]| Datagram::new(source, local, payload).frame(Sum::Whole);
        let good = rtp(8, 1, SSRC, 160);
        let other = if source == PEER4 {
            "198.51.100.8:4000"
        } else {
            "[2001:db8:7::8]:4000"
        };
        let port = source.replace(":4000", ":4001");
        for (what, frame, reason) in [
            ("another address", from(other, &good), "source"),
            ("another port", from(&port, &good), "source"),
            ("another stream", from(source, &rtp(8, 1, SSRC + 1, 160)), "ssrc"),
            (
                "another payload type",
                from(source, &rtp(9, 1, SSRC, 160)),
                "payload-type",
            ),
            (
                "one with a marker",
                from(source, &rtp(0x80 | 102, 1, SSRC, 160)),
                "payload-type",
            ),
            ("STUN", from(source, STUN), "kind"),
            (
                "DTLS",
                from(source, &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                "kind",
            ),
            ("version 1", from(source, &[0x40; 40]), "kind"),
            (
                "RTCP",
                from(source, &[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
                "rtcp",
            ),
            ("half a header", from(source, &good[..11]), "form"),
            ("nothing", from(source, &[]), "form"),
            ("too much", from(source, &rtp(8, 1, SSRC, 1500)), "size"),
        ] {
            assert_eq!(goes_up(&kernel, &frame), Some(reason), "{what}");
        }
        // Of other ports, addresses and protocols the program knows nothing.
        let elsewhere = local.replace(":30000", ":30001");
        let mut tcp = from(source, &good);
        tcp[if source == PEER4 { 23 } else { 20 }] = 6;
        for (what, frame) in [
            (
                "another port of ours",
                Datagram::new(source, &elsewhere, &good).frame(Sum::Whole),
            ),
            (
                "another host's",
                Datagram::new(source, dest, &good).frame(Sum::Whole),
            ),
            ("TCP", tcp),
            ("ARP", [&[2; 12][..], &[8, 6], &[0; 46]].concat()),
        ] {
            assert_eq!(goes_up(&kernel, &frame), None, "{what}");
        }
        assert_eq!(table.retire(id).packets, 0);
        assert_eq!(goes_up(&kernel, &from(source, &good)), None, "the port is free");
    }
}

/// IPv4: what is changed is in the header, at these places.
#[test]
fn odd_headers_go_up() {
    let Some((kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    open(&mut table, &entry(PEER4, V4, OUT4, DEST4));
    let good = Datagram::new(PEER4, V4, &rtp(8, 1, SSRC, 160)).frame(Sum::Whole);
    let with = |changes: &[(usize, u8)]| {
        let mut frame = good.clone();
        changes.iter().for_each(|&(at, byte)| frame[at] = byte);
        frame
    };
    let mut options = with(&[(14, 0x46), (17, 204)]);
    options.splice(34..34, [1; 4]);
    for (what, frame, reason) in [
        ("options", options, Some("form")),
        ("the first fragment", with(&[(20, 0x20)]), Some("fragment")),
        ("another fragment", with(&[(21, 1)]), None),
        (
            "a length beyond the frame",
            with(&[(17, 201), (39, 181)]),
            Some("form"),
        ),
        ("lengths that differ", with(&[(39, 179)]), Some("form")),
        ("a header that is too short", with(&[(14, 0x44)]), None),
        ("a frame that ends early", good[..40].to_vec(), None),
        (
            "two tags",
            [&good[..12], &[0x81, 0, 0, 1, 0x81, 0, 0, 2], &good[12..]].concat(),
            None,
        ),
    ] {
        assert_eq!(goes_up(&kernel, &frame), reason, "{what}");
    }
    // Ethernet pads short frames.
    let short = Datagram::new(PEER4, V4, &rtp(8, 1, SSRC, 0)).frame(Sum::Whole);
    let padded = [&short[..], &[0; 6]].concat();
    assert_eq!(
        kernel.run(Served::Native, &padded, 1).expect("a run").action,
        sent_on(Served::Native)
    );
}

#[test]
fn a_table_that_is_full_refuses_and_recovers() {
    let Some((_kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    let port = |n: u16| format!("192.0.2.1:{}", 30_000 + n);
    let entries: Vec<Entry> = (0..65).map(|n| entry(PEER4, &port(n), OUT4, DEST4)).collect();
    let ids: Vec<EntryId> = entries[..64]
        .iter()
        .map(|e| table.publish(e).expect("room"))
        .collect();
    assert_eq!(table.publish(&entries[64]), Err(Refusal::TableFull));
    table.retire(ids[7]);
    assert_eq!(table.publish(&entries[64]), Err(Refusal::TableFull), "it rests");
    let start = std::time::Instant::now();
    while table.publish(&entries[64]).is_err() {
        assert!(start.elapsed() < std::time::Duration::from_secs(10));
        std::thread::yield_now();
    }
    assert!(start.elapsed() > crate::limits::KERNEL_REST / 2, "it rested");
}

#[test]
fn addresses_without_a_program_are_refused() {
    let Some((mut kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    let foreign = entry(PEER4, "192.0.2.2:30000", OUT4, DEST4);
    assert_eq!(table.publish(&foreign), Err(Refusal::NoProgram));
    let own = entry(PEER4, V4, OUT4, DEST4);
    kernel.serve(own.flow.local.addr.ip(), Served::Not);
    assert_eq!(table.publish(&own), Err(Refusal::NoProgram));
    let mut nowhere = entry(PEER4, V4, OUT4, DEST4);
    nowhere.hop.device = 0x7fff_fff0;
    kernel.serve(own.flow.local.addr.ip(), Served::Native);
    let mut silent = entry(PEER4, V4, OUT4, DEST4);
    silent.hop.xdp = false;
    assert_eq!(table.publish(&silent), Err(Refusal::Device));
    assert_eq!(table.publish(&nowhere), Err(Refusal::Device));
}
