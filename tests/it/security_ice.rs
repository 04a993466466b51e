//! ICE and those who would abuse it: descriptions that aim connectivity checks at third parties, and STUN of strangers.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ice::stun::{Class, Key, Message, TransactionId, Writer};

use crate::lab::wait_for;
use crate::open_net::{ALICE, BOB, MALLORY, OpenNet, answer, media_address, offer, sdp};
use crate::relay::{MEDIA_PORTS, NG_PORT, RELAY_IP};

/// Candidates in the description of whoever wants the relay to send for them.
const CANDIDATES: usize = 95;
/// Most packets that the relay may be made to send by a description alone.
const PACKETS_MAX: u64 = 200;
const ALICES: &str = "a=ice-ufrag:alice\r\na=ice-pwd:alicesalicesalicesalices\r\n";

/// Where nobody's media is: special addresses and the relay's own control port.
fn forbidden() -> Vec<String> {
    let special = [
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
        "0.0.0.0",
        "240.0.0.1",
    ];
    let mut all: Vec<String> = special.iter().map(|ip| format!("{ip} 7777")).collect();
    all.push(format!("{RELAY_IP} {NG_PORT}"));
    all
}

#[test]
fn ninety_five_dead_candidates_get_two_hundred_packets_at_most() {
    let Some(net) = OpenNet::new("ice-dead", &[]) else {
        return;
    };
    let (low, high) = (MEDIA_PORTS.start(), MEDIA_PORTS.end());
    net.core.nft(&format!(
        "table ip watch {{
            counter sent {{ }}
            counter special {{ }}
            counter control {{ }}
            set special {{ type ipv4_addr; flags interval; elements = {{
                0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 }} }}
            chain out {{
                type filter hook output priority 0;
                udp sport {low}-{high} counter name sent
                udp sport {low}-{high} ip daddr @special counter name special
                udp sport {low}-{high} udp dport {NG_PORT} counter name control
            }}
        }}"
    ));
    let counted = |name| net.core.counted("ip watch", name);
    let own = net.core.udp(&format!("{RELAY_IP}:{high}"));
    for (to, name) in [(("127.0.0.1", 7777), "special"), ((RELAY_IP, NG_PORT), "control")] {
        own.send_to(b"probe", to).expect("a probe");
        assert_eq!(counted(name), 1, "the counter has to count");
    }
    drop(own);
    let before = counted("sent");

    let mut candidates: Vec<String> = forbidden();
    candidates.extend((candidates.len()..CANDIDATES).map(|n| format!("198.51.101.{n} 7777")));
    let mut body = sdp(ALICE, 4000) + ALICES;
    for (n, at) in candidates.iter().enumerate() {
        let priority = 2_130_706_431 - 256 * n;
        body += &format!("a=candidate:{n} 1 UDP {priority} {at} typ host\r\n");
    }
    net.offer("dead", body, &[]);
    net.answer("dead", sdp(BOB, 5000), &[]);

    let mut last = u64::MAX;
    wait_for("the checks to end", Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_secs(3));
        let sent = counted("sent") - before;
        assert!(sent <= PACKETS_MAX, "{sent} packets");
        std::mem::replace(&mut last, sent) == sent
    });
    assert!(last >= 86, "only {last} packets: not every candidate was tried");
    assert_eq!(counted("special"), 1, "packets to special addresses");
    assert_eq!(counted("control"), 1, "packets to the control port");
}

/// What a party without credentials, or with wrong ones, may say.
enum Said {
    /// Neither USERNAME nor MESSAGE-INTEGRITY.
    Nothing,
    /// The right user name, and a password.
    Password(String),
}

fn request(ufrag: &str, said: &Said, id: u8, more: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 576];
    let mut writer = Writer::new(&mut buf, Class::Request, TransactionId([id; 12]));
    let key = match said {
        Said::Nothing => None,
        Said::Password(pwd) => {
            writer.username(ufrag, "alice");
            Some(Key::new(pwd.as_bytes()))
        }
    };
    writer.controlling(7).priority(1_845_501_695);
    more(&mut writer);
    let len = writer.finish(key.as_ref()).expect("room");
    buf.truncate(len);
    buf
}

/// The class and error code of what comes back within half a second.
fn reply(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) -> Option<(Class, Option<u16>)> {
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout");
    socket.send_to(bytes, to).expect("sent");
    let id = Message::parse(bytes).expect("a message").transaction();
    let mut buf = [0; 2048];
    loop {
        let (len, _) = socket.recv_from(&mut buf).ok()?;
        let answer = Message::parse(&buf[..len]).expect("only STUN comes back");
        assert!(len <= 2 * bytes.len(), "{len} bytes for {}", bytes.len());
        // Checks of the relay's own are no replies.
        if answer.class() != Class::Request && answer.transaction() == id {
            return Some((answer.class(), answer.error_code()));
        }
    }
}

