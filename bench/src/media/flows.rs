//! One-way streams of test packets, and what became of them.

use std::net::SocketAddrV4;

use serde_json::{Value, json};
use srtp::{Params, Receiver, Sender};

use super::account::Account;
use super::stamp::{self, PACKET_BYTES, Stamp};
use crate::hist::Latency;

/// Longest test packet with what protection adds (RFC 7714 §12).
pub(crate) const WIRE_BYTES_MAX: usize = PACKET_BYTES + 16;
/// One packet in so many that arrive protected is decrypted and checked; of the others only length and header are.
const SAMPLE: u64 = 16;

/// Both directions of a call are two flows.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The party that sends.
    pub(crate) from: SocketAddrV4,
    /// Where it sends: a port of the relay.
    pub(crate) to: SocketAddrV4,
    /// From where the relay must forward.
    pub(crate) via: SocketAddrV4,
    /// The party that receives.
    pub(crate) sink: SocketAddrV4,
    /// What the sender protects packets with.
    pub(crate) seal: Option<Params>,
    /// What the receiver finds them protected with.
    pub(crate) open: Option<Params>,
}

impl Route {
    /// Length of a packet as it is sent.
    pub(crate) fn packet_bytes(&self) -> usize {
        PACKET_BYTES + self.seal.as_ref().map_or(0, tag_bytes)
    }
}

fn tag_bytes(params: &Params) -> usize {
    let key = params.keys().first();
    key.map_or(0, |key| key.suite().spec().rtp_tag_len)
}

/// One flow.
pub(crate) struct Flow {
    pub(crate) route: Route,
    template: [u8; PACKET_BYTES],
    next: u64,
    first_of_trial: u64,
    account: Account,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

/// All flows of a measurement.
pub(crate) struct Flows {
    flows: Vec<Flow>,
    turn: usize,
    latency: Latency,
    corrupted: u64,
    misdelivered: u64,
    foreign: u64,
    opened: u64,
}

impl Flow {
    /// Whether what can be told without decrypting is as it was sent.
    fn looks_right(&self, bytes: &[u8], counter: u64) -> bool {
        let tag = self.route.open.as_ref().map_or(0, tag_bytes);
        bytes.len() == PACKET_BYTES + tag && stamp::header_intact(bytes, counter, &self.template)
    }

    /// What a packet says that is authentic and byte for byte what was sent.
    fn open(&mut self, bytes: &[u8]) -> Option<Stamp> {
        let mut copy = [0; WIRE_BYTES_MAX];
        let packet = copy.get_mut(..bytes.len())?;
        packet.copy_from_slice(bytes);
        let length = self.receiver.as_mut()?.unprotect_rtp(packet).ok()?;
        let plain = packet.get(..length)?;
        let stamp = stamp::read(plain)?;
        stamp::intact(plain, &stamp, &self.template).then_some(stamp)
    }
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
    /// Packets that arrived protected and were decrypted and checked.
    pub(crate) opened: u64,
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
            "opened": self.opened,
            "dead_flows": self.dead_flows,
        })
    }
}

impl Flows {
    pub(crate) fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let flow = |(index, route): (usize, Route)| Flow {
            template: stamp::template(index as u32),
            next: 0,
            first_of_trial: 0,
            account: Account::starting_at(0),
            sender: route.seal.clone().map(Sender::new),
            receiver: route.open.clone().map(Receiver::new),
            route,
        };
        Self {
            flows: routes.into_iter().enumerate().map(flow).collect(),
            turn: 0,
            latency: Latency::new(),
            corrupted: 0,
            misdelivered: 0,
            foreign: 0,
            opened: 0,
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
        (self.corrupted, self.misdelivered, self.foreign, self.opened) = (0, 0, 0, 0);
    }

    /// Writes the next packet, flows taking turns; returns the flow and the packet's length.
    pub(crate) fn next_packet(&mut self, bytes: &mut [u8; WIRE_BYTES_MAX], now_ns: u64) -> (usize, usize) {
        let index = self.turn;
        self.turn = (self.turn + 1) % self.flows.len();
        let flow = &mut self.flows[index];
        let mut packet = flow.template;
        stamp::write(&mut packet, flow.next, now_ns);
        bytes[..PACKET_BYTES].copy_from_slice(&packet);
        flow.next += 1;
        let sealed = flow
            .sender
            .as_mut()
            .map(|sender| sender.protect_rtp(bytes, PACKET_BYTES));
        let length = sealed.map_or(PACKET_BYTES, |sealed| {
            sealed.expect("each packet has a new number and room for a tag")
        });
        (index, length)
    }

