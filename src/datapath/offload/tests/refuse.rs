//! What no entry is for goes up the stack; what cannot have an entry is refused.

use testkit::frames::{Frame, Sum, rtp};

use super::*;

/// Runs a frame in every mode: it goes up the stack, unchanged and uncounted.
fn goes_up(kernel: &Kernel, frame: &[u8], what: &str) {
    for mode in MODES {
        let before = kernel.reasons();
        let ran = kernel.run(mode, frame, 1).expect("a run");
        let result = (ran.action, ran.frame.as_slice(), kernel.reasons());
        assert_eq!(result, (pass(mode), frame, before), "{mode:?}: {what}");
    }
}

/// Of other ports, addresses and protocols the program knows nothing.
#[test]
fn what_is_not_ours_goes_up() {
    for (source, local, out, dest) in [(PEER4, V4, OUT4, DEST4), (PEER6, V6, OUT6, DEST6)] {
        let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
            return;
        };
        let id = open(&mut table, &entry(source, local, out, dest));
        let good = rtp(8, 1, SSRC, 160);
        let to = |to: &str| Frame::new(address(source), address(to), &good).bytes();
        let mut tcp = to(local);
        tcp[if source == PEER4 { 23 } else { 20 }] = 6;
        for (what, frame) in [
            ("another port of ours", to(&local.replace(":30000", ":30001"))),
            ("another host's", to(dest)),
            ("TCP", tcp),
            ("ARP", [&[2; 12][..], &[8, 6], &[0; 46]].concat()),
        ] {
            goes_up(&kernel, &frame, what);
        }
        assert_eq!(table.retire(id).packets, 0);
    }
}

/// A source is an address and a port; both count.
#[test]
fn strangers_go_up() {
    for (source, other) in [(PEER4, "198.51.100.8:4000"), (PEER6, "[2001:db8:7::8]:4000")] {
        let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
            return;
        };
        let local = if source == PEER4 { V4 } else { V6 };
        let id = open(&mut table, &entry(source, local, OUT4, DEST4));
        let before = kernel.reasons();
        for sum in [Sum::Whole, Sum::Partial, Sum::Wrong] {
            let frame = Frame {
                sum,
                ..Frame::new(address(other), address(local), &rtp(8, 1, SSRC, 160))
            };
            let ran = kernel.run(Served::Native, &frame.bytes(), 1).expect("a run");
            assert_eq!((ran.action, ran.frame), (pass(Served::Native), frame.bytes()));
        }
        let counted: u64 = kernel.reasons().iter().map(|(_, n)| n).sum();
        assert_eq!(counted - before.iter().map(|(_, n)| n).sum::<u64>(), 3);
        assert_eq!(table.retire(id).packets, 0);
    }
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
