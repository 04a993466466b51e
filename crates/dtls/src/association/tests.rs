//! Associations against each other and against strangers. OpenSSL's clock is real, so nothing here waits.

use super::*;
use crate::{Digest, HashFunction, Identity, KeyKind, Request, Settings};

const NOW: Time = Time::from_micros(1_000_000);

fn config(key: KeyKind) -> Arc<Config> {
    let request = Request {
        key,
        digest: Digest::Sha256,
        name: "test".to_owned(),
    };
    let identity = Identity::generate(&request, 1_700_000_000).expect("a certificate");
    Arc::new(Config::new(Arc::new(identity), &Settings::default()).expect("a configuration"))
}

fn print_of(config: &Config) -> Fingerprint {
    let print = config.identity().fingerprint(HashFunction::Sha256);
    print.expect("OpenSSL has SHA-256")
}

fn path(port: u16) -> Path {
    Path {
        local: 1,
        remote: SocketAddr::from(([192, 0, 2, 1], port)),
    }
}

fn events(association: &mut Association) -> Vec<Event> {
    std::iter::from_fn(|| association.poll_event()).collect()
}

fn sent(association: &mut Association) -> Vec<Box<[u8]>> {
    std::iter::from_fn(|| association.poll_transmit())
        .map(|(_, bytes)| bytes)
        .collect()
}

/// A server and clients that talk to it; each client has a port of its own.
struct World {
    server: Association,
    server_config: Arc<Config>,
    gate: Gate,
}

impl World {
    fn new() -> Self {
        let server_config = config(KeyKind::P256);
        Self {
            server: Association::new(Arc::clone(&server_config), Role::Server),
            server_config,
            gate: Gate::new(NOW).expect("a secret"),
        }
    }

    fn client(&mut self, config: &Arc<Config>) -> Association {
        let mut client = Association::new(Arc::clone(config), Role::Client);
        client.expect(NOW, &[print_of(&self.server_config)]);
        client.set_target(NOW, path(1));
        client.handle_timeout(NOW, &mut self.gate);
        client
    }

    /// Carries packets until nobody has any; how many the server has sent.
    fn talk(&mut self, client: &mut Association, port: u16, trust: Trust) -> usize {
        let mut answers = 0;
        for _ in 0..20 {
            for packet in sent(client) {
                let _ = self
                    .server
                    .handle_packet(NOW, path(port), trust, &packet, &mut self.gate);
            }
            let back = sent(&mut self.server);
            if back.is_empty() {
                break;
            }
            answers += back.len();
            for packet in back {
                let _ = client.handle_packet(NOW, path(1), Trust::Unproven, &packet, &mut self.gate);
            }
        }
        answers
    }
}

fn keys_of(association: &mut Association) -> Keys {
    match events(association).as_slice() {
        [Event::Connected(keys)] => keys.clone(),
        other => panic!("not one connection: {other:?}"),
    }
}

#[test]
fn both_sides_have_the_same_keys() {
    for key in [KeyKind::P256, KeyKind::Rsa(2048)] {
        for trust in [Trust::Proven, Trust::Unproven] {
            let mut world = World::new();
            let theirs = config(key);
            world.server.expect(NOW, &[print_of(&theirs)]);
            let mut client = world.client(&theirs);
            assert_eq!(client.state(), State::Handshaking);
            world.talk(&mut client, 9, trust);
            let (ours, theirs) = (keys_of(&mut world.server), keys_of(&mut client));
            assert_eq!(
                (&ours.send, &ours.recv, ours.suite),
                (&theirs.recv, &theirs.send, Suite::AeadAes256Gcm)
            );
            assert_eq!(world.server.state(), State::Connected(Suite::AeadAes256Gcm));
        }
    }
}