    /// Enters a packet that arrived.
    pub(crate) fn receive(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8], at_ns: u64) {
        let peeked = stamp::peek(bytes);
        if let Some((index, seq)) = peeked
            && let Some(flow) = self.flows.get(index as usize)
            && flow.receiver.is_some()
        {
            return self.receive_protected(index as usize, seq, (from, to), bytes, at_ns);
        }
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

    /// Enters a packet that arrived on a flow whose receiver has a key.
    fn receive_protected(
        &mut self,
        index: usize,
        seq: u16,
        (from, to): (SocketAddrV4, SocketAddrV4),
        bytes: &[u8],
        at_ns: u64,
    ) {
        let flow = &mut self.flows[index];
        // Nothing arrives that was not sent: it is one of the last 65536.
        let back = u64::from((flow.next as u16).wrapping_sub(seq).wrapping_sub(1)) + 1;
        let counter = flow.next.checked_sub(back);
        if to != flow.route.sink || from != flow.route.via {
            self.misdelivered += 1;
            return;
        }
        let Some(counter) = counter.filter(|counter| flow.looks_right(bytes, *counter)) else {
            self.corrupted += 1;
            return;
        };
        if counter < flow.first_of_trial || !counter.is_multiple_of(SAMPLE) {
            flow.account.enter(counter);
            return;
        }
        match flow.open(bytes) {
            Some(stamp) if stamp.counter == counter => {
                self.opened += 1;
                if flow.account.enter(counter) {
                    self.latency.record(at_ns.saturating_sub(stamp.sent_ns));
                }
            }
            // A second copy is refused by the receiver and counted like one.
            _ if flow.account.has(counter) => {
                flow.account.enter(counter);
            }
            _ => self.corrupted += 1,
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
            opened: self.opened,
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
    use crate::crypto::Crypto;

    fn addr(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new([127, 0, 0, 1].into(), port)
    }

    fn flows() -> Flows {
        let route = |from, to, via, sink| Route {
            from: addr(from),
            to: addr(to),
            via: addr(via),
            sink: addr(sink),
            seal: None,
            open: None,
        };
        Flows::new([route(1, 11, 12, 2), route(2, 12, 11, 1)])
    }

    #[test]
    fn every_fate_is_told_apart() {
        let mut flows = flows();
        let packets: Vec<_> = (0..8)
            .map(|_| {
                let mut bytes = [0; WIRE_BYTES_MAX];
                assert_eq!(flows.next_packet(&mut bytes, 1_000).1, PACKET_BYTES);
                *bytes.first_chunk::<PACKET_BYTES>().unwrap()
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
            opened: 0,
            dead_flows: 1,
        };
        assert_eq!(totals, expected);
        assert_eq!(totals.lost(), 5);
        assert_eq!(flows.latency().count(), 3);
    }

    fn params(number: u64) -> Params {
        let crypto = Crypto::new(1, srtp::Suite::AesCm128HmacSha1_80, number);
        crypto.params().unwrap()
    }

    /// As a relay: decrypts with the sender's key, encrypts with the receiver's.
    fn relayed(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let (mut receiver, mut sender) = (Receiver::new(params(1)), Sender::new(params(2)));
        let relay = |packet: &Vec<u8>| {
            let mut bytes = packet.clone();
            let length = receiver.unprotect_rtp(&mut bytes).unwrap();
            assert_eq!(length, PACKET_BYTES);
            let length = sender.protect_rtp(&mut bytes, length).unwrap();
            bytes.truncate(length);
            bytes
        };
        packets.iter().map(relay).collect()
    }

    #[test]
    fn protected_packets_are_checked_by_samples() {
        let route = Route {
            from: addr(1),
            to: addr(11),
            via: addr(12),
            sink: addr(2),
            seal: Some(params(1)),
            open: Some(params(2)),
        };
        let mut flows = Flows::new([route.clone()]);
        let count = 70_000;
        let packets: Vec<_> = (0..count)
            .map(|_| {
                let mut bytes = [0; WIRE_BYTES_MAX];
                let (_, length) = flows.next_packet(&mut bytes, 1_000);
                assert_eq!(length, route.packet_bytes());
                bytes[..length].to_vec()
            })
            .collect();
        // As they were sent they do not come: the relay has keys of its own.
        let mut straight = Flows::new([route]);
        straight.flows[0].next = count;
        straight.receive(addr(12), addr(2), &packets[65_536], 3_000);
        assert_eq!((straight.totals().corrupted, straight.totals().opened), (1, 0));

        let relayed = relayed(&packets);
        flows.flows[0].next = 0;
        for packet in &relayed {
            flows.flows[0].next += 1;
            flows.receive(addr(12), addr(2), packet, 3_000);
        }
        let totals = flows.totals();
        assert_eq!((totals.received, totals.opened), (count, count / SAMPLE));
        assert_eq!(totals.corrupted + totals.duplicates, 0);
        assert_eq!(flows.latency().count(), count / SAMPLE);
        // The last sampled one again, damaged ones, one at the wrong party.
        let last = relayed.len() - 1 - (relayed.len() - 1) % 16;
        flows.receive(addr(12), addr(2), &relayed[last], 3_000);
        assert_eq!(flows.totals().duplicates, 1);
        let mut bad = relayed[last].clone();
        bad.push(0);
        flows.receive(addr(12), addr(2), &bad, 3_000);
        flows.receive(addr(12), addr(1), &relayed[last], 3_000);
        assert_eq!((flows.totals().corrupted, flows.totals().misdelivered), (1, 1));
    }

    #[test]
    fn stragglers_of_the_last_trial_do_not_count() {
        let mut flows = flows();
        let mut old = [0; WIRE_BYTES_MAX];
        let (_, length) = flows.next_packet(&mut old, 0);
        flows.start_trial();
        flows.receive(addr(12), addr(2), &old[..length], 1);
        assert_eq!(flows.totals(), Totals::default());
        assert_eq!(flows.totals().loss(), 1.0, "nothing sent shows nothing");
    }
}
