//! A caller and a callee: the smallest demonstration that a relay relays.
//!
//! Both sit in this process, each with a UDP socket, and play a tone to each other at the pace of a real call. Every
//! packet must come out on the other side unchanged, from the port that the relay named.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::calls::{Call, Names, Terms};
use crate::cli;
use crate::media::tone;
use crate::media::udp;
use crate::ng::{Client, Reply};
use crate::report;
use crate::rtp_load::local_address;
use crate::sys::signals;

const PACKET_MS: u64 = 20;
const CALLER_HZ: f64 = 440.0;
const CALLEE_HZ: f64 = 554.4;
/// How long the last packets may take.
const DRAIN: Duration = Duration::from_millis(200);

/// Runs `demo`; true if media flowed both ways without loss.
pub(crate) fn run(options: &cli::Demo) -> Result<bool> {
    let mut ng = Client::connect(options.ng)?;
    ng.await_ping(Duration::from_secs(3))?;
    println!("The relay at {} answers.", options.ng);
    let local = local_address(&ng, options.local)?;
    let mut pairs = Vec::new();
    for index in 0..options.calls {
        pairs.push(Pair::set_up(&mut ng, index, local, options.record)?);
    }
    describe(&pairs[0]);
    let talked = talk(&mut pairs, Duration::from_secs(options.seconds));
    signals::forget();
    let pcaps = options.recording_dir.as_deref();
    let mut clean = true;
    for pair in &pairs {
        let statistics = pair.call.tear_down(&mut ng)?;
        if pairs.len() == 1 {
            let statistics = statistics_of(&statistics, options.verbose);
            println!("\nWhat the relay says of the call at its end:\n{statistics}");
        }
        clean &= pair.caller.clean() && pair.callee.clean();
    }
    talked?;
    summarise(&pairs);
    if options.record {
        say_where_recordings_lie(&pairs, pcaps);
    }
    println!(
        "{}",
        if clean {
            "Media flowed both ways without loss."
        } else {
            "FAILED: media was lost."
        }
    );
    Ok(clean)
}

/// One end of a call.
struct Party {
    name: &'static str,
    socket: UdpSocket,
    hz: f64,
    /// Where this party sends, and from where it must receive.
    relay: SocketAddr,
    sent: u64,
    received: u64,
    repeated: u64,
    /// Packets that are not what the other party sent.
    wrong: u64,
    seen: Vec<bool>,
    /// What the other party plays.
    other_hz: f64,
    lost: u64,
}

impl Party {
    fn new(name: &'static str, socket: UdpSocket, relay: SocketAddr, hz: f64, other_hz: f64) -> Self {
        let (sent, received, repeated, wrong, lost) = (0, 0, 0, 0, 0);
        Self {
            name,
            socket,
            hz,
            relay,
            sent,
            received,
            repeated,
            wrong,
            seen: Vec::new(),
            other_hz,
            lost,
        }
    }

    fn send(&mut self) -> Result<()> {
        let packet = packet(self.hz, self.sent);
        self.sent += 1;
        match self.socket.send_to(&packet, self.relay) {
            // Refused or no room: that packet is lost, and counted where it does not arrive.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::WouldBlock) => Ok(()),
            other => other.map(drop).context("can't send"),
        }
    }

    /// Takes in whatever is there.
    fn receive(&mut self) -> Result<()> {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => self.take(&buffer[..length], from),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::ConnectionRefused => {}
                Err(e) => return Err(e).context("can't receive"),
            }
        }
    }

    fn take(&mut self, bytes: &[u8], from: SocketAddr) {
        let index = bytes
            .get(2..4)
            .map_or(0, |seq| usize::from(u16::from_be_bytes([seq[0], seq[1]])));
        // A demonstration is shorter than 65536 packets of 20 ms a party, or wraps like any RTP stream.
        let index = nearest(index, self.seen.len());
        if from != self.relay || bytes != packet(self.other_hz, index as u64) {
            self.wrong += 1;
            return;
        }
        if self.seen.len() <= index {
            self.seen.resize(index + 1, false);
        }
        if std::mem::replace(&mut self.seen[index], true) {
            self.repeated += 1;
        } else {
            self.received += 1;
        }
    }

    fn clean(&self) -> bool {
        self.lost == 0 && self.wrong == 0 && self.received > 0
    }
}

