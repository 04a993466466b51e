//! Calls over AF_XDP rings, on a pair of veth devices: copy mode, which is all that veth has.
//!
//! That packets take the rings is told by what does not see them: nftables on the relay's host, which everything
//! that passes the network stack has to pass.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use testkit::frames::{Ends, Kind, fixtures, rtp};

use crate::kernel_net::{KernelNet, paths};
use crate::lab::{Host, Lab, have, wait_for};
use crate::ng::Request;
use crate::open_net::{answer, media_address, offer};
use crate::phone::Inline;
use crate::relay::{OURS, RELAY_IP, Relay};
use crate::rtp::{Party, meet, pace, talk};
use crate::xdp::pass;

const RELAY_IP6: &str = "2001:db8::1";
/// Of the host at the other end of the wire.
const WORLD_IP: &str = "203.0.113.2";
const WORLD_IP6: &str = "2001:db8::2";

const RULES: &str = "table inet watch {
    counter in {}
    counter out {}
    chain in { type filter hook input priority 0; iifname eth0 udp dport 30000-30999 counter name in; }
    chain out { type filter hook output priority 0; oifname eth0 udp sport 30000-30999 counter name out; }
}";

/// A relay and the world, with one wire between them.
struct Net {
    relay: Relay,
    core: Host,
    world: Host,
    /// At the world's end, without which the relay's driver does not send from XDP.
    _pass: OwnedFd,
    lab: Lab,
    options: Vec<String>,
}

impl Net {
    /// With so many queues at the relay's end; `None` if this machine cannot carry it.
    fn new(topic: &str, queues: usize, options: &[&str]) -> Option<Self> {
        if !have(&[]) {
            return None;
        }
        let mut lab = Lab::new(topic);
        let (core, world) = (lab.host("core"), lab.host("world"));
        lab.wide_wire((&core, "eth0"), (&world, "eth0"), queues);
        for (host, ip, ip6) in [(&core, RELAY_IP, RELAY_IP6), (&world, WORLD_IP, WORLD_IP6)] {
            host.ip(&format!("addr add {ip}/24 dev eth0"));
            host.ip(&format!("addr add {ip6}/64 dev eth0 nodad"));
        }
        core.nft(RULES);
        let pass = pass(&world, "eth0");
        let both = [RELAY_IP, RELAY_IP6].map(|ip| format!("--interface={ip}"));
        let options: Vec<String> = both
            .into_iter()
            .chain(options.iter().map(|o| (*o).into()))
            .collect();
        let relay = Relay::start(&lab, &core, OURS, &words(&options));
        Some(Self {
            relay,
            core,
            world,
            _pass: pass,
            lab,
            options,
        })
    }

    /// Packets to and from media ports that have passed the network stack of the relay's host.
    fn through_the_stack(&self) -> (u64, u64) {
        let counted = |name| self.core.counted("inet watch", name);
        (counted("in"), counted("out"))
    }

    /// A call between these, each on the relay's own host or in the world by its address.
    fn call(&self, id: &str, alice: &End, bob: &End) -> (Party, Party) {
        let family = |end: &End| if end.ip.contains(':') { "IP6" } else { "IP4" };
        let plain = |end: &End| if end.key.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
        let mut a = Party::new(
            self.host_of(alice),
            &alice.socket(),
            0xa000_0000 + u32::from(alice.port),
        );
        let mut b = Party::new(
            self.host_of(bob),
            &bob.socket(),
            0xb000_0000 + u32::from(bob.port),
        );
        let request = offer(id, &alice.sdp(), &["recrypt"])
            .with("address-family", family(bob))
            .with("transport-protocol", plain(bob))
            .with("DTLS", "off");
        let reply = self.relay.ng.ok(&request);
        let seen_by_bob = reply.text_of("sdp");
        let reply = answer(id, &bob.sdp(), &["recrypt"]).with("address-family", family(alice));
        let reply = self.relay.ng.ok(&reply);
        let seen_by_alice = reply.text_of("sdp");
        for (party, end, seen) in [(&mut a, alice, seen_by_alice), (&mut b, bob, seen_by_bob)] {
            party.call(media_address(seen));
            if let Some(key) = &end.key {
                party.secure(key.params(), Inline::of(seen).params());
            }
        }
        (a, b)
    }

    fn host_of(&self, end: &End) -> &Host {
        if end.local { &self.core } else { &self.world }
    }

    fn delete(&self, id: &str) {
        self.relay.ng.ok(&Request::new("delete").with("call-id", id));
    }
}

