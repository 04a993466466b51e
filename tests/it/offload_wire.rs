//! The program on real wires: packets of sockets, with the partial checksums that local senders leave, through each form
//! of it to a socket whose kernel verifies them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use patchbay::datapath::offload::attach::sites;
use patchbay::datapath::offload::{Entry, Kernel, NextHop, Served, Setup, Table};
use plan::{FlowId, FlowStats, Framing, LocalSocket, SocketId};
use relay::KernelFlow;

use crate::lab::{Host, Lab, have};

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/datapath/bpf/forward.o");
const PATIENCE: Duration = Duration::from_secs(5);
const SSRC: u32 = 77;

/// A relay with a wire to each of two phones, which have IPv4 and IPv6 addresses. Devices at the relay: `wa` and `wb`.
struct Wires {
    relay: Host,
    a: Host,
    b: Host,
    _lab: Lab,
}

/// Ethernet addresses: the relay's and the phone's end of a wire.
const MACS: [([u8; 6], [u8; 6]); 2] = [
    ([2, 0, 0, 0, 0, 0xa1], [2, 0, 0, 0, 0, 0xa2]),
    ([2, 0, 0, 0, 0, 0xb1], [2, 0, 0, 0, 0, 0xb2]),
];

fn wires() -> Wires {
    let mut lab = Lab::new("offload-wire");
    let (relay, a, b) = (lab.host("relay"), lab.host("a"), lab.host("b"));
    for ((host, device), (net, macs)) in [(&a, "wa"), (&b, "wb")].into_iter().zip((1..).zip(MACS)) {
        lab.wire((&relay, device), (host, "eth0"));
        let mac = |mac: [u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
        relay.ip(&format!("link set {device} address {}", mac(macs.0)));
        host.ip(&format!("link set eth0 address {}", mac(macs.1)));
        for (end, n, device) in [(&relay, 1, device), (host, 2, "eth0")] {
            end.ip(&format!("addr add 192.0.{net}.{n}/24 dev {device}"));
            end.ip(&format!("addr add 2001:db8:{net}::{n}/64 dev {device} nodad"));
        }
        // Native XDP delivers to a veth only if there is a program at its other end.
        host.ip(&format!("link set dev eth0 xdp obj {OBJECT} sec xdp"));
    }
    Wires {
        relay,
        a,
        b,
        _lab: lab,
    }
}

/// From phone `a` through the relay to phone `b`.
struct Way {
    source: UdpSocket,
    local: SocketAddr,
    out: SocketAddr,
    sink: UdpSocket,
}

fn address(net: u32, host: u32, v6: bool) -> String {
    if v6 {
        format!("[2001:db8:{net}::{host}]")
    } else {
        format!("192.0.{net}.{host}")
    }
}

impl Wires {
    fn way(&self, in6: bool, out6: bool, port: u16) -> Way {
        let socket = |host: &Host, net, v6| {
            let socket = host.udp(&format!("{}:0", address(net, 2, v6)));
            socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            socket
        };
        let local = |net, v6| {
            format!("{}:{port}", address(net, 1, v6))
                .parse()
                .expect("an address")
        };
        Way {
            source: socket(&self.a, 1, in6),
            local: local(1, in6),
            out: local(2, out6),
            sink: socket(&self.b, 2, out6),
        }
    }
}

fn entry(way: &Way, device: u32) -> Entry {
    let socket = |addr| LocalSocket {
        id: SocketId(1),
        addr,
    };
    let stats = Arc::new(FlowStats::default());
    Entry {
        flow: KernelFlow {
            flow: FlowId(1),
            local: socket(way.local),
            source: way.source.local_addr().expect("an address"),
            framing: Framing::Rtp,
            ssrc: Some(SSRC),
            payload_types: 1,
            out: socket(way.out),
            dest: way.sink.local_addr().expect("an address"),
            tos: 0,
            stats: Arc::clone(&stats),
            sink_stats: stats,
        },
        hop: NextHop {
            device,
            source: MACS[1].0,
            dest: MACS[1].1,
            vlan: None,
            mtu: 1500,
            ttl: 64,
            xdp: true,
        },
        from_here: false,
    }
}

fn packets_arrive(mode: Served) {
    if !have(&[]) {
        return;
    }
    let wires = wires();
    wires.relay.clone().enter(|| {
        let addresses: Vec<IpAddr> = [(1, false), (1, true), (2, false), (2, true)]
            .map(|(net, v6)| {
                address(net, 1, v6)
                    .trim_matches(['[', ']'])
                    .parse()
                    .expect("an address")
            })
            .into();
        let setup = Setup {
            addresses,
            workers: 1,
            entries: 16,
        };
        let mut kernel = Kernel::load(&setup).unwrap_or_else(|error| panic!("{error}"));
        let mut devices = Vec::new();
        for mut site in sites(&setup.addresses).expect("the kernel's answer") {
            site.attach(&mut kernel, &[mode], false);
            assert_eq!(site.served, mode, "{site}");
            devices.push((site.name, site.device.expect("a device")));
        }
        let out = devices
            .iter()
            .find(|(name, _)| name == "wb")
            .expect("the device")
            .1;
        let mut table = kernel.worker_table(0);
        for (n, (in6, out6)) in (0..).zip([(false, false), (true, true), (false, true), (true, false)]) {
            let way = wires.way(in6, out6, 30_000 + n);
            let id = table
                .publish(&entry(&way, out))
                .unwrap_or_else(|refusal| panic!("{refusal:?}"));
            table.force(id);
            for seq in 0..200_u16 {
                let mut packet = vec![0x80, 0];
                packet.extend(seq.to_be_bytes());
                packet.extend([0, 0, 0, 1]);
                packet.extend(SSRC.to_be_bytes());
                packet.extend((0..seq * 7 % 1400).map(|byte| byte as u8));
                way.source.send_to(&packet, way.local).expect("room");
                let mut got = [0; 2048];
                let (len, from) = way.sink.recv_from(&mut got).unwrap_or_else(|error| {
                    panic!(
                        "{mode:?}, {} > {}, packet {seq}: {error}; {:?}",
                        way.local,
                        way.out,
                        kernel.reasons()
                    )
                });
                assert_eq!((&got[..len], from), (packet.as_slice(), way.out), "{mode:?}");
            }
            assert_eq!(table.retire(id).packets, 200, "{mode:?}");
        }
    });
}

#[test]
fn native_packets_arrive() {
    packets_arrive(Served::Native);
}

#[test]
fn tc_packets_arrive() {
    packets_arrive(Served::Tc);
}

#[test]
fn generic_packets_arrive() {
    packets_arrive(Served::Generic);
}
