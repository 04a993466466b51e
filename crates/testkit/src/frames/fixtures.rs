//! The fixtures.

use std::net::SocketAddr;

use super::frame::{Frame, Sum, rtp};

/// What a frame takes through the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sockets.
    Sockets,
    /// AF_XDP rings.
    Rings,
    /// The program at XDP in the driver.
    Native,
    /// The program at XDP in the stack.
    Generic,
    /// The program at tc.
    Tc,
}

impl Way {
    /// The program forwards.
    #[must_use]
    pub const fn in_kernel(self) -> bool {
        matches!(self, Self::Native | Self::Generic | Self::Tc)
    }
}

/// What a flow carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RTP, with RTCP at a port of its own.
    Rtp,
    /// RTP and RTCP at one port.
    Mux,
    /// T.38.
    Udptl,
    /// Whatever it may be.
    Opaque,
}

/// The flow that fixtures are of: RTP has the payload types 0, 8 and 101.
#[derive(Clone, Debug)]
pub struct Ends {
    /// What it carries.
    pub kind: Kind,
    /// Ethernet addresses of the relay and of whoever sends there.
    pub ethernet: ([u8; 6], [u8; 6]),
    /// The known source.
    pub source: SocketAddr,
    /// The relay's port.
    pub local: SocketAddr,
    /// The stream under way, and its next sequence number.
    pub ssrc: u32,
    /// See there.
    pub seq: u16,
    /// It leaves as IPv6.
    pub leaves6: bool,
}

/// What the program does with a frame of a flow that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Sends it on.
    Forwards,
    /// Lets it go up the stack, counted under this reason; without one, if it takes it for nothing of its own.
    Up(Option<&'static str>),
}

/// What becomes of a datagram in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The other party gets this, from the port and at the port where it has its media.
    Arrives(Vec<u8>),
    /// It gets this at its RTCP port.
    AsRtcp(Vec<u8>),
    /// Nobody gets anything.
    Nothing,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// What it is about.
    pub name: &'static str,
    /// What was sent, in one piece.
    pub sent: Frame,
    /// What arrives, in this order, and what the program does with each.
    pub frames: Vec<(Vec<u8>, Program)>,
    /// What becomes of it, if [`leaving`] lets it through.
    pub fate: Fate,
}

/// The checksum with which a datagram leaves, or `None` if it does not. Everything else about it is the same whichever way
/// it takes, but for what means nothing: identification, flow label, padding.
#[must_use]
pub fn leaving(way: Way, sent: &Frame, leaves6: bool) -> Option<Sum> {
    // The stack knows which VLANs it is part of; the program looks at addresses and ports, whatever the tag.
    if way == Way::Sockets && sent.tags.iter().any(|tag| tag & 0xfff != 0) {
        return None;
    }
    match sent.sum {
        // RFC 8200 §8.1: there is no such thing in IPv6, neither here nor there.
        Sum::Zero if sent.from.is_ipv6() => None,
        // What has none gets none, unless it has to, or is made anew.
        Sum::Zero if way.in_kernel() && !leaves6 => Some(Sum::Zero),
        // Somebody else completes what is marked.
        Sum::Partial if way == Way::Generic => Some(Sum::Partial),
        // The program changes what has changed and does not look at the rest: wrong it was and wrong it stays.
        Sum::Wrong => way.in_kernel().then_some(Sum::Wrong),
        Sum::Whole | Sum::Zero | Sum::Partial => Some(Sum::Whole),
    }
}

/// All that apply to a flow.
#[must_use]
pub fn fixtures(ends: &Ends) -> Vec<Fixture> {
    let mut list = List {
        seq: ends.seq,
        ends,
        all: Vec::new(),
    };
    match ends.kind {
        Kind::Rtp => {
            list.payloads();
            list.headers();
            list.checksums();
            list.malformed();
            list.fragments();
            list.not_media();
            list.other_senders();
        }
        Kind::Mux => list.muxed(),
        Kind::Udptl | Kind::Opaque => list.anything(),
    }
    list.all
}

