//! One-way streams of test packets, and what became of them.

use std::net::SocketAddrV4;
use std::sync::Arc;

use serde_json::{Value, json};
use srtp::{Params, Receiver, Sender};

use super::account::Account;
use super::payload::{PACKET_BYTES_MAX, Payload};
use super::pcap::Capture;
use super::stamp::{self, Template};
use crate::hist::Latency;

/// One packet in so many that arrive protected is decrypted and checked; of the others only length and header are.
pub(crate) const SAMPLE: u64 = 16;
/// Packets of a replayed flow whose time of sending is remembered.
const SENT_WINDOW: usize = 64;

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

/// What the parties say to each other.
#[derive(Clone, Debug)]
pub(crate) enum Talk {
    /// Test packets.
    Made(Payload),
    /// What somebody once said.
    Replayed(Arc<Capture>),
}

impl Talk {
    /// Packets a second of one party in real time.
    pub(crate) fn per_second(&self) -> f64 {
        match self {
            Self::Made(payload) => payload.per_second(),
            Self::Replayed(capture) => capture.per_second,
        }
    }

    /// Bytes of the longest packet before it is protected.
    pub(crate) fn longest(&self) -> usize {
        match self {
            Self::Made(payload) => payload.packet_bytes,
            Self::Replayed(capture) => capture.longest,
        }
    }
}

/// The packets of one flow.
pub(crate) enum Content {
    Made(Template),
    Replayed {
        capture: Arc<Capture>,
        ssrc: u32,
        /// When the last ones were sent; a replayed packet can't say so itself.
        sent_ns: Box<[u64; SENT_WINDOW]>,
    },
}

impl Content {
    fn new(flow: u32, talk: &Talk) -> Self {
        match talk {
            Talk::Made(payload) => Self::Made(Template::new(flow, payload)),
            Talk::Replayed(capture) => Self::Replayed {
                capture: Arc::clone(capture),
                ssrc: stamp::ssrc(flow),
                sent_ns: Box::new([0; SENT_WINDOW]),
            },
        }
    }

    fn write(&mut self, out: &mut [u8], counter: u64, now_ns: u64) -> usize {
        match self {
            Self::Made(template) => template.write(out, counter, now_ns),
            Self::Replayed {
                capture,
                ssrc,
                sent_ns,
            } => {
                sent_ns[counter as usize % SENT_WINDOW] = now_ns;
                capture.write(out, *ssrc, counter)
            }
        }
    }

    /// When the packet was sent (0: not known; 1: so long ago that it was forgotten), if it is byte for byte packet
    /// `counter`, which is `age` packets old.
    fn check(&self, packet: &[u8], counter: u64, age: u64) -> Option<u64> {
        match self {
            Self::Made(template) => template.check(packet, counter),
            Self::Replayed {
                capture,
                ssrc,
                sent_ns,
            } => {
                let mut expected = [0; PACKET_BYTES_MAX];
                let length = capture.write(&mut expected, *ssrc, counter);
                let sent = match usize::try_from(age) {
                    Ok(age) if age <= SENT_WINDOW => sent_ns[counter as usize % SENT_WINDOW],
                    _ => 1,
                };
                (packet == &expected[..length]).then_some(sent)
            }
        }
    }

    /// Whether length and header are those of packet `counter` with a tag of that many bytes.
    fn looks_right(&self, packet: &[u8], counter: u64, tag: usize) -> bool {
        match self {
            Self::Made(template) => {
                packet.len() == template.bytes().len() + tag && template.header_is(packet, counter)
            }
            Self::Replayed { capture, ssrc, .. } => {
                let mut expected = [0; PACKET_BYTES_MAX];
                let length = capture.write(&mut expected, *ssrc, counter);
                packet.len() == length + tag && packet.get(..12) == Some(&expected[..12])
            }
        }
    }
}

/// Bytes that protection adds to an RTP packet.
pub(crate) fn tag_bytes(params: &Params) -> usize {
    let key = params.keys().first();
    key.map_or(0, |key| key.suite().spec().rtp_tag_len)
}

/// One flow.
pub(crate) struct Flow {
    pub(crate) route: Route,
    pub(crate) content: Content,
    pub(crate) next: u64,
    first_of_trial: u64,
    account: Account,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

/// All flows of a measurement.
pub(crate) struct Flows {
    pub(crate) flows: Vec<Flow>,
    turn: usize,
    latency: Latency,
    corrupted: u64,
    misdelivered: u64,
    foreign: u64,
    opened: u64,
}

impl Flow {
    /// Writes the next packet; returns its length.
    pub(crate) fn next_packet(&mut self, out: &mut [u8; PACKET_BYTES_MAX], now_ns: u64) -> usize {
        let length = self.content.write(out, self.next, now_ns);
        self.next += 1;
        let sealed = self.sender.as_mut().map(|sender| sender.protect_rtp(out, length));
        sealed.map_or(length, |sealed| {
            sealed.expect("each packet has a new number and room for a tag")
        })
    }

    /// When a packet was sent that is authentic and byte for byte packet `counter`.
    pub(crate) fn open(&mut self, bytes: &[u8], counter: u64) -> Option<u64> {
        let mut copy = [0; PACKET_BYTES_MAX];
        let packet = copy.get_mut(..bytes.len())?;
        packet.copy_from_slice(bytes);
        let length = match &mut self.receiver {
            Some(receiver) => receiver.unprotect_rtp(packet).ok()?,
            None => packet.len(),
        };
        self.content
            .check(packet.get(..length)?, counter, self.next.saturating_sub(counter))
    }

