//! Which flows the kernel is offered, when they are taken back, and that what it did counts as if it had been done here.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plan::{
    Command, Component, ExtMap, FlowId, Framing, Learning, Path, Plan, Refusal, RtcpPolicy, RtcpReports,
    Security, Tap, TapId, TapPoint, Time,
};
use relay::{KernelCounts, Offload};

use crate::srtp::srtp;
use crate::world::{A, B, CALL, START_MS, World, addr, pair, pair_with_rtcp, plan, rtp, sink, socket};

const OTHER: &str = "198.51.100.6:2032";

fn world(plans: Vec<Plan>) -> World {
    let mut world = World::new(Vec::new());
    world.relay.offer_flows();
    world.install(plans);
    world
}

/// What changes in the kernel now, in a word each.
fn changes(world: &mut World) -> Vec<String> {
    let mut changes = Vec::new();
    while let Some(change) = world.relay.poll_offload(world.now()) {
        changes.push(match change {
            Offload::Install(kernel) => {
                let types: Vec<u8> = (0..128)
                    .filter(|pt| kernel.payload_types >> pt & 1 == 1)
                    .collect();
                let types = match types.len() {
                    128 => "all".into(),
                    _ => format!("{types:?}"),
                };
                format!(
                    "+{} {}@{} {:?} {types} {}>{}",
                    kernel.flow.0,
                    kernel.source,
                    kernel.local.id.0,
                    kernel.ssrc,
                    kernel.out.id.0,
                    kernel.dest
                )
            }
            Offload::Withdraw(flow, socket) => format!("-{} @{}", flow.0, socket.0),
        });
    }
    changes
}

/// A's flow with the stream 5 as the kernel gets it.
fn installed() -> String {
    format!("+1 {A}@1 Some(5) [0] 2>{B}")
}

/// A call whose flow from A is in the kernel.
fn offered() -> World {
    let mut world = world(pair());
    world.arrive(A, 1, &rtp(5, 1));
    assert_eq!(changes(&mut world), [installed()]);
    world
}

fn map() -> Option<Arc<ExtMap>> {
    Some(Arc::new(ExtMap {
        ids: vec![(1, 2)],
        keep_unknown: true,
        two_byte: false,
        mid: None,
    }))
}

fn reports() -> Option<RtcpReports> {
    Some(RtcpReports {
        interval: std::time::Duration::from_secs(5),
        cname: "x".into(),
        clock_rates: Vec::new(),
        mid: None,
    })
}

const TAP: Tap = Tap {
    id: TapId(1),
    point: TapPoint::Egress,
};

