//! Packets that arrive together leave as they would have left one by one: the same bytes in the same order, the same
//! counters, the same copies for recordings.

use std::sync::Arc;

use ::srtp::{Sender, Suite};
use plan::{
    CallKey, Command, DropReason, FlowStats, Plan, PlanSet, Security, SocketId, Tap, TapId, TapPoint, Time,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use relay::{Batch, Config, Outbox, Relay};
use std::sync::atomic::Ordering::Relaxed;

use crate::srtp::{params_of, rr, seal};
use crate::world::{A, B, addr, pair_with_rtcp, rtp};

const CALLS: u64 = 8;
const A_RTCP: &str = "198.51.100.1:2011";
const B_RTCP: &str = "198.51.100.3:2013";

/// What is between the parties and us, call by call: A's side and B's.
fn suites(call: u64) -> [Option<Suite>; 2] {
    let all: Vec<Suite> = Suite::all().collect();
    let suite = |n: u64| all.get(usize::try_from(n).expect("small")).copied();
    // Beyond the last suite there is none.
    [suite(call * 5 % 14), suite(call * 3 % 13 + 1)]
}

fn key(call: u64, side: usize, send: bool) -> u8 {
    u8::try_from(call * 4 + side as u64 * 2 + u64::from(send) + 1).expect("small")
}

/// The plans of one call, its flows moved up by 100 for each call before it.
fn plans(call: u64) -> Vec<Plan> {
    let mut plans = pair_with_rtcp();
    for plan in &mut plans {
        let side = usize::from(plan.flow.0 % 10 == 2);
        if let Some(suite) = suites(call)[side] {
            plan.recv = Security::Srtp(params_of(suite, key(call, side, false)));
            plan.send = Security::Srtp(params_of(suite, key(call, side, true)));
        }
        plan.flow.0 += call * 100;
        plan.rtcp_flow.iter_mut().for_each(|f| f.0 += call * 100);
        let sinks = plan.sinks.iter_mut().chain(&mut plan.rtcp_sinks);
        sinks.for_each(|sink| sink.to.0 += call * 100);
        let shift = u32::try_from(call * 100).expect("small");
        plan.sockets.iter_mut().for_each(|s| s.id.0 += shift);
        if call.is_multiple_of(3) {
            plan.taps = [TapPoint::Ingress, TapPoint::Egress]
                .map(|point| Tap { id: TapId(1), point })
                .into();
        }
    }
    plans
}

/// A relay and all that can be seen of it.
struct Seen {
    relay: Relay,
    stats: Vec<Arc<FlowStats>>,
    /// Socket, destination and bytes of each datagram.
    sent: Vec<(u32, String, Vec<u8>)>,
    tapped: Vec<Vec<u8>>,
}

impl Seen {
    fn new() -> Self {
        let mut relay = Relay::new(Config { seed: 3 });
        let mut stats = Vec::new();
        for call in 0..CALLS {
            let plans = plans(call);
            stats.extend(plans.iter().map(|p| p.stats.clone()));
            let set = PlanSet {
                call: CallKey(call),
                generation: 0,
                plans,
            };
            relay.apply(Time(0), Command::Install(set));
        }
        Self {
            relay,
            stats,
            sent: Vec::new(),
            tapped: Vec::new(),
        }
    }

    fn receive(&mut self, now: Time, arriving: &[Arriving], out: &mut Outbox) {
        let mut batch = Batch::new(arriving.len(), 2048);
        for (socket, from, bytes) in arriving {
            batch.push_bytes(SocketId(*socket), addr(from), bytes);
        }
        loop {
            let done = self.relay.receive(now, &mut batch, out);
            for transmit in out.transmits() {
                let bytes = out.bytes(&batch, transmit).to_vec();
                self.sent
                    .push((transmit.socket.0, transmit.dest.to_string(), bytes));
            }
            out.clear();
            self.relay
                .drain_taps(|tapped| self.tapped.push(tapped.bytes.to_vec()));
            if done {
                return;
            }
        }
    }

    fn counts(&self) -> (Vec<(DropReason, u64)>, Vec<[u64; 4]>) {
        let stats = self.stats.iter().map(|s| {
            let [packets, bytes] = [&s.packets, &s.bytes].map(|c| c.load(Relaxed));
            [
                packets,
                bytes,
                s.packets_out.load(Relaxed),
                s.bytes_out.load(Relaxed),
            ]
        });
        (self.relay.drops().collect(), stats.collect())
    }
}

/// Socket, source and bytes.
type Arriving = (u32, &'static str, Vec<u8>);

/// The parties: what each side of each call sends with.
struct Parties {
    senders: Vec<[Option<Sender>; 2]>,
    seqs: Vec<[u16; 2]>,
}

impl Parties {
    fn new() -> Self {
        let sender = |call, side| {
            let suite: Option<Suite> = suites(call)[side];
            suite.map(|suite| Sender::new(params_of(suite, key(call, side, false)).as_ref().clone()))
        };
        Self {
            senders: (0..CALLS)
                .map(|call| [sender(call, 0), sender(call, 1)])
                .collect(),
            seqs: vec![[65_500; 2]; usize::try_from(CALLS).expect("small")],
        }
    }

    fn send(&mut self, rng: &mut StdRng) -> Arriving {
        let call = rng.random_range(0..self.senders.len());
        let side = rng.random_range(0..2);
        let report = rng.random_bool(0.1);
        let ssrc = u8::try_from(call * 2 + side).expect("small");
        let plain = if report {
            [&rr(ssrc)[..], &[0x80, 203, 0, 1, 0, 0, 0, ssrc]].concat()
        } else {
            let seq = &mut self.seqs[call][side];
            *seq = seq.wrapping_add(if rng.random_bool(0.05) { 2 } else { 1 });
            let len = *[172, 172, 172, 32, 90].choose(rng).expect("some");
            rtp(ssrc.into(), *seq)[..len].to_vec()
        };
        let mut bytes = match &mut self.senders[call][side] {
            Some(sender) => seal(sender, &plain),
            None => plain,
        };
        if rng.random_bool(0.05)
            && let Some(byte) = bytes.last_mut()
        {
            *byte ^= 1;
        }
        let socket = u32::try_from(call * 100 + side + 1 + if report { 10 } else { 0 }).expect("small");
        let from = match (side, report) {
            (0, false) => A,
            (0, true) => A_RTCP,
            (_, false) => B,
            (_, true) => B_RTCP,
        };
        (socket, from, bytes)
    }
}

#[test]
fn packets_that_arrive_together_leave_as_they_would_alone() {
    for seed in 0..12 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut together, mut alone, mut parties) = (Seen::new(), Seen::new(), Parties::new());
        // Small enough to be full in the middle of a batch.
        let (mut large, mut small) = (Outbox::new(1024, 1 << 20), Outbox::new(64, 1 << 17));
        for turn in 0..30 {
            let now = Time(1_000_000 + turn * 20_000);
            let mut arriving: Vec<Arriving> = (0..rng.random_range(1..150))
                .map(|_| parties.send(&mut rng))
                .collect();
            for _ in 0..rng.random_range(0..4) {
                let again = arriving.choose(&mut rng).expect("some").clone();
                arriving.insert(rng.random_range(0..arriving.len()), again);
            }
            let out = if turn % 2 == 0 { &mut large } else { &mut small };
            together.receive(now, &arriving, out);
            for packet in arriving {
                alone.receive(now, &[packet], out);
            }
        }
        let forwarded = alone.sent.len();
        assert!(
            forwarded > 500 && alone.relay.totals().dropped > 20,
            "seed {seed}"
        );
        assert_eq!(together.counts(), alone.counts(), "seed {seed}");
        assert_eq!(together.sent.len(), forwarded, "seed {seed}");
        for (nth, (one, other)) in together.sent.iter().zip(&alone.sent).enumerate() {
            assert!(one == other, "seed {seed}: packet {nth} to {}", other.1);
        }
        assert!(
            together.tapped == alone.tapped && !alone.tapped.is_empty(),
            "seed {seed}"
        );
    }
}
