//! The command line: subcommands and their options.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};
use srtp::Suite;

use crate::crypto;
use crate::limits::{CALLS_MAX, NG_IN_FLIGHT_MAX};
use crate::media::payload::Payload;

pub(crate) const HELP: &str = "\
patchbay-load: calls and load for any relay that speaks rtpengine's ng protocol over UDP

patchbay-load demo [options]      one call (or a few) with G.711 both ways; ends 0 only if nothing was lost
  --ng HOST:PORT        the relay's control port (127.0.0.1:2223)
  --seconds N           how long the parties talk (5)
  --calls N             how many calls at once (1)
  --local ADDRESS       the parties' IPv4 address (the one that faces the control port)
  --record              ask the relay to record
  --recording-dir DIR   the relay's recording directory, to say where the pcap lies
  --verbose             show everything the relay says of the call at its end, not only the totals

patchbay-load ng [options]        load on the control port: offer, answer, delete
  --ng HOST:PORT        as above
  --seconds N           how long (5)
  --cycles N            stop after that many cycles instead
  --in-flight N         cycles at once (16)
  --idle-calls N        instead of cycles: set up N calls and hold them until Ctrl-C or --seconds
  --pid PID             with --idle-calls: say what that process uses per call; without: fail if it keeps
                        descriptors or memory after the cycles

patchbay-load rtp [options]       load on the media ports
  --ng HOST:PORT        as above
  --calls N             calls, two flows each (100)
  --rate N              packets/s over all flows (calls x 100, which is G.711 in real time)
  --seconds N           per rate (5; 1 for ramp and search)
  --ramp TO             climb from --rate to TO in ten steps
  --search              look for the highest rate with a loss of at most 0.1 %
  --local ADDRESS       the parties' IPv4 address
  --sockets N           UDP sockets per side that the parties share (4)
  --caller-srtp SUITE   the caller speaks SRTP with an SDES key of that suite, as AES_CM_128_HMAC_SHA1_80
  --callee-srtp SUITE   the callee does; with another suite than the caller the relay must encrypt anew
  --payload CODEC       pcmu, pcma, g722 or opus: size and pace of the packets (pcmu)
  --ptime MS            10, 20, 30, 40 or 60 (20)
  --pcap FILE           replay the longest RTP stream of a capture instead, over and over
  --svg FILE            draw loss and latency over the rate
  --device NAME         send and receive by XDP on this network device, past the sockets (root, Linux 5.18)
  --core N              pin the generator to this core

patchbay-load compare [options]   this relay beside a peer, one core each, in one run (needs root, two cores)
  --ours PATH           our daemon (beside this program)
  --peer PATH           the other one (/usr/bin/rtpengine)
  --ours-options WORDS  more options for our daemon, as \"--io=uring\"
  --rounds N            how often each measurement alternates between them (2)
  --minutes N           begin no further round that would end later (14)
  --calls LIST          calls of the media measurements (100,1000)
  --idle-calls N        calls held for memory and descriptors (1000)
  --seconds N           length of each load but those of a search (2)
  --only LIST           measurements, comma-separated: ceiling, idle, control, plain, partial, latency, xdp, srtp,
                        afxdp, scale, order, spray, overload, pause
  --out DIR             write DIR/compare-DATE.json, .md and .svg
  --relay-core N, --generator-core N   (1, 0)

Common: --json prints the result as JSON on standard output; --help.
";

/// What to do.
pub(crate) enum Command {
    Help,
    Demo(Demo),
    Ng(Ng),
    Rtp(Rtp),
    Compare(Compare),
}

/// Options of `demo`.
pub(crate) struct Demo {
    pub(crate) ng: SocketAddr,
    pub(crate) seconds: u64,
    pub(crate) calls: usize,
    pub(crate) local: Option<Ipv4Addr>,
    pub(crate) record: bool,
    pub(crate) recording_dir: Option<PathBuf>,
    pub(crate) verbose: bool,
}

