//! Load on the media ports: calls set up over ng, test packets both ways, and what became of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::calls::{Call, Keys, Names, Terms};
use crate::cli::{self, Mode};
use crate::hist::Latency;
use crate::live::Live;
use crate::media::engine::Paced;
use crate::media::flows::{Flows, Route, Talk};
use crate::media::generator::{Generator, Silent, Trial, Watch, unwatched};
use crate::media::pcap::Capture;
use crate::media::search::{self, Range};
use crate::media::udp::{self, UdpIo};
use crate::media::xdp::XdpLoad;
use crate::ng::Client;
use crate::plot::{self, Curve, Point};
use crate::sdp;
use crate::sys::{cpu, signals};

/// Where a search looks.
pub(crate) const SEARCH: Range = Range {
    from: 60_000.0,
    to: 8_000_000.0,
    precision: 1.04,
};

/// Packets/s that any relay carries.
const WARM_UP_RATE_MAX: f64 = 20_000.0;

/// Runs `rtp`.
pub(crate) fn run(options: &cli::Rtp) -> Result<bool> {
    if let Some(core) = options.core {
        cpu::pin(0, core)?;
    }
    let mut ng = Client::connect(options.ng)?;
    ng.await_ping(Duration::from_secs(2))?;
    let talk = match &options.pcap {
        Some(path) => Talk::Replayed(Capture::open(path)?.into()),
        None => Talk::Made(options.payload),
    };
    let setup = Setup {
        calls: options.calls,
        local: local_address(&ng, options.local)?,
        sockets: options.sockets,
        device: options.device.clone(),
        terms: Terms {
            caller: options.caller_suite,
            callee: options.callee_suite,
            codec: codec(&talk),
            ..Terms::default()
        },
        talk,
    };
    let mut load = MediaLoad::new(ng, setup)?;
    let outcome = run_mode(options, &mut load);
    load.end()?;
    outcome
}

/// What the parties say in SDP that they talk. Of a replay nothing is known but its payload type.
fn codec(talk: &Talk) -> sdp::Codec {
    match talk {
        Talk::Made(payload) => sdp::Codec {
            payload_type: payload.payload_type,
            encoding: Some(payload.encoding),
            ptime_ms: payload.ptime_ms,
        },
        Talk::Replayed(capture) => sdp::Codec {
            payload_type: capture.payload_type(),
            // A dynamic payload type needs a name; relays that forward look at none.
            encoding: (capture.payload_type() >= 96).then_some("X-REPLAY/90000"),
            ptime_ms: 20,
        },
    }
}

fn run_mode(options: &cli::Rtp, load: &mut MediaLoad) -> Result<bool> {
    let rate = options.rate.unwrap_or(load.real_time());
    let seconds = options
        .seconds
        .unwrap_or(if options.mode == Mode::Steady { 5.0 } else { 1.0 });
    let duration = Duration::from_secs_f64(seconds);
    let rates = match options.mode {
        Mode::Steady => vec![rate],
        Mode::Ramp { to } => (0..=10)
            .map(|step| rate + (to - rate) * f64::from(step) / 10.0)
            .collect(),
        Mode::Search => return search(options, load, duration),
    };
    let (mut trials, mut curve) = (Vec::new(), Vec::new());
    let mut clean = true;
    let mut live = Live::new();
    for rate in rates {
        let trial = load.watched_trial(rate, duration, &mut |moment| live.look(moment))?;
        live.end();
        curve.push(Point::of(&trial, load.generator.latency()));
        clean &= trial.totals.lost() == 0 && trial.totals.is_clean();
        if !options.json {
            println!("{}", line(&trial, load.latency_line()));
        }
        let mut entry = trial.json();
        entry["latency"] = load.latency_json();
        trials.push(entry);
    }
    draw(options, curve)?;
    if options.json {
        let by = load.generator.name();
        println!(
            "{:#}",
            json!({ "calls": options.calls, "by": by, "trials": trials })
        );
    }
    Ok(clean)
}

