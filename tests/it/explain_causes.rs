//! Each usual cause of one-way audio, made for real between two parties, and the verdict on it.

use std::net::SocketAddr;

use crate::explain::{Answer, net, until};
use crate::ng::Request;
use crate::open_net::{ALICE, BOB, Call, OpenNet, answer, media_address, offer, sdp};
use crate::rtp::{Party, meet, packet};

/// An empty receiver report, or one about `lost` = (an SSRC, the fraction of it that was lost).
fn report(ssrc: u32, lost: Option<(u32, u8)>) -> Vec<u8> {
    let mut out = vec![0x80, 201, 0, 1];
    out.extend(ssrc.to_be_bytes());
    if let Some((about, fraction)) = lost {
        (out[0], out[3]) = (0x81, 7);
        out.extend(about.to_be_bytes());
        out.push(fraction);
        out.extend([0; 19]);
    }
    out
}

fn above(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip(), addr.port() + 1)
}

/// A call in which both have heard each other.
fn met(net: &OpenNet, id: &str, ports: (u16, u16), flags: &[&str]) -> Call {
    let mut call = net.call(id, ports, flags);
    meet(&mut call.alice, &mut call.bob);
    call
}

#[test]
fn a_healthy_call_is_called_healthy() {
    let Some(net) = net("healthy") else { return };
    let mut call = met(&net, "healthy", (4000, 5000), &[]);
    let said = until(&net, "healthy", "alice", "flows", || {
        call.alice.send();
        call.bob.send();
    });
    assert_eq!(
        (said.found("alice"), said.found("bob")),
        (vec!["flows".into()], vec!["flows".into()])
    );
    assert!(said.is_healthy(), "{}", said.screen);
    said.shows(&[
        "VERDICT: Healthy",
        "THE CALLER, tag 'alice'",
        "198.51.100.2:5000 (settled)",
    ]);
    let list = Answer::ctl(&net, &["list", "sessions", "healthy"]);
    assert!(list.contains("VERDICT: Healthy") && list.contains("<>"), "{list}");
    assert!(Answer::ctl(&net, &["explain", "nobody"]).contains("Call ID not found (nobody)"));
}

#[test]
fn a_firewall() {
    let Some(net) = net("firewall") else { return };
    net.core.nft(&format!(
        "table inet wall {{
            chain in {{
                type filter hook input priority 0;
                ip saddr {ALICE} udp dport 30000-40000 drop
            }}
        }}"
    ));
    let mut call = net.call("wall", (4000, 5000), &[]);
    let said = until(&net, "wall", "alice", "nothing-arrives", || {
        call.alice.send();
        call.bob.send();
    });
    assert_eq!(said.found("bob"), ["flows"]);
    assert!(!said.is_healthy());
    said.shows(&[
        "VERDICT: The callee gets no audio from the caller.",
        "Nothing has ever arrived from the caller",
        "firewall or NAT",
    ]);
    // One before the relay takes the others' packets as well.
    let mut both = net.call("walls", (4010, 5010), &[]);
    let said = until(&net, "walls", "alice", "nothing-arrives-at-all", || {
        both.alice.send();
    });
    assert_eq!(said.found("bob"), ["nothing-arrives-at-all"]);
}

#[test]
fn a_nat_that_changes_its_mind() {
    let Some(net) = net("rebinding") else { return };
    for (flags, ports, verdict) in [
        (&[][..], (4000, 5000), "flows"),
        (&["strict-source"][..], (4010, 5010), "strict-source"),
    ] {
        let id = format!("rebound-{verdict}");
        let mut call = met(&net, &id, ports, flags);
        let (elsewhere, mut seq) = (net.world.udp(&format!("{ALICE}:0")), call.alice.send());
        let now_at = elsewhere.local_addr().unwrap().to_string();
        let mut go_on = |call: &mut Call| {
            seq += 1;
            elsewhere
                .send_to(&packet(call.alice.ssrc, seq), call.for_alice)
                .unwrap();
            call.bob.send();
        };
        let mut said = until(&net, &id, "alice", verdict, || go_on(&mut call));
        if verdict == "flows" {
            // The learned source has to be silent for a moment before another one takes its place.
            while !said.found("alice").contains(&"source-moved".to_owned()) {
                said = until(&net, &id, "alice", verdict, || go_on(&mut call));
            }
            assert!(said.is_healthy());
            said.shows(&[&format!("has changed from {ALICE}:4000 to {now_at}")]);
        } else {
            said.shows(&[
                "The callee gets no audio",
                &format!("from {now_at} instead of {ALICE}:4010"),
            ]);
        }
    }
}

