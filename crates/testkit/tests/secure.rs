//! A browser behind a NAT and a plain phone in virtual time: ICE, DTLS and SRTP over a network that loses, delays and
//! reorders, and a NAT that forgets its mapping in the middle of the call.
//!
//! The relay, the calls, the browser's ICE agent and its DTLS are the real ones; sockets and the clock are replaced.

#![allow(
    clippy::disallowed_methods,
    reason = "dimpl counts from a moment of the machine's clock, which it never reads again"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use call::{Call, Config, DtlsHost, Output};
use dtls::{Association, AssociationEvent, Gate, HashFunction, Identity, Library, Path, Trust, Versions};
use ng_protocol::{Command, CommandKind, Dict, Request, Templates};
use plan::{CallKey, SocketId, Time};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use relay::{Batch, Outbox, Relay};
use testkit::TestEnv;

const NODE: &str = "203.0.113.1";
/// The browser's own address, which nobody else reaches.
const HOME: &str = "10.0.0.2:4000";
/// The same as its NAT shows it, at first and later.
const MAPPED: [&str; 2] = ["198.51.100.7:5000", "198.51.100.7:6000"];
const PHONE: &str = "198.51.100.9:7000";
const START: Time = Time::from_secs(1_700_000_000);
const REBOUND: Duration = Duration::from_secs(10);
const END: Duration = Duration::from_secs(25);
const PTIME: Duration = Duration::from_millis(20);
const LOSS_PERCENT: u32 = 10;
const DELAY_MS: (u64, u64) = (5, 60);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn certificate(origin: Instant) -> Arc<dtls::Config> {
    let request = dtls::Request {
        key: dtls::KeyKind::P256,
        digest: dtls::Digest::Sha256,
        name: "test".to_owned(),
    };
    let identity = Identity::generate(&request, START.as_secs()).expect("a certificate");
    let versions = Versions::Only12;
    let settings = dtls::Settings {
        library: Library::Dimpl { origin, versions },
        ..dtls::Settings::default()
    };
    Arc::new(dtls::Config::new(Arc::new(identity), &settings).expect("a configuration"))
}

/// A datagram on its way.
struct Datagram {
    at: Time,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// One call, its worker, and the sockets in between.
struct Node {
    call: Call,
    env: TestEnv,
    relay: Relay,
    batch: Batch,
    outbox: Outbox,
    sockets: BTreeMap<SocketAddr, SocketId>,
    addresses: BTreeMap<SocketId, SocketAddr>,
    sent: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    host: DtlsHost,
}

impl Node {
    fn new(seed: u64, origin: Instant) -> Self {
        let gate = Gate::new(START).expect("a secret");
        let host = DtlsHost::new(certificate(origin), vec![gate]);
        let config = Config {
            dtls: Some(host.clone()),
            ..testkit::config(&[NODE])
        };
        Self {
            env: TestEnv::new(&config.interfaces, seed),
            call: Call::new(CallKey(1), "call".into(), START, Arc::new(config)),
            relay: Relay::new(relay::Config { seed }),
            batch: Batch::new(8, 2048),
            outbox: Outbox::new(64, 1 << 16),
            sockets: BTreeMap::new(),
            addresses: BTreeMap::new(),
            sent: Vec::new(),
            host,
        }
    }

    fn command(&mut self, now: Time, dict: &Dict<'_>) -> String {
        let kind = CommandKind::of(dict).expect("a command");
        let request = Request::parse(kind, dict, &Templates::default()).expect("a request");
        let reply = match &request.command {
            Command::Offer(args) => self.call.offer(now, &mut self.env, args),
            Command::Answer(args) => self.call.answer(now, &mut self.env, args),
            _ => unreachable!("offers and answers only"),
        };
        self.settle(now);
        String::from_utf8(reply.expect("a reply").sdp).expect("text")
    }

