//! Anything in any order: nothing is lost or overtaken, and no packet follows an old plan after one that followed a new.

use plan::{Path, Refusal, Security, Tap, TapId, TapPoint};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::world::{World, place};

const CALLS: usize = 3;
const STEPS: usize = 400;

/// What signalling does to a call.
fn change_plans(world: &mut World, rng: &mut SmallRng, generation: &mut u8) {
    let call = rng.random_range(0..CALLS);
    let plan = &mut world.plans[2 * call + rng.random_range(0..2)];
    match rng.random_range(0..8) {
        // Nothing.
        0 => {}
        1 | 2 => plan.taps.push(Tap {
            id: TapId(1),
            point: TapPoint::Ingress,
        }),
        3 | 4 => plan.taps.clear(),
        5 => plan.tos = plan.tos.wrapping_add(4),
        6 => {
            let map = plan::ExtMap {
                ids: vec![(1, 2)],
                keep_unknown: true,
                two_byte: false,
                mid: None,
            };
            let process = &mut plan.sinks[0].process;
            process.ext_map = match process.ext_map {
                None => Some(map.into()),
                Some(_) => None,
            };
        }
        // The party is elsewhere from now on, as far as we send there.
        _ => {
            *generation = generation.wrapping_add(1).max(2);
            let flow = plan.flow.0 as usize;
            plan.peer = Some(place(flow, *generation));
            plan.source.asymmetric = true;
            plan.recv = Security::Plain;
        }
    }
    world.install(call);
}

fn simulate(seed: u64) -> (usize, u64) {
    let rng = &mut SmallRng::seed_from_u64(seed);
    let mut world = World::new(CALLS, seed);
    let flows = 2 * CALLS;
    let busy: Vec<u32> = (0..flows).map(|_| rng.random_range(1..8)).collect();
    let mut generation = 1;
    let spray = |world: &mut World, rng: &mut SmallRng| {
        for (flow, most) in busy.iter().enumerate() {
            for _ in 0..rng.random_range(0..*most) {
                world.send(flow);
                if rng.random_ratio(1, 60) {
                    world.lose(flow);
                }
            }
        }
    };
    for step in 0..STEPS {
        world.pass_us(rng.random_range(0..20_000));
        spray(&mut world, rng);
        if rng.random_ratio(1, 12) {
            change_plans(&mut world, rng, &mut generation);
        }
        match rng.random_range(0..40) {
            0 => world.next_hop(Err(Refusal::NoNeighbour)),
            1..4 => world.next_hop(Ok(super::model::HOP)),
            4 => {
                let flow = rng.random_range(0..flows);
                world.senders[flow].payload_type = rng.random_range(0..12);
            }
            5 => {
                let flow = rng.random_range(0..flows);
                world.senders[flow].ssrc += 1_000;
            }
            6 => world.pull(rng.random_range(0..CALLS)),
            _ => {}
        }
        let most = if rng.random() {
            rng.random_range(1..5)
        } else {
            usize::MAX
        };
        let seed = seed ^ (step as u64) << 20;
        let meanwhile = move |world: &mut World| {
            let rng = &mut SmallRng::seed_from_u64(seed ^ u64::from(world.senders[0].ssrc) ^ world.now().0);
            if rng.random() {
                world.send(rng.random_range(0..flows));
            }
        };
        world.turn_among(most, meanwhile);
    }
    check(&mut world);
    (world.forwarded_by_kernel(), world.moves())
}

fn check(world: &mut World) {
    world.check_counters();
    for (flow, sender) in world.senders.iter().enumerate() {
        let mut expect = (0..sender.sent()).filter(|n| !sender.lost.contains(n));
        let mut before = place(0, 0);
        let mut left = Vec::new();
        for output in &sender.outputs {
            assert_eq!(
                Some(output.number),
                expect.next(),
                "flow {flow}: lost or overtaken"
            );
            if output.dest != before {
                assert!(
                    !left.contains(&output.dest),
                    "flow {flow}: an old plan at {}",
                    output.number
                );
                left.push(before);
                before = output.dest;
            }
        }
        assert_eq!(expect.next(), None, "flow {flow}: the last ones are missing");
        let open = world.stats(flow).path() == Path::Kernel;
        assert_eq!(open, world.stats(flow).refusal().is_none(), "flow {flow}");
    }
}

#[test]
fn nothing_is_lost_overtaken_or_sent_by_an_old_plan() {
    let seeds = 0..60;
    let (mut forwarded, mut moves) = (0, 0);
    for seed in seeds {
        let result = std::panic::catch_unwind(|| simulate(seed));
        let (by_kernel, moved) = result.unwrap_or_else(|_| panic!("seed {seed}"));
        forwarded += by_kernel;
        moves += moved;
    }
    assert!(forwarded > 50_000, "the kernel has forwarded {forwarded}");
    assert!(moves > 1_000, "{moves} moves");
}
