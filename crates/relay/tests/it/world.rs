//! A relay, a clock that stands still unless told, and packets in a line each.

use std::net::SocketAddr;
use std::sync::Arc;

use plan::{
    CallKey, Command, Component, DropReason, Event, FlowId, FlowStats, LocalSocket, Plan, PlanSet, Sink,
    SocketId, Time,
};
use relay::{Batch, Config, Outbox, Relay};

pub(crate) const CALL: CallKey = CallKey(1);
/// The signalled addresses of both parties.
pub(crate) const A: &str = "198.51.100.1:2010";
pub(crate) const B: &str = "198.51.100.3:2012";
/// Where the clock begins, in ms.
pub(crate) const START_MS: u64 = 1_000_000;

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A flow whose only socket has the flow's number, bound to 203.0.113.1.
pub(crate) fn plan(flow: u64, component: Component, peer: Option<&str>) -> Plan {
    Plan {
        sockets: vec![socket(flow)].into(),
        peer: peer.map(addr),
        clock_rates: vec![(0, 8000)].into(),
        ..Plan::new(FlowId(flow), component)
    }
}

pub(crate) fn socket(n: u64) -> LocalSocket {
    let id = u32::try_from(n).expect("small");
    let port = 30_000 + u16::try_from(n).expect("small");
    LocalSocket {
        id: SocketId(id),
        addr: SocketAddr::from(([203, 0, 113, 1], port)),
    }
}

pub(crate) fn sink(to: u64) -> Sink {
    Sink::new(FlowId(to))
}

/// Two parties with RTP only: A's flow 1, B's flow 2.
pub(crate) fn pair() -> Vec<Plan> {
    let (mut a, mut b) = (plan(1, Component::Rtp, Some(A)), plan(2, Component::Rtp, Some(B)));
    a.sinks = vec![sink(2)].into();
    b.sinks = vec![sink(1)].into();
    vec![a, b]
}

/// Two parties with RTP (flows 1 and 2) and RTCP (flows 11 and 12), each RTCP port one above.
pub(crate) fn pair_with_rtcp() -> Vec<Plan> {
    let mut plans = pair();
    plans[0].rtcp_flow = Some(FlowId(11));
    plans[1].rtcp_flow = Some(FlowId(12));
    let mut a = plan(11, Component::Rtcp, Some("198.51.100.1:2011"));
    let mut b = plan(12, Component::Rtcp, Some("198.51.100.3:2013"));
    a.rtcp_sinks = vec![sink(12)].into();
    b.rtcp_sinks = vec![sink(11)].into();
    plans.extend([a, b]);
    plans
}

pub(crate) fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
    rtp_at(ssrc, seq, u32::from(seq) * 160)
}

pub(crate) fn rtp_at(ssrc: u32, seq: u16, ts: u32) -> Vec<u8> {
    let header = rtp::Header {
        marker: false,
        pt: rtp::PayloadType::new(0).expect("seven bits"),
        seq: rtp::SeqNo(seq),
        ts: rtp::RtpTime(ts),
        ssrc: rtp::Ssrc(ssrc),
    };
    [&rtp::write_header(header)[..], &[0; 160]].concat()
}

pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) now_ms: u64,
    pub(crate) events: Vec<Event>,
    /// The datagrams of the last step.
    pub(crate) sent: Vec<Vec<u8>>,
    stats: Vec<Arc<FlowStats>>,
    batch: Batch,
    out: Outbox,
}

impl World {
    pub(crate) fn new(plans: Vec<Plan>) -> Self {
        let mut world = Self {
            relay: Relay::new(Config { seed: 7 }),
            now_ms: START_MS,
            events: Vec::new(),
            sent: Vec::new(),
            stats: Vec::new(),
            batch: Batch::new(8, 2048),
            out: Outbox::new(64, 1 << 17),
        };
        world.install(plans);
        world
    }

    pub(crate) fn now(&self) -> Time {
        Time(self.now_ms * 1000)
    }

    pub(crate) fn install(&mut self, plans: Vec<Plan>) {
        self.install_call(CALL, plans);
    }

