//! Whole lives of two agents: connecting, restarting, being translated anew.

use ice::{Agent, Component, Event, Liveness, Mode, Remote, RemoteCandidate, Role, State};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::net::{Nat, Net, Translating};
use crate::{addr, config, local, remote};

const SECOND: u64 = 1_000_000;

/// The relay and a phone.
const RELAY: usize = 0;
const PHONE: usize = 1;

struct Call {
    net: Net,
    rng: StdRng,
    components: Vec<Component>,
    /// The phone's candidates are names that we do not resolve.
    names_only: bool,
}

/// Something that a description or a fragment brings.
#[derive(Clone)]
enum News {
    Credentials(Remote),
    Candidate(RemoteCandidate, Option<String>),
    End,
}

impl Call {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let components = Component::ALL[..rng.random_range(1..=2)].to_vec();
        let (relay_mode, phone_mode) = match rng.random_range(0..8) {
            0 | 1 => (Mode::Lite, Mode::Full),
            2 => (Mode::Full, Mode::Lite),
            _ => (Mode::Full, Mode::Full),
        };
        let nat = match rng.random_range(0..4) {
            _ if phone_mode == Mode::Lite => Nat::None,
            0 => Nat::None,
            1 | 2 => Nat::Translating(Translating::new("198.51.100.7", false)),
            _ => Nat::Translating(Translating::new("198.51.100.7", true)),
        };
        let relay_role = [Role::Controlling, Role::Controlled][rng.random_range(0..2)];
        let conflict = rng.random_bool(0.25);
        let phone_role = match (relay_role, conflict) {
            (Role::Controlling, true) | (Role::Controlled, false) => Role::Controlling,
            _ => Role::Controlled,
        };
        let mut net = Net::new(seed);
        net.loss = [0.0, 0.01, 0.1, 0.2][rng.random_range(0..4)];
        net.duplicates = 0.05;
        net.delay_us = [1000..2000, 20_000..60_000, 5000..150_000][rng.random_range(0..3)].clone();
        let mut call = Self {
            net,
            names_only: phone_mode == Mode::Full && rng.random_bool(0.25),
            rng,
            components,
        };
        call.add_relay(seed, relay_mode, relay_role);
        call.add_phone(seed, phone_mode, phone_role, nat);
        call
    }

    fn add_relay(&mut self, seed: u64, mode: Mode, role: Role) {
        let mut agent = Agent::new(config(2 * seed, mode, role));
        let translated = self.rng.random_bool(0.5);
        let mut sockets = Vec::new();
        for component in &self.components {
            let port = 30_000 + u16::from(component.id());
            let mut v4 = local(*component, 0, &format!("203.0.113.1:{port}"));
            if translated {
                v4.bound = addr(&format!("172.16.0.1:{port}"));
            }
            let v6 = local(*component, 1, &format!("[2001:db8::1]:{port}"));
            for local in [v4, v6] {
                assert!(agent.add_local(local));
                sockets.push((*component, local.bound));
            }
        }
        let nat = if translated {
            Nat::OneToOne(addr("172.16.0.1:0").ip(), addr("203.0.113.1:0").ip())
        } else {
            Nat::None
        };
        self.net.add(agent, nat, sockets);
    }

    fn add_phone(&mut self, seed: u64, mode: Mode, role: Role, nat: Nat) {
        let mut agent = Agent::new(config(2 * seed + 1, mode, role));
        let private = matches!(nat, Nat::Translating(_));
        let mut sockets = Vec::new();
        for component in &self.components {
            let port = 40_000 + u16::from(component.id());
            let address = if private { "192.168.1.2" } else { "198.51.100.7" };
            let local = local(*component, 0, &format!("{address}:{port}"));
            assert!(agent.add_local(local));
            sockets.push((*component, local.bound));
        }
        self.net.add(agent, nat, sockets);
    }

    /// What a host would signal now, in an order that trickling allows.
    fn news(&mut self, host: usize) -> Vec<News> {
        let agent = &self.net.hosts[host].agent;
        let credentials = agent.credentials().clone();
        let lite = self.lite(host);
        let candidates = self.net.hosts[host].agent.local_candidates();
        let mut candidates: Vec<_> = candidates
            .map(|c| remote(c.component, c.priority, c.address))
            .collect();
        if host == PHONE && self.names_only {
            candidates.clear();
        } else if !lite {
            // Addresses where nobody is.
            for at in 0..self.rng.random_range(0..4) {
                let component = self.components[0];
                candidates.push(remote(
                    component,
                    1 << 20,
                    addr(&format!("198.51.100.{}:9", 100 + at)),
                ));
            }
        }
        candidates.shuffle(&mut self.rng);
        // A fragment may overtake its description, if it says whose it is.
        let overtakes = self.rng.random_bool(0.3);
        let ufrag = overtakes.then(|| credentials.ufrag().to_owned());
        let candidates = candidates.into_iter();
        let mut news: Vec<News> = candidates.map(|c| News::Candidate(c, ufrag.clone())).collect();
        let first = if overtakes {
            self.rng.random_range(0..=news.len())
        } else {
            0
        };
        news.insert(first, News::Credentials(Remote { credentials, lite }));
        news.push(News::End);
        news
    }

    fn lite(&self, host: usize) -> bool {
        self.net.hosts[host].agent.mode() == Mode::Lite
    }

    /// Tells `to` what there is, over a second or so.
    fn signal(&mut self, to: usize, news: Vec<News>) -> bool {
        let mut restarts = false;
        for item in news {
            let pause = if self.rng.random_bool(0.5) {
                0
            } else {
                self.rng.random_range(0..300_000)
            };
            self.net.run_until(self.net.now_us + pause);
            let now = self.net.now();
            let agent = &mut self.net.hosts[to].agent;
            match item {
                News::Credentials(remote) => restarts |= agent.set_remote(now, remote),
                News::Candidate(candidate, ufrag) => agent.add_remote(candidate, ufrag.as_deref()),
                News::End => agent.end_of_candidates(),
            }
        }
        restarts
    }

    fn connect(&mut self) {
        let (offerer, answerer) = if self.rng.random_bool(0.5) {
            (RELAY, PHONE)
        } else {
            (PHONE, RELAY)
        };
        let offer = self.news(offerer);
        self.signal(answerer, offer);
        let answer = self.news(answerer);
        self.signal(offerer, answer);
    }

    fn wait(&mut self, seconds: u64, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.net.now_us + seconds * SECOND;
        while self.net.now_us < end {
            if done(self) {
                return true;
            }
            self.net.run_until(self.net.now_us + 20_000);
        }
        done(self)
    }

    fn is_connected(&self) -> bool {
        self.net.hosts.iter().all(|h| h.agent.state() == State::Connected)
    }

    /// Whether media reaches the other side, as media that the other side believes to be the peer's.
    fn media_flows(&mut self) -> bool {
        let components = self.components.clone();
        [RELAY, PHONE].into_iter().all(|from| {
            components.iter().all(|c| {
                let Some(route) = self.net.hosts[from].agent.route(*c) else {
                    return false;
                };
                let Some((to, socket, seen)) = self.net.translate(from, route.local, route.remote) else {
                    return false;
                };
                let host = &self.net.hosts[to];
                to == 1 - from && host.sockets.contains(&(*c, socket)) && host.agent.is_proven(socket, seen)
            })
        })
    }

    fn explain(&self) -> String {
        let one = |at: usize| {
            let host = &self.net.hosts[at];
            format!(
                "{:?} {:?} {:?}\n{:?}",
                host.agent,
                host.agent.counters(),
                host.sockets,
                host.events
            )
        };
        format!(
            "t={}us\nrelay: {}\nphone: {}",
            self.net.now_us,
            one(RELAY),
            one(PHONE)
        )
    }

    /// Which components selected a pair at or after `since_us`.
    fn selected_since(&self, host: usize, since_us: u64) -> usize {
        let host = &self.net.hosts[host];
        let selected = |c: &&Component| {
            let mut events = host.events.iter().filter(|(t, _)| *t >= since_us);
            events.any(|(_, e)| matches!(e, Event::Selected(component, _) if component == *c))
        };
        self.components.iter().filter(selected).count()
    }

    fn restart(&mut self, seed: u64) {
        let began = self.net.now_us;
        let (first, second) = if self.rng.random_bool(0.5) {
            (RELAY, PHONE)
        } else {
            (PHONE, RELAY)
        };
        self.net.hosts[first].agent.restart();
        let offer = self.news(first);
        assert!(
            self.signal(second, offer),
            "seed {seed}: others' credentials are a restart"
        );
        let answer = self.news(second);
        self.signal(first, answer);
        let signalled = self.net.now_us;
        let restarted = |c: &mut Self| {
            assert!(
                c.media_flows(),
                "seed {seed}: a gap in a restart\n{}",
                c.explain()
            );
            let done = |host| c.selected_since(host, began) == c.components.len();
            done(RELAY) && done(PHONE)
        };
        assert!(
            self.wait(35, restarted),
            "seed {seed}: no restart since {signalled}\n{}",
            self.explain()
        );
        assert!(self.is_connected(), "seed {seed}\n{}", self.explain());
    }
}

