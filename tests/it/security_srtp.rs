//! Somebody without keys sends to the ports of an SRTP call, and sees all of its packets: nothing of theirs passes,
//! nothing goes to them, and nothing of the parties' is lost, whatever the relay is told of endpoint learning.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dtls_peer::{DtlsPeer, Told};
use crate::lab::wait_for;
use crate::ng::Request;
use crate::open_net::{ALICE, BOB, Call, MALLORY, OpenNet, answer, media_address, offer, sdp};
use crate::phone::Inline;
use crate::rtp::{Party, meet, packet};

/// How long a packet may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rounds of one attack.
const ROUNDS: usize = 20;
/// More than the sources that a context of SRTP remembers.
const FLOOD: u32 = 30;
const MODES: [&str; 4] = ["off", "immediate", "delayed", "heuristic"];

/// Who of the parties speaks SRTP, and whose keys it is on the way to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Both, with the parties' own keys from end to end.
    PassedThrough,
    /// The same, but the relay decrypts and encrypts anew (`recrypt`).
    Recrypted,
    /// Alice alone: then only her side is attacked.
    Opened,
    /// The same with keys from DTLS.
    Dtls,
}

impl Kind {
    /// Bob speaks SRTP, too.
    fn both(self) -> bool {
        matches!(self, Self::PassedThrough | Self::Recrypted)
    }
}

/// One call, and how to say all of it again.
struct Secured<'n> {
    net: &'n OpenNet,
    id: String,
    kind: Kind,
    mode: &'static str,
    flags: Vec<&'static str>,
    ports: (u16, u16),
    call: Call,
    dtls: DtlsPeer,
    /// What the first answer has told of DTLS.
    told: Option<Told>,
}

impl<'n> Secured<'n> {
    fn new(net: &'n OpenNet, number: u16, kind: Kind, mode: &'static str, strict: bool) -> Self {
        let ports = (4000 + number * 4, 24_000 + number * 4);
        let alice = Party::new(
            &net.world,
            &format!("{ALICE}:{}", ports.0),
            0xa11c_e000 + u32::from(number),
        );
        let bob = Party::new(
            &net.world,
            &format!("{BOB}:{}", ports.1),
            0xb0b0_0000 + u32::from(number),
        );
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut flags = Vec::new();
        flags.extend(strict.then_some("strict-source"));
        flags.extend((kind == Kind::Recrypted).then_some("recrypt"));
        let mut secured = Self {
            net,
            id: format!("secured-{number}"),
            kind,
            mode,
            flags,
            ports,
            call: Call {
                alice,
                bob,
                for_alice: nowhere,
                for_bob: nowhere,
            },
            dtls: DtlsPeer::new(),
            told: None,
        };
        secured.told = secured.agree("sendrecv");
        secured
    }

    /// Gets the keys that SDP has not told.
    fn connect(&mut self) {
        let Some(told) = self.told.take() else { return };
        let Call { alice, for_alice, .. } = &mut self.call;
        let keys = self
            .dtls
            .shake_hands(&alice.socket, *for_alice, &told, PATIENCE, || ());
        alice.secure(keys.send, keys.recv);
    }

    /// What a party says: its keys, if it has any, are the same each time.
    fn body(&self, key: Option<&Inline>, alices: bool, direction: &str) -> String {
        let (ip, port) = if alices {
            (ALICE, self.ports.0)
        } else {
            (BOB, self.ports.1)
        };
        let (profile, lines) = match key {
            _ if alices && self.kind == Kind::Dtls => ("UDP/TLS/RTP/SAVP", self.dtls.lines()),
            Some(key) => ("RTP/SAVP", key.line()),
            None => ("RTP/AVP", String::new()),
        };
        sdp(ip, port).replace("RTP/AVP", profile) + &lines + &format!("a={direction}\r\n")
    }

