//! A worker's relay between sockets that are queues and a model of the kernel.
//!
//! Flow `n` is that of one party; flows 2k and 2k + 1 are those of a call. Each has one source, whose packets carry their
//! number in their timestamp.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use plan::{
    CallKey, Command, Component, FlowId, FlowStats, LocalSocket, Plan, PlanSet, Sink, SocketId, Time,
};
use relay::{Batch, Config, Outbox, Relay};
use std::sync::atomic::Ordering::Relaxed;

use super::super::{Flows, OffloadCounters};
use super::model::{Hops, Kernel, Shared};

/// One packet at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) number: u32,
    pub(super) ssrc: u32,
    pub(super) dest: SocketAddr,
}

/// What a party sends, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Sender {
    pub(super) ssrc: u32,
    seq: u16,
    next: u32,
    pub(super) payload_type: u8,
    pub(super) outputs: Vec<Output>,
    pub(super) lost: Vec<u32>,
}

impl Sender {
    /// Packets so far.
    pub(super) const fn sent(&self) -> u32 {
        self.next
    }
}

pub(super) struct World {
    pub(super) now: Time,
    relay: Relay,
    flows: Flows,
    kernel: Shared,
    hops: Hops,
    counters: Arc<OffloadCounters>,
    pub(super) plans: Vec<Plan>,
    pub(super) senders: Vec<Sender>,
    queues: Vec<VecDeque<Vec<u8>>>,
    by_kernel: usize,
    batch: Batch,
    out: Outbox,
}

pub(super) fn socket(flow: usize) -> LocalSocket {
    let id = u32::try_from(flow).expect("few");
    LocalSocket {
        id: SocketId(id),
        addr: SocketAddr::from(([203, 0, 113, 1], 30_000 + id as u16)),
    }
}

/// Where a flow's peer is, in its nth place.
pub(super) fn place(flow: usize, nth: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, nth], 10_000 + flow as u16))
}

fn plan(flow: usize) -> Plan {
    Plan {
        sockets: vec![socket(flow)].into(),
        peer: Some(place(flow, 1)),
        sinks: plan::Sinks::from_elem(Sink::new(FlowId(flow as u64 ^ 1)), 1),
        clock_rates: vec![(0, 8000), (8, 8000)].into(),
        ..Plan::new(FlowId(flow as u64), Component::Rtp)
    }
}

impl World {
    pub(super) fn new(calls: usize, seed: u64) -> Self {
        let (kernel, hops) = (
            Shared(Arc::new(std::sync::Mutex::new(Kernel::new()))),
            Hops::new(),
        );
        let counters = Arc::new(OffloadCounters::default());
        let mut relay = Relay::new(Config { seed });
        relay.offer_flows();
        let flows = Flows::new(
            Box::new(kernel.clone()),
            Box::new(hops.clone()),
            Arc::clone(&counters),
        );
        let mut world = Self {
            now: Time::from_secs(1_000),
            relay,
            flows,
            kernel,
            hops,
            counters,
            plans: (0..2 * calls).map(plan).collect(),
            senders: (0..2 * calls)
                .map(|n| Sender {
                    ssrc: n as u32,
                    ..Sender::default()
                })
                .collect(),
            queues: vec![VecDeque::new(); 2 * calls],
            by_kernel: 0,
            batch: Batch::new(1024, 256),
            out: Outbox::new(4096, 1 << 18),
        };
        for call in 0..calls {
            world.install(call);
        }
        world
    }

    pub(super) fn now(&self) -> Time {
        self.now
    }

    pub(super) fn pass_us(&mut self, us: u64) {
        self.now = self.now + Duration::from_micros(us);
    }