    fn settle(&mut self, now: Time) {
        while let Some(output) = self.call.poll_output() {
            match output {
                Output::Install(set) => {
                    for socket in set.plans.iter().flat_map(|p| &p.sockets) {
                        self.sockets.insert(socket.addr, socket.id);
                        self.addresses.insert(socket.id, socket.addr);
                    }
                    self.relay.apply(now, plan::Command::Install(set));
                }
                Output::Send(datagram) => self.relay.apply(now, plan::Command::Send(datagram)),
                Output::Ended(end) => panic!("the call is over: {end:?}"),
                _ => {}
            }
        }
        self.relay.poll_datagrams(&mut self.outbox);
        self.flush();
        self.relay.drain_released(|_| {});
    }

    fn flush(&mut self) {
        for transmit in self.outbox.transmits() {
            let bytes = self.outbox.bytes(&self.batch, transmit).to_vec();
            let from = self.addresses[&transmit.socket];
            self.sent.push((from, transmit.dest, bytes));
        }
        self.outbox.clear();
    }

    fn receive(&mut self, now: Time, datagram: &Datagram) {
        let Some(&socket) = self.sockets.get(&datagram.to) else {
            return;
        };
        self.batch.clear();
        self.batch.push_bytes(socket, datagram.from, &datagram.bytes);
        self.relay.receive(now, &mut self.batch, &mut self.outbox);
        self.flush();
        self.events(now);
    }

    fn events(&mut self, now: Time) {
        let mut events = Vec::new();
        self.relay.drain_events(|event| events.push(event));
        for event in events {
            self.call.handle_event(now, &event);
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.call.poll_timeout().is_some_and(|t| t <= now) {
            self.call.handle_timeout(now);
            self.settle(now);
        }
        if self.relay.poll_timeout().is_some_and(|t| t <= now) {
            self.relay.handle_timeout(now, &mut self.outbox);
            self.flush();
            self.events(now);
        }
    }
}

/// The browser: offers, controls ICE, waits for our handshake.
struct Browser {
    agent: ice::Agent,
    dtls: Association,
    gate: Gate,
    send: Option<srtp::Sender>,
    recv: Option<srtp::Receiver>,
    connections: u32,
    heard: Vec<Time>,
    seq: u16,
}

impl Browser {
    fn new(seed: u64, config: Arc<dtls::Config>) -> Self {
        let mut agent = ice::Agent::new(ice::Config {
            mode: ice::Mode::Full,
            role: ice::Role::Controlling,
            software: "browser".to_owned(),
            liveness: ice::Liveness::Consent,
            strangers: ice::Strangers::Silence,
            renomination: false,
            policy: Arc::new(|_: SocketAddr| true),
            seed: [seed as u8; 32],
        });
        agent.add_local(ice::Local {
            component: ice::Component::Rtp,
            index: 0,
            bound: addr(HOME),
            advertised: addr(HOME),
            foundation: ice::Foundation::new("1").expect("a foundation"),
        });
        Self {
            agent,
            dtls: Association::new(config, dtls::Role::Server),
            gate: Gate::new(START).expect("a secret"),
            send: None,
            recv: None,
            connections: 0,
            heard: Vec::new(),
            seq: 0,
        }
    }

    fn offer(&self) -> String {
        let credentials = self.agent.credentials();
        let print = self.dtls.config().identity().fingerprint(HashFunction::Sha256);
        format!(
            "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
             m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\na=setup:actpass\r\n\
             a=fingerprint:sha-256 {}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=candidate:1 1 udp 2130706431 10.0.0.2 4000 typ host\r\n",
            print.expect("OpenSSL has SHA-256"),
            credentials.ufrag(),
            credentials.pwd(),
        )
    }

    fn take_answer(&mut self, now: Time, text: &str) {
        let sdp = sdp::Sdp::parse(text.as_bytes()).expect("SDP");
        let view = sdp.sessions[0].view(0).expect("a media");
        let told = view.fingerprint().expect("a fingerprint");
        let told = dtls::Fingerprint::new(HashFunction::Sha256, &told.digest).expect("32 bytes");
        self.dtls.expect(now, &[told]);
        assert_eq!(view.setup(), Some(&sdp::Setup::Active));
        let ufrag = view.ice_ufrag().expect("ICE").to_utf8();
        let pwd = view.ice_pwd().expect("ICE").to_utf8();
        let credentials = ice::Credentials::new(&ufrag, &pwd).expect("credentials");
        self.agent.set_remote(
            now,
            ice::Remote {
                credentials,
                lite: false,
            },
        );
        for candidate in view.candidates() {
            let made = ice::RemoteCandidate::from_fields(
                &candidate.foundation.to_utf8(),
                candidate.component.into(),
                "udp",
                candidate.priority,
                (&candidate.host.to_utf8(), candidate.port),
                "host",
            );
            self.agent.add_remote(made.expect("a candidate"), None);
        }
    }

