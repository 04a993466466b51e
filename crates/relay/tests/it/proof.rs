//! Media and the proof of its source, which comes by another way: who is quicker than the proof waits, who moves among
//! proven ways is followed, and a stranger gains nothing by either.

use plan::{Event, Follow, Plan, SocketId, Time};
use relay::limits::{ASKERS_PER_FLOW, PROOF_US, WAITING_MAX, WAITING_PER_SOCKET_MAX};

use crate::srtp::{seal, secured, sender};
use crate::world::{A, B, START_MS, World, addr, pair, rtp, socket};

/// Where A's media comes from when the proof is under way.
const NEW: &str = "198.51.100.1:6000";
const STRANGER: &str = "192.0.2.66:6000";
const STUN: [u8; 20] = [
    0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// A call whose caller does ICE: these sources have passed a check.
fn checked(proven: &[&str], security: bool) -> Vec<Plan> {
    let mut plans = if security { secured(pair()) } else { pair() };
    plans[0].punt_stun = true;
    plans[0].proven = proven.iter().map(|a| addr(a)).collect();
    plans
}

#[test]
fn who_is_quicker_than_the_proof_waits_for_it() {
    for security in [false, true] {
        let mut world = World::new(checked(&[A], security));
        let mut keys = sender(1);
        let mut packet = |seq| {
            let plain = rtp(5, seq);
            if security { seal(&mut keys, &plain) } else { plain }
        };
        assert_eq!(
            world.arrive(NEW, 1, &packet(1)),
            "ice-unproven",
            "nobody has asked"
        );
        assert_eq!(world.arrive(NEW, 1, &STUN), "punted");
        assert_eq!(world.arrive(NEW, 1, &packet(2)), "waits");
        assert_eq!(world.arrive(STRANGER, 1, &packet(3)), "ice-unproven");
        assert_eq!(world.arrive(NEW, 1, &packet(4)), "waits");
        assert_eq!(world.resume(), "", "not yet");
        world.install(checked(&[A, NEW], security));
        assert_eq!(world.resume(), format!("2>{B} 2>{B}"), "in order");
        let seqs: Vec<u8> = world.sent.iter().map(|p| p[3]).collect();
        assert_eq!(seqs, [2, 4]);
        assert_eq!(world.arrive(NEW, 1, &packet(5)), format!("2>{B}"));
        assert_eq!(world.resume(), "");
    }
}

#[test]
fn who_is_not_proven_in_time_is_dropped_and_was_never_learned() {
    for (security, ends) in [(false, false), (true, false), (false, true)] {
        let mut world = World::new(checked(&[A], security));
        assert_eq!(world.arrive(STRANGER, 1, &STUN), "punted");
        let packet = rtp(5, 1);
        assert_eq!(world.arrive(STRANGER, 1, &packet), "waits");
        world.events.clear();
        // A plan that does not name it, or the end of the call, which nobody waits out.
        world.install(if ends { Vec::new() } else { checked(&[A], security) });
        let before = world.relay.totals();
        assert_eq!(world.resume(), "");
        let until = Time(START_MS * 1000 + PROOF_US);
        assert_eq!(world.relay.poll_timeout(), (!ends).then_some(until));
        world.now_ms = until.0 / 1000;
        assert_eq!(world.resume(), "");
        let after = world.relay.totals();
        assert_eq!(after.dropped, before.dropped + 1);
        assert_eq!(after.no_flow, before.no_flow + u64::from(ends));
        assert_eq!(world.relay.poll_timeout(), None);
        if !ends {
            assert_eq!(world.arrive(STRANGER, 1, &packet), "ice-unproven", "too late");
            assert_eq!(
                world.arrive(B, 2, &rtp(6, 1)),
                if security {
                    "srtp-auth".into()
                } else {
                    format!("1>{A}")
                }
            );
        }
        let learned = |e: &&Event| matches!(e, Event::Learned { flow, .. } if flow.0 == 1);
        assert_eq!(world.events.iter().filter(learned).count(), 0);
    }
}

#[test]
fn what_waits_is_bounded() {
    let flows = WAITING_MAX / WAITING_PER_SOCKET_MAX + 1;
    let plans = (1..=flows as u64).map(|n| Plan {
        sockets: vec![socket(n)].into(),
        ..Plan {
            flow: plan::FlowId(n),
            ..checked(&[A], false).swap_remove(0)
        }
    });
    let mut world = World::new(plans.collect());
    for flow in 1..=flows as u32 {
        assert_eq!(world.arrive(NEW, flow, &STUN), "punted");
        for n in 0..=WAITING_PER_SOCKET_MAX {
            let waits = n < WAITING_PER_SOCKET_MAX && flow < flows as u32;
            let expect = if waits { "waits" } else { "ice-unproven" };
            assert_eq!(
                world.arrive(NEW, flow, &rtp(5, n as u16)),
                expect,
                "{n} at {flow}"
            );
        }
    }
    // The source that asked longest ago makes room for another.
    world = World::new(checked(&[A], false));
    let asker = |n: usize| format!("192.0.2.1:{}", 7_000 + n);
    for n in 0..=ASKERS_PER_FLOW {
        assert_eq!(world.arrive(&asker(n), 1, &STUN), "punted");
    }
    for n in 0..=ASKERS_PER_FLOW {
        let expect = if n == 0 { "ice-unproven" } else { "waits" };
        assert_eq!(world.arrive(&asker(n), 1, &rtp(5, n as u16)), expect);
    }
}

/// A has its pair at the first socket, and another valid one from `NEW` to socket 5.
fn followed(since_ms: u64) -> Vec<Plan> {
    let mut plans = checked(&[A, NEW, STRANGER], false);
    plans[0].sockets.push(socket(5));
    plans[0].follow = Some(Box::new(Follow {
        since: Time(since_ms * 1000),
        ways: vec![(SocketId(5), addr(NEW))].into(),
    }));
    plans
}

#[test]
fn the_peer_is_followed_among_checked_ways_at_once_and_once() {
    let mut world = World::new(followed(START_MS + 3_000));
    let mut seq = 0;
    let mut answers = |world: &mut World| {
        seq += 1;
        world.arrive(B, 2, &rtp(6, seq))
    };
    let (old, new) = (format!("1>{A}"), format!("5>{NEW}"));
    let onward = format!("2>{B}");
    assert_eq!(world.arrive(NEW, 5, &rtp(5, 1)), onward);
    assert_eq!(answers(&mut world), old, "too soon");
    world.now_ms += 3_000;
    assert_eq!(world.arrive(NEW, 1, &rtp(5, 2)), onward);
    assert_eq!(
        answers(&mut world),
        old,
        "another way than the one that was checked"
    );
    assert_eq!(world.arrive(STRANGER, 5, &rtp(5, 3)), onward);
    assert_eq!(
        answers(&mut world),
        old,
        "it may speak, but nobody has asked it whether it wants to hear"
    );
    world.events.clear();
    assert_eq!(world.arrive(NEW, 5, &rtp(5, 4)), onward);
    assert_eq!(answers(&mut world), new, "at once");
    let told =
        |e: &&Event| matches!(e, Event::Learned { peer, local, .. } if *peer == addr(NEW) && local.0 == 5);
    assert_eq!(
        world.events.iter().filter(told).count(),
        1,
        "control is told at once"
    );
    world.now_ms += 1_000;
    world.events.clear();
    assert_eq!(world.arrive(STRANGER, 5, &rtp(5, 5)), onward);
    assert_eq!(world.arrive(A, 1, &rtp(5, 6)), onward);
    assert_eq!(answers(&mut world), new, "once");
    assert_eq!(world.events.len(), 0, "and of nothing else");
    assert_eq!(world.arrive(NEW, 5, &rtp(5, 7)), onward);
    assert_eq!(
        world.events.iter().filter(told).count(),
        1,
        "again, in case that it was not heard"
    );

    // A plan that was on its way changes nothing; one that knows the way or forbids it does.
    world.install(followed(START_MS));
    assert_eq!(answers(&mut world), new);
    let mut none = followed(START_MS);
    none[0].follow = None;
    world.install(none);
    assert_eq!(answers(&mut world), old);
    let mut moved = followed(START_MS + 60_000);
    moved[0].peer = Some(addr(NEW));
    moved[0].sockets.rotate_left(1);
    world.install(moved);
    assert_eq!(answers(&mut world), new);
    assert_eq!(world.arrive(A, 1, &rtp(5, 8)), onward);
    assert_eq!(answers(&mut world), new);
}

#[test]
fn nobody_is_followed_where_nothing_is_to_be_learned() {
    for (learning, asymmetric) in [(plan::Learning::Off, false), (plan::Learning::Heuristic, true)] {
        let mut plans = followed(START_MS);
        (plans[0].source.learning, plans[0].source.asymmetric) = (learning, asymmetric);
        let mut world = World::new(plans);
        assert_eq!(world.arrive(NEW, 5, &rtp(5, 1)), format!("2>{B}"));
        assert_eq!(world.arrive(B, 2, &rtp(6, 1)), format!("1>{A}"));
    }
}