    /// Whether packets arrive protected.
    pub(crate) fn arrives_protected(&self) -> bool {
        self.receiver.is_some()
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
    /// Packets whose payload could be looked at by samples only, and was, decrypted if need be.
    pub(crate) opened: u64,
    /// Flows that sent and of which nothing arrived.
    pub(crate) dead_flows: u64,
    /// UDP checksums of what arrived, where the generator sees them.
    pub(crate) checksums: Option<Checksums>,
}

/// UDP checksums of what arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Checksums {
    pub(crate) right: u64,
    /// Left to the network device, which a virtual one does not compute.
    pub(crate) left_to_device: u64,
    pub(crate) absent: u64,
    pub(crate) wrong: u64,
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

    /// Whether everything that arrived was as it should be.
    pub(crate) fn is_clean(&self) -> bool {
        self.corrupted + self.misdelivered + self.checksums.map_or(0, |sums| sums.wrong) == 0
    }

    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "sent": self.sent,
            "received": self.received,
            "lost": self.lost(),
            "loss": self.loss(),
            "duplicates": self.duplicates,
            "reordered": self.reordered,
            "corrupted": self.corrupted,
            "misdelivered": self.misdelivered,
            "foreign": self.foreign,
            "payload_checked_by_samples": self.opened,
            "dead_flows": self.dead_flows,
        });
        if let Some(sums) = self.checksums {
            json["udp_checksums"] = json!({
                "right": sums.right,
                "left_to_device": sums.left_to_device,
                "absent": sums.absent,
                "wrong": sums.wrong,
            });
        }
        json
    }
}

impl Flows {
    pub(crate) fn new(talk: &Talk, routes: impl IntoIterator<Item = Route>) -> Self {
        let flow = |(index, route): (usize, Route)| Flow {
            content: Content::new(index as u32, talk),
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

    pub(crate) fn len(&self) -> usize {
        self.flows.len()
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
    pub(crate) fn next_packet(&mut self, bytes: &mut [u8; PACKET_BYTES_MAX], now_ns: u64) -> (usize, usize) {
        let index = self.turn;
        self.turn = (self.turn + 1) % self.flows.len();
        (index, self.flows[index].next_packet(bytes, now_ns))
    }

    /// Enters a packet that arrived.
    pub(crate) fn receive(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8], at_ns: u64) {
        let peeked =
            stamp::peek(bytes).and_then(|(index, seq)| Some((self.flows.get_mut(index as usize)?, seq)));
        let Some((flow, seq)) = peeked else {
            self.foreign += 1;
            return;
        };
        if to != flow.route.sink || from != flow.route.via {
            self.misdelivered += 1;
            return;
        }
        // Nothing arrives that was not sent: it is one of the last 65536.
        let back = u64::from((flow.next as u16).wrapping_sub(seq).wrapping_sub(1)) + 1;
        let tag = flow.route.open.as_ref().map_or(0, tag_bytes);
        let counter = flow.next.checked_sub(back);
        let Some(counter) = counter.filter(|counter| flow.content.looks_right(bytes, *counter, tag)) else {
            self.corrupted += 1;
            return;
        };
        let sampled = flow.receiver.is_some();
        if sampled && (counter < flow.first_of_trial || !counter.is_multiple_of(SAMPLE)) {
            flow.account.enter(counter);
            return;
        }
        match flow.open(bytes, counter) {
            Some(sent_ns) => {
                self.opened += u64::from(sampled);
                if flow.account.enter(counter) && sent_ns > 0 {
                    self.latency.record(at_ns.saturating_sub(sent_ns));
                }
            }
            // A second copy is refused by the receiver and counted like one.
            None if sampled && flow.account.has(counter) => {
                flow.account.enter(counter);
            }
            None => self.corrupted += 1,
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

    const PACKET_BYTES: usize = 172;

    fn addr(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new([127, 0, 0, 1].into(), port)
    }

    fn talk() -> Talk {
        Talk::Made(Payload::default())
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
        Flows::new(&talk(), [route(1, 11, 12, 2), route(2, 12, 11, 1)])
    }

    #[test]
    fn every_fate_is_told_apart() {
        let mut flows = flows();
        let packets: Vec<_> = (0..8)
            .map(|_| {
                let mut bytes = [0; PACKET_BYTES_MAX];
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
            checksums: None,
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
        let mut flows = Flows::new(&talk(), [route.clone()]);
        let count = 70_000;
        let packets: Vec<_> = (0..count)
            .map(|_| {
                let mut bytes = [0; PACKET_BYTES_MAX];
                let (_, length) = flows.next_packet(&mut bytes, 1_000);
                assert_eq!(length, PACKET_BYTES + 10);
                bytes[..length].to_vec()
            })
            .collect();
        // As they were sent they do not come: the relay has keys of its own.
        let mut straight = Flows::new(&talk(), [route]);
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
        let mut old = [0; PACKET_BYTES_MAX];
        let (_, length) = flows.next_packet(&mut old, 0);
        flows.start_trial();
        flows.receive(addr(12), addr(2), &old[..length], 1);
        assert_eq!(flows.totals(), Totals::default());
        assert_eq!(flows.totals().loss(), 1.0, "nothing sent shows nothing");
    }
}
