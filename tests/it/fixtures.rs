//! Every packet fixture through every way there is: what reaches the other party is the same.
//!
//! Frames are put on the wire as they are, and looked at as they come out. After each comes a fence, which always goes
//! by the relay: what had not come before it does not come. The test runs of the program over the same fixtures are in
//! `src/datapath/offload/tests`.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use testkit::frames::{Ends, Fate, Fixture, Frame, Kind, Program, Sum, Way, fixtures, leaving, rtp};

use crate::cable::Cable;
use crate::kernel_net::{ALICE, BOB, Call, Ip, KernelNet, at, receive};
use crate::lab::{Host, wait_for};
use crate::open_net::{answer, media_address, offer};
use crate::rtp::{Party, meet};

const PATIENCE: Duration = Duration::from_secs(5);
const TOS: u8 = 184;

/// Flows of all kinds, and from and to both families.
const FLOWS: [(Kind, Ip, Ip); 7] = [
    (Kind::Rtp, Ip::V4, Ip::V4),
    (Kind::Rtp, Ip::V6, Ip::V6),
    (Kind::Rtp, Ip::V4, Ip::V6),
    (Kind::Rtp, Ip::V6, Ip::V4),
    (Kind::Mux, Ip::V4, Ip::V4),
    (Kind::Udptl, Ip::V4, Ip::V4),
    (Kind::Opaque, Ip::V4, Ip::V4),
];

fn sdp(kind: Kind, ip: &str, port: u16) -> String {
    let family = if ip.contains(':') { "IP6" } else { "IP4" };
    let media = match kind {
        Kind::Udptl => format!("m=image {port} udptl t38\r\n"),
        _ => format!("m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"),
    };
    let mux = if kind == Kind::Mux { "a=rtcp-mux\r\n" } else { "" };
    format!("v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n{media}{mux}")
}

/// A call of this kind.
fn call(net: &KernelNet, port: u16, (kind, a, b): (Kind, Ip, Ip)) -> Call {
    let id = format!("fixtures-{port}");
    let flags: &[&str] = if kind == Kind::Opaque {
        &["passthrough"]
    } else {
        &[]
    };
    let family = |ip| if ip == Ip::V4 { "IP4" } else { "IP6" };
    let (alice_ip, bob_ip) = (ALICE[a as usize], BOB[b as usize]);
    let mut alice = Party::new(&net.alice, &at(alice_ip, port), 0xa000_0000 + u32::from(port));
    let mut bob = Party::new(&net.bob, &at(bob_ip, port), 0xb000_0000 + u32::from(port));
    let request = offer(&id, &sdp(kind, alice_ip, port), flags)
        .with("direction", &["alice", "bob"][..])
        .with("address-family", family(b));
    bob.call(media_address(net.relay.ng.ok(&request).text_of("sdp")));
    let request = answer(&id, &sdp(kind, bob_ip, port), flags).with("address-family", family(a));
    alice.call(media_address(net.relay.ng.ok(&request).text_of("sdp")));
    Call { id, alice, bob }
}

/// Ethernet address of a device.
fn mac(host: &Host, device: &str) -> [u8; 6] {
    let said = host.ip_says(&format!("-o link show dev {device}"));
    let text = said
        .split_whitespace()
        .skip_while(|word| *word != "link/ether")
        .nth(1);
    let bytes = text.expect("an Ethernet device").split(':');
    let bytes: Vec<u8> = bytes
        .map(|byte| u8::from_str_radix(byte, 16).expect("a byte"))
        .collect();
    bytes.try_into().expect("six of them")
}

/// A call, with the ends of the wires on which its parties are.
struct Bench<'a> {
    net: &'a KernelNet,
    way: Way,
    kind: Kind,
    call: Call,
    /// Bob's RTCP port.
    rtcp: UdpSocket,
    cables: [Cable; 2],
    /// Of alice and of the relay on her wire; of bob and of the relay on his.
    macs: [([u8; 6], [u8; 6]); 2],
    /// What has gone up the stack so far.
    up: u64,
    fences: u32,
    seq: u16,
}