#[test]
fn any_network_is_crossed() {
    let mut slowest = (0, 0);
    for seed in 0..400 {
        let mut call = Call::new(seed);
        call.connect();
        let began = call.net.now_us;
        assert!(
            call.wait(35, |c| c.is_connected()),
            "seed {seed}: not connected\n{}",
            call.explain()
        );
        slowest = slowest.max((call.net.now_us - began, seed));
        let flows = call.wait(2, Call::media_flows);
        assert!(flows, "seed {seed}: connected without media\n{}", call.explain());
    }
    println!("slowest: {} ms, seed {}", slowest.0 / 1000, slowest.1);
}

/// On a good network both sides are ready within half a second of the last signal.
#[test]
fn a_good_network_is_crossed_at_once() {
    for seed in 0..100 {
        let mut call = Call::new(seed);
        (call.net.loss, call.net.delay_us) = (0.0, 1000..20_000);
        call.connect();
        let began = call.net.now_us;
        assert!(
            call.wait(10, |c| c.is_connected()),
            "seed {seed}\n{}",
            call.explain()
        );
        let took_ms = (call.net.now_us - began) / 1000;
        assert!(took_ms <= 500, "seed {seed}: {took_ms} ms\n{}", call.explain());
    }
}

#[test]
fn a_restart_has_no_gap() {
    for seed in 0..200 {
        let mut call = Call::new(seed);
        call.connect();
        assert!(
            call.wait(35, |c| c.is_connected() && c.media_flows()),
            "seed {seed}\n{}",
            call.explain()
        );
        for _ in 0..2 {
            let settled = call.net.now_us + 5 * SECOND;
            call.net.run_until(settled);
            call.restart(seed);
        }
    }
}

