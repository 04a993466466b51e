//! Next hops as the kernel of a small network has them: each way out, each reason to refuse one, each change.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use patchbay::datapath::offload::nexthop::{DeviceKind, Lookup, Resolver, devices_of};
use patchbay::datapath::offload::{NextHop, NextHops};
use plan::Refusal;

use crate::lab::{Host, Lab, have, run, wait_for};

const LIMIT: Duration = Duration::from_secs(8);

/// A relay host with a peer host on its `eth0`; both are 10.0.0.0/24 and 2001:db8::/64, as 1 and 2.
struct Net {
    relay: Host,
    peer: Host,
    resolver: Resolver,
    lookup: Lookup,
    _lab: Lab,
}

impl Net {
    fn new(topic: &str) -> Option<Self> {
        Self::with(topic, |_| Resolver::start())
    }

    fn with(
        topic: &str,
        start: impl FnOnce(&Host) -> std::io::Result<(Resolver, Lookup)> + Send,
    ) -> Option<Self> {
        if !have(&[]) {
            return None;
        }
        let mut lab = Lab::new(topic);
        let (relay, peer) = (lab.host("relay"), lab.host("peer"));
        lab.wire((&relay, "eth0"), (&peer, "eth0"));
        relay.ip("link set eth0 address 02:00:00:00:00:01");
        peer.ip("link set eth0 address 02:00:00:00:00:02");
        for (host, number) in [(&relay, 1), (&peer, 2)] {
            host.ip(&format!("addr add 10.0.0.{number}/24 dev eth0"));
            host.ip(&format!("addr add 2001:db8::{number}/64 dev eth0 nodad"));
        }
        let (resolver, lookup) = relay.enter(|| start(&relay)).expect("a resolver");
        Some(Self {
            relay,
            peer,
            resolver,
            lookup,
            _lab: lab,
        })
    }

    fn ask(&mut self, from: &str, to: &str) -> Result<NextHop, Refusal> {
        let addr = |ip: &str| -> SocketAddr {
            let text = if ip.contains(':') {
                format!("[{ip}]:4000")
            } else {
                format!("{ip}:4000")
            };
            text.parse().unwrap()
        };
        self.lookup.next_hop(addr(from), addr(to))
    }

    /// Waits until the answer is what is wanted.
    #[track_caller]
    fn wants(
        &mut self,
        from: &str,
        to: &str,
        want: impl Fn(&Result<NextHop, Refusal>) -> bool,
    ) -> Result<NextHop, Refusal> {
        let mut last = Err(Refusal::Resolving);
        wait_for(&format!("the way from {from} to {to}"), LIMIT, || {
            last = self.ask(from, to);
            want(&last)
        });
        last
    }

    #[track_caller]
    fn finds(&mut self, from: &str, to: &str, mac: u8) -> NextHop {
        self.wants(from, to, |got| {
            got.is_ok_and(|hop| hop.dest == [2, 0, 0, 0, 0, mac])
        })
        .unwrap()
    }

    #[track_caller]
    fn refuses(&mut self, to: &str, refusal: Refusal) {
        let from = if to.contains(':') {
            "2001:db8::1"
        } else {
            "10.0.0.1"
        };
        self.wants(from, to, |got| *got == Err(refusal)).unwrap_err();
    }

    fn index(&self, device: &str) -> u32 {
        self.relay.enter(|| crate::xdp::index(device))
    }
}

