//! What must hold whatever datagrams reach an association, while a real client shakes hands with it: nothing panics,
//! keys come only of the client whose certificate was told and are the client's, and a source that has proven nothing
//! is never sent more than it has sent.
//!
//! A program of bytes: the first says whether we know the client's fingerprint from the beginning and whether ICE has
//! validated its source. Then steps: what happens, how many bytes belong to it, and these bytes.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dtls::limits::RETRANSMIT_FIRST;
use dtls::{
    Association, AssociationEvent, Config, Digest, Endpoint, Event, Gate, HashFunction, Identity, KeyKind,
    Keys, Path, Request, Role, Settings, State, Time, Trust,
};

/// Strangers, each with an address of its own.
const STRANGERS: usize = 3;
const STEP: Duration = Duration::from_millis(50);
/// Long enough for a handshake that hangs to give way to another.
const LAST_STEPS: usize = 80;

/// Certificates take long to make, compared with all else: one for each side.
static CONFIGS: LazyLock<[Arc<Config>; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let request = Request {
            key: KeyKind::P256,
            digest: Digest::Sha256,
            name: "test".into(),
        };
        let identity = Identity::generate(&request, 1_000_000_000).expect("a certificate");
        let config = Config::new(Arc::new(identity), &Settings::default());
        Arc::new(config.expect("usable settings"))
    })
});

struct World {
    now: Time,
    gate: Gate,
    server: Association,
    client: Endpoint,
    client_trust: Trust,
    to_client: Vec<Box<[u8]>>,
    to_server: Vec<Box<[u8]>>,
    client_keys: Option<Keys>,
    server_keys: Option<Keys>,
    /// Bytes of each stranger, less those that it was sent.
    credit: [i64; STRANGERS],
}

/// Any bytes as what happens.
pub(crate) fn association(bytes: &[u8]) {
    let Some((&flags, mut rest)) = bytes.split_first() else {
        return;
    };
    let begun = clock();
    let mut world = World::new(flags);
    let mut meddled = false;
    while let [what, len, more @ ..] = rest {
        let (payload, more) = more.split_at(more.len().min((*len).into()));
        rest = more;
        match what % 8 {
            0..3 => world.stranger(usize::from(what % 8), payload),
            3 => {
                // Somebody who writes the client's address.
                meddled = true;
                world.client_sends(payload);
            }
            4 => world.pass(),
            5 => {
                meddled = true;
                world.damage(payload);
            }
            6 => world.wait(STEP * u32::from(*len)),
            _ => world.tell(),
        }
        world.check();
    }
    world.tell();
    for _ in 0..LAST_STEPS {
        world.pass();
        world.wait(STEP);
        world.check();
    }
    // Strangers alone neither end nor delay nor replace the client's handshake. OpenSSL sends again by the machine's
    // clock, which knows nothing of the steps here: where it may have done so, nothing is said about the end.
    if !meddled && begun.elapsed() < RETRANSMIT_FIRST {
        assert!(world.server_keys.is_some(), "{:?}", world.server.state());
        assert!(world.client_keys.is_some());
        assert!(matches!(world.server.state(), State::Connected(_)));
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "only to know whether OpenSSL's own clock has run"
)]
fn clock() -> Instant {
    Instant::now()
}

fn path(of: usize) -> Path {
    Path {
        local: 0,
        remote: SocketAddr::from(([192, 0, 2, of as u8 + 1], 4000)),
    }
}

impl World {
    fn new(flags: u8) -> Self {
        let [ours, theirs] = &*CONFIGS;
        let now = Time::default();
        let mut world = Self {
            now,
            gate: Gate::new(now).expect("randomness"),
            server: Association::new(Arc::clone(ours), Role::Server),
            client: Endpoint::new(theirs, Role::Client, now),
            client_trust: if flags & 2 == 0 {
                Trust::Unproven
            } else {
                Trust::Proven
            },
            to_client: Vec::new(),
            to_server: Vec::new(),
            client_keys: None,
            server_keys: None,
            credit: [0; STRANGERS],
        };
        if flags & 1 == 0 {
            world.tell();
        }
        world.drain();
        world
    }

    /// Signalling says the client's fingerprint.
    fn tell(&mut self) {
        let fingerprint = CONFIGS[1].identity().fingerprint(HashFunction::Sha256);
        self.server.expect(self.now, &[fingerprint.expect("SHA-256")]);
        self.drain();
    }

    fn stranger(&mut self, number: usize, payload: &[u8]) {
        self.credit[number] += payload.len() as i64;
        let path = path(number + 1);
        let _ = self
            .server
            .handle_packet(self.now, path, Trust::Unproven, payload, &mut self.gate);
        self.drain();
    }

    fn client_sends(&mut self, payload: &[u8]) {
        let (now, trust) = (self.now, self.client_trust);
        let _ = self
            .server
            .handle_packet(now, path(0), trust, payload, &mut self.gate);
        self.drain();
    }

    /// What is under way arrives.
    fn pass(&mut self) {
        for packet in std::mem::take(&mut self.to_server) {
            self.client_sends(&packet);
        }
        for packet in std::mem::take(&mut self.to_client) {
            self.client.handle_packet(self.now, &packet);
        }
        self.drain();
    }

    /// The client's next packet arrives with other bytes: each pair is a place and what is changed there.
    fn damage(&mut self, changes: &[u8]) {
        if self.to_server.is_empty() {
            return;
        }
        let mut packet = self.to_server.remove(0);
        for change in changes.chunks_exact(2) {
            let at = usize::from(change[0]) % packet.len().max(1);
            packet.iter_mut().skip(at).take(1).for_each(|b| *b ^= change[1]);
        }
        self.client_sends(&packet);
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.server.handle_timeout(self.now, &mut self.gate);
        self.client.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some((to, packet)) = self.server.poll_transmit() {
            match (1..=STRANGERS).find(|n| path(*n) == to) {
                Some(number) => self.credit[number - 1] -= packet.len() as i64,
                None => self.to_client.push(packet),
            }
        }
        while let Some(event) = self.server.poll_event() {
            if let AssociationEvent::Connected(keys) = event {
                self.server_keys = Some(keys);
            }
        }
        while let Some(packet) = self.client.poll_transmit() {
            self.to_server.push(packet);
        }
        while let Some(event) = self.client.poll_event() {
            if let Event::Connected { keys, .. } = event {
                self.client_keys = Some(keys);
            }
        }
    }

    fn check(&self) {
        assert!(
            self.credit.iter().all(|credit| *credit >= 0),
            "a stranger was sent more than it has sent: {:?}",
            self.credit
        );
        if let (Some(ours), Some(theirs)) = (&self.server_keys, &self.client_keys) {
            assert_eq!((&ours.recv, &ours.send), (&theirs.send, &theirs.recv));
        }
    }
}