#[test]
fn a_source_without_a_check_is_asked_for_a_cookie() {
    let theirs = config(KeyKind::P256);
    for (trust, expected) in [(Trust::Proven, false), (Trust::Unproven, true)] {
        let mut world = World::new();
        let mut client = world.client(&theirs);
        let hello = sent(&mut client).remove(0);
        let taken = world
            .server
            .handle_packet(NOW, path(9), trust, &hello, &mut world.gate);
        assert_eq!(taken, Ok(()));
        let answers = sent(&mut world.server);
        let size: usize = answers.iter().map(|a| a.len()).sum();
        assert_eq!(answers[0][13] == 3, expected, "a HelloVerifyRequest");
        assert_eq!(size <= hello.len(), expected);
        assert_eq!(world.server.attempts.is_empty(), expected);
    }
}

#[test]
fn keys_wait_for_the_fingerprint() {
    let mut world = World::new();
    let theirs = config(KeyKind::P256);
    let mut client = world.client(&theirs);
    world.talk(&mut client, 9, Trust::Proven);
    assert_eq!(world.server.state(), State::Unverified);
    assert_eq!(events(&mut world.server), []);
    world.server.expect(NOW, &[print_of(&theirs)]);
    assert_eq!(keys_of(&mut world.server).recv, keys_of(&mut client).send);
}

#[test]
fn another_certificate_yields_no_keys() {
    let (theirs, other) = (config(KeyKind::P256), config(KeyKind::P256));
    for known_before in [true, false] {
        let mut world = World::new();
        if known_before {
            world.server.expect(NOW, &[print_of(&other)]);
        }
        let mut client = world.client(&theirs);
        world.talk(&mut client, 9, Trust::Proven);
        world.server.expect(NOW, &[print_of(&other)]);
        assert_eq!(events(&mut world.server), [Event::Failed(Failure::Fingerprint)]);
        assert_eq!(world.server.state(), State::Failed(Failure::Fingerprint));
        if known_before {
            // The peer is told.
            assert!(matches!(
                events(&mut client)[..],
                [Event::Failed(Failure::Protocol(_))]
            ));
        }
    }
}

#[test]
fn a_wrong_server_is_refused_and_tried_again() {
    let mut world = World::new();
    let theirs = config(KeyKind::P256);
    world.server.expect(NOW, &[print_of(&theirs)]);
    let mut client = world.client(&theirs);
    client.expect(NOW, &[print_of(&theirs)]);
    // The handshake has begun with what was told before.
    let mut client = Association::new(Arc::clone(&theirs), client.role());
    client.expect(NOW, &[print_of(&theirs)]);
    client.set_target(NOW, path(1));
    client.handle_timeout(NOW, &mut world.gate);
    world.talk(&mut client, 9, Trust::Proven);
    assert_eq!(events(&mut client), [Event::Failed(Failure::Fingerprint)]);
    let again = client.poll_timeout().expect("another attempt");
    assert!(again > NOW);
    client.handle_timeout(again, &mut world.gate);
    assert_eq!(client.state(), State::Handshaking);
}

#[test]
fn strangers_do_not_disturb() {
    let theirs = config(KeyKind::P256);
    let stranger = config(KeyKind::P256);
    let mut world = World::new();
    world.server.expect(NOW, &[print_of(&theirs)]);
    // One that can forge the source's address comes first, others with addresses of their own follow.
    let mut forged = world.client(&stranger);
    let hello = sent(&mut forged).remove(0);
    let taken = world
        .server
        .handle_packet(NOW, path(9), Trust::Proven, &hello, &mut world.gate);
    assert_eq!(taken, Ok(()));
    sent(&mut world.server);
    let mut open = Vec::new();
    for port in 100..200 {
        let mut client = world.client(&stranger);
        for packet in sent(&mut client) {
            let _ = world
                .server
                .handle_packet(NOW, path(port), Trust::Unproven, &packet, &mut world.gate);
        }
        open.push(client);
    }
    assert_eq!(
        world.server.attempts.len(),
        1,
        "nobody without a cookie takes room"
    );
    sent(&mut world.server);
    let mut client = world.client(&theirs);
    world.talk(&mut client, 9, Trust::Proven);
    assert_eq!(keys_of(&mut world.server).recv, keys_of(&mut client).send);
    // Afterwards neither garbage nor alerts nor other certificates change anything.
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
    let _ = world
        .server
        .handle_packet(NOW, path(9), Trust::Proven, &alert, &mut world.gate);
    let mut late = world.client(&stranger);
    world.talk(&mut late, 9, Trust::Proven);
    assert_eq!(world.server.state(), State::Connected(Suite::AeadAes256Gcm));
    assert!(
        !events(&mut world.server)
            .iter()
            .any(|e| matches!(e, Event::Connected(_)))
    );
}