#[test]
fn neighbours_of_both_families_are_found() {
    let Some(mut net) = Net::new("neighbours") else {
        return;
    };
    let before = net.lookup.generation();
    assert_eq!(net.ask("10.0.0.1", "10.0.0.2"), Err(Refusal::Resolving));
    let hop = net.finds("10.0.0.1", "10.0.0.2", 2);
    assert!(net.lookup.generation() > before);
    let hop6 = net.finds("2001:db8::1", "2001:db8::2", 2);
    let device = net.resolver.devices_of(IpAddr::from([10, 0, 0, 1]));
    assert_eq!(device.len(), 1);
    assert_eq!(
        (device[0].name.as_str(), device[0].kind, device[0].up),
        ("eth0", DeviceKind::Ethernet, true)
    );
    let want = NextHop {
        device: device[0].index,
        source: [2, 0, 0, 0, 0, 1],
        dest: [2, 0, 0, 0, 0, 2],
        vlan: None,
        mtu: 1500,
        ttl: 64,
        xdp: false,
    };
    assert_eq!((hop, hop6), (want, want));
    // A veth sends for XDP once there is a program at its other end.
    let program = crate::xdp::pass(&net.peer, "eth0");
    net.wants("10.0.0.1", "10.0.0.2", |got| got.is_ok_and(|hop| hop.xdp))
        .unwrap();
    drop(program);
    net.wants("10.0.0.1", "10.0.0.2", |got| got.is_ok_and(|hop| !hop.xdp))
        .unwrap();
    let once = net
        .relay
        .enter(|| devices_of("2001:db8::1".parse().unwrap()))
        .unwrap();
    assert_eq!(once, device);
    net.refuses("10.0.0.77", Refusal::NoNeighbour);
    net.refuses("2001:db8::1", Refusal::LocalPeer);
    net.refuses("10.0.0.255", Refusal::Unsupported);
    // A local address that is none.
    net.wants("10.0.0.9", "10.0.0.2", |got| *got == Err(Refusal::NoRoute))
        .unwrap_err();
    let counters = net.resolver.counters();
    assert_eq!(
        (counters.errors.load(Relaxed), counters.overruns.load(Relaxed)),
        (0, 0)
    );
}

#[test]
fn gateways_and_metrics_are_followed() {
    let Some(mut net) = Net::new("gateways") else {
        return;
    };
    net.relay
        .ip("route add 192.0.2.0/24 via 10.0.0.2 mtu 1400 hoplimit 33");
    net.relay
        .ip("-6 route add 2001:db8:1::/64 via 2001:db8::2 hoplimit 44");
    let link_local = "fe80::2";
    net.peer.ip("addr add fe80::2/64 dev eth0 nodad");
    net.relay
        .ip(&format!("-6 route add 2001:db8:2::/64 via {link_local} dev eth0"));
    net.relay.ip(&format!(
        "route add 198.51.100.0/24 via inet6 {link_local} dev eth0"
    ));
    let hop = net.finds("10.0.0.1", "192.0.2.9", 2);
    assert_eq!((hop.mtu, hop.ttl), (1400, 33));
    let hop = net.finds("2001:db8::1", "2001:db8:1::9", 2);
    assert_eq!((hop.mtu, hop.ttl), (1500, 44));
    net.finds("2001:db8::1", "2001:db8:2::9", 2);
    net.finds("10.0.0.1", "198.51.100.9", 2);
    // The peer itself may have a link-local address; then its port of call names the device.
    let index = net.index("eth0");
    let from: SocketAddr = format!("[2001:db8::1%{index}]:1").parse().unwrap();
    let to: SocketAddr = format!("[{link_local}%{index}]:4000").parse().unwrap();
    wait_for("a link-local peer", LIMIT, || {
        net.lookup.next_hop(from, to).is_ok()
    });
    // Of two next hops the kernel takes one.
    net.relay.ip("addr add 10.0.0.11/24 dev eth0");
    net.peer.ip("addr add 10.0.0.3/24 dev eth0");
    net.relay
        .ip("route add 203.0.113.0/24 nexthop via 10.0.0.2 nexthop via 10.0.0.3");
    net.finds("10.0.0.1", "203.0.113.9", 2);
    // Who asks the routing table once more gets the new default.
    net.relay
        .enter(|| std::fs::write("/proc/sys/net/ipv4/ip_default_ttl", "99"))
        .unwrap();
    net.relay.ip("rule add from 10.99.0.0/16 lookup main");
    net.wants("10.0.0.1", "10.0.0.2", |got| got.is_ok_and(|hop| hop.ttl == 99))
        .unwrap();
}

