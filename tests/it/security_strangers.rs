//! Somebody who has no part in a call, and can't see its packets, sends to its ports.

use std::net::{SocketAddr, UdpSocket};

use crate::open_net::{ALICE, BOB, Call, MALLORY, OpenNet, sdp};
use crate::rtp::{Party, meet, pace, packet};

const ROUNDS: usize = 100;
const ALICE_PORT: u16 = 4000;
const BOB_PORT: u16 = 5000;
const MALLORY_SSRC: u32 = 0x6a110000;

/// An RTCP BYE (RFC 3550 §6.6), behind the empty receiver report that a compound begins with.
fn bye(ssrc: u32) -> Vec<u8> {
    let mut out = vec![0x80, 201, 0, 1];
    out.extend(ssrc.to_be_bytes());
    out.extend([0x81, 203, 0, 1]);
    out.extend(ssrc.to_be_bytes());
    out
}

/// An empty receiver report of a party's.
fn report(ssrc: u32) -> Vec<u8> {
    bye(ssrc)[..8].into()
}

fn above(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip(), addr.port() + 1)
}

/// The parties' RTCP sockets.
struct Rtcp {
    alice: UdpSocket,
    bob: UdpSocket,
}

impl Rtcp {
    fn new(net: &OpenNet) -> Self {
        let open = |ip: &str, port: u16| {
            let socket = net.world.udp(&format!("{ip}:{}", port + 1));
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            alice: open(ALICE, ALICE_PORT),
            bob: open(BOB, BOB_PORT),
        }
    }

    /// Each sends a report; the relay learns who they are.
    fn report(&self, call: &Call) {
        self.alice
            .send_to(&report(call.alice.ssrc), above(call.for_alice))
            .unwrap();
        self.bob
            .send_to(&report(call.bob.ssrc), above(call.for_bob))
            .unwrap();
    }

    /// Fails if a BYE has arrived, or anything that names the stranger.
    fn assert_no_bye(&self) {
        let mut buffer = [0; 2048];
        for socket in [&self.alice, &self.bob] {
            while let Ok(len) = socket.recv(&mut buffer) {
                let stranger = MALLORY_SSRC.to_be_bytes();
                assert!(
                    !buffer[..len].windows(4).any(|word| word == stranger),
                    "a stranger's RTCP passed"
                );
                assert!(len < 10 || buffer[9] != 203, "a forged BYE passed");
            }
        }
    }
}

/// The attacker. One who sees the call knows its SSRCs.
struct Mallory {
    party: Party,
    sees: bool,
}

impl Mallory {
    fn new(net: &OpenNet) -> Self {
        let party = Party::new(&net.world, &format!("{MALLORY}:6000"), MALLORY_SSRC);
        Self { party, sees: false }
    }

    /// RTP and RTCP to every port of the call, and a BYE for the parties' own SSRCs if the attacker can know them.
    fn attack(&self, call: &Call, round: usize) {
        let sequence = 40_000 + round as u16;
        for (target, victim) in [(call.for_alice, call.alice.ssrc), (call.for_bob, call.bob.ssrc)] {
            self.send(&packet(MALLORY_SSRC, sequence), target);
            self.send(&bye(MALLORY_SSRC), above(target));
            if self.sees {
                self.send(&bye(victim), above(target));
            }
            self.send(&bye(MALLORY_SSRC), target);
        }
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) {
        self.party.socket.send_to(bytes, to).unwrap();
    }

    /// Everything that anybody has sent to the attacker since the last look.
    fn got(&mut self) -> usize {
        let got = self.party.strange(0);
        self.party.forget();
        got
    }
}

/// Both parties talk while the attacker sends; all they say arrives, none of what the attacker says.
fn talk_under_attack(call: &mut Call, mallory: &mut Mallory, rtcp: &Rtcp) {
    let Call { alice, bob, .. } = call;
    alice.forget();
    bob.forget();
    mallory.got();
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        sent.push((call.alice.send(), call.bob.send()));
        if round % 20 == 0 {
            rtcp.report(call);
        }
        mallory.attack(call, round);
        pace();
        call.alice.listen();
        call.bob.listen();
    }
    // What is sent last arrives last: then everything before it has arrived or never will.
    meet(&mut call.alice, &mut call.bob);
    let (alice, bob) = (&mut call.alice, &mut call.bob);
    let lost = sent
        .iter()
        .filter(|(a, b)| !bob.has(alice.ssrc, *a) || !alice.has(bob.ssrc, *b))
        .count();
    assert_eq!(lost, 0, "rounds of {ROUNDS} in which the parties lost a packet");
    assert_eq!(
        (alice.strange(bob.ssrc), bob.strange(alice.ssrc)),
        (0, 0),
        "a stranger's packets passed"
    );
    assert_eq!(mallory.got(), 0, "packets of the call that went to the stranger");
    rtcp.assert_no_bye();
}

