//! Measurements without media, each against one freshly started relay; and how fast the generator is itself.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use anyhow::{Result, bail};
use srtp::Suite;

use super::lab::UnderTest;
use super::session::PARTS;
use crate::calls::{Call, Names, Terms};
use crate::crypto::Crypto;
use crate::media::flows::{Flows, Route, Talk};
use crate::media::generator::{Generator as _, Trial, unwatched};
use crate::media::payload::Payload;
use crate::media::search::{self, Range};
use crate::media::udp;
use crate::media::xdp::XdpLoad;
use crate::ng::Client;
use crate::ng_load::{self, Outcome, Until, Wait};
use crate::report::median;
use crate::rtp_load::SEARCH;
use crate::sys::process::Usage;

/// Cycles at once: as many as a busy SIP proxy has.
const IN_FLIGHT: usize = 16;
/// Calls that stand before the first look, so that what is allocated once is not counted per call.
const WARM_CALLS: usize = 50;
const START_PATIENCE: Duration = Duration::from_secs(5);
/// Length of one trial of a search.
const TRIAL: Duration = Duration::from_millis(400);

/// How the two parties of a call speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// RTP on both sides.
    Plain,
    /// SRTP on one side: one direction is decrypted, the other encrypted.
    Bridged,
    /// SRTP on both sides with suites that differ in their tags: both directions are decrypted and encrypted.
    Reencrypted,
}

impl Media {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain RTP",
            Self::Bridged => "SRTP <-> RTP",
            Self::Reencrypted => "SRTP <-> SRTP",
        }
    }

    pub(crate) fn terms(self) -> Terms {
        let (caller, callee) = match self {
            Self::Plain => (None, None),
            Self::Bridged => (Some(Suite::AesCm128HmacSha1_80), None),
            Self::Reencrypted => (Some(Suite::AesCm128HmacSha1_80), Some(Suite::AesCm128HmacSha1_32)),
        };
        Terms {
            caller,
            callee,
            ..Terms::default()
        }
    }
}

/// What idle calls cost.
pub(crate) struct Idle {
    pub(crate) rss_kb: f64,
    pub(crate) descriptors: f64,
    pub(crate) empty_rss_kb: f64,
}

/// The highest rate of the generator itself, with the flows of that many calls; and the latency of cable and generator
/// alone at half of it, p99 in µs.
pub(crate) fn ceiling(reflector: &UnderTest, calls: usize, media: Media) -> Result<(f64, f64)> {
    let mut load = reflected(reflector, calls, media)?;
    let range = Range {
        from: 300_000.0,
        ..SEARCH
    };
    let limit = search::highest(range, |rate| {
        let trial = load.trial(rate, TRIAL, &mut unwatched)?;
        eprintln!("    {}", summary(&trial));
        Ok(trial.carried() && trial.generator_kept_up())
    })?;
    let p99_us = if limit > 0.0 {
        latency_at(&mut load, limit / 2.0)?
    } else {
        0.0
    };
    Ok((limit, p99_us))
}

/// The latency of cable and generator alone at a rate, p99 in µs.
pub(crate) fn latency_alone(reflector: &UnderTest, calls: usize, rate: f64) -> Result<f64> {
    latency_at(&mut reflected(reflector, calls, Media::Plain)?, rate)
}

