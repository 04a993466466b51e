//! A storm of ClientHellos from strangers (CVE-2023-51275): the party's own handshake is done in time all the same, and
//! nobody is sent more than was sent in his name.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::{
    Config, Digest, Endpoint, Event, Fingerprint, HashFunction, Identity, KeyKind, Keys, Request as Wanted,
    Role, Settings, Time,
};

use crate::lab::wait_for;
use crate::open_net::{ALICE, BOB, MALLORY, OpenNet, answer, media_address, offer, sdp};
use crate::rtp::{Party, meet};

/// Time between two of the storm: 1,000 a second.
const GUST: Duration = Duration::from_millis(1);
/// How long a handshake may take in a storm.
const PATIENCE: Duration = Duration::from_secs(3);
/// The storm rages before the party begins.
const LEAD: Duration = Duration::from_millis(500);
/// Where the random bytes of a ClientHello stand: behind the headers of record and message, and the version.
const RANDOM_AT: usize = 13 + 12 + 2;

/// A certificate, and whoever shows it.
struct Dtls {
    config: Arc<Config>,
    began: Instant,
}

impl Dtls {
    fn new() -> Self {
        let wanted = Wanted {
            key: KeyKind::P256,
            digest: Digest::Sha256,
            name: "alice".into(),
        };
        let identity = Identity::generate(&wanted, 1_700_000_000).unwrap();
        let config = Config::new(Arc::new(identity), &Settings::default()).unwrap();
        Self {
            config: Arc::new(config),
            began: Instant::now(),
        }
    }

    fn now(&self) -> Time {
        Time::from_micros(self.began.elapsed().as_micros() as u64)
    }

    fn client(&self, expect: Fingerprint) -> Endpoint {
        Endpoint::expecting(&self.config, Role::Client, &[expect], self.now())
    }

    /// The lines of an SDP of a client.
    fn lines(&self) -> String {
        let fingerprint = self.config.identity().fingerprint(HashFunction::Sha256).unwrap();
        let hex: Vec<_> = fingerprint.bytes().iter().map(|b| format!("{b:02X}")).collect();
        format!("a=setup:active\r\na=fingerprint:sha-256 {}\r\n", hex.join(":"))
    }
}

/// The certificate that an SDP tells.
fn fingerprint(sdp: &str) -> Fingerprint {
    let line = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=fingerprint:sha-256 "));
    let line = line.unwrap_or_else(|| panic!("no fingerprint in\n{sdp}"));
    Fingerprint::parse(HashFunction::Sha256, line).unwrap()
}

/// One of those who send ClientHellos, and what came of it in bytes.
struct Stranger {
    socket: UdpSocket,
    sent: usize,
    got: usize,
}

impl Stranger {
    fn new(net: &OpenNet, addr: &str) -> Self {
        let socket = net.world.udp(addr);
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            sent: 0,
            got: 0,
        }
    }

    fn send(&mut self, hello: &[u8], to: SocketAddr) {
        self.socket.send_to(hello, to).unwrap();
        self.sent += hello.len();
        while let Ok(len) = self.socket.recv(&mut [0; 4096]) {
            self.got += len;
        }
        assert!(self.got <= self.sent, "{} bytes for {}", self.got, self.sent);
    }
}

/// Many strangers, of whom one has the party's address, and a hello that never is the same.
struct Storm {
    strangers: Vec<Stranger>,
    hello: Vec<u8>,
    count: u32,
    next: Instant,
}

impl Storm {
    fn new(net: &OpenNet, dtls: &Dtls, told: Fingerprint) -> Self {
        let mut addrs: Vec<_> = (0..20).map(|n| format!("{MALLORY}:{}", 7000 + n)).collect();
        addrs.push(format!("{ALICE}:7000"));
        Self {
            strangers: addrs.iter().map(|addr| Stranger::new(net, addr)).collect(),
            hello: dtls.client(told).poll_transmit().unwrap().into(),
            count: 0,
            next: Instant::now(),
        }
    }

    /// Sends what is due.
    fn blow(&mut self, to: SocketAddr) {
        while self.next <= Instant::now() {
            self.next += GUST;
            self.count += 1;
            self.hello[RANDOM_AT..RANDOM_AT + 4].copy_from_slice(&self.count.to_be_bytes());
            let number = self.count as usize % self.strangers.len();
            self.strangers[number].send(&self.hello, to);
        }
    }
}

/// Shakes hands in the storm.
fn connect(party: &Party, to: SocketAddr, dtls: &Dtls, told: Fingerprint, storm: &mut Storm) -> Keys {
    let lead = Instant::now();
    wait_for("the storm", LEAD * 10, || {
        storm.blow(to);
        lead.elapsed() > LEAD
    });
    let mut client = dtls.client(told);
    let began = Instant::now();
    let mut buffer = [0; 4096];
    loop {
        storm.blow(to);
        while let Ok(len) = party.socket.recv(&mut buffer) {
            client.handle_packet(dtls.now(), &buffer[..len]);
        }
        if client.poll_timeout().is_some_and(|at| at <= dtls.now()) {
            client.handle_timeout(dtls.now());
        }
        while let Some(datagram) = client.poll_transmit() {
            party.socket.send_to(&datagram, to).unwrap();
        }
        match client.poll_event() {
            Some(Event::Connected { keys, .. }) => return keys,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
        let (spent, count) = (began.elapsed(), storm.count);
        assert!(spent < PATIENCE, "no keys within {spent:?}; {count} ClientHellos");
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_storm_of_client_hellos_keeps_nobody_from_his_keys() {
    let Some(net) = OpenNet::new("dtls-storm", &[]) else {
        return;
    };
    let dtls = Dtls::new();
    let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 0xa11c_e000);
    let mut bob = Party::new(&net.world, &format!("{BOB}:5000"), 0xb0b0_0000);
    let offered = sdp(ALICE, 4000).replace("RTP/AVP", "UDP/TLS/RTP/SAVP") + &dtls.lines();
    let offered = offer("storm", &offered, &[]).with("transport-protocol", "RTP/AVP");
    let for_bob = media_address(net.relay.ng.ok(&offered).text_of("sdp"));
    let answered = net.relay.ng.ok(&answer("storm", &sdp(BOB, 5000), &[]));
    let answered = answered.text_of("sdp");
    assert!(answered.contains("a=setup:passive"), "{answered}");
    let (for_alice, told) = (media_address(answered), fingerprint(answered));

    let mut storm = Storm::new(&net, &dtls, told.clone());
    let keys = connect(&alice, for_alice, &dtls, told, &mut storm);
    assert!(storm.count > 400, "{} ClientHellos are no storm", storm.count);
    alice.secure(keys.send, keys.recv);
    alice.call(for_alice);
    bob.call(for_bob);
    // What the relay has sent to her after the last flight is no media.
    meet(&mut alice, &mut bob);
    // It goes on, and the call, too.
    alice.forget();
    bob.forget();
    for _ in 0..20 {
        let sent = (alice.send(), bob.send());
        wait_for("what the parties say in the storm", PATIENCE, || {
            storm.blow(for_alice);
            bob.has(alice.ssrc, sent.0) && alice.has(bob.ssrc, sent.1)
        });
    }
    assert_eq!((alice.strange(bob.ssrc), bob.strange(alice.ssrc)), (0, 0));
}