#[test]
fn a_silent_sender() {
    let Some(net) = net("silent") else { return };
    // One that has never sent, but whose RTCP comes, and one that stops.
    let mut never = net.call("never", (4000, 5000), &[]);
    let mut stops = met(&net, "stops", (4010, 5010), &[]);
    let rtcp = |port: u16| net.world.udp(&format!("{ALICE}:{port}"));
    let (never_rtcp, stops_rtcp) = (rtcp(4001), rtcp(4011));
    let mut busy = || {
        never.bob.send();
        stops.bob.send();
        never_rtcp
            .send_to(&report(never.alice.ssrc, None), above(never.for_alice))
            .unwrap();
        stops_rtcp
            .send_to(&report(stops.alice.ssrc, None), above(stops.for_alice))
            .unwrap();
    };
    let said = until(&net, "never", "alice", "no-rtp", &mut busy);
    said.shows(&[
        "The caller can be heard but sends no media: only RTCP",
        "no audio from the caller",
    ]);
    assert_eq!(said.found("bob"), ["flows"]);
    let said = until(&net, "stops", "alice", "sender-stopped", &mut busy);
    said.shows(&["The caller has stopped sending media", "its RTCP still arrives"]);
    assert_eq!(said.found("bob"), ["flows"]);
}

#[test]
fn a_sender_that_is_gone() {
    let Some(net) = net("gone") else { return };
    let mut call = met(&net, "gone", (4000, 5000), &[]);
    let said = until(&net, "gone", "alice", "party-gone", || {
        call.bob.send();
    });
    assert_eq!(said.found("bob"), ["flows"]);
    said.shows(&["Nothing arrives from the caller any more"]);
}

#[test]
fn a_codec_that_was_not_agreed() {
    let Some(net) = net("codec") else { return };
    let mut call = met(&net, "codec", (4000, 5000), &[]);
    let mut seq = 0;
    let said = until(&net, "codec", "alice", "codec-mismatch", || {
        seq += 1;
        let mut g729 = packet(0xa11ce000, 5000 + seq);
        g729[1] = 18;
        call.alice.socket.send_to(&g729, call.for_alice).unwrap();
        call.bob.send();
    });
    assert_eq!(
        (said.found("bob"), said.is_healthy()),
        (vec!["flows".into()], false)
    );
    said.shows(&[
        "payload type 18, which the callee has not agreed to",
        "negotiated: 8 PCMA/8000",
        "payload types seen: 8, 18",
        "VERDICT: Media flows, but somebody may not hear it.",
    ]);
}

