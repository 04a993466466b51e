//! The network of the tests of the kernel path: a relay with a device towards each of two parties, whose ends of the
//! wires take what XDP sends, and a counter of what goes up the relay's stack.
//!
//! The counter is nftables', so that whether the kernel forwards is seen from outside and not asked of the relay.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::lab::{Host, Lab, have, run, wait_for};
use crate::ng::{Request, Value};
use crate::open_net::{answer, media_address, offer};
use crate::relay::{OURS, Relay};
use crate::rtp::{Party, pace};
use crate::xdp::{index, pass};

/// Ways into the kernel, as `--offload` names them.
pub(crate) const MODES: [&str; 3] = ["native", "tc", "generic"];
/// And the one in which what the kernel does not forward comes by rings.
pub(crate) const WITH_RINGS: [&str; 4] = ["native", "tc", "generic", "auto"];

/// Relay and party of each side, by address family.
pub(crate) const ALICE: [&str; 2] = ["203.0.113.40", "2001:db8:1::40"];
pub(crate) const BOB: [&str; 2] = ["192.0.2.40", "2001:db8:2::40"];
const RELAY_ALICE: [&str; 2] = ["203.0.113.1", "2001:db8:1::1"];
const RELAY_BOB: [&str; 2] = ["192.0.2.1", "2001:db8:2::1"];
const PORT: u16 = 4000;

/// Address family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ip {
    V4,
    V6,
}

/// Relay, alice, bob.
pub(crate) struct KernelNet {
    pub(crate) relay: Relay,
    pub(crate) core: Host,
    pub(crate) alice: Host,
    pub(crate) bob: Host,
    program: String,
    options: Vec<String>,
    /// Programs at the far ends of the wires: alice's, bob's.
    pub(crate) passes: [Option<OwnedFd>; 2],
    pub(crate) lab: Lab,
}

/// A call of alice's and bob's.
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) alice: Party,
    pub(crate) bob: Party,
}

impl KernelNet {
    /// `None` if this machine can't carry it.
    pub(crate) fn new(topic: &str, options: &[&str]) -> Option<Self> {
        Self::with(topic, options, |_| {})
    }

    /// The same with something about the relay's host that is otherwise, before the relay starts.
    pub(crate) fn with(topic: &str, options: &[&str], prepare: impl FnOnce(&Host)) -> Option<Self> {
        Self::running(topic, options, prepare, |_| OURS.into())
    }

    /// The same with a relay that may do nothing with networks and programs.
    pub(crate) fn without_rights(topic: &str, options: &[&str]) -> Option<Self> {
        Self::under(
            "setpriv --bounding-set=-net_admin,-sys_admin,-bpf,-perfmon",
            topic,
            options,
        )
    }

    /// The same with a relay that is started by these words of a shell.
    pub(crate) fn under(starter: &str, topic: &str, options: &[&str]) -> Option<Self> {
        if !have(&["setpriv", "prlimit"]) {
            return None;
        }
        Self::running(
            topic,
            options,
            |_| {},
            |lab| {
                let script = lab.folder().join("relay.sh");
                let text = format!("#!/bin/sh\nexec {starter} {OURS} \"$@\"\n");
                std::fs::write(&script, text).unwrap();
                std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
                script.to_str().unwrap().into()
            },
        )
    }