impl<'a> Bench<'a> {
    fn new(net: &'a KernelNet, way: Way, flow: (Kind, Ip, Ip), port: u16) -> Self {
        let mut call = call(net, port, flow);
        let mut rtcp = call.bob.socket.local_addr().expect("an address");
        rtcp.set_port(port + 1);
        let rtcp = net.bob.udp(&rtcp.to_string());
        meet(&mut call.alice, &mut call.bob);
        if way == Way::Sockets {
            // Its first packets may have been handled by a plan that is replaced, or still be under way.
            crate::rtp::talk(&mut call.alice, &mut call.bob, 5);
        } else {
            net.settle(&mut call);
        }
        Self {
            way,
            kind: flow.0,
            rtcp,
            cables: [&net.alice, &net.bob].map(|host| Cable::new(host, "eth0")),
            macs: [
                (mac(&net.alice, "eth0"), mac(&net.core, "eth0")),
                (mac(&net.bob, "eth0"), mac(&net.core, "eth1")),
            ],
            up: net.went_up(),
            fences: 0,
            seq: call.alice.sent(),
            call,
            net,
        }
    }

    fn ends(&self) -> Ends {
        let bob = self.call.bob.socket.local_addr().expect("an address");
        Ends {
            kind: self.kind,
            ethernet: (self.macs[0].1, self.macs[0].0),
            source: self.call.alice.socket.local_addr().expect("an address"),
            local: self.call.alice.peer().expect("a call"),
            ssrc: self.call.alice.ssrc,
            // Far enough for what came before.
            seq: self.call.alice.sent() + 64,
            leaves6: bob.is_ipv6(),
        }
    }

    fn put(&self, payload: &[u8]) {
        let ends = self.ends();
        let frame = Frame {
            ethernet: ends.ethernet,
            ..Frame::new(ends.source, ends.local, payload)
        };
        self.cables[0].send(&frame.bytes(), Sum::Whole);
    }

    /// The next frame from the relay to bob that is whole.
    fn next_at_bob(&self) -> Option<Frame> {
        loop {
            let frame = self.cables[1].receive()?;
            let media = match frame.get(12..14) {
                Some([8, 0]) => frame.get(23) == Some(&17) && frame[20] & 0x3f | frame[21] == 0,
                Some([0x86, 0xdd]) => frame.get(20) == Some(&17),
                _ => false,
            };
            if media && frame[6..12] == self.macs[1].1 {
                return Some(Frame::read(&frame));
            }
        }
    }

    /// Sends what always goes by the relay, and reads what comes before it, and until `enough` has come.
    fn fence(&mut self, enough: impl Fn(&[Frame]) -> bool) -> Vec<Frame> {
        self.fences += 1;
        let number = self.fences.to_be_bytes();
        let fence = match self.kind {
            // RFC 3550 §6.7, behind the report that every compound begins with.
            Kind::Rtp | Kind::Mux => {
                let ssrc = self.call.alice.ssrc.to_be_bytes();
                let report = [&[0x80, 201, 0, 1][..], &ssrc].concat();
                [&report[..], &[0x80, 204, 0, 3], &ssrc, b"wall", &number].concat()
            }
            Kind::Udptl | Kind::Opaque => {
                [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[1; 8], &number].concat()
            }
        };
        self.put(&fence);
        let (mut before, mut fenced) = (Vec::new(), false);
        wait_for("what was sent and the fence behind it", PATIENCE, || {
            while let Some(frame) = self.next_at_bob() {
                if frame.payload == fence {
                    fenced = true;
                } else {
                    before.push(frame);
                }
            }
            fenced && enough(&before)
        });
        before
    }

    /// Until the next packet does not go up the stack.
    fn settle(&mut self) {
        if self.way == Way::Sockets {
            return;
        }
        wait_for("the flow to be where it belongs", PATIENCE, || {
            self.seq = self.seq.wrapping_add(1);
            let packet = rtp(8, self.seq, self.call.alice.ssrc, 160);
            self.put(&packet);
            let came = wait_until(|| self.next_at_bob().is_some_and(|frame| frame.payload == packet));
            let before = std::mem::replace(&mut self.up, self.net.went_up());
            came && self.up == before
        });
    }

    /// What has to come out.
    fn expected(&self, fixture: &Fixture) -> Option<Frame> {
        let (ends, forwarded) = (self.ends(), is_forwarded(fixture));
        let way = if self.way.in_kernel() && !forwarded {
            Way::Sockets
        } else {
            self.way
        };
        let sum = leaving(way, &fixture.sent, ends.leaves6)?;
        let bob = self.call.bob.socket.local_addr().expect("an address");
        let mut frame = Frame {
            ethernet: self.macs[1],
            tos: TOS,
            ttl: 64,
            sum,
            ..Frame::new(self.call.bob.peer().expect("a call"), bob, b"")
        };
        match &fixture.fate {
            Fate::Nothing => return None,
            Fate::Arrives(payload) => frame.payload.clone_from(payload),
            Fate::AsRtcp(payload) => {
                frame.payload.clone_from(payload);
                let next = |addr: &mut SocketAddr| addr.set_port(addr.port() + 1);
                next(&mut frame.from);
                next(&mut frame.to);
            }
        }
        Some(frame)
    }

