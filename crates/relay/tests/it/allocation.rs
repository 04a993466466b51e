//! Nothing is allocated for a packet that is forwarded, but for the first of a flow.

use std::sync::Arc;

use plan::{
    Bundle, BundleMember, Command, Component, ExtMap, FlowId, Plan, PlanSet, SocketId, Tap, TapId, TapPoint,
    Time,
};
use relay::{Batch, Config, Outbox, Relay};

use crate::srtp::{bridged, rr, seal, secured, sender, srtp};
use crate::world::{A, B, CALL, addr, pair, rtp, sink};

#[test]
fn forwarding_allocates_nothing() {
    let mut plans = pair();
    // One sink as it is, one with extensions filtered: copied into memory that is there already.
    let map = ExtMap {
        ids: vec![(1, 2)],
        keep_unknown: true,
        two_byte: true,
        mid: None,
    };
    let mut filtered = sink(2);
    filtered.process.ext_map = Some(Arc::new(map));
    plans[0].sinks.push(filtered);
    let mut relay = Relay::new(Config { seed: 1 });
    relay.apply(
        Time(0),
        Command::Install(PlanSet {
            call: CALL,
            generation: 0,
            plans,
        }),
    );
    let (mut batch, mut out) = (Batch::new(64, 2048), Outbox::new(256, 1 << 17));
    let (a, b) = (addr(A), addr(B));
    let mut packet = rtp(5, 0);
    packet[0] |= 0x10;
    packet.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
    let mut seq = 0_u16;
    let mut before = allocations::made();
    let mut sent = 0;
    for turn in 0..100 {
        if turn == 1 {
            // Each flow has got room for its loop guard: once, and nothing else.
            assert_eq!(allocations::made() - before, 2);
            before = allocations::made();
        }
        batch.clear();
        for _ in 0..32 {
            seq += 1;
            packet[2..4].copy_from_slice(&seq.to_be_bytes());
            // The first turns learn, which makes news.
            batch.push_bytes(SocketId(1), a, &packet);
            batch.push_bytes(SocketId(2), b, &packet);
        }
        let now = Time(turn * 20_000);
        while !relay.receive(now, &mut batch, &mut out) {
            sent += out.transmits().len();
            out.clear();
        }
        relay.handle_timeout(now, &mut out);
        sent += out.transmits().len();
        out.clear();
        relay.drain_events(drop);
    }
    assert_eq!(sent, 100 * 32 * 3);
    assert_eq!(allocations::made() - before, 0);
}

/// What a turn of a call brings: the packets of both parties, ready to arrive.
type Turn = Vec<(SocketId, &'static str, Vec<u8>)>;

/// Allocations after the first turn of a call, in which flows get room for their loop guards.
fn allocations(plans: Vec<Plan>, turns: &[Turn]) -> u64 {
    let mut relay = Relay::new(Config { seed: 1 });
    relay.apply(
        Time(0),
        Command::Install(PlanSet {
            call: CALL,
            generation: 0,
            plans,
        }),
    );
    let (mut batch, mut out) = (Batch::new(64, 2048), Outbox::new(256, 1 << 17));
    let (mut before, mut sent, mut handed) = (0, 0, 0);
    for (n, turn) in turns.iter().enumerate() {
        if n == 1 {
            before = allocations::made();
        }
        batch.clear();
        for (socket, from, bytes) in turn {
            batch.push_bytes(*socket, addr(from), bytes);
            handed += 1;
        }
        while !relay.receive(Time(n as u64 * 20_000), &mut batch, &mut out) {
            sent += out.transmits().len();
            out.clear();
        }
        sent += out.transmits().len();
        out.clear();
        relay.drain_events(drop);
        relay.drain_taps(|_| ());
    }
    let made = allocations::made() - before;
    assert_eq!(sent, handed, "everything goes on");
    made
}

fn talk(seal_as: [Option<u8>; 2], rtcp: bool) -> Vec<Turn> {
    let mut senders = seal_as.map(|key| key.map(sender));
    let parties = [(SocketId(1), A, 5), (SocketId(2), B, 6)];
    let mut turn = |n: u16| {
        let mut turn = Turn::new();
        for ((socket, from, ssrc), sender) in parties.iter().zip(&mut senders) {
            let mut packets: Vec<_> = (0..20).map(|i| rtp(*ssrc, n * 20 + i)).collect();
            if rtcp {
                packets.push(rr(u8::try_from(*ssrc).expect("small")));
            }
            for packet in packets {
                let packet = sender.as_mut().map_or(packet.clone(), |s| seal(s, &packet));
                turn.push((*socket, *from, packet));
            }
        }
        turn
    };
    (0..30).map(&mut turn).collect()
}

#[test]
fn protecting_allocates_nothing() {
    let mux = |mut plans: Vec<Plan>| {
        for plan in &mut plans {
            plan.component = Component::Mux;
            plan.rtcp_sinks = plan.sinks.clone();
        }
        plans
    };
    let kept = |taps: bool| {
        let mut plans = pair();
        (plans[0].recv, plans[1].recv) = (srtp(1), srtp(3));
        for plan in &mut plans {
            plan.sinks[0].process.keep_protection = true;
            if taps {
                let point = TapPoint::Ingress;
                plan.taps = vec![Tap { id: TapId(1), point }];
            }
        }
        mux(plans)
    };
    let bundle = || {
        let mut plans = secured(pair());
        let members = vec![BundleMember {
            flow: FlowId(1),
            mid: Box::from(*b"a"),
            mid_extension: Some(1),
            payload_types: vec![0],
            ssrcs: vec![5],
        }];
        plans[0].bundle = Some(Arc::new(Bundle { members }));
        mux(plans)
    };
    for (what, plans, senders) in [
        ("to SRTP and back", mux(bridged(pair())), [Some(1), None]),
        ("from keys to keys", mux(secured(pair())), [Some(1), Some(3)]),
        ("verified", kept(false), [Some(1), Some(3)]),
        ("verified and recorded", kept(true), [Some(1), Some(3)]),
        ("a bundle", bundle(), [Some(1), Some(3)]),
    ] {
        assert_eq!(allocations(plans, &talk(senders, true)), 0, "{what}");
    }
}
