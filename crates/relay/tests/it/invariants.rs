//! Whatever comes: every packet is sent, handed up, or dropped for exactly one reason, and nothing panics.

use std::sync::Arc;
use std::time::Duration;

use ::srtp::Sender;
use plan::{
    Bundle, BundleMember, Command, Component, Datagram, DropReason, FlowId, FlowStats, Follow, Framing,
    Learning, Plan, PlanSet, RtcpPolicy, RtcpReports, Security, SocketId, Tap, TapId, TapPoint, Time,
};
use rand::rngs::StdRng;
use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand::{Rng, SeedableRng};
use relay::{Batch, Config, Outbox, Relay};
use std::sync::atomic::Ordering::Relaxed;

use crate::srtp::{sender, srtp};
use crate::world::{A, B, CALL, addr, plan, rtp, sink, socket};

fn random_plan(rng: &mut StdRng, flow: u64, stats: &Arc<FlowStats>) -> Plan {
    let component = *[Component::Rtp, Component::Rtcp, Component::Mux]
        .choose(rng)
        .expect("some");
    let peers = [None, Some(A), Some(B), Some("203.0.113.1:30001")];
    let mut p = plan(flow, component, *peers.choose(rng).expect("some"));
    p.stats = stats.clone();
    p.framing = *[Framing::Rtp, Framing::Rtp, Framing::Srtp, Framing::Opaque]
        .choose(rng)
        .expect("some");
    p.source.learning = *[
        Learning::Off,
        Learning::Immediate,
        Learning::Delayed,
        Learning::Heuristic,
    ]
    .choose(rng)
    .expect("some");
    p.source.strict = rng.random();
    p.source.handover = rng.random();
    p.source.epoch = rng.random_range(0..3);
    p.media.recv = rng.random_bool(0.9);
    p.media.send = rng.random_bool(0.9);
    p.media.blocked = rng.random_bool(0.05);
    p.punt_stun = rng.random();
    p.pierce_nat = rng.random();
    p.nat_wait = rng.random_bool(0.1);
    for to in 1..=4 {
        for sinks in [&mut p.sinks, &mut p.rtcp_sinks] {
            if rng.random_bool(0.4) {
                let mut sink = sink(to);
                sink.rtcp = *[
                    RtcpPolicy::Forward,
                    RtcpPolicy::StripFeedback,
                    RtcpPolicy::Consume,
                ]
                .choose(rng)
                .expect("some");
                if rng.random_bool(0.3) {
                    let map = plan::ExtMap {
                        ids: vec![(1, 0), (2, 20)],
                        keep_unknown: rng.random(),
                        two_byte: rng.random(),
                        mid: None,
                    };
                    sink.process.ext_map = Some(Arc::new(map));
                }
                sinks.push(sink);
            }
        }
    }
    if rng.random() {
        p.rtcp_flow = Some(plan::FlowId(rng.random_range(1..=4)));
    }
    if rng.random_bool(0.3) {
        p.sockets.push(socket(flow + 10));
    }
    secure(rng, &mut p);
    if rng.random_bool(0.3) {
        p.reports = Some(RtcpReports {
            interval: Duration::from_millis(100),
            cname: Arc::from("x"),
            clock_rates: Vec::new(),
            mid: Some(Arc::from("0")),
        });
    }
    if rng.random_bool(0.3) {
        p.taps = vec![
            Tap {
                id: TapId(1),
                point: TapPoint::Ingress,
            },
            Tap {
                id: TapId(1),
                point: TapPoint::Egress,
            },
        ];
    }
    p
}

/// Keys, checks and shared transports, in any combination.
fn secure(rng: &mut StdRng, p: &mut Plan) {
    let mut security = || match rng.random_range(0..4) {
        0 | 1 => Security::Plain,
        2 => srtp(rng.random_range(1..4)),
        _ => Security::Pending,
    };
    (p.recv, p.send) = (security(), security());
    if rng.random_bool(0.2) {
        p.proven = [A, B].map(addr).into_iter().collect();
        let since = Time(rng.random_range(0..20_000_000));
        let ways = p.sockets.iter().map(|s| (s.id, addr(A))).collect();
        p.follow = rng.random_bool(0.5).then(|| Box::new(Follow { since, ways }));
    }
    if rng.random_bool(0.3) {
        p.transport = Some(FlowId(rng.random_range(1..=4)));
    }
    if rng.random_bool(0.3) {
        let member = |flow| BundleMember {
            flow: FlowId(flow),
            mid: vec![b'0' + u8::try_from(flow).expect("small")].into(),
            mid_extension: Some(1),
            payload_types: vec![u8::try_from(flow).expect("small")],
            ssrcs: vec![u32::try_from(flow).expect("small")],
        };
        let members = (0..6).map(member).collect();
        p.bundle = Some(Arc::new(Bundle { members }));
    }
    for sink in p.sinks.iter_mut().chain(&mut p.rtcp_sinks) {
        sink.process.keep_protection = rng.random_bool(0.2);
    }
    p.punt_dtls = rng.random();
}

fn random_packet(rng: &mut StdRng, senders: &mut [Sender]) -> Vec<u8> {
    let bytes = random_bytes(rng);
    let sender = senders.choose_mut(rng).expect("some");
    let mut room = [&bytes[..], &[0; 32]].concat();
    let sealed = match ::rtp::classify(&bytes) {
        ::rtp::Kind::Rtp if rng.random() => sender.protect_rtp(&mut room, bytes.len()),
        ::rtp::Kind::Rtcp if rng.random() => sender.protect_rtcp(&mut room, bytes.len()),
        _ => return bytes,
    };
    sealed.map_or(bytes, |len| room[..len].to_vec())
}

