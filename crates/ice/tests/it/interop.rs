//! Against the ICE agent of the `is` crate, in every combination of roles and modes. Its random numbers are its own, so
//! unlike everything else here a run is not repeatable; time is virtual all the same.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ice::{Agent, Component, Credentials, Mode, Remote, Role, State, Time};
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{addr, config, local, remote};

const OURS: &str = "203.0.113.1:30000";
const THEIRS: &str = "198.51.100.7:40000";
const DELAY_US: u64 = 15_000;

struct Pair {
    ours: Agent,
    theirs: IceAgent,
    /// What the other agent's clock shows at our zero; it insists on a type that only a clock can make.
    epoch: Instant,
    now_us: u64,
    queue: BTreeMap<(u64, usize), (SocketAddr, SocketAddr, Vec<u8>)>,
    sequence: usize,
    rng: StdRng,
    loss: f64,
    /// Where the other agent sends media, as it says itself.
    their_route: Option<(SocketAddr, SocketAddr)>,
}

struct Case {
    ours: (Mode, Role),
    their_lite: bool,
    they_control: bool,
    loss: f64,
}

impl Pair {
    fn new(seed: u64, case: &Case) -> Self {
        let mut ours = Agent::new(config(seed, case.ours.0, case.ours.1));
        assert!(ours.add_local(local(Component::Rtp, 0, OURS)));
        let mut theirs = IceAgent::new(IceCreds::new());
        theirs.set_ice_lite(case.their_lite);
        theirs.set_controlling(case.they_control);
        theirs.add_local_candidate(Candidate::host(addr(THEIRS), "udp").expect("a candidate"));
        #[expect(
            clippy::disallowed_methods,
            reason = "the only source of an Instant; its value does not matter"
        )]
        let epoch = Instant::now();
        Self {
            ours,
            theirs,
            epoch,
            now_us: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            rng: StdRng::seed_from_u64(seed),
            loss: case.loss,
            their_route: None,
        }
    }

    fn signal(&mut self, case: &Case) {
        let theirs = self.theirs.local_credentials().clone();
        let credentials = Credentials::new(&theirs.ufrag, &theirs.pass).expect("credentials");
        let lite = case.their_lite;
        self.ours
            .set_remote(Time::from_micros(self.now_us), Remote { credentials, lite });
        self.ours.add_remote(
            remote(Component::Rtp, 2_130_706_431, addr(THEIRS)),
            Some(&theirs.ufrag),
        );
        self.ours.end_of_candidates();
        let credentials = self.ours.credentials();
        self.theirs.set_remote_credentials(IceCreds {
            ufrag: credentials.ufrag().to_owned(),
            pass: credentials.pwd().to_owned(),
        });
        self.theirs
            .add_remote_candidate(Candidate::host(addr(OURS), "udp").expect("a candidate"));
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if !self.rng.random_bool(self.loss) {
            self.sequence += 1;
            let key = (self.now_us + DELAY_US, self.sequence);
            self.queue.insert(key, (from, to, bytes.to_vec()));
        }
    }

    fn drain(&mut self) {
        while let Some(t) = self.ours.poll_transmit() {
            self.send(t.local, t.to, &t.bytes);
        }
        while let Some(t) = self.theirs.poll_transmit() {
            self.send(t.source, t.destination, &t.contents);
        }
        while let Some(event) = self.theirs.poll_event() {
            if let IceAgentEvent::NominatedSend {
                source, destination, ..
            } = event
            {
                self.their_route = Some((source, destination));
            }
        }
    }

    /// In steps of a millisecond.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            let now = Time::from_micros(self.now_us);
            let instant = self.epoch + Duration::from_micros(self.now_us);
            if self.ours.poll_timeout().is_some_and(|t| t <= now) {
                self.ours.handle_timeout(now);
            }
            self.theirs.handle_timeout(instant);
            self.drain();
            while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now_us) {
                let (from, to, bytes) = entry.remove();
                if to == addr(OURS) {
                    self.ours.handle_packet(now, to, from, &bytes);
                } else {
                    let message = StunMessage::parse(&bytes).expect("the other agent reads what we write");
                    let (proto, source, destination) = (Protocol::Udp, from, to);
                    self.theirs.handle_packet(
                        instant,
                        StunPacket {
                            proto,
                            source,
                            destination,
                            message,
                        },
                    );
                }
            }
            self.drain();
            self.now_us += 1000;
        }
    }

    fn is_connected(&self) -> bool {
        let route = self.ours.selected(Component::Rtp).map(|r| (r.local, r.remote));
        let theirs =
            self.theirs.state().is_connected() && self.their_route == Some((addr(THEIRS), addr(OURS)));
        self.ours.state() == State::Connected && route == Some((addr(OURS), addr(THEIRS))) && theirs
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for loss in [0.0, 0.1] {
        for role in [Role::Controlling, Role::Controlled] {
            for they_control in [false, true] {
                // Conflicts of roles included.
                cases.push(Case {
                    ours: (Mode::Full, role),
                    their_lite: false,
                    they_control,
                    loss,
                });
            }
        }
        cases.push(Case {
            ours: (Mode::Lite, Role::Controlled),
            their_lite: false,
            they_control: true,
            loss,
        });
        cases.push(Case {
            ours: (Mode::Full, Role::Controlling),
            their_lite: true,
            they_control: false,
            loss,
        });
    }
    cases
}

#[test]
fn connects_stays_and_restarts() {
    for (seed, case) in cases().iter().enumerate() {
        let name = format!(
            "we: {:?}, they: lite {} controlling {}, loss {}",
            case.ours, case.their_lite, case.they_control, case.loss
        );
        let mut pair = Pair::new(seed as u64, case);
        pair.signal(case);
        pair.run(if case.loss > 0.0 { 10_000 } else { 2000 });
        assert!(
            pair.is_connected(),
            "{name}: not connected, {:?} {:?}",
            pair.ours,
            pair.theirs.state()
        );
        // Past the end of any consent that is not kept.
        pair.run(45_000);
        assert!(
            pair.is_connected(),
            "{name}: not connected any more, {:?} {:?}",
            pair.ours,
            pair.theirs.state()
        );

        pair.ours.restart();
        pair.theirs.ice_restart(IceCreds::new(), true);
        pair.their_route = None;
        assert!(pair.ours.route(Component::Rtp).is_some());
        pair.signal(case);
        pair.run(10_000);
        assert!(
            pair.is_connected(),
            "{name}: not restarted, {:?} {:?}",
            pair.ours,
            pair.theirs.state()
        );
        let selected = std::iter::from_fn(|| pair.ours.poll_event());
        let selected = selected.filter(|e| matches!(e, ice::Event::Selected(..))).count();
        assert!(selected >= 2, "{name}: the restart selected nothing");
    }
}