    fn receive(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        match bytes.first() {
            Some(0..=3) => {
                self.agent.handle_packet(now, addr(HOME), from, bytes);
            }
            Some(20..=63) => {
                let path = Path {
                    local: 0,
                    remote: from,
                };
                let _ = self
                    .dtls
                    .handle_packet(now, path, Trust::Proven, bytes, &mut self.gate);
            }
            _ => {
                let mut bytes = bytes.to_vec();
                if let Some(recv) = &mut self.recv
                    && recv.unprotect_rtp(&mut bytes).is_ok()
                {
                    self.heard.push(now);
                }
            }
        }
    }

    /// Time passes; what leaves, and where to.
    fn turn(&mut self, now: Time) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut out = Vec::new();
        if self.agent.poll_timeout().is_some_and(|t| t <= now) {
            self.agent.handle_timeout(now);
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            out.push((transmit.to, transmit.bytes.to_vec()));
        }
        while self.agent.poll_event().is_some() {}
        if self.dtls.poll_timeout().is_some_and(|t| t <= now) {
            self.dtls.handle_timeout(now, &mut self.gate);
        }
        while let Some((path, bytes)) = self.dtls.poll_transmit() {
            out.push((path.remote, bytes.into()));
        }
        while let Some(event) = self.dtls.poll_event() {
            if let AssociationEvent::Connected(keys) = event {
                self.connections += 1;
                self.send = Some(srtp::Sender::new(keys.send));
                self.recv = Some(srtp::Receiver::new(keys.recv));
            }
        }
        out
    }

    fn speak(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let to = self.agent.route(ice::Component::Rtp)?.remote;
        let mut packet = rtp_packet(self.seq, 0x1111_1111);
        let len = packet.len();
        packet.resize(len + 64, 0);
        let len = self.send.as_mut()?.protect_rtp(&mut packet, len).ok()?;
        packet.truncate(len);
        self.seq = self.seq.wrapping_add(1);
        Some((to, packet))
    }

    fn poll_timeout(&self) -> Option<Time> {
        let ice = self.agent.poll_timeout();
        let dtls = self.dtls.poll_timeout();
        ice.into_iter().chain(dtls).min()
    }
}

fn rtp_packet(seq: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&(u32::from(seq) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0xd5; 160]);
    packet
}

struct World {
    now: Time,
    rng: SmallRng,
    node: Node,
    browser: Browser,
    under_way: Vec<Datagram>,
    /// When the phone heard something.
    phone_heard: Vec<Time>,
    phone_seq: u16,
    /// Where the phone sends to.
    phone_to: Option<SocketAddr>,
}

impl World {
    fn mapped(&self) -> SocketAddr {
        addr(MAPPED[usize::from(self.now.since(START) >= REBOUND)])
    }