/// The middle of some trials, as [`super::session::Session::steady`] has it.
fn latency_at(load: &mut XdpLoad, rate: f64) -> Result<f64> {
    let parts = (0..PARTS).map(|_| {
        load.trial(rate, TRIAL, &mut unwatched)?;
        Ok(load.latency().us(0.99))
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    Ok(median(&parts).unwrap_or(0.0))
}

/// Flows of that many calls, against a reflector.
fn reflected(reflector: &UnderTest, calls: usize, media: Media) -> Result<XdpLoad> {
    let ports: Vec<_> = (0..calls * 2)
        .map(|_| udp::bind(reflector.local))
        .collect::<Result<_>>()?;
    let (IpAddr::V4(relay), local) = (reflector.ng.ip(), reflector.local) else {
        bail!("IPv4 only")
    };
    // The reflector swaps addresses and leaves ports: what goes from port p to q comes back from p to q. It leaves
    // packets as they are: with SRTP on one side half of the flows are protected both ways, and half not at all.
    let suites = [media.terms().caller, media.terms().callee];
    let routes = ports
        .iter()
        .zip(20_000..)
        .enumerate()
        .map(|(number, (socket, q))| {
            let crypto = suites[number % 2].map(|suite| Crypto::new(1, suite, number as u64));
            let params = crypto.and_then(|crypto| crypto.params());
            let from = udp::local(socket)?;
            let at = |ip, port| SocketAddrV4::new(ip, port);
            Ok(Route {
                from,
                to: at(relay, q),
                via: at(relay, from.port()),
                sink: at(local, q),
                seal: params.clone(),
                open: params,
            })
        });
    let talk = Talk::Made(Payload::default());
    let flows = Flows::new(&talk, routes.collect::<Result<Vec<_>>>()?);
    XdpLoad::new(&reflector.device, &talk, flows, ports)
}

/// Descriptors per call that stands, of calls with such terms.
pub(crate) fn descriptors(relay: &UnderTest, terms: Terms) -> Result<usize> {
    let mut ng = connect(relay)?;
    let before = Usage::of(relay.pid)?.descriptors;
    for index in 0..WARM_CALLS {
        let names = Names::new("count", index as u64);
        let port = |port: u16| SocketAddr::from((relay.local, port));
        Call::set_up(&mut ng, names, port(30_000), port(40_000), terms)?;
    }
    let grown = Usage::of(relay.pid)?.descriptors.saturating_sub(before);
    Ok((grown as usize).div_ceil(WARM_CALLS))
}

/// Memory and descriptors per call that stands and does nothing.
pub(crate) fn idle(relay: &UnderTest, calls: usize) -> Result<Idle> {
    let mut ng = connect(relay)?;
    let empty = Usage::of(relay.pid)?;
    ng_load::idle_calls(&mut ng, "warm", WARM_CALLS)?;
    let before = Usage::of(relay.pid)?;
    ng_load::idle_calls(&mut ng, "idle", calls)?;
    let after = Usage::of(relay.pid)?;
    let per_call = |after: u64, before: u64| (after as f64 - before as f64) / calls as f64;
    Ok(Idle {
        rss_kb: per_call(after.rss_kb, before.rss_kb),
        descriptors: per_call(after.descriptors, before.descriptors),
        empty_rss_kb: empty.rss_kb as f64,
    })
}

/// Offer, answer, delete as fast as it goes; also the processor time of a cycle, µs: process, and with the kernel's.
pub(crate) fn cycles(relay: &UnderTest, seconds: f64) -> Result<(Outcome, f64, f64)> {
    connect(relay)?;
    let load = |until| ng_load::cycles(relay.ng, IN_FLIGHT, until, Wait::Awake);
    let warm = load(Until::Cycles(200))?;
    let before = relay.cpu_ns()?;
    let outcome = load(Until::Elapsed(Duration::from_secs_f64(seconds)))?;
    let after = relay.cpu_ns()?;
    if warm.errors + outcome.errors > 0 {
        bail!(
            "{} of the cycles failed: {}",
            warm.errors + outcome.errors,
            outcome.json()
        );
    }
    let per_cycle = |ns: u64| ns as f64 / 1_000.0 / outcome.cycles.max(1) as f64;
    let process = per_cycle(after.0 - before.0);
    let all = process + per_cycle(after.1 - before.1);
    Ok((outcome, process, all))
}

fn summary(trial: &Trial) -> String {
    let kept = if trial.generator_kept_up() {
        ""
    } else {
        " (generator behind)"
    };
    format!(
        "{:>9.0} packets/s: refused {}, loss {:.3} %{kept}",
        trial.sent_rate(),
        trial.refused,
        trial.totals.loss() * 100.0
    )
}

/// An ng client, once the relay answers.
pub(crate) fn connect(relay: &UnderTest) -> Result<Client> {
    let mut ng = Client::connect(relay.ng)?;
    ng.await_ping(START_PATIENCE)?;
    Ok(ng)
}
