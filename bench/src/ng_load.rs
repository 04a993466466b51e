//! Load on the control port: cycles of offer, answer and delete, a fixed number of them in flight.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::calls::{Call, Names, Terms};
use crate::cli;
use crate::hist::Latency;
use crate::limits::{NG_DATAGRAM_BYTES_MAX, NG_RETRY_MS, NG_TRIES_MAX};
use crate::ng::{Client, split_cookie};
use crate::sdp;
use crate::sys::process::Usage;
use crate::sys::{clock, signals};

/// How long a relay may take between two descriptors that it closes.
const SETTLE: Duration = Duration::from_millis(250);

/// Bytes of replies that may wait for us.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Cycles before a process is watched: enough to fill a relay's cache of replies.
const WARM_UP_CYCLES: u64 = 50_000;

/// A twentieth more memory is the allocator's mood, not a leak.
const GROWTH_DIVISOR: u64 = 20;

/// Runs `ng`.
pub(crate) fn run(options: &cli::Ng) -> Result<bool> {
    if let Some(calls) = options.idle_calls {
        return hold(options, calls);
    }
    let until = match (options.cycles, options.seconds) {
        (Some(cycles), _) => Until::Cycles(cycles),
        (None, seconds) => Until::Elapsed(Duration::from_secs(seconds.unwrap_or(5))),
    };
    let watched = options.pid.map(|pid| Watched::warm(pid, options)).transpose()?;
    let outcome = cycles(options.ng, options.in_flight, until, Wait::Asleep)?;
    if options.json {
        println!("{:#}", outcome.json());
    } else {
        println!("{}", outcome.text());
    }
    let clean = watched.map_or(Ok(true), |watched| watched.is_clean(options.json))?;
    Ok(outcome.errors == 0 && outcome.cycles > 0 && clean)
}

/// A process that should use no more after the cycles than before.
struct Watched {
    pid: u32,
    before: Usage,
}

impl Watched {
    /// Fills what is bounded (caches of replies, buffers, the allocator's own stock) before the first look.
    fn warm(pid: u32, options: &cli::Ng) -> Result<Self> {
        let warm_up = Until::Cycles(WARM_UP_CYCLES);
        cycles(options.ng, options.in_flight, warm_up, Wait::Asleep)?;
        let fewest = || Usage::of(pid).map(|usage| usage.descriptors);
        let mut descriptors = fewest()?;
        // Sockets are closed after the reply to `delete`: wait until no more are.
        loop {
            std::thread::sleep(SETTLE);
            let now = fewest()?;
            if now >= descriptors {
                break;
            }
            descriptors = now;
        }
        Ok(Self {
            pid,
            before: Usage::of(pid)?,
        })
    }

    fn is_clean(&self, quiet: bool) -> Result<bool> {
        let deadline = Instant::now() + 20 * SETTLE;
        let mut after = Usage::of(self.pid)?;
        while after.descriptors > self.before.descriptors && Instant::now() < deadline {
            std::thread::sleep(SETTLE);
            after = Usage::of(self.pid)?;
        }
        if !quiet {
            println!(
                "process {}: {} descriptors and {} kB before, {} and {} kB after",
                self.pid, self.before.descriptors, self.before.rss_kb, after.descriptors, after.rss_kb
            );
        }
        let bytes_kept = after.rss_kb <= self.before.rss_kb + self.before.rss_kb / GROWTH_DIVISOR;
        Ok(after.descriptors <= self.before.descriptors && bytes_kept)
    }
}

/// When to start no further cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Cycles(u64),
    Elapsed(Duration),
}

/// What to do until a reply comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Sleep.
    Asleep,
    /// Keep the core awake: a core that sleeps is woken at the sender's expense, and that would be the relay's.
    Awake,
}

/// What a load on the control port showed.
pub(crate) struct Outcome {
    pub(crate) cycles: u64,
    pub(crate) seconds: f64,
    /// Commands that were answered with an error or not at all.
    pub(crate) errors: u64,
    /// Commands sent again because no answer came in time.
    pub(crate) retries: u64,
    first_error: Option<String>,
    latency: [Latency; 3],
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.cycles as f64 / self.seconds
    }

    /// Latency of `answer` at a quantile, µs.
    pub(crate) fn answer_us(&self, quantile: f64) -> f64 {
        self.latency[1].us(quantile)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "cycles": self.cycles,
            "seconds": self.seconds,
            "cycles_per_second": self.per_second(),
            "errors": self.errors,
            "first_error": self.first_error,
            "retries": self.retries,
            "offer": self.latency[0].json(),
            "answer": self.latency[1].json(),
            "delete": self.latency[2].json(),
        })
    }

    fn text(&self) -> String {
        let error = self
            .first_error
            .as_ref()
            .map_or(String::new(), |error| format!(" (first: {error})"));
        format!(
            "{} cycles in {:.2} s: {:.0} offer+answer+delete/s, {} errors{error}, {} sent again\n\
             offer   {}\nanswer  {}\ndelete  {}",
            self.cycles,
            self.seconds,
            self.per_second(),
            self.errors,
            self.retries,
            self.latency[0].line(),
            self.latency[1].line(),
            self.latency[2].line()
        )
    }
}