fn settled(net: &OpenNet, id: &str, flags: &[&str]) -> (Call, Mallory, Rtcp) {
    let mut call = net.call(id, (ALICE_PORT, BOB_PORT), flags);
    let (mallory, rtcp) = (Mallory::new(net), Rtcp::new(net));
    rtcp.report(&call);
    meet(&mut call.alice, &mut call.bob);
    (call, mallory, rtcp)
}

#[test]
fn a_stranger_gets_nothing_into_or_out_of_a_settled_call() {
    let Some(net) = OpenNet::new("stranger", &[]) else {
        return;
    };
    let (mut call, mut mallory, rtcp) = settled(&net, "stranger", &[]);
    talk_under_attack(&mut call, &mut mallory, &rtcp);
}

#[test]
fn an_unchanged_reinvite_lets_no_stranger_in() {
    let Some(net) = OpenNet::new("reinvite", &[]) else {
        return;
    };
    let (mut call, mut mallory, rtcp) = settled(&net, "reinvite", &[]);
    for _ in 0..3 {
        // The attacker is first after each step of it.
        net.offer("reinvite", sdp(ALICE, ALICE_PORT), &[]);
        mallory.attack(&call, 0);
        net.answer("reinvite", sdp(BOB, BOB_PORT), &[]);
        mallory.attack(&call, 1);
        talk_under_attack(&mut call, &mut mallory, &rtcp);
    }
}

#[test]
fn the_signalled_address_wins_over_a_stranger_who_was_first() {
    let Some(net) = OpenNet::new("first", &[]) else {
        return;
    };
    let mut call = net.call("first", (ALICE_PORT, BOB_PORT), &[]);
    let (mut mallory, rtcp) = (Mallory::new(&net), Rtcp::new(&net));
    for round in 0..ROUNDS {
        mallory.attack(&call, round);
    }
    rtcp.report(&call);
    meet(&mut call.alice, &mut call.bob);
    let mut buffer = [0; 2048];
    // What was sent before the parties spoke may have passed; it is out of the way now.
    while rtcp.alice.recv(&mut buffer).is_ok() || rtcp.bob.recv(&mut buffer).is_ok() {}
    talk_under_attack(&mut call, &mut mallory, &rtcp);
}

/// With strict-source not even one who sees the call, and continues its streams exactly, gets in.
#[test]
fn strict_source_shuts_out_who_sees_the_call() {
    let Some(net) = OpenNet::new("strict", &[]) else {
        return;
    };
    let (mut call, mut mallory, rtcp) = settled(&net, "strict", &["strict-source"]);
    mallory.sees = true;
    talk_under_attack(&mut call, &mut mallory, &rtcp);
    call.alice.forget();
    call.bob.forget();
    let ahead = call.alice.send() + 10;
    for sequence in ahead..ahead + 50 {
        mallory.send(&packet(call.alice.ssrc, sequence), call.for_alice);
        mallory.send(&packet(call.bob.ssrc, sequence), call.for_bob);
    }
    // Two packets of the parties' own behind them, far below the forged numbers.
    meet(&mut call.alice, &mut call.bob);
    let forged = (ahead + 10..ahead + 50)
        .filter(|seq| call.bob.has(call.alice.ssrc, *seq) || call.alice.has(call.bob.ssrc, *seq))
        .count();
    assert_eq!(forged, 0, "forged packets that passed");
    assert_eq!(mallory.got(), 0, "packets of the call that went to the stranger");
}

/// Many phones never send RTCP. Their RTCP ports have no settled source then, and are no door to a stranger either.
#[test]
fn a_stranger_gets_no_rtcp_into_a_call_without_any() {
    let Some(net) = OpenNet::new("no-rtcp", &[]) else {
        return;
    };
    let mut call = net.call("no-rtcp", (ALICE_PORT, BOB_PORT), &[]);
    let (mut mallory, rtcp) = (Mallory::new(&net), Rtcp::new(&net));
    meet(&mut call.alice, &mut call.bob);
    for round in 0..ROUNDS {
        call.alice.send();
        call.bob.send();
        mallory.attack(&call, round);
        pace();
    }
    meet(&mut call.alice, &mut call.bob);
    rtcp.assert_no_bye();
    assert_eq!(mallory.got(), 0, "packets of the call that went to the stranger");
}
