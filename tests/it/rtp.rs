//! RTP and SRTP parties on hosts of the lab, which count what arrives exactly.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use srtp::{Params, Receiver, Sender};

use crate::lab::{Host, wait_for};

/// Bytes of a 20 ms packet of G.711.
const PAYLOAD: [u8; 160] = [0xd5; 160];

/// An RTP packet of payload type 8.
pub(crate) fn packet(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut out = vec![0x80, 8];
    out.extend(seq.to_be_bytes());
    out.extend((u32::from(seq) * 160).to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    out.extend(PAYLOAD);
    out
}

/// One end of a call: a socket, and the RTP it sends and has received.
pub(crate) struct Party {
    pub(crate) socket: UdpSocket,
    pub(crate) ssrc: u32,
    next_seq: u16,
    peer: Option<SocketAddr>,
    heard: BTreeSet<(u32, u16)>,
    duplicates: usize,
    oddities: Vec<Vec<u8>>,
    keys: Option<(Sender, Receiver)>,
    last: Vec<u8>,
}

impl Party {
    /// A party on `host` with its socket at `addr`.
    pub(crate) fn new(host: &Host, addr: &str, ssrc: u32) -> Self {
        let socket = host.udp(addr);
        socket.set_nonblocking(true).unwrap();
        let (heard, oddities) = (BTreeSet::new(), Vec::new());
        Self {
            socket,
            ssrc,
            next_seq: 1,
            peer: None,
            heard,
            duplicates: 0,
            oddities,
            keys: None,
            last: Vec::new(),
        }
    }

    /// Protects what it sends with its own key from now on, and takes only what is protected with the other's.
    pub(crate) fn secure(&mut self, own: Params, others: Params) {
        match &mut self.keys {
            Some((sender, receiver)) => {
                sender.renew(own);
                receiver.renew(others);
            }
            None => self.keys = Some((Sender::new(own), Receiver::new(others))),
        }
    }

    /// What takes its peer's protection off, for somebody who reads its socket instead.
    pub(crate) fn take_receiver(&mut self) -> Receiver {
        self.keys.take().expect("a party with keys").1
    }

    /// The last datagram that it has sent.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }

    /// Sends to `relay` from now on.
    pub(crate) fn call(&mut self, relay: SocketAddr) {
        self.peer = Some(relay);
    }

    /// Where it sends to.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// How many packets of its stream it has sent.
    pub(crate) fn sent(&self) -> u16 {
        self.next_seq.wrapping_sub(1)
    }

    /// Takes the next packet's sequence number, for a packet that the caller makes and sends.
    pub(crate) fn next_seq(&mut self) -> u16 {
        let seq = self.next_seq;
        self.next_seq = self.next_seq.wrapping_add(1);
        seq
    }

    /// Sends the next packet of its stream and returns the packet's sequence number.
    pub(crate) fn send(&mut self) -> u16 {
        let seq = self.next_seq();
        let peer = self.peer.expect("a party that knows where to send");
        self.last = packet(self.ssrc, seq);
        if let Some((sender, _)) = &mut self.keys {
            let len = self.last.len();
            self.last.resize(len + sender.rtp_overhead(), 0);
            sender.protect_rtp(&mut self.last, len).unwrap();
        }
        self.socket.send_to(&self.last, peer).unwrap();
        seq
    }

    /// Takes in all that has arrived.
    pub(crate) fn listen(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok(mut len) = self.socket.recv(&mut buffer) {
            if let Some((_, receiver)) = &mut self.keys {
                match receiver.unprotect_rtp(&mut buffer[..len]) {
                    Ok(plain) => len = plain,
                    Err(_) => {
                        self.oddities.push(buffer[..len].into());
                        continue;
                    }
                }
            }
            let bytes = &buffer[..len];
            if len == 12 + PAYLOAD.len() && bytes[..2] == [0x80, 8] && bytes[12..] == PAYLOAD {
                let seq = u16::from_be_bytes([bytes[2], bytes[3]]);
                let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
                if !self.heard.insert((ssrc, seq)) {
                    self.duplicates += 1;
                }
            } else {
                self.oddities.push(bytes.into());
            }
        }
    }

    /// Whether it has heard this packet.
    pub(crate) fn has(&mut self, ssrc: u32, seq: u16) -> bool {
        self.listen();
        self.heard.contains(&(ssrc, seq))
    }

    /// How many different packets of `ssrc` it has heard.
    pub(crate) fn count(&mut self, ssrc: u32) -> usize {
        self.listen();
        self.heard.range((ssrc, 0)..=(ssrc, u16::MAX)).count()
    }

    /// Everything it has heard that is not from `ssrc`, or is no packet of ours.
    pub(crate) fn strange(&mut self, ssrc: u32) -> usize {
        self.listen();
        self.heard.iter().filter(|(from, _)| *from != ssrc).count() + self.oddities.len()
    }

    /// Packets that arrived more than once.
    pub(crate) fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// Forgets what it has heard.
    pub(crate) fn forget(&mut self) {
        self.listen();
        self.heard.clear();
        self.oddities.clear();
        self.duplicates = 0;
    }
}

/// Both send until each has heard the other: from then on the relay and every NAT know them.
pub(crate) fn meet(a: &mut Party, b: &mut Party) {
    let (ours, theirs) = (a.ssrc, b.ssrc);
    wait_for("both parties to hear each other", Duration::from_secs(10), || {
        a.send();
        b.send();
        a.count(theirs) > 0 && b.count(ours) > 0
    });
}

/// Each sends `count` packets, all of which the other must get, once and unchanged, and nothing else besides.
pub(crate) fn talk(a: &mut Party, b: &mut Party, count: usize) {
    a.forget();
    b.forget();
    let mut sent: [Vec<u16>; 2] = Default::default();
    for _ in 0..count {
        sent[0].push(a.send());
        sent[1].push(b.send());
        a.listen();
        b.listen();
        pace();
    }
    let limit = Instant::now() + Duration::from_secs(3);
    loop {
        let lost_at_b = sent[0].iter().filter(|seq| !b.has(a.ssrc, **seq)).count();
        let lost_at_a = sent[1].iter().filter(|seq| !a.has(b.ssrc, **seq)).count();
        if (lost_at_a, lost_at_b) == (0, 0) {
            break;
        }
        assert!(
            Instant::now() < limit,
            "of {count} packets each way {lost_at_b} and {lost_at_a} were lost"
        );
        pace();
    }
    assert_eq!((a.duplicates(), b.duplicates()), (0, 0), "packets arrived twice");
    assert_eq!(
        (a.strange(b.ssrc), b.strange(a.ssrc)),
        (0, 0),
        "packets of nobody's arrived"
    );
}

/// The pause between packets of a stream: real ones come each 20 ms, the tests' each 4.
pub(crate) fn pace() {
    std::thread::sleep(Duration::from_millis(4));
}