fn words(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

/// One end of a call.
struct End {
    ip: &'static str,
    port: u16,
    key: Option<Inline>,
    local: bool,
}

impl End {
    /// In the world, without keys.
    fn new(ip: &'static str, port: u16) -> Self {
        Self {
            ip,
            port,
            key: None,
            local: false,
        }
    }

    fn secure(self) -> Self {
        let key = Inline::new(self.port as u8);
        Self {
            key: Some(key),
            ..self
        }
    }

    fn socket(&self) -> String {
        if self.ip.contains(':') {
            format!("[{}]:{}", self.ip, self.port)
        } else {
            format!("{}:{}", self.ip, self.port)
        }
    }

    fn sdp(&self) -> String {
        let family = if self.ip.contains(':') { "IP6" } else { "IP4" };
        let (ip, port) = (self.ip, self.port);
        let profile = if self.key.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
        let key = self.key.as_ref().map(Inline::line).unwrap_or_default();
        format!(
            "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {port} {profile} 8\r\na=rtpmap:8 PCMA/8000\r\n{key}"
        )
    }
}

/// With `afxdp` all of them, with `auto` those that the kernel does not forward.
#[test]
fn calls_take_the_rings() {
    for (offload, plain, io) in [("afxdp", "afxdp", "epoll"), ("auto", "kernel", "uring")] {
        let options = [format!("--offload={offload}"), format!("--io={io}")];
        let options = [&options[0], &options[1], "--num-threads=1"];
        let Some(net) = Net::new(&format!("rings-{offload}"), 1, &options) else {
            return;
        };
        let said = net.relay.said();
        assert!(said.contains("AF_XDP on eth0: 1 queues, copy mode"), "{said}");
        let before = net.relay.descriptors();
        let ends = [
            ("plain", plain, End::new(WORLD_IP, 4000), End::new(WORLD_IP, 4002)),
            ("ipv6", plain, End::new(WORLD_IP6, 4004), End::new(WORLD_IP, 4006)),
            (
                "srtp-rtp",
                "afxdp",
                End::new(WORLD_IP, 4008).secure(),
                End::new(WORLD_IP6, 4010),
            ),
            (
                "srtp-srtp",
                "afxdp",
                End::new(WORLD_IP, 4012).secure(),
                End::new(WORLD_IP, 4014).secure(),
            ),
        ];
        for (id, path, alice, bob) in ends {
            let (mut alice, mut bob) = net.call(id, &alice, &bob);
            // The first packets leave by sockets: the way is being looked up.
            let mut met = net.through_the_stack();
            wait_for("the way to be known", Duration::from_secs(5), || {
                meet(&mut alice, &mut bob);
                talk(&mut alice, &mut bob, 1);
                let before = std::mem::replace(&mut met, net.through_the_stack());
                before == met && paths(&net.relay, id).iter().all(|(taken, _)| taken == path)
            });
            talk(&mut alice, &mut bob, 100);
            assert_eq!(net.through_the_stack(), met, "{id}: past the network stack");
            net.delete(id);
        }
        net.relay.assert_nothing_left(before);
    }
}

/// Rings need a right of their own and locked memory. Without them a line says so, and all the rest works.
#[test]
fn without_rings_there_are_sockets() {
    let no_lock = "setpriv --bounding-set=-ipc_lock prlimit --memlock";
    for (starter, rings, line) in [
        (
            "setpriv --bounding-set=-net_raw".to_owned(),
            0,
            "no AF_XDP: CAP_NET_RAW missing",
        ),
        (
            format!("{no_lock}=1048576"),
            0,
            "no AF_XDP: the limit of locked memory",
        ),
        // Half of what there is for each of two devices, and no more than that.
        (format!("{no_lock}=8388608"), 2, "1 queues, copy mode, 2560 KiB"),
    ] {
        let options = ["--offload=auto", "--num-threads=1"];
        let Some(net) = KernelNet::under(&starter, "rings-rights", &options) else {
            return;
        };
        let said = net.relay.said();
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("offload: ") && line.contains("AF_XDP"))
            .collect();
        assert!(lines.iter().all(|said| said.contains(line)), "{starter}: {said}");
        assert_eq!(lines.len(), rings.max(1), "{starter}: {said}");
        let mut call = net.call("rights", crate::kernel_net::Ip::V4, crate::kernel_net::Ip::V4);
        net.settle(&mut call);
        net.talk_in_kernel(&mut call, 20);
        let up = net.went_up();
        // Comes to the daemon, by a ring if there is one.
        let to = call.alice.peer().expect("a call");
        let rtcp = [0x80, 201, 0, 1, 0, 0xa, 0x11, 0xce];
        for _ in 0..20 {
            call.alice.socket.send_to(&rtcp, to).expect("sending");
        }
        net.settle(&mut call);
        assert_eq!(net.went_up() - up, if rings > 0 { 0 } else { 20 }, "{starter}");
    }
}

