//! Who has not the keys gets nothing in, nothing out and teaches nothing: in every mode of learning, at every moment,
//! with every packet that can be made without them.

use plan::{Component, Event, FlowId, Learning, Plan, SourcePolicy};

use crate::srtp::{open, receiver, rr, seal, secured, sender};
use crate::world::{A, B, World, pair_with_rtcp, rtp};

const A_RTCP: &str = "198.51.100.1:2011";

/// Where attacks come from: anywhere, the party's host, the very address (spoofed).
const SOURCES: [&str; 3] = ["192.0.2.66:6000", "198.51.100.1:6000", A];

fn modes() -> impl Iterator<Item = SourcePolicy> {
    let learnings = [
        Learning::Off,
        Learning::Immediate,
        Learning::Delayed,
        Learning::Heuristic,
    ];
    let flags = (0..8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0));
    learnings.into_iter().flat_map(move |learning| {
        flags
            .clone()
            .map(move |(strict, handover, asymmetric)| SourcePolicy {
                learning,
                strict,
                handover,
                asymmetric,
                epoch: 0,
            })
    })
}

fn call(source: SourcePolicy, mux: bool) -> Vec<Plan> {
    let mut plans = secured(pair_with_rtcp());
    for plan in &mut plans {
        plan.source = source;
    }
    if mux {
        plans[0].component = Component::Mux;
        plans[0].rtcp_sinks = plans[2].rtcp_sinks.clone();
    }
    plans
}

/// Everything that can be made without the keys, after having seen `genuine` pass.
fn attacks(genuine: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut attacks = vec![
        rtp(5, 50),
        rtp(77, 1),
        rr(5),
        [&rr(5)[..], &[0; 40]].concat(),
        // BYE in the party's name.
        [&[0x81, 203, 0, 1, 0, 0, 0, 5][..], &[0; 14]].concat(),
        seal(&mut sender(9), &rtp(5, 50)),
        seal(&mut sender(9), &rr(5)),
    ];
    for packet in genuine {
        attacks.push(packet.clone());
        for at in [2, 9, packet.len() / 2, packet.len() - 1] {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            attacks.push(changed);
        }
        attacks.push(packet[..packet.len() - 1].to_vec());
        attacks.push([&packet[..], &[0]].concat());
    }
    attacks
}

/// Attacks from everywhere. Nothing is sent, nothing learned.
fn attack(world: &mut World, genuine: &[Vec<u8>], what: &str) {
    world.events.clear();
    for bytes in attacks(genuine) {
        for from in SOURCES {
            for at in [1, 11] {
                let fate = world.arrive(from, at, &bytes);
                assert!(
                    ["srtp-auth", "srtp-replay", "malformed"].contains(&fate.as_str()),
                    "{what}: {fate} for {bytes:02x?} from {from} at {at}"
                );
            }
        }
    }
    let learned: Vec<_> = world
        .events
        .iter()
        .filter(|e| matches!(e, Event::Learned { flow, .. } if *flow != FlowId(2)))
        .collect();
    assert!(learned.is_empty(), "{what}: {learned:?}");
}

/// The parties talk: not one packet of theirs is lost, and none goes elsewhere.
fn talk(world: &mut World, parties: &mut Parties, what: &str) {
    for _ in 0..3 {
        parties.seq += 1;
        world.now_ms += 20;
        let packet = seal(&mut parties.a, &rtp(5, parties.seq));
        assert_eq!(world.arrive(A, 1, &packet), format!("2>{B}"), "{what}");
        assert_eq!(
            open(&mut parties.b_in, &world.sent[0]),
            Ok(rtp(5, parties.seq)),
            "{what}"
        );
        parties.seen.push(packet);
        let packet = seal(&mut parties.b, &rtp(6, parties.seq));
        assert_eq!(world.arrive(B, 2, &packet), format!("1>{A}"), "{what}");
    }
    let (from, at) = if parties.mux { (A, 1) } else { (A_RTCP, 11) };
    let report = seal(&mut parties.a, &rr(5));
    assert!(world.arrive(from, at, &report).starts_with("12>"), "{what}");
    parties.seen.push(report);
}

struct Parties {
    a: ::srtp::Sender,
    b: ::srtp::Sender,
    b_in: ::srtp::Receiver,
    seq: u16,
    seen: Vec<Vec<u8>>,
    mux: bool,
}

#[test]
fn strangers_get_nothing_in_or_out_and_teach_nothing() {
    for (source, mux) in modes().flat_map(|m| [(m, false), (m, true)]) {
        let mut world = World::new(call(source, mux));
        let mut parties = Parties {
            a: sender(1),
            b: sender(3),
            b_in: receiver(4),
            seq: 0,
            seen: Vec::new(),
            mux,
        };
        let what = |when: &str| format!("{when}, mux {mux}, {source:?}");
        attack(&mut world, &[], &what("before the first packet"));
        talk(&mut world, &mut parties, &what("first packets"));
        attack(&mut world, &parties.seen, &what("mid-call"));
        talk(&mut world, &mut parties, &what("mid-call"));
        world.install(call(source, mux));
        attack(&mut world, &parties.seen, &what("after a new plan"));
        talk(&mut world, &mut parties, &what("after a new plan"));
        world.install(call(SourcePolicy { epoch: 1, ..source }, mux));
        attack(&mut world, &parties.seen, &what("learning armed again"));
        talk(&mut world, &mut parties, &what("learning armed again"));
        world.now_ms += 60_000;
        attack(&mut world, &parties.seen, &what("after a minute of silence"));
        talk(&mut world, &mut parties, &what("after a minute of silence"));
    }
}
