//! A party that gets its keys from DTLS, with ICE as far as the relay demands it: one candidate, which is checked, and
//! the relay's checks answered.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::{
    Config, Digest, Endpoint, Event, Fingerprint, HashFunction, Identity, KeyKind, Keys, Request, Role,
    Settings, Time,
};
use ice::stun::{Class, Key, Message, TransactionId, Writer};

const UFRAG: &str = "alice";
const PWD: &str = "alicesalicesalicesalices";
/// Time between two checks of ours.
const CHECK: Duration = Duration::from_millis(50);

/// The certificate of a party.
pub(crate) struct DtlsPeer {
    config: Arc<Config>,
    began: Instant,
}

impl DtlsPeer {
    pub(crate) fn new() -> Self {
        let wanted = Request {
            key: KeyKind::P256,
            digest: Digest::Sha256,
            name: "alice".into(),
        };
        let identity = Identity::generate(&wanted, 1_700_000_000).unwrap();
        let config = Config::new(Arc::new(identity), &Settings::default()).unwrap();
        Self {
            config: Arc::new(config),
            began: Instant::now(),
        }
    }

    fn now(&self) -> Time {
        Time::from_micros(self.began.elapsed().as_micros() as u64)
    }

    /// The lines of an SDP, of a party that begins.
    pub(crate) fn lines(&self) -> String {
        let fingerprint = self.config.identity().fingerprint(HashFunction::Sha256).unwrap();
        let hex: Vec<_> = fingerprint.bytes().iter().map(|b| format!("{b:02X}")).collect();
        format!("a=setup:active\r\na=fingerprint:sha-256 {}\r\n", hex.join(":"))
    }

    fn client(&self, told: &Told) -> Endpoint {
        Endpoint::expecting(
            &self.config,
            Role::Client,
            std::slice::from_ref(&told.fingerprint),
            self.now(),
        )
    }

    /// A ClientHello as this party would send it.
    pub(crate) fn hello(&self, told: &Told) -> Vec<u8> {
        self.client(told).poll_transmit().unwrap().into()
    }

    /// Shakes hands with the relay at `to`; `meanwhile` is called all the time.
    pub(crate) fn shake_hands(
        &self,
        socket: &UdpSocket,
        to: SocketAddr,
        told: &Told,
        patience: Duration,
        mut meanwhile: impl FnMut(),
    ) -> Keys {
        let mut client = self.client(told);
        let begin = Instant::now();
        let mut check_at = begin;
        let mut checked = told.ice.is_none();
        let mut buffer = [0; 4096];
        loop {
            meanwhile();
            if let Some(theirs) = told.ice.as_ref().filter(|_| check_at <= Instant::now()) {
                check_at += CHECK;
                socket.send_to(&theirs.check(), to).unwrap();
            }
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let packet = &buffer[..len];
                match packet[0] {
                    0..4 => checked |= answer(socket, packet, from),
                    20..64 => client.handle_packet(self.now(), packet),
                    _ => {}
                }
            }
            if client.poll_timeout().is_some_and(|at| at <= self.now()) {
                client.handle_timeout(self.now());
            }
            while checked && let Some(datagram) = client.poll_transmit() {
                socket.send_to(&datagram, to).unwrap();
            }
            match client.poll_event() {
                Some(Event::Connected { keys, .. }) => return keys,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            assert!(begin.elapsed() < patience, "no keys within {patience:?}");
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// What the relay's SDP says of it.
pub(crate) struct Told {
    fingerprint: Fingerprint,
    ice: Option<Credentials>,
}

impl Told {
    pub(crate) fn by(sdp: &str) -> Self {
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name));
        let fingerprint =
            value("a=fingerprint:sha-256 ").unwrap_or_else(|| panic!("no fingerprint in\n{sdp}"));
        let ice = value("a=ice-ufrag:").zip(value("a=ice-pwd:"));
        Self {
            fingerprint: Fingerprint::parse(HashFunction::Sha256, fingerprint).unwrap(),
            ice: ice.map(|(ufrag, pwd)| Credentials {
                ufrag: ufrag.into(),
                pwd: pwd.into(),
            }),
        }
    }
}

struct Credentials {
    ufrag: String,
    pwd: String,
}

impl Credentials {
    /// A check that nominates (RFC 8445 §7.1, §8.1).
    fn check(&self) -> Vec<u8> {
        let mut buf = vec![0; 576];
        let mut writer = Writer::new(&mut buf, Class::Request, TransactionId([7; 12]));
        writer.username(&self.ufrag, UFRAG);
        writer
            .controlling(u64::MAX)
            .priority(1_845_501_695)
            .use_candidate();
        let len = writer.finish(Some(&Key::new(self.pwd.as_bytes()))).unwrap();
        buf.truncate(len);
        buf
    }
}

/// The lines of an SDP with ICE, for a party at `addr`.
pub(crate) fn ice_lines(addr: SocketAddr) -> String {
    let (ip, port) = (addr.ip(), addr.port());
    format!(
        "a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PWD}\r\na=candidate:1 1 UDP 2130706431 {ip} {port} typ host\r\n\
         a=rtcp-mux\r\n"
    )
}

/// Answers a check of the relay's. Whether `packet` is its answer to ours.
fn answer(socket: &UdpSocket, packet: &[u8], from: SocketAddr) -> bool {
    let Ok(message) = Message::parse(packet) else {
        return false;
    };
    if message.class() == Class::Request {
        let mut buf = vec![0; 576];
        let mut writer = Writer::new(&mut buf, Class::Success, message.transaction());
        writer.xor_mapped_address(from, message.transaction());
        let len = writer.finish(Some(&Key::new(PWD.as_bytes()))).unwrap();
        socket.send_to(&buf[..len], from).unwrap();
    }
    message.class() == Class::Success
}