#[test]
fn what_the_program_cannot_do_is_refused() {
    let Some(mut net) = Net::new("refusals") else {
        return;
    };
    for (to, refusal) in [
        ("192.0.2.1", Refusal::NoRoute),
        ("10.1.0.2", Refusal::NoRoute),
        ("10.2.0.2", Refusal::NoRoute),
        ("10.3.0.2", Refusal::NoRoute),
        ("2001:db8:9::2", Refusal::NoRoute),
        ("10.4.0.2", Refusal::Bridge),
        ("10.5.0.2", Refusal::Bridge),
        ("10.6.0.2", Refusal::Tunnel),
        ("10.7.0.2", Refusal::Device),
        ("10.8.0.2", Refusal::Tunnel),
        ("127.0.0.1", Refusal::LocalPeer),
        ("224.1.1.1", Refusal::Unsupported),
    ] {
        match to {
            "10.1.0.2" => net.relay.ip("route add blackhole 10.1.0.0/24"),
            "10.2.0.2" => net.relay.ip("route add prohibit 10.2.0.0/24"),
            "10.3.0.2" => net.relay.ip("route add unreachable 10.3.0.0/24"),
            "2001:db8:9::2" => net.relay.ip("-6 route add blackhole 2001:db8:9::/64"),
            "10.4.0.2" => {
                net.relay.ip("link add br0 type bridge");
                net.relay.ip("addr add 10.4.0.1/24 dev br0");
                net.relay.ip("link set br0 up");
            }
            "10.5.0.2" => {
                net.relay.ip("link add port0 type veth peer name port1");
                net.relay.ip("addr add 10.5.0.1/24 dev port0");
                net.relay.ip("link set port0 master br0");
                net.relay.ip("link set port0 up");
                net.relay.ip("link set port1 up");
            }
            "10.6.0.2" => {
                net.relay
                    .ip("link add vx0 type vxlan id 7 remote 10.0.0.2 dstport 4789");
                net.relay.ip("addr add 10.6.0.1/24 dev vx0");
                net.relay.ip("link set vx0 up");
            }
            "10.7.0.2" => {
                net.relay.ip("link add ifb7 type ifb");
                net.relay.ip("addr add 10.7.0.1/24 dev ifb7");
                net.relay.ip("link set ifb7 up");
            }
            "10.8.0.2" => {
                net.relay.ip("tuntap add dev tun8 mode tun");
                net.relay.ip("addr add 10.8.0.1/24 dev tun8");
                net.relay.ip("link set tun8 up");
            }
            _ => {}
        }
        let from = match refusal {
            Refusal::LocalPeer => "127.0.0.1",
            _ if to.contains(':') => "2001:db8::1",
            _ => "10.0.0.1",
        };
        net.wants(from, to, |got| *got == Err(refusal)).unwrap_err();
    }
    let kinds: Vec<_> = ["10.4.0.1", "10.6.0.1", "127.0.0.1"]
        .map(|ip| net.resolver.devices_of(ip.parse().unwrap()).pop().unwrap().kind)
        .into();
    assert_eq!(
        kinds,
        [DeviceKind::Bridge, DeviceKind::Tunnel, DeviceKind::Loopback]
    );
    let port = net
        .resolver
        .devices_of("10.5.0.1".parse().unwrap())
        .pop()
        .unwrap();
    assert_eq!(port.master, Some(net.index("br0")));
    assert_eq!(net.resolver.devices_of("10.99.0.1".parse().unwrap()), []);
}

#[test]
fn a_macvlan_is_a_device_of_its_own() {
    let Some(mut net) = Net::new("macvlan") else {
        return;
    };
    net.relay
        .ip("link add link eth0 name mv0 address 02:00:00:00:00:0a type macvlan mode bridge");
    net.relay.ip("addr add 10.3.0.1/24 dev mv0");
    net.relay.ip("link set mv0 up");
    net.peer.ip("addr add 10.3.0.2/24 dev eth0");
    let hop = net.finds("10.3.0.1", "10.3.0.2", 2);
    assert_eq!((hop.device, hop.source), (net.index("mv0"), [2, 0, 0, 0, 0, 10]));
}