#[test]
fn only_who_knows_the_password_is_answered() {
    let Some(net) = OpenNet::new("ice-strangers", &[]) else {
        return;
    };
    let alice = net.world.udp(&format!("{ALICE}:4000"));
    let body =
        sdp(ALICE, 4000) + ALICES + &format!("a=candidate:1 1 UDP 2130706431 {ALICE} 4000 typ host\r\n");
    let for_bob = net.relay.ng.ok(&offer("strangers", &body, &[]));
    let for_alice = net.relay.ng.ok(&answer("strangers", &sdp(BOB, 5000), &[]));
    let for_alice = for_alice.text_of("sdp");
    let of = |name: &str| {
        let line = for_alice
            .lines()
            .find_map(|l| l.strip_prefix(&format!("a={name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {for_alice}"))
            .to_owned()
    };
    let (ufrag, pwd) = (of("ice-ufrag"), of("ice-pwd"));
    let ours = media_address(for_alice);
    let right = || Said::Password(pwd.clone());

    let mallory = net.world.udp(&format!("{MALLORY}:6000"));
    let silent = [
        ("nothing", request(&ufrag, &Said::Nothing, 1, |_| {})),
        (
            "a guess",
            request(&ufrag, &Said::Password("guess".repeat(5)), 2, |_| {}),
        ),
        ("another user", request("nobody", &right(), 3, |_| {})),
        ("no fingerprint", {
            let mut bytes = request(&ufrag, &right(), 4, |_| {});
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            bytes
        }),
        (
            "an unknown attribute",
            request(&ufrag, &Said::Nothing, 5, |w| {
                w.attribute(0x7001, b"demand");
            }),
        ),
    ];
    for (what, bytes) in &silent {
        assert_eq!(reply(&mallory, ours, bytes), None, "{what}");
    }
    // Not in any other call's name, and not where no ICE was agreed on.
    let bobs = media_address(for_bob.text_of("sdp"));
    assert_eq!(reply(&mallory, bobs, &request(&ufrag, &right(), 6, |_| {})), None);
    // Who knows it is answered, and told what is wrong.
    let success = Some((Class::Success, None));
    assert_eq!(
        reply(&alice, ours, &request(&ufrag, &right(), 7, |_| {})),
        success
    );
    let demanding = request(&ufrag, &right(), 8, |w| {
        w.attribute(0x7001, b"demand");
    });
    assert_eq!(reply(&alice, ours, &demanding), Some((Class::Error, Some(420))));
}

/// Media of a party with ICE is what comes from where it has proven to be.
#[test]
fn strangers_get_no_media_into_a_call_with_ice() {
    let Some(net) = OpenNet::new("ice-media", &[]) else {
        return;
    };
    let alice = net.world.udp(&format!("{ALICE}:4000"));
    let bob = net.world.udp(&format!("{BOB}:5000"));
    let mallory = net.world.udp(&format!("{MALLORY}:6000"));
    let body =
        sdp(ALICE, 4000) + ALICES + &format!("a=candidate:1 1 UDP 2130706431 {ALICE} 4000 typ host\r\n");
    net.relay.ng.ok(&offer("media", &body, &[]));
    let for_alice = net.relay.ng.ok(&answer("media", &sdp(BOB, 5000), &[]));
    let for_alice = for_alice.text_of("sdp");
    let of = |name: &str| {
        let line = for_alice
            .lines()
            .find_map(|l| l.strip_prefix(&format!("a={name}:")));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let ours = media_address(for_alice);
    let asked = request(&of("ice-ufrag"), &Said::Password(of("ice-pwd")), 9, |w| {
        w.use_candidate();
    });
    assert_eq!(reply(&alice, ours, &asked), Some((Class::Success, None)));
    bob.set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    let heard = |ssrc: u32| {
        let mut buf = [0; 2048];
        let mut found = false;
        while let Ok((len, _)) = bob.recv_from(&mut buf) {
            found |= len >= 12 && buf[8..12] == ssrc.to_be_bytes();
        }
        found
    };
    let mut seq = 0;
    wait_for("alice's media to pass", Duration::from_secs(5), || {
        seq += 1;
        alice.send_to(&crate::rtp::packet(1, seq), ours).expect("sent");
        heard(1)
    });
    for n in 0..50 {
        mallory
            .send_to(&crate::rtp::packet(1, seq + n), ours)
            .expect("sent");
        mallory.send_to(&crate::rtp::packet(2, n), ours).expect("sent");
    }
    assert!(!heard(2), "a stranger's media passed");
    assert!(!heard(1), "a stranger continued the stream");
}
