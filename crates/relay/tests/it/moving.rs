//! Calls that are made one, within a relay and across two: what their flows know goes with them.

use plan::{CallKey, Event, Plan};

use crate::srtp::{open, receiver, rr, seal, secured, sender};
use crate::world::{A, B, CALL, World, pair, pair_with_rtcp, rtp, socket};

const INTO: CallKey = CallKey(2);
const A_RTCP: &str = "198.51.100.1:2011";
const B_RTCP: &str = "198.51.100.3:2013";

/// What the other call brings along.
fn other() -> Vec<Plan> {
    let mut plans = pair();
    for (plan, n) in plans.iter_mut().zip([21, 22]) {
        plan.flow.0 = n;
        plan.sockets = vec![socket(n)].into();
        plan.sinks.clear();
    }
    plans
}

#[test]
fn keys_count_on_in_the_other_call() {
    for across in [false, true] {
        let mut world = World::new(secured(pair_with_rtcp()));
        let (mut a_out, mut b_in) = (sender(1), receiver(4));
        let mut talk = |world: &mut World, from: u32, to: u32| {
            for n in (from..to).step_by(100) {
                let plain = rtp(5, (n & 0xffff) as u16);
                let sent = world.arrive(A, 1, &seal(&mut a_out, &plain));
                assert_eq!(sent, format!("2>{B}"), "{n}");
                assert_eq!(open(&mut b_in, &world.sent[0]), Ok(plain), "{n}");
            }
            for _ in 0..3 {
                let sent = world.arrive(A_RTCP, 11, &seal(&mut a_out, &rr(5)));
                assert_eq!(sent, format!("12>{B_RTCP}"));
                assert_eq!(open(&mut b_in, &world.sent[0]), Ok(rr(5)), "no index twice");
            }
        };
        talk(&mut world, 0, 140_000);
        let mut plans = secured(pair_with_rtcp());
        if across {
            let handover = world.relay.give(CALL);
            let mut released = 0;
            world.relay.drain_released(|_| released += 1);
            assert_eq!(released, 4);
            assert_eq!(world.arrive(A, 1, &rtp(5, 1)), "no-flow");
            world = World::new(Vec::new());
            world.relay.adopt(world.now(), INTO, handover);
        } else {
            world.install_call(INTO, other());
            world.relay.merge(CALL, INTO);
            // Until there is a plan everything goes on as it was.
            talk(&mut world, 140_000, 150_000);
            plans.extend(other());
        }
        world.install_call(INTO, plans);
        talk(&mut world, 150_000, 300_000);
        let mut released = Vec::new();
        world.relay.drain_released(|s| released.push(s));
        assert_eq!(released, [], "all are in use");
        let told = |e: &Event| matches!(e, Event::Learned { call, .. } if *call == INTO);
        assert!(!across || world.events.iter().any(told));
    }
}

#[test]
fn what_the_next_plan_does_not_name_ends() {
    let mut world = World::new(pair());
    world.relay.merge(CALL, INTO);
    world.install_call(INTO, other());
    let mut released = Vec::new();
    world.relay.drain_released(|s| released.push(s.0));
    assert_eq!(released, [1, 2]);
    assert_eq!(world.arrive(A, 1, &rtp(5, 1)), "no-flow");
}
