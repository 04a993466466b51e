//! Flows that move between the sockets and a model of the kernel, in virtual time.

mod model;
mod simulation;
mod world;

use std::sync::atomic::Ordering::Relaxed;

use plan::{Path, Refusal};

use self::model::HOP;
use self::world::World;

#[test]
fn a_flow_moves_when_nothing_of_it_is_under_way() {
    let mut world = World::new(1, 1);
    world.send(0);
    world.turn();
    assert_eq!(world.stats(0).refusal(), Some(Refusal::Moving), "published");
    // Two packets are under way, the worker handles one.
    world.send(0);
    world.send(0);
    world.turn_with(1);
    assert_eq!(world.stats(0).path(), Path::Sockets, "one is still under way");
    world.turn_with(1);
    assert_eq!(world.stats(0).path(), Path::Kernel);
    world.send(0);
    world.turn();
    assert_eq!(world.outputs(0), [0, 1, 2, 3]);
    assert_eq!(world.forwarded_by_kernel(), 1);
}

#[test]
fn what_waited_before_the_gate_was_there_does_not_open_it() {
    let mut world = World::new(1, 1);
    for _ in 0..3 {
        world.send(0);
    }
    // The entry is published when two packets wait that it has not seen.
    world.turn_with(1);
    world.turn_with(1);
    world.send(0);
    world.turn_with(1);
    assert_eq!(world.stats(0).path(), Path::Sockets);
    world.turn_with(1);
    assert_eq!(world.stats(0).path(), Path::Kernel);
    world.send(0);
    assert_eq!(world.outputs(0), [0, 1, 2, 3, 4]);
}

#[test]
fn a_packet_lost_on_its_way_up_delays_the_move_by_one() {
    let mut world = World::new(1, 1);
    world.send(0);
    world.turn();
    world.send(0);
    world.lose(0);
    world.turn();
    assert_eq!(world.stats(0).path(), Path::Sockets);
    world.send(0);
    world.turn();
    assert_eq!(world.stats(0).path(), Path::Kernel);
    assert_eq!(world.outputs(0), [0, 2]);
}

#[test]
fn a_worker_that_cannot_keep_up_gets_rid_of_the_flow_all_the_same() {
    let mut world = World::new(1, 1);
    for _ in 0..40 {
        world.send(0);
    }
    let mut turns = 0;
    while world.stats(0).path() != Path::Kernel {
        world.send(0);
        world.turn_with(1);
        world.pass_us(10_000);
        turns += 1;
        assert!(turns < 1_000, "it never moves");
    }
    assert_eq!(world.counters().forced.load(Relaxed), 1);
    assert!(turns > 50, "not at once");
}

#[test]
fn a_full_table_is_a_counter_and_the_sockets() {
    let mut world = World::new(2, 1);
    world.kernel().room = 1;
    for _ in 0..3 {
        for flow in 0..4 {
            world.send(flow);
        }
        world.turn();
    }
    let paths: Vec<Path> = (0..4).map(|flow| world.stats(flow).path()).collect();
    assert_eq!(paths.iter().filter(|p| **p == Path::Kernel).count(), 1);
    let full = (0..4).filter(|flow| world.stats(*flow).refusal() == Some(Refusal::TableFull));
    assert_eq!(full.count(), 3);
    assert_eq!(world.counters().table_full.load(Relaxed), 3);
    for flow in 0..4 {
        assert_eq!(world.outputs(flow), [0, 1, 2]);
    }
    // There is room again.
    world.kernel().room = 4;
    world.pass_us(1_100_000);
    for _ in 0..2 {
        world.turn();
        (0..4).for_each(|flow| world.send(flow));
    }
    world.turn();
    assert!((0..4).all(|flow| world.stats(flow).path() == Path::Kernel));
}

#[test]
fn another_next_hop_is_taken_over_without_loss() {
    let mut world = World::new(1, 1);
    let settle = |world: &mut World| {
        for _ in 0..3 {
            world.send(0);
            world.turn();
        }
    };
    settle(&mut world);
    assert_eq!(world.stats(0).path(), Path::Kernel);
    let other = super::super::NextHop { dest: [9; 6], ..HOP };
    for (answer, path, refusal) in [
        (Ok(other), Path::Kernel, None),
        (
            Err(Refusal::NoNeighbour),
            Path::Sockets,
            Some(Refusal::NoNeighbour),
        ),
        (Ok(HOP), Path::Kernel, None),
    ] {
        world.next_hop(answer);
        settle(&mut world);
        assert_eq!((world.stats(0).path(), world.stats(0).refusal()), (path, refusal));
    }
    assert_eq!(world.outputs(0), (0..12).collect::<Vec<_>>());
    world.check_counters();
}

#[test]
fn silence_is_noticed_and_asking_brings_the_latest() {
    let mut world = World::new(1, 1);
    for _ in 0..3 {
        world.send(0);
        world.turn();
    }
    world.send(0);
    world.send(0);
    let heard = world.now();
    assert_eq!(world.stats(0).packets.load(Relaxed), 2, "nobody has looked yet");
    world.pull(0);
    assert_eq!(world.stats(0).packets.load(Relaxed), 5);
    for _ in 0..2 {
        world.send(0);
    }
    let wanted = world.timeout().expect("counters are pulled");
    assert!(wanted.since(world.now()).as_millis() <= 250);
    world.pass_us(250_000);
    world.turn();
    assert_eq!(world.stats(0).packets.load(Relaxed), 7);
    assert_eq!(world.stats(0).last_packet_us.load(Relaxed), heard.0);
}

#[test]
fn counters_of_many_flows_are_pulled_a_slice_at_a_time() {
    let calls = crate::limits::OFFLOAD_VISITS;
    let mut world = World::new(calls, 1);
    for _ in 0..3 {
        (0..2 * calls).for_each(|flow| world.send(flow));
        world.turn();
        world.turn();
    }
    world.pass_us(250_000);
    let mut turns = 0;
    while world.timeout().is_some_and(|at| at <= world.now()) {
        let before = world.kernel().looks;
        world.turn();
        assert!(world.kernel().looks - before <= crate::limits::OFFLOAD_VISITS);
        turns += 1;
    }
    assert!(turns >= 2, "{turns}");
    world.check_counters();
}
