//! Calls whose media the kernel forwards, from end to end: what arrives is right, what is for the relay gets there, and
//! whatever changes under way is followed.
//!
//! The parties' sockets are ordinary ones: a datagram with a wrong checksum never arrives.

use std::time::{Duration, Instant};

use crate::kernel_net::{ALICE, Call, Ip, KernelNet, MODES, at, receive, tell_how};
use crate::lab::wait_for;
use crate::ng::Request;
use crate::rtp::{Party, meet, pace, packet};
use crate::xdp::pass;

fn offload(mode: &str) -> String {
    format!("--offload={mode}")
}

fn in_kernel(net: &KernelNet, id: &str) -> bool {
    let paths = net.paths(id);
    paths.len() == 2 && paths.iter().all(|(path, why)| path == "kernel" && why.is_empty())
}

/// Everything that the parties sent and got is in the call's figures, whoever forwarded it.
pub(crate) fn packets_counted(net: &KernelNet, id: &str) -> i64 {
    let reply = net.relay.ng.ok(&Request::new("query").with("call-id", id));
    let totals = reply.get("totals").and_then(|totals| totals.get("RTP"));
    match totals.and_then(|rtp| rtp.get("packets")) {
        Some(crate::ng::Value::Int(packets)) => *packets,
        _ => panic!("{reply:?}"),
    }
}

fn plain(mode: &str, alice: Ip, bob: Ip) {
    let topic = format!("kernel-{mode}");
    let Some(net) = KernelNet::new(&topic, &[&offload(mode), "--tos=184"]) else {
        return;
    };
    let mut call = net.call(&topic, alice, bob);
    for party in [&call.alice, &call.bob] {
        tell_how(&party.socket);
    }
    // As the relay itself sends, from its socket: this is how the kernel has to do it.
    let ours = call.alice.send();
    let mut by_socket = None;
    wait_for("the first packet", Duration::from_secs(5), || {
        by_socket = receive(&call.bob.socket);
        by_socket.is_some()
    });
    let by_socket = by_socket.unwrap();
    assert_eq!(by_socket.bytes, packet(call.alice.ssrc, ours));
    assert_eq!((by_socket.tos, by_socket.ttl), (184, 64), "{mode}");

    net.settle(&mut call);
    net.talk_in_kernel(&mut call, 100);
    assert!(in_kernel(&net, &topic), "{:?}", net.paths(&topic));

    // Whatever its length is.
    let before = net.went_up();
    let to = call.alice.peer().unwrap();
    for extra in 0..20 {
        let mut bytes = packet(call.alice.ssrc, call.alice.next_seq());
        bytes.truncate(12 + 7 * extra);
        call.bob.listen();
        call.alice.socket.send_to(&bytes, to).unwrap();
        let mut got = None;
        wait_for("a packet of another length", Duration::from_secs(5), || {
            got = receive(&call.bob.socket);
            got.is_some()
        });
        let got = got.unwrap();
        assert_eq!((got.from, got.tos, got.ttl), (by_socket.from, 184, 64));
        assert_eq!(got.bytes, bytes);
    }
    assert_eq!(net.went_up(), before);
    let counted = packets_counted(&net, &topic);
    let sent = i64::from(call.alice.sent()) + i64::from(call.bob.sent());
    assert_eq!(counted, sent, "packets in the figures");
}

#[test]
fn plain_rtp_native() {
    plain("native", Ip::V4, Ip::V4);
}

#[test]
fn plain_rtp_tc() {
    plain("tc", Ip::V4, Ip::V4);
}

#[test]
fn plain_rtp_generic() {
    plain("generic", Ip::V4, Ip::V4);
}

#[test]
fn plain_rtp_native_ipv6() {
    plain("native", Ip::V6, Ip::V6);
}

#[test]
fn plain_rtp_tc_ipv6() {
    plain("tc", Ip::V6, Ip::V6);
}

#[test]
fn plain_rtp_generic_ipv6() {
    plain("generic", Ip::V6, Ip::V6);
}

#[test]
fn ipv4_calls_ipv6_in_the_kernel() {
    plain("native", Ip::V4, Ip::V6);
    plain("tc", Ip::V4, Ip::V6);
    plain("generic", Ip::V6, Ip::V4);
}

/// What is not for the kernel comes to the relay, and nothing else does.
#[test]
fn what_the_kernel_does_not_know_goes_up() {
    for mode in MODES {
        let topic = format!("kernel-up-{mode}");
        let Some(net) = KernelNet::new(&topic, &[&offload(mode)]) else {
            return;
        };
        let mut call = net.call(&topic, Ip::V4, Ip::V4);
        net.settle(&mut call);
        let to = call.alice.peer().unwrap();
        let mut unknown_type = packet(call.alice.ssrc, 9000);
        unknown_type[1] = 99;
        let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        let rtcp = [0x80, 201, 0, 1, 0, 0xa, 0x11, 0xce];
        let before = net.went_up();
        for odd in [&unknown_type[..], &stun, &rtcp, b"hello", b""] {
            call.alice.socket.send_to(odd, to).unwrap();
        }
        let stranger = net.alice.udp(&at(ALICE[0], 7777));
        stranger.send_to(&packet(1, 1), to).unwrap();
        wait_for("all of it to go up", Duration::from_secs(5), || {
            net.went_up() - before == 6
        });
        net.settle(&mut call);
        net.talk_in_kernel(&mut call, 20);
    }
}

