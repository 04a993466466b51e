//! Handshakes by dimpl in virtual time, with itself and with OpenSSL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::{Config, KeyKind, Library, Settings, Time, Trust, Versions};

use crate::world::{FINE, Weather, World, config};

const START: Time = Time::from_micros(1_000_000);

fn dimpl(versions: Versions) -> Arc<Config> {
    let origin = Instant::now();
    let library = Library::Dimpl { origin, versions };
    config(
        KeyKind::P256,
        &Settings {
            library,
            ..Settings::default()
        },
    )
}

fn openssl() -> Arc<Config> {
    config(KeyKind::P256, &Settings::default())
}

/// Runs in virtual time until both have keys, or nothing happens any more; how long that took.
fn run(world: &mut World) -> Duration {
    let mut now = START;
    world.start(now);
    while !world.is_done() {
        match world.next() {
            Some(at) if at.since(START) < Duration::from_secs(60) => now = at.max(now),
            _ => break,
        }
        world.turn(now);
    }
    now.since(START)
}

#[test]
fn everybody_understands_everybody() {
    let all = [
        ("1.2", dimpl(Versions::Only12)),
        ("1.3", dimpl(Versions::Only13)),
        ("both", dimpl(Versions::Both)),
        ("OpenSSL", openssl()),
    ];
    for (left, client) in &all {
        for (right, server) in &all {
            let mut world = World::new([client, server], Trust::Proven, FINE, 1, START);
            run(&mut world);
            let old = |name: &str| name == "1.2" || name == "OpenSSL";
            let strangers = *left == "1.3" && old(right) || *right == "1.3" && old(left);
            assert_eq!(
                world.is_done(),
                !strangers,
                "{left} to {right}: {:?}",
                world.failures
            );
            if !strangers {
                world.assert_same_keys(1);
            }
        }
    }
}

#[test]
fn loss_and_disorder_only_delay() {
    let configs = [dimpl(Versions::Only12), dimpl(Versions::Both)];
    let weather = Weather {
        loss_percent: 25,
        doubled_percent: 10,
        delay_ms: (5, 80),
    };
    let mut times = Vec::new();
    for seed in 0..60 {
        let client = &configs[seed as usize % 2];
        let mut world = World::new([client, client], Trust::Proven, weather, seed, START);
        times.push(run(&mut world));
        world.assert_same_keys(seed);
    }
    times.sort();
    // The same seeds give the same packets, but keys and so their lengths are of each run's own.
    assert!(
        times[30] < Duration::from_secs(3),
        "half of them take {:?}",
        times[30]
    );
}

#[test]
fn the_wrong_certificate_is_refused() {
    for versions in [Versions::Only12, Versions::Only13] {
        let (own, other) = (dimpl(versions), dimpl(versions));
        let mut world = World::new([&own, &own], Trust::Proven, FINE, 1, START);
        world.sides[1].expect(START, &[crate::world::fingerprint(&other)]);
        run(&mut world);
        assert!(world.keys[1].is_none());
        assert!(!world.failures.is_empty());
    }
}
