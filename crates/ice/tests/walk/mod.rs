//! What must hold for any bytes: as a message, and as the life of an agent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ice::stun::{Class, ErrorCode, Key, Message, TransactionId, Writer};
use ice::{
    Agent, Component, Config, Credentials, Foundation, Kind, Liveness, Local, Mode, Policy, PublicInternet,
    Remote, RemoteCandidate, Role, Strangers, Time, Transmit, limits,
};

/// Any datagram as a STUN message.
pub(crate) fn stun(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    assert_eq!(message.bytes(), bytes);
    assert_eq!(bytes[..2][0] & 0xc0, 0);
    let covered: usize = message
        .attributes()
        .map(|(_, v)| 4 + v.len().next_multiple_of(4))
        .sum();
    assert!(covered + ice::stun::HEADER_LEN <= bytes.len());
    let _ = (
        message.class(),
        message.is_binding(),
        message.transaction(),
        message.priority(),
    );
    let _ = (
        message.username(),
        message.software(),
        message.use_candidate(),
        message.nomination(),
    );
    assert!(message.error_code().is_none_or(|c| (300..700).contains(&c)));
    assert!(message.unknown_required().all(|kind| kind < 0x8000));
    let key = Key::new(b"VOkJxbRl1RmTxUk/WvJxBt");
    assert!(!message.verify_integrity(&key) || message.has_integrity());
    let _ = message.verify_fingerprint();
    // What is read can be written, and is read again as the same.
    let mut buf = vec![0; bytes.len() + 64];
    let mut writer = Writer::new(&mut buf, message.class(), message.transaction());
    message
        .attributes()
        .for_each(|(kind, value)| _ = writer.attribute(kind, value));
    let len = writer.finish(Some(&key)).expect("room");
    let again = Message::parse(&buf[..len]).expect("what we write");
    assert!(again.verify_integrity(&key) && again.verify_fingerprint());
    assert!(again.attributes().eq(message.attributes()));
    if let Some(address) = message.xor_mapped_address() {
        let mut buf = [0; 64];
        let mut writer = Writer::new(&mut buf, Class::Success, message.transaction());
        writer.xor_mapped_address(address, message.transaction());
        let len = writer.finish(None).expect("room");
        let read = Message::parse(&buf[..len])
            .expect("what we write")
            .xor_mapped_address();
        assert_eq!(
            read.map(|a| a.ip().to_canonical()),
            Some(address.ip().to_canonical())
        );
    }
}

/// Takes a byte after the other; zeros behind the end.
struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }
}

struct Life {
    agent: Agent,
    policy: PublicInternet,
    now_us: u64,
    peer: Credentials,
    last: Option<Transmit>,
    ids: u64,
    /// Requests sent since the last restart to addresses that have not answered.
    unanswered: BTreeMap<SocketAddr, u32>,
}

const SOCKETS: [&str; 3] = ["203.0.113.1:30000", "[2001:db8::1]:30000", "203.0.113.1:30001"];

impl Life {
    fn new(program: &mut Program) -> Self {
        let flags = program.byte();
        let policy = PublicInternet::default();
        let mut agent = Agent::new(Config {
            mode: if flags & 1 == 0 { Mode::Full } else { Mode::Lite },
            role: if flags & 2 == 0 {
                Role::Controlling
            } else {
                Role::Controlled
            },
            software: "rtpengine".repeat(usize::from(flags >> 4)),
            liveness: if flags & 4 == 0 {
                Liveness::Consent
            } else {
                Liveness::Keepalive
            },
            strangers: if flags & 8 == 0 {
                Strangers::Silence
            } else {
                Strangers::Bounded
            },
            renomination: flags & 16 == 0,
            policy: Arc::new(policy.clone()),
            seed: [flags; 32],
        });
        for (index, socket) in (0..).zip(SOCKETS) {
            let bound: SocketAddr = socket.parse().expect("an address");
            let component = if bound.port() == 30_001 {
                Component::Rtcp
            } else {
                Component::Rtp
            };
            let foundation = Foundation::new("f").expect("a foundation");
            agent.add_local(Local {
                component,
                index,
                bound,
                advertised: bound,
                foundation,
            });
        }
        Self {
            agent,
            policy,
            now_us: 0,
            peer: Credentials::new("peer", "secret").expect("credentials"),
            last: None,
            ids: 0,
            unanswered: BTreeMap::new(),
        }
    }

    fn now(&self) -> Time {
        Time::from_micros(self.now_us)
    }

    /// Few addresses, so that they meet again; special ones among them.
    fn address(program: &mut Program) -> SocketAddr {
        let byte = program.byte();
        let port = 4000 + u16::from(byte >> 5);
        let ip = match byte & 0x1f {
            0 => "127.0.0.1".to_owned(),
            1 => "224.0.0.1".to_owned(),
            2 => "fe80::1".to_owned(),
            3 => "::ffff:198.51.100.9".to_owned(),
            n @ 4..8 => format!("2001:db8::{n}"),
            n => format!("198.51.100.{n}"),
        };
        SocketAddr::new(ip.parse().expect("an address"), port)
    }

    fn deliver(&mut self, program: &mut Program, bytes: &[u8]) {
        let socket = SOCKETS[usize::from(program.byte()) % SOCKETS.len()]
            .parse()
            .expect("an address");
        let from = Self::address(program);
        self.agent.handle_packet(self.now(), socket, from, bytes);
    }

