//! Parties on this host, and calls that cross the relay twice.

use testkit::frames::{Frame, rtp};

use super::*;
use crate::datapath::offload::here::Here;
use crate::datapath::offload::{Mark, NextHop};

const BESIDE4: &str = "192.0.2.1:6000";
const BESIDE6: &str = "[2001:db8::1]:6000";

/// The program, which knows of ports of ours, and serves the loopback device if that is said.
fn at_home(loopback: Served) -> Option<(Kernel, WorkerTable)> {
    let (kernel, table) = loaded(&[V4, V6])?;
    let ports = [V4, V6].map(|ours| (address(ours).ip(), 30_000..=30_999));
    kernel.serve_here(Here::new(loopback, ports.into()));
    Some((kernel, table))
}

fn to_here(source: &str, local: &str, out: &str, dest: &str) -> Entry {
    Entry {
        hop: NextHop::HERE,
        ..entry(source, local, out, dest)
    }
}

#[test]
fn a_program_on_this_host_gets_it_up_the_stack() {
    let Some((kernel, mut table)) = at_home(Served::Tc) else {
        return;
    };
    for (source, local, out, dest, from_here) in [
        (PEER6, V6, OUT6, BESIDE6, false),
        (BESIDE6, V6, OUT6, "[2001:db8::1]:6002", true),
        (BESIDE4, V4, OUT4, "192.0.2.1:6002", true),
    ] {
        for mode in [Served::Native, Served::Tc] {
            let entry = Entry {
                from_here,
                ..to_here(source, local, out, dest)
            };
            let id = open(&mut table, &entry);
            for len in 0..70 {
                let sent = Frame::new(address(source), address(local), &rtp(8, len, SSRC, len.into()));
                let ran = kernel.run(mode, &sent.bytes(), 1).expect("a run");
                assert_eq!(ran.action, pass(mode), "{source} {mode:?}");
                let expected = Frame {
                    from: entry.flow.out.addr,
                    to: entry.flow.dest,
                    tos: entry.flow.tos,
                    ttl: NextHop::HERE.ttl,
                    ..sent
                };
                assert_eq!(Frame::read(&ran.frame), expected, "{source} {mode:?}");
            }
            assert!(table.holds(id));
            assert_eq!(table.retire(id).packets, 70);
        }
    }
}

#[test]
fn what_the_stack_would_not_take_is_refused() {
    let Some((_kernel, mut table)) = at_home(Served::Not) else {
        return;
    };
    let martian = to_here(PEER4, V4, OUT4, BESIDE4);
    assert_eq!(table.publish(&martian), Err(Refusal::AcceptLocal));
    let other_family = to_here(PEER4, V4, OUT6, BESIDE6);
    assert_eq!(table.publish(&other_family), Err(Refusal::LocalPeer));
    let inside = to_here(PEER6, V6, OUT6, "[::1]:6000");
    assert_eq!(table.publish(&inside), Err(Refusal::LocalPeer));
    let from_here = Entry {
        from_here: true,
        ..entry(BESIDE4, V4, OUT4, DEST4)
    };
    assert_eq!(
        table.publish(&from_here),
        Err(Refusal::LocalPeer),
        "no program at lo"
    );
}

/// Through two ports of ours, in all combinations of families.
#[test]
fn a_call_that_crosses_the_relay_twice_is_forwarded_once() {
    let Some((kernel, mut table)) = at_home(Served::Tc) else {
        return;
    };
    let between = [
        ("192.0.2.1:30010", "192.0.2.1:30011"),
        ("[2001:db8::1]:30010", "[2001:db8::1]:30011"),
    ];
    let ends = [(PEER4, V4, OUT4, DEST4), (PEER6, V6, OUT6, DEST6)];
    for ((source, local, ..), (out, port), (.., last, dest)) in ends
        .into_iter()
        .flat_map(|first| between.map(|between| (first, between)))
        .flat_map(|(first, between)| ends.map(|last| (first, between, last)))
    {
        let first = to_here(source, local, out, port);
        let second = Entry {
            from_here: true,
            ..entry(out, port, last, dest)
        };
        assert_eq!(
            table.publish(&first),
            Err(Refusal::LocalPeer),
            "nothing there yet"
        );
        let second_id = table.publish(&second).expect("room");
        assert_eq!(
            table.publish(&first),
            Err(Refusal::LocalPeer),
            "its gate is closed"
        );
        table.force(second_id);
        let first_id = open(&mut table, &first);
        let packet = rtp(8, 1, SSRC, 161);
        let sent = Frame::new(address(source), address(local), &packet);
        for mode in MODES {
            let ran = kernel.run(mode, &sent.bytes(), 1).expect("a run");
            assert_eq!(ran.action, sent_on(mode), "{source} {out} {dest} {mode:?}");
            let expected = Frame {
                ethernet: (second.hop.dest, second.hop.source),
                from: second.flow.out.addr,
                to: second.flow.dest,
                tos: second.flow.tos,
                ttl: second.hop.ttl,
                ..sent.clone()
            };
            assert_eq!(
                Frame::read(&ran.frame),
                expected,
                "{source} {out} {dest} {mode:?}"
            );
        }
        assert!(table.holds(first_id));

        // The second half ends: the packet goes up as it came, and closes the first gate, for the worker to open.
        assert_eq!(table.retire(second_id).packets, 3);
        let before = kernel.reasons();
        let ran = kernel.run(Served::Native, &sent.bytes(), 1).expect("a run");
        assert_eq!((ran.action, &ran.frame), (pass(Served::Native), &sent.bytes()));
        let chained = |reasons: &[(&str, u64)]| reasons.iter().find(|r| r.0 == "chain").map(|r| r.1);
        assert_eq!(chained(&kernel.reasons()), chained(&before).map(|n| n + 1));
        assert!(!table.holds(first_id));
        assert!(
            table.open(first_id, Mark::of(&packet)),
            "with the mark of that packet"
        );
        assert_eq!(table.retire(first_id).packets, 3);
    }
}