fn search(options: &cli::Rtp, load: &mut MediaLoad, duration: Duration) -> Result<bool> {
    let mut curve = Vec::new();
    let found = load.search(SEARCH, duration, &mut |stage| {
        if let Stage::Ended(trial, latency) = stage {
            curve.push(Point::of(trial, latency));
            if !options.json {
                println!("{}", line(trial, String::new()));
            }
        }
        Ok(())
    })?;
    draw(options, curve)?;
    if options.json {
        println!(
            "{:#}",
            json!({ "calls": options.calls, "by": load.generator.name(), "search": found.json() })
        );
    } else {
        println!("{}", found.text());
    }
    Ok(found.rate > 0.0)
}

fn draw(options: &cli::Rtp, points: Vec<Point>) -> Result<()> {
    let Some(path) = &options.svg else { return Ok(()) };
    let curve = Curve {
        name: options.ng.to_string(),
        points,
    };
    let title = format!("{} calls", options.calls);
    std::fs::write(path, plot::svg(&title, &[curve]))
        .with_context(|| format!("can't write {}", path.display()))
}

fn line(trial: &Trial, latency: String) -> String {
    let totals = &trial.totals;
    let mut line = format!(
        "{:>9.0} packets/s: {} sent, {} received, loss {:.4} %",
        trial.sent_rate(),
        totals.sent,
        totals.received,
        totals.loss() * 100.0
    );
    for (count, what) in [
        (totals.duplicates, "duplicates"),
        (totals.reordered, "reordered"),
        (totals.corrupted, "corrupted"),
        (totals.misdelivered, "misdelivered"),
        (totals.foreign, "foreign"),
        (totals.dead_flows, "dead flows"),
        (totals.opened, "looked at by sample"),
        (
            totals.checksums.map_or(0, |sums| sums.wrong),
            "wrong UDP checksums",
        ),
    ] {
        if count > 0 {
            line += &format!(", {count} {what}");
        }
    }
    if !trial.generator_kept_up() {
        line += &format!(" (asked for {:.0}; the generator did not keep up)", trial.rate);
    }
    if !latency.is_empty() {
        line += "; ";
        line += &latency;
    }
    line
}

/// What a media load needs to know.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) calls: usize,
    pub(crate) local: Ipv4Addr,
    /// UDP sockets per side, unless there is a device.
    pub(crate) sockets: usize,
    /// Bypass the socket layer on this device; then each party has a port of its own.
    pub(crate) device: Option<String>,
    /// How the parties' media is protected.
    pub(crate) terms: Terms,
    pub(crate) talk: Talk,
}

/// Calls with flows, and the means to send on them.
pub(crate) struct MediaLoad {
    ng: Client,
    setup: Setup,
    calls: Vec<Call>,
    generator: Box<dyn Generator>,
    generation: u64,
}

/// A moment of a search.
pub(crate) enum Stage<'a> {
    /// A trial begins.
    Begins,
    /// A trial has ended.
    Ended(&'a Trial, &'a Latency),
}

/// Somebody who watches a search.
pub(crate) type Look<'a> = dyn FnMut(Stage<'_>) -> Result<()> + 'a;

/// What a search found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Highest rate that was carried for good, packets/s.
    pub(crate) rate: f64,
    /// Flows that stayed dead after an overload, the most in one step.
    pub(crate) dead_after_overload: u64,
    /// At the lowest rate that failed the generator, not the relay, was the limit.
    pub(crate) generator_bound: bool,
}

impl Found {
    pub(crate) fn json(&self) -> Value {
        json!({
            "packets_per_second": self.rate,
            "dead_flows_after_overload": self.dead_after_overload,
            "generator_bound": self.generator_bound,
        })
    }

