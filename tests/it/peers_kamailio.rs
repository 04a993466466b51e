//! Whole calls: SIPp phones behind NATs, Debian's Kamailio, the relay. Each test asserts two-way RTP without loss where
//! there should be any, and that the relay has nothing left afterwards.

use std::net::SocketAddr;
use std::time::Duration;

use crate::lab::{Host, Lab, have, run, wait_for};
use crate::nat::{self, Place};
use crate::process::Process;
use crate::relay::{MEDIA_PORTS, RELAY_IP, Relay, under_test};
use crate::rtp::{Party, meet, pace, talk};
use crate::sip::{Phone, kamailio};

const AUDIO: u16 = 4000;

/// The network with its proxy and its relay, and phones' places.
struct Stage {
    relay: Relay,
    descriptors: usize,
    places: Vec<Place>,
    _proxy: Process,
    _core: Host,
    lab: Lab,
}

impl Stage {
    /// `None` if this machine can't carry it.
    fn new(topic: &str, places: u8, flags: &str, options: &[&str]) -> Option<Self> {
        let program = under_test();
        if !have(&["kamailio", "sipp", &program]) {
            return None;
        }
        let mut lab = Lab::new(topic);
        let core = nat::core(&mut lab);
        let places = (1..=places).map(|n| nat::place(&mut lab, &core, n)).collect();
        let recordings = format!("--recording-dir={}", lab.folder().join("recordings").display());
        let mut args = vec![recordings.as_str()];
        args.extend(options);
        let relay = Relay::start(&lab, &core, &program, &args);
        let proxy = kamailio(&lab, &core, flags);
        let descriptors = relay.descriptors();
        Some(Self {
            relay,
            descriptors,
            places,
            _proxy: proxy,
            _core: core,
            lab,
        })
    }

    /// A phone at place `n` registered as bob and waiting for the call.
    fn callee(&self, n: usize, call_id: &str) -> Phone {
        Phone::register(&self.lab, &self.places[n], "bob");
        Phone::callee(&self.lab, &self.places[n], call_id, AUDIO)
    }

    fn caller(&self, call_id: &str) -> Phone {
        Phone::caller(&self.lab, &self.places[0], call_id, AUDIO)
    }

    /// The RTP side of the phone at place `n`.
    fn party(&self, n: usize) -> Party {
        let ssrc = 0xa000_0000 + n as u32;
        Party::new(
            &self.places[n].host,
            &format!("{}:{AUDIO}", self.places[n].ip),
            ssrc,
        )
    }

    fn assert_nothing_left(&self) {
        self.relay.assert_nothing_left(self.descriptors);
    }
}

fn relay_at(port: u16) -> SocketAddr {
    SocketAddr::new(RELAY_IP.parse().unwrap(), port)
}

/// A call that is answered and in which both have been heard.
struct Call {
    caller: Phone,
    callee: Phone,
    alice: Party,
    bob: Party,
}

fn answered(stage: &Stage, call_id: &str) -> Call {
    let mut callee = stage.callee(1, call_id);
    let mut caller = stage.caller(call_id);
    let (mut alice, mut bob) = (stage.party(0), stage.party(1));
    bob.call(relay_at(callee.sdp(1).0));
    callee.answer();
    alice.call(relay_at(caller.sdp(1).0));
    meet(&mut alice, &mut bob);
    Call {
        caller,
        callee,
        alice,
        bob,
    }
}

#[test]
fn caller_hangs_up() {
    let Some(stage) = Stage::new("caller-bye", 2, "", &[]) else {
        return;
    };
    let Call {
        mut caller,
        callee,
        mut alice,
        mut bob,
    } = answered(&stage, "caller-bye");
    talk(&mut alice, &mut bob, 100);
    assert_eq!(stage.relay.calls(), ["caller-bye"]);
    caller.hang_up();
    caller.done();
    callee.done();
    stage.assert_nothing_left();
}

#[test]
fn callee_hangs_up() {
    let Some(stage) = Stage::new("callee-bye", 2, "", &[]) else {
        return;
    };
    let Call {
        caller,
        mut callee,
        mut alice,
        mut bob,
    } = answered(&stage, "callee-bye");
    talk(&mut alice, &mut bob, 100);
    callee.hang_up();
    callee.done();
    caller.done();
    stage.assert_nothing_left();
}

#[test]
fn hold_and_resume() {
    let Some(stage) = Stage::new("hold", 2, "", &[]) else {
        return;
    };
    let Call {
        mut caller,
        mut callee,
        mut alice,
        mut bob,
    } = answered(&stage, "hold");
    talk(&mut alice, &mut bob, 25);
    let (first_at_bob, first_at_alice) = (callee.sdp(1).0, caller.sdp(1).0);

    caller.reinvite("sendonly");
    assert_eq!(
        callee.sdp(2),
        (first_at_bob, "a=sendonly".into()),
        "hold keeps the port"
    );
    assert_eq!(
        caller.sdp(2),
        (first_at_alice, "a=recvonly".into()),
        "its answer too"
    );

    caller.reinvite("sendrecv");
    assert_eq!(callee.sdp(3), (first_at_bob, "a=sendrecv".into()));
    assert_eq!(caller.sdp(3), (first_at_alice, "a=sendrecv".into()));
    // A re-INVITE arms learning again, and NATs have not moved: nothing more than a packet each may be needed.
    meet(&mut alice, &mut bob);
    talk(&mut alice, &mut bob, 50);

    callee.reinvite("sendonly");
    assert_eq!(
        caller.sdp(4),
        (first_at_alice, "a=sendonly".into()),
        "the callee may hold too"
    );
    assert_eq!(callee.sdp(4), (first_at_bob, "a=recvonly".into()));

    caller.hang_up();
    caller.done();
    callee.done();
    stage.assert_nothing_left();
}