    fn run(&mut self, fixture: &Fixture) {
        let ends = self.ends();
        let families = (ends.source.is_ipv6(), ends.leaves6);
        let what = format!("{:?} {:?} {families:?}: {}", self.way, self.kind, fixture.name);
        let expected = self.expected(fixture);
        let ip = if ends.leaves6 { 40 } else { 20 };
        let in_one = expected
            .as_ref()
            .is_none_or(|frame| frame.payload.len() + 8 + ip <= 1500);
        let by_socket = |bench: &Self, frame: &Frame| {
            let to_rtcp = frame.to.port() == bench.rtcp.local_addr().expect("an address").port();
            let socket = if to_rtcp {
                &bench.rtcp
            } else {
                &bench.call.bob.socket
            };
            wait_until(|| receive(socket).is_some_and(|got| got.bytes == frame.payload))
        };
        // What goes on behind its own numbers looks like a loop.
        if let [0x80..=0xbf, _, a, b, ..] = fixture.sent.payload[..] {
            self.seq = u16::from_be_bytes([a, b]).max(self.seq);
        }
        for (frame, _) in &fixture.frames {
            self.cables[0].send(frame, fixture.sent.sum);
        }
        let wanted = usize::from(expected.is_some() && in_one);
        let got = self.fence(|got| got.len() >= wanted);
        let got: Vec<Frame> = got.into_iter().map(completed).collect();
        if in_one {
            assert_eq!(got, Vec::from_iter(expected.clone().map(completed)), "{what}");
        } else {
            assert_eq!(got, [], "{what}");
        }
        // Bob's own stack takes it, if it is right.
        if let Some(frame) = &expected
            && frame.sum != Sum::Wrong
        {
            assert!(by_socket(self, frame), "{what}: nothing at bob's socket");
        }
        let before = std::mem::replace(&mut self.up, self.net.went_up());
        let fence = u64::from(self.way != Way::Rings);
        if self.way != Way::Sockets && is_forwarded(fixture) {
            assert_eq!(self.up - before, fence, "{what}: it went up the stack");
        }
        if self.way.in_kernel() && !is_forwarded(fixture) && fixture.fate != Fate::Nothing {
            assert_eq!(self.up - before, fence + 1, "{what}: it did not go up");
        }
    }
}

/// Partial checksums are good on a wire between two devices of one machine.
fn completed(frame: Frame) -> Frame {
    let sum = if frame.sum == Sum::Partial {
        Sum::Whole
    } else {
        frame.sum
    };
    Frame {
        sum,
        padding: 0,
        ..frame
    }
}

/// Whether the program may take all of it.
fn is_forwarded(fixture: &Fixture) -> bool {
    fixture
        .frames
        .iter()
        .all(|(_, program)| *program == Program::Forwards)
}

/// As [`wait_for`], for what may fail.
fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let give_up = std::time::Instant::now() + Duration::from_secs(1);
    while !done() {
        if std::time::Instant::now() > give_up {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

fn take(way: Way, options: &[&str]) {
    let options: Vec<&str> = options
        .iter()
        .copied()
        .chain(["--tos=184", "--num-threads=1"])
        .collect();
    let Some(net) = KernelNet::new("fixtures", &options) else {
        return;
    };
    for (n, flow) in (0..).zip(FLOWS) {
        let mut bench = Bench::new(&net, way, flow, 4000 + 4 * n);
        let all = fixtures(&bench.ends());
        for fixture in &all {
            bench.settle();
            bench.run(fixture);
        }
    }
}

#[test]
fn by_sockets_with_epoll() {
    take(Way::Sockets, &["--offload=off", "--io=epoll"]);
}

#[test]
fn by_sockets_with_io_uring() {
    take(Way::Sockets, &["--offload=off", "--io=uring"]);
}

#[test]
fn by_rings() {
    take(Way::Rings, &["--offload=afxdp"]);
}

#[test]
fn by_the_program_in_the_driver() {
    take(Way::Native, &["--offload=native"]);
}

#[test]
fn by_the_program_at_tc() {
    take(Way::Tc, &["--offload=tc"]);
}

#[test]
fn by_the_program_in_the_stack() {
    take(Way::Generic, &["--offload=generic"]);
}