fn random_bytes(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = match rng.random_range(0..5) {
        0 => (0..rng.random_range(0..60)).map(|_| rng.random()).collect(),
        4 => [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat(),
        1 => vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
        2 => [
            &[0x80, 201, 0, 1, 0, 0, 0, 1][..],
            &[0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
        ]
        .concat(),
        _ => rtp(rng.random_range(0..6), rng.random_range(0..2000)),
    };
    if rng.random_bool(0.2) && bytes.len() > 16 {
        bytes[0] |= 0x10;
        bytes.splice(
            12..12,
            [0xbe, 0xde, 0, rng.random_range(0..3), 0x10, 0xaa, 0x20, 0xbb],
        );
    }
    if let Some(at) = (0..bytes.len())
        .collect::<Vec<_>>()
        .choose(rng)
        .filter(|_| rng.random_bool(0.3))
    {
        bytes[*at] = rng.random();
    }
    bytes
}

#[test]
fn every_packet_has_exactly_one_fate() {
    let sources = [
        A,
        B,
        "198.51.100.1:9",
        "192.0.2.1:2010",
        "203.0.113.1:30001",
        "[2001:db8::1]:5000",
    ]
    .map(addr);
    let mut reasons = vec![0; DropReason::ALL.len()];
    let mut waited = 0;
    for seed in 0..150_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut relay = Relay::new(Config { seed });
        let mut senders = [1, 2, 3].map(sender);
        let stats: Vec<Arc<FlowStats>> = (0..4).map(|_| Arc::default()).collect();
        let (mut batch, mut out) = (Batch::new(16, 256), Outbox::new(1, 1));
        let (mut now, mut handed, mut sent) = (Time(1_000_000), 0, 0_u64);
        let (mut asked, mut said) = (0, 0);
        for turn in 0..=120 {
            // Media waits 100 ms at most for the proof of its source.
            now = now + Duration::from_millis(if turn < 120 { rng.random_range(0..150) } else { 100 });
            if rng.random_bool(0.2) {
                let plans = (1..=4).filter(|_| rng.random_bool(0.8)).collect::<Vec<u64>>();
                let plans = plans
                    .into_iter()
                    .map(|f| random_plan(&mut rng, f, &stats[f as usize - 1]))
                    .collect();
                relay.apply(
                    now,
                    Command::Install(PlanSet {
                        call: CALL,
                        generation: 0,
                        plans,
                    }),
                );
            } else if rng.random_bool(0.05) {
                relay.apply(now, Command::Remove(CALL));
            }
            relay.apply(
                now,
                Command::Send(Datagram {
                    call: CALL,
                    socket: SocketId(rng.random_range(0..6)),
                    dest: addr(A),
                    bytes: Box::new([0; 20]),
                }),
            );
            asked += 1;
            assert!(relay.poll_datagrams(&mut out), "seed {seed}: they fit");
            said += out.transmits().len() as u64;
            out.clear();
            batch.clear();
            let arriving = if turn < 120 { rng.random_range(0..=16) } else { 0 };
            for _ in 0..arriving {
                let socket = SocketId(rng.random_range(0..16));
                batch.push_bytes(
                    socket,
                    *sources.choose(&mut rng).expect("some"),
                    &random_packet(&mut rng, &mut senders),
                );
                handed += 1;
            }
            let mut late = relay.resume(now);
            waited += late.iter().map(Batch::len).sum::<usize>();
            for batch in late.iter_mut().chain([&mut batch]) {
                while !relay.receive(now, batch, &mut out) {
                    assert!(!out.is_empty(), "seed {seed}: no progress");
                    sent += out.transmits().len() as u64;
                    out.clear();
                }
            }
            relay.handle_timeout(now, &mut out);
            sent += out.transmits().len() as u64;
            out.clear();
            relay.drain_events(drop);
            relay.drain_taps(|_| ());
        }
        let totals = relay.totals();
        let load = |pick: fn(&FlowStats) -> u64| stats.iter().map(|s| pick(s)).sum::<u64>();
        let dropped = load(|s| {
            DropReason::ALL
                .iter()
                .map(|r| s.drops[*r as usize].load(Relaxed))
                .sum()
        });
        assert_eq!(totals.received, handed, "seed {seed}");
        assert_eq!(asked, said + totals.datagrams_refused, "seed {seed}");
        assert_eq!(
            totals.received,
            totals.sent + totals.punted + totals.dropped,
            "seed {seed}: {totals:?}"
        );
        assert_eq!(
            totals.dropped,
            totals.no_flow + dropped,
            "seed {seed}: {totals:?}"
        );
        assert_eq!(
            sent,
            load(|s| s.packets_out.load(Relaxed)),
            "seed {seed}: all that is sent is counted"
        );
        for (all, reason) in reasons.iter_mut().zip(DropReason::ALL) {
            *all += stats
                .iter()
                .map(|s| s.drops[*reason as usize].load(Relaxed))
                .sum::<u64>();
        }
    }
    for reason in [
        DropReason::SrtpAuth,
        DropReason::SrtpReplay,
        DropReason::NoKeys,
        DropReason::Repeated,
        DropReason::Unproven,
        DropReason::NoBundleMember,
    ] {
        assert!(reasons[reason as usize] > 0, "{reason:?} never happened");
    }
    assert!(waited > 0, "nothing ever waited");
}
