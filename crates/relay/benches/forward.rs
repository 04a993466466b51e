//! How long the pure part of forwarding takes: `cargo bench -p relay`. Packets of many calls, interleaved as they
//! come from many sockets, so that tables and states are as cold as in life.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plan::{CallKey, Command, Component, FlowId, LocalSocket, Plan, PlanSet, Security, Sink, SocketId, Time};
use relay::{Batch, Config, Outbox, Relay};
use srtp::{MasterKey, Params, Protection, Sender, Suite};

const PACKETS: usize = 2_000_000;
const BATCH: usize = 64;

/// What is between the parties and us.
#[derive(Clone, Copy)]
enum Leg {
    Plain,
    Srtp(Suite),
}

/// One line of the result.
struct Case {
    name: &'static str,
    /// What the packets' sender has, and what their receiver gets.
    legs: [Leg; 2],
    /// Both have the same keys: verified and not encrypted anew.
    kept: bool,
    calls: &'static [u32],
}

fn main() {
    // `cargo bench -p relay -- TEXT`: only the lines with that text.
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let cm = Leg::Srtp(Suite::AesCm128HmacSha1_80);
    let gcm = Leg::Srtp(Suite::AeadAes128Gcm);
    let (few, all) = (&[100][..], &[1, 100, 4_000][..]);
    let case = |name, legs, kept, calls| Case {
        name,
        legs,
        kept,
        calls,
    };
    for case in [
        case("RTP to RTP", [Leg::Plain, Leg::Plain], false, all),
        case("RTP to SRTP (AES-CM, HMAC)", [Leg::Plain, cm], false, few),
        case("SRTP to RTP (AES-CM, HMAC)", [cm, Leg::Plain], false, few),
        case("SRTP to SRTP (AES-CM, HMAC)", [cm, cm], false, all),
        case("SRTP verified (AES-CM, HMAC)", [cm, cm], true, few),
        case("SRTP to SRTP (AES-GCM)", [gcm, gcm], false, few),
        case("SRTP to RTP (AES-GCM)", [gcm, Leg::Plain], false, few),
    ] {
        for &calls in case.calls {
            let line = format!("{:<30} {calls:>5} calls", case.name);
            if !only.as_ref().is_none_or(|only| line.contains(only)) {
                continue;
            }
            let nanos = nanos_per_packet(&case, calls);
            println!("{line}: {nanos:7.1} ns per packet (median batch)");
        }
    }
}

fn params(suite: Suite, flow: u32, fill: u8) -> Params {
    let spec = suite.spec();
    let mut key = vec![fill; spec.key_len + spec.salt_len];
    key[..4].copy_from_slice(&flow.to_be_bytes());
    let key = MasterKey::joined(suite, &key).expect("the right length");
    Params::new(vec![key], Protection::default()).expect("one key")
}

/// The two flows of a call: what arrives at one leaves by the other.
fn plans(case: &Case, call: u32) -> Vec<Plan> {
    let security = |leg: Leg, flow, fill| match leg {
        Leg::Plain => Security::Plain,
        Leg::Srtp(suite) => Security::Srtp(Arc::new(params(suite, flow, fill))),
    };
    let mut plans = vec![plan(call * 2, call * 2 + 1), plan(call * 2 + 1, call * 2)];
    for (plan, flow) in plans.iter_mut().zip(call * 2..) {
        plan.recv = security(case.legs[0], flow, 1);
        plan.send = security(case.legs[1], flow, 2);
        for sink in &mut plan.sinks {
            sink.process.keep_protection = case.kept;
        }
    }
    plans
}

/// The median of all batches: what else runs on the machine falls out.
fn nanos_per_packet(case: &Case, calls: u32) -> f64 {
    let mut relay = Relay::new(Config { seed: 1 });
    for call in 0..calls {
        let set = PlanSet {
            call: CallKey(call.into()),
            generation: 0,
            plans: plans(case, call),
        };
        relay.apply(Time(0), Command::Install(set));
    }
    let mut senders: Vec<Option<Sender>> = (0..calls * 2)
        .map(|flow| match case.legs[0] {
            Leg::Plain => None,
            Leg::Srtp(suite) => Some(Sender::new(params(suite, flow, 1))),
        })
        .collect();
    let (mut batch, mut out) = (Batch::new(BATCH, 2048), Outbox::new(BATCH, 1 << 17));
    let secured = !matches!(case.legs, [Leg::Plain, Leg::Plain]);
    let packets = if secured { PACKETS / 8 } else { PACKETS };
    let mut spent: Vec<Duration> = Vec::with_capacity(packets / BATCH);
    let mut sent = 0;
    for turn in 0..packets / BATCH {
        batch.clear();
        for i in 0..BATCH {
            let n = u32::try_from(turn * BATCH + i).expect("small");
            let (flow, seq) = (n % (calls * 2), n / (calls * 2));
            let mut room = [0; 200];
            room[..172].copy_from_slice(&packet(flow, seq));
            let len = match &mut senders[flow as usize] {
                None => 172,
                Some(sender) => sender.protect_rtp(&mut room, 172).expect("a new number"),
            };
            batch.push_bytes(SocketId(flow), peer(flow), &room[..len]);
        }
        let now = Time(20_000 * (turn as u64 * BATCH as u64) / (u64::from(calls) * 2));
        let begin = clock();
        while !relay.receive(now, &mut batch, &mut out) {
            sent += out.transmits().len();
            out.clear();
        }
        spent.push(begin.elapsed());
        sent += out.transmits().len();
        out.clear();
        relay.drain_events(drop);
    }
    assert_eq!(sent, packets / BATCH * BATCH, "everything was forwarded");
    spent.sort();
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let nanos = spent[spent.len() / 2].as_nanos() as f64 / BATCH as f64;
    nanos
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn clock() -> Instant {
    Instant::now()
}

fn peer(flow: u32) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], u16::try_from(10_000 + flow).expect("a port")))
}

fn packet(flow: u32, seq: u32) -> [u8; 172] {
    let mut bytes = [0; 172];
    let header = rtp::Header {
        marker: false,
        pt: rtp::PayloadType::new(0).expect("seven bits"),
        seq: rtp::SeqNo((seq & 0xffff) as u16),
        ts: rtp::RtpTime(seq.wrapping_mul(160)),
        ssrc: rtp::Ssrc(flow),
    };
    bytes[..12].copy_from_slice(&rtp::write_header(header));
    bytes
}

fn plan(flow: u32, to: u32) -> Plan {
    Plan {
        sockets: [LocalSocket {
            id: SocketId(flow),
            addr: SocketAddr::from(([203, 0, 113, 1], 9)),
        }]
        .into(),
        peer: Some(peer(flow)),
        sinks: [Sink::new(FlowId(to.into()))].into(),
        clock_rates: [(0, 8000)].into_iter().collect(),
        ..Plan::new(FlowId(flow.into()), Component::Rtp)
    }
}
