//! New plans while packets flow, as a re-INVITE under load: every packet goes the way of one generation, that of its
//! batch, in both directions of the call, and none is lost, repeated or overtaken.

use std::net::SocketAddr;

use ::srtp::Sender;
use plan::{Command, Learning, Plan, PlanSet, SocketId, Time};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay::{Batch, Config, Outbox, Relay};

use crate::srtp::{open, receiver, seal, secured, sender};
use crate::world::{A, B, CALL, addr, pair, rtp};

/// Where the peer of a flow is in a generation.
fn peer(side: usize, generation: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, side as u8], 20_000 + u16::from(generation)))
}

/// Both peers' places and the TOS say which generation it is.
fn plans(generation: u8, security: bool) -> Vec<Plan> {
    let mut plans = if security { secured(pair()) } else { pair() };
    for (side, plan) in plans.iter_mut().enumerate() {
        plan.source.learning = Learning::Off;
        plan.peer = Some(peer(side, generation));
        plan.tos = generation;
    }
    plans
}

/// One party's stream: what it sends, and what has come out of it at the other end.
struct Stream {
    seq: u16,
    keys: Sender,
    heard: Vec<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

impl Stream {
    fn next(&mut self, side: usize, security: bool) -> Vec<u8> {
        self.seq += 1;
        let plain = rtp(5 + side as u32, self.seq);
        self.sent.push(plain.clone());
        if security {
            seal(&mut self.keys, &plain)
        } else {
            plain
        }
    }
}

#[test]
fn no_batch_mixes_generations_and_nothing_is_lost() {
    for (seed, security) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
        let what = format!("seed {seed}, security {security}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut relay = Relay::new(Config { seed });
        let mut streams = [1, 3].map(|key| Stream {
            seq: 0,
            keys: sender(key),
            heard: Vec::new(),
            sent: Vec::new(),
        });
        let mut listeners = [4, 2].map(receiver);
        // Full in the middle of a batch, so that a batch takes several turns of the outbox.
        let mut out = Outbox::new(64, 1 << 17);
        let mut generation = 0;
        for turn in 0..100 {
            let now = Time(1_000_000 + turn * 1_000);
            // Received before the command is looked at, as in the worker: handled by the new plans all the same.
            let mut batch = Batch::new(150, 256);
            for _ in 0..rng.random_range(1..150) {
                let side = rng.random_range(0..2);
                let bytes = streams[side].next(side, security);
                batch.push_bytes(SocketId(1 + side as u32), addr([A, B][side]), &bytes);
            }
            // None, one, or several at once, of which only the last counts.
            for _ in 0..if turn == 0 { 1 } else { rng.random_range(0..3) } {
                generation += 1;
                let set = PlanSet {
                    call: CALL,
                    generation: generation.into(),
                    plans: plans(generation, security),
                };
                relay.apply(now, Command::Install(set));
            }
            loop {
                let done = relay.receive(now, &mut batch, &mut out);
                for transmit in out.transmits() {
                    let to = usize::from(transmit.dest.ip() == peer(1, 0).ip());
                    assert_eq!(transmit.dest, peer(to, generation), "{what}, turn {turn}");
                    assert_eq!(transmit.tos, generation, "{what}, turn {turn}");
                    let bytes = out.bytes(&batch, transmit);
                    let plain = match security {
                        true => open(&mut listeners[1 - to], bytes).expect("authentic"),
                        false => bytes.to_vec(),
                    };
                    streams[1 - to].heard.push(plain);
                }
                out.clear();
                if done {
                    break;
                }
            }
            relay.drain_released(|socket| panic!("{what}: {socket:?} is in every generation"));
        }
        assert!(generation > 50, "{what}: {generation} generations");
        for stream in &streams {
            assert!(stream.heard == stream.sent, "{what}: lost, repeated or overtaken");
        }
        let totals = relay.totals();
        assert_eq!(totals.received, totals.sent, "{what}");
    }
}