    fn running(
        topic: &str,
        options: &[&str],
        prepare: impl FnOnce(&Host),
        program: impl FnOnce(&Lab) -> String,
    ) -> Option<Self> {
        if !have(&[OURS]) {
            return None;
        }
        let mut lab = Lab::new(topic);
        let (core, alice, bob) = (lab.host("core"), lab.host("alice"), lab.host("bob"));
        for (device, party, ours, theirs) in [
            ("eth0", &alice, RELAY_ALICE, ALICE),
            ("eth1", &bob, RELAY_BOB, BOB),
        ] {
            lab.wire((&core, device), (party, "eth0"));
            for (host, device, ips) in [(&core, device, ours), (party, "eth0", theirs)] {
                host.ip(&format!("addr add {}/24 dev {device}", ips[0]));
                host.ip(&format!("addr add {}/64 dev {device} nodad", ips[1]));
            }
            party.ip(&format!("route add default via {}", ours[0]));
            party.ip(&format!("-6 route add default via {}", ours[1]));
        }
        core.nft(
            "table inet seen {
                counter up { }
                chain in {
                    type filter hook input priority 0;
                    udp dport 30000-30999 counter name up
                }
            }",
        );
        prepare(&core);
        let interfaces = [
            ("alice", RELAY_ALICE[0]),
            ("alice", RELAY_ALICE[1]),
            ("bob", RELAY_BOB[0]),
            ("bob", RELAY_BOB[1]),
        ];
        let mut all: Vec<String> = interfaces
            .map(|(name, ip)| format!("--interface={name}/{ip}"))
            .into();
        all.extend(options.iter().map(|option| (*option).to_owned()));
        let passes = [&alice, &bob].map(|party| Some(pass(party, "eth0")));
        let program = program(&lab);
        let relay = start(&lab, &core, &program, &all);
        Some(Self {
            relay,
            program,
            core,
            alice,
            bob,
            options: all,
            passes,
            lab,
        })
    }

    /// Starts the relay again, on the same host with the same options, after the last one has ended.
    pub(crate) fn restart(&mut self) {
        self.relay = start(&self.lab, &self.core, &self.program, &self.options);
    }

    /// A call from alice to bob with one stream of PCMA each way.
    pub(crate) fn call(&self, id: &str, alice: Ip, bob: Ip) -> Call {
        self.call_at(id, (ALICE[alice as usize], alice), (BOB[bob as usize], bob))
    }

    /// The same with parties at addresses of theirs.
    pub(crate) fn call_at(&self, id: &str, a: (&str, Ip), b: (&str, Ip)) -> Call {
        let mut alice = Party::new(&self.alice, &at(a.0, PORT), 0xa11ce);
        let mut bob = Party::new(&self.bob, &at(b.0, PORT), 0xb0b);
        let request = offer(id, &sdp(a.0, PORT), &[])
            .with("direction", &["alice", "bob"][..])
            .with("address-family", family(b.1));
        bob.call(media_address(self.relay.ng.ok(&request).text_of("sdp")));
        let request = answer(id, &sdp(b.0, PORT), &[]).with("address-family", family(a.1));
        alice.call(media_address(self.relay.ng.ok(&request).text_of("sdp")));
        let id = id.into();
        Call { id, alice, bob }
    }

    /// Packets for the relay's media ports that have gone up its stack.
    pub(crate) fn went_up(&self) -> u64 {
        self.core.counted("inet seen", "up")
    }

    /// Both parties talk until nothing of it goes up the stack any more.
    #[track_caller]
    pub(crate) fn settle(&self, call: &mut Call) {
        let limit = Duration::from_secs(8);
        wait_for(&format!("the kernel to forward {}", call.id), limit, || {
            let before = self.went_up();
            for _ in 0..5 {
                call.alice.send();
                call.bob.send();
                pace();
            }
            self.went_up() == before
        });
        let (ours, theirs) = (call.alice.ssrc, call.bob.ssrc);
        assert!(call.alice.count(theirs) > 0 && call.bob.count(ours) > 0);
    }

    /// Both parties talk; all of it arrives, and none of it by the stack.
    #[track_caller]
    pub(crate) fn talk_in_kernel(&self, call: &mut Call, count: usize) {
        let before = self.went_up();
        crate::rtp::talk(&mut call.alice, &mut call.bob, count);
        assert_eq!(self.went_up() - before, 0, "packets that went up the stack");
    }

    /// What `query` says about each RTP stream: its path, and why it takes no faster one.
    pub(crate) fn paths(&self, id: &str) -> Vec<(String, String)> {
        paths(&self.relay, id)
    }

    /// Whether any program is attached to a device of the relay's host, at XDP or at tc.
    pub(crate) fn is_attached(&self, device: &str) -> bool {
        let xdp = run(self.core.command("ip", &["link", "show", "dev", device])).contains("xdp");
        xdp || self.core.enter(|| tc_programs(index(device))) > 0
    }
}