/// One cycle in flight: which command of it was sent last.
struct Slot {
    commands: [Vec<u8>; 3],
    step: usize,
    cookie: String,
    first_sent: Instant,
    last_sent: Instant,
    tries: u32,
}

/// Keeps `in_flight` cycles going.
pub(crate) fn cycles(server: SocketAddr, in_flight: usize, until: Until, wait: Wait) -> Result<Outcome> {
    let mut load = Load::connect(server)?;
    let start = Instant::now();
    let mut slots: Vec<_> = (0..in_flight).map(|_| Some(load.start_cycle())).collect();
    if let Until::Cycles(cycles) = until {
        slots.truncate(usize::try_from(cycles)?.max(1));
    }
    for (index, slot) in slots.iter_mut().enumerate() {
        load.send(index, slot.as_mut().context("a new slot is filled")?)?;
    }
    let mut started = slots.len() as u64;
    let mut buffer = vec![0; NG_DATAGRAM_BYTES_MAX];
    let mut retry_at = start + Duration::from_millis(NG_RETRY_MS / 4);
    while slots.iter().any(Option::is_some) {
        if wait == Wait::Asleep {
            load.wait()?;
        }
        while let Some((index, done)) = load.receive(&mut buffer, &mut slots)? {
            let more = match until {
                Until::Cycles(cycles) => started < cycles,
                Until::Elapsed(duration) => start.elapsed() < duration,
            };
            if done {
                slots[index] = more.then(|| load.start_cycle());
                started += u64::from(more);
            }
            if let Some(slot) = &mut slots[index] {
                load.send(index, slot)?;
            }
        }
        if Instant::now() > retry_at {
            retry_at += Duration::from_millis(NG_RETRY_MS / 4);
            load.retry(&mut slots)?;
        }
        signals::check()?;
    }
    load.outcome.seconds = start.elapsed().as_secs_f64();
    Ok(load.outcome)
}

struct Load {
    socket: UdpSocket,
    sdp: [String; 2],
    next: u64,
    cookies: u64,
    /// Tells this load's cookies from those of an earlier one, which a server may remember.
    run: u64,
    outcome: Outcome,
}