/// Options of `ng`.
pub(crate) struct Ng {
    pub(crate) ng: SocketAddr,
    pub(crate) seconds: Option<u64>,
    pub(crate) cycles: Option<u64>,
    pub(crate) in_flight: usize,
    pub(crate) idle_calls: Option<usize>,
    pub(crate) pid: Option<u32>,
    pub(crate) json: bool,
}

/// How the rate of `rtp` develops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Steady,
    Ramp { to: f64 },
    Search,
}

/// Options of `rtp`.
pub(crate) struct Rtp {
    pub(crate) ng: SocketAddr,
    pub(crate) calls: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: Option<f64>,
    pub(crate) mode: Mode,
    pub(crate) local: Option<Ipv4Addr>,
    pub(crate) sockets: usize,
    pub(crate) device: Option<String>,
    pub(crate) core: Option<usize>,
    pub(crate) caller_suite: Option<Suite>,
    pub(crate) callee_suite: Option<Suite>,
    pub(crate) payload: Payload,
    pub(crate) pcap: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) json: bool,
}

/// Options of `compare`.
pub(crate) struct Compare {
    pub(crate) ours: Option<PathBuf>,
    pub(crate) peer: PathBuf,
    pub(crate) ours_options: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) minutes: f64,
    pub(crate) calls: Vec<usize>,
    pub(crate) idle_calls: usize,
    pub(crate) seconds: f64,
    pub(crate) only: Vec<Measurement>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) relay_core: usize,
    pub(crate) generator_core: usize,
    pub(crate) json: bool,
}

/// One part of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measurement {
    /// Highest packet rate of the generator itself.
    Ceiling,
    /// Memory and descriptors per idle call.
    Idle,
    /// Offer, answer, delete per second.
    Control,
    /// Highest rate of plain RTP over sockets.
    Plain,
    /// Processor time at a share of the peer's highest rate.
    Partial,
    /// Latency at half load, over sockets and over XDP.
    Latency,
    /// Plain RTP in the kernel.
    Xdp,
    /// SRTP over sockets.
    Srtp,
    /// SRTP over AF_XDP.
    Afxdp,
    /// Processor time with 10,000 calls.
    Scale,
    /// Every path of ours at the same rate.
    Order,
    /// Datagrams of nobody at the ports of calls.
    Spray,
    /// Twice what can be carried, then half.
    Overload,
    /// A relay that stands still for a moment.
    Pause,
}

const MEASUREMENTS: [(&str, Measurement); 14] = [
    ("ceiling", Measurement::Ceiling),
    ("idle", Measurement::Idle),
    ("control", Measurement::Control),
    ("plain", Measurement::Plain),
    ("partial", Measurement::Partial),
    ("latency", Measurement::Latency),
    ("xdp", Measurement::Xdp),
    ("srtp", Measurement::Srtp),
    ("afxdp", Measurement::Afxdp),
    ("scale", Measurement::Scale),
    ("order", Measurement::Order),
    ("spray", Measurement::Spray),
    ("overload", Measurement::Overload),
    ("pause", Measurement::Pause),
];

impl FromStr for Measurement {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let found = MEASUREMENTS.iter().find(|(name, _)| *name == text);
        let found = found.with_context(|| format!("no measurement `{text}`; --help lists them"))?;
        Ok(found.1)
    }
}

/// Reads the command line.
pub(crate) fn parse(mut parser: Parser) -> Result<Command> {
    let Some(first) = parser.next()? else {
        bail!("which subcommand: demo, ng, rtp or compare?")
    };
    let command = match first {
        Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
        Arg::Value(name) => name.string()?,
        other => return Err(other.unexpected().into()),
    };
    match command.as_str() {
        "demo" => demo(parser),
        "ng" => ng(parser),
        "rtp" => rtp(parser),
        "compare" => compare(parser),
        "help" => Ok(Command::Help),
        _ => bail!("no subcommand `{command}`; there are demo, ng, rtp and compare"),
    }
}