#[test]
fn rules_a_lookup_cannot_follow_are_refused() {
    let Some(mut net) = Net::new("rules") else { return };
    net.finds("10.0.0.1", "10.0.0.2", 2);
    net.finds("2001:db8::1", "2001:db8::2", 2);
    // Followed: the table that the rule names has another gateway, or none.
    net.relay.ip("rule add from 10.0.0.1 to 10.0.0.2 lookup 7");
    net.relay.ip("route add prohibit default table 7");
    net.refuses("10.0.0.2", Refusal::NoRoute);
    net.relay.ip("rule del from 10.0.0.1 to 10.0.0.2 lookup 7");
    net.finds("10.0.0.1", "10.0.0.2", 2);
    for rule in [
        "fwmark 1",
        "uidrange 5-6",
        "tos 0x10",
        "dport 4000",
        "not from 10.9.0.0/16 fwmark 7",
    ] {
        for (family, from, to) in [
            ("", "10.0.0.1", "10.0.0.2"),
            ("-6 ", "2001:db8::1", "2001:db8::2"),
        ] {
            if rule.contains("10.9") && !family.is_empty() {
                continue;
            }
            net.relay.ip(&format!("{family}rule add {rule} lookup 7"));
            net.refuses(to, Refusal::PolicyRoute);
            net.relay.ip(&format!("{family}rule del {rule} lookup 7"));
            net.finds(from, to, 2);
        }
    }
    // Not about these packets.
    for rule in [
        "to 10.77.0.0/16 fwmark 1",
        "iif eth0 fwmark 1",
        "oif eth0 fwmark 1",
        "from 10.0.0.9 uidrange 5-6",
    ] {
        net.relay.ip(&format!("rule add {rule} lookup 7"));
    }
    net.relay.ip("rule add from 10.66.0.0/16 lookup main");
    net.relay.ip("rule add to 10.0.0.3 fwmark 1 lookup 7");
    net.refuses("10.0.0.3", Refusal::PolicyRoute);
    net.finds("10.0.0.1", "10.0.0.2", 2);
}

#[test]
fn ipsec_is_refused() {
    let Some(mut net) = Net::new("ipsec") else { return };
    net.finds("10.0.0.1", "10.0.0.2", 2);
    let tunnel = "tmpl src 10.0.0.1 dst 10.0.0.2 proto esp mode tunnel";
    for (policy, refused) in [
        (format!("src 10.0.0.0/24 dst 10.0.0.0/24 dir out {tunnel}"), true),
        (format!("src 10.0.0.2/32 dst 10.0.0.1/32 dir in {tunnel}"), true),
        ("src 0.0.0.0/0 dst 10.0.0.2/32 dir out action block".into(), true),
        (
            format!("src 10.0.0.0/24 dst 10.77.0.0/24 dir out {tunnel}"),
            false,
        ),
        (
            format!("src 10.0.0.0/24 dst 10.0.0.0/24 proto tcp dir out {tunnel}"),
            false,
        ),
        ("src 0.0.0.0/0 dst 0.0.0.0/0 dir out action allow".into(), false),
        (
            format!("src 0.0.0.0/0 dst 0.0.0.0/0 dir out {tunnel} if_id 9"),
            false,
        ),
    ] {
        let words = policy.replace(" if_id 9", "");
        let policy = if policy.contains("if_id") {
            words.replace(" tmpl", " if_id 9 tmpl")
        } else {
            policy
        };
        net.relay.ip(&format!("xfrm policy add {policy}"));
        if refused {
            net.refuses("10.0.0.2", Refusal::Ipsec);
        } else {
            // This way is asked for after the policy is there, so its answer knows it.
            net.relay
                .ip("neigh replace 10.0.0.5 lladdr 02:00:00:00:00:05 dev eth0");
            net.finds("10.0.0.1", "10.0.0.5", 5);
            net.finds("10.0.0.1", "10.0.0.2", 2);
        }
        net.relay.ip("xfrm policy flush");
        net.finds("10.0.0.1", "10.0.0.2", 2);
    }
    net.relay.ip("xfrm policy setdefault out block");
    net.refuses("10.0.0.2", Refusal::Ipsec);
    net.relay.ip("xfrm policy setdefault out accept");
    net.finds("10.0.0.1", "10.0.0.2", 2);
}