    pub(crate) fn install_call(&mut self, call: CallKey, plans: Vec<Plan>) {
        self.stats.extend(plans.iter().map(|p| p.stats.clone()));
        let set = PlanSet {
            call,
            generation: 0,
            plans,
        };
        self.relay.apply(Time(self.now_ms * 1000), Command::Install(set));
    }

    /// One datagram in; what follows, as `socket>destination`, or why nothing does.
    pub(crate) fn arrive(&mut self, from: &str, at: u32, bytes: &[u8]) -> String {
        let before = self.drops();
        self.batch.clear();
        self.batch.push_bytes(SocketId(at), addr(from), bytes);
        let totals = self.relay.totals();
        assert!(
            self.relay.receive(self.now(), &mut self.batch, &mut self.out),
            "one packet always fits"
        );
        let sent = self.take();
        if sent.is_empty() {
            let after = self.drops();
            let reasons = DropReason::ALL.iter().zip(before.iter().zip(&after));
            let reason = reasons.filter(|(_, (b, a))| a > b).map(|(r, _)| r.text()).next();
            let punted = self.relay.totals().punted > totals.punted;
            let received = self.relay.totals().received > totals.received;
            let otherwise = if received { "no-flow" } else { "waits" };
            return reason.unwrap_or(if punted { "punted" } else { otherwise }).into();
        }
        sent
    }

    /// Counters of the nth flow that was ever installed, from 1.
    pub(crate) fn stats_of(&self, nth: usize) -> &FlowStats {
        &self.stats[nth - 1]
    }

    /// The same, to be named by another plan.
    pub(crate) fn shared_stats(&self, nth: usize) -> Arc<FlowStats> {
        Arc::clone(&self.stats[nth - 1])
    }

    /// Many datagrams at once, of the same bytes: how many are handed up and how many dropped.
    pub(crate) fn arrive_all(&mut self, from: &[(&str, u32)], bytes: &[u8]) -> (u64, u64) {
        let before = self.relay.totals();
        let mut batch = Batch::new(from.len(), bytes.len());
        for (from, at) in from {
            batch.push_bytes(SocketId(*at), addr(from), bytes);
        }
        while !self.relay.receive(self.now(), &mut batch, &mut self.out) {
            self.out.clear();
        }
        let after = self.relay.totals();
        (after.punted - before.punted, after.dropped - before.dropped)
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.relay.apply(self.now(), command);
    }

    /// What the control side wants sent, as `socket>destination`.
    pub(crate) fn datagrams(&mut self) -> String {
        self.batch.clear();
        self.relay.poll_datagrams(&mut self.out);
        self.take()
    }

    /// What need not wait any more, as `socket>destination`.
    pub(crate) fn resume(&mut self) -> String {
        if let Some(late) = self.relay.resume(self.now()) {
            self.batch = late;
            let done = self.relay.receive(self.now(), &mut self.batch, &mut self.out);
            assert!(done, "few packets always fit");
        }
        let sent = self.take();
        self.batch = Batch::new(8, 2048);
        sent
    }

    /// What is due now, as `socket>destination`.
    pub(crate) fn timeout(&mut self) -> String {
        self.batch.clear();
        self.relay.handle_timeout(self.now(), &mut self.out);
        self.take()
    }

    fn take(&mut self) -> String {
        let lines = self
            .out
            .transmits()
            .iter()
            .map(|t| format!("{}>{}", t.socket.0, t.dest));
        let text = lines.collect::<Vec<_>>().join(" ");
        self.sent = self
            .out
            .transmits()
            .iter()
            .map(|t| self.out.bytes(&self.batch, t).to_vec())
            .collect();
        self.out.clear();
        self.relay.drain_events(|e| self.events.push(e));
        text
    }

    pub(crate) fn drops(&self) -> Vec<u64> {
        let load = |i: usize| {
            self.stats
                .iter()
                .map(|s| s.drops[i].load(std::sync::atomic::Ordering::Relaxed))
                .sum()
        };
        (0..DropReason::ALL.len()).map(load).collect()
    }
}