fn demo(mut parser: Parser) -> Result<Command> {
    let mut options = Demo {
        ng: default_ng(),
        seconds: 5,
        calls: 1,
        local: None,
        record: false,
        recording_dir: None,
        verbose: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("ng") => options.ng = address(&mut parser)?,
            Arg::Long("seconds") => options.seconds = positive(&mut parser, 86_400)?,
            Arg::Long("calls") => options.calls = positive(&mut parser, CALLS_MAX as u64)? as usize,
            Arg::Long("local") => options.local = Some(parser.value()?.parse()?),
            Arg::Long("record") => options.record = true,
            Arg::Long("verbose") => options.verbose = true,
            Arg::Long("recording-dir") => options.recording_dir = Some(parser.value()?.into()),
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Demo(options))
}

fn ng(mut parser: Parser) -> Result<Command> {
    let mut options = Ng {
        ng: default_ng(),
        seconds: None,
        cycles: None,
        in_flight: 16,
        idle_calls: None,
        pid: None,
        json: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("ng") => options.ng = address(&mut parser)?,
            Arg::Long("seconds") => options.seconds = Some(positive(&mut parser, 86_400)?),
            Arg::Long("cycles") => options.cycles = Some(positive(&mut parser, u64::MAX)?),
            Arg::Long("in-flight") => {
                options.in_flight = positive(&mut parser, NG_IN_FLIGHT_MAX as u64)? as usize;
            }
            Arg::Long("idle-calls") => {
                options.idle_calls = Some(positive(&mut parser, CALLS_MAX as u64)? as usize);
            }
            Arg::Long("pid") => options.pid = Some(parser.value()?.parse()?),
            Arg::Long("json") => options.json = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Ng(options))
}

fn rtp(mut parser: Parser) -> Result<Command> {
    let mut options = Rtp {
        ng: default_ng(),
        calls: 100,
        rate: None,
        seconds: None,
        mode: Mode::Steady,
        local: None,
        sockets: 4,
        device: None,
        core: None,
        caller_suite: None,
        callee_suite: None,
        payload: Payload::default(),
        pcap: None,
        svg: None,
        json: false,
    };
    let (mut codec, mut ptime_ms) = ("pcmu".to_owned(), 20);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("ng") => options.ng = address(&mut parser)?,
            Arg::Long("calls") => options.calls = positive(&mut parser, CALLS_MAX as u64)? as usize,
            Arg::Long("rate") => options.rate = Some(amount(&mut parser)?),
            Arg::Long("seconds") => options.seconds = Some(amount(&mut parser)?),
            Arg::Long("ramp") => {
                options.mode = Mode::Ramp {
                    to: amount(&mut parser)?,
                }
            }
            Arg::Long("search") => options.mode = Mode::Search,
            Arg::Long("local") => options.local = Some(parser.value()?.parse()?),
            Arg::Long("sockets") => options.sockets = positive(&mut parser, 1_000)? as usize,
            Arg::Long("device") => options.device = Some(parser.value()?.string()?),
            Arg::Long("caller-srtp") => options.caller_suite = Some(suite(&mut parser)?),
            Arg::Long("callee-srtp") => options.callee_suite = Some(suite(&mut parser)?),
            Arg::Long("payload") => codec = parser.value()?.string()?,
            Arg::Long("ptime") => ptime_ms = parser.value()?.parse()?,
            Arg::Long("svg") => options.svg = Some(parser.value()?.into()),
            Arg::Long("pcap") => options.pcap = Some(parser.value()?.into()),
            Arg::Long("core") => options.core = Some(parser.value()?.parse()?),
            Arg::Long("json") => options.json = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    options.payload = Payload::find(&codec, ptime_ms)?;
    Ok(Command::Rtp(options))
}

