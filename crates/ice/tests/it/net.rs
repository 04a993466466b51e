//! A seeded network: loss, duplicates, reordering, address translation, and virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use ice::{Agent, Component, Event, Time};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What stands between a host and the network.
pub(crate) enum Nat {
    None,
    /// Private and public address, ports kept.
    OneToOne(IpAddr, IpAddr),
    Translating(Translating),
}

/// A NAT with filters per address and port.
pub(crate) struct Translating {
    public: IpAddr,
    /// A mapping for each destination rather than one for all.
    symmetric: bool,
    next_port: u16,
    ports: BTreeMap<(SocketAddr, Option<SocketAddr>), u16>,
    allowed: BTreeSet<(u16, SocketAddr)>,
}

impl Translating {
    pub(crate) fn new(public: &str, symmetric: bool) -> Self {
        Self {
            public: public.parse().expect("an address"),
            symmetric,
            next_port: 20_000,
            ports: BTreeMap::new(),
            allowed: BTreeSet::new(),
        }
    }
}

impl Nat {
    fn outward(&mut self, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        match self {
            Self::OneToOne(private, public) if from.ip() == *private => SocketAddr::new(*public, from.port()),
            Self::Translating(nat) => {
                let next = nat.next_port;
                let port = *nat
                    .ports
                    .entry((from, nat.symmetric.then_some(to)))
                    .or_insert(next);
                nat.next_port += u16::from(port == next);
                nat.allowed.insert((port, to));
                SocketAddr::new(nat.public, port)
            }
            _ => from,
        }
    }

    fn inward(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        match self {
            Self::OneToOne(private, public) if to.ip() == *public => {
                Some(SocketAddr::new(*private, to.port()))
            }
            Self::OneToOne(private, _) if to.ip() == *private => None,
            Self::Translating(nat) => {
                let open = to.ip() == nat.public && nat.allowed.contains(&(to.port(), from));
                let mapping = nat.ports.iter().find(|(_, port)| **port == to.port());
                mapping.filter(|_| open).map(|((private, _), _)| *private)
            }
            _ => Some(to),
        }
    }

    /// Forgets everything: the next packets leave from other ports.
    pub(crate) fn rebind(&mut self) -> bool {
        let Self::Translating(nat) = self else {
            return false;
        };
        nat.ports.clear();
        nat.allowed.clear();
        true
    }
}

pub(crate) struct Host {
    pub(crate) agent: Agent,
    pub(crate) nat: Nat,
    pub(crate) sockets: Vec<(Component, SocketAddr)>,
    pub(crate) events: Vec<(u64, Event)>,
    /// When, and where to, each packet left.
    pub(crate) sent: Vec<(u64, SocketAddr)>,
}

struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

pub(crate) struct Net {
    rng: StdRng,
    pub(crate) now_us: u64,
    queue: BTreeMap<(u64, u64), Packet>,
    sequence: u64,
    pub(crate) loss: f64,
    pub(crate) duplicates: f64,
    pub(crate) delay_us: Range<u64>,
    pub(crate) hosts: Vec<Host>,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            now_us: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            loss: 0.0,
            duplicates: 0.0,
            delay_us: 1000..2000,
            hosts: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, agent: Agent, nat: Nat, sockets: Vec<(Component, SocketAddr)>) {
        self.hosts.push(Host {
            agent,
            nat,
            sockets,
            events: Vec::new(),
            sent: Vec::new(),
        });
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_micros(self.now_us)
    }

    /// Where a packet of a host's would arrive now, and from where it would seem to come.
    pub(crate) fn translate(
        &mut self,
        host: usize,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<(usize, SocketAddr, SocketAddr)> {
        let from = self.hosts[host].nat.outward(from, to);
        let (at, socket) = self.receiver(from, to)?;
        Some((at, socket, from))
    }

    fn receiver(&self, from: SocketAddr, to: SocketAddr) -> Option<(usize, SocketAddr)> {
        self.hosts.iter().enumerate().find_map(|(at, host)| {
            let socket = host.nat.inward(from, to)?;
            host.sockets
                .iter()
                .any(|(_, s)| *s == socket)
                .then_some((at, socket))
        })
    }

    fn send(&mut self, host: usize, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.hosts[host].sent.push((self.now_us, to));
        let from = self.hosts[host].nat.outward(from, to);
        let copies = 1 + usize::from(self.rng.random_bool(self.duplicates));
        for _ in 0..copies {
            if self.rng.random_bool(self.loss) {
                continue;
            }
            let arrival = self.now_us + self.rng.random_range(self.delay_us.clone());
            self.sequence += 1;
            let bytes = bytes.to_vec();
            self.queue
                .insert((arrival, self.sequence), Packet { from, to, bytes });
        }
    }

    /// Collects what the agents have to say.
    pub(crate) fn drain(&mut self) {
        for host in 0..self.hosts.len() {
            while let Some(t) = self.hosts[host].agent.poll_transmit() {
                self.send(host, t.local, t.to, &t.bytes);
            }
            let (now, host) = (self.now_us, &mut self.hosts[host]);
            while let Some(event) = host.agent.poll_event() {
                host.events.push((now, event));
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn run_until(&mut self, end_us: u64) {
        let mut still = 0;
        loop {
            self.drain();
            let arrival = self.queue.keys().next().map(|(at, _)| *at);
            let timeouts = self.hosts.iter().filter_map(|h| h.agent.poll_timeout());
            let next = timeouts
                .map(Time::as_micros)
                .chain(arrival)
                .min()
                .unwrap_or(u64::MAX);
            if next > end_us {
                self.now_us = end_us;
                return;
            }
            still = if next > self.now_us { 0 } else { still + 1 };
            assert!(still < 1000, "an agent asks for the same moment again and again");
            self.now_us = self.now_us.max(next);
            let now = self.now();
            for host in &mut self.hosts {
                if host.agent.poll_timeout().is_some_and(|t| t <= now) {
                    host.agent.handle_timeout(now);
                }
            }
            while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now_us) {
                let packet = entry.remove();
                if let Some((at, socket)) = self.receiver(packet.from, packet.to) {
                    self.hosts[at]
                        .agent
                        .handle_packet(now, socket, packet.from, &packet.bytes);
                }
            }
        }
    }
}
