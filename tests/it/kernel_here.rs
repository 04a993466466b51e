//! Calls with parties on the relay's own host, and calls that cross the relay twice: the kernel forwards what it soundly
//! may, and the sockets the rest.

use std::time::Duration;

use crate::kernel_net::{ALICE, BOB, Call, KernelNet, at, sdp};
use crate::kernel_path::packets_counted;
use crate::lab::{Host, wait_for};
use crate::open_net::{answer, media_address, offer};
use crate::rtp::{Party, meet, talk};

/// The relay's own addresses, where programs beside it are.
const HERE_ALICE: [&str; 2] = ["203.0.113.1", "2001:db8:1::1"];
const HERE_BOB: [&str; 2] = ["192.0.2.1", "2001:db8:2::1"];
const PORT: u16 = 4000;

/// A call between parties wherever they are.
fn call(net: &KernelNet, id: &str, a: (&Host, &str), b: (&Host, &str)) -> Call {
    let mut alice = Party::new(a.0, &at(a.1, PORT), 0xa11ce);
    let mut bob = Party::new(b.0, &at(b.1, PORT + 2), 0xb0b);
    let request = offer(id, &sdp(a.1, PORT), &[]).with("direction", &["alice", "bob"][..]);
    bob.call(media_address(net.relay.ng.ok(&request).text_of("sdp")));
    let reply = net.relay.ng.ok(&answer(id, &sdp(b.1, PORT + 2), &[]));
    alice.call(media_address(reply.text_of("sdp")));
    let id = id.into();
    Call { id, alice, bob }
}

fn accept_local(core: &Host) {
    for (device, name, value) in [
        ("eth0", "accept_local", "1"),
        ("eth0", "rp_filter", "0"),
        ("all", "rp_filter", "0"),
    ] {
        let file = format!("/proc/sys/net/ipv4/conf/{device}/{name}");
        core.enter(|| std::fs::write(&file, value)).unwrap();
    }
}

/// Whether a flow of the call does not go by the kernel, for this reason.
fn is_left_to_us(net: &KernelNet, id: &str, reason: &str) -> bool {
    let paths = net.paths(id);
    paths.iter().any(|(path, why)| path != "kernel" && why == reason)
}

#[track_caller]
fn forwarded(net: &KernelNet, call: &mut Call) {
    // What goes by rings does not go up the stack either, so that alone says nothing.
    wait_for("all flows to be in the kernel", Duration::from_secs(10), || {
        call.alice.send();
        call.bob.send();
        crate::rtp::pace();
        net.paths(&call.id).iter().all(|(path, _)| path == "kernel")
    });
    net.settle(call);
    net.talk_in_kernel(call, 50);
    let sent = i64::from(call.alice.sent()) + i64::from(call.bob.sent());
    assert_eq!(packets_counted(net, &call.id), sent, "packets in the figures");
    for (path, why) in net.paths(&call.id) {
        assert_eq!((path.as_str(), why.as_str()), ("kernel", ""));
    }
}

/// A program beside the relay and a party elsewhere.
#[test]
fn a_program_on_this_host_talks_through_the_kernel() {
    for mode in ["auto", "tc"] {
        let topic = format!("kernel-beside-{mode}");
        let Some(net) = KernelNet::with(&topic, &[&format!("--offload={mode}")], accept_local) else {
            return;
        };
        for v in 0..2 {
            let id = format!("{topic}-{v}");
            let mut call = call(&net, &id, (&net.alice, ALICE[v]), (&net.core, HERE_BOB[v]));
            forwarded(&net, &mut call);
        }
    }
}

