//! A storm of ClientHellos from strangers (CVE-2023-51275): the party's own handshake is done in time all the same, and
//! nobody is sent more than was sent in his name.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::dtls_peer::{DtlsPeer, Told, ice_lines};
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
    fn new(net: &OpenNet, hello: Vec<u8>) -> Self {
        let mut addrs: Vec<_> = (0..20).map(|n| format!("{MALLORY}:{}", 7000 + n)).collect();
        addrs.push(format!("{ALICE}:7000"));
        Self {
            strangers: addrs.iter().map(|addr| Stranger::new(net, addr)).collect(),
            hello,
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

/// A call of alice with DTLS and bob with plain RTP, in a storm.
fn storm(topic: &str, ice: bool) {
    let Some(net) = OpenNet::new(topic, &[]) else {
        return;
    };
    let dtls = DtlsPeer::new();
    let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 0xa11c_e000);
    let mut bob = Party::new(&net.world, &format!("{BOB}:5000"), 0xb0b0_0000);
    let mut offered = sdp(ALICE, 4000).replace("RTP/AVP", "UDP/TLS/RTP/SAVP") + &dtls.lines();
    if ice {
        offered += &ice_lines(alice.socket.local_addr().unwrap());
    }
    let offered = offer("storm", &offered, &[])
        .with("transport-protocol", "RTP/AVP")
        .with("ICE", "remove");
    let for_bob = media_address(net.relay.ng.ok(&offered).text_of("sdp"));
    let answered = net.relay.ng.ok(&answer("storm", &sdp(BOB, 5000), &[]));
    let answered = answered.text_of("sdp");
    assert!(answered.contains("a=setup:passive"), "{answered}");
    assert_eq!(answered.contains("a=candidate:"), ice, "{answered}");
    let (for_alice, told) = (media_address(answered), Told::by(answered));

    let mut storm = Storm::new(&net, dtls.hello(&told));
    let lead = Instant::now();
    wait_for("the storm", LEAD * 10, || {
        storm.blow(for_alice);
        lead.elapsed() > LEAD
    });
    let keys = dtls.shake_hands(&alice.socket, for_alice, &told, PATIENCE, || {
        storm.blow(for_alice)
    });
    assert!(storm.count > 400, "{} ClientHellos are no storm", storm.count);
    alice.secure(keys.send, keys.recv);
    alice.call(for_alice);
    bob.call(for_bob);
    meet(&mut alice, &mut bob);
    // It goes on, and the call, too.
    let heard = (alice.count(bob.ssrc), bob.count(alice.ssrc));
    for _ in 0..20 {
        let sent = (alice.send(), bob.send());
        wait_for("what the parties say in the storm", PATIENCE, || {
            storm.blow(for_alice);
            bob.has(alice.ssrc, sent.0) && alice.has(bob.ssrc, sent.1)
        });
    }
    assert!(alice.count(bob.ssrc) >= heard.0 + 20 && bob.count(alice.ssrc) >= heard.1 + 20);
    assert_eq!(bob.strange(alice.ssrc), 0, "what strangers sent passed");
}

#[test]
fn a_storm_of_client_hellos_keeps_nobody_from_his_keys() {
    storm("dtls-storm", false);
}

#[test]
fn a_storm_of_client_hellos_keeps_nobody_with_ice_from_his_keys() {
    storm("dtls-ice-storm", true);
}