/// What `query` says about each RTP stream of a call: its path, and why it takes no faster one.
pub(crate) fn paths(relay: &Relay, id: &str) -> Vec<(String, String)> {
    let reply = relay.ng.ok(&Request::new("query").with("call-id", id));
    let Some(Value::Dict(tags)) = reply.get("tags") else {
        return Vec::new();
    };
    let medias = tags
        .values()
        .flat_map(|tag| tag.get("medias").map_or(&[][..], Value::items));
    let streams = medias.flat_map(|media| media.get("streams").map_or(&[][..], Value::items));
    let rtp = streams.filter(|stream| {
        let flags = stream.get("flags").map_or(&[][..], Value::items);
        flags.iter().any(|flag| flag.text() == "RTP")
    });
    rtp.map(|s| (s.text_of("path").into(), s.text_of("path reason").into()))
        .collect()
}

fn start(lab: &Lab, core: &Host, program: &str, options: &[String]) -> Relay {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Relay::start(lab, core, program, &options)
}

/// How many programs are attached to a device at tc, where no tool that Debian 12 has looks.
fn tc_programs(index: u32) -> u32 {
    const BPF_PROG_QUERY: libc::c_int = 16;
    const BPF_TCX_INGRESS: u32 = 46;
    // Device, place, two sets of flags, a list (in two words), its length; the rest is of no interest.
    let mut query = [0_u32; 16];
    (query[0], query[1]) = (index, BPF_TCX_INGRESS);
    // SAFETY: pointer and size describe `query`, in which there is no pointer to anything.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_QUERY,
            query.as_mut_ptr(),
            size_of_val(&query),
        )
    };
    assert_eq!(rc, 0, "asking for programs: {}", std::io::Error::last_os_error());
    query[6]
}

/// An address with a port.
pub(crate) fn at(ip: &str, port: u16) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

fn family(ip: Ip) -> &'static str {
    match ip {
        Ip::V4 => "IP4",
        Ip::V6 => "IP6",
    }
}

pub(crate) fn sdp(ip: &str, port: u16) -> String {
    let family = family(if ip.contains(':') { Ip::V6 } else { Ip::V4 });
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

/// A datagram and how it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: SocketAddr,
    /// TOS or traffic class.
    pub(crate) tos: i32,
    /// Time to live or hop limit.
    pub(crate) ttl: i32,
}

/// Has the system tell how datagrams came.
pub(crate) fn tell_how(socket: &UdpSocket) {
    let options = if socket.local_addr().unwrap().is_ipv6() {
        [
            (libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS),
            (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT),
        ]
    } else {
        [
            (libc::IPPROTO_IP, libc::IP_RECVTOS),
            (libc::IPPROTO_IP, libc::IP_RECVTTL),
        ]
    };
    for (level, name) in options {
        patchbay::sys::socket::set_option(socket.as_raw_fd(), level, name, 1).unwrap();
    }
}

/// Reads one datagram of a non-blocking socket.
pub(crate) fn receive(socket: &UdpSocket) -> Option<Arrival> {
    let mut buffer = [0_u8; 2048];
    let mut control = [0_u64; 16];
    let mut place = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let fd = socket.as_raw_fd();
    // The address is asked for first, because it is easier so; the datagram stays.
    let (_, from) = socket.peek_from(&mut [0; 1]).ok()?;
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut place;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the header points to a buffer and a place for ancillary data, which live across the call.
    let len = unsafe { libc::recvmsg(fd, &raw mut message, 0) };
    let bytes = buffer[..usize::try_from(len).ok()?].to_vec();
    let (mut tos, mut ttl) = (-1, -1);
    // SAFETY: the kernel has filled the header; the macros stay within what it says.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !next.is_null() {
        // SAFETY: not null, so a whole header; the kernel gives the TOS of IPv4 as a byte, everything else as an int.
        let (kind, byte, int) = unsafe {
            let data = libc::CMSG_DATA(next);
            ((*next).cmsg_type, *data, data.cast::<i32>().read_unaligned())
        };
        match kind {
            libc::IP_TOS => tos = i32::from(byte),
            libc::IPV6_TCLASS => tos = int,
            libc::IP_TTL | libc::IPV6_HOPLIMIT => ttl = int,
            _ => {}
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(&raw const message, next) };
    }
    Some(Arrival {
        bytes,
        from,
        tos,
        ttl,
    })
}
