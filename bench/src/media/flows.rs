//! One-way streams of test packets, and what became of them.

use std::net::SocketAddrV4;

use serde_json::{Value, json};

use super::account::Account;
use super::stamp::{self, PACKET_BYTES};
use crate::hist::Latency;

/// Both directions of a call are two flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// The party that sends.
    pub(crate) from: SocketAddrV4,
    /// Where it sends: a port of the relay.
    pub(crate) to: SocketAddrV4,
    /// From where the relay must forward.
    pub(crate) via: SocketAddrV4,
    /// The party that receives.
    pub(crate) sink: SocketAddrV4,
}

/// One flow.
pub(crate) struct Flow {
    pub(crate) route: Route,
    template: [u8; PACKET_BYTES],
    next: u64,
    first_of_trial: u64,
    account: Account,
}

/// All flows of a measurement.
pub(crate) struct Flows {
    flows: Vec<Flow>,
    turn: usize,
    latency: Latency,
    corrupted: u64,
    misdelivered: u64,
    foreign: u64,
}

/// The sum over all flows of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    /// Packets of ours with changed bytes.
    pub(crate) corrupted: u64,
    /// Packets of ours that arrived at the wrong party or from the wrong port.
    pub(crate) misdelivered: u64,
    /// Packets that are not ours.
    pub(crate) foreign: u64,
    /// Flows that sent and of which nothing arrived.
    pub(crate) dead_flows: u64,
}

impl Totals {
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Fraction of packets lost; 1 if nothing was sent, since nothing was shown to work.
    pub(crate) fn loss(&self) -> f64 {
        if self.sent == 0 {
            1.0
        } else {
            self.lost() as f64 / self.sent as f64
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "sent": self.sent,
            "received": self.received,
            "lost": self.lost(),
            "loss": self.loss(),
            "duplicates": self.duplicates,
            "reordered": self.reordered,
            "corrupted": self.corrupted,
            "misdelivered": self.misdelivered,
            "foreign": self.foreign,
            "dead_flows": self.dead_flows,
        })
    }
}

impl Flows {
    pub(crate) fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let flow = |(index, route)| Flow {
            route,
            template: stamp::template(index as u32),
            next: 0,
            first_of_trial: 0,
            account: Account::starting_at(0),
        };
        Self {
            flows: routes.into_iter().enumerate().map(flow).collect(),
            turn: 0,
            latency: Latency::new(),
            corrupted: 0,
            misdelivered: 0,
            foreign: 0,
        }
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.flows.iter().map(|flow| &flow.route)
    }

    /// Forgets the last trial; packets of it that still arrive don't count.
    pub(crate) fn start_trial(&mut self) {
        for flow in &mut self.flows {
            flow.first_of_trial = flow.next;
            flow.account = Account::starting_at(flow.next);
        }
        self.latency.clear();
        (self.corrupted, self.misdelivered, self.foreign) = (0, 0, 0);
    }

    /// Writes the next packet, flows taking turns; returns the flow.
    pub(crate) fn next_packet(&mut self, bytes: &mut [u8; PACKET_BYTES], now_ns: u64) -> usize {
        let index = self.turn;
        self.turn = (self.turn + 1) % self.flows.len();
        let flow = &mut self.flows[index];
        *bytes = flow.template;
        stamp::write(bytes, flow.next, now_ns);
        flow.next += 1;
        index
    }

    /// Enters a packet that arrived.
    pub(crate) fn receive(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8], at_ns: u64) {
        let Some(stamp) = stamp::read(bytes) else {
            self.foreign += 1;
            return;
        };
        let Some(flow) = self.flows.get_mut(stamp.flow as usize) else {
            self.foreign += 1;
            return;
        };
        if to != flow.route.sink || from != flow.route.via {
            self.misdelivered += 1;
        } else if stamp.counter >= flow.next || !stamp::intact(bytes, &stamp, &flow.template) {
            self.corrupted += 1;
        } else if flow.account.enter(stamp.counter) {
            self.latency.record(at_ns.saturating_sub(stamp.sent_ns));
        }
    }

    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals {
            corrupted: self.corrupted,
            misdelivered: self.misdelivered,
            foreign: self.foreign,
            ..Totals::default()
        };
        for flow in &self.flows {
            let sent = flow.next - flow.first_of_trial;
            totals.sent += sent;
            totals.received += flow.account.received;
            totals.duplicates += flow.account.duplicates;
            totals.reordered += flow.account.reordered;
            totals.dead_flows += u64::from(sent > 0 && flow.account.received == 0);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new([127, 0, 0, 1].into(), port)
    }

    fn flows() -> Flows {
        let route = |from, to, via, sink| Route {
            from: addr(from),
            to: addr(to),
            via: addr(via),
            sink: addr(sink),
        };
        Flows::new([route(1, 11, 12, 2), route(2, 12, 11, 1)])
    }

    #[test]
    fn every_fate_is_told_apart() {
        let mut flows = flows();
        let packets: Vec<_> = (0..8)
            .map(|_| {
                let mut bytes = [0; PACKET_BYTES];
                assert!(flows.next_packet(&mut bytes, 1_000) < 2);
                bytes
            })
            .collect();
        flows.receive(addr(12), addr(2), &packets[0], 3_000);
        flows.receive(addr(12), addr(2), &packets[0], 3_000); // again
        flows.receive(addr(12), addr(2), &packets[4], 3_000);
        flows.receive(addr(12), addr(2), &packets[2], 3_000); // late
        flows.receive(addr(11), addr(2), &packets[6], 3_000); // from the wrong port
        flows.receive(addr(12), addr(1), &packets[6], 3_000); // to the wrong party
        flows.receive(addr(12), addr(2), b"hello", 3_000);
        let mut bad = packets[6];
        bad[100] ^= 1;
        flows.receive(addr(12), addr(2), &bad, 3_000);
        let totals = flows.totals();
        let expected = Totals {
            sent: 8,
            received: 3,
            duplicates: 1,
            reordered: 1,
            corrupted: 1,
            misdelivered: 2,
            foreign: 1,
            dead_flows: 1,
        };
        assert_eq!(totals, expected);
        assert_eq!(totals.lost(), 5);
        assert_eq!(flows.latency().count(), 3);
    }

    #[test]
    fn stragglers_of_the_last_trial_do_not_count() {
        let mut flows = flows();
        let mut old = [0; PACKET_BYTES];
        flows.next_packet(&mut old, 0);
        flows.start_trial();
        flows.receive(addr(12), addr(2), &old, 1);
        assert_eq!(flows.totals(), Totals::default());
        assert_eq!(flows.totals().loss(), 1.0, "nothing sent shows nothing");
    }
}
