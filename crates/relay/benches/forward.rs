//! How long the pure part of forwarding takes: `cargo bench -p relay`. Packets of many calls, interleaved as they
//! come from many sockets, so that tables and states are as cold as in life.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plan::{
    CallKey, Command, Component, FlowId, FlowStats, Framing, Learning, LocalSocket, MediaState, Plan,
    PlanSet, Process, RtcpPolicy, Sink, Sinks, SocketId, SourcePolicy, Time,
};
use relay::{Batch, Config, Outbox, Relay};

const PACKETS: usize = 2_000_000;
const BATCH: usize = 64;

fn main() {
    for calls in [1, 100, 4_000] {
        println!(
            "{calls:>5} calls: {:6.1} ns per packet (median batch)",
            nanos_per_packet(calls)
        );
    }
}

/// The median of all batches: what else runs on the machine falls out.
fn nanos_per_packet(calls: u32) -> f64 {
    let mut relay = Relay::new(Config { seed: 1 });
    for call in 0..calls {
        let plans = vec![plan(call * 2, call * 2 + 1), plan(call * 2 + 1, call * 2)];
        relay.apply(
            Time(0),
            Command::Install(PlanSet {
                call: CallKey(call.into()),
                generation: 0,
                plans,
            }),
        );
    }
    let (mut batch, mut out) = (Batch::new(BATCH, 2048), Outbox::new(BATCH, 1 << 17));
    let mut spent: Vec<Duration> = Vec::with_capacity(PACKETS / BATCH);
    let mut sent = 0;
    for turn in 0..PACKETS / BATCH {
        batch.clear();
        for i in 0..BATCH {
            let n = u32::try_from(turn * BATCH + i).expect("small");
            let (flow, seq) = (n % (calls * 2), n / (calls * 2));
            batch.push_bytes(SocketId(flow), peer(flow), &packet(flow, seq));
        }
        let now = Time(20_000 * (turn as u64 * BATCH as u64) / (u64::from(calls) * 2));
        let begin = clock();
        let done = relay.receive(now, &mut batch, &mut out);
        spent.push(begin.elapsed());
        assert!(done);
        sent += out.transmits().len();
        out.clear();
        relay.drain_events(drop);
    }
    assert_eq!(sent, PACKETS / BATCH * BATCH, "everything was forwarded");
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
        flow: FlowId(flow.into()),
        sockets: [LocalSocket {
            id: SocketId(flow),
            addr: SocketAddr::from(([203, 0, 113, 1], 9)),
        }]
        .into(),
        framing: Framing::Rtp,
        component: Component::Rtp,
        peer: Some(peer(flow)),
        peer_forbidden: false,
        source: SourcePolicy {
            learning: Learning::Heuristic,
            strict: false,
            handover: false,
            asymmetric: false,
            epoch: 0,
        },
        media: MediaState {
            recv: true,
            send: true,
            blocked: false,
        },
        sinks: [Sink {
            to: FlowId(to.into()),
            process: Process::default(),
            rtcp: RtcpPolicy::Forward,
        }]
        .into(),
        rtcp_sinks: Sinks::new(),
        rtcp_flow: None,
        reports: None,
        taps: Vec::new(),
        punt_stun: false,
        punt_dtls: false,
        proven: smallvec::SmallVec::new(),
        recv: plan::Security::Plain,
        send: plan::Security::Plain,
        transport: None,
        bundle: None,
        friends: smallvec::SmallVec::new(),
        pierce_nat: false,
        nat_wait: false,
        tos: 0,
        clock_rates: [(0, 8000)].into_iter().collect(),
        stats: Arc::new(FlowStats::default()),
    }
}