/// A NAT gives a party another port, and later another address.
#[test]
fn a_party_that_moves_is_followed() {
    for mode in ["native", "tc"] {
        let topic = format!("kernel-rebinding-{mode}");
        let Some(net) = KernelNet::new(&topic, &[&offload(mode)]) else {
            return;
        };
        let mut call = net.call(&topic, Ip::V4, Ip::V4);
        net.settle(&mut call);
        net.alice.ip("addr add 203.0.113.41/24 dev eth0");
        for place in [at(ALICE[0], 4002), at("203.0.113.41", 4000)] {
            let moved = net.alice.udp(&place);
            moved.set_nonblocking(true).unwrap();
            call.alice.socket = moved;
            call.alice.forget();
            meet(&mut call.alice, &mut call.bob);
            net.settle(&mut call);
            net.talk_in_kernel(&mut call, 20);
        }
    }
}

/// Both parties talk all the time; how many packets of alice's bob misses from now until all of a hundred arrive.
fn lost_until_well(call: &mut Call) -> usize {
    let give_up = Instant::now() + Duration::from_secs(10);
    let (mut lost, mut row) = (0, 0);
    let mut pending = std::collections::VecDeque::new();
    while row < 100 {
        assert!(Instant::now() < give_up, "packets are lost for good");
        pending.push_back(call.alice.send());
        call.bob.send();
        pace();
        if pending.len() > 5 {
            let seq = pending.pop_front().unwrap();
            if call.bob.has(call.alice.ssrc, seq) {
                row += 1;
            } else {
                (lost, row) = (lost + 1, 0);
            }
        }
    }
    lost
}

/// A router gets another Ethernet address, and says so; a better route comes up, and goes.
#[test]
fn next_hops_are_followed() {
    for mode in ["native", "tc"] {
        let topic = format!("kernel-hops-{mode}");
        let Some(mut net) = KernelNet::new(&topic, &[&offload(mode)]) else {
            return;
        };
        let second = net.lab.host("second");
        net.lab.wire((&net.core, "eth2"), (&second, "eth0"));
        net.lab.wire((&second, "eth1"), (&net.bob, "eth1"));
        net.core.ip("addr add 198.51.100.1/24 dev eth2");
        second.ip("addr add 198.51.100.2/24 dev eth0");
        second.ip("addr add 10.9.0.1/24 dev eth1");
        net.bob.ip("addr add 10.9.0.2/24 dev eth1");
        second.ip("route add 192.0.2.40/32 via 10.9.0.2");
        second.route_packets();
        for (host, file) in [(&net.bob, "all"), (&net.bob, "eth1"), (&second, "all")] {
            let file = format!("/proc/sys/net/ipv4/conf/{file}/rp_filter");
            host.enter(|| std::fs::write(file, "0")).unwrap();
        }
        let _pass = pass(&second, "eth0");
        let mut call = net.call(&topic, Ip::V4, Ip::V4);
        net.settle(&mut call);

        // Alice and bob never send to it by another name, so only the notice tells.
        net.bob.ip("link set eth0 address 02:00:00:00:00:77");
        net.bob.ip("neigh flush dev eth0");
        let lost = lost_until_well(&mut call);
        assert!(lost < 300, "{mode}: {lost}");
        net.settle(&mut call);
        net.talk_in_kernel(&mut call, 20);

        net.core.ip("route add 192.0.2.40/32 via 198.51.100.2");
        let lost = lost_until_well(&mut call);
        assert!(lost < 20, "{mode}: {lost}");
        net.settle(&mut call);
        net.talk_in_kernel(&mut call, 20);

        net.core.ip("route del 192.0.2.40/32");
        let lost = lost_until_well(&mut call);
        assert!(lost < 20, "{mode}: {lost}");
        net.settle(&mut call);
        net.talk_in_kernel(&mut call, 20);
    }
}

/// A driver that takes nothing from XDP any more gets it from the stack.
#[test]
fn a_device_that_does_not_deliver_is_noticed() {
    let topic = "kernel-deliver";
    let Some(mut net) = KernelNet::new(topic, &["--offload=native"]) else {
        return;
    };
    let mut call = net.call(topic, Ip::V4, Ip::V4);
    net.settle(&mut call);
    drop(net.passes[1].take());
    let lost = lost_until_well(&mut call);
    assert!(lost < 300, "{lost}");
    let to_bob = ("sockets".to_owned(), "device".to_owned());
    assert!(net.paths(topic).contains(&to_bob), "{:?}", net.paths(topic));
    net.passes[1] = Some(pass(&net.bob, "eth0"));
    net.settle(&mut call);
    net.talk_in_kernel(&mut call, 20);
}