    fn text(&self) -> String {
        let bound = if self.generator_bound {
            " (the generator's limit, not the relay's)"
        } else {
            ""
        };
        let dead = self.dead_after_overload;
        let rate = self.rate;
        format!(
            "highest rate with loss <= 0.1 %: {rate:.0} packets/s{bound}; {dead} flows dead after overload"
        )
    }
}

impl MediaLoad {
    /// Sets the calls up.
    pub(crate) fn new(mut ng: Client, setup: Setup) -> Result<Self> {
        let (calls, generator) = build(&mut ng, &setup, 0)?;
        Ok(Self {
            ng,
            setup,
            calls,
            generator,
            generation: 0,
        })
    }

    /// One trial at a rate.
    pub(crate) fn trial(&mut self, rate: f64, duration: Duration) -> Result<Trial> {
        self.watched_trial(rate, duration, &mut unwatched)
    }

    fn watched_trial(&mut self, rate: f64, duration: Duration, watch: &mut Watch<'_>) -> Result<Trial> {
        self.generator.trial(rate, duration, watch)
    }

    /// From now on also sends datagrams of nobody to random ports of the relay; none if the rate is 0.
    pub(crate) fn spray(&mut self, rate: f64, ports: (u16, u16)) -> Result<()> {
        self.generator.spray(rate, ports)
    }

    /// Packets/s of all flows in real time.
    pub(crate) fn real_time(&self) -> f64 {
        self.generator.flow_count() as f64 * self.setup.talk.per_second()
    }

    /// Enough packets for every flow to be heard and settled, and not so many that a relay has trouble with them.
    pub(crate) fn warm_up(&mut self, duration: Duration) -> Result<Trial> {
        self.trial(self.real_time().min(WARM_UP_RATE_MAX), duration)
    }

    pub(crate) fn latency_line(&self) -> String {
        self.generator.latency().line()
    }

    pub(crate) fn latency_json(&self) -> Value {
        self.generator.latency().json()
    }

    /// Looks for the highest rate that is carried for good. After a rate that was too much, flows that do not recover
    /// are counted, and the calls are made anew so that the next trial starts fair.
    pub(crate) fn search(&mut self, range: Range, duration: Duration, look: &mut Look<'_>) -> Result<Found> {
        let mut found = Found {
            rate: 0.0,
            dead_after_overload: 0,
            generator_bound: false,
        };
        self.warm_up(Duration::from_millis(300))?;
        let (mut sent_rate, mut lowest_failed) = (0.0, None::<f64>);
        let rate = search::highest(range, |rate| {
            look(Stage::Begins)?;
            let trial = self.trial(rate, duration)?;
            look(Stage::Ended(&trial, self.generator.latency()))?;
            let (carried, kept_up) = (trial.carried(), trial.generator_kept_up());
            if carried {
                sent_rate = trial.sent_rate();
            }
            let failed_at = lowest_failed.unwrap_or(f64::INFINITY);
            if !(carried && kept_up) && rate <= failed_at {
                let same = rate == failed_at && found.generator_bound;
                found.generator_bound = same || carried;
                lowest_failed = Some(rate);
            }
            if !carried {
                let dead = self.recover()?;
                found.dead_after_overload = found.dead_after_overload.max(dead);
            }
            Ok(carried && kept_up)
        })?;
        found.rate = if rate > 0.0 { sent_rate.min(rate) } else { 0.0 };
        Ok(found)
    }

    /// Flows that are dead at a low rate; if there are any, the calls are set up anew.
    fn recover(&mut self) -> Result<u64> {
        let dead = self.warm_up(Duration::from_millis(200))?.totals.dead_flows;
        if dead > 0 {
            self.delete_calls()?;
            self.generation += 1;
            // One program at a time can sit at a device.
            self.generator = Box::new(Silent::new());
            (self.calls, self.generator) = build(&mut self.ng, &self.setup, self.generation)?;
            self.warm_up(Duration::from_millis(300))?;
        }
        Ok(dead)
    }

