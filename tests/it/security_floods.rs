//! More packets than anybody can carry: they may be lost while they come, and nothing may be wrong afterwards.
//!
//! Here lengths of time are the subject: a flood lasts some seconds, and a second after it all must be well. Each test
//! has the machine to itself as far as this binary's other floods go.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};

use crate::lab::seed;
use crate::open_net::{Call, MALLORY, OpenNet};
use crate::relay::{MEDIA_PORTS, RELAY_IP};
use crate::rtp::{meet, packet, talk};

/// Floods one after the other.
static FLOOD: Mutex<()> = Mutex::new(());

const CALLS: u16 = 100;

fn calls(net: &OpenNet, count: u16) -> Vec<Call> {
    let calls = (0..count).map(|n| net.call(&format!("flood-{n}"), (4000 + 2 * n, 8000 + 2 * n), &[]));
    let mut calls: Vec<Call> = calls.collect();
    for Call { alice, bob, .. } in &mut calls {
        meet(alice, bob);
    }
    calls
}

/// `count` rounds of one packet from each party, 20 ms apart; returns how many were lost.
fn rounds(calls: &mut [Call], count: u32) -> usize {
    let start = Instant::now();
    let mut sent = vec![Vec::new(); calls.len()];
    for round in 1..=count {
        for (call, sent) in calls.iter_mut().zip(&mut sent) {
            sent.push((call.alice.send(), call.bob.send()));
        }
        for call in calls.iter_mut() {
            call.alice.listen();
            call.bob.listen();
        }
        std::thread::sleep(
            (start + round * Duration::from_millis(20)).saturating_duration_since(Instant::now()),
        );
    }
    let give_up = Instant::now() + Duration::from_secs(2);
    loop {
        let lost = |call: &mut Call, sent: &[(u16, u16)]| {
            let Call { alice, bob, .. } = call;
            let lost_at_bob = sent.iter().filter(|(a, _)| !bob.has(alice.ssrc, *a)).count();
            lost_at_bob + sent.iter().filter(|(_, b)| !alice.has(bob.ssrc, *b)).count()
        };
        let lost = calls
            .iter_mut()
            .zip(&sent)
            .map(|(call, sent)| lost(call, sent))
            .sum();
        if lost == 0 || Instant::now() > give_up {
            return lost;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_flood_leaves_every_flow_alive() {
    let _alone = FLOOD.lock();
    for io in ["--io=epoll", "--io=uring"] {
        flood(io);
    }
}

fn flood(io: &str) {
    let Some(net) = OpenNet::new("flood", &[io]) else {
        return;
    };
    let mut calls = calls(&net, CALLS);
    let end = Instant::now() + Duration::from_secs(4);
    let mut sent = 0_u64;
    while Instant::now() < end {
        for call in &mut calls {
            for _ in 0..8 {
                // Straight to the socket: a full send buffer is no failure here.
                let (to_alice, to_bob) = (call.for_alice, call.for_bob);
                let _ = call
                    .alice
                    .socket
                    .send_to(&packet(call.alice.ssrc, sent as u16), to_alice);
                let _ = call
                    .bob
                    .socket
                    .send_to(&packet(call.bob.ssrc, sent as u16), to_bob);
                sent += 1;
            }
        }
    }
    eprintln!("flood: {} packets/s", sent / 2);
    std::thread::sleep(Duration::from_secs(1));
    for call in &mut calls {
        call.alice.forget();
        call.bob.forget();
    }
    assert_eq!(
        rounds(&mut calls, 50),
        0,
        "packets lost a second after the flood with {io}"
    );
}

/// They reach nobody, and each costs no more than a packet of a call does.
#[test]
fn random_datagrams_reach_nobody_and_cost_little() {
    let _alone = FLOOD.lock();
    let Some(net) = OpenNet::new("random", &[]) else {
        return;
    };
    let mut calls = calls(&net, 10);
    for call in &mut calls {
        call.alice.forget();
        call.bob.forget();
    }
    let before = net.relay.processor_time();
    assert_eq!(rounds(&mut calls, 200), 0);
    // Of one packet of the 4,000.
    let usual = (net.relay.processor_time() - before) / (200 * 2 * 10);
    let (before, said) = (net.relay.processor_time(), net.relay.said().len());
    let seed = seed();
    let mut rng = SmallRng::seed_from_u64(seed);
    let mallory = net.world.udp(&format!("{MALLORY}:6000"));
    mallory.set_nonblocking(true).unwrap();
    let (start, relay) = (Instant::now(), RELAY_IP.parse().unwrap());
    let length = Duration::from_secs(4);
    let mut sent = 0_u32;
    let mut bytes = [0_u8; 200];
    while start.elapsed() < length {
        // The parties go on as parties do, one packet each 20 ms; 400 random ones come in that time.
        for call in &mut calls {
            call.alice.send();
            call.bob.send();
        }
        // A machine that can't keep up sends fewer, lest the parties fall silent.
        let due = (start.elapsed().as_millis() as u32 * 20)
            .saturating_sub(sent)
            .min(1_000);
        for _ in 0..due {
            let len = rng.random_range(1..=bytes.len());
            rng.fill_bytes(&mut bytes[..len]);
            // Half of them look like RTP by their first byte.
            if rng.random() {
                bytes[0] = 0x80;
            }
            let _ = mallory.send_to(
                &bytes[..len],
                SocketAddr::new(relay, rng.random_range(MEDIA_PORTS)),
            );
            sent += 1;
        }
        for call in &mut calls {
            call.alice.listen();
            call.bob.listen();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(sent > 40_000, "only {sent} datagrams in {length:?} are no test");
    let spent = net.relay.processor_time() - before;
    assert!(
        spent < usual * (sent + 4_000),
        "{spent:?} for {sent} datagrams; a packet of a call takes {usual:?}"
    );
    let said = net.relay.said().len() - said;
    assert!(said < 10_000, "{said} bytes of log");
    let mut strange = 0;
    for Call { alice, bob, .. } in &mut calls {
        meet(alice, bob);
        strange += alice.strange(bob.ssrc) + bob.strange(alice.ssrc);
        talk(alice, bob, 10);
    }
    assert_eq!(
        strange, 0,
        "random datagrams that reached a party, of {sent}; seed {seed}"
    );
    assert!(
        mallory.recv(&mut bytes).is_err(),
        "the attacker got something back"
    );
}