/// More queues than workers, and the other way round: whichever worker has the call, and wherever its packets arrive.
#[test]
fn packets_find_their_worker() {
    for (queues, workers) in [(4, 3), (1, 4), (4, 4)] {
        let threads = format!("--num-threads={workers}");
        let Some(net) = Net::new("queues", queues, &["--offload=afxdp", &threads]) else {
            return;
        };
        let said = net.relay.said();
        assert!(
            said.contains(&format!("AF_XDP on eth0: {queues} queues")),
            "{said}"
        );
        let mut calls: Vec<(Party, Party)> = (0..16)
            .map(|n| {
                let (alice, bob) = (End::new(WORLD_IP, 4000 + n * 4), End::new(WORLD_IP, 4002 + n * 4));
                net.call(&format!("call-{n}"), &alice, &bob)
            })
            .collect();
        for (alice, bob) in &mut calls {
            meet(alice, bob);
        }
        // All at once, so that queues and workers mix.
        for (alice, bob) in &mut calls {
            alice.forget();
            bob.forget();
        }
        // The first of a call may have been quicker than the worker that opens its ports.
        let met = net.through_the_stack().0;
        const COUNT: usize = 50;
        for _ in 0..COUNT {
            for (alice, bob) in &mut calls {
                alice.send();
                bob.send();
            }
            pace();
        }
        wait_for("all packets", Duration::from_secs(5), || {
            calls.iter_mut().all(|(alice, bob)| {
                let ssrcs = (alice.ssrc, bob.ssrc);
                alice.count(ssrcs.1) >= COUNT && bob.count(ssrcs.0) >= COUNT
            })
        });
        for (alice, bob) in &mut calls {
            assert_eq!((alice.duplicates(), bob.duplicates()), (0, 0));
            assert_eq!((alice.strange(bob.ssrc), bob.strange(alice.ssrc)), (0, 0));
        }
        assert_eq!(
            net.through_the_stack().0,
            met,
            "{queues} queues, {workers} workers: past the stack"
        );
    }
}

/// A party on the relay's own host is reached through the stack only, others by rings, and both are served.
#[test]
fn rings_and_sockets_are_served_together() {
    for io in ["--io=epoll", "--io=uring"] {
        served_together(io);
    }
}

fn served_together(io: &str) {
    let Some(net) = Net::new("mixed", 1, &["--offload=afxdp", "--num-threads=1", io]) else {
        return;
    };
    let local = |port| End {
        local: true,
        ..End::new(RELAY_IP, port)
    };
    let mut calls = vec![
        net.call("rings", &End::new(WORLD_IP, 4000), &End::new(WORLD_IP, 4002)),
        net.call("sockets", &local(4000), &local(4002)),
        net.call("between", &End::new(WORLD_IP, 4004), &local(4004)),
    ];
    for (alice, bob) in &mut calls {
        meet(alice, bob);
        alice.forget();
        bob.forget();
    }
    // Both as fast as they can, for as long as it takes: neither waits for the other to be silent.
    let flood = |host: &Host, from: &str, to: SocketAddr| {
        let socket = host.udp(from);
        socket.connect(to).unwrap();
        socket
    };
    let floods = [
        flood(
            &net.world,
            &format!("{WORLD_IP}:5000"),
            calls[0].0.peer().unwrap(),
        ),
        flood(&net.core, &format!("{RELAY_IP}:5000"), calls[1].0.peer().unwrap()),
    ];
    const COUNT: usize = 100;
    for _ in 0..COUNT {
        for (alice, bob) in &mut calls {
            alice.send();
            bob.send();
        }
        for socket in &floods {
            // What its sender does not get rid of is no loss of the relay's.
            (0..40).for_each(|_| drop(socket.send(&[0x80; 100])));
        }
        pace();
    }
    wait_for("all packets", Duration::from_secs(5), || {
        calls.iter_mut().all(|(alice, bob)| {
            let ssrcs = (alice.ssrc, bob.ssrc);
            alice.count(ssrcs.1) >= COUNT && bob.count(ssrcs.0) >= COUNT
        })
    });
}

/// The payloads of all fixtures, as one party sends them. What their frames are like is tested in [`crate::fixtures`].
fn datagrams() -> Vec<(&'static str, Vec<u8>)> {
    let all = fixtures(&Ends {
        kind: Kind::Rtp,
        ethernet: ([0; 6], [0; 6]),
        source: SocketAddr::from(([192, 0, 2, 1], 4000)),
        local: SocketAddr::from(([192, 0, 2, 2], 30_000)),
        ssrc: 0xa11c_e000,
        seq: 1,
        leaves6: false,
    });
    let payloads = all
        .into_iter()
        .map(|fixture| (fixture.name, fixture.sent.payload));
    payloads
        .chain([("larger than many frames", rtp(8, 9_000, 0xa11c_e000, 9_000))])
        .collect()
}

