//! SDPs that name addresses nobody should send to: special ones, the relay's own, ports of calls that are over.

use std::time::Duration;

use crate::lab::wait_for;
use crate::open_net::{ALICE, BOB, Call, OpenNet, answer, media_address, offer, sdp};
use crate::relay::{MEDIA_PORTS, RELAY_IP};
use crate::rtp::{Party, meet, pace, packet, talk};

/// Where the victim of a forged SDP would listen.
const VICTIM_PORT: u16 = 7777;
const PACKETS: u16 = 50;

/// Counts what the relay's host sends to ports of ours, whichever device it leaves by.
fn watch(net: &OpenNet, condition: &str) {
    net.core.nft(&format!(
        "table ip watch {{
            counter seen {{ }}
            chain out {{
                type filter hook output priority 0;
                {condition} counter name seen
            }}
        }}"
    ));
}

fn seen(net: &OpenNet) -> u64 {
    net.core.counted("ip watch", "seen")
}

#[test]
fn nothing_is_sent_to_special_addresses() {
    let Some(net) = OpenNet::new("special", &[]) else {
        return;
    };
    watch(
        &net,
        &format!("udp dport {{ {VICTIM_PORT}, {} }}", VICTIM_PORT + 1),
    );
    net.core
        .udp("0.0.0.0:0")
        .send_to(b"probe", ("127.0.0.1", VICTIM_PORT))
        .unwrap();
    let before = seen(&net);
    assert_eq!(before, 1, "the counter has to count");

    let special = [
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
    ];
    for (number, address) in special.into_iter().enumerate() {
        let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 1);
        let id = format!("special-{number}");
        // An error reply would be as good; what counts is that nothing is sent.
        let for_bob = net.relay.ng.ask(&offer(&id, &sdp(ALICE, 4000), &[]));
        let for_alice = net.relay.ng.ask(&answer(&id, &sdp(address, VICTIM_PORT), &[]));
        assert_eq!(for_bob.text_of("result"), "ok");
        if for_alice.text_of("result") == "ok" {
            alice.call(media_address(for_alice.text_of("sdp")));
            for _ in 0..PACKETS {
                alice.send();
            }
        }
        // The same way round: the offer names the address, and bob's packets would go there.
        let id = format!("special-{number}-offered");
        let for_bob = net.relay.ng.ask(&offer(&id, &sdp(address, VICTIM_PORT), &[]));
        net.relay.ng.ask(&answer(&id, &sdp(BOB, 5000), &[]));
        if for_bob.text_of("result") == "ok" {
            let mut bob = Party::new(&net.world, &format!("{BOB}:5000"), 2);
            bob.call(media_address(for_bob.text_of("sdp")));
            for _ in 0..PACKETS {
                bob.send();
            }
        }
    }
    // A call of the same moment works, so that the relay has seen all of the above by then.
    let Call {
        mut alice, mut bob, ..
    } = net.call("ordinary", (4100, 5100), &[]);
    meet(&mut alice, &mut bob);
    talk(&mut alice, &mut bob, 25);
    assert_eq!(seen(&net) - before, 0, "packets sent to special addresses");
}

#[test]
fn a_call_that_points_at_its_own_port_carries_a_packet_twice_at_most() {
    let Some(net) = OpenNet::new("own-port", &[]) else {
        return;
    };
    let Call {
        alice,
        mut bob,
        for_bob,
        ..
    } = net.call("own-port", (4000, 5000), &[]);
    drop(alice);
    // Now alice claims to be where bob has to send: whatever goes to her comes back in as if from bob.
    net.offer("own-port", sdp(RELAY_IP, for_bob.port()), &[]);
    net.answer("own-port", sdp(BOB, 5000), &[]);
    watch_loops(&net);
    for _ in 0..PACKETS {
        bob.send();
        pace();
    }
    assert_loops_end(&net, 2 * u64::from(PACKETS));
}

/// Call 1 sends to call 2 and call 2 to call 1, in both directions: a ring without an end.
#[test]
fn two_calls_that_point_at_each_other_do_not_multiply() {
    let Some(net) = OpenNet::new("ring", &[]) else {
        return;
    };
    let one = net.call("ring-1", (4000, 5000), &[]);
    let two = net.call("ring-2", (4100, 5100), &[]);
    for (id, other) in [("ring-1", &two), ("ring-2", &one)] {
        net.offer(id, sdp(RELAY_IP, other.for_bob.port()), &[]);
        net.answer(id, sdp(RELAY_IP, other.for_alice.port()), &[]);
    }
    watch_loops(&net);
    let outsider = Party::new(&net.world, &format!("{ALICE}:4200"), 9);
    for sequence in 0..PACKETS {
        outsider
            .socket
            .send_to(&packet(9, sequence), one.for_bob)
            .unwrap();
        pace();
    }
    // Round the ring are two flows; each may carry a packet twice.
    assert_loops_end(&net, 2 * 2 * u64::from(PACKETS));
}