    fn carry(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if !self.rng.random_ratio(LOSS_PERCENT, 100) {
            let delay = Duration::from_millis(self.rng.random_range(DELAY_MS.0..=DELAY_MS.1));
            let at = self.now + delay;
            self.under_way.push(Datagram { at, from, to, bytes });
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let mut due: Vec<Datagram> = self.under_way.extract_if(.., |d| d.at <= now).collect();
        due.sort_by_key(|d| d.at);
        for datagram in due {
            match datagram.to {
                to if to.ip() == addr(MAPPED[0]).ip() && to == self.mapped() => {
                    self.browser.receive(now, datagram.from, &datagram.bytes);
                }
                to if to == addr(PHONE) => self.phone_heard.push(now),
                _ => self.node.receive(now, &datagram),
            }
        }
    }

    fn turn(&mut self) {
        self.deliver();
        self.node.handle_timeout(self.now);
        for (to, bytes) in self.browser.turn(self.now) {
            self.carry(self.mapped(), to, bytes);
        }
        for (from, to, bytes) in std::mem::take(&mut self.node.sent) {
            self.carry(from, to, bytes);
        }
    }

    fn speak(&mut self) {
        if let Some((to, bytes)) = self.browser.speak() {
            self.carry(self.mapped(), to, bytes);
        }
        if let Some(to) = self.phone_to {
            let packet = rtp_packet(self.phone_seq, 0x2222_2222);
            self.phone_seq += 1;
            self.carry(addr(PHONE), to, packet);
        }
    }

    fn run(&mut self) {
        let mut speak_at = self.now;
        while self.now.since(START) < END {
            if speak_at <= self.now {
                self.speak();
                speak_at = speak_at + PTIME;
            }
            self.turn();
            let arrivals = self.under_way.iter().map(|d| d.at).min();
            let timers = [
                self.node.call.poll_timeout(),
                self.node.relay.poll_timeout(),
                self.browser.poll_timeout(),
                arrivals,
                Some(speak_at),
            ];
            let next = timers.into_iter().flatten().min().expect("somebody speaks");
            self.now = next.max(self.now + Duration::from_micros(1));
        }
    }
}

/// Share of packets heard in a span of the call.
fn share(heard: &[Time], from: Duration, to: Duration) -> f64 {
    let inside = |t: &&Time| (from..to).contains(&t.since(START));
    let expected = (to - from).as_secs_f64() / PTIME.as_secs_f64();
    heard.iter().filter(inside).count() as f64 / expected
}

fn call(seed: u64) -> World {
    println!("seed {seed}");
    let origin = Instant::now();
    let mut node = Node::new(seed, origin);
    let mut browser = Browser::new(seed, certificate(origin));
    let offer = Dict::default()
        .with("command", "offer")
        .with("call-id", "call")
        .with("from-tag", "a")
        .with("transport-protocol", "RTP/AVP")
        .with("ICE", "remove")
        .with("rtcp-mux", "demux")
        .with("sdp", browser.offer());
    node.command(START, &offer);
    let answer = Dict::default()
        .with("command", "answer")
        .with("call-id", "call")
        .with("from-tag", "a")
        .with("to-tag", "b")
        .with(
            "sdp",
            "v=0\r\no=- 2 2 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\n",
        );
    let told = node.command(START, &answer);
    browser.take_answer(START, &told);
    // The phone was told of the even port that the browser was not.
    let told_port = told.split("m=audio ").nth(1).and_then(|t| t.split(' ').next());
    let browser_port: u16 = told_port.and_then(|p| p.parse().ok()).expect("a port");
    let mut others = node
        .sockets
        .keys()
        .filter(|a| a.port() % 2 == 0 && a.port() != browser_port);
    let phone_to = others.next().copied();
    let mut world = World {
        now: START,
        rng: SmallRng::seed_from_u64(seed),
        node,
        browser,
        under_way: Vec::new(),
        phone_heard: Vec::new(),
        phone_seq: 0,
        phone_to,
    };
    world.run();
    world
}

#[test]
fn media_flows_through_loss_disorder_and_a_new_mapping() {
    for seed in 1..=6 {
        let world = call(seed);
        let secs = Duration::from_secs;
        let heard = [
            ("the phone", &world.phone_heard),
            ("the browser", &world.browser.heard),
        ];
        for (who, heard) in heard {
            for (when, from, to) in [("before", 5, 10), ("after", 20, 25)] {
                let share = share(heard, secs(from), secs(to));
                // Each packet takes two ways, and each loses a tenth.
                assert!(
                    share > 0.7,
                    "seed {seed}: {who} hears {share:.2} {when} the new mapping"
                );
            }
        }
        let connected = world
            .node
            .host
            .counters()
            .connected
            .load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(
            (connected, world.browser.connections),
            (1, 1),
            "seed {seed}: one handshake"
        );
    }
}