/// A phone whose NAT gives it other ports in mid-call is found again.
#[test]
fn a_rebinding_is_survived() {
    let (mut rebound, mut slowest) = (0, (0, 0));
    for seed in 0..200 {
        let mut call = Call::new(seed);
        call.connect();
        assert!(
            call.wait(35, |c| c.is_connected() && c.media_flows()),
            "seed {seed}\n{}",
            call.explain()
        );
        call.net.run_until(call.net.now_us + 20 * SECOND);
        // With more, consent itself, of six packets in half a minute, may end.
        call.net.loss = call.net.loss.min(0.05);
        if !call.net.hosts[PHONE].nat.rebind() {
            continue;
        }
        rebound += 1;
        let began = call.net.now_us;
        assert!(
            call.wait(45, Call::media_flows),
            "seed {seed}: lost\n{}",
            call.explain()
        );
        slowest = slowest.max((call.net.now_us - began, seed));
    }
    assert!(rebound > 50, "{rebound} seeds had a NAT");
    println!(
        "{rebound} rebound, slowest: {} ms, seed {}",
        slowest.0 / 1000,
        slowest.1
    );
}

/// Once connected, an idle hour stays connected, at the price of a consent check in five seconds and its answer.
#[test]
fn an_hour_passes() {
    for (seed, liveness) in [(1, Liveness::Consent), (2, Liveness::Keepalive)] {
        let mut call = Call::new(seed);
        call.net.loss = 0.05;
        for (at, host) in call.net.hosts.iter_mut().enumerate() {
            let mut config = config(
                900 + 2 * seed + at as u64,
                Mode::Full,
                [Role::Controlling, Role::Controlled][at],
            );
            config.liveness = liveness;
            let locals: Vec<_> = host.agent.local_candidates().collect();
            host.agent = Agent::new(config);
            for (candidate, (_, bound)) in locals.iter().zip(&host.sockets) {
                let mut l = local(candidate.component, 0, "203.0.113.9:1");
                (l.bound, l.advertised, l.foundation) = (*bound, candidate.address, candidate.foundation);
                l.index = u16::try_from(65535 - ((candidate.priority >> 8) & 0xffff)).expect("an index");
                host.agent.add_local(l);
            }
        }
        call.connect();
        assert!(
            call.wait(35, |c| c.is_connected()),
            "seed {seed}\n{}",
            call.explain()
        );
        let before = call.net.hosts[RELAY].sent.len();
        call.net.run_until(call.net.now_us + 3600 * SECOND);
        assert!(
            call.is_connected() && call.media_flows(),
            "seed {seed}\n{}",
            call.explain()
        );
        let (sent, components) = (call.net.hosts[RELAY].sent.len() - before, call.components.len());
        let expect = match liveness {
            Liveness::Consent => 1200..1600,
            Liveness::Keepalive => 200..260,
        };
        assert!(
            expect.contains(&(sent / components)),
            "{liveness:?}: {sent} packets, {components} components"
        );
    }
}
