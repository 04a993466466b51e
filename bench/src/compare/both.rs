//! What is measured of both relays in turn, once a round: control, highest rates, processor time and latency below them.

use anyhow::Result;

use super::lab::{Candidate, MEDIA_PORTS};
use super::measure::{self, Media};
use super::rows::{Figure, Kind};
use super::session::Session;
use super::{Run, SLOW_FROM, key, wanted};
use crate::cli::Measurement;
use crate::plot::{Curve, Point};
use crate::sys::signals;

/// A machine that is not overloaded.
const PARTIAL_SHARE: f64 = 0.3;
const HALF: f64 = 0.5;
/// Where the search of a path in the kernel begins, packets/s.
const FAST_FROM: f64 = 300_000.0;

/// What a session showed.
struct Seen {
    highest: Figure,
    /// At the rates that were asked for, after the search.
    points: Vec<Point>,
}

impl Run<'_> {
    pub(super) fn control(&mut self) -> Result<()> {
        let (idle_calls, seconds) = (self.options.idle_calls, self.options.seconds);
        for candidate in [self.peer(), self.ours("off")] {
            let ours = candidate.ours;
            if self.wants(&[Measurement::Idle]) {
                let row = (&wanted::memory(), None);
                let idle = self.measure(&candidate, MEDIA_PORTS, row, |relay| {
                    measure::idle(relay, idle_calls)
                })?;
                if let Some(idle) = idle {
                    self.rows.add(&wanted::memory(), None, ours, idle.rss_kb);
                    self.rows
                        .add(&wanted::memory_empty(), None, ours, idle.empty_rss_kb);
                    self.rows
                        .add(&wanted::descriptors(), None, ours, idle.descriptors);
                }
            }
            if self.wants(&[Measurement::Control]) {
                let row = (&wanted::control(), None);
                let cycles = self.measure(&candidate, MEDIA_PORTS, row, |relay| {
                    measure::cycles(relay, seconds)
                })?;
                if let Some((outcome, _, all_us)) = cycles {
                    self.rows
                        .add(&wanted::control(), None, ours, outcome.per_second());
                    self.rows
                        .add(&wanted::control_p99(), None, ours, outcome.answer_us(0.99));
                    self.rows.add(&wanted::control_cpu(), None, ours, all_us);
                }
            }
        }
        Ok(())
    }

    /// Searches for the highest rate, then tries the rates that `rates` makes of it.
    fn search(
        &mut self,
        candidate: &Candidate,
        (media, calls): (Media, usize),
        kind: &Kind,
        rates: impl FnOnce(f64) -> Vec<f64> + Send,
    ) -> Result<Option<Seen>> {
        let key = key(candidate, media, calls);
        let first = if candidate.more.last().is_some_and(|path| path.ends_with("native")) {
            FAST_FROM
        } else {
            SLOW_FROM
        };
        let known = self.known(candidate, media, calls);
        let from = known.map_or(first, |rate| rate * 0.8);
        let seconds = self.options.seconds;
        let seen = self.measure(candidate, MEDIA_PORTS, (kind, Some(calls)), |relay| {
            let mut session = Session::open(relay, calls, media)?;
            let highest = session.highest(from)?;
            let rates = rates(highest.value).into_iter().filter(|rate| *rate > 0.0);
            let points = rates
                .map(|rate| session.steady(rate, seconds))
                .collect::<Result<Vec<_>>>()?;
            Ok((
                Seen { highest, points },
                session.points,
                session.dead_after_overload,
            ))
        })?;
        let Some((seen, all, dead)) = seen else {
            return Ok(None);
        };
        self.highest.push((key.clone(), seen.highest.value));
        match self.curves.iter_mut().find(|(_, curve)| curve.name == key) {
            Some((_, curve)) => curve.points.extend(all),
            None => self.curves.push((
                media,
                Curve {
                    name: key,
                    points: all,
                },
            )),
        }
        let by_kernel = |option: &String| option.ends_with("native") || option.ends_with("afxdp");
        let part = if media == Media::Plain {
            Measurement::Plain
        } else {
            Measurement::Srtp
        };
        if self.wants(&[part]) && !candidate.more.iter().any(by_kernel) {
            let kind = wanted::dead_after_search(media);
            self.rows.add(&kind, Some(calls), candidate.ours, dead as f64);
        }
        Ok(Some(seen))
    }

    /// Plain RTP: highest rates, processor time, latency.
    pub(super) fn plain(&mut self, calls: usize) -> Result<()> {
        use Measurement::{Latency, Partial, Plain, Xdp};
        let (what, at) = ((Media::Plain, calls), Some(calls));
        let kind = wanted::over_sockets(Media::Plain, calls);
        let shares = |highest: f64| vec![highest * PARTIAL_SHARE, highest * HALF];
        let peer = self.search(&self.peer(), what, &kind, shares)?;
        if let Some(peer) = &peer {
            if self.wants(&[Plain]) {
                self.rows.add(&kind, at, false, peer.highest);
            }
            self.add_shares(calls, false, &peer.points);
        }
        let peers = peer.as_ref().map_or(0.0, |peer| peer.highest.value);
        if self.wants(&[Plain, Partial, Latency]) {
            let ours = self.search(&self.ours("off"), what, &kind, |_| shares(peers))?;
            if let Some(ours) = ours {
                if self.wants(&[Plain]) {
                    self.rows.add(&kind, at, true, ours.highest);
                }
                self.add_shares(calls, true, &ours.points);
            }
        }
        if self.wants(&[Xdp, Latency]) {
            self.plain_over_xdp(calls, peer.as_ref())?;
        }
        Ok(())
    }

    fn add_shares(&mut self, calls: usize, ours: bool, points: &[Point]) {
        let [partial, half] = points else { return };
        if self.wants(&[Measurement::Partial]) {
            self.rows.add(
                &wanted::partial(),
                Some(calls),
                ours,
                partial.cpu_ns.unwrap_or(0.0),
            );
        }
        if self.wants(&[Measurement::Latency]) {
            self.rows
                .add(&wanted::latency_sockets(), Some(calls), ours, half.p99_us);
        }
    }

    fn plain_over_xdp(&mut self, calls: usize, peer: Option<&Seen>) -> Result<()> {
        let (at, kind, latency) = (Some(calls), wanted::over_xdp(calls), wanted::latency_xdp());
        if let Some(peer) = peer {
            if let Some(ns) = peer.highest.ns {
                self.rows.add(&kind, at, false, ns);
            }
            if let [_, half] = &peer.points[..] {
                self.rows.add(&latency, at, false, half.p99_us);
            }
        }
        let ours = self.search(&self.ours("native"), (Media::Plain, calls), &kind, |highest| {
            vec![highest * HALF]
        })?;
        if let Some(ours) = ours {
            if let Some(ns) = ours.highest.ns {
                self.rows.add(&kind, at, true, ns);
            }
            let limit = if ours.highest.generator_bound {
                ", which is the generator's limit"
            } else {
                ""
            };
            let note = format!("ours carried {:.0} packets/s{limit}", ours.highest.value);
            self.rows.note(&kind, at, &note);
            if let Some(half) = ours.points.first() {
                self.rows.add(&latency, at, true, half.p99_us);
                let rate = half.rate;
                let alone = self
                    .lab
                    .with_reflector(|reflector| measure::latency_alone(reflector, calls, rate));
                let alone = match alone {
                    Ok(us) => format!("{us:.0} µs"),
                    Err(error) => {
                        signals::check()?;
                        format!("a latency that could not be measured: {error:#}")
                    }
                };
                let note =
                    format!("ours at {rate:.0} packets/s, where generator and cable alone have {alone}");
                self.rows.note(&latency, at, &note);
            }
        }
        Ok(())
    }

    /// SRTP over sockets and over rings.
    pub(super) fn srtp(&mut self, media: Media, calls: usize) -> Result<()> {
        let (sockets, rings) = (
            wanted::over_sockets(media, calls),
            wanted::over_rings(media, calls),
        );
        let at = Some(calls);
        let peer = self.search(&self.peer(), (media, calls), &sockets, |_| vec![])?;
        for (part, kind, path) in [
            (Measurement::Srtp, sockets, "off"),
            (Measurement::Afxdp, rings, "afxdp"),
        ] {
            if !self.wants(&[part]) {
                continue;
            }
            if let Some(peer) = &peer {
                self.rows.add(&kind, at, false, peer.highest);
            }
            if let Some(ours) = self.search(&self.ours(path), (media, calls), &kind, |_| vec![])? {
                self.rows.add(&kind, at, true, ours.highest);
            }
        }
        Ok(())
    }
}
