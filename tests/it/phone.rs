//! A desk phone in a call: it sends a tone in G.711 and keeps what arrives, over plain RTP or over SRTP with keys from
//! SDP. It runs in real time on a thread of its own, as a browser's jitter buffer wants packets each 20 ms.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use srtp::{MasterKey, Params, Protection, Receiver, Sender, Suite};

use crate::lab::Host;

/// Port of a phone's RTP on its own host; RTCP has the next.
pub(crate) const PHONE_PORT: u16 = 4000;
/// What a phone is tuned to, in Hz.
pub(crate) const PHONE_HZ: f64 = 440.0;

const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: usize = 160;
const PCMA: u8 = 8;

/// One RTP packet that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) seq: u16,
    pub(crate) payload: Vec<u8>,
}

#[derive(Default)]
struct State {
    peer: Option<SocketAddr>,
    keys: Option<(Sender, Receiver)>,
    muted: bool,
    arrivals: Vec<Arrival>,
    rtcp: usize,
    strange: Vec<String>,
}

/// The media side of a phone.
pub(crate) struct Phone {
    pub(crate) addr: SocketAddr,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Phone {
    /// A phone on `host` at the host's address `ip`, silent until it knows where to send to.
    pub(crate) fn new(host: &Host, ip: &str) -> Self {
        let at = |port| {
            if ip.contains(':') {
                format!("[{ip}]:{port}")
            } else {
                format!("{ip}:{port}")
            }
        };
        let rtp = host.udp(&at(PHONE_PORT));
        let rtcp = host.udp(&at(PHONE_PORT + 1));
        rtcp.set_nonblocking(true).unwrap();
        let (state, ended) = (
            Arc::new(Mutex::new(State::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let addr = rtp.local_addr().unwrap();
        let line = Line {
            rtp,
            rtcp,
            state: Arc::clone(&state),
            ended: Arc::clone(&ended),
        };
        let thread = Some(std::thread::spawn(move || line.run()));
        Self {
            addr,
            state,
            ended,
            thread,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An offer or answer of this phone: PCMA, `profile`, `lines` of the media besides.
    pub(crate) fn sdp(&self, profile: &str, lines: &str) -> String {
        let (ip, port) = (self.addr.ip(), self.addr.port());
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {port} {profile} {PCMA}\r\na=rtpmap:{PCMA} PCMA/8000\r\n{lines}"
        )
    }

    /// Sends where this SDP wants media from now on.
    pub(crate) fn dial(&self, sdp: &str) {
        let peer = media_address(sdp);
        self.state().peer = Some(peer);
    }

    /// Protects what it sends with its own key and expects the peer's.
    pub(crate) fn secure(&self, own: &Inline, peer: &Inline) {
        let mut state = self.state();
        state.keys = Some((Sender::new(own.params()), Receiver::new(peer.params())));
        // What came before the keys nobody could have understood.
        state.strange.clear();
    }

    /// Stops or begins sending.
    pub(crate) fn mute(&self, muted: bool) {
        self.state().muted = muted;
    }

    /// How many RTP packets have arrived.
    pub(crate) fn count(&self) -> usize {
        self.state().arrivals.len()
    }

    /// What has arrived that is not what this phone expects.
    pub(crate) fn strange(&self) -> Vec<String> {
        self.state().strange.clone()
    }

    /// Forgets what has arrived.
    pub(crate) fn forget(&self) {
        self.state().arrivals.clear();
    }

    /// What has arrived since it forgot, in the order of arrival.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.state().arrivals.clone()
    }

    /// The longest time between two packets, and between the last and now.
    pub(crate) fn longest_gap(&self) -> Duration {
        let arrivals = self.arrivals();
        let last = arrivals.last().map(|last| last.at.elapsed());
        let gaps = arrivals.windows(2).map(|pair| pair[1].at - pair[0].at);
        gaps.chain(last).max().unwrap_or(Duration::MAX)
    }

    /// How many packets are missing between the first and the last that have arrived.
    pub(crate) fn lost(&self) -> usize {
        let seqs: std::collections::BTreeSet<u16> = self.arrivals().iter().map(|a| a.seq).collect();
        let first = self.arrivals().first().map_or(0, |a| a.seq);
        let span = seqs
            .iter()
            .map(|seq| seq.wrapping_sub(first))
            .filter(|d| *d < 0x8000)
            .max();
        span.map_or(0, |span| usize::from(span) + 1 - seqs.len())
    }

    /// How much of the last half second's sound is a tone of `hz`: 0 to 1.
    pub(crate) fn share_of(&self, hz: f64) -> f64 {
        let arrivals = self.arrivals();
        let mut newest = arrivals.into_iter().rev().take(25).collect::<Vec<_>>();
        newest.sort_by_key(|arrival| arrival.seq);
        let samples: Vec<f64> = newest
            .iter()
            .flat_map(|arrival| arrival.payload.iter().map(|byte| from_alaw(*byte)))
            .collect();
        tone_share(&samples, hz)
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread of a phone has.
struct Line {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
}

impl Line {
    fn run(self) {
        let mut due = Instant::now();
        let mut frame = 0;
        while !self.ended.load(Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.send(frame);
                frame += 1;
                due += FRAME;
                continue;
            }
            self.rtp.set_read_timeout(Some(left)).unwrap();
            self.receive();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, frame: u32) {
        let mut state = self.state();
        let Some(peer) = state.peer.filter(|_| !state.muted) else {
            return;
        };
        let mut packet = vec![0x80, PCMA];
        packet.extend((frame as u16).to_be_bytes());
        packet.extend((frame * SAMPLES as u32).to_be_bytes());
        packet.extend([0xde, 0x5c, 0, 1]);
        packet.extend((0..SAMPLES).map(|n| {
            let at = (frame as usize * SAMPLES + n) as f64 / 8000.0;
            to_alaw(8000.0 * (at * PHONE_HZ * std::f64::consts::TAU).sin())
        }));
        if let Some((sender, _)) = &mut state.keys {
            let len = packet.len();
            packet.resize(len + 64, 0);
            let len = sender.protect_rtp(&mut packet, len).unwrap();
            packet.truncate(len);
        }
        let _ = self.rtp.send_to(&packet, peer);
    }

    fn receive(&self) {
        let mut buffer = [0; 2048];
        let received = self.rtp.recv(&mut buffer);
        let at = Instant::now();
        let mut state = self.state();
        while let Ok(len) = self.rtcp.recv(&mut [0; 2048]) {
            state.rtcp += usize::from(len > 0);
        }
        let Ok(mut len) = received else {
            return;
        };
        if let Some((_, receiver)) = &mut state.keys {
            match receiver.unprotect_rtp(&mut buffer[..len]) {
                Ok(plain) => len = plain,
                Err(e) => return state.strange.push(format!("{len} bytes: {e}")),
            }
        }
        let packet = &buffer[..len];
        if len == 12 + SAMPLES && packet[0] == 0x80 && packet[1] & 0x7f == PCMA {
            let seq = u16::from_be_bytes([packet[2], packet[3]]);
            let payload = packet[12..].to_vec();
            state.arrivals.push(Arrival { at, seq, payload });
        } else {
            let begin = &packet[..len.min(16)];
            state.strange.push(format!("{len} bytes: {begin:02x?}"));
        }
    }
}

/// Address and port of the first media section.
pub(crate) fn media_address(sdp: &str) -> SocketAddr {
    let word = |prefix: &str, n| {
        let line = sdp.lines().find(|line| line.starts_with(prefix));
        line.and_then(|line| line.split_whitespace().nth(n))
            .unwrap_or_else(|| panic!("no {prefix} in\n{sdp}"))
    };
    let media = sdp.find("m=").unwrap_or(0);
    let own = sdp[media..].lines().find(|line| line.starts_with("c="));
    let ip = own.and_then(|line| line.split_whitespace().nth(2));
    let ip = ip.unwrap_or_else(|| word("c=", 2));
    SocketAddr::new(ip.parse().unwrap(), word("m=", 1).parse().unwrap())
}

/// The key of an `a=crypto` line of the default suite (RFC 4568 §9.1).
pub(crate) struct Inline(Vec<u8>);

impl Inline {
    const SUITE: &'static str = "AES_CM_128_HMAC_SHA1_80";

    /// A key of 30 bytes that follow from `seed`.
    pub(crate) fn new(seed: u8) -> Self {
        Self((0..30).map(|n: u8| seed.wrapping_add(n * 7)).collect())
    }

    /// From the first line of the suite in an SDP.
    pub(crate) fn of(sdp: &str) -> Self {
        let line = sdp
            .lines()
            .find(|line| line.starts_with("a=crypto:") && line.contains(Self::SUITE));
        let key = line.and_then(|line| line.split_once("inline:"));
        let (_, key) = key.unwrap_or_else(|| panic!("no key in\n{sdp}"));
        let key = key.split(['|', ' ', '=']).next().unwrap_or_default();
        Self(BASE64_STANDARD_NO_PAD.decode(key).expect("base64"))
    }

    /// As a line of an SDP.
    pub(crate) fn line(&self) -> String {
        format!(
            "a=crypto:1 {} inline:{}\r\n",
            Self::SUITE,
            BASE64_STANDARD_NO_PAD.encode(&self.0)
        )
    }

    /// What packets are protected with.
    pub(crate) fn params(&self) -> Params {
        let suite = Suite::by_name(Self::SUITE).unwrap();
        let key = MasterKey::joined(suite, &self.0).unwrap();
        Params::new(vec![key], Protection::default()).unwrap()
    }
}

/// G.711 A-law (ITU-T G.711 table 1) of a 16-bit sample.
fn to_alaw(sample: f64) -> u8 {
    let magnitude = ((sample.abs() as u32) >> 4).min(0x7ff);
    let exponent = (32 - (magnitude >> 4).leading_zeros()).min(7);
    let mantissa = if exponent > 1 {
        magnitude >> (exponent - 1)
    } else {
        magnitude
    } & 0xf;
    let sign = if sample >= 0.0 { 0x80 } else { 0 };
    (sign | (exponent << 4) as u8 | mantissa as u8) ^ 0x55
}

fn from_alaw(byte: u8) -> f64 {
    let bits = byte ^ 0x55;
    let (exponent, mantissa) = (bits >> 4 & 7, u32::from(bits & 0xf));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if bits & 0x80 != 0 {
        f64::from(magnitude)
    } else {
        -f64::from(magnitude)
    }
}

/// The part of the energy that is at `hz` (Goertzel's algorithm).
pub(crate) fn tone_share(samples: &[f64], hz: f64) -> f64 {
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if energy < samples.len() as f64 * 100.0 {
        return 0.0;
    }
    let (re, im) = samples
        .iter()
        .enumerate()
        .fold((0.0, 0.0), |(re, im), (n, sample)| {
            let (sin, cos) = (n as f64 / 8000.0 * hz * std::f64::consts::TAU).sin_cos();
            (re + sample * cos, im + sample * sin)
        });
    2.0 * (re * re + im * im) / (energy * samples.len() as f64)
}

#[test]
fn alaw_of_a_tone_is_the_tone() {
    let samples: Vec<f64> = (0..4000)
        .map(|n| {
            from_alaw(to_alaw(
                8000.0 * (f64::from(n) / 8000.0 * 440.0 * std::f64::consts::TAU).sin(),
            ))
        })
        .collect();
    assert!(tone_share(&samples, 440.0) > 0.99);
    assert!(tone_share(&samples, 1000.0) < 0.01);
    assert_eq!(tone_share(&[0.0; 800], 440.0), 0.0);
    assert_eq!((to_alaw(0.0), to_alaw(-1.0)), (0xd5, 0x55));
}

#[test]
fn keys_survive_their_line() {
    let key = Inline::new(3);
    assert_eq!(Inline::of(&key.line()).0, key.0);
}