impl Load {
    fn connect(server: SocketAddr) -> Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse()?;
        let socket = UdpSocket::bind(any)?;
        // A relay that answers everything in one go must not find us full; less is given where less is allowed.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        socket
            .connect(server)
            .with_context(|| format!("no way to {server}"))?;
        socket.set_nonblocking(true)?;
        let ip = socket.local_addr()?.ip();
        Ok(Self {
            socket,
            sdp: [30_000, 40_000].map(|port| sdp::audio((ip, port).into(), &sdp::Codec::default(), None)),
            next: 0,
            cookies: 0,
            run: clock::now_ns(),
            outcome: Outcome {
                cycles: 0,
                seconds: 0.0,
                errors: 0,
                retries: 0,
                first_error: None,
                latency: std::array::from_fn(|_| Latency::new()),
            },
        })
    }

    fn start_cycle(&mut self) -> Slot {
        let names = Names::new("cycle", self.next);
        self.next += 1;
        let now = Instant::now();
        Slot {
            commands: [
                names.offer(&self.sdp[0]).body(),
                names.answer(&self.sdp[1]).body(),
                names.delete().body(),
            ],
            step: 0,
            cookie: String::new(),
            first_sent: now,
            last_sent: now,
            tries: 0,
        }
    }

    /// Sends a slot's command under a new cookie.
    fn send(&mut self, index: usize, slot: &mut Slot) -> Result<()> {
        self.cookies += 1;
        slot.cookie = format!("{index}_{:x}_{}", self.run, self.cookies);
        slot.tries = 0;
        slot.first_sent = Instant::now();
        self.transmit(slot)
    }

    fn transmit(&mut self, slot: &mut Slot) -> Result<()> {
        slot.tries += 1;
        slot.last_sent = Instant::now();
        let datagram = [slot.cookie.as_bytes(), b" ", &slot.commands[slot.step]].concat();
        match self.socket.send(&datagram) {
            Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => {
                Err(e.into())
            }
            _ => Ok(()),
        }
    }

    /// Takes one reply in; its slot, and whether that cycle is over. `None` if nothing is there.
    fn receive(&mut self, buffer: &mut [u8], slots: &mut [Option<Slot>]) -> Result<Option<(usize, bool)>> {
        loop {
            let length = match self.socket.recv(buffer) {
                Ok(length) => length,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => {
                    return Ok(None);
                }
                Err(e) => return Err(e.into()),
            };
            let Some((cookie, body)) = split_cookie(&buffer[..length]) else {
                continue;
            };
            let Some(index) = slot_index(cookie) else { continue };
            let Some(slot) = slots.get_mut(index).and_then(Option::as_mut) else {
                continue;
            };
            if slot.cookie.as_bytes() != cookie {
                continue; // a second reply to a command that was sent twice
            }
            self.outcome.latency[slot.step].record(slot.first_sent.elapsed().as_nanos() as u64);
            let ok = contains(body, b"6:result2:ok");
            if !ok {
                self.note_error(String::from_utf8_lossy(body).into_owned());
            }
            slot.step += 1;
            let done = slot.step == slot.commands.len() || !ok;
            self.outcome.cycles += u64::from(done && ok);
            return Ok(Some((index, done)));
        }
    }

    fn retry(&mut self, slots: &mut [Option<Slot>]) -> Result<()> {
        for entry in slots {
            let Some(slot) = entry else { continue };
            if slot.last_sent.elapsed() < Duration::from_millis(NG_RETRY_MS) {
                continue;
            }
            if slot.tries >= NG_TRIES_MAX {
                self.note_error("no reply".to_owned());
                if self.outcome.cycles == 0 {
                    bail!("no reply from {}", self.socket.peer_addr()?);
                }
                *entry = None;
            } else {
                self.outcome.retries += 1;
                self.transmit(slot)?;
            }
        }
        Ok(())
    }

    fn note_error(&mut self, text: String) {
        self.outcome.errors += 1;
        self.outcome.first_error.get_or_insert(text);
    }

    fn wait(&self) -> Result<()> {
        let mut poll = libc::pollfd {
            fd: self.socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        if unsafe { libc::poll(&raw mut poll, 1, 20) } < 0 {
            let error = std::io::Error::last_os_error();
            if error.kind() != ErrorKind::Interrupted {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

fn slot_index(cookie: &[u8]) -> Option<usize> {
    std::str::from_utf8(cookie).ok()?.split('_').next()?.parse().ok()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Calls that are set up and then left alone.
pub(crate) fn idle_calls(ng: &mut Client, prefix: &str, calls: usize) -> Result<Vec<Call>> {
    let ip = ng.local_addr()?.ip();
    let mut held = Vec::with_capacity(calls);
    for index in 0..calls {
        signals::check()?;
        // Each party has an address of its own, as in life; nothing is ever sent to it.
        let port = 10_000 + (index % 25_000) as u16 * 2;
        let names = Names::new(prefix, index as u64);
        let call = Call::set_up(
            ng,
            names,
            (ip, port).into(),
            (ip, port + 1).into(),
            Terms::default(),
        );
        held.push(call.with_context(|| format!("call {} of {calls}", index + 1))?);
    }
    Ok(held)
}

fn hold(options: &cli::Ng, calls: usize) -> Result<bool> {
    let mut ng = Client::connect(options.ng)?;
    ng.await_ping(Duration::from_secs(2))?;
    let before = options.pid.map(Usage::of).transpose()?;
    let start = Instant::now();
    let held = idle_calls(&mut ng, "idle", calls)?;
    println!(
        "{calls} calls set up in {:.2} s, held",
        start.elapsed().as_secs_f64()
    );
    if let (Some(pid), Some(before)) = (options.pid, before) {
        let after = Usage::of(pid)?;
        let per_call = |a: u64, b: u64| (a as f64 - b as f64) / calls as f64;
        println!(
            "process {pid}: {:.1} kB RSS, {:.1} kB PSS and {:.2} descriptors per call ({} kB RSS in all)",
            per_call(after.rss_kb, before.rss_kb),
            per_call(after.pss_kb, before.pss_kb),
            per_call(after.descriptors, before.descriptors),
            after.rss_kb
        );
    }
    let end = options
        .seconds
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));
    while !signals::interrupted() && end.is_none_or(|end| Instant::now() < end) {
        std::thread::sleep(Duration::from_millis(50));
    }
    signals::forget();
    held.iter()
        .try_for_each(|call| call.tear_down(&mut ng).map(drop))?;
    println!("{calls} calls deleted");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_names_its_slot() {
        assert_eq!(slot_index(b"12_beef_345"), Some(12));
        assert_eq!(slot_index(b"x_1"), None);
        assert_eq!(slot_index(b"\xff"), None);
    }

    #[test]
    fn a_refused_command_ends_its_cycle_and_is_reported() {
        let refuser = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = refuser.local_addr().unwrap();
        let answers = std::thread::spawn(move || {
            // Accepts every command but delete.
            let mut buffer = [0; 4096];
            for _ in 0..3 {
                let (length, from) = refuser.recv_from(&mut buffer).unwrap();
                let (cookie, body) = split_cookie(&buffer[..length]).unwrap();
                let result: &[u8] = if contains(body, b"6:delete") {
                    b" d6:result5:errore"
                } else {
                    b" d6:result2:oke"
                };
                refuser.send_to(&[cookie, result].concat(), from).unwrap();
            }
        });
        let outcome = cycles(server, 1, Until::Cycles(1), Wait::Asleep).unwrap();
        answers.join().unwrap();
        assert_eq!((outcome.cycles, outcome.errors), (0, 1));
        assert!(outcome.text().contains("5:error"), "{}", outcome.text());
    }
}