/// The kernel takes no IPv4 packets of this host from a device, unless it is told to: so they go by sockets.
#[test]
fn a_martian_is_not_made() {
    let topic = "kernel-martian";
    let Some(net) = KernelNet::new(topic, &["--offload=auto"]) else {
        return;
    };
    let mut call = call(&net, topic, (&net.alice, ALICE[0]), (&net.core, HERE_BOB[0]));
    meet(&mut call.alice, &mut call.bob);
    wait_for("the reason in query", Duration::from_secs(8), || {
        talk(&mut call.alice, &mut call.bob, 10);
        is_left_to_us(&net, topic, "accept-local")
            && net.paths(topic).contains(&("kernel".into(), String::new()))
    });
    // Told meanwhile, and then told otherwise.
    accept_local(&net.core);
    forwarded(&net, &mut call);
    let file = "/proc/sys/net/ipv4/conf/eth0/accept_local";
    net.core.enter(|| std::fs::write(file, "0")).unwrap();
    wait_for("the sockets to take over", Duration::from_secs(8), || {
        call.alice.send();
        call.bob.send();
        crate::rtp::pace();
        is_left_to_us(&net, topic, "accept-local")
    });
    talk(&mut call.alice, &mut call.bob, 50);
}

#[test]
fn two_programs_on_this_host_talk_through_the_kernel() {
    for mode in ["auto", "tc"] {
        let topic = format!("kernel-inside-{mode}");
        let Some(net) = KernelNet::new(&topic, &[&format!("--offload={mode}")]) else {
            return;
        };
        for v in 0..2 {
            let id = format!("{topic}-{v}");
            let mut call = call(&net, &id, (&net.core, HERE_ALICE[v]), (&net.core, HERE_BOB[v]));
            forwarded(&net, &mut call);
        }
    }
}

/// A call of alice's to bob as two calls of the relay's, the one behind the other.
fn twice(net: &KernelNet, id: &str, v: usize) -> Call {
    let ng = &net.relay.ng;
    let [first, second] = ["first", "second"].map(|half| format!("{id}-{half}"));
    let mut alice = Party::new(&net.alice, &at(ALICE[v], PORT), 0xa11ce);
    let mut bob = Party::new(&net.bob, &at(BOB[v], PORT), 0xb0b);
    let direct = |request: crate::ng::Request, to: [&str; 2]| {
        media_address(ng.ok(&request.with("direction", &to[..])).text_of("sdp"))
    };
    let there = direct(offer(&first, &sdp(ALICE[v], PORT), &[]), ["alice", "bob"]);
    let to_bob = direct(
        offer(&second, &sdp(&there.ip().to_string(), there.port()), &[]),
        ["bob", "bob"],
    );
    bob.call(to_bob);
    let back = ng.ok(&answer(&second, &sdp(BOB[v], PORT), &[]));
    let back = media_address(back.text_of("sdp"));
    let to_alice = ng.ok(&answer(&first, &sdp(&back.ip().to_string(), back.port()), &[]));
    alice.call(media_address(to_alice.text_of("sdp")));
    let id = first;
    Call { id, alice, bob }
}

#[test]
fn a_call_that_crosses_the_relay_twice_is_forwarded_by_the_kernel() {
    for (mode, v) in [("auto", 0), ("auto", 1), ("tc", 0)] {
        let topic = format!("kernel-twice-{mode}-{v}");
        let Some(net) = KernelNet::new(&topic, &[&format!("--offload={mode}")]) else {
            return;
        };
        let mut call = twice(&net, &topic, v);
        forwarded(&net, &mut call);
        let sent = i64::from(call.alice.sent()) + i64::from(call.bob.sent());
        let second = call.id.replace("first", "second");
        assert_eq!(
            packets_counted(&net, &second),
            sent,
            "packets in the second call's figures"
        );

        // The second call ends: what it is sent goes nowhere, and the first call is served by sockets.
        net.relay
            .ng
            .ok(&crate::ng::Request::new("delete").with("call-id", second.as_str()));
        wait_for("the first call to notice", Duration::from_secs(8), || {
            call.alice.send();
            crate::rtp::pace();
            is_left_to_us(&net, &call.id, "local-peer")
        });
        call.bob.listen();
        call.bob.forget();
        for _ in 0..20 {
            call.alice.send();
            crate::rtp::pace();
        }
        assert_eq!(call.bob.count(call.alice.ssrc), 0);
    }
}