#[test]
fn a_bridge_is_left_to_the_stack() {
    let topic = "kernel-bridge";
    let Some(net) = KernelNet::with(topic, &["--offload=native"], |core| {
        core.ip("link add br0 type bridge");
        core.ip("link set br0 up");
        core.ip("addr flush dev eth1");
        core.ip("addr add 192.0.2.1/24 dev br0");
        core.ip("addr add 2001:db8:2::1/64 dev br0 nodad");
        core.ip("link set eth1 master br0");
    }) else {
        return;
    };
    let mut call = net.call(topic, Ip::V4, Ip::V4);
    meet(&mut call.alice, &mut call.bob);
    wait_for("the reason in query", Duration::from_secs(5), || {
        crate::rtp::talk(&mut call.alice, &mut call.bob, 10);
        net.paths(topic)
            .iter()
            .any(|(path, why)| path == "sockets" && why == "bridge")
    });
}

#[test]
fn off_means_off() {
    let Some(net) = KernelNet::new("kernel-off", &["--offload=off"]) else {
        return;
    };
    let mut call = net.call("off", Ip::V4, Ip::V4);
    meet(&mut call.alice, &mut call.bob);
    crate::rtp::talk(&mut call.alice, &mut call.bob, 50);
    for (path, why) in net.paths("off") {
        assert_eq!((path.as_str(), why.as_str()), ("sockets", "off"));
    }
    assert!(!net.is_attached("eth0") && !net.is_attached("eth1"));
}

/// Nothing stays attached, however the relay ends, and the next one finds its place free.
#[test]
fn nothing_is_left_behind() {
    // In the other modes, and without media: offload_attach.
    let (mode, topic) = ("native", "kernel-end-native".to_owned());
    let Some(mut net) = KernelNet::new(&topic, &[&offload(mode)]) else {
        return;
    };
    for crash in [true, false] {
        let mut call = net.call(&format!("{topic}-{crash}"), Ip::V4, Ip::V4);
        net.settle(&mut call);
        assert!(net.is_attached("eth0") && net.is_attached("eth1"), "{mode}");
        if crash {
            net.relay.crash();
        } else {
            net.relay.end();
        }
        wait_for("everything to be detached", Duration::from_secs(5), || {
            !net.is_attached("eth0") && !net.is_attached("eth1")
        });
        // A packet now finds nobody, and certainly not its way to bob.
        call.bob.forget();
        call.alice.send();
        pace();
        assert_eq!(call.bob.count(call.alice.ssrc), 0, "{mode}");
        net.restart();
    }
    let mut call = net.call(&topic, Ip::V4, Ip::V4);
    net.settle(&mut call);
    net.talk_in_kernel(&mut call, 20);
}

/// A call is alive as long as the kernel forwards for it, and no longer.
#[test]
fn the_kernels_packets_keep_a_call_alive() {
    let topic = "kernel-timeout";
    let options = ["--offload=native", "--timeout=3", "--silent-timeout=3"];
    let Some(net) = KernelNet::new(topic, &options) else {
        return;
    };
    let mut call = net.call(topic, Ip::V4, Ip::V4);
    net.settle(&mut call);
    let before = net.went_up();
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        call.alice.send();
        call.bob.send();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(net.went_up(), before, "all of it by the kernel");
    assert_eq!(net.relay.calls(), [topic]);
    wait_for("the silent call to end", Duration::from_secs(8), || {
        net.relay.calls().is_empty()
    });
    wait_for("its ports to be free", Duration::from_secs(5), || {
        net.relay.media_ports().is_empty()
    });
}

/// A relay that may not use BPF says so once, and relays.
#[test]
fn without_the_right_there_are_sockets() {
    let Some(net) = KernelNet::without_rights("kernel-rights", &["--offload=auto"]) else {
        return;
    };
    let mut call = net.call("rights", Ip::V4, Ip::V4);
    meet(&mut call.alice, &mut call.bob);
    crate::rtp::talk(&mut call.alice, &mut call.bob, 20);
    let said = net.relay.said();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("offload")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains("CAP_"), "{}", lines[0]);
}

/// What a party talks to is one relay, whatever way it forwards: a third party's packets do not get through.
#[test]
fn strangers_do_not_get_into_the_kernels_flows() {
    let topic = "kernel-strangers";
    let Some(net) = KernelNet::new(topic, &["--offload=native"]) else {
        return;
    };
    let mut call = net.call(topic, Ip::V4, Ip::V4);
    net.settle(&mut call);
    net.alice.ip("addr add 203.0.113.66/24 dev eth0");
    let mut mallory = Party::new(&net.alice, "203.0.113.66:4000", 0xbad);
    mallory.call(call.alice.peer().unwrap());
    let to = mallory.peer().unwrap();
    call.bob.forget();
    for seq in 0..50 {
        mallory.send();
        // With alice's own name on it, far from where her stream is.
        mallory
            .socket
            .send_to(&packet(call.alice.ssrc, 30_000 + seq), to)
            .unwrap();
        call.alice.send();
        pace();
    }
    assert_eq!(call.bob.strange(call.alice.ssrc), 0);
    assert_eq!(call.bob.count(call.alice.ssrc), 50);
}
