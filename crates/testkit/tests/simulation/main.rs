//! A day of signalling in virtual time: random calls over a network that loses, delays and repeats messages, against
//! the real protocol, session and packet crates with nothing but sockets and clocks replaced.
//!
//! What must hold at every step is asserted where it happens: in [`pool`] (no port twice), [`node`] (plans before
//! replies, one reply per cookie, every packet accounted for) and [`world`] (nobody hears another call, who should hear
//! does). What must hold at the end is asserted here. A failure prints the seed.

mod dialogue;
mod messages;
mod node;
mod party;
mod pool;
mod script;
mod world;

use std::time::Duration;

use world::{Settings, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn run(seed: u64, settings: Settings) -> World {
    println!("seed {seed}");
    let mut world = World::new(seed, settings);
    world.run();
    world.assert_empty();
    println!("seed {seed}: {}", world.summary());
    world
}

#[test]
fn a_day_of_random_signalling_leaves_nothing_behind() {
    let world = run(
        0x5eed_0001,
        Settings {
            span: DAY,
            calls_alive: 60,
        },
    );
    assert!(world.commands() >= 200_000, "{}", world.summary());
    assert!(world.alive_max() >= 100, "{}", world.summary());
}

#[test]
fn many_short_runs_with_different_seeds() {
    for seed in 1..=12 {
        run(
            seed,
            Settings {
                span: Duration::from_secs(900),
                calls_alive: 20,
            },
        );
    }
}