    /// Offer and answer. What the answer tells of DTLS, if that is to be done.
    fn agree(&mut self, direction: &str) -> Option<Told> {
        let keys = [
            Inline::new(self.ports.0 as u8),
            Inline::new(self.ports.1 as u8 ^ 0x55),
        ];
        let both = self.kind.both();
        let learning = |request: Request| request.with("endpoint-learning", self.mode);
        let offered = self.body(Some(&keys[0]), true, direction);
        let offered = learning(offer(&self.id, &offered, &self.flags));
        let offered = if both {
            offered.with("transport-protocol", "RTP/SAVP").with("DTLS", "off")
        } else {
            offered.with("transport-protocol", "RTP/AVP")
        };
        let seen_by_bob = self.net.relay.ng.ok(&offered);
        let seen_by_bob = seen_by_bob.text_of("sdp");
        let answered = self.body(both.then_some(&keys[1]), false, direction);
        let answered = learning(answer(&self.id, &answered, &self.flags));
        let seen_by_alice = self.net.relay.ng.ok(&answered);
        let seen_by_alice = seen_by_alice.text_of("sdp");
        self.check_keys(&keys, seen_by_alice, seen_by_bob);
        let call = &mut self.call;
        (call.for_alice, call.for_bob) = (media_address(seen_by_alice), media_address(seen_by_bob));
        call.alice.call(call.for_alice);
        call.bob.call(call.for_bob);
        if self.kind == Kind::Dtls {
            return Some(Told::by(seen_by_alice));
        }
        let [alices, bobs] = keys.map(|key| key.params());
        call.alice.secure(alices, Inline::of(seen_by_alice).params());
        if both {
            call.bob.secure(bobs, Inline::of(seen_by_bob).params());
        }
        None
    }

    /// The row is what it is meant to be.
    fn check_keys(&self, keys: &[Inline; 2], seen_by_alice: &str, seen_by_bob: &str) {
        let told = |body: &str| body.contains("a=crypto:").then(|| Inline::of(body).line());
        let told = (told(seen_by_alice), told(seen_by_bob));
        let own = (Some(keys[1].line()), Some(keys[0].line()));
        match self.kind {
            Kind::PassedThrough | Kind::Recrypted => assert_eq!(told, own, "the parties' own keys"),
            Kind::Opened => assert_eq!(told.1, None, "no key for a plain party"),
            Kind::Dtls => assert_eq!(told, (None, None), "no key in SDP"),
        }
    }

    fn end(self) {
        self.net.delete(&self.id);
    }
}

/// The attacker, who sees every packet of the parties and has no key.
struct Mallory {
    party: Party,
    /// Bob's side is protected, too.
    both: bool,
    overheard: Vec<(Vec<u8>, SocketAddr)>,
}

impl Mallory {
    fn new(net: &OpenNet, number: u16, kind: Kind) -> Self {
        let address = format!("{MALLORY}:{}", 6000 + number);
        Self {
            party: Party::new(&net.world, &address, 0),
            both: kind.both(),
            overheard: Vec::new(),
        }
    }

    /// Who can be attacked, and where.
    fn targets<'c>(&self, call: &'c Call) -> impl Iterator<Item = (&'c Party, SocketAddr)> + use<'c> {
        let all = [(&call.alice, call.for_alice), (&call.bob, call.for_bob)];
        all.into_iter().take(if self.both { 2 } else { 1 })
    }

    /// Keeps what the parties have just sent.
    fn overhear(&mut self, call: &Call) {
        for (party, port) in self.targets(call) {
            if !party.last().is_empty() {
                self.overheard.push((party.last().to_vec(), port));
            }
        }
    }

    /// All that can be done without a key, to both ports of either side.
    fn attack(&self, call: &Call, round: usize) {
        for (victim, port) in self.targets(call) {
            let seq = 30_000 + round as u16;
            let mut forged = packet(victim.ssrc, seq);
            self.send(&forged, port);
            forged.extend([0x5a; 10]);
            self.send(&forged, port);
            forged[0] = 0x9f;
            self.send(&forged, port);
            self.send(&forged[..20], port);
            let rtcp = SocketAddr::new(port.ip(), port.port() + 1);
            for to in [port, rtcp] {
                let bye = bye(victim.ssrc);
                self.send(&bye, to);
                // The same with an index and a tag.
                self.send(&[&bye[..], &[0x80, 0, 0, 9], &[0x5a; 10]].concat(), to);
            }
            for n in 0..FLOOD / ROUNDS as u32 + 1 {
                let ssrc = 0x6a11_0000 + round as u32 * 4 + n;
                self.send(&[&packet(ssrc, 1)[..], &[0x5a; 10]].concat(), port);
            }
        }
        for (packet, port) in self.overheard.iter().rev().take(6) {
            self.send(packet, *port);
        }
        if let Some((packet, port)) = self.overheard.first() {
            self.send(packet, *port);
        }
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) {
        self.party.socket.send_to(bytes, to).unwrap();
    }

    fn got(&mut self) -> usize {
        let got = self.party.strange(0);
        self.party.forget();
        got
    }
}

