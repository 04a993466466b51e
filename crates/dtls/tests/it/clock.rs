//! Handshakes by OpenSSL, whose clock is the machine's: these tests take the time they take.

use std::time::{Duration, Instant};

use dtls::{KeyKind, Settings, Time, Trust};

use crate::world::{FINE, Weather, World, config};

/// Runs until both have keys, or the patience is over; how long it took.
fn run(world: &mut World, patience: Duration) -> Duration {
    let begin = Instant::now();
    let now = || Time::from_micros(u64::try_from(begin.elapsed().as_micros()).expect("a short test"));
    world.start(now());
    while !world.is_done() && begin.elapsed() < patience {
        world.turn(now());
        let wait = world
            .next()
            .map_or(Duration::from_millis(1), |at| at.since(now()));
        // Nothing happens before: both sides and the network have said so.
        std::thread::park_timeout(wait.min(Duration::from_millis(20)));
    }
    begin.elapsed()
}

#[test]
fn lost_flights_are_sent_again_at_once() {
    let settings = Settings::default();
    let configs = [KeyKind::P256, KeyKind::Rsa(2048)].map(|key| config(key, &settings));
    for (seed, trust) in [(1, Trust::Proven), (2, Trust::Unproven), (3, Trust::Proven)] {
        let weather = Weather {
            loss_percent: 20,
            doubled_percent: 10,
            delay_ms: (1, 30),
        };
        let [client, server] = &configs;
        let mut world = World::new([client, server], trust, weather, seed, Time::default());
        let took = run(&mut world, Duration::from_secs(20));
        world.assert_same_keys(seed);
        println!("seed {seed}: {took:?}, {} packets", world.packets);
    }
}

#[test]
fn a_lost_hello_costs_a_tenth_of_a_second() {
    let client = config(KeyKind::P256, &Settings::default());
    let mut world = World::new([&client, &client], Trust::Proven, FINE, 1, Time::default());
    world.start(Time::default());
    let deadline = world.sides[0].poll_timeout().expect("a timer");
    assert!(deadline <= Time::default() + Duration::from_millis(100));
}