    /// Latencies of the last trial.
    pub(crate) fn latency(&self) -> &Latency {
        self.generator.latency()
    }

    /// Deletes the calls, also after an interrupt.
    pub(crate) fn end(mut self) -> Result<()> {
        let interrupted = signals::interrupted();
        signals::forget();
        self.delete_calls()?;
        if interrupted { bail!("interrupted") } else { Ok(()) }
    }

    fn delete_calls(&mut self) -> Result<()> {
        let mut calls = self.calls.drain(..);
        calls.try_for_each(|call| call.tear_down(&mut self.ng).map(drop))
    }
}

type Built = (Vec<Call>, Box<dyn Generator>);

fn build(ng: &mut Client, setup: &Setup, generation: u64) -> Result<Built> {
    let per_side = if setup.device.is_some() {
        setup.calls
    } else {
        setup.sockets.min(setup.calls)
    };
    let bind = || {
        (0..per_side)
            .map(|_| udp::bind(setup.local))
            .collect::<Result<Vec<_>>>()
    };
    let (callers, callees) = (bind()?, bind()?);
    let addresses = |sockets: &[UdpSocket]| sockets.iter().map(udp::local).collect::<Result<Vec<_>>>();
    let (caller_addrs, callee_addrs) = (addresses(&callers)?, addresses(&callees)?);
    let prefix = format!("rtp{generation}");
    let mut calls = Vec::with_capacity(setup.calls);
    let mut routes = Vec::with_capacity(setup.calls * 2);
    for index in 0..setup.calls {
        signals::check()?;
        let (caller, callee) = (caller_addrs[index % per_side], callee_addrs[index % per_side]);
        let names = Names::new(&prefix, index as u64);
        let call = Call::set_up(ng, names, caller.into(), callee.into(), setup.terms)
            .with_context(|| format!("call {} of {}", index + 1, setup.calls))?;
        let (caller_to, callee_to) = (v4(call.caller_to)?, v4(call.callee_to)?);
        let sends = |keys: &Option<Keys>| keys.as_ref().map(|keys| keys.sends.clone());
        let receives = |keys: &Option<Keys>| keys.as_ref().map(|keys| keys.receives.clone());
        routes.push(Route {
            from: caller,
            to: caller_to,
            via: callee_to,
            sink: callee,
            seal: sends(&call.caller_keys),
            open: receives(&call.callee_keys),
        });
        routes.push(Route {
            from: callee,
            to: callee_to,
            via: caller_to,
            sink: caller,
            seal: sends(&call.callee_keys),
            open: receives(&call.caller_keys),
        });
        calls.push(call);
    }
    // Flows of one socket side by side leave in one system call.
    routes.sort_by_key(|route| route.from);
    let flows = Flows::new(&setup.talk, routes);
    let sockets = callers.into_iter().chain(callees).collect();
    let generator: Box<dyn Generator> = match &setup.device {
        Some(device) => Box::new(XdpLoad::new(device, &setup.talk, flows, sockets)?),
        None => {
            let io = UdpIo::new(sockets, &flows)?;
            Box::new(Paced::new(flows, io))
        }
    };
    Ok((calls, generator))
}

/// The parties' address: the one given, or the one by which we reach the control port.
pub(crate) fn local_address(ng: &Client, given: Option<Ipv4Addr>) -> Result<Ipv4Addr> {
    match (given, ng.local_addr()?.ip()) {
        (Some(ip), _) | (None, IpAddr::V4(ip)) => Ok(ip),
        (None, IpAddr::V6(_)) => bail!("media load speaks IPv4: say which address with --local"),
    }
}

fn v4(addr: SocketAddr) -> Result<SocketAddrV4> {
    match addr {
        SocketAddr::V4(addr) => Ok(addr),
        SocketAddr::V6(_) => bail!("the relay answered an IPv4 party with {addr}"),
    }
}