/// The full packet number nearest to what is expected next that has these lower 16 bits.
fn nearest(seq: usize, expected: usize) -> usize {
    let base = expected & !0xffff | seq;
    match base {
        above if above > expected + 0x8000 && above >= 0x1_0000 => above - 0x1_0000,
        below if below + 0x8000 < expected => below + 0x1_0000,
        near => near,
    }
}

/// RTP (RFC 3550 §5.1) with 20 ms of PCMU: sequence number and timestamp follow the packet's number.
fn packet(hz: f64, index: u64) -> [u8; 12 + tone::SAMPLES] {
    let mut bytes = [0; 12 + tone::SAMPLES];
    bytes[0] = 0x80;
    bytes[1] = if index == 0 { 0x80 } else { 0 }; // marker on the first packet of a talkspurt (RFC 3551 §4.1)
    bytes[2..4].copy_from_slice(&(index as u16).to_be_bytes());
    bytes[4..8].copy_from_slice(&(index as u32).wrapping_mul(tone::SAMPLES as u32).to_be_bytes());
    bytes[8..12].copy_from_slice(&(hz as u32).to_be_bytes());
    bytes[12..].copy_from_slice(&tone::packet(hz, index));
    bytes
}

struct Pair {
    call: Call,
    caller: Party,
    callee: Party,
}

impl Pair {
    fn set_up(ng: &mut Client, index: usize, local: Ipv4Addr, record: bool) -> Result<Self> {
        let (caller, callee) = (udp::bind(local)?, udp::bind(local)?);
        let addresses = (caller.local_addr()?, callee.local_addr()?);
        let call = Call::set_up(
            ng,
            Names::new("demo", index as u64),
            addresses.0,
            addresses.1,
            Terms {
                record,
                ..Terms::default()
            },
        )?;
        let caller = Party::new("caller", caller, call.caller_to, CALLER_HZ, CALLEE_HZ);
        let callee = Party::new("callee", callee, call.callee_to, CALLEE_HZ, CALLER_HZ);
        Ok(Self { call, caller, callee })
    }
}

fn describe(pair: &Pair) {
    let (caller, callee) = (&pair.caller, &pair.callee);
    let address = |party: &Party| {
        party
            .socket
            .local_addr()
            .map_or("?".to_owned(), |addr| addr.to_string())
    };
    println!(
        "\nSDP of the offer, as the callee gets it:\n{}",
        indent(&pair.call.offer_sdp)
    );
    println!(
        "SDP of the answer, as the caller gets it:\n{}",
        indent(&pair.call.answer_sdp)
    );
    println!(
        "caller {} <-> relay {} ... relay {} <-> callee {}\n",
        address(caller),
        caller.relay,
        callee.relay,
        address(callee)
    );
}

fn talk(pairs: &mut [Pair], duration: Duration) -> Result<()> {
    let start = Instant::now();
    let packets = duration.as_millis() as u64 / PACKET_MS;
    for index in 0..packets {
        let at = start + Duration::from_millis(index * PACKET_MS);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        signals::check()?;
        for party in parties(pairs) {
            party.send()?;
        }
        parties(pairs).try_for_each(Party::receive)?;
        if index % (1_000 / PACKET_MS) == 0 && index > 0 {
            progress(pairs, index * PACKET_MS / 1_000);
        }
    }
    drain(pairs)?;
    for pair in pairs {
        pair.callee.lost = pair.caller.sent.saturating_sub(pair.callee.received);
        pair.caller.lost = pair.callee.sent.saturating_sub(pair.caller.received);
    }
    Ok(())
}

