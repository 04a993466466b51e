//! What passes between the control side and peers: packets handed up, datagrams that come down.

use plan::{Command, Component, Datagram, Event, PuntKind, SocketId};
use relay::limits;

use crate::world::{A, B, CALL, World, addr, pair, plan};

const STRANGER: &str = "192.0.2.66:6000";
const STUN: [u8; 20] = [
    0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const DTLS: [u8; 13] = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn expecting() -> World {
    let mut plans = pair();
    for plan in &mut plans {
        (plan.punt_stun, plan.punt_dtls) = (true, true);
    }
    World::new(plans)
}

#[test]
fn stun_and_dtls_go_up_as_they_came() {
    let mut world = expecting();
    for (bytes, expect) in [(&STUN[..], PuntKind::Stun), (&DTLS, PuntKind::Dtls)] {
        assert_eq!(world.arrive(STRANGER, 2, bytes), "punted");
        let Some(Event::Punted {
            flow,
            local,
            kind,
            from,
            bytes: up,
            ..
        }) = world.events.pop()
        else {
            panic!("handed up");
        };
        assert_eq!(
            (flow.0, local, kind, from),
            (2, SocketId(2), expect, addr(STRANGER))
        );
        assert_eq!(&up[..], bytes);
    }
    let mut long = STUN.to_vec();
    long.resize(limits::PUNT_BYTES_MAX + 1, 0);
    assert_eq!(world.arrive_all(&[(STRANGER, 2)], &long), (0, 1));
}

#[test]
fn a_flood_takes_nothing_from_the_peer_nor_from_other_flows() {
    let mut world = expecting();
    let budget = u32::from(limits::PUNTS_PER_WINDOW);
    for n in 0..budget * 3 {
        let expect = if n < budget { "punted" } else { "punt-full" };
        assert_eq!(world.arrive(STRANGER, 1, &DTLS), expect, "{n}");
    }
    assert_eq!(world.arrive(A, 1, &DTLS), "punted", "the peer itself");
    assert_eq!(world.arrive(STRANGER, 2, &DTLS), "punted", "the other flow");
    world.now_ms += u64::from(limits::PUNT_WINDOW_MS);
    assert_eq!(world.arrive(STRANGER, 1, &DTLS), "punted", "the next window");
}

#[test]
fn strangers_at_many_flows_leave_room_for_peers() {
    let plans = (1..=8).map(|n| {
        let mut plan = plan(n, Component::Rtp, Some(A));
        plan.punt_stun = true;
        plan
    });
    let mut world = World::new(plans.collect());
    // Nobody drains meanwhile.
    let strange = (0..24).flat_map(|_| 1..=8).map(|at| (STRANGER, at));
    let batch: Vec<_> = strange.chain((1..=8).map(|at| (A, at))).collect();
    let fates = world.arrive_all(&batch, &STUN);
    let punted = limits::PUNTS_STRANGE_MAX as u64 + 8;
    assert_eq!(fates, (punted, batch.len() as u64 - punted));
}

fn datagram(socket: u32, bytes: &[u8]) -> Command {
    Command::Send(Datagram {
        call: CALL,
        socket: SocketId(socket),
        dest: addr(STRANGER),
        bytes: bytes.into(),
    })
}

#[test]
fn a_datagram_leaves_by_the_socket_of_its_call() {
    let mut world = expecting();
    world.command(datagram(2, &STUN));
    assert_eq!(world.datagrams(), format!("2>{STRANGER}"));
    assert_eq!(world.sent[0], STUN);
    assert_eq!(world.datagrams(), "", "once");
    // Neither a socket that nobody has nor one of another call.
    world.command(datagram(9, &STUN));
    world.install_call(plan::CallKey(2), vec![plan(3, Component::Rtp, Some(B))]);
    world.command(datagram(3, &STUN));
    assert_eq!(world.datagrams(), "");
    assert_eq!(world.relay.totals().datagrams_refused, 2);
    // The last words of a call.
    world.command(datagram(1, &DTLS));
    world.command(Command::Remove(CALL));
    assert_eq!(world.datagrams(), format!("1>{STRANGER}"));
    world.command(datagram(1, &DTLS));
    assert_eq!(world.datagrams(), "");
}

#[test]
fn datagrams_are_bounded() {
    let mut world = expecting();
    let more = 7;
    for _ in 0..limits::DATAGRAMS_MAX + more {
        world.command(datagram(1, &STUN));
    }
    assert_eq!(world.relay.totals().datagrams_refused, more as u64);
    let mut sent = 0;
    loop {
        let lines = world.datagrams();
        if lines.is_empty() {
            break;
        }
        sent += lines.split(' ').count();
    }
    assert_eq!(sent, limits::DATAGRAMS_MAX);
}