    pub(super) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock()
    }

    pub(super) fn next_hop(&self, answer: Result<super::super::super::NextHop, plan::Refusal>) {
        self.hops.set(answer);
    }

    pub(super) fn counters(&self) -> &OffloadCounters {
        &self.counters
    }

    pub(super) fn stats(&self, flow: usize) -> &FlowStats {
        &self.plans[flow].stats
    }

    /// Numbers of the packets of a flow at their destination, in their order there.
    pub(super) fn outputs(&self, flow: usize) -> Vec<u32> {
        self.senders[flow].outputs.iter().map(|o| o.number).collect()
    }

    pub(super) fn forwarded_by_kernel(&self) -> usize {
        self.by_kernel
    }

    pub(super) fn moves(&self) -> u64 {
        self.counters.moved_in.load(Relaxed)
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        self.flows.poll_timeout()
    }

    /// The party of a flow sends a packet, which is at the device at once.
    pub(super) fn send(&mut self, flow: usize) {
        let sender = &mut self.senders[flow];
        let header = rtp::Header {
            marker: false,
            pt: rtp::PayloadType::new(sender.payload_type).expect("seven bits"),
            seq: rtp::SeqNo(sender.seq),
            ts: rtp::RtpTime(sender.next),
            ssrc: rtp::Ssrc(sender.ssrc),
        };
        let packet = [&rtp::write_header(header)[..], &[0; 20]].concat();
        (sender.seq, sender.next) = (sender.seq.wrapping_add(1), sender.next + 1);
        let mut kernel = self.kernel.lock();
        kernel.now = self.now;
        match kernel.arrives(SocketId(flow as u32), place(flow, 1), &packet) {
            Some(dest) => {
                self.by_kernel += 1;
                drop(kernel);
                self.arrived(&packet, dest);
            }
            None => self.queues[flow].push_back(packet),
        }
    }

    /// The last packet of a flow gets lost on its way to the socket.
    pub(super) fn lose(&mut self, flow: usize) {
        if let Some(packet) = self.queues[flow].pop_back() {
            let number = rtp::Header::peek(&packet).expect("RTP").ts.0;
            self.senders[flow].lost.push(number);
        }
    }

    fn arrived(&mut self, packet: &[u8], dest: SocketAddr) {
        let header = rtp::Header::peek(packet).expect("RTP");
        let flow = usize::from(dest.port() - 10_000) ^ 1;
        self.senders[flow].outputs.push(Output {
            number: header.ts.0,
            ssrc: header.ssrc.0,
            dest,
        });
    }

    pub(super) fn install(&mut self, call: usize) {
        self.command(Command::Install(PlanSet {
            call: CallKey(call as u64),
            generation: 0,
            plans: self.plans[2 * call..][..2].to_vec(),
        }));
    }

    pub(super) fn command(&mut self, command: Command) {
        self.relay.foresee(&command);
        self.flows.follow(self.now, &mut self.relay);
        self.relay.apply(self.now, command);
        self.flows.follow(self.now, &mut self.relay);
        self.relay.drain_released(|_| ());
    }

    pub(super) fn pull(&mut self, call: usize) {
        self.flows.pull(self.now, CallKey(call as u64), &mut self.relay);
    }

    pub(super) fn turn(&mut self) {
        self.turn_with(usize::MAX);
    }

    /// A turn of the worker that takes so many packets from each socket.
    pub(super) fn turn_with(&mut self, most: usize) {
        self.turn_among(most, |_| ());
    }

    /// The same, with something that happens between any two steps of it.
    pub(super) fn turn_among(&mut self, most: usize, meanwhile: impl Fn(&mut Self)) {
        for flow in 0..self.queues.len() {
            let waiting = self.queues[flow].len().min(most);
            for packet in self.queues[flow].drain(..waiting) {
                assert!(!self.batch.is_full(), "a larger batch");
                self.batch
                    .push_bytes(SocketId(flow as u32), place(flow, 1), &packet);
            }
        }
        meanwhile(self);
        loop {
            let done = self.relay.receive(self.now, &mut self.batch, &mut self.out);
            meanwhile(self);
            let sent = self.out.transmits().iter();
            let sent: Vec<_> = sent
                .map(|t| (self.out.bytes(&self.batch, t).to_vec(), t.dest))
                .collect();
            sent.iter().for_each(|(bytes, dest)| self.arrived(bytes, *dest));
            self.out.clear();
            if done {
                break;
            }
        }
        meanwhile(self);
        self.flows.handled(self.now, &self.batch);
        meanwhile(self);
        self.flows.visit(self.now, &mut self.relay);
        meanwhile(self);
        self.flows.follow(self.now, &mut self.relay);
        self.batch.clear();
        self.relay.drain_events(|_| ());
        self.relay.drain_taps(|_| ());
    }

    /// Everybody is told everything, and all counters are what they have to be.
    pub(super) fn check_counters(&mut self) {
        while self.queues.iter().any(|q| !q.is_empty()) {
            self.turn();
        }
        for call in 0..self.plans.len() / 2 {
            self.pull(call);
        }
        for (flow, sender) in self.senders.iter().enumerate() {
            let (stats, to) = (self.stats(flow), self.stats(flow ^ 1));
            let arrived = u64::from(sender.next) - sender.lost.len() as u64;
            assert_eq!(stats.packets.load(Relaxed), arrived, "received of flow {flow}");
            assert_eq!(to.packets_out.load(Relaxed), arrived, "sent of flow {flow}");
            assert_eq!(stats.bytes.load(Relaxed), arrived * 32, "bytes of flow {flow}");
        }
    }
}