/// Waits for the last packets, no longer than it takes.
fn drain(pairs: &mut [Pair]) -> Result<()> {
    let deadline = Instant::now() + DRAIN;
    loop {
        parties(pairs).try_for_each(Party::receive)?;
        let all_here = pairs
            .iter()
            .all(|pair| pair.callee.received >= pair.caller.sent && pair.caller.received >= pair.callee.sent);
        if all_here || Instant::now() > deadline {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn parties(pairs: &mut [Pair]) -> impl Iterator<Item = &mut Party> {
    pairs
        .iter_mut()
        .flat_map(|pair| [&mut pair.caller, &mut pair.callee])
}

fn progress(pairs: &[Pair], seconds: u64) {
    let sum = |count: fn(&Pair) -> u64| pairs.iter().map(count).sum::<u64>();
    println!(
        "{seconds:>4} s  caller sent {} received {}   callee sent {} received {}",
        sum(|pair| pair.caller.sent),
        sum(|pair| pair.caller.received),
        sum(|pair| pair.callee.sent),
        sum(|pair| pair.callee.received)
    );
}

fn summarise(pairs: &[Pair]) {
    for pair in pairs {
        for party in [&pair.caller, &pair.callee] {
            println!(
                "{} {}: {} packets out, {} in, {} lost, {} repeated, {} wrong",
                pair.call.names.call_id,
                party.name,
                party.sent,
                party.received,
                party.lost,
                party.repeated,
                party.wrong
            );
        }
    }
}

fn say_where_recordings_lie(pairs: &[Pair], folder: Option<&Path>) {
    let Some(folder) = folder else {
        println!(
            "The recording lies in the relay's recording directory (its --recording-dir), under pcaps/."
        );
        return;
    };
    for pair in pairs {
        match find_pcap(folder, &pair.call.names.call_id) {
            Some(path) => println!("Recording: {}", path.display()),
            None => println!(
                "No recording of {} in {}",
                pair.call.names.call_id,
                folder.display()
            ),
        }
    }
}

/// A file in the folder or in its `pcaps`, whose name begins with the call's.
fn find_pcap(folder: &Path, call_id: &str) -> Option<PathBuf> {
    [folder.join("pcaps"), folder.to_owned()]
        .iter()
        .find_map(|folder| {
            let mut entries = std::fs::read_dir(folder).ok()?.flatten();
            entries
                .find(|entry| entry.file_name().to_string_lossy().starts_with(call_id))
                .map(|entry| entry.path())
        })
}

/// The totals, or everything.
fn statistics_of(reply: &Reply, verbose: bool) -> String {
    let totals = reply.get("totals").filter(|_| !verbose);
    report::tree(totals.unwrap_or(reply), 1)
}

fn indent(body: &str) -> String {
    body.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_wrap_into_packet_numbers() {
        for (seq, expected, number) in [
            (0, 0, 0),
            (5, 3, 5),
            (0, 65_536, 65_536),
            (65_535, 65_537, 65_535),
            (1, 65_535, 65_537),
            (2, 131_072, 131_074),
        ] {
            assert_eq!(nearest(seq, expected), number, "{seq} near {expected}");
        }
    }

    #[test]
    fn a_party_tells_lost_repeated_and_wrong_apart() {
        let relay = "127.0.0.1:9".parse().unwrap();
        let socket = udp::bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut party = Party::new("callee", socket, relay, CALLEE_HZ, CALLER_HZ);
        for index in [0, 2, 2] {
            party.take(&packet(CALLER_HZ, index), relay);
        }
        party.take(&packet(CALLEE_HZ, 3), relay);
        party.take(&packet(CALLER_HZ, 3), "127.0.0.1:10".parse().unwrap());
        party.take(b"", relay);
        assert_eq!((party.received, party.repeated, party.wrong), (2, 1, 3));
    }
}