#[test]
fn what_signalling_forbids() {
    let Some(net) = net("directions") else { return };
    let mut held = met(&net, "held", (4000, 5000), &[]);
    net.relay
        .ng
        .ok(&offer("held", &(sdp(ALICE, 4000) + "a=sendonly\r\n"), &[]));
    net.relay
        .ng
        .ok(&answer("held", &(sdp(BOB, 5000) + "a=recvonly\r\n"), &[]));
    let said = until(&net, "held", "bob", "not-expected", || {
        held.alice.send();
    });
    said.shows(&["Nothing is to be expected: the SDP of the callee says recvonly"]);
    assert!(said.is_healthy(), "{}", said.screen);

    net.relay.ng.ok(&offer("alone", &sdp(ALICE, 4010), &[]));
    let said = Answer::of(&net, "alone");
    assert_eq!(said.found("alice"), ["not-answered"]);
    said.shows(&["The callee has not answered"]);

    let mut blocked = met(&net, "blocked", (4020, 5020), &[]);
    net.relay
        .ng
        .ok(&offer("blocked", &sdp(ALICE, 4020), &[]).with("drop-traffic", "start"));
    net.relay.ng.ok(&answer("blocked", &sdp(BOB, 5020), &[]));
    let said = until(&net, "blocked", "alice", "blocked", || {
        blocked.alice.send();
    });
    said.shows(&["is blocked by command"]);
    assert!(!said.is_healthy());
}

#[test]
fn addresses_that_lead_nowhere() {
    let Some(net) = net("addresses") else { return };
    // Bob's SDP names loopback; bob's SDP names an address of his own network and he is silent.
    for (number, (address, verdict, words)) in [
        (
            "127.0.0.1",
            "forbidden-peer",
            "127.0.0.1:5000 is an address that is never sent to",
        ),
        (
            "10.7.7.7",
            "private-address",
            "We send to 10.7.7.7:5000, a private address",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, port) = (format!("to-{address}"), 4000 + 10 * number as u16);
        let mut alice = Party::new(&net.world, &format!("{ALICE}:{port}"), 1);
        net.relay.ng.ok(&offer(&id, &sdp(ALICE, port), &[]));
        let reply = net.relay.ng.ok(&answer(&id, &sdp(address, 5000), &[]));
        alice.call(media_address(reply.text_of("sdp")));
        until(&net, &id, "alice", verdict, || {
            alice.send();
        })
        .shows(&[words]);
    }
    // No way to bob any more.
    let mut call = met(&net, "no-way", (4020, 5020), &[]);
    net.core.ip(&format!("route add unreachable {BOB}/32"));
    until(&net, "no-way", "alice", "send-refused", || {
        call.alice.send();
        call.bob.send();
    })
    .shows(&[&format!("The kernel refuses to send to {BOB}:5020")]);
    net.core.ip(&format!("route del unreachable {BOB}/32"));
}

#[test]
fn what_the_receiver_reports_and_where_rtcp_goes() {
    let Some(net) = net("reports") else { return };
    let mut call = met(&net, "deaf", (4000, 5000), &[]);
    let rtcp = net.world.udp(&format!("{BOB}:5001"));
    let said = until(&net, "deaf", "alice", "receiver-loses-all", || {
        call.alice.send();
        call.bob.send();
        let lost = Some((call.alice.ssrc, 255));
        rtcp.send_to(&report(call.bob.ssrc, lost), above(call.for_bob))
            .unwrap();
        // Alice takes the shorter way.
        call.alice
            .socket
            .send_to(&report(call.alice.ssrc, None), call.for_alice)
            .unwrap();
    });
    said.shows(&["The callee reports that nothing of what we send arrives."]);
    assert!(
        said.found("alice").contains(&"rtcp-mux-mismatch".to_owned()),
        "{:?}",
        said.found("alice")
    );
    assert_eq!(said.found("bob"), ["flows"]);
}

#[test]
fn a_call_that_runs_into_itself() {
    let Some(net) = net("loop") else { return };
    let mut alice = Party::new(&net.world, &format!("{ALICE}:4000"), 1);
    net.offer("loop", sdp(ALICE, 4000), &[]);
    let for_alice = net.answer("loop", sdp(BOB, 5000), &[]);
    // Bob, it says now, is where alice should send to.
    net.answer("loop", sdp(&for_alice.ip().to_string(), for_alice.port()), &[]);
    alice.call(for_alice);
    let said = until(&net, "loop", "alice", "loop", || {
        alice.send();
    });
    said.shows(&["in a loop"]);
    net.relay.ng.ok(&Request::new("delete").with("call-id", "loop"));
}