/// What the other party gets of them: what was sent, and what of it arrived. Fragments come another way than what
/// follows them, and may be late.
fn relayed(net: &Net) -> Vec<Vec<u8>> {
    let bob = End::new(WORLD_IP, 4002).secure();
    let (mut a, mut b) = net.call("fixtures", &End::new(WORLD_IP, 4000), &bob);
    meet(&mut a, &mut b);
    let mut receiver = b.take_receiver();
    let mut got = Vec::new();
    for bytes in datagrams()
        .into_iter()
        .map(|(_, bytes)| Some(bytes))
        .chain([None, None])
    {
        if let Some(bytes) = bytes {
            a.socket.send_to(&bytes, a.peer().unwrap()).unwrap();
        }
        // One that surely comes, so that there is no waiting for what never does.
        let seq = a.send();
        got.extend(read_until(&b.socket, seq, &mut receiver));
    }
    net.delete("fixtures");
    // Those with which they met may have been under way.
    got.retain(|bytes| bytes.get(8..12) != Some(&a.ssrc.to_be_bytes()[..]));
    got.sort();
    got
}

/// What comes before the packet of this number.
fn read_until(socket: &UdpSocket, seq: u16, receiver: &mut srtp::Receiver) -> Vec<Vec<u8>> {
    let mut before = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let mut len = 0;
        wait_for("a packet", Duration::from_secs(5), || {
            let read = socket.recv(&mut buffer);
            len = *read.as_ref().unwrap_or(&0);
            read.is_ok()
        });
        if let Ok(plain) = receiver.unprotect_rtp(&mut buffer[..len]) {
            len = plain;
        }
        let bytes = &buffer[..len];
        let ours = len == 172 && bytes[12..] == [0xd5; 160] && bytes[2..4] == seq.to_be_bytes();
        if ours && bytes[8..10] != [0xa1, 0x1c] {
            return before;
        }
        before.push(bytes.into());
    }
}

/// What is encrypted on the way; plain calls are in [`crate::fixtures`].
#[test]
fn rings_encrypt_what_sockets_encrypt() {
    let run = |offload: &str| {
        let net = Net::new("fixtures", 1, &[offload, "--num-threads=1"])?;
        Some(relayed(&net))
    };
    let (Some(sockets), Some(rings)) = (run("--offload=off"), run("--offload=afxdp")) else {
        return;
    };
    assert!(sockets.len() > 8, "{}", sockets.len());
    for (name, bytes) in datagrams() {
        let seen = |all: &[Vec<u8>]| all.iter().filter(|one| **one == bytes).count();
        assert_eq!(seen(&rings), seen(&sockets), "{name}, {} bytes", bytes.len());
    }
    assert!(rings == sockets, "what is changed is changed alike");
}

#[test]
fn a_crash_leaves_nothing_behind() {
    let Some(mut net) = Net::new("ring-crash", 2, &["--offload=afxdp", "--num-threads=2"]) else {
        return;
    };
    let attached = |host: &Host| host.ip_says("-details link show dev eth0").contains("xdp");
    for crash in [true, false] {
        let (mut alice, mut bob) = net.call("crash", &End::new(WORLD_IP, 4000), &End::new(WORLD_IP, 4002));
        meet(&mut alice, &mut bob);
        assert!(attached(&net.core), "a program is attached");
        if crash {
            net.relay.crash();
        } else {
            net.relay.end();
        }
        wait_for("the program to be gone", Duration::from_secs(5), || {
            !attached(&net.core)
        });
        net.relay = Relay::start(&net.lab, &net.core, OURS, &words(&net.options));
    }
}

/// At its end the daemon takes the program away first: as soon as one port is closed, no program is there any more.
#[test]
fn the_program_goes_before_the_sockets() {
    for offload in ["--offload=afxdp", "--offload=auto"] {
        let Some(mut net) = Net::new("ring-end", 1, &[offload, "--num-threads=2"]) else {
            return;
        };
        // Both parties send to two ports each.
        const CALLS: u16 = 240;
        for n in 0..CALLS {
            let (alice, bob) = (End::new(WORLD_IP, 4000 + n * 4), End::new(WORLD_IP, 4002 + n * 4));
            net.call(&format!("call-{n}"), &alice, &bob);
        }
        let open = net.relay.media_ports().len();
        assert!(open >= usize::from(CALLS) * 2, "{open} ports");
        let core = &net.core;
        let attached = || core.ip_says("-details link show dev eth0").contains("xdp");
        assert!(attached());
        net.relay.end_watched(|relay| {
            if relay.media_ports().len() == open {
                return;
            }
            // Time for a good look, which takes longer than all that is left to do.
            relay.signal(libc::SIGSTOP);
            let (still, now_open) = (attached(), relay.media_ports().len());
            relay.signal(libc::SIGCONT);
            assert!(!still, "{offload}: {now_open} of {open} ports are open");
        });
        assert!(!attached());
    }
}