#[test]
fn what_the_kernel_cannot_do_is_refused_by_its_name() {
    type Row = (&'static str, fn(&mut Vec<Plan>), Refusal);
    let rows: &[Row] = &[
        ("no sink", |p| p[0].sinks.clear(), Refusal::NoSink),
        ("no receiving", |p| p[0].media.recv = false, Refusal::NoSink),
        ("blocked", |p| p[0].media.blocked = true, Refusal::NoSink),
        ("no sending", |p| p[1].media.send = false, Refusal::NoSink),
        (
            "another sink",
            |p| {
                p.push(plan(3, Component::Rtp, Some(OTHER)));
                p[0].sinks.push(sink(3));
            },
            Refusal::Fanout,
        ),
        ("on hold", |p| p[1].peer = None, Refusal::NoPeer),
        ("forbidden", |p| p[1].peer_forbidden = true, Refusal::NoPeer),
        ("not heard", |p| p[1].nat_wait = true, Refusal::NoPeer),
        ("encrypted", |p| p[0].recv = srtp(1), Refusal::Srtp),
        ("to be encrypted", |p| p[1].send = srtp(1), Refusal::Srtp),
        ("without keys", |p| p[1].send = Security::Pending, Refusal::Srtp),
        (
            "extensions",
            |p| p[0].sinks[0].process.ext_map = map(),
            Refusal::Rewrite,
        ),
        ("recorded", |p| p[0].taps.push(TAP), Refusal::Recording),
        ("recorded there", |p| p[1].taps.push(TAP), Refusal::Recording),
        ("reported", |p| p[0].reports = reports(), Refusal::Rtcp),
        ("reported there", |p| p[1].reports = reports(), Refusal::Rtcp),
        (
            "not settled",
            |p| p[0].peer = Some(addr(OTHER)),
            Refusal::Learning,
        ),
        (
            "not checked",
            |p| p[0].proven = vec![addr(A), addr(OTHER)].into(),
            Refusal::NoStream,
        ),
        (
            "checked elsewhere",
            |p| {
                p[0].peer = Some(addr(OTHER));
                p[0].proven = vec![addr(A)].into();
            },
            Refusal::Learning,
        ),
    ];
    for (what, change, refusal) in rows {
        let mut plans = pair();
        change(&mut plans);
        let silent = *refusal == Refusal::NoStream;
        let mut world = world(plans);
        assert_eq!(changes(&mut world), [""; 0], "{what}: nothing came yet");
        if !silent {
            world.arrive(A, 1, &rtp(5, 1));
        }
        assert_eq!(changes(&mut world), [""; 0], "{what}");
        assert_eq!(world.stats_of(1).refusal(), Some(*refusal), "{what}");
        assert_eq!(world.stats_of(1).path(), Path::Sockets, "{what}");
    }
}

#[test]
fn what_the_kernel_can_do_is_offered_with_the_first_packet() {
    let mut blind = pair_with_rtcp();
    for plan in &mut blind {
        plan.framing = Framing::Srtp;
    }
    let mut learning_off = pair();
    learning_off[0].source.learning = Learning::Off;
    let mut filtered = pair();
    filtered[0].clock_rates = vec![(0, 8000), (8, 8000), (72, 8000), (101, 8000)].into();
    filtered[0].sinks[0].process.payload_types = vec![0, 101, 111];
    let mut opaque = pair();
    opaque[0].framing = Framing::Udptl;
    let mut checked = pair();
    checked[0].proven = vec![addr(OTHER), addr(A)].into();
    checked[0].punt_stun = true;
    let mut echo = pair();
    echo[0].sinks[0] = sink(1);
    let mut extensions_unread = pair();
    extensions_unread[0].framing = Framing::Srtp;
    extensions_unread[0].sinks[0].process.ext_map = map();
    for (what, plans, expect) in [
        ("plain", pair(), installed()),
        ("learning off", learning_off, installed()),
        (
            "payload types",
            filtered,
            format!("+1 {A}@1 Some(5) [0, 101] 2>{B}"),
        ),
        ("T.38", opaque, format!("+1 {A}@1 None all 2>{B}")),
        ("ICE", checked, installed()),
        ("echo", echo, format!("+1 {A}@1 Some(5) [0] 1>{A}")),
        ("blind SRTP", blind.clone(), installed()),
        ("unchangeable", extensions_unread, installed()),
    ] {
        let mut world = world(plans);
        world.arrive(A, 1, &rtp(5, 1));
        assert_eq!(changes(&mut world), [expect], "{what}");
        assert_eq!(world.stats_of(1).refusal(), Some(Refusal::Moving), "{what}");
        world.arrive(A, 1, &rtp(5, 2));
        assert_eq!(changes(&mut world), [""; 0], "{what}");
    }
    let rr = [&[0x80, 201, 0, 1][..], &[0, 0, 0, 5]].concat();
    for (what, policy, framing, expect) in [
        (
            "plain RTCP",
            RtcpPolicy::Forward,
            Framing::Rtp,
            Err(Refusal::Rtcp),
        ),
        (
            "RTCP of our own",
            RtcpPolicy::Consume,
            Framing::Srtp,
            Err(Refusal::Rtcp),
        ),
        (
            "SRTCP",
            RtcpPolicy::Forward,
            Framing::Srtp,
            Ok("+11 198.51.100.1:2011@11 None all 12>198.51.100.3:2013"),
        ),
    ] {
        let mut plans = blind.clone();
        for plan in &mut plans {
            plan.framing = framing;
            plan.rtcp_sinks.iter_mut().for_each(|s| s.rtcp = policy);
        }
        let mut world = world(plans);
        world.arrive("198.51.100.1:2011", 11, &rr);
        let changes = changes(&mut world);
        let refused = world.stats_of(3).refusal().expect("it was looked at");
        assert_eq!(
            changes.first().map_or(Err(refused), |c| Ok(c.as_str())),
            expect,
            "{what}"
        );
    }
}

#[test]
fn nobody_is_asked_unless_somebody_is_there() {
    let mut world = World::new(pair());
    world.arrive(A, 1, &rtp(5, 1));
    assert_eq!(changes(&mut world), [""; 0]);
    assert_eq!(world.stats_of(1).refusal(), Some(Refusal::Off));
}

#[test]
fn a_plan_that_changes_nothing_leaves_the_kernel_alone() {
    let mut world = offered();
    let mut plans = pair();
    for (plan, nth) in plans.iter_mut().zip([1, 2]) {
        plan.stats = world.shared_stats(nth);
    }
    let again = |world: &mut World, plans: &[Plan]| {
        world.install(plans.to_vec());
        changes(world)
    };
    assert_eq!(again(&mut world, &plans), [""; 0]);
    type Change = fn(&mut Vec<Plan>);
    let withdrawing: &[(&str, Change, Result<&str, Refusal>)] = &[
        ("recording", |p| p[1].taps.push(TAP), Err(Refusal::Recording)),
        ("keys", |p| p[1].send = srtp(1), Err(Refusal::Srtp)),
        ("hold", |p| p[1].media.send = false, Err(Refusal::NoSink)),
        ("a new place", |p| p[1].peer = Some(addr(OTHER)), Ok(OTHER)),
        ("another TOS", |p| p[1].tos = 184, Ok(B)),
    ];
    for (what, change, expect) in withdrawing {
        let mut other = plans.clone();
        change(&mut other);
        world.now_ms += 1_000;
        let now = again(&mut world, &other);
        assert_eq!(now[0], "-1 @1", "{what}");
        match expect {
            Ok(dest) => assert_eq!(now[1..], [format!("+1 {A}@1 Some(5) [0] 2>{dest}")], "{what}"),
            Err(why) => {
                assert_eq!(
                    (now.len(), world.stats_of(1).refusal()),
                    (1, Some(*why)),
                    "{what}"
                );
            }
        }
        world.now_ms += 1_000;
        let back = again(&mut world, &plans);
        assert_eq!(back.last(), Some(&installed()), "{what}");
    }
    // Another party learned: sent to from now on.
    world.now_ms += 1_000;
    plans[1].source.epoch += 1;
    assert_eq!(again(&mut world, &plans), [""; 0]);
    world.arrive("198.51.100.3:4000", 2, &rtp(9, 1));
    assert_eq!(
        changes(&mut world),
        [
            "-1 @1".to_owned(),
            format!("+1 {A}@1 Some(5) [0] 2>198.51.100.3:4000")
        ]
    );
}

#[test]
fn flows_that_end_are_withdrawn_before() {
    let counts = counts(3, 4);
    let with_stats = |world: &World, nth: usize| {
        let mut plan = pair().remove(nth - 1);
        plan.stats = world.shared_stats(nth);
        plan
    };
    type Row = (&'static str, fn(&mut World));
    let ends: &[Row] = &[
        ("removed", |w| {
            w.relay.foresee(&Command::Remove(CALL));
        }),
        ("given away", |w| w.relay.recall(CALL)),
    ];
    for (what, end) in ends {
        let mut world = offered();
        end(&mut world);
        let now = world.now();
        let change = world.relay.poll_offload(now);
        assert!(
            matches!(change, Some(Offload::Withdraw(FlowId(1), _))),
            "{what}: {change:?}"
        );
        world.relay.note_kernel(now, FlowId(1), &counts);
        // Twice is once.
        world.relay.note_kernel(now, FlowId(1), &counts);
        assert_eq!(world.stats_of(1).packets.load(Relaxed), 4, "{what}");
        assert_eq!(world.stats_of(1).ssrc[0].ext_seq.load(Relaxed), 4, "{what}");
        assert_eq!(changes(&mut world), [""; 0], "{what}");
    }
    let mut world = offered();
    let plan = with_stats(&world, 2);
    let set = plan::PlanSet {
        call: CALL,
        generation: 1,
        plans: vec![plan],
    };
    world.relay.foresee(&Command::Install(set.clone()));
    assert_eq!(changes(&mut world), ["-1 @1"]);
    world.command(Command::Install(set));
    assert_eq!(changes(&mut world), [""; 0]);
}

#[test]
fn the_stream_in_the_kernel_gives_way_when_it_is_over() {
    let mut world = offered();
    world.arrive(A, 1, &rtp(6, 1));
    assert_eq!(
        changes(&mut world),
        [""; 0],
        "the first one goes on, as far as we know"
    );
    world.now_ms = START_MS + 600;
    world
        .relay
        .note_kernel(world.now(), FlowId(1), &counts_at(&world, 10, 11));
    world.now_ms += 700;
    world.arrive(A, 1, &rtp(6, 2));
    assert_eq!(changes(&mut world), [""; 0], "it has gone on");
    world.now_ms += 100;
    world.arrive(A, 1, &rtp(6, 3));
    assert_eq!(
        changes(&mut world),
        ["-1 @1".to_owned(), format!("+1 {A}@1 Some(6) [0] 2>{B}")]
    );
}

#[test]
fn a_payload_type_that_nobody_named_is_seen_once() {
    let mut world = offered();
    world.now_ms += 1_000;
    let mut packet = rtp(5, 2);
    packet[1] = 97;
    world.arrive(A, 1, &packet);
    assert_eq!(
        changes(&mut world),
        ["-1 @1".to_owned(), format!("+1 {A}@1 Some(5) [0, 97] 2>{B}")]
    );
}

#[test]
fn what_changes_too_often_stays_here() {
    let mut world = offered();
    let mut installs = 0;
    for n in 0..100_u16 {
        world.now_ms += 10;
        let mut packet = rtp(5, 2 + n);
        packet[1] = 97 + (n % 28) as u8;
        world.arrive(A, 1, &packet);
        installs += changes(&mut world).iter().filter(|c| c.starts_with('+')).count();
    }
    assert!(installs <= 5, "{installs} in a second");
}

#[test]
fn what_has_no_stream_is_offered_again_once_it_has_rested() {
    let mut plans = pair();
    plans[0].framing = Framing::Udptl;
    let mut world = world(plans);
    let installed = |to| format!("+1 {A}@1 None all 2>{to}");
    world.arrive(A, 1, &[1; 20]);
    assert_eq!(changes(&mut world), [installed(B)]);
    // Its receiver turns out to be elsewhere, 50 ms later.
    world.now_ms += 50;
    let mut plans = pair();
    plans[0].framing = Framing::Udptl;
    plans[1].peer = Some(addr(OTHER));
    world.install(plans);
    assert_eq!(changes(&mut world), ["-1 @1"]);
    world.now_ms += 149;
    world.arrive(A, 1, &[2; 20]);
    assert_eq!(changes(&mut world), [""; 0], "it rests");
    world.now_ms += 1;
    world.arrive(A, 1, &[3; 20]);
    assert_eq!(changes(&mut world), [installed(OTHER)]);
}

#[test]
fn a_stranger_waits_until_news_of_the_silence_are_sure() {
    let mut world = offered();
    for (ms, expect) in [
        (510, "foreign-source".to_owned()),
        (740, "foreign-source".into()),
        (751, format!("2>{B}")),
    ] {
        world.now_ms = START_MS + ms;
        assert_eq!(world.arrive(OTHER, 1, &rtp(77, ms as u16)), expect, "{ms}");
    }
}

fn counts(packets: u64, highest_seq: u32) -> KernelCounts {
    KernelCounts {
        packets,
        bytes: packets * 172,
        last: None,
        highest_seq,
        timestamp: highest_seq * 160,
        payload_type: 0,
    }
}

fn counts_at(world: &World, packets: u64, highest_seq: u32) -> KernelCounts {
    KernelCounts {
        last: Some(world.now()),
        ..counts(packets, highest_seq)
    }
}

#[test]
fn what_the_kernel_did_counts_as_if_it_had_been_done_here() {
    /// First sequence number, what the kernel told (packets since, highest), and then: packets, extended highest, lost,
    /// duplicates.
    type Row = (&'static str, u16, &'static [(u64, u32)], [u64; 4]);
    let rows: &[Row] = &[
        ("in a row", 1, &[(3, 4), (6, 10)], [10, 10, 0, 0]),
        ("with loss", 1, &[(3, 5), (5, 11)], [9, 11, 2, 0]),
        ("late ones fill gaps", 1, &[(3, 5), (1, 5)], [5, 5, 0, 0]),
        ("twice the same", 1, &[(6, 4)], [7, 4, 0, 3]),
        (
            "over the end of a cycle",
            65_530,
            &[(3, 65_533), (10, 65_543)],
            [14, 65_543, 0, 0],
        ),
        (
            "a cycle that ends unseen",
            65_535,
            &[(2, 1), (2, 3)],
            [5, 65_539, 0, 0],
        ),
        (
            "cycles that the kernel counted",
            65_000,
            &[(600, 65_600), (65_400, 131_000)],
            [66_001, 131_000, 0, 0],
        ),
        ("begun anew", 1, &[(3, 4), (10, 30_000)], [14, 30_000, 0, 0]),
    ];
    for (what, seq, told, [packets, highest, lost, duplicates]) in rows {
        let mut world = world(pair());
        world.arrive(A, 1, &rtp(5, *seq));
        assert_eq!(changes(&mut world), [installed()], "{what}");
        for (n, highest) in *told {
            world.now_ms += 100;
            let counts = counts_at(&world, *n, *highest);
            world.relay.note_kernel(world.now(), FlowId(1), &counts);
        }
        let (stats, out) = (world.stats_of(1), world.stats_of(2));
        let ssrc = &stats.ssrc[0];
        let read = |n: &std::sync::atomic::AtomicU64| n.load(Relaxed);
        let read32 = |n: &std::sync::atomic::AtomicU32| u64::from(n.load(Relaxed));
        let seen = [
            read(&stats.packets),
            read32(&ssrc.ext_seq),
            read32(&ssrc.lost),
            read32(&ssrc.duplicates),
        ];
        assert_eq!(seen, [*packets, *highest, *lost, *duplicates], "{what}");
        for (name, n) in [
            ("ssrc", read(&ssrc.packets)),
            ("out", read(&out.packets_out)),
            ("kernel", read(&stats.kernel_packets) + 1),
        ] {
            assert_eq!(n, *packets, "{what}: {name}");
        }
        assert_eq!(read(&stats.bytes), packets * 172, "{what}");
        assert_eq!(read(&out.bytes_out), packets * 172, "{what}");
        for last in [&stats.last_packet_us, &out.last_sent_us, &ssrc.last_us] {
            assert_eq!(Time(read(last)), world.now(), "{what}");
        }
        // And here it goes on.
        world.now_ms += 20;
        let next = (*highest as u16).wrapping_add(1);
        world.arrive(A, 1, &rtp(5, next));
        let ssrc = &world.stats_of(1).ssrc[0];
        assert_eq!(
            (read32(&ssrc.ext_seq), read32(&ssrc.lost)),
            (highest + 1, *lost),
            "{what}: goes on"
        );
        assert_eq!(read(&ssrc.packets), packets + 1, "{what}");
    }
}

#[test]
fn what_goes_in_circles_comes_back() {
    let mut world = offered();
    world.now_ms += 250;
    let circling = counts_at(&world, 5_000, 12);
    world.relay.note_kernel(world.now(), FlowId(1), &circling);
    assert_eq!(changes(&mut world), ["-1 @1"]);
    assert_eq!(world.stats_of(1).refusal(), Some(Refusal::Loop));
    for (ms, expect) in [(1_000, 0), (4_000, 0), (6_000, 1)] {
        world.now_ms = START_MS + 250 + ms;
        world.arrive(A, 1, &rtp(5, 13 + (ms / 1_000) as u16));
        assert_eq!(changes(&mut world).len(), expect, "after {ms} ms");
    }
}

/// The kernel forwards nearly all of a stream, some packets come here; then it tells.
#[test]
fn packets_that_come_here_in_between_are_no_circle() {
    let mut world = offered();
    for report in 1..20_u16 {
        world.now_ms += 10;
        let seq = report * 100;
        world.arrive(A, 1, &rtp(5, seq));
        let told = counts_at(&world, 99, u32::from(seq) - 1);
        world.relay.note_kernel(world.now(), FlowId(1), &told);
        assert_eq!(changes(&mut world).len(), 0, "report {report}");
    }
}

#[test]
fn peers_that_the_kernel_heard_need_no_holes_in_their_nats() {
    let mut plans = pair();
    plans[0].pierce_nat = true;
    plans[0].source.epoch = 1;
    let mut world = world(plans);
    assert_eq!(world.timeout(), format!("1>{A}"));
    world.arrive(A, 1, &rtp(5, 1));
    assert_eq!(changes(&mut world).len(), 1);
    world.now_ms += 1_500;
    world
        .relay
        .note_kernel(world.now(), FlowId(1), &counts_at(&world, 10, 11));
    assert_eq!(world.timeout(), "");
}

#[test]
fn sockets_are_free_of_the_kernel_when_they_are_released() {
    let mut world = offered();
    let mut plans = pair();
    plans[0].sockets = vec![socket(7)].into();
    plans[0].stats = world.shared_stats(1);
    world.now_ms += 1_000;
    world.install(plans);
    assert_eq!(changes(&mut world)[0], "-1 @1");
}