#[test]
fn caller_cancels() {
    let Some(stage) = Stage::new("cancel", 2, "", &[]) else {
        return;
    };
    let callee = stage.callee(1, "cancel");
    let mut caller = stage.caller("cancel");
    caller.saw("180 Ringing");
    assert_eq!(stage.relay.calls(), ["cancel"], "the offer has opened the call");
    assert!(!stage.relay.media_ports().is_empty());
    caller.hang_up();
    caller.done();
    callee.done();
    stage.assert_nothing_left();
}

#[test]
fn callee_is_busy() {
    let Some(stage) = Stage::new("busy", 2, "", &[]) else {
        return;
    };
    let mut callee = stage.callee(1, "busy");
    let caller = stage.caller("busy");
    callee.sdp(1);
    callee.refuse();
    callee.done();
    caller.done();
    stage.assert_nothing_left();
}

#[test]
fn fork_is_answered_by_one() {
    let Some(stage) = Stage::new("fork", 3, "", &[]) else {
        return;
    };
    let mut loser = stage.callee(1, "fork");
    let mut winner = stage.callee(2, "fork");
    let mut caller = stage.caller("fork");
    let (at_loser, at_winner) = (loser.sdp(1).0, winner.sdp(1).0);
    assert_ne!(at_loser, at_winner, "each branch has a port of its own");
    winner.answer();
    let (mut alice, mut bob) = (stage.party(0), stage.party(2));
    bob.call(relay_at(at_winner));
    alice.call(relay_at(caller.sdp(1).0));
    loser.done();
    meet(&mut alice, &mut bob);
    talk(&mut alice, &mut bob, 100);
    winner.hang_up();
    winner.done();
    caller.done();
    stage.assert_nothing_left();
}

/// Each 7th packet of the caller's audio is lost before it reaches the relay, and each 3rd of its SIP: the call comes
/// to be by resends, and the relay forwards exactly what reached it.
#[test]
fn loss_is_passed_on_as_it_is() {
    let Some(stage) = Stage::new("loss", 2, "", &[]) else {
        return;
    };
    stage.places[0].lose_from(5060, 3);
    let Call {
        mut caller,
        callee,
        mut alice,
        mut bob,
    } = answered(&stage, "loss");
    let lost = stage.places[0].lose_no_more();
    assert!(lost > 0, "the test has to lose something");

    stage.places[0].lose_from(AUDIO, 7);
    bob.forget();
    let sent: Vec<u16> = (0..140)
        .map(|_| {
            pace();
            alice.send()
        })
        .collect();
    let lost = stage.places[0].lose_no_more() as usize;
    assert!((19..=21).contains(&lost), "each 7th of 140 is not {lost}");
    wait_for("what was not lost", Duration::from_secs(3), || {
        bob.listen();
        sent.iter().filter(|seq| bob.has(alice.ssrc, **seq)).count() == sent.len() - lost
    });
    talk(&mut alice, &mut bob, 50);

    caller.hang_up();
    caller.done();
    callee.done();
    stage.assert_nothing_left();
}

#[test]
fn recording_opens_in_tshark() {
    if !have(&["tshark"]) {
        return;
    }
    let options = ["--recording-method=pcap", "--recording-format=eth"];
    let Some(stage) = Stage::new("recording", 2, "record-call=yes", &options) else {
        return;
    };
    let Call {
        mut caller,
        callee,
        mut alice,
        mut bob,
    } = answered(&stage, "recording");
    talk(&mut alice, &mut bob, 50);
    caller.hang_up();
    caller.done();
    callee.done();
    stage.assert_nothing_left();

    let folder = stage.lab.folder().join("recordings").join("pcaps");
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [file] = &files[..] else {
        panic!("one file in {}, not {files:?}", folder.display())
    };
    let file = file.to_str().unwrap();
    // One line with the SSRC of each packet. The NATs' ports are random and may be some other protocol's own.
    let decode = format!("udp.port=={}-{},rtp", MEDIA_PORTS.start(), MEDIA_PORTS.end());
    let mut tshark = std::process::Command::new("tshark");
    tshark.args([
        "-r", file, "-d", &decode, "-Y", "rtp", "-T", "fields", "-e", "rtp.ssrc",
    ]);
    let ssrcs = run(tshark);
    for party in [&alice, &bob] {
        let ssrc = format!("0x{:08x}", party.ssrc);
        let packets = ssrcs.lines().filter(|line| *line == ssrc).count();
        assert!(packets >= 50, "{packets} packets of {ssrc} in the recording");
    }
}
