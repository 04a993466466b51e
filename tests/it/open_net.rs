//! The network of the security tests: no NAT, so that who may send to whom is the relay's decision alone. All the
//! world's parties stand on one host with many addresses; the relay has a host of its own.

use std::net::SocketAddr;

use crate::lab::{Host, Lab, have};
use crate::ng::Request;
pub(crate) use crate::phone::media_address;
use crate::relay::{RELAY_IP, Relay, under_test};
use crate::rtp::Party;

/// Addresses of those who have a call.
pub(crate) const ALICE: &str = "198.51.100.1";
pub(crate) const BOB: &str = "198.51.100.2";
/// Somebody who has none.
pub(crate) const MALLORY: &str = "198.51.100.66";

/// Relay and world.
pub(crate) struct OpenNet {
    pub(crate) relay: Relay,
    /// Where the parties are.
    pub(crate) world: Host,
    /// Where the relay is.
    pub(crate) core: Host,
    pub(crate) lab: Lab,
}

impl OpenNet {
    /// `None` if this machine can't carry it.
    pub(crate) fn new(topic: &str, options: &[&str]) -> Option<Self> {
        let program = under_test();
        if !have(&[&program]) {
            return None;
        }
        let mut lab = Lab::new(topic);
        let (core, world) = (lab.host("core"), lab.host("world"));
        lab.wire((&core, "eth0"), (&world, "eth0"));
        core.ip(&format!("addr add {RELAY_IP}/24 dev eth0"));
        core.ip("route add default via 203.0.113.2");
        world.ip("addr add 203.0.113.2/24 dev eth0");
        for addr in [ALICE, BOB, MALLORY] {
            world.ip(&format!("addr add {addr}/32 dev lo"));
        }
        let relay = Relay::start(&lab, &core, &program, options);
        Some(Self {
            relay,
            world,
            core,
            lab,
        })
    }

    /// A call of alice's and bob's, from these ports of theirs, with these flags in offer and answer.
    pub(crate) fn call(&self, id: &str, ports: (u16, u16), flags: &[&str]) -> Call {
        let (alice, bob) = (format!("{ALICE}:{}", ports.0), format!("{BOB}:{}", ports.1));
        let mut alice = Party::new(&self.world, &alice, 0xa11ce000 + u32::from(ports.0));
        let mut bob = Party::new(&self.world, &bob, 0xb0b00000 + u32::from(ports.1));
        let for_bob = self.offer(id, sdp(ALICE, ports.0), flags);
        let for_alice = self.answer(id, sdp(BOB, ports.1), flags);
        bob.call(for_bob);
        alice.call(for_alice);
        Call {
            alice,
            bob,
            for_alice,
            for_bob,
        }
    }

    /// Offers as alice; returns where the relay wants bob's media.
    pub(crate) fn offer(&self, id: &str, sdp: String, flags: &[&str]) -> SocketAddr {
        media_address(self.relay.ng.ok(&offer(id, &sdp, flags)).text_of("sdp"))
    }

    /// Answers as bob; returns where the relay wants alice's media.
    pub(crate) fn answer(&self, id: &str, sdp: String, flags: &[&str]) -> SocketAddr {
        media_address(self.relay.ng.ok(&answer(id, &sdp, flags)).text_of("sdp"))
    }

    /// Ends a call.
    pub(crate) fn delete(&self, id: &str) {
        self.relay.ng.ok(&Request::new("delete").with("call-id", id));
    }
}

/// A call under way, and the relay's addresses in it.
pub(crate) struct Call {
    pub(crate) alice: Party,
    pub(crate) bob: Party,
    pub(crate) for_alice: SocketAddr,
    pub(crate) for_bob: SocketAddr,
}

/// An offer of alice's.
pub(crate) fn offer(id: &str, sdp: &str, flags: &[&str]) -> Request {
    let request = Request::new("offer")
        .with("call-id", id)
        .with("from-tag", "alice")
        .with("sdp", sdp);
    if flags.is_empty() {
        request
    } else {
        request.with("flags", flags)
    }
}

/// Bob's answer to it.
pub(crate) fn answer(id: &str, sdp: &str, flags: &[&str]) -> Request {
    let request = Request::new("answer")
        .with("call-id", id)
        .with("from-tag", "alice")
        .with("to-tag", "bob");
    let request = request.with("sdp", sdp);
    if flags.is_empty() {
        request
    } else {
        request.with("flags", flags)
    }
}

/// The SDP of one audio media of PCMA at this address.
pub(crate) fn sdp(ip: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\n"
    )
}