    /// A request with any attributes, rightly signed.
    fn request(&mut self, program: &mut Program) -> Vec<u8> {
        self.ids += 1;
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.ids.to_be_bytes());
        let mut buf = vec![0; 2048];
        let mut writer = Writer::new(&mut buf, Class::Request, TransactionId(id));
        writer.username(self.agent.credentials().ufrag(), self.peer.ufrag());
        let flags = program.byte();
        if flags & 1 == 0 {
            writer.priority(u32::from(flags) << 20);
        }
        if flags & 2 != 0 {
            writer.use_candidate();
        }
        match flags >> 6 {
            0 => _ = writer.controlling(u64::from(flags) << 56),
            1 => _ = writer.controlled(u64::from(flags) << 56),
            2 => _ = writer.nomination(u32::from(program.byte())),
            _ => _ = writer.attribute(u16::from(program.byte()) << 8, program.bytes()),
        }
        let key = Key::new(self.agent.credentials().pwd().as_bytes());
        let len = writer.finish(Some(&key)).expect("room");
        buf.truncate(len);
        buf
    }

    /// Answers the last request that was sent.
    fn reply(&mut self, class: Class) {
        let Some(t) = self.last.take() else { return };
        let id = Message::parse(&t.bytes).expect("what was sent").transaction();
        let mut buf = [0; 128];
        let mut writer = Writer::new(&mut buf, class, id);
        match class {
            Class::Success => writer.xor_mapped_address(t.local, id),
            _ => writer.error(ErrorCode::RoleConflict),
        };
        let len = writer
            .finish(Some(&Key::new(self.peer.pwd().as_bytes())))
            .expect("room");
        self.agent.handle_packet(self.now(), t.local, t.to, &buf[..len]);
        if class == Class::Success {
            self.unanswered.remove(&t.to);
        }
    }

    fn drain(&mut self) {
        let mut queued = 0;
        while let Some(t) = self.agent.poll_transmit() {
            queued += 1;
            assert!(self.policy.may_send(t.to), "sent to {}", t.to);
            let message = Message::parse(&t.bytes).expect("what we write");
            assert!(message.verify_fingerprint());
            if message.class() == Class::Request {
                *self.unanswered.entry(t.to).or_default() += 1;
                self.last = Some(t);
            }
        }
        assert!(queued <= limits::TRANSMITS_MAX);
        let spent: u32 = self.unanswered.values().sum();
        assert!(spent <= limits::UNPROVEN_PACKETS_MAX, "{spent} packets");
        while self.agent.poll_event().is_some() {}
        for component in Component::ALL {
            let route = self.agent.route(component);
            assert!(route.is_none_or(|r| self.policy.may_send(r.remote)), "{route:?}");
        }
    }

    fn pass(&mut self, us: u64) {
        let end = self.now_us + us;
        let mut still = 0;
        while let Some(due) = self
            .agent
            .poll_timeout()
            .map(Time::as_micros)
            .filter(|t| *t <= end)
        {
            still = if due > self.now_us { 0 } else { still + 1 };
            assert!(still < 1000, "asks for the same moment again and again");
            self.now_us = self.now_us.max(due);
            self.agent.handle_timeout(self.now());
            self.drain();
        }
        self.now_us = end;
    }

    fn step(&mut self, program: &mut Program) {
        match program.byte() % 12 {
            0 => {
                let bytes = program.bytes();
                self.deliver(program, bytes);
            }
            1..=3 => {
                let bytes = self.request(program);
                self.deliver(program, &bytes);
            }
            4 => self.pass(u64::from(program.byte()) * 10_000),
            5 => {
                let byte = program.byte();
                let candidate = RemoteCandidate {
                    foundation: Foundation::new(&(byte % 3).to_string()).expect("a foundation"),
                    component: Component::ALL[usize::from(byte >> 7)],
                    priority: u32::from(byte) << 16,
                    address: Self::address(program),
                    kind: Kind::Host,
                };
                self.agent
                    .add_remote(candidate, [None, Some("next")][usize::from(byte >> 6 & 1)]);
            }
            6 => {
                let byte = program.byte();
                let ufrag = ["peer", "next", "peer", "peer"][usize::from(byte % 4)];
                self.peer = Credentials::new(ufrag, "secret").expect("credentials");
                let credentials = self.peer.clone();
                let lite = byte > 200;
                if self.agent.set_remote(self.now(), Remote { credentials, lite }) {
                    self.drain();
                    self.unanswered.clear();
                }
            }
            7 => self.reply(Class::Success),
            8 => self.reply(Class::Error),
            9 => match program.byte() {
                0..16 => self.agent.remove_component(Component::Rtcp),
                16..64 => {
                    self.agent.restart();
                    self.drain();
                    self.unanswered.clear();
                }
                _ => self.agent.end_of_candidates(),
            },
            _ => self.pass(u64::from(program.byte()) * 1000),
        }
        self.drain();
    }
}

/// Any bytes as what happens to an agent.
pub(crate) fn agent(bytes: &[u8]) {
    let mut program = Program(bytes);
    let mut life = Life::new(&mut program);
    while !program.0.is_empty() {
        life.step(&mut program);
    }
    life.pass(3_000_000);
}
