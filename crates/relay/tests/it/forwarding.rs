//! What is forwarded, where to, and changed how.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plan::{
    CallKey, Command, Component, ExtMap, FlowStats, Framing, MediaState, PlanSet, SocketId, Tap, TapId,
    TapPoint,
};

use crate::world::{A, B, CALL, World, addr, pair, plan, rtp, rtp_at, sink, socket};

#[test]
fn media_is_forwarded_as_it_is() {
    let mut world = World::new(pair());
    let packet = rtp(5, 1);
    assert_eq!(world.arrive(A, 1, &packet), format!("2>{B}"));
    assert_eq!(world.sent, [packet]);
    assert_eq!(world.arrive(A, 9, &rtp(5, 2)), "no-flow");
}

#[test]
fn the_plan_decides_what_flows() {
    let check = |what: &str, change: &dyn Fn(&mut Vec<plan::Plan>), expect: &str| {
        let mut plans = pair();
        change(&mut plans);
        assert_eq!(World::new(plans).arrive(A, 1, &rtp(5, 1)), expect, "{what}");
    };
    let hold = MediaState {
        recv: false,
        send: true,
        blocked: false,
    };
    check("no sink", &|p| p[0].sinks.clear(), "no-sink");
    check("sender on hold", &|p| p[0].media = hold, "direction");
    check(
        "receiver on hold",
        &|p| {
            p[1].media = MediaState {
                recv: true,
                send: false,
                blocked: false,
            }
        },
        "direction",
    );
    check("blocked", &|p| p[0].media.blocked = true, "blocked");
    check("no peer", &|p| p[1].peer = None, "no-peer");
    check(
        "forbidden peer",
        &|p| p[1].peer_forbidden = true,
        "forbidden-peer",
    );
    check(
        "port zero",
        &|p| p[1].peer = Some(addr("198.51.100.3:0")),
        "forbidden-peer",
    );
    check("nat-wait", &|p| p[1].nat_wait = true, "no-peer");
    check(
        "payload type",
        &|p| p[0].sinks[0].process.payload_types = vec![8],
        "payload-type",
    );
    check(
        "payload type that passes",
        &|p| p[0].sinks[0].process.payload_types = vec![8, 0],
        &format!("2>{B}"),
    );
    check("echo", &|p| p[0].sinks = vec![sink(1)].into(), &format!("1>{A}"));
    check("to both", &|p| p[0].sinks.push(sink(1)), &format!("2>{B} 1>{A}"));
    check(
        "sink without a flow",
        &|p| p[0].sinks = vec![sink(77)].into(),
        "no-sink",
    );
}

#[test]
fn what_is_not_media_is_not_forwarded() {
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
    for (what, bytes, expect, expect_ice, expect_opaque) in [
        ("empty", &[][..], "malformed", "malformed", "fwd"),
        ("short", &[0x80, 0, 0], "malformed", "malformed", "fwd"),
        ("text", b"hello world, hello", "malformed", "malformed", "fwd"),
        (
            "dtls",
            &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "unexpected",
            "unexpected",
            "fwd",
        ),
        ("stun", &stun, "unexpected", "punted", "punted"),
    ] {
        assert_eq!(World::new(pair()).arrive(A, 1, bytes), expect, "{what}");
        let mut plans = pair();
        plans[0].punt_stun = true;
        assert_eq!(World::new(plans).arrive(A, 1, bytes), expect_ice, "{what}, ICE");
        let mut plans = pair();
        plans[0].framing = Framing::Opaque;
        plans[0].punt_stun = true;
        let expect = if expect_opaque == "fwd" {
            format!("2>{B}")
        } else {
            expect_opaque.into()
        };
        assert_eq!(World::new(plans).arrive(A, 1, bytes), expect, "{what}, opaque");
    }
}

