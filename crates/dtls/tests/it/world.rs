//! Two associations and a network between them, in whatever time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dtls::{
    Association, AssociationEvent, Config, Digest, Fingerprint, Gate, HashFunction, Identity, KeyKind, Keys,
    Path, Request, Role, Settings, Time, Trust,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A certificate of its own, and the settings.
pub(crate) fn config(key: KeyKind, settings: &Settings) -> Arc<Config> {
    let request = Request {
        key,
        digest: Digest::Sha256,
        name: "test".to_owned(),
    };
    let identity = Identity::generate(&request, 1_700_000_000).expect("a certificate");
    Arc::new(Config::new(Arc::new(identity), settings).expect("a configuration"))
}

pub(crate) fn fingerprint(config: &Config) -> Fingerprint {
    let made = config.identity().fingerprint(HashFunction::Sha256);
    made.expect("OpenSSL has SHA-256")
}

/// What the network does to each packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Of a hundred packets so many are lost.
    pub(crate) loss_percent: u32,
    /// Of a hundred packets so many arrive twice.
    pub(crate) doubled_percent: u32,
    /// Time on the way, from and to, drawn for each packet: some overtake others.
    pub(crate) delay_ms: (u64, u64),
}

pub(crate) const FINE: Weather = Weather {
    loss_percent: 0,
    doubled_percent: 0,
    delay_ms: (10, 10),
};

/// A client, a server, and packets on their way.
pub(crate) struct World {
    pub(crate) sides: [Association; 2],
    gate: Gate,
    weather: Weather,
    trust: Trust,
    rng: StdRng,
    /// When, to whom, what.
    under_way: Vec<(Time, usize, Box<[u8]>)>,
    pub(crate) keys: [Option<Keys>; 2],
    pub(crate) failures: Vec<AssociationEvent>,
    pub(crate) packets: usize,
}

const ADDRESSES: [([u8; 4], u16); 2] = [([192, 0, 2, 1], 1000), ([192, 0, 2, 2], 2000)];

impl World {
    /// The client's configuration comes first. Both know the other's fingerprint.
    pub(crate) fn new(
        configs: [&Arc<Config>; 2],
        trust: Trust,
        weather: Weather,
        seed: u64,
        now: Time,
    ) -> Self {
        let [client, server] = configs;
        let mut sides = [(client, Role::Client), (server, Role::Server)]
            .map(|(config, role)| Association::new(Arc::clone(config), role));
        sides[0].expect(now, &[fingerprint(server)]);
        sides[1].expect(now, &[fingerprint(client)]);
        Self {
            sides,
            gate: Gate::new(now).expect("a secret"),
            weather,
            trust,
            rng: StdRng::seed_from_u64(seed),
            under_way: Vec::new(),
            keys: [None, None],
            failures: Vec::new(),
            packets: 0,
        }
    }

    pub(crate) fn start(&mut self, now: Time) {
        self.sides[0].set_target(now, path(1));
        self.turn(now);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.keys.iter().all(Option::is_some)
    }

    /// Both have keys, and the same.
    pub(crate) fn assert_same_keys(&self, seed: u64) {
        let [Some(client), Some(server)] = &self.keys else {
            panic!(
                "seed {seed}: no keys after {} packets: {:?}",
                self.packets, self.failures
            );
        };
        assert_eq!(
            (&client.send, &client.recv),
            (&server.recv, &server.send),
            "seed {seed}"
        );
    }

    /// Everything that is due.
    pub(crate) fn turn(&mut self, now: Time) {
        let due: Vec<_> = self.under_way.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, to, bytes) in due {
            let from = path(1 - to);
            let _ = self.sides[to].handle_packet(now, from, self.trust, &bytes, &mut self.gate);
        }
        for side in 0..2 {
            if self.sides[side].poll_timeout().is_some_and(|t| t <= now) {
                self.sides[side].handle_timeout(now, &mut self.gate);
            }
            while let Some((_, bytes)) = self.sides[side].poll_transmit() {
                self.carry(now, 1 - side, bytes);
            }
            while let Some(event) = self.sides[side].poll_event() {
                match event {
                    AssociationEvent::Connected(keys) => self.keys[side] = Some(keys),
                    other => self.failures.push(other),
                }
            }
        }
    }

    fn carry(&mut self, now: Time, to: usize, bytes: Box<[u8]>) {
        self.packets += 1;
        assert!(bytes.len() <= 1200, "longer than the MTU");
        let copies = 1 + usize::from(self.rng.random_ratio(self.weather.doubled_percent, 100));
        for _ in 0..copies {
            if !self.rng.random_ratio(self.weather.loss_percent, 100) {
                let (least, most) = self.weather.delay_ms;
                let delay = Duration::from_millis(self.rng.random_range(least..=most));
                self.under_way.push((now + delay, to, bytes.clone()));
            }
        }
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Time> {
        let arrivals = self.under_way.iter().map(|(at, ..)| *at);
        let timers = self.sides.iter().filter_map(Association::poll_timeout);
        arrivals.chain(timers).min()
    }
}

/// The way to a side.
fn path(to: usize) -> Path {
    Path {
        local: 1,
        remote: SocketAddr::from(ADDRESSES[to]),
    }
}