#[test]
fn a_peer_that_begins_anew_gets_new_keys() {
    let mut world = World::new();
    let theirs = config(KeyKind::P256);
    world.server.expect(NOW, &[print_of(&theirs)]);
    let mut first = world.client(&theirs);
    world.talk(&mut first, 9, Trust::Proven);
    let before = keys_of(&mut world.server);
    let mut second = world.client(&theirs);
    world.talk(&mut second, 9, Trust::Proven);
    let after = keys_of(&mut world.server);
    assert_ne!(before, after);
    assert_eq!(after.recv, keys_of(&mut second).send);
}

#[test]
fn handshakes_side_by_side_are_bounded() {
    let mut world = World::new();
    let stranger = config(KeyKind::P256);
    let mut clients: Vec<_> = (0..PARALLEL_MAX + 2).map(|_| world.client(&stranger)).collect();
    let mut refused = 0;
    for (n, client) in clients.iter_mut().enumerate() {
        let port = 100 + n as u16;
        let hello = sent(client).remove(0);
        let _ = world
            .server
            .handle_packet(NOW, path(port), Trust::Unproven, &hello, &mut world.gate);
        let request = sent(&mut world.server).remove(0);
        let _ = client.handle_packet(NOW, path(1), Trust::Unproven, &request, &mut world.gate);
        let hello = sent(client).remove(0);
        let taken = world
            .server
            .handle_packet(NOW, path(port), Trust::Unproven, &hello, &mut world.gate);
        refused += usize::from(taken == Err(Refused::Full));
        sent(&mut world.server);
    }
    assert_eq!((world.server.attempts.len(), refused), (PARALLEL_MAX, 2));
    // Those who have fallen silent give way.
    let mut late = world.client(&stranger);
    let later = NOW + STALE_AFTER;
    let hello = sent(&mut late).remove(0);
    let taken = world
        .server
        .handle_packet(later, path(7), Trust::Proven, &hello, &mut world.gate);
    assert_eq!(taken, Ok(()));
    assert_eq!(world.server.attempts.len(), PARALLEL_MAX);
}

#[test]
fn what_is_not_for_us_is_refused() {
    let mut world = World::new();
    let theirs = config(KeyKind::P256);
    let mut client = world.client(&theirs);
    let hello = sent(&mut client).remove(0);
    let record = [22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0];
    for (what, packet, role, expected) in [
        ("RTP", &[0x80; 20][..], Role::Server, Refused::Malformed),
        (
            "nothing to go on with",
            &record[..],
            Role::Server,
            Refused::Stranger,
        ),
        ("two clients", &hello[..], Role::Client, Refused::Role),
    ] {
        let mut side = Association::new(Arc::clone(&theirs), role);
        let taken = side.handle_packet(NOW, path(5), Trust::Proven, packet, &mut world.gate);
        assert_eq!(taken, Err(expected), "{what}");
        assert_eq!(sent(&mut side).len(), 0, "{what}");
    }
}

#[test]
fn the_session_is_forgotten_and_its_keys_stay() {
    let mut world = World::new();
    let theirs = config(KeyKind::P256);
    world.server.expect(NOW, &[print_of(&theirs)]);
    let mut client = world.client(&theirs);
    world.talk(&mut client, 9, Trust::Proven);
    let end = world.server.poll_timeout().expect("the end of the wait");
    assert!(end <= NOW + LINGER);
    world.server.handle_timeout(NOW + LINGER, &mut world.gate);
    assert!(world.server.attempts.is_empty());
    assert_eq!(world.server.poll_timeout(), None);
    assert_eq!(world.server.state(), State::Connected(Suite::AeadAes256Gcm));
}