#[test]
fn header_extensions_are_filtered_per_sink() {
    let mut plans = pair();
    let map = ExtMap {
        ids: vec![(1, 0), (2, 9)],
        keep_unknown: false,
        two_byte: true,
        mid: None,
    };
    plans[0].sinks[0].process.ext_map = Some(Arc::new(map));
    plans[0].sinks.push(sink(1));
    let mut packet = rtp(5, 1);
    packet[0] |= 0x10;
    packet.splice(
        12..12,
        [0xbe, 0xde, 0, 2, 0x10, 0xaa, 0x20, 0xbb, 0x30, 0xcc, 0, 0],
    );
    let mut filtered = rtp(5, 1);
    filtered[0] |= 0x10;
    filtered.splice(12..12, [0xbe, 0xde, 0, 1, 0x90, 0xbb, 0, 0]);
    let mut world = World::new(plans.clone());
    world.arrive(A, 1, &packet);
    assert_eq!(world.sent, [filtered, packet.clone()]);
    // Protected end to end: a changed header would not authenticate.
    plans[0].framing = Framing::Srtp;
    let mut world = World::new(plans);
    world.arrive(A, 1, &packet);
    assert_eq!(world.sent, [packet.clone(), packet]);
}

#[test]
fn a_nat_is_opened_until_the_peer_is_heard() {
    let mut plans = pair();
    plans[1].pierce_nat = true;
    plans[1].nat_wait = true;
    let mut world = World::new(plans);
    for _ in 0..2 {
        assert_eq!(world.relay.poll_timeout(), Some(world.now()));
        assert_eq!(world.timeout(), format!("2>{B}"));
        assert_eq!(world.sent, [[0x80, 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
        world.now_ms += 1_000;
    }
    world.arrive(B, 2, &rtp(5, 1));
    assert_eq!(world.timeout(), "");
    assert_eq!(world.relay.poll_timeout(), None);
    assert_eq!(world.arrive(A, 1, &rtp(6, 1)), format!("2>{B}"));
}

#[test]
fn a_loop_carries_each_packet_twice_at_most() {
    // Two calls that point at each other: what A sends to call 1 goes round through socket 2 and socket 3.
    let other = |flow: u64, to: u64, peer: &str| {
        let mut p = plan(flow, Component::Rtp, Some(peer));
        p.sinks = vec![sink(to)].into();
        p
    };
    for framing in [Framing::Rtp, Framing::Opaque] {
        let frame = |mut plans: Vec<plan::Plan>| {
            plans.iter_mut().for_each(|p| p.framing = framing);
            plans
        };
        // Flow 2 faces call 2's flow 3, and call 2 sends it all back.
        let mut world = World::new(frame(vec![
            other(1, 2, "203.0.113.1:30003"),
            other(2, 2, "203.0.113.1:30003"),
        ]));
        world.install_call(CallKey(2), frame(vec![other(3, 3, "203.0.113.1:30002")]));
        let mut carried = 0;
        for seq in 0..50 {
            let packet = rtp(5, seq);
            let mut next = world.arrive(A, 1, &packet);
            while let Some((socket, _)) = next.split_once('>') {
                carried += 1;
                assert!(carried < 1000, "{framing:?}: no end");
                let (from, at) = if socket == "2" {
                    ("203.0.113.1:30002", 3)
                } else {
                    ("203.0.113.1:30003", 2)
                };
                next = world.arrive(from, at, &packet);
            }
            assert_eq!(next, "loop");
        }
        // In, then at most twice through each of the two flows of the circle.
        assert!(carried <= 50 * 5, "{framing:?}: {carried}");
        assert!(world.events.iter().any(|e| matches!(e, plan::Event::Loop { .. })));
    }
}

#[test]
fn parties_may_repeat_themselves_without_being_a_loop() {
    let mut plans = pair();
    plans.iter_mut().for_each(|p| p.framing = Framing::Opaque);
    let mut world = World::new(plans);
    for _ in 0..10 {
        assert_eq!(world.arrive(A, 1, b"keepalive"), format!("2>{B}"));
    }
}

#[test]
fn sockets_stay_while_a_plan_lists_them_and_are_released_once() {
    let released = |world: &mut World| {
        let mut ids = Vec::new();
        world.relay.drain_released(|SocketId(id)| ids.push(id));
        ids
    };
    let mut world = World::new(pair());
    let mut plans = pair();
    plans[1].sockets = vec![socket(8), socket(2)].into();
    world.install(plans.clone());
    assert_eq!(released(&mut world), []);
    assert_eq!(
        world.arrive(B, 2, &rtp(5, 1)),
        format!("1>{A}"),
        "late packets at the old port"
    );
    assert_eq!(world.arrive(B, 8, &rtp(5, 2)), format!("1>{A}"));
    plans[1].sockets = vec![socket(8)].into();
    world.install(plans);
    assert_eq!(released(&mut world), [2]);
    assert_eq!(world.arrive(B, 2, &rtp(5, 3)), "no-flow");
    assert_eq!(world.arrive(A, 1, &rtp(6, 1)), format!("8>{B}"));
    world.relay.apply(world.now(), Command::Remove(CALL));
    assert_eq!(released(&mut world), [1, 8]);
    assert_eq!(world.arrive(A, 1, &rtp(6, 2)), "no-flow");
    // A set without flows ends a call too.
    let mut world = World::new(pair());
    world.relay.apply(
        world.now(),
        Command::Install(PlanSet {
            call: CALL,
            generation: 1,
            plans: Vec::new(),
        }),
    );
    assert_eq!(released(&mut world), [1, 2]);
}

#[test]
fn a_new_plan_keeps_counters() {
    let mut world = World::new(pair());
    world.arrive(A, 1, &rtp(5, 1));
    let plans = pair();
    let stats: Arc<FlowStats> = plans[0].stats.clone();
    world.install(plans);
    world.arrive(A, 1, &rtp(5, 2));
    assert_eq!(stats.packets.load(Relaxed), 2);
    assert_eq!(stats.ssrc[0].packets.load(Relaxed), 2);
}

#[test]
fn taps_copy_what_came_and_what_went() {
    let mut plans = pair();
    plans[0].taps = vec![Tap {
        id: TapId(1),
        point: TapPoint::Ingress,
    }];
    plans[1].taps = vec![Tap {
        id: TapId(2),
        point: TapPoint::Egress,
    }];
    let mut world = World::new(plans);
    let packet = rtp(5, 1);
    world.arrive(A, 1, &packet);
    let mut seen = Vec::new();
    world.relay.drain_taps(|t| {
        assert_eq!(t.bytes, packet);
        seen.push((t.tap.id.0, t.from.to_string(), t.to.to_string()));
    });
    let (one, two) = (socket(1).addr.to_string(), socket(2).addr.to_string());
    assert_eq!(seen, [(1, A.into(), one), (2, two, B.into())]);
}

#[test]
fn streams_are_counted_by_ssrc() {
    let plans = pair();
    let stats = plans[0].stats.clone();
    let mut world = World::new(plans);
    // In order, wrapping, one lost, one late, one twice; 20 ms apart but one 16 ms late.
    for (ms, seq, ts) in [
        (0, 65_534, 0),
        (20, 65_535, 160),
        (40, 1, 480),
        (56, 0, 320),
        (57, 0, 320),
        (80, 3, 800),
    ] {
        world.now_ms = crate::world::START_MS + ms;
        world.arrive(A, 1, &rtp_at(5, seq, ts));
    }
    let s = &stats.ssrc[0];
    assert_eq!(s.ssrc_plus_one.load(Relaxed), 6);
    assert_eq!(s.packets.load(Relaxed), 6);
    assert_eq!(s.bytes.load(Relaxed), 6 * 172);
    assert_eq!(s.ext_seq.load(Relaxed), 0x1_0003);
    assert_eq!((s.lost.load(Relaxed), s.duplicates.load(Relaxed)), (1, 1));
    assert_eq!(s.jitter.load(Relaxed), 0, "not before it has settled");
    for n in 0..40_u16 {
        world.now_ms += if n % 2 == 0 { 30 } else { 10 };
        world.arrive(A, 1, &rtp_at(5, 4 + n, 960 + u32::from(n) * 160));
    }
    // Intervals alternate by 10 ms = 80 units around the clock: the estimate tends to that.
    let jitter = s.jitter.load(Relaxed);
    assert!((60..=80).contains(&jitter), "{jitter}");
    // Far away twice in a row is a restart, and no loss.
    world.arrive(A, 1, &rtp_at(5, 30_000, 0));
    world.arrive(A, 1, &rtp_at(5, 30_001, 160));
    assert_eq!(s.lost.load(Relaxed), 1);
}
