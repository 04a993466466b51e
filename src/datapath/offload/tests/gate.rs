//! The gate, while packets arrive on other processors.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use testkit::frames::{Frame, rtp};

use super::*;
use crate::datapath::offload::Mark;

#[test]
fn a_closed_gate_keeps_the_last_mark() {
    for (source, local, out, dest) in [(PEER4, V4, OUT4, DEST4), (PEER6, V6, OUT6, DEST6)] {
        let Some((kernel, mut table)) = loaded(&[V4, V6]) else {
            return;
        };
        for mode in MODES {
            let run = |from: &str, payload: &[u8]| {
                let frame = Frame::new(address(from), address(local), payload).bytes();
                kernel.run(mode, &frame, 1).expect("a run").action
            };
            let id = table.publish(&entry(source, local, out, dest)).expect("room");
            let packets: Vec<Vec<u8>> = (1..4).map(|seq| rtp(0, seq, SSRC, 20)).collect();
            assert!(!table.open(id, Mark::NONE), "nothing has come yet");
            packets
                .iter()
                .for_each(|packet| assert_eq!(run(source, packet), pass(mode)));
            // Another source's leave none; what the entry would not forward does.
            run(&source.replace(":4000", ":4001"), b"a stranger");
            assert!(!table.open(id, Mark::of(&packets[1])), "one is under way");
            run(source, b"no RTP");
            assert!(!table.open(id, Mark::of(&packets[2])), "something is under way");
            assert!(table.open(id, Mark::of(b"no RTP")));
            assert_eq!(run(source, &packets[0]), sent_on(mode));
            assert_eq!(table.retire(id).packets, 1);
        }
    }
}

/// Packets run through the program in several threads while the gate is opened: each is either counted by the entry or
/// sent up the stack, and none gets lost in between.
#[test]
fn gates_and_counters_agree_under_load() {
    const PACKETS: u64 = 20_000;
    let Some((kernel, mut table)) = loaded(&[V4]) else {
        return;
    };
    for _ in 0..5 {
        let id = table.publish(&entry(PEER4, V4, OUT4, DEST4)).expect("room");
        let payload = rtp(0, 1, SSRC, 20);
        let frame = Frame::new(address(PEER4), address(V4), &payload).bytes();
        let (up, forwarded, opened) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..PACKETS {
                        let before = opened.load(Ordering::Acquire);
                        let action = kernel.run(Served::Native, &frame, 1).expect("a run").action;
                        let count = if action == sent_on(Served::Native) {
                            &forwarded
                        } else {
                            &up
                        };
                        assert!(!before || action == sent_on(Served::Native), "the gate was open");
                        count.fetch_add(1, Ordering::AcqRel);
                    }
                });
            }
            while up.load(Ordering::Acquire) < 1000 || !table.open(id, Mark::of(&payload)) {
                std::hint::spin_loop();
            }
            opened.store(true, Ordering::Release);
        });
        let counts = table.retire(id);
        assert_eq!(counts.packets, forwarded.load(Ordering::Acquire));
        assert_eq!(counts.bytes, counts.packets * payload.len() as u64);
        assert_eq!(counts.packets + up.load(Ordering::Acquire), 3 * PACKETS);
        assert!(counts.packets > 0);
    }
}