fn compare(mut parser: Parser) -> Result<Command> {
    let mut options = Compare {
        ours: None,
        peer: "/usr/bin/rtpengine".into(),
        ours_options: Vec::new(),
        rounds: 2,
        minutes: 14.0,
        calls: vec![100, 1_000],
        idle_calls: 1_000,
        seconds: 2.0,
        only: Vec::new(),
        out: None,
        relay_core: 1,
        generator_core: 0,
        json: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("ours") => options.ours = Some(parser.value()?.into()),
            Arg::Long("peer") => options.peer = parser.value()?.into(),
            Arg::Long("minutes") => options.minutes = amount(&mut parser)?,
            Arg::Long("rounds") => options.rounds = positive(&mut parser, 1_000)? as usize,
            Arg::Long("calls") => {
                let list = parser.value()?.string()?;
                options.calls = list.split(',').map(calls).collect::<Result<_>>()?;
            }
            Arg::Long("ours-options") => {
                let words = parser.value()?.string()?;
                options.ours_options = words.split_ascii_whitespace().map(str::to_owned).collect();
            }
            Arg::Long("idle-calls") => options.idle_calls = positive(&mut parser, CALLS_MAX as u64)? as usize,
            Arg::Long("seconds") => options.seconds = amount(&mut parser)?,
            Arg::Long("only") => {
                let list = parser.value()?.string()?;
                options.only = list.split(',').map(str::parse).collect::<Result<_>>()?;
            }
            Arg::Long("out") => options.out = Some(parser.value()?.into()),
            Arg::Long("relay-core") => options.relay_core = parser.value()?.parse()?,
            Arg::Long("generator-core") => options.generator_core = parser.value()?.parse()?,
            Arg::Long("json") => options.json = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Compare(options))
}

fn calls(text: &str) -> Result<usize> {
    let calls = text.parse()?;
    if !(1..=CALLS_MAX).contains(&calls) {
        bail!("{calls} is not between 1 and {CALLS_MAX}");
    }
    Ok(calls)
}

fn default_ng() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 2223))
}

fn address(parser: &mut Parser) -> Result<SocketAddr> {
    let text = parser.value()?.string()?;
    let mut found = text
        .to_socket_addrs()
        .with_context(|| format!("`{text}` is no HOST:PORT"))?;
    found.next().with_context(|| format!("`{text}` has no address"))
}

fn suite(parser: &mut Parser) -> Result<Suite> {
    let name = parser.value()?.string()?;
    crypto::suite(&name).with_context(|| format!("`{name}` is no suite of SRTP"))
}

fn positive(parser: &mut Parser, most: u64) -> Result<u64> {
    let number: u64 = parser.value()?.parse()?;
    if !(1..=most).contains(&number) {
        bail!("{number} is not between 1 and {most}");
    }
    Ok(number)
}

fn amount(parser: &mut Parser) -> Result<f64> {
    let number: f64 = parser.value()?.parse()?;
    if !number.is_finite() || number <= 0.0 {
        bail!("{number} is no positive number");
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(line: &str) -> Result<Command> {
        parse(Parser::from_args(line.split_ascii_whitespace()))
    }

    #[test]
    fn subcommands_and_options() {
        let Command::Demo(demo) = parse_words("demo --ng 127.0.0.1:1 --calls 3 --record").unwrap() else {
            panic!("not a demo")
        };
        assert_eq!((demo.ng.port(), demo.calls, demo.record), (1, 3, true));
        let Command::Rtp(rtp) = parse_words("rtp --rate 1e5 --ramp 200000").unwrap() else {
            panic!("not rtp")
        };
        assert_eq!((rtp.rate, rtp.mode), (Some(1e5), Mode::Ramp { to: 2e5 }));
        let Command::Compare(compare) = parse_words("compare --only idle,xdp").unwrap() else {
            panic!("not a comparison")
        };
        assert_eq!(compare.only, [Measurement::Idle, Measurement::Xdp]);
        assert!(matches!(parse_words("ng --help"), Ok(Command::Help)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "",
            "dmeo",
            "demo --cals 3",
            "demo --calls 0",
            "rtp --rate -1",
            "rtp --rate nan",
            "ng --ng x",
            "rtp --caller-srtp AES",
        ] {
            assert!(parse_words(line).is_err(), "{line}");
        }
    }
}