/// A call that passes the same relay twice, as daisy-chained proxies make it, is no loop.
#[test]
fn a_call_may_pass_the_relay_twice() {
    let Some(net) = OpenNet::new("twice", &[]) else {
        return;
    };
    let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 0xa11ce000);
    let mut bob = Party::new(&net.world, &format!("{BOB}:5000"), 0xb0b00000);
    let first = net.offer("twice-1", sdp(ALICE, 4000), &[]);
    let second = net.offer("twice-2", sdp(RELAY_IP, first.port()), &[]);
    let back = net.answer("twice-2", sdp(BOB, 5000), &[]);
    let for_alice = net.answer("twice-1", sdp(RELAY_IP, back.port()), &[]);
    bob.call(second);
    alice.call(for_alice);
    meet(&mut alice, &mut bob);
    talk(&mut alice, &mut bob, 50);
}

fn watch_loops(net: &OpenNet) {
    let (low, high) = (MEDIA_PORTS.start(), MEDIA_PORTS.end());
    watch(net, &format!("ip daddr {RELAY_IP} udp dport {low}-{high}"));
}

/// Fails if the relay has sent itself more than `most` packets by the time it stops.
fn assert_loops_end(net: &OpenNet, most: u64) {
    let mut last = u64::MAX;
    wait_for("the loop to end", Duration::from_secs(5), || {
        // Packets still on their way would be counted within this time many times over.
        std::thread::sleep(Duration::from_millis(200));
        let now = seen(net);
        assert!(now <= most, "{now} packets to itself where {most} are the most");
        std::mem::replace(&mut last, now) == now
    });
}

/// The parties of a call that has ended go on sending while another call gets the same ports.
#[test]
fn parties_of_an_ended_call_do_not_reach_the_next_one() {
    // Ports for exactly one call: RTP and RTCP of two parties.
    let ports = ["--port-min=30000", "--port-max=30003"];
    let Some(net) = OpenNet::new("reused-ports", &ports) else {
        return;
    };
    let mut old = net.call("old", (4000, 5000), &[]);
    meet(&mut old.alice, &mut old.bob);
    net.delete("old");
    let request = offer("new", &sdp(ALICE, 4100), &[]);
    // Right after the end of a call its ports may be in quarantine.
    let mut reply = None;
    wait_for("the ports to be free again", Duration::from_secs(10), || {
        old.alice.send();
        old.bob.send();
        let now = net.relay.ng.ask(&request);
        let ok = now.text_of("result") == "ok";
        reply = Some(now);
        ok
    });
    let for_bob = media_address(reply.unwrap().text_of("sdp"));
    let for_alice = net.answer("new", sdp(BOB, 5100), &[]);
    assert!(
        [old.for_alice, old.for_bob].contains(&for_alice),
        "the new call has the old call's ports"
    );
    let mut alice = Party::new(&net.world, &format!("{ALICE}:4100"), 0xa11ce111);
    let mut bob = Party::new(&net.world, &format!("{BOB}:5100"), 0xb0b00111);
    alice.call(for_alice);
    bob.call(for_bob);
    for _ in 0..25 {
        old.alice.send();
        old.bob.send();
    }
    wait_for(
        "the new parties to hear each other",
        Duration::from_secs(10),
        || {
            old.alice.send();
            old.bob.send();
            alice.send();
            bob.send();
            alice.count(bob.ssrc) > 0 && bob.count(alice.ssrc) > 0
        },
    );
    for party in [&mut alice, &mut bob, &mut old.alice, &mut old.bob] {
        party.forget();
    }
    let mut sent = Vec::new();
    for _ in 0..100 {
        old.alice.send();
        old.bob.send();
        sent.push((alice.send(), bob.send()));
        pace();
        alice.listen();
        bob.listen();
    }
    meet(&mut alice, &mut bob);
    let lost = sent
        .iter()
        .filter(|(a, b)| !bob.has(alice.ssrc, *a) || !alice.has(bob.ssrc, *b))
        .count();
    assert_eq!(lost, 0, "packets of the new call that were lost");
    assert_eq!(
        (alice.strange(bob.ssrc), bob.strange(alice.ssrc)),
        (0, 0),
        "packets from the old call's parties"
    );
    assert_eq!(
        (old.alice.strange(0), old.bob.strange(0)),
        (0, 0),
        "packets to the old call's parties"
    );
}