struct List<'a> {
    ends: &'a Ends,
    seq: u16,
    all: Vec<Fixture>,
}

/// Between the numbers of packets. Those in between are for whoever needs others around them.
const SPACING: u16 = 64;

const FORWARDS: Program = Program::Forwards;

const fn up(reason: &'static str) -> Program {
    Program::Up(Some(reason))
}

impl List<'_> {
    fn frame(&self, payload: &[u8]) -> Frame {
        Frame {
            ethernet: self.ends.ethernet,
            ..Frame::new(self.ends.source, self.ends.local, payload)
        }
    }

    /// The next packet of the stream, with `len` bytes in all.
    fn rtp(&mut self, len: usize) -> Vec<u8> {
        let packet = rtp(8, self.seq, self.ends.ssrc, len - 12);
        self.seq = self.seq.wrapping_add(SPACING);
        packet
    }

    fn add(&mut self, name: &'static str, sent: Frame, program: Program, fate: Fate) {
        // RFC 8200 §8.1.
        let program = match program {
            Program::Forwards if sent.sum == Sum::Zero && sent.from.is_ipv6() => up("checksum"),
            program => program,
        };
        self.all.push(Fixture {
            name,
            frames: vec![(sent.bytes(), program)],
            sent,
            fate,
        });
    }

    /// A datagram that arrives as it was.
    fn arrives(&mut self, name: &'static str, sent: Frame, program: Program) {
        let fate = Fate::Arrives(sent.payload.clone());
        self.add(name, sent, program, fate);
    }

    /// A packet of the stream with something about its frame that is otherwise.
    fn with(&mut self, name: &'static str, program: Program, change: impl FnOnce(&mut Frame)) {
        let payload = self.rtp(172);
        let mut sent = self.frame(&payload);
        change(&mut sent);
        self.arrives(name, sent, program);
    }

    fn payloads(&mut self) {
        for (name, len) in [
            ("a header and nothing else", 12),
            ("an odd length", 13),
            ("33 bytes of payload", 45),
            ("20 ms of G.711", 172),
            ("30 ms of G.711, and a byte", 253),
            ("1400 bytes", 1400),
            ("an odd length, large", 1401),
            ("the largest in one frame of IPv6", 1452),
        ] {
            let payload = self.rtp(len);
            let sent = self.frame(&payload);
            self.arrives(name, sent, FORWARDS);
        }
        if self.ends.source.is_ipv4() {
            let payload = self.rtp(1472);
            let sent = self.frame(&payload);
            let program = if self.ends.leaves6 { up("size") } else { FORWARDS };
            self.arrives("the largest in one frame of IPv4", sent, program);
        }
        // RFC 3550 §5.1 and §5.3.1.
        for (name, first, second, extra) in [
            ("a marker", 0x80, 0x88, &[][..]),
            ("CSRCs", 0x82, 8, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (
                "an extension of one-byte headers",
                0x90,
                8,
                &[0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0],
            ),
            (
                "an extension of two-byte headers",
                0x90,
                8,
                &[0x10, 0, 0, 1, 1, 1, 0xff, 0],
            ),
            (
                "CSRC, extension and marker",
                0x91,
                0x88,
                &[9, 9, 9, 9, 0xbe, 0xde, 0, 0],
            ),
            (
                "an extension longer than the packet",
                0x90,
                8,
                &[0xbe, 0xde, 0xff, 0xff],
            ),
        ] {
            let mut payload = self.rtp(172);
            (payload[0], payload[1]) = (first, second);
            payload.splice(12..12, extra.iter().copied());
            let sent = self.frame(&payload);
            self.arrives(name, sent, FORWARDS);
        }
        let mut payload = self.rtp(172);
        (payload[0], payload[171]) = (0xa0, 4);
        let sent = self.frame(&payload);
        self.arrives("padding", sent, FORWARDS);
    }

    fn headers(&mut self) {
        self.with("TOS", FORWARDS, |frame| frame.tos = 0x2e);
        self.with("TTL 1", FORWARDS, |frame| frame.ttl = 1);
        self.with("TTL 255", FORWARDS, |frame| frame.ttl = 255);
        self.with("it may be fragmented", FORWARDS, |frame| frame.whole = false);
        self.with("padded by Ethernet", FORWARDS, |frame| frame.padding = 6);
        self.with("a priority and no VLAN", FORWARDS, |frame| {
            frame.tags = vec![0xe000]
        });
        self.with("a VLAN", FORWARDS, |frame| frame.tags = vec![0x2007]);
        self.with("to everybody on the wire", Program::Up(None), |frame| {
            frame.ethernet.0 = [0xff; 6];
        });
        let (options, packet_too_long) = if self.ends.source.is_ipv4() {
            (up("form"), up("form"))
        } else {
            (Program::Up(None), up("form"))
        };
        self.with("options", options, |frame| frame.options = true);
        self.with(
            "an IP packet longer than its datagram",
            packet_too_long,
            |frame| {
                frame.slack = 4;
            },
        );
    }

    fn checksums(&mut self) {
        self.with("no checksum", FORWARDS, |frame| frame.sum = Sum::Zero);
        self.with("no checksum, an odd length", FORWARDS, |frame| {
            frame.sum = Sum::Zero;
            frame.payload.truncate(101);
        });
        self.with("half a checksum", FORWARDS, |frame| frame.sum = Sum::Partial);
        self.with("half a checksum, an odd length", FORWARDS, |frame| {
            frame.sum = Sum::Partial;
            frame.payload.truncate(101);
        });
        self.with("a wrong checksum", FORWARDS, |frame| frame.sum = Sum::Wrong);
    }

    /// What no stack takes.
    fn malformed(&mut self) {
        self.with("two tags", Program::Up(None), |frame| frame.tags = vec![1, 2]);
        self.nobody_takes_the_last();
        let v4 = self.ends.source.is_ipv4();
        let (at, udp) = if v4 { (14, 34) } else { (14, 54) };
        let changed = |list: &mut Self, name, program, change: &dyn Fn(&mut Vec<u8>)| {
            list.with(name, program, |_| {});
            list.nobody_takes_the_last();
            let fixture = list.all.last_mut().expect("one");
            change(&mut fixture.frames[0].0);
        };
        changed(self, "a datagram longer than its packet", up("form"), &|bytes| {
            bytes[udp + 5] += 1;
        });
        changed(self, "another version of IP", Program::Up(None), &|bytes| {
            bytes[at] = 0x55
        });
        changed(self, "a frame that ends early", Program::Up(None), &|bytes| {
            bytes.truncate(40)
        });
        if v4 {
            changed(self, "a header that is too short", Program::Up(None), &|bytes| {
                bytes[14] = 0x44
            });
            changed(self, "a packet longer than its frame", up("form"), &|bytes| {
                (bytes[17], bytes[39]) = (bytes[17] + 1, bytes[39] + 1);
            });
        }
    }

    fn nobody_takes_the_last(&mut self) {
        let fixture = self.all.last_mut().expect("one");
        fixture.fate = Fate::Nothing;
    }

    fn fragments(&mut self) {
        for (name, len, first, swapped) in [
            ("two fragments", 172, 96, false),
            ("two fragments, the last first", 172, 96, true),
            ("larger than a frame", 2000, 1400, false),
        ] {
            let payload = self.rtp(len);
            let sent = self.frame(&payload);
            let reason = if sent.from.is_ipv4() {
                up("fragment")
            } else {
                Program::Up(None)
            };
            let [head, tail] = sent.fragments(first);
            let mut frames = vec![(head, reason), (tail, Program::Up(None))];
            if swapped {
                frames.reverse();
            }
            self.all.push(Fixture {
                name,
                sent,
                frames,
                fate: Fate::Arrives(payload),
            });
        }
    }

    /// What is no RTP of the stream, from the known source.
    fn not_media(&mut self) {
        let good = self.rtp(172);
        let dtls = [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4][..], &[0; 4]].concat();
        let old = [&[0x40][..], &good[1..]].concat();
        for (name, payload, reason) in [
            ("STUN", &stun()[..], "kind"),
            ("DTLS", &dtls, "kind"),
            ("version 1", &old, "kind"),
            ("half a header", &good[..11], "form"),
            ("a byte", &good[..1], "form"),
            ("nothing", &[], "form"),
        ] {
            let sent = self.frame(payload);
            self.add(name, sent, up(reason), Fate::Nothing);
        }
        for (name, payload) in [("RTCP", self.report()), ("compound RTCP", self.compound())] {
            let sent = self.frame(&payload);
            self.add(name, sent, up("rtcp"), Fate::AsRtcp(payload));
        }
        let mut unknown = self.rtp(172);
        unknown[1] = 99;
        let sent = self.frame(&unknown);
        self.arrives("an unknown payload type", sent, up("payload-type"));
    }

    /// Last, because then the other stream is the one that goes on, and at last from another place.
    fn other_senders(&mut self) {
        let other = |seq| rtp(8, seq, self.ends.ssrc + 1, 160);
        let mut stranger = self.frame(&rtp(8, 1, !self.ends.ssrc, 160));
        stranger.from.set_port(stranger.from.port() + 1);
        let stream = self.frame(&other(7));
        let mut moved = self.frame(&other(8));
        moved.from = stranger.from;
        self.add("a stranger", stranger, up("source"), Fate::Nothing);
        self.arrives("another stream", stream, up("ssrc"));
        self.arrives("a stream that goes on from another port", moved, up("source"));
    }

    fn muxed(&mut self) {
        let payload = self.rtp(172);
        let sent = self.frame(&payload);
        self.arrives("RTP among RTCP", sent, FORWARDS);
        for (name, payload) in [("RTCP", self.report()), ("compound RTCP", self.compound())] {
            let sent = self.frame(&payload);
            self.arrives(name, sent, up("rtcp"));
        }
    }

    fn anything(&mut self) {
        let (media, report) = (self.rtp(172), self.report());
        for (name, payload) in [
            ("nothing", &[][..]),
            ("a byte", &[0]),
            ("5 bytes", &[0, 7, 1, 2, 3]),
            ("what looks like RTP", &media),
            ("what looks like RTCP", &report),
            ("what looks like DTLS", &[22, 254, 253, 0, 0, 0, 0, 0, 0]),
            ("1400 bytes", &[5; 1400]),
        ] {
            let sent = self.frame(payload);
            self.arrives(name, sent, FORWARDS);
        }
        let sent = self.frame(&stun());
        self.arrives("STUN", sent, up("kind"));
    }

    /// A receiver report without blocks (RFC 3550 §6.4.2).
    fn report(&self) -> Vec<u8> {
        [&[0x80, 201, 0, 1][..], &self.ends.ssrc.to_be_bytes()].concat()
    }

    /// A sender report and a description with a name (RFC 3550 §6.5).
    fn compound(&self) -> Vec<u8> {
        let ssrc = self.ends.ssrc.to_be_bytes();
        let report = [&[0x80, 200, 0, 6][..], &ssrc, &[9; 20]].concat();
        let description = [&[0x81, 202, 0, 3][..], &ssrc, &[1, 4], b"p@rb", &[0, 0]].concat();
        [report, description].concat()
    }
}

/// A binding request (RFC 8489 §6).
fn stun() -> Vec<u8> {
    [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat()
}