#[test]
fn changes_are_followed() {
    let Some(mut net) = Net::new("changes") else {
        return;
    };
    let mut lab2 = Lab::new("changes-two");
    let other = lab2.host("other");
    lab2.wire((&net.relay, "eth1"), (&other, "eth1"));
    other.ip("link set eth1 address 02:00:00:00:00:03");
    net.relay.ip("addr add 10.1.0.1/24 dev eth1");
    other.ip("addr add 10.1.0.3/24 dev eth1");
    net.relay.ip("route add 192.0.2.0/24 via 10.0.0.2");
    net.finds("10.0.0.1", "192.0.2.9", 2);
    let generation = net.lookup.generation();

    // Another gateway.
    net.relay.ip("route replace 192.0.2.0/24 via 10.1.0.3");
    net.finds("10.0.0.1", "192.0.2.9", 3);
    assert!(net.lookup.generation() > generation);
    // Its Ethernet address changes, and it says so.
    other.ip("link set eth1 address 02:00:00:00:00:04");
    other.ip("neigh flush all");
    let word = other.udp("10.1.0.3:4000").send_to(b"x", "10.1.0.1:4000");
    assert_eq!(word.unwrap(), 1);
    net.finds("10.0.0.1", "192.0.2.9", 4);
    // Set by hand; the kernel must not be told that it is in use, which would undo it.
    net.relay
        .ip("neigh replace 10.1.0.3 lladdr 02:00:00:00:00:05 dev eth1");
    net.finds("10.0.0.1", "192.0.2.9", 5);
    // A better route, and the end of it.
    net.relay.ip("route add 192.0.2.9/32 via 10.0.0.2");
    net.finds("10.0.0.1", "192.0.2.9", 2);
    net.relay.ip("route del 192.0.2.9/32");
    net.finds("10.0.0.1", "192.0.2.9", 5);
    // Our own address and MTU.
    net.relay.ip("link set eth1 mtu 1300");
    net.wants("10.0.0.1", "192.0.2.9", |got| {
        got.is_ok_and(|hop| hop.mtu == 1300)
    })
    .unwrap();
    // The device goes down, and comes back without its routes.
    net.relay.ip("link set eth1 down");
    net.refuses("192.0.2.9", Refusal::NoRoute);
    net.relay.ip("link set eth1 up");
    net.relay.ip("route replace 192.0.2.0/24 via 10.1.0.3");
    net.finds("10.0.0.1", "192.0.2.9", 4);
    // No carrier.
    other.ip("link set eth1 down");
    net.refuses("192.0.2.9", Refusal::Device);
    other.ip("link set eth1 up");
    net.finds("10.0.0.1", "192.0.2.9", 4);
    // The device becomes a bridge's port, and is set free again.
    net.relay.ip("link add br9 type bridge");
    net.relay.ip("link set eth1 master br9");
    net.refuses("192.0.2.9", Refusal::Bridge);
    net.relay.ip("link set eth1 nomaster");
    net.finds("10.0.0.1", "192.0.2.9", 4);
    // The device is gone for good.
    net.relay.ip("link del eth1");
    net.refuses("192.0.2.9", Refusal::NoRoute);
}

#[test]
fn neighbours_in_use_are_kept_up() {
    let Some(mut net) = Net::new("kept") else { return };
    // Neighbours of this host grow old and doubtful at once.
    net.relay
        .enter(|| {
            std::fs::write("/proc/sys/net/ipv4/neigh/eth0/base_reachable_time_ms", "200")?;
            std::fs::write("/proc/sys/net/ipv4/neigh/eth0/delay_first_probe_time", "0")?;
            std::fs::write("/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms", "50")
        })
        .unwrap();
    net.relay.ip("neigh flush all");
    net.finds("10.0.0.1", "10.0.0.2", 2);
    // Nobody says so, nobody sends anything: the next probe finds nobody under the old address.
    net.peer.ip("link set eth0 address 02:00:00:00:00:06");
    net.finds("10.0.0.1", "10.0.0.2", 6);
    net.peer.ip("addr del 10.0.0.2/24 dev eth0");
    net.refuses("10.0.0.2", Refusal::NoNeighbour);
}

#[test]
fn lost_notifications_are_made_up_for() {
    // Room for a handful of messages.
    let Some(mut net) = Net::with("overrun", |_| Resolver::with_buffer(1)) else {
        return;
    };
    net.relay.ip("route add 192.0.2.0/24 via 10.0.0.2");
    net.finds("10.0.0.1", "192.0.2.9", 2);
    let many: String = (0..4000_u32)
        .map(|n| {
            format!(
                "neigh replace 10.0.{}.{} lladdr 02:00:00:00:01:01 dev eth0\n",
                n / 200,
                n % 200 + 10
            )
        })
        .collect();
    let file = net._lab.folder().join("batch");
    let change = "route add blackhole 192.0.2.9/32\n";
    // Whichever of them gets lost: the change stands in the midst of them.
    std::fs::write(&file, format!("{many}{change}{many}")).unwrap();
    let counted = || net.resolver.counters().overruns.load(Relaxed);
    let before = counted();
    run(net.relay.command("ip", &["-batch", file.to_str().unwrap()]));
    assert!(counted() > before, "nothing was lost");
    net.refuses("192.0.2.9", Refusal::NoRoute);
}