/// An empty receiver report and a BYE (RFC 3550 §6.6).
fn bye(ssrc: u32) -> Vec<u8> {
    let ssrc = ssrc.to_be_bytes();
    [&[0x80, 201, 0, 1][..], &ssrc, &[0x81, 203, 0, 1], &ssrc].concat()
}

/// Both talk while the attacker sends. All they say arrives once, and nothing else does.
fn talk_under_attack(call: &mut Call, mallory: &mut Mallory, what: &str) {
    meet(&mut call.alice, &mut call.bob);
    call.alice.forget();
    call.bob.forget();
    mallory.got();
    for round in 0..ROUNDS {
        let sent = (call.alice.send(), call.bob.send());
        mallory.overhear(call);
        mallory.attack(call, round);
        let (alice, bob) = (&mut call.alice, &mut call.bob);
        // No more is under way than the relay's sockets hold: what does not arrive was not wanted.
        wait_for(&format!("{what}: what the parties say"), PATIENCE, || {
            bob.has(alice.ssrc, sent.0) && alice.has(bob.ssrc, sent.1)
        });
    }
    // What is sent last arrives last: then everything before it has arrived or never will.
    meet(&mut call.alice, &mut call.bob);
    let (alice, bob) = (&mut call.alice, &mut call.bob);
    let strange = (alice.strange(bob.ssrc), bob.strange(alice.ssrc));
    assert_eq!(strange, (0, 0), "{what}: a stranger's packets passed");
    assert_eq!(
        (alice.duplicates(), bob.duplicates()),
        (0, 0),
        "{what}: a replay passed"
    );
    assert_eq!(
        mallory.got(),
        0,
        "{what}: packets of the call went to the stranger"
    );
}

/// Every moment at which a relay may be open to whoever comes first.
fn at_every_moment(net: &OpenNet, number: u16, kind: Kind, mode: &'static str, strict: bool) {
    let what = |moment: &str| format!("{kind:?}, learning {mode}, strict-source {strict}, {moment}");
    let mut secured = Secured::new(net, number, kind, mode, strict);
    let mut mallory = Mallory::new(net, number, kind);
    for round in 0..ROUNDS {
        mallory.attack(&secured.call, round);
    }
    secured.connect();
    talk_under_attack(&mut secured.call, &mut mallory, &what("before the first packet"));
    talk_under_attack(&mut secured.call, &mut mallory, &what("mid-call"));
    secured.agree("sendrecv");
    mallory.attack(&secured.call, 0);
    talk_under_attack(&mut secured.call, &mut mallory, &what("after a re-INVITE"));
    secured.agree("inactive");
    for round in 0..ROUNDS {
        mallory.attack(&secured.call, round);
    }
    secured.agree("sendrecv");
    mallory.attack(&secured.call, 0);
    talk_under_attack(&mut secured.call, &mut mallory, &what("after hold"));
    secured.end();
}

fn matrix(topic: &str, kind: Kind) {
    let Some(net) = OpenNet::new(topic, &[]) else {
        return;
    };
    for (number, mode) in (0..).step_by(2).zip(MODES) {
        at_every_moment(&net, number, kind, mode, false);
        at_every_moment(&net, number + 1, kind, mode, true);
    }
}

#[test]
fn nobody_without_keys_gets_into_or_out_of_a_call_whose_keys_pass_through() {
    matrix("srtp-through", Kind::PassedThrough);
}

#[test]
fn nobody_without_keys_gets_into_or_out_of_a_call_that_is_encrypted_anew() {
    matrix("srtp-anew", Kind::Recrypted);
}

#[test]
fn nobody_without_keys_gets_into_or_out_of_the_srtp_side_of_a_call() {
    matrix("srtp-opened", Kind::Opened);
}

#[test]
fn nobody_without_keys_gets_into_or_out_of_the_dtls_side_of_a_call() {
    matrix("srtp-dtls", Kind::Dtls);
}
